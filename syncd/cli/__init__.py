"""The operator's commands. They hold no logic of their own: they read the configuration, call, and show the answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from syncd import __version__
from syncd.cli import books, connect, history, match, queue, records, relink, repair, service, setup, undo, work
from syncd.errors import EXIT_UNEXPECTED, SyncdError

EXIT_USAGE = 64
"""The command line itself is wrong. (Click's own code for this, 2, means "changes pending" here.)"""
EXIT_INTERRUPTED = 130

EPILOG = """\b
Exit codes: 0 nothing left to do, 1 unexpected error, 2 changes pending (with --exit-code),
3 done with held or failed records, 4 halted by a brake, 5 an outcome is unknown,
64 wrong usage, 75 another runner is at work, 77 connect to QuickBooks again, 78 configuration.

\b
Example:
  syncd check && syncd reconcile --dry-run
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="syncd")
def cli() -> None:
    """Keep a business system and QuickBooks Online in agreement, in both directions."""


for _module in (setup, connect, match, work, undo, repair, relink, books, queue, records, history, service):
    for _command in _module.COMMANDS:
        cli.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error becomes one message and one code."""
    try:
        result: Any = cli.main(
            args=None if arguments is None else list(arguments), prog_name="syncd", standalone_mode=False
        )
    except SyncdError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except click.UsageError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        error.show()
        return EXIT_UNEXPECTED
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return EXIT_INTERRUPTED
    except Exception as error:
        from syncd import log

        log.get_logger(__name__).exception("unexpected_error", error=log.describe(error))
        click.echo(f"Error: something unexpected happened ({log.describe(error)}). This is a fault of syncd.", err=True)
        return EXIT_UNEXPECTED
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """The ``syncd`` command."""
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
