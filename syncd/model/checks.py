"""What QBO would refuse, lose or book differently, found before anything is planned. Pure; knows only the record.

Each problem is one sentence for a bookkeeper with the remedy. Nothing is repaired here and nothing is cut silently:
a document that cannot be carried over to the cent is held (correctness over convenience, C-R11, C-R12, F-18).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Problem
from syncd.model.records import (
    UNSET,
    Allocation,
    Attachment,
    Bill,
    Bought,
    Client,
    CreditApplication,
    CreditNote,
    Estimate,
    Form,
    Invoice,
    Item,
    Payment,
    Project,
    Purchase,
    PurchaseOrder,
    Record,
    State,
    UnsetType,
    Vendor,
)
from syncd.model.references import is_text
from syncd.model.spec import (
    ATTACHMENT_LIMIT,
    CONTENT_TYPES,
    FILE_NAME_LIMIT,
    LINE_LIMIT,
    NAME_LIMIT,
    NUMBER_LIMIT,
    TAXABLE_LINE_LIMIT,
)
from syncd.model.values import AMOUNT_LIMIT, addresses, has_control_characters, is_currency_code, round_money, text

_ZERO = Decimal(0)
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+\Z")
EMAIL_LIMIT = 100
"""PrimaryEmailAddr (entities.md 3.2)."""


def problems(record: Record, facts: BooksFacts, settings: Settings) -> tuple[Problem, ...]:
    """Every reason why ``record`` cannot be written to this company as it is; empty when it can."""
    match record:
        case Item():
            found = _item(record, settings)
        case Client() | Vendor():
            found = _party(record, facts, settings)
        case Project():
            found = _project(record, facts)
        case Invoice() | Estimate() | CreditNote():
            found = _form(record, facts, settings)
        case Payment():
            found = _payment(record, facts) + _named_account(record, settings)
        case CreditApplication():
            found = _credit_application(record, facts)
        case Bill():
            found = _bill(record, facts)
        case Purchase():
            found = _purchase(record, facts, settings)
        case PurchaseOrder():
            found = _purchase_order(record, facts)
        case Attachment():
            found = _attachment(record)
        case _:
            found = []
    return tuple(found)


def _problem(code: str, field: str, sentence: str, remedy: str) -> Problem:
    return Problem(code=code, text=sentence, remedy=remedy, field=field)


def unusable(record: Record, settings: Settings) -> tuple[Problem, ...]:
    """Why a record that QBO has cannot stand for one of the source, although it is the same; empty when it can. Only
    where products are made, so that each name has to lead to one that works (C-O4)."""
    if not isinstance(record, Item) or settings.missing_item != "create":
        return ()
    found = []
    if not record.booked:
        found.append(
            _problem(
                "item-account",
                "name",
                f"The product {record.name} in QuickBooks has no income account; syncd does not change it.",
                "Give it an income account in QuickBooks.",
            )
        )
    if not record.active:
        found.append(
            _problem(
                "item-inactive",
                "name",
                f"The product {record.name} is inactive in QuickBooks.",
                "Make it active there, or name another one for it in item_map.",
            )
        )
    return tuple(found)


def _item(record: Item, settings: Settings) -> list[Problem]:
    """What stands in the way of a product that is to be made (O-22, O-3)."""
    found = _name(record.name, "item")
    if record.name in {settings.tax_item, settings.discount_item}:
        return [
            _problem(
                "item-own",
                "name",
                f"The product {record.name} for tax or discounts is not in QuickBooks.",
                "Enter it there, on the account that fits.",
            )
        ]
    if settings.missing_item == "create" and not settings.default_income_account:
        found.append(
            _problem(
                "income-account",
                "name",
                f"The product {record.name} is not in QuickBooks, and no income account is chosen for new ones.",
                "Set default_income_account to an income account in QuickBooks, or enter the product there.",
            )
        )
    return found


def _party(record: Client | Vendor, facts: BooksFacts, settings: Settings) -> list[Problem]:
    noun = "client" if isinstance(record, Client) else "vendor"
    found = _name(record.name, noun)
    if settings.currency_mode == "keep":
        found += _currency(record.currency, facts)
    return found + _emails(record.email, "email", f"the {noun}'s")


def _project(record: Project, facts: BooksFacts) -> list[Problem]:
    """A sub-customer has a name like any other, and a customer above it (entities.md 3.2)."""
    found = _name(record.name, "project") + _currency(record.currency, facts)
    if not record.client:
        found.append(
            _problem(
                "project-client",
                "client",
                "The project has no client, so there is no customer to put it under.",
                "Choose the project's client in the source.",
            )
        )
    return found


def _emails(emails: str | UnsetType, field: str, whose: str) -> list[Problem]:
    wrong = [each for each in addresses(emails) if not _EMAIL.match(each)] if isinstance(emails, str) else []
    if not wrong:
        return []
    return [
        _problem(
            "email", field, f"{len(wrong)} of {whose} e-mail addresses are not valid.", "Correct them in the source."
        )
    ]


def _name(name: str, noun: str) -> list[Problem]:
    """entities.md 3.1: no colon, tab or line end. The length is the one both sides can hold."""
    wished = text(name)
    if not wished:
        return [_problem("name-empty", "name", f"The {noun} has no name.", f"Give the {noun} a name in the source.")]
    found = []
    if ":" in name or "\t" in wished or "\n" in wished or has_control_characters(wished):
        found.append(
            _problem(
                "name-characters",
                "name",
                "QuickBooks does not take a colon, a tab or a line end in a name.",
                f"Change the {noun}'s name in the source.",
            )
        )
    if len(wished) > NAME_LIMIT:
        found.append(
            _problem(
                "name-length",
                "name",
                f"The {noun}'s name has {len(wished)} characters; at most {NAME_LIMIT} can be kept.",
                f"Shorten the {noun}'s name in the source.",
            )
        )
    return found


def _currency(currency: str | UnsetType, facts: BooksFacts) -> list[Problem]:
    if currency is UNSET or currency == facts.home_currency:
        return []
    if not is_currency_code(currency):
        return [
            _problem("currency-code", "currency", "The currency is no three-letter code.", "Correct it in the source.")
        ]
    if not facts.multicurrency:
        return [
            _problem(
                "currency-foreign",
                "currency",
                f"The record is in {currency}, but this QuickBooks company keeps only {facts.home_currency}.",
                "Switch on multicurrency in QuickBooks (it cannot be switched off again), or leave the record out.",
            )
        ]
    return []


def _closed(day: date, field: str, facts: BooksFacts) -> list[Problem]:
    """On or before the closing date (protocol.md 9.3, 6210). Never dated anew by syncd (F-93)."""
    if facts.close_date is None or day > facts.close_date:
        return []
    return [
        _problem(
            "closed-period",
            field,
            f"The date {day.isoformat()} lies in the period closed on {facts.close_date.isoformat()}.",
            "Use a later date, or let an accountant open the period in QuickBooks.",
        )
    ]


def _amount(amount: Decimal, currency: str, field: str) -> list[Problem]:
    if not amount.is_finite() or abs(amount) > AMOUNT_LIMIT:
        return [_problem("amount-size", field, "An amount is larger than QuickBooks takes.", "Correct the amount.")]
    if amount != round_money(amount, currency):
        return [
            _problem(
                "amount-fraction",
                field,
                f"An amount has parts smaller than {currency} has.",
                "Round the amount in the source.",
            )
        ]
    return []


def _form(record: Form, facts: BooksFacts, settings: Settings) -> list[Problem]:
    if record.state is State.VOID:
        return []
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    return [
        *_currency(record.currency, facts),
        *_closed(record.issue_date, "issue_date", facts),
        *_number(record),
        *_emails(record.emails, "emails", "the document's"),
        *_emails(record.cc_emails, "cc_emails", "the document's"),
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
            _problem(
                "number-length",
                "number",
                f"The number has {len(record.number)} characters; QuickBooks takes at most {NUMBER_LIMIT}.",
                "Shorten the number in the source.",
            )
        )
    if has_control_characters(record.number) or "\n" in record.number or "\t" in record.number:
        found.append(
            _problem("number-characters", "number", "The number holds a control character.", "Correct the number.")
        )
    return found


def _lines(record: Form, currency: str, settings: Settings) -> list[Problem]:
    found = [problem for line in record.lines for problem in _amount(line.amount, currency, "lines")]
    taxable = bool(record.tax) if isinstance(record.tax, Decimal) else False
    taxable = taxable or any(line.taxable is True for line in record.lines)
    limit = TAXABLE_LINE_LIMIT if taxable else LINE_LIMIT
    if len(record.lines) > limit:
        found.append(
            _problem(
                "lines-many",
                "lines",
                f"The {_noun(record)} has {len(record.lines)} lines; QuickBooks takes at most {limit}.",
                "Split the invoice.",
            )
        )
    if not any(not is_text(line) for line in record.lines):
        found.append(_problem("lines-none", "lines", f"The {_noun(record)} has no line with an item.", "Add a line."))
    if not settings.default_item and any(not (line.item or line.item_name or is_text(line)) for line in record.lines):
        found.append(
            _problem(
                "default-item",
                "lines",
                "A line names no item, and no default item is chosen.",
                "Set default_item to a QuickBooks product or service.",
            )
        )
    return found


def _discount(record: Form, settings: Settings) -> list[Problem]:
    discount = _value(record.discount)
    if discount < 0:
        return [
            _problem(
                "discount-negative", "discount", "The discount is negative.", "Enter a surcharge as a line instead."
            )
        ]
    if discount and settings.tax_mode == "line":
        return [
            _problem(
                "discount-item",
                "discount",
                f"The {_noun(record)} has a discount, which is to be a line, but no product is chosen for it.",
                "Set discount_item to a product in QuickBooks.",
            )
        ]
    if discount and not settings.discount_account and not settings.allow_discount_drop:
        return [
            _problem(
                "discount-account",
                "discount",
                f"The {_noun(record)} has a discount, but no discount account is chosen; "
                "without it the client is billed more.",
                "Set discount_account, or set allow_discount_drop to leave discounts out.",
            )
        ]
    return []


def _tax(record: Form, facts: BooksFacts, settings: Settings) -> list[Problem]:
    if not _value(record.tax):
        return []
    if not facts.sales_tax:
        if settings.allow_tax_drop:
            return []
        return [
            _problem(
                "tax-off",
                "tax",
                f"The {_noun(record)} has tax, but sales tax is switched off in QuickBooks; the tax would vanish.",
                "Switch on sales tax in QuickBooks, or set allow_tax_drop to leave tax out.",
            )
        ]
    if record.tax_inclusive is True and not facts.global_tax:
        return [
            _problem(
                "tax-inclusive",
                "tax",
                f"The prices of the {_noun(record)} contain the tax, which a US company of QuickBooks cannot hold.",
                "Enter the prices without tax in the source.",
            )
        ]
    if not facts.automated_tax and not tax_code_name(record, settings):
        return [
            _problem(
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
    if not _value(record.tax):
        return []
    text, remedy = "which is to be a line, but no product is chosen for it", "Set tax_item to a product in QuickBooks."
    if record.tax_inclusive is True:
        text = "which its prices contain: that cannot be said as a line beside them"
        remedy = "Enter the prices without tax in the source."
    return [_problem("tax-line", "tax", f"The {_noun(record)} has tax, {text}.", remedy)]


def _left_out(record: Form) -> list[Problem]:
    if record.tax_inclusive is not True or not _value(record.tax):
        return []
    return [
        _problem(
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
    found = [*_amount(record.total, currency, "total")]
    if record.total < 0:
        other = "an invoice" if isinstance(record, CreditNote) else "a credit note"
        found.append(_problem("total-negative", "total", "The total is negative.", f"Enter it as {other} instead."))
    parts = sum((round_money(line.amount, currency) for line in record.lines), _ZERO)
    computed = parts - round_money(_value(record.discount), currency)
    if record.tax_inclusive is not True:
        computed += round_money(_value(record.tax), currency)
    if not found and computed != record.total:
        found.append(
            _problem(
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


def _payment(record: Payment, facts: BooksFacts) -> list[Problem]:
    if record.state is State.VOID:
        return []
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    found = [
        *_currency(record.currency, facts),
        *_closed(record.date, "date", facts),
        *_amount(record.amount, currency, "amount"),
    ]
    parts = [part.amount for part in record.allocations] + [part.amount for part in record.credits]
    if record.amount < 0 or any(part < 0 for part in parts):
        found.append(
            _problem("amount-negative", "amount", "The payment is negative.", "Enter a refund in QuickBooks instead.")
        )
    elif record.cash < 0:
        found.append(
            _problem(
                "credits-sum",
                "credits",
                f"The payment of {record.amount} uses credit notes with {record.amount - record.cash} in all.",
                "Correct the amount or the credit notes in the source.",
            )
        )
    applied = sum((part.amount for part in record.allocations), _ZERO)
    if not record.other_links and applied > max(record.amount, _ZERO):
        found.append(
            _problem(
                "allocations-sum",
                "allocations",
                f"The payment of {record.amount} is spread over invoices with {applied} in all.",
                "Correct the allocations in the source.",
            )
        )
    elif record.credits and applied < record.amount - record.cash:
        found.append(
            _problem(
                "credits-unused",
                "credits",
                f"The payment uses credit notes with {record.amount - record.cash}, but pays invoices with {applied}.",
                "Spread the credit over invoices in the source; a credit note is not paid out by a payment.",
            )
        )
    return found


def _named_account(record: Payment, settings: Settings) -> list[Problem]:
    """C-V3: money that nobody entered, but a mark, goes to an account that somebody named."""
    if record.by_mark is not True or settings.mark_paid_account or settings.deposit_account:
        return []
    return [
        _problem(
            "mark-account",
            "amount",
            "The invoice was marked as paid by hand, and no account is named that the money went to.",
            "Set mark_paid_account (or deposit_account) to an account in QuickBooks.",
        )
    ]


def _credit_application(record: CreditApplication, facts: BooksFacts) -> list[Problem]:
    found = _currency(record.currency, facts) + _closed(record.date, "date", facts)
    return found + _positive(record.allocations)


def _positive(parts: Iterable[Allocation]) -> list[Problem]:
    if all(part.amount > 0 for part in parts):
        return []
    return [
        _problem(
            "amount-negative",
            "allocations",
            "A part of the credit that is used is not positive.",
            "Correct what the credit note is applied to in the source.",
        )
    ]


def _purchase(record: Purchase, facts: BooksFacts, settings: Settings) -> list[Problem]:
    found = _bought(record, facts)
    if record.total < 0:
        found.append(
            _problem(
                "total-negative",
                "total",
                "The expense is negative: money that came back is no expense in QuickBooks.",
                "Enter it in QuickBooks as a credit card credit or a deposit; take its approval back in the source.",
            )
        )
    if not settings.payment_account:
        found.append(
            _problem(
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


def _purchase_order(record: PurchaseOrder, facts: BooksFacts) -> list[Problem]:
    found = [] if facts.purchase_orders else [_problem("purchase-orders-off", "", *NO_PURCHASE_ORDERS)]
    found += _bought(record, facts)
    currency = record.currency if isinstance(record.currency, str) and record.currency else facts.home_currency
    if isinstance(record.number, str) and len(text(record.number)) > NUMBER_LIMIT:
        found.append(
            _problem(
                "number-long",
                "number",
                f"The number has more than {NUMBER_LIMIT} characters, which QuickBooks does not take.",
                "Shorten the number in the source.",
            )
        )
    if not record.lines:
        found.append(
            _problem("lines-none", "lines", "The purchase order has no lines.", "Enter what is ordered in the source.")
        )
    parts = sum((round_money(line.amount, currency) for line in record.lines), _ZERO)
    if parts != record.total:
        found.append(
            _problem(
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
        *_currency(record.currency, facts),
        *_closed(record.date, "date", facts),
        *_amount(record.total, currency, "total"),
    ]


def _bill(record: Bill, facts: BooksFacts) -> list[Problem]:
    found = _bought(record, facts)
    if record.total < 0:
        found.append(
            _problem(
                "total-negative",
                "total",
                "What is owed to the vendor is negative.",
                "Put the refund on a report with other expenses, or enter a vendor credit in QuickBooks.",
            )
        )
    return found


def _attachment(record: Attachment) -> list[Problem]:
    """What QBO would refuse after all of it has been sent (protocol.md 11)."""
    found = []
    name = text(record.file_name)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in CONTENT_TYPES:
        found.append(
            _problem(
                "file-kind",
                "file_name",
                f"QuickBooks takes no files of this kind ({ending or 'no ending'}).",
                f"Attach it as one of {', '.join(sorted(CONTENT_TYPES))}.",
            )
        )
    if len(name) > FILE_NAME_LIMIT or has_control_characters(name) or "\n" in name:
        found.append(
            _problem("file-name", "file_name", "QuickBooks does not take the file's name.", "Rename it in the source.")
        )
    if record.size > ATTACHMENT_LIMIT:
        found.append(
            _problem(
                "file-large",
                "size",
                f"The file has {record.size:,} bytes; QuickBooks takes {ATTACHMENT_LIMIT:,} at most.",
                "Attach a smaller one in the source, or split it.",
            )
        )
    elif not record.size:
        found.append(_problem("file-empty", "size", "The file is empty.", "Attach it anew in the source."))
    return found


def _value(number: Decimal | UnsetType) -> Decimal:
    return number if isinstance(number, Decimal) else _ZERO
