"""``init``, ``token-key``, ``check`` and ``connect``: from nothing to a company that can be worked on."""

from __future__ import annotations

import base64
import os
import secrets
import threading
from pathlib import Path
from typing import Any

import click

from syncd.cli import options
from syncd.cli.session import interruptible, opened, read_config
from syncd.errors import EXIT_CONFIG, EXIT_OK, ConfigError, SyncdError

_TEMPLATE = Path(__file__).with_name("config.example.toml")
_FILE_MODE = 0o600


@click.command(
    short_help="Write a commented configuration.",
    epilog="""\b
Example:
  syncd init --config ./syncd.toml
""",
)
@options.config_option
def init(config_path: Path) -> int:
    """Write a configuration with every setting explained. Never overwrites a file."""
    try:
        config_path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(config_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except FileExistsError:
        raise ConfigError(
            f"{config_path} is there already and stays as it is.", remedy="Give another place with --config."
        ) from None
    except OSError as error:
        raise ConfigError(f"{config_path} cannot be written: {error.strerror}.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_TEMPLATE.read_text(encoding="utf-8"))
    click.echo(f"Wrote {config_path}. Fill in your company, then:")
    click.echo(f"  syncd check --config {config_path}")
    click.echo(f"  syncd connect --config {config_path}")
    return EXIT_OK


@click.command(
    short_help="Print a new encryption key.",
    name="token-key",
    epilog="""\b
Example:
  (umask 077; syncd token-key > /etc/syncd/secrets/encryption-key)
""",
)
def token_key() -> int:
    """Print a new key to encrypt tokens with; keep it in a file that only its owner can read."""
    click.echo(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return EXIT_OK


@click.command(
    short_help="Find out what is missing or wrong.",
    epilog="""\b
Example:
  syncd check --company acme
""",
)
@options.config_option
@options.company_option
@options.json_option
def check(**given: Any) -> int:
    """Look at configuration, databases, mapping, connection and preferences; say what to do about each finding."""
    return _check(given)


@interruptible
def _check(given: dict[str, Any], *, stop: threading.Event | None = None) -> int:
    from syncd.cli import reports
    from syncd.sources.base import Finding

    config = read_config(given["config_path"])
    rows: list[tuple[str, Finding]] = [("", Finding("ok", "configuration", f"{config.path} can be used."))]
    try:
        with opened(config, stop or threading.Event(), read_only=True) as session:
            rows.append(("", Finding("ok", "state", "the state database can be read.")))
            for company in session.companies(given["company"]):
                try:
                    with session.engine(company) as engine:
                        rows.extend((company.name, finding) for finding in engine.check())
                except SyncdError as error:
                    rows.append((company.name, Finding("error", "engine", error.message, error.remedy)))
    except ConfigError:
        raise
    except SyncdError as error:
        rows.append(("", Finding("error", "state", error.message, error.remedy)))
    bad = any(finding.level == "error" for _, finding in rows)
    code = EXIT_CONFIG if bad else EXIT_OK
    if given["as_json"]:
        found = [
            {"company": name or None, "level": f.level, "subject": f.subject, "text": f.text, "remedy": f.remedy}
            for name, f in rows
        ]
        click.echo(reports.dump({"findings": found, "exit_code": code}))
        return code
    for place, name in enumerate(dict.fromkeys(name for name, _ in rows)):
        if name:
            click.echo(("\n" if place else "") + name)
        click.echo(reports.findings_text([finding for owner, finding in rows if owner == name]))
    return code


@click.command(
    short_help="Create the tables of the reference schema.",
    name="source-init",
    epilog="""\b
Examples:
  syncd source-init --company acme
  syncd source-init --company trial --with-samples
""",
)
@options.config_option
@options.company_option
@click.option(
    "--with-samples", is_flag=True, help="Fill the tables, which must be empty, with records to try syncd on."
)
def source_init(config_path: Path, company: str | None, with_samples: bool) -> int:
    """Create the reference schema in a company's source database, or bring it to this version. Existing rows stay."""
    from syncd.demo import samples
    from syncd.sources.settings import SqlSourceConfig
    from syncd.sources.sql.reference import prepare_source

    config = read_config(config_path)
    wanted = [config.named(company)] if company else config.companies
    found = 0
    for each in wanted:
        source = each.source
        if isinstance(source, SqlSourceConfig) and (company or source.mapping is None):
            prepare_source(source)
            click.echo(f"{each.name}: the tables of the reference schema are there (docs/source-sql.md).")
            if with_samples:
                click.echo(f"{each.name}: {samples.fill(source, each.profile):,} sample rows were written.")
            found += 1
    if not found:
        click.echo("No source uses the reference schema; there is nothing to create.")
    return EXIT_OK


COMMANDS: tuple[click.Command, ...] = (init, token_key, check, source_init)
