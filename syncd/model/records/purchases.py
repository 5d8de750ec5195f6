"""What is bought: expenses of the staff, bills, purchases and purchase orders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from syncd.model.kinds import State


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


class _Bought(msgspec.Struct, frozen=True, omit_defaults=True):
    """What bills, purchases and purchase orders have in common. ``total`` is the sum of the
    lines."""

    id: str
    vendor: str
    date: date
    total: Decimal
    lines: tuple[BillLine, ...]
    state: State = State.LIVE
    currency: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    external_id: str = ""


class Bill(_Bought, frozen=True, tag="bill", omit_defaults=True):
    """What is owed to a vendor; QBO's Bill.

    ``reimbursed``: paid in full, which is all that QBO tells back (R-103, R-104). ``balance`` is what is still open.
    """

    reimbursed: bool | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET


class Purchase(_Bought, frozen=True, tag="purchase", omit_defaults=True):
    """Money that was spent already: what QBO calls an expense (entities.md 6.4, B-38). ``vendor`` is empty where QBO's
    names nobody, or somebody who is no vendor. ``state``: a draft is not approved. Which account paid is QBO's affair
    once it is there."""


class PurchaseOrder(_Bought, frozen=True, tag="purchase_order", omit_defaults=True):
    """What was ordered from a vendor, and posts nothing (entities.md 6.5, B-44). ``notes`` is the message to the
    vendor."""

    number: str | UnsetType = UNSET
    due_date: date | UnsetType = UNSET


Bought: TypeAlias = Bill | Purchase | PurchaseOrder
"""Documents of vendors, with lines that name accounts."""
