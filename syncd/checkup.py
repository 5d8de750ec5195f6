"""What a person should know of the books before the first write: each finding with its remedy. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from syncd.errors import SyncdError
from syncd.model.facts import BooksFacts, Settings
from syncd.model.records import Kind
from syncd.sources.base import Finding, Source

What = Literal["item", "account", "tax code"]


class BooksAnswers(Protocol):
    """What is asked of the books."""

    def facts(self, *, refresh: bool = False) -> BooksFacts:
        """Company and preferences."""
        ...

    def named(self, what: What, name: str) -> str:
        """The id of what the settings name; raises where there is none."""
        ...


def check_books(books: BooksAnswers, settings: Settings, source: Source, *, pinned_name: str) -> list[Finding]:
    """Connection, company, preferences, and everything that the settings name."""
    try:
        facts = books.facts(refresh=True)
    except SyncdError as error:
        return [Finding("error", "QuickBooks", error.message, error.remedy)]
    return [*_company(facts, pinned_name), *_preferences(facts, settings, source), *_names(books, facts, settings)]


def _company(facts: BooksFacts, pinned_name: str) -> Iterator[Finding]:
    where = f"{facts.name} ({facts.realm_id}), {facts.country or 'country unknown'}, {facts.home_currency}"
    yield Finding("ok", "company", f"Connected to {where}.")
    if pinned_name and pinned_name != facts.name:
        yield Finding(
            "error",
            "company",
            f"QuickBooks answers as {facts.name!r}; this state was made with {pinned_name!r}.",
            "If the company was renamed, run: syncd connect. Otherwise correct realm_id.",
        )
    if facts.read_only:
        yield Finding(
            "error",
            "subscription",
            "The subscription has ended; QuickBooks refuses every write.",
            "Renew it in QuickBooks.",
        )
    if facts.close_date is not None:
        day = facts.close_date.isoformat()
        yield Finding("ok", "closed books", f"Closed up to {day}: records dated up to then are held, never re-dated.")


def _preferences(facts: BooksFacts, settings: Settings, source: Source) -> Iterator[Finding]:
    fields = source.capabilities()[Kind.INVOICE].fields if Kind.INVOICE in source.capabilities() else frozenset()
    if not facts.custom_numbers and "number" in fields:
        yield Finding(
            "warning",
            "numbers",
            "QuickBooks numbers invoices itself; the source's numbers are not sent and QuickBooks' come back.",
            "To keep the source's: Settings, Sales, Custom transaction numbers.",
        )
    if not facts.sales_tax and "tax" in fields and not settings.allow_tax_drop:
        yield Finding(
            "warning",
            "sales tax",
            "Sales tax is off in QuickBooks: an invoice with tax is held rather than sent without.",
            "Switch it on in QuickBooks (Taxes), or set allow_tax_drop.",
        )
    if "discount" in fields and not settings.discount_account and not settings.allow_discount_drop:
        yield Finding(
            "warning",
            "discounts",
            "No discount account is set: an invoice with a discount is held rather than sent too high.",
            "Set [company.settings] discount_account to an account in QuickBooks.",
        )
    if facts.auto_apply_credit:
        yield Finding(
            "warning",
            "credits",
            "QuickBooks applies open credits to new invoices by itself; payments from the source may then not fit.",
            "Settings, Advanced, Automation: switch off 'Automatically apply credits'.",
        )
    if not settings.default_item:
        yield Finding(
            "warning",
            "items",
            "No default item is set: a line whose item QuickBooks does not have holds its invoice.",
            "Set [company.settings] default_item to an item in QuickBooks.",
        )


def _names(books: BooksAnswers, facts: BooksFacts, settings: Settings) -> Iterator[Finding]:
    wanted: list[tuple[str, What, str]] = [
        ("default_item", "item", settings.default_item),
        ("deposit_account", "account", settings.deposit_account),
        ("discount_account", "account", settings.discount_account),
    ]
    if facts.sales_tax:
        codes = {settings.default_tax_code, settings.exempt_tax_code, *settings.tax_code_map.values()} - {""}
        wanted += [("tax codes", "tax code", name) for name in sorted(codes)]
    for key, what, name in wanted:
        if not name:
            continue
        try:
            books.named(what, name)
        except SyncdError as error:
            yield Finding("error", key, error.message, error.remedy)
        else:
            yield Finding("ok", key, f"{name} is in QuickBooks.")
