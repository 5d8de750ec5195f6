"""QBO's query language, built safely, and listings that are complete or fail (protocol.md 4).

A value goes into a statement only if it is certain to come out as the same value on the other side: a quote is escaped
as documented; a backslash (whose escape is a guess, 4.1), control characters and lone surrogates are refused, and the
caller looks another way (a full listing compares on our side).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from urllib.parse import quote

import msgspec

from syncd.errors import QboUnavailable
from syncd.qbo import wire
from syncd.qbo.limiter import Priority
from syncd.qbo.transport import BrokenBodyError, Call, Reply, Transport
from syncd.qbo.wire import Envelope, Raw

PAGE = 1000
"""Rows in one answer at most (protocol.md 4.2); asked for explicitly, because the default is 100."""
VALUES = 40
"""Values in one ``IN`` list: keeps a statement of long names within a few thousand characters."""

LISTS = frozenset(
    {
        "Customer",
        "Vendor",
        "Employee",
        "Item",
        "Account",
        "Class",
        "Department",
        "Term",
        "PaymentMethod",
        "TaxCode",
        "TaxRate",
    }
)
"""Lists show only active rows unless asked for the others too (4.3, F-40)."""

_GET_LIMIT = 2000
"""Longest encoded statement sent in an address; a longer one goes as ``POST /query`` (1.2)."""
_ROUNDS = 3


class Inexpressible(ValueError):  # noqa: N818 - said of the value, which is no error
    """This value cannot be written into a query with certainty."""


def literal(value: str | bool | date | datetime) -> str:
    """A value as it is written in a statement. Everything but truth values is quoted, numbers too (4.1)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"'{wire.time_text(value)}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    if "\\" in value or any(character < " " or character == "\x7f" for character in value):
        raise Inexpressible("the value holds a backslash or a control character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Inexpressible("the value is not valid Unicode") from None
    if not value.strip():
        raise Inexpressible("an empty value means null in a query")
    return "'" + value.replace("'", "\\'") + "'"


def equals(prop: str, value: str | bool | date | datetime) -> str:
    return f"{prop} = {literal(value)}"


def among(prop: str, values: Sequence[str]) -> str:
    """``prop IN (...)``; a single value is compared with ``=``, which is understood for every property."""
    if len(values) == 1:
        return equals(prop, values[0])
    return f"{prop} IN ({', '.join(literal(value) for value in values)})"


def select(entity: str, *conditions: str, columns: str = "*", start: int = 0, rows: int = PAGE) -> str:
    """One statement in a stable order. Inactive rows of lists are included."""
    where = list(conditions)
    if entity in LISTS:
        where.append("Active IN (true, false)")
    parts = ["SELECT", columns, "FROM", entity]
    if where:
        parts += ["WHERE", " AND ".join(where)]
    if columns != "COUNT(*)":
        parts.append(f"ORDERBY Id STARTPOSITION {start + 1} MAXRESULTS {rows}")
    return " ".join(parts)


def chunks(values: Iterable[str], size: int = VALUES) -> Iterator[tuple[str, ...]]:
    """The values in order, without repeats, in groups of ``size``."""
    group: list[str] = []
    for value in dict.fromkeys(values):
        group.append(value)
        if len(group) == size:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def call_for(statement: str) -> Call:
    """The request for one statement; a ``+`` must not become a blank, so all of it is encoded (4.4)."""
    if len(quote(statement)) <= _GET_LIMIT:
        return Call("GET", "query", "query", params=(("query", statement),), reads=1)
    return Call("POST", "query", "query", body=statement.encode(), content_type="application/text", reads=1)


def rows_of(response: Envelope, entity: str) -> list[Raw]:
    """The rows in a ``QueryResponse``. No rows: the key is absent (4.5)."""
    rows = response.get(entity)
    if rows is None:
        if any(bytes(member)[:1] == b"[" for member in response.values()):
            raise BrokenBodyError(f"QuickBooks answered a query for {entity} with something else.")
        return []
    return wire.split_list(rows)


def rows_in(reply: Reply, entity: str) -> list[Raw]:
    """The rows of a reply to a query."""
    try:
        return rows_of(wire.split_object(reply.part("QueryResponse")), entity)
    except wire.BAD_JSON:
        raise BrokenBodyError("QuickBooks answered a query with something unreadable.", tid=reply.tid) from None


class _Identity(msgspec.Struct):
    """The one member of a row that a listing needs."""

    id: str = msgspec.field(name="Id")


_identity = msgspec.json.Decoder(_Identity)


def id_of(row: Raw | bytes) -> str:
    """The id of a row, as the opaque text it is."""
    try:
        return _identity.decode(row).id
    except wire.BAD_JSON:
        raise BrokenBodyError("QuickBooks sent a row without an id.") from None


class Listing:
    """Complete listings of an entity, page by page."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def count(self, entity: str, *conditions: str) -> int:
        """How many rows there are."""
        statement = select(entity, *conditions, columns="COUNT(*)")
        reply = self._transport.read(call_for(statement))
        try:
            count = wire.decode_any(wire.split_object(reply.part("QueryResponse"))["totalCount"])
        except (KeyError, *wire.BAD_JSON):
            count = None
        if not isinstance(count, int):
            raise BrokenBodyError("QuickBooks did not say how many rows there are.", tid=reply.tid)
        return count

    def rows(self, entity: str, *conditions: str, priority: Priority = Priority.READ) -> list[Raw]:
        """All rows for a narrow condition, which nearly always fit on one page."""
        walk = _Walk(self._transport, entity, conditions, priority=priority)
        found = dict(row for page in walk for row in page)
        if walk.shifted:
            found |= dict(row for page in self.everything(entity, *conditions) for row in page)
        return list(found.values())

    def everything(self, entity: str, *conditions: str) -> Iterator[list[tuple[str, Raw]]]:
        """Every row once, in pages of ``(id, row)``; raises ``QboUnavailable`` rather than end incomplete.

        Rows that slipped between two pages while others came and went are found by the ids and then read by id.
        """
        seen: set[str] = set()
        walk = _Walk(self._transport, entity, conditions)
        for rows in walk:
            fresh = [(identity, row) for identity, row in rows if identity not in seen]
            seen.update(identity for identity, _ in fresh)
            yield fresh
        if not walk.shifted and self.count(entity, *conditions) <= len(seen):
            return
        for group in chunks(sorted(self.ids(entity, *conditions) - seen)):
            yield [(id_of(row), row) for row in self.rows(entity, among("Id", group))]

    def ids(self, entity: str, *conditions: str) -> frozenset[str]:
        """The ids of all rows: the inventory that shows what is gone (F-48). One that went meanwhile may be in it."""
        found: set[str] = set()
        for _ in range(_ROUNDS):
            walk = _Walk(self._transport, entity, conditions, columns="Id")
            found.update(identity for rows in walk for identity, _ in rows)
            if not walk.shifted and self.count(entity, *conditions) <= len(found):
                return frozenset(found)
        raise QboUnavailable(f"The list of {entity} keeps changing while it is read; it could not be read completely.")


class _Walk:
    """One way through the pages, in the order of ids. Each page begins with the last row of the page before: when it
    does not, rows before that place were removed or added, and one may have slipped past (protocol.md 4.2, F-39).
    ``COUNT(*)`` alone does not show it: a removal and an addition cancel out."""

    def __init__(
        self,
        transport: Transport,
        entity: str,
        conditions: tuple[str, ...],
        *,
        columns: str = "*",
        priority: Priority = Priority.READ,
    ) -> None:
        self.shifted = False
        self._transport = transport
        self._entity = entity
        self._conditions = conditions
        self._columns = columns
        self._priority = priority

    def __iter__(self) -> Iterator[list[tuple[str, Raw]]]:
        start, anchor = 0, ""
        while True:
            page = self._page(start)
            overlap = bool(anchor) and bool(page) and page[0][0] == anchor
            self.shifted |= bool(anchor) and not overlap
            yield page[1:] if overlap else page
            if len(page) < PAGE:
                return
            anchor = page[-1][0]
            start += len(page) - 1

    def _page(self, start: int) -> list[tuple[str, Raw]]:
        statement = select(self._entity, *self._conditions, columns=self._columns, start=start)
        reply = self._transport.read(call_for(statement), self._priority)
        return [(id_of(row), row) for row in rows_in(reply, self._entity)]
