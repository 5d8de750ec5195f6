"""What stands on both sides of the soak's company, read past syncd, and how it differs from what people wrote.

The books are looked into where they stand (20,000 records are not sent over HTTP for every look), the source is asked
by SQL. Values are brought into one form here and not through syncd's lens.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncd.sandbox.book import Book
from syncd.sandbox.wire import decode
from tests.reliability.soak_records import Client, Conflict, Expense, Form, Name, Payment, Records, cents, total
from tests.support.world import World

Json = dict[str, Any]

_ENTITIES = {"Customer": "client", "Invoice": "invoice", "CreditMemo": "credit_note", "Payment": "payment"}
_CHUNK = 500
LOST, TWICE = "lost", "twice"


class Books:
    """The look-alike's records by what people know them by, and how often each was ever created, by its own history."""

    def __init__(self, world: World) -> None:
        assert world.sandbox.sandbox is not None
        self._book: Book = world.sandbox.sandbox.world.companies[world.realm].book
        self._seen = 0
        self.ids: dict[Name, str] = {}
        self.born: Counter[Name] = Counter()
        self.uses: dict[str, set[str]] = defaultdict(set)
        """The payments of zero that use a credit memo, by its number."""
        self.bills: dict[str, set[str]] = defaultdict(set)
        """The bills on which an expense stands, by its merchant."""
        self._memos: dict[str, str] = {}
        self._names: dict[str, Name] = {}
        self.catch_up()

    def catch_up(self) -> None:
        """Take in what happened since the last time."""
        history = self._book.history
        fresh, self._seen = history[self._seen :], len(history)
        for version in fresh:
            if version.entity == "Bill":
                self._bill(version.id, version.op, decode(version.raw))
            elif version.entity in _ENTITIES and version.op == "create":
                self._created(version.entity, version.id, decode(version.raw))
            elif version.entity in _ENTITIES and version.op == "delete":
                self._deleted(version.entity, version.id)

    @property
    def length(self) -> int:
        """How many versions there ever were: whether anything was written at all."""
        return len(self._book.history)

    def _created(self, entity: str, record_id: str, record: Json) -> None:
        if entity == "Payment" and not record.get("PaymentRefNum"):
            for memo in _linked(record, "CreditMemo"):
                number = self._memos[memo]
                self.uses[number].add(record_id)
                self.born["credit_application", number] += 1
            return
        key = {"Customer": "DisplayName", "Payment": "PaymentRefNum"}.get(entity, "DocNumber")
        name = (_ENTITIES[entity], str(record.get(key, "")))
        self.born[name] += 1
        self.ids[name] = record_id
        self._names[f"{entity} {record_id}"] = name
        if entity == "CreditMemo":
            self._memos[record_id] = name[1]

    def _deleted(self, entity: str, record_id: str) -> None:
        name = self._names.pop(f"{entity} {record_id}", None)
        if name is not None and self.ids.get(name) == record_id:
            del self.ids[name]
        for used in self.uses.values() if entity == "Payment" and name is None else ():
            used.discard(record_id)

    def _bill(self, record_id: str, op: str, record: Json) -> None:
        tags = set() if op == "delete" else {line["Description"] for line in record["Line"] if "Description" in line}
        for tag, bills in self.bills.items():
            if tag not in tags:
                bills.discard(record_id)
        for tag in tags:
            self.bills[tag].add(record_id)
            if op == "create":
                self.born["expense", tag] += 1

    def raw(self, entity: str, record_id: str) -> bytes | None:
        """A record as it is now."""
        found = self._book.find(entity, record_id)
        return None if found is None else found.raw

    def read(self, entity: str, record_id: str) -> Json | None:
        """The same, decoded."""
        raw = self.raw(entity, record_id)
        return None if raw is None else decode(raw)

    def named(self, entity: str, name: Name) -> Json | None:
        """The record that people know by this name."""
        record_id = self.ids.get(name)
        return None if record_id is None else self.read(entity, record_id)

    def live(self, kind: str) -> list[str]:
        """The keys of every record of a kind that is there, one entry for each."""
        entity = next(entity for entity, of in _ENTITIES.items() if of == kind)
        there = self._book.tables[entity].records
        return [
            self._names[f"{entity} {record_id}"][1] for record_id in there if f"{entity} {record_id}" in self._names
        ]


