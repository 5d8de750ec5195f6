"""What really happened on both sides, and who did it: the machine's own history, kept by nobody but the two sides.

QuickBooks' half is the look-alike's append-only history, the source's half a table that triggers fill, so that versions
which lived only for a moment inside a run are there as well. Values are brought into one form here and not through
syncd's lens: were the two to share it, one misreading would hide in both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from syncd.sandbox.book import Version as Written
from syncd.sandbox.server import RunningSandbox
from tests.support.world import World

Json = dict[str, Any]
Name = tuple[str, str]
"""Entity of QuickBooks or kind of the source, and id."""

PEOPLE, SYNCD = "people", "syncd"
ENTITIES = {"client": "Customer", "invoice": "Invoice", "payment": "Payment"}
KINDS = {entity: kind for kind, entity in ENTITIES.items()}
FIELDS = {
    "client": ("name", "email"),
    "invoice": ("number", "issue_date", "due_date", "notes", "total", "lines"),
    "payment": ("date", "amount", "reference"),
}
"""The fields whose values are followed, by kind."""
_NOTES = 1000
_EFFECTS = frozenset({"linked", "derived", "moved"})
"""Versions that QuickBooks makes by itself when something else is written."""


@dataclass(frozen=True)
class Version:
    """What one record was from one moment on. ``values`` is empty where nothing is left of it."""

    place: int
    who: str
    op: str
    name: Name
    values: Mapping[str, Any]
    raw: Json = field(default_factory=dict, repr=False)

    @property
    def destroys(self) -> bool:
        """Whether this version ended a record or took it back."""
        return self.op in {"delete", "void", "withdraw", "deactivate"}


class Side:
    """One side's versions in order, and what is there now."""

    def __init__(self) -> None:
        self.versions: list[Version] = []
        self.now: dict[Name, Version] = {}
        self.ever: dict[tuple[Name, str], set[Any]] = {}
        self.made_by: dict[Name, str] = {}
        self.gone: dict[Name, list[tuple[int, bool]]] = {}

    def add(self, version: Version) -> None:
        """One more version, in the order in which things happened."""
        self.versions.append(version)
        if version.op == "delete":
            self.now.pop(version.name, None)
        else:
            self.now[version.name] = version
            self.made_by.setdefault(version.name, version.who)
        for name, value in version.values.items():
            self.ever.setdefault((version.name, name), set()).add(value)
        self.gone.setdefault(version.name, []).append((version.place, not live(version)))

    def held(self, name: Name, value_of: str) -> set[Any]:
        """Every value that a field of a record ever had on this side."""
        return self.ever.get((name, value_of), set())

    def was_gone(self, name: Name, since: int) -> bool:
        """Whether a record was not there, or not live, at some moment from the version ``since`` on."""
        told = self.gone.get(name, [])
        before = [dead for place, dead in told if place <= since]
        return (before[-1] if before else True) or any(dead for place, dead in told if place > since)

    def of(self, kind: str) -> list[Version]:
        """What is there now of a kind."""
        return [version for (what, _), version in sorted(self.now.items()) if what == kind]

    def since(self, place: int) -> list[Version]:
        """The versions after one place."""
        return self.versions[place:]

    @property
    def place(self) -> int:
        """How many versions there are."""
        return len(self.versions)


def live(version: Version) -> bool:
    """Whether a version says that the record is there, counts, and belongs on both sides."""
    return version.op != "delete" and version.values.get("state") in {"live", "published"}


