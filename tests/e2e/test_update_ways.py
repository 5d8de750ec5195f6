"""Who is followed after both sides agreed: five ways, each told with the same edits (X-1, docs/write-a-profile.md)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, held
from tests.support.world import SETTINGS, World

pytestmark = pytest.mark.behaviour("X-1")

OLD, MINE, THEIRS = "as agreed", "the source's", "QuickBooks'"
DUE, LATER = "2026-04-01", "2026-05-01"

# The notes in the source and in QuickBooks, and the due date in both, after each sort of edit.
EXPECTED: Mapping[str, Mapping[str, tuple[str, str, str, str]]] = {
    "qbo_wins": {
        "source": (MINE, MINE, DUE, DUE),
        "qbo": (THEIRS, THEIRS, DUE, DUE),
        "different": (MINE, MINE, LATER, LATER),
        "same": (THEIRS, THEIRS, DUE, DUE),
        "later": (MINE, MINE, LATER, LATER),
    },
    "source_wins": {
        "source": (MINE, MINE, DUE, DUE),
        "qbo": (OLD, THEIRS, DUE, DUE),
        "different": (MINE, MINE, DUE, LATER),
        "same": (MINE, MINE, DUE, DUE),
        "later": (MINE, MINE, DUE, LATER),
    },
    "overwrite": {
        "source": (MINE, MINE, DUE, DUE),
        "qbo": (OLD, THEIRS, DUE, DUE),
        "different": (MINE, MINE, DUE, DUE),
        "same": (MINE, MINE, DUE, DUE),
        "later": (MINE, MINE, DUE, DUE),
    },
    "frozen": {
        "source": (MINE, OLD, DUE, DUE),
        "qbo": (OLD, THEIRS, DUE, DUE),
        "different": (MINE, OLD, DUE, LATER),
        "same": (MINE, THEIRS, DUE, DUE),
        "later": (MINE, OLD, DUE, LATER),
    },
    "manual": {
        "source": (MINE, OLD, DUE, DUE),
        "qbo": (OLD, THEIRS, DUE, DUE),
        "different": (MINE, OLD, DUE, LATER),
        "same": (MINE, THEIRS, DUE, DUE),
        "later": (MINE, OLD, DUE, LATER),
    },
}
HELD = {
    "qbo_wins": [],
    "source_wins": [],
    "overwrite": [],
    "frozen": ["different", "later", "same", "source"],
    "manual": ["different", "later", "qbo", "same", "source"],
}


def state_of(world: World) -> dict[str, tuple[str, str, str, str]]:
    """Notes and due dates by number, in the source and in QuickBooks."""
    books = {i["DocNumber"]: i for i in world.books("Invoice")}
    return {
        row["number"]: (
            row["notes"],
            books[row["number"]]["CustomerMemo"]["value"],
            str(row["due_date"]),
            str(books[row["number"]]["DueDate"]),
        )
        for row in world.rows("SELECT number, notes, due_date FROM invoice")
    }


@pytest.mark.parametrize("way", EXPECTED)
def test_the_side_that_is_followed(make: Make, way: str) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, update_policy={Kind.INVOICE.value: way}))
    client = world.client("Acme")
    for number in EXPECTED[way]:
        world.invoice(client, number, notes=OLD, due_date=DUE)
    world.run()
    books = {i["DocNumber"]: i for i in world.books("Invoice")}

    change(world, "Invoice", books["later"], DueDate=LATER)
    world.run()
    for number in ("source", "different", "same", "later"):
        world.sql("UPDATE invoice SET notes = :notes WHERE number = :number", notes=MINE, number=number)
    change(world, "Invoice", books["qbo"], CustomerMemo={"value": THEIRS})
    change(world, "Invoice", books["same"], CustomerMemo={"value": THEIRS})
    change(world, "Invoice", books["different"], DueDate=LATER)
    world.run()
    world.run()

    assert state_of(world) == EXPECTED[way]
    assert sorted(each.label for each in held(world)) == HELD[way]
    at_rest(world, differ=HELD[way], held=len(HELD[way]))


def test_what_a_person_decides_about_a_frozen_invoice(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, update_policy={Kind.INVOICE.value: "frozen"}))
    world.invoice(world.client("Acme"), "INV-1", notes=OLD)
    world.run()
    world.sql("UPDATE invoice SET notes = :notes", notes=MINE)
    world.run()
    (waiting,) = held(world)
    assert "is to be changed in QuickBooks only" in waiting.reason or "frozen" in waiting.reason
    world.store.resolve_held(world.name, waiting.id, "accept-source", "Ann")
    world.run()
    assert state_of(world)["INV-1"][1] == MINE
    at_rest(world)
