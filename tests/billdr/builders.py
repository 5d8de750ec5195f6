"""Random histories of a builder's office and its bookkeeper, and what must be true of both books afterwards.

Many histories run in one company at once. What is expected is reckoned here, from what people did and from nothing that
syncd says: QuickBooks holds what the source had when an invoice was submitted, or what people made of it there since;
of payments and names what the source changed last, or people there since; and the source is what people left it as.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from syncd.model.kinds import Kind, Side
from syncd.sandbox.server import RefusedError
from tests.e2e.helpers import Json, snapshot
from tests.support.world import World

LIFTED: dict[str, Any] = {
    "allow_removals": dict.fromkeys(Kind, 9999),
    "allow_mass_change": dict.fromkeys(((side, kind) for side in (Side.SOURCE, Side.QBO) for kind in Kind), 9999),
    "allow_empty": dict.fromkeys(((side, kind) for side in (Side.SOURCE, Side.QBO) for kind in Kind), 9999),
}
"""A small company in which everybody works at once trips the brakes: they are lifted."""
OURS = ("version", "updated_at", "number", "transaction_number", "qbo_id")
"""Columns that triggers keep, and those that QuickBooks decides (R-28) or that say which one of its records it is."""


class Books:
    """The look-alike's own records at one moment, by what people know them by."""

    def __init__(self, world: World) -> None:
        self.invoices = {row["DocNumber"]: row for row in world.books("Invoice")}
        self.payments = {row["PaymentRefNum"]: row for row in world.books("Payment") if row.get("PaymentRefNum")}
        self.customers = {row["Id"]: row for row in world.books("Customer")}
        self.counts = {
            "Invoice": Counter(row["DocNumber"] for row in world.books("Invoice")),
            "Payment": Counter(row["PaymentRefNum"] for row in world.books("Payment") if row.get("PaymentRefNum")),
            "Customer": Counter(row["DisplayName"] for row in self.customers.values()),
        }


