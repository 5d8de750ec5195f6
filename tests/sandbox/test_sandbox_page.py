"""The page at ``/``: companies, records, history, requests, faults, clock and switches, over HTTP and in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox.page_frame import UI, masked
from syncd.sandbox.pages import differences
from syncd.sandbox.server import Accountant, RunningSandbox

Json = dict[str, Any]
EVIL = '<script>alert("x")</script>\'"&amp;'
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Parsed(HTMLParser):
    """The links, tags and text of a page; void elements do not count as open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.told: list[str] = []
        self.rows = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "action", "src")]
        self.rows += tag == "tr"
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "input", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} ends what is not open"

    def handle_data(self, data: str) -> None:
        self.told.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.told)


@pytest.fixture
def look(sandbox: RunningSandbox) -> Callable[..., Parsed]:
    """look("/") reads a page; it must be whole HTML, harmless, and forbid what it does not need."""

    def read(path: str, wanted: int = 200) -> Parsed:
        status, headers, body = sandbox.send("GET", path)
        assert (status, headers["content-type"]) == (wanted, "text/html; charset=utf-8"), path
        assert "default-src 'none'" in headers["content-security-policy"]
        parsed = Parsed(body.decode())
        assert body.startswith(b"<!doctype html>")
        assert parsed.open == []
        assert "script" not in parsed.tags
        assert all(link.startswith("/") for link in parsed.links), parsed.links
        return parsed

    return read


def test_every_link_leads_somewhere(
    sandbox: RunningSandbox, person: Accountant, look: Any, invoice: Any, pay: Any
) -> None:
    pay(60, {invoice(100)["Id"]: 60})
    sandbox.add_fault("status", label="a rule", count=1)
    sandbox.send("GET", f"/v3/company/{person.realm}/customer/1", None, {"Authorization": "Bearer x"})
    sandbox.snapshot("here", person.realm)
    sandbox.scenario("event = [{ after_seconds = 9999, clear_faults = true }]")
    seen: set[str] = set()
    waiting = ["/"]
    while waiting and len(seen) < 120:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        waiting += [link for link in look(path).links if f"companies/{person.realm}" in link or "companies" not in link]
    assert f"{UI}/companies/{person.realm}/Invoice" in seen
    assert {f"{UI}/requests", f"{UI}/faults", f"{UI}/settings"} <= seen
    assert "a rule" in look(f"{UI}/faults").text
    assert "clear_faults" in look(f"{UI}/faults").text
    company = look(f"{UI}/companies/{person.realm}").text
    assert "here" in company
    sandbox.admin("DELETE", "/scenario")


def test_a_record_shows_every_version_and_what_changed(
    person: Accountant, look: Any, invoice: Any, pay: Any, realm: str
) -> None:
    made = invoice(100, PrivateNote="first")
    pay(60, {made["Id"]: 60})
    page = look(f"{UI}/companies/{realm}/Invoice/{made['Id']}").text
    assert "create, SyncToken 0" in page
    assert "linked, SyncToken 1" in page
    changes = page.split("linked, SyncToken 1")[1]
    assert re.search(r"Balance\s+100\.0\s+40\.0", changes)
    person.delete("Invoice", person.read("Invoice", made["Id"]))
    page = look(f"{UI}/companies/{realm}/Invoice/{made['Id']}").text
    assert "deleted; its last version is shown" in page
    assert "first" in page


def test_pages_of_a_hundred_and_search(sandbox: RunningSandbox, realm: str, look: Any) -> None:
    from syncd.sandbox.wire import encode

    names = [f"Customer number {n}" for n in range(230)] + ["Zoë Ångström"]
    sandbox.load(realm, [encode({"Customer": {"DisplayName": name, "Active": True}}) for name in names])
    path = f"{UI}/companies/{realm}/Customer"
    rows = []
    page = path
    for wanted in (100, 100, 31):
        parsed = look(page)
        assert parsed.rows == wanted + 1
        rows.append(parsed.text)
        forward = [link for link in parsed.links if "page=" in link]
        page = forward[-1]
    assert "231 found" in rows[0]
    assert "Zoë Ångström" in rows[0]  # the newest come first
    assert "Customer number 0 " in rows[2]
    found = look(f"{path}?q={quote('NUMBER 22')}")
    assert "11 found" in found.text
    assert look(f"{path}?q=nobody").rows == 0
    assert look(f"{path}?page=99").rows == 0
    assert look(f"{path}?page=x").rows == 101


def test_the_requests_page_filters(sandbox: RunningSandbox, person: Accountant, look: Any) -> None:
    sandbox.switch(keep_bodies=True)
    person.save("Customer", {"DisplayName": "Ada"}, requestid="r-1")
    person.query("select * from Term")
    page = look(f"{UI}/requests?realm={person.realm}&operation=create")
    assert "requestid=r-1" in page.text
    assert "select" not in page.text
    seq = sandbox.requests(realm=person.realm, operation="create")[-1]["seq"]
    told = look(f"{UI}/requests/{seq}").text
    assert '"DisplayName": "Ada"' in told
    assert look(f"{UI}/requests?colour=red").rows > 1  # what is no filter is ignored


