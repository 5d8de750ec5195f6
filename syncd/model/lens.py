"""The lens: both sides as QBO would hold them, so that what one side cannot hold is never taken for an edit.

A record of the source is pushed through what QBO can store (limits, rounding, references to QBO's ids); a record of
QBO is reduced to the fields that the source holds. Two projections are then equal or they are not; there is no
tolerance. Projections are dictionaries of canonical text, which makes them base, fingerprint and display in one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec import UNSET, UnsetType

from syncd.model import values
from syncd.model.contacts import addresses, postal
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind, State
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Form, Invoice, Line
from syncd.model.records.lists import Client, Named, Project, Vendor
from syncd.model.records.payments import Allocation, CreditApplication, Payment
from syncd.model.records.purchases import Bill, BillLine, Bought, Purchase, PurchaseOrder
from syncd.model.references import (
    billed_to,
    bought_item_key,
    category_key,
    is_text,
    item_key,
    mapped_name,
    method_key,
    project_key,
)
from syncd.model.spec import (
    CC_EMAILS_LIMIT,
    DESCRIPTION_LIMIT,
    EMAILS_LIMIT,
    MEMO_LIMIT,
    NO_COUNTERPART,
    NOTES_LIMIT,
    NUMBER_LIMIT,
    PAYMENT_NOTES_LIMIT,
    REFERENCE_LIMIT,
)
from syncd.model.values import Canonical

Refs = Callable[[Kind, str], str]
"""Turns an id of the source into the id that QBO knows the record by; ``pending`` ids stand for records to come."""
ZERO = Decimal(0)


def _same(_kind: Kind, reference: str) -> str:
    return reference


class Lens:
    """Projects records of one company: knows what the source holds, what QBO is set to, and how ids translate."""

    def __init__(self, held: dict[Kind, frozenset[str]], facts: BooksFacts, settings: Settings) -> None:
        self._held = held
        self._settings = settings
        self._home = facts.home_currency
        self._home_only = settings.currency_mode == "home_only"
        self._with_tax = facts.sales_tax and settings.tax_mode != "none"
        self._with_discount = bool(settings.discount_account)
        self._projectors: dict[Kind, Callable[[Any, Refs | None], Projection]] = {
            Kind.CLIENT: self._client,
            Kind.VENDOR: self._vendor,
            Kind.ITEM: self._named,
            Kind.TAX_CODE: self._named,
            Kind.PAYMENT_METHOD: self._named,
            Kind.CATEGORY: self._named,
            Kind.PROJECT: self._project,
            Kind.ESTIMATE: self._priced,
            Kind.INVOICE: self._invoice,
            Kind.CREDIT_NOTE: self._credit_note,
            Kind.PAYMENT: self._payment,
            Kind.CREDIT_APPLICATION: self._credit_application,
            Kind.BILL: self._bill,
            Kind.PURCHASE: self._purchase,
            Kind.PURCHASE_ORDER: self._purchase_order,
            Kind.ATTACHMENT: self._attachment,
        }

    def source(self, kind: Kind, record: Record, refs: Refs) -> Projection:
        """A record of the source as QBO would hold it."""
        projection = self._projectors[kind](record, refs)
        if "name" in projection:
            projection["name"] = values.text(mapped_name(kind, getattr(record, "name", ""), self._settings))
        return projection

    def qbo(self, kind: Kind, record: Record) -> Projection:
        """A record of QBO, reduced to what the source holds."""
        return self._projectors[kind](record, None)

    def currency(self, record: Record) -> str:
        """The currency of a record; the company's own where it names none."""
        currency = getattr(record, "currency", UNSET)
        return currency if isinstance(currency, str) and currency else self._home

    def party_currency(self, record: Record) -> str:
        """The currency that a client or vendor of the source has in QBO once it is made there."""
        return self._home if self._home_only else self.currency(record)

    # ---- lists

    def _named(self, record: Named, refs: Refs | None) -> Projection:
        return {"name": values.text(record.name).removesuffix(" (deleted)")}

    def _project(self, record: Project, refs: Refs | None) -> Projection:
        """Where a project is a sub-customer, it is one of a certain customer (B-20)."""
        projection = self._named(record, refs)
        if self._settings.project_as == "sub_customer":
            resolve = refs or _same
            projection["client"] = resolve(Kind.CLIENT, record.client) if record.client else ""
        return projection

    def _customer(self, record: Form | Payment | CreditApplication, refs: Refs | None) -> str:
        """The customer or sub-customer that a document is billed to."""
        return record.client if refs is None else refs(*billed_to(record, self._settings))

    def _client(self, record: Client, refs: Refs | None) -> Projection:
        full = self._party(record)
        if self._home_only and refs is not None:
            del full["currency"]  # QBO decides it (O-32)
        return self._keep(Kind.CLIENT, full)

    def _vendor(self, record: Vendor, refs: Refs | None) -> Projection:
        return self._keep(Kind.VENDOR, self._party(record))

    def _party(self, record: Client | Vendor) -> Projection:
        return {
            "name": values.text(record.name).removesuffix(" (deleted)"),
            "currency": self.currency(record),
            "email": values.text(record.email) if record.email is not UNSET else "",
        }

    # ---- documents

    def _invoice(self, record: Invoice, refs: Refs | None) -> Projection:
        return self._keep(Kind.INVOICE, self._dated(Kind.INVOICE, record, refs) | _marks(record, refs))

    def _priced(self, record: Estimate, refs: Refs | None) -> Projection:
        return self._keep(Kind.ESTIMATE, self._dated(Kind.ESTIMATE, record, refs))

    def _dated(self, kind: Kind, record: Invoice | Estimate, refs: Refs | None) -> Projection:
        full = self._form(kind, record, refs)
        full["due_date"] = record.due_date.isoformat() if record.due_date is not UNSET else ""
        full["discount"] = values.money(self._discount(record, refs), self.currency(record))
        return full

    def _credit_note(self, record: CreditNote, refs: Refs | None) -> Projection:
        return self._keep(Kind.CREDIT_NOTE, self._form(Kind.CREDIT_NOTE, record, refs))

    def _discount(self, record: Form, refs: Refs | None) -> Decimal:
        """QBO has no discount where none can be sent (R-18); ``checks`` says whether that is allowed."""
        if refs is not None and not self._with_discount:
            return ZERO
        return record.discount if isinstance(record.discount, Decimal) else ZERO

    def _form(self, kind: Kind, record: Form, refs: Refs | None) -> Projection:
        currency = self.currency(record)
        total = record.total
        tax = record.tax if isinstance(record.tax, Decimal) else ZERO
        inclusive = record.tax_inclusive is True
        if refs is not None:
            if not self._with_tax:
                total, tax = (total if inclusive else total - tax), ZERO
            given = record.discount if isinstance(record.discount, Decimal) else ZERO
            total += given - self._discount(record, refs)
        full: Projection = {
            "number": values.cut(_text(record.number), NUMBER_LIMIT),
            "client": self._customer(record, refs),
            "issue_date": record.issue_date.isoformat(),
            "currency": currency,
            "bill_to": postal(record.bill_to),
            "emails": addresses(record.emails, EMAILS_LIMIT),
            "cc_emails": addresses(record.cc_emails, CC_EMAILS_LIMIT),
            "lines": self._lines(kind, record.lines, currency, refs, inclusive=inclusive),
            "tax": values.money(tax, currency),
            "total": values.money(total, currency),
            "notes": values.cut(_text(record.notes), NOTES_LIMIT),
        }
        # QBO tells a rate only of a document that has one: where it tells none, there is no difference.
        if isinstance(record.tax_rate, Decimal):
            full["tax_rate"] = values.number(record.tax_rate)
        elif refs is not None:
            full["tax_rate"] = ""
        if isinstance(record.transaction_number, str):
            full["transaction_number"] = values.text(record.transaction_number)
        elif refs is None:
            full["transaction_number"] = values.transaction_number(_text(record.number))
        return full

    def _lines(
        self, kind: Kind, lines: tuple[Line, ...], currency: str, refs: Refs | None, *, inclusive: bool
    ) -> Canonical:
        held = self._held.get(kind, frozenset())
        with_item = "line.item" in held
        with_text = "line.description" in held
        with_rate = "line.quantity" in held and "line.rate" in held
        with_taxable = self._with_tax and "line.taxable" in held
        rows = []
        for line in lines:
            amount = values.money(line.amount, currency)
            quantity = rate = ""
            if is_text(line):
                rows.append(("", _description(line, with_text), "", "", amount, ""))
                continue
            if with_rate:
                quantity, rate = _quantity_and_rate(line, currency, inclusive=inclusive)
            item = ""
            if with_item:
                item = refs(Kind.ITEM, item_key(line)) if refs is not None else line.item
            taxable = ""
            if with_taxable and line.taxable is not UNSET:
                taxable = "yes" if line.taxable else "no"
            rows.append((item, _description(line, with_text), quantity, rate, amount, taxable))
        rows.sort()
        return tuple(rows)

    def _payment(self, record: Payment, refs: Refs | None) -> Projection:
        currency = self.currency(record)
        resolve = refs or _same
        used = sorted(
            (resolve(Kind.CREDIT_NOTE, part.credit_note), values.money(part.amount, currency))
            for part in record.credits
        )
        full: Projection = {
            "client": self._customer(record, refs),
            "date": record.date.isoformat(),
            "amount": values.money(record.amount, currency),
            "currency": currency,
            "allocations": _allocations(record.allocations, currency, resolve),
            "credits": tuple(used),
            "method": self._method(record, refs),
            "reference": values.cut(_text(record.reference), REFERENCE_LIMIT),
            "notes": values.cut(_text(record.notes), PAYMENT_NOTES_LIMIT),
        }
        kept = self._keep(Kind.PAYMENT, full)
        # In the source's half alone, and so remembered when the source has it no more (C-V3).
        return kept | {"by_mark": "yes"} if refs is not None and record.by_mark is True else kept

    def _method(self, record: Payment, refs: Refs | None) -> str:
        if refs is None:
            return record.method if isinstance(record.method, str) else ""
        key = method_key(record)
        found = refs(Kind.PAYMENT_METHOD, key) if key else ""
        return "" if found == NO_COUNTERPART else found

    def _credit_application(self, record: CreditApplication, refs: Refs | None) -> Projection:
        currency = self.currency(record)
        resolve = refs or _same
        full: Projection = {
            "client": self._customer(record, refs),
            "credit_note": resolve(Kind.CREDIT_NOTE, record.credit_note),
            "date": record.date.isoformat(),
            "currency": currency,
            "allocations": _allocations(record.allocations, currency, resolve),
        }
        return self._keep(Kind.CREDIT_APPLICATION, full)

    def _bill(self, record: Bill, refs: Refs | None) -> Projection:
        rows = [self._bought_line(line, self.currency(record), refs) for line in record.lines]
        full = self._bought(record, refs, rows)
        if isinstance(record.reimbursed, bool):
            full["reimbursed"] = "yes" if record.reimbursed else "no"
        kept = self._keep(Kind.BILL, full)
        expenses = tuple(sorted((line.expense,) for line in record.lines if line.expense))
        # Which expenses a bill is made of stands in the source's half alone: so none is ever billed twice (C-R8).
        return kept | {"expenses": expenses} if refs is not None and expenses else kept

    def _purchase(self, record: Purchase, refs: Refs | None) -> Projection:
        rows = [self._bought_line(line, self.currency(record), refs) for line in record.lines]
        return self._keep(Kind.PURCHASE, self._bought(record, refs, rows))

    def _purchase_order(self, record: PurchaseOrder, refs: Refs | None) -> Projection:
        currency = self.currency(record)
        held = self._held.get(Kind.PURCHASE_ORDER, frozenset())
        with_rate = "line.quantity" in held and "line.rate" in held
        rows = []
        for line in record.lines:
            counted = ("", "")
            if with_rate and bought_item_key(line):
                counted = _quantity_and_rate(line, currency, inclusive=False)
            rows.append((*self._bought_line(line, currency, refs), *counted))
        full = self._bought(record, refs, rows)
        full["number"] = values.cut(_text(record.number), NUMBER_LIMIT)
        full["due_date"] = record.due_date.isoformat() if record.due_date is not UNSET else ""
        full["notes"] = values.cut(_text(record.notes), MEMO_LIMIT)
        return self._keep(Kind.PURCHASE_ORDER, full)

    def _attachment(self, record: Attachment, refs: Refs | None) -> Projection:
        owner = record.owner
        if refs is not None and record.owner_kind:
            owner = refs(Kind(record.owner_kind), owner)
        full: Projection = {
            "owner_kind": record.owner_kind,
            "owner": owner,
            "file_name": values.text(record.file_name),
            "size": str(record.size),
        }
        if record.digest:  # of a file that a person attached in QBO it is not known
            full["digest"] = record.digest
        return self._keep(Kind.ATTACHMENT, full)

    def _bought(self, record: Bought, refs: Refs | None, rows: Sequence[tuple[str, ...]]) -> Projection:
        resolve = refs or _same
        currency = self.currency(record)
        return {
            "vendor": resolve(Kind.VENDOR, record.vendor) if record.vendor else "",
            "date": record.date.isoformat(),
            "currency": currency,
            "lines": tuple(sorted(rows)),
            "total": values.money(record.total, currency),
        }

    @staticmethod
    def _bought_line(line: BillLine, currency: str, refs: Refs | None) -> tuple[str, ...]:
        """Account, text, project, item, amount. A line that buys an item names no account."""
        item, project = bought_item_key(line), project_key(line)
        if refs is None:
            account, thing, place = line.category, line.item, line.project
        else:
            account = "" if item else refs(Kind.CATEGORY, category_key(line))
            thing = refs(Kind.ITEM, item) if item else ""
            place = refs(Kind.PROJECT, project) if project else ""
        return (
            account,
            values.cut(values.text(line.description), DESCRIPTION_LIMIT),
            "" if place == NO_COUNTERPART else place,
            thing,
            values.money(line.amount, currency),
        )

    def _keep(self, kind: Kind, full: Projection) -> Projection:
        held = self._held.get(kind, frozenset())
        return {name: value for name, value in full.items() if name in held}


