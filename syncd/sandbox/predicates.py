"""Conditions of a query as tests on records, decoding as little of a record as can be (protocol.md 4.1, 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

import msgspec

from syncd.sandbox import fields
from syncd.sandbox.book import Record, Table
from syncd.sandbox.clock import pacific_date, parse_moment
from syncd.sandbox.faults import invalid_query
from syncd.sandbox.query import Value
from syncd.sandbox.specs import Spec
from syncd.sandbox.wire import Json

LAST_UPDATED = "MetaData.LastUpdatedTime"
CREATED = "MetaData.CreateTime"
TIMES = (LAST_UPDATED, CREATED)
RANGES = ("=", "<", ">", "<=", ">=")
Test = Callable[[Any], bool]
Getter = Callable[[Record, Any], Any]

_OWN: dict[str, Callable[[Record], Any]] = {
    LAST_UPDATED: attrgetter("updated"),
    CREATED: attrgetter("created"),
    "Id": attrgetter("id"),
    "Active": attrgetter("active"),
}
_SHOWN_BY = ("value", "Address", "FreeFormNumber", "URI")
_COMPARE: dict[str, Callable[[Any], Test]] = {
    "=": lambda wanted: lambda stored: stored == wanted,
    "<": lambda wanted: lambda stored: stored < wanted,
    ">": lambda wanted: lambda stored: stored > wanted,
    "<=": lambda wanted: lambda stored: stored <= wanted,
    ">=": lambda wanted: lambda stored: stored >= wanted,
    "!=": lambda wanted: lambda stored: stored != wanted,
}


class Literals:
    """Values of a statement as the members they are compared with want them."""

    def __init__(self, spec: Spec, now: float, naive_as_utc: bool) -> None:
        self._spec = spec
        self._today = pacific_date(now)
        self._naive_as_utc = naive_as_utc

    def moment(self, value: Value) -> float:
        """A time in a filter, whole seconds (protocol.md 4.4)."""
        text = self._today if value.kind == "today" else value.text
        try:
            return float(int(parse_moment(text, self._naive_as_utc)))
        except (ValueError, OverflowError):
            raise invalid_query(f"value {text} is not a valid date time") from None

    def text(self, member: str, value: Value) -> str:
        """A literal as text; for a date its calendar day."""
        if value.kind == "today":
            return self._today
        known = self._spec.members.get(member)
        if known is None or known.kind is not fields.day or not value.text.strip():
            return value.text
        try:
            return date.fromisoformat(value.text[:10]).isoformat()
        except ValueError:
            raise invalid_query(f"value {value.text} is not a valid date") from None

    def test(self, member: str, op: str, values: tuple[Value, ...]) -> Test:
        """The test that one condition makes of a stored value."""
        if member == "Id" and op not in ("=", "IN"):
            raise invalid_query(f"Operator {op} is not supported for property Id")
        if member in TIMES:
            return _compare(op, [self.moment(value) for value in values])
        if op == "LIKE":
            pattern = values[0].text.casefold().split("%")
            return _anywhere(lambda stored: stored is not None and _like(_plain(stored).casefold(), pattern))
        texts = [self.text(member, value) for value in values]
        if member == "Active":
            if op not in ("=", "IN"):
                raise invalid_query(f"Operator {op} is not supported for property Active")
            wanted = {text.lower() == "true" for text in texts}
            return lambda stored: (stored is not False) in wanted
        return _anywhere(_loose(op, texts))


def _anywhere(test: Test) -> Test:
    """A member inside a list matches when any of its values does."""
    return lambda stored: any(map(test, stored)) if isinstance(stored, list) else test(stored)


def _plain(stored: Any) -> str:
    if isinstance(stored, bool):
        return "true" if stored else "false"
    return str(stored)


def _like(text: str, parts: list[str]) -> bool:
    """Does the text consist of the parts with anything between them? Linear, whatever the pattern."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _loose(op: str, texts: list[str]) -> Test:
    """Compare as the stored value's own kind: numbers as numbers, texts case aside, blank for null."""
    numbers = [number for number in map(number_of, texts) if number is not None]
    by_number: Test = _compare(op, numbers) if numbers else lambda _: op == "!="
    by_text = _compare(op, [text.casefold() for text in texts])
    blank = op in ("=", "IN") and any(not text.strip() for text in texts)

    def check(stored: Any) -> bool:
        if stored is None:
            return blank or op == "!="
        if isinstance(stored, int | Decimal) and not isinstance(stored, bool):
            return by_number(stored)
        return by_text(_plain(stored).casefold())

    return check


def number_of(text: str) -> Decimal | None:
    """The number a literal is, if it is one."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _compare(op: str, wanted: list[Any]) -> Test:
    if op == "IN":
        among = frozenset(wanted)
        return lambda stored: stored in among
    if op not in _COMPARE:
        raise invalid_query(f"Operator {op} is not supported here")
    return _COMPARE[op](wanted[0])


@lru_cache(maxsize=256)
def _decoder(members: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """A decoder that reads only the wanted members of a stored record and skips the rest."""
    shape = msgspec.defstruct("Part", [(name, Any, None) for name in members])
    return msgspec.json.Decoder(shape, float_hook=Decimal)


def filtered(table: Table, conditions: list[tuple[str, Test]], candidates: Iterable[Record]) -> Iterator[Record]:
    """The candidates that pass every test; those on what the indexes hold come first, only the rest is decoded for."""
    quick = [(get, test) for member, test in conditions if (get := _getter(table, member)) is not None]
    slow = [(member.split("."), test) for member, test in conditions if _getter(table, member) is None]
    opened = _opener(table, [path[0] for path, _ in slow])
    for record in candidates:
        for get, test in quick:
            if not test(get(record)):
                break
        else:
            if slow:
                tops = opened(record)
                if not all(test(_dig(tops(path[0]), path[1:])) for path, test in slow):
                    continue
            yield record


def reader(table: Table, member: str) -> Callable[[Record], Any]:
    """A function that gives a member's value of a record, a reference as its value."""
    get = _getter(table, member)
    if get is not None:
        return get
    top, *rest = member.split(".")
    opened = _opener(table, [top])
    return lambda record: _dig(opened(record)(top), rest)


def _opener(table: Table, tops: list[str]) -> Callable[[Record], Callable[[str], Any]]:
    """How to get at members of a record: from its decoded body where that is kept, else by decoding just those."""
    if table.spec.is_list:
        return lambda record: record.body.get
    decoder = _decoder(tuple(dict.fromkeys(tops)))

    def opened(record: Record) -> Callable[[str], Any]:
        return partial(getattr, decoder.decode(record.raw))

    return opened


def _getter(table: Table, member: str) -> Callable[[Record], Any] | None:
    """How to read a member from the record's own attributes; None where its JSON is needed."""
    if member in _OWN:
        return _OWN[member]
    if member in table.sorted:
        place = list(table.sorted).index(member)
        return lambda record: record.sort_keys[place][1] if record.sort_keys[place][0] else None
    if member in table.spec.indexed and not table.spec.is_list:
        at = table.spec.indexed.index(member)
        return lambda record: record.keys[at]
    return None


def _dig(value: Any, path: list[str]) -> Any:
    """The value at a path, from lists a list; an object counts as what it is known by."""
    if isinstance(value, list):
        return [_dig(inner, path) for inner in value]
    if isinstance(value, dict):
        if path:
            return _dig(_member(value, path[0]), path[1:])
        return next((value[name] for name in _SHOWN_BY if name in value), None)
    return None if path else value


def _member(value: Json, name: str) -> Any:
    return value.get(name, value.get(name.lower()))
