"""What people of this profile do on the two sides."""

from __future__ import annotations

from typing import Any

from tests.e2e.helpers import Json
from tests.support.world import World


def type_of(world: World, name: str) -> int:
    """The id of a type of lines in the source."""
    return int(world.rows("SELECT id FROM item WHERE name = :name", name=name)[0]["id"])


def invoice(world: World, client: int, number: str, *lines: tuple[str, str, str], **columns: Any) -> int:
    """An invoice that was sent. A line is (amount, description, its type)."""
    typed = [(amount, text, type_of(world, sort)) for amount, text, sort in lines or (("100.00", "Work", "time"),)]
    return world.invoice(client, number, *typed, **({"state": "sent"} | columns))


def estimate(world: World, client: int, number: str, *lines: tuple[str, str, str], **columns: Any) -> int:
    """An estimate, a draft as it begins. A line is (amount, description, its type)."""
    typed = [(amount, text, type_of(world, sort)) for amount, text, sort in lines or (("500.00", "Plan", "time"),)]
    values: dict[str, Any] = {
        "client_id": client,
        "number": number,
        "issue_date": "2026-02-02",
        "due_date": "2026-02-28",
        "currency": "USD",
        "total": str(sum(float(amount) for amount, _, _ in typed)),
    }
    with world.entering():
        made = world._insert("estimate", **(values | columns))
        world._lines("estimate", made, tuple(typed), taxable=False)
    return made


def settle(world: World) -> None:
    """Run until nothing is written any more: what one side answers may be news for the other."""
    for _ in range(6):
        if not world.run().applied:
            return
    raise AssertionError("it does not come to rest")


def emailed(world: World, document: Json, to: str = "ada@example.com") -> None:
    """An accountant has QuickBooks mail an invoice."""
    world.accountant.call("POST", f"invoice/{document['Id']}/send", sendTo=to)


def items_of(world: World, document: Json) -> list[tuple[str, str]]:
    """Of each billed line of a document in QuickBooks the item and the amount."""
    names = {item["Id"]: item["Name"] for item in world.books("Item")}
    lines = [line for line in document["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    return [(names[line["SalesItemLineDetail"]["ItemRef"]["value"]], f"{line['Amount']:.2f}") for line in lines]


def findings(world: World, level: str) -> dict[str, str]:
    """What ``syncd check`` says, by subject."""
    return {found.subject: found.text for found in world.engine.check() if found.level == level}
