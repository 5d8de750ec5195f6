"""``history`` and ``runs``: what was done, by whom and why, and the proof that nobody changed the record of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options, spreadsheet
from syncd.cli.session import session
from syncd.errors import EXIT_OK, EXIT_UNEXPECTED

if TYPE_CHECKING:
    from syncd.state.store import Store
    from syncd.state.values import HistoryLine

COLUMNS = (
    *("company", "number", "at", "kind", "source_id", "qbo_id", "side", "verb", "case", "reason", "actor", "result"),
    *("before", "after", "journal_id", "request_id", "intuit_tid", "run_id", "previous_hash", "hash"),
)
"""Of an export; documented in docs/cli.md, and only ever added to at the end."""
_MOST_RUNS = 20


class _History(click.Group):
    """``syncd history KIND ID`` is short for ``syncd history show KIND ID``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"--help", "-h"}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_History,
    short_help="What was done to which record, by whom and why.",
    epilog="""\b
Examples:
  syncd history invoice 1042                    one record, by its id on either side
  syncd history verify                          nobody changed the history
  syncd history export --csv history.csv
""",
)
def history() -> None:
    """What was done to which record: when, by whom, why, before and after."""


@history.command(
    short_help="What was done to one record.",
    epilog="""\b
Examples:
  syncd history show invoice 1042
  syncd history invoice 1042                    the same
""",
)
@click.argument("kind", type=options.kind)
@click.argument("record_id", metavar="ID")
@options.config_option
@options.company_option
@options.json_option
def show(kind: str, record_id: str, config_path: Path, company: str | None, as_json: bool) -> int:
    """Everything that was done to one record, by its id on either side: when, by whom, why, before and after."""
    from syncd.cli import reports
    from syncd.model.kinds import Kind

    with session(config_path, threading.Event(), read_only=True) as opened:
        found = {
            wanted.name: opened.store.history(wanted.name, Kind(kind), record_id)
            for wanted in opened.companies(company)
        }
    if as_json:
        click.echo(reports.dump({"companies": {name: reports.history_json(events) for name, events in found.items()}}))
        return EXIT_OK
    for name, events in found.items():
        if events:
            click.echo(f"{name}\n{reports.history_text(events)}")
    if not any(found.values()):
        click.echo(f"Nothing was ever done to {kind} {record_id}.")
    return EXIT_OK


@history.command(
    short_help="Prove that nobody changed the history.",
    epilog="""\b
Examples:
  syncd history verify
  syncd history verify --kept 1042:9f3a0c...    and that line 1042 is the one noted down then
""",
)
@click.option(
    "--kept",
    metavar="NUMBER:HASH",
    help="The number and hash of a line as an earlier verify told them; kept elsewhere, they prove the rest.",
)
@options.config_option
@options.company_option
@options.json_option
def verify(kept: str | None, config_path: Path, company: str | None, as_json: bool) -> int:
    """Recompute the chain of hashes over the whole history, and look whether every write has its line in it.

    Ends with 1 when something is not right, and names the first line that is not.
    """
    from syncd.cli import reports

    note = _kept(kept)
    rows = []
    with session(config_path, threading.Event(), read_only=True) as opened:
        if note is not None:
            opened.one(company, "A line that was noted down is of one company")
        rows = [_verified(opened.store, wanted.name, note) for wanted in opened.companies(company)]
    code = EXIT_OK if all(row["whole"] for row in rows) else EXIT_UNEXPECTED
    if as_json:
        click.echo(reports.dump({"companies": rows, "exit_code": code}))
    else:
        click.echo("\n".join(_verified_text(row) for row in rows))
    return code


