"""What both books hold and what ever happened in them, ids aside, so that two courses of a story can be compared.

Read from the look-alike's own append-only history and from the source by SQL; nothing goes through syncd. An id that
was there when the story began stands for itself. A new one stands for the content of its record, so that the order in
which records came into being does not matter, and which record refers to which does.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tests.e2e.helpers import TABLES

Node = tuple[str, str]
"""Entity of QuickBooks or table of the source, and id."""
Names = Mapping[Node, str]

_OWN = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status", "sequence"})
_ENTITY = {"CustomerRef": "Customer", "VendorRef": "Vendor", "EntityRef": "Customer"}
_ROUNDS = 5
"""A payment names invoices that name customers, and rows of the source name both: four steps, and one to spare."""
_COUNTERPART = {
    "client": "Customer",
    "project": "Customer",
    "member": "Vendor",
    "item": "Item",
    "invoice": "Invoice",
    "credit_note": "CreditMemo",
    "payment": "Payment",
    "credit_application": "Payment",
}
_VOLATILE = frozenset({"id", "updated_at", "version"})
"""``version`` counts how often a row was written: it belongs to what happened, not to what is there."""


class Course(msgspec.Struct, frozen=True):
    """How one course of a story went: what ever happened on each side, and what is there at its end."""

    happened: Counter[str]
    created: Counter[str]
    books: Counter[str]
    rows: Counter[str]
    written: Counter[str]
    state: Counter[str]


def course(history: Iterable[Mapping[str, Any]], source: Path, state: Path, known: frozenset[Node]) -> Course:
    """What the look-alike's ``history`` since the beginning of a story, and both databases, tell. ``known``: what was
    there when it began."""
    versions = list(history)
    tables = _tables(source)
    rows = {(table, str(row["id"])): row for table in TABLES for row in tables[table]}
    latest = {(version["entity"], version["id"]): version for version in versions}
    words = _Words({**{node: version["record"] for node, version in latest.items()}, **rows}, known)
    happened = [(v["op"], words.tell((v["entity"], v["id"]), v["record"])) for v in versions]
    seen = {node for node, row in rows.items() if "version" in row}
    written = [f"{row['kind']} {words.name((row['kind'], str(row['record_id'])))}" for row in tables["syncd_write"]]
    touched = [f"{words.name(node)} version {row['version']}" for node, row in rows.items() if node in known & seen]
    return Course(
        happened=Counter(f"{op} {told}" for op, told in happened),
        created=Counter(told for op, told in happened if op == "create"),
        books=Counter(words.tell(node, v["record"]) for node, v in latest.items() if v["op"] != "delete"),
        rows=Counter(words.tell(node, row) for node, row in rows.items()),
        written=Counter(written + touched),
        state=_state(state),
    )


def nodes(history: Iterable[Mapping[str, Any]], source: Path) -> frozenset[Node]:
    """Everything that is there now on both sides."""
    tables = _tables(source)
    found = {(version["entity"], version["id"]) for version in history}
    return frozenset(found | {(table, str(row["id"])) for table in TABLES for row in tables[table]})


def differences(course: Course, undisturbed: Course) -> dict[str, list[str]]:
    """What a disturbed course did twice, lost, or left otherwise than the undisturbed one; empty lists where nothing.

    Twice: more records of a sort ever created in QuickBooks, or rows in the source. Lost: fewer there in the end.
    """
    return {
        "twice": [
            *_surplus(course.created, undisturbed.created),
            *_surplus(course.rows, undisturbed.rows),
        ],
        "lost": [
            *_surplus(undisturbed.books, course.books),
            *_surplus(undisturbed.rows, course.rows),
        ],
        "otherwise": [
            *_unlike("in QuickBooks", course.books, undisturbed.books),
            *_unlike("in QuickBooks' history", course.happened, undisturbed.happened),
            *_unlike("in the source", course.rows, undisturbed.rows),
            *_unlike("in the writes to the source", course.written, undisturbed.written),
            *_unlike("in the state", course.state, undisturbed.state),
        ],
    }


def _surplus(one: Counter[str], other: Counter[str]) -> list[str]:
    """What ``one`` has more of than ``other``, if it has more records of that entity or table."""
    more = _by_place(one) - _by_place(other)
    return [told for told in sorted((one - other).elements()) if more[told.split()[0]]]


def _by_place(told: Counter[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each, count in told.items():
        counts[each.split()[0]] += count
    return counts


def _unlike(where: str, one: Counter[str], other: Counter[str]) -> list[str]:
    much = [f"{where} too much: {each}" for each in sorted((one - other).elements())]
    return much + [f"{where} missing: {each}" for each in sorted((other - one).elements())]


class _Words:
    """Tells records in words: everything they say, with names for ids."""

    def __init__(self, records: Mapping[Node, Any], known: frozenset[Node]) -> None:
        self._known = known
        self._names: dict[Node, str] = {}
        new = {node: content for node, content in records.items() if node not in known}
        for _ in range(_ROUNDS):
            self._names = {node: self._hashed(node, content) for node, content in new.items()}

    def name(self, node: Node) -> str:
        """A name that has nothing to do with the id of a new record, and is the id of one that was there before."""
        return self._names.get(node, " ".join(node) if node in self._known else node[0])

    def tell(self, node: Node, content: Any) -> str:
        """A record, with its own id only if it was there before."""
        place = node[0]
        told = self._row(place, content) if place in TABLES else self._members(content)
        own = " ".join(node) if node in self._known else place
        return f"{own} {msgspec.json.encode(told, order='deterministic').decode()}"

    def _hashed(self, node: Node, content: Any) -> str:
        told = self.tell(node, content).encode()
        return f"new {node[0]} {hashlib.blake2b(told, digest_size=6).hexdigest()}"

    def _members(self, value: Any) -> Any:
        """A record of QuickBooks or a part of it."""
        if isinstance(value, list):
            return [self._members(each) for each in value]
        if not isinstance(value, dict):
            return str(value)
        if "TxnId" in value:
            return self.name((value["TxnType"], value["TxnId"]))
        told = {}
        for name, member in value.items():
            if name in _ENTITY and isinstance(member, dict):
                told[name] = self.name((member.get("type", _ENTITY[name]), member["value"]))
            elif name not in _OWN:
                told[name] = self._members(member)
        return told

    def _row(self, table: str, row: Mapping[str, Any]) -> dict[str, str]:
        """A row of the source."""
        told = {}
        for column, value in row.items():
            place = _COUNTERPART[table] if column == "qbo_id" else column.removesuffix("_id")
            if column not in _VOLATILE:
                told[column] = self._names.get((place, str(value)), str(value))
        return told


# ---- reading


def _tables(source: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(source)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]
            for table in (*TABLES, "syncd_write")
        }


def _state(state: Path) -> Counter[str]:
    """Open writes, links and holds of syncd, and how often each write stands in its own history."""
    statements = {
        "open": "SELECT side, kind, verb FROM journal WHERE state IN ('intended', 'sent')",
        "link": "SELECT kind, state, label FROM links",
        "held": 'SELECT kind, label, "case" FROM held WHERE resolved_at IS NULL',
        "dirty": "SELECT kind, reason FROM dirty",
        "history": "SELECT side, kind, verb FROM history WHERE result = 'done'",
    }
    with closing(sqlite3.connect(state)) as connection:
        return Counter(
            f"{what} {tuple(row)}" for what, statement in statements.items() for row in connection.execute(statement)
        )
