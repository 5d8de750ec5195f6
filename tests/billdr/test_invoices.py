"""Invoices and credits: out when they are submitted, the same ever after, voided with the source."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    change,
    customer,
    held_one,
    mutations,
    once,
    receive,
    row,
    sales_line,
    snapshot,
)
from tests.support.world import World


def state(world: World, invoice: int, wished: str) -> None:
    world.sql("UPDATE invoice SET state = :state WHERE id = :id", state=wished, id=invoice)


def reprice(world: World, invoice: int, amount: str) -> None:
    world.sql("UPDATE invoice_line SET amount = :a, rate = :a WHERE invoice_id = :id", a=amount, id=invoice)
    world.sql("UPDATE invoice SET total = :a WHERE id = :id", a=amount, id=invoice)


@pytest.fixture
def sent(world: World) -> int:
    """An invoice of 100 that is in QuickBooks."""
    made = world.invoice(world.client("Ada"), "1001", ("60.00", "Tiles"), ("40.00", "Work"))
    world.run()
    return made


@pytest.mark.behaviour("B-2", "B-26", "B-27")
def test_an_invoice_goes_out_when_it_is_submitted(world: World) -> None:
    made = world.invoice(world.client("Ada"), "1001", ("60.00", "Tiles"), ("40.00", "Work"), state="draft")
    world.run()
    assert (world.books("Customer"), world.books("Invoice")) == ([], [])
    reprice(world, made, "45.00")
    world.sql("UPDATE invoice SET total = '90' WHERE id = :id", id=made)
    state(world, made, "published")
    world.run()
    there = world.one("Invoice")
    assert (there["DocNumber"], Decimal(there["TotalAmt"]), Decimal(there["Balance"])) == ("1001", 90, 90)
    assert there["EmailStatus"] == "NotSet"
    at_rest(world)
    once(world)


@pytest.mark.behaviour("B-29", "C-B2")
def test_an_invoice_that_was_sent_is_not_changed(world: World, sent: int) -> None:
    reprice(world, sent, "55.00")
    world.sql("UPDATE invoice SET total = '110' WHERE id = :id", id=sent)
    before = world.writes()
    world.run()
    waiting = held_one(world)
    assert "the source changed lines and total of what is in QuickBooks already" in waiting.reason
    assert "put the change back, or void the invoice and submit a new one" in waiting.reason
    assert world.writes() == before
    at_rest(world, held=1, differ=["1001"])
    reprice(world, sent, "60.00")
    world.sql("UPDATE invoice_line SET amount = '40', rate = '40' WHERE description = 'Work'")
    world.sql("UPDATE invoice SET total = '100' WHERE id = :id", id=sent)
    world.run()
    assert world.writes() == before
    at_rest(world)


@pytest.mark.behaviour("B-16", "B-29", "C-B1", "C-B2")
def test_what_quickbooks_changes_stays_there(world: World, sent: int) -> None:
    here = snapshot(world)
    there = world.one("Invoice")
    change(world, "Invoice", there, DueDate="2026-09-01", Line=[sales_line("95.00", "Less")], DocNumber="X-9")
    world.run()
    assert snapshot(world) == here
    after = world.one("Invoice")
    assert (after["DueDate"], Decimal(after["TotalAmt"]), after["DocNumber"]) == ("2026-09-01", 95, "X-9")
    at_rest(world)
    # Nor does anything that is entered there come over.
    other = customer(world, "Walk-in")
    entered = bill(world, other, "7001", ("10.00", "Sold"))
    receive(world, other["Id"], (entered["Id"], "10.00"))
    receive(world, after["CustomerRef"]["value"], (after["Id"], "95.00"))
    world.run()
    assert snapshot(world) == here
    assert world.run(every_dirty=True).applied == 0


@pytest.mark.behaviour("B-30", "C-B3")
def test_an_invoice_that_is_voided_is_voided_there_too(world: World, sent: int) -> None:
    state(world, sent, "void")
    world.run()
    there = world.one("Invoice")
    assert (Decimal(there["TotalAmt"]), there["PrivateNote"]) == (0, "Voided")
    assert row(world, "invoice", sent)["total"] == "100.00", "the source keeps its amounts"
    at_rest(world)


@pytest.mark.behaviour("B-30", "C-B3")
def test_but_not_while_it_is_paid(world: World, sent: int) -> None:
    client = row(world, "invoice", sent)["client_id"]
    paid = world.payment(client, (sent, "30.00"))
    world.payment(client, amount="1.00", reference="On account")
    world.run()
    state(world, sent, "void")
    world.run()
    assert "payments or credits are applied to it in QuickBooks" in held_one(world, Kind.INVOICE).reason
    assert Decimal(world.one("Invoice")["Balance"]) == 70
    world.sql("DELETE FROM payment WHERE id = :id", id=paid)
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert [record["PaymentRefNum"] for record in world.books("Payment")] == ["On account"]
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 0
    at_rest(world)


@pytest.mark.behaviour("B-31", "C-B3")
@pytest.mark.failure("F-3")
def test_back_to_draft_and_deleted_by_hand_it_goes_out_anew(world: World, sent: int) -> None:
    state(world, sent, "draft")
    world.run()
    assert "it is a draft again in the source and is still in QuickBooks" in held_one(world).reason
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 100
    world.accountant.delete("Invoice", world.one("Invoice"))
    world.run()
    at_rest(world)
    reprice(world, sent, "70.00")
    world.sql("UPDATE invoice SET total = '140', state = 'published' WHERE id = :id", id=sent)
    world.run()
    there = world.one("Invoice")
    assert (there["DocNumber"], Decimal(there["TotalAmt"])) == ("1001", 140)
    assert born(world, "Invoice") == {"1001": 2}
    at_rest(world)


@pytest.mark.behaviour("B-31", "C-B3")
@pytest.mark.parametrize("how", ["answer", "tick", "setting"])
def test_back_to_draft_it_is_deleted_where_somebody_says_so(world: World, sent: int, how: str) -> None:
    if how == "setting":
        world.adjust(remove_invoice_on_unpublish=True)
        world.run(accept_config=True)
    if how == "tick":
        world.sql("UPDATE invoice SET remove_from_qbo = TRUE WHERE id = :id", id=sent)
    state(world, sent, "draft")
    world.run()
    if how == "answer":
        answer(world, "accept-source")
        world.run()
    assert world.books("Invoice") == []
    at_rest(world)
    reprice(world, sent, "70.00")
    world.sql("UPDATE invoice SET total = '140', state = 'published' WHERE id = :id", id=sent)
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 140
    assert born(world, "Invoice") == {"1001": 2}
    at_rest(world)


@pytest.mark.behaviour("B-31", "C-B3")
def test_it_is_not_deleted_while_something_hangs_on_it(make: Make) -> None:
    world = make(profile="billdr")
    world.adjust(remove_invoice_on_unpublish=True)
    client = world.client("Ada")
    invoice = world.invoice(client, "1001")
    world.payment(client, (invoice, "30.00"))
    world.run()
    state(world, invoice, "draft")
    world.run()
    assert "payments or credits are applied to it" in held_one(world, Kind.INVOICE).reason
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 100


@pytest.mark.behaviour("B-31")
def test_all_of_it_between_two_looks(world: World, sent: int) -> None:
    """Back to draft, deleted in QuickBooks, changed and submitted while the service was down."""
    world.accountant.delete("Invoice", world.one("Invoice"))
    reprice(world, sent, "70.00")
    world.sql("UPDATE invoice SET total = '140' WHERE id = :id", id=sent)
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 140
    assert born(world, "Invoice") == {"1001": 2}
    at_rest(world)


@pytest.mark.behaviour("B-32")
def test_an_invoice_that_disappears_is_left_in_quickbooks(world: World, sent: int) -> None:
    world.invoice(world.client("Bob"), "1002")
    world.run()
    world.sql("DELETE FROM invoice WHERE id = :id", id=sent)
    world.run()
    assert "it is gone from the source and still in QuickBooks" in held_one(world).reason
    assert Decimal(world.one("Invoice", DocNumber="1001")["TotalAmt"]) == 100
    at_rest(world, held=1, differ=["1001"])


@pytest.mark.behaviour("B-13", "B-14")
@pytest.mark.failure("F-87")
def test_a_number_that_quickbooks_has_already_is_a_conflict(world: World) -> None:
    bill(world, customer(world, "Walk-in"), "001", ("10.00", "Sold"))
    world.invoice(world.client("Ada"), "001", ("60.00", "Tiles"))
    world.invoice(world.client("Bob"), "002", ("5.00", "Nails"))
    world.run()
    waiting = held_one(world, Kind.INVOICE)
    assert (waiting.label, waiting.case) == ("001", "C14")
    assert "QuickBooks has a look-alike (001, id" in waiting.reason
    assert "differs in" in waiting.reason
    assert born(world, "Invoice") == {"001": 1, "002": 1}
    world.sql("UPDATE invoice SET number = '003' WHERE number = '001'")
    world.run()
    assert born(world, "Invoice") == {"001": 1, "002": 1, "003": 1}
    at_rest(world)


@pytest.mark.behaviour("B-33", "C-B6")
def test_credits_go_out_when_they_are_submitted_and_pay_their_invoice(world: World, sent: int) -> None:
    client = row(world, "invoice", sent)["client_id"]
    note = world.credit_note(client, "C-1", ("25.00", "Broken tiles"), state="draft")
    world.run()
    assert world.books("CreditMemo") == []
    world.sql("UPDATE credit_note SET state = 'published' WHERE id = :id", id=note)
    world.apply_credit(note, (sent, "25.00"))
    world.run()
    memo, applied = world.one("CreditMemo"), world.one("Payment")
    assert (memo["DocNumber"], Decimal(memo["TotalAmt"]), Decimal(memo["RemainingCredit"])) == ("C-1", 25, 0)
    assert Decimal(applied["TotalAmt"]) == 0
    assert Decimal(world.one("Invoice")["Balance"]) == 75
    at_rest(world)
    world.sql("UPDATE credit_note SET notes = 'Sorry' WHERE id = :id", id=note)
    before = mutations(world, 0)
    world.run()
    assert "put the change back, or void the credit note" in held_one(world).reason
    assert len(mutations(world, 0)) == len(before)


@pytest.mark.behaviour("B-33", "C-B6")
def test_a_credit_that_is_voided_waits(world: World) -> None:
    """QuickBooks voids no credit memo: a person deletes it, or lets it be deleted."""
    client = world.client("Ada")
    note = world.credit_note(client, "C-1", ("25.00", "Broken tiles"))
    world.credit_note(client, "C-2", ("5.00", "Broken glass"))
    world.run()
    world.sql("UPDATE credit_note SET state = 'void' WHERE id = :id", id=note)
    world.run()
    assert "it was voided in the source and is still in QuickBooks" in held_one(world).reason
    answer(world, "accept-source")
    world.run()
    assert [record["DocNumber"] for record in world.books("CreditMemo")] == ["C-2"]
    at_rest(world)
