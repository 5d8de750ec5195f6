"""``undo``: taking back what one run wrote."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options
from syncd.cli.progress import Progress
from syncd.cli.session import interruptible, session
from syncd.cli.work import request_of
from syncd.errors import EXIT_CHANGES, EXIT_OK, StateError

if TYPE_CHECKING:
    from syncd.cli.session import Session
    from syncd.report import CycleReport


@click.command(
    short_help="Take back what one run wrote.",
    epilog="""\b
Examples:
  syncd runs                                    find the run
  syncd undo run-42                             show what would be taken back, and what not
  syncd undo run-42 --out undo.json && syncd apply undo.json
  syncd undo run-42 --apply
""",
)
@click.argument("run", metavar="RUN")
@options.config_option
@options.company_option
@click.option("--apply", "at_once", is_flag=True, help="Do it, without a plan that somebody has read before.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan, for syncd apply.")
@click.option("--exit-code", is_flag=True, help="Without --apply: end with 2 when there is something to take back.")
@options.override_options
@options.json_option
def undo(**given: Any) -> int:
    """Take back every write of one run, on both sides, or show what that would take.

    A record is left as it is where somebody has gone on with it: changed, paid, put into a bank deposit, mailed to the
    client or closed since. What is taken back is held, so that the next cycle does not do it once more.
    """
    if given["at_once"] and (given["out"] or given["exit_code"]):
        raise click.UsageError("--out and --exit-code are about the plan: use them without --apply.")
    return _undo(given)


@interruptible
def _undo(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    from syncd.cli import reports
    from syncd.planfile import save_plan

    dry = not given["at_once"]
    request = request_of(given | {"dry_run": dry})
    with session(given["config_path"], stop or threading.Event(), read_only=dry) as opened:
        run_id, name = _find(opened, given["run"], given["company"])
        with (
            opened.engine(opened.config.named(name)) as engine,
            Progress(name, fancy=not given["as_json"]) as progress,
        ):
            report = engine.undo(run_id, request, progress)
            if given["out"]:
                save_plan(given["out"], engine.plan_file(report.plan, undo=run_id))
    code = _code(report, wanted=given["exit_code"])
    if given["as_json"]:
        click.echo(reports.dump({"companies": [reports.report_json(report) | {"undoes": run_id, "exit_code": code}]}))
    else:
        click.echo(reports.report_text(report, dry_run=dry))
    return code


def _code(report: CycleReport, *, wanted: bool) -> int:
    pending = wanted and report.exit_code == EXIT_OK and report.outcome == "changes"
    return EXIT_CHANGES if pending else report.exit_code


def _find(opened: Session, run: str, company: str | None) -> tuple[str, str]:
    """The run's full id and the company that it was of."""
    run_id = f"run-{run}" if run.isdecimal() else run
    found = opened.store.run(run_id)
    known = {wanted.name for wanted in opened.companies(company)}
    if found is None or found.company not in known:
        raise StateError(f"There is no run {run_id}{f' of {company}' if company else ''}.", remedy="See: syncd runs")
    return found.id, found.company


COMMANDS: tuple[click.Command, ...] = (undo,)
