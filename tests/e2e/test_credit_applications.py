"""What credit notes are used for: a payment of zero in QuickBooks, and never money (R-70, R-71, R-80, R-85, C-R4)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.credit_books import Books, applied, give, shares
from tests.e2e.helpers import answer, at_rest, bill, customer, held_one, money, once
from tests.support.world import World


@pytest.fixture
def books(world: World) -> Books:
    return Books(world)


def move(world: World, use: int, invoice: int) -> None:
    """Somebody uses the credit on another invoice, in the source."""
    statement = "UPDATE credit_application_part SET invoice_id = :invoice WHERE credit_application_id = :id"
    world.sql(statement, invoice=invoice, id=use)


# ---- from the source


@pytest.mark.behaviour("R-80", "R-85", "C-R4")
def test_a_credit_note_and_its_use_go_out_in_one_run(world: World) -> None:
    """A memo, and a payment of zero that applies it; the payment never comes back as money."""
    ada = world.client("Ada")
    one, two = (world.invoice(ada, f"INV-{n}", (f"{n}00.00", "Work")) for n in (1, 2))
    note = world.credit_note(ada, "CN-1", ("150", "Back"))
    use = world.apply_credit(note, (one, "100.00"), (two, "30.00"))
    report = world.run()
    assert report.outcome == "ok"
    memo, payment = world.one("CreditMemo"), world.one("Payment")
    ids = [world.one("Invoice", DocNumber=f"INV-{n}")["Id"] for n in (1, 2)]
    assert (Decimal(payment["TotalAmt"]), Decimal(payment["UnappliedAmt"]), str(payment["TxnDate"])) == (
        0,
        0,
        "2026-03-12",
    )
    assert shares(payment) == {
        ("Invoice", ids[0]): 100,
        ("Invoice", ids[1]): 30,
        ("CreditMemo", memo["Id"]): 130,
    }
    assert "DepositToAccountRef" not in payment
    assert Decimal(memo["RemainingCredit"]) == 20
    assert [Decimal(world.one("Invoice", Id=i)["Balance"]) for i in ids] == [0, 170]
    (here,) = world.rows("SELECT * FROM credit_application")
    assert (here["id"], here["qbo_id"]) == (use, payment["Id"])
    for _ in range(2):  # the payment comes by in the change feed, and after a restart once more
        at_rest(world)
        assert world.rows("SELECT id FROM payment") == []
        world.restart()
    assert len(world.books("Payment")) == 1


@pytest.mark.behaviour("R-80", "R-85")
def test_it_is_applied_later_and_to_another_invoice(world: World, books: Books) -> None:
    first, second, third = books.invoices
    use = world.apply_credit(books.notes[0], (first, "100.00"))
    world.run()
    sent = world.one("Payment")["Id"]
    assert books.open() == ([0, 200, 300], [50, 50])
    world.sql(
        "UPDATE credit_application_part SET invoice_id = :to WHERE credit_application_id = :id", to=second, id=use
    )
    world.run()
    assert (world.one("Payment")["Id"], books.open()) == (sent, ([100, 100, 300], [50, 50]))
    at_rest(world)
    world.apply_credit(books.notes[0], (third, "50.00"), date="2026-03-20")
    world.run()
    assert books.open() == ([100, 100, 250], [0, 50])
    assert len(world.books("Payment")) == 2
    world.apply_credit(world.credit_note(books.client, "CN-3", ("250", "Back")), (third, "250.00"))
    assert world.run().outcome == "ok"  # a new credit note of a known client and its use, in one run
    assert books.open()[0] == [100, 100, 0]
    books.no_money()
    at_rest(world)


@pytest.mark.behaviour("R-80")
def test_taken_back_in_the_source_the_invoice_is_open_again(world: World, books: Books) -> None:
    use = world.apply_credit(books.notes[0], (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "50.00"))
    world.run()
    world.sql("DELETE FROM credit_application_part WHERE credit_application_id = :id", id=use)
    world.sql("DELETE FROM credit_application WHERE id = :id", id=use)
    world.run()
    assert books.open() == ([100, 150, 300], [150, 0])
    assert len(world.books("Payment")) == 1
    at_rest(world)


@pytest.mark.case("C50")
def test_a_use_on_a_draft_waits_for_it(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", state="draft")
    world.apply_credit(world.credit_note(ada, "CN-1"), (invoice, "40.00"))
    world.run()
    assert (len(world.books("CreditMemo")), world.books("Payment")) == (1, [])
    assert "not in QuickBooks" in held_one(world, Kind.CREDIT_APPLICATION).reason
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=invoice)
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 60
    at_rest(world)


@pytest.mark.case("C21")
@pytest.mark.failure("F-104")
def test_more_used_than_is_open_is_said_and_mended_by_using_less(world: World, books: Books) -> None:
    """The accountant was faster: QuickBooks cuts what is more than the invoice has open, and nothing is absorbed."""
    books.apply_there("80", {}, {0: "80"}, PaymentRefNum="CASH")
    use = world.apply_credit(books.notes[0], (books.invoices[0], "100.00"))
    for _ in range(2):
        assert world.run().outcome == "held"
    waiting = held_one(world, Kind.CREDIT_APPLICATION)
    assert waiting.case == "C21"
    assert "100.00 in the source and 80.00 on nothing + 20.00 in QuickBooks" in waiting.reason
    assert books.used() == [(books.notes[0], {books.invoices[0]: 100})]
    assert books.open() == ([0, 200, 300], [50, 50])
    at_rest(world, held=1, differ=["#1", "INV-1"])
    answer(world, "accept-qbo")
    world.run()
    assert "more is taken from the credit note than invoices are paid with" in held_one(world).reason
    world.sql("UPDATE credit_application_part SET amount = '20' WHERE credit_application_id = :id", id=use)
    world.run()
    assert books.open() == ([0, 200, 300], [130, 50])
    assert [money(p["amount"]) for p in world.rows("SELECT amount FROM payment")] == [80]
    once(world)
    at_rest(world)


# ---- from QuickBooks


@pytest.mark.behaviour("R-70", "C-R4")
def test_applied_by_an_accountant_it_comes_in_as_a_use_and_not_as_money(world: World, books: Books) -> None:
    books.apply_there("0", {0: "130"}, {0: "100", 1: "30"})
    world.run()
    assert books.used() == [(books.notes[0], {books.invoices[0]: 100, books.invoices[1]: 30})]
    (here,) = world.rows("SELECT * FROM credit_application")
    assert (str(here["date"]), here["currency"], here["qbo_id"]) == ("2026-04-10", "USD", world.one("Payment")["Id"])
    books.no_money()
    at_rest(world)


@pytest.mark.behaviour("R-70")
def test_a_memo_that_the_source_lacks_comes_in_with_its_use(world: World, books: Books) -> None:
    memo = books.give("ACC-1", "25.00")
    books.apply_there("0", {2: "25"}, {2: "25"})
    world.run()
    (note,) = world.rows("SELECT * FROM credit_note WHERE number = 'ACC-1'")
    assert (money(note["total"]), note["qbo_id"], note["client_id"]) == (25, memo["Id"], books.client)
    assert note["state"] == "published"
    (line,) = world.rows("SELECT * FROM credit_note_line WHERE credit_note_id = :id", id=note["id"])
    assert (line["description"], money(line["amount"])) == ("Goodwill", 25)
    assert books.used() == [(note["id"], {books.invoices[2]: 25})]
    books.no_money()
    at_rest(world)


@pytest.mark.behaviour("R-71")
def test_changed_and_undone_in_quickbooks_it_follows(world: World, books: Books) -> None:
    use = world.apply_credit(books.notes[0], (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "20.00"))
    world.run()
    sent = next(p for p in world.books("Payment") if ("Invoice", books.ids[0]) in shares(p))
    lines = [applied("Invoice", books.ids[2], "60"), applied("CreditMemo", books.memos[0], "60")]
    world.accountant.save("Payment", {**sent, "TxnDate": "2026-03-25", "Line": lines})
    world.run()
    assert books.used()[0] == (books.notes[0], {books.invoices[2]: 60})
    (here,) = world.rows("SELECT * FROM credit_application WHERE id = :id", id=use)
    assert str(here["date"]) == "2026-03-25"
    at_rest(world)
    now = world.accountant.read("Payment", sent["Id"])
    world.accountant.save("Payment", {**now, "Line": []})  # undone by taking its lines off
    world.run()
    assert books.used() == [(books.notes[1], {books.invoices[1]: 20})]
    assert books.open() == ([100, 180, 300], [150, 30])
    at_rest(world)


@pytest.mark.behaviour("R-71")
def test_deleted_in_quickbooks_the_use_goes_from_the_source(world: World, books: Books) -> None:
    world.apply_credit(books.notes[0], (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "20.00"))
    world.run()
    sent = next(p for p in world.books("Payment") if ("Invoice", books.ids[0]) in shares(p))
    world.accountant.delete("Payment", sent)
    world.run()
    assert books.used() == [(books.notes[1], {books.invoices[1]: 20})]
    assert len(world.rows("SELECT id FROM credit_note")) == 2
    at_rest(world)


@pytest.mark.behaviour("R-71")
def test_an_invoice_deleted_in_quickbooks_frees_the_credit(world: World, books: Books) -> None:
    """The invoice itself waits for a person (C-R15); the credit that paid it is free again on both sides."""
    world.apply_credit(books.notes[0], (books.invoices[0], "100.00"), (books.invoices[1], "50.00"))
    world.run()
    world.accountant.delete("Invoice", world.one("Invoice", DocNumber="INV-1"))
    world.run()
    assert held_one(world, Kind.INVOICE).case == "C32"
    assert books.used() == [(books.notes[0], {books.invoices[1]: 50})]
    assert Decimal(world.one("CreditMemo", DocNumber="CN-1")["RemainingCredit"]) == 100
    books.no_money()
    at_rest(world, held=1, differ=["INV-1"])


@pytest.mark.case("C34")
def test_a_use_that_was_voided_or_given_money_is_held(world: World, books: Books) -> None:
    world.apply_credit(books.notes[0], (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "50.00"))
    world.run()
    first, second = sorted(world.books("Payment"), key=lambda p: p["Line"][0]["Amount"], reverse=True)
    world.accountant.void("Payment", first)
    world.accountant.save("Payment", {**second, "TotalAmt": Decimal(10), "PaymentRefNum": "MIXED"})
    world.run()
    reasons = {each.label: (each.case, each.reason) for each in world.store.held(world.name)}
    assert reasons["#1"][0] == "C34"
    assert "added money (10" in reasons["#2"][1]
    assert [sum(parts.values()) for _, parts in books.used()] == [100, 50]
    books.no_money()


@pytest.mark.behaviour("R-70", "10.8")
def test_several_credit_notes_without_money_are_held_until_each_is_applied_by_itself(
    world: World, books: Books
) -> None:
    """QuickBooks does not say which credit paid which invoice."""
    both = books.apply_there("0", {0: "100", 1: "50"}, {0: "100", 1: "50"})
    world.run()
    assert "which of them paid which invoice" in held_one(world, Kind.CREDIT_APPLICATION).reason
    assert books.used() == []
    books.no_money()
    at_rest(world, held=1, differ=["INV-1", "INV-2"])
    lines = [applied("Invoice", books.ids[0], "100"), applied("CreditMemo", books.memos[0], "100")]
    world.accountant.save("Payment", {**both, "Line": lines})
    books.apply_there("0", {1: "50"}, {1: "50"})
    world.run()
    assert books.used() == [(books.notes[0], {books.invoices[0]: 100}), (books.notes[1], {books.invoices[1]: 50})]
    books.no_money()
    at_rest(world)


@pytest.mark.behaviour("X-6", "C-R4")
@pytest.mark.failure("F-10")
def test_what_both_sides_have_already_is_adopted(world: World) -> None:
    """At the first connection: the memo by its number, and then what it was used for. Nothing is written there."""
    there = customer(world, "Ada")
    owed = bill(world, there, "INV-1", ("100.00", "Work"))
    memo = give(world, there["Id"], "CN-1", "40.00", TxnDate="2026-03-10")
    lines = [applied("Invoice", owed["Id"], "40"), applied("CreditMemo", memo["Id"], "40")]
    body = {"CustomerRef": {"value": there["Id"]}, "TotalAmt": 0, "TxnDate": "2026-03-12"}
    world.accountant.save("Payment", {**body, "Line": lines})
    before = world.writes()
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Work"))
    world.apply_credit(world.credit_note(ada, "CN-1", ("40.00", "Goodwill")), (invoice, "40.00"))
    for _ in range(2):
        world.run()
    assert world.writes() == before
    assert len(world.rows("SELECT id FROM credit_note")) == len(world.rows("SELECT id FROM credit_application")) == 1
    at_rest(world)
