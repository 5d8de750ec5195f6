"""``match``: a person says which records of the two sides are the same."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options
from syncd.cli.progress import Progress
from syncd.cli.session import Session, interruptible, session
from syncd.errors import EXIT_CONFIG, EXIT_OK

if TYPE_CHECKING:
    from syncd.linking import Decided
    from syncd.model.facts import BooksFacts
    from syncd.parts import Parts

_ACTIONS = ("out", "in", "list", "set", "unset")


@click.command(
    short_help="Say which records of the two sides are the same.",
    epilog="""\b
Examples:
  syncd match --company acme --out match.toml              propose, before the first run
  syncd match --company acme --in match.toml --dry-run     check the answers
  syncd match --company acme --in match.toml               store them
  syncd match --list --kind client                         the matches as they are
  syncd match --set client 17 58                           correct one
""",
)
@options.config_option
@options.company_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write proposals into this new file.")
@click.option("--in", "in_", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Store its answers.")
@click.option("--list", "list_", is_flag=True, help="Show the matches as they are.")
@click.option(
    "--set", "set_", nargs=3, metavar="KIND SOURCE_ID ANSWER", help="Match one record: QuickBooks' id or a word."
)
@click.option("--unset", nargs=2, metavar="KIND SOURCE_ID", help="End the match of one record.")
@click.option("--kind", type=options.kind, metavar="KIND", help="With --list: only this kind.")
@click.option("--dry-run", is_flag=True, help="With --in, --set, --unset: check only, store nothing.")
@options.json_option
def match(**given: Any) -> int:
    """Before the first run: propose which records of the two sides are the same, in a file for a person to answer, and
    read the answers back. Later: show the matches, and correct single ones. Never writes to either side."""
    wanted = [name for name in _ACTIONS if given.get(name) or given.get(f"{name}_")]
    if len(wanted) != 1:
        raise click.UsageError("Give one of --out, --in, --list, --set and --unset.")
    if given["kind"] and not given["list_"]:
        raise click.UsageError("--kind narrows --list.")
    if given["dry_run"] and wanted[0] in {"out", "list"}:
        raise click.UsageError(f"--{wanted[0]} stores nothing anyway; --dry-run is for --in, --set and --unset.")
    return _match(wanted[0], given)


@interruptible
def _match(action: str, given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    storing = action in {"in", "set", "unset"} and not given["dry_run"]
    with session(given["config_path"], stop or threading.Event(), read_only=not storing) as opened:
        company = opened.one(given["company"], "Records are matched for one company at a time")
        if action == "list":
            return _list(opened, company.name, given)
        with opened.engine(company) as engine, Progress(company.name, fancy=not given["as_json"]) as progress:
            parts = engine.parts
            return _propose(parts, progress, given) if action == "out" else _take(parts, action, given, storing=storing)


def _propose(parts: Parts, progress: Progress, given: dict[str, Any]) -> int:
    from syncd import matchfile
    from syncd.cli import matches
    from syncd.matching import Proposer

    path: Path = given["out"]
    matchfile.refuse_existing(path)
    found = Proposer(parts, parts.books.facts(refresh=True), progress).run()
    matchfile.write(path, company=parts.company, realm_id=parts.books.realm_id, rows=found.rows)
    _show(given, matches.proposed_json(parts.company, path, found), matches.proposed_text(parts.company, path, found))
    return EXIT_OK


def _take(parts: Parts, action: str, given: dict[str, Any], *, storing: bool) -> int:
    from syncd import rematching

    if not storing:
        return _report(parts, given, _decide(parts, parts.books.facts(refresh=True), action, given))
    who = options.actor()
    with rematching.leased(parts, who) as lease:
        decided = _decide(parts, rematching.identify(parts), action, given)
        if not decided.faults:
            rematching.store(parts, lease, decided, who)
    return _report(parts, given, decided)


def _decide(parts: Parts, facts: BooksFacts, action: str, given: dict[str, Any]) -> Decided:
    from syncd import matchfile
    from syncd.linking import Decider
    from syncd.model.kinds import Kind
    from syncd.rematching import Corrector

    if action == "in":
        answers, faults = matchfile.read(given["in_"], company=parts.company, realm_id=parts.books.realm_id)
        return Decider(parts, facts).decide(answers, faults)
    if action == "unset":
        kind, source_id = given["unset"]
        return Corrector(parts, facts).unset(Kind(options.kind(kind)), source_id)
    kind, source_id, use = given["set_"]
    return Corrector(parts, facts).set(matchfile.Answer(Kind(options.kind(kind)), source_id, use))


def _report(parts: Parts, given: dict[str, Any], decided: Decided) -> int:
    from syncd.cli import matches

    dry = given["dry_run"]
    code = EXIT_CONFIG if decided.faults else EXIT_OK
    body = matches.decided_json(parts.company, decided, dry_run=dry) | {"exit_code": code}
    _show(given, body, matches.decided_text(parts.company, decided, dry_run=dry))
    return code


def _list(opened: Session, company: str, given: dict[str, Any]) -> int:
    from syncd.cli import matches
    from syncd.model.kinds import Kind
    from syncd.model.spec import SPECS

    kinds = [Kind(given["kind"])] if given["kind"] else list(SPECS)
    links = [link for kind in kinds for link in opened.store.stream_links(company, kind)]
    _show(given, matches.links_json(company, links), matches.links_text(company, links))
    return EXIT_OK


def _show(given: dict[str, Any], body: dict[str, Any], text: str) -> None:
    from syncd.cli import reports

    click.echo(reports.dump(body) if given["as_json"] else text)


COMMANDS: tuple[click.Command, ...] = (match,)
