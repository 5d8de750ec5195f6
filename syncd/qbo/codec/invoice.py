"""Invoice (entities.md 4.1 to 4.3): reading, and the header when writing. Lines are written in ``lines.py``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from syncd.model.checks import tax_code_name
from syncd.model.observations import Flawed, Present
from syncd.model.records import UNSET, Invoice, Kind, Line, State, UnsetType
from syncd.model.spec import NOTES_LIMIT
from syncd.model.values import cut, round_money, text
from syncd.qbo import wire
from syncd.qbo.codec import lines
from syncd.qbo.codec.parts import (
    ZERO,
    CannotReadError,
    Memo,
    Reading,
    Ref,
    Wishes,
    decode_with,
    foreign_currency,
    identity_of,
    linked,
    reference,
)
from syncd.qbo.wire import Json, Raw

ENTITY = "Invoice"


class _Sales(msgspec.Struct, rename="pascal"):
    item_ref: Ref | None = None
    qty: Decimal | None = None
    unit_price: Decimal | None = None
    tax_code_ref: Ref | None = None


class _Line(msgspec.Struct, rename="pascal"):
    id: str = ""
    detail_type: str = ""
    description: str | None = None
    amount: Decimal | None = None
    sales_item_line_detail: _Sales | None = None


class _Tax(msgspec.Struct, rename="pascal"):
    total_tax: Decimal | None = None
    txn_tax_code_ref: Ref | None = None


class _Invoice(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    doc_number: str | None = None
    txn_date: date | None = None
    due_date: date | None = None
    customer_ref: Ref | None = None
    currency_ref: Ref | None = None
    customer_memo: Memo | None = None
    private_note: str | None = None
    total_amt: Decimal | None = None
    balance: Decimal | None = None
    line: list[_Line] | None = None
    txn_tax_detail: _Tax | None = None


_decoder = msgspec.json.Decoder(_Invoice)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(invoice: _Invoice, reading: Reading) -> tuple[Invoice, str]:
    if invoice.customer_ref is None or invoice.txn_date is None or invoice.total_amt is None:
        raise CannotReadError("incomplete", "The invoice has no customer, date or total.", "Correct it in QuickBooks.")
    tax = invoice.txn_tax_detail
    items, discount = _lines(invoice.line or [], reading)
    total = invoice.total_amt
    total_tax = (tax.total_tax if tax else None) or ZERO
    currency = (invoice.currency_ref.value if invoice.currency_ref else "") or reading.home_currency
    void = _is_void(invoice)
    if not void and sum((line.amount for line in items), ZERO) - discount + total_tax != total:
        _check_total(items, discount, total_tax, total, currency)
    return Invoice(
        id=invoice.id,
        client=invoice.customer_ref.value,
        issue_date=invoice.txn_date,
        total=total,
        lines=items,
        state=State.VOID if void else State.LIVE,
        number=invoice.doc_number or "",
        due_date=invoice.due_date or UNSET,
        currency=currency,
        notes=(invoice.customer_memo.value if invoice.customer_memo else "") or "",
        discount=discount,
        tax=total_tax,
        tax_code=(tax.txn_tax_code_ref.value if tax and tax.txn_tax_code_ref else ""),
        balance=UNSET if invoice.balance is None else invoice.balance,
    ), invoice.sync_token


def _is_void(invoice: _Invoice) -> bool:
    """All three signs are needed: real books hold many invoices of zero that are not void (entities.md 4.3, F-35)."""
    return not invoice.total_amt and not invoice.balance and (invoice.private_note or "").startswith("Voided")


def _check_total(items: tuple[Line, ...], discount: Decimal, tax: Decimal, total: Decimal, currency: str) -> None:
    """The parts have to make the total, or there is something in the document that we do not understand."""
    parts = sum((line.amount for line in items), ZERO) - discount + tax
    if round_money(parts, currency) != round_money(total, currency):
        raise CannotReadError(
            "total-parts",
            f"The parts of the invoice make {parts}, its total is {total} {currency}.",
            "Look at the invoice in QuickBooks: it holds something that syncd cannot represent.",
            "total",
        )


def _lines(rows: list[_Line], reading: Reading) -> tuple[tuple[Line, ...], Decimal]:
    """The billed lines in order, and the discount."""
    items: list[Line] = []
    discount = ZERO
    for row in rows:
        match lines.detail_of(row.detail_type):
            case lines.Detail.SALES:
                items.append(_sales_line(row, reading))
            case lines.Detail.TEXT:
                items.append(Line(ZERO, row.id, description=row.description or ""))
            case lines.Detail.DISCOUNT:
                discount += row.amount or ZERO
            case lines.Detail.SUBTOTAL:
                pass
            case lines.Detail.GROUP:
                raise CannotReadError(
                    "bundle",
                    "The invoice contains a bundle, which has no counterpart in the source.",
                    "Replace the bundle by its items in QuickBooks, or ignore the invoice.",
                    "lines",
                )
            case None:
                raise CannotReadError(
                    "line-type",
                    f"The invoice has a line of the unknown type {row.detail_type[:40]}.",
                    "Ignore the invoice, or enter the line as a product or service.",
                    "lines",
                )
    return tuple(items), discount


_NO_DETAIL = _Sales()


def _sales_line(row: _Line, reading: Reading) -> Line:
    detail = row.sales_item_line_detail or _NO_DETAIL
    item = detail.item_ref
    return Line(
        ZERO if row.amount is None else row.amount,
        row.id,
        item.value if item else "",
        (item.name or "") if item else "",
        row.description or "",
        UNSET if detail.qty is None else detail.qty,
        UNSET if detail.unit_price is None else detail.unit_price,
        _taxable(detail.tax_code_ref, reading),
    )


def _taxable(code: Ref | None, reading: Reading) -> bool | UnsetType:
    """US: TAX or NON. Elsewhere: any code but the exempt one (entities.md 3.9). No opinion where there is no tax."""
    if code is None or not reading.sales_tax:
        return UNSET
    if reading.us:
        return code.value == "TAX"
    return code.value != reading.exempt_code


def create(record: Invoice, wishes: Wishes) -> Json:
    body: Json = {
        "CustomerRef": reference(linked(wishes, Kind.CLIENT, record.client)),
        "TxnDate": record.issue_date.isoformat(),
        "Line": lines.encode(record, wishes, []),
        **foreign_currency(wishes, record.currency, record.issue_date),
        **_number(record, wishes),
        **_tax(record, wishes),
    }
    if isinstance(record.due_date, date):
        body["DueDate"] = record.due_date.isoformat()
    if isinstance(record.notes, str) and record.notes:
        body["CustomerMemo"] = _memo(record.notes)
    return body


def update(record: Invoice, wishes: Wishes, current: Json) -> Json:
    """A sparse update of the named fields, with the customer, which QBO wants to see each time (protocol.md 8.2).

    Lines are replaced as a whole, so all of them are sent, with their ids (entities.md 1.4, F-23).
    """
    fields = wishes.fields
    body = identity_of(current) | {"sparse": True, "CustomerRef": _party(record, wishes, current)}
    if "issue_date" in fields:
        body["TxnDate"] = record.issue_date.isoformat()
        if "ExchangeRate" in current:
            body |= foreign_currency(wishes, record.currency, record.issue_date)
    if "due_date" in fields and isinstance(record.due_date, date):
        body["DueDate"] = record.due_date.isoformat()
    if "number" in fields:
        body |= _number(record, wishes)
    if "notes" in fields and isinstance(record.notes, str):
        body["CustomerMemo"] = _memo(record.notes)
    if fields & {"lines", "discount"}:
        body["Line"] = lines.encode(record, wishes, current.get("Line") or [])
    if fields & {"lines", "discount", "tax"}:
        body |= _tax(record, wishes)
    return body


def only_identity(current: Json) -> Json:
    """What a delete and a void need (protocol.md 8.3, 8.5)."""
    return identity_of(current)


def _party(record: Invoice, wishes: Wishes, current: Json) -> Json:
    if "client" in wishes.fields:
        return reference(linked(wishes, Kind.CLIENT, record.client))
    return reference(str((current.get("CustomerRef") or {}).get("value", "")))


def _number(record: Invoice, wishes: Wishes) -> Json:
    """Only while the company keeps its own numbers; otherwise QBO counts and the source takes over (R-7, C-R10)."""
    if wishes.facts.custom_numbers and isinstance(record.number, str) and record.number.strip():
        return {"DocNumber": text(record.number)}
    return {}


def _memo(notes: str) -> Json:
    return {"value": cut(text(notes), NOTES_LIMIT)}


def _tax(record: Invoice, wishes: Wishes) -> Json:
    """Tax of the whole form. US: the amount, and the code that names the rate unless QBO's engine chooses it.

    A known zero is sent as such, or the customer's default code would add tax. Elsewhere each line carries its code
    and QBO computes (entities.md 3.9).
    """
    facts = wishes.facts
    if not facts.sales_tax:
        return {}
    if facts.global_tax:
        return {"GlobalTaxCalculation": "TaxExcluded"}
    if not isinstance(record.tax, Decimal):
        return {}
    detail: Json = {"TotalTax": wire.plain(record.tax)}
    name = tax_code_name(record, wishes.settings)
    if record.tax and name and not facts.automated_tax:
        detail["TxnTaxCodeRef"] = reference(wishes.resolve.tax_code(name))
    return {"TxnTaxDetail": detail}
