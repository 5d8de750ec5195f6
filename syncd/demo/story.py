"""Ruddr's story: plan, apply, edits on both sides, plan with reasons, apply, nothing left, audit."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import click

from syncd.demo.records import RATES, Business
from syncd.demo.stage import COMPANY, Scenery, Stage
from syncd.demo.telling import Telling, sparse
from syncd.report import CycleRequest

SHOWN = 4

SCENERY = Scenery(
    profile="ruddr",
    business=Business,
    books={
        "name": "Demo Studio Inc.",
        "country": "US",
        "multicurrency": True,
        "custom_txn_numbers": True,
        "exchange_rates": RATES,
    },
    settings={
        "default_item": "Services",
        "deposit_account": "Undeposited Funds",
        "discount_account": "Discounts given",
        "default_tax_code": "California",
    },
)


class Story(Telling):
    """All chapters."""

    def __init__(self, set_up: Stage) -> None:
        super().__init__(set_up)
        self._business = Business()

    def tell(self) -> None:
        """All chapters, in order."""
        self._two_books()
        self.first_plan(SHOWN)
        self._first_run()
        self._edits()
        self._second_plan()
        self._second_run()
        self.nothing_left()
        business = self._business
        self.proof(len(business.clients) + len(business.published) + len(business.payments))
        self.further("status", f"history invoice {self._id_of('INV-1002')}", "reconcile --dry-run")

    # ---- chapters

    def _two_books(self) -> None:
        business = self._business
        self.title("Two sets of books")
        self.say(
            f"A business system (a SQLite database) with {len(business.clients)} clients, "
            f"{len(business.published)} published invoices in {len(business.totals())} currencies, "
            f"{len(business.invoices) - len(business.published)} drafts and {len(business.payments)} payments; "
            "and a QuickBooks company (the built-in look-alike, on this machine only) that has none of them."
        )
        self.check("QuickBooks starts without invoices", self.count("Invoice") == 0)

    def _first_run(self) -> None:
        self.title("Approved: the plan is applied", "syncd reconcile --approve-first-run")
        started = time.monotonic()
        report = self.stage.engine.reconcile(CycleRequest(approve_first_run=True))
        seconds = time.monotonic() - started
        business = self._business
        invoices = self.stage.sandbox.records(self.stage.realm, "Invoice")
        self.say(
            f"Done in {seconds:.1f} seconds; each write was journalled before it was sent, and the ids that QuickBooks "
            f"gave went back into the source. QuickBooks now has {self.count('Customer')} customers, "
            f"{len(invoices)} invoices and {self.count('Payment')} payments."
        )
        totals: dict[str, Decimal] = {}
        for invoice in invoices:
            currency = invoice["CurrencyRef"]["value"]
            totals[currency] = totals.get(currency, Decimal(0)) + Decimal(invoice["TotalAmt"])
        for currency, total in sorted(business.totals().items()):
            click.echo(f"    {currency}  source {total:>16,}   QuickBooks {totals.get(currency, Decimal(0)):>16,.2f}")
        self.check("the run ended well", report.outcome == "ok", report)
        self.check("every client that is billed is a customer", self.count("Customer") == len(business.clients))
        self.check("every published invoice is in QuickBooks once", len(invoices) == len(business.published))
        self.check("every payment is in QuickBooks once", self.count("Payment") == len(business.payments))
        self.check("the totals agree in every currency", totals == business.totals())

    def _edits(self) -> None:
        self.title("Life goes on: people work on both sides")
        accountant, business = self.stage.accountant, self._business
        self._edited = self.invoice("INV-1001")
        lines = [dict(line) for line in self._edited["Line"] if line["DetailType"] == "SalesItemLineDetail"]
        detail = lines[0]["SalesItemLineDetail"]
        lines[0]["Amount"] = lines[0]["Amount"] + detail["UnitPrice"]
        detail["Qty"] = detail["Qty"] + 1
        accountant.save("Invoice", sparse(self._edited, Line=lines, DueDate="2026-12-31"))
        click.echo("  - the accountant adds an hour to invoice INV-1001 in QuickBooks and moves its due date")

        self._unpaid = self._last_unpaid()
        self._received = Decimal("75.00")
        link = {"TxnId": self._unpaid["Id"], "TxnType": "Invoice"}
        payment = {
            "CustomerRef": self._unpaid["CustomerRef"],
            "CurrencyRef": self._unpaid["CurrencyRef"],
            "TotalAmt": self._received,
            "TxnDate": "2026-09-01",
            "PaymentRefNum": "CHEQUE-88",
            "Line": [{"Amount": self._received, "LinkedTxn": [link]}],
        }
        accountant.save("Payment", payment)
        click.echo(f"  - and records a cheque of 75.00 USD for invoice {self._unpaid['DocNumber']} in QuickBooks")

        self.stage.sql("UPDATE invoice SET notes = 'Not final yet' WHERE number = 'INV-1330'")
        click.echo("  - a project manager edits the draft INV-1330 in the business system")

        self._deleted = business.payments[-1]
        self.stage.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=self._deleted["id"])
        self.stage.sql("DELETE FROM payment WHERE id = :id", id=self._deleted["id"])
        click.echo(f"  - and deletes the payment {self._deleted['reference']}, entered by mistake")

        both = self.invoice("INV-1002")
        accountant.save("Invoice", sparse(both, CustomerMemo={"value": "Please pay by card."}))
        self.stage.sql("UPDATE invoice SET notes = 'Please pay in cash.' WHERE number = 'INV-1002'")
        click.echo("  - the notes of INV-1002 are edited on both sides, differently")

    def _second_plan(self) -> None:
        self.title("The second plan, with the reason for each step", "syncd reconcile --dry-run")
        report = self.stage.engine.reconcile(CycleRequest(dry_run=True))
        self.show(report)
        planned = sorted((str(o.side), str(o.verb), str(o.kind)) for o in report.plan.writes)
        expected = [
            ("qbo", "delete", "payment"),
            ("source", "create", "payment"),
            ("source", "update", "invoice"),
            ("source", "update", "invoice"),
        ]
        self.check("exactly the four edits that matter are planned", planned == expected, planned)
        self.check("the draft stays at home", not any(o.label == "INV-1330" for o in report.plan.operations))
        self.check("nothing is held and no brake is needed", not report.plan.holds and not report.plan.brakes)

    def _second_run(self) -> None:
        self.title("Applied", "syncd reconcile")
        report = self.stage.engine.reconcile(CycleRequest())
        self.say(f"{report.applied} operations applied, {report.failed} failed, {report.held} held.")
        edited = self.invoice("INV-1001")
        here = self.stage.value("SELECT total FROM invoice WHERE number = 'INV-1001'")
        due = self.stage.value("SELECT due_date FROM invoice WHERE number = 'INV-1001'")
        click.echo(f"    INV-1001 is {edited['TotalAmt']:,} in QuickBooks and {Decimal(str(here)):,} in the source")
        self.check("the run ended well", report.outcome == "ok", report)
        self.check("the accountant's invoice reached the source", Decimal(str(here)) == edited["TotalAmt"], here)
        self.check("with its due date", str(due) == "2026-12-31", due)
        imported = self.stage.value("SELECT amount FROM payment WHERE reference = 'CHEQUE-88'")
        self.check("the cheque reached the source", imported is not None and Decimal(str(imported)) == self._received)
        gone = [p for p in self._payments() if p.get("PaymentRefNum") == self._deleted["reference"]]
        self.check("the deleted payment is gone from QuickBooks", not gone)
        notes = self.stage.value("SELECT notes FROM invoice WHERE number = 'INV-1002'")
        self.check("QuickBooks won on INV-1002", notes == "Please pay by card.", notes)
        kept = self.stage.store.history(COMPANY, report.plan.writes[0].kind, self._id_of("INV-1002"))
        lost = [event for event in kept if event.before.get("notes") == "Please pay in cash."]
        self.check("and the source's value is kept in the history", bool(lost))
        draft = self.stage.value("SELECT notes FROM invoice WHERE number = 'INV-1330'")
        self.check("the draft is as the project manager left it", draft == "Not final yet", draft)

    # ---- parts

    def _payments(self) -> list[dict[str, Any]]:
        return self.stage.sandbox.records(self.stage.realm, "Payment")

    def _last_unpaid(self) -> dict[str, Any]:
        """The latest invoice in dollars that nothing was paid on."""
        paid = {row["invoice_id"] for row in self._business.allocations}
        open_ones = [i for i in self._business.published if i["currency"] == "USD" and i["id"] not in paid]
        return self.invoice(max(open_ones, key=lambda i: i["id"])["number"])

    def _id_of(self, number: str) -> str:
        return str(self.stage.value("SELECT id FROM invoice WHERE number = :number", number=number))