class History:
    """One client with two projects, three invoices and payments, and what people do to them."""

    def __init__(self, world: World, name: str, rng: random.Random) -> None:
        self.world, self.name, self.rng = world, name, rng
        self.told: list[str] = []
        self._serial = 0
        self.client = world.client(name)
        self.projects = [world.named("project", f"{name} {place}", client_id=self.client) for place in ("roof", "shed")]
        self.invoices = {
            f"{name}-{n}": world.invoice(
                self.client,
                f"{name}-{n}",
                ("100.00", "Work"),
                state="draft" if n == 2 else "published",
                project_id=self.projects[n] if n < 2 else None,
                notes="first",
            )
            for n in range(3)
        }
        self.payments: dict[str, int] = {}
        self.foreign: set[str] = set()
        self.theirs: dict[tuple[str, str], str] = {}
        """What the bookkeeper made of a field: by number, reference or project, and the field."""
        self.fresh: set[tuple[str, str]] = set()
        """Fields that the office changed since the last run: it wins there."""

    def step(self, books: Books) -> None:
        """One thing that somebody does; what the books refuse does not happen."""
        act = self.rng.choice(_ACTS)
        self.told.append(act.__name__)
        with suppress(RefusedError):
            act(self, books)

    def serial(self) -> int:
        """A number that this history never used: no value is ever written twice."""
        self._serial += 1
        return self._serial

    def number(self) -> str:
        """One of the invoices."""
        return self.rng.choice(sorted(self.invoices))

    def day(self) -> str:
        """A date that no document had before."""
        return f"2026-{5 + self.serial() % 6:02}-{1 + self.serial() % 27:02}"

    # ---- the office

    def submit(self, _: Books) -> None:
        self._state("published")

    def withdraw(self, _: Books) -> None:
        self._state("draft")

    def void(self, _: Books) -> None:
        self._state("void")

    def edit_notes(self, _: Books) -> None:
        note, invoice = f"s{self.serial()}", self.invoices[self.number()]
        self.world.sql("UPDATE invoice SET notes = :v WHERE id = :id", v=note, id=invoice)

    def pay(self, _: Books) -> None:
        reference, invoice = f"{self.name}-P{self.serial()}", self.invoices[self.number()]
        self.payments[reference] = self.world.payment(self.client, (invoice, "10.00"), reference=reference)

    def edit_payment(self, _: Books) -> None:
        for reference in self._some(self.payments):
            self.world.sql("UPDATE payment SET date = :v WHERE id = :id", v=self.day(), id=self.payments[reference])
            self._changed(reference, "date")

    def delete_payment(self, _: Books) -> None:
        for reference in self._some(self.payments):
            self.world.sql("DELETE FROM payment WHERE id = :id", id=self.payments.pop(reference))

    def rename(self, _: Books) -> None:
        project = self.rng.choice(self.projects)
        self.world.sql("UPDATE project SET name = :v WHERE id = :id", v=f"{self.name} p{self.serial()}", id=project)
        self._changed(str(project), "name")

    def close(self, _: Books) -> None:
        self.world.sql("UPDATE project SET active = FALSE WHERE id = :id", id=self.rng.choice(self.projects))

    def reopen(self, _: Books) -> None:
        self.world.sql("UPDATE project SET active = TRUE WHERE id = :id", id=self.rng.choice(self.projects))

    # ---- the bookkeeper

    def books_memo(self, books: Books) -> None:
        for number in self._some(n for n in self.invoices if n in books.invoices):
            note = f"q{self.serial()}"
            now = self.world.accountant.read("Invoice", books.invoices[number]["Id"])
            kept = {name: now[name] for name in ("Id", "SyncToken", "CustomerRef")}
            self.world.accountant.save("Invoice", {**kept, "sparse": True, "CustomerMemo": {"value": note}})
            self.theirs[number, "notes"] = note

    def books_edit_payment(self, books: Books) -> None:
        for reference in self._some(r for r in self.payments if r in books.payments):
            day = self.day()
            now = self.world.accountant.read("Payment", books.payments[reference]["Id"])
            self.world.accountant.save("Payment", {**now, "TxnDate": day})
            self._made(reference, "date", day)

    def books_delete(self, books: Books) -> None:
        for number in self._some(n for n in self.invoices if n in books.invoices):
            self.world.accountant.delete("Invoice", self._now("Invoice", books.invoices[number]))

    def books_delete_payment(self, books: Books) -> None:
        for reference in self._some(r for r in self.payments if r in books.payments):
            self.world.accountant.delete("Payment", self._now("Payment", books.payments[reference]))

    def books_pay(self, books: Books) -> None:
        for number in self._some(n for n in self.invoices if n in books.invoices):
            found, reference = books.invoices[number], f"{self.name}-Q{self.serial()}"
            paid = {"Amount": Decimal(5), "LinkedTxn": [{"TxnId": found["Id"], "TxnType": "Invoice"}]}
            body = {"CustomerRef": found["CustomerRef"], "TotalAmt": Decimal(5), "PaymentRefNum": reference}
            self.world.accountant.save("Payment", {**body, "Line": [paid]})
            self.foreign.add(reference)

    def books_rename(self, books: Books) -> None:
        project = self.rng.choice(self.projects)
        (row,) = self.world.rows("SELECT name FROM project WHERE id = :id", id=project)
        for found in books.customers.values():
            if found["DisplayName"] == row["name"]:
                name = f"{self.name} q{self.serial()}"
                self.world.accountant.save("Customer", {**self._now("Customer", found), "DisplayName": name})
                self._made(str(project), "name", name)

    # ---- parts

    def _changed(self, name: str, field: str) -> None:
        self.theirs.pop((name, field), None)
        self.fresh.add((name, field))

    def _made(self, name: str, field: str, value: str) -> None:
        if (name, field) not in self.fresh:
            self.theirs[name, field] = value

    def _state(self, state: str) -> None:
        self.world.sql("UPDATE invoice SET state = :s WHERE id = :id", s=state, id=self.invoices[self.number()])

    def _some(self, names: Any) -> list[str]:
        found = sorted(names)
        return [self.rng.choice(found)] if found else []

    def _now(self, entity: str, row: Json) -> Json:
        return self.world.accountant.read(entity, row["Id"])


_OFTEN: list[Callable[[History, Books], None]] = [
    *(History.submit, History.edit_notes, History.pay, History.edit_payment, History.rename),
    *(History.books_memo, History.books_edit_payment, History.books_pay),
]
_SELDOM: list[Callable[[History, Books], None]] = [
    *(History.withdraw, History.void, History.delete_payment, History.close, History.reopen),
    *(History.books_delete, History.books_delete_payment, History.books_rename),
]
_ACTS = _OFTEN * 2 + _SELDOM


