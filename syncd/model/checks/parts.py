"""What several kinds of record may have wrong: an amount, a currency, a date in a closed period, e-mail addresses."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from msgspec import UNSET, UnsetType

from syncd.model.facts import BooksFacts
from syncd.model.observations import Problem
from syncd.model.values import AMOUNT_LIMIT, addresses, is_currency_code, round_money

ZERO = Decimal(0)
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+\Z")


def problem(code: str, field: str, sentence: str, remedy: str) -> Problem:
    """What is wrong, and what a person does about it."""
    return Problem(code=code, text=sentence, remedy=remedy, field=field)


def wrong_emails(emails: str | UnsetType, field: str, whose: str) -> list[Problem]:
    """Addresses that no mail would reach."""
    wrong = [each for each in addresses(emails) if not _EMAIL.match(each)] if isinstance(emails, str) else []
    if not wrong:
        return []
    return [
        problem(
            "email", field, f"{len(wrong)} of {whose} e-mail addresses are not valid.", "Correct them in the source."
        )
    ]


def wrong_currency(currency: str | UnsetType, facts: BooksFacts) -> list[Problem]:
    """A currency that the company does not keep, or that is none."""
    if currency is UNSET or currency == facts.home_currency:
        return []
    if not is_currency_code(currency):
        return [
            problem("currency-code", "currency", "The currency is no three-letter code.", "Correct it in the source.")
        ]
    if not facts.multicurrency:
        return [
            problem(
                "currency-foreign",
                "currency",
                f"The record is in {currency}, but this QuickBooks company keeps only {facts.home_currency}.",
                "Switch on multicurrency in QuickBooks (it cannot be switched off again), or leave the record out.",
            )
        ]
    return []


def in_closed_period(day: date, field: str, facts: BooksFacts) -> list[Problem]:
    """On or before the closing date (protocol.md 9.3, 6210). Never dated anew by syncd (F-93)."""
    if facts.close_date is None or day > facts.close_date:
        return []
    return [
        problem(
            "closed-period",
            field,
            f"The date {day.isoformat()} lies in the period closed on {facts.close_date.isoformat()}.",
            "Use a later date, or let an accountant open the period in QuickBooks.",
        )
    ]


def wrong_amount(amount: Decimal, currency: str, field: str) -> list[Problem]:
    """An amount that no field of QBO's holds to the cent."""
    if not amount.is_finite() or abs(amount) > AMOUNT_LIMIT:
        return [problem("amount-size", field, "An amount is larger than QuickBooks takes.", "Correct the amount.")]
    if amount != round_money(amount, currency):
        return [
            problem(
                "amount-fraction",
                field,
                f"An amount has parts smaller than {currency} has.",
                "Round the amount in the source.",
            )
        ]
    return []


def given(number: Decimal | UnsetType) -> Decimal:
    """The number; nothing where its side has no such field."""
    return number if isinstance(number, Decimal) else ZERO
