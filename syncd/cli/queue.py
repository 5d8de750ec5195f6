"""``queue``: everything that is owed and not done, how long it has been so, and what would clear it."""

from __future__ import annotations

import threading
from pathlib import Path

import click
import msgspec

from syncd.cli import options
from syncd.cli.session import session
from syncd.errors import EXIT_HELD, EXIT_OK


@click.command(
    short_help="Everything that is owed and not done yet.",
    epilog="""\b
Example:
  syncd queue --company acme
""",
)
@options.config_option
@options.company_option
@options.json_option
def queue(config_path: Path, company: str | None, as_json: bool) -> int:
    """Everything that is owed and not done: open writes, held records, and what is to be looked at again. Each with its
    age, how often it was tried, why it is not done, and what clears it. Reads only our own state."""
    from syncd.cli import reports
    from syncd.owing import owed

    with session(config_path, threading.Event(), read_only=True) as opened:
        rows = [row for wanted in opened.companies(company) for row in owed(opened.store, wanted.name)]
        now = opened.clock.now()
    if as_json:
        click.echo(reports.dump({"queue": [msgspec.to_builtins(row) for row in rows]}))
    else:
        click.echo(reports.queue_text(rows, now) if rows else "Nothing is owed.")
    return EXIT_HELD if rows else EXIT_OK


COMMANDS: tuple[click.Command, ...] = (queue,)
