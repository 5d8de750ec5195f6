"""Evaluation of queries over the indexes (protocol.md 4.2 to 4.5).

A page comes, where it can, straight from an index that has the wanted order; else from the smallest set that an index
can give, sorted. Only members that no index holds are decoded.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from syncd.sandbox import rates
from syncd.sandbox.book import Record, Table, fold, id_order
from syncd.sandbox.faults import invalid_query, unparsable
from syncd.sandbox.indexes import SortKey, sort_key
from syncd.sandbox.predicates import LAST_UPDATED, RANGES, Literals, Test, filtered, number_of, reader
from syncd.sandbox.query import Query, Value, parse
from syncd.sandbox.specs import BY_PATH, NOT_SERVED, SPECS, Spec
from syncd.sandbox.specs.files import OWNER_ID, OWNER_TYPE, owner_key
from syncd.sandbox.switches import Switches
from syncd.sandbox.views import Viewer
from syncd.sandbox.wire import Json, encode

Answered = tuple[bytes, int]
"""The JSON of ``QueryResponse`` and how many objects are in it."""

_AMOUNTS = frozenset({"TotalAmt", "Balance"})
_SORTING_COSTS = 8  # a record that is collected and sorted costs so many of those that are looked at in order


def run(viewer: Viewer, switches: Switches, statement: str, rng: random.Random) -> Answered:
    """Answer a statement; FaultError 4000 or 4001 says what is wrong with it."""
    query = parse(statement)
    entity = BY_PATH.get(query.entity.lower())
    if entity is None:
        raise invalid_query(f"Entity {query.entity} is not queryable")
    if entity in NOT_SERVED:
        return (b'{"totalCount":0}' if query.count else b"{}"), 0
    selection = _Selection(viewer, switches, SPECS[entity], query, rng)
    if entity == "ExchangeRate":
        rates.prepare(viewer.book, query)  # only now: a statement that is refused changes nothing
    return selection.answer()


@dataclass(frozen=True)
class _Condition:
    member: str
    op: str
    values: tuple[Value, ...]
    test: Test


class _Selection:
    def __init__(self, viewer: Viewer, switches: Switches, spec: Spec, query: Query, rng: random.Random) -> None:
        self._viewer = viewer
        self._spec = spec
        self._query = query
        self._rng = rng
        self._table: Table = viewer.book.tables[spec.name]
        self._literals = Literals(spec, viewer.book.clock.now(), switches.naive_times == "utc")
        if switches.query_unequal == "refuse" and any(condition.op == "!=" for condition in query.where):
            raise unparsable('Lexical error.  Encountered: "!"')
        self._where = [self._condition(c.member, c.op, c.values) for c in query.where]
        given = [(self._member(member), descending) for member, descending in query.order]
        self._shuffled = not given and switches.default_order == "shuffle"
        newest_first = switches.default_order == "id_desc" and not spec.is_list
        self._order = given or [("Id", newest_first)]
        self._columns = self._column_names()
        # a name list shows only its active rows unless the statement says otherwise (protocol.md 4.3)
        self._only_active = spec.is_list and all(condition.member != "Active" for condition in self._where)

    def _condition(self, member: str, op: str, values: tuple[Value, ...]) -> _Condition:
        name = self._member(member)
        return _Condition(name, op, values, self._literals.test(name, op, values))

    def answer(self) -> Answered:
        if self._query.count:
            return encode({"totalCount": self._count()}), 0
        rows = self._page(self._query.start - 1, self._query.limit)
        if not rows:
            return b"{}", 0
        name = self._spec.name
        if self._columns is None:
            body = b",".join([self._viewer.raw(name, record) for record in rows])
        else:
            body = b",".join([encode(self._pick(self._viewer.body(name, record))) for record in rows])
        tail = f'],"startPosition":{self._query.start},"maxResults":{len(rows)}'
        if self._spec.total_count:
            tail += f',"totalCount":{len(rows)}'
        return b'{"%b":[%b%b}' % (name.encode(), body, tail.encode()), len(rows)

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

    def _column_names(self) -> list[list[str]] | None:
        """The wanted columns as paths; objects such as addresses cannot be asked for (protocol.md 4.3)."""
        if self._query.columns is None:
            return None
        known = {name.lower(): name for name in (*self._spec.members, *(q.split(".")[0] for q in self._spec.queryable))}
        paths = []
        for column in self._query.columns:
            top, *rest = column.split(".")
            if top.lower() not in known or top.lower().endswith("addr"):
                raise invalid_query(f"Property {column} not found for Entity {self._spec.name}")
            paths.append([known[top.lower()], *rest])
        return paths

    def _pick(self, body: Json) -> Json:
        picked: Json = {}
        for path in self._columns or ():
            _copy(body, picked, path)
        return {**picked, "domain": "QBO", "sparse": True, **({"Id": body["Id"]} if "Id" in body else {})}

    def _count(self) -> int:
        if not self._where:
            return self._table.count(not self._only_active)
        return sum(1 for _ in self._matching(self._candidates()))

    def _page(self, skip: int, limit: int) -> list[Record]:
        if self._shuffled:
            rows = list(self._matching(self._candidates()))
            return self._rng.sample(rows, min(limit, max(0, len(rows) - skip)))
        member, descending = self._order[0]
        stream = self._stream(member, descending) if len(self._order) == 1 else None
        if stream is not None and not self._only_active and all(self._is_bound(c, member) for c in self._where):
            return list(islice(stream(skip), limit))
        enough = len(self._table.order) // _SORTING_COSTS + 1
        candidates, size = self._smallest()
        if stream is not None and (candidates is None or size >= enough):
            if member == "Id" and not self._where:
                return list(islice(self._table.rows(not self._only_active, descending, skip), limit))
            return list(islice(self._matching(stream(0)), skip, skip + limit))
        rows = list(self._matching(self._everything() if candidates is None else candidates))
        return self._sorted(rows)[skip : skip + limit]

    def _is_bound(self, condition: _Condition, member: str) -> bool:
        """Is the condition nothing but a bound in the member's own index?"""
        return condition.member == member and condition.op in RANGES and self._key(condition) is not None

    def _sorted(self, rows: list[Record]) -> list[Record]:
        rows.sort(key=lambda record: id_order(record.id))
        for member, descending in reversed(self._order):
            if member == "Id":
                rows.sort(key=lambda record: id_order(record.id), reverse=descending)
                continue
            if member == LAST_UPDATED and len(self._order) == 1:  # as the timeline has them
                sign = -1 if descending else 1
                rows.sort(key=lambda record: (sign * record.updated, record.seq))
                continue
            read = reader(self._table, member)
            keyed = [(sort_key(read(record)), record) for record in rows]
            keyed.sort(key=lambda pair: pair[0], reverse=descending)
            rows = [record for _, record in keyed]
        return rows

    def _matching(self, candidates: Iterable[Record]) -> Iterator[Record]:
        if self._only_active:
            candidates = (record for record in candidates if record.active)
        if not self._where:
            yield from candidates
            return
        yield from filtered(self._table, [(condition.member, condition.test) for condition in self._where], candidates)

    def _everything(self) -> Iterable[Record]:
        return self._table.rows(inactive=not self._only_active)

    def _candidates(self) -> Iterable[Record]:
        candidates, _ = self._smallest()
        return self._everything() if candidates is None else candidates

    def _smallest(self) -> tuple[Iterable[Record] | None, int]:
        """The smallest set an index can give, and its size; every condition is still checked afterwards."""
        table, best = self._table, len(self._table.order)
        found: Iterable[Record] | None = None
        for condition in self._where:
            if condition.op not in ("=", "IN"):
                continue
            texts = dict.fromkeys(value.text for value in condition.values)
            if condition.member == "Id":
                return [table.records[text] for text in texts if text in table.records], len(texts)
            if condition.member in self._spec.indexed and all(text.strip() for text in texts):
                rows = [row for key in dict.fromkeys(map(fold, texts)) for row in table.lookup(condition.member, key)]
                if len(rows) < best:
                    found, best = rows, len(rows)
        owned = self._owned()
        if owned is not None:
            return owned, len(owned)
        for member, index in table.sorted.items():
            span = self._span(member, index.span)
            if span is not None and (size := index.count(span, best)) < best:
                found, best = (table.records[key] for key in index.ids(span)), size
        moments = self._moments()
        if moments is not None and len(moments) < best:
            found, best = (table.records[key] for key in table.timeline.ids(moments)), len(moments)
        return found, best

    def _owned(self) -> list[Record] | None:
        """The attachments of one record, where the statement asks for them."""
        asked = {c.member: c.values[0].text for c in self._where if c.op == "="}
        if self._spec.name != "Attachable" or not {OWNER_TYPE, OWNER_ID} <= asked.keys():
            return None
        ids = self._viewer.book.holders(*owner_key(asked[OWNER_TYPE].strip(), asked[OWNER_ID].strip()))
        return [self._table.records[record_id] for record_id in ids]

    def _stream(self, member: str, descending: bool) -> Callable[[int], Iterator[Record]] | None:
        """All that a member's index has in the wanted order and bounds, from a position on; None without an index."""
        table = self._table
        if member == "Id":
            return lambda skip: table.rows(True, descending, skip) if not self._where else table.rows(True, descending)
        if member == LAST_UPDATED:
            moments = self._moments() or table.timeline.span(0, float("inf"))
            if descending:
                return lambda skip: (table.records[key] for key in table.timeline.newest_first(moments, skip))
            return lambda skip: (table.records[key] for key in table.timeline.ids(moments[skip:]))
        index = table.sorted.get(member)
        if index is None:
            return None
        span = self._span(member, index.span)
        if span is None:
            span = index.span(None, None)
        return lambda skip: (table.records[key] for key in index.ids(span[::-1] if descending else span, skip))

    def _moments(self) -> range | None:
        """The part of the timeline that conditions on LastUpdatedTime leave."""
        low, high = 0.0, float("inf")
        for condition in self._where:
            if condition.member != LAST_UPDATED or condition.op not in RANGES:
                continue
            moment = self._literals.moment(condition.values[0])
            if condition.op in (">", ">=", "="):
                low = max(low, moment + (condition.op == ">"))
            if condition.op in ("<", "<=", "="):
                high = min(high, moment + (condition.op != "<"))
        return self._table.timeline.span(low, high) if low > 0 or high < float("inf") else None

    def _span(self, member: str, make: Callable[..., range]) -> range | None:
        """The part of a sorted index that conditions on its member leave; None where there is none to use."""
        low: SortKey | None = None
        high: SortKey | None = None
        with_low = with_high = True
        for condition in self._where:
            key = self._key(condition) if condition.member == member and condition.op in RANGES else None
            if key is None:
                continue
            if low is None:
                low = (key[0],)  # below every value of that kind, above what has none
            if condition.op in (">", ">=", "=") and key >= low:
                with_low = condition.op != ">" and (with_low or key > low)
                low = key
            if condition.op in ("<", "<=", "=") and (high is None or key <= high):
                with_high = condition.op != "<" and (with_high or high is None or key < high)
                high = key
        return None if low is None else make(low, high, with_low, with_high)

    def _key(self, condition: _Condition) -> SortKey | None:
        """The key that a literal has in its member's index; None for what an index cannot tell."""
        if condition.member == LAST_UPDATED:
            return sort_key(self._literals.moment(condition.values[0]))
        text = self._literals.text(condition.member, condition.values[0])
        if condition.member in _AMOUNTS:
            number = number_of(text)
            return None if number is None else sort_key(number)
        return sort_key(text) if condition.member in self._table.sorted and text.strip() else None


def _copy(source: Json, target: Json, path: list[str]) -> None:
    """Copy what is at a path, with the objects on the way to it."""
    top, rest = path[0], path[1:]
    actual: Any = next((name for name in source if name.lower() == top.lower()), None)
    if actual is None:
        return
    value = source[actual]
    if not rest or not isinstance(value, dict):
        target[actual] = value
        return
    inner: Json = target.setdefault(actual, {})
    if isinstance(inner, dict) and inner is not value:
        _copy(value, inner, rest)
