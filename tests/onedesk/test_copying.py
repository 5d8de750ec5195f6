"""Copying when a person asks, and again when a person asks again (O-8 to O-14, C-O1), and what comes of removals
(O-33, O-34, C-O6)."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    change,
    configure,
    customer,
    held,
    held_one,
    lines_of,
    row,
    snapshot,
    syncd,
)
from tests.onedesk.conftest import SETTINGS, Make, push
from tests.support.world import World


def copied(world: World, number: str = "INV-1") -> int:
    """An invoice of 100 that was copied."""
    world.run()
    ada = world.client("Ada Ltd")
    invoice = world.invoice(
        ada, number, ("60.00", "Logo", world.item("Design")), ("40.00", "Trip", world.item("Travel"))
    )
    push(world, number)
    assert Decimal(world.one("Invoice", DocNumber=number)["TotalAmt"]) == 100
    return invoice


def due(world: World) -> tuple[str, str]:
    """The due date on both sides."""
    return str(row(world, "invoice", 1)["due_date"]), world.one("Invoice")["DueDate"]


@pytest.mark.behaviour("O-8", "O-10", "O-11", "O-12", "O-13")
def test_an_open_invoice_is_copied_when_a_person_asks_and_marked_so(world: World) -> None:
    ada = world.client("Ada Ltd", email="ada@a.example")
    first = world.invoice(
        ada, "INV-1", ("60.00", "Logo", world.item("Design")), ("40.00", "Trip", world.item("Travel"))
    )
    second = world.invoice(ada, "INV-2")
    before = world.writes()
    world.run()
    assert world.writes() == before
    assert at_rest(world, waiting=0).plan.left_out == (), "what nobody asked for waits for nothing"

    shown = push(world, "INV-1", dry_run=True)
    assert [f"{o.verb} {o.kind}" for o in shown.plan.writes] == ["create item"] * 2 + [
        "create client",
        "create invoice",
    ]
    assert world.writes() == before
    push(world, "INV-1")
    there = world.one("Invoice")
    assert (there["DocNumber"], there["TxnDate"], there["DueDate"]) == ("INV-1", "2026-03-02", "2026-04-01")
    assert (Decimal(there["TotalAmt"]), Decimal(there["Balance"])) == (100, 100)
    assert row(world, "invoice", first)["qbo_id"] == there["Id"], "the mark of what was copied"
    assert row(world, "invoice", second)["qbo_id"] is None
    assert there.get("EmailStatus", "NotSet") == "NotSet"
    assert [r for r in world.sandbox.requests(realm=world.realm) if r["operation"] == "send"] == []
    at_rest(world)


@pytest.mark.behaviour("O-9")
def test_only_open_invoices_can_be_copied(world: World) -> None:
    ada, before = world.client("Ada Ltd"), world.writes()
    for state in ("draft", "void"):
        invoice = world.invoice(ada, state, ("10.00", "Logo", world.item(state)), state=state)
        with pytest.raises(StateError, match=f"is {state} in the source"):
            push(world, state)
        assert row(world, "invoice", invoice)["qbo_id"] is None
    assert world.writes() == before
    world.sql("UPDATE invoice SET state = 'published' WHERE number = 'draft'")
    push(world, "draft")
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["draft"]


@pytest.mark.behaviour("O-14", "C-O1")
def test_changes_wait_until_it_is_copied_again_into_the_same_invoice(world: World) -> None:
    invoice = copied(world)
    kept = world.one("Invoice")["Id"]
    other = world.client("Bob")
    world.sql("UPDATE invoice_line SET amount = '55', rate = '55' WHERE amount = '40.00'")
    world.sql("UPDATE invoice SET total = '115', due_date = '2026-05-05', client_id = :bob", bob=other)
    before = world.writes()
    shown = world.run()
    (left,) = shown.plan.left_out
    assert (left.label, "since it was copied" in left.reason, "syncd push invoice INV-1" in left.reason) == (
        "INV-1",
        True,
        True,
    )
    assert (shown.outcome, world.writes(), held(world)) == ("ok", before, [])
    assert [c["DisplayName"] for c in world.books("Customer")] == ["Ada Ltd"], "nobody is made for what is not copied"
    audit = world.engine.audit()
    assert (audit.differ, audit.accepted) == ((), 1)
    assert [(d.label, "the source changed" in d.reason) for d in audit.left] == [("INV-1", True)]
    world.restart()
    at_rest(world)

    push(world, "INV-1")
    there = world.one("Invoice")
    assert (there["Id"], Decimal(there["TotalAmt"]), there["DueDate"]) == (kept, 115, "2026-05-05")
    assert world.one("Customer", DisplayName="Bob")["Id"] == there["CustomerRef"]["value"]
    assert born(world, "Invoice") == {"INV-1": 1}
    assert push(world, "INV-1").applied == 0, "once more changes nothing"
    assert money_of(world, invoice) == 115
    at_rest(world)
    assert world.engine.audit().left == ()


def money_of(world: World, invoice: int) -> Decimal:
    """The sum of the source's lines."""
    return sum((Decimal(str(each["amount"])) for each in lines_of(world, invoice)), Decimal(0))


