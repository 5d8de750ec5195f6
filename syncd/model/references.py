"""What a record refers to, who it belongs to, and how a person knows it: the few questions asked of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from syncd.model import values
from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Form, Invoice, Line
from syncd.model.records.lists import Category, Client, Item, Named, PaymentMethod, Project, TaxCode, Vendor
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill, BillLine, Expense, Purchase, PurchaseOrder
from syncd.model.spec import DEFAULT_KEY, SPECS
from syncd.model.values import Canonical

_BY_NAME = "name:"
_BY_ID = "id:"
_KINDS = frozenset(kind.value for kind in Kind)
ZERO = Decimal(0)

Reference = tuple[Kind, str]
"""A kind and an id; for what the source keeps only as a name, ``name:`` and the name."""

NAMED: Mapping[Kind, type[Any]] = {
    Kind.ITEM: Item,
    Kind.TAX_CODE: TaxCode,
    Kind.PAYMENT_METHOD: PaymentMethod,
    Kind.CATEGORY: Category,
    Kind.PROJECT: Project,
}
"""Kinds whose records are matched by name, with what stands for a mere name."""


def pending(kind: Kind, source_id: str) -> str:
    """Stands for the QBO id of a record that does not exist in QBO yet."""
    return f"+{kind}:{source_id}"


def settled(value: Canonical, resolve: Callable[[Kind, str], str]) -> Canonical:
    """``value`` with the marks of records that were still to come to QBO (``pending``) replaced by what ``resolve``
    says of them now."""
    if isinstance(value, tuple):
        return tuple(tuple(_settled(part, resolve) for part in row) for row in value)
    return _settled(value, resolve)


def _settled(reference: str, resolve: Callable[[Kind, str], str]) -> str:
    kind, colon, source_id = reference[1:].partition(":") if is_pending(reference) else ("", "", "")
    return resolve(Kind(kind), source_id) if colon and kind in _KINDS else reference


def is_pending(reference: str) -> bool:
    """Whether a reference stands for a record that is not in QBO yet."""
    return reference.startswith("+")


def key_of(record_id: str, name: str) -> str:
    """The id under which something named on a document is linked: its own id, else its name, else the default."""
    if record_id:
        return record_id
    return f"{_BY_NAME}{values.name_key(name)}" if name.strip() else DEFAULT_KEY


def is_name(kind: Kind, source_id: str) -> bool:
    """Whether a source id is no row of the source but a name on its documents, which cannot be read by id."""
    return kind in NAMED and (source_id == DEFAULT_KEY or source_id.startswith(_BY_NAME))


def stand_in(kind: Kind, source_id: str, name: str) -> Named:
    """The record that a mere name stands for."""
    made: Named = NAMED[kind](id=source_id, name=name.strip())
    return made


def item_key(line: Line) -> str:
    """The id under which a line's item is linked."""
    return key_of(line.item, line.item_name)


def bought_item_key(line: BillLine) -> str:
    """The id under which the item of a purchase order's line is linked; empty where it names an account instead."""
    key = key_of(line.item, line.item_name)
    return "" if key == DEFAULT_KEY else key


def category_key(line: BillLine) -> str:
    """The id under which the account of a bill's line is linked."""
    return key_of(line.category, line.category_name)


def project_key(line: BillLine) -> str:
    """The id under which the project of a bill's line is linked; empty where there is none."""
    key = key_of(line.project, line.project_name)
    return "" if key == DEFAULT_KEY else key


def method_key(payment: Payment) -> str:
    """The id under which a payment's method is linked; empty where there is none."""
    key = key_of(payment.method if isinstance(payment.method, str) else "", payment.method_name)
    return "" if key == DEFAULT_KEY else key


def owner_of(record: Record) -> Reference | None:
    """The document that a file belongs to; None for other records, and where its kind is not known."""
    if isinstance(record, Attachment) and record.owner_kind and record.owner:
        return (Kind(record.owner_kind), record.owner)
    return None


_CONTENT = "@"


def file_id(row: str, digest: str) -> str:
    """The id of a file in the source: its row and its content. Other content is another file, which takes the place of
    the one before: uploaded first, then the one before is deleted."""
    return f"{row}{_CONTENT}{digest[:16]}"