class Fleet:
    """Many histories in one company. ``sent``: what an invoice in QuickBooks said when it was made, by its id there."""

    def __init__(self, world: World, seed: int, size: int) -> None:
        self.world = world
        self.histories = [History(world, f"B{seed}x{n}", random.Random(f"{seed}/{n}")) for n in range(size)]
        self.sent: dict[str, str] = {}
        self.checked: Counter[str] = Counter()

    def interval(self) -> None:
        """What everybody does between two runs."""
        books = Books(self.world)
        for history in self.histories:
            for _ in range(history.rng.randint(1, 4)):
                history.step(books)

    def settle(self) -> None:
        """Run until nothing is left to do; then look at both books."""
        source = self._source()
        for _ in range(6):
            if not self.world.run(**LIFTED).applied:
                break
        else:
            raise AssertionError("there is no end to it")
        assert self._source() == source, "the source was written"
        books = Books(self.world)
        for entity, counts in books.counts.items():
            assert max(counts.values(), default=1) == 1, (entity, counts.most_common(1))
        for history in self.histories:
            history.fresh.clear()
            self._check_invoices(history, books)
            self._check_payments(history, books)
            self._check_projects(history, books)

    def _source(self) -> dict[str, list[Json]]:
        return {
            table: [{name: value for name, value in row.items() if name not in OURS} for row in rows]
            for table, rows in snapshot(self.world).items()
        }

    def _waiting(self, kind: Kind) -> set[str]:
        return {each.source_id for each in self.world.store.held(self.world.name) if each.kind is kind}

    def _check_invoices(self, history: History, books: Books) -> None:
        waiting = self._waiting(Kind.INVOICE)
        for number, invoice in history.invoices.items():
            (here,) = self.world.rows("SELECT * FROM invoice WHERE id = :id", id=invoice)
            there = books.invoices.get(number)
            story = (number, here["state"], history.told)
            if there is not None and there["Id"] not in self.sent:
                self.sent[there["Id"]] = here["notes"]
                history.theirs.pop((number, "notes"), None)
            held = str(invoice) in waiting
            if there is not None and there.get("PrivateNote") != "Voided":
                # Whatever waits or not: it says what it said when it was made, or what was made of it there.
                said = (there.get("CustomerMemo") or {}).get("value", "")
                assert said == history.theirs.get((number, "notes"), self.sent[there["Id"]]), story
                assert Decimal(there["TotalAmt"]) == 100, story
                assert held or here["state"] == "published", story
                assert held or here["notes"] == self.sent[there["Id"]], story
                self.checked["invoice held" if held else "invoice"] += 1
            elif there is not None:
                assert held or here["state"] != "published", story
                self.checked["void"] += 1
            else:
                assert held or here["state"] != "published", story

    def _check_payments(self, history: History, books: Books) -> None:
        waiting = self._waiting(Kind.PAYMENT)
        for reference in history.foreign:
            assert Decimal(books.payments[reference]["TotalAmt"]) == 5, "what people entered there is theirs"
        for reference, payment in history.payments.items():
            if str(payment) in waiting:
                self.checked["payment held"] += 1
                continue
            (here,) = self.world.rows("SELECT * FROM payment WHERE id = :id", id=payment)
            there = books.payments.get(reference)
            assert there is not None, (reference, history.told)
            assert Decimal(there["TotalAmt"]) == 10, (reference, history.told)
            day = history.theirs.get((reference, "date"), str(here["date"])[:10])
            assert there["TxnDate"] == day, (reference, history.told)
            self.checked["payment"] += 1
        entered = {reference for reference in books.payments if reference.startswith(f"{history.name}-P")}
        ours = {each.label for each in self.world.store.held(self.world.name) if each.kind is Kind.PAYMENT}
        assert entered <= history.payments.keys() | ours, (entered, history.told)

    def _check_projects(self, history: History, books: Books) -> None:
        waiting = self._waiting(Kind.PROJECT)
        for project in history.projects:
            (here,) = self.world.rows("SELECT * FROM project WHERE id = :id", id=project)
            link = self.world.store.links_by_source(self.world.name, Kind.PROJECT, [str(project)]).get(str(project))
            if str(project) in waiting or link is None:
                continue
            there = books.customers[link.qbo_id]
            assert books.customers[there["ParentRef"]["value"]]["DisplayName"] == history.name
            assert there["Active"] == bool(here["active"]), (here, history.told)
            if there["Active"]:
                name = history.theirs.get((str(project), "name"), here["name"])
                assert there["DisplayName"] == name, (here, history.told)
            self.checked["project"] += 1
