"""Payment (entities.md 5): new money and used credit, and how they are spread over invoices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from syncd.model.kinds import Kind, State
from syncd.model.observations import Flawed, Present
from syncd.model.records.payments import Allocation, CreditUse, Payment
from syncd.model.references import billed_to, method_key
from syncd.model.spec import PAYMENT_NOTES_LIMIT, REFERENCE_LIMIT
from syncd.model.values import cut, text
from syncd.qbo import wire
from syncd.qbo.codec.currency import foreign_currency, moved
from syncd.qbo.codec.parts import (
    ZERO,
    CannotReadError,
    Link,
    Reading,
    Ref,
    Wishes,
    decode_with,
    identity_of,
    kept_lines,
    linked,
    reference,
    refuse,
    whole,
)
from syncd.qbo.wire import Json, Raw

ENTITY = "Payment"
INVOICE = "Invoice"
CREDIT_MEMO = "CreditMemo"

READ_ONLY = frozenset({"MetaData", "domain", "sparse", "UnappliedAmt", "ProcessPayment", "TxnSource", "LinkedTxn"})


class _Line(msgspec.Struct, rename="pascal"):
    amount: Decimal = ZERO
    linked_txn: list[Link] | None = None


class WirePayment(msgspec.Struct, rename="pascal"):
    """What is read of a Payment, whatever it stands for."""

    id: str
    sync_token: str
    txn_date: date | None = None
    customer_ref: Ref | None = None
    currency_ref: Ref | None = None
    total_amt: Decimal | None = None
    unapplied_amt: Decimal = ZERO
    payment_ref_num: str | None = None
    payment_method_ref: Ref | None = None
    private_note: str | None = None
    line: list[_Line] | None = None


class Applied(msgspec.Struct, frozen=True):
    """What the lines of a payment do: invoices paid, credit memos used, and the number of other documents."""

    invoices: dict[str, Decimal]
    memos: dict[str, Decimal]
    others: int = 0

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """One entry for each invoice."""
        return tuple(Allocation(invoice, amount) for invoice, amount in self.invoices.items())


decoder = msgspec.json.Decoder(WirePayment)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(decoder, _record, row, reading)


def _record(payment: WirePayment, reading: Reading) -> tuple[Payment, str]:
    customer, day, total = head_of(payment)
    applied = applied_by(payment)
    method = payment.payment_method_ref.value if payment.payment_method_ref else ""
    return Payment(
        id=payment.id,
        client=customer,
        date=day,
        amount=total + sum(applied.memos.values(), ZERO),
        allocations=applied.allocations,
        state=State.VOID if is_void(payment, applied) else State.LIVE,
        currency=(payment.currency_ref.value if payment.currency_ref else "") or reading.home_currency,
        reference=payment.payment_ref_num or "",
        notes=payment.private_note or "",
        other_links=applied.others,
        credits=tuple(CreditUse(memo, amount) for memo, amount in applied.memos.items()),
        method=method,
        method_name=reading.method_name(method) if method else "",
    ), payment.sync_token


def head_of(payment: WirePayment) -> tuple[str, date, Decimal]:
    """Customer, date and new money, which every payment has."""
    if payment.customer_ref is None or payment.txn_date is None or payment.total_amt is None:
        raise CannotReadError("incomplete", "The payment has no customer, date or amount.", "Correct it in QuickBooks.")
    return payment.customer_ref.value, payment.txn_date, payment.total_amt


def applied_by(payment: WirePayment) -> Applied:
    """What its lines do. A line may name an invoice and a credit memo at once (entities.md 5.3).

    ``LineEx`` is left out: the open balance in it changes without the payment being touched (entities.md 5.2).
    """
    invoices: dict[str, Decimal] = {}
    memos: dict[str, Decimal] = {}
    others = 0
    for line in payment.line or []:
        links = line.linked_txn or []
        for kind, amounts in ((INVOICE, invoices), (CREDIT_MEMO, memos)):
            named = [link.txn_id for link in links if link.txn_type == kind]
            if len(named) > 1:
                raise CannotReadError(
                    "allocation",
                    "One line of the payment names several documents.",
                    "Split the line in QuickBooks.",
                    "allocations",
                )
            for document in named:
                amounts[document] = amounts.get(document, ZERO) + line.amount
        others += sum(1 for link in links if link.txn_type not in {INVOICE, CREDIT_MEMO})
    return Applied(invoices, memos, others)


def is_void(payment: WirePayment, applied: Applied) -> bool:
    """Nothing received, nothing applied, and the note that says so (entities.md 5.4)."""
    empty = not payment.total_amt and not payment.unapplied_amt and not applied.invoices and not applied.memos
    return empty and (payment.private_note or "").startswith("Voided")


# writing


def create(record: Payment, wishes: Wishes) -> Json:
    lines = _invoice_lines(record.allocations, wishes) + _credit_lines(record, wishes)
    body: Json = {
        "CustomerRef": reference(linked(wishes, *billed_to(record, wishes.settings))),
        "TxnDate": record.date.isoformat(),
        "TotalAmt": _cash(record, lines),
        "Line": lines,
        **foreign_currency(record, record.date, wishes),
    }
    account = wishes.settings.deposit_account
    if record.by_mark is True:  # C-V3
        account = wishes.settings.mark_paid_account or account
    if account and record.cash:
        body["DepositToAccountRef"] = reference(wishes.resolve.account(account))
    method = wishes.link(Kind.PAYMENT_METHOD, method_key(record))
    if method:
        body["PaymentMethodRef"] = reference(method)
    return body | _texts(record)


def update(record: Payment, wishes: Wishes, current: Json) -> Json:
    """The whole object as read, with the named fields set: a sparse edit of a payment is refused (entities.md 1.3).

    The deposit account is QBO's once the payment exists (F-107). Links to documents of other kinds stay.
    """
    body = whole(current, READ_ONLY)
    fields = wishes.fields
    if "client" in fields:
        body["CustomerRef"] = reference(linked(wishes, *billed_to(record, wishes.settings)))
    if "date" in fields:
        body |= {"TxnDate": record.date.isoformat()} | moved(record, record.date, wishes, current)
    lines = kept_lines(current)
    if "allocations" in fields:
        lines = [line for line in lines if not names(line, INVOICE)] + _invoice_lines(record.allocations, wishes)
    if "credits" in fields:
        lines = [line for line in lines if not names(line, CREDIT_MEMO)] + _credit_lines(record, wishes)
    body["Line"] = lines
    if fields & {"amount", "credits"}:
        body["TotalAmt"] = _cash(record, lines)
    if "method" in fields:
        body.pop("PaymentMethodRef", None)
        method = wishes.link(Kind.PAYMENT_METHOD, method_key(record))
        body |= {"PaymentMethodRef": reference(method)} if method else {}
    texts = _texts(record)
    if "reference" in fields and isinstance(record.reference, str):
        body["PaymentRefNum"] = texts.get("PaymentRefNum", "")
    if "notes" in fields and isinstance(record.notes, str):
        body["PrivateNote"] = texts.get("PrivateNote", "")
    return body


def void(current: Json) -> Json:
    """protocol.md 8.5: Id, SyncToken and sparse, sent with ``include=void``."""
    return identity_of(current) | {"sparse": True}


def _cash(record: Payment, lines: list[Json]) -> Decimal:
    """New money alone: the amount less what credit memos pay (R-53, C-R3)."""
    cash = record.amount - sum((Decimal(line["Amount"]) for line in lines if names(line, CREDIT_MEMO)), ZERO)
    if cash < 0:
        raise refuse(
            "credits-sum",
            f"Credit memos pay {record.amount - cash}, which is more than the payment of {record.amount}.",
            "Correct the amount or the credit notes of the payment.",
            "credits",
        )
    return wire.plain(cash)


def _invoice_lines(parts: Iterable[Allocation], wishes: Wishes) -> list[Json]:
    """One line per invoice (entities.md 5.2). Every invoice has to be linked: nothing is left out in silence."""
    return [
        applied_line(part.amount, linked(wishes, Kind.INVOICE, part.invoice), INVOICE) for part in parts if part.amount
    ]


def _credit_lines(record: Payment, wishes: Wishes) -> list[Json]:
    """One line per credit memo (entities.md 5.3, R-59)."""
    return [
        applied_line(part.amount, linked(wishes, Kind.CREDIT_NOTE, part.credit_note), CREDIT_MEMO)
        for part in record.credits
        if part.amount
    ]


def applied_line(amount: Decimal, document: str, kind: str) -> Json:
    """The line that applies an amount to one document."""
    return {"Amount": wire.plain(amount), "LinkedTxn": [{"TxnId": document, "TxnType": kind}]}


def names(line: Json, kind: str) -> bool:
    """Whether a line applies to a document of that type."""
    return any(link.get("TxnType") == kind for link in line.get("LinkedTxn") or [])


def _texts(record: Payment) -> Json:
    body: Json = {}
    if isinstance(record.reference, str) and record.reference:
        body["PaymentRefNum"] = cut(text(record.reference), REFERENCE_LIMIT)
    if isinstance(record.notes, str) and record.notes:
        body["PrivateNote"] = cut(text(record.notes), PAYMENT_NOTES_LIMIT)
    return body
