"""Payment (entities.md 5): new money, and how it is spread over invoices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from syncd.model.observations import Flawed, Present
from syncd.model.records import Allocation, Kind, Payment, State
from syncd.model.spec import PAYMENT_NOTES_LIMIT, REFERENCE_LIMIT
from syncd.model.values import cut, text
from syncd.qbo import wire
from syncd.qbo.codec.parts import (
    ZERO,
    CannotReadError,
    Link,
    Reading,
    Ref,
    Times,
    Wishes,
    decode_with,
    foreign_currency,
    identity_of,
    linked,
    reference,
)
from syncd.qbo.wire import Json, Raw

ENTITY = "Payment"

_READ_ONLY = frozenset({"MetaData", "domain", "sparse", "UnappliedAmt", "ProcessPayment", "TxnSource", "LinkedTxn"})


class _Line(msgspec.Struct, rename="pascal"):
    amount: Decimal = ZERO
    linked_txn: list[Link] | None = None


class _Payment(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    txn_date: date | None = None
    customer_ref: Ref | None = None
    currency_ref: Ref | None = None
    total_amt: Decimal | None = None
    unapplied_amt: Decimal = ZERO
    payment_ref_num: str | None = None
    private_note: str | None = None
    line: list[_Line] | None = None
    meta_data: Times | None = None


_decoder = msgspec.json.Decoder(_Payment)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(payment: _Payment, reading: Reading) -> tuple[Payment, str]:
    if payment.customer_ref is None or payment.txn_date is None or payment.total_amt is None:
        raise CannotReadError("incomplete", "The payment has no customer, date or amount.", "Correct it in QuickBooks.")
    allocations, others = _allocations(payment.line or [])
    notes = payment.private_note or ""
    void = not payment.total_amt and not payment.unapplied_amt and not allocations and notes.startswith("Voided")
    return Payment(
        id=payment.id,
        client=payment.customer_ref.value,
        date=payment.txn_date,
        amount=payment.total_amt,
        allocations=allocations,
        state=State.VOID if void else State.LIVE,
        currency=(payment.currency_ref.value if payment.currency_ref else "") or reading.home_currency,
        reference=payment.payment_ref_num or "",
        notes=notes,
        other_links=others,
    ), payment.sync_token


def _allocations(lines: list[_Line]) -> tuple[tuple[Allocation, ...], int]:
    """What goes to invoices, one entry each, and the number of links to anything else.

    ``LineEx`` is left out: the open balance in it changes without the payment being touched (entities.md 5.2).
    """
    amounts: dict[str, Decimal] = {}
    others = 0
    for line in lines:
        links = line.linked_txn or []
        invoices = [link.txn_id for link in links if link.txn_type == "Invoice"]
        others += len(links) - len(invoices)
        if len(invoices) > 1:
            raise CannotReadError(
                "allocation",
                "One line of the payment pays several invoices.",
                "Split the line in QuickBooks.",
                "allocations",
            )
        for invoice in invoices:
            amounts[invoice] = amounts.get(invoice, ZERO) + line.amount
    return tuple(Allocation(invoice, amount) for invoice, amount in amounts.items()), others


def create(record: Payment, wishes: Wishes) -> Json:
    body: Json = {
        "CustomerRef": reference(linked(wishes, Kind.CLIENT, record.client)),
        "TxnDate": record.date.isoformat(),
        "TotalAmt": wire.plain(record.amount),
        "Line": _lines(record, wishes),
        **foreign_currency(wishes, record.currency, record.date),
    }
    if wishes.settings.deposit_account:
        body["DepositToAccountRef"] = reference(wishes.resolve.account(wishes.settings.deposit_account))
    return body | _texts(record)


def update(record: Payment, wishes: Wishes, current: Json) -> Json:
    """The whole object as read, with the named fields set: a sparse edit of a payment is refused (entities.md 1.3).

    The deposit account is QBO's once the payment exists (F-107). Links to other documents than invoices stay.
    """
    body = {name: value for name, value in current.items() if name not in _READ_ONLY} | identity_of(current)
    fields = wishes.fields
    if "client" in fields:
        body["CustomerRef"] = reference(linked(wishes, Kind.CLIENT, record.client))
    if "date" in fields:
        body["TxnDate"] = record.date.isoformat()
        if "ExchangeRate" in body:
            body |= foreign_currency(wishes, record.currency, record.date)
    if "amount" in fields:
        body["TotalAmt"] = wire.plain(record.amount)
    kept = [_without_extras(line) for line in current.get("Line") or []]
    if "allocations" in fields:
        kept = [line for line in kept if not _pays_invoice(line)] + _lines(record, wishes)
    body["Line"] = kept
    texts = _texts(record)
    if "reference" in fields and isinstance(record.reference, str):
        body["PaymentRefNum"] = texts.get("PaymentRefNum", "")
    if "notes" in fields and isinstance(record.notes, str):
        body["PrivateNote"] = texts.get("PrivateNote", "")
    return body


def void(current: Json) -> Json:
    """protocol.md 8.5: Id, SyncToken and sparse, sent with ``include=void``."""
    return identity_of(current) | {"sparse": True}


def _lines(record: Payment, wishes: Wishes) -> list[Json]:
    """One line per invoice (entities.md 5.2). Every invoice has to be linked: nothing is left out in silence."""
    return [
        {
            "Amount": wire.plain(part.amount),
            "LinkedTxn": [{"TxnId": linked(wishes, Kind.INVOICE, part.invoice), "TxnType": "Invoice"}],
        }
        for part in record.allocations
    ]


def _texts(record: Payment) -> Json:
    body: Json = {}
    if isinstance(record.reference, str) and record.reference:
        body["PaymentRefNum"] = cut(text(record.reference), REFERENCE_LIMIT)
    if isinstance(record.notes, str) and record.notes:
        body["PrivateNote"] = cut(text(record.notes), PAYMENT_NOTES_LIMIT)
    return body


def _without_extras(line: Json) -> Json:
    """Read-only extension blocks are refused when echoed (protocol.md 8.2)."""
    return {name: value for name, value in line.items() if name != "LineEx"}


def _pays_invoice(line: Json) -> bool:
    return any(link.get("TxnType") == "Invoice" for link in line.get("LinkedTxn") or [])
