"""An invoice that somebody marked as paid, or as not paid, in the source (V-10, C-V3).

QBO knows no such mark, only a balance. So a mark that people set becomes a payment, once a person has confirmed it: it
is entered in the source and takes its own way from there, as if people had entered it. A mark that is taken back takes
the payment along that it made, and no other.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.records.forms import Invoice
from syncd.model.records.payments import Allocation, Payment
from syncd.model.references import label
from syncd.model.values import money, round_money
from syncd.model.writes import Verb
from syncd.reconciler.draft import Draft
from syncd.reconciler.entries import SideCapability
from syncd.reconciler.imports import before_start
from syncd.reconciler.plan import Money


class Step(StrEnum):
    """What became of a mark: it waits for a person (held), or for what was done about it to arrive (``DONE``: begun
    just now)."""

    HELD = "held"
    WAITS = "waits"
    DONE = "done"


class Marks(Draft):
    """The part of the answers that is about marks."""

    def _mark(self, record: Invoice, partner: Present, coming: frozenset[str]) -> tuple[Step, str]:
        """See to the mark, and say in one sentence what it waits for. ``coming``: what else the source changed."""
        payments = self._view.payments.get(record.id, ())
        if record.paid is True:
            return self._marked_paid(record, _open_on(record, partner, anew="total" in coming), payments)
        return self._marked_unpaid(partner, payments)

    # ---- paid

    def _marked_paid(self, record: Invoice, amount: Decimal, payments: tuple[Present, ...]) -> tuple[Step, str]:
        for payment in payments:
            if self._view.to_qbo(Kind.PAYMENT, payment.record.id):
                continue
            name = f"payment {label(payment.record)} on it"
            sent = self._view.policy.kinds[Kind.PAYMENT].sends(payment.record)
            if not sent or before_start(payment.record, self._view):
                return Step.HELD, (
                    f"it is marked as paid, and {name} is kept out of QuickBooks: send that one "
                    f"(syncd push payment {payment.record.id}); or accept-qbo takes the mark back"
                )
            return Step.WAITS, f"it is marked as paid, and {name} is not in QuickBooks yet"
        if amount <= 0:
            return Step.WAITS, "it is marked as paid, and nothing is open on it"
        currency = self._view.lens.currency(record)
        amount = round_money(amount, currency)
        worth = f"{money(amount, currency)} {currency}"
        said = f"it was marked as paid in the source, and no payment of {worth} is recorded"
        if not self._by_person():
            return Step.HELD, (
                f"{said}: accept-source enters one in the source, and from there it goes to QuickBooks; "
                "accept-qbo takes the mark back"
            )
        if Verb.CREATE not in self._payments.verbs:
            return Step.HELD, f"{said}, and none can be entered there: enter it by hand"
        self._enter(record, amount)
        return Step.DONE, f"it was marked as paid; a payment of {worth} is entered in the source"

    def _enter(self, record: Invoice, amount: Decimal) -> None:
        day = self._view.today or record.issue_date
        made = Payment(
            id="",
            client=record.client,
            date=max(day, record.issue_date),
            amount=amount,
            allocations=(Allocation(record.id, amount),),
            currency=record.currency,
            notes=f"Invoice {label(record)} was marked as paid.",
            by_mark=True,
        )
        self._on_its_own(Verb.CREATE, f"paid-{record.id}", made, label(record), "somebody marked the invoice as paid")

    # ---- not paid

    def _marked_unpaid(self, partner: Present, payments: tuple[Present, ...]) -> tuple[Step, str]:
        if self._is_going(partner.record.id):
            return Step.WAITS, "it is marked as not paid, and the payment that the mark made is on its way out"
        ours = [p for p in payments if isinstance(p.record, Payment) and p.record.by_mark is True]
        if not ours:
            named = ", ".join(f"payment {label(p.record)}" for p in payments) or "what pays it"
            return Step.HELD, (
                f"it was marked as not paid in the source, and {named} did not come from a mark: remove that where it "
                "was entered; accept-qbo sets the mark again"
            )
        if Verb.DELETE not in self._payments.verbs:
            return Step.HELD, "it was marked as not paid, and its payment can only be removed from the source by hand"
        for payment in ours:
            self._remove_again(payment)
        return Step.DONE, "it was marked as not paid; the payment that the mark made is removed"

    def _remove_again(self, payment: Present) -> None:
        record = payment.record
        assert isinstance(record, Payment)  # noqa: S101 - asked before
        reason = "the mark that it was entered for was taken back"
        self._on_its_own(Verb.DELETE, record.id, record, label(record), reason, payment)

    def _is_going(self, invoice: str) -> bool:
        """Whether a payment that a mark made is gone from the source and still to be removed from QBO."""
        for entry in self._view.entries:
            base = entry.known.source_base if entry.known is not None and entry.kind is Kind.PAYMENT else {}
            paid = base.get("allocations", ()) if "by_mark" in base else ()
            if isinstance(entry.source, Absent) and any(row[0] == invoice for row in paid):
                return True
        return False

    # ---- parts

    @property
    def _payments(self) -> SideCapability:
        return self._view.capabilities.get(Kind.PAYMENT, SideCapability())

    def _on_its_own(
        self, verb: Verb, source_id: str, record: Payment, shown: str, reason: str, seen: Present | None = None
    ) -> None:
        """Plan a write to the source that no record of QBO stands behind."""
        operation = self._operation(Side.SOURCE, verb, reason, record=record)
        self._planned.add(
            msgspec.structs.replace(
                operation,
                id=f"{Side.SOURCE}:{verb}:{Kind.PAYMENT}:{source_id}",
                kind=Kind.PAYMENT,
                label=shown,
                source_id=source_id,
                qbo_id=self._view.to_qbo(Kind.PAYMENT, source_id),
                expected_source=seen.version if seen is not None else "",
                expected_qbo="",
                source_base={},
                qbo_base={},
                money=Money(record.amount, self._view.lens.currency(record)),
                alone=True,
            )
        )


def _open_on(record: Invoice, partner: Present, *, anew: bool) -> Decimal:
    """What is open in QBO; or what will be, where it is about to get the source's total."""
    there = partner.record
    assert isinstance(there, Invoice)  # noqa: S101 - the marks are an invoice's
    balance = there.balance if isinstance(there.balance, Decimal) else there.total
    return balance + record.total - there.total if anew else balance
