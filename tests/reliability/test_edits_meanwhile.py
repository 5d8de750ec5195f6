"""What people change between a write whose answer was lost and its recovery is an edit, and no echo of the write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import SyncdError
from syncd.sandbox.server import RunningSandbox
from tests.e2e.helpers import at_rest, change, money, row, sales_line
from tests.e2e.owed import EXACT, ON
from tests.reliability.fault_stage import cut_off
from tests.support.world import World
from tests.support.world import world as new_world

BACK = {"kind": "reset", "when": "after"}


@pytest.fixture
def company(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    """One invoice on both sides; a source that tells of a change once."""
    with new_world(tmp_path, sandbox, source_options=EXACT, settings=ON) as world:
        world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"), notes="first")
        world.run()
        at_rest(world)
        yield world
        sandbox.clear_faults()


def lost(world: World, entity: str) -> None:
    """The answers to creates of an entity never arrive."""
    world.sandbox.add_fault(**BACK, endpoint="entity", entity=entity, operation="create")
    assert world.run().in_doubt == 1
    world.sandbox.clear_faults()


@pytest.mark.failure("F-6", "F-21")
@pytest.mark.parametrize(
    ("said", "column", "value"),
    [
        ({"DueDate": "2026-07-07"}, "due_date", "2026-07-07"),
        ({"CustomerMemo": {"value": "theirs"}}, "notes", "theirs"),
    ],
)
def test_an_edit_of_what_was_just_made(company: World, said: dict[str, Any], column: str, value: str) -> None:
    """The accountant changes an invoice of which syncd does not know yet that it is there."""
    invoice = company.invoice(1, "INV-2", ("70.00", "Design"), notes="ours")
    lost(company, "Invoice")
    change(company, "Invoice", company.one("Invoice", DocNumber="INV-2"), **said)
    company.run()
    company.run()
    assert row(company, "invoice", invoice)[column] == value
    at_rest(company)


@pytest.mark.failure("F-6", "F-21")
def test_an_edit_of_other_amounts_of_what_was_just_made(company: World) -> None:
    """Nor is it taken for something else and sent once more."""
    invoice = company.invoice(1, "INV-2", ("70.00", "Design"))
    lost(company, "Invoice")
    made = company.one("Invoice", DocNumber="INV-2")
    change(company, "Invoice", made, Line=[sales_line("75.00", "Design")])
    company.run()
    company.run()
    assert money(row(company, "invoice", invoice)["total"]) == 75
    at_rest(company)


@pytest.mark.failure("F-6", "F-21")
def test_an_edit_seen_by_the_feed_while_the_outcome_was_unknown(company: World) -> None:
    """The feed tells of an edit once: it is not forgotten because nobody knew whose record that was."""
    invoice = company.invoice(1, "INV-2", ("70.00", "Design"), notes="ours")
    lost(company, "Invoice")
    made = company.one("Invoice", DocNumber="INV-2")
    change(company, "Invoice", made, CustomerMemo={"value": "theirs"}, Line=[sales_line("75.00", "Design")])
    company.sandbox.advance(900)
    company.grant()
    company.sandbox.add_fault(kind="status", status=503, endpoint="query", entity="Invoice", count=0)
    company.sandbox.add_fault(**BACK, endpoint="entity", entity="Invoice", operation="create", count=0)
    assert company.run().in_doubt == 1
    company.sandbox.clear_faults()
    company.sandbox.advance(900)
    company.run()
    company.run()
    here = row(company, "invoice", invoice)
    assert (here["notes"], money(here["total"])) == ("theirs", 75)
    at_rest(company)


@pytest.mark.failure("F-6", "F-21")
@pytest.mark.parametrize(("column", "said"), [("due_date", "2026-08-08"), ("notes", "mine")])
def test_an_edit_of_what_was_just_written_into_the_source(company: World, column: str, said: str) -> None:
    """Somebody changes what syncd wrote there, before syncd knows that it is there."""
    theirs = {"DueDate": "2026-07-07", "CustomerMemo": {"value": "theirs"}}
    change(company, "Invoice", company.one("Invoice", DocNumber="INV-1"), **theirs)
    for nth in range(1, 20):  # the first of them belong to what is read
        with cut_off(company, "after a commit", nth), suppress(SyncdError):
            company.run()
        if company.store.open_entries(company.name):
            break
    assert row(company, "invoice", 1)["notes"] == "theirs"
    company.sql(f"UPDATE invoice SET {column} = :v WHERE number = 'INV-1'", v=said)
    company.run()
    company.run()
    there = company.one("Invoice", DocNumber="INV-1")
    assert row(company, "invoice", 1)[column] == said
    assert {"due_date": str(there["DueDate"]), "notes": there["CustomerMemo"]["value"]}[column] == said
    at_rest(company)