class Truth:
    """Compares both sides with what people wrote. Every answer is a list of findings: sort, and what was found."""

    def __init__(self, world: World, records: Records) -> None:
        self._world = world
        self._records = records
        self.books = Books(world)
        self._state = Path(world.state_url.removeprefix("sqlite:///"))

    def source_changes(self) -> int:
        """SQLite's own counter of the source's commits."""
        path = Path(self._world.source_url.removeprefix("sqlite:///"))
        return int.from_bytes(path.read_bytes()[24:28])

    def look(self, names: Sequence[Name]) -> list[tuple[str, str]]:
        """What is not on both sides as it has to be, of these records."""
        self.books.catch_up()
        here = Source(self._world, names)
        found = [(LOST, text) for name in names for text in self._differing(name, here)]
        return found + [(TWICE, f"{name} was created {n} times") for name, n in self._twice(names)]

    def look_at_all(self) -> list[tuple[str, str]]:
        """The same of everything, and whether there is anything else that nobody entered."""
        records = self._records
        found = self.look(records.names())
        for kind, wanted in (
            ("client", set(records.clients)),
            ("invoice", {number for number, form in records.invoices.items() if form.there is not None}),
            ("credit_note", {number for number, form in records.notes.items() if form.there is not None}),
            ("payment", {reference for reference, payment in records.payments.items() if not payment.gone}),
        ):
            there = Counter(key for key in self.books.live(kind) if not key.startswith("Stranger"))
            found += [(TWICE, f"{kind} {key} is in the books {n} times") for key, n in there.items() if n > 1]
            found += [
                (LOST, f"{kind} {key} is in the books, where it does not belong") for key in there.keys() - wanted
            ]
        found += [(TWICE, f"{what} is in the source {n} times") for what, n in self._twice_here()]
        found += [
            (LOST, f"the invoice {record_id} of a stranger was written")
            for record_id, raw in records.strangers.items()
            if self.books.raw("Invoice", record_id) != raw
        ]
        return found

    def look_at(self, conflicts: Sequence[Conflict]) -> list[tuple[str, str]]:
        """Conflicts whose loser is not named in syncd's history."""
        found = []
        with closing(sqlite3.connect(f"file:{self._state}?mode=ro", uri=True)) as connection:
            for each in conflicts:
                asked = "SELECT before FROM history WHERE kind = 'invoice' AND source_id = ? AND side = 'source'"
                before = [json.loads(row[0]) for row in connection.execute(asked, (str(each.form.id),))]
                if not any(_named(values, each.name) == each.lost for values in before if each.name in values):
                    found.append((LOST, f"{each.form.number} {each.name}: {each.lost} gave way and is not in history"))
        return found

    # ---- parts

    def _twice(self, names: Sequence[Name]) -> Iterator[tuple[Name, int]]:
        for kind, key in names:
            wanted = [(kind, key)] + ([("credit_application", key)] if kind == "credit_note" else [])
            for name in wanted:
                times = self.books.born[name]
                if times > 1:
                    yield name, times

    def _twice_here(self) -> Iterator[tuple[str, int]]:
        for table, column in (
            ("client", "name"),
            ("invoice", "number"),
            ("credit_note", "number"),
            ("payment", "reference"),
        ):
            known = {
                "client": set(self._records.clients),
                "invoice": set(self._records.invoices),
                "credit_note": set(self._records.notes),
                "payment": {r for r, payment in self._records.payments.items() if not payment.gone},
            }[table]
            rows = self._world.rows(f"SELECT {column} AS k, count(*) AS n FROM {table} GROUP BY {column}")
            for row in rows:
                if row["n"] > 1:
                    yield f"{table} {row['k']}", row["n"]
                elif row["k"] not in known:
                    yield f"{table} {row['k']}, which nobody entered or which was removed,", row["n"]

    def _differing(self, name: Name, here: Source) -> Iterator[str]:
        record = self._records.find(name)
        looks: dict[str, Any] = {
            "client": self._client,
            "invoice": self._form,
            "credit_note": self._form,
            "payment": self._payment,
            "expense": self._expense,
        }
        for where, wanted, found in looks[name[0]](record, here):
            if wanted != found:
                yield f"{name[1]} in {where}: {_apart(wanted, found)}"

    def _client(self, client: Client, here: Source) -> Iterator[tuple[str, Any, Any]]:
        row = here.clients.get(client.name)
        yield "the source", client.email, row and row["email"]
        there = self.books.named("Customer", client.known_as)
        wanted = {"email": client.email, "phone": client.phone}
        yield (
            "the books",
            wanted,
            there
            and {
                "email": (there.get("PrimaryEmailAddr") or {}).get("Address", ""),
                "phone": (there.get("PrimaryPhone") or {}).get("FreeFormNumber", ""),
            },
        )

    def _form(self, form: Form, here: Source) -> Iterator[tuple[str, Any, Any]]:
        yield "the source", form.here | {"client": form.client.name}, here.forms.get(form.known_as)
        entity, left = ("Invoice", "Balance") if form.kind == "invoice" else ("CreditMemo", "RemainingCredit")
        there = self.books.named(entity, form.known_as)
        if form.there is None:
            yield "the books", None, there
            return
        rest = total(form.there["lines"]) - sum(form.used.values(), Decimal(0))
        wanted = form.there | {"client": form.client.name, "open": cents(rest)}
        yield "the books", wanted, there and _document(form.kind, there, left)
        if form.kind == "credit_note":
            used = {number: cents(amount) for number, amount in form.used.items()}
            yield "the source, used", used, here.used.get(form.number, {})
            yield "the books, used", used, self._used(form.number)

    def _used(self, number: str) -> dict[str, str]:
        found: dict[str, Decimal] = {}
        for payment in self.books.uses.get(number, ()):
            record = self.books.read("Payment", payment)
            for line in (record or {}).get("Line", ()):
                for link in line["LinkedTxn"]:
                    if link["TxnType"] == "Invoice":
                        paid = self._number("Invoice", link["TxnId"])
                        found[paid] = found.get(paid, Decimal(0)) + Decimal(line["Amount"])
        return {invoice: cents(amount) for invoice, amount in found.items()}

    def _number(self, entity: str, record_id: str) -> str:
        record = self.books.read(entity, record_id)
        return str((record or {}).get("DocNumber", record_id))

    def _payment(self, payment: Payment, here: Source) -> Iterator[tuple[str, Any, Any]]:
        there = self.books.named("Payment", payment.known_as)
        mine = here.payments.get(payment.reference)
        wanted = None
        if not payment.gone:
            parts = {number: cents(amount) for number, amount in payment.parts.items()}
            wanted = {
                "client": payment.client.name,
                "date": payment.date,
                "amount": cents(payment.amount),
                "parts": parts,
            }
        yield "the source", wanted, mine
        yield (
            "the books",
            wanted,
            there
            and {
                "client": there["CustomerRef"]["name"],
                "date": str(there["TxnDate"]),
                "amount": cents(there["TotalAmt"]),
                "parts": {
                    self._number("Invoice", link["TxnId"]): cents(line["Amount"])
                    for line in there["Line"]
                    for link in line["LinkedTxn"]
                },
            },
        )

    def _expense(self, expense: Expense, here: Source) -> Iterator[tuple[str, Any, Any]]:
        row = here.expenses.get(expense.tag)
        yield "the source", (expense.amount, expense.approved, expense.reimbursed), row
        bills = sorted(self.books.bills.get(expense.tag, ()))
        yield "the books, bills", int(expense.approved), len(bills)
        for bill in bills:
            record = self.books.read("Bill", bill) or {"Line": ()}
            amounts = [cents(line["Amount"]) for line in record["Line"] if line.get("Description") == expense.tag]
            yield f"bill {bill}", [expense.amount], amounts


