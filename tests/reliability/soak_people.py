"""Those who work on both sides in the soak. No value is ever written twice, so that each can be told from all others.

Within a day nobody touches what somebody on the other side has touched, but in a conflict, which is one on purpose;
and amounts of an invoice are left alone on the day on which something is paid on it. So what has to come out is never
in doubt. What syncd holds by policy (an amount lowered below what is paid, an invoice deleted in QuickBooks) is tried
elsewhere: here everything has to go through.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from syncd.sandbox.server import Accountant
from tests.e2e.helpers import sales_line
from tests.e2e.owed import pay
from tests.reliability.soak_records import CENT, Client, Conflict, Expense, Form, Json, Name, Payment, Records, total
from tests.reliability.soak_truth import Books
from tests.support.world import World

ALL = "all of it"
"""The field that stands for a whole record."""
MONEY = "money"
"""Lines, and what is paid."""
_RECENT = 300
_TRIES = 30


class People:
    """Everybody, and what they have done today."""

    def __init__(self, world: World, books: Books, records: Records, seed: int) -> None:
        self.world, self.books, self.records = world, books, records
        self.rng = random.Random(seed)
        self.done: Counter[tuple[str, str]] = Counter()
        """Acts, by side and what."""
        self.conflicts: list[Conflict] = []
        self.touched: dict[Name, None] = {}
        self._taken: dict[Name, set[str]] = defaultdict(set)
        self._removed: Counter[str] = Counter()
        self._serial = 0
        self._published: list[Form] = []
        self._drafts: list[Form] = []
        self._withdrawn: list[Form] = []
        self._paid: list[Payment] = []
        self._unused: list[Form] = []
        self._used: list[Form] = []
        self._reports: dict[tuple[str, str], list[Expense]] = {}
        self._unpaid: list[tuple[str, str]] = []
        self.accountant = self._engage()

    def _engage(self) -> Accountant:
        """The accountant works with another app than syncd, so that no fault is meant for her."""
        sandbox = self.world.sandbox
        sandbox.admin("POST", "/apps", {"client_id": "office", "client_secret": "office-secret"})
        tokens = sandbox.tokens(self.world.realm, client_id="office", access_seconds=10**9)
        self.world.accountant = Accountant(sandbox, self.world.realm, tokens)
        return self.world.accountant

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.world.clock.now()

    @property
    def today(self) -> date:
        """The present day."""
        return self.now.date()

    def morning(self) -> None:
        """A new day: what was done is done and may be changed by anybody."""
        self.touched.clear()
        self._taken.clear()
        self._removed.clear()
        self.conflicts = []

    # ---- parts

    def serial(self) -> int:
        """A number that was never used."""
        self._serial += 1
        return self._serial

    def money(self) -> str:
        """An amount; its cents and its last digits are nobody else's for a long time."""
        return str(Decimal(self.rng.randrange(50, 2000)) + Decimal(self.serial() % 5000) * CENT)

    def _day(self) -> str:
        return (self.today + timedelta(days=30 + self.serial() % 3000)).isoformat()

    def _free(self, name: Name, *fields: str) -> bool:
        taken = self._taken.get(name, set())
        return not (taken and (ALL in fields or ALL in taken or not taken.isdisjoint(fields)))

    def _take(self, name: Name, *fields: str) -> None:
        self._taken[name].update(fields)
        self.touched[name] = None

    def _one(self, some: Sequence[Any], wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """One that is wanted, more likely a recent one; None where none was found soon."""
        for _ in range(_TRIES if some else 0):
            recent = self.rng.random() < 0.5
            found = some[self.rng.randrange(max(0, len(some) - _RECENT) if recent else 0, len(some))]
            if wanted(found):
                return found
        return None

    def _sql(self, *statements: tuple[str, Json]) -> None:
        with self.world.database.begin() as connection:
            for statement, values in statements:
                connection.execute(sa.text(statement), values)

    def _insert(self, statement: str, values: Json, *children: tuple[str, Json]) -> int:
        """A new row with its children, which name it ``:parent``; its id."""
        with self.world.database.begin() as connection:
            parent = int(connection.execute(sa.text(statement), values).lastrowid)
            for child, more in children:
                connection.execute(sa.text(child), {**more, "parent": parent})
        return parent

    def _may_remove(self, kind: str, alive: int) -> bool:
        """The brakes let so many go at once; a day's removals may all come in one cycle after a day full of faults."""
        allowed = min(8, max(1, alive * 5 // 100))
        if self._removed[kind] >= allowed:
            return False
        self._removed[kind] += 1
        return True

    # ---- what is new

    def client(self, name: str) -> Client:
        """A client of the source."""
        email = f"c{self.serial()}@example.com"
        client = Client(self._insert(_CLIENT, {"name": name, "email": email}), name, email)
        self.records.add(client)
        self._take(client.known_as, ALL)
        return client

    def form(self, kind: str, client: Client, *, state: str = "published") -> Form:
        """An invoice or a credit note of the source."""
        serial = self.serial()
        lines = [(f"Work {serial}", self.money())]
        lines += [(f"Travel {serial}", self.money())] if self.rng.random() < 0.4 else []
        values: Json = {
            "state": state,
            "issue_date": self.today.isoformat(),
            "notes": f"first {serial}",
            "lines": tuple(sorted(lines)),
        }
        if kind == "invoice":
            values["due_date"] = (self.today + timedelta(days=30)).isoformat()
        form = Form(kind, f"{'I' if kind == 'invoice' else 'C'}-{serial:06}", client, values)
        header = {**values, "number": form.number, "client": client.id, "total": str(total(form.here["lines"]))}
        header.pop("lines")
        names = "client_id, number, state, issue_date, currency, total, notes"
        places = ":client, :number, :state, :issue_date, 'USD', :total, :notes"
        if kind == "invoice":
            names, places = f"{names}, due_date", f"{places}, :due_date"
        insert = f"INSERT INTO {kind} ({names}) VALUES ({places})"
        form.id = self._insert(insert, header, *_lines(kind, form.here["lines"]))
        if state == "published":
            form.publish()
        self._known(form)
        return form

    def _known(self, form: Form) -> None:
        self.records.add(form)
        self.touched[form.known_as] = None
        if form.kind == "credit_note":
            self._unused.append(form)
        elif form.published:
            self._published.append(form)
        else:
            self._drafts.append(form)

    def payment(self, invoices: Sequence[Form], amounts: Sequence[Decimal]) -> Payment:
        """A payment entered in the source."""
        parts = {form.number: amount for form, amount in zip(invoices, amounts, strict=True)}
        payment = Payment(f"P-{self.serial():06}", invoices[0].client, self.today.isoformat(), parts)
        header = {
            "client": payment.client.id,
            "date": payment.date,
            "amount": str(payment.amount),
            "ref": payment.reference,
        }
        shares = [(_SHARE, {"i": form.id, "amount": str(parts[form.number])}) for form in invoices]
        self._insert(_PAYMENT, header, *shares)
        self._entered(payment)
        return payment

    def _entered(self, payment: Payment) -> None:
        for number, amount in payment.parts.items():
            self.records.invoices[number].used[payment.reference] = amount
            self._take(("invoice", number), MONEY)
        self.records.add(payment)
        self._paid.append(payment)
        self._take(payment.known_as, ALL)

    def apply(self, note: Form, invoice: Form, amount: Decimal) -> None:
        """The source uses a credit note for an invoice."""
        header = {"note": note.id, "date": self.today.isoformat()}
        self._insert(_APPLICATION, header, (_APPLIED, {"i": invoice.id, "amount": str(amount)}))
        self._applied(note, invoice, amount)

    def _applied(self, note: Form, invoice: Form, amount: Decimal) -> None:
        note.used[invoice.number] = invoice.used[note.number] = amount
        self._take(note.known_as, MONEY)
        self._take(invoice.known_as, MONEY)
        self._used.append(note)

    def spend(self, expenses: int, *, approved: bool = True) -> None:
        """A member of the staff hands in a report."""
        member = self.rng.choice(sorted(self.records.members))
        report = f"R-{self.serial()}"
        made = []
        for _ in range(expenses):
            tag, amount = f"X-{self.serial():06}", self.money()
            values = {
                "member": self.records.members[member],
                "report": report,
                "date": self.today.isoformat(),
                "amount": amount,
                "status": "approved" if approved else "pending_approval",
                "tag": tag,
            }
            made.append(Expense(self._insert(_EXPENSE, values), tag, member, report, amount, approved))
            self.records.add(made[-1])
            self._take(made[-1].known_as, ALL)
        self._reports[member, report] = made
        self._unpaid.append((member, report))

    # ---- acts in the source

    def new_invoice(self) -> bool:
        """An invoice, now and then of a new client."""
        fresh = self.rng.random() < 0.04
        client = self.client(f"Client {self.serial()}") if fresh else self._one(list(self.records.clients.values()))
        self.form("invoice", client, state="published" if fresh or self.rng.random() < 0.85 else "draft")
        return True

    def pay(self) -> bool:
        """A payment of one invoice, or of two of the same client."""
        first = self._one(self._published, self._payable)
        if first is None:
            return False
        paid = [first]
        if self.rng.random() < 0.2:
            others = [form for form in first.client.forms[-40:] if form is not first and self._payable(form)]
            paid += others[-1:]
        amounts = [(form.open * self.rng.choice([25, 50, 50, 100]) / 100).quantize(CENT) for form in paid]
        self.payment(paid, amounts)
        return True

    def _payable(self, form: Form) -> bool:
        return form.kind == "invoice" and form.published and form.open > 10 and self._free(form.known_as, MONEY)

    def drop_payment(self) -> bool:
        """A payment is deleted."""
        payment = self._one(self._paid, self._alone)
        if payment is None or not self._may_remove("payment", len(self._paid)):
            return False
        which = {"ref": payment.reference}
        self._sql((_UNSHARE, which), ("DELETE FROM payment WHERE reference = :ref", which))
        self._withdraw(payment)
        return True

    def _alone(self, payment: Payment) -> bool:
        """Whether neither the payment nor what it pays was touched today."""
        return self._free(payment.known_as, ALL) and all(self._free(("invoice", n), MONEY) for n in payment.parts)

    def _withdraw(self, payment: Payment) -> None:
        payment.gone = True
        self._paid.remove(payment)
        for number in payment.parts:
            del self.records.invoices[number].used[payment.reference]
            self._take(("invoice", number), MONEY)
        self._take(payment.known_as, ALL)

    def edit_notes(self) -> bool:
        """Other notes."""
        return self._edit(self._published, "notes", f"s{self.serial()}")

    def edit_due(self) -> bool:
        """Due on another day."""
        return self._edit(self._published, "due_date", self._day())

    def edit_issued(self) -> bool:
        """Issued on another day."""
        return self._edit(self._published, "issue_date", self._day())

    def edit_lines(self) -> bool:
        """Other amounts; what is paid on already stays, for QuickBooks' side of it is frozen then."""
        form = self._one(self._published, lambda f: not f.used and self._free(f.known_as, "lines", MONEY))
        return form is not None and self._write(form, "lines", self._other_lines(form), MONEY)

    def edit_note(self) -> bool:
        """A credit note gets other notes."""
        return self._edit(self._unused, "notes", f"s{self.serial()}")

    def edit_draft(self) -> bool:
        """A draft is worked on: nothing of it leaves the source."""
        some = self._drafts + self._withdrawn
        form = self._one(some, lambda f: not f.used and self._free(f.known_as, "lines", "notes", MONEY))
        if form is None:
            return False
        self._write(form, "notes", f"s{self.serial()}")
        return self._write(form, "lines", self._other_lines(form), MONEY)

    def _other_lines(self, form: Form) -> tuple[tuple[str, str], ...]:
        texts = [text for text, _ in form.here["lines"]]
        if self.rng.random() < 0.3:
            texts = [*texts, f"More {self.serial()}"][-3:]
        return tuple(sorted((text, self.money()) for text in texts))

    def _edit(self, some: Sequence[Form], name: str, value: str) -> bool:
        form = self._one(some, lambda f: self._free(f.known_as, name))
        return form is not None and self._write(form, name, value)

    def _write(self, form: Form, name: str, value: Any, *more: str) -> bool:
        self._write_here(form, name, value)
        form.write(name, value)
        self._take(form.known_as, name, *more)
        return True

    def _id(self, form: Form) -> int:
        """The source's id, also of what came from the books."""
        form.id = form.id or self.world.rows(f"SELECT id FROM {form.kind} WHERE number = :n", n=form.number)[0]["id"]
        return form.id

    def _write_here(self, form: Form, name: str, value: Any) -> None:
        kind, which = form.kind, {"id": self._id(form)}
        if name != "lines":
            self._sql((f"UPDATE {kind} SET {name} = :v WHERE id = :id", {"v": value, **which}))
            return
        self._sql(
            (f"DELETE FROM {kind}_line WHERE {kind}_id = :id", which),
            *_lines(kind, value, form.id),
            (f"UPDATE {kind} SET total = :v WHERE id = :id", {"v": str(total(value)), **which}),
        )

    def publish(self) -> bool:
        """A draft is published, new or taken back before."""
        some = self._drafts if self._drafts and self.rng.random() < 0.6 else self._withdrawn
        form = self._one(some, lambda f: self._free(f.known_as, ALL))
        if form is None:
            return False
        some.remove(form)
        self._sql(("UPDATE invoice SET state = 'published' WHERE id = :id", {"id": form.id}))
        form.publish()
        self._published.append(form)
        self._take(form.known_as, ALL)
        return True

    def unpublish(self) -> bool:
        """An invoice on which nothing is paid becomes a draft again; QuickBooks keeps what it has."""
        form = self._one(self._published, lambda f: not f.used and self._free(f.known_as, ALL))
        if form is None or len(self._withdrawn) >= 40 or not self._may_remove("invoice", len(self._published)):
            return False
        self._sql(("UPDATE invoice SET state = 'draft' WHERE id = :id", {"id": form.id}))
        form.here["state"] = "draft"
        self._published.remove(form)
        self._withdrawn.append(form)
        self._take(form.known_as, ALL)
        return True

    def credit(self) -> bool:
        """A credit note for an invoice, used at once, or left for later."""
        invoice = self._one(self._published, self._payable)
        if invoice is None:
            return False
        note = self.form("credit_note", invoice.client)
        if self.rng.random() < 0.7:
            self._unused.remove(note)
            amount = min(note.open, invoice.open)
            self.apply(note, invoice, (amount * self.rng.choice([50, 100]) / 100).quantize(CENT))
        return True

    def take_credit_back(self) -> bool:
        """What a credit note was used for is taken back."""
        note = self._one(self._used, lambda n: n.published and self._free(n.known_as, ALL) and self._frees(n))
        if note is None or not self._may_remove("credit_application", len(self._used)):
            return False
        which = {"id": self._id(note)}
        self._sql((_UNPART, which), ("DELETE FROM credit_application WHERE credit_note_id = :id", which))
        for number in note.used:
            del self.records.invoices[number].used[note.number]
            self._take(("invoice", number), MONEY)
        note.used.clear()
        self._used.remove(note)
        self._take(note.known_as, ALL)
        return True

    def _frees(self, note: Form) -> bool:
        return all(self._free(("invoice", number), MONEY) for number in note.used)

    def hand_in(self) -> bool:
        """A report of expenses."""
        self.spend(self.rng.choice([1, 1, 2, 3]), approved=self.rng.random() < 0.8)
        return True

    def approve(self) -> bool:
        """A report that waited is approved."""
        which = self._one(self._unpaid, lambda w: self._untouched(w) and not self._reports[w][0].approved)
        return which is not None and self._expenses(which, "status", "approved")

    def change_expense(self) -> bool:
        """An expense that nobody has paid yet costs something else."""
        which = self._one(self._unpaid, self._untouched)
        return which is not None and self._expenses(which, "amount", "")

    def _untouched(self, which: tuple[str, str]) -> bool:
        return all(self._free(expense.known_as, ALL) for expense in self._reports[which])

    def _expenses(self, which: tuple[str, str], name: str, value: str) -> bool:
        for expense in self._reports[which]:
            said = value or self.money()
            self._sql((f"UPDATE expense SET {name} = :v WHERE id = :id", {"v": said, "id": expense.id}))
            if name == "amount":
                expense.amount = said
            else:
                expense.approved = True
            self._take(expense.known_as, ALL)
        return True

    def edit_client(self) -> bool:
        """A client has another address."""
        client = self._one(list(self.records.clients.values()), lambda c: self._free(c.known_as, "email"))
        if client is None:
            return False
        client.email = f"c{self.serial()}@example.com"
        self._sql(("UPDATE client SET email = :v WHERE id = :id", {"v": client.email, "id": client.id}))
        self._take(client.known_as, "email")
        return True

    # ---- acts in the books

    def _there(self, form: Form, *fields: str) -> bool:
        """Whether the books have it by now, as a document that flows, and nobody touched these fields today."""
        return form.published and form.known_as in self.books.ids and self._free(form.known_as, *fields)

    def _change(self, form: Form, name: str, value: Any) -> None:
        entity = "Invoice" if form.kind == "invoice" else "CreditMemo"
        now = self.accountant.read(entity, self.books.ids[form.known_as])
        kept = {member: now[member] for member in ("Id", "SyncToken", "CustomerRef")}
        said: Json = {
            "notes": {"CustomerMemo": {"value": value}},
            "due_date": {"DueDate": value},
            "issue_date": {"TxnDate": value},
        }.get(name, {})
        if name == "lines":
            said = {"Line": [sales_line(amount, text) for text, amount in value]}
        self.accountant.save(entity, {**kept, "sparse": True, **said})

    def _change_one(self, some: Sequence[Form], name: str, value: Any, *more: str) -> bool:
        form = self._one(some, lambda f: self._there(f, name, *more))
        if form is None:
            return False
        value = value(form) if callable(value) else value
        self._change(form, name, value)
        form.write(name, value)
        self._take(form.known_as, name, *more)
        return True

    def books_notes(self) -> bool:
        """Another message on the invoice."""
        return self._change_one(self._published, "notes", f"q{self.serial()}")

    def books_due(self) -> bool:
        """Due on another day."""
        return self._change_one(self._published, "due_date", self._day())

    def books_issued(self) -> bool:
        """Of another date."""
        return self._change_one(self._published, "issue_date", self._day())

    def books_lines(self) -> bool:
        """Other amounts, never below what is paid."""
        return self._change_one(self._published, "lines", self._raised, MONEY)

    def _raised(self, form: Form) -> tuple[tuple[str, str], ...]:
        added = Decimal(self.rng.randrange(1, 90)) + Decimal(self.serial() % 100) * CENT
        (text, amount), *others = form.here["lines"]
        return tuple(sorted([(text, str(Decimal(amount) + added)), *others]))

    def books_note(self) -> bool:
        """Another message on a credit memo."""
        return self._change_one(self._unused + self._used, "notes", f"q{self.serial()}")

    def books_pay(self) -> bool:
        """A payment comes in."""
        form = self._one(self._published, lambda f: self._payable(f) and self._there(f, MONEY))
        if form is None:
            return False
        amount = (form.open * self.rng.choice([20, 50, 100]) / 100).quantize(CENT)
        payment = Payment(f"Q-{self.serial():06}", form.client, self.today.isoformat(), {form.number: amount})
        self.accountant.save("Payment", self._body(payment))
        self._entered(payment)
        return True

    def _body(self, payment: Payment) -> Json:
        parts = [
            {
                "Amount": amount,
                "LinkedTxn": [{"TxnId": self.books.ids["invoice", number], "TxnType": "Invoice"}],
            }
            for number, amount in payment.parts.items()
        ]
        return {
            "CustomerRef": {"value": self.books.ids[payment.client.known_as]},
            "TotalAmt": payment.amount,
            "TxnDate": payment.date,
            "PaymentRefNum": payment.reference,
            "Line": parts,
        }

    def books_edit_payment(self) -> bool:
        """A payment came on another day, and perhaps it was less."""
        payment = self._one(self._paid, lambda p: p.known_as in self.books.ids and self._alone(p))
        if payment is None:
            return False
        payment.date = self._day()
        if len(payment.parts) == 1 and self.rng.random() < 0.5:
            (number,) = payment.parts
            payment.parts[number] -= CENT * self.rng.randrange(1, 100)
            self.records.invoices[number].used[payment.reference] = payment.parts[number]
            self._take(("invoice", number), MONEY)
        now = self.accountant.read("Payment", self.books.ids[payment.known_as])
        self.accountant.save("Payment", {**now, **self._body(payment)})
        self._take(payment.known_as, ALL)
        return True

    def books_drop_payment(self) -> bool:
        """A payment is deleted."""
        payment = self._one(self._paid, lambda p: p.known_as in self.books.ids and self._alone(p))
        if payment is None or not self._may_remove("payment", len(self._paid)):
            return False
        self.accountant.delete("Payment", self.accountant.read("Payment", self.books.ids[payment.known_as]))
        self._withdraw(payment)
        return True

    def books_credit(self) -> bool:
        """A credit memo, entered and used at once: by that it comes into the source (R-70)."""
        form = self._one(self._published, lambda f: self._payable(f) and self._there(f, MONEY))
        if form is None:
            return False
        serial, amount = self.serial(), (form.open / 2).quantize(CENT)
        lines = ((f"Goodwill {serial}", str(amount)),)
        day = self.today.isoformat()
        note = Form(
            "credit_note",
            f"G-{serial:06}",
            form.client,
            {"state": "published", "issue_date": day, "notes": f"q{serial}", "lines": lines},
        )
        note.publish()
        customer = {"value": self.books.ids[form.client.known_as]}
        body = {"CustomerRef": customer, "DocNumber": note.number, "TxnDate": day}
        said = {"CustomerMemo": {"value": f"q{serial}"}, "Line": [sales_line(a, text) for text, a in lines]}
        memo = self.accountant.save("CreditMemo", {**body, **said})
        uses = (("Invoice", self.books.ids[form.known_as]), ("CreditMemo", memo["Id"]))
        parts = [{"Amount": amount, "LinkedTxn": [{"TxnId": key, "TxnType": sort}]} for sort, key in uses]
        self.accountant.save("Payment", {"CustomerRef": customer, "TotalAmt": 0, "TxnDate": day, "Line": parts})
        self.records.add(note)
        self._applied(note, form, amount)
        self._take(note.known_as, ALL)
        return True

    def books_pay_bill(self) -> bool:
        """A member of the staff gets the money back: everything that is on the bill."""
        which = self._one(self._unpaid, lambda w: self._untouched(w) and bool(self._billed(w)))
        if which is None:
            return False
        (bill,) = self._billed(which)
        record = self.books.read("Bill", bill)
        assert record is not None
        pay(self.world, record)
        self._unpaid.remove(which)
        for expense in self._reports[which]:
            expense.reimbursed = True
            self._take(expense.known_as, ALL)
        return True

    def _billed(self, which: tuple[str, str]) -> set[str]:
        """The bill of a report, where it is one and has everything."""
        found = [self.books.bills.get(expense.tag, set()) for expense in self._reports[which]]
        return set(found[0]) if len(found[0]) == 1 and all(each == found[0] for each in found) else set()

    def books_phone(self) -> bool:
        """A customer has another telephone: that is the books' business alone."""
        client = self._one(
            list(self.records.clients.values()),
            lambda c: c.known_as in self.books.ids and self._free(c.known_as, "phone"),
        )
        if client is None:
            return False
        client.phone = f"+1 555 {self.serial():07}"
        now = self.accountant.read("Customer", self.books.ids[client.known_as])
        body = {"Id": now["Id"], "SyncToken": now["SyncToken"], "sparse": True}
        self.accountant.save("Customer", {**body, "PrimaryPhone": {"FreeFormNumber": client.phone}})
        self._take(client.known_as, "phone")
        return True

    def stranger(self) -> bool:
        """A customer and an invoice that have nothing to do with the source."""
        serial = self.serial()
        made = self.accountant.save("Customer", {"DisplayName": f"Stranger {serial}"})
        line = sales_line(self.money(), f"Elsewhere {serial}")
        body = {"CustomerRef": {"value": made["Id"]}, "DocNumber": f"Stranger {serial}", "Line": [line]}
        invoice = self.accountant.save("Invoice", body)["Id"]
        raw = self.books.raw("Invoice", invoice)
        assert raw is not None
        self.records.strangers[invoice] = raw
        return True

    # ---- acts on both sides

    def conflict(self) -> bool:
        """The same field of the same invoice, on both sides before the same cycle: QuickBooks' value wins."""
        name = self.rng.choice(["notes", "due_date", "lines"])
        form = self._one(self._published, lambda f: self._there(f, name, MONEY) and not (name == "lines" and f.used))
        if form is None:
            return False
        mine = {"notes": f"s{self.serial()}", "due_date": self._day(), "lines": self._other_lines(form)}[name]
        theirs = {"notes": f"q{self.serial()}", "due_date": self._day(), "lines": self._raised(form)}[name]
        self._write_here(form, name, mine)
        self._change(form, name, theirs)
        form.write(name, theirs)
        self._take(form.known_as, name, MONEY)
        self.conflicts.append(Conflict(form, name, mine))
        return True

    # ---- all together

    def work(self, acts: int) -> None:
        """So many things that people do between two cycles."""
        self.books.catch_up()
        for _ in range(acts):
            (act,) = self.rng.choices(list(ACTS), weights=list(ACTS.values()))
            if act(self):
                side = "both" if act is People.conflict else "books" if act in _IN_BOOKS else "source"
                self.done[side, act.__name__] += 1


ACTS: dict[Callable[[People], bool], int] = {
    People.new_invoice: 14,
    People.pay: 8,
    People.drop_payment: 2,
    People.edit_notes: 8,
    People.edit_due: 6,
    People.edit_issued: 3,
    People.edit_lines: 8,
    People.edit_note: 2,
    People.edit_draft: 3,
    People.publish: 4,
    People.unpublish: 2,
    People.credit: 3,
    People.take_credit_back: 1,
    People.hand_in: 3,
    People.approve: 2,
    People.change_expense: 2,
    People.edit_client: 4,
    People.books_notes: 8,
    People.books_due: 6,
    People.books_issued: 3,
    People.books_lines: 7,
    People.books_note: 2,
    People.books_pay: 9,
    People.books_edit_payment: 3,
    People.books_drop_payment: 2,
    People.books_credit: 2,
    People.books_pay_bill: 2,
    People.books_phone: 2,
    People.stranger: 1,
    People.conflict: 6,
}
"""What people do, and how often."""
_IN_BOOKS = frozenset(act for act in ACTS if act.__name__.startswith("books_")) | {People.stranger}

_CLIENT = "INSERT INTO client (name, currency, email) VALUES (:name, 'USD', :email)"
_PAYMENT = (
    "INSERT INTO payment (client_id, date, amount, currency, reference) VALUES (:client, :date, :amount, 'USD', :ref)"
)
_SHARE = "INSERT INTO payment_allocation (payment_id, invoice_id, amount) VALUES (:parent, :i, :amount)"
_UNSHARE = "DELETE FROM payment_allocation WHERE payment_id = (SELECT id FROM payment WHERE reference = :ref)"
_APPLICATION = "INSERT INTO credit_application (credit_note_id, date, currency) VALUES (:note, :date, 'USD')"
_APPLIED = (
    "INSERT INTO credit_application_part (credit_application_id, invoice_id, amount) VALUES (:parent, :i, :amount)"
)
_UNPART = (
    "DELETE FROM credit_application_part WHERE credit_application_id IN "
    "(SELECT id FROM credit_application WHERE credit_note_id = :id)"
)
_EXPENSE = (
    "INSERT INTO expense (member_id, report, date, amount, currency, status, reimbursable, merchant) "
    "VALUES (:member, :report, :date, :amount, 'USD', :status, 1, :tag)"
)


def _lines(kind: str, lines: Sequence[tuple[str, str]], parent: int | None = None) -> list[tuple[str, Json]]:
    """New lines of a form; of one that is about to be inserted, where no id is given."""
    insert = (
        f"INSERT INTO {kind}_line ({kind}_id, position, description, quantity, rate, amount) "
        "VALUES (:parent, :place, :text, '1', :amount, :amount)"
    )
    of = {} if parent is None else {"parent": parent}
    return [(insert, {**of, "place": n, "text": t, "amount": a}) for n, (t, a) in enumerate(lines, start=1)]
