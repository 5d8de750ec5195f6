"""What people buy, entered on either side. Nothing here reads through syncd."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import requests

from tests.e2e.helpers import Json
from tests.support.world import World, told

SPENDING = told(
    "billdr", payment_account="Checking", default_expense_account="Uncategorized Expense", purchase_orders=True
)
"""The books have the accounts Checking, Travel and Uncategorized Expense, and the item Services."""
BUYING: dict[str, Any] = {"profile": "billdr", "settings": SPENDING, "source_options": {"overlap_seconds": 0}}
"""A source that tells of a change once: whatever is forgotten then stays forgotten."""
TRAVEL, UNCATEGORIZED, CHECKING = "87", "31", "35"
ACCOUNT, ITEM = "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"


def spent(world: World, supplier: int, amount: str, notes: str = "", **columns: Any) -> int:
    """An approved expense that was paid at once."""
    values = {"report": None, "reimbursable": False, "notes": notes}
    return world.expense(supplier, amount, **(values | columns))


def change_expense(world: World, expense: int, **columns: Any) -> None:
    """Somebody changes an expense in the source."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    world.sql(f"UPDATE expense SET {sets} WHERE id = :which", which=expense, **columns)


def ordered(world: World, supplier: int, number: str | None, *lines: Json, **columns: Any) -> int:
    """A purchase order of the source; a line is a mapping of columns, with an amount."""
    rows = lines or ({"amount": "100.00", "description": "Timber"},)
    total = sum((Decimal(row["amount"]) for row in rows), Decimal(0))
    values = {"member_id": supplier, "number": number, "date": "2026-03-04", "currency": "USD", "total": str(total)}
    with world.entering():
        order = world._insert("purchase_order", **(values | columns))
        for place, row in enumerate(rows, start=1):
            world._insert("purchase_order_line", purchase_order_id=order, position=place, **row)
    return order


def lines(document: Json) -> list[tuple[str, Decimal, str, str]]:
    """The lines of a document in the books: text, amount, account or item, customer (empty: none)."""
    found = []
    for line in document["Line"]:
        detail = line[line["DetailType"]]
        thing = (detail.get("AccountRef") or detail.get("ItemRef") or {}).get("value", "")
        customer = detail.get("CustomerRef", {}).get("value", "")
        found.append((line.get("Description", ""), Decimal(line["Amount"]), thing, customer))
    return sorted(found)


def said(world: World, entity: str) -> dict[str, Decimal]:
    """What every document of an entity in the books is for, by the text of its only line, with its total."""
    found = {}
    for document in world.books(entity):
        ((text, _, _, _),) = lines(document)
        assert text not in found, f"{text} is there twice"
        found[text] = Decimal(document["TotalAmt"])
    return found


def ever(world: World, entity: str) -> Counter[str]:
    """How often a document was created in the books, by the text of its first line, those gone again included."""
    made = [v["record"] for v in world.sandbox.history(world.realm, entity=entity) if v["op"] == "create"]
    return Counter(lines(document)[0][0] for document in made)


def attached(
    world: World, kind: str, owner: int, name: str, content: bytes | None = b"%PDF-1.4 bytes", **more: Any
) -> int:
    """A file of a document of the source."""
    return world._insert("attachment", owner_kind=kind, owner_id=owner, file_name=name, content=content, **more)


def download(world: World, file: Json) -> bytes:
    """The content of a file in the books, as a browser gets it."""
    now = world.accountant.read("Attachable", file["Id"])
    answer = requests.get(now["TempDownloadUri"], timeout=10)
    assert answer.status_code == 200
    return answer.content


def hanging(world: World) -> dict[str, tuple[str, str]]:
    """What every file in the books hangs on: type and id, by its name."""
    found = {}
    for file in world.books("Attachable"):
        (ref,) = file["AttachableRef"]
        assert file["FileName"] not in found, f"{file['FileName']} is there twice"
        found[file["FileName"]] = (ref["EntityRef"]["type"], ref["EntityRef"]["value"])
    return found


def uploads(world: World) -> int:
    """How many files were ever put into the books."""
    return sum(v["op"] == "create" for v in world.sandbox.history(world.realm, entity="Attachable"))
