"""What every story of the demonstration is told with: chapters, sentences, plans, and checks against both sides."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from syncd.cli import render
from syncd.demo.stage import COMPANY, Stage
from syncd.report import AuditReport, CycleReport, CycleRequest

WIDTH = 96
_PLAIN = CycleRequest()
WRITES = frozenset({"create", "update", "delete", "void", "send", "upload"})
"""What the look-alike calls requests that change something."""


class Telling(ABC):
    """One telling. A story is a subclass: its chapters are its own, ``tell`` says their order.

    Every step says what is expected and checks it against both sides (the look-alike's own records over HTTP, the
    source by SQL), never against syncd's own word. ``failed`` lists what did not come out as expected.
    """

    def __init__(self, set_up: Stage) -> None:
        self.stage = set_up
        self.failed: list[str] = []
        self.checked = 0
        self._chapter = 0

    @abstractmethod
    def tell(self) -> None:
        """All chapters, in order."""

    # ---- chapters that every story has

    def first_plan(self, most: int) -> CycleReport:
        """A dry run before anybody approved anything. ``most``: how many lines of each kind are shown."""
        self.title("The plan: nothing is written until somebody has read it", "syncd reconcile --dry-run")
        before = self.stage.sandbox.last_request()
        report = self.run(CycleRequest(dry_run=True))
        writes = [r for r in self.stage.sandbox.requests(after=before) if r["operation"] in WRITES]
        self.show(report, most=most)
        self.check("a dry run writes nothing to QuickBooks", not writes and self.count("Invoice") == 0)
        self.check("the first run only plans", [b.rail for b in report.plan.brakes] == ["first-run"])
        return report

    def nothing_left(self) -> None:
        """One more run that has nothing to do."""
        self.title("One more run has nothing to do", "syncd reconcile")
        history = len(self.stage.sandbox.history(self.stage.realm))
        report = self.run(CycleRequest())
        click.echo(render.summary(COMPANY, report.plan))
        self.check("nothing is planned", not report.plan.writes and not report.applied, report.plan.operations)
        self.check("nothing was written", len(self.stage.sandbox.history(self.stage.realm)) == history)

    def proof(self, expected: int, differ: frozenset[str] = frozenset()) -> AuditReport:
        """The audit. ``expected``: how many records are linked; ``differ``: the labels of those left apart."""
        self.title("The proof", "syncd audit")
        report = self.stage.engine.audit()
        difference = sum(report.money_difference.values(), Decimal(0))
        click.echo(
            f"  {report.compared} records compared, {report.agree} agree, {len(report.differ)} differ, "
            f"money difference {difference:.2f}"
        )
        for found in report.differ:
            click.echo(f"    {found.kind} {found.label}: {found.reason}")
        self.check("everything that is linked was compared", report.compared == expected, report.compared)
        apart = {found.label for found in report.differ}
        self.check("and agrees to the cent", apart == differ and (bool(differ) or not difference), apart)
        intact, rows, _ = self.stage.store.verify_history(COMPANY)
        click.echo(f"  the history has {rows} entries, each sealed with the one before it")
        self.check("the history is intact", intact)
        return report

    def further(self, *commands: str) -> None:
        """How to look further: the look-alike again, and some commands."""
        directory = self.stage.directory
        port = self.stage.sandbox.base_url.rpartition(":")[2]
        self.title("How to look further")
        self.say("Both sets of books and the state are kept. Start the look-alike again in one terminal:")
        click.echo(f"    syncd sandbox --port {port} --data {_short(directory / 'books.db')}")
        self.say("and ask in another (syncd is .venv/run/bin/syncd after `make demo`):")
        for command in commands:
            click.echo(f"    syncd {command} --config {_short(self.stage.config_path)}")

    # ---- acting and looking

    def run(self, request: CycleRequest) -> CycleReport:
        """One cycle."""
        return self.stage.engine.reconcile(request)

    def applied(self, request: CycleRequest = _PLAIN, outcome: str = "ok") -> CycleReport:
        """One cycle that ends as expected, and what it did in a sentence."""
        report = self.run(request)
        self.say(f"{report.applied} operations applied, {report.failed} failed, {report.held} held.")
        self.check("the run ended as expected", report.outcome == outcome, report.outcome)
        return report

    def books(self, entity: str) -> list[dict[str, Any]]:
        """The records of QuickBooks, from the look-alike itself."""
        return self.stage.sandbox.records(self.stage.realm, entity)

    def count(self, entity: str) -> int:
        """How many records QuickBooks has."""
        return self.stage.accountant.count(entity)

    def invoice(self, number: str) -> dict[str, Any]:
        """The only invoice of that number in QuickBooks."""
        asked = f"select * from Invoice where DocNumber = '{number}'"  # noqa: S608 - the demonstration's own numbers
        (found,) = self.stage.accountant.query(asked)
        return found

    # ---- telling

    def title(self, text: str, command: str = "") -> None:
        """Begin a chapter; ``command`` is what an operator would type for it."""
        self._chapter += 1
        click.echo(f"\n{self._chapter}. {text}\n{'-' * WIDTH}")
        if command:
            click.echo(f"  $ {command}\n")

    def say(self, text: str) -> None:
        """A paragraph."""
        click.echo(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  "))

    def act(self, text: str) -> None:
        """One thing that people do."""
        click.echo(textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    "))

    def show(self, report: CycleReport, most: int | None = None) -> None:
        """A plan, as ``syncd reconcile`` prints it."""
        click.echo(render.plan_text(COMPANY, report.plan, most=most))

    def check(self, what: str, came_out: bool, instead: object = None) -> None:
        """Count one expectation, and say so where it did not come out."""
        self.checked += 1
        if not came_out:
            self.failed.append(what if instead is None else f"{what} (instead: {instead})")
            click.echo(f"  NOT AS EXPECTED: {what}")


def sparse(record: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A sparse update, as the accountant's browser would send it."""
    kept = {name: record[name] for name in ("Id", "SyncToken", "CustomerRef")}
    return {**kept, "sparse": True, **fields}


def _short(path: Path) -> str:
    """A path as a person in this directory would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
