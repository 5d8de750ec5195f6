"""Automatic credits: what QuickBooks applies by itself is taken for what it is, and never done twice (C-R4, R-70)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, held_one, money


@pytest.mark.behaviour("R-70", "C-R4")
@pytest.mark.failure("F-103")
def test_what_quickbooks_applies_by_itself_is_adopted_and_not_doubled(make: Make) -> None:
    """QuickBooks writes the payment of zero as soon as the memo is saved, before ours is sent."""
    world = make(auto_apply_credit=True)
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("100", "Work"))
    note = world.credit_note(ada, "CN-1", ("40", "Back"))
    use = world.apply_credit(note, (invoice, "40.00"))
    for _ in range(2):
        world.run()
    assert len(world.books("Payment")) == 1
    assert Decimal(world.one("Invoice")["Balance"]) == 60
    assert world.rows("SELECT id FROM payment") == []
    (here,) = world.rows("SELECT * FROM credit_application")
    assert (here["id"], str(here["date"])) == (use, str(world.one("Payment")["TxnDate"]))
    at_rest(world)


@pytest.mark.behaviour("C-R4")
def test_what_quickbooks_applies_otherwise_than_the_source_waits_for_a_person(make: Make) -> None:
    """Automatic credits go to the oldest invoice; the source meant another one. Neither is doubled."""
    world = make(auto_apply_credit=True)
    ada = world.client("Ada")
    _, second = (world.invoice(ada, f"INV-{n}", ("100", "Work")) for n in (1, 2))
    world.run()
    use = world.apply_credit(world.credit_note(ada, "CN-1", ("40", "Back")), (second, "40.00"))
    for _ in range(3):
        world.run()
    waiting = held_one(world)
    assert (waiting.source_id, waiting.case, waiting.qbo_id) == (str(use), "C14", world.one("Payment")["Id"])
    assert len(world.rows("SELECT id FROM credit_application")) == 1
    answer(world, "accept-source")
    world.run()
    balances = {i["DocNumber"]: Decimal(i["Balance"]) for i in world.books("Invoice")}
    assert balances == {"INV-1": 100, "INV-2": 60}
    assert len(world.books("Payment")) == 1
    assert world.rows("SELECT id FROM payment") == []
    at_rest(world)


@pytest.mark.behaviour("R-70", "C-R4")
def test_what_quickbooks_applies_by_itself_and_the_source_does_not_know_comes_in(make: Make) -> None:
    world = make(auto_apply_credit=True)
    ada = world.client("Ada")
    note = world.credit_note(ada, "CN-1", ("40", "Back"))
    world.run()
    invoice = world.invoice(ada, "INV-1", ("100", "Work"))
    world.run()
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 60
    (here,) = world.rows("SELECT * FROM credit_application")
    assert (here["credit_note_id"], here["qbo_id"]) == (note, world.one("Payment")["Id"])
    (part,) = world.rows("SELECT * FROM credit_application_part")
    assert (part["invoice_id"], money(part["amount"])) == (invoice, 40)
    assert world.rows("SELECT id FROM payment") == []
    at_rest(world)


@pytest.mark.behaviour("C-R4")
def test_credit_that_quickbooks_used_by_itself_is_not_used_again_by_a_payment(make: Make) -> None:
    """With automatic credits the memo is gone before the payment that wanted it: it waits, and goes out as money."""
    world = make(auto_apply_credit=True)
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    note = world.credit_note(ada, "CN-1", ("40", "Back"))
    payment = world.payment(ada, (invoice, "100.00"), credits=((note, "40.00"),))
    for _ in range(2):
        world.run()
    assert "more than what is open on the CreditMemo" in held_one(world, Kind.PAYMENT).reason
    assert len(world.books("Payment")) == 1
    world.sql("DELETE FROM payment_credit WHERE payment_id = :id", id=payment)
    world.sql("UPDATE payment_allocation SET amount = '60' WHERE payment_id = :id", id=payment)
    world.sql("UPDATE payment SET amount = '60' WHERE id = :id", id=payment)
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    assert len(world.rows("SELECT id FROM credit_application")) == 1
    assert Decimal(world.one("Payment", TotalAmt=60)["UnappliedAmt"]) == 0
    at_rest(world)
