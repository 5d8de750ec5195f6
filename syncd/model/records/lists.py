"""The records of lists, which documents refer to: what is only matched by name, and clients and vendors."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType


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


Named: TypeAlias = Item | TaxCode | PaymentMethod | Category | Project
"""Records that are matched with one of QBO by name, and never written; but for projects, where the policy says so."""
Party: TypeAlias = Client | Vendor
