"""``run``, ``sandbox`` and ``demo``: the commands that stay."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import options
from syncd.cli.session import open_store
from syncd.demo import FIRST, STORIES

if TYPE_CHECKING:
    from syncd.config import AppConfig, CompanyConfig
    from syncd.engine import Engine


@click.command(
    short_help="The service: every company, until told to stop.",
    epilog="""\b
Example:
  syncd run --config /etc/syncd/config.toml
""",
)
@options.config_option
def run(config_path: Path) -> int:
    """Serve every company of the configuration until told to stop (SIGTERM); SIGHUP reads the configuration again."""
    from syncd import log
    from syncd.clock import SystemClock
    from syncd.config import load_config
    from syncd.daemon import Daemon
    from syncd.engine import Engine
    from syncd.hardening import keep_memory_private
    from syncd.metrics import Metrics

    keep_memory_private()
    log.configure("info", "auto", sys.stdout)
    config = load_config(config_path)
    log.protect(*config.secrets())
    log.configure(config.syncd.log_level, config.syncd.log_format, sys.stdout)
    clock = SystemClock()
    metrics = Metrics()
    store = open_store(config, clock)

    def build(app: AppConfig, company: CompanyConfig, stop: threading.Event) -> Engine:
        return Engine.build(app, company, store=store, clock=clock, metrics=metrics, stop=stop)

    try:
        return Daemon(config, build=build, clock=clock, metrics=metrics).run()
    finally:
        store.close()


@click.command(
    short_help="The whole story once, on embedded parts.",
    epilog="""\b
Examples:
  syncd demo
  syncd demo --directory /tmp/demo
""",
)
@click.option(
    "--profile",
    type=click.Choice(sorted(STORIES)),
    default=FIRST,
    show_default=True,
    help="Whose story.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where its databases are kept, to look further.",
)
def demo(**given: Any) -> int:
    """Tell the whole story once, on a source database and a QuickBooks look-alike that are made for it."""
    from syncd.demo import run_demo

    return run_demo(**given)


@click.command(
    short_help="A QuickBooks look-alike to try things on.",
    epilog="""\b
Example:
  syncd sandbox --port 8600 --data books.db --company '{"realm": "1001", "name": "Acme Books"}'
  # then look at http://127.0.0.1:8600/
  # in the configuration, under [company.qbo]:
  #   api_url = "http://127.0.0.1:8600"
  #   token_url = "http://127.0.0.1:8600/oauth2/v1/tokens/bearer"
  #   authorize_url = "http://127.0.0.1:8600/connect/oauth2"
  #   revoke_url = "http://127.0.0.1:8600/v2/oauth2/tokens/revoke"
  #   client_id = "sandbox-client"
""",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8600, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="Keep everything in this file.")
@click.option("--company", "companies", multiple=True, metavar="JSON", help="A company to create; may be repeated.")
@click.option("--no-company", is_flag=True, help="Make none where none is asked for.")
@click.option(
    "--seed", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Records for companies: JSON."
)
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Companies, switches, faults and events from this TOML file.",
)
@click.option("--clock", metavar="MOMENT", help="Where its clock starts.")
@click.option("--speed", type=float, help="How many times faster than real time; 0 stands still.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="For example throttle=off.")
@click.option("--keep-bodies", is_flag=True, help="Keep the bodies of requests and answers to look at.")
@click.option("--port-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the port here.")
def sandbox(**given: Any) -> int:
    """Serve a look-alike of QuickBooks Online on loopback, to try syncd without a company at risk. The app
    "sandbox-client" with the secret "sandbox-secret" is known to it."""
    from syncd.sandbox.__main__ import main

    arguments = []
    for name, value in given.items():
        option = f"--{_SINGULAR.get(name, name).replace('_', '-')}"
        if isinstance(value, bool):
            arguments += [option] if value else []
        elif value is not None:
            arguments += [f"{option}={one}" for one in (value if isinstance(value, tuple) else (value,))]
    code = main(arguments)
    if code:
        raise click.UsageError("The sandbox did not start; see the message above.")
    return code


_SINGULAR = {"companies": "company", "switches": "switch"}

COMMANDS: tuple[click.Command, ...] = (run, sandbox, demo)
