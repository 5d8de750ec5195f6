"""``status``, ``held``, ``resume`` and ``migrate``: what syncd remembers, and what a person says to it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import options
from syncd.cli.session import Session, session
from syncd.errors import EXIT_HALTED, EXIT_HELD, EXIT_OK, EXIT_RECONNECT, StateError

if TYPE_CHECKING:
    from syncd.clock import Clock
    from syncd.grant import Ending
    from syncd.state.values import Held, Tokens


@click.command(
    short_help="How each company stands.",
    epilog="""\b
Examples:
  syncd status
  syncd status --json | jq '.companies[].held'
""",
)
@options.config_option
@options.company_option
@options.json_option
def status(config_path: Path, company: str | None, as_json: bool) -> int:
    """How each company stands: connection, last success, held records, unsettled writes. Reads only our own state."""
    from syncd.cli import reports
    from syncd.state.values import Company

    rows = []
    code = EXIT_OK
    with _state(config_path, read_only=True) as opened:
        for wanted in opened.companies(company):
            found = opened.store.company(wanted.name) or Company(name=wanted.name)
            held = sum(opened.store.held_counts(wanted.name).values())
            journal = {str(state): n for state, n in opened.store.journal_counts(wanted.name).items()}
            dirty = opened.store.dirty_count(wanted.name)
            last = next(iter(opened.store.runs(wanted.name, limit=1)), None)
            grant = opened.store.tokens(wanted.qbo.environment, wanted.qbo.realm_id).load()
            left = opened.store.count_left(wanted.name)
            near = _near(grant, opened.clock)
            row = reports.Standing(found, held, dirty, journal, last, grant=grant, near=near, left=left)
            rows.append(row)
            code = max(code, _STATUS_EXIT.get(row.word, EXIT_HELD if held else EXIT_OK))
    if as_json:
        click.echo(reports.dump({"companies": [reports.status_json(row) for row in rows], "exit_code": code}))
    else:
        click.echo("\n\n".join(reports.status_text(row) for row in rows))
    return code


_STATUS_EXIT = {
    "halted": EXIT_HALTED,
    "restored": EXIT_HALTED,
    "reconnect": EXIT_RECONNECT,
    "disconnected": EXIT_RECONNECT,
}


def _near(grant: Tokens | None, clock: Clock) -> tuple[Ending, ...]:
    from syncd.grant import endings

    return endings(grant, clock.now()) if grant is not None else ()


@click.group(
    short_help="Records that wait for a person.",
    epilog="""\b
Example:
  syncd held list
  syncd held show 7
  syncd held accept-qbo 7
""",
)
def held() -> None:
    """Records that wait for a person, and what to do about them."""


@held.command(
    name="list",
    epilog="""\b
Example:
  syncd held list --company acme
""",
)
@options.config_option
@options.company_option
@options.json_option
def held_list(config_path: Path, company: str | None, as_json: bool) -> int:
    """List the records that wait for a person."""
    from syncd.cli import reports

    with _state(config_path, read_only=True) as opened:
        rows = [row for wanted in opened.companies(company) for row in opened.store.held(wanted.name)]
    if as_json:
        click.echo(reports.dump({"held": [reports.held_json(row) for row in rows]}))
    elif rows:
        click.echo(reports.held_table(rows))
        click.echo(f"\nDetails and what may be done: syncd held show {rows[0].id}")
    else:
        click.echo("Nothing is held.")
    return EXIT_OK


@held.command(
    epilog="""\b
Example:
  syncd held show 7