def file_row(source_id: str) -> str:
    """The row that a file's id names, whatever its content."""
    return source_id.rpartition(_CONTENT)[0] or source_id


def is_text(line: Line) -> bool:
    """A line of text only, without item, quantity and amount; QBO keeps it as such (entities.md 4.1)."""
    quantity = line.quantity if isinstance(line.quantity, Decimal) else ZERO
    return not line.amount and not quantity and not line.item and not line.item_name


def names_in(record: Record) -> dict[Reference, str]:
    """What a record of the source refers to that may be known by name alone, with the name (empty: known by id)."""
    match record:
        case Invoice() | Estimate() | CreditNote():
            found = {(Kind.ITEM, item_key(line)): line.item_name for line in record.lines if not is_text(line)}
            if isinstance(record.tax_code, str) and record.tax_code.strip():
                found[Kind.TAX_CODE, key_of("", record.tax_code)] = record.tax_code
            return found
        case Payment():
            return {(Kind.PAYMENT_METHOD, key): record.method_name} if (key := method_key(record)) else {}
        case Bill() | Purchase() | PurchaseOrder():
            found = {
                (Kind.CATEGORY, category_key(line)): line.category_name
                for line in record.lines
                if not bought_item_key(line)
            }
            found |= {(Kind.ITEM, key): line.item_name for line in record.lines if (key := bought_item_key(line))}
            found |= {(Kind.PROJECT, key): line.project_name for line in record.lines if (key := project_key(line))}
            return found
        case _:
            return {}


def references(record: Record) -> frozenset[Reference]:
    """The records (kind, id of the source) that a record of the source refers to."""
    return frozenset(names_in(record)) | _documents(record)


def qbo_references(record: Record) -> frozenset[Reference]:
    """The records (kind, id of QBO) that a record of QBO refers to."""
    found = set(_documents(record))
    match record:
        case Invoice() | Estimate() | CreditNote():
            found |= {(Kind.ITEM, line.item) for line in record.lines if line.item}
        case Payment():
            if isinstance(record.method, str) and record.method:
                found.add((Kind.PAYMENT_METHOD, record.method))
        case Bill() | Purchase() | PurchaseOrder():
            found |= {(Kind.CATEGORY, line.category) for line in record.lines if line.category}
            found |= {(Kind.ITEM, line.item) for line in record.lines if line.item}
            found |= {(Kind.PROJECT, line.project) for line in record.lines if line.project}
    return frozenset(found)


def _documents(record: Record) -> set[Reference]:
    """Those references that are ids on either side: parties and other documents."""
    found: set[Reference] = set()
    match record:
        case Project() if record.client:
            found = {(Kind.CLIENT, record.client)}
        case Invoice() | Estimate() | CreditNote():
            found = _whose(record)
        case Payment():
            found = _whose(record)
            found |= {(Kind.INVOICE, part.invoice) for part in record.allocations}
            found |= {(Kind.CREDIT_NOTE, part.credit_note) for part in record.credits}
        case CreditApplication():
            found = _whose(record)
            if record.credit_note:  # a void one in QBO names none any more
                found.add((Kind.CREDIT_NOTE, record.credit_note))
            found |= {(Kind.INVOICE, part.invoice) for part in record.allocations}
        case Bill() | Purchase() | PurchaseOrder() if record.vendor:
            found = {(Kind.VENDOR, record.vendor)}
        case Attachment() if (owner := owner_of(record)) is not None:
            found = {owner}
    return found


def _whose(record: Form | Payment | CreditApplication) -> set[Reference]:
    project: set[Reference] = {(Kind.PROJECT, record.project)} if record.project else set()
    return {(Kind.CLIENT, record.client)} | project


def billed_to(record: Form | Payment | CreditApplication, settings: Settings) -> Reference:
    """Whose document it is in QBO: the project's, where projects are sub-customers (B-22), else the client's."""
    if record.project and settings.project_as == "sub_customer":
        return (Kind.PROJECT, record.project)
    return (Kind.CLIENT, record.client)


def party(record: Record) -> Reference | None:
    """The client or vendor that a document belongs to."""
    match record:
        case Invoice() | Estimate() | CreditNote() | Payment() | CreditApplication():
            return (Kind.CLIENT, record.client)
        case Bill() | Purchase() | PurchaseOrder():
            return (Kind.VENDOR, record.vendor)
        case _:
            return None


