"""Taking back what was asked for (O-10, O-15): what is not done yet is not done any more, and nothing else changes."""

from __future__ import annotations

import msgspec
import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from tests.e2e.helpers import at_rest, born, change, configure, customer, held, snapshot, syncd
from tests.onedesk.conftest import SETTINGS, Make, push
from tests.support.world import World


@pytest.fixture
def world(make: Make) -> World:
    """A company where QuickBooks may mail."""
    return make(profile="onedesk", settings=msgspec.structs.replace(SETTINGS, send_via_qbo=True))


def bill(world: World, number: str = "INV-1") -> int:
    """An open invoice of Ada's."""
    return world.invoice(1, number, ("60.00", "Logo", 1))


def client(world: World) -> None:
    """Ada, and what she is billed for."""
    world.client("Ada Ltd", email="billing@ada.example")
    world.item("Design")


def test_what_is_in_the_way_of_a_withdrawn_invoice_may_go_and_it_stays(world: World) -> None:
    customer(world, "ADA LTD")
    client(world)
    bill(world)
    assert push(world, "INV-1").outcome == "held"
    assert world.engine.withdraw(Kind.INVOICE, "INV-1", "Ann") == "1"
    world.sql("UPDATE client SET name = 'ADA LTD'")
    for _ in range(3):
        world.run()
    assert born(world, "Invoice") == {}
    assert held(world) == []
    at_rest(world)
    push(world, "INV-1")
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


def test_a_copy_that_would_overwrite_is_held_no_more(world: World) -> None:
    client(world)
    bill(world)
    push(world, "INV-1")
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-09-09")
    world.run()
    world.sql("UPDATE invoice SET due_date = '2026-06-06'")
    assert push(world, "INV-1").outcome == "held"
    assert world.engine.withdraw(Kind.INVOICE, "1", "Ann") == "1", "by its id, too"
    books, source = world.writes(), snapshot(world)
    assert world.run().outcome == "ok"
    assert (world.writes(), snapshot(world), held(world)) == (books, source, [])
    told = [(e.actor, e.result) for e in world.store.history(world.name, Kind.INVOICE, "1")]
    assert ("Ann", "withdrawn") in told
    at_rest(world)


@pytest.mark.failure("F-120")
def test_a_mail_that_is_still_owed_is_not_sent(world: World) -> None:
    client(world)
    bill(world)
    world.sandbox.add_fault("fault200", code="6000", operation="send", count=0, realm=world.realm)
    assert push(world, "INV-1", send=True).failed == 1
    world.engine.withdraw(Kind.INVOICE, "INV-1", "Ann")
    world.sandbox.clear_faults()
    for _ in range(2):
        world.run()
    assert [v for v in world.sandbox.history(world.realm, entity="Invoice") if v["op"] == "emailed"] == []
    assert born(world, "Invoice") == {"INV-1": 1}, "what was copied stays"
    assert held(world) == []
    at_rest(world)


def test_where_nobody_knows_whether_it_was_mailed_there_is_nothing_to_withdraw(world: World) -> None:
    client(world)
    bill(world)
    world.sandbox.add_fault("reset", when="before", operation="send", realm=world.realm)
    push(world, "INV-1", send=True)
    world.sandbox.clear_faults()
    world.restart()
    for _ in range(2):
        world.run()
    with pytest.raises(StateError, match="is not asked for"):
        world.engine.withdraw(Kind.INVOICE, "INV-1", "Ann")
    assert len(held(world)) == 1, "a person still has to look"


def test_from_the_command_line(make: Make) -> None:
    world = make(profile="onedesk", settings=SETTINGS)
    customer(world, "ADA LTD")
    client(world)
    bill(world)
    push(world, "INV-1")
    config = configure(world, default_income_account="Services")
    config.write_text(config.read_text().replace('profile = "ruddr"', 'profile = "onedesk"'))
    both = syncd(config, "push", "invoice", "INV-1", "--withdraw", "--send")
    assert (both.returncode, "it sends nothing" in both.stderr) == (64, True)
    done = syncd(config, "push", "invoice", "INV-1", "--withdraw")
    assert (done.returncode, done.stdout) == (0, "Invoice INV-1 is not asked for any more.\n")
    again = syncd(config, "push", "invoice", "INV-1", "--withdraw")
    assert (again.returncode, "syncd queue" in again.stderr) == (1, True)
    assert world.books("Invoice") == []
