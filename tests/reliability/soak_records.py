"""What people wrote, and what has therefore to stand on both sides: reckoned from their acts and from nothing else.

``here`` is the source, ``there`` are the books. An act on one side changes what is expected on both, as the profile
says: of a published document QuickBooks wins where both changed the same field, a draft stays at home.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
Lines = tuple[tuple[str, str], ...]
"""Text and amount of each line, sorted."""
Name = tuple[str, str]
"""Kind and what people know a record by."""

CENT = Decimal("0.01")


def cents(value: object) -> str:
    """An amount with two digits after the point."""
    return str(Decimal(str(value)).quantize(CENT))


def total(lines: Iterable[tuple[str, str]]) -> Decimal:
    """What lines come to."""
    return sum((Decimal(amount) for _, amount in lines), Decimal(0))


@dataclass(eq=False)
class Client:
    """A client of the source and customer of the books; ``phone`` stands in the books alone."""

    id: int
    name: str
    email: str
    phone: str = ""
    forms: list[Form] = field(default_factory=list)

    @property
    def known_as(self) -> Name:
        """How it is found."""
        return "client", self.name


@dataclass(eq=False)
class Form:
    """An invoice or a credit note. ``there`` is None as long as the books do not have it.

    ``used``: what was paid on the invoice, by payment or credit note, or what the credit note was used for, by invoice.
    """

    kind: str
    number: str
    client: Client
    here: dict[str, Any]
    there: dict[str, Any] | None = None
    id: int = 0
    used: dict[str, Decimal] = field(default_factory=dict)

    @property
    def known_as(self) -> Name:
        """How it is found."""
        return self.kind, self.number

    @property
    def published(self) -> bool:
        """Whether it flows."""
        return bool(self.here["state"] == "published")

    @property
    def open(self) -> Decimal:
        """What is left of it."""
        return total(self.here["lines"]) - sum(self.used.values(), Decimal(0))

    def write(self, name: str, value: Any) -> None:
        """A field gets a value that has to come to stand on both sides, or at home alone for a draft."""
        self.here[name] = value
        if self.published:
            assert self.there is not None
            self.there[name] = value

    def publish(self) -> None:
        """From now on both sides have it as the source does."""
        self.here["state"] = "published"
        self.there = {name: value for name, value in self.here.items() if name != "state"}


@dataclass(eq=False)
class Payment:
    """A payment, known by its reference; the same on both sides. ``parts``: invoice and amount."""

    reference: str
    client: Client
    date: str
    parts: dict[str, Decimal]
    gone: bool = False

    @property
    def known_as(self) -> Name:
        """How it is found."""
        return "payment", self.reference

    @property
    def amount(self) -> Decimal:
        """All of it."""
        return sum(self.parts.values(), Decimal(0))


@dataclass(eq=False)
class Expense:
    """An expense, known by its merchant; one that is approved stands on exactly one bill."""

    id: int
    tag: str
    member: str
    report: str
    amount: str
    approved: bool
    reimbursed: bool = False

    @property
    def known_as(self) -> Name:
        """How it is found."""
        return "expense", self.tag


@dataclass
class Conflict:
    """The same field changed on both sides before the same cycle: what the source said has to stand in syncd's history
    as what was there before QuickBooks' value was written over it."""

    form: Form
    name: str
    lost: Any


class Records:
    """Everything that people ever entered, by what they know it by."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.members: dict[str, int] = {}
        self.invoices: dict[str, Form] = {}
        self.notes: dict[str, Form] = {}
        self.payments: dict[str, Payment] = {}
        self.expenses: dict[str, Expense] = {}
        self.strangers: dict[str, bytes] = {}
        """What belongs to the books alone, by the invoice's id: its bytes as the accountant left them."""

    def add(self, record: Client | Form | Payment | Expense) -> None:
        """Know one more."""
        if isinstance(record, Client):
            self.clients[record.name] = record
        elif isinstance(record, Payment):
            self.payments[record.reference] = record
        elif isinstance(record, Expense):
            self.expenses[record.tag] = record
        else:
            (self.invoices if record.kind == "invoice" else self.notes)[record.number] = record
            record.client.forms.append(record)

    def find(self, name: Name) -> Client | Form | Payment | Expense:
        """A record by its name."""
        kind, key = name
        found: dict[str, Any] = {
            "client": self.clients,
            "invoice": self.invoices,
            "credit_note": self.notes,
            "payment": self.payments,
            "expense": self.expenses,
        }
        record: Client | Form | Payment | Expense = found[kind][key]
        return record

    def names(self) -> list[Name]:
        """All of them."""
        every: list[dict[str, Any]] = [self.clients, self.invoices, self.notes, self.payments, self.expenses]
        return [record.known_as for records in every for record in records.values()]

    def count(self) -> int:
        """How many records there are: what is gone again and what only one side has is not counted."""
        alive = sum(not payment.gone for payment in self.payments.values())
        used = sum(bool(note.used) for note in self.notes.values())
        lists = len(self.clients) + len(self.members) + len(self.expenses)
        return lists + len(self.invoices) + len(self.notes) + alive + used
