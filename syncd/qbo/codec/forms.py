"""Invoices, estimates and credit memos as they are read (entities.md 4.1, 4.2, 4.4, 4.5); written in ``form_body``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from syncd.model.kinds import State
from syncd.model.observations import Flawed, Present
from syncd.model.records.forms import CreditNote, Estimate, Invoice, Line
from syncd.model.records.lists import Address
from syncd.model.values import round_money, transaction_number
from syncd.qbo.codec import lines
from syncd.qbo.codec.contact import WireAddress, WireEmail, said
from syncd.qbo.codec.parts import ZERO, CannotReadError, Memo, Reading, Ref, decode_with
from syncd.qbo.wire import Raw

INVOICE = "Invoice"
ESTIMATE = "Estimate"
CREDIT_MEMO = "CreditMemo"
EMAIL_SENT = "EmailSent"
"""EmailStatus of what went to the customer, by QBO's own mail or as somebody marked it (entities.md 4.2)."""


class _Sales(msgspec.Struct, rename="pascal"):
    item_ref: Ref | None = None
    qty: Decimal | None = None
    unit_price: Decimal | None = None
    tax_code_ref: Ref | None = None
    tax_inclusive_amt: Decimal | None = None


class _Line(msgspec.Struct, rename="pascal"):
    id: str = ""
    detail_type: str = ""
    description: str | None = None
    amount: Decimal | None = None
    sales_item_line_detail: _Sales | None = None


class _TaxLineDetail(msgspec.Struct, rename="pascal"):
    tax_percent: Decimal | None = None
    net_amount_taxable: Decimal | None = None


class _TaxLine(msgspec.Struct, rename="pascal"):
    tax_line_detail: _TaxLineDetail | None = None


class _Tax(msgspec.Struct, rename="pascal"):
    total_tax: Decimal | None = None
    txn_tax_code_ref: Ref | None = None
    tax_line: list[_TaxLine] | None = None


class _Delivery(msgspec.Struct, rename="pascal"):
    delivery_time: str | None = None


