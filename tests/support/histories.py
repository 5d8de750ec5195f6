"""Random histories of people who work on both sides, and what must be true afterwards.

Many histories run in one company at the same time, each with a client, a member and documents of its own, so that a run
settles all of them at once. What is expected is reckoned here, from what people did and from nothing that syncd says:
of a document's field the value that QuickBooks has, if it is another than what both agreed on last, else the source's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

from syncd.model.kinds import Kind, Side
from syncd.sandbox.server import RefusedError
from tests.support.world import World

Json = dict[str, Any]
Field = tuple[str, str]
"""An invoice's number and the name of a field."""

LIFTED: dict[str, Any] = {
    "allow_removals": dict.fromkeys((Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT, Kind.CREDIT_APPLICATION), 9999),
    "allow_mass_change": dict.fromkeys(((side, kind) for side in (Side.SOURCE, Side.QBO) for kind in Kind), 9999),
    "allow_empty": dict.fromkeys(((side, kind) for side in (Side.SOURCE, Side.QBO) for kind in Kind), 9999),
}
"""A small company in which everybody works at once trips the brakes for mass changes and removals: they are lifted."""

CENT = Decimal("0.01")


class Books:
    """The look-alike's own records at one moment, by what people know them by."""

    def __init__(self, world: World) -> None:
        self.invoices = {row["DocNumber"]: row for row in world.books("Invoice")}
        self.memos = {row["DocNumber"]: row for row in world.books("CreditMemo")}
        rows = world.books("Payment")
        self.payments = {row["PaymentRefNum"]: row for row in rows if row.get("PaymentRefNum")}
        self.applications = [row for row in rows if not row.get("PaymentRefNum")]
        self.bills = world.books("Bill")
        self.counts = {
            "Invoice": Counter(row["DocNumber"] for row in world.books("Invoice")),
            "CreditMemo": Counter(row["DocNumber"] for row in world.books("CreditMemo")),
            "Payment": Counter(row["PaymentRefNum"] for row in rows if row.get("PaymentRefNum")),
            "Customer": Counter(row["DisplayName"] for row in world.books("Customer")),
            "Vendor": Counter(row["DisplayName"] for row in world.books("Vendor")),
        }


