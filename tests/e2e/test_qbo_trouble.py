"""QuickBooks in trouble: nothing is done twice, nothing is missed, and the next runs settle what was left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from syncd.errors import QboError, QboThrottled, QboUnavailable, ReconnectNeeded, SyncdError, WrongCompany
from syncd.model.writes import Outcome, WireWrite
from syncd.qbo import transport
from syncd.qbo.writer import Writer
from syncd.state.values import JournalState
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    at_rest,
    born,
    change,
    held,
    money,
    once,
    receive,
    row,
    sales_line,
    totals,
)
from tests.support.world import World

BRIEF = {"read_timeout_seconds": 0.5, "connect_timeout_seconds": 0.5}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats follow at once: how long they wait is tested with the transport."""
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
    monkeypatch.setattr(transport, "PENALTY_SECONDS", 0.0)
    monkeypatch.setattr("syncd.qbo.limiter.PENALTY_SECONDS", 0.0)


def run(world: World) -> None:
    """A run that may fail as a whole, but only in a way that the operator is told about."""
    with suppress(SyncdError):
        world.run()


def settles(world: World, *, within: int = 3) -> None:
    """Without the trouble, a few runs bring everything into agreement."""
    world.sandbox.clear_faults()
    world.restart()
    for _ in range(within):
        world.run()
    once(world)
    at_rest(world)


# ---- every write, every fault


@dataclass(frozen=True)
class Write:
    """One kind of write: what leads to the nth of it, and how to see in the books that all were done exactly once."""

    name: str
    match: dict[str, str]
    prepare: Callable[[World, int], Any]
    done: Callable[[World, int], bool]
    start: Callable[[World], Any] = lambda _: None


def _client(world: World, n: int) -> None:
    world.invoice(world.client(f"Client {n}"), f"INV-{n}")


def _ada(world: World) -> None:
    world.client("Ada")
    world.invoice(1, "INV-0")
    world.run()


def _invoice(world: World, n: int) -> None:
    world.invoice(1, f"INV-{n}")


def _invoices(world: World, n: int) -> None:
    for letter in "abc":
        world.invoice(1, f"INV-{n}{letter}", ("10.00", letter))


def _edit(world: World, n: int) -> None:
    world.sql("UPDATE invoice SET due_date = :due WHERE id = 1", due=f"2026-05-{n:02}")


def _paid(world: World) -> None:
    _ada(world)
    for n in range(1, len(BRANCHES) + 1):
        world.payment(1, (1, "1.00"), reference=f"P-{n}")
    world.payment(1, (1, "1.00"), reference="P-0")
    world.run()


def _payment(world: World, n: int) -> None:
    world.payment(1, (1, "1.00"), reference=f"P-{n}")


def _payment_gone(world: World, n: int) -> None:
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=n)
    world.sql("DELETE FROM payment WHERE id = :id", id=n)


def _each(n: int, form: str, *more: str) -> dict[str, int]:
    return {form.format(k): 1 for k in range(1, n + 1)} | dict.fromkeys(more, 1)


BRANCHES = ("lost-answer", "reset", "cut-answer", "500-after", "503", "fault-200", "429", "5010")
"""One fault of each sort: lost, never arrived, unreadable, failed after and before, in disguise, turned away, stale."""

WRITES = (
    Write(
        "client",
        {"entity": "Customer", "operation": "create"},
        _client,
        lambda w, n: (
            born(w, "Customer", "DisplayName") == _each(n, "Client {}") and born(w, "Invoice") == _each(n, "INV-{}")
        ),
    ),
    Write(
        "invoice",
        {"entity": "Invoice", "operation": "create"},
        _invoice,
        lambda w, n: born(w, "Invoice") == _each(n, "INV-{}", "INV-0"),
        start=_ada,
    ),
    Write(
        "batch",
        {"endpoint": "batch"},
        _invoices,
        lambda w, n: born(w, "Invoice") == {f"INV-{k}{x}": 1 for k in range(1, n + 1) for x in "abc"} | {"INV-0": 1},
        start=_ada,
    ),
    Write(
        "invoice-update",
        {"entity": "Invoice", "operation": "update"},
        _edit,
        lambda w, n: str(w.one("Invoice")["DueDate"]) == f"2026-05-{n:02}",
        start=_ada,
    ),
    Write(
        "payment",
        {"entity": "Payment", "operation": "create"},
        _payment,
        lambda w, n: born(w, "Payment", "PaymentRefNum") == _each(n, "P-{}") and w.one("Invoice")["Balance"] == 100 - n,
        start=_ada,
    ),
    Write(
        "payment-delete",
        {"entity": "Payment", "operation": "delete"},
        _payment_gone,
        lambda w, n: (
            {p["PaymentRefNum"] for p in w.books("Payment")}
            == _each(len(BRANCHES), "P-{}", "P-0").keys() - _each(n, "P-{}").keys()
        ),
        start=_paid,
    ),
)

