"""The canonical records: one immutable shape per kind, whichever side it was read from.

Ids and references are those of the side the record was read from: an invoice read from the source names its client by
the source's id, the same invoice read from QBO by QBO's. The lens (``syncd.model.lens``) brings both into one space.

``UNSET`` means that this side does not hold the field at all (a mapped table without a notes column): no opinion,
which is something else than empty text and something else than an unread record.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "UNSET",
    "Address",
    "Allocation",
    "Attachment",
    "Bill",
    "BillLine",
    "Bought",
    "Category",
    "Client",
    "CreditApplication",
    "CreditNote",
    "CreditUse",
    "Estimate",
    "Expense",
    "Form",
    "Invoice",
    "Item",
    "Kind",
    "Line",
    "Named",
    "Party",
    "Payment",
    "PaymentMethod",
    "Project",
    "Purchase",
    "PurchaseOrder",
    "Record",
    "Side",
    "State",
    "TaxCode",
    "UnsetType",
    "Vendor",
]


class Side(StrEnum):
    """The two books that are kept in agreement, and our own memory of them."""

    SOURCE = "source"
    QBO = "qbo"
    STATE = "state"


class Kind(StrEnum):
    """The sorts of record. More join with the profiles that need them."""

    ITEM = "item"
    TAX_CODE = "tax_code"
    PAYMENT_METHOD = "payment_method"
    CATEGORY = "category"
    CLIENT = "client"
    PROJECT = "project"
    VENDOR = "vendor"
    ESTIMATE = "estimate"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    CREDIT_APPLICATION = "credit_application"
    EXPENSE = "expense"
    BILL = "bill"
    PURCHASE = "purchase"
    PURCHASE_ORDER = "purchase_order"
    ATTACHMENT = "attachment"


class State(StrEnum):
    """Where a record stands in its life on the source side. QBO's records are ``LIVE`` or ``VOID``.

    ``PUBLISHED``: finished, for others to see. ``SENT``: it went to whoever it is for (V-10).
    """

    DRAFT = "draft"
    PUBLISHED = "published"
    SENT = "sent"
    LIVE = "live"
    VOID = "void"


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A postal address as free lines plus the parts QBO keeps apart. Layout belongs to QBO (R-11)."""

    lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


class Item(msgspec.Struct, frozen=True, tag="item", omit_defaults=True):
    """What is billed; QBO's Item. Matched by name, never created by default (R-22, R-23). ``booked``: whether QBO has
    an income account for it, without which it cannot be billed (entities.md 3.4, C-O4)."""

    id: str
    name: str
    active: bool = True
    booked: bool = True


class TaxCode(msgspec.Struct, frozen=True, tag="tax_code", omit_defaults=True):
    """A tax rate of the source; QBO's TaxCode. ``rate`` is a fraction: 0.05 for 5 %. Matched, never written (R-112)."""

    id: str
    name: str
    active: bool = True
    rate: Decimal | UnsetType = UNSET


class PaymentMethod(msgspec.Struct, frozen=True, tag="payment_method", omit_defaults=True):
    """How money came in; QBO's PaymentMethod. Matched, never written (R-57)."""

    id: str
    name: str
    active: bool = True


class Category(msgspec.Struct, frozen=True, tag="category", omit_defaults=True):
    """What an expense was for; QBO's Account. Matched, never written (R-101)."""

    id: str
    name: str
    active: bool = True


class Project(msgspec.Struct, frozen=True, tag="project", omit_defaults=True):
    """A project of a client; in QBO a sub-customer or project. ``client`` is the client's id, empty when unknown.

    ``external_id`` is QBO's id where the source keeps it: a certain match. ``currency`` is its client's. ``balance`` is
    what its documents have open (QBO only).
    """

    id: str
    name: str
    active: bool = True
    client: str = ""
    external_id: str = ""
    currency: str | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET


