"""What people do on both sides. No value is ever written twice, so that what disappears can be told by its value.

Who has an opinion that syncd has not seen yet is remembered here (``unseen``), and what belongs to somebody who never
heard of syncd (``alone``): both are read by the checks and changed by nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.sandbox.server import RefusedError
from syncd.state.values import Intent
from tests.e2e.helpers import change, customer, receive, sales_line
from tests.reliability.machine_stage import Stage
from tests.reliability.machine_truth import ENTITIES, PEOPLE, SYNCD, Json, Name, Version, a_day, cents, live

EDITS = ("due", "notes", "amount", "cent", "regroup", "long")
Unseen = dict[tuple[str, Name, str], Any]
"""By side, record and field: the value that somebody wrote there."""


class People:
    """Everybody who works on either side of one world."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world, self.truth = stage, stage.world, stage.truth
        self.unseen: Unseen = {}
        self.alone: dict[Name, Json] = {}
        self._serial = 0
        self._taken: dict[str, dict[str, Any]] = {}

    def serial(self) -> int:
        """A number that was never used."""
        self._serial += 1
        return self._serial

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Somebody does something; what the books refuse does not happen."""
        with self.stage.wire.aside():
            self.truth.note(SYNCD)
            with suppress(RefusedError):
                yield
            self.truth.note(PEOPLE)
            self._look_at_strangers()

    def _sql(self, *statements: tuple[str, Json]) -> None:
        with self.world.database.begin() as connection:
            connection.execute(sa.text("UPDATE machine_who SET who = 'people'"))
            for statement, values in statements:
                connection.execute(sa.text(statement), values)
            connection.execute(sa.text("UPDATE machine_who SET who = 'syncd'"))

    # ---- opinions

    def _wrote(self, side: str, name: Name, **values: Any) -> None:
        for of, value in values.items():
            self.unseen[side, name, of] = value

    def forget(self, side: str, name: Name) -> None:
        """Whoever removes a record has no opinion on its fields any more."""
        for key in [key for key in self.unseen if key[:2] == (side, name)]:
            del self.unseen[key]

    def _look_at_strangers(self) -> None:
        """Records of the books that people made and syncd never touched: as they are after people's last act."""
        books = self.truth.books
        self.alone = {name: version.raw for name, version in books.now.items() if books.made_by[name] == PEOPLE}

    # ---- choosing

    def pick(self, side: str, kind: str, which: int, wanted: Callable[[Version], bool] = live) -> Version | None:
        """One of the records that are there, counted from the oldest."""
        of = self.truth.source if side == "source" else self.truth.books
        found = [version for version in sorted(of.of(kind), key=lambda v: int(v.name[1])) if wanted(version)]
        return found[which % len(found)] if found else None

    # ---- the source

    def put_invoice(self, client: int, *, draft: bool = False, number: str | None = None) -> str:
        """A new invoice; its tag."""
        tag = f"I{self.serial()}"
        who = self.pick("source", "client", client)
        if who is None:
            return tag
        with self.acting():
            numbered = f"S{self.serial()}" if self.stage.setup.numbers else ""
            rows = self._rows(tag, self._money())
            header = {
                "client": int(who.name[1]),
                "number": numbered if number is None else number,
                "state": "draft" if draft else "published",
                "total": str(sum(Decimal(row["amount"]) for row in rows)),
            }
            self._sql((_INVOICE, {**header, "id": None}), *((_LINE.format(parent=_LAST), row) for row in rows))
        return tag

    def _money(self) -> Decimal:
        """An amount that no document had before; every other one is too long for a short float."""
        serial = self.serial()
        return Decimal(serial) + (Decimal(1_234_567) if serial % 2 else Decimal("0.25"))

    @staticmethod
    def _rows(tag: str, amount: Decimal) -> list[Json]:
        amounts = (amount, amount, amount * 2, amount * 2)
        return [{"place": n, "text": tag, "amount": str(each)} for n, each in enumerate(amounts, start=1)]

    def edit_in_source(self, which: int, what: str) -> None:
        """An invoice is changed."""
        seen = self.pick("source", "invoice", which, lambda v: v.values["state"] != "void")
        if seen is not None:
            self._edit_source(seen, what)

    def _edit_source(self, seen: Version, what: str) -> None:
        invoice, name = int(seen.name[1]), seen.name
        with self.acting():
            if what in {"amount", "cent", "regroup"}:
                lines = self._other_lines(seen.values["lines"], what)
                total = sum((Decimal(amount) for _, amount in lines), Decimal(0))
                self._sql(
                    ("DELETE FROM invoice_line WHERE invoice_id = :id", {"id": invoice}),
                    *(
                        (_LINE.format(parent=invoice), {"place": n, "text": text, "amount": amount})
                        for n, (text, amount) in enumerate(lines, start=1)
                    ),
                    ("UPDATE invoice SET total = :v WHERE id = :id", {"v": str(total), "id": invoice}),
                )
                self._wrote("source", name, lines=tuple(sorted((text, cents(amount)) for text, amount in lines)))
            elif what == "due":
                day = a_day(self.serial())
                self._sql(("UPDATE invoice SET due_date = :v WHERE id = :id", {"v": day, "id": invoice}))
                self._wrote("source", name, due_date=day)
            else:
                head = seen.values["notes"] if what == "long" else ""
                if len(head) > 900:  # too long already: QuickBooks does not hold what changes now
                    text = f"{head.split()[0]}{_LONG} {self.serial()}"
                else:
                    text = f"s{self.serial()}" + (_LONG if what == "long" else "")
                self._sql(("UPDATE invoice SET notes = :v WHERE id = :id", {"v": text, "id": invoice}))
                self._wrote("source", name, notes=text[:1000].rstrip())

    def _other_lines(self, lines: tuple[tuple[str, str], ...], what: str) -> list[tuple[str, str]]:
        """New amounts; one cent more on a line; or the same total of the same amounts, each another number of times."""
        tag, (first, *_rest) = lines[0][0], [amount for _, amount in lines]
        if what == "cent":
            return [(tag, str(Decimal(first) + Decimal("0.01"))), *lines[1:]]
        amounts = [Decimal(amount) for _, amount in lines]
        low, high = min(amounts), max(amounts)
        if what == "regroup" and sorted(amounts) == [low, low, low * 2, low * 2]:
            return [(tag, str(amount)) for amount in (low, low, low, low, high)]
        fresh = self._money()
        return [(tag, str(amount)) for amount in (fresh, fresh, fresh * 2, fresh * 2)]

    def withdraw_in_source(self, which: int, *, remove: bool | None) -> None:
        """A published invoice becomes a draft again, perhaps with the box ticked that it is to be removed."""
        seen = self.pick("source", "invoice", which)
        if seen is not None:
            with self.acting():
                values = {"remove": remove, "id": int(seen.name[1])}
                self._sql(("UPDATE invoice SET state = 'draft', remove_from_qbo = :remove WHERE id = :id", values))

    def publish_in_source(self, which: int) -> None:
        """A draft is published."""
        seen = self.pick("source", "invoice", which, _is_draft)
        if seen is not None:
            with self.acting():
                self._sql(("UPDATE invoice SET state = 'published' WHERE id = :id", {"id": int(seen.name[1])}))

    def delete_in_source(self, kind: str, which: int) -> None:
        """A record is deleted, an invoice with its payments."""
        seen = self.pick("source", kind, which, lambda v: True)
        if seen is not None:
            self._delete_source(seen)

    def _delete_source(self, seen: Version) -> None:
        kind, record = seen.name[0], int(seen.name[1])
        with self.acting():
            if kind == "payment":
                self._taken["payment"] = self._keep(kind, record)
                self._sql(*self._without_payment(record))
                self.forget("source", seen.name)
                return
            paid = self.world.rows(
                "SELECT DISTINCT payment_id p FROM payment_allocation WHERE invoice_id = :i", i=record
            )
            removals = [step for row in paid for step in self._without_payment(row["p"])]
            self._taken["invoice"] = self._keep(kind, record)
            lines = ("DELETE FROM invoice_line WHERE invoice_id = :id", {"id": record})
            self._sql(*removals, lines, ("DELETE FROM invoice WHERE id = :id", {"id": record}))
            for name in [seen.name, *(("payment", str(row["p"])) for row in paid)]:
                self.forget("source", name)

    @staticmethod
    def _without_payment(payment: int) -> list[tuple[str, Json]]:
        return [
            ("DELETE FROM payment_allocation WHERE payment_id = :id", {"id": payment}),
            ("DELETE FROM payment WHERE id = :id", {"id": payment}),
        ]

    def _keep(self, kind: str, record: int) -> Json:
        (row,) = self.world.rows(f"SELECT * FROM {kind} WHERE id = :id", id=record)
        part, parent = ("payment_allocation", "payment") if kind == "payment" else ("invoice_line", "invoice")
        return {"row": row, "parts": self.world.rows(f"SELECT * FROM {part} WHERE {parent}_id = :id", id=record)}

    def restore_in_source(self, kind: str) -> None:
        """What was deleted last is entered again under its old id, as a restore of a few rows does."""
        kept = self._taken.pop(kind, None)
        if kept is None or (kind, str(kept["row"]["id"])) in self.truth.source.now:
            return
        needed = [part["invoice_id"] for part in kept["parts"]] if kind == "payment" else []
        if any(("invoice", str(invoice)) not in self.truth.source.now for invoice in needed):
            return
        part = "payment_allocation" if kind == "payment" else "invoice_line"
        with self.acting():
            self._sql(_insert(kind, kept["row"]), *(_insert(part, row) for row in kept["parts"]))

    def put_payment(self, which: int) -> None:
        """A payment of a part of an invoice."""
        seen = self.pick("source", "invoice", which)
        if seen is None:
            return
        with self.acting():
            header = {"client": int(seen.values["client"]), "day": a_day(self.serial()), "tag": f"P{self.serial()}"}
            part = "INSERT INTO payment_allocation (payment_id, invoice_id, amount) VALUES ((SELECT max(id) FROM payment), :i, '3.50')"  # noqa: E501 - one statement
            self._sql((_PAYMENT, header), (part, {"i": int(seen.name[1])}))

    def edit_payment_in_source(self, which: int) -> None:
        """A payment gets another date."""
        seen = self.pick("source", "payment", which)
        if seen is not None:
            self._edit_source_payment(seen)

    def _edit_source_payment(self, seen: Version) -> None:
        with self.acting():
            day = a_day(self.serial())
            self._sql(("UPDATE payment SET date = :v WHERE id = :id", {"v": day, "id": int(seen.name[1])}))
            self._wrote("source", seen.name, date=day)

    def edit_client(self, which: int) -> None:
        """A client gets another address."""
        seen = self.pick("source", "client", which)
        if seen is not None:
            with self.acting():
                address = f"c{self.serial()}@example.com"
                self._sql(("UPDATE client SET email = :v WHERE id = :id", {"v": address, "id": int(seen.name[1])}))

    def wipe(self, kind: str, *, but_one: bool = False) -> None:
        """A table of the source is emptied, and with the invoices what hangs on them; or all payments but one."""
        with self.acting():
            if but_one:
                for seen in self.truth.source.of("payment")[:-1]:
                    self._sql(
                        ("DELETE FROM payment_allocation WHERE payment_id = :v", {"v": seen.name[1]}),
                        ("DELETE FROM payment WHERE id = :v", {"v": seen.name[1]}),
                    )
                    self.forget("source", seen.name)
                return
            gone = ("payment",) if kind == "payment" else ("payment", "invoice")
            tables = {"payment": ("payment_allocation", "payment"), "invoice": ("invoice_line", "invoice")}
            self._sql(*((f"DELETE FROM {table}", {}) for each in gone for table in tables[each]))
            for name in [key[1] for key in self.unseen if key[0] == "source" and key[1][0] in gone]:
                self.forget("source", name)

    def change_all(self) -> None:
        """Every invoice of the source changes at once, as after a mistake in a mapping."""
        with self.acting():
            day = a_day(self.serial())
            self._sql(("UPDATE invoice SET due_date = :v", {"v": day}))
            for seen in self.truth.source.of("invoice"):
                self.unseen.pop(("source", seen.name, "due_date"), None)

    # ---- the books

    def edit_in_books(self, which: int, what: str) -> None:
        """The accountant changes an invoice."""
        seen = self.pick("books", "invoice", which)
        if seen is not None:
            self._edit_books(seen, what)

    def _edit_books(self, seen: Version, what: str) -> None:
        with self.acting():
            if what in {"amount", "cent", "regroup"}:
                lines = self._other_lines(seen.values["lines"], what)
                self._change("Invoice", seen, Line=[sales_line(amount, text) for text, amount in lines])
                self._wrote("books", seen.name, lines=tuple(sorted((text, cents(amount)) for text, amount in lines)))
            elif what == "due":
                day = a_day(self.serial())
                self._change("Invoice", seen, DueDate=day)
                self._wrote("books", seen.name, due_date=day)
            else:
                text = f"q{self.serial()}"
                self._change("Invoice", seen, CustomerMemo={"value": text})
                self._wrote("books", seen.name, notes=text)

    def _change(self, entity: str, seen: Version, **fields: Any) -> None:
        change(self.world, entity, seen.raw, **fields)

    def edit_payment_in_books(self, which: int) -> None:
        """The accountant gives a payment another date."""
        seen = self.pick("books", "payment", which)
        if seen is not None:
            self._edit_books_payment(seen)

    def _edit_books_payment(self, seen: Version) -> None:
        with self.acting():
            day = a_day(self.serial())
            now = self.world.accountant.read("Payment", seen.name[1])
            self.world.accountant.save("Payment", {**now, "TxnDate": day})
            self._wrote("books", seen.name, date=day)

    def void_in_books(self, which: int) -> None:
        """The accountant voids an invoice."""
        seen = self.pick("books", "invoice", which)
        if seen is not None:
            with self.acting():
                self.world.accountant.void("Invoice", self.world.accountant.read("Invoice", seen.name[1]))
                self.unseen.pop(("books", seen.name, "lines"), None)

    def delete_in_books(self, kind: str, which: int) -> None:
        """The accountant deletes a record."""
        seen = self.pick("books", kind, which, lambda v: True)
        if seen is not None:
            self._delete_books(seen)

    def _delete_books(self, seen: Version) -> None:
        entity = ENTITIES[seen.name[0]]
        with self.acting():
            self.world.accountant.delete(entity, self.world.accountant.read(entity, seen.name[1]))
            self.forget("books", seen.name)

    def pay_in_books(self, which: int) -> None:
        """The accountant enters a payment of an invoice."""
        seen = self.pick("books", "invoice", which, lambda v: live(v) and Decimal(v.values["total"]) > 5)
        if seen is not None:
            with self.acting():
                receive(self.world, seen.values["client"], (seen.name[1], "2.25"), PaymentRefNum=f"Q{self.serial()}")

    def copy_in_books(self, which: int, *, times: int = 1) -> None:
        """ "Copy" in QuickBooks: another invoice that says the same, number and all."""
        seen = self.pick("books", "invoice", which)
        if seen is not None:
            with self.acting():
                for _ in range(times):
                    self._copy(seen)

    def _copy(self, seen: Version) -> None:
        body = {name: seen.raw[name] for name in ("CustomerRef", "TxnDate", "DueDate", "DocNumber") if name in seen.raw}
        lines = [sales_line(amount, text) for text, amount in seen.values["lines"]]
        self.world.accountant.save("Invoice", {**body, "Line": lines}, include="allowduplicatedocnum")

    def stranger(self) -> None:
        """A customer and an invoice that have nothing to do with the source."""
        with self.acting():
            made = customer(self.world, f"Stranger {self.serial()}")
            line = sales_line("42.00", f"X{self.serial()}")
            self.world.accountant.save("Invoice", {"CustomerRef": {"value": made["Id"]}, "Line": [line]})

    def enter_before(self, which: int, *, times: int, same: bool) -> None:
        """What the source is about to send is in the books already, entered by hand, once or twice, as it is in the
        source or with something else said in it."""
        linked = {version.values["tag"] for version in self.truth.books.of("invoice")}
        seen = self.pick("source", "invoice", which, lambda v: live(v) and v.values["tag"] not in linked)
        if seen is not None:
            with self.acting():
                for _ in range(times):
                    self._enter(seen, same=same)

    def enter_draft(self) -> None:
        """The accountant types in an invoice that is still a draft in the source: the latest one."""
        seen = self.pick("source", "invoice", -1, _is_draft)
        if seen is not None:
            with self.acting():
                self._enter(seen)

    def _enter(self, seen: Version, *, same: bool = True) -> None:
        """The invoice of the source, typed into QuickBooks."""
        client = self.truth.source.now["client", seen.values["client"]].values["name"]
        there = self.truth.tagged(self.truth.books, "client", client)
        who = there[0].name[1] if there else customer(self.world, client)["Id"]
        notes = seen.values["notes"] if same else f"t{self.serial()}"
        body: Json = {
            "CustomerRef": {"value": who},
            "TxnDate": seen.values["issue_date"],
            "DueDate": seen.values["due_date"],
            "CustomerMemo": {"value": notes},
            "Line": [sales_line(amount, text) for text, amount in seen.values["lines"]],
        }
        if seen.values["number"]:
            body["DocNumber"] = seen.values["number"]
        self.world.accountant.save("Invoice", body, include="allowduplicatedocnum")

    def put_client(self, *, known: bool, other: bool) -> None:
        """A new client with an invoice; perhaps ``known`` to the accountant already, with an ``other`` address."""
        name, address = f"Client {self.serial()}", f"k{self.serial()}@example.com"
        with self.acting():
            self._sql((_CLIENT, {"name": name, "email": address}))
            if known:
                theirs = f"k{self.serial()}@example.com" if other else address
                customer(self.world, name, PrimaryEmailAddr={"Address": theirs})
        self.put_invoice(len(self.truth.source.of("client")) - 1)

    # ---- at the very moment of a write

    def meddle(self, intent: Intent, how: str) -> None:
        """Somebody acts on the record that is about to be written: ``there`` (where it is written) or at its
        ``origin``, by the ``same`` field where there is one, or by removing it."""
        where, what = how.split()
        operation = json.loads(intent.operation)
        mine = "books" if intent.side is Side.QBO else "source"
        side = mine if where == "there" else {"books": "source", "source": "books"}[mine]
        name = (intent.kind.value, intent.qbo_id if side == "books" else intent.source_id)
        of = self.truth.books if side == "books" else self.truth.source
        with self.stage.wire.aside():
            self.truth.note(SYNCD)
        seen = of.now.get(name)
        if seen is None and intent.kind is Kind.INVOICE and intent.verb is Verb.CREATE and side == "books":
            origin = self.truth.source.now.get((intent.kind.value, intent.source_id))
            if origin is not None:
                with self.acting():
                    self._enter(origin)
        elif seen is not None and intent.kind is not Kind.CLIENT:
            self._meddle_with(side, seen, what, operation.get("fields", []))

    def _meddle_with(self, side: str, seen: Version, what: str, fields: list[str]) -> None:
        if what == "removed":
            (self._delete_books if side == "books" else self._delete_source)(seen)
        elif seen.name[0] == "payment":
            (self._edit_books_payment if side == "books" else self._edit_source_payment)(seen)
        elif live(seen):
            known = {"due_date": "due", "notes": "notes", "lines": "amount"}
            same = next((known[name] for name in fields if name in known), "notes")
            (self._edit_books if side == "books" else self._edit_source)(seen, same if what == "same" else "due")


def _is_draft(version: Version) -> bool:
    return bool(version.values["state"] == "draft")


MEDDLING = ("there same", "there other", "there removed", "origin same", "origin removed")

_LONG = " long" * 300
_CLIENT = "INSERT INTO client (name, currency, email) VALUES (:name, 'USD', :email)"
_LAST = "(SELECT max(id) FROM invoice)"
_INVOICE = (
    "INSERT INTO invoice (id, client_id, number, state, issue_date, due_date, currency, total, notes) VALUES "
    "(:id, :client, :number, :state, '2026-03-05', '2026-04-05', 'USD', :total, 'new')"
)
_LINE = (
    "INSERT INTO invoice_line (invoice_id, position, description, amount, quantity, rate, taxable) VALUES "
    "({parent}, :place, :text, :amount, '1', :amount, 0)"
)
_PAYMENT = (
    "INSERT INTO payment (client_id, date, amount, currency, reference) VALUES (:client, :day, '3.50', 'USD', :tag)"
)


def _insert(table: str, row: Json) -> tuple[str, Json]:
    names = [name for name in row if name not in {"version", "updated_at"}]
    places = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", row
