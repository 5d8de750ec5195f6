"""Bill (entities.md 6.1, 6.2): what is owed to a vendor, a line for each expense (R-96 to R-104)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records.purchases import Bill
from syncd.model.values import cut, text
from syncd.qbo.codec.bought import BoughtLine, by_account, encoded
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

ENTITY = "Bill"
NOTES_LIMIT = 4000
"""PrivateNote (entities.md 6.2)."""

_READ_ONLY = frozenset(
    {
        "MetaData", "domain", "sparse", "TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "LinkedTxn",
        "RecurDataRef", "TxnSource", "TxnStatus", "VendorAddr", "RemitToAddr",
    }
)  # fmt: skip


class _Bill(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    txn_date: date | None = None
    vendor_ref: Ref | None = None
    currency_ref: Ref | None = None
    total_amt: Decimal | None = None
    balance: Decimal | None = None
    private_note: str | None = None
    line: list[BoughtLine] | None = None


_decoder = msgspec.json.Decoder(_Bill)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(bill: _Bill, reading: Reading) -> tuple[Bill, str]:
    """Paid in full is all that counts as reimbursed (R-103); a bill of nothing was never paid.

    The total contains a tax that somebody added in QBO: then the lines do not make it, which is an edit like any other.
    """
    if bill.vendor_ref is None or bill.txn_date is None or bill.total_amt is None:
        raise CannotReadError("incomplete", "The bill has no vendor, date or total.", "Correct it in QuickBooks.")
    return Bill(
        id=bill.id,
        vendor=bill.vendor_ref.value,
        date=bill.txn_date,
        total=bill.total_amt,
        lines=tuple(by_account(row) for row in bill.line or []),
        currency=(bill.currency_ref.value if bill.currency_ref else "") or reading.home_currency,
        notes=bill.private_note or "",
        reimbursed=UNSET if bill.balance is None else bill.balance == 0 and bill.total_amt > 0,
        balance=UNSET if bill.balance is None else bill.balance,
    ), bill.sync_token


# writing


def create(record: Bill, wishes: Wishes) -> Json:
    """Outside the US a bill of expenses is out of the tax's scope: the amounts are what the member paid."""
    body: Json = {
        "VendorRef": reference(linked(wishes, Kind.VENDOR, record.vendor)),
        "TxnDate": record.date.isoformat(),
        "Line": encoded(record, wishes, []),
        **foreign_currency(record, record.date, wishes),
    }
    if wishes.facts.global_tax:
        body["GlobalTaxCalculation"] = "NotApplicable"
    if isinstance(record.notes, str) and record.notes:
        body["PrivateNote"] = cut(text(record.notes), NOTES_LIMIT)
    return body


def update(record: Bill, wishes: Wishes, current: Json) -> Json:
    """The whole object with the named fields set: only that is documented for a bill (entities.md 1.3)."""
    fields = wishes.fields
    body = whole(current, _READ_ONLY)
    if "vendor" in fields:
        body["VendorRef"] = reference(linked(wishes, Kind.VENDOR, record.vendor))
    if "date" in fields:
        body |= {"TxnDate": record.date.isoformat()} | moved(record, record.date, wishes, current)
    if "notes" in fields and isinstance(record.notes, str):
        body["PrivateNote"] = cut(text(record.notes), NOTES_LIMIT)
    present = body["Line"] = kept_lines(current)
    if "lines" in fields:
        body["Line"] = encoded(record, wishes, present)
        body.pop("TxnTaxDetail", None)  # of the amounts that were; QBO computes it anew (entities.md 3.9)
    return body