class Client(msgspec.Struct, frozen=True, tag="client", omit_defaults=True):
    """Who is billed; QBO's Customer. One currency for ever (entities.md 3.8).

    ``external_id`` is QBO's id where the source keeps it: a certain match. ``contact`` is the person whom bills are
    addressed to; it goes along when a customer is made, and is never compared (O-27, O-28).
    """

    id: str
    name: str
    currency: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    active: bool = True
    created_here: bool = False
    external_id: str = ""
    contact: str | UnsetType = UNSET
    parent: str = ""
    """QBO's parent of a sub-customer, which is no customer of its own (entities.md 3.2); empty for all others."""


class Vendor(msgspec.Struct, frozen=True, tag="vendor", omit_defaults=True):
    """Who is owed: a member of the staff, or a supplier; QBO's Vendor. One currency for ever (entities.md 3.3)."""

    id: str
    name: str
    currency: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    active: bool = True
    external_id: str = ""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One billed line. ``amount`` is what counts; ``quantity`` times ``rate`` explains it.

    ``id`` is the line's own id on its side, empty when it has none. ``item`` is the id of an item on that side, empty
    when the line names none; ``item_name`` is its name, for sources that keep names instead of ids. On a document with
    ``tax_inclusive`` the amount contains the tax; QBO also tells the amount without it, in ``net``.
    """

    amount: Decimal
    id: str = ""
    item: str = ""
    item_name: str = ""
    description: str | UnsetType = UNSET
    quantity: Decimal | UnsetType = UNSET
    rate: Decimal | UnsetType = UNSET
    taxable: bool | UnsetType = UNSET
    net: Decimal | UnsetType = UNSET


class Invoice(msgspec.Struct, frozen=True, tag="invoice", omit_defaults=True):
    """A bill to a client. ``total`` = sum of lines - ``discount`` + ``tax``, in ``currency``; with ``tax_inclusive``
    the lines contain the tax, and it is not added again.

    ``emails`` and ``cc_emails`` are addresses separated by commas. ``tax_rate`` is a fraction (0.05 for 5 %), set only
    where one rate holds for the whole document. ``transaction_number`` is the numeric part of QBO's number (R-28).
    ``exchange_rate`` is the source's own rate, home units for one unit of ``currency`` (R-20). ``save`` and ``remove``
    are the tick boxes of the source: send it to QBO, and take it out of there when it is withdrawn or deleted (R-2,
    R-45). ``project`` is the id of a project of the client's, empty where there is none and on every record of QBO's,
    which names a customer or a sub-customer in ``client``. ``sent`` (QBO only; the source's is its ``state``) and
    ``paid`` are marks: that it went to the client, and that nothing is open on it (V-10). ``mailed`` is when QBO mailed
    it last, as QBO writes it; empty: it did not (QBO only).
    """

    id: str
    client: str
    issue_date: date
    total: Decimal
    lines: tuple[Line, ...]
    state: State = State.LIVE
    number: str | UnsetType = UNSET
    due_date: date | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    discount: Decimal | UnsetType = UNSET
    tax: Decimal | UnsetType = UNSET
    tax_code: str | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET
    external_id: str = ""
    bill_to: Address | UnsetType = UNSET
    emails: str | UnsetType = UNSET
    cc_emails: str | UnsetType = UNSET
    tax_rate: Decimal | UnsetType = UNSET
    tax_inclusive: bool | UnsetType = UNSET
    transaction_number: str | UnsetType = UNSET
    exchange_rate: Decimal | UnsetType = UNSET
    save: bool | UnsetType = UNSET
    remove: bool | UnsetType = UNSET
    sent: bool | UnsetType = UNSET
    paid: bool | UnsetType = UNSET
    project: str = ""
    mailed: str = ""


class Estimate(msgspec.Struct, frozen=True, tag="estimate", omit_defaults=True):
    """A price that was named to a client; QBO's Estimate, which posts nothing (entities.md 4.4). Members as on
    ``Invoice``; ``due_date`` is the day until which it holds, QBO's ExpirationDate."""

    id: str
    client: str
    issue_date: date
    total: Decimal
    lines: tuple[Line, ...]
    state: State = State.LIVE
    number: str | UnsetType = UNSET
    due_date: date | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    discount: Decimal | UnsetType = UNSET
    tax: Decimal | UnsetType = UNSET
    tax_code: str | UnsetType = UNSET
    external_id: str = ""
    bill_to: Address | UnsetType = UNSET
    emails: str | UnsetType = UNSET
    cc_emails: str | UnsetType = UNSET
    tax_rate: Decimal | UnsetType = UNSET
    tax_inclusive: bool | UnsetType = UNSET
    transaction_number: str | UnsetType = UNSET
    exchange_rate: Decimal | UnsetType = UNSET
    save: bool | UnsetType = UNSET
    remove: bool | UnsetType = UNSET
    project: str = ""


class CreditNote(msgspec.Struct, frozen=True, tag="credit_note", omit_defaults=True):
    """What a client is given back, positive amounts throughout; QBO's CreditMemo. Members as on ``Invoice``.

    ``balance`` is what of it is not used yet. What it was used for is a ``CreditApplication`` or part of a ``Payment``.
    """

    id: str
    client: str
    issue_date: date
    total: Decimal
    lines: tuple[Line, ...]
    state: State = State.LIVE
    number: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    discount: Decimal | UnsetType = UNSET
    tax: Decimal | UnsetType = UNSET
    tax_code: str | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET
    external_id: str = ""
    bill_to: Address | UnsetType = UNSET
    emails: str | UnsetType = UNSET
    cc_emails: str | UnsetType = UNSET
    tax_rate: Decimal | UnsetType = UNSET
    tax_inclusive: bool | UnsetType = UNSET
    transaction_number: str | UnsetType = UNSET
    exchange_rate: Decimal | UnsetType = UNSET
    save: bool | UnsetType = UNSET
    remove: bool | UnsetType = UNSET
    project: str = ""


class Allocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a payment or of a credit that pays one invoice."""

    invoice: str
    amount: Decimal


class CreditUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a payment that is no money but credit of one credit note."""

    credit_note: str
    amount: Decimal


class Payment(msgspec.Struct, frozen=True, tag="payment", omit_defaults=True):
    """Money received from a client, spread over invoices. What is not allocated is the client's credit.

    ``amount`` is cash plus credit: ``credits`` say how much of it was no money but credit notes (R-53, R-64, C-R3), so
    that QBO's total is ``amount`` less the sum of ``credits``. ``method`` is the id of a payment method on its side,
    ``method_name`` its name. ``other_links`` counts applications to documents of other kinds (QBO only), which a plain
    payment has none of. ``save`` and ``remove`` are tick boxes as on ``Invoice`` (R-50, R-73). ``by_mark`` (source
    only): syncd entered it because the invoice was marked as paid by hand (C-V3).
    """

    id: str
    client: str
    date: date
    amount: Decimal
    allocations: tuple[Allocation, ...]
    state: State = State.LIVE
    currency: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    other_links: int = 0
    external_id: str = ""
    credits: tuple[CreditUse, ...] = ()
    method: str | UnsetType = UNSET
    method_name: str = ""
    exchange_rate: Decimal | UnsetType = UNSET
    save: bool | UnsetType = UNSET
    remove: bool | UnsetType = UNSET
    by_mark: bool | UnsetType = UNSET
    project: str = ""

    @property
    def cash(self) -> Decimal:
        """The money alone: what QBO calls the total of the payment."""
        return self.amount - sum((part.amount for part in self.credits), Decimal(0))


class CreditApplication(msgspec.Struct, frozen=True, tag="credit_application", omit_defaults=True):
    """One credit note used on invoices, without money; in QBO a payment of zero with the memo on one of its lines.

    An allocation without invoice (QBO only) is credit that was taken and pays nothing, as the invoices had less open.
    ``other_links`` counts what else such a payment in QBO uses up, which one of ours never does.
    """

    id: str
    client: str
    credit_note: str
    date: date
    allocations: tuple[Allocation, ...]
    state: State = State.LIVE
    currency: str | UnsetType = UNSET
    other_links: int = 0
    external_id: str = ""
    project: str = ""


class Expense(msgspec.Struct, frozen=True, tag="expense", omit_defaults=True):
    """Something a member of the staff paid for. Never written to QBO itself: bills are made of it (R-89 to R-104).

    ``vendor`` is the member's id, ``merchant`` where the money went. ``report`` is the expense report it stands on.
    """

    id: str
    vendor: str
    date: date
    amount: Decimal
    approved: bool
    reimbursable: bool
    reimbursed: bool = False
    report: str = ""
    currency: str | UnsetType = UNSET
    category: str = ""
    category_name: str = ""
    project: str = ""
    project_name: str = ""
    client_name: str = ""
    merchant: str = ""
    notes: str = ""


class BillLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of what is bought. ``category`` and ``project`` are ids on the line's side (an account and a customer in
    QBO), empty where there is none; the names are for sources that keep names. ``expense`` is the expense it stands
    for. A line of a purchase order may buy an ``item`` instead, so many (``quantity``) at so much (``rate``)."""

    amount: Decimal
    id: str = ""
    category: str = ""
    category_name: str = ""
    project: str = ""
    project_name: str = ""
    description: str = ""
    expense: str = ""
    item: str = ""
    item_name: str = ""
    quantity: Decimal | UnsetType = UNSET
    rate: Decimal | UnsetType = UNSET


class Bill(msgspec.Struct, frozen=True, tag="bill", omit_defaults=True):
    """What is owed to a vendor; QBO's Bill. ``total`` is the sum of the lines.

    ``reimbursed``: paid in full, which is all that QBO tells back (R-103, R-104). ``balance`` is what is still open.
    """

    id: str
    vendor: str
    date: date
    total: Decimal
    lines: tuple[BillLine, ...]
    state: State = State.LIVE
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    reimbursed: bool | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET
    external_id: str = ""


class Purchase(msgspec.Struct, frozen=True, tag="purchase", omit_defaults=True):
    """Money that was spent already: what QBO calls an expense (entities.md 6.4, B-38). ``total`` is the sum of the
    lines. ``vendor`` is empty where QBO's names nobody, or somebody who is no vendor. ``state``: a draft is not
    approved. Which account paid is QBO's affair once it is there."""

    id: str
    vendor: str
    date: date
    total: Decimal
    lines: tuple[BillLine, ...]
    state: State = State.LIVE
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    external_id: str = ""


