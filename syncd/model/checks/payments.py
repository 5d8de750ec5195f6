"""What QBO would refuse or book differently of what invoices are paid with: money, and credit notes."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.model.checks.parts import ZERO, in_closed_period, problem, wrong_amount, wrong_currency
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import State
from syncd.model.observations import Problem
from syncd.model.records.payments import Allocation, CreditApplication, Payment


def payment(record: Payment, facts: BooksFacts) -> list[Problem]:
    """What is wrong with money received, and with the credit that is used with it."""
    if record.state is State.VOID:
        return []
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    found = [
        *wrong_currency(record.currency, facts),
        *in_closed_period(record.date, "date", facts),
        *wrong_amount(record.amount, currency, "amount"),
    ]
    parts = [part.amount for part in record.allocations] + [part.amount for part in record.credits]
    if record.amount < 0 or any(part < 0 for part in parts):
        found.append(
            problem("amount-negative", "amount", "The payment is negative.", "Enter a refund in QuickBooks instead.")
        )
    elif record.cash < 0:
        found.append(
            problem(
                "credits-sum",
                "credits",
                f"The payment of {record.amount} uses credit notes with {record.amount - record.cash} in all.",
                "Correct the amount or the credit notes in the source.",
            )
        )
    applied = sum((part.amount for part in record.allocations), ZERO)
    if not record.other_links and applied > max(record.amount, ZERO):
        found.append(
            problem(
                "allocations-sum",
                "allocations",
                f"The payment of {record.amount} is spread over invoices with {applied} in all.",
                "Correct the allocations in the source.",
            )
        )
    elif record.credits and applied < record.amount - record.cash:
        found.append(
            problem(
                "credits-unused",
                "credits",
                f"The payment uses credit notes with {record.amount - record.cash}, but pays invoices with {applied}.",
                "Spread the credit over invoices in the source; a credit note is not paid out by a payment.",
            )
        )
    return found


def named_account(record: Payment, settings: Settings) -> list[Problem]:
    """C-V3: money that nobody entered, but a mark, goes to an account that somebody named."""
    if record.by_mark is not True or settings.mark_paid_account or settings.deposit_account:
        return []
    return [
        problem(
            "mark-account",
            "amount",
            "The invoice was marked as paid by hand, and no account is named that the money went to.",
            "Set mark_paid_account (or deposit_account) to an account in QuickBooks.",
        )
    ]


def credit_application(record: CreditApplication, facts: BooksFacts) -> list[Problem]:
    """What is wrong with a credit note that is used on invoices."""
    found = wrong_currency(record.currency, facts) + in_closed_period(record.date, "date", facts)
    return found + _positive(record.allocations)


def _positive(parts: Iterable[Allocation]) -> list[Problem]:
    if all(part.amount > 0 for part in parts):
        return []
    return [
        problem(
            "amount-negative",
            "allocations",
            "A part of the credit that is used is not positive.",
            "Correct what the credit note is applied to in the source.",
        )
    ]
