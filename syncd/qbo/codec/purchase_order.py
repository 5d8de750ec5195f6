"""PurchaseOrder (entities.md 6.5): what was ordered from a vendor; it posts nothing (B-44, B-45)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records.purchases import PurchaseOrder
from syncd.model.spec import MEMO_LIMIT
from syncd.model.values import cut, text
from syncd.qbo.codec.bought import BoughtLine, by_item, encoded
from syncd.qbo.codec.currency import foreign_currency, moved
from syncd.qbo.codec.parts import (
    CannotReadError,
    Reading,
    Ref,
    Wishes,
    decode_with,
    kept_lines,
    linked,
    reference,
    whole,
)
from syncd.qbo.wire import Json, Raw

ENTITY = "PurchaseOrder"

_READ_ONLY = frozenset(
    {
        "MetaData", "domain", "sparse", "TotalAmt", "HomeTotalAmt", "LinkedTxn", "RecurDataRef", "TxnSource",
        "TxnStatus", "DeliveryInfo", "TemplateRef", "EmailStatus", "VendorAddr", "POStatus",
    }
)  # fmt: skip


class _Order(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    txn_date: date | None = None
    due_date: date | None = None
    doc_number: str | None = None
    vendor_ref: Ref | None = None
    currency_ref: Ref | None = None
    total_amt: Decimal | None = None
    memo: str | None = None
    line: list[BoughtLine] | None = None


_decoder = msgspec.json.Decoder(_Order)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(order: _Order, reading: Reading) -> tuple[PurchaseOrder, str]:
    if order.vendor_ref is None or order.txn_date is None or order.total_amt is None:
        raise CannotReadError("incomplete", "The purchase order has no vendor, date or total.", "Correct it there.")
    return PurchaseOrder(
        id=order.id,
        vendor=order.vendor_ref.value,
        date=order.txn_date,
        total=order.total_amt,
        lines=tuple(by_item(row) for row in order.line or []),
        number=order.doc_number or "",
        due_date=UNSET if order.due_date is None else order.due_date,
        currency=(order.currency_ref.value if order.currency_ref else "") or reading.home_currency,
        notes=order.memo or "",
    ), order.sync_token


# writing


def create(record: PurchaseOrder, wishes: Wishes) -> Json:
    body: Json = {
        "VendorRef": reference(linked(wishes, Kind.VENDOR, record.vendor)),
        "TxnDate": record.date.isoformat(),
        "Line": encoded(record, wishes, []),
        **foreign_currency(record, record.date, wishes),
        **_number(record),
    }
    if wishes.facts.global_tax:
        body["GlobalTaxCalculation"] = "NotApplicable"
    if isinstance(record.due_date, date):
        body["DueDate"] = record.due_date.isoformat()
    if isinstance(record.notes, str) and record.notes:
        body["Memo"] = cut(text(record.notes), MEMO_LIMIT)
    return body


def update(record: PurchaseOrder, wishes: Wishes, current: Json) -> Json:
    """The whole object with the named fields set; whether it is open or closed QBO decides, by the bills made of it."""
    fields = wishes.fields
    body = whole(current, _READ_ONLY)
    if "vendor" in fields:
        body["VendorRef"] = reference(linked(wishes, Kind.VENDOR, record.vendor))
    if "date" in fields:
        body |= {"TxnDate": record.date.isoformat()} | moved(record, record.date, wishes, current)
    if "due_date" in fields:
        body.pop("DueDate", None)
        body |= {"DueDate": record.due_date.isoformat()} if isinstance(record.due_date, date) else {}
    if "notes" in fields and isinstance(record.notes, str):
        body["Memo"] = cut(text(record.notes), MEMO_LIMIT)
    if "number" in fields:
        body |= _number(record)
    present = body["Line"] = kept_lines(current)
    if "lines" in fields:
        body["Line"] = encoded(record, wishes, present)
        body.pop("TxnTaxDetail", None)
    return body


def _number(record: PurchaseOrder) -> Json:
    """The source's number, where it has one; else QBO counts (entities.md 1.7)."""
    return {"DocNumber": text(record.number)} if isinstance(record.number, str) and record.number.strip() else {}
