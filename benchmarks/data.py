"""The business that is measured: clients and invoices with lines, as the source and as QuickBooks holds them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

ITEMS = ("Services", "Hours")
"""What the look-alike's chart of items starts with, under the ids 1 and 2."""
WORK = ("Design workshop", "Implementation", "Review — räsumé", "On-site support", "Travel, km", "Übersetzung")
PREFIX = "INV-"
"""What numbers of invoices begin with; the rest of them is digits."""
FIRST_DAY = date(2026, 1, 5)
LONG_AGO = "2026-01-05T09:00:00-08:00"
"""When QuickBooks' records were last changed: long before any feed that is read here."""
FIRST_INVOICE = 1_000_000
"""QuickBooks' ids of invoices begin after this one, those of clients after 0."""

_CENT = Decimal("0.01")
Row = dict[str, Any]


class Size(msgspec.Struct, frozen=True):
    """How big a company is."""

    invoices: int
    lines: int = 5

    @property
    def clients(self) -> int:
        """One client for a hundred invoices, twenty at least."""
        return max(20, self.invoices // 100)


def client_name(place: int) -> str:
    """The name of a client."""
    return f"Client {place:05} GmbH & Søn"


def number_of(place: int) -> str:
    """The number of an invoice."""
    return f"{PREFIX}{place:07}"


def client_rows(size: Size) -> Iterator[Row]:
    """Clients as rows of the source."""
    for place in range(1, size.clients + 1):
        yield {"id": place, "name": client_name(place), "currency": "USD", "email": f"books{place}@example.com"}


def line_rows(place: int, size: Size) -> list[Row]:
    """The lines of one invoice as rows of the source."""
    made = []
    for position in range(1, size.lines + 1):
        seed = place * 31 + position * 7
        quantity, rate = Decimal(seed % 60 + 1) / 4, Decimal(4000 + seed % 17000) / 100
        amount = (quantity * rate).quantize(_CENT, ROUND_HALF_UP)
        made.append(
            {
                "invoice_id": place,
                "position": position,
                "item_id": seed % len(ITEMS) + 1,
                "description": WORK[seed % len(WORK)],
                "quantity": str(quantity),
                "rate": str(rate),
                "amount": str(amount),
                "taxable": False,
            }
        )
    return made


def invoice_row(place: int, size: Size, lines: list[Row]) -> Row:
    """One invoice as a row of the source."""
    issued = FIRST_DAY + timedelta(days=place % 300)
    return {
        "id": place,
        "number": number_of(place),
        "client_id": place % size.clients + 1,
        "state": "published",
        "issue_date": issued.isoformat(),
        "due_date": (issued + timedelta(days=30)).isoformat(),
        "currency": "USD",
        "total": str(sum((Decimal(line["amount"]) for line in lines), Decimal(0))),
        "notes": f"Project {place % 12 + 1}. Thank you.",
    }


def wire_client(row: Row) -> bytes:
    """A client as QuickBooks holds it."""
    return msgspec.json.encode(
        {
            **_head(str(row["id"])),
            "DisplayName": row["name"],
            "FullyQualifiedName": row["name"],
            "PrintOnCheckName": row["name"],
            "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
            "PrimaryEmailAddr": {"Address": row["email"]},
            "Active": True,
            "Job": False,
            "BillWithParent": False,
            "Balance": 0,
            "BalanceWithJobs": 0,
            "Taxable": False,
            "PreferredDeliveryMethod": "Print",
        }
    )


def wire_invoice(row: Row, lines: list[Row]) -> bytes:
    """An invoice as QuickBooks holds it."""
    total = _decimal(row["total"])
    body = [_wire_line(line) for line in lines]
    body.append({"Amount": total, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    return msgspec.json.encode(
        {
            **_head(str(FIRST_INVOICE + row["id"])),
            "CustomerRef": {"value": str(row["client_id"]), "name": client_name(row["client_id"])},
            "TxnDate": row["issue_date"],
            "Line": body,
            "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
            "DocNumber": row["number"],
            "DueDate": row["due_date"],
            "CustomerMemo": {"value": row["notes"]},
            "ApplyTaxAfterDiscount": False,
            "TxnTaxDetail": {"TotalTax": 0},
            "TotalAmt": total,
            "LinkedTxn": [],
            "Deposit": 0,
            "Balance": total,
            "ExchangeRate": 1,
            "HomeTotalAmt": total,
            "HomeBalance": total,
            "EmailStatus": "NotSet",
            "PrintStatus": "NeedToPrint",
            "AllowOnlineCreditCardPayment": False,
            "AllowOnlineACHPayment": False,
            "AllowIPNPayment": False,
            "AllowOnlinePayment": False,
            "CustomField": [],
        }
    )


def _wire_line(line: Row) -> Row:
    return {
        "Id": str(line["position"]),
        "LineNum": line["position"],
        "Amount": _decimal(line["amount"]),
        "DetailType": "SalesItemLineDetail",
        "Description": line["description"],
        "SalesItemLineDetail": {
            "ItemRef": {"value": str(line["item_id"]), "name": ITEMS[line["item_id"] - 1]},
            "TaxCodeRef": {"value": "NON"},
            "Qty": _decimal(line["quantity"]),
            "UnitPrice": _decimal(line["rate"]),
        },
    }


def _decimal(text: str) -> msgspec.Raw:
    """Decimal text as a JSON number, digit by digit."""
    return msgspec.Raw(text.encode())


def _head(identity: str) -> Row:
    meta = {"CreateTime": LONG_AGO, "LastUpdatedTime": LONG_AGO}
    return {"domain": "QBO", "sparse": False, "Id": identity, "SyncToken": "0", "MetaData": meta}
