"""What a person should know of the books before the first write: each finding with its remedy. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from syncd.errors import SyncdError
from syncd.model.checks.lists import unusable
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Present, Problem
from syncd.model.records import Record
from syncd.model.records.lists import Item
from syncd.model.references import mapped_name, names_in
from syncd.model.spec import SPECS
from syncd.model.values import text
from syncd.model.writes import Refused
from syncd.reconciler.policy import Policy
from syncd.seen import Found
from syncd.sources.base import Finding, Source


class BooksAnswers(Protocol):
    """What is asked of the books."""

    def facts(self, *, refresh: bool = False) -> BooksFacts:
        """Company and preferences."""
        ...

    def check(self) -> tuple[tuple[str, Problem], ...]:
        """What the company and its preferences make of the settings, each with its level."""
        ...

    def find(self, kind: Kind, probes: Sequence[Record]) -> Mapping[str, Found]:
        """Candidates for unlinked records, by the probe's id."""
        ...


def check_books(
    books: BooksAnswers, settings: Settings, source: Source, policy: Policy, *, pinned_name: str
) -> list[Finding]:
    """Connection, company, preferences, and how they fit the source and the settings."""
    try:
        problems = books.check()
        facts = books.facts()
    except SyncdError as error:
        return [Finding("error", "QuickBooks", error.message, error.remedy)]
    findings = [
        Finding(level, problem.field or "QuickBooks", problem.text, problem.remedy) for level, problem in problems
    ]
    items = _items(books, settings, source) if settings.missing_item == "create" else ()
    fit = _fit(facts, settings, source, policy)
    return [*_company(facts, pinned_name), *findings, *_rules(facts, policy), *fit, *items]


def _items(books: BooksAnswers, settings: Settings, source: Source) -> Iterator[Finding]:
    """Which products would be made, and which cannot be (O-23): to be looked through before the first document."""
    probes = _named_items(source)
    answers = books.find(Kind.ITEM, [_under_its_name(each, settings) for each in probes]) if probes else {}
    made = []
    for item in probes:
        found = answers.get(item.id, ())
        if not isinstance(found, tuple):
            why = found.text if isinstance(found, Refused) else found.reason
            yield Finding("warning", f"item {item.name}", f"It could not be looked up: {why}", "Try again.")
            continue
        there = [each.record for each in found if isinstance(each, Present)]
        if not there:
            made.append(item.name)
        for problem in [problem for record in there for problem in unusable(record, settings)]:
            yield Finding("error", f"item {item.name}", problem.text, problem.remedy)
        wished = mapped_name(Kind.ITEM, item.name, settings)
        if there and all(text(getattr(record, "name", "")) != text(wished) for record in there):
            yield Finding(
                "warning",
                f"item {item.name}",
                f"QuickBooks spells it {getattr(there[0], 'name', '')!r}; names have to be exactly equal.",
                "Make the two names equal, or name QuickBooks' in item_map.",
            )
    if made:
        some = f"{', '.join(sorted(made)[:20])}{' and more' if len(made) > 20 else ''}"
        remedy = "Where one should be another of QuickBooks' products: make the names equal, or use item_map."
        yield Finding("ok", "items", f"{len(made)} products would be made when they are billed: {some}.", remedy)


def _named_items(source: Source) -> list[Item]:
    """The products that the source bills by: its own list, else what the lines of its invoices name."""
    if Kind.ITEM in source.capabilities():
        rows = (each.record for each in source.scan(Kind.ITEM) if isinstance(each, Present))
        return [each for each in rows if isinstance(each, Item) and each.active]
    found: dict[str, Item] = {}
    for seen in source.scan(Kind.INVOICE) if Kind.INVOICE in source.capabilities() else ():
        record = seen.record if isinstance(seen, Present) else None
        for (kind, key), name in names_in(record).items() if record is not None else ():
            if kind is Kind.ITEM and name:
                found.setdefault(key, Item(id=key, name=name))
    return list(found.values())


def _under_its_name(item: Item, settings: Settings) -> Item:
    return msgspec.structs.replace(item, name=mapped_name(Kind.ITEM, item.name, settings))


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


def _rules(facts: BooksFacts, policy: Policy) -> Iterator[Finding]:
    """What the profile demands of the settings and of the company, and what is held until it has that."""
    if policy.unmapped:
        missing = ", ".join(policy.unmapped)
        yield Finding(
            "error",
            "line types",
            f"Nothing is done while a type of lines is mapped to no item (V-5); missing: {missing}.",
            "Complete [company.settings] line_type_map with an item in QuickBooks for each.",
        )
    strict = [SPECS[kind].plural for kind, rules in policy.kinds.items() if rules.own_numbers]
    if strict and not facts.custom_numbers:
        yield Finding(
            "error",
            "numbers",
            f"QuickBooks numbers documents itself: {' and '.join(strict)} are held, not numbered otherwise (V-8).",
            "In QuickBooks: Settings, Sales, Custom transaction numbers. Or set numbering to qbo.",
        )


def _numbers(facts: BooksFacts, settings: Settings, fields: frozenset[str], *, strict: bool) -> Iterator[Finding]:
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
    if not facts.custom_numbers and "number" in fields and not strict:
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


def _fit(facts: BooksFacts, settings: Settings, source: Source, policy: Policy) -> Iterator[Finding]:
    fields = source.capabilities()[Kind.INVOICE].fields if Kind.INVOICE in source.capabilities() else frozenset()
    yield from _numbers(facts, settings, fields, strict=any(rules.own_numbers for rules in policy.kinds.values()))
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
    items = policy.kinds.get(Kind.ITEM)
    stands_in = items is None or items.only_names is None
    if not settings.default_item and settings.missing_item != "create" and stands_in:
        yield Finding(
            "warning",
            "items",
            "No default item is set: a line whose item QuickBooks does not have holds its invoice.",
            "Set [company.settings] default_item to an item in QuickBooks.",
        )
