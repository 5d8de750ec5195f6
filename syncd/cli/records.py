"""``records``: every record of the source, and whether it is linked with one of QuickBooks."""

from __future__ import annotations

import threading
from pathlib import Path

import click
import msgspec

from syncd.cli import options
from syncd.cli.session import session
from syncd.errors import EXIT_OK

STATES = ("linked", "held", "left behind", "left alone", "unusable", "not linked")
"""Values of ``recordlist.STATES`` (spelt out: nothing heavy is loaded for ``--help``; a test compares the two)."""


@click.command(
    short_help="Every record of the source, and whether it is linked.",
    epilog="""\b
Examples:
  syncd records --kind client
  syncd records --state "not linked"
""",
)
@click.option("--kind", type=options.kind, metavar="KIND", help="Only this kind.")
@click.option("--state", type=click.Choice(STATES), help="Only records that stand so.")
@options.config_option
@options.company_option
@options.json_option
def records(kind: str | None, state: str | None, config_path: Path, company: str | None, as_json: bool) -> int:
    """Every record of the source with how it stands: linked and with which record of QuickBooks, held and why, left
    behind, left alone, unusable, or not linked. Writes nothing, and asks QuickBooks nothing."""
    from syncd import recordlist
    from syncd.cli import render
    from syncd.model.kinds import Kind

    kinds = frozenset({Kind(kind)}) if kind else frozenset()
    rows = []
    with session(config_path, threading.Event(), read_only=True) as opened:
        for wanted in opened.companies(company):
            with opened.engine(wanted) as engine:
                found = recordlist.records(engine.parts, kinds)
                rows += [(wanted.name, each) for each in found if state in (None, each.state)]
    if as_json:
        told = [{"company": name} | msgspec.to_builtins(each) for name, each in rows]
        click.echo(
            msgspec.json.format(msgspec.json.encode({"records": told}, order="deterministic"), indent=2).decode()
        )
    elif rows:
        head = ("company", "kind", "record", "state", "source", "QuickBooks", "why")
        table = [(name, str(r.kind), r.record, r.state, r.source_id, r.qbo_id, r.why) for name, r in rows]
        click.echo(render.columns(table, head))
    else:
        click.echo("There is no such record in the source.")
    return EXIT_OK


COMMANDS: tuple[click.Command, ...] = (records,)