class _Form(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    doc_number: str | None = None
    txn_date: date | None = None
    due_date: date | None = None
    expiration_date: date | None = None
    customer_ref: Ref | None = None
    currency_ref: Ref | None = None
    customer_memo: Memo | None = None
    private_note: str | None = None
    total_amt: Decimal | None = None
    balance: Decimal | None = None
    remaining_credit: Decimal | None = None
    line: list[_Line] | None = None
    txn_tax_detail: _Tax | None = None
    global_tax_calculation: str | None = None
    bill_addr: WireAddress | None = None
    bill_email: WireEmail | None = None
    bill_email_cc: WireEmail | None = None
    email_status: str | None = None
    delivery_info: _Delivery | None = None


class _Amounts(msgspec.Struct):
    """The money of a form. ``inclusive``: the lines, and the discount, contain the tax."""

    lines: tuple[Line, ...]
    discount: Decimal
    tax: Decimal
    total: Decimal
    inclusive: bool = False


class _Head(msgspec.Struct, frozen=True):
    """What both forms must have."""

    client: str
    day: date
    currency: str
    void: bool


_decoder = msgspec.json.Decoder(_Form)
_NO_ADDRESS = Address()


def decode_invoice(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _invoice, row, reading)


def decode_estimate(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _estimate, row, reading)


def decode_credit_note(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _credit_note, row, reading)


def _invoice(form: _Form, reading: Reading) -> tuple[Invoice, str]:
    head = _head(form, reading, "invoice")
    money = _money(form, head, reading, "invoice")
    number = form.doc_number or ""
    return Invoice(
        id=form.id,
        client=head.client,
        issue_date=head.day,
        total=money.total,
        lines=money.lines,
        state=State.VOID if head.void else State.LIVE,
        number=number,
        due_date=form.due_date or UNSET,
        currency=head.currency,
        notes=_notes(form),
        discount=money.discount,
        tax=money.tax,
        tax_code=_code(form.txn_tax_detail),
        balance=UNSET if form.balance is None else form.balance,
        bill_to=form.bill_addr.record() if form.bill_addr else _NO_ADDRESS,
        emails=said(form.bill_email),
        cc_emails=said(form.bill_email_cc),
        tax_rate=_rate(form, money.tax, reading),
        tax_inclusive=money.inclusive,
        transaction_number=transaction_number(number),
        sent=form.email_status == EMAIL_SENT,
        paid=UNSET if form.balance is None or head.void else not form.balance,
        mailed=_mailed(form),
    ), form.sync_token


def _estimate(form: _Form, reading: Reading) -> tuple[Estimate, str]:
    """It has neither a balance nor a void (entities.md 4.4)."""
    head = _head(form, reading, "estimate")
    money = _money(form, head, reading, "estimate")
    number = form.doc_number or ""
    return Estimate(
        id=form.id,
        client=head.client,
        issue_date=head.day,
        total=money.total,
        lines=money.lines,
        number=number,
        due_date=form.expiration_date or UNSET,
        currency=head.currency,
        notes=_notes(form),
        discount=money.discount,
        tax=money.tax,
        tax_code=_code(form.txn_tax_detail),
        bill_to=form.bill_addr.record() if form.bill_addr else _NO_ADDRESS,
        emails=said(form.bill_email),
        cc_emails=said(form.bill_email_cc),
        tax_rate=_rate(form, money.tax, reading),
        tax_inclusive=money.inclusive,
        transaction_number=transaction_number(number),
    ), form.sync_token


def _mailed(form: _Form) -> str:
    """When QBO mailed it last (entities.md 4.3)."""
    if form.email_status != "EmailSent":
        return ""
    return (form.delivery_info.delivery_time if form.delivery_info else "") or "at an unknown time"


def _credit_note(form: _Form, reading: Reading) -> tuple[CreditNote, str]:
    """What is left of it is its RemainingCredit; Balance has the same value in every sample (entities.md 4.5)."""
    head = _head(form, reading, "credit memo")
    money = _money(form, head, reading, "credit memo")
    number = form.doc_number or ""
    left = form.balance if form.remaining_credit is None else form.remaining_credit
    return CreditNote(
        id=form.id,
        client=head.client,
        issue_date=head.day,
        total=money.total,
        lines=money.lines,
        state=State.VOID if head.void else State.LIVE,
        number=number,
        currency=head.currency,
        notes=_notes(form),
        discount=money.discount,
        tax=money.tax,
        tax_code=_code(form.txn_tax_detail),
        balance=UNSET if left is None else left,
        bill_to=form.bill_addr.record() if form.bill_addr else _NO_ADDRESS,
        emails=said(form.bill_email),
        cc_emails=said(form.bill_email_cc),
        tax_rate=_rate(form, money.tax, reading),
        tax_inclusive=money.inclusive,
        transaction_number=transaction_number(number),
    ), form.sync_token


def _head(form: _Form, reading: Reading, noun: str) -> _Head:
    if form.customer_ref is None or form.txn_date is None or form.total_amt is None:
        raise CannotReadError("incomplete", f"The {noun} has no customer, date or total.", "Correct it in QuickBooks.")
    currency = (form.currency_ref.value if form.currency_ref else "") or reading.home_currency
    return _Head(form.customer_ref.value, form.txn_date, currency, _is_void(form))


def _is_void(form: _Form) -> bool:
    """All three signs are needed: real books hold many forms of zero that are not void (entities.md 4.3, F-35)."""
    return not form.total_amt and not form.balance and (form.private_note or "").startswith("Voided")


def _notes(form: _Form) -> str:
    return (form.customer_memo.value if form.customer_memo else "") or ""


def _code(tax: _Tax | None) -> str:
    return tax.txn_tax_code_ref.value if tax and tax.txn_tax_code_ref else ""


# money


def _money(form: _Form, head: _Head, reading: Reading, noun: str) -> _Amounts:
    tax = form.txn_tax_detail
    items, discount = _lines(form.line or [], reading, noun)
    found = _Amounts(items, discount, (tax.total_tax if tax else None) or ZERO, form.total_amt or ZERO)
    if head.void:
        return found
    if sum((line.amount for line in items), ZERO) - discount + found.tax != found.total:
        _check_total(found, head.currency, noun)
    if form.global_tax_calculation == "TaxInclusive":
        return _with_tax(form.line or [], found) or found
    return found


def _check_total(money: _Amounts, currency: str, noun: str) -> None:
    """The parts have to make the total, or there is something in the document that we do not understand."""
    parts = sum((line.amount for line in money.lines), ZERO) - money.discount + money.tax
    if round_money(parts, currency) != round_money(money.total, currency):
        raise CannotReadError(
            "total-parts",
            f"The parts of the {noun} make {parts}, its total is {money.total} {currency}.",
            f"Look at the {noun} in QuickBooks: it holds something that syncd cannot represent.",
            "total",
        )


def _with_tax(rows: list[_Line], net: _Amounts) -> _Amounts | None:
    """The same with prices that contain the tax. QBO answers net amounts, with the gross ones beside them where it
    keeps them (entities.md 3.9); None where they do not make the total, and then the net ones are the truth."""
    gross = {row.id: row.sales_item_line_detail.tax_inclusive_amt for row in rows if row.sales_item_line_detail}
    items = tuple(_gross_line(line, gross.get(line.id)) for line in net.lines)
    over = sum((line.amount for line in items), ZERO) - net.total
    if over < net.discount or (over and not net.discount):
        return None
    return _Amounts(items, over, net.tax, net.total, inclusive=True)


def _gross_line(line: Line, gross: Decimal | None) -> Line:
    """A price without tax says nothing of the price with tax, unless that is exact (``lines.gross_rate``)."""
    amount = line.amount if gross is None else gross
    rate = lines.gross_rate(line.quantity, amount) if isinstance(line.quantity, Decimal) else None
    quantity = UNSET if rate is None else line.quantity
    return msgspec.structs.replace(
        line, amount=amount, net=line.amount, quantity=quantity, rate=UNSET if rate is None else rate
    )


def _rate(form: _Form, tax: Decimal, reading: Reading) -> Decimal | UnsetType:
    """The rate of the document as a fraction (R-27), where one holds for all that is taxed: every rate on the same net
    amount, and not by several codes, each on its own lines."""
    detail = form.txn_tax_detail
    if not tax or detail is None or not detail.tax_line:
        return UNSET
    rates = [row.tax_line_detail for row in detail.tax_line if row.tax_line_detail and row.tax_line_detail.tax_percent]
    if not rates or len({rate.net_amount_taxable for rate in rates}) > 1:
        return UNSET
    if len(rates) > 1 and not reading.us and len(_codes(form, reading)) > 1:
        return UNSET
    return sum((rate.tax_percent or ZERO for rate in rates), ZERO).scaleb(-2)


def _codes(form: _Form, reading: Reading) -> set[str]:
    sold = [row.sales_item_line_detail for row in form.line or [] if row.sales_item_line_detail]
    codes = {detail.tax_code_ref.value for detail in sold if detail.tax_code_ref}
    return codes - {reading.exempt_code}


# lines


def _lines(rows: list[_Line], reading: Reading, noun: str) -> tuple[tuple[Line, ...], Decimal]:
    """The billed lines in order, and the discount."""
    items: list[Line] = []
    discount = ZERO
    for row in rows:
        kind = lines.detail_of(row.detail_type)
        if kind is _SALES:
            items.append(_sales_line(row, reading))
        elif kind is lines.Detail.TEXT:
            items.append(Line(ZERO, row.id, description=row.description or ""))
        elif kind is lines.Detail.DISCOUNT:
            discount += row.amount or ZERO
        elif kind is not lines.Detail.SUBTOTAL:
            raise _unreadable(row, kind, noun)
    return tuple(items), discount


def _unreadable(row: _Line, kind: lines.Detail | None, noun: str) -> CannotReadError:
    if kind is lines.Detail.GROUP:
        return CannotReadError(
            "bundle",
            f"The {noun} contains a bundle, which has no counterpart in the source.",
            f"Replace the bundle by its items in QuickBooks, or ignore the {noun}.",
            "lines",
        )
    return CannotReadError(
        "line-type",
        f"The {noun} has a line of the unknown type {row.detail_type[:40]}.",
        f"Ignore the {noun}, or enter the line as a product or service.",
        "lines",
    )


_SALES = lines.Detail.SALES
_NO_DETAIL = _Sales()


def _sales_line(row: _Line, reading: Reading) -> Line:
    detail = row.sales_item_line_detail or _NO_DETAIL
    item = detail.item_ref
    if item is not None and item.value in lines.SPECIAL_ITEMS:
        return _special_line(row, item.value, detail, reading)
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


def _special_line(row: _Line, name: str, detail: _Sales, reading: Reading) -> Line:
    """Shipping has no product in QBO; it is said as a line of the default item, which stands for all that (R-23)."""
    default = reading.default_item()
    text = lines.SPECIAL_ITEMS[name]
    if not default:
        raise CannotReadError(
            "special-line",
            f"The document has a line for {text.lower()}, which names no product.",
            "Set default_item, or enter the line as a product or service in QuickBooks.",
            "lines",
        )
    taxable = _taxable(detail.tax_code_ref, reading)
    return Line(row.amount or ZERO, row.id, default, "", row.description or text, taxable=taxable)


def _taxable(code: Ref | None, reading: Reading) -> bool | UnsetType:
    """US: TAX or NON. Elsewhere: any code but the exempt one (entities.md 3.9). No opinion where there is no tax."""
    if code is None or not reading.sales_tax:
        return UNSET
    if reading.us:
        return code.value == "TAX"
    return code.value != reading.exempt_code
