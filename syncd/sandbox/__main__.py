"""``python -m syncd.sandbox``: the look-alike as a process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from syncd.sandbox import server
from syncd.sandbox.wire import DecodeError, Json, decode
from syncd.sandbox.world import World


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve until told to stop."""
    options = _parser().parse_args(arguments)
    try:
        switches = dict(_switch(text) for text in options.switch)
        start = options.clock
        if start is not None and start.replace(".", "", 1).isdigit():
            start = float(start)
        sandbox = server.build(options.data, switches, start, options.speed)
        for text in options.company:
            _add_company(sandbox.world, text)
    except (ValueError, DecodeError) as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201  # a command's own error output
        return 2
    sandbox.save()
    sock = server.listen(options.port)
    port = sock.getsockname()[1]
    if options.port_file is not None:
        waiting = options.port_file.with_name(options.port_file.name + ".new")
        waiting.write_text(f"{port}\n")
        waiting.replace(options.port_file)
    base = f"http://{server.LOOPBACK}:{port}"
    print(f"sandbox on {base}, process {os.getpid()}", flush=True)  # noqa: T201  # a command's own output
    server.serve(sandbox, sock)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m syncd.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="write the port here once the server listens")
    parser.add_argument("--data", type=Path, help="keep everything in this SQLite file")
    parser.add_argument(
        "--company", action="append", default=[], help='a company to create: "{}", {"country": "CA"}, or @file.json'
    )
    parser.add_argument("--clock", help="start of the clock: a date-time or epoch seconds")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="for example throttle=off")
    return parser


def _switch(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    try:
        return name, decode(value.encode())
    except DecodeError:
        return name, value


def _add_company(world: World, text: str) -> None:
    raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    content: Json = decode(raw) if raw.strip() else {}
    if str(content.get("realm")) not in world.companies:  # it may have been read back from the data file
        world.add_company(content)


if __name__ == "__main__":
    sys.exit(main())
