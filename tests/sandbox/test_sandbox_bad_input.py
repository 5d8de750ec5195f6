"""Requests that are wrong, and HTTP as clients may speak it: always a proper answer (protocol.md 1, 9).

What no example thinks of is tried by ``test_sandbox_fuzz.py``.
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]
NAMESPACE = "{http://schema.intuit.com/finance/v3}"


def xml_of(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314  # it comes from the server under test


class Raw:
    """Requests with any headers and bodies."""

    def __init__(self, sandbox: RunningSandbox, person: Accountant) -> None:
        self._sandbox = sandbox
        self._person = person
        self.headers = {
            "Authorization": f"Bearer {person.tokens['access_token']}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def path(self, rest: str) -> str:
        return f"/v3/company/{self._person.realm}/{rest}"

    def ask(
        self, method: str, rest: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._sandbox.send(
            method, self.path(rest), body, {name: value for name, value in sent.items() if value != "-"}
        )

    def code(self, method: str, rest: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Status and code of a Fault in the usual envelope, with a correlation id on it."""
        status, answered, raw = self.ask(method, rest, body, **headers)
        assert answered["intuit_tid"]
        assert answered["content-type"] == "application/json;charset=UTF-8"
        content = json.loads(raw)
        assert content["time"]
        return status, content["Fault"]["Error"][0]["code"]

    def socket(self) -> socket.socket:
        parts = urlsplit(self._sandbox.base_url)
        return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)

    def lines(self, first: str, *more: str, version: str = "1.1") -> bytes:
        """The head of a request as it goes over the wire."""
        method, rest = first.split(" ")
        named = [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join((f"{method} {self.path(rest)} HTTP/{version}", "Host: x", *named, *more, "", "")).encode()


@pytest.fixture
def raw(sandbox: RunningSandbox, person: Accountant) -> Raw:
    return Raw(sandbox, person)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"DisplayName": ', "2010"),
        (b"", "2010"),
        (b"[]", "2010"),
        (b'"text"', "2010"),
        (b"null", "2010"),
        (b'{"DisplayName": "caf\xe9"}', "500"),
        (b'{"DisplayName": "a\x00b"}', "2010"),
        (b'{"DisplayName": "a\\u0000b"}', "2040"),
        (b'{"DisplayName": "\\ud800"}', "2010"),
        (b"[" * 100_000, "2010"),
        (b'{"DisplayName": "A", "Nonsense": 1}', "2010"),
        (b'{"DisplayName": {"a": 1}}', "2010"),
        (b'{"DisplayName": "A", "PrimaryEmailAddr": "a@b.co"}', "2010"),
        (b'{"DisplayName": "A", "Taxable": "maybe"}', "2010"),
        (b'{"DisplayName": "A", "Balance": 1e999999999}', "2090"),
        (b'{"DisplayName": "' + b"x" * 501 + b'"}', "2050"),
        (b'{"Customer": {"DisplayName": "A"}}', "2010"),
    ],
)
def test_bodies_of_a_create(raw: Raw, person: Accountant, body: bytes, code: str) -> None:
    assert raw.code("POST", "customer", body) == (400, code)
    assert person.count("Customer") == 0


def test_content_types_and_encodings(raw: Raw, sandbox: RunningSandbox, person: Accountant) -> None:
    body = b'{"DisplayName": "A"}'
    for wrong in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "-"):
        assert raw.code("POST", "customer", body, Content_Type=wrong) == (415, "500"), wrong
    statement = b"select * from Term"
    for wrong in ("application/json", "application/xml", "-"):
        assert raw.code("POST", "query", statement, Content_Type=wrong) == (415, "500"), wrong
    assert raw.code("POST", "query", b'{"query": "select * from Term"}', Content_Type="text/plain") == (400, "4000")
    assert raw.ask("POST", "customer", body, Content_Type="application/json; charset=utf-8")[0] == 200
    sandbox.switch(content_type="ignore")
    assert raw.ask("POST", "customer", b'{"DisplayName": "B"}', Content_Type="-")[0] == 200
    assert raw.code("POST", "customer", body, Content_Encoding="br") == (415, "500")
    assert raw.code("POST", "customer", body, Content_Encoding="gzip") == (400, "500")
    for name, packed in (
        ("gzip", gzip.compress(b'{"DisplayName": "C"}')),
        ("deflate", zlib.compress(b'{"DisplayName": "D"}')),
    ):
        assert raw.ask("POST", "customer", packed, Content_Encoding=name)[0] == 200
    bomb = gzip.compress(b" " * 20_000_000)
    assert raw.code("POST", "customer", bomb, Content_Encoding="gzip") == (413, "500")
    assert raw.code("POST", "customer", gzip.compress(body)[:-9], Content_Encoding="gzip") == (400, "500")
    assert person.count("Customer") == 4


