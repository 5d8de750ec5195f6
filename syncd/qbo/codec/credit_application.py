"""A credit note used on invoices: a Payment of zero with the memo on one of its lines (entities.md 5.3, R-80)."""

from __future__ import annotations

from decimal import Decimal

from syncd.model.kinds import Kind, State
from syncd.model.observations import Flawed, Present
from syncd.model.records.payments import Allocation, CreditApplication
from syncd.model.references import billed_to
from syncd.qbo.codec.currency import foreign_currency, moved
from syncd.qbo.codec.parts import (
    ZERO,
    CannotReadError,
    Reading,
    Wishes,
    decode_with,
    kept_lines,
    linked,
    reference,
    refuse,
    whole,
)
from syncd.qbo.codec.payment import (
    CREDIT_MEMO,
    INVOICE,
    READ_ONLY,
    Applied,
    WirePayment,
    applied_by,
    applied_line,
    decoder,
    head_of,
    is_void,
    names,
)
from syncd.qbo.wire import Json, Raw


def is_one(row: Raw | bytes) -> bool:
    """Whether a Payment uses credit and brings no money."""
    return bool(memos_of(row)) and not decoder.decode(row).total_amt


def is_over(row: Raw | bytes) -> bool:
    """Whether a Payment applies nothing any more: somebody took its lines off, which undoes the application as well as
    deleting it (entities.md 5.3, 4), or QBO did so when the credit memo or the invoice was deleted. A void is said
    otherwise (5.4) and is no end."""
    payment = decoder.decode(row)
    return not payment.line and not payment.total_amt and not is_void(payment, applied_by(payment))


def memos_of(row: Raw | bytes) -> tuple[str, ...]:
    """The credit memos that a Payment uses."""
    links = (link for line in decoder.decode(row).line or [] for link in line.linked_txn or [])
    return tuple(link.txn_id for link in links if link.txn_type == CREDIT_MEMO)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(decoder, _record, row, reading)


def _record(payment: WirePayment, reading: Reading) -> tuple[CreditApplication, str]:
    customer, day, total = head_of(payment)
    applied = applied_by(payment)
    void = is_void(payment, applied)
    if not void:
        _check(applied, total)
    return CreditApplication(
        id=payment.id,
        client=customer,
        credit_note=next(iter(applied.memos), ""),
        date=day,
        allocations=_allocations(applied),
        state=State.VOID if void else State.LIVE,
        currency=(payment.currency_ref.value if payment.currency_ref else "") or reading.home_currency,
        other_links=max(len(applied.memos) - 1, 0) + applied.others,
    ), payment.sync_token


def _check(applied: Applied, total: Decimal) -> None:
    """What it has become when somebody worked on it in QBO."""
    if total:
        raise CannotReadError(
            "money-added",
            f"Somebody added money ({total}) to the payment that applies the credit memo.",
            "Enter the money as a payment of its own in QuickBooks, or ignore the record.",
            "allocations",
        )
    if not applied.memos:
        raise CannotReadError(
            "credit-removed",
            "The payment that applied a credit memo does not use it any more.",
            "Delete the payment in QuickBooks, or apply the credit memo in it again.",
            "credit_note",
        )


def _allocations(applied: Applied) -> tuple[Allocation, ...]:
    """One for each invoice, and one for no invoice where more is taken from the credit memo than that: QBO cuts what is
    more than an invoice has open, and keeps the rest on the payment (entities.md 5.2)."""
    left = sum(applied.memos.values(), ZERO) - sum(applied.invoices.values(), ZERO)
    return (*applied.allocations, *((Allocation("", left),) if left > 0 and not applied.others else ()))


def create(record: CreditApplication, wishes: Wishes) -> Json:
    """No deposit account: no money moves."""
    return {
        "CustomerRef": reference(linked(wishes, *billed_to(record, wishes.settings))),
        "TxnDate": record.date.isoformat(),
        "TotalAmt": 0,
        "Line": _lines(record, wishes),
        **foreign_currency(record, record.date, wishes),
    }


def update(record: CreditApplication, wishes: Wishes, current: Json) -> Json:
    """The whole object with the named fields set, as every payment (entities.md 1.3)."""
    body = whole(current, READ_ONLY)
    fields = wishes.fields
    if "client" in fields:
        body["CustomerRef"] = reference(linked(wishes, *billed_to(record, wishes.settings)))
    if "date" in fields:
        body |= {"TxnDate": record.date.isoformat()} | moved(record, record.date, wishes, current)
    body["Line"] = kept_lines(current)
    if fields & {"credit_note", "allocations"}:
        _check_alone(body["Line"])
        body["Line"] = _lines(record, wishes)
    return body


def _check_alone(lines: list[Json]) -> None:
    memos = [line for line in lines if names(line, CREDIT_MEMO)]
    foreign = [line for line in lines if not names(line, CREDIT_MEMO) and not names(line, INVOICE)]
    if len(memos) > 1 or foreign:
        raise refuse(
            "other-links",
            "The payment in QuickBooks uses other credits beside this credit note.",
            "Change it in QuickBooks, or take the other credits out of it.",
            "allocations",
        )


def _lines(record: CreditApplication, wishes: Wishes) -> list[Json]:
    """A line for each invoice, and one that takes as much from the credit memo."""
    parts = [part for part in record.allocations if part.amount]
    if not parts:
        raise refuse(
            "allocations-none",
            "The credit note is applied to no invoice.",
            "Apply it to an invoice in the source, or remove the application.",
            "allocations",
        )
    memo = linked(wishes, Kind.CREDIT_NOTE, record.credit_note)
    paid = [applied_line(part.amount, linked(wishes, Kind.INVOICE, part.invoice), INVOICE) for part in parts]
    return [*paid, applied_line(sum((part.amount for part in parts), ZERO), memo, CREDIT_MEMO)]