Day: TypeAlias = date
"""A date, where a member of the same name hides the type."""


class PurchaseOrder(msgspec.Struct, frozen=True, tag="purchase_order", omit_defaults=True):
    """What was ordered from a vendor, and posts nothing (entities.md 6.5, B-44). ``total`` is the sum of the lines;
    ``notes`` is the message to the vendor."""

    id: str
    vendor: str
    date: date
    total: Decimal
    lines: tuple[BillLine, ...]
    state: State = State.LIVE
    number: str | UnsetType = UNSET
    due_date: Day | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    external_id: str = ""


class Attachment(msgspec.Struct, frozen=True, tag="attachment", omit_defaults=True):
    """A file that belongs to a document; QBO's Attachable (entities.md 7, B-28, B-39).

    ``owner`` is the document's id on its side, ``owner_kind`` its kind (empty: none that syncd knows). ``digest`` is
    the SHA-256 of the content, empty where it is not known; the content itself is never part of the record. ``path``
    is where the source keeps it, where that is no column. ``hangs_on`` counts the documents it belongs to (QBO only).
    """

    id: str
    owner_kind: str
    owner: str
    file_name: str
    size: int = 0
    digest: str = ""
    path: str = ""
    hangs_on: int = 1


Bought: TypeAlias = Bill | Purchase | PurchaseOrder
"""Documents of vendors, with lines that name accounts."""
Named: TypeAlias = Item | TaxCode | PaymentMethod | Category | Project
"""Records that are matched with one of QBO by name, and never written; but for projects, where the policy says so."""
Party: TypeAlias = Client | Vendor
Form: TypeAlias = Invoice | Estimate | CreditNote
"""Documents with billed lines."""
Record: TypeAlias = (
    Item
    | TaxCode
    | PaymentMethod
    | Category
    | Project
    | Client
    | Vendor
    | Invoice
    | CreditNote
    | Estimate
    | Payment
    | CreditApplication
    | Expense
    | Bill
    | Purchase
    | PurchaseOrder
    | Attachment
)
