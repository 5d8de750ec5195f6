"""Evaluation of queries over the indexes (protocol.md 4.2 to 4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from syncd.sandbox.book import Book, Record, Table, fold, id_order
from syncd.sandbox.clock import pacific_date, parse_moment
from syncd.sandbox.faults import invalid_query
from syncd.sandbox.query import Query, Value, parse
from syncd.sandbox.specs import BY_PATH, NOT_SERVED, SPECS, Spec
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json, encode

LAST_UPDATED = "MetaData.LastUpdatedTime"
CREATED = "MetaData.CreateTime"
_TIMES = (LAST_UPDATED, CREATED)
_Test = Callable[[Any], bool]
_INNER = {"PrimaryEmailAddr": "Address"}


def run(book: Book, switches: Switches, statement: str) -> bytes:
    """The JSON of ``QueryResponse`` for a statement."""
    query = parse(statement)
    entity = BY_PATH.get(query.entity.lower())
    if entity is None:
        raise invalid_query(f"Entity {query.entity} is not queryable")
    if entity in NOT_SERVED:
        return b'{"totalCount":0}' if query.count else b"{}"
    return _Selection(book, switches, SPECS[entity], query).answer()


class _Selection:
    def __init__(self, book: Book, switches: Switches, spec: Spec, query: Query) -> None:
        self._spec = spec
        self._query = query
        self._table: Table = book.tables[spec.name]
        self._switches = switches
        self._today = pacific_date(book.clock.now())
        self._where = [(self._member(condition.member), condition.op, condition.values) for condition in query.where]
        self._order = [(self._member(member), descending) for member, descending in query.order]
        self._columns = self._column_names()

    def answer(self) -> bytes:
        if self._query.count:
            return encode({"totalCount": self._count()})
        rows = self._page(self._query.start - 1, self._query.limit)
        if not rows:
            return b"{}"
        if self._columns is None:
            body = b",".join(record.raw for record in rows)
        else:
            body = b",".join(encode(self._pick(record.body)) for record in rows)
        tail = f'],"startPosition":{self._query.start},"maxResults":{len(rows)}'
        if self._spec.total_count:
            tail += f',"totalCount":{len(rows)}'
        return b'{"%b":[%b%b}' % (self._spec.name.encode(), body, tail.encode())

    def _member(self, name: str) -> str:
        for known in self._spec.queryable:
            if known.lower() == name.lower():
                return known
        plain = name.lower().removesuffix(".value")
        for known in self._spec.queryable:
            if known.lower() == plain and known.endswith("Ref"):
                return known
        if any(known.lower() == name.lower() for known in self._spec.known_only):
            raise invalid_query(f"property '{name}' is not queryable")
        raise invalid_query(f"Property {name} not found for Entity {self._spec.name}")

    def _column_names(self) -> list[str] | None:
        if self._query.columns is None:
            return None
        names = []
        for column in self._query.columns:
            top = column.split(".")[0].lower()
            known = {name.lower(): name for name in (*self._spec.members, *self._spec.queryable)}
            if top not in known or top.endswith("addr"):
                raise invalid_query(f"Property {column} not found for Entity {self._spec.name}")
            names.append(known[top])
        return names

    def _pick(self, body: Json) -> Json:
        picked = {name: body[name] for name in self._columns or () if name in body}
        return {**picked, "domain": "QBO", "sparse": True, "Id": body["Id"]}

    def _count(self) -> int:
        if not self._where:
            return self._table.count(not self._spec.is_list)
        return sum(1 for _ in self._matching())

    def _page(self, skip: int, limit: int) -> list[Record]:
        newest_first = self._switches.default_order == "id_desc" and not self._spec.is_list
        order = self._order or [("Id", newest_first)]
        if order[0][0] == "Id" and not self._where:
            return list(islice(self._table.rows(not self._spec.is_list, order[0][1], skip), limit))
        rows = sorted(self._matching(), key=lambda record: id_order(record.id))
        for member, descending in reversed(order):
            if member == "Id":
                rows.sort(key=lambda record: id_order(record.id), reverse=descending)
                continue
            values = _reader((member,))
            rows.sort(key=lambda record: _sortable(values(record)[0]), reverse=descending)
        return rows[skip : skip + limit]

    def _matching(self) -> Iterator[Record]:
        tests = [(member, _test(self, member, op, values)) for member, op, values in self._where]
        if self._spec.is_list and not any(member == "Active" for member, _ in tests):
            candidates: Iterable[Record] = (record for record in self._candidates() if record.active)
        else:
            candidates = self._candidates()
        if not tests:
            yield from candidates
            return
        read = _reader(tuple(member for member, _ in tests))
        checks = [test for _, test in tests]
        for record in candidates:
            if all(check(value) for check, value in zip(checks, read(record), strict=True)):
                yield record

    def _candidates(self) -> Iterable[Record]:
        """The smallest set an index can give; every condition is still checked afterwards."""
        for member, op, values in self._where:
            if member == "Id" and op in ("=", "IN"):
                found = (self._table.records.get(value.text) for value in dict.fromkeys(values))
                return [record for record in found if record is not None]
        for member, op, values in self._where:
            texts = [value.text for value in values]
            if member in self._spec.indexed and op in ("=", "IN") and all(text.strip() for text in texts):
                keys = dict.fromkeys(fold(text) for text in texts)
                return [record for key in keys for record in self._table.lookup(member, key)]
        low, high = 0.0, float("inf")
        for member, op, values in self._where:
            if member == LAST_UPDATED and op not in ("LIKE", "IN"):
                moment = self.moment(values[0])
                low = max(low, moment if op in (">", ">=", "=") else low)
                high = min(high, moment + 1 if op in ("<", "<=", "=") else high)
        if low > 0 or high < float("inf"):
            return self._table.timeline.between(int(low), high, self._table.records)
        return self._table.rows(inactive=True)

    def moment(self, value: Value) -> float:
        """A time in a filter, whole seconds (protocol.md 4.4)."""
        text = self._today if value.kind == "today" else value.text
        try:
            return float(int(parse_moment(text, self._switches.naive_times == "utc")))
        except ValueError:
            raise invalid_query(f"value {text} is not a valid date time") from None

    def text(self, value: Value) -> str:
        """A literal as text."""
        return self._today if value.kind == "today" else value.text


def _test(selection: _Selection, member: str, op: str, values: tuple[Value, ...]) -> _Test:
    if member == "Id" and op not in ("=", "IN"):
        raise invalid_query(f"Operator {op} is not supported for property Id")
    if member in _TIMES:
        return _compare(op, [selection.moment(value) for value in values], lambda stored: stored)
    texts = [selection.text(value) for value in values]
    if op == "LIKE":
        pattern = re.compile(".*".join(re.escape(part) for part in texts[0].split("%")), re.IGNORECASE | re.DOTALL)
        return lambda stored: stored is not None and pattern.fullmatch(_plain_text(stored)) is not None
    if member == "Active":
        wanted = [text.lower() == "true" for text in texts]
        return lambda stored: (stored is not False) in wanted if op in ("=", "IN") else False
    return _loose(op, texts)


def _plain_text(stored: Any) -> str:
    if isinstance(stored, bool):
        return "true" if stored else "false"
    return str(stored)


def _loose(op: str, texts: list[str]) -> _Test:
    """Compare as the stored value's own kind: numbers as numbers, texts folded, blank for null."""
    numbers = [number for number in map(_decimal, texts) if number is not None]
    by_number: _Test = _compare(op, numbers, lambda value: value) if numbers else lambda _: False
    by_text = _compare(op, [text.casefold() for text in texts], lambda value: _plain_text(value).casefold())
    blank = op in ("=", "IN") and any(not text.strip() for text in texts)

    def check(stored: Any) -> bool:
        if stored is None:
            return blank
        if isinstance(stored, int | Decimal) and not isinstance(stored, bool):
            return by_number(stored)
        return by_text(stored)

    return check


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