def dates_of(record: Record) -> tuple[date, ...]:
    """The dates that decide in which accounting period a record falls; none for lists."""
    match record:
        case Invoice() | Estimate() | CreditNote():
            return (record.issue_date,)
        case Payment() | CreditApplication() | Bill() | Expense() | Purchase() | PurchaseOrder():
            return (record.date,)
        case _:
            return ()


def amount_of(record: Record) -> Decimal | None:
    """What a document is worth, in its own currency; None for lists."""
    match record:
        case Invoice() | Estimate() | CreditNote() | Bill() | Purchase() | PurchaseOrder():
            return record.total
        case Payment() | Expense():
            return record.amount
        case CreditApplication():
            return sum((part.amount for part in record.allocations), ZERO)
        case _:
            return None


def label(record: Record) -> str:
    """How a person knows the record: its number, name or reference."""
    match record:
        case Client() | Vendor() | Item() | TaxCode() | PaymentMethod() | Category() | Project():
            return record.name or "(none)"
        case Invoice() | Estimate() | CreditNote() | PurchaseOrder():
            return record.number if isinstance(record.number, str) and record.number else f"#{record.id}"
        case Payment():
            return record.reference if isinstance(record.reference, str) and record.reference else f"#{record.id}"
        case CreditApplication() | Expense() | Bill() | Purchase():
            return f"#{record.id}"
        case Attachment():
            return record.file_name or f"#{record.id}"


def applies_credit_only(record: Record) -> bool:
    """Whether it moves no money at all but uses credit up on invoices: such a payment in QBO is an application of a
    credit note, and never comes back as cash (C-R4)."""
    match record:
        case Payment():
            return bool(record.credits) and not record.cash
        case CreditApplication():
            return True
        case _:
            return False


def is_plainly(kind: Kind, record: Record) -> bool:
    """Whether an unlinked record of QBO is of this kind, where several kinds are one entity there."""
    if kind in {Kind.PAYMENT, Kind.CREDIT_APPLICATION}:
        return applies_credit_only(record) is (kind is Kind.CREDIT_APPLICATION)
    return True


def mapped_name(kind: Kind, name: str, settings: Settings) -> str:
    """The name under which QBO knows a record of the source, as far as the settings say; else its own."""
    named = _maps(settings).get(kind, {}).get(name.strip(), "")
    return name if not named or named.startswith(_BY_ID) else named


def vouched_id(kind: Kind, name: str, settings: Settings) -> str:
    """QBO's id of a record of this name, where the settings give it; empty otherwise."""
    named = _maps(settings).get(kind, {}).get(name.strip(), "")
    own = name if name in {settings.tax_item, settings.discount_item} and kind is Kind.ITEM else ""
    named = named or own  # these are named as in QuickBooks, or given by id
    return named.removeprefix(_BY_ID) if named.startswith(_BY_ID) else ""


def claimed_id(kind: Kind, record: Record, settings: Settings) -> str:
    """QBO's id of an unlinked record, where the source or the settings say it outright; empty otherwise."""
    vouched = vouched_id(kind, getattr(record, "name", ""), settings)
    return vouched or str(getattr(record, "external_id", ""))


def _maps(settings: Settings) -> Mapping[Kind, Mapping[str, str]]:
    return {
        Kind.CLIENT: settings.customer_map,
        Kind.ITEM: settings.item_map | settings.line_type_map,
        Kind.VENDOR: settings.vendor_map,
        Kind.CATEGORY: settings.category_map,
        Kind.PAYMENT_METHOD: settings.payment_method_map,
        Kind.PROJECT: settings.project_map,
        Kind.TAX_CODE: settings.tax_code_map,
    }


def default_name(kind: Kind, settings: Settings) -> str:
    """The setting that names what stands for the unmatched of a kind; empty where none is set."""
    return {Kind.ITEM: settings.default_item, Kind.CATEGORY: settings.default_expense_account}.get(kind, "")


def needs_counterpart(kind: Kind) -> bool:
    """Whether a document waits until this reference is linked with a record of QBO."""
    return not SPECS[kind].optional