@pytest.mark.behaviour("X-1")
def test_what_quickbooks_edits_is_left_there_and_overwritten_only_after_a_person_says_so(world: World) -> None:
    copied(world)
    source = snapshot(world)
    theirs = world.one("Invoice")
    lines = [line for line in theirs["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    lines[0]["Amount"] = lines[0]["SalesItemLineDetail"]["UnitPrice"] = Decimal(80)
    change(world, "Invoice", theirs, Line=lines, DueDate="2026-09-09")
    world.run()
    assert snapshot(world) == source, "nothing of an invoice comes back"
    at_rest(world)

    # Asked for although the source is as it was: both values are shown, and nothing is lost.
    assert push(world, "INV-1").outcome == "held"
    case = held_one(world, Kind.INVOICE)
    assert (case.source_value["total"], case.qbo_value["total"]) == ("100.00", "120.00")
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 120
    answer(world, "accept-source", Kind.INVOICE)
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 100
    assert snapshot(world) == source
    at_rest(world)


def test_both_sides_changed_it_since_it_was_copied(world: World) -> None:
    copied(world)
    world.sql("UPDATE invoice SET notes = 'Thank you'")
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-09-09")
    push(world, "INV-1")
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Thank you"
    assert due(world) == ("2026-04-01", "2026-09-09"), "each side keeps what it changed alone"
    world.run()
    at_rest(world)
    world.sql("UPDATE invoice SET due_date = '2026-06-06'")
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-08-08")
    assert push(world, "INV-1").outcome == "held"
    world.run()
    assert due(world) == ("2026-06-06", "2026-08-08")
    answer(world, "accept-source", Kind.INVOICE)
    world.run()
    assert due(world) == ("2026-06-06", "2026-06-06")
    at_rest(world)


def test_seen_apart_both_changes_are_kept_apart(world: World) -> None:
    """The source's edit waits, QuickBooks' own is noted meanwhile, and asking tells of both."""
    copied(world)
    world.sql("UPDATE invoice SET due_date = '2026-06-06'")
    world.run()
    change(world, "Invoice", world.one("Invoice"), DueDate="2026-08-08")
    world.run()
    at_rest(world)
    assert push(world, "INV-1").outcome == "held"
    assert "QuickBooks holds due date of its own" in held_one(world, Kind.INVOICE).reason
    answer(world, "accept-source", Kind.INVOICE)
    world.run()
    assert due(world) == ("2026-06-06", "2026-06-06")
    at_rest(world)


def test_what_an_accountant_wrote_where_the_source_said_nothing_is_not_overwritten_unasked(world: World) -> None:
    copied(world)
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "Paid by the parent, see Maria"})
    world.run()
    world.sql("UPDATE invoice SET notes = 'Thank you'")
    assert push(world, "INV-1").outcome == "held"
    assert "QuickBooks holds notes of its own" in held_one(world, Kind.INVOICE).reason
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Paid by the parent, see Maria"
    answer(world, "accept-source", Kind.INVOICE)
    world.run()
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Thank you"
    at_rest(world)


@pytest.mark.behaviour("O-33", "C-O6")
def test_deleted_in_the_source_the_copy_stays_and_is_reported(world: World) -> None:
    copied(world)
    world.invoice(1, "INV-2", ("10.00", "Logo", 1))
    before = world.writes()
    world.sql("DELETE FROM invoice WHERE number = 'INV-1'")
    assert world.run().outcome == "ok"
    assert world.writes() == before
    at_rest(world)
    assert [(d.label, d.reason) for d in world.engine.audit().left] == [
        ("INV-1", "was removed in the source and stays in QuickBooks")
    ]
    config = configure(world)
    shown = json.loads(syncd(config, "status", "--json").stdout)["companies"][0]
    assert shown["left"] == 1
    told = syncd(config, "audit")
    assert "INV-1: was removed in the source and stays in QuickBooks" in told.stdout


@pytest.mark.behaviour("O-34", "C-O6")
@pytest.mark.parametrize("edited", [False, True])
def test_deleted_in_quickbooks_the_source_stays_and_may_be_copied_anew(world: World, edited: bool) -> None:
    copied(world)
    there = world.one("Invoice")
    world.accountant.delete("Invoice", there)
    if edited:
        world.sql("UPDATE invoice SET notes = 'Thank you'")
    source = snapshot(world)
    assert world.run().outcome == "ok"
    assert (snapshot(world), world.books("Invoice")) == (source, [])
    at_rest(world)
    assert [(d.label, d.reason) for d in world.engine.audit().left] == [
        ("INV-1", "was deleted in QuickBooks and stays in the source")
    ]
    push(world, "INV-1")
    again = world.one("Invoice")
    assert again["Id"] != there["Id"]
    assert row(world, "invoice", 1)["qbo_id"] == again["Id"]
    at_rest(world)
    assert world.engine.audit().left == ()