FAULTS: dict[str, dict[str, Any]] = {
    "lost-answer": {"kind": "reset", "when": "after"},
    "reset": {"kind": "reset", "when": "before"},
    "cut-answer": {"kind": "truncate"},
    "timeout-after": {"kind": "stall", "seconds": 1.5, "when": "after", "then": "reset"},
    "timeout-before": {"kind": "stall", "seconds": 1.5, "when": "before", "then": "reset"},
    "500": {"kind": "status", "status": 500},
    "500-after": {"kind": "status", "status": 500, "when": "after"},
    "502": {"kind": "html", "status": 502},
    "503": {"kind": "status", "status": 503},
    "504-after": {"kind": "html", "status": 504, "when": "after"},
    "html-200": {"kind": "html", "status": 200},
    "html-200-after": {"kind": "html", "status": 200, "when": "after"},
    "fault-200": {"kind": "fault200"},
    "429": {"kind": "status", "status": 429},
    "401": {"kind": "status", "status": 401},
    "5010": {"kind": "status", "status": 400, "code": "5010", "detail": "Stale Object Error"},
}


@pytest.mark.failure("F-1", "F-6", "F-52")
@pytest.mark.parametrize("write", WRITES, ids=lambda w: w.name)
def test_whatever_goes_wrong_with_a_write_it_is_done_once(make: Make, write: Write) -> None:
    """Every fault in turn, on one more write of the same kind; each is settled by the run after it."""
    world = make(qbo=BRIEF)
    write.start(world)
    faults = FAULTS if write.name in {"invoice", "batch"} else {name: FAULTS[name] for name in BRANCHES}
    for number, (name, fault) in enumerate(faults.items(), start=1):
        write.prepare(world, number)
        world.sandbox.add_fault(**fault, **write.match, realm=world.realm)
        run(world)
        once(world)
        run(world)
        world.sandbox.clear_faults()
        assert write.done(world, number), f"{write.name} after {name}"
    once(world)
    at_rest(world)


@pytest.mark.failure("F-1")
@pytest.mark.parametrize("write", WRITES, ids=lambda w: w.name)
def test_a_lost_answer_and_a_restart_and_another_lost_answer(make: Make, write: Write) -> None:
    world = make(qbo=BRIEF)
    write.start(world)
    write.prepare(world, 1)
    for _ in range(3):
        world.sandbox.add_fault("reset", when="after", **write.match, realm=world.realm)
        run(world)
        once(world)
        world.restart()
    settles(world)
    assert write.done(world, 1)


def _invoice_ready(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")


def _linked(world: World) -> tuple[int, int]:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.run()
    return ada, invoice


def _payment_ready(world: World) -> None:
    ada, invoice = _linked(world)
    world.payment(ada, (invoice, "60.00"), reference="P-1")
    world.payment(ada, (invoice, "1.00"), reference="P-2")


@pytest.mark.failure("F-1", "F-43")
def test_a_lost_answer_is_not_repeated_while_the_books_cannot_be_read(make: Make) -> None:
    """Nobody knows whether it arrived: then nothing is sent, and the exit code says that an outcome is unknown."""
    world = make(qbo=BRIEF)
    _invoice_ready(world)
    world.sandbox.add_fault("reset", when="after", entity="Invoice", operation="create", realm=world.realm)
    assert world.run().exit_code == 5
    world.sandbox.add_fault("status", status=503, endpoint="query", count=0, realm=world.realm)
    before = world.writes()
    run(world)
    run(world)
    assert world.writes() == before
    assert len(world.store.open_entries(world.name)) == 1
    settles(world)
    assert born(world, "Invoice") == {"INV-1": 1}


@pytest.mark.failure("F-1", "F-88")
def test_someone_enters_the_same_number_while_the_answer_is_lost(make: Make) -> None:
    """The request never arrived, and a person entered another invoice under the number: it is not taken for ours."""
    world = make(qbo=BRIEF)
    ada, _ = _linked(world)
    world.sandbox.add_fault("reset", when="before", entity="Invoice", operation="create", realm=world.realm)
    world.invoice(ada, "INV-2", ("50.00", "Work"))
    run(world)
    body = {
        "CustomerRef": world.one("Invoice", DocNumber="INV-1")["CustomerRef"],
        "DocNumber": "INV-2",
        "TxnDate": "2026-03-02",
        "Line": [sales_line("77.00", "By hand")],
    }
    by_hand = world.accountant.save("Invoice", body)
    world.run()
    world.run()
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}
    assert world.accountant.read("Invoice", by_hand["Id"])["SyncToken"] == by_hand["SyncToken"]
    assert [h.label for h in held(world)] == ["INV-2"]
    at_rest(world, held=1)


