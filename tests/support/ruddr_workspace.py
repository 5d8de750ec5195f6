"""The stand-in's workspace: rows in the documented shapes (docs/source-ruddr-api.md), and what people do to them.

Money is kept as ``Decimal`` and leaves as a JSON number. Whatever is not documented is left out, or said where it is.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec

Row = dict[str, Any]

RESOURCES = (
    "/clients",
    "/projects",
    "/members",
    "/invoices",
    "/invoice-items",
    "/payments",
    "/payment-methods",
    "/credit-notes",
    "/expense-reports",
    "/expense-items",
    "/expense-categories",
    "/tax-rates",
)
ZERO = Decimal(0)
_CENT = Decimal("0.01")
_BEGIN = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Workspace:
    """The rows of one workspace. Safe to share between the server's threads and a test."""

    def __init__(self, name: str = "Example Studio") -> None:
        self.id = str(uuid4())
        self.name = name
        self.lock = threading.RLock()
        self.tables: dict[str, dict[str, Row]] = {path: {} for path in RESOURCES}
        self._newest_first: dict[str, tuple[list[str], dict[str, int]]] = {}
        self._encoded: dict[tuple[str, str], msgspec.Raw] = {}
        self._moment = _BEGIN

    # ---- rows

    def add(self, path: str, row: Mapping[str, Any]) -> str:
        """Enter a row; it gets an id and the next moment. Returns the id."""
        with self.lock:
            self._moment += timedelta(milliseconds=250)
            row_id = str(row.get("id") or uuid4())
            stamp = self._moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self.tables[path][row_id] = {"id": row_id, **row, "createdAt": stamp}
            self._newest_first.pop(path, None)
            return row_id

    def change(self, path: str, row_id: str, **members: Any) -> None:
        """Set members of a row as they are given."""
        with self.lock:
            self.tables[path][row_id] |= members
            self._encoded.pop((path, row_id), None)

    def remove(self, path: str, row_id: str) -> None:
        """Delete a row; of a payment, its invoices are open again."""
        with self.lock:
            row = self.tables[path].pop(row_id)
            self._encoded.pop((path, row_id), None)
            self._newest_first.pop(path, None)
            if path == "/payments":
                self._settle(row["invoices"], -1)

    def row(self, path: str, row_id: str) -> Row:
        """A row as it is now."""
        return self.tables[path][row_id]

    def order(self, path: str) -> tuple[list[str], dict[str, int]]:
        """Ids, newest first, and the place of each."""
        found = self._newest_first.get(path)
        if found is None:
            ids = list(reversed(self.tables[path]))
            found = self._newest_first[path] = (ids, {row_id: place for place, row_id in enumerate(ids)})
        return found

    def encoded(self, path: str, row_id: str) -> msgspec.Raw:
        """A row as it leaves."""
        found = self._encoded.get((path, row_id))
        if found is None:
            found = self._encoded[path, row_id] = msgspec.Raw(_ENCODER.encode(self.tables[path][row_id]))
        return found

    def ref(self, path: str, row_id: str, *members: str) -> Row | None:
        """``{id, name}`` of another row, with further members."""
        if not row_id:
            return None
        row = self.tables[path][row_id]
        return {"id": row_id, **{name: row.get(name) for name in ("name", *members)}}

    # ---- what people enter

    def client(self, name: str = "Northwind Ltd", *, qbo: str = "", connection: str = "", **more: Any) -> str:
        """A client; ``qbo`` is the id that the product's own integration keeps of it."""
        row = {
            "key": name.lower().replace(" ", "-"),
            "name": name,
            "code": None,
            "currency": "USD",
            "notes": None,
            "emails": [],
            "streetAddress": None,
            "isInternal": False,
            "recordStatusId": "active",
            "tags": [],
            "integrations": _linked(qbo, connection),
            **more,
        }
        return self.add("/clients", row)

    def project(self, client: str, name: str = "Retainer 2026", *, qbo: str = "", **more: Any) -> str:
        """A project of a client."""
        row = {"key": "p", "name": name, "statusId": "in_progress", "currency": "USD", "recordStatusId": "active"}
        return self.add(
            "/projects", row | {"client": self.ref("/clients", client), "integrations": _linked(qbo, ""), **more}
        )

    def member(self, name: str = "Sam Lee", **more: Any) -> str:
        """A member of the staff."""
        return self.add("/members", {"name": name, "email": "sam@studio.example", "isActive": True, **more})

    def named(self, path: str, name: str, **more: Any) -> str:
        """An invoice item, payment method, expense category or tax rate."""
        return self.add(path, {"name": name, "isActive": True, **more})

    def invoice(
        self,
        client: str,
        lines: Sequence[Mapping[str, Any]] = (),
        *,
        discount: Decimal = ZERO,
        rate: Decimal = ZERO,
        **more: Any,
    ) -> str:
        """An open invoice, with totals as the product works them out. A line is ``amount`` and what else it has."""
        row = self._form(client, lines, rate, more) | {
            "invoiceFor": None,
            "dueOn": "2026-04-30",
            "totalDiscount": discount,
            "amountPaid": ZERO,
            "amountCredited": ZERO,
        }
        row |= more
        totals(row)
        return self.add("/invoices", row)

    def credit_note(
        self, client: str, lines: Sequence[Mapping[str, Any]] = (), *, rate: Decimal = ZERO, **more: Any
    ) -> str:
        """A credit note, not used yet. With ``invoices`` it lists what it was used on, which no page documents."""
        row = self._form(client, lines, rate, more) | {"creditNoteFor": None, "appliedCredit": ZERO, **more}
        totals(row)
        return self.add("/credit-notes", row)

    def payment(self, client: str, amount: Decimal, parts: Mapping[str, Decimal], **more: Any) -> str:
        """Money received; an invoice that is paid in full changes its status (ruddr-api.md 8)."""
        with self.lock:
            invoices = [
                {"id": each, "number": self.row("/invoices", each)["number"], "amount": part}
                for each, part in parts.items()
            ]
            self._settle(invoices, 1)
            row = {
                "referenceNumber": None,
                "receivedOn": "2026-04-20",
                "notes": None,
                "currency": "USD",
                "amount": amount,
                "client": self.ref("/clients", client),
                "paymentMethod": None,
                "invoices": invoices,
                **more,
            }
            return self.add("/payments", row)

    def expense(self, member: str, amount: Decimal, *, category: str = "", project: str = "", **more: Any) -> str:
        """An approved expense on a report of its own, to be reimbursed."""
        report = self.add(
            "/expense-reports", {"number": 1, "title": "March trip", "member": self.ref("/members", member)}
        )
        row = {
            "statusId": "approved",
            "vendor": "City Taxi",
            "notes": None,
            "date": "2026-03-03",
            "currency": "USD",
            "amount": amount,
            "markup": ZERO,
            "total": amount,
            "isReimbursable": True,
            "isBillable": True,
            "invoiced": False,
            "expenseReport": {"id": report, "title": "March trip"},
            "expenseCategory": self.ref("/expense-categories", category),
            "member": self.ref("/members", member),
            "project": self.ref("/projects", project, "client"),
            **more,
        }
        return self.add("/expense-items", row)

    def fill(self, invoices: int, *, client: str = "") -> None:
        """Many settled invoices of one client, two lines each: a workspace to be read fast."""
        client = client or self.client("Bulk Ltd")
        item = self.named("/invoice-items", "Bulk work", typeId="income", readOnly=False)
        for count in range(invoices):
            lines = [
                {"amount": Decimal(100 + count % 50), "item": item, "description": f"Work {count}"},
                {"amount": Decimal("12.50"), "item": item, "description": "Travel"},
            ]
            self.invoice(client, lines, number=f"B-{count:06}", statusId="paid")

    # ---- inside

    def _form(self, client: str, lines: Sequence[Mapping[str, Any]], rate: Decimal, more: Mapping[str, Any]) -> Row:
        number = f"INV-{len(self.tables['/invoices']) + len(self.tables['/credit-notes']) + 1:04}"
        return {
            "companyName": self.name,
            "companyStreetAddress": "9 Mill Lane",
            "number": number,
            "statusId": "open",
            "billTo": None,
            "issuedOn": "2026-03-31",
            "poNumber": None,
            "notes": None,
            "emails": [],
            "ccEmails": [],
            "sentOn": None,
            "currency": "USD",
            "taxRate": rate,
            "client": self.ref("/clients", client),
            "projects": [],
            "lines": [self.line(place, each) for place, each in enumerate(lines or [{"amount": Decimal("100.00")}])],
        }

    def line(self, place: int, said: Mapping[str, Any]) -> Row:
        """A line as it is stored; ``item`` is the id of an invoice item."""
        item = self.ref("/invoice-items", str(said.get("item") or ""))
        return {
            "id": str(said.get("id") or uuid4()),
            "lineNumber": place + 1,
            "item": item["name"] if item else str(said.get("name", "Work")),
            "description": said.get("description"),
            "quantity": said.get("quantity", Decimal(1)),
            "rate": said.get("rate", said["amount"]),
            "amount": said["amount"],
            "taxable": said.get("taxable", False),
            "invoiceItem": item,
        }

    def _settle(self, parts: Sequence[Row], sign: int) -> None:
        for part in parts:
            row = self.tables["/invoices"].get(part["id"])
            if row is not None:
                row["amountPaid"] += sign * part["amount"]
                totals(row)
                row["statusId"] = "open" if row["amountDue"] else "paid"
                self._encoded.pop(("/invoices", part["id"]), None)


def totals(row: Row) -> None:
    """Work out the sums of a document: subtotal before discount, tax on what is taxable of the rest."""
    row["subtotal"] = sum((line["amount"] for line in row["lines"]), ZERO)
    discount = row.get("totalDiscount", ZERO)
    if "totalTax" not in row:
        taxed = sum((line["amount"] for line in row["lines"] if line["taxable"]), ZERO)
        share = taxed / row["subtotal"] if row["subtotal"] else ZERO
        row["totalTax"] = ((taxed - discount * share) * row["taxRate"]).quantize(_CENT)
    row["total"] = row["subtotal"] - discount + row["totalTax"]
    if "amountPaid" in row:
        row["amountDue"] = row["total"] - row["amountPaid"]
    else:
        row["remainingCredit"] = row["total"] - row["appliedCredit"]


def _linked(qbo: str, connection: str) -> list[Row]:
    return [{"type": "qbo", "connectionId": connection or str(uuid4()), "externalId": qbo}] if qbo else []
