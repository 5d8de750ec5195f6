"""Who is followed after both sides agreed, each way told with the same edits (X-1, docs/write-a-profile.md): the five
that a company's settings may choose, and those that only a profile file can say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, held
from tests.support.world import SETTINGS, World

pytestmark = pytest.mark.behaviour("X-1")

OLD, MINE, THEIRS = "as agreed", "the source's", "QuickBooks'"
DUE, LATER, AGAIN = "2026-04-01", "2026-05-01", "2026-06-01"

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
IN_A_FILE: Mapping[str, tuple[str, Mapping[str, tuple[str, str, str, str]], list[str]]] = {
    "careful": (
        'update = "careful"',
        {
            "source": (MINE, MINE, DUE, DUE),
            "qbo": (OLD, THEIRS, DUE, DUE),
            "different": (MINE, MINE, DUE, LATER),
            "same": (MINE, THEIRS, DUE, DUE),
            "later": (MINE, MINE, DUE, LATER),
            "again": (OLD, OLD, AGAIN, LATER),
        },
        ["again", "same"],
    ),
    "careful, held if both changed it": (
        'update = "careful"\nboth_changed = "hold"',
        {
            "source": (MINE, MINE, DUE, DUE),
            "qbo": (OLD, THEIRS, DUE, DUE),
            "different": (MINE, OLD, DUE, LATER),
            "same": (MINE, THEIRS, DUE, DUE),
            "later": (MINE, MINE, DUE, LATER),
            "again": (OLD, OLD, AGAIN, LATER),
        },
        ["again", "different", "same"],
    ),
    "qbo_only": (
        'update = "qbo_only"',
        {
            "source": (MINE, OLD, DUE, DUE),
            "qbo": (THEIRS, THEIRS, DUE, DUE),
            "different": (MINE, OLD, DUE, LATER),
            "same": (THEIRS, THEIRS, DUE, DUE),
            "later": (MINE, OLD, LATER, LATER),
            "again": (OLD, OLD, AGAIN, LATER),
        },
        ["again", "different", "later", "source"],
    ),
    "qbo_wins, the same field held": (
        'update = "qbo_wins"\nboth_changed = "hold_same_field"',
        {
            "source": (MINE, MINE, DUE, DUE),
            "qbo": (THEIRS, THEIRS, DUE, DUE),
            "different": (MINE, MINE, LATER, LATER),
            "same": (MINE, THEIRS, DUE, DUE),
            "later": (MINE, MINE, LATER, LATER),
            "again": (OLD, OLD, AGAIN, AGAIN),
        },
        ["same"],
    ),
    "source_wins, asked about dates": (
        'update = "source_wins"\nasks = ["due_date"]',
        {
            "source": (MINE, MINE, DUE, DUE),
            "qbo": (OLD, THEIRS, DUE, DUE),
            "different": (MINE, MINE, DUE, LATER),
            "same": (MINE, MINE, DUE, DUE),
            "later": (MINE, MINE, DUE, LATER),
            "again": (OLD, OLD, AGAIN, LATER),
        },
        ["again"],
    ),
}
"""As above, with one more: QuickBooks' due date changed, the two were looked at, and then the source's changed, too."""
FILE = """\
name = "shop"
[kind.item]
[kind.client]
[kind.invoice]
"""
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
    edited(world, EXPECTED[way])
    assert state_of(world) == EXPECTED[way]
    assert sorted(each.label for each in held(world)) == HELD[way]
    at_rest(world, differ=HELD[way], held=len(HELD[way]))


@pytest.mark.parametrize("words", IN_A_FILE)
def test_the_side_that_a_file_has_followed(make: Make, tmp_path: Path, words: str) -> None:
    said, expected, waiting = IN_A_FILE[words]
    (tmp_path / "shop.toml").write_text(FILE + said, encoding="utf-8")
    world = make(profile=str(tmp_path / "shop.toml"))
    edited(world, expected)
    assert state_of(world) == expected
    assert sorted(each.label for each in held(world)) == waiting
    left = set() if said.startswith('update = "qbo') else {"again"}
    apart = [number for number in waiting if number not in left]
    at_rest(world, differ=apart, held=len(waiting))  # what was left in QuickBooks before is known to be different


def edited(world: World, numbers: Mapping[str, object]) -> None:
    """Invoices of these names on both sides, each edited as it is called."""
    client = world.client("Acme")
    for number in numbers:
        world.invoice(client, number, notes=OLD, due_date=DUE)
    world.run()
    books = {i["DocNumber"]: i for i in world.books("Invoice")}

    for number in numbers.keys() & {"later", "again"}:
        change(world, "Invoice", books[number], DueDate=LATER)
    world.run()
    if "again" in numbers:
        world.sql("UPDATE invoice SET due_date = :due WHERE number = 'again'", due=AGAIN)
    for number in ("source", "different", "same", "later"):
        world.sql("UPDATE invoice SET notes = :notes WHERE number = :number", notes=MINE, number=number)
    change(world, "Invoice", books["qbo"], CustomerMemo={"value": THEIRS})
    change(world, "Invoice", books["same"], CustomerMemo={"value": THEIRS})
    change(world, "Invoice", books["different"], DueDate=LATER)
    world.run()
    world.run()


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
