"""What can be wrong with a record as a whole: every check that needs one record and no database.

Money is compared after the currency's own rounding, without tolerance; a record that does not add up is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import UnsetType

from syncd.model.observations import Problem
from syncd.model.records.forms import Estimate, Form, Invoice
from syncd.model.records.payments import Allocation, CreditApplication, Payment
from syncd.model.spec import LINE_LIMIT
from syncd.model.values import minor_digits, round_money


def _unit(code: str | UnsetType) -> Decimal:
    return Decimal(1).scaleb(-minor_digits(code if isinstance(code, str) else ""))


_UNITS: dict[object, Decimal] = {}


def form_problems(form: Form) -> list[Problem]:
    """What is wrong with a document with lines as a whole: too many lines, or a total that is not the sum of its
    parts. With ``tax_inclusive`` the lines contain the tax, and it is not added again.

    Quantity times rate may differ from a line's amount (people round); the total may not.
    """
    found: list[Problem] = []
    lines = form.lines
    if len(lines) > LINE_LIMIT:
        noun = _noun(form)
        found.append(
            Problem(
                code="too_many_lines",
                text=f"The {noun} has {len(lines):,} lines; QuickBooks takes {LINE_LIMIT:,}.",
                remedy=f"Split the {noun} in the source system.",
                field="lines",
            )
        )
    code = form.currency
    unit = _UNITS.get(code)
    if unit is None:
        unit = _UNITS[code] = _unit(code)
    parts = [line.amount for line in lines]
    if form.discount:
        parts.append(-form.discount)
    inclusive = form.tax_inclusive is True
    if form.tax and not inclusive:
        parts.append(form.tax)
    total = sum(parts, start=Decimal(0))
    if total != form.total or any(part % unit for part in parts):
        found.extend(_sum_problem(parts, form.total, code if isinstance(code, str) else "", inclusive))
    return found


def _noun(form: Form) -> str:
    return {Invoice: "invoice", Estimate: "estimate"}.get(type(form), "credit note")


def _sum_problem(parts: Iterable[Decimal], total: Decimal, code: str, inclusive: bool) -> list[Problem]:
    # Each part is rounded by itself, as it is when it is compared and when it is sent.
    due = sum((round_money(part, code) for part in parts), start=Decimal(0))
    said = round_money(total, code)
    if due == said:
        return []
    parts_said = "lines (which contain the tax) less discount" if inclusive else "lines less discount plus tax"
    return [
        Problem(
            code="total_mismatch",
            text=f"The {parts_said} come to {due}, but the total says {said}.",
            remedy="Correct the lines, discount, tax or total in the source system.",
            field="total",
        )
    ]


def payment_problems(payment: Payment) -> list[Problem]:
    """What is wrong with a payment as a whole: more allocated than received, more credit used than the amount, or an
    invoice or credit note named twice."""
    code = payment.currency if isinstance(payment.currency, str) else ""
    received = round_money(payment.amount, code)
    spread = sum((round_money(part.amount, code) for part in payment.allocations), start=Decimal(0))
    found: list[Problem] = []
    if spread > received:
        found.append(
            Problem(
                code="allocated_too_much",
                text=f"{spread} is spread over invoices, but the payment is {received}.",
                remedy="Correct the payment or its parts in the source system.",
                field="allocations",
            )
        )
    found += _twice(payment.allocations, "payment")
    return found + _credit_problems(payment, received, code) if payment.credits else found


def _credit_problems(payment: Payment, received: Decimal, code: str) -> list[Problem]:
    used = sum((round_money(part.amount, code) for part in payment.credits), start=Decimal(0))
    found: list[Problem] = []
    if used > received:
        found.append(
            Problem(
                code="credit_too_much",
                text=f"The payment uses credit notes with {used}, but it is {received} in all.",
                remedy="Correct the amount (money plus credit) or the credit notes in the source system.",
                field="credits",
            )
        )
    if len({part.credit_note for part in payment.credits}) != len(payment.credits):
        found.append(
            Problem(
                code="credit_twice",
                text="Two parts of the payment use the same credit note.",
                remedy="Put the parts that use one credit note together.",
                field="credits",
            )
        )
    return found


def _twice(parts: Sequence[Allocation], noun: str) -> list[Problem]:
    if len({part.invoice for part in parts}) == len(parts):
        return []
    return [
        Problem(
            code="allocated_twice",
            text=f"Two parts of the {noun} pay the same invoice.",
            remedy="Put the parts that pay one invoice together.",
            field="allocations",
        )
    ]


def credit_application_problems(application: CreditApplication) -> list[Problem]:
    """What is wrong with a credit application as a whole: a part that is not positive, or an invoice named twice."""
    found = _twice(application.allocations, "credit application")
    if any(part.amount <= 0 for part in application.allocations):
        found.append(
            Problem(
                code="amount_not_positive",
                text="A part of the credit that is used is not positive.",
                remedy="Correct what the credit note is applied to in the source system.",
                field="allocations",
            )
        )
    return found


def duplicate_number(number_text: str, ids: Sequence[str], noun: str = "invoice") -> Problem:
    """The same number on several live invoices, or credit notes."""
    named = ", ".join(sorted(ids)[:5]) + (", ..." if len(ids) > 5 else "")
    return Problem(
        code="duplicate_number",
        text=f"The number {number_text!r} is on {len(ids)} live {noun}s (ids {named}).",
        remedy=f"Give each {noun} its own number in the source system.",
        field="number",
    )
