"""OneDesk's story: a service desk. An invoice goes to QuickBooks when a person asks, and again when asked again."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from syncd.demo.samples import Row, Sample
from syncd.demo.stage import Scenery, Stage
from syncd.demo.telling import Telling
from syncd.model.kinds import Kind
from syncd.report import CycleReport, CycleRequest
from syncd.sources.sql import layout

CUSTOMERS = (
    ("Aurora Clinics", "Ines Duarte", "billing@aurora.example"), ("Bento Logistics", "Ken Mori", "ap@bento.example"),
    ("Cedar & Fir Ltd", "Ann Oak", ""), ("Délices du Sud", "Rémi Faure", "compta@delices.example"),
    ("Eastside Library", "Jo Park", "office@eastside.example"), ("Fjord Outdoor", "Siv Berg", "faktura@fjord.example"),
)  # fmt: skip
SERVICES = ("Consulting", "Support", "Training", "Emergency call")
TASKS = ("Ticket 81: printer on fire", "Ticket 93: new laptops", "Task 12: onboarding", "Ticket 101: e-mail rules")
OPEN, DRAFTS = 16, 3
FIRST_DAY = date(2026, 4, 1)


class Desk(Sample):
    """What the desk has."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(20260401)  # noqa: S311 - sample data, not a secret
        for name in SERVICES:
            self.add(layout.item, name=name)
        for name, contact, email in CUSTOMERS:
            self.add(layout.client, name=name, contact=contact, email=email, currency="USD")
        for place in range(1, OPEN + DRAFTS + 1):
            self._invoice(place)

    @property
    def open(self) -> list[Row]:
        """The invoices that may be copied."""
        return [invoice for invoice in self.rows(layout.invoice) if invoice["state"] == "published"]

    def _invoice(self, place: int) -> None:
        hours = [Decimal(self._random.randint(2, 24)) / 4 for _ in range(self._random.randint(1, 3))]
        lines = [each * Decimal(96) for each in hours]
        tax = (sum(lines, Decimal(0)) * Decimal("0.08")).quantize(Decimal("0.01")) if place % 2 else Decimal(0)
        discount = Decimal(20) if place % 5 == 0 else Decimal(0)
        issued = FIRST_DAY + timedelta(days=3 * place)
        invoice = self.add(
            layout.invoice,
            number=f"D-{200 + place}",
            client_id=(place - 1) % len(CUSTOMERS) + 1,
            state="published" if place <= OPEN else "draft",
            issue_date=issued,
            due_date=issued + timedelta(days=14),
            currency="USD",
            discount=discount,
            tax=tax,
            total=sum(lines, Decimal(0)) - discount + tax,
        )
        for position, (quantity, amount) in enumerate(zip(hours, lines, strict=True), start=1):
            self.add(
                layout.invoice_line,
                invoice_id=invoice,
                position=position,
                item_id=self._random.randint(1, len(SERVICES)),
                description=self._random.choice(TASKS),
                quantity=quantity,
                rate=Decimal(96),
                amount=amount,
                taxable=bool(tax),
            )


SCENERY = Scenery(
    profile="onedesk",
    business=Desk,
    books={"name": "Demo Desk Inc.", "country": "US", "custom_txn_numbers": True},
    settings={
        "default_income_account": "Services",
        "deposit_account": "Undeposited Funds",
        "tax_item": "Sales tax",
        "discount_item": "Discount",
        "send_via_qbo": True,
    },
)


