"""Attachments: notes, uploads, downloads and where they hang (protocol.md 11, entities.md 7)."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox import multipart
from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox, running_sandbox

Json = dict[str, Any]
Make = Callable[..., Json]
PNG = b"\x89PNG\r\n\x1a\n--sep-not-really\r\n"


def part(name: str, content: bytes, *headers: str, filename: str = "") -> bytes:
    shown = f'; filename="{filename}"' if filename else ""
    lines = [f'Content-Disposition: form-data; name="{name}"{shown}', *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def body_of(*parts: bytes, boundary: str = "sep", newline: bytes = b"\r\n") -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + newline + piece + newline for piece in parts) + mark + b"--" + newline


def metadata(suffix: str, **members: Any) -> bytes:
    return part(f"file_metadata_{suffix}", json.dumps(members).encode(), "Content-Type: application/json")


def png(suffix: str, name: str = "receipt.png", content: bytes = PNG) -> bytes:
    return part(f"file_content_{suffix}", content, "Content-Type: image/png", filename=name)


def post(person: Accountant, sandbox: RunningSandbox, body: bytes, **more: str) -> tuple[int, Json]:
    headers = {
        "Authorization": f"Bearer {person.tokens['access_token']}",
        "Accept": "application/json",
        "Content-Type": "multipart/form-data; boundary=sep",
    }
    query = f"?requestid={more['requestid']}" if "requestid" in more else ""
    status, _, answer = sandbox.send("POST", f"/v3/company/{person.realm}/upload{query}", body, headers)
    return status, json.loads(answer)


def upload(person: Accountant, sandbox: RunningSandbox, *parts: bytes, **more: str) -> list[Json]:
    status, answer = post(person, sandbox, body_of(*parts), **more)
    assert status == 200, answer
    assert answer["time"]
    found: list[Json] = answer["AttachableResponse"]
    return found


def owner(invoice: Json) -> list[Json]:
    return [{"EntityRef": {"type": "Invoice", "value": invoice["Id"]}}]


def fault(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    assert caught.value.status == 400
    return caught.value.code


@pytest.mark.checklist(64)
def test_files_come_back_as_they_were_sent_whatever_the_suffix(
    sandbox: RunningSandbox, person: Accountant, invoice: Make
) -> None:
    made = invoice(10)
    answers = upload(
        person,
        sandbox,
        metadata("_0", AttachableRef=owner(made), FileName="a.png", ContentType="image/png", Note="n"),
        png("_0"),
        png("zebra", "b.png", b"two"),
    )
    first, second = (answer["Attachable"] for answer in answers)
    assert (first["FileName"], first["Size"], first["ContentType"], first["SyncToken"]) == (
        "a.png",
        len(PNG),
        "image/png",
        "0",
    )
    assert first["AttachableRef"] == [
        {"EntityRef": {"type": "Invoice", "value": made["Id"]}, "IncludeOnSend": False},
    ]
    assert len(first["Id"]) >= 15
    assert int(second["Id"]) == int(first["Id"]) + 1
    assert first["FileAccessUri"] == f"/v3/company/{person.realm}/download/{first['Id']}"
    assert "ThumbnailFileAccessUri" in first
    assert (second["FileName"], second["ContentType"], second.get("AttachableRef")) == ("b.png", "image/png", None)
    assert person.read("Invoice", made["Id"]) == made  # an attachment leaves its owner alone
    for record, content in ((first, PNG), (second, b"two")):
        assert fetch(sandbox, record["TempDownloadUri"]) == (200, content)


def fetch(sandbox: RunningSandbox, link: str) -> tuple[int, bytes]:
    parts = urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == sandbox.base_url
    status, _, body = sandbox.send("GET", f"{parts.path}?{parts.query}")
    return status, body


@pytest.mark.checklist(64)
def test_download_answers_a_bare_link_that_lives_a_quarter_of_an_hour(
    sandbox: RunningSandbox, person: Accountant, realm: str
) -> None:
    (answer,) = upload(person, sandbox, png("01"))
    record = answer["Attachable"]
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}"}
    status, answered, raw = sandbox.send("GET", f"/v3/company/{realm}/download/{record['Id']}", None, headers)
    assert (status, answered["content-type"].split(";")[0]) == (200, "text/plain")
    link = raw.decode()
    assert "X-Amz-Expires=900" in link
    sandbox.advance(880)
    assert fetch(sandbox, link) == (200, PNG)
    sandbox.advance(30)
    assert fetch(sandbox, link)[0] == 403
    forged = link.replace("X-Amz-Signature=", "X-Amz-Signature=0")
    assert fetch(sandbox, forged)[0] == 403
    again = sandbox.connect(realm)
    fresh = again.read("Attachable", record["Id"])["TempDownloadUri"]
    assert fetch(sandbox, fresh) == (200, PNG)
    assert (
        sandbox.send("GET", f"/v3/company/{realm}/download/{record['Id']}")[0] == 401
    )  # the link is free, this is not
    again.save("Attachable", record, operation="delete")
    assert fetch(sandbox, fresh)[0] == 404
    assert fault(lambda: again.call("GET", f"download/{record['Id']}")) == "610"


def test_notes_need_no_file_and_files_no_note(person: Accountant, invoice: Make) -> None:
    made = invoice(10)
    note = person.save("Attachable", {"Note": "This is an attached note.", "AttachableRef": owner(made)})
    assert "TempDownloadUri" not in note
    assert fault(lambda: person.save("Attachable", {"AttachableRef": owner(made)})) == "6000"
    assert fault(lambda: person.save("Attachable", {"Note": "x" * 2001})) == "2050"
    assert fault(lambda: person.save("Attachable", {"Note": "x", "Category": "Poem"})) == "2170"
    assert person.save("Attachable", {"Note": "x", "Category": "Contact Photo"})["Category"] == "Contact Photo"
    assert fault(lambda: person.call("GET", f"download/{note['Id']}")) == "610"
    for wrong in ({"type": "Invoice", "value": "999999"}, {"type": "Poem", "value": "1"}):
        body = {"Note": "x", "AttachableRef": [{"EntityRef": wrong}]}
        assert fault(partial(person.save, "Attachable", body)) == "2500"
    assert fault(lambda: person.save("Attachable", {"Note": "x", "AttachableRef": [{"IncludeOnSend": True}]})) == "2020"


def test_an_update_replaces_the_references_and_keeps_the_file(
    sandbox: RunningSandbox, person: Accountant, invoice: Make
) -> None:
    one, two = invoice(1), invoice(2)
    (answer,) = upload(
        person, sandbox, metadata("1", AttachableRef=owner(one) + owner(two), FileName="a.png"), png("1")
    )
    record = answer["Attachable"]
    assert len(record["AttachableRef"]) == 2
    changed = person.save("Attachable", {**record, "AttachableRef": owner(two), "Note": "kept"})
    assert (changed["SyncToken"], changed["Size"], changed["ContentType"]) == ("1", len(PNG), "image/png")
    assert [ref["EntityRef"]["value"] for ref in changed["AttachableRef"]] == [two["Id"]]
    assert attached(person, one) == []
    assert attached(person, two) == [record["Id"]]
    bare = person.save("Attachable", {"Id": record["Id"], "SyncToken": "1"})
    assert (bare["FileName"], bare.get("AttachableRef"), bare.get("Note")) == ("a.png", None, None)


def attached(person: Accountant, invoice: Json) -> list[str]:
    where = f"AttachableRef.EntityRef.Type = 'Invoice' and AttachableRef.EntityRef.value = '{invoice['Id']}'"
    return [row["Id"] for row in person.query(f"select * from Attachable where {where}")]


def test_attachments_are_found_by_their_owner_and_outlive_it(
    sandbox: RunningSandbox, person: Accountant, customer: Json, invoice: Make
) -> None:
    made, other = invoice(1), invoice(2)
    both = [*owner(made), {"EntityRef": {"type": "Customer", "value": customer["Id"]}}]
    note = person.save("Attachable", {"Note": "x", "AttachableRef": both})
    assert attached(person, made) == [note["Id"]]
    assert attached(person, other) == []
    assert attached(person, {"Id": customer["Id"]}) == []  # the pair counts, not its halves
    columns = person.query("select Id from Attachable where AttachableRef.EntityRef.Type = 'customer'")
    assert columns == [{"Id": note["Id"], "domain": "QBO", "sparse": True}]
    since = sandbox.admin("GET", "/clock")["now"][:10]
    assert [row["Id"] for row in person.cdc("Attachable", since)[0]["Attachable"]] == [note["Id"]]
    person.delete("Invoice", made)
    assert attached(person, made) == [note["Id"]]
    assert person.save("Attachable", {**note, "Note": "still"})["SyncToken"] == "1"
    gone = person.save("Attachable", {**note, "SyncToken": "1"}, operation="delete")
    assert gone == {"status": "Deleted", "domain": "QBO", "Id": note["Id"]}
    assert attached(person, made) == []


def test_each_file_has_its_own_fault(sandbox: RunningSandbox, person: Accountant) -> None:
    answers = upload(
        person,
        sandbox,
        png("ok"),
        png("kind", "virus.exe"),
        png("empty", content=b""),
        metadata("lonely", FileName="a.png"),
        metadata("odd", Nonsense=1),
        png("odd"),
        metadata("type", FileName="a.png", ContentType="application/pdf"),
        png("type"),
        part("file_content_b64", b"%%%", "Content-Transfer-Encoding: base64", filename="a.txt"),
        part("file_content_nameless", b"x"),
    )
    codes = [answer["Fault"]["Error"][0]["code"] if "Fault" in answer else "" for answer in answers]
    assert codes == ["", "6041", "6041", "2020", "2010", "6041", "6041", "2020"]
    assert person.count("Attachable") == 1


def test_whole_uploads_that_are_refused(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    def code(body: bytes) -> str:
        status, answer = post(person, sandbox, body)
        assert status == 400
        found: str = answer["Fault"]["Error"][0]["code"]
        return found

    assert code(b"--sep--\r\n") == "2020"
    assert code(body_of(png("1"))[:-9]) == "6041"
    assert code(b"nothing of the kind") == "6041"
    sandbox.switch(upload_limit_bytes=1000)
    assert code(body_of(png("1", content=b"x" * 1000))) == "6030"
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    path = f"/v3/company/{realm}/upload"
    assert sandbox.send("POST", path, b"{}", {**headers, "Content-Type": "application/json"})[0] == 415
    assert person.count("Attachable") == 0


def test_an_upload_must_say_how_long_it_is(sandbox: RunningSandbox, person: Accountant) -> None:
    body = body_of(png("1"))
    headers = {
        "Authorization": f"Bearer {person.tokens['access_token']}",
        "Accept": "application/json",
        "Content-Type": "multipart/form-data; boundary=sep",
    }
    connection = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc, timeout=10)
    connection.request("POST", f"/v3/company/{person.realm}/upload", iter([body]), headers, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["Fault"]["Error"][0]["code"]) == (400, "6020")
    connection.close()


def test_files_are_kept_over_a_restart(tmp_path: Path) -> None:
    with running_sandbox(data=tmp_path / "books.db", switches={"throttle": "off"}) as running:
        person = running.connect(running.create_company(realm="77"))
        kept, gone = (upload(person, running, png("1", content=text))[0]["Attachable"] for text in (b"kept", b"gone"))
        person.save("Attachable", gone, operation="delete")
    with running_sandbox(data=tmp_path / "books.db", switches={"throttle": "off"}) as running:
        person = running.connect("77")
        (record,) = person.query("select * from Attachable")
        assert fetch(running, record["TempDownloadUri"]) == (200, b"kept")
        assert int(upload(person, running, png("1"))[0]["Attachable"]["Id"]) > int(kept["Id"])


def test_a_repeated_upload_makes_no_second_file(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.switch(requestid_mismatch="600")
    first = upload(person, sandbox, png("1"), requestid="r")
    assert upload(person, sandbox, png("1"), requestid="r") == first
    assert person.count("Attachable") == 1
    assert post(person, sandbox, body_of(png("1", content=b"other")), requestid="r")[1]["Fault"]["Error"][0][
        "code"
    ] == ("600")


@given(
    st.lists(st.binary(max_size=60), min_size=1, max_size=3),
    st.sampled_from([b"\r\n", b"\n"]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_parts_survive_any_content_and_line_ends(contents: list[bytes], newline: bytes, as_base64: bool) -> None:
    """Any bytes but the boundary itself; with base64 those too."""
    encoding = ("Content-Transfer-Encoding: base64",) if as_base64 else ()
    sent = [base64.b64encode(content) if as_base64 else content for content in contents]
    if any(b"--sep" in content for content in sent):
        return
    parts = [part(f"file_content_{n}", content, *encoding, filename=f"{n}.txt") for n, content in enumerate(sent)]
    body = b"preamble" + newline + body_of(*parts, newline=newline) + b"epilogue"
    found = multipart.parse(body, 'multipart/form-data; charset=x; boundary="sep"')
    assert [piece.decoded() for piece in found] == contents
    assert [piece.filename for piece in found] == [f"{n}.txt" for n in range(len(contents))]
