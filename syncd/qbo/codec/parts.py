"""What the codecs of all kinds share: the typed forms of common members, and what they need to know of the company."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from syncd.errors import QboRefused
from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Flawed, Present, Problem
from syncd.model.records import Kind, Record
from syncd.qbo import wire
from syncd.qbo.wire import Json, Raw

ZERO = Decimal(0)
DELETED_SUFFIX = " (deleted)"
"""What QBO appends to the name of a deactivated list record (entities.md 9.1)."""

Refs = Callable[[Kind, str], str]
"""From a source id to the QBO id it is linked with; empty when it is not linked."""


class Ref(msgspec.Struct, frozen=True):
    """A reference: ``value`` decides, ``name`` is decoration and may be stale (protocol.md 12)."""

    value: str = ""
    name: str | None = None


class Memo(msgspec.Struct, frozen=True):
    """MemoRef: text in a wrapper."""

    value: str | None = None


class Times(msgspec.Struct, frozen=True, rename="pascal"):
    """MetaData."""

    create_time: str | None = None
    last_updated_time: str | None = None


class Link(msgspec.Struct, frozen=True, rename="pascal"):
    """LinkedTxn."""

    txn_id: str
    txn_type: str


class Reading(msgspec.Struct, frozen=True):
    """What decoding needs to know of the company."""

    home_currency: str
    us: bool = True
    sales_tax: bool = True
    exempt_code: str = ""


class Resolver(Protocol):
    """Turns the names of the settings into ids; every look-up is cached. Raises ``Unencodable`` when it cannot."""

    def account(self, name: str) -> str: ...
    def item(self, name: str) -> str: ...
    def find_item(self, name: str) -> str:
        """As ``item``, but empty when there is none."""
        ...

    def tax_code(self, name: str) -> str: ...
    def rate(self, currency: str, day: date) -> Decimal: ...


class Wishes(msgspec.Struct, frozen=True):
    """What encoding needs beside the record: the company, its settings, the links, and what the record is now.

    ``fields`` names what to set in an update. ``current`` is the object as last read, None when creating.
    """

    facts: BooksFacts
    settings: Settings
    refs: Refs
    resolve: Resolver
    fields: frozenset[str] = frozenset()
    current: Json | None = None


class Unencodable(QboRefused):
    """The record cannot be written as it is; ``problems`` say why. Nothing was sent."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            " ".join(problem.text for problem in problems),
            remedy=" ".join(dict.fromkeys(problem.remedy for problem in problems if problem.remedy)),
            code=problems[0].code if problems else "",
        )
        self.problems = problems


def refuse(code: str, text: str, remedy: str, field: str = "") -> Unencodable:
    """An ``Unencodable`` with one problem."""
    return Unencodable((Problem(code=code, text=text, remedy=remedy, field=field),))


class CannotReadError(Exception):
    """The object exists but no record can be made of it."""

    def __init__(self, code: str, text: str, remedy: str = "", field: str = "") -> None:
        super().__init__(text)
        self.problem = Problem(code=code, text=text, remedy=remedy, field=field)


class _Head(msgspec.Struct, rename="pascal"):
    """The members that even an unusable object has."""

    id: str = ""
    sync_token: str = ""


_head = msgspec.json.Decoder(_Head)

W = TypeVar("W", bound=msgspec.Struct)


def decode_with(
    decoder: msgspec.json.Decoder[W],
    build: Callable[[W, Reading], tuple[Record, str]],
    row: Raw | bytes,
    reading: Reading,
) -> Present | Flawed:
    """Decode one object: the record with its SyncToken and its own bytes, or why there is none."""
    try:
        record, token = build(decoder.decode(row), reading)
    except CannotReadError as error:
        return _flawed(row, error.problem)
    except wire.BAD_JSON as error:
        return _flawed(row, Problem(code="shape", text=f"QuickBooks sent the record in an unknown shape: {error}."))
    return Present(record, token, bytes(row))


def _flawed(row: Raw | bytes, problem: Problem) -> Flawed:
    try:
        head = _head.decode(row)
    except wire.BAD_JSON:
        head = _Head()
    return Flawed(head.id, head.sync_token, (problem,))


def linked(wishes: Wishes, kind: Kind, source_id: str) -> str:
    """The QBO id of what the record refers to; a missing link is never papered over."""
    try:
        found = wishes.refs(kind, source_id) if source_id else ""
    except KeyError:
        found = ""
    if not found:
        raise refuse(
            "not-linked",
            f"The {kind.value} that the record refers to is not linked with QuickBooks yet.",
            f"Retry once the {kind.value} is linked.",
            kind.value,
        )
    return found


def reference(identity: str) -> Json:
    return {"value": identity}


def foreign_currency(wishes: Wishes, currency: object, day: date) -> Json:
    """CurrencyRef, and ExchangeRate for a foreign currency: always, because an omitted one may be booked as 1
    (entities.md 3.8); never for the home currency (R-19). Nothing at all without multicurrency."""
    if not wishes.facts.multicurrency:
        return {}
    code = currency if isinstance(currency, str) and currency else wishes.facts.home_currency
    body: Json = {"CurrencyRef": reference(code)}
    if code != wishes.facts.home_currency:
        body["ExchangeRate"] = wire.plain(wishes.resolve.rate(code, day))
    return body


def identity_of(current: Json) -> Json:
    """Id and SyncToken of the object a write is about: the token of the version that was decided upon (F-20)."""
    return {"Id": current["Id"], "SyncToken": current["SyncToken"]}
