"""Faults on demand: every kind, what a rule matches by and when it fires (protocol.md 9, checklist 17, 39, 40)."""

from __future__ import annotations

import base64
import http.client
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.sandbox.injection import Injector, Target, make
from syncd.sandbox.ledger import Entry
from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox

Json = dict[str, Any]
LOST = (http.client.HTTPException, ConnectionError)
BASIC = {"Authorization": f"Basic {base64.b64encode(b'sandbox-client:sandbox-secret').decode()}"}


@pytest.fixture
def raw(sandbox: RunningSandbox, person: Accountant, realm: str) -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """raw("POST", "customer", {...}) speaks to the company and gives status, headers and bytes."""

    def send(method: str, path: str, body: Json | None = None) -> tuple[int, dict[str, str], bytes]:
        headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        return sandbox.send(method, f"/v3/company/{realm}/{path}", content, headers)

    return send


def code_of(work: Callable[[], object]) -> str:
    try:
        work()
    except RefusedError as error:
        return error.code
    return ""


def asked(person: Accountant, count: int) -> list[str]:
    return [code_of(lambda: person.query("select * from Term")) for _ in range(count)]


@pytest.mark.checklist(39)
@pytest.mark.parametrize(
    ("rule", "status", "kind", "code", "text"),
    [
        ({"status": 500}, 500, "SystemFault", "10000", "An application error has occurred"),
        ({"status": 400}, 400, "ValidationFault", "6000", "A business validation error has occurred"),
        ({"code": "5010"}, 400, "ValidationFault", "5010", "Stale Object Error"),
        ({"code": "610"}, 400, "ValidationFault", "610", "Object Not Found"),
        ({"code": "6190"}, 400, "ValidationFault", "6190", ""),
        ({"code": "6210"}, 400, "ValidationFault", "6210", ""),
        ({"status": 401, "code": "120"}, 401, "AuthorizationFault", "120", "Authorization Failure"),
        ({"status": 500, "code": "130"}, 500, "SystemFault", "130", ""),
        ({"code": "7777", "detail": "seven"}, 400, "ValidationFault", "7777", "Injected fault"),
    ],
)
def test_a_status_comes_with_the_body_quickbooks_gives_it(
    sandbox: RunningSandbox, raw: Any, rule: Json, status: int, kind: str, code: str, text: str
) -> None:
    sandbox.add_fault("status", endpoint="entity", **rule)
    got, _, body = raw("GET", "customer/1")
    fault = json.loads(body)["Fault"]
    (error,) = fault["Error"]
    assert (got, fault["type"], error["code"]) == (status, kind, code)
    assert error["Message"].startswith(text)
    assert error["Detail"] == rule.get("detail", error["Detail"])


@pytest.mark.checklist(39)
def test_an_empty_body_a_wrong_content_type_and_extra_headers(
    sandbox: RunningSandbox, person: Accountant, raw: Any
) -> None:
    sandbox.add_fault("empty", operation="create")
    status, _, body = raw("POST", "customer", {"DisplayName": "Ada"})
    assert (status, body, person.count("Customer")) == (200, b"", 0)
    sandbox.add_fault("empty", operation="create", when="after", status=500)
    status, _, body = raw("POST", "customer", {"DisplayName": "Ada"})
    assert (status, body, person.count("Customer")) == (500, b"", 1)
    sandbox.add_fault("content_type", operation="create", content_type="text/plain; charset=us-ascii")
    status, headers, body = raw("POST", "customer", {"DisplayName": "Grace"})
    assert (status, headers["content-type"]) == (200, "text/plain; charset=us-ascii")
    assert json.loads(body)["Customer"]["DisplayName"] == "Grace"
    sandbox.add_fault("status", status=429, headers={"Retry-After": "7"})
    status, headers, _ = raw("GET", "customer/1")
    assert (status, headers["retry-after"]) == (429, "7")
    sandbox.add_fault("status", status=200, body='{"Customer": ')
    assert raw("GET", "customer/1")[2] == b'{"Customer": '


