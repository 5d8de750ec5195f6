"""``python -m syncd.sandbox``: the look-alike as a process of its own, on loopback only."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from syncd.sandbox import scenario, server
from syncd.sandbox.app import Sandbox
from syncd.sandbox.clock import moment
from syncd.sandbox.readseed import read_seed
from syncd.sandbox.wire import DecodeError, Json, decode
from syncd.sandbox.world import DEFAULT_CLIENT, DEFAULT_SECRET, World


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve until told to stop."""
    options = parser().parse_args(arguments)
    try:
        sandbox = set_up(options)
    except (ValueError, DecodeError, OSError) as error:
        return _refuse(str(error))
    try:
        sock = server.listen(options.port)
    except OSError as error:
        if sandbox.store is not None:
            sandbox.store.close()
        taken = error.errno == errno.EADDRINUSE
        return _refuse(f"port {options.port} is taken; --port 0 takes a free one" if taken else str(error))
    sandbox.save()
    port = sock.getsockname()[1]
    if options.port_file is not None:
        waiting = options.port_file.with_name(options.port_file.name + ".new")
        waiting.write_text(f"{port}\n")
        waiting.replace(options.port_file)
    print(greeting(f"http://{server.LOOPBACK}:{port}", sandbox.world), flush=True)  # noqa: T201  # a command's own output
    server.serve(sandbox, sock)
    return 0


def _refuse(reason: str) -> int:
    print(f"sandbox: {reason}", file=sys.stderr)  # noqa: T201  # a command's own error output
    return 2


def set_up(options: argparse.Namespace) -> Sandbox:
    """The server as the options want it; ValueError or OSError says what is wrong with them."""
    plan = scenario.Scenario()
    if options.scenario is not None:
        content = scenario.parse(options.scenario.read_text(encoding="utf-8"))
        plan = scenario.read(content, options.scenario.resolve().parent)
    switches = scenario.as_switches(dict(_switch(text) for text in options.switch))
    if options.keep_bodies:
        switches["keep_bodies"] = True
    start = plan.start if options.clock is None else _moment(options.clock)
    speed = (1.0 if plan.speed is None else plan.speed) if options.speed is None else options.speed
    if speed < 0:
        raise ValueError("the speed must not be negative")
    sandbox = server.build(options.data, {**plan.switches, **switches}, start, speed)
    plan.switches = {}
    seed = None if options.seed is None else read_seed(options.seed)
    for text in options.company:
        _add_company(sandbox.world, text, seed)
    plan.start = plan.speed = None  # the server was built with them
    scenario.apply(sandbox, plan)
    if not sandbox.world.companies and not options.no_company:
        sandbox.world.add_company({} if seed is None else {"seed": seed})
    return sandbox


def greeting(base: str, world: World) -> str:
    """The addresses, and how to connect."""
    realms = list(world.companies)
    shown = ", ".join(realms[:5]) + (f" and {len(realms) - 5} more" if len(realms) > 5 else "")
    realm = realms[0] if realms else "REALM"
    lines = [
        f"sandbox on {base}, process {os.getpid()}",
        f"  page            {base}/",
        f"  accounting API  {base}/v3/company/{realm}/...",
        f"  tokens          {base}/oauth2/v1/tokens/bearer",
        f"  consent page    {base}/connect/oauth2",
        f"  companies       {shown or 'none yet: POST /_sandbox/companies makes one'}",
        f"  app             {DEFAULT_CLIENT}, secret {DEFAULT_SECRET}",
        f"  to connect      curl -X POST {base}/_sandbox/companies/{realm}/tokens",
    ]
    if world.switches.throttle != "off":
        lines.append("  throttling is on, as in QuickBooks; --switch throttle=off lifts it")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m syncd.sandbox", description=__doc__)
    made.add_argument("--port", type=int, default=0, help="port on loopback; 0 takes a free one")
    made.add_argument("--port-file", type=Path, help="write the port here once the server listens")
    made.add_argument("--data", type=Path, help="keep everything in this SQLite file")
    made.add_argument(
        "--company", action="append", default=[], help='a company to create: "{}", {"country": "CA"}, or @file.json'
    )
    made.add_argument("--no-company", action="store_true", help="make none where none is asked for")
    made.add_argument("--seed", type=Path, help="records for the companies that name no seed: JSON or JSON lines")
    made.add_argument("--scenario", type=Path, help="companies, switches, faults and events from this TOML file")
    made.add_argument("--clock", help="start of the clock: a date-time or epoch seconds")
    made.add_argument("--speed", type=float, help="how many times faster than real time; 0 stands still")
    made.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="for example throttle=off")
    made.add_argument("--keep-bodies", action="store_true", help="keep the bodies of requests and answers to look at")
    return made


def _moment(text: str) -> float:
    try:
        return moment(text)
    except ValueError:
        raise ValueError(f"--clock: {text} is neither a date-time nor epoch seconds") from None


def _switch(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    try:
        return name, decode(value.encode())
    except DecodeError:
        return name, value


def _add_company(world: World, text: str, seed: Json | None) -> None:
    raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    content = decode(raw) if raw.strip() else {}
    if not isinstance(content, dict):
        raise ValueError(f"--company: {text} is not a JSON object")
    if seed is not None:
        content = {"seed": seed, **content}
    if str(content.get("realm")) not in world.companies:  # it may have been read back from the data file
        world.add_company(content)


if __name__ == "__main__":
    sys.exit(main())