class Source:
    """Rows of the source for some records, in the form in which they are compared."""

    def __init__(self, world: World, names: Sequence[Name]) -> None:
        self._world = world
        keys: dict[str, list[str]] = defaultdict(list)
        for kind, key in names:
            keys[kind].append(key)
        self.clients = {row["name"]: row for row in self._rows(_CLIENTS, keys["client"])}
        self.forms: dict[Name, Json] = {}
        for kind in ("invoice", "credit_note"):
            due = "due_date" if kind == "invoice" else "NULL"
            for row in self._rows(_FORMS.format(kind=kind, due=due), keys[kind]):
                self.forms[kind, row["number"]] = _row(kind, row)
        self.used: dict[str, dict[str, str]] = defaultdict(dict)
        for row in self._rows(_USED, keys["credit_note"]):
            self.used[row["note"]][row["invoice"]] = cents(row["amount"])
        self.payments: dict[str, Json] = {}
        for row in self._rows(_PAYMENTS, keys["payment"]):
            paid = self.payments.setdefault(
                row["reference"],
                {"client": row["client"], "date": row["date"], "amount": cents(row["amount"]), "parts": {}},
            )
            paid["parts"][row["invoice"]] = cents(row["part"])
        self.expenses = {
            row["merchant"]: (cents(row["amount"]), row["status"] == "approved", bool(row["reimbursed"]))
            for row in self._rows(_EXPENSES, keys["expense"])
        }

    def _rows(self, statement: str, keys: Sequence[str]) -> Iterator[Json]:
        asked = sa.text(statement).bindparams(sa.bindparam("keys", expanding=True))
        with self._world.database.connect() as connection:
            for begin in range(0, len(keys), _CHUNK):
                for row in connection.execute(asked, {"keys": keys[begin : begin + _CHUNK]}).mappings():
                    yield dict(row)


