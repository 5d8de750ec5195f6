"""A client with open invoices and credit notes on both sides, and what an accountant does with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.e2e.helpers import money, sales_line
from tests.support.world import World

Json = dict[str, Any]


class Books:
    """A client with three open invoices of 100, 200 and 300 and two credit notes of 150 and 50 on both sides."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client("Ada")
        self.invoices = [world.invoice(self.client, f"INV-{n}", (f"{n}00.00", "Work")) for n in (1, 2, 3)]
        self.notes = [
            world.credit_note(self.client, f"CN-{n}", (amount, "Back")) for n, amount in ((1, "150"), (2, "50"))
        ]
        world.run()
        self.ids = [world.one("Invoice", DocNumber=f"INV-{n}")["Id"] for n in (1, 2, 3)]
        self.memos = [world.one("CreditMemo", DocNumber=f"CN-{n}")["Id"] for n in (1, 2)]
        self.customer = world.one("Customer")["Id"]

    def open(self) -> tuple[list[Decimal], list[Decimal]]:
        """What is open on each invoice, and left of each credit memo, by QuickBooks."""
        owed = {i["Id"]: Decimal(i["Balance"]) for i in self.world.books("Invoice")}
        left = {m["Id"]: Decimal(m["RemainingCredit"]) for m in self.world.books("CreditMemo")}
        return [owed[i] for i in self.ids], [left[m] for m in self.memos]

    def used(self) -> list[tuple[int, dict[int, Decimal]]]:
        """The applications of the source: (credit note, amount by invoice)."""
        found = []
        for each in self.world.rows("SELECT id, credit_note_id FROM credit_application ORDER BY id"):
            statement = "SELECT invoice_id, amount FROM credit_application_part WHERE credit_application_id = :id"
            parts = self.world.rows(statement, id=each["id"])
            found.append((each["credit_note_id"], {p["invoice_id"]: money(p["amount"]) for p in parts}))
        return found

    def apply_there(self, total: str, memos: dict[int, str], invoices: dict[int, str], **fields: Any) -> Json:
        """The accountant uses credit memos (place: amount) on invoices (place: amount), with ``total`` money."""
        lines = [applied("Invoice", self.ids[place], amount) for place, amount in invoices.items()]
        lines += [applied("CreditMemo", self.memos[place], amount) for place, amount in memos.items()]
        body = {"CustomerRef": {"value": self.customer}, "TotalAmt": Decimal(total), "TxnDate": "2026-04-10"}
        return self.world.accountant.save("Payment", {**body, "Line": lines, **fields})

    def give(self, number: str, amount: str, **fields: Any) -> Json:
        """The accountant enters a credit memo of this customer."""
        made = give(self.world, self.customer, number, amount, **fields)
        self.memos.append(made["Id"])
        return made

    def no_money(self) -> None:
        """Nothing came into the source as a payment."""
        assert self.world.rows("SELECT id FROM payment") == []


def give(world: World, customer: str, number: str, amount: str, **fields: Any) -> Json:
    """A credit memo entered in QuickBooks."""
    body = {"CustomerRef": {"value": customer}, "DocNumber": number, "TxnDate": "2026-04-09"}
    return world.accountant.save("CreditMemo", {**body, "Line": [sales_line(amount, "Goodwill")], **fields})


def applied(kind: str, document: str, amount: str) -> Json:
    """The line of a payment that puts an amount on one document."""
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": document, "TxnType": kind}]}


def shares(payment: Json) -> dict[tuple[str, str], Decimal]:
    """What a payment in QuickBooks puts on each document, or takes from it."""
    links = [(line["LinkedTxn"][0], Decimal(line["Amount"])) for line in payment["Line"]]
    return {(link["TxnType"], link["TxnId"]): amount for link, amount in links}
