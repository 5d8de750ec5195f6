"""Documents with billed lines: invoices, estimates, credit notes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from syncd.model.kinds import State
from syncd.model.records.lists import Address


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


class _Form(msgspec.Struct, frozen=True, omit_defaults=True):
    """What invoices, estimates and credit notes have in common. ``total`` = sum of lines - ``discount`` + ``tax``,
    in ``currency``; with ``tax_inclusive`` the lines contain the tax, and it is not added again.

    ``emails`` and ``cc_emails`` are addresses separated by commas. ``tax_rate`` is a fraction (0.05 for 5 %), set only
    where one rate holds for the whole document. ``transaction_number`` is the numeric part of QBO's number (R-28).
    ``exchange_rate`` is the source's own rate, home units for one unit of ``currency`` (R-20). ``save`` and ``remove``
    are the tick boxes of the source: send it to QBO, and take it out of there when it is withdrawn or deleted (R-2,
    R-45). ``project`` is the id of a project of the client's, empty where there is none and on every record of QBO's,
    which names a customer or a sub-customer in ``client``.
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


class Invoice(_Form, frozen=True, tag="invoice", omit_defaults=True):
    """A bill to a client. ``balance`` is what is open on it.

    ``sent`` (QBO only; the source's is its ``state``) and ``paid`` are marks: that it went to the client, and that
    nothing is open on it (V-10). ``mailed`` is when QBO mailed it last, as QBO writes it; empty: it did not (QBO only).
    """

    due_date: date | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET
    sent: bool | UnsetType = UNSET
    paid: bool | UnsetType = UNSET
    mailed: str = ""


class Estimate(_Form, frozen=True, tag="estimate", omit_defaults=True):
    """A price that was named to a client; QBO's Estimate, which posts nothing (entities.md 4.4). ``due_date`` is the
    day until which it holds, QBO's ExpirationDate."""

    due_date: date | UnsetType = UNSET


class CreditNote(_Form, frozen=True, tag="credit_note", omit_defaults=True):
    """What a client is given back, positive amounts throughout; QBO's CreditMemo.

    ``balance`` is what of it is not used yet. What it was used for is a ``CreditApplication`` or part of a ``Payment``.
    """

    balance: Decimal | UnsetType = UNSET


Form: TypeAlias = Invoice | Estimate | CreditNote
"""Documents with billed lines."""
