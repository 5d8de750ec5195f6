"""Payments with credit, and credit notes used on invoices: cash apart from credit, both ways (C-R3, C-R4)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from books_world import ACME, INVOICE, Companies, D, again, created, now, present, send, write
from codec_world import flaw, read, sent, wishes
from qbo_world import SAMPLES
from qbo_world import Client as World

from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present, Unknown
from syncd.model.records.forms import CreditNote, Line
from syncd.model.records.payments import Allocation, CreditApplication, CreditUse, Payment
from syncd.model.references import is_plainly
from syncd.model.writes import Done, InDoubt, Refused, Verb
from syncd.qbo import Unencodable, wire
from syncd.sandbox.server import RunningSandbox

NOTE = CreditNote("n1", "c1", date(2026, 1, 7), D("40.00"), (Line(D("40.00"), description="Back"),), number="CN-1")
MONEY = Payment(
    "p1",
    "c1",
    date(2026, 1, 9),
    D("70.00"),
    (Allocation("i1", D("70.00")),),
    reference="CHK-1",
    credits=(CreditUse("n1", D("30.00")),),
    method="m1",
)
USED = CreditApplication("a1", "c1", "n1", date(2026, 1, 8), (Allocation("i1", D("25.00")),))
METHODS = {"m1": "2", "m2": "3", "none": "-"}


def world_of(company: Companies, **options: Any) -> tuple[World, dict[str, str]]:
    """A company with a client, an invoice of 110 and a credit memo of 40."""
    made, known = company(options), dict(METHODS)
    created(made, Kind.CLIENT, ACME, known)
    created(made, Kind.INVOICE, INVOICE, known)
    created(made, Kind.CREDIT_NOTE, NOTE, known)
    return made, known


def left(world: World, known: dict[str, str]) -> tuple[Any, Any]:
    """What is open on the invoice and on the credit memo."""
    invoice, memo = now(world, Kind.INVOICE, known["i1"]).record, now(world, Kind.CREDIT_NOTE, known["n1"]).record
    return invoice.balance, memo.balance  # type: ignore[union-attr]


def changed(world: World, known: dict[str, str], before: Present, record: Any, *fields: str) -> Any:
    return present(again(world, Kind.PAYMENT, Verb.UPDATE, before, record, known, *fields)).record


# payments


@pytest.mark.behaviour("R-53")
@pytest.mark.behaviour("R-57")
@pytest.mark.behaviour("R-59")
@pytest.mark.behaviour("R-64")
def test_cash_and_credit_together(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = world_of(company)
    after = created(made, Kind.PAYMENT, MONEY, known)
    row = sandbox.connect(made.config.realm_id).read("Payment", after.record.id)
    assert (D(str(row["TotalAmt"])), row["PaymentMethodRef"]["value"]) == (40, "2")
    found = after.record
    assert isinstance(found, Payment)
    assert (found.amount, found.cash) == (D(70), D(40))
    assert found.credits == (CreditUse(known["n1"], D(30)),)
    assert (found.method, found.method_name) == ("2", "Check")
    assert left(made, known) == (D(40), D(10))

    less = msgspec.structs.replace(
        MONEY, amount=D("50.00"), allocations=(Allocation("i1", D("50.00")),), credits=(), method="m2"
    )
    found = changed(made, known, after, less, "amount", "allocations", "credits", "method")
    assert (found.amount, found.cash, found.credits, found.method_name) == (D(50), D(50), (), "Visa")
    assert left(made, known) == (D(60), D(40))
    bare = msgspec.structs.replace(less, method="none")
    assert changed(made, known, now(made, Kind.PAYMENT, known["p1"]), bare, "method").method == ""


def test_a_payment_of_credit_alone_needs_no_account(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = world_of(company)
    only = msgspec.structs.replace(MONEY, amount=D("30.00"), allocations=(Allocation("i1", D("30.00")),))
    after = created(made, Kind.PAYMENT, only, known)
    found = after.record
    assert isinstance(found, Payment)
    assert (found.amount, found.cash) == (D(30), D(0))
    assert "DepositToAccountRef" not in sandbox.connect(made.config.realm_id).read("Payment", found.id)


def test_an_edit_of_the_amount_leaves_the_credit_that_is_not_ours() -> None:
    current = {
        "Id": "3",
        "SyncToken": "1",
        "TotalAmt": 40,
        "Line": [{"Amount": 30, "LinkedTxn": [{"TxnId": "2", "TxnType": "CreditMemo"}]}],
    }
    record = msgspec.structs.replace(MONEY, amount=D(90), credits=())
    body = sent(Kind.PAYMENT, Verb.UPDATE, record, wishes({"amount", "allocations"}, current))
    assert body["TotalAmt"] == 60
    assert [line["Amount"] for line in body["Line"]] == [30, 70]
    with pytest.raises(Unencodable) as caught:
        sent(Kind.PAYMENT, Verb.UPDATE, msgspec.structs.replace(record, amount=D(20)), wishes({"amount"}, current))
    assert caught.value.problems[0].code == "credits-sum"


def test_links_to_other_documents_stay() -> None:
    other = {"Amount": 5, "LinkedTxn": [{"TxnId": "8", "TxnType": "JournalEntry"}]}
    current = {"Id": "3", "SyncToken": "1", "TotalAmt": 40, "Line": [other]}
    body = sent(Kind.PAYMENT, Verb.UPDATE, MONEY, wishes({"amount", "allocations", "credits"}, current))
    assert body["Line"][0] == other
    assert body["TotalAmt"] == 40
    assert len(body["Line"]) == 3


def test_an_unlinked_credit_note_stops_the_payment() -> None:
    record = msgspec.structs.replace(MONEY, credits=(CreditUse("s-gone", D(5)),))
    with pytest.raises(Unencodable, match="credit note"):
        sent(Kind.PAYMENT, Verb.CREATE, record, wishes())


@pytest.mark.behaviour("R-57")
@pytest.mark.parametrize("method", ["s-gone", "s-none", ""])
def test_a_method_without_counterpart_is_left_off(method: str) -> None:
    record = msgspec.structs.replace(MONEY, method=method)
    assert "PaymentMethodRef" not in sent(Kind.PAYMENT, Verb.CREATE, record, wishes())


# applications


@pytest.mark.behaviour("R-80")
def test_an_application_goes_out_changes_and_goes(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = world_of(company)
    after = created(made, Kind.CREDIT_APPLICATION, USED, known)
    row = sandbox.connect(made.config.realm_id).read("Payment", after.record.id)
    assert (row["TotalAmt"], row["UnappliedAmt"]) == (0, 0)
    assert "DepositToAccountRef" not in row
    assert after.record == CreditApplication(
        after.record.id, known["c1"], known["n1"], date(2026, 1, 8), (Allocation(known["i1"], D(25)),), currency="USD"
    )
    assert left(made, known) == (D(85), D(15))

    more = msgspec.structs.replace(USED, allocations=(Allocation("i1", D("40.00")),), date=date(2026, 1, 9))
    grown = present(again(made, Kind.CREDIT_APPLICATION, Verb.UPDATE, after, more, known, "allocations", "date"))
    assert isinstance(grown.record, CreditApplication)
    assert (grown.record.allocations[0].amount, grown.record.date) == (D(40), date(2026, 1, 9))
    assert left(made, known) == (D(70), D(0))
    void = present(again(made, Kind.CREDIT_APPLICATION, Verb.VOID, grown, None, known))
    assert isinstance(void.record, CreditApplication)
    assert (void.record.state, void.record.credit_note) == (State.VOID, "")
    assert left(made, known) == (D(110), D(40))
    gone = again(made, Kind.CREDIT_APPLICATION, Verb.DELETE, void, None, known)
    assert isinstance(gone, Done)
    assert isinstance(gone.after, Absent)


def test_more_than_is_left_of_the_credit_is_refused(company: Companies) -> None:
    made, known = world_of(company)
    much = msgspec.structs.replace(USED, allocations=(Allocation("i1", D("41.00")),))
    assert isinstance(send(made, Kind.CREDIT_APPLICATION, Verb.CREATE, much, known), Refused)


def test_an_application_to_nothing_is_none() -> None:
    with pytest.raises(Unencodable) as caught:
        sent(Kind.CREDIT_APPLICATION, Verb.CREATE, msgspec.structs.replace(USED, allocations=()), wishes())
    assert caught.value.problems[0].code == "allocations-none"


def test_a_foreign_application_carries_its_rate() -> None:
    euros = msgspec.structs.replace(USED, currency="EUR")
    body = sent(Kind.CREDIT_APPLICATION, Verb.CREATE, euros, wishes(multicurrency=True))
    assert (body["CurrencyRef"], body["ExchangeRate"]) == ({"value": "EUR"}, D("1.25"))


def test_other_credits_in_the_payment_stop_the_edit() -> None:
    lines = [
        {"Amount": 5, "LinkedTxn": [{"TxnId": str(memo), "TxnType": "CreditMemo"}], "LineEx": {}} for memo in (1, 2)
    ]
    current = {"Id": "3", "SyncToken": "1", "TotalAmt": 0, "Line": lines}
    with pytest.raises(Unencodable) as caught:
        sent(Kind.CREDIT_APPLICATION, Verb.UPDATE, USED, wishes({"allocations"}, current))
    assert caught.value.problems[0].code == "other-links"
    dated = sent(Kind.CREDIT_APPLICATION, Verb.UPDATE, USED, wishes({"date", "client"}, current))
    assert [set(line) for line in dated["Line"]] == [{"Amount", "LinkedTxn"}] * 2


def row_of(total: Any, *links: tuple[str, str, int], note: str = "", unapplied: int = 0) -> dict[str, Any]:
    lines = [{"Amount": amount, "LinkedTxn": [{"TxnId": ident, "TxnType": kind}]} for ident, kind, amount in links]
    head = {"Id": "3", "SyncToken": "1", "TxnDate": "2026-01-05", "CustomerRef": {"value": "c"}}
    return head | {"TotalAmt": total, "UnappliedAmt": unapplied, "Line": lines, "PrivateNote": note}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (row_of(5, ("1", "Invoice", 10), ("2", "CreditMemo", 5)), "money-added"),
        (row_of(0), "credit-removed"),
    ],
)
def test_what_became_of_an_application_is_said(row: dict[str, Any], code: str) -> None:
    assert flaw(Kind.CREDIT_APPLICATION, row) == code
    assert isinstance(read(Kind.PAYMENT, row), Payment)


def test_credit_that_pays_nothing_stands_beside_the_invoices() -> None:
    found = read(Kind.CREDIT_APPLICATION, row_of(0, ("1", "Invoice", 3), ("2", "CreditMemo", 5)))
    assert isinstance(found, CreditApplication)
    assert found.allocations == (Allocation("1", D(3)), Allocation("", D(2)))


def test_what_else_an_application_uses_is_counted() -> None:
    links = (("1", "Invoice", 9), ("2", "CreditMemo", 5), ("4", "CreditMemo", 3), ("5", "JournalEntry", 1))
    found = read(Kind.CREDIT_APPLICATION, row_of(0, *links))
    assert isinstance(found, CreditApplication)
    assert (found.credit_note, found.other_links) == ("2", 2)


@pytest.mark.failure("F-103")
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not on this machine")
@pytest.mark.parametrize("name", ["payment-auto-credit-recorded", "payment-update-full"])
def test_recorded_applications_are_no_cash(name: str) -> None:
    row = wire.decode_object(wire.split_object((SAMPLES / f"{name}.json").read_bytes())["Payment"])
    applied, paid = read(Kind.CREDIT_APPLICATION, row), read(Kind.PAYMENT, row)
    assert isinstance(applied, CreditApplication)
    assert isinstance(paid, Payment)
    assert (paid.cash, paid.amount) == (0, applied.allocations[0].amount)
    assert is_plainly(Kind.CREDIT_APPLICATION, applied)
    assert not is_plainly(Kind.PAYMENT, paid)


# the change feed


def test_one_row_under_every_kind_it_is(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = world_of(company)
    since = made.books.server_time() - timedelta(minutes=1)
    created(made, Kind.CREDIT_APPLICATION, USED, known)
    created(made, Kind.PAYMENT, msgspec.structs.replace(MONEY, credits=(), amount=D("70.00")), known)
    found = made.books.changes(since, tuple(Kind))
    assert set(found.records[Kind.PAYMENT]) == {known["a1"], known["p1"]}
    assert set(found.records[Kind.CREDIT_APPLICATION]) == {known["a1"]}
    assert found.others == {Kind.CREDIT_APPLICATION: frozenset({known["p1"]})}
    assert set(found.records) == {
        Kind.ITEM, Kind.CLIENT, Kind.VENDOR, Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT, Kind.CREDIT_APPLICATION,
        Kind.BILL, Kind.ESTIMATE, Kind.PURCHASE, Kind.PURCHASE_ORDER,
    }  # fmt: skip

    person = sandbox.connect(made.config.realm_id)
    row = person.read("Payment", known["a1"])
    person.save("Payment", {**row, "TotalAmt": 5})
    found = made.books.changes(since, (Kind.CREDIT_APPLICATION,))
    assert found.others[Kind.CREDIT_APPLICATION] == {known["a1"], known["p1"]}
    now_there = made.books.read(Kind.CREDIT_APPLICATION, [known["a1"]])[known["a1"]]
    assert isinstance(now_there, Flawed)
    assert now_there.problems[0].code == "money-added"
    person.delete("Payment", person.read("Payment", known["a1"]))
    found = made.books.changes(since, (Kind.PAYMENT, Kind.CREDIT_APPLICATION))
    assert found.tombstones == {kind: frozenset({known["a1"]}) for kind in found.records}
    assert [each.record.id for each in made.books.scan(Kind.CREDIT_APPLICATION) if isinstance(each, Present)] == []


def test_a_sweep_covers_every_kind_of_the_entity(company: Companies) -> None:
    made, known = world_of(company)
    created(made, Kind.CREDIT_APPLICATION, USED, known)
    found = made.books.changes(made.books.server_time() - timedelta(days=40), (Kind.PAYMENT, Kind.CREDIT_APPLICATION))
    assert found.linked_sweep == {Kind.PAYMENT, Kind.CREDIT_APPLICATION}
    assert found.inventory[Kind.CREDIT_APPLICATION] == found.inventory[Kind.PAYMENT] == {known["a1"]}


def test_nothing_to_watch_asks_nothing(company: Companies) -> None:
    made = company()
    since = made.books.server_time()
    before = made.reads
    found = made.books.changes(since, (Kind.TAX_CODE, Kind.EXPENSE))
    assert (found.records, found.unknown, found.cursor, made.reads) == ({}, {}, since, before)


# candidates and lost answers


def test_candidates_for_credit(company: Companies) -> None:
    made, known = world_of(company)
    created(made, Kind.CREDIT_APPLICATION, USED, known)
    created(made, Kind.PAYMENT, msgspec.structs.replace(MONEY, credits=(CreditUse("n1", D(15)),)), known)
    probe = msgspec.structs.replace(USED, client=known["c1"], credit_note=known["n1"], date=date(2025, 1, 1))
    probes = [
        probe,
        msgspec.structs.replace(probe, id="a2", credit_note="999"),
        msgspec.structs.replace(probe, id="a3", credit_note=""),
    ]
    found = made.books.find(Kind.CREDIT_APPLICATION, probes)
    assert [each.record.id for each in found["a1"]] == [known["a1"]]  # type: ignore[union-attr]
    assert found["a2"] == ()
    assert isinstance(found["a3"], Unknown)

    money = msgspec.structs.replace(MONEY, client=known["c1"], credits=())
    paid = made.books.find(Kind.PAYMENT, [money, msgspec.structs.replace(money, id="p2", amount=D("55.00"))])
    assert [each.record.id for each in paid["p1"]] == [known["p1"]]  # type: ignore[union-attr]
    assert paid["p2"] == ()

    note = msgspec.structs.replace(NOTE, client=known["c1"])
    notes = made.books.find(Kind.CREDIT_NOTE, [note, msgspec.structs.replace(note, id="n2", number="CN-2")])
    assert [each.record.id for each in notes["n1"]] == [known["n1"]]  # type: ignore[union-attr]
    assert notes["n2"] == ()


@pytest.mark.failure("F-1")
@pytest.mark.parametrize(
    ("kind", "record", "twin"),
    [
        (Kind.CREDIT_NOTE, NOTE, {"number": "CN-9"}),
        (Kind.CREDIT_APPLICATION, USED, {"credit_note": "n2"}),
        (Kind.PAYMENT, MONEY, {"reference": "CHK-2", "credits": ()}),
    ],
)
def test_a_lost_answer_is_found(
    company: Companies, sandbox: RunningSandbox, kind: Kind, record: Any, twin: dict[str, Any]
) -> None:
    made, known = company(), dict(METHODS)
    created(made, Kind.CLIENT, ACME, known)
    created(made, Kind.INVOICE, INVOICE, known)
    for name in ("n1", "n2"):
        if kind is not Kind.CREDIT_NOTE:
            created(made, Kind.CREDIT_NOTE, msgspec.structs.replace(NOTE, id=name, number=name), known)
    created(made, kind, msgspec.structs.replace(record, id="twin", **twin), known)
    started = made.books.server_time()
    lost = write(made, kind, Verb.CREATE, record, known)
    assert made.books.look_up(lost, started) == ()
    sandbox.add_fault("reset", when="after", entity=lost.entity, operation="create", count=1)
    assert isinstance(made.books.send([lost])[0], InDoubt)
    found = made.books.look_up(lost, started)
    assert isinstance(found, tuple)
    assert len(found) == 1
    assert present(made.books.send([lost])[0]).record.id == found[0].record.id
