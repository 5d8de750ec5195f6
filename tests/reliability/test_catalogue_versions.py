"""Versions and conflicts (section B of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from syncd.model.kinds import Kind
from syncd.model.writes import Outcome, WireWrite
from syncd.qbo.writer import Writer
from syncd.sandbox.server import running_sandbox
from tests.e2e.helpers import at_rest, born, change, held_one, once, receive, row
from tests.reliability.fault_stage import own_app
from tests.support.world import World
from tests.support.world import world as new_world


@pytest.fixture
def invoice(world: World) -> int:
    """An invoice of 100 that both sides have."""
    made = world.invoice(world.client("Ada"), "INV-1", notes="first")
    world.run()
    return made


def updates(world: World, after: int) -> list[dict[str, Any]]:
    """The bodies of the updates of invoices that syncd sent."""
    found = world.sandbox.requests(
        after=after, realm=world.realm, client_id="sandbox-client", entity="Invoice", operation="update"
    )
    return [json.loads(world.sandbox.request(entry["seq"])["request_body"]) for entry in found]


@pytest.mark.failure("F-19", "F-20")
@pytest.mark.case("C22")
def test_a_payment_that_moves_the_version_at_the_last_moment_keeps_no_edit_away(
    world: World, invoice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = world.one("Invoice")
    world.sql("UPDATE invoice SET due_date = '2026-05-15' WHERE id = :id", id=invoice)
    send = Writer.send

    def late(writer: Writer, writes: Sequence[WireWrite]) -> list[Outcome]:
        monkeypatch.setattr(Writer, "send", send)
        receive(world, sent["CustomerRef"]["value"], (sent["Id"], "25.00"))
        return send(writer, writes)

    monkeypatch.setattr(Writer, "send", late)
    report = world.run()
    now = world.one("Invoice")
    assert (str(now["DueDate"]), now["Balance"], report.outcome) == ("2026-05-15", 75, "ok")
    world.run()
    assert len(world.rows("SELECT id FROM payment")) == 1
    once(world)
    at_rest(world)


@pytest.mark.failure("F-21")
def test_the_version_that_is_sent_is_the_one_that_was_read(world: World, invoice: int) -> None:
    """Far beyond what counting up by hand would give, and unlike anything that we ever wrote."""
    own_app(world)
    for n in range(1, 8):
        change(world, "Invoice", world.one("Invoice"), PrivateNote=f"{n}")
    world.sql("UPDATE invoice SET due_date = '2026-05-15' WHERE id = :id", id=invoice)
    there = world.one("Invoice")["SyncToken"]
    world.sandbox.switch(keep_bodies=True)
    first = world.sandbox.last_request()
    world.run()
    world.sandbox.switch(keep_bodies=False)
    assert [body["SyncToken"] for body in updates(world, first)] == [there]
    at_rest(world)


@pytest.mark.failure("F-21")
def test_a_version_that_is_refused_again_and_again_is_a_matter_for_a_person(world: World, invoice: int) -> None:
    """Three times in a run and no more; the record is then held, and goes on by itself once it is let."""
    own_app(world)
    world.sql("UPDATE invoice SET due_date = '2026-05-15' WHERE id = :id", id=invoice)
    match = {"entity": "Invoice", "operation": "update", "realm": world.realm}
    world.sandbox.add_fault("status", code="5010", count=0, **match)
    first = world.sandbox.last_request()
    report = world.run()
    assert report.exit_code == 3
    assert len(world.sandbox.requests(after=first, client_id="sandbox-client", **match)) == 3
    assert "changed" in held_one(world, Kind.INVOICE).reason
    world.sandbox.clear_faults()
    world.run()
    assert str(world.one("Invoice")["DueDate"]) == "2026-05-15"
    at_rest(world)


@pytest.mark.failure("F-24")
@pytest.mark.case("C22", "C23")
def test_what_was_emptied_stays_empty_on_both_sides(world: World, invoice: int) -> None:
    world.sql("UPDATE invoice SET notes = '' WHERE id = :id", id=invoice)
    world.run()
    assert "CustomerMemo" not in world.one("Invoice")
    at_rest(world)
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "from there"})
    world.run()
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": ""})
    world.run()
    assert (row(world, "invoice", invoice)["notes"] or "") == ""
    at_rest(world)
    assert "CustomerMemo" not in world.one("Invoice")


@pytest.fixture(params=["2026-11-01T00:00:00-08:00", "2027-03-01T00:00:00-08:00"], ids=["behind", "ahead"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Books whose clock is weeks away from ours."""
    with (
        running_sandbox(switches={"throttle": "off"}, clock_start=request.param) as far,
        new_world(tmp_path, far) as made,
    ):
        yield made


@pytest.mark.failure("F-26", "F-37")
def test_clocks_that_disagree_by_weeks_decide_nothing(elsewhere: World) -> None:
    """The source's times are older than QuickBooks' or later: what is an edit, who wins and where the cursor stands is
    the same as ever."""
    world = elsewhere
    ada = world.client("Ada")
    mine, theirs, both = (world.invoice(ada, f"INV-{n}", notes="first") for n in (1, 2, 3))
    world.run()
    books = {n: world.one("Invoice", DocNumber=f"INV-{n}") for n in (1, 2, 3)}
    world.sandbox.advance(600)
    for invoice in (mine, both):
        world.sql("UPDATE invoice SET notes = 'source' WHERE id = :id", id=invoice)
    change(world, "Invoice", books[2], CustomerMemo={"value": "books"})
    change(world, "Invoice", books[3], CustomerMemo={"value": "books"})
    world.run()
    notes = {i["DocNumber"]: i["CustomerMemo"]["value"] for i in world.books("Invoice")}
    assert notes == {"INV-1": "source", "INV-2": "books", "INV-3": "books"}
    assert row(world, "invoice", theirs)["notes"] == row(world, "invoice", both)["notes"] == "books"
    cursor = world.store.cursors(world.name).qbo
    told = world.accountant.call("GET", f"companyinfo/{world.realm}")["time"]
    assert cursor is not None
    assert str(cursor.astimezone().date())[:7] == told[:7], "the cursor is QuickBooks' own time"
    world.sandbox.advance(600)
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), CustomerMemo={"value": "later"})
    world.run()
    assert row(world, "invoice", mine)["notes"] == "later"
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1, "INV-3": 1}
    at_rest(world)


@pytest.mark.failure("F-28")
def test_a_pair_survives_edits_wherever_they_are_made(world: World, invoice: int) -> None:
    """Born in the source, edited in QuickBooks, in the source and in QuickBooks again: each edit arrives."""
    for turn in (1, 2):
        change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": f"books {turn}"})
        world.run()
        assert row(world, "invoice", invoice)["notes"] == f"books {turn}"
        world.sql("UPDATE invoice SET due_date = :day WHERE id = :id", day=f"2026-05-0{turn}", id=invoice)
        world.run()
        assert str(world.one("Invoice")["DueDate"]) == f"2026-05-0{turn}"
        at_rest(world)