class History:
    """One client with its invoices, credit note, payments and expenses, and what people do to them."""

    def __init__(self, world: World, name: str, rng: random.Random) -> None:
        self.world, self.name, self.rng = world, name, rng
        self.told: list[str] = []
        self.client = world.client(name)
        self.member = world.member(f"{name} Staff", currency="USD")
        self.invoices = {
            f"{name}-{n}": world.invoice(
                self.client, f"{name}-{n}", ("100.00", "Work"), state="draft" if n == 2 else "published", notes="first"
            )
            for n in range(3)
        }
        self.note = world.credit_note(self.client, f"{name}-CN", ("40.00", "Correction"), state="published")
        self.expenses: list[int] = []
        self.references: set[str] = set()
        self._serial = 0

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

    def money(self) -> Decimal:
        """An amount that no document had before."""
        return Decimal(self.rng.randrange(1000, 9000)) * CENT + self.serial()

    # ---- the source

    def edit_notes(self, books: Books) -> None:
        self.world.sql("UPDATE invoice SET notes = :v WHERE id = :id", v=f"s{self.serial()}", id=self._id())

    def edit_due(self, books: Books) -> None:
        day = f"2026-{5 + self.serial() % 6:02}-{1 + self.serial() % 27:02}"
        self.world.sql("UPDATE invoice SET due_date = :v WHERE id = :id", v=day, id=self._id())

    def edit_amount(self, books: Books) -> None:
        value, invoice = str(self.money()), self._id()
        self.world.sql("DELETE FROM invoice_line WHERE invoice_id = :id AND position > 1", id=invoice)
        self.world.sql(
            "UPDATE invoice_line SET amount = :v, rate = :v, quantity = '1' WHERE invoice_id = :id", v=value, id=invoice
        )
        self.world.sql("UPDATE invoice SET total = :v WHERE id = :id", v=value, id=invoice)

    def publish(self, books: Books) -> None:
        self.world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=self._id())

    def unpublish(self, books: Books) -> None:
        self.world.sql("UPDATE invoice SET state = 'draft' WHERE id = :id", id=self._id())

    def pay(self, books: Books) -> None:
        reference = f"{self.name}-P{self.serial()}"
        self.references.add(reference)
        self.world.payment(self.client, (self._id(), "10.00"), reference=reference)

    def delete_payment(self, books: Books) -> None:
        rows = self.world.rows("SELECT id FROM payment WHERE client_id = :c ORDER BY id", c=self.client)
        if rows:
            payment = self.rng.choice(rows)["id"]
            self.world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=payment)
            self.world.sql("DELETE FROM payment WHERE id = :id", id=payment)

    def use_credit(self, books: Books) -> None:
        if not self.world.rows("SELECT 1 FROM credit_application WHERE credit_note_id = :n", n=self.note):
            self.world.apply_credit(self.note, (self._id(), "15.00"))

    def take_credit_back(self, books: Books) -> None:
        for row in self.world.rows("SELECT id FROM credit_application WHERE credit_note_id = :n", n=self.note):
            self.world.sql("DELETE FROM credit_application_part WHERE credit_application_id = :id", id=row["id"])
            self.world.sql("DELETE FROM credit_application WHERE id = :id", id=row["id"])

    def spend(self, books: Books) -> None:
        tag = f"{self.name}-X{self.serial()}"
        status = self.rng.choice(["approved", "approved", "pending_approval"])
        report = self.rng.choice(["r1", "r2"])
        self.expenses.append(
            self.world.expense(self.member, str(self.money()), merchant=tag, report=report, status=status)
        )

    def approve(self, books: Books) -> None:
        self._expense("UPDATE expense SET status = 'approved' WHERE id = :id")

    def disapprove(self, books: Books) -> None:
        self._expense("UPDATE expense SET status = 'rejected' WHERE id = :id")

    def change_expense(self, books: Books) -> None:
        self._expense("UPDATE expense SET amount = :v WHERE id = :id", v=str(self.money()))

    # ---- the books

    def books_memo(self, books: Books) -> None:
        self._change(books, CustomerMemo={"value": f"q{self.serial()}"})

    def books_due(self, books: Books) -> None:
        self._change(books, DueDate=f"2026-{5 + self.serial() % 6:02}-{1 + self.serial() % 27:02}")

    def books_amount(self, books: Books) -> None:
        value = self.money()
        detail = {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": value}
        line = {"Amount": value, "Description": "Work", "DetailType": "SalesItemLineDetail"}
        self._change(books, Line=[{**line, "SalesItemLineDetail": detail}])

    def books_pay(self, books: Books) -> None:
        found = books.invoices.get(self.number())
        if found is None or Decimal(found["Balance"]) < 20:
            return
        reference = f"{self.name}-Q{self.serial()}"
        self.references.add(reference)
        paid = {"Amount": Decimal(12), "LinkedTxn": [{"TxnId": found["Id"], "TxnType": "Invoice"}]}
        body = {"CustomerRef": found["CustomerRef"], "TotalAmt": Decimal(12), "TxnDate": "2026-04-10"}
        self.world.accountant.save("Payment", {**body, "PaymentRefNum": reference, "Line": [paid]})

    def books_edit_payment(self, books: Books) -> None:
        for row in self._payments(books):
            day = f"2026-07-{1 + self.serial() % 27:02}"
            self.world.accountant.save("Payment", {**self._now("Payment", row), "TxnDate": day})

    def books_delete_payment(self, books: Books) -> None:
        for row in self._payments(books):
            self.world.accountant.delete("Payment", self._now("Payment", row))

    def books_pay_bill(self, books: Books) -> None:
        mine = [bill for bill in books.bills if bill["VendorRef"]["name"] == f"{self.name} Staff" and bill["Balance"]]
        for bill in mine[:1]:
            account = next(a for a in self.world.books("Account") if a["AccountType"] == "Bank")
            linked = {"Amount": bill["Balance"], "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}
            body = {"VendorRef": bill["VendorRef"], "TotalAmt": bill["Balance"], "PayType": "Check", "Line": [linked]}
            check = {"BankAccountRef": {"value": account["Id"]}}
            self.world.accountant.save("BillPayment", {**body, "CheckPayment": check})

    # ---- parts

    def _id(self) -> int:
        return self.invoices[self.number()]

    def _expense(self, statement: str, **values: Any) -> None:
        if self.expenses:
            self.world.sql(statement, id=self.rng.choice(self.expenses), **values)

    def _now(self, entity: str, row: Json) -> Json:
        return self.world.accountant.read(entity, row["Id"])

    def _change(self, books: Books, **fields: Any) -> None:
        found = books.invoices.get(self.number())
        if found is not None:
            now = self._now("Invoice", found)
            kept = {name: now[name] for name in ("Id", "SyncToken", "CustomerRef")}
            self.world.accountant.save("Invoice", {**kept, "sparse": True, **fields})

    def _payments(self, books: Books) -> list[Json]:
        mine = [row for reference, row in sorted(books.payments.items()) if reference in self.references]
        return [self.rng.choice(mine)] if mine else []


_OFTEN: list[Callable[[History, Books], None]] = [
    *(History.edit_notes, History.edit_due, History.edit_amount, History.publish, History.pay, History.spend),
    *(History.use_credit, History.books_memo, History.books_due, History.books_amount, History.books_pay),
]
_SELDOM: list[Callable[[History, Books], None]] = [
    *(History.unpublish, History.delete_payment, History.take_credit_back, History.approve, History.disapprove),
    *(History.change_expense, History.books_edit_payment, History.books_delete_payment, History.books_pay_bill),
]
_ACTS = _OFTEN * 2 + _SELDOM


class Fleet:
    """Many histories in one company, with what both sides agreed on last."""

    def __init__(self, world: World, seed: int, size: int) -> None:
        self.world = world
        self.histories = [History(world, f"H{seed}x{n}", random.Random(f"{seed}/{n}")) for n in range(size)]
        self.agreed: dict[Field, str] = {}

    def interval(self) -> None:
        """What everybody does between two runs."""
        books = Books(self.world)
        for history in self.histories:
            for _ in range(history.rng.randint(1, 4)):
                history.step(books)

    def settle(self) -> None:
        """Run until nothing is left to write, and remember what the outcome has to be."""
        wanted = dict(self._wanted())
        for _ in range(4):
            if not self.world.run(**LIFTED).applied:
                break
        self._check_fields(wanted)
        self._check_documents()

    # ---- what must be true

    def _wanted(self) -> Iterator[tuple[Field, str]]:
        """Of every published invoice's field: QuickBooks' value if it is new there, else the source's."""
        books, source = Books(self.world), self._source()
        for number, row in source.items():
            if row["state"] != "published":
                continue
            there = _fields_there(books.invoices[number]) if number in books.invoices else {}
            for name, mine in _fields_here(row).items():
                base = self.agreed.get((number, name))
                theirs = there.get(name, base)
                yield (number, name), theirs if base is not None and theirs is not None and theirs != base else mine

    def _check_fields(self, wanted: dict[Field, str]) -> None:
        books, source = Books(self.world), self._source()
        waiting = self._waiting(Kind.INVOICE)
        for (number, name), value in wanted.items():
            if number in waiting:
                continue
            here, there = _fields_here(source[number])[name], _fields_there(books.invoices[number])[name]
            assert (here, there) == (value, value), (number, name, self._story(number))
            self.agreed[number, name] = value

    def _check_documents(self) -> None:
        books = Books(self.world)
        for entity, counts in books.counts.items():
            assert max(counts.values(), default=1) == 1, (entity, counts.most_common(1))
        self._check_payments(books)
        self._check_credits(books)
        self._check_bills(books)

    def _check_payments(self, books: Books) -> None:
        rows = self.world.rows(
            "SELECT p.id, p.reference, p.amount, p.date, i.number FROM payment p "
            "JOIN payment_allocation a ON a.payment_id = p.id JOIN invoice i ON i.id = a.invoice_id"
        )
        here = {row["reference"]: row for row in rows}
        entered = {reference for history in self.histories for reference in history.references}
        assert here.keys() <= entered, "a payment that nobody entered"
        assert max(Counter(row["reference"] for row in rows).values(), default=1) == 1, "a payment twice"
        held = {each.label for each in self.world.store.held(self.world.name) if each.kind is Kind.PAYMENT}
        blocked = self._waiting(Kind.INVOICE) | {n for n, row in self._source().items() if row["state"] != "published"}
        for reference in entered:
            mine, theirs = here.get(reference), books.payments.get(reference)
            if reference in held or (mine is not None and mine["number"] in blocked):
                continue
            if mine is None and theirs is not None and not _pays_an_invoice(theirs):
                continue  # its invoice came down below what was paid: the rest is the client's credit, and left alone
            assert (mine is None) == (theirs is None), (reference, self._story(reference))
            if mine is not None and theirs is not None:
                assert Decimal(str(mine["amount"])) == Decimal(theirs["TotalAmt"])
                assert str(mine["date"])[:10] == theirs["TxnDate"]

    def _check_credits(self, books: Books) -> None:
        """A credit that is used is used once, by a payment of zero that never comes back as money."""
        used = Counter(
            (link["TxnType"], link["TxnId"])
            for row in books.applications
            for line in row["Line"]
            for link in line["LinkedTxn"]
            if link["TxnType"] == "CreditMemo"
        )
        assert max(used.values(), default=1) == 1, "a credit used twice"
        assert all(not Decimal(row["TotalAmt"]) for row in books.applications)
        here = self.world.rows("SELECT count(*) AS n FROM credit_application WHERE qbo_id IS NOT NULL")[0]["n"]
        assert here == len(books.applications) or self._waiting(Kind.CREDIT_APPLICATION), (here, books.applications)

    def _check_bills(self, books: Books) -> None:
        """Each expense stands on one bill at most, and one that is owed on exactly one, with its amount."""
        lines = [line for bill in books.bills for line in bill["Line"] if line.get("Description")]
        billed = Counter(line["Description"] for line in lines)
        amounts = {line["Description"]: Decimal(line["Amount"]) for line in lines}
        assert max(billed.values(), default=1) == 1, f"an expense billed twice: {billed.most_common(1)}"
        held = [each.label for each in self.world.store.held(self.world.name) if each.kind is Kind.BILL]
        if held:
            return
        for row in self.world.rows("SELECT merchant, amount, status, reimbursed FROM expense"):
            if row["status"] == "approved":
                assert billed[row["merchant"]] == 1, row
                assert amounts[row["merchant"]] == Decimal(str(row["amount"])), row
            elif not row["reimbursed"]:
                assert billed[row["merchant"]] == 0, row

    # ---- parts

    def _source(self) -> dict[str, Json]:
        return {row["number"]: row for row in self.world.rows("SELECT * FROM invoice WHERE number IS NOT NULL")}

    def _waiting(self, kind: Kind) -> set[str]:
        return {each.label for each in self.world.store.held(self.world.name) if each.kind is kind}

    def _story(self, label: str) -> list[str]:
        return next((h.told for h in self.histories if label.startswith(f"{h.name}-")), [])


def _pays_an_invoice(payment: Json) -> bool:
    return any(link["TxnType"] == "Invoice" for line in payment.get("Line", ()) for link in line["LinkedTxn"])


def _fields_here(row: Json) -> dict[str, str]:
    return {
        "notes": row["notes"] or "",
        "due": str(row["due_date"])[:10],
        "total": str(Decimal(str(row["total"])).quantize(CENT)),
    }


def _fields_there(row: Json) -> dict[str, str]:
    return {
        "notes": row.get("CustomerMemo", {}).get("value", ""),
        "due": row["DueDate"],
        "total": str(Decimal(row["TotalAmt"]).quantize(CENT)),
    }
