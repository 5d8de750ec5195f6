"""Numbers that syncd counts itself (B-18): chosen when a document is about to be sent, and durable with its intent.

A number is never given twice. What was given stands as label in the links, those of removed documents included, or in
the journal while its write is open; what QuickBooks has besides is asked for. Of what is left the lowest is next, so
that a number that was never used leaves no gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Problem
from syncd.model.records.forms import Invoice
from syncd.model.spec import NUMBER_LIMIT
from syncd.model.writes import Verb
from syncd.reconciler.plan import Operation
from syncd.sources.base import Finding
from syncd.state.values import JournalEntry

_LOOK_AHEAD = 20
"""So many more numbers than are needed are asked for at once, since some may be taken."""


class Given(Protocol):
    """What the state remembers of numbers."""

    def labels(self, company: str, kind: Kind) -> frozenset[str]:
        """How people know the records of a kind that were ever linked."""
        ...

    def open_entries(self, company: str) -> list[JournalEntry]:
        """The writes whose outcome is not known."""
        ...


class Ledger(Protocol):
    """What is asked of QBO."""

    def facts(self, *, refresh: bool = False) -> BooksFacts:
        """Company and preferences."""
        ...

    def numbers_taken(self, kind: Kind, numbers: Collection[str]) -> frozenset[str]:
        """Those of these numbers that documents of a kind have. Raises ``QboUnavailable``."""
        ...


class Series(msgspec.Struct, frozen=True):
    """Numbers that count up by one: the text before the digits, the first number, and how many digits it has."""

    prefix: str
    first: int
    width: int

    @classmethod
    def of(cls, text: str) -> Series:
        """The series that begins with a number such as ``1001`` or ``INV-0100``."""
        digits = text[len(text.rstrip("0123456789")) :]
        return cls(text[: len(text) - len(digits)], int(digits), len(digits))

    def at(self, place: int) -> str:
        """A number of the series."""
        return f"{self.prefix}{place:0{self.width}d}"

    def numbers(self) -> Iterator[str]:
        """All of them, from the first."""
        place = self.first
        while True:
            yield self.at(place)
            place += 1

    def has(self, number: str) -> bool:
        """Whether a number is one of the series."""
        digits = number.removeprefix(self.prefix)
        known = number.startswith(self.prefix) and digits.isascii() and digits.isdecimal()
        return known and int(digits) >= self.first and self.at(int(digits)) == number


class Numbers:
    """Gives numbers to documents of one run that have none."""

    def __init__(self, company: str, settings: Settings, given: Given, books: Ledger) -> None:
        self._company = company
        self._counted = settings.numbering == "counted"
        self._first = settings.first_number
        self._state = given
        self._books = books
        self._given: set[str] = set()

    def give(self, operations: Sequence[Operation]) -> tuple[list[Operation], list[tuple[Operation, Problem]]]:
        """The operations, with a number where one is wanted; and those that cannot get one, with the reason.

        Raises ``QboUnavailable`` where QBO does not say which numbers are taken."""
        wanting = [operation for operation in operations if self._wants(operation)]
        if not wanting:
            return list(operations), []
        self._given |= {_number(operation) for operation in operations}
        problem = self._problem()
        if problem is not None:
            return [o for o in operations if o not in wanting], [(o, problem) for o in wanting]
        numbers = dict(zip((o.id for o in wanting), self._next(len(wanting)), strict=True))
        return [_numbered(o, numbers[o.id]) if o.id in numbers else o for o in operations], []

    def _wants(self, operation: Operation) -> bool:
        record = operation.record
        makes = operation.verb is Verb.CREATE and operation.side is Side.QBO and not operation.undoes
        return self._counted and makes and isinstance(record, Invoice) and not _number(operation)

    def _problem(self) -> Problem | None:
        if not self._books.facts().custom_numbers:
            return NOT_OURS
        series = Series.of(self._first)
        self._given |= self._remembered()
        if not any(series.has(number) for number in self._given) and self._books.numbers_taken(
            Kind.INVOICE, [self._first]
        ):
            return taken(self._first)
        return None

    def _remembered(self) -> set[str]:
        found = set(self._state.labels(self._company, Kind.INVOICE))
        for entry in self._state.open_entries(self._company):
            if entry.intent.kind is Kind.INVOICE:
                found.add(msgspec.json.decode(entry.intent.operation, type=Operation).given)
        return found

    def _next(self, count: int) -> list[str]:
        """So many numbers that nobody has. They count as given at once."""
        unused = (number for number in Series.of(self._first).numbers() if number not in self._given)
        found: list[str] = []
        while len(found) < count:
            asked = _some(unused, count - len(found) + _LOOK_AHEAD)
            there = self._books.numbers_taken(Kind.INVOICE, asked)
            found += [number for number in asked if number not in there]
        self._given.update(found[:count])
        return found[:count]


def _some(numbers: Iterator[str], count: int) -> list[str]:
    return [next(numbers) for _ in range(count)]


def _numbered(operation: Operation, number: str) -> Operation:
    return msgspec.structs.replace(operation, given=number, label=number)


def _number(operation: Operation) -> str:
    number = getattr(operation.record, "number", "")
    return number.strip() if isinstance(number, str) else ""


NOT_OURS = Problem(
    "numbers-of-quickbooks",
    "syncd is to count the invoices' numbers, but QuickBooks numbers them itself.",
    "Switch on Settings, Sales, Custom transaction numbers in QuickBooks, or set numbering to qbo.",
    "numbering",
)
"""Counting in vain: QBO takes no number from anybody."""


def taken(first: str) -> Problem:
    """The number to begin with is one that QBO has (B-19)."""
    return Problem(
        "first-number",
        f"The number {first} to begin with is taken: QuickBooks has an invoice of that number.",
        "Set first_number to one that QuickBooks does not have yet.",
        "first_number",
    )


def number_findings(
    company: str, settings: Settings, given: Given, books: Ledger, fields: Iterable[str]
) -> Iterator[Finding]:
    """What a person should know of the numbers before the first one is given. ``fields``: what can be written to the
    invoices of the source."""
    if settings.numbering != "counted":
        return
    problem = Numbers(company, settings, given, books)._problem()
    if problem is not None:
        yield Finding("error", "numbers", problem.text, problem.remedy)
    elif len(settings.first_number) > NUMBER_LIMIT:
        yield Finding("error", "numbers", "The first number is longer than QuickBooks takes.", "Choose a shorter one.")
    else:
        yield Finding("ok", "numbers", f"syncd counts the invoices' numbers, from {settings.first_number} on.")
    if "number" not in fields:
        yield Finding(
            "warning",
            "numbers",
            "The numbers that syncd counts cannot be written into the source.",
            "Map invoice.number to a column, and let syncd write it (read_only = false).",
        )
