"""Estimates: out where that is switched on, with every later change; never back (V-14 to V-16)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.helpers import answer, at_rest, born, change, held, held_one, row, sales_line, sales_lines, snapshot
from tests.ravetree.conftest import Start
from tests.ravetree.helpers import estimate, invoice, items_of, settle, type_of
from tests.support.world import World


@pytest.mark.behaviour("V-14")
def test_estimates_are_left_alone_unless_they_are_switched_on(world: World) -> None:
    ada = world.client("Ada")
    made = estimate(world, ada, "EST-1")
    invoice(world, ada, "INV-1")
    settle(world)
    assert (world.books("Estimate"), len(world.books("Invoice"))) == ([], 1)
    world.adjust(estimates=True)
    assert [brake.rail for brake in world.run().plan.brakes] == ["scope-changed"]
    world.run(accept_config=True)
    settle(world)
    assert row(world, "estimate", made)["qbo_id"] == world.one("Estimate", DocNumber="EST-1")["Id"]
    at_rest(world)


@pytest.mark.behaviour("V-15", "V-6", "V-8")
def test_an_estimate_goes_out_when_it_is_made_and_when_it_changes(start: Start) -> None:
    world = start({"estimates": True})
    ada = world.client("Ada", email="ada@example.com")
    made = estimate(world, ada, "EST-1", ("500.00", "Plan", "time"), ("20.00", "Copies", "expense"), notes="Hello")
    settle(world)
    sent = world.one("Estimate")
    assert items_of(world, sent) == [("Services", "500.00"), ("Reimbursed costs", "20.00")]
    assert (sent["DocNumber"], Decimal(sent["TotalAmt"]), sent["TxnStatus"]) == ("EST-1", 520, "Pending")
    assert (str(sent["TxnDate"]), str(sent["ExpirationDate"])) == ("2026-02-02", "2026-02-28")
    assert sent["CustomerMemo"]["value"] == "Hello"
    at_rest(world)
    with world.entering():
        world.sql("UPDATE estimate_line SET amount = '450.00', rate = '450.00' WHERE description = 'Plan'")
        world.sql("DELETE FROM estimate_line WHERE description = 'Copies'")
        world._insert(
            "estimate_line",
            **{"estimate_id": made, "position": 2, "description": "Retainer", "quantity": "1", "rate": "99.00"},
            **{"amount": "99.00", "item_id": type_of(world, "retainer"), "taxable": False},
        )
        world.sql("UPDATE estimate SET total = '549.00', due_date = '2026-03-31' WHERE id = :id", id=made)
    settle(world)
    sent = world.one("Estimate")
    assert items_of(world, sent) == [("Services", "450.00"), ("Retainer", "99.00")]
    assert (Decimal(sent["TotalAmt"]), str(sent["ExpirationDate"])) == (549, "2026-03-31")
    assert born(world, "Estimate") == {"EST-1": 1}
    at_rest(world)


@pytest.mark.behaviour("V-16", "C-V1")
def test_what_quickbooks_changes_in_an_estimate_stays_there(start: Start) -> None:
    world = start({"estimates": True})
    made = estimate(world, world.client("Ada"), "EST-1")
    settle(world)
    before, sent = snapshot(world), world.one("Estimate")
    lines = [*sales_lines(sent), sales_line("7.00", "more")]
    change(world, "Estimate", sent, Line=lines, TxnStatus="Accepted", AcceptedBy="Ada")
    estimates = [{"TxnId": sent["Id"], "TxnType": "Estimate"}]
    settle(world)
    assert snapshot(world) == before
    assert held(world) == []
    at_rest(world)
    # An invoice made of it there closes it: no business of the source's either.
    body = {"CustomerRef": sent["CustomerRef"], "DocNumber": "Q-9", "Line": [sales_line("7.00", "x")]}
    world.accountant.save("Invoice", body | {"LinkedTxn": estimates})
    settle(world)
    assert snapshot(world) == before
    assert world.one("Estimate")["TxnStatus"] == "Closed"
    # The source's own later change would overwrite what the accountant did: it waits for a person.
    with world.entering():
        world.sql("UPDATE estimate_line SET amount = '1.00', rate = '1.00' WHERE estimate_id = :id", id=made)
        world.sql("UPDATE estimate SET total = '1.00' WHERE id = :id", id=made)
    world.run()
    assert "of its own, which would be overwritten" in held_one(world).reason
    answer(world, "accept-source")
    settle(world)
    assert Decimal(world.one("Estimate")["TotalAmt"]) == 1
    at_rest(world)


@pytest.mark.behaviour("C-V5")
def test_an_estimate_that_goes_on_one_side_waits_for_a_person(start: Start) -> None:
    world = start({"estimates": True})
    ada = world.client("Ada")
    for number in ("EST-1", "EST-2", "EST-3"):
        estimate(world, ada, number)
    settle(world)
    world.accountant.delete("Estimate", world.one("Estimate", DocNumber="EST-1"))
    world.sql("DELETE FROM estimate_line WHERE estimate_id = 2")
    world.sql("DELETE FROM estimate WHERE id = 2")
    world.run()
    assert {each.label: each.case for each in held(world)} == {"EST-1": "C32", "EST-2": "C30"}
    assert len(world.books("Estimate")) == 2
    assert len(world.rows("SELECT id FROM estimate")) == 2