def test_answers_are_compressed_for_those_who_accept_it(raw: Raw, sandbox: RunningSandbox) -> None:
    rest = "query?query=select%20*%20from%20Account"
    _, plain_headers, plain = raw.ask("GET", rest)
    assert "content-encoding" not in plain_headers
    for accepted in ("gzip, deflate", "deflate;q=0.6, gzip;q=1.0", "*"):
        _, answered, packed = raw.ask("GET", rest, Accept_Encoding=accepted)
        assert answered["content-encoding"] == "gzip"
        assert int(answered["content-length"]) == len(packed) < len(plain)
        assert json.loads(gzip.decompress(packed))["QueryResponse"] == json.loads(plain)["QueryResponse"]
    for refused in ("gzip;q=0", "identity", "br"):
        assert "content-encoding" not in raw.ask("GET", rest, Accept_Encoding=refused)[1]
    assert "content-encoding" not in raw.ask("GET", "customer/999", Accept_Encoding="gzip")[1]  # too small to gain
    sandbox.switch(gzip=False)
    assert "content-encoding" not in raw.ask("GET", rest, Accept_Encoding="gzip")[1]


def test_sizes_have_limits(raw: Raw, sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.switch(body_limit_bytes=2000, url_limit_bytes=500)
    assert raw.code("POST", "customer", b'{"DisplayName": "' + b"x" * 2000 + b'"}') == (413, "500")
    assert raw.code("GET", "query?query=" + "x" * 500) == (414, "500")
    with raw.socket() as wire:  # without a length, in pieces
        wire.sendall(raw.lines("POST customer", "Transfer-Encoding: chunked") + b"7d0\r\n" + b"x" * 2000 + b"\r\n")
        wire.sendall(b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")
        assert wire.recv(100).startswith(b"HTTP/1.1 413 ")
    assert person.count("Customer") == 0
    status, _, answer = sandbox.send("POST", "/oauth2/v1/tokens/bearer", b"x" * 2001)
    assert (status, json.loads(answer)["error"]) == (413, "invalid_request")


def test_chunks_old_http_and_expectations(raw: Raw, person: Accountant) -> None:
    with raw.socket() as wire:
        wire.sendall(raw.lines("POST customer", "Transfer-Encoding: chunked"))
        for piece in (b'{"Display', b'Name": ', b'"A"}', b""):
            wire.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        assert wire.recv(100).startswith(b"HTTP/1.1 200 ")
    with raw.socket() as wire:
        wire.sendall(raw.lines("POST customer", "Content-Length: 20", version="1.0") + b'{"DisplayName": "B"}')
        response = http.client.HTTPResponse(wire)
        response.begin()
        assert json.loads(response.read())["Customer"]["DisplayName"] == "B"
        assert wire.recv(1) == b""  # and the connection is closed
    with raw.socket() as wire:
        wire.sendall(raw.lines("POST customer", "Content-Length: 20", "Expect: 100-continue"))
        assert wire.recv(100).startswith(b"HTTP/1.1 100 ")
        wire.sendall(b'{"DisplayName": "C"}')
        assert wire.recv(100).startswith(b"HTTP/1.1 200 ")
    assert sorted(row["DisplayName"] for row in person.query("select * from Customer")) == ["A", "B", "C"]


def test_a_body_that_breaks_off_does_nothing(raw: Raw, sandbox: RunningSandbox, person: Accountant) -> None:
    last = sandbox.last_request()
    with raw.socket() as wire:
        wire.sendall(raw.lines("POST customer", "Content-Length: 999") + b'{"DisplayName": "A"}')
    assert person.count("Customer") == 0
    assert [entry["status"] for entry in sandbox.requests(after=last, method="POST")] == [0]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_that_the_service_lacks(raw: Raw, customer: Json, method: str) -> None:
    for rest in (f"customer/{customer['Id']}", "query?query=select * from Term".replace(" ", "%20"), "batch"):
        status, answered, body = raw.ask(method, rest)
        assert (status, answered["allow"]) == (405, "GET, POST")
        assert method == "HEAD" or json.loads(body)["Fault"]["Error"][0]["code"] == "500"


def test_addresses_that_lead_nowhere(raw: Raw, sandbox: RunningSandbox, customer: Json) -> None:
    assert raw.code("GET", "nonsense/1") == (404, "10000")
    assert raw.code("GET", "") == (404, "10000")
    assert raw.code("POST", "taxservice/nonsense", b"{}") == (404, "10000")
    assert raw.code("GET", "reports/ProfitAndLoss") == (400, "500")
    assert raw.code("GET", "invoice") == (400, "2020")
    assert raw.code("GET", "invoice/abc") == (400, "2030")
    assert raw.code("GET", "invoice/999") == (400, "610")
    assert raw.code("GET", "timeactivity/1") == (400, "610")
    assert raw.code("POST", "timeactivity", b"{}") == (400, "500")
    assert raw.code("POST", f"customer/{customer['Id']}", b"{}") == (400, "500")
    assert raw.code("GET", f"customer/{customer['Id']}/frobnicate") == (400, "500")
    assert raw.code("POST", "customer?operation=frobnicate", b'{"Id": "1"}') == (400, "500")
    for path in ("/v3/nonsense", "/v2/oauth2/nonsense", "/nonsense"):
        status, answered, body = sandbox.send("GET", path)
        assert (status, json.loads(body)["Fault"]["Error"][0]["code"]) == (404, "10000")
        assert answered["intuit_tid"]


@pytest.mark.checklist(32)
def test_unknown_companies(sandbox: RunningSandbox, person: Accountant) -> None:
    for realm in ("1", "999999999999", "abc", "%2e%2e", "", "٣"):
        with pytest.raises(RefusedError) as caught:
            Accountant(sandbox, realm.encode("ascii", "ignore").decode(), person.tokens).query("select * from Term")
        assert (caught.value.status, caught.value.code) == (403, "3100")


@pytest.mark.checklist(66)
def test_minor_versions_are_taken_and_make_no_difference(raw: Raw, customer: Json) -> None:
    rest = f"customer/{customer['Id']}"
    for version in ("", "?minorversion=", "?minorversion=1", "?minorversion=75", "?minorversion=999"):
        assert json.loads(raw.ask("GET", rest + version)[2])["Customer"] == customer
    assert raw.code("GET", f"{rest}?minorversion=new") == (400, "2090")


@pytest.mark.checklist(66)
def test_any_answer_may_have_members_nobody_has_heard_of(
    sandbox: RunningSandbox, person: Accountant, customer: Json, invoice: Make
) -> None:
    sandbox.switch(unknown_members=True)
    seen = person.read("Customer", customer["Id"])
    (unheard,) = seen.keys() - customer.keys()
    assert person.query("select * from Customer") == [seen]
    assert unheard in invoice(10)
    since = customer["MetaData"]["CreateTime"]
    assert unheard in person.cdc("Customer", since)[0]["Customer"][0]
    saved = person.save("Customer", {**seen, "Notes": "sent back with it"})
    assert saved["SyncToken"] == "1"
    answers = person.batch([{"bId": "1", "operation": "update", "Customer": {**saved, "Notes": "again"}}])
    assert unheard in answers["1"]["Customer"]
    sandbox.switch(unknown_members=False)
    assert unheard not in person.read("Customer", customer["Id"])


@pytest.mark.checklist(67)
def test_without_accept_everything_is_xml(raw: Raw, customer: Json) -> None:
    rest = f"customer/{customer['Id']}"
    for accept in ("-", "*/*", "application/xml"):
        status, answered, body = raw.ask("GET", rest, Accept=accept)
        assert (status, answered["content-type"]) == (200, "application/xml;charset=UTF-8")
        root = xml_of(body)
        assert root.tag == f"{NAMESPACE}IntuitResponse"
        assert root.findtext(f"{NAMESPACE}Customer/{NAMESPACE}DisplayName") == "Ada Lovelace"
    for rest, status, code in (("customer/999", 400, "610"), ("nonsense", 404, "10000")):
        got, _, body = raw.ask("GET", rest, Accept="-")
        error = xml_of(body).find(f"{NAMESPACE}Fault/{NAMESPACE}Error")
        assert error is not None
        assert (got, error.get("code")) == (status, code)
    _, _, body = raw.ask("GET", rest, Accept="-", Authorization="Bearer short")
    fault = xml_of(body).find(f"{NAMESPACE}Fault")
    assert fault is not None
    assert fault.get("type") == "AUTHENTICATION"


def test_xml_stays_xml_whatever_a_text_holds(raw: Raw, person: Accountant) -> None:
    made = person.save("Customer", {"DisplayName": "A", "Notes": '<&>" \x01\x0b \ufffe ]]> ✓'})
    root = xml_of(raw.ask("GET", f"customer/{made['Id']}", Accept="-")[2])
    notes = root.findtext(f"{NAMESPACE}Customer/{NAMESPACE}Notes") or ""
    assert notes.startswith('<&>" ')
    assert notes.endswith("]]> ✓")


def test_of_parameters_that_repeat_the_first_counts(raw: Raw, customer: Json) -> None:
    status, _, body = raw.ask("GET", "query?query=select%20*%20from%20Customer&query=nonsense")
    assert (status, len(json.loads(body)["QueryResponse"]["Customer"])) == (200, 1)
    assert raw.code("GET", "query?query=%FF%FE&%=%&&==") == (400, "4000")


@pytest.mark.checklist(41)
def test_every_answer_has_a_correlation_id_and_a_version(raw: Raw, sandbox: RunningSandbox, customer: Json) -> None:
    seen = set()
    for method, path in (
        ("GET", raw.path(f"customer/{customer['Id']}")),
        ("GET", raw.path("customer/999")),
        ("GET", "/v3/company/1/query"),
        ("POST", "/oauth2/v1/tokens/bearer"),
        ("POST", "/v2/oauth2/tokens/revoke"),
        ("GET", "/.well-known/openid_configuration"),
        ("GET", "/v1/openid_connect/userinfo"),
        ("GET", "/connect/oauth2"),
        ("GET", "/nonsense"),
    ):
        _, answered, _ = sandbox.send(method, path, b"" if method == "POST" else None, raw.headers)
        assert answered["qbo-version"]
        seen.add(answered["intuit_tid"])
    assert len(seen) == 9
