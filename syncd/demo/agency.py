"""Ravetree's story: an agency. Invoices and estimates stay the agency's; payments, and what is paid, go both ways."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa

from syncd.demo.samples import Row, Sample
from syncd.demo.stage import COMPANY, Scenery, Stage
from syncd.demo.telling import Telling, sparse
from syncd.report import CycleRequest
from syncd.sources.sql import layout

LINE_TYPES = ("time", "expense", "retainer", "discount", "other")
CONTACTS = (
    ("Ada Lindqvist", "contact"), ("Brücke & Söhne", "account"), ("Café Très Bien", "account"),
    ("Dara O'Neill", "contact"), ("Elm Street Theatre", "account"), ("Fundación Río", "account"),
    ("Grzegorz Wójcik", "contact"), ("Hanako 茶房", "account"), ("Isle of Skye Weavers", "account"),
)  # fmt: skip
KNOWN_TO_QUICKBOOKS = ("Old Friends LLC", "Paper & Ink", "Elm Street Theatre")
"""Customers that QuickBooks had before; the last one is a contact of the agency, too."""
WORK = ("Concept", "Layout", "Campaign week", "Retouching", "Workshop")
SENT, DRAFTS, ESTIMATES = 24, 3, 6
FIRST_DAY = date(2026, 3, 2)


class Agency(Sample):
    """What the agency has."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(20260302)  # noqa: S311 - sample data, not a secret
        for name in LINE_TYPES:
            self.add(layout.item, name=name)
        for name, sort in CONTACTS:
            self.add(layout.client, name=name, currency="USD", sort=sort, email=f"{sort}{len(name)}@example.com")
        for place in range(1, SENT + DRAFTS + 1):
            self._form(layout.invoice, layout.invoice_line, f"A-{100 + place}", place, sent=place <= SENT)
        for place in range(1, ESTIMATES + 1):
            self._form(layout.estimate, layout.estimate_line, f"E-{20 + place}", place, sent=True)
        for invoice in self.sent[: SENT // 3]:
            self._pay(invoice)

    @property
    def sent(self) -> list[Row]:
        """The invoices that belong in QuickBooks."""
        return [invoice for invoice in self.rows(layout.invoice) if invoice["state"] == "sent"]

    def _form(self, table: sa.Table, lines: sa.Table, number: str, place: int, *, sent: bool) -> None:
        amounts = [self._random.randint(40, 4000) * Decimal("0.25") for _ in range(self._random.randint(1, 3))]
        issued = FIRST_DAY + timedelta(days=2 * place)
        made = self.add(
            table,
            number=number,
            client_id=(place - 1) % len(CONTACTS) + 1,
            state="sent" if sent else "draft",
            issue_date=issued,
            due_date=issued + timedelta(days=30),
            currency="USD",
            total=sum(amounts, Decimal(0)),
            notes="Thank you!",
        )
        for position, amount in enumerate(amounts, start=1):
            row = {"position": position, "amount": amount, "taxable": False}
            sort, text = self._random.randint(1, len(LINE_TYPES)), self._random.choice(WORK)
            self.add(lines, **{f"{table.name}_id": made}, **row, item_id=sort, description=text)

    def _pay(self, invoice: Row) -> None:
        payment = self.add(
            layout.payment,
            client_id=invoice["client_id"],
            date=invoice["issue_date"] + timedelta(days=12),
            amount=invoice["total"],
            currency="USD",
            reference=f"TRX-{invoice['id']}",
        )
        self.add(layout.payment_allocation, payment_id=payment, invoice_id=invoice["id"], amount=invoice["total"])
        invoice["paid"] = True


SCENERY = Scenery(
    profile="ravetree",
    business=Agency,
    books={"name": "Demo Agency Inc.", "country": "US", "custom_txn_numbers": True},
    settings={
        "deposit_account": "Undeposited Funds",
        "mark_paid_account": "Checking",
        "estimates": True,
        "line_type_map": {name: "Hours" if name in {"time", "retainer"} else "Services" for name in LINE_TYPES},
    },
)


class Story(Telling):
    """All chapters."""

    def __init__(self, set_up: Stage) -> None:
        super().__init__(set_up)
        self._agency = Agency()

    def tell(self) -> None:
        """All chapters, in order."""
        self._two_books()
        self.first_plan(4)
        self._first_run()
        self._edits()
        self._second_plan()
        self._second_run()
        self._confirmed()
        self.nothing_left()
        contacts = len({name for name, _ in CONTACTS} | {*KNOWN_TO_QUICKBOOKS})
        payments = len(self._agency.rows(layout.payment)) + 2
        self.proof(contacts + SENT + 1 + ESTIMATES + payments)
        self.further("status", "records --kind client", "reconcile --dry-run")

    # ---- chapters

    def _two_books(self) -> None:
        agency = self._agency
        self.title("An agency, and its books")
        for name in KNOWN_TO_QUICKBOOKS:
            self.stage.accountant.save("Customer", {"DisplayName": name})
        self.say(
            f"The agency's database has {len(CONTACTS)} contacts and accounts, {SENT} invoices that were sent and "
            f"{DRAFTS} drafts, {ESTIMATES} estimates and {len(agency.rows(layout.payment))} payments. QuickBooks (the "
            f"built-in look-alike, on this machine only) has {len(KNOWN_TO_QUICKBOOKS)} customers, one of which is a "
            "contact, too. Each of the five types of lines is mapped to one of QuickBooks' services."
        )
        self.check("QuickBooks starts without invoices", self.count("Invoice") == 0)

    def _first_run(self) -> None:
        self.title("Approved: the plan is applied", "syncd reconcile --approve-first-run")
        self.applied(CycleRequest(approve_first_run=True))
        self.run(CycleRequest())
        here = {str(row["name"]) for row in self.stage.rows("SELECT name FROM client")}
        self.say(
            f"The agency now has {len(here)} contacts; QuickBooks has {self.count('Customer')} customers, "
            f"{self.count('Invoice')} invoices, {self.count('Estimate')} estimates and {self.count('Payment')} "
            "payments."
        )
        customers = [c["DisplayName"] for c in self.books("Customer")]
        self.check("QuickBooks' customers became contacts", {*KNOWN_TO_QUICKBOOKS} <= here)
        self.check("everybody is there once, on both sides", sorted(customers) == sorted(here), customers)
        expected = {invoice["number"]: invoice["total"] for invoice in self._agency.sent}
        self.check("every invoice that was sent is there, under its own number", self._totals() == expected)
        self.check("and shown as sent, though nothing was mailed", self._sent() == set(expected) and not self._mailed())
        self.check("every estimate is there", self.count("Estimate") == ESTIMATES)
        self.check("every payment is there once", self.count("Payment") == len(self._agency.rows(layout.payment)))

    def _edits(self) -> None:
        self.title("Life goes on: people work on both sides")
        sql, accountant = self.stage.sql, self.stage.accountant
        sql(
            "INSERT INTO invoice_line (invoice_id, position, item_id, description, amount) "
            "VALUES (20, 9, 1, 'One more hour', '90')"
        )
        more = self._agency.sent[19]["total"] + 90
        sql("UPDATE invoice SET total = :total WHERE id = 20", total=str(more))
        self._longer = more
        self.act("the agency adds an hour to invoice A-120")
        accountant.save("Invoice", sparse(self.invoice("A-121"), CustomerMemo={"value": "Kindly pay by card."}))
        self.act("the accountant writes another note on A-121 in QuickBooks")
        paid = self.invoice("A-122")
        link = {"TxnId": paid["Id"], "TxnType": "Invoice"}
        amount = {"TotalAmt": paid["TotalAmt"], "Line": [{"Amount": paid["TotalAmt"], "LinkedTxn": [link]}]}
        who = {"CustomerRef": paid["CustomerRef"], "TxnDate": "2026-06-01", "PaymentRefNum": "CARD-9"}
        accountant.save("Payment", {**who, **amount})
        self.act("and receives a card payment of the whole of A-122 there")
        sql("UPDATE invoice SET paid = 1 WHERE number = 'A-123'")
        self.act("somebody at the agency marks A-123 as paid, without entering a payment")
        sql("UPDATE invoice SET state = 'sent' WHERE number = 'A-125'")
        self.act("and the draft A-125 is sent")

    def _second_plan(self) -> None:
        self.title("The second plan, with the reason for each step", "syncd reconcile --dry-run")
        report = self.run(CycleRequest(dry_run=True))
        self.show(report)
        planned = sorted((str(o.side), str(o.verb), o.label) for o in report.plan.writes)
        wanted = [("qbo", "create", "A-125"), ("qbo", "update", "A-120"), ("source", "create", "CARD-9")]
        self.check("the new line, the sent draft and the payment are planned", set(wanted) <= {*planned}, planned)
        self.check("the mark waits for a person", [o.label for o in report.plan.holds] == ["A-123"])

    def _second_run(self) -> None:
        self.title("Applied", "syncd reconcile")
        self.applied(outcome="held")
        self.run(CycleRequest())
        self.check("the hour is in QuickBooks", self.invoice("A-120")["TotalAmt"] == self._longer)
        self.check(
            "the note stays in QuickBooks", self.invoice("A-121")["CustomerMemo"]["value"] == "Kindly pay by card."
        )
        here = self.stage.value("SELECT notes FROM invoice WHERE number = 'A-121'")
        self.check("and there alone", here == "Thank you!", here)
        came = self.stage.value("SELECT amount FROM payment WHERE reference = 'CARD-9'")
        self.check("the card payment reached the agency", came is not None)
        paid = self.stage.value("SELECT paid FROM invoice WHERE number = 'A-122'")
        self.check("and its invoice is marked as paid there", bool(paid), paid)
        self.check("the draft that was sent is in QuickBooks", self.invoice("A-125")["EmailStatus"] == "EmailSent")

    def _confirmed(self) -> None:
        self.title("A mark becomes money only when a person says so", "syncd held accept-source 1")
        (held,) = self.stage.store.held(COMPANY)
        self.say(f"{held.kind} {held.label}: {held.reason}.")
        before = self.count("Payment")
        self.stage.store.resolve_held(COMPANY, held.id, "accept-source", "Ann")
        self.act("the bookkeeper, who has seen the money, accepts it")
        for _ in range(3):
            self.run(CycleRequest())
        marked = self.invoice("A-123")
        self.check("one payment was entered", self.count("Payment") == before + 1, self.count("Payment"))
        self.check("and the invoice is paid in QuickBooks, too", not marked["Balance"], marked["Balance"])
        self.check("nothing is held any more", not self.stage.store.held(COMPANY))

    # ---- parts

    def _totals(self) -> dict[str, Decimal]:
        return {i["DocNumber"]: Decimal(i["TotalAmt"]) for i in self.books("Invoice")}

    def _sent(self) -> set[str]:
        return {i["DocNumber"] for i in self.books("Invoice") if i["EmailStatus"] == "EmailSent"}

    def _mailed(self) -> bool:
        return any(r["operation"] == "send" for r in self.stage.sandbox.requests(realm=self.stage.realm))