# ---- reading


@pytest.mark.failure("F-32", "F-46")
@pytest.mark.parametrize(
    "fault", ["reset", "cut-answer", "timeout-before", "500", "502", "html-200", "fault-200", "429"]
)
def test_a_change_feed_that_fails_is_read_again(make: Make, fault: str) -> None:
    world = make(qbo=BRIEF)
    _, invoice = _linked(world)
    sent = world.one("Invoice")
    change(world, "Invoice", sent, DueDate="2026-06-01")
    cursor = world.store.cursors(world.name).qbo
    world.sandbox.add_fault(**FAULTS[fault], endpoint="cdc", count=0, realm=world.realm)
    run(world)
    assert world.store.cursors(world.name).qbo == cursor
    assert str(row(world, "invoice", invoice)["due_date"]) == "2026-04-01"
    settles(world, within=1)
    assert str(row(world, "invoice", invoice)["due_date"]) == "2026-06-01"


@pytest.mark.failure("F-43", "F-48")
@pytest.mark.parametrize("fault", ["500", "reset", "cut-answer", "html-200", "fault-200"])
def test_nothing_is_created_while_looking_for_it_fails(make: Make, fault: str) -> None:
    world = make(qbo=BRIEF)
    _invoice_ready(world)
    world.sandbox.add_fault(**FAULTS[fault], endpoint="query", count=0, realm=world.realm)
    run(world)
    run(world)
    assert world.books("Invoice") == [] == world.books("Customer")
    settles(world)
    assert born(world, "Invoice") == {"INV-1": 1}


@pytest.mark.case("C01")
@pytest.mark.failure("F-44")
def test_a_deletion_that_cannot_be_confirmed_is_no_deletion(make: Make) -> None:
    """The feed says deleted, the read by id fails: the payment stays in the source until a second witness speaks."""
    world = make(qbo=BRIEF)
    _payment_ready(world)
    world.run()
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="P-1"))
    world.sandbox.add_fault("status", status=500, endpoint="query", count=0, realm=world.realm)
    run(world)
    assert len(world.rows("SELECT id FROM payment")) == 2
    settles(world)
    assert [p["reference"] for p in world.rows("SELECT * FROM payment")] == ["P-2"]


# ---- the connection and the company


@pytest.mark.failure("F-64")
def test_another_company_that_answers_is_refused(world: World) -> None:
    _linked(world)
    world.invoice(1, "INV-2")
    info = world.accountant.call("GET", f"companyinfo/{world.realm}")["CompanyInfo"]
    body = (
        '{"CompanyInfo": {"Id": "1", "CompanyName": "Somebody Else", "Country": "US"}, "time": "2026-11-22T00:00:00Z"}'
    )
    world.sandbox.add_fault("status", status=200, body=body, endpoint="entity", entity="CompanyInfo", count=0)
    world.restart()
    before = world.writes()
    with pytest.raises(SyncdError) as caught:
        world.run()
    assert caught.value.exit_code == 4
    assert "Somebody Else" in str(caught.value) or info["CompanyName"] in str(caught.value)
    assert world.writes() == before
    world.sandbox.clear_faults()
    world.store.resume(world.name, "Ann", "the address was corrected")
    settles(world)


@pytest.mark.failure("F-63")
def test_a_revoked_grant_asks_for_a_new_connection(world: World) -> None:
    _linked(world)
    world.invoice(1, "INV-2")
    world.sandbox.admin("POST", f"/companies/{world.realm}/disconnect")
    before = world.writes()
    for _ in range(2):
        with pytest.raises(ReconnectNeeded, match="syncd connect"):
            world.run()
    assert world.writes() == before
    world.grant()
    settles(world)
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 403}, WrongCompany),
        ({"kind": "status", "status": 401, "endpoint": "entity"}, ReconnectNeeded),  # new tokens are given, and refused
        ({"kind": "status", "status": 429}, QboThrottled),
        ({"kind": "html", "status": 502}, QboUnavailable),
    ],
    ids=["403", "401", "429", "502"],
)
def test_what_concerns_the_whole_company_stops_the_run(
    world: World, fault: dict[str, Any], error: type[QboError]
) -> None:
    _linked(world)
    world.invoice(1, "INV-2")
    before = world.writes()
    world.sandbox.add_fault(**fault, count=0, realm=world.realm)
    with pytest.raises(error) as caught:
        world.run()
    assert str(caught.value)
    assert world.writes() == before
    settles(world)
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}


