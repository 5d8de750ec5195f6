"""What people ask for one at a time, and how they see what is linked (V-12, V-19, V-20)."""

from __future__ import annotations

import json
from datetime import date

import pytest

from syncd import recordlist
from syncd.cli import records as command
from syncd.model.kinds import Kind
from syncd.report import CycleRequest
from tests.e2e.helpers import at_rest, configure, customer, held_one, once, receive, row, syncd
from tests.ravetree.conftest import SETTINGS, Start
from tests.ravetree.helpers import estimate, invoice, settle
from tests.support.world import World

LONG = "INV-2 with a number that is much too long"


def push(world: World, kind: Kind, name: str) -> None:
    world.engine.push(kind, name, CycleRequest(approve_first_run=True))


@pytest.mark.behaviour("V-12", "X-9")
def test_invoices_older_than_the_link_go_out_one_at_a_time(start: Start) -> None:
    world = start({"sync_start_date": date(2026, 3, 1)})
    ada = world.client("Ada")
    old = invoice(world, ada, "OLD-1", issue_date="2025-12-01")
    invoice(world, ada, "OLD-2", issue_date="2025-12-02")
    invoice(world, ada, "INV-1")
    settle(world)
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    push(world, Kind.INVOICE, "OLD-1")
    settle(world)
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "OLD-1"]
    at_rest(world)
    # From then on it is like any other: what is paid on it is paid on both sides.
    there = world.one("Invoice", DocNumber="OLD-1")
    receive(world, there["CustomerRef"]["value"], (there["Id"], "60.00"))
    # Its old payment is as old as it is, and is asked for as well: nothing is entered a second time for the mark.
    world.payment(ada, (old, "40.00"), date="2025-12-10")
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=old)
    settle(world)
    assert "(syncd push payment" in held_one(world, Kind.INVOICE).reason
    push(world, Kind.PAYMENT, "W1")
    settle(world)
    assert row(world, "invoice", old)["paid"]
    assert sorted(f"{p['TotalAmt']:.2f}" for p in world.books("Payment")) == ["40.00", "60.00"]
    once(world)
    at_rest(world)


@pytest.mark.behaviour("V-19")
def test_a_contact_that_nothing_is_addressed_to_goes_out_when_it_is_asked_for(world: World) -> None:
    known = customer(world, "Known")
    world.run()
    ada, _ = world.client("Ada", email="ada@example.com"), world.client("Bob")
    settle(world)
    assert [c["DisplayName"] for c in world.books("Customer")] == ["Known"]
    push(world, Kind.CLIENT, "Ada")
    settle(world)
    made = world.one("Customer", DisplayName="Ada")
    assert made["PrimaryEmailAddr"]["Address"] == "ada@example.com"
    assert row(world, "client", ada)["qbo_id"] == made["Id"]
    assert {c["DisplayName"] for c in world.books("Customer")} == {"Known", "Ada"}
    assert known["Id"] != made["Id"]
    at_rest(world)


@pytest.mark.behaviour("V-20")
def test_each_record_shows_whether_it_is_linked_and_with_what(start: Start) -> None:
    world = start({"estimates": True})
    customer(world, "Bolt")
    ada, _ = world.client("Ada"), world.client("Idle")
    invoice(world, ada, "INV-1")
    invoice(world, ada, LONG)
    invoice(world, ada, "INV-3", state="draft")
    estimate(world, ada, "EST-1")
    settle(world)
    there = {i["DocNumber"]: i["Id"] for i in (*world.books("Invoice"), *world.books("Estimate"))}
    people = {c["DisplayName"]: c["Id"] for c in world.books("Customer")}
    shown = {(r.kind, r.record): (r.state, r.qbo_id) for r in recordlist.records(world.engine.parts)}
    assert shown[Kind.CLIENT, "Ada"] == ("linked", people["Ada"])
    assert shown[Kind.CLIENT, "Bolt"] == ("linked", people["Bolt"])
    assert shown[Kind.CLIENT, "Idle"] == ("not linked", "")
    assert shown[Kind.INVOICE, "INV-1"] == ("linked", there["INV-1"])
    assert shown[Kind.INVOICE, LONG] == ("held", "")
    assert shown[Kind.INVOICE, "INV-3"] == ("not linked", "")
    assert shown[Kind.ESTIMATE, "EST-1"] == ("linked", there["EST-1"])
    assert shown[Kind.ITEM, "time"][0] == "linked"
    # The source itself shows it where it keeps QuickBooks' ids.
    ids = {c["name"]: c["qbo_id"] for c in world.rows("SELECT name, qbo_id FROM client")}
    assert ids == {"Ada": people["Ada"], "Bolt": people["Bolt"], "Idle": None}

    config = configure(world)
    rows = "".join(f"{name} = {json.dumps(item)}\n" for name, item in SETTINGS.line_type_map.items())
    text = (
        config.read_text().replace('"ruddr"', '"ravetree"')
        + f"estimates = true\n[company.settings.line_type_map]\n{rows}"
    )
    config.write_text(text)
    told = syncd(config, "records", "--kind", "invoices", "--state", "held", "--json")
    assert told.returncode == 0, told.stderr
    (only,) = json.loads(told.stdout)["records"]
    assert (only["record"], only["source_id"]) == (LONG, "2")
    assert "at most 21" in only["why"]
    assert command.STATES == recordlist.STATES
