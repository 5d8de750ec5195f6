"""Purchase (entities.md 6.4): money that was spent, which QBO shows as an expense (B-38 to B-42)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from syncd.model.kinds import Kind, State
from syncd.model.observations import Flawed, Present
from syncd.model.records.purchases import Purchase
from syncd.model.values import cut, text
from syncd.qbo.codec.bought import BoughtLine, by_account, encoded
from syncd.qbo.codec.currency import code_of, foreign_currency, moved
from syncd.qbo.codec.parts import (
    CannotReadError,
    Reading,
    Ref,
    Wishes,
    decode_with,
    kept_lines,
    linked,
    reference,
    refuse,
    whole,
)
from syncd.qbo.wire import Json, Raw

ENTITY = "Purchase"
NOTES_LIMIT = 4000
"""PrivateNote (entities.md 6.4)."""
_CARD = "Credit Card"
_VENDOR = "Vendor"

_READ_ONLY = frozenset(
    {
        "MetaData", "domain", "sparse", "TotalAmt", "HomeTotalAmt", "LinkedTxn", "RecurDataRef", "TxnSource",
        "TxnStatus", "RemitToAddr", "PurchaseEx",
    }
)  # fmt: skip
"""What is not sent back; ``PurchaseEx`` would be refused (protocol.md 8.2)."""


class _Payee(msgspec.Struct):
    value: str = ""
    type: str = _VENDOR


class _Purchase(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    txn_date: date | None = None
    entity_ref: _Payee | None = None
    currency_ref: Ref | None = None
    total_amt: Decimal | None = None
    private_note: str | None = None
    credit: bool = False
    line: list[BoughtLine] | None = None


_decoder = msgspec.json.Decoder(_Purchase)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(purchase: _Purchase, reading: Reading) -> tuple[Purchase, str]:
    """A customer or an employee as payee is no vendor. What a card got back (``Credit``) is a negative expense. A
    voided one has no amounts left and says so in its note, as a payment does."""
    if purchase.txn_date is None or purchase.total_amt is None:
        raise CannotReadError("incomplete", "The expense has no date or total.", "Correct it in QuickBooks.")
    payee = purchase.entity_ref
    note = purchase.private_note or ""
    lines = tuple(by_account(row) for row in purchase.line or [])
    total = purchase.total_amt
    if purchase.credit:
        total, lines = -total, tuple(msgspec.structs.replace(line, amount=-line.amount) for line in lines)
    return Purchase(
        id=purchase.id,
        vendor=payee.value if payee is not None and payee.type == _VENDOR else "",
        date=purchase.txn_date,
        total=total,
        lines=lines,
        state=State.VOID if not purchase.total_amt and note.startswith("Voided") else State.LIVE,
        currency=(purchase.currency_ref.value if purchase.currency_ref else "") or reading.home_currency,
        notes=note,
    ), purchase.sync_token


# writing


def create(record: Purchase, wishes: Wishes) -> Json:
    """Outside the US out of the tax's scope, as bills are: what is sent is what was paid (B-17)."""
    body: Json = {
        **_paid_from(record, wishes),
        "TxnDate": record.date.isoformat(),
        "Line": encoded(record, wishes, []),
        **_payee(record, wishes),
        **foreign_currency(record, record.date, wishes),
    }
    if wishes.facts.global_tax:
        body["GlobalTaxCalculation"] = "NotApplicable"
    if isinstance(record.notes, str) and record.notes:
        body["PrivateNote"] = cut(text(record.notes), NOTES_LIMIT)
    return body


def update(record: Purchase, wishes: Wishes, current: Json) -> Json:
    """The whole object with the named fields set (entities.md 1.3). The account that paid stays as it is there."""
    fields = wishes.fields
    body = whole(current, _READ_ONLY)
    if "vendor" in fields:
        body.pop("EntityRef", None)
        body |= _payee(record, wishes)
    if "date" in fields:
        body |= {"TxnDate": record.date.isoformat()} | moved(record, record.date, wishes, current)
    present = body["Line"] = kept_lines(current)
    if "lines" in fields:
        body["Line"] = encoded(record, wishes, present)
        body.pop("TxnTaxDetail", None)  # of the amounts that were; QBO computes it anew (entities.md 3.9)
    return body


def _paid_from(record: Purchase, wishes: Wishes) -> Json:
    """The account that paid, which has to be kept in the expense's currency (entities.md 3.8)."""
    name, currency = wishes.settings.payment_account, code_of(record, wishes)
    theirs = wishes.resolve.account_currency(name) or currency
    if theirs != currency:
        raise refuse(
            "payment-currency",
            f"The expense is in {currency}, and the account that expenses are paid from is kept in {theirs}.",
            f"Enter this expense in {theirs} in the source, or by hand in QuickBooks from an account in {currency}.",
            "currency",
        )
    kind = "CreditCard" if wishes.resolve.account_type(name) == _CARD else "Cash"
    return {"PaymentType": kind, "AccountRef": reference(wishes.resolve.account(name))}


def _payee(record: Purchase, wishes: Wishes) -> Json:
    if not record.vendor:
        return {}
    return {"EntityRef": reference(linked(wishes, Kind.VENDOR, record.vendor)) | {"type": _VENDOR}}
