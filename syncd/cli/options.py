"""Options that several commands share, and the parsing of one-shot overrides. Light: nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

KINDS = (
    *("item", "tax_code", "payment_method", "category", "client", "project", "vendor", "estimate", "invoice"),
    *("credit_note", "payment", "credit_application", "expense", "bill"),
    *("purchase", "purchase_order", "attachment"),
)
"""Values of ``Kind`` (spelt out: the model is not loaded for ``--help``; a test compares the two)."""
SIDES = ("source", "qbo")
DEFAULT_CONFIG = "/etc/syncd/config.toml"
COUNTED = ("allow_removals", "allow_empty", "allow_mass_change")
"""Overrides that name a count: it was counted in one company."""

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """``--config``, else ``$SYNCD_CONFIG``, else the system's own place."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="SYNCD_CONFIG",
        default=DEFAULT_CONFIG,
        show_default=True,
        help="The configuration file; also $SYNCD_CONFIG.",
    )(command)


def company_option(command: F) -> F:
    """``--company``: one of the configured companies, else all."""
    return click.option("--company", metavar="NAME", help="Only this company of the configuration.")(command)


def json_option(command: F) -> F:
    """``--json``: the same facts for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, as documented in docs/cli.md.")(command)


def actor() -> str:
    """Who gives the order, for the history: the person behind sudo, else the user."""
    import getpass
    import os

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def kind(value: str) -> str:
    """A kind of record; its plural will do as well."""
    name = value.lower().replace("-", "_").replace(" ", "_")
    for ending, single in (("ies", "y"), ("s", "")):
        if name not in KINDS and name.endswith(ending):
            name = name.removesuffix(ending) + single
    if name not in KINDS:
        raise click.BadParameter(f"{value!r} is no kind; expected one of {', '.join(KINDS)}.")
    return name


def kind_count(value: str) -> tuple[str, int]:
    """``KIND=N``: how many removals of a kind are allowed this once."""
    name, sign, count = value.partition("=")
    if not sign or not count.isdecimal():
        raise click.BadParameter(f"{value!r} is not of the form KIND=N, for example invoice=12.")
    return kind(name), int(count)


def side_kind_count(value: str) -> tuple[str, str, int]:
    """``SIDE:KIND=N``: the side and the kind that a brake named, and how many records it counted."""
    side, sign, rest = value.lower().partition(":")
    name, equals, count = rest.partition("=")
    if not sign or side not in SIDES or not equals or not count.isdecimal():
        raise click.BadParameter(f"{value!r} is not of the form SIDE:KIND=N, for example source:invoice=12.")
    return side, kind(name), int(count)


def override_options(command: F) -> F:
    """One-shot answers to brakes. None of them can be put into the configuration."""
    for option in reversed(
        (
            click.option("--approve-first-run", is_flag=True, help="Let the first run of a company write."),
            click.option(
                "--allow-removals",
                type=kind_count,
                multiple=True,
                metavar="KIND=N",
                help="Let up to N deletions and voids of a kind through, this once.",
            ),
            click.option(
                "--allow-empty",
                type=side_kind_count,
                multiple=True,
                metavar="SIDE:KIND=N",
                help="Believe that a side lost all records of a kind, N linked ones at most, this once.",
            ),
            click.option(
                "--allow-mass-change",
                type=side_kind_count,
                multiple=True,
                metavar="SIDE:KIND=N",
                help="Believe that up to N records of a kind changed on a side at once, this once.",
            ),
            click.option(
                "--accept-config", is_flag=True, help="Accept that mapping, scope or policy changed since the last run."
            ),
        )
    ):
        command = option(command)
    return command
