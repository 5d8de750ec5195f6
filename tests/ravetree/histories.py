"""Random histories of people who work on both sides of a company with this profile, and what must be true afterwards.

What is expected is reckoned here, from what people did and from nothing that syncd says:

* The source's content is what its own people entered, to the letter: nothing of it ever comes back (V-13).
* QuickBooks' content is the source's, but for what an accountant changed there and nobody changed in the source since.
* What was sent on one side is sent on both; what has no balance is marked as paid, and nothing else is (V-10).
* Every payment is on both sides, once, with the same amount and date (V-9); a mark made at most one (C-V3).
* No document and no customer is there twice. Invoices and payments that wait for a person are left out, and only they.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from syncd.model.kinds import Kind
from syncd.sandbox.server import RefusedError
from tests.ravetree.helpers import emailed, invoice
from tests.support.histories import LIFTED
from tests.support.world import World

Json = dict[str, Any]
FIELDS = ("notes", "due", "total")
CENT = Decimal("0.01")


def cents(value: object) -> str:
    """An amount as both books are compared."""
    return str(Decimal(str(value)).quantize(CENT))


class History:
    """One client with its invoices and payments, and what people do to them."""

    def __init__(self, world: World, name: str, rng: random.Random) -> None:
        self.world, self.name, self.rng = world, name, rng
        self.told: list[str] = []
        self.client = world.client(name)
        self.mine: dict[str, Json] = {}
        """By number, what the source's people entered."""
        self.theirs: dict[tuple[str, str], str] = {}
        """By number and field, what an accountant made of it."""
        self.loose: set[str] = set()
        """Invoices of which a person said that the source's values stand."""
        self.references: set[str] = set()
        self._serial = 0
        for place in range(3):
            number = f"{name}-{place}"
            state = "draft" if place == 2 else "sent"
            made = invoice(world, self.client, number, ("100.00", "Work", "time"), state=state, notes="first")
            self.mine[number] = {"id": made, "notes": "first", "due": "2026-04-01", "total": "100.00", "state": state}

    def step(self) -> None:
        """One thing that somebody does; what the books refuse does not happen."""
        act = self.rng.choice(_ACTS)
        with suppress(RefusedError):
            act(self, self.rng.choice(sorted(self.mine)))
        self.told.append(act.__name__)

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def money(self) -> Decimal:
        """An amount that no document had before."""
        return Decimal(self.rng.randrange(5000, 9000)) * CENT + self.serial()

    def day(self) -> str:
        return f"2026-{5 + self.serial() % 6:02}-{1 + self.serial() % 27:02}"

    # ---- the source

    def edit_notes(self, number: str) -> None:
        self._enter(number, "notes", f"s{self.serial()}")

    def edit_due(self, number: str) -> None:
        self._enter(number, "due", self.day(), column="due_date")

    def edit_amount(self, number: str) -> None:
        value = str(self.money())
        with self.world.entering():
            self.world.sql(
                "UPDATE invoice_line SET amount = :v, rate = :v WHERE invoice_id = :id",
                v=value,
                id=self.mine[number]["id"],
            )
            self._enter(number, "total", value)

    def send(self, number: str) -> None:
        self._enter(number, "state", "sent")

    def pay(self, number: str) -> None:
        reference = f"{self.name}-P{self.serial()}"
        self.references.add(reference)
        self.world.payment(self.client, (self.mine[number]["id"], "10.00"), reference=reference)

    def edit_payment(self, number: str) -> None:
        rows = self.world.rows("SELECT id FROM payment WHERE client_id = :c ORDER BY id", c=self.client)
        if rows:
            self.world.sql("UPDATE payment SET date = :v WHERE id = :id", v=self.day(), id=self.rng.choice(rows)["id"])

    def mark(self, number: str) -> None:
        self.world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=self.mine[number]["id"])

    def unmark(self, number: str) -> None:
        self.world.sql("UPDATE invoice SET paid = false WHERE id = :id", id=self.mine[number]["id"])

    # ---- the books

    def books_memo(self, number: str) -> None:
        value = f"q{self.serial()}"
        self._change(number, "notes", value, CustomerMemo={"value": value})

    def books_due(self, number: str) -> None:
        value = self.day()
        self._change(number, "due", value, DueDate=value)

    def books_amount(self, number: str) -> None:
        value = self.money()
        detail = {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": value}
        line = {"Amount": value, "Description": "Work", "DetailType": "SalesItemLineDetail"}
        self._change(number, "total", cents(value), Line=[{**line, "SalesItemLineDetail": detail}])

    def books_send(self, number: str) -> None:
        found = self._there(number)
        if found is not None:
            emailed(self.world, found)
            self.mine[number]["state"] = "sent"

    def books_pay(self, number: str) -> None:
        found = self._there(number)
        if found is None or Decimal(found["Balance"]) < 20:
            return
        amount = Decimal(found["Balance"]) if self.rng.random() < 0.4 else Decimal(12)
        reference = f"{self.name}-Q{self.serial()}"
        self.references.add(reference)
        paid = {"Amount": amount, "LinkedTxn": [{"TxnId": found["Id"], "TxnType": "Invoice"}]}
        body = {"CustomerRef": found["CustomerRef"], "TotalAmt": amount, "TxnDate": "2026-04-10"}
        self.world.accountant.save("Payment", {**body, "PaymentRefNum": reference, "Line": [paid]})

    def books_edit_payment(self, number: str) -> None:
        mine = [p for p in self.world.books("Payment") if p.get("PaymentRefNum") in self.references]
        if mine:
            now = self.world.accountant.read("Payment", self.rng.choice(mine)["Id"])
            self.world.accountant.save("Payment", {**now, "TxnDate": self.day()})

    # ---- whoever is asked

    def answer(self, number: str) -> None:
        """A person says that the source's values stand, or of a mere mark that QuickBooks' do."""
        for held in self.world.store.held(self.world.name):
            if held.kind is Kind.INVOICE and held.label == number and "accept-source" in held.actions:
                found = self._there(number)
                same = found is not None and there(found) == {name: self.mine[number][name] for name in FIELDS}
                word = "accept-qbo" if same and self.rng.random() < 0.5 else "accept-source"
                self.world.store.resolve_held(self.world.name, held.id, word, "Ann")
                self.loose.add(number)

    # ---- parts

    def _enter(self, number: str, name: str, value: str, column: str = "") -> None:
        statement = f"UPDATE invoice SET {column or name} = :v WHERE id = :id"
        self.world.sql(statement, v=value, id=self.mine[number]["id"])
        self.mine[number][name] = value
        self.theirs.pop((number, name), None)

    def _there(self, number: str) -> Json | None:
        return next((i for i in self.world.books("Invoice") if i["DocNumber"] == number), None)

    def _change(self, number: str, name: str, value: str, **fields: Any) -> None:
        found = self._there(number)
        if found is not None:
            kept = {key: found[key] for key in ("Id", "SyncToken", "CustomerRef")}
            self.world.accountant.save("Invoice", {**kept, "sparse": True, **fields})
            self.theirs[number, name] = value


_ACTS: list[Callable[[History, str], None]] = [
    *(History.edit_notes, History.edit_due, History.edit_amount, History.send, History.pay, History.edit_payment),
    *(History.books_memo, History.books_due, History.books_amount, History.books_send, History.books_pay),
    *(History.books_pay, History.books_edit_payment, History.mark, History.unmark),
]


def there(document: Json) -> Json:
    """The content of an invoice in QuickBooks, as far as people change it here."""
    return {
        "notes": document.get("CustomerMemo", {}).get("value", ""),
        "due": document["DueDate"],
        "total": cents(document["TotalAmt"]),
    }


class Fleet:
    """Many histories in one company."""

    def __init__(self, world: World, seed: int, size: int) -> None:
        self.world = world
        self.histories = [History(world, f"H{seed}x{n}", random.Random(f"{seed}/{n}")) for n in range(size)]

    def interval(self) -> None:
        """What everybody does between two runs."""
        for history in self.histories:
            for _ in range(history.rng.randint(1, 4)):
                history.step()
            for number in sorted(history.mine):
                if history.rng.random() < 0.4:
                    history.answer(number)

    def settle(self) -> None:
        """Run until nothing is left to write, and look at both books."""
        for _ in range(9):
            if not self.world.run(**LIFTED).applied:
                break
        held = {(each.kind, each.label) for each in self.world.store.held(self.world.name)}
        self._check_invoices({label for kind, label in held if kind is Kind.INVOICE})
        self._check_payments(held)
        for entity, key in (("Customer", "DisplayName"), ("Invoice", "DocNumber")):
            counts = Counter(row[key] for row in self.world.books(entity))
            assert max(counts.values()) == 1, (entity, counts.most_common(1))

    def _check_invoices(self, waiting: set[str]) -> None:
        books = {row["DocNumber"]: row for row in self.world.books("Invoice")}
        source = {row["number"]: row for row in self.world.rows("SELECT * FROM invoice")}
        for history in self.histories:
            for number, mine in history.mine.items():
                here, story = source[number], (number, history.told)
                entered = {"notes": here["notes"], "due": str(here["due_date"])[:10], "total": cents(here["total"])}
                assert entered == {name: mine[name] for name in FIELDS}, ("came back", story)
                if number in waiting:
                    continue
                assert here["state"] == mine["state"], ("sent", story)
                found = books[number]
                self._check_content(history, number, there(found))
                assert found["EmailStatus"] == ("EmailSent" if mine["state"] == "sent" else "NotSet"), story
                assert bool(here["paid"]) is (Decimal(found["Balance"]) == 0), ("paid", story)
                history.loose.discard(number)

    @staticmethod
    def _check_content(history: History, number: str, found: Json) -> None:
        for name in FIELDS:
            mine = history.mine[number][name]
            theirs = history.theirs.get((number, name))
            allowed = {mine, theirs} if number in history.loose else {mine if theirs is None else theirs}
            assert found[name] in allowed, (number, name, found[name], allowed, history.told)
            if found[name] == mine:
                history.theirs.pop((number, name), None)

    def _check_payments(self, held: set[tuple[Kind, str]]) -> None:
        rows = self.world.rows("SELECT * FROM payment")
        there = {row["Id"]: row for row in self.world.books("Payment")}
        references = Counter(row["reference"] for row in rows if row["reference"])
        assert max(references.values(), default=1) == 1, "a payment twice"
        assert references.keys() <= {r for history in self.histories for r in history.references}
        marked = self.world.rows(
            "SELECT a.invoice_id AS invoice, count(*) AS n FROM payment p JOIN payment_allocation a "
            "ON a.payment_id = p.id WHERE p.by_mark GROUP BY a.invoice_id"
        )
        assert all(row["n"] == 1 for row in marked), "one mark made two payments"
        linked = {row["qbo_id"] for row in rows if row["qbo_id"]}
        for row in rows:
            if (Kind.PAYMENT, row["reference"] or f"#{row['id']}") in held:
                linked.add(row["qbo_id"])
                continue
            other = there[row["qbo_id"]]
            assert cents(row["amount"]) == cents(other["TotalAmt"]), row
            assert str(row["date"])[:10] == other["TxnDate"], row
        left = {row["PaymentRefNum"] for key, row in there.items() if key not in linked and _pays(row)}
        assert {name for name in left if (Kind.PAYMENT, name) not in held} == set(), "a payment that did not come in"


def _pays(payment: Json) -> bool:
    return any(link["TxnType"] == "Invoice" for line in payment.get("Line", ()) for link in line["LinkedTxn"])
