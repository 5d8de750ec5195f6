"""What QBO would refuse of what is bought: bills, expenses that were paid, purchase orders."""

from __future__ import annotations

from syncd.model.checks.parts import ZERO, in_closed_period, problem, wrong_amount, wrong_currency
from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Problem
from syncd.model.records.purchases import Bill, Bought, Purchase, PurchaseOrder
from syncd.model.spec import NUMBER_LIMIT
from syncd.model.values import round_money, text


def purchase(record: Purchase, facts: BooksFacts, settings: Settings) -> list[Problem]:
    """What is wrong with money that was spent already."""
    found = _bought(record, facts)
    if record.total < 0:
        found.append(
            problem(
                "total-negative",
                "total",
                "The expense is negative: money that came back is no expense in QuickBooks.",
                "Enter it in QuickBooks as a credit card credit or a deposit; take its approval back in the source.",
            )
        )
    if not settings.payment_account:
        found.append(
            problem(
                "payment-account",
                "account",
                "It is not said which account expenses are paid from.",
                "Set payment_account to a bank, cash or credit card account in QuickBooks.",
            )
        )
    return found


NO_PURCHASE_ORDERS = (
    "QuickBooks has no purchase orders here: they are switched off there, or its plan is below Plus.",
    "Switch purchase orders on in QuickBooks (Account and settings, Expenses), which takes the plan Plus or Advanced; "
    "or set purchase_orders = false. Bills and expenses need none.",
)
"""What a person is told, and the remedy (B-15, B-45)."""


def purchase_order(record: PurchaseOrder, facts: BooksFacts) -> list[Problem]:
    """What is wrong with what was ordered, and whether QBO takes orders here at all."""
    found = [] if facts.purchase_orders else [problem("purchase-orders-off", "", *NO_PURCHASE_ORDERS)]
    found += _bought(record, facts)
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    if isinstance(record.number, str) and len(text(record.number)) > NUMBER_LIMIT:
        found.append(
            problem(
                "number-long",
                "number",
                f"The number has more than {NUMBER_LIMIT} characters, which QuickBooks does not take.",
                "Shorten the number in the source.",
            )
        )
    if not record.lines:
        found.append(
            problem("lines-none", "lines", "The purchase order has no lines.", "Enter what is ordered in the source.")
        )
    parts = sum((round_money(line.amount, currency) for line in record.lines), ZERO)
    if parts != record.total:
        found.append(
            problem(
                "total-parts",
                "total",
                f"The total is {record.total}, but the lines make {parts} {currency}.",
                "Correct the purchase order in the source.",
            )
        )
    return found


def _bought(record: Bought, facts: BooksFacts) -> list[Problem]:
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    return [
        *wrong_currency(record.currency, facts),
        *in_closed_period(record.date, "date", facts),
        *wrong_amount(record.total, currency, "total"),
    ]


def bill(record: Bill, facts: BooksFacts) -> list[Problem]:
    """What is wrong with what is owed to a vendor."""
    found = _bought(record, facts)
    if record.total < 0:
        found.append(
            problem(
                "total-negative",
                "total",
                "What is owed to the vendor is negative.",
                "Put the refund on a report with other expenses, or enter a vendor credit in QuickBooks.",
            )
        )
    return found
