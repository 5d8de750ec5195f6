"""The story itself: plan, apply, edits on both sides, plan with reasons, apply, nothing left, audit.

Every step says what is expected and checks it against both sides (the look-alike's own records over HTTP, the source
by SQL), never against syncd's own word. The exit code is 0 only if every step came out as expected.
"""

from __future__ import annotations

import textwrap
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from syncd.cli import render
from syncd.demo.stage import COMPANY, Stage, stage
from syncd.report import CycleReport, CycleRequest

WIDTH = 96
SHOWN = 4
DEFAULT_DIRECTORY = Path(".demo")


def run_demo(directory: Path = DEFAULT_DIRECTORY) -> int:
    """Tell the story in ``directory``; 0 when every step came out as expected, else 1."""
    started = time.monotonic()
    with stage(directory) as set_up:
        story = _Story(set_up)
        story.tell()
    seconds = time.monotonic() - started
    if story.failed:
        click.echo(f"\n{len(story.failed)} steps did not come out as expected:")
        for what in story.failed:
            click.echo(f"  - {what}")
        return 1
    click.echo(f"\nEvery step came out as expected ({story.checked} checks, {seconds:.0f} seconds).")
    return 0


class _Story:
    def __init__(self, set_up: Stage) -> None:
        self._stage = set_up
        self._business = set_up.business
        self.failed: list[str] = []
        self.checked = 0

    def tell(self) -> None:
        """All chapters, in order."""
        self._two_books()
        self._first_plan()
        self._first_run()
        self._edits()
        self._second_plan()
        self._second_run()
        self._third_run()
        self._proof()
        self._further()

    # ---- chapters

    def _two_books(self) -> None:
        business = self._business
        self._title("Two sets of books")
        self._say(
            f"A business system (a SQLite database) with {len(business.clients)} clients, "
            f"{len(business.published)} published invoices in {len(business.totals())} currencies, "
            f"{len(business.invoices) - len(business.published)} drafts and {len(business.payments)} payments; "
            "and a QuickBooks company (the built-in look-alike, on this machine only) that has none of them."
        )
        self._check("QuickBooks starts without invoices", self._count("Invoice") == 0)

    def _first_plan(self) -> None:
        self._title("The plan: nothing is written until somebody has read it", "syncd reconcile --dry-run")
        before = self._stage.sandbox.last_request()
        report = self._stage.engine.reconcile(CycleRequest(dry_run=True))
        writes = [r for r in self._stage.sandbox.requests(after=before) if r["operation"] in _WRITES]
        self._show(report, most=SHOWN)
        self._check("a dry run writes nothing to QuickBooks", not writes and self._count("Invoice") == 0)
        self._check("the first run only plans", [b.rail for b in report.plan.brakes] == ["first-run"])

    def _first_run(self) -> None:
        self._title("Approved: the plan is applied", "syncd reconcile --approve-first-run")
        started = time.monotonic()
        report = self._stage.engine.reconcile(CycleRequest(approve_first_run=True))
        seconds = time.monotonic() - started
        business = self._business
        invoices = self._stage.sandbox.records(self._stage.realm, "Invoice")
        self._say(
            f"Done in {seconds:.1f} seconds; each write was journalled before it was sent, and the ids that QuickBooks "
            f"gave went back into the source. QuickBooks now has {self._count('Customer')} customers, "
            f"{len(invoices)} invoices and {self._count('Payment')} payments."
        )
        totals: dict[str, Decimal] = {}
        for invoice in invoices:
            currency = invoice["CurrencyRef"]["value"]
            totals[currency] = totals.get(currency, Decimal(0)) + Decimal(invoice["TotalAmt"])
        for currency, total in sorted(business.totals().items()):
            click.echo(f"    {currency}  source {total:>16,}   QuickBooks {totals.get(currency, Decimal(0)):>16,.2f}")
        self._check("the run ended well", report.outcome == "ok", report)
        self._check("every client that is billed is a customer", self._count("Customer") == len(business.clients))
        self._check("every published invoice is in QuickBooks once", len(invoices) == len(business.published))
        self._check("every payment is in QuickBooks once", self._count("Payment") == len(business.payments))
        self._check("the totals agree in every currency", totals == business.totals())

    def _edits(self) -> None:
        self._title("Life goes on: people work on both sides")
        accountant, business = self._stage.accountant, self._business
        self._edited = self._invoice("INV-1001")
        lines = [dict(line) for line in self._edited["Line"] if line["DetailType"] == "SalesItemLineDetail"]
        detail = lines[0]["SalesItemLineDetail"]
        lines[0]["Amount"] = lines[0]["Amount"] + detail["UnitPrice"]
        detail["Qty"] = detail["Qty"] + 1
        accountant.save("Invoice", _sparse(self._edited, Line=lines, DueDate="2026-12-31"))
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

        self._stage.sql("UPDATE invoice SET notes = 'Not final yet' WHERE number = 'INV-1330'")
        click.echo("  - a project manager edits the draft INV-1330 in the business system")

        self._deleted = business.payments[-1]
        self._stage.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=self._deleted["id"])
        self._stage.sql("DELETE FROM payment WHERE id = :id", id=self._deleted["id"])
        click.echo(f"  - and deletes the payment {self._deleted['reference']}, entered by mistake")

        both = self._invoice("INV-1002")
        accountant.save("Invoice", _sparse(both, CustomerMemo={"value": "Please pay by card."}))
        self._stage.sql("UPDATE invoice SET notes = 'Please pay in cash.' WHERE number = 'INV-1002'")
        click.echo("  - the notes of INV-1002 are edited on both sides, differently")

    def _second_plan(self) -> None:
        self._title("The second plan, with the reason for each step", "syncd reconcile --dry-run")
        report = self._stage.engine.reconcile(CycleRequest(dry_run=True))
        self._show(report)
        planned = sorted((str(o.side), str(o.verb), str(o.kind)) for o in report.plan.writes)
        expected = [
            ("qbo", "delete", "payment"),
            ("source", "create", "payment"),
            ("source", "update", "invoice"),
            ("source", "update", "invoice"),
        ]
        self._check("exactly the four edits that matter are planned", planned == expected, planned)
        self._check("the draft stays at home", not any(o.label == "INV-1330" for o in report.plan.operations))
        self._check("nothing is held and no brake is needed", not report.plan.holds and not report.plan.brakes)

    def _second_run(self) -> None:
        self._title("Applied", "syncd reconcile")
        report = self._stage.engine.reconcile(CycleRequest())
        self._say(f"{report.applied} operations applied, {report.failed} failed, {report.held} held.")
        edited = self._invoice("INV-1001")
        here = self._stage.value("SELECT total FROM invoice WHERE number = 'INV-1001'")
        due = self._stage.value("SELECT due_date FROM invoice WHERE number = 'INV-1001'")
        click.echo(f"    INV-1001 is {edited['TotalAmt']:,} in QuickBooks and {Decimal(str(here)):,} in the source")
        self._check("the run ended well", report.outcome == "ok", report)
        self._check("the accountant's invoice reached the source", Decimal(str(here)) == edited["TotalAmt"], here)
        self._check("with its due date", str(due) == "2026-12-31", due)
        imported = self._stage.value("SELECT amount FROM payment WHERE reference = 'CHEQUE-88'")
        self._check("the cheque reached the source", imported is not None and Decimal(str(imported)) == self._received)
        gone = [p for p in self._payments() if p.get("PaymentRefNum") == self._deleted["reference"]]
        self._check("the deleted payment is gone from QuickBooks", not gone)
        notes = self._stage.value("SELECT notes FROM invoice WHERE number = 'INV-1002'")
        self._check("QuickBooks won on INV-1002", notes == "Please pay by card.", notes)
        kept = self._stage.store.history(COMPANY, report.plan.writes[0].kind, self._id_of("INV-1002"))
        lost = [event for event in kept if event.before.get("notes") == "Please pay in cash."]
        self._check("and the source's value is kept in the history", bool(lost))
        draft = self._stage.value("SELECT notes FROM invoice WHERE number = 'INV-1330'")
        self._check("the draft is as the project manager left it", draft == "Not final yet", draft)

    def _third_run(self) -> None:
        self._title("A third run has nothing to do", "syncd reconcile")
        history = len(self._stage.sandbox.history(self._stage.realm))
        report = self._stage.engine.reconcile(CycleRequest())
        click.echo(render.summary(COMPANY, report.plan))
        self._check("nothing is planned", not report.plan.operations and report.outcome == "ok", report.plan.operations)
        self._check("nothing was written", len(self._stage.sandbox.history(self._stage.realm)) == history)

    def _proof(self) -> None:
        self._title("The proof", "syncd audit")
        report = self._stage.engine.audit()
        difference = sum(report.money_difference.values(), Decimal(0))
        click.echo(
            f"  {report.compared} records compared, {report.agree} agree, {len(report.differ)} differ, "
            f"money difference {difference:.2f}"
        )
        for found in report.differ:
            click.echo(f"    {found.kind} {found.label}: {found.reason}")
        business = self._business
        expected = len(business.clients) + len(business.published) + len(business.payments)
        self._check("everything that is linked was compared", report.compared == expected, report.compared)
        self._check("and agrees to the cent", report.agree == report.compared and not report.differ and not difference)
        intact, rows, _ = self._stage.store.verify_history(COMPANY)
        click.echo(f"  the history has {rows} entries, each sealed with the one before it")
        self._check("the history is intact", intact)

    def _further(self) -> None:
        directory = self._stage.directory
        port = self._stage.sandbox.base_url.rpartition(":")[2]
        self._title("How to look further")
        self._say("Both sets of books and the state are kept. Start the look-alike again in one terminal:")
        click.echo(f"    syncd sandbox --port {port} --data {_short(directory / 'books.db')}")
        self._say("and ask in another (syncd is .venv/run/bin/syncd after `make demo`):")
        config = f"--config {_short(self._stage.config_path)}"
        click.echo(f"    syncd status {config}")
        click.echo(f"    syncd history invoice {self._id_of('INV-1002')} {config}")
        click.echo(f"    syncd reconcile --dry-run {config}")

    # ---- parts

    def _count(self, entity: str) -> int:
        return self._stage.accountant.count(entity)

    def _payments(self) -> list[dict[str, Any]]:
        return self._stage.sandbox.records(self._stage.realm, "Payment")

    def _invoice(self, number: str) -> dict[str, Any]:
        asked = f"select * from Invoice where DocNumber = '{number}'"  # noqa: S608 - the demonstration's own numbers
        (found,) = self._stage.accountant.query(asked)
        return found

    def _last_unpaid(self) -> dict[str, Any]:
        """The latest invoice in dollars that nothing was paid on."""
        paid = {row["invoice_id"] for row in self._business.allocations}
        open_ones = [i for i in self._business.published if i["currency"] == "USD" and i["id"] not in paid]
        return self._invoice(max(open_ones, key=lambda i: i["id"])["number"])

    def _id_of(self, number: str) -> str:
        return str(self._stage.value("SELECT id FROM invoice WHERE number = :number", number=number))

    def _title(self, text: str, command: str = "") -> None:
        self._chapter = getattr(self, "_chapter", 0) + 1
        click.echo(f"\n{self._chapter}. {text}\n{'-' * WIDTH}")
        if command:
            click.echo(f"  $ {command}\n")

    def _say(self, text: str) -> None:
        click.echo(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  "))

    def _show(self, report: CycleReport, most: int | None = None) -> None:
        click.echo(render.plan_text(COMPANY, report.plan, most=most))

    def _check(self, what: str, came_out: bool, instead: object = None) -> None:
        self.checked += 1
        if not came_out:
            self.failed.append(what if instead is None else f"{what} (instead: {instead})")
            click.echo(f"  NOT AS EXPECTED: {what}")


_WRITES = frozenset({"create", "update", "delete", "void"})


def _sparse(record: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A sparse update of an invoice, as the accountant's browser would send it."""
    kept = {name: record[name] for name in ("Id", "SyncToken", "CustomerRef")}
    return {**kept, "sparse": True, **fields}


def _short(path: Path) -> str:
    """A path as a person in this directory would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
