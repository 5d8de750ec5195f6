"""What can be seen of a company and its settings before anything is written (``syncd check``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Problem
from syncd.qbo.codec.parts import Resolver, Unencodable

ERROR = "error"
WARNING = "warning"


def check(facts: BooksFacts, settings: Settings, names: Resolver) -> tuple[tuple[str, Problem], ...]:
    """Findings with their level."""
    return (*_company(facts), *_settings(facts, settings), *_names(settings, names))


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
        for name in ("default_tax_code", "exempt_tax_code"):
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


def _names(settings: Settings, names: Resolver) -> Iterator[tuple[str, Problem]]:
    """Every name has to lead to one record, before a document depends on it (F-82, F-83)."""
    wanted: list[tuple[str, str, Callable[[str], str]]] = [
        ("default_item", settings.default_item, names.item),
        ("deposit_account", settings.deposit_account, names.account),
        ("discount_account", settings.discount_account, names.account),
        ("default_tax_code", settings.default_tax_code, names.tax_code),
        ("exempt_tax_code", settings.exempt_tax_code, names.tax_code),
    ]
    wanted += [(f"tax_code_map.{key}", name, names.tax_code) for key, name in sorted(settings.tax_code_map.items())]
    for field, name, look_up in wanted:
        try:
            if name:
                look_up(name)
        except Unencodable as error:
            yield ERROR, Problem(error.code, error.message, error.remedy, field)
