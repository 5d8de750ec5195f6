"""What can be seen of a company and its settings before anything is written (``syncd check``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from syncd.model.checks.purchases import NO_PURCHASE_ORDERS
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Problem, Unknown
from syncd.model.records import Record
from syncd.model.records.lists import Client, Project, Vendor
from syncd.model.writes import Refused
from syncd.qbo.codec.parts import Resolver, Unencodable
from syncd.qbo.finder import Found

ERROR = "error"
WARNING = "warning"


Find = Callable[[Kind, Sequence[Record]], Mapping[str, Found]]


class Named(Resolver, Protocol):
    """Looks up what the settings name."""

    def payment_method(self, name: str) -> str: ...

    def account_type(self, name: str) -> str: ...

    def item_type(self, name: str) -> str: ...


def check(facts: BooksFacts, settings: Settings, names: Named, find: Find) -> tuple[tuple[str, Problem], ...]:
    """Findings with their level. ``find`` looks for the customers and vendors of the maps."""
    return (*_company(facts), *_settings(facts, settings), *_names(settings, names), *_people(settings, find))


def _company(facts: BooksFacts) -> Iterator[tuple[str, Problem]]:
    if facts.read_only:
        yield (
            ERROR,
            Problem(
                "read-only",
                "The QuickBooks subscription has lapsed; nothing can be written.",
                "Renew the subscription.",
            ),
        )
    if facts.auto_apply_credit:
        yield (
            WARNING,
            Problem(
                "auto-apply-credit",
                "QuickBooks applies open credits to new invoices by itself, with payments that nobody entered (F-103).",
                "Switch off 'Automatically apply credits' in QuickBooks, or expect such payments.",
            ),
        )
    if facts.automated_tax:
        yield (
            WARNING,
            Problem(
                "automated-tax",
                "QuickBooks computes sales tax itself and may change totals (F-95).",
                "Compare the totals after the first invoices.",
            ),
        )


def _settings(facts: BooksFacts, settings: Settings) -> Iterator[tuple[str, Problem]]:
    if facts.global_tax and facts.sales_tax:
        needed = ("exempt_tax_code",) if settings.tax_mode == "none" else ("default_tax_code", "exempt_tax_code")
        for name in needed:
            if not getattr(settings, name):
                yield (
                    ERROR,
                    Problem(
                        "tax-code",
                        f"Outside the US every line needs a tax code, and {name} is not set (F-100).",
                        f"Set {name} to the name of a QuickBooks tax code.",
                        name,
                    ),
                )
    if settings.discount_account and not facts.allow_discount:
        yield (
            WARNING,
            Problem(
                "discount-off",
                "A discount account is chosen, but discounts are switched off in QuickBooks.",
                "Switch on discounts in QuickBooks (Account and settings, Sales).",
                "discount_account",
            ),
        )

    if settings.missing_item == "create" and not settings.default_income_account:
        yield (
            ERROR,
            Problem(
                "income-account",
                "Products that QuickBooks does not have are to be made, but no income account is chosen (O-4).",
                "Set default_income_account to an income account in QuickBooks.",
                "default_income_account",
            ),
        )
    if settings.purchase_orders and not facts.purchase_orders:
        yield ERROR, Problem("purchase-orders-off", *NO_PURCHASE_ORDERS, "purchase_orders")
    if settings.expense_bills and not settings.default_expense_account:
        yield (
            WARNING,
            Problem(
                "default-expense-account",
                "Expenses become bills, but no account is chosen for categories that QuickBooks does not have (R-101).",
                "Set default_expense_account to an account in QuickBooks.",
                "default_expense_account",
            ),
        )


def _names(settings: Settings, names: Named) -> Iterator[tuple[str, Problem]]:
    """Every name has to lead to one record, before a document depends on it (F-82, F-83)."""
    wanted: list[tuple[str, str, Callable[[str], str]]] = [
        ("default_item", settings.default_item, names.item),
        ("default_expense_account", settings.default_expense_account, names.account),
        ("deposit_account", settings.deposit_account, names.account),
        ("payment_account", settings.payment_account, names.account),
        ("discount_account", settings.discount_account, names.account),
        ("default_income_account", settings.default_income_account, names.account),
        ("tax_item", settings.tax_item, names.item),
        ("discount_item", settings.discount_item, names.item),
        ("mark_paid_account", settings.mark_paid_account, names.account),
        ("default_tax_code", settings.default_tax_code, names.tax_code),
        ("exempt_tax_code", settings.exempt_tax_code, names.tax_code),
    ]
    maps: list[tuple[str, Mapping[str, str], Callable[[str], str]]] = [
        ("tax_code_map", settings.tax_code_map, names.tax_code),
        ("item_map", settings.item_map, names.item),
        ("line_type_map", settings.line_type_map, names.item),
        ("category_map", settings.category_map, names.account),
        ("payment_method_map", settings.payment_method_map, names.payment_method),
    ]
    wanted += [(f"{field}.{key}", name, look_up) for field, rows, look_up in maps for key, name in sorted(rows.items())]
    for field, name, look_up in wanted:
        try:
            if name:
                look_up(name)
                yield from _account_type(field, name, names)
                yield from _item_type(field, name, names)
        except Unencodable as error:
            yield ERROR, Problem(error.code, error.message, error.remedy, field)


_OWED = frozenset({"Accounts Receivable", "Accounts Payable"})
_FITTING = {
    "deposit_account": (
        frozenset({"Bank", "Other Current Asset"}),
        "a bank account or Undeposited Funds",
    ),
    "mark_paid_account": (
        frozenset({"Bank", "Other Current Asset"}),
        "a bank account or Undeposited Funds",
    ),
    "payment_account": (
        frozenset({"Bank", "Other Current Asset", "Credit Card"}),
        "a bank, cash or credit card account",
    ),
}
"""What sort of account some settings take, and how a person calls that (entities.md 4.5, 6.4)."""
_INCOME = frozenset({"Income", "Other Income"})


def _account_type(field: str, name: str, names: Named) -> Iterator[tuple[str, Problem]]:
    """QBO refuses accounts of the wrong type only when a document uses them (6430, F-84)."""
    if field.partition(".")[0] not in {
        "default_expense_account",
        "deposit_account",
        "mark_paid_account",
        "payment_account",
        "discount_account",
        "default_income_account",
        "category_map",
    }:
        return
    found = names.account_type(name)
    if field == "default_income_account" and found and found not in _INCOME:
        text = f"{field} names {name!r}, an account of the type {found}: what is billed would be no income."
        yield ERROR, Problem("account-type", text, "Choose an income account.", field)
        return
    fitting, fits = _FITTING.get(field, (frozenset(), "an income or expense account"))
    if found in _OWED or (fitting and found and found not in fitting):
        text = f"{field} names {name!r}, an account of the type {found}, which QuickBooks does not take there."
        yield ERROR, Problem("account-type", text, f"Choose {fits}.", field)


def _item_type(field: str, name: str, names: Named) -> Iterator[tuple[str, Problem]]:
    """Types of lines are billed as services (V-4); goods would be taken from the stock with each invoice."""
    if field.partition(".")[0] != "line_type_map":
        return
    found = names.item_type(name)
    if found and found != "Service":
        text = f"{field} names {name!r}, which is no service in QuickBooks but of the type {found}."
        yield WARNING, Problem("item-type", text, "Choose a service, or expect what QuickBooks does with goods.", field)


def _people(settings: Settings, find: Find) -> Iterator[tuple[str, Problem]]:
    """The customers, projects and vendors that the maps name; those given by id are looked at when they are used."""
    maps: list[tuple[str, Mapping[str, str], Kind, Callable[[str, str], Record]]] = [
        ("customer_map", settings.customer_map, Kind.CLIENT, Client),
        ("project_map", settings.project_map, Kind.PROJECT, Project),
        ("vendor_map", settings.vendor_map, Kind.VENDOR, Vendor),
    ]
    for field, rows, kind, make in maps:
        named = {f"{field}.{key}": name for key, name in sorted(rows.items()) if not name.startswith("id:")}
        found = find(kind, [make(key, name) for key, name in named.items()])
        for key, name in named.items():
            yield from _person(key, name, kind.value, found.get(key, ()))


def _person(field: str, name: str, noun: str, found: Found) -> Iterator[tuple[str, Problem]]:
    match found:
        case Unknown(reason=reason):
            yield WARNING, Problem(f"{noun}-unknown", f"{field} could not be looked up: {reason}", "Try again.", field)
        case Refused(text=text, remedy=remedy):
            yield ERROR, Problem(f"{noun}-name", f"{field} names {name!r}. {text}", remedy, field)
        case ():
            yield (
                ERROR,
                Problem(
                    f"{noun}-name",
                    f"{field} names {name!r}, which is not in QuickBooks.",
                    "Correct the name in the configuration, or give the id as id:<number>.",
                    field,
                ),
            )
