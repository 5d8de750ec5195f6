"""What was lost or is taken back: a state without memory makes nothing twice, and a run can be undone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from syncd.model.kinds import Kind
from syncd.report import CycleRequest
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, held
from tests.reliability.test_restored_backup import rebuild, restore, resume
from tests.support.world import World


def fill(world: World, *names: str) -> None:
    """For each name a client with a project and a closed one, an invoice half paid, and a credit."""
    for name in names:
        client = world.client(name)
        project = world.named("project", f"Roof of {name}", client_id=client)
        world.named("project", f"Shed of {name}", client_id=client)
        invoice = world.invoice(client, f"INV-{name}", ("100.00", "Tiles"), project_id=project)
        world.payment(client, (invoice, "50.00"), project_id=project, reference=f"P-{name}")
        note = world.credit_note(client, f"C-{name}", ("20.00", "Broken"), project_id=project)
        world.apply_credit(note, (invoice, "20.00"))


def counts(world: World) -> dict[str, int]:
    return {name: len(world.books(name)) for name in ("Customer", "Invoice", "CreditMemo", "Payment")}


@pytest.mark.behaviour("B-12", "B-25")
@pytest.mark.failure("F-11")
def test_a_state_that_was_lost_makes_nothing_a_second_time(make: Make, tmp_path: Path) -> None:
    world = make(profile="billdr", epoch_file=tmp_path / "acme-state.db.epoch")
    fill(world, "Ada", "Bob")
    world.run()
    world.sql("UPDATE project SET active = FALSE WHERE name = 'Shed of Ada'")
    world.run()
    at_rest(world)
    before, writes = counts(world), world.writes()
    restore(world, None)
    assert world.run().outcome == "halted"
    found = rebuild(world)
    assert (found.left, found.apart) == ((), ())
    resume(world)
    report = world.run()
    assert [o.id for o in report.plan.writes] == []
    assert (counts(world), world.writes(), held(world)) == (before, writes, [])
    at_rest(world)
    world.sql("UPDATE project SET name = 'Barn' WHERE name = 'Shed of Bob'")
    world.run()
    assert world.one("Customer", DisplayName="Barn")["ParentRef"]["name"] == "Bob"
    at_rest(world)


def test_a_run_is_undone(world: World) -> None:
    """Documents go; customers and sub-customers stay, since others may refer to them by now."""
    fill(world, "Ada")
    world.run()
    before = counts(world)
    fill(world, "Bob")
    report = world.run()
    undone = world.engine.undo(report.run_id, CycleRequest(allow_removals=dict.fromkeys(Kind, 5)))
    assert {each.kind for each in undone.plan.left_out} == {Kind.CLIENT, Kind.PROJECT}
    assert counts(world) == {**before, "Customer": 6}
    assert Decimal(world.one("Customer", DisplayName="Roof of Bob")["Balance"]) == 0
    assert world.run().applied == 0, "until a person says more"
    assert born(world, "Invoice") == {"INV-Ada": 1, "INV-Bob": 1}


@pytest.mark.behaviour("B-20", "B-21")
@pytest.mark.failure("F-1")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_makes_no_customer_and_no_project_twice(world: World, when: str, lost: int) -> None:
    """The answer for the customer, or for the project below it."""
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client)
    world.sandbox.add_fault("reset", when=when, entity="Customer", operation="create", nth=lost, realm=world.realm)
    world.run()
    world.invoice(client, "1001", project_id=project)
    world.restart()
    world.run()
    world.run()
    assert born(world, "Customer", "DisplayName") == {"Ada": 1, "Roof": 1}
    assert world.one("Customer", DisplayName="Roof")["ParentRef"]["name"] == "Ada"
    assert world.one("Invoice")["CustomerRef"]["value"] == world.one("Customer", DisplayName="Roof")["Id"]
    at_rest(world)
    # Closing, and a new name, whose answers are lost as well.
    other = world.named("project", "Shed", client_id=client)
    world.run()
    world.sql("UPDATE project SET active = FALSE WHERE id = :id", id=other)
    world.sql("UPDATE project SET name = 'Roof (east)' WHERE id = :id", id=project)
    world.sandbox.add_fault("reset", when=when, entity="Customer", operation="update", count=2, realm=world.realm)
    for _ in range(4):
        world.run()
    assert world.one("Customer", DisplayName="Shed (deleted)")["Active"] is False
    world.one("Customer", DisplayName="Roof (east)")
    at_rest(world)
    world.sql("UPDATE project SET active = TRUE WHERE id = :id", id=other)
    world.sandbox.add_fault("reset", when=when, entity="Customer", operation="update", realm=world.realm)
    for _ in range(3):
        world.run()
    assert world.one("Customer", DisplayName="Shed")["Active"] is True
    at_rest(world)