class Truth:
    """Both sides of one world. Whoever acts calls ``note`` afterwards with who it was."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen_in_books = 0
        self._seen_in_source = 0
        self.books, self.source = Side(), Side()
        self.note(SYNCD)

    def note(self, who: str) -> None:
        """Take in what happened since the last time; in the books it was ``who``, the source tells by itself."""
        for written in history(self._world.sandbox, self._world.realm)[self._seen_in_books :]:
            row = written.public()
            self._seen_in_books = row["seq"]
            if row["entity"] in KINDS:
                self.books.add(_in_books(self.books, row, who))
        with self._world.database.connect() as connection:
            told = connection.execute(sa.text("SELECT * FROM machine_log WHERE seq > :n"), {"n": self._seen_in_source})
            for entry in told.mappings():
                self._seen_in_source = entry["seq"]
                version = _in_source(self.source, dict(entry))
                if version is not None:
                    self.source.add(version)

    def kept(self) -> Any:
        """Everything as it is now, to go ``back`` to."""
        return deepcopy((self.books, self.source)), self._seen_in_books, self._seen_in_source

    def back(self, kept: Any) -> None:
        """Forget what happened since: it did not."""
        (books, source), self._seen_in_books, self._seen_in_source = kept
        self.books.__dict__.update(books.__dict__)
        self.source.__dict__.update(source.__dict__)

    def tagged(self, side: Side, kind: str, tag: str) -> list[Version]:
        """What is there now under a tag, live or not."""
        return [version for version in side.of(kind) if version.values.get("tag") == tag]


# ---- the books


def history(sandbox: RunningSandbox, realm: str) -> Sequence[Written]:
    """The look-alike's append-only history, looked into where it stands: it is read many times for each step."""
    assert sandbox.sandbox is not None
    return sandbox.sandbox.world.companies[realm].book.history


def _in_books(side: Side, row: Json, who: str) -> Version:
    kind, record = KINDS[row["entity"]], row["record"]
    name = (kind, str(row["id"]))
    op = str(row["op"])
    if op == "delete":
        return Version(side.place + 1, who, op, name, {})
    values = {"client": _customer, "invoice": _invoice, "payment": _payment}[kind](record)
    before = side.now.get(name)
    if op == "update" and values["state"] == "inactive" and before is not None and live(before):
        op = "deactivate"
    if op == "load":
        op = "create"
    return Version(side.place + 1, "books" if op in _EFFECTS else who, op, name, values, record)


def _customer(record: Json) -> Json:
    active = bool(record.get("Active", True))
    return {
        "state": "live" if active else "inactive",
        "name": str(record["DisplayName"]),
        "email": str((record.get("PrimaryEmailAddr") or {}).get("Address", "")),
        "tag": str(record["DisplayName"]),
    }


def _invoice(record: Json) -> Json:
    sold = [line for line in record.get("Line") or [] if line.get("DetailType") == "SalesItemLineDetail"]
    lines = tuple(sorted((str(line.get("Description", "")), cents(line["Amount"])) for line in sold))
    return {
        "state": "void" if str(record.get("PrivateNote", "")).startswith("Voided") else "live",
        "number": str(record.get("DocNumber", "")),
        "client": str(record["CustomerRef"]["value"]),
        "issue_date": str(record["TxnDate"]),
        "due_date": str(record.get("DueDate", "")),
        "notes": noted((record.get("CustomerMemo") or {}).get("value")),
        "total": cents(record["TotalAmt"]),
        "lines": lines,
        "tag": tag_of(lines),
    }


def _payment(record: Json) -> Json:
    paid = tuple(
        sorted(
            (str(link["TxnId"]), cents(line["Amount"]))
            for line in record.get("Line") or []
            for link in line.get("LinkedTxn") or []
        )
    )
    voided = str(record.get("PrivateNote", "")).startswith("Voided")
    return {
        "state": "void" if voided else "live",
        "client": str(record["CustomerRef"]["value"]),
        "date": str(record["TxnDate"]),
        "amount": cents(record["TotalAmt"]),
        "reference": str(record.get("PaymentRefNum", "")),
        "allocations": paid,
        "tag": str(record.get("PaymentRefNum", "")),
    }


# ---- the source


def _in_source(side: Side, entry: Mapping[str, Any]) -> Version | None:
    name = (str(entry["kind"]), str(entry["id"]))
    if entry["doc"] is None:
        return Version(side.place + 1, entry["who"], "delete", name, {}) if name in side.now else None
    values = _of_source(name[0], json.loads(entry["doc"]))
    before = side.now.get(name)
    if before is not None and before.values == values:
        return None
    op = "create" if before is None else "update"
    if before is not None and values["state"] != before.values["state"]:
        op = {"draft": "withdraw", "void": "void"}.get(values["state"], "update")
    return Version(side.place + 1, entry["who"], op, name, values)


