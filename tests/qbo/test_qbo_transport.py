"""Answers that are none: every broken body, status and connection ends in a known state (F-46, protocol.md 9)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from qbo_world import Client, MemoryStore, Stub, grant, http

from syncd.clock import ManualClock
from syncd.errors import QboError, QboUnavailable, ReconnectNeeded, WrongCompany
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Present, Unknown
from syncd.model.records.lists import Client as Customer
from syncd.model.records.payments import Payment
from syncd.model.writes import Conflict, Done, InDoubt, NotSent, Refused, Verb, WireWrite
from syncd.qbo.transport import Call

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
TIME = "2026-01-05T09:00:00.123-08:00"
PREFERENCES = {"SalesFormsPrefs": {"CustomTxnNumbers": True}, "CurrencyPrefs": {"HomeCurrency": {"value": "USD"}}}
INFO = {"CompanyInfo": {"CompanyName": "Acme", "Country": "US"}, "time": TIME}
GATEWAY_401 = {
    "warnings": None,
    "fault": {
        "error": [
            {
                "message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
                "detail": "Token expired",
                "code": "3200",
                "element": None,
            }
        ],
        "type": "AUTHENTICATION",
    },
    "time": 1741761950669,
}
XML_429 = (
    '<?xml version="1.0" encoding="UTF-8"?><IntuitResponse><Fault type="SERVICE"><Error code="3001">'
    "<Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message></Error></Fault></IntuitResponse>"
)
CUSTOMER = {"Id": "5", "SyncToken": "0", "DisplayName": "Acme", "CurrencyRef": {"value": "USD"}}


def ok(body: Any, **options: Any) -> bytes:
    return http(json.dumps(body).encode(), **options)


def fault(code: str, kind: str = "ValidationFault", status: str = "400 Bad Request", detail: str = "") -> bytes:
    error = {"Message": "m", "Detail": detail, "code": code, "element": ""}
    return ok({"Fault": {"Error": [error], "type": kind}, "time": TIME}, status=status)


def html(status: str = "502 Bad Gateway") -> bytes:
    return http(b"<html><body>Down for maintenance</body></html>", status=status, kind="text/html")


TOKENS = ok({"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600})
FACTS = (ok(INFO), ok({"Preferences": PREFERENCES, "time": TIME}))
WRITE = WireWrite("j", Kind.CLIENT, Verb.CREATE, "Customer", b'{"DisplayName":"Acme"}', "request-1")


class World:
    def __init__(self, server: Stub, **changes: Any) -> None:
        self.server = server
        self.clock = ManualClock(NOW)
        self.store = MemoryStore(grant(now=NOW))
        self.client = Client(server.base, self.store, clock=self.clock, **changes)
        self.books = self.client.books

    def ask(self) -> Any:
        return self.books._transport.read(Call("GET", "companyinfo/1", "companyinfo", reads=1))


@pytest.fixture
def world(stub: Callable[..., Stub]) -> Callable[..., World]:
    def make(*answers: Any, stall_seconds: float = 0.0, **changes: Any) -> World:
        return World(stub(*answers, stall_seconds=stall_seconds), **changes)

    return make


# reads


@pytest.mark.failure("F-46")
@pytest.mark.parametrize(
    "broken",
    [
        html(),
        html("200 OK"),
        http(b""),
        http(b"", status="503 Service Unavailable"),
        http(b'{"CompanyInfo": {', length=500),
        http(b'{"CompanyInfo": {"CompanyName": "\xff\xfe"}'),
        http(b'{"CompanyInfo": '),
        http(b"[]"),
        http(b"<?xml version='1.0'?><Something/>", kind="application/xml"),
        b"",
        b"not http at all\r\n\r\n",
        fault("10000", "SystemFault", "500 Internal Server Error"),
    ],
)
def test_a_read_survives_one_broken_answer(world: Callable[..., World], broken: bytes) -> None:
    made = world(broken, ok(INFO))
    assert made.ask().time == datetime(2026, 1, 5, 17, 0, 0, 123_000, tzinfo=UTC)


def test_a_read_that_never_works_ends_as_unavailable(world: Callable[..., World]) -> None:
    made = world(*[html()] * 9)
    with pytest.raises(QboUnavailable):
        made.ask()
    assert len(made.server.requests) < 9


def test_a_definite_no_is_not_repeated(world: Callable[..., World]) -> None:
    made = world(fault("4001"))
    with pytest.raises(QboError) as caught:
        made.ask()
    assert (caught.value.code, len(made.server.requests)) == ("4001", 1)


def test_a_fault_with_status_200_is_a_fault(world: Callable[..., World]) -> None:
    made = world(fault("6000", status="200 OK"))
    with pytest.raises(QboError) as caught:
        made.ask()
    assert caught.value.code == "6000"


@pytest.mark.failure("F-67")
@pytest.mark.parametrize(
    "refusal",
    [
        http(XML_429.encode(), status="429 Too Many Requests", kind="application/xml"),
        http(b"", status="429 Too Many Requests", kind="text/plain"),
        ok({"fault": {"error": [{"code": "3001"}], "type": "SERVICE"}}, status="429 Too Many Requests"),
        fault("003001", "SERVICE", "403 Forbidden"),
    ],
)
def test_a_throttle_pauses_a_minute(world: Callable[..., World], refusal: bytes) -> None:
    made = world(refusal, ok(INFO))
    made.ask()
    assert made.clock.now() >= NOW + timedelta(seconds=60)


def test_retry_after_is_honoured(world: Callable[..., World]) -> None:
    made = world(http(b"", status="429 Too Many", extra="Retry-After: 7\r\n"), ok(INFO))
    made.ask()
    assert made.clock.now() == NOW + timedelta(seconds=7)


def test_an_expired_token_is_renewed_and_the_request_repeated(world: Callable[..., World]) -> None:
    made = world(ok(GATEWAY_401, status="401 Unauthorized"), TOKENS, ok(INFO))
    made.ask()
    assert b"Bearer access-0" in made.server.requests[0]
    assert b"Bearer access-1" in made.server.requests[2]


@pytest.mark.failure("F-62")
def test_refusals_of_the_connection_stop_the_company(world: Callable[..., World]) -> None:
    gateway = ok(GATEWAY_401, status="401 Unauthorized")
    with pytest.raises(ReconnectNeeded, match="syncd connect"):
        world(gateway, TOKENS, gateway).ask()
    lost_rights = world(fault("120", "AuthorizationFault", "401 Unauthorized"))
    with pytest.raises(ReconnectNeeded, match="administrator"):
        lost_rights.ask()
    assert len(lost_rights.server.requests) == 1
    with pytest.raises(WrongCompany):
        world(ok({"fault": {"error": [{"code": "3100"}], "type": "SERVICE"}}, status="403 Forbidden")).ask()
    with pytest.raises(WrongCompany):
        world(html("403 Forbidden")).ask()


def test_redirects_are_not_followed(world: Callable[..., World]) -> None:
    """A bearer token must not go to wherever an answer points."""
    away = http(b"", status="302 Found", extra="Location: http://127.0.0.1:1/\r\n")
    made = world(*[away] * 9)
    with pytest.raises(QboUnavailable):
        made.ask()


@pytest.mark.failure("F-65")
def test_messages_hold_no_token_and_no_body(world: Callable[..., World]) -> None:
    made = world(*[http(b"<secret-body>" * 50, status="500 Oops", kind="text/html")] * 9)
    with pytest.raises(QboError) as caught:
        made.ask()
    text = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "access-0" not in text
    assert "secret-body" not in text


@pytest.mark.failure("F-121")
def test_every_request_says_what_it_takes(world: Callable[..., World]) -> None:
    made = world(ok(INFO))
    made.ask()
    head = made.server.requests[0]
    assert b"minorversion=75" in head
    assert b"Accept: application/json" in head


def test_metered_reads_are_counted_when_they_succeed(world: Callable[..., World]) -> None:
    made = world(html(), ok(INFO))
    made.ask()
    assert made.client.reads == 1
    seen = made.client.metrics.registry.get_sample_value
    labels = {"company": "acme", "endpoint": "companyinfo"}
    assert seen("syncd_qbo_requests_total", labels | {"code": "502"}) == 1
    assert seen("syncd_qbo_requests_total", labels | {"code": "200"}) == 1
    assert seen("syncd_qbo_metered_reads_total", {"company": "acme"}) == 1


# writes


@pytest.mark.failure("F-1")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        html(),
        html("200 OK"),
        html("400 Bad Request"),
        http(b'{"Customer": {', length=500),
        ok({"time": TIME}),
        ok({"BatchItemResponse": [], "time": TIME}),
        ok({"Customer": {"Id": "5"}, "time": TIME}),
        fault("10000", "SystemFault", "200 OK"),
        fault("10000", "SystemFault", "500 Internal Server Error"),
        fault("600"),
        http(b"", status="408 Request Timeout"),
        http(b"", status="504 Gateway Timeout"),
    ],
)
def test_an_unclear_write_is_in_doubt_and_never_repeated(world: Callable[..., World], answer: bytes) -> None:
    made = world(*FACTS, answer)
    made.books.facts()
    [outcome] = made.books.send([WRITE])
    assert isinstance(outcome, InDoubt), outcome
    assert len(made.server.requests) == 3
    assert b"requestid=request-1" in made.server.requests[2]


@pytest.mark.failure("F-72")
def test_a_stalled_write_is_in_doubt(world: Callable[..., World]) -> None:
    made = world(ok({"Customer": CUSTOMER, "time": TIME}), stall_seconds=5, read_timeout_seconds=0.2)
    [outcome] = made.books.send([WRITE])
    assert isinstance(outcome, InDoubt)


def test_a_write_that_never_left_was_not_sent() -> None:
    with socket.socket() as deaf:  # bound, but not listening: connections are refused
        deaf.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{deaf.getsockname()[1]}", MemoryStore(grant()))
        [outcome] = client.books.send([WRITE])
    assert isinstance(outcome, NotSent)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fault("5010"), Conflict),
        (fault("6240", detail="Id=77"), Refused),
        (fault("99999"), Refused),
        (fault("6190"), NotSent),
        (fault("150", "SystemFault", "503 Service Unavailable"), NotSent),
        (html("404 Not Found"), Refused),
        (ok({"Customer": CUSTOMER, "time": TIME}), Done),
    ],
)
def test_a_clear_answer_is_an_outcome(world: Callable[..., World], answer: bytes, kind: type) -> None:
    made = world(*FACTS, answer)
    made.books.facts()
    [outcome] = made.books.send([WRITE])
    assert isinstance(outcome, kind), outcome
    if isinstance(outcome, Refused) and outcome.code == "6240":
        assert (outcome.holder_id, bool(outcome.remedy)) == ("77", True)


def test_a_throttled_write_goes_out_again_with_the_same_id(world: Callable[..., World]) -> None:
    refusal = http(b"", status="429 Too Many Requests")
    made = world(*FACTS, refusal, ok({"Customer": CUSTOMER, "time": TIME}))
    made.books.facts()
    [outcome] = made.books.send([WRITE])
    assert isinstance(outcome, Done)
    first, second = made.server.requests[2:]
    assert first == second
    assert made.clock.now() >= NOW + timedelta(seconds=60)
    [outcome] = world(*[refusal] * 9).books.send([WRITE])
    assert isinstance(outcome, NotSent)


def test_a_write_after_a_refused_token_goes_out_once_more(world: Callable[..., World]) -> None:
    gateway = ok(GATEWAY_401, status="401 Unauthorized")
    made = world(*FACTS, gateway, TOKENS, ok({"Customer": CUSTOMER, "time": TIME}))
    made.books.facts()
    [outcome] = made.books.send([WRITE])
    assert isinstance(outcome, Done)
    with pytest.raises(ReconnectNeeded):
        world(gateway, TOKENS, gateway).books.send([WRITE])


def test_a_write_without_a_token_was_not_sent(world: Callable[..., World]) -> None:
    made = world(*[html()] * 9)
    made.store.grant = grant(expires=NOW)
    [outcome] = made.books.send([WRITE])
    assert isinstance(outcome, NotSent)
    assert all(b"/customer" not in request for request in made.server.requests)


@pytest.mark.failure("F-2")
def test_a_write_without_an_identity_is_a_bug(world: Callable[..., World]) -> None:
    for ids in ({"request_id": ""}, {"request_id": "x" * 51}, {"batch_request_id": "b", "batch_item_id": "x" * 11}):
        bad = WireWrite("j", Kind.CLIENT, Verb.CREATE, "Customer", b"{}", **({"request_id": "r"} | ids))
        with pytest.raises(ValueError, match="request id"):
            world().books.send([bad])


# batches


def in_batch(number: int) -> WireWrite:
    body = json.dumps({"DisplayName": f"C{number}"}).encode()
    return WireWrite("j", Kind.CLIENT, Verb.CREATE, "Customer", body, f"r{number}", "", "batch-1", str(number))


@pytest.mark.failure("F-71")
def test_batch_answers_are_matched_and_missing_ones_are_in_doubt(world: Callable[..., World]) -> None:
    items = [
        {"bId": "3", "Fault": {"Error": [{"code": "6240", "Detail": ""}], "type": "ValidationFault"}},
        {"bId": "1", "Customer": CUSTOMER | {"Id": "101"}},
        {"bId": "0", "Fault": {"Error": [{"code": "3001"}], "type": "SERVICE"}},
    ]
    made = world(*FACTS, ok({"BatchItemResponse": items, "time": TIME}))
    made.books.facts()
    outcomes = made.books.send([in_batch(number) for number in range(4)])
    assert [type(outcome) for outcome in outcomes] == [NotSent, Done, InDoubt, Refused]
    head, _, body = made.server.requests[2].partition(b"\r\n\r\n")
    assert b"requestid=batch-1" in head
    assert json.loads(body)["BatchItemRequest"][1] == {
        "bId": "1",
        "operation": "create",
        "Customer": {"DisplayName": "C1"},
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", InDoubt),
        (html(), InDoubt),
        (http(b"", status="429 x"), NotSent),
        (fault("1040"), NotSent),
        (fault("4000"), Refused),
    ],
)
def test_a_batch_that_fails_as_a_whole(world: Callable[..., World], answer: bytes, kind: type) -> None:
    made = world(*FACTS, *[answer] * 3)
    made.books.facts()
    outcomes = made.books.send([in_batch(number) for number in range(3)])
    assert [type(outcome) for outcome in outcomes] == [kind] * 3


def test_known_outcomes_survive_a_lost_connection_right(world: Callable[..., World]) -> None:
    gateway = ok(GATEWAY_401, status="401 Unauthorized")
    made = world(*FACTS, ok({"Customer": CUSTOMER, "time": TIME}), gateway, TOKENS, gateway)
    made.books.facts()
    outcomes = made.books.send([WRITE, WRITE, WRITE])
    assert [type(outcome) for outcome in outcomes] == [Done, NotSent, NotSent]


# what reads make of it


def test_a_failed_read_is_unknown_and_a_complete_one_is_a_witness(world: Callable[..., World]) -> None:
    rows = {"QueryResponse": {"Customer": [CUSTOMER], "startPosition": 1, "maxResults": 1}, "time": TIME}
    made = world(*FACTS, ok(rows), *[html()] * 5)
    made.books.facts()
    found = made.books.read(Kind.CLIENT, ["5", "6"])
    assert isinstance(found["5"], Present)
    assert isinstance(found["6"], Absent)
    assert isinstance(made.books.read(Kind.CLIENT, ["5"])["5"], Unknown)


@pytest.mark.failure("F-43")
def test_an_answer_about_something_else_is_no_empty_answer(world: Callable[..., World]) -> None:
    other = {"QueryResponse": {"Invoice": [{"Id": "1"}]}, "time": TIME}
    made = world(*FACTS, *[ok(other)] * 5)
    made.books.facts()
    assert isinstance(made.books.read(Kind.CLIENT, ["5"])["5"], Unknown)


@pytest.mark.behaviour("R-20")
def test_the_rate_of_the_day_then_the_current_one(world: Callable[..., World]) -> None:
    none = fault("6000", detail="no rate on that day")
    rate = {"ExchangeRate": {"SourceCurrencyCode": "EUR", "Rate": 1.310264}, "time": TIME}
    euros = Payment("p", "c1", NOW.date(), Decimal(1), (), currency="EUR")
    foreign = PREFERENCES | {"CurrencyPrefs": {"HomeCurrency": {"value": "USD"}, "MultiCurrencyEnabled": True}}
    made = world(ok(INFO), ok({"Preferences": foreign, "time": TIME}), none, ok(rate))
    for _ in range(2):
        sent = made.books.encode(Kind.PAYMENT, Verb.CREATE, euros, refs=lambda *_: "5", journal_id="1", request_id="1")
        assert b'"ExchangeRate":1.310264' in sent.body
    assert b"asofdate=2026-01-05" in made.server.requests[2]
    assert b"asofdate" not in made.server.requests[3]
    assert len(made.server.requests) == 4


@pytest.mark.failure("F-1")
def test_a_write_that_is_done_is_never_called_unsent(world: Callable[..., World]) -> None:
    """Reading its answer takes the default item, which QuickBooks does not give now: the write itself is done."""
    shipping = {
        "Amount": 5,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "SHIPPING_ITEM_ID"}},
    }
    row = {"Id": "9", "SyncToken": "0", "TxnDate": "2026-01-05", "CustomerRef": {"value": "5"}, "TotalAmt": 5}
    answer = ok({"Invoice": row | {"Line": [shipping]}, "time": TIME})
    made = world(*FACTS, answer, *[http(XML_429.encode(), status="429 Too Many Requests")] * 9)
    made.books.facts()
    write = WireWrite("j", Kind.INVOICE, Verb.CREATE, "Invoice", b"{}", "request-1")
    assert isinstance(made.books.send([write])[0], InDoubt)


@pytest.mark.failure("F-74")
def test_a_name_of_a_vendor_is_reported(world: Callable[..., World]) -> None:
    nothing = ok({"QueryResponse": {}, "time": TIME})
    vendors = [{"Id": "9", "DisplayName": "Shared  NAME"}, {"Id": "8", "DisplayName": "Free (deleted)"}]
    made = world(nothing, ok({"QueryResponse": {"Vendor": vendors}, "time": TIME}), nothing)
    found = made.books.find(Kind.CLIENT, [Customer("a", "Shared Name"), Customer("b", "Free")])
    assert isinstance(found["a"], Refused)
    assert (found["a"].code, found["a"].holder_id) == ("6240", "9")
    assert found["b"] == ()
    assert [b"Vendor" in request for request in made.server.requests] == [False, True, False]


def test_batched_reads_have_each_their_own_outcome(world: Callable[..., World]) -> None:
    row = CUSTOMER | {"Id": "0"}
    items = [
        {"bId": "2", "Fault": {"Error": [{"code": "4001"}], "type": "ValidationFault"}},
        {"bId": "0", "QueryResponse": {"Customer": [row]}},
        {"bId": "3", "Customer": row},
    ]
    made = world(*FACTS, ok({"BatchItemResponse": items, "time": TIME}))
    made.books.facts()
    found = made.books.read(Kind.CLIENT, [str(number) for number in range(160)])
    kinds = [type(found[str(number)]) for number in (0, 1, 40, 80, 120)]
    assert kinds == [Present, Absent, Unknown, Unknown, Unknown]
    assert made.client.reads == 2 + 4


@pytest.mark.failure("F-32")
def test_a_fault_inside_the_change_feed_makes_the_rest_unknown(world: Callable[..., World]) -> None:
    groups = [{"Fault": {"Error": [{"code": "10000"}]}}, {"Customer": [CUSTOMER]}, {}]
    made = world(ok({"CDCResponse": [{"QueryResponse": groups}], "time": TIME}), *FACTS)
    found = made.books.changes(NOW, (Kind.CLIENT, Kind.INVOICE))
    assert set(found.records) == {Kind.CLIENT}
    assert set(found.unknown) == {Kind.INVOICE}
    assert found.cursor == NOW


@pytest.mark.failure("F-46")
@pytest.mark.parametrize("body", [{"time": TIME}, {"CDCResponse": 5, "time": TIME}, {"CDCResponse": [{}]}])
def test_a_change_feed_that_is_none_is_no_silence(world: Callable[..., World], body: Any) -> None:
    with pytest.raises(QboUnavailable):
        world(*[ok(body)] * 9).books.changes(NOW, (Kind.CLIENT,))
