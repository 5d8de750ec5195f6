"""What is owed to members of the staff: bills in QuickBooks, what pays them, and the settings that make them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

from tests.e2e.helpers import Json
from tests.support.world import SETTINGS, World

ON = msgspec.structs.replace(SETTINGS, expense_bills=True, default_expense_account="Uncategorized Expense")
"""Settings with bills for expenses. The books have the accounts Travel, Purchases and Uncategorized Expense."""
EXACT: dict[str, Any] = {"overlap_seconds": 0}
"""A source that tells of a change once: whatever is forgotten then stays forgotten."""
TRAVEL, UNCATEGORIZED, CHECKING = "87", "31", "35"
DETAIL = "AccountBasedExpenseLineDetail"

Line = tuple[str, Decimal, str, str]
"""A line of a bill: description, amount, account, customer (empty: none)."""


def lines(bill: Json) -> list[Line]:
    """The lines of a bill, by description."""
    found = []
    for line in bill["Line"]:
        detail = line[DETAIL]
        project = detail.get("CustomerRef", {}).get("value", "")
        found.append((line.get("Description", ""), Decimal(line["Amount"]), detail["AccountRef"]["value"], project))
    return sorted(found)


def said(bill: Json) -> list[str]:
    """The descriptions of a bill's lines."""
    return sorted(line.get("Description", "") for line in bill["Line"])


def bills(world: World) -> list[list[str]]:
    """What every bill in the books is made of, by description."""
    return sorted(said(bill) for bill in world.books("Bill"))


def bill_with(world: World, text: str) -> Json:
    """The only bill that has a line of this description."""
    (found,) = [bill for bill in world.books("Bill") if text in said(bill)]
    return found


def ever_billed(world: World) -> Counter[str]:
    """How often an expense was put on a new bill, by description, bills that are gone again included."""
    made = [v["record"] for v in world.sandbox.history(world.realm, entity="Bill") if v["op"] == "create"]
    return Counter(text for bill in made for text in said(bill))


def pay(world: World, bill: Json, amount: str = "", **fields: Any) -> Json:
    """A payment of a bill, entered in QuickBooks; of all of it, unless it says how much."""
    paid = Decimal(amount or bill["TotalAmt"])
    body: Json = {
        "VendorRef": bill["VendorRef"],
        "TotalAmt": paid,
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": CHECKING}},
        "Line": [{"Amount": paid, "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}],
    }
    return world.accountant.save("BillPayment", body | fields)


def edit(world: World, bill: Json, **fields: Any) -> Json:
    """The accountant changes a bill."""
    return world.accountant.save("Bill", world.accountant.read("Bill", bill["Id"]) | fields)


def spent(amount: str, text: str = "", account: str = TRAVEL) -> Json:
    """A line of a bill as the accountant enters it."""
    detail = {"AccountRef": {"value": account}}
    return {"Amount": Decimal(amount), "Description": text, "DetailType": DETAIL, DETAIL: detail}


def reimbursed(world: World) -> dict[str, bool]:
    """Whether each expense is marked as reimbursed in the source, by its notes."""
    return {row["notes"]: bool(row["reimbursed"]) for row in world.rows("SELECT notes, reimbursed FROM expense")}