def test_a_grant_that_dies_between_two_writes_leaves_nothing_twice(world: World) -> None:
    """The customer is written, then the grant ends: the invoice waits, open in the journal, and goes out once."""
    _invoice_ready(world)
    world.sandbox.add_fault("status", status=401, entity="Invoice", operation="create", count=0, realm=world.realm)
    with pytest.raises(ReconnectNeeded):
        world.run()
    world.sandbox.clear_faults()
    world.grant()
    settles(world)
    assert born(world, "Invoice") == {"INV-1": 1}
    assert born(world, "Customer", "DisplayName") == {"Ada": 1}


def test_what_was_made_ready_and_did_not_leave_is_given_up(make: Make) -> None:
    """While a batch travels the next is made ready. The grant ends: only the batch that had left is in doubt."""
    world = make(qbo={"batch_size": 4})
    ada = world.client("Ada")
    for n in range(14):
        world.invoice(ada, f"INV-{n}")
    world.sandbox.add_fault("status", status=401, endpoint="batch", nth=2, count=0, realm=world.realm)
    with pytest.raises(ReconnectNeeded):
        world.run(approve_first_run=True)
    assert len(world.books("Invoice")) == 4
    assert [entry.state for entry in world.store.open_entries(world.name)] == [JournalState.SENT] * 4
    world.sandbox.clear_faults()
    world.grant()
    settles(world)
    assert born(world, "Invoice") == {f"INV-{n}": 1 for n in range(14)}


def test_one_refused_item_of_a_batch_holds_back_only_itself(world: World) -> None:
    ada = world.client("Ada")
    good = [world.invoice(ada, f"INV-{n}", (f"{n}0.00", "Work")) for n in range(1, 6)]
    world.client("Eva", "EUR")
    wrong = world.invoice(ada, "INV-9", currency="GBP")
    report = world.run()
    assert report.outcome == "held"
    assert sorted(born(world, "Invoice")) == [f"INV-{n}" for n in range(1, 6)]
    assert all(row(world, "invoice", invoice)["qbo_id"] for invoice in good)
    assert row(world, "invoice", wrong)["qbo_id"] is None
    world.sql("UPDATE invoice SET currency = 'USD' WHERE id = :id", id=wrong)
    settles(world)
    assert totals(world.books("Invoice")) == Decimal("250.00")


@pytest.mark.failure("F-8", "F-20")
@pytest.mark.case("C25")
def test_an_edit_that_comes_between_reading_and_writing_is_not_overwritten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QuickBooks refuses with 5010; the record is read again, decided again, and both edits live on."""
    _, invoice = _linked(world)
    sent = world.one("Invoice")
    world.sql("UPDATE invoice SET due_date = '2026-05-15' WHERE id = :id", id=invoice)
    send = Writer.send

    def late(writer: Writer, writes: Sequence[WireWrite]) -> list[Outcome]:
        monkeypatch.setattr(Writer, "send", send)
        change(world, "Invoice", sent, CustomerMemo={"value": "From the accountant"})
        return send(writer, writes)

    monkeypatch.setattr(Writer, "send", late)
    world.run()
    now = world.one("Invoice")
    assert (str(now["DueDate"]), now["CustomerMemo"]["value"]) == ("2026-05-15", "From the accountant")
    assert row(world, "invoice", invoice)["notes"] == "From the accountant"
    settles(world)


def test_payments_in_quickbooks_wait_while_the_feed_is_down_and_come_once(make: Make) -> None:
    world = make(qbo=BRIEF)
    _, invoice = _linked(world)
    sent = world.one("Invoice")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "25.00"))
    world.sandbox.add_fault("fault200", endpoint="cdc", count=0, realm=world.realm)
    for _ in range(2):
        run(world)
    assert world.rows("SELECT id FROM payment") == []
    settles(world)
    (payment,) = world.rows("SELECT * FROM payment")
    assert money(payment["amount"]) == 25
    assert invoice