def _kept(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, sign, digest = text.partition(":")
    if not sign or not number.isdecimal() or not digest:
        raise click.UsageError(f"--kept {text!r} is not of the form NUMBER:HASH.")
    return int(number), digest


def _verified(store: Store, company: str, kept: tuple[int, str] | None) -> dict[str, Any]:
    whole, read, broken = store.verify_history(company)
    length, head = store.history_head(company)
    missing, example = store.unrecorded(company)
    problems = []
    if broken is not None:
        line = store.history_line(company, broken)
        problems.append(_broken(line, broken, read, length))
    if missing:
        problems.append(
            f"{missing} writes of the journal have no line (the first is {example}): lines were taken away."
        )
    if kept is not None:
        line = store.history_line(company, kept[0])
        if line is None or line.hash != kept[1]:
            problems.append(f"Line {kept[0]} is not the one that was noted down: the history was written anew.")
    return {
        "company": company,
        "whole": not problems,
        "lines": length if whole else read,
        "first_broken": broken,
        "unrecorded_writes": missing,
        "problems": problems,
        "head": head,
    }


def _broken(line: HistoryLine | None, number: int, read: int, length: int) -> str:
    if line is None:
        if number > read:
            return f"Line {number} is missing: {length} lines were written, and the history ends after {read}."
        return f"Line {number} is missing."
    about = f"{line.verb} of {line.kind or 'the company'} {line.source_id or line.qbo_id}".rstrip()
    return f"Line {number} was changed, or the line before it was ({line.at.isoformat()}, {about})."


def _verified_text(row: dict[str, Any]) -> str:
    from syncd.cli import render

    name = render.plain(row["company"])
    if row["whole"]:
        kept = f" Keep elsewhere: {row['lines']}:{row['head']}" if row["lines"] else ""
        return f"{name}: {row['lines']} lines, whole.{kept}"
    return "\n".join([f"{name}: NOT WHOLE.", *(render.wrapped(problem, 2) for problem in row["problems"])])


@history.command(
    short_help="Write the history for a spreadsheet.",
    epilog="""\b
Examples:
  syncd history export --csv history.csv
  syncd history export --csv march.csv --kind invoice --since 2026-03-01 --until 2026-04-01
""",
)
@click.option(
    "--csv",
    "csv_path",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="The file; - for the screen.",
)
@click.option("--kind", type=options.kind, metavar="KIND", help="Only records of this kind.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Until this day (UTC), which is not included.")
@options.config_option
@options.company_option
def export(
    csv_path: str,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
    config_path: Path,
    company: str | None,
) -> int:
    """Write the history as CSV: every line with its values, its place in the chain, and Intuit's own number of the
    request."""
    with session(config_path, threading.Event(), read_only=True) as opened:
        names = [wanted.name for wanted in opened.companies(company)]
        rows = _exported(opened.store, names, kind, _day(since), _day(until))
        written = spreadsheet.write(csv_path, COLUMNS, rows)
    if csv_path != "-":
        click.echo(f"{written} lines written to {csv_path}.")
    return EXIT_OK


def _day(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


def _exported(
    store: Store, companies: list[str], kind: str | None, since: datetime | None, until: datetime | None
) -> Iterator[dict[str, str]]:
    from syncd.model.kinds import Kind

    for name in companies:
        lines = store.history_lines(name, kind=Kind(kind) if kind else None, since=since, until=until)
        yield from (_columns(name, line) for line in lines)


def _columns(company: str, line: HistoryLine) -> dict[str, str]:
    values = {name: str(getattr(line, name, "")) for name in COLUMNS}
    return values | {"company": company, "at": line.at.isoformat(), "intuit_tid": line.tid}


@click.command(
    short_help="What ran when, and what it did.",
    epilog="""\b
Examples:
  syncd runs
  syncd runs --limit 100 --json | jq '.runs[] | select(.outcome == "held")'
""",
)
@click.option("--limit", type=click.IntRange(min=1), default=_MOST_RUNS, show_default=True, help="The latest so many.")
@options.config_option
@options.company_option
@options.json_option
def runs(limit: int, config_path: Path, company: str | None, as_json: bool) -> int:
    """What ran when, and what it did, newest first. A run is undone by its id: syncd undo RUN."""
    from syncd.cli import reports

    with session(config_path, threading.Event(), read_only=True) as opened:
        found = [run for wanted in opened.companies(company) for run in opened.store.runs(wanted.name, limit)]
    if as_json:
        click.echo(reports.dump({"runs": [reports.run_json(run) for run in found]}))
    elif found:
        click.echo(reports.runs_table(found))
    else:
        click.echo("Nothing has run yet.")
    return EXIT_OK


COMMANDS: tuple[click.Command, ...] = (history, runs)