@pytest.mark.failure("F-114")
def test_deleted_there_and_withdrawn_and_opened_again_it_is_not_copied_by_itself(world: World) -> None:
    copied(world)
    world.accountant.delete("Invoice", world.one("Invoice"))
    world.run()
    for state in ("draft", "published"):
        world.sql("UPDATE invoice SET state = :state", state=state)
        world.run()
        assert world.books("Invoice") == [], "nobody asked for it"
        at_rest(world, waiting=0)
    push(world, "INV-1")
    assert world.one("Invoice")["DocNumber"] == "INV-1"
    at_rest(world)


def test_voided_on_either_side_it_stays_on_the_other(world: World) -> None:
    copied(world)
    world.accountant.void("Invoice", world.one("Invoice"))
    source = snapshot(world)
    world.run()
    assert snapshot(world) == source
    at_rest(world)
    assert push(world, "INV-1").outcome == "held", "a void invoice cannot be changed"
    assert "voided" in held_one(world, Kind.INVOICE).reason


def test_withdrawn_or_void_in_the_source_the_copy_stays_and_is_used_again(world: World) -> None:
    copied(world)
    before = world.writes()
    for state in ("draft", "void"):
        world.sql("UPDATE invoice SET state = :state", state=state)
        world.run()
        at_rest(world)
        assert [d.reason for d in world.engine.audit().left] == [
            "is withdrawn or void in the source and stays in QuickBooks"
        ]
    assert world.writes() == before
    world.sql("UPDATE invoice SET state = 'published', notes = 'Again'")
    world.run()
    assert world.writes() == before
    push(world, "INV-1")
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Again"
    at_rest(world)


@pytest.mark.behaviour("X-6")
@pytest.mark.failure("F-88")
def test_a_number_that_is_taken_is_adopted_or_held_and_never_doubled(world: World) -> None:
    ada = world.client("Ada Ltd")
    there = customer(world, "Ada Ltd")
    bill(world, there, "INV-1", ("100.00", "Work"))
    bill(world, there, "INV-2", ("70.00", "Other"))
    services = world.item("Services")
    first = world.invoice(ada, "INV-1", ("100.00", "Work", services))
    world.invoice(ada, "INV-2", ("100.00", "Work", services))
    push(world, "INV-1")
    assert row(world, "invoice", first)["qbo_id"] is None or born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}
    assert push(world, "INV-2").outcome == "held"
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}


def test_with_push_on_publish_it_goes_out_by_itself(make: Make) -> None:
    world = make(profile="onedesk", settings=msgspec.structs.replace(SETTINGS, push_on="publish"))
    world.invoice(world.client("Ada Ltd"), "INV-1", ("100.00", "Work", world.item("Design")))
    world.run()
    assert world.one("Invoice")["DocNumber"] == "INV-1"
    world.sql("UPDATE invoice SET due_date = '2026-06-06'")
    world.run()
    assert world.one("Invoice")["DueDate"] == "2026-06-06"
    at_rest(world)


def test_what_was_copied_before_is_found_again_by_its_mark(world: World) -> None:
    """Another program copied it, perhaps: the mark says which one it is, and nothing is copied twice."""
    copied(world)
    world.sql("DELETE FROM syncd_write")
    world.invoice(1, "INV-2", ("10.00", "Logo", 1), qbo_id="4711")
    world.engine.close()
    world.store.close()
    world.state_url = f"sqlite:///{world.directory / 'another-state.db'}"
    world.store = world.open_store()
    world.grant()
    world.engine = world.build()
    world.run()
    assert [(each.kind, each.label) for each in held(world)] == [(Kind.INVOICE, "INV-2")]
    assert "which is not there" in held_one(world).reason, "a mark that leads nowhere is told"
    there = world.one("Invoice")
    world.sql("UPDATE invoice SET notes = 'Again' WHERE number = 'INV-1'")
    push(world, "INV-1")
    assert world.one("Invoice")["Id"] == there["Id"]
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Again"
    assert born(world, "Invoice") == {"INV-1": 1}


def test_a_mark_that_is_another_invoices_makes_no_copy(world: World) -> None:
    """Whatever the mark says: what nobody asked for is not created."""
    copied(world)
    there = world.one("Invoice")
    world.invoice(1, "INV-2", ("10.00", "Logo", 1), qbo_id=there["Id"], business_unit="other")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    at_rest(world)


def test_many_that_wait_are_no_mass_change(make: Make) -> None:
    world = make(profile="onedesk", settings=msgspec.structs.replace(SETTINGS, push_on="publish"))
    ada, design = world.client("Ada Ltd"), world.item("Design")
    for number in range(25):
        world.invoice(ada, f"INV-{number}", ("10.00", "Logo", design))
    world.run()
    world.adjust(push_on="button")
    world.run(accept_config=True)
    world.sql("UPDATE invoice SET notes = 'Season''s greetings'")
    report = world.run()
    assert (report.outcome, report.plan.brakes, len(report.plan.left_out)) == ("ok", (), 25)
    at_rest(world)