_CLIENTS = "SELECT name, email FROM client WHERE name IN :keys"
_FORMS = (
    "SELECT d.number, c.name AS client, d.state, d.issue_date, {due} AS due_date, d.notes, d.total, "
    "(SELECT json_group_array(json_array(description, amount)) FROM {kind}_line WHERE {kind}_id = d.id) AS lines "
    "FROM {kind} d JOIN client c ON c.id = d.client_id WHERE d.number IN :keys"
)
_USED = (
    "SELECT n.number AS note, i.number AS invoice, p.amount FROM credit_note n "
    "JOIN credit_application a ON a.credit_note_id = n.id "
    "JOIN credit_application_part p ON p.credit_application_id = a.id JOIN invoice i ON i.id = p.invoice_id "
    "WHERE n.number IN :keys"
)
_PAYMENTS = (
    "SELECT p.reference, c.name AS client, p.date, p.amount, i.number AS invoice, a.amount AS part FROM payment p "
    "JOIN client c ON c.id = p.client_id JOIN payment_allocation a ON a.payment_id = p.id "
    "JOIN invoice i ON i.id = a.invoice_id WHERE p.reference IN :keys"
)
_EXPENSES = "SELECT merchant, amount, status, reimbursed FROM expense WHERE merchant IN :keys"


def _row(kind: str, row: Json) -> Json:
    lines = tuple(sorted((str(text or ""), cents(amount)) for text, amount in json.loads(row["lines"])))
    values = {
        "client": row["client"],
        "state": row["state"],
        "issue_date": row["issue_date"],
        "notes": row["notes"] or "",
        "lines": lines if cents(row["total"]) == cents(total(lines)) else (*lines, ("in all", cents(row["total"]))),
    }
    return values | ({"due_date": row["due_date"]} if kind == "invoice" else {})


def _document(kind: str, record: Json, left: str) -> Json:
    sold = [line for line in record["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    lines = tuple(sorted((str(line.get("Description", "")), cents(line["Amount"])) for line in sold))
    values = {
        "client": record["CustomerRef"]["name"],
        "issue_date": str(record["TxnDate"]),
        "notes": (record.get("CustomerMemo") or {}).get("value", ""),
        "lines": lines
        if cents(record["TotalAmt"]) == cents(total(lines))
        else (*lines, ("in all", record["TotalAmt"])),
        "open": cents(record[left]),
    }
    return values | ({"due_date": str(record["DueDate"])} if kind == "invoice" else {})


def _linked(record: Json, sort: str) -> list[str]:
    links = [link for line in record.get("Line", ()) for link in line.get("LinkedTxn", ())]
    return [str(link["TxnId"]) for link in links if link["TxnType"] == sort]


def _named(values: Json, name: str) -> Any:
    """A field of syncd's history, in the form that is used here."""
    value = values[name]
    return tuple(sorted((row[1], cents(row[4])) for row in value)) if name == "lines" else value


def _apart(wanted: Any, found: Any) -> str:
    if isinstance(wanted, dict) and isinstance(found, dict):
        names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        return ", ".join(f"{name} is {found.get(name)!r} and not {wanted.get(name)!r}" for name in names)
    return f"{found!r} and not {wanted!r}"
