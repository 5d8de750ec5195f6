"""Payments that are money and credit at once: amount in the source = total in QuickBooks + credit (R-53, R-59, R-64,
R-70, C-R3; section 10, 8)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.credit_books import Books, applied, shares
from tests.e2e.helpers import at_rest, held_one, money, once, parts_of, row
from tests.support.world import World


@pytest.fixture
def books(world: World) -> Books:
    return Books(world)


def credits_of(world: World, payment: int) -> dict[int, Decimal]:
    """What a payment of the source uses of each credit note."""
    found = world.rows("SELECT credit_note_id, amount FROM payment_credit WHERE payment_id = :id", id=payment)
    return {part["credit_note_id"]: money(part["amount"]) for part in found}


def identity(world: World) -> None:
    """C-R3: the amount in the source is QuickBooks' total and the sum of its credit lines, payment by payment."""
    there = {p["Id"]: p for p in world.books("Payment")}
    for here in world.rows("SELECT id, amount, qbo_id FROM payment"):
        lines = shares(there[here["qbo_id"]])
        used = sum((amount for (kind, _), amount in lines.items() if kind == "CreditMemo"), Decimal(0))
        assert money(here["amount"]) == Decimal(there[here["qbo_id"]]["TotalAmt"]) + used


@pytest.mark.behaviour("R-53", "R-59", "C-R3", "10.8")
def test_money_and_credit_go_out_as_one_payment(world: World, books: Books) -> None:
    one, two, three = books.invoices
    parts = ((one, "100.00"), (two, "200.00"), (three, "50.00"))
    payment = world.payment(books.client, *parts, credits=((books.notes[0], "120.00"), (books.notes[1], "50.00")))
    world.run()
    sent = world.one("Payment")
    assert (Decimal(sent["TotalAmt"]), Decimal(sent["UnappliedAmt"])) == (180, 0)
    assert shares(sent) == {
        ("Invoice", books.ids[0]): 100,
        ("Invoice", books.ids[1]): 200,
        ("Invoice", books.ids[2]): 50,
        ("CreditMemo", books.memos[0]): 120,
        ("CreditMemo", books.memos[1]): 50,
    }
    assert sent["DepositToAccountRef"]["value"] == "4"
    assert books.open() == ([0, 0, 250], [30, 0])
    here = row(world, "payment", payment)
    assert (money(here["amount"]), here["qbo_id"]) == (350, sent["Id"])
    assert world.rows("SELECT id FROM credit_application") == []
    identity(world)
    at_rest(world)


@pytest.mark.behaviour("R-53", "R-59", "C-R3", "C-R4")
def test_a_payment_of_credit_alone_goes_out_as_zero_and_stays_a_payment(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "50.00"), credits=((books.notes[1], "50.00"),))
    world.run()
    sent = world.one("Payment")
    assert (Decimal(sent["TotalAmt"]), "DepositToAccountRef" in sent) == (0, False)
    assert books.open() == ([50, 200, 300], [150, 0])
    assert (money(row(world, "payment", payment)["amount"]), credits_of(world, payment)) == (50, {books.notes[1]: 50})
    identity(world)
    for _ in range(2):
        at_rest(world)
        assert world.rows("SELECT id FROM credit_application") == []
        assert len(world.rows("SELECT id FROM payment")) == 1
        world.restart()
    # Changed in QuickBooks it is still the payment that it is linked as.
    lines = [applied("Invoice", books.ids[1], "30"), applied("CreditMemo", books.memos[1], "30")]
    world.accountant.save("Payment", {**world.accountant.read("Payment", sent["Id"]), "Line": lines})
    world.run()
    assert money(row(world, "payment", payment)["amount"]) == 30
    assert parts_of(world, payment) == {books.invoices[1]: 30}
    assert credits_of(world, payment) == {books.notes[1]: 30}
    assert world.rows("SELECT id FROM credit_application") == []
    identity(world)
    at_rest(world)


@pytest.mark.behaviour("R-58", "R-59")
def test_credit_that_is_not_in_quickbooks_is_waited_for(world: World, books: Books) -> None:
    note = world.credit_note(books.client, "CN-9", ("40", "Back"), state="draft")
    payment = world.payment(books.client, (books.invoices[0], "100.00"), credits=((note, "40.00"),))
    world.run()
    assert world.books("Payment") == []
    assert "credit note" in held_one(world, Kind.PAYMENT).reason
    world.sql("UPDATE credit_note SET state = 'published' WHERE id = :id", id=note)
    world.run()
    sent = world.one("Payment")
    assert (Decimal(sent["TotalAmt"]), row(world, "payment", payment)["qbo_id"]) == (60, sent["Id"])
    identity(world)
    at_rest(world)


