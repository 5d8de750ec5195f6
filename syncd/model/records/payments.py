"""What invoices are paid with: money that came in, and credit notes that are used."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from syncd.model.kinds import State


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