@pytest.mark.checklist(39)
def test_a_body_can_trickle(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("trickle", seconds=0.2, operation="create")
    begun = time.monotonic()
    made = person.save("Customer", {"DisplayName": "Ada"})
    assert time.monotonic() - begun >= 0.19
    assert person.read("Customer", made["Id"]) == made


@pytest.mark.checklist(17)
@pytest.mark.checklist(39)
@pytest.mark.parametrize("kind", ["reset", "stall", "truncate", "html", "empty", "status"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_whatever_is_lost_the_books_know_whether_it_was_done(
    sandbox: RunningSandbox, person: Accountant, kind: str, when: str
) -> None:
    extra: Json = {"seconds": 0.01, "then": "reset"} if kind == "stall" else {}
    sandbox.add_fault(kind, operation="create", when=when, **extra)
    with pytest.raises((*LOST, RefusedError, ValueError, KeyError)):
        person.save("Customer", {"DisplayName": "Ada"}, requestid="r-1")
    assert person.count("Customer") == (1 if when == "after" else 0)
    assert sandbox.requests(realm=person.realm, operation="create")[-1]["committed"] is (when == "after")
    assert person.save("Customer", {"DisplayName": "Ada"}, requestid="r-1")["DisplayName"] == "Ada"
    assert person.count("Customer") == 1


@pytest.mark.checklist(40)
def test_one_item_of_a_batch_can_fail(sandbox: RunningSandbox, person: Accountant) -> None:
    def items(*names: str) -> list[Json]:
        return [{"bId": name, "operation": "create", "Customer": {"DisplayName": name}} for name in names]

    sandbox.add_fault("status", level="item", entity="Customer", operation="create", nth=2, code="10000")
    answers = person.batch(items("a", "b", "c"), requestid="batch-1")
    assert [name for name in "abc" if "Fault" in answers[name]] == ["b"]
    assert answers["b"]["Fault"]["Error"][0]["code"] == "10000"
    assert person.count("Customer") == 2
    rule = sandbox.add_fault("status", level="item", bid="e", when="after", code="5010")
    answers = person.batch(items("d", "e"), requestid="batch-2")
    assert answers["e"]["Fault"]["Error"][0]["code"] == "5010"
    assert person.count("Customer") == 4
    again = person.batch(items("d", "e"), requestid="batch-2")  # it was done, and the repeat gets the first answer
    assert again["e"]["Customer"]["DisplayName"] == "e"
    entry = sandbox.requests(realm=person.realm, endpoint="batch")[1]
    assert (entry["item_faults"], entry["status"], entry["fault_rule"]) == ({"e": "5010"}, 200, None)
    assert entry["item_rules"] == {"e": rule}


def test_rules_match_by_client_requestid_realm_and_method(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.admin("POST", "/apps", {"client_id": "second-app", "client_secret": "s"})
    second = Accountant(sandbox, person.realm, sandbox.tokens(person.realm, client_id="second-app"))
    sandbox.add_fault("status", client="second-app", count=0)
    assert (asked(person, 1), asked(second, 1)) == ([""], ["10000"])
    sandbox.clear_faults()
    sandbox.add_fault("status", requestid="r-7", count=0)
    assert code_of(lambda: person.save("Customer", {"DisplayName": "A"}, requestid="r-6")) == ""
    assert code_of(lambda: person.save("Customer", {"DisplayName": "B"}, requestid="r-7")) == "10000"
    sandbox.clear_faults()
    other = sandbox.connect(sandbox.create_company())
    sandbox.add_fault("status", realm=other.realm, method="get", count=0)
    assert (asked(person, 1), asked(other, 1)) == ([""], ["10000"])
    assert code_of(lambda: other.save("Customer", {"DisplayName": "A"})) == ""


def test_rules_fire_every_so_often_and_within_a_window_of_the_clock(
    sandbox: RunningSandbox, person: Accountant
) -> None:
    sandbox.add_fault("status", endpoint="query", nth=2, every=3, count=2, label="now and then")
    assert asked(person, 9) == ["", "10000", "", "", "10000", "", "", "", ""]
    (rule,) = sandbox.faults()
    seen = [entry["seq"] for entry in sandbox.requests(realm=person.realm, status="500")]
    assert (rule["label"], rule["matched"], rule["fired"], rule["hits"]) == ("now and then", 9, 2, seen)
    sandbox.clear_faults()
    sandbox.set_speed(0)
    sandbox.set_clock("2026-03-01T12:00:00-08:00")
    sandbox.add_fault("status", since="2026-03-01T12:10:00-08:00", until="2026-03-01T12:20:00-08:00", count=0)
    told = []
    for _ in range(4):
        told += asked(person, 1)
        sandbox.advance(400)
    assert told == ["", "", "10000", ""]


@settings(max_examples=40, deadline=None)
@given(nth=st.integers(1, 5), every=st.integers(1, 4), count=st.integers(0, 4), calls=st.integers(0, 20))
def test_which_calls_a_rule_hits(nth: int, every: int, count: int, calls: int) -> None:
    injector = Injector(random.Random(1))
    injector.add({"kind": "reset", "nth": nth, "every": every, "count": count})
    entry = Entry(1, 0.0, "GET", "/", "")
    hits = [at for at in range(1, calls + 1) if injector.pick([Target("query")], entry) is not None]
    wanted = [at for at in range(1, calls + 1) if at >= nth and (at - nth) % every == 0]
    assert hits == (wanted[:count] if count else wanted)


def test_chance_is_the_same_for_the_same_seed(sandbox: RunningSandbox, person: Accountant) -> None:
    runs = []
    for _ in range(2):
        sandbox.clear_faults()
        sandbox.add_fault("status", endpoint="query", probability=0.4, seed=11)
        runs.append(asked(person, 30))
    assert runs[0] == runs[1]
    assert 3 < runs[0].count("10000") < 27


def test_token_and_revoke_calls_fail_by_client_too(sandbox: RunningSandbox, realm: str) -> None:
    tokens = sandbox.tokens(realm)
    form = f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}".encode()
    headers = {**BASIC, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    rule: Json = {"endpoint": "token", "client": "sandbox-client", "status": 400, "error": "invalid_grant"}
    sandbox.add_fault("status", **rule, detail="x")
    status, _, body = sandbox.send("POST", "/oauth2/v1/tokens/bearer", form, headers)
    assert (status, json.loads(body)) == (400, {"error": "invalid_grant", "error_description": "x"})
    assert sandbox.requests(endpoint="token")[-1]["fault_code"] == "invalid_grant"
    assert sandbox.send("POST", "/oauth2/v1/tokens/bearer", form, headers)[0] == 200
    sandbox.add_fault("reset", endpoint="revoke", when="after")
    gone = json.dumps({"token": tokens["refresh_token"]}).encode()
    with pytest.raises(LOST):
        sandbox.send("POST", "/v2/oauth2/tokens/revoke", gone, {**BASIC, "Content-Type": "application/json"})
    assert sandbox.send("POST", "/oauth2/v1/tokens/bearer", form, headers)[0] == 400


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, "kind"),
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "reset", "colour": 1}, "colour"),
        ({"kind": "reset", "when": "never"}, "when"),
        ({"kind": "reset", "entity": "Invoise"}, "entity"),
        ({"kind": "reset", "nth": 0}, "nth"),
        ({"kind": "reset", "every": "2"}, "every"),
        ({"kind": "reset", "count": -1}, "count"),
        ({"kind": "reset", "probability": 2}, "probability"),
        ({"kind": "reset", "since": "soon"}, "since"),
        ({"kind": "status", "status": 99}, "status"),
        ({"kind": "status", "headers": {"X": "a\r\nb: c"}}, "headers"),
        ({"kind": "reset", "level": "item"}, "kind"),
        ({"kind": "stall", "seconds": "long"}, "seconds"),
        ({"kind": "status", "code": 5010}, "code"),
    ],
)
def test_bad_rules_are_refused_by_the_name_of_the_member(sandbox: RunningSandbox, rule: Json, named: str) -> None:
    with pytest.raises(AdminError, match=f"{named}: "):
        sandbox.admin("POST", "/faults", rule)
    assert sandbox.faults() == []
    with pytest.raises(ValueError, match=named):
        make(rule)
