"""What the tests of the codecs share: a company, settings and links made up, an invoice and QBO's JSON of one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records import Record
from syncd.model.records.forms import Invoice, Line
from syncd.model.writes import Verb
from syncd.qbo import wire
from syncd.qbo.codec import CODECS, Reading, Wishes, encode

D = Decimal
US = Reading(home_currency="USD")
FACTS = BooksFacts("1", "Acme", "US", "USD", custom_numbers=True, sales_tax=True, allow_discount=True)
SETTINGS = Settings(
    default_item="Services", discount_account="Discounts", default_tax_code="CA", exempt_tax_code="Exempt"
)


class Known:
    """A resolver that answers with the name."""

    def account(self, name: str) -> str:
        return f"account:{name}"

    def account_type(self, name: str) -> str:
        return "Credit Card" if name == "Visa" else "Bank"

    def account_currency(self, name: str) -> str:
        return "EUR" if name == "Euro" else ""

    def item(self, name: str) -> str:
        return f"item:{name}"

    def find_item(self, name: str) -> str:
        return "item:Named" if name == "Named" else ""

    def tax_code(self, name: str) -> str:
        return f"tax:{name}"

    def find_account(self, name: str) -> str:
        return "account:Named" if name == "Named" else ""

    def tax_percent(self, code: str) -> Decimal:
        return D(0) if code == "tax:Exempt" else D(13)

    def rate(self, currency: str, day: date | None) -> Decimal | None:
        return D("1.25") if day else D("1.5")


def refs(kind: Kind, source: str) -> str:
    """Everything with an id is linked, but ``s-gone``; names are not, but that of the tax code ``linked``."""
    if source in {"s-gone", "default"} or (source.startswith("name:") and source != "name:linked"):
        return ""
    return "-" if source == "s-none" else f"q-{source.removeprefix('name:')}"


def wishes(
    fields: set[str] | None = None, current: dict[str, Any] | None = None, settings: Settings = SETTINGS, **facts: Any
) -> Wishes:
    return Wishes(
        facts=msgspec.structs.replace(FACTS, **facts),
        settings=settings,
        refs=refs,
        resolve=Known(),
        fields=frozenset(fields or ()),
        current=current,
    )


def sent(kind: Kind, verb: Verb, record: Record | None, wished: Wishes) -> Any:
    """What goes over the wire, decoded again with exact numbers."""
    return wire.decode_object(wire.encode(encode(kind, verb, record, wished)))


def read(kind: Kind, row: dict[str, Any], reading: Reading = US) -> Record:
    found = CODECS[kind].decode(wire.encode(row), reading)
    assert isinstance(found, Present), found
    return found.record


def flaw(kind: Kind, row: dict[str, Any], reading: Reading = US) -> str:
    found = CODECS[kind].decode(wire.encode(row), reading)
    assert isinstance(found, Flawed), found
    return found.problems[0].code


INVOICE = Invoice(
    id="s1",
    client="c1",
    issue_date=date(2026, 1, 5),
    due_date=date(2026, 2, 4),
    total=D("115.00"),
    number="INV-1",
    currency="USD",
    notes="Thank you",
    tax=D(10),
    discount=D(5),
    lines=(
        Line(D("100.00"), item="i1", description="Work", quantity=D("2.5"), rate=D(40), taxable=True),
        Line(D("10.00"), description="Travel", quantity=D(3), rate=D("3.33"), taxable=False),
    ),
)

ROW: dict[str, Any] = {
    "Id": "9",
    "SyncToken": "0",
    "TxnDate": "2026-01-05",
    "CustomerRef": {"value": "c"},
    "TotalAmt": 110,
    "Balance": 110,
    "Line": [
        {
            "Id": "1",
            "LineNum": 1,
            "Description": "Work",
            "Amount": 100.00,
            "DetailType": "SalesItemLineDetail",
            "LinkedTxn": [{"TxnId": "5", "TxnType": "TimeActivity"}],
            "SalesItemLineDetail": {
                "ItemRef": {"value": "q-i1", "name": "Consulting"},
                "Qty": 2.5,
                "UnitPrice": 40,
                "TaxCodeRef": {"value": "TAX"},
                "ClassRef": {"value": "7"},
                "ServiceDate": "2026-01-02",
            },
        },
        {
            "Id": "2",
            "Amount": 20,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "NON"}},
        },
        {"Amount": 120, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
        {
            "Amount": 10,
            "DetailType": "DiscountLineDetail",
            "DiscountLineDetail": {
                "PercentBased": True,
                "DiscountPercent": 8.333,
                "DiscountAccountRef": {"value": "54"},
            },
        },
    ],
}