"""
)
@click.argument("number", type=int)
@options.config_option
@options.company_option
@options.json_option
def show(number: int, config_path: Path, company: str | None, as_json: bool) -> int:
    """Show one held record: why, what both sides say, and what may be done."""
    from syncd.cli import reports

    with _state(config_path, read_only=True) as opened:
        record = _find(opened, company, number)
    click.echo(reports.dump(reports.held_json(record)) if as_json else reports.held_text(record))
    return EXIT_OK


def _answer(resolution: str, help_text: str) -> click.Command:
    """One command per answer. The answer is an instruction: the next cycle reads it and acts."""

    @click.argument("numbers", type=int, nargs=-1, required=True, metavar="NUMBER...")
    @click.option("--shown", default="", metavar="STAMP", help="Only if the record still is as `held show` showed it.")
    @options.config_option
    @options.company_option
    def answer(numbers: tuple[int, ...], shown: str, config_path: Path, company: str | None) -> int:
        from syncd.cli import reports

        if shown and len(set(numbers)) > 1:
            raise click.UsageError("--shown is about one record: give one number.")
        with _state(config_path) as opened:
            records = [_find(opened, company, number) for number in dict.fromkeys(numbers)]
            for record in records:
                opened.store.resolve_held(record.company, record.id, resolution, options.actor(), shown)
                click.echo(reports.answered_text(record, resolution))
        return EXIT_OK

    example = f"\b\nExample:\n  syncd held {resolution} 7\n"
    return click.command(name=resolution, help=help_text, epilog=example)(answer)


for _command in (
    _answer("retry", "Look at the record again as if nothing had been said: its cause was removed."),
    _answer("accept-source", "Let the source's values stand and write them to QuickBooks."),
    _answer("accept-qbo", "Let QuickBooks' values stand and write them to the source."),
    _answer("ignore", "Leave this record alone on both sides from now on."),
):
    held.add_command(_command)


@click.command(
    short_help="End the halt of a company.",
    epilog="""\b
Example:
  syncd resume --company acme --reason "the mapping was corrected"
  syncd resume --company acme --source "postgresql://db2/office" --reason "moved to db2"
""",
)
@click.option("--reason", required=True, help="Why it may go on; kept in the history.")
@click.option("--source", metavar="IDENTITY", help="Believe that this is the same source in another place.")
@click.option("--force", type=int, metavar="N", help="After a restored backup: N records are to be created anew.")
@options.config_option
@options.company_option
def resume(reason: str, source: str | None, force: int | None, config_path: Path, company: str | None) -> int:
    """End the halt of a company."""
    if not reason.strip():
        raise click.UsageError("--reason must say something: it is kept in the history.")
    with _state(config_path) as opened:
        name = opened.one(company, "A halt is ended for one company").name
        known = opened.store.company(name)
        if known is not None and known.restored_at is not None:
            _resume_restored(opened, name, reason.strip(), force)
        elif force is not None:
            raise click.UsageError("--force is for a state that was restored from a backup; this one was not.")
        else:
            opened.store.resume(name, options.actor(), reason.strip())
        if source:
            _pin_source(opened, name, source)
    click.echo(f"{name}: resumed. Look at what it will do now: syncd reconcile --dry-run --company {name}")
    return EXIT_OK


def _resume_restored(opened: Session, name: str, reason: str, force: int | None) -> None:
    from syncd import relinking
    from syncd.epoch import Witness, realm_of

    qbo = opened.config.named(name).qbo
    witness = Witness(opened.config.epoch_path)
    realm = realm_of(qbo.environment, qbo.realm_id)
    relinking.resume(
        opened.store, witness, name, realm, opened.clock, actor=options.actor(), reason=reason, force=force
    )


@click.command(
    short_help="Bring the state database to this version.",
    epilog="""\b
Example:
  syncd migrate
""",
)
@options.config_option
def migrate(config_path: Path) -> int:
    """Bring the state database to this version. The service does so by itself when it starts."""
    with _state(config_path):
        click.echo("The state database is up to date.")
    return EXIT_OK


def _pin_source(opened: Session, name: str, source: str) -> None:
    from syncd.state.values import Company

    opened.store.pin_company(Company(name=name, source_identity=source), replace=True, actor=options.actor())


@contextlib.contextmanager
def _state(config_path: Path, *, read_only: bool = False) -> Iterator[Session]:
    with session(config_path, threading.Event(), read_only=read_only) as opened:
        yield opened


def _find(opened: Session, company: str | None, number: int) -> Held:
    for wanted in opened.companies(company):
        record = opened.store.held_by_id(wanted.name, number)
        if record is not None:
            return record
    raise StateError(f"No record is held under number {number}.", remedy="See: syncd held list")


COMMANDS: tuple[click.Command, ...] = (status, held, resume, migrate)