class Story(Telling):
    """All chapters."""

    def __init__(self, set_up: Stage) -> None:
        super().__init__(set_up)
        self._desk = Desk()

    def tell(self) -> None:
        """All chapters, in order."""
        self._two_books()
        self._nothing_by_itself()
        self._copied()
        self._copied_again()
        self._mailed()
        self._paid()
        self._removed()
        self.nothing_left()
        self.proof(self._linked())
        self.further("status", "push invoice D-205 --dry-run", "held list")

    # ---- chapters

    def _two_books(self) -> None:
        self.title("A service desk, and its books")
        for name in ("Sales tax", "Discount"):
            income = next(a["Id"] for a in self.books("Account") if a["Name"] == "Services")
            self.stage.accountant.save("Item", {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": income}})
        self.say(
            f"The desk's database has {len(CUSTOMERS)} customer organisations and {len(self._desk.open)} open "
            "invoices. QuickBooks (the built-in look-alike, on this machine only) has none of them; its accountant has "
            "entered two products, for tax and for discounts, which travel as lines."
        )
        self.check("QuickBooks starts without invoices", self.count("Invoice") == 0)

    def _nothing_by_itself(self) -> None:
        self.title("Nothing goes by itself", "syncd reconcile --approve-first-run")
        report = self.run(CycleRequest(approve_first_run=True))
        self.show(report)
        self.check("nothing was copied", not self.count("Invoice") and not self.count("Customer"), report.applied)

    def _copied(self) -> None:
        self.title("A person asks: the plan of one copy", "syncd push invoice D-201 --dry-run")
        self.show(self._push("D-201", dry_run=True))
        self.check("a dry run copies nothing", self.count("Invoice") == 0)
        self.title("And the copy", "syncd push invoice D-201")
        report = self._push("D-201")
        self.say(f"{report.applied} operations applied.")
        copy, row = self.invoice("D-201"), self._desk.open[0]
        self.check("the invoice is there, to the cent", Decimal(copy["TotalAmt"]) == row["total"], copy["TotalAmt"])
        self.check("its customer was made", [c["DisplayName"] for c in self.books("Customer")] == ["Aurora Clinics"])
        lines = {line["Description"]: line for line in copy["Line"] if "Description" in line}
        self.check("tax is a line, and nothing is taxed besides", not copy.get("TxnTaxDetail", {}).get("TotalTax"))
        self.check("tickets are named", any(text.startswith(("Ticket", "Task")) for text in lines), list(lines))
        self.check("nothing was mailed", copy["EmailStatus"] == "NotSet")
        mark = self.stage.value("SELECT qbo_id FROM invoice WHERE number = 'D-201'")
        self.check("the source shows that it was copied", mark == copy["Id"], mark)

    def _copied_again(self) -> None:
        self.title("Changed, and copied again", "syncd push invoice D-201")
        self.stage.sql("UPDATE invoice SET notes = 'Second reading' WHERE number = 'D-201'")
        self.act("somebody writes a note on D-201")
        self.run(CycleRequest())
        waits = "CustomerMemo" not in self.invoice("D-201")
        self.check("by itself that goes nowhere", waits)
        self._push("D-201")
        self.check("copied again, it is there", self.invoice("D-201")["CustomerMemo"]["value"] == "Second reading")
        self.check("and it is the same invoice", self.count("Invoice") == 1)

    def _mailed(self) -> None:
        self.title("Copied and mailed, by QuickBooks", "syncd push invoice D-202 --send")
        self._push("D-202", send=True)
        self._push("D-203", send=True)
        sent, silent = self.invoice("D-202"), self.invoice("D-203")
        self.check("D-202 was mailed to the billing contact", sent["EmailStatus"] == "EmailSent", sent["EmailStatus"])
        self.check("whose address stands on it", sent["BillEmail"]["Address"] == "ap@bento.example")
        self.say("Cedar & Fir has no billing e-mail at the desk: D-203 was copied, and nothing was mailed.")
        self.check("D-203 was only copied", silent["EmailStatus"] != "EmailSent", silent["EmailStatus"])

    def _paid(self) -> None:
        self.title("A payment in QuickBooks appears at the desk", "syncd reconcile")
        copy = self.invoice("D-202")
        link = {"TxnId": copy["Id"], "TxnType": "Invoice"}
        self.stage.accountant.save(
            "Payment",
            {
                "CustomerRef": copy["CustomerRef"],
                "TotalAmt": copy["TotalAmt"],
                "TxnDate": "2026-05-20",
                "PaymentRefNum": "WIRE-77",
                "Line": [{"Amount": copy["TotalAmt"], "LinkedTxn": [link]}],
            },
        )
        self.act("the accountant receives the whole of D-202")
        self.applied()
        amount = self.stage.value("SELECT amount FROM payment WHERE reference = 'WIRE-77'")
        self.check("the desk shows it", amount is not None and Decimal(str(amount)) == copy["TotalAmt"], amount)

    def _removed(self) -> None:
        self.title("Removed on one side, it stays on the other, and is told", "syncd reconcile")
        self.stage.sql("DELETE FROM invoice_line WHERE invoice_id = 3")
        self.stage.sql("DELETE FROM invoice WHERE number = 'D-203'")
        self.act("D-203 is deleted at the desk")
        self.run(CycleRequest())
        self.check("QuickBooks keeps it", len([i for i in self.books("Invoice") if i["DocNumber"] == "D-203"]) == 1)
        told = [left.label for left in self.stage.engine.audit().left]
        self.say(f"The audit names what stays on one side alone: {', '.join(told)}.")
        self.check("the audit names it", told == ["D-203"], told)

    # ---- parts

    def _push(self, number: str, *, dry_run: bool = False, send: bool = False) -> CycleReport:
        return self.stage.engine.push(Kind.INVOICE, number, CycleRequest(dry_run=dry_run, send=send))

    def _linked(self) -> int:
        """Two invoices that are on both sides, their customers and D-203's, and the payment."""
        return 2 + 3 + 1
