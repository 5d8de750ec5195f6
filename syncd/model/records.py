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
    "Client",
    "Invoice",
    "Item",
    "Kind",
    "Line",
    "Payment",
    "Record",
    "Side",
    "State",
    "UnsetType",
]


class Side(StrEnum):
    """The two books that are kept in agreement, and our own memory of them."""

    SOURCE = "source"
    QBO = "qbo"
    STATE = "state"


class Kind(StrEnum):
    """The sorts of record. More join with the profiles that need them."""

    CLIENT = "client"
    ITEM = "item"
    INVOICE = "invoice"
    PAYMENT = "payment"


class State(StrEnum):
    """Where a record stands in its life on the source side. QBO's records are ``LIVE`` or ``VOID``."""

    DRAFT = "draft"
    PUBLISHED = "published"
    LIVE = "live"
    VOID = "void"


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A postal address as free lines plus the parts QBO keeps apart. Layout belongs to QBO (R-11)."""

    lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


class Client(msgspec.Struct, frozen=True, tag="client", omit_defaults=True):
    """Who is billed; QBO's Customer. One currency for ever (entities.md 3.8)."""

    id: str
    name: str
    currency: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    active: bool = True
    created_here: bool = False


class Item(msgspec.Struct, frozen=True, tag="item", omit_defaults=True):
    """What is billed; QBO's Item. Matched by name, never created by default (R-22, R-23)."""

    id: str
    name: str
    active: bool = True


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One billed line. ``amount`` is what counts; ``quantity`` times ``rate`` explains it.

    ``id`` is the line's own id on its side, empty when it has none. ``item`` is the id of an item on that side, empty
    when the line names none; ``item_name`` is its name, for sources that keep names instead of ids.
    """

    amount: Decimal
    id: str = ""
    item: str = ""
    item_name: str = ""
    description: str | UnsetType = UNSET
    quantity: Decimal | UnsetType = UNSET
    rate: Decimal | UnsetType = UNSET
    taxable: bool | UnsetType = UNSET


class Invoice(msgspec.Struct, frozen=True, tag="invoice", omit_defaults=True):
    """A bill to a client. ``total`` = sum of lines - ``discount`` + ``tax``, in ``currency``."""

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


class Allocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a payment that pays one invoice."""

    invoice: str
    amount: Decimal


class Payment(msgspec.Struct, frozen=True, tag="payment", omit_defaults=True):
    """Money received from a client, spread over invoices. What is not allocated is the client's credit.

    ``other_links`` counts applications to documents of other kinds (QBO only), which a plain payment has none of.
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


Record: TypeAlias = Client | Item | Invoice | Payment