def test_no_secret_is_shown(sandbox: RunningSandbox, person: Accountant, look: Any, realm: str) -> None:
    sandbox.switch(keep_bodies=True)
    sandbox.admin("POST", "/apps", {"client_id": "other", "client_secret": "a-long-secret-of-an-app"})
    tokens = person.tokens
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"],
            "client_id": tokens["client_id"], "client_secret": "sandbox-secret"}  # fmt: skip
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    status, _, answer = sandbox.send("POST", "/oauth2/v1/tokens/bearer", body, headers)
    assert status == 200
    sandbox.send("GET", f"/v3/company/{realm}/query?refresh_token={tokens['refresh_token']}")
    fresh = re.findall(r'"(?:access|refresh)_token":"([^"]+)"', answer.decode())
    secrets = [tokens["access_token"], tokens["refresh_token"], "a-long-secret-of-an-app", *fresh]
    token_call = sandbox.requests(endpoint="token")[-1]["seq"]
    for path in ("/", f"{UI}/companies/{realm}", f"{UI}/requests", f"{UI}/requests/{token_call}",
                 f"{UI}/requests/{token_call + 1}", f"{UI}/settings"):  # fmt: skip
        page = look(path).text
        assert not [secret for secret in secrets if secret in page], path
    assert "RT1-" in look(f"{UI}/requests/{token_call}").text  # enough of it to know which one it is


def test_whatever_is_in_the_books_is_text(sandbox: RunningSandbox, look: Any) -> None:
    realm = sandbox.create_company(name=EVIL)
    person = sandbox.connect(realm)
    made = person.save("Customer", {"DisplayName": EVIL, "Notes": EVIL})
    person.save("Customer", {**made, "Notes": f"{EVIL} again"})
    sandbox.add_fault("status", label=EVIL, detail=EVIL)
    sandbox.send("GET", f"/v3/company/{realm}/query?query={quote(EVIL)}&<b>={quote(EVIL)}")
    for path in ("/", f"{UI}/companies/{realm}", f"{UI}/companies/{realm}/Customer", f"{UI}/requests", f"{UI}/faults",
                 f"{UI}/companies/{realm}/Customer/{made['Id']}", f"{UI}/requests?realm={quote(EVIL)}",
                 f"{UI}/companies/{realm}/Customer?q={quote(EVIL)}"):  # fmt: skip
        parsed = look(path)
        assert "script" not in parsed.tags
        assert "b" not in parsed.tags[parsed.tags.index("main") :]
    assert EVIL in look(f"{UI}/companies/{realm}/Customer").text


def test_what_is_not_there_is_said(look: Any, realm: str) -> None:
    for path in ("companies/1", f"companies/{realm}/Nothing", f"companies/{realm}/Customer/9", "requests/999999"):
        assert "There is no such" in look(f"{UI}/{path}", 404).text


def test_switches_that_were_changed_stand_out(sandbox: RunningSandbox) -> None:
    sandbox.switch(cdc_limit=7)
    sandbox.set_clock("2026-01-05T09:00:00-08:00")
    page = sandbox.send("GET", f"{UI}/settings")[2].decode()
    assert '<td>cdc_limit</td><td><span class="set">7</span></td>' in page
    assert "<td>cdc_shuffle</td><td><span>true</span></td>" in page
    assert "2026-01-05T09:00:0" in page


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    before=st.dictionaries(st.sampled_from("xyz"), JSON_VALUES),
    after=st.dictionaries(st.sampled_from("xyz"), JSON_VALUES),
)
def test_differences_are_there_exactly_when_something_differs(before: Json, after: Json) -> None:
    assert differences(before, before) == []
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (differences(before, after) == []) is same
    turned = [(path, new, old) for path, old, new in differences(before, after)]
    assert sorted(map(str, turned)) == sorted(map(str, differences(after, before)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=st.text("abcdefgh-_0123456789", min_size=12), around=st.text("abc &=", max_size=8))
def test_masking_leaves_no_secret_whole(secret: str, around: str) -> None:
    for text in (
        f"refresh_token={secret}",
        f"a=b&code={secret}&{around}",
        f'{{"access_token":"{secret}","x":"{around}"}}',
    ):
        assert secret not in masked(text)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here to look through")
def test_a_browser_shows_it(sandbox: RunningSandbox, person: Accountant, tmp_path: Path, invoice: Any) -> None:
    made = invoice(100)
    picture = tmp_path / "page.png"
    address = f"{sandbox.base_url}{UI}/companies/{person.realm}/Invoice/{made['Id']}"
    quiet = ("background-networking", "component-update", "sync", "gpu", "quic", "default-apps", "extensions")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet),
               f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900", f"--screenshot={picture}",
               address]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    raw = picture.read_bytes()
    assert raw.startswith(b"\x89PNG")
    assert len(raw) > 10_000  # an empty page is smaller
