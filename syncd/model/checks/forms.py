"""What QBO would refuse or book differently of documents with billed lines: number, lines, discount, tax, total."""

from __future__ import annotations

from decimal import Decimal

from syncd.model.checks.parts import ZERO, given, in_closed_period, problem, wrong_amount, wrong_currency, wrong_emails
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import State
from syncd.model.observations import Problem
from syncd.model.records.forms import CreditNote, Estimate, Form, Invoice
from syncd.model.references import is_text
from syncd.model.spec import LINE_LIMIT, NUMBER_LIMIT, TAXABLE_LINE_LIMIT
from syncd.model.values import has_control_characters, round_money


def form(record: Form, facts: BooksFacts, settings: Settings) -> list[Problem]:
    """What is wrong with an invoice, an estimate or a credit note. Nothing of a void one is sent."""
    if record.state is State.VOID:
        return []
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    return [
        *wrong_currency(record.currency, facts),
        *in_closed_period(record.issue_date, "issue_date", facts),
        *_number(record),
        *wrong_emails(record.emails, "emails", "the document's"),
        *wrong_emails(record.cc_emails, "cc_emails", "the document's"),
        *_lines(record, currency, settings),
        *_discount(record, settings),
        *_taxes(record, facts, settings),
        *_sum(record, currency),
    ]


def _number(record: Form) -> list[Problem]:
    if not isinstance(record.number, str):
        return []
    found = []
    if len(record.number) > NUMBER_LIMIT:
        found.append(
            problem(
                "number-length",
                "number",
                f"The number has {len(record.number)} characters; QuickBooks takes at most {NUMBER_LIMIT}.",
                "Shorten the number in the source.",
            )
        )
    if has_control_characters(record.number) or "\n" in record.number or "\t" in record.number:
        found.append(
            problem("number-characters", "number", "The number holds a control character.", "Correct the number.")
        )
    return found


def _lines(record: Form, currency: str, settings: Settings) -> list[Problem]:
    found = [each for line in record.lines for each in wrong_amount(line.amount, currency, "lines")]
    taxable = bool(record.tax) if isinstance(record.tax, Decimal) else False
    taxable = taxable or any(line.taxable is True for line in record.lines)
    limit = TAXABLE_LINE_LIMIT if taxable else LINE_LIMIT
    if len(record.lines) > limit:
        found.append(
            problem(
                "lines-many",
                "lines",
                f"The {_noun(record)} has {len(record.lines)} lines; QuickBooks takes at most {limit}.",
                "Split the invoice.",
            )
        )
    if not any(not is_text(line) for line in record.lines):
        found.append(problem("lines-none", "lines", f"The {_noun(record)} has no line with an item.", "Add a line."))
    if not settings.default_item and any(not (line.item or line.item_name or is_text(line)) for line in record.lines):
        found.append(
            problem(
                "default-item",
                "lines",
                "A line names no item, and no default item is chosen.",
                "Set default_item to a QuickBooks product or service.",
            )
        )
    return found


def _discount(record: Form, settings: Settings) -> list[Problem]:
    discount = given(record.discount)
    if discount < 0:
        return [
            problem(
                "discount-negative", "discount", "The discount is negative.", "Enter a surcharge as a line instead."
            )
        ]
    if discount and settings.tax_mode == "line":
        return [
            problem(
                "discount-item",
                "discount",
                f"The {_noun(record)} has a discount, which is to be a line, but no product is chosen for it.",
                "Set discount_item to a product in QuickBooks.",
            )
        ]
    if discount and not settings.discount_account and not settings.allow_discount_drop:
        return [
            problem(
                "discount-account",
                "discount",
                f"The {_noun(record)} has a discount, but no discount account is chosen; "
                "without it the client is billed more.",
                "Set discount_account, or set allow_discount_drop to leave discounts out.",
            )
        ]
    return []


def _tax(record: Form, facts: BooksFacts, settings: Settings) -> list[Problem]:
    if not given(record.tax):
        return []
    if not facts.sales_tax:
        if settings.allow_tax_drop:
            return []
        return [
            problem(
                "tax-off",
                "tax",
                f"The {_noun(record)} has tax, but sales tax is switched off in QuickBooks; the tax would vanish.",
                "Switch on sales tax in QuickBooks, or set allow_tax_drop to leave tax out.",
            )
        ]
    if record.tax_inclusive is True and not facts.global_tax:
        return [
            problem(
                "tax-inclusive",
                "tax",
                f"The prices of the {_noun(record)} contain the tax, which a US company of QuickBooks cannot hold.",
                "Enter the prices without tax in the source.",
            )
        ]
    if not facts.automated_tax and not tax_code_name(record, settings):
        return [
            problem(
                "tax-code",
                "tax",
                f"The {_noun(record)} has tax, but no QuickBooks tax code is chosen for it.",
                "Set default_tax_code, or add the code to tax_code_map.",
            )
        ]
    return []


def _taxes(record: Form, facts: BooksFacts, settings: Settings) -> list[Problem]:
    """What is wrong with the tax, in the way in which it is to travel."""
    match settings.tax_mode:
        case "line":
            return _tax_as_line(record)
        case "none":
            return _left_out(record)
        case _:
            return _tax(record, facts, settings)


def _tax_as_line(record: Form) -> list[Problem]:
    """Tax that could not be said as a line; what could is one already (``syncd/presenting.py``)."""
    if not given(record.tax):
        return []
    text, remedy = "which is to be a line, but no product is chosen for it", "Set tax_item to a product in QuickBooks."
    if record.tax_inclusive is True:
        text = "which its prices contain: that cannot be said as a line beside them"
        remedy = "Enter the prices without tax in the source."
    return [problem("tax-line", "tax", f"The {_noun(record)} has tax, {text}.", remedy)]


def _left_out(record: Form) -> list[Problem]:
    if record.tax_inclusive is not True or not given(record.tax):
        return []
    return [
        problem(
            "tax-inclusive",
            "tax",
            f"The prices of the {_noun(record)} contain the tax, and documents are sent without tax.",
            "Enter the prices without tax in the source.",
        )
    ]


def tax_code_name(record: Form, settings: Settings) -> str:
    """The QuickBooks tax code for an invoice, as named in the settings; empty when none applies."""
    code = record.tax_code if isinstance(record.tax_code, str) else ""
    return settings.tax_code_map.get(code, settings.default_tax_code or code)


def _sum(record: Form, currency: str) -> list[Problem]:
    """The total has to follow from the parts; QBO computes it itself and sends it back (F-18)."""
    found = [*wrong_amount(record.total, currency, "total")]
    if record.total < 0:
        other = "an invoice" if isinstance(record, CreditNote) else "a credit note"
        found.append(problem("total-negative", "total", "The total is negative.", f"Enter it as {other} instead."))
    parts = sum((round_money(line.amount, currency) for line in record.lines), ZERO)
    computed = parts - round_money(given(record.discount), currency)
    if record.tax_inclusive is not True:
        computed += round_money(given(record.tax), currency)
    if not found and computed != record.total:
        found.append(
            problem(
                "total-parts",
                "total",
                f"The total is {record.total}, but lines, discount and tax make {computed} {currency}.",
                f"Correct the {_noun(record)} in the source.",
            )
        )
    return found


def _noun(record: Form) -> str:
    match record:
        case Invoice():
            return "invoice"
        case Estimate():
            return "estimate"
        case _:
            return "credit note"