def _of_source(kind: str, row: Json) -> Json:
    if kind == "client":
        return {"state": "live", "name": row["name"], "email": row["email"] or "", "tag": row["name"]}
    if kind == "payment":
        paid = tuple(sorted((str(invoice), cents(amount)) for invoice, amount in row["allocations"]))
        return {
            "state": row["state"],
            "client": str(row["client"]),
            "date": row["date"],
            "amount": cents(row["amount"]),
            "reference": row["reference"] or "",
            "allocations": paid,
            "external": row["qbo_id"] or "",
            "tag": row["reference"] or "",
        }
    lines = tuple(sorted((str(text or ""), cents(amount)) for text, amount in row["lines"]))
    return {
        "state": row["state"],
        "number": row["number"] or "",
        "client": str(row["client"]),
        "issue_date": row["issue_date"],
        "due_date": row["due_date"] or "",
        "notes": noted(row["notes"]),
        "total": cents(row["total"]),
        "lines": lines,
        "external": row["qbo_id"] or "",
        "remove": row["remove"],
        "tag": tag_of(lines),
    }


# ---- values


def cents(value: object) -> str:
    """An amount with two digits after the point; nothing here is in a currency that has others."""
    return str(Decimal(str(value)).quantize(Decimal("0.01")))


def noted(value: object) -> str:
    """A note as far as QuickBooks' field holds it (entities.md 1.6)."""
    return str(value or "").strip()[:_NOTES].rstrip()


def tag_of(lines: Iterable[tuple[str, str]]) -> str:
    """What the machine knows an invoice by, whatever becomes of its number: the text on its lines."""
    return next((text for text, _ in lines if text), "")


def from_base(kind: str, base: Mapping[str, Any], name: str) -> Any:
    """A field of a base, in the form that is used here."""
    value = base[name]
    if name == "lines":
        return tuple(sorted((row[1], cents(row[4])) for row in value))
    return noted(value) if name == "notes" else value


def a_day(serial: int) -> str:
    """A date that no other serial has."""
    return date.fromordinal(date(2026, 5, 1).toordinal() + serial).isoformat()


# ---- the table in the source


def watch(database: sa.Engine) -> None:
    """Make the source note every version of its records, and who wrote it."""
    statements = [
        "CREATE TABLE machine_who (who TEXT NOT NULL)",
        f"INSERT INTO machine_who VALUES ('{SYNCD}')",
        "CREATE TABLE machine_log (seq INTEGER PRIMARY KEY, who TEXT, kind TEXT, id INTEGER, doc TEXT)",
    ]
    for table, kind, parent in _WATCHED:
        for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            wanted = f"{row}.{parent}"
            doc = f"(SELECT {_DOC[kind]} FROM {kind} d WHERE d.id = {wanted})"
            there = f"EXISTS (SELECT 1 FROM {kind} WHERE id = {wanted})" if parent != "id" else "1"
            statements.append(
                f"CREATE TRIGGER machine_{table}_{event.lower()} AFTER {event} ON {table} WHEN {there} BEGIN "
                f"INSERT INTO machine_log (who, kind, id, doc) SELECT who, '{kind}', {wanted}, {doc} FROM machine_who; "
                "END"
            )
    with database.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


_LINES = "(SELECT json_group_array(json_array(description, amount)) FROM invoice_line WHERE invoice_id = d.id)"
_PARTS = "(SELECT json_group_array(json_array(invoice_id, amount)) FROM payment_allocation WHERE payment_id = d.id)"
_DOC = {
    "client": "json_object('name', d.name, 'email', d.email)",
    "invoice": "json_object('number', d.number, 'client', d.client_id, 'state', d.state, 'issue_date', d.issue_date, "
    "'due_date', d.due_date, 'notes', d.notes, 'total', d.total, 'qbo_id', d.qbo_id, 'remove', d.remove_from_qbo, "
    f"'lines', json({_LINES}))",
    "payment": "json_object('client', d.client_id, 'date', d.date, 'amount', d.amount, 'reference', d.reference, "
    f"'state', d.state, 'qbo_id', d.qbo_id, 'allocations', json({_PARTS}))",
}
_WATCHED = (
    ("client", "client", "id"),
    ("invoice", "invoice", "id"),
    ("invoice_line", "invoice", "invoice_id"),
    ("payment", "payment", "id"),
    ("payment_allocation", "payment", "payment_id"),
)