@pytest.mark.behaviour("R-64", "R-69", "R-70", "C-R3", "10.8")
def test_money_and_credit_come_in_as_one_payment_with_its_credit_notes(world: World, books: Books) -> None:
    """Two credits and two invoices on one payment; one of the memos is new to the source."""
    memo = books.give("ACC-1", "25.00", CustomerMemo={"value": "For the delay"})
    made = books.apply_there("125", {0: "150", 2: "25"}, {1: "200", 0: "100"}, PaymentRefNum="MIXED")
    world.run()
    (here,) = world.rows("SELECT * FROM payment")
    assert (money(here["amount"]), here["reference"], here["qbo_id"]) == (300, "MIXED", made["Id"])
    assert parts_of(world, here["id"]) == {books.invoices[0]: 100, books.invoices[1]: 200}
    (note,) = world.rows("SELECT * FROM credit_note WHERE number = 'ACC-1'")
    assert (note["qbo_id"], money(note["total"]), note["notes"], note["state"]) == (
        memo["Id"],
        25,
        "For the delay",
        "published",
    )
    assert credits_of(world, here["id"]) == {books.notes[0]: 150, note["id"]: 25}
    assert world.rows("SELECT id FROM credit_application") == []
    identity(world)
    at_rest(world)


@pytest.mark.behaviour("R-52", "R-64", "R-70", "R-71", "C-R3")
def test_credit_put_on_a_payment_later_and_taken_off_again_follows(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.run()
    sent = world.one("Payment")
    lines = [applied("Invoice", books.ids[0], "100"), applied("CreditMemo", books.memos[0], "30")]
    world.accountant.save("Payment", {**sent, "TotalAmt": Decimal(70), "Line": lines})
    world.run()
    assert (money(row(world, "payment", payment)["amount"]), credits_of(world, payment)) == (100, {books.notes[0]: 30})
    identity(world)
    at_rest(world)
    sent = world.accountant.read("Payment", sent["Id"])
    world.accountant.save("Payment", {**sent, "Line": [applied("Invoice", books.ids[0], "70")]})
    world.run()
    assert (money(row(world, "payment", payment)["amount"]), credits_of(world, payment)) == (70, {})
    assert parts_of(world, payment) == {books.invoices[0]: 70}
    at_rest(world)
    world.accountant.delete("Payment", world.one("Payment"))
    world.payment(books.client, (books.invoices[1], "1.00"), reference="W2")
    world.run()
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["W2"]
    assert len(world.rows("SELECT id FROM credit_note")) == 2
    at_rest(world)


@pytest.mark.behaviour("R-71")
def test_a_memo_deleted_in_quickbooks_leaves_the_payment_its_money(world: World, books: Books) -> None:
    """Its share of the invoice is open again on both sides; a payment that was nothing but credit is worth nothing."""
    one, two, _ = books.invoices
    mixed = world.payment(books.client, (one, "100.00"), credits=((books.notes[0], "60.00"),))
    alone = world.payment(books.client, (two, "50.00"), credits=((books.notes[1], "50.00"),), reference="W2")
    keeper = world.credit_note(books.client, "CN-3")
    world.run()
    for number in ("CN-1", "CN-2"):
        world.accountant.delete("CreditMemo", world.one("CreditMemo", DocNumber=number))
    world.run(allow_removals={Kind.CREDIT_NOTE: 2})
    assert [n["id"] for n in world.rows("SELECT id FROM credit_note")] == [keeper]
    assert (money(row(world, "payment", mixed)["amount"]), credits_of(world, mixed)) == (40, {})
    assert (money(row(world, "payment", alone)["amount"]), credits_of(world, alone)) == (0, {})
    identity(world)
    at_rest(world)


@pytest.mark.behaviour("R-53", "R-64", "C-R3")
@pytest.mark.parametrize(
    ("code", "whole", "credit", "cash"), [("EUR", "99.99", "33.33", "66.66"), ("JPY", "5000", "1", "4999")]
)
def test_the_identity_holds_in_other_currencies(make: Make, code: str, whole: str, credit: str, cash: str) -> None:
    world = make(exchange_rates={"EUR": "1.1", "JPY": "0.0067"})
    client = world.client("Far away", code)
    invoice = world.invoice(client, "INV-1", (whole, "a"), currency=code)
    note = world.credit_note(client, "CN-1", (credit, "b"), currency=code)
    world.payment(client, (invoice, whole), credits=((note, credit),), currency=code)
    world.run()
    sent = world.one("Payment")
    assert (Decimal(sent["TotalAmt"]), sent["CurrencyRef"]["value"]) == (Decimal(cash), code)
    assert Decimal(world.one("Invoice")["Balance"]) == Decimal(world.one("CreditMemo")["RemainingCredit"]) == 0
    identity(world)
    once(world)
    at_rest(world)


def test_more_credit_than_the_note_has_left_is_refused_in_words(world: World, books: Books) -> None:
    books.apply_there("0", {1: "50"}, {2: "50"})
    payment = world.payment(books.client, (books.invoices[0], "100.00"), credits=((books.notes[1], "50.00"),))
    world.run()
    assert "credit" in held_one(world, Kind.PAYMENT).reason.lower()
    assert len(world.books("Payment")) == 1
    world.sql("DELETE FROM payment_credit WHERE payment_id = :id", id=payment)
    world.run()
    assert books.open() == ([0, 200, 250], [150, 0])
    identity(world)
    at_rest(world)


@pytest.mark.behaviour("R-74", "R-53")
def test_a_deleted_payment_frees_its_credit(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"), credits=((books.notes[0], "60.00"),))
    world.payment(books.client, (books.invoices[1], "1.00"), reference="W2")
    world.run()
    world.sql("DELETE FROM payment WHERE id = :id", id=payment)
    world.run()
    assert [p["PaymentRefNum"] for p in world.books("Payment")] == ["W2"]
    assert books.open() == ([100, 199, 300], [150, 50])
    at_rest(world)
