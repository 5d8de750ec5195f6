"""What the codecs of all kinds share: the typed forms of common members, and what they need to know of the company."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from syncd.errors import QboRefused
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present, Problem
from syncd.model.records import Record
from syncd.model.spec import NO_COUNTERPART
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


def _nothing() -> str:
    return ""


def _no_name(_: str) -> str:
    return ""


class Reading(msgspec.Struct, frozen=True):
    """What decoding needs to know of the company.

    ``default_item`` gives the id of the default item, ``method_name`` the name of a payment method by its id; both
    look only when they are asked, and answer with an empty text where there is none.
    """

    home_currency: str
    us: bool = True
    sales_tax: bool = True
    exempt_code: str = ""
    default_item: Callable[[], str] = _nothing
    method_name: Callable[[str], str] = _no_name


class Resolver(Protocol):
    """Turns the names of the settings into ids; every look-up is cached. Raises ``Unencodable`` when it cannot."""

    def account(self, name: str) -> str: ...
    def account_type(self, name: str) -> str:
        """What sort of account is meant by a name (``Bank``, ``Credit Card`` ...); empty where QBO does not say."""
        ...

    def account_currency(self, name: str) -> str:
        """In which currency an account is kept; empty where QBO does not say."""
        ...

    def item(self, name: str) -> str: ...
    def find_account(self, name: str) -> str:
        """As ``account``, but empty when there is none."""
        ...

    def find_item(self, name: str) -> str:
        """As ``item``, but empty when there is none."""
        ...

    def tax_code(self, name: str) -> str: ...
    def tax_percent(self, code: str) -> Decimal:
        """What a tax code, by its id, adds to a sale: 13 for 13 %."""
        ...

    def rate(self, currency: str, day: date | None) -> Decimal | None:
        """Home units for one unit of ``currency`` on a day, or QBO's current rate; None where QBO has none."""
        ...


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

    def link(self, kind: Kind, source_id: str) -> str:
        """The QBO id that a reference of the source is linked with; empty where it has no counterpart."""
        try:
            found = self.refs(kind, source_id) if source_id else ""
        except KeyError:
            found = ""
        return "" if found == NO_COUNTERPART else found


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
    found = wishes.link(kind, source_id)
    if not found:
        noun = kind.value.replace("_", " ")
        raise refuse(
            "not-linked",
            f"The {noun} that the record refers to is not linked with QuickBooks yet.",
            f"Retry once the {noun} is linked.",
            kind.value,
        )
    return found


def reference(identity: str) -> Json:
    return {"value": identity}


def identity_of(current: Json) -> Json:
    """Id and SyncToken of the object a write is about: the token of the version that was decided upon (F-20)."""
    return {"Id": current["Id"], "SyncToken": current["SyncToken"]}


def whole(current: Json, read_only: frozenset[str]) -> Json:
    """The object as read, for an update of the whole: what such an update leaves out is cleared (protocol.md 8.2)."""
    return {name: value for name, value in current.items() if name not in read_only} | identity_of(current)


def kept_lines(current: Json) -> list[Json]:
    """The present lines without their read-only extension, which is refused when echoed (protocol.md 8.2)."""
    lines = current.get("Line") or []
    return [{name: value for name, value in line.items() if name != "LineEx"} for line in lines]


def party_id(current: Json, member: str) -> str:
    """The id that a reference of an object names; empty where there is none."""
    return str((current.get(member) or {}).get("value", ""))
