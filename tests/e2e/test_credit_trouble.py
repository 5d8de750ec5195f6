"""Credit notes that cannot be done as they are: held with what to do about it, and done once the cause is gone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.credit_books import Books
from tests.e2e.helpers import at_rest, held_one, money, once, row
from tests.support.world import World


@pytest.fixture
def books(world: World) -> Books:
    return Books(world)


@pytest.mark.case("C51")
@pytest.mark.behaviour("C-R5")
def test_what_is_used_is_not_removed_until_it_is_free(world: World, books: Books) -> None:
    note = books.notes[0]
    use = world.apply_credit(note, (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "50.00"))
    world.run()
    world.sql("UPDATE credit_note SET state = 'draft', remove_from_qbo = 1 WHERE id = :id", id=note)
    world.run()
    waiting = held_one(world, Kind.CREDIT_NOTE)
    assert (waiting.case, "used on invoices" in waiting.reason) == ("C51", True)
    assert books.open() == ([0, 150, 300], [50, 0])
    world.sql("DELETE FROM credit_application WHERE id = :id", id=use)
    for _ in range(2):  # first it is free, then it goes
        world.run()
    assert [memo["DocNumber"] for memo in world.books("CreditMemo")] == ["CN-2"]
    assert Decimal(world.one("Invoice", DocNumber="INV-1")["Balance"]) == 100
    at_rest(world)


@pytest.mark.behaviour("C-R5")
def test_deleted_in_the_source_with_its_use_both_go(world: World, books: Books) -> None:
    note = books.notes[0]
    world.apply_credit(note, (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "1.00"))
    world.run()
    world.sql("UPDATE credit_note SET remove_from_qbo = 1 WHERE id = :id", id=note)
    world.sql("DELETE FROM credit_application WHERE credit_note_id = :id", id=note)
    world.sql("DELETE FROM credit_note WHERE id = :id", id=note)
    for _ in range(2):
        world.run()
    assert [memo["DocNumber"] for memo in world.books("CreditMemo")] == ["CN-2"]
    assert len(world.books("Payment")) == 1
    at_rest(world)


def test_a_discount_that_the_source_cannot_say_is_held(world: World, books: Books) -> None:
    sent = world.accountant.read("CreditMemo", books.memos[0])
    discount = {
        "Amount": Decimal(15),
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {"PercentBased": False, "DiscountAccountRef": {"value": "86"}},
    }
    plain = [line for line in sent["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    world.accountant.save("CreditMemo", {**sent, "Line": [*plain, discount]})
    world.run()
    assert "discount" in held_one(world, Kind.CREDIT_NOTE).reason
    assert money(row(world, "credit_note", books.notes[0])["total"]) == 150
    world.accountant.save("CreditMemo", {**world.accountant.read("CreditMemo", books.memos[0]), "Line": plain})
    world.run()
    at_rest(world)


@pytest.mark.failure("F-93")
def test_a_closed_period_holds_the_note_and_its_use(world: World, books: Books) -> None:
    world.sandbox.change_company(world.realm, book_close_date="2026-03-31")
    world.restart()
    note = world.credit_note(books.client, "CN-9", ("40", "Back"))
    world.apply_credit(note, (books.invoices[0], "40.00"), date="2026-04-02")
    world.run()
    assert "closed" in held_one(world, Kind.CREDIT_NOTE).reason
    assert "waits for credit note CN-9, which is held" in held_one(world, Kind.CREDIT_APPLICATION).reason
    world.sandbox.change_company(world.realm, book_close_date=None)
    world.restart()
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-1")["Balance"]) == 60
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-85")
def test_a_line_without_amount_or_a_note_without_lines_is_held(world: World, books: Books) -> None:
    empty = world.credit_note(books.client, "CN-8", ("0", ""))
    world.sql("DELETE FROM credit_note_line WHERE credit_note_id = :id", id=empty)
    world.run()
    waiting = held_one(world, Kind.CREDIT_NOTE)
    assert "no line with an item" in waiting.reason
    assert waiting.problems[0].remedy == "Add a line."
    assert len(world.books("CreditMemo")) == 2
    statement = "INSERT INTO credit_note_line (credit_note_id, position, amount) VALUES (:id, 1, '5')"
    world.sql("UPDATE credit_note SET total = '5' WHERE id = :id", id=empty)
    world.sql(statement, id=empty)
    world.run()
    assert Decimal(world.one("CreditMemo", DocNumber="CN-8")["TotalAmt"]) == 5
    at_rest(world)
