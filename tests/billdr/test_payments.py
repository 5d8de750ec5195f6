"""Payments: out at once, changed and deleted with the source; what QuickBooks does to them stays there."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.helpers import answer, at_rest, born, held_one, once, pays, snapshot
from tests.support.world import World


@pytest.fixture
def paid(world: World) -> int:
    """A payment of 40 on an invoice of 100, both in QuickBooks."""
    client = world.client("Ada")
    made = world.payment(client, (world.invoice(client, "1001"), "40.00"))
    world.run()
    return made


def amount(world: World, payment: int, wished: str) -> None:
    with world.entering():
        world.sql("UPDATE payment SET amount = :a WHERE id = :id", a=wished, id=payment)
        world.sql("UPDATE payment_allocation SET amount = :a WHERE payment_id = :id", a=wished, id=payment)


def edit(world: World, **fields: object) -> None:
    """An edit of the payment in QuickBooks, which takes whole payments only."""
    now = world.one("Payment")
    world.accountant.save("Payment", {name: value for name, value in now.items() if name != "UnappliedAmt"} | fields)


@pytest.mark.behaviour("B-34", "B-35", "B-36")
def test_payments_in_part_and_in_full_go_out_with_the_next_cycle(world: World) -> None:
    client = world.client("Ada")
    one, two = world.invoice(client, "1001"), world.invoice(client, "1002", ("50.00", "Nails"))
    world.run()
    world.payment(client, (one, "40.00"), reference="P1")
    world.run()
    balances = {record["DocNumber"]: Decimal(record["Balance"]) for record in world.books("Invoice")}
    assert balances == {"1001": 60, "1002": 50}
    world.payment(client, (one, "60.00"), (two, "50.00"), reference="P2")
    world.run()
    assert {Decimal(record["Balance"]) for record in world.books("Invoice")} == {Decimal(0)}
    assert Decimal(world.one("Payment", PaymentRefNum="P2")["TotalAmt"]) == 110
    at_rest(world)
    once(world)


@pytest.mark.behaviour("B-37")
def test_a_payment_that_is_deleted_is_deleted_there_too(world: World, paid: int) -> None:
    world.payment(world.client("Bob"), amount="5.00", reference="On account")
    world.run()
    world.sql("DELETE FROM payment WHERE id = :id", id=paid)
    world.run()
    assert [record["PaymentRefNum"] for record in world.books("Payment")] == ["On account"]
    assert Decimal(world.one("Invoice")["Balance"]) == 100
    at_rest(world)


@pytest.mark.behaviour("B-16", "B-34")
def test_a_change_in_the_source_goes_out_and_one_in_quickbooks_stays(world: World, paid: int) -> None:
    edit(world, PrivateNote="banked on Monday")
    world.run()
    here = snapshot(world)
    at_rest(world)
    amount(world, paid, "55.00")
    world.run()
    there = world.one("Payment")
    assert (Decimal(there["TotalAmt"]), there["PrivateNote"]) == (55, "banked on Monday")
    assert Decimal(world.one("Invoice")["Balance"]) == 45
    assert snapshot(world)["invoice"] == here["invoice"]
    at_rest(world)
    # Both at once: the source's change goes out, QuickBooks' own stays.
    amount(world, paid, "60.00")
    edit(world, PrivateNote="banked on Tuesday")
    world.run()
    there = world.one("Payment")
    assert (Decimal(there["TotalAmt"]), there["PrivateNote"]) == (60, "banked on Tuesday")
    assert world.rows("SELECT notes FROM payment") == [{"notes": None}]
    world.run()
    at_rest(world)
    # The same field: the source wins.
    amount(world, paid, "70.00")
    invoice = next(iter(pays(there)))
    line = {"Amount": Decimal(65), "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]}
    edit(world, TotalAmt=Decimal(65), Line=[line])
    world.run()
    assert Decimal(world.one("Payment")["TotalAmt"]) == 70
    at_rest(world)
    assert born(world, "Payment", "PaymentRefNum") == {"W1": 1}


@pytest.mark.behaviour("B-16")
@pytest.mark.failure("F-114")
def test_one_that_is_deleted_in_quickbooks_waits(world: World, paid: int) -> None:
    world.accountant.delete("Payment", world.one("Payment"))
    world.run()
    assert "it was deleted in QuickBooks and is still in the source" in held_one(world, Kind.PAYMENT).reason
    answer(world, "accept-source", Kind.PAYMENT)
    world.run()
    assert Decimal(world.one("Payment")["TotalAmt"]) == 40
    at_rest(world)
