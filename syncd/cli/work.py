"""``reconcile``, ``apply`` and ``audit``: the commands that look at both sides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options
from syncd.cli.progress import Progress
from syncd.cli.session import interruptible, session, worst
from syncd.errors import EXIT_CHANGES, EXIT_OK, SyncdError

if TYPE_CHECKING:
    from syncd.report import AuditReport, CycleReport, CycleRequest


@click.command(
    short_help="Bring both sides into agreement, or show what that would take.",
    epilog="""\b
Examples:
  syncd reconcile --dry-run                     show what would be done
  syncd reconcile --dry-run --out plan.json     save it, to be applied as it is
  syncd reconcile --kind invoice --id 1042      only this record
  syncd reconcile --allow-removals payment=12   lift one brake, once
""",
)
@options.config_option
@options.company_option
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing, neither side and not our state.")
@click.option(
    "--kind", "kinds", type=options.kind, multiple=True, metavar="KIND", help="Only this kind; may be repeated."
)
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only this record, by its id on either side.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan (with --dry-run).")
@click.option("--exit-code", is_flag=True, help="With --dry-run: end with 2 when changes are pending.")
@options.override_options
@options.json_option
def reconcile(**given: Any) -> int:
    """Bring both sides into agreement, or with --dry-run show what that would take."""
    if given["out"] and not given["dry_run"]:
        raise click.UsageError("--out saves a plan for later: use it with --dry-run.")
    if given["exit_code"] and not given["dry_run"]:
        raise click.UsageError("--exit-code asks whether changes are pending: use it with --dry-run.")
    return _reconcile(given)


@interruptible
def _reconcile(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    from syncd.planfile import save_plan

    request = request_of(given)
    with session(given["config_path"], stop or threading.Event(), read_only=request.dry_run) as opened:
        companies = opened.companies(given["company"])
        if any(given[name] for name in options.COUNTED):
            opened.one(given["company"], "What a brake counted is lifted for one company")
        if given["out"]:
            opened.one(given["company"], "A plan file is for one company")

        def one(name: str) -> CycleReport:
            company = opened.config.named(name)
            with opened.engine(company) as engine, _progress(name, given) as progress:
                report = engine.reconcile(request, progress)
                if given["out"]:
                    save_plan(given["out"], engine.plan_file(report.plan))
            return report

        return _each([company.name for company in companies], one, given)


@click.command(
    short_help="Apply a saved plan.",
    epilog="""\b
Example:
  syncd reconcile --dry-run --company acme --out plan.json
  syncd apply plan.json
""",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.config_option
@options.override_options
@options.json_option
def apply(**given: Any) -> int:
    """Apply a saved plan as it is; what changed meanwhile is refused, record by record."""
    return _apply(given)


@interruptible
def _apply(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    from syncd.planfile import load_plan

    plan_file = load_plan(given["file"])
    request = request_of(given)
    with session(given["config_path"], stop or threading.Event()) as opened:

        def one(name: str) -> CycleReport:
            with opened.engine(opened.config.named(name)) as engine, _progress(name, given) as progress:
                return engine.apply(plan_file, request, progress)

        return _each([plan_file.company], one, given)


@click.command(
    short_help="Compare everything and prove agreement to the cent.",
    epilog="""\b
Example:
  syncd audit --company acme
""",
)
@options.config_option
@options.company_option
@options.json_option
def audit(**given: Any) -> int:
    """Compare everything on both sides, change nothing, and end in a proof of agreement to the cent."""
    return _audit(given)


@interruptible
def _audit(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    with session(given["config_path"], stop or threading.Event()) as opened:

        def one(name: str) -> AuditReport:
            with opened.engine(opened.config.named(name)) as engine, _progress(name, given) as progress:
                return engine.audit(progress)

        return _each([company.name for company in opened.companies(given["company"])], one, given)


def request_of(given: dict[str, Any]) -> CycleRequest:
    """What a command with these options asks of a run."""
    from syncd.model.kinds import Kind, Side
    from syncd.report import CycleRequest

    def counted(values: Iterable[tuple[str, str, int]]) -> dict[tuple[Side, Kind], int]:
        return {(Side(side), Kind(kind)): count for side, kind, count in values}

    return CycleRequest(
        dry_run=given.get("dry_run", False),
        kinds=frozenset(Kind(kind) for kind in given.get("kinds", ())),
        ids=frozenset(given.get("ids", ())),
        approve_first_run=given["approve_first_run"],
        allow_removals={Kind(kind): count for kind, count in given["allow_removals"]},
        allow_empty=counted(given["allow_empty"]),
        allow_mass_change=counted(given["allow_mass_change"]),
        accept_config=given["accept_config"],
        actor=options.actor(),
    )


def _progress(company: str, given: dict[str, Any]) -> Progress:
    return Progress(company, fancy=not given["as_json"])


def _each(names: list[str], work: Callable[[str], CycleReport | AuditReport], given: dict[str, Any]) -> int:
    """One company after the other; the fault of one is reported and the next goes on."""
    from syncd.cli import reports

    codes: list[int] = []
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            report = work(name)
        except SyncdError as error:
            codes.append(error.exit_code)
            rows.append({"company": name, "outcome": "failed", "exit_code": error.exit_code, "error": str(error)})
            click.echo(f"{name}: {error}", err=True)
            continue
        code = report.exit_code
        if given.get("exit_code") and code == EXIT_OK and getattr(report, "outcome", "") == "changes":
            code = EXIT_CHANGES
        codes.append(code)
        rows.append(reports.report_json(report) | {"exit_code": code})
        if not given["as_json"]:
            click.echo(reports.report_text(report, dry_run=bool(given.get("dry_run"))))
    if given["as_json"]:
        click.echo(reports.dump({"companies": rows}))
    return worst(codes)


COMMANDS: tuple[click.Command, ...] = (reconcile, apply, audit)
