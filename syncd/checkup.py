"""What a person should know of the books before the first write: each finding with its remedy. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from syncd.errors import SyncdError
from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Problem
from syncd.model.records import Kind
from syncd.sources.base import Finding, Source


class BooksAnswers(Protocol):
    """What is asked of the books."""

    def facts(self, *, refresh: bool = False) -> BooksFacts:
        """Company and preferences."""
        ...

    def check(self) -> tuple[tuple[str, Problem], ...]:
        """What the company and its preferences make of the settings, each with its level."""
        ...


def check_books(books: BooksAnswers, settings: Settings, source: Source, *, pinned_name: str) -> list[Finding]:
    """Connection, company, preferences, and how they fit the source and the settings."""
    try:
        problems = books.check()
        facts = books.facts()
    except SyncdError as error:
        return [Finding("error", "QuickBooks", error.message, error.remedy)]
    findings = [
        Finding(level, problem.field or "QuickBooks", problem.text, problem.remedy) for level, problem in problems
    ]
    return [*_company(facts, pinned_name), *findings, *_fit(facts, settings, source)]


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
    if facts.close_date is not None:
        day = facts.close_date.isoformat()
        yield Finding("ok", "closed books", f"Closed up to {day}: records dated up to then are held, never re-dated.")


def _numbers(facts: BooksFacts, settings: Settings, fields: frozenset[str]) -> Iterator[Finding]:
    """Who numbers invoices, and whether QuickBooks is set to that. What syncd counts itself is in ``numbering``."""
    if settings.numbering == "counted":
        return
    if settings.numbering == "qbo":
        if facts.custom_numbers:
            yield Finding(
                "error",
                "numbers",
                "QuickBooks is to number the invoices, but leaves that to us: they would go out without a number.",
                "Switch off Settings, Sales, Custom transaction numbers in QuickBooks, or set another numbering.",
            )
        return
    if not facts.custom_numbers and "number" in fields:
        yield Finding(
            "warning",
            "numbers",
            "QuickBooks numbers invoices itself; the source's numbers are not sent and QuickBooks' come back.",
            "To keep the source's: Settings, Sales, Custom transaction numbers.",
        )
    if facts.custom_numbers and "number" not in fields:
        yield Finding(
            "warning",
            "numbers",
            "QuickBooks leaves numbers to us, and the source has none: invoices would go out without a number.",
            "Map invoice.number, or switch off Settings, Sales, Custom transaction numbers.",
        )
    if facts.custom_numbers and "number" in fields:
        yield Finding(
            "ok",
            "numbers",
            "The source numbers invoices. Whoever enters one in QuickBooks is offered the number after the last one, "
            "from the same series: it has to be changed there, or the source's own next one is held.",
        )


def _fit(facts: BooksFacts, settings: Settings, source: Source) -> Iterator[Finding]:
    fields = source.capabilities()[Kind.INVOICE].fields if Kind.INVOICE in source.capabilities() else frozenset()
    yield from _numbers(facts, settings, fields)
    if facts.tracks:
        yield Finding(
            "warning",
            "required fields",
            f"The company keeps {' and '.join(facts.tracks)}, which syncd does not send: what it creates has none.",
            "Set them in QuickBooks afterwards (syncd leaves them as they are), or give the customer a default there.",
        )
    if settings.tax_mode == "none" and "tax" in fields:
        yield Finding(
            "ok",
            "sales tax",
            "Documents go out without tax, which people add in QuickBooks; until then what a payment is above the open "
            "balance is held back.",
        )
    elif not facts.sales_tax and "tax" in fields and not settings.allow_tax_drop:
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
    if not settings.default_item:
        yield Finding(
            "warning",
            "items",
            "No default item is set: a line whose item QuickBooks does not have holds its invoice.",
            "Set [company.settings] default_item to an item in QuickBooks.",
        )
