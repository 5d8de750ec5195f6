"""``relink``: rebuilding the links of a state that was restored from a backup."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options
from syncd.cli.session import interruptible, session
from syncd.errors import EXIT_HELD, EXIT_OK

if TYPE_CHECKING:
    from syncd.parts import Parts
    from syncd.rebuilding import Rebuilt


@click.command(
    short_help="Rebuild the links of a state restored from a backup.",
    epilog="""\b
Examples:
  syncd relink --company acme             show what would be linked again, and what not
  syncd relink --company acme --apply     store it; then: syncd reconcile --dry-run
  syncd resume --company acme --reason "backup of Monday, relinked"
""",
)
@options.config_option
@options.company_option
@click.option("--apply", "apply_", is_flag=True, help="Store the links. Neither side is written.")
@click.option("--restored", is_flag=True, help="The state was restored although nothing shows it: halt it first.")
@options.json_option
def relink(**given: Any) -> int:
    """After a state database was restored from a backup (or lost): find out from both sides which of their records
    belong together. Shows what it found; with --apply stores links, and nothing else. Never writes to either side."""
    if given["restored"] and not given["apply_"]:
        raise click.UsageError("--restored halts the company: use it with --apply.")
    return _relink(given)


@interruptible
def _relink(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    with session(given["config_path"], stop or threading.Event(), read_only=not given["apply_"]) as opened:
        company = opened.one(given["company"], "Links are rebuilt for one company at a time")
        with opened.engine(company) as engine:
            found = _apply(engine.parts, given) if given["apply_"] else _look(engine.parts)
            return _show(engine.parts, found, given)


def _look(parts: Parts) -> Rebuilt:
    from syncd.rebuilding import Rebuilder

    return Rebuilder(parts, parts.books.facts(refresh=True), actor=options.actor()).run()


def _apply(parts: Parts, given: dict[str, Any]) -> Rebuilt:
    from syncd import relinking, rematching
    from syncd.rebuilding import Rebuilder

    who = options.actor()
    with rematching.leased(parts, who) as lease:
        facts = rematching.identify(parts)
        if given["restored"]:
            parts.store.mark_restored(parts.company, f"{who} says that it was restored from a backup")
        found = Rebuilder(parts, facts, actor=who).run()
        relinking.store(parts, lease, found)
    return found


def _show(parts: Parts, found: Rebuilt, given: dict[str, Any]) -> int:
    from syncd import relinking
    from syncd.cli import relinks, reports

    code = EXIT_HELD if found.left or found.apart or found.held else EXIT_OK
    if given["as_json"]:
        body = relinks.rebuilt_json(parts.company, found, applied=given["apply_"])
        click.echo(reports.dump(body | {"counts": relinking.counts(found), "exit_code": code}))
    else:
        click.echo(relinks.rebuilt_text(parts.company, found, applied=given["apply_"]))
    return code


COMMANDS: tuple[click.Command, ...] = (relink,)
