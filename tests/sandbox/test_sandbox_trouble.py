"""Throttling and faults on demand (protocol.md 3, 9; checklist 17, 35 to 40)."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox

Json = dict[str, Any]


@pytest.fixture
def throttled(sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """Throttling on, and the clock standing still."""
    sandbox.admin("POST", "/throttle/reset")
    sandbox.switch(throttle="exact")
    sandbox.set_speed(0)
    yield sandbox
    sandbox.switch(throttle="off")


def status_of(work: Callable[[], object]) -> int:
    try:
        work()
    except RefusedError as error:
        return error.status
    return 200


def reads(person: Accountant, count: int) -> list[int]:
    return [status_of(lambda: person.query("select * from Term")) for _ in range(count)]


@pytest.mark.checklist(35)
def test_ten_requests_a_second_for_each_app_then_429(throttled: RunningSandbox, realm: str) -> None:
    person = throttled.connect(realm)
    assert reads(person, 12) == [200] * 10 + [429] * 2
    throttled.admin("POST", "/apps", {"client_id": "second", "client_secret": "s"})
    second = Accountant(throttled, realm, throttled.tokens(realm, client_id="second"))
    assert reads(second, 1) == [200]
    throttled.advance(0.9)
    assert reads(person, 1) == [429]
    throttled.advance(0.2)
    assert reads(person, 1) == [200]


@pytest.mark.checklist(35)
def test_five_hundred_requests_a_minute_for_each_company(throttled: RunningSandbox, realm: str) -> None:
    throttled.switch(throttle="lenient")
    person = throttled.connect(realm)
    assert reads(person, 250) == [200] * 250
    throttled.advance(30)
    assert reads(person, 251) == [200] * 250 + [429]
    other = throttled.connect(throttled.create_company())
    assert reads(other, 1) == [200]
    throttled.advance(30.5)
    assert reads(person, 251) == [200] * 250 + [429]
    assert len(throttled.requests(realm=realm, status="429")) == 2


@pytest.mark.checklist(36)
def test_forty_batches_a_minute_for_each_app_and_120_for_the_company(throttled: RunningSandbox, realm: str) -> None:
    throttled.switch(throttle="lenient")

    def batches(person: Accountant, count: int) -> list[int]:
        items = [{"bId": "1", "Query": "select * from Term"}]
        return [status_of(lambda: person.batch(items)) for _ in range(count)]

    assert batches(throttled.connect(realm), 41) == [200] * 40 + [429]
    for app, passed in (("b", 40), ("c", 40), ("d", 0)):
        throttled.admin("POST", "/apps", {"client_id": app, "client_secret": "s"})
        person = Accountant(throttled, realm, throttled.tokens(realm, client_id=app))
        assert batches(person, 41).count(200) == passed
        assert reads(person, 1) == [200]


@pytest.mark.checklist(38)
def test_metered_reads_are_counted_by_month_and_blocked_at_the_cap(throttled: RunningSandbox, realm: str) -> None:
    throttled.switch(throttle="lenient", monthly_cap=5)
    throttled.set_clock("2026-03-31T23:59:00-07:00")
    person, other = throttled.connect(realm), throttled.connect(throttled.create_company())
    assert reads(person, 2) == [200, 200]
    since = "2026-03-31T00:00:00-07:00"
    assert status_of(lambda: person.query("select * from Nonsense")) == 400  # what fails is not metered
    assert person.save("Customer", {"DisplayName": "Ada"})  # nor what puts data in
    person.cdc("Customer", since)
    items: list[Json] = [{"bId": "1", "Query": "select * from Term"}]
    items.append({"bId": "2", "operation": "create", "Term": {"Name": "t"}})
    person.batch(items)
    assert coreplus(throttled, realm) == 4
    assert reads(other, 2) == [200, 429]  # the cap is that of all companies together
    assert coreplus(throttled, other.realm) == 1
    assert status_of(lambda: person.read("Customer", "1")) == 429
    assert person.save("Customer", {"DisplayName": "Bob"})
    throttled.advance(60)
    assert reads(person, 1) == [200]  # a new month
    assert coreplus(throttled, realm) == 1
    throttled.switch(monthly_cap=0)
    assert reads(person, 10) == [200] * 10


def coreplus(sandbox: RunningSandbox, realm: str) -> int:
    assert sandbox.sandbox is not None
    world = sandbox.sandbox.world
    return world.throttle.month(realm, world.clock.now())


@pytest.mark.checklist(37)
@pytest.mark.parametrize("form", ["json_lower", "json_title", "xml", "empty"])
def test_429_has_no_retry_after_and_a_switchable_body(throttled: RunningSandbox, realm: str, form: str) -> None:
    throttled.switch(throttle_body=form)
    person = throttled.connect(realm)
    reads(person, 10)
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    status, answered, body = throttled.send("GET", f"/v3/company/{realm}/companyinfo/{realm}", None, headers)
    assert status == 429
    assert "retry-after" not in answered
    if form == "json_lower":
        (error,) = json.loads(body)["fault"]["error"]
        assert error["code"] == "3001"
        assert error["message"] == "message=ThrottleExceeded; errorCode=003001; statusCode=429"
        assert error["detail"] == "The request limit was reached.  Try again later"
    elif form == "json_title":
        fault = json.loads(body)["Fault"]
        assert (fault["Error"][0]["code"], fault["type"]) == ("3001", "SERVICE")
    elif form == "xml":
        assert b'code="3001"' in body
        assert answered["content-type"].startswith("application/xml")
    else:
        assert body == b""


def test_throttling_is_on_by_default_and_can_be_off() -> None:
    from syncd.sandbox.switches import Switches

    assert Switches().throttle == "exact"


@pytest.mark.checklist(39)
@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("when", ["before", "after"])
def test_status_faults_before_and_after_the_commit(
    sandbox: RunningSandbox, person: Accountant, realm: str, status: int, when: str
) -> None:
    sandbox.add_fault("status", status=status, entity="Customer", operation="create", when=when)
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    headers["Content-Type"] = "application/json"
    got, answered, body = sandbox.send("POST", f"/v3/company/{realm}/customer", b'{"DisplayName":"A"}', headers)
    assert got == status
    assert answered["intuit_tid"]
    if status > 500:
        assert answered["content-type"].startswith("text/html")
        assert b"<html>" in body
    else:
        assert json.loads(body)
    assert person.count("Customer") == (1 if when == "after" else 0)
    entry = sandbox.requests(realm=realm, operation="create")[-1]
    assert (entry["status"], entry["committed"]) == (status, when == "after")
    assert entry["fault_rule"]
    assert status_of(lambda: person.save("Customer", {"DisplayName": "B"})) == 200


@pytest.mark.checklist(17)
def test_an_answer_lost_after_the_commit_is_given_again_for_the_same_request_id(
    sandbox: RunningSandbox, person: Accountant
) -> None:
    sandbox.add_fault("reset", when="after", entity="Customer", operation="create")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        person.save("Customer", {"DisplayName": "Ada"}, requestid="lost")
    assert person.count("Customer") == 1
    made = person.save("Customer", {"DisplayName": "Ada"}, requestid="lost")
    assert made["SyncToken"] == "0"
    assert person.count("Customer") == 1


@pytest.mark.checklist(39)
def test_a_request_lost_before_the_commit_has_done_nothing(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("reset", entity="Customer", operation="create", count=2)
    for _ in range(2):
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            person.save("Customer", {"DisplayName": "Ada"}, requestid="lost")
    assert person.count("Customer") == 0
    assert sandbox.requests(realm=person.realm, operation="create")[-1]["status"] == 0
    assert person.save("Customer", {"DisplayName": "Ada"}, requestid="lost")["Id"] == "1"


@pytest.mark.checklist(39)
def test_a_stall_answers_late_or_never(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("stall", seconds=0.2, endpoint="query")
    begun = time.monotonic()
    assert person.query("select * from Term")
    assert time.monotonic() - begun >= 0.2
    sandbox.add_fault("stall", seconds=0.05, then="reset", when="after", operation="create")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        person.save("Customer", {"DisplayName": "Ada"})
    assert person.count("Customer") == 1


def test_a_truncated_body_ends_early(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("truncate", operation="create")
    with pytest.raises(http.client.IncompleteRead) as caught:
        person.save("Customer", {"DisplayName": "Ada"})
    assert caught.value.partial.startswith(b'{"Customer":')
    assert person.count("Customer") == 1


def test_html_and_own_bodies(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    path = f"/v3/company/{realm}/companyinfo/{realm}"
    sandbox.add_fault("html", status=200, endpoint="entity")
    status, answered, body = sandbox.send("GET", path, None, headers)
    assert (status, answered["content-type"]) == (200, "text/html")
    assert b"<html>" in body
    sandbox.add_fault("status", status=418, body='{"tea": true}', endpoint="entity")
    status, _, body = sandbox.send("GET", path, None, headers)
    assert (status, body) == (418, b'{"tea": true}')


@pytest.mark.checklist(23)
@pytest.mark.checklist(40)
def test_a_fault_under_200_and_code_10000_for_a_whole_cdc_call(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("fault200", entity="Invoice", operation="void")
    with pytest.raises(RefusedError) as caught:
        person.save("Invoice", {"Id": "1", "SyncToken": "0"}, operation="void")
    assert (caught.value.status, caught.value.code) == (200, "10000")
    assert caught.value.body["Fault"]["type"] == "SystemFault"
    sandbox.add_fault("status", endpoint="cdc")
    with pytest.raises(RefusedError) as caught:
        person.cdc("Customer,Invoice", sandbox.admin("GET", "/clock")["now"])
    assert (caught.value.status, caught.value.code) == (500, "10000")
    sandbox.add_fault("status", status=400, code="6540", detail="in a deposit", entity="Payment")
    with pytest.raises(RefusedError) as caught:
        person.read("Payment", "1")
    assert (caught.value.status, caught.value.code) == (400, "6540")


def test_rules_fire_on_the_nth_call_so_many_times_or_by_chance(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("status", endpoint="query", nth=3, count=2)
    assert reads(person, 6) == [200, 200, 500, 500, 200, 200]
    (rule,) = sandbox.admin("GET", "/faults")["faults"]
    assert (rule["matched"], rule["fired"]) == (6, 2)
    sandbox.admin("DELETE", f"/faults/{rule['id']}")
    sandbox.add_fault("status", endpoint="query", count=0)
    assert reads(person, 3) == [500] * 3
    sandbox.clear_faults()
    sandbox.add_fault("status", endpoint="query", probability=0.5)
    seen = reads(person, 60)
    assert 10 < seen.count(500) < 50


def test_a_batch_is_matched_by_what_is_inside(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.add_fault("status", status=503, endpoint="batch", entity="Term", operation="create")
    query = [{"bId": "1", "Query": "select * from Term"}]
    assert person.batch(query)["1"]["QueryResponse"]
    with pytest.raises((RefusedError, ValueError)):
        person.batch([{"bId": "1", "operation": "create", "Term": {"Name": "x", "DueDays": 3}}])
    assert sandbox.requests(realm=person.realm)[-1]["status"] == 503


def test_token_calls_can_fail_too(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.add_fault("reset", endpoint="token", when="after")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        sandbox.send("POST", "/oauth2/v1/tokens/bearer", b"grant_type=refresh_token")
    sandbox.add_fault("status", endpoint="token", status=503)
    assert sandbox.send("POST", "/oauth2/v1/tokens/bearer", b"")[0] == 503


@pytest.mark.parametrize(
    "rule", [{"kind": "nonsense"}, {"kind": "reset", "colour": 1}, {"kind": "reset", "when": "never"}, {}]
)
def test_bad_rules_are_refused(sandbox: RunningSandbox, rule: Json) -> None:
    with pytest.raises(AdminError):
        sandbox.admin("POST", "/faults", rule)
