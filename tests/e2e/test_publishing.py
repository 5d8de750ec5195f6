"""Unpublish, edit, publish again: the invoice left in QuickBooks is reused, never doubled (R-44 to R-47, C-R5)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.helpers import at_rest, born, change, held_one, money, once, receive, row, sales_line
from tests.support.world import World


@pytest.fixture
def invoice(world: World) -> int:
    """An invoice that was published, sent and unpublished again."""
    made = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    world.run()
    unpublish(world, made)
    world.run()
    return made


def unpublish(world: World, invoice: int) -> None:
    world.sql("UPDATE invoice SET state = 'draft' WHERE id = :id", id=invoice)


def publish(world: World, invoice: int) -> None:
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=invoice)


def reprice(world: World, invoice: int, amount: str) -> None:
    world.sql("UPDATE invoice_line SET amount = :a, rate = :a WHERE invoice_id = :id", a=amount, id=invoice)
    world.sql("UPDATE invoice SET total = :a WHERE id = :id", a=amount, id=invoice)


@pytest.mark.behaviour("R-45", "R-47")
@pytest.mark.case("C30")
def test_unpublishing_leaves_the_invoice_in_quickbooks(world: World, invoice: int) -> None:
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 100
    assert row(world, "invoice", invoice)["state"] == "draft"
    at_rest(world)


@pytest.mark.behaviour("R-6", "R-47")
def test_edits_of_the_draft_stay_home(world: World, invoice: int) -> None:
    before = world.writes()
    reprice(world, invoice, "120.00")
    world.run()
    assert world.writes() == before
    at_rest(world)


def test_edits_of_what_was_left_in_quickbooks_stay_there(world: World, invoice: int) -> None:
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-08-01", Line=[sales_line("50.00", "Less")])
    world.run()
    here = row(world, "invoice", invoice)
    assert (str(here["due_date"]), money(here["total"]), here["state"]) == ("2026-04-01", 100, "draft")
    at_rest(world)


def test_published_again_unchanged_nothing_is_sent(world: World, invoice: int) -> None:
    before = world.writes()
    publish(world, invoice)
    world.run()
    assert world.writes() == before
    at_rest(world)


def test_published_again_with_edits_the_same_invoice_is_updated(world: World, invoice: int) -> None:
    sent = world.one("Invoice")
    reprice(world, invoice, "120.00")
    world.run()
    publish(world, invoice)
    world.run()
    now = world.one("Invoice")
    assert (now["Id"], Decimal(now["TotalAmt"])) == (sent["Id"], 120)
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


def test_published_again_after_edits_on_both_sides(world: World, invoice: int) -> None:
    sent = world.one("Invoice")
    change(world, "Invoice", sent, CustomerMemo={"value": "Accountant"})
    world.sql("UPDATE invoice SET due_date = '2026-09-01' WHERE id = :id", id=invoice)
    world.run()
    publish(world, invoice)
    world.run()
    now, here = world.one("Invoice"), row(world, "invoice", invoice)
    assert (str(now["DueDate"]), now["CustomerMemo"]["value"]) == ("2026-09-01", "Accountant")
    assert here["notes"] == "Accountant"
    once(world)
    at_rest(world)


@pytest.mark.case("C36", "C40")
@pytest.mark.failure("F-3", "F-114")
def test_deleted_by_hand_and_published_again_it_is_created_anew_exactly_once(world: World, invoice: int) -> None:
    world.accountant.delete("Invoice", world.one("Invoice"))
    world.run()
    assert world.books("Invoice") == []
    publish(world, invoice)
    world.run()
    assert len(world.books("Invoice")) == 1
    assert born(world, "Invoice") == {"INV-1": 2}
    assert row(world, "invoice", invoice)["qbo_id"] == world.one("Invoice")["Id"]
    at_rest(world)


def test_published_again_and_deleted_by_hand_between_two_runs(world: World, invoice: int) -> None:
    """The source publishes again while the accountant deletes what was left: whichever is seen, one invoice results."""
    publish(world, invoice)
    world.accountant.delete("Invoice", world.one("Invoice"))
    world.run()
    world.run()
    assert len(world.books("Invoice")) <= 1
    assert born(world, "Invoice")["INV-1"] <= 2
    if not world.books("Invoice"):
        assert "deleted in QuickBooks" in held_one(world).reason


def test_to_and_fro_many_times_is_still_one_invoice(world: World, invoice: int) -> None:
    for price in ("110.00", "120.00", "130.00"):
        reprice(world, invoice, price)
        publish(world, invoice)
        world.run()
        unpublish(world, invoice)
        world.run()
    publish(world, invoice)
    world.run()
    assert born(world, "Invoice") == {"INV-1": 1}
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 130
    at_rest(world)


def test_unpublished_and_published_between_two_runs_is_nothing(world: World, invoice: int) -> None:
    publish(world, invoice)
    world.run()
    before = world.writes()
    unpublish(world, invoice)
    publish(world, invoice)
    assert world.run().plan.writes == ()
    assert world.writes() == before
    at_rest(world)


def test_a_draft_that_is_deleted_leaves_the_books_alone(world: World, invoice: int) -> None:
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :id", id=invoice)
    world.sql("DELETE FROM invoice WHERE id = :id", id=invoice)
    world.invoice(1, "INV-2", id=900)
    world.run()
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2"]
    once(world)
    at_rest(world)


def test_a_paid_invoice_that_is_unpublished_keeps_its_payment(world: World, invoice: int) -> None:
    """Unpublishing does not touch the books; a payment received meanwhile is not lost on the way back."""
    sent = world.one("Invoice")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "40.00"))
    world.run()
    publish(world, invoice)
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 60
    assert len(world.books("Payment")) == 1
    once(world)
    assert [money(p["amount"]) for p in world.rows("SELECT amount FROM payment")] == [40]
    at_rest(world)


@pytest.mark.behaviour("R-32")
def test_a_void_in_the_source_is_held(world: World, invoice: int) -> None:
    publish(world, invoice)
    world.run()
    world.sql("UPDATE invoice SET state = 'void' WHERE id = :id", id=invoice)
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 100
    assert held_one(world).case == "C30"


@pytest.mark.case("C30")
def test_an_invoice_deleted_in_the_source_leaves_an_orphan(world: World, invoice: int) -> None:
    publish(world, invoice)
    world.invoice(1, "INV-2")
    world.run()
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :id", id=invoice)
    world.sql("DELETE FROM invoice WHERE id = :id", id=invoice)
    world.run()
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2"]
    at_rest(world)
