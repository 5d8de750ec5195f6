"""Names, lists, numbers and dates (sections G and H of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path

import msgspec
import pytest

from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, bill, born, change, command, configure, held, held_one, row
from tests.support.world import SETTINGS, World


def findings(world: World, level: str) -> str:
    """What `syncd check` says at this level."""
    return "\n".join(f"{f.subject}: {f.text} {f.remedy}" for f in world.engine.check() if f.level == level)


@pytest.mark.failure("F-84")
@pytest.mark.parametrize(
    ("setting", "name", "wrong"),
    [
        ("deposit_account", "Accounts Receivable (A/R)", True),
        ("deposit_account", "Discounts given", True),
        ("discount_account", "Accounts Receivable (A/R)", True),
        ("deposit_account", "Undeposited Funds", False),
        ("deposit_account", "Checking", False),
    ],
)
def test_an_account_of_the_wrong_type_is_named_before_the_first_write(
    make: Make, setting: str, name: str, wrong: bool
) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, **{setting: name}))
    errors = findings(world, "error")
    assert ("of the type" in errors) is wrong, errors
    assert (f"{setting}: {setting} names {name!r}" in errors) is wrong, errors


@pytest.mark.failure("F-86")
def test_what_the_company_wants_on_its_documents_is_named_before_the_first_write(make: Make) -> None:
    assert "required fields" not in findings(make(name="plain"), "warning")
    tracked = make(name="tracked", class_tracking_per_txn=True, track_departments=True)
    said = findings(tracked, "warning")
    assert "classes and locations" in said
    assert "does not send" in said


@pytest.mark.failure("F-89", "F-87")
def test_a_number_of_our_series_that_was_used_in_quickbooks_is_seen_before_ours_is_sent(world: World) -> None:
    """QuickBooks counts on from our last number: the two invoices are told apart, and the source's waits."""
    assert "same series" in findings(world, "ok")
    ada = world.client("Ada")
    world.invoice(ada, "INV-0041")
    world.run()
    taken = bill(world, world.one("Customer"), "INV-0042", ("77.00", "By hand"))
    mine = world.invoice(ada, "INV-0042", ("50.00", "Ours"))
    before = world.writes()
    world.run()
    assert world.writes() == before
    waits = held_one(world)
    assert waits.label == "INV-0042"
    assert waits.qbo_id == taken["Id"] or "INV-0042" in waits.reason
    world.sql("UPDATE invoice SET number = 'INV-0043' WHERE id = :id", id=mine)
    world.run()
    assert born(world, "Invoice") == {"INV-0041": 1, "INV-0042": 1, "INV-0043": 1}
    at_rest(world)


@pytest.mark.failure("F-90")
def test_numbers_that_are_switched_over_at_work(world: World) -> None:
    """The preference is looked at again: ours is sent while it is asked for, and theirs comes back when it is not."""
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    world.sandbox.change_company(world.realm, custom_txn_numbers=False)
    world.restart()
    second = world.invoice(ada, "DRAFT-2", ("20.00", "Work"))
    world.run()
    number = row(world, "invoice", second)["number"]
    assert number != "DRAFT-2"
    assert number in {i["DocNumber"] for i in world.books("Invoice")}
    world.sandbox.change_company(world.realm, custom_txn_numbers=True)
    world.restart()
    world.invoice(ada, "INV-3", ("30.00", "Work"))
    world.run()
    assert born(world, "Invoice") == {"INV-1": 1, number: 1, "INV-3": 1}
    at_rest(world)


def in_zone(zone: str, config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of the command on a machine in this time zone."""
    return subprocess.run(
        command(config, "reconcile", *options),
        env={**os.environ, "TZ": zone},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.failure("F-91")
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "America/New_York"])
def test_dates_are_the_same_wherever_syncd_runs(make: Make, zone: str) -> None:
    """Two of the zones are never on the same day: whatever the hour, one of them is a day away from the books."""
    world = make()
    ada = world.client("Ada")
    days = {"INV-1": "2026-03-08", "INV-2": "2026-11-01", "INV-3": "2026-12-31"}
    for number, day in days.items():
        world.invoice(ada, number, issue_date=day, due_date=day)
    config = configure(world)
    done = in_zone(zone, config, "--approve-first-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {i["DocNumber"]: str(i["TxnDate"]) for i in world.books("Invoice")} == days
    assert {i["DocNumber"]: str(i["DueDate"]) for i in world.books("Invoice")} == days
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-2"), TxnDate="2026-03-29", DueDate="2026-03-29")
    done = in_zone(zone, config)
    assert done.returncode == 0, done.stdout + done.stderr
    (moved,) = world.rows("SELECT * FROM invoice WHERE number = 'INV-2'")
    assert (str(moved["issue_date"]), str(moved["due_date"])) == ("2026-03-29", "2026-03-29")
    at_rest(world)


@pytest.mark.failure("F-92")
def test_nothing_is_booked_on_the_day_of_the_run(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", issue_date="2026-03-05")
    world.payment(ada, (invoice, "10.00"), date="2026-03-06")
    world.apply_credit(world.credit_note(ada, "CN-1", issue_date="2026-03-07"), (invoice, "20.00"), date="2026-03-08")
    world.run()
    days = {str(d["TxnDate"]) for entity in ("Invoice", "Payment", "CreditMemo") for d in world.books(entity)}
    assert days == {"2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08"}
    at_rest(world)


@pytest.mark.failure("F-94")
@pytest.mark.case("C51")
def test_what_is_reconciled_waits_for_a_person(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, reconciled_until=date(2026, 3, 31)))
    ada = world.client("Ada")
    early = world.invoice(ada, "INV-1")
    world.invoice(ada, "INV-2", issue_date="2026-04-01")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-2"]
    assert "reconciled up to 2026-03-31" in held_one(world).reason
    answer(world, "accept-source")
    world.run()
    assert len(world.books("Invoice")) == 2
    assert held(world) == []
    world.sql("UPDATE invoice SET notes = 'late words'")
    before = world.one("Invoice", DocNumber="INV-1")["SyncToken"]
    world.run()
    assert world.one("Invoice", DocNumber="INV-1")["SyncToken"] == before
    assert world.one("Invoice", DocNumber="INV-2")["CustomerMemo"]["value"] == "late words"
    assert held_one(world).source_id == str(early)