def _marks(record: Invoice, refs: Refs | None) -> Projection:
    """What is marked on an invoice. Of a total of nothing nobody can say whether it is paid."""
    sent = record.state is State.SENT if refs is not None else record.sent is True
    found: Projection = {"sent": "yes" if sent else "no"}
    if isinstance(record.paid, bool) and record.total:
        found["paid"] = "yes" if record.paid else "no"
    return found


def _allocations(parts: tuple[Allocation, ...], currency: str, resolve: Refs) -> Canonical:
    return tuple(sorted((resolve(Kind.INVOICE, part.invoice), values.money(part.amount, currency)) for part in parts))


def _quantity_and_rate(line: Line | BillLine, currency: str, *, inclusive: bool) -> tuple[str, str]:
    """Both, if QBO would take them for the amount; else neither, since then only the amount is sent. Where prices
    contain the tax they are turned into net ones, which only an exact product survives."""
    if line.quantity is UNSET or line.rate is UNSET:
        return "", ""
    if inclusive and line.quantity * line.rate != line.amount:
        return "", ""
    if not values.explains(line.quantity, line.rate, values.round_money(line.amount, currency)):
        return "", ""
    return values.number(line.quantity), values.number(line.rate)


def _text(value: str | UnsetType) -> str:
    return values.text(value) if isinstance(value, str) else ""


def _description(line: Line, held: bool) -> str:
    return values.cut(_text(line.description), DESCRIPTION_LIMIT) if held else ""
