"""``push``, ``reload`` and ``worklist``: sending one record by hand, taking one over from QuickBooks, and what a person
has to do in the source."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options, spreadsheet
from syncd.cli.progress import Progress
from syncd.cli.session import interruptible, session
from syncd.errors import EXIT_HELD, EXIT_OK

if TYPE_CHECKING:
    from syncd.report import CycleReport
    from syncd.state.values import Held

_COLUMNS = ("company", "number", "kind", "record", "field", "task", "since")


@click.command(
    short_help="Send one record to QuickBooks now.",
    epilog="""\b
Examples:
  syncd push invoice INV-1042
  syncd push invoice INV-1042 --dry-run         show what that would send
  syncd push invoice INV-1042 --send            and have QuickBooks mail it
  syncd push invoice INV-1042 --withdraw        take back that it was asked for
  syncd push client "Ada Ltd"
""",
)
@click.argument("kind", type=options.kind)
@click.argument("name", metavar="NAME")
@options.config_option
@options.company_option
@click.option("--send", is_flag=True, help="Have QuickBooks mail it, too (needs send_via_qbo).")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--withdraw", is_flag=True, help="Take back that it was asked for and is not done yet; sends nothing.")
@options.json_option
def push(**given: Any) -> int:
    """Send one record of the source to QuickBooks now, with what it needs there; or carry over what was changed in the
    source since it was sent. NAME is its number or name, or its id in the source.

    For what goes out only when it is asked for: what no rule sends by itself, what is older than the start date, what
    was not ticked. What is asked for stands until it is done, or withdrawn.
    """
    if given.pop("withdraw"):
        return _withdraw(given)
    return _push(given)


def _withdraw(given: dict[str, Any]) -> int:
    from syncd.cli import reports
    from syncd.model.kinds import Kind

    if given["send"] or given["dry_run"]:
        raise click.UsageError("--withdraw goes with no other option: it sends nothing.")
    with session(given["config_path"], threading.Event()) as opened:
        company = opened.one(given["company"], "A record is withdrawn for one company")
        with opened.engine(company) as engine:
            record_id = engine.withdraw(Kind(given["kind"]), given["name"], options.actor())
    if given["as_json"]:
        click.echo(reports.dump({"withdrawn": {"kind": given["kind"], "source_id": record_id}}))
    else:
        click.echo(f"{given['kind'].replace('_', ' ').capitalize()} {given['name']} is not asked for any more.")
    return EXIT_OK


@interruptible
def _push(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    from syncd.model.kinds import Kind
    from syncd.report import CycleRequest

    with session(given["config_path"], stop or threading.Event(), read_only=given["dry_run"]) as opened:
        company = opened.one(given["company"], "A record is sent for one company")
        request = CycleRequest(dry_run=given["dry_run"], send=given["send"], actor=options.actor())
        with opened.engine(company) as engine, Progress(company.name, fancy=not given["as_json"]) as progress:
            report = engine.push(Kind(given["kind"]), given["name"], request, progress)
    return _told(report, given)


def _told(report: CycleReport, given: dict[str, Any]) -> int:
    from syncd.cli import reports

    if given["as_json"]:
        click.echo(reports.dump({"companies": [reports.report_json(report) | {"exit_code": report.exit_code}]}))
    else:
        click.echo(reports.report_text(report, dry_run=given["dry_run"]))
    return report.exit_code


@click.command(
    name="reload",
    short_help="Make one record what QuickBooks holds.",
    epilog="""\b
Examples:
  syncd reload invoice INV-1042
  syncd reload invoice INV-1042 --dry-run       show what that would change
""",
)
@click.argument("kind", type=click.Choice(["invoice", "credit_note", "payment"]))
@click.argument("name", metavar="NUMBER")
@options.config_option
@options.company_option
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@options.json_option
def reload_record(**given: Any) -> int:
    """Make one record in the source what QuickBooks holds, with the payments on it: the repair for copies that drifted
    apart. NUMBER is its number, or its id on either side."""
    return _reload(given)


@interruptible
def _reload(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    from syncd.model.kinds import Kind

    with session(given["config_path"], stop or threading.Event(), read_only=given["dry_run"]) as opened:
        company = opened.one(given["company"], "A record is reloaded for one company")
        with opened.engine(company) as engine, Progress(company.name, fancy=not given["as_json"]) as progress:
            report = engine.reload(Kind(given["kind"]), given["name"], dry_run=given["dry_run"], progress=progress)
    return _told(report, given)


@click.command(
    short_help="What a person has to do in the source.",
    epilog="""\b
Examples:
  syncd worklist
  syncd worklist --csv todo.csv                 for a spreadsheet; - writes to the screen
  syncd worklist --json | jq '.tasks[].task'
""",
)
@options.config_option
@options.company_option
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, allow_dash=True), help="Write the list as CSV.")
@options.json_option
def worklist(config_path: Path, company: str | None, csv_path: str | None, as_json: bool) -> int:
    """What a person has to do in the source, because syncd cannot write there. A task goes by itself once the source
    shows that it is done."""
    from syncd.cli import reports

    if csv_path and as_json:
        raise click.UsageError("Give either --csv or --json.")
    with session(config_path, threading.Event(), read_only=True) as opened:
        rows = [
            row
            for wanted in opened.companies(company)
            for held in opened.store.held(wanted.name)
            for row in _tasks(held)
        ]
    if as_json:
        click.echo(reports.dump({"tasks": rows}))
    elif csv_path:
        _write_csv(csv_path, rows)
    elif rows:
        click.echo("\n".join(f"{row['company']}  {row['since'][:10]}  {row['task']}" for row in rows))
        click.echo(f"\n{len(rows)} tasks. Each goes from this list when the source shows that it is done.")
    else:
        click.echo("Nothing has to be done by hand.")
    return EXIT_HELD if rows else EXIT_OK


def _tasks(held: Held) -> list[dict[str, str]]:
    from syncd.reconciler.worklist import CODE

    return [
        {
            "company": held.company,
            "number": str(held.id),
            "kind": held.kind.value,
            "record": held.label,
            "field": problem.field,
            "task": problem.text,
            "since": held.since.isoformat() if held.since is not None else "",
        }
        for problem in held.problems
        if problem.code == CODE
    ]


def _write_csv(path: str, rows: list[dict[str, str]]) -> None:
    written = spreadsheet.write(path, _COLUMNS, rows)
    if path != "-":
        click.echo(f"{written} tasks written to {path}.")


COMMANDS: tuple[click.Command, ...] = (push, reload_record, worklist)
