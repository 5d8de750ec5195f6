"""Asking for one record (`syncd push`): what no rule sends by itself goes out now, once, with what it needs."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from syncd.report import CycleRequest
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, change, configure, held, held_one, once, snapshot, syncd
from tests.support.world import SETTINGS, World


def push(world: World, kind: Kind, name: str, **request: bool) -> list[str]:
    """Ask for one record; what was planned, in words."""
    report = world.engine.push(kind, name, CycleRequest(approve_first_run=True, **request))
    return [f"{o.verb} {o.kind}" for o in report.plan.writes if o.side.value == "qbo"]


@pytest.mark.behaviour("X-9")
def test_an_old_invoice_goes_out_once_asked_for_and_no_other_with_it(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, sync_start_date=date(2026, 6, 1)))
    ada, bob = world.client("Ada"), world.client("Bob")
    world.invoice(ada, "OLD-1")
    world.invoice(bob, "OLD-2")
    world.run()
    assert world.books("Invoice") == []
    before, books = snapshot(world), world.writes()
    assert push(world, Kind.INVOICE, "OLD-1", dry_run=True) == ["create client", "create invoice"]
    assert (snapshot(world), world.writes()) == (before, books), "a dry run asks for nothing"
    assert world.store.dirty_count(world.name) == 0

    assert push(world, Kind.INVOICE, "OLD-1") == ["create client", "create invoice"]
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["OLD-1"]
    assert [c["DisplayName"] for c in world.books("Customer")] == ["Ada"]
    assert push(world, Kind.INVOICE, "OLD-1") == [], "asked for again, it is there"
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-12-31")
    world.run()
    assert str(world.rows("SELECT due_date FROM invoice WHERE number = 'OLD-1'")[0]["due_date"]) == "2026-12-31"
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-5")
def test_what_was_not_ticked_goes_out_when_asked_for_and_so_does_a_client(world: World) -> None:
    ada = world.client("Ada", email="ada@a.example")
    world.invoice(ada, "INV-1", save_to_qbo=False)
    world.run()
    assert world.books("Customer") == []
    assert push(world, Kind.CLIENT, "Ada") == ["create client"]
    assert world.one("Customer")["PrimaryEmailAddr"]["Address"] == "ada@a.example"
    assert push(world, Kind.INVOICE, "1") == ["create invoice"], "by its id, too"
    at_rest(world)


def test_what_cannot_be_asked_for_is_refused_with_the_reason(world: World) -> None:
    ada = world.client("Ada")
    draft = world.invoice(ada, "D-1", state="draft")
    world.invoice(ada, "V-1", state="void")
    for _ in range(2):
        world.client("Twin")
        world.invoice(ada, "TWICE", save_to_qbo=False)
    world.run()
    for kind, name, why in (
        (Kind.INVOICE, "D-1", "is draft"),
        (Kind.INVOICE, "V-1", "is void"),
        (Kind.INVOICE, "NONE", "No invoice NONE is in the source; 2 there cannot be used"),
        (Kind.CLIENT, "Twin", "2 client records are called Twin"),
    ):
        with pytest.raises(StateError, match=why):
            world.engine.push(kind, name)
    with pytest.raises(StateError, match="makes no item"):
        world.engine.push(Kind.ITEM, "Services")
    assert world.books("Invoice") == []
    world.sql("UPDATE invoice SET state = 'published', save_to_qbo = NULL WHERE id = :id", id=draft)
    world.engine.push(Kind.INVOICE, str(draft))
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["D-1"]


def test_what_was_asked_for_stands_until_it_can_be_done(world: World) -> None:
    """Something is in the way: it is held, and goes out by itself once that is gone; asking is not forgotten."""
    ada = world.client("Ada: Ltd")
    world.invoice(ada, "INV-1", save_to_qbo=False)
    world.invoice(ada, "INV-2", save_to_qbo=False)
    world.run()
    assert push(world, Kind.INVOICE, "INV-1") == []
    assert "client Ada: Ltd, which is held" in held_one(world, Kind.INVOICE).reason
    world.run()
    world.restart()
    world.run()
    assert sorted(each.kind.value for each in held(world)) == ["client", "invoice"], "as long as it is wrong"
    world.sql("UPDATE client SET name = 'Ada Ltd'")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    at_rest(world)


def test_a_lost_answer_to_what_was_asked_for_makes_no_second_one(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "INV-1", save_to_qbo=False)
    world.run()
    world.engine.push(Kind.CLIENT, "Ada")
    world.sandbox.add_fault("reset", when="after", operation="create", entity="Invoice", realm=world.realm)
    report = world.engine.push(Kind.INVOICE, "INV-1")
    assert report.in_doubt == 1
    world.sandbox.clear_faults()
    world.restart()
    world.run()
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


def test_what_a_person_said_to_leave_alone_is_not_taken_up_by_asking(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.engine.undo(world.run().run_id, CycleRequest())
    world.run()
    assert world.books("Invoice") == []
    (number,) = [each.id for each in held(world) if each.kind is Kind.INVOICE]
    with pytest.raises(StateError, match=f"syncd held retry {number}"):
        world.engine.push(Kind.INVOICE, "INV-1")


def test_the_command_asks_shows_and_refuses(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "INV-1", save_to_qbo=False)
    world.invoice(ada, "D-1", state="draft")
    world.run()
    config = configure(world)
    shown = syncd(config, "push", "invoice", "INV-1", "--dry-run")
    assert "create in QuickBooks (1)" in shown.stdout
    assert world.books("Invoice") == []
    assert syncd(config, "push", "invoices", "INV-1").returncode == 0
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    refused = syncd(config, "push", "invoice", "D-1")
    assert refused.returncode == 1
    assert "is draft" in refused.stderr


def test_where_the_settings_say_so_an_invoice_goes_out_only_when_asked_for(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, push_on="button"))
    ada = world.client("Ada")
    for number in ("INV-1", "INV-2"):
        world.invoice(ada, number)
    world.run()
    assert world.books("Invoice") == []
    assert push(world, Kind.INVOICE, "INV-1") == ["create client", "create invoice"]
    world.run()
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-12-31")
    world.sql("UPDATE invoice SET notes = 'Thanks' WHERE number = 'INV-1'")
    world.run()
    there = world.one("Invoice")
    assert (there["DocNumber"], there["CustomerMemo"]["value"]) == ("INV-1", "Thanks"), "afterwards both ways, as ever"
    assert str(world.rows("SELECT due_date FROM invoice WHERE number = 'INV-1'")[0]["due_date"]) == "2026-12-31"
    at_rest(world, waiting=0)