def _compare(op: str, wanted: list[Any], convert: Callable[[Any], Any]) -> _Test:
    if op == "IN":
        return lambda stored: convert(stored) in wanted
    if op not in _COMPARE:
        raise invalid_query(f"Operator {op} is not supported here")
    function, single = _COMPARE[op], wanted[0]
    return lambda stored: function(convert(stored), single)


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, ""
    if isinstance(value, bool):
        return 1, str(value)
    if isinstance(value, int | float | Decimal):
        return 2, value
    return 3, str(value).casefold()


@lru_cache(maxsize=256)
def _decoder(members: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """A decoder that reads only the wanted members of a stored record and skips the rest."""
    shape = msgspec.defstruct("Part", [(name, Any, None) for name in members])
    return msgspec.json.Decoder(shape, float_hook=Decimal)


def _reader(members: tuple[str, ...]) -> Callable[[Record], list[Any]]:
    """A function that gives the members' values of a record, references as their value."""
    stored = tuple(dict.fromkeys(name for name in members if "." not in name))
    decoder = _decoder(stored) if stored else None

    def read(record: Record) -> list[Any]:
        part = decoder.decode(record.raw) if decoder is not None else None
        return [_value(record, part, name) for name in members]

    return read


def _value(record: Record, part: Any, name: str) -> Any:
    if name == LAST_UPDATED:
        return float(record.updated)
    if name == CREATED:
        return float(record.created)
    value = getattr(part, name)
    if isinstance(value, dict):
        return value.get("value", value.get(_INNER.get(name, "value")))
    return value
