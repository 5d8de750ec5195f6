"""Runs one company in processes that stop in the middle: one child for each order, all imports done before.

Started with the company's ``World.spec`` as JSON, and ``lease_seconds`` in it. Each line of input is where the next
child has to stop (``door:number:when``, empty: nowhere). The child passes four doors: the journal's ``intend``,
``mark_sent`` and ``settle``, a ``send`` of a change to QuickBooks, a ``write`` to the source; and, if it is told to,
``inside`` a transaction on the state. At the place it was told it sends itself SIGSTOP, while no thread of it holds a
lock of a database (but for ``inside``). Its answers: the child's number; ``stopped`` or ``exit CODE``; after SIGCONT
``exit CODE``. With ``log`` in the specification every place that was passed is a line of that file; with ``file_bytes``
no file may become larger than that, as on a disk that is full.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from syncd.sources.sql.source import SqlSource
from syncd.state import database
from syncd.state.database import Database
from syncd.state.store import Store
from tests.e2e.runner import cycle_of, say


class Doors:
    """Counts what passes, and stops the process at one place."""

    def __init__(self, stop_at: str, log: Path | None) -> None:
        self._stop_at = stop_at
        self._log = log
        self._numbers: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._quiet = threading.RLock()
        """Held while a transaction is open, so that a stop leaves none open."""

    def install(self) -> None:
        """Wrap every door."""
        for name in ("intend", "mark_sent", "settle"):
            self._wrap(Store, name, name)
        self._wrap(SqlSource, "write", "write", quiet=True)
        self._wrap(requests.adapters.HTTPAdapter, "send", "send", when=_changes_something)
        write, quiet = Database.write, self._quiet
        doors = self

        @contextmanager
        def alone(self: Database) -> Iterator[sa.Connection]:
            with quiet, write(self) as connection:
                yield connection
                doors.passing("inside", "before", held=True)

        Database.write = alone  # type: ignore[method-assign]

    def _wrap(
        self,
        owner: type[Any],
        method: str,
        door: str,
        *,
        when: Callable[..., bool] = lambda *_: True,
        quiet: bool = False,
    ) -> None:
        plain, doors = getattr(owner, method), self

        def wrapped(this: Any, *given: Any, **named: Any) -> Any:
            if not when(*given):
                return plain(this, *given, **named)
            place = doors.passing(door, "before")
            if quiet:
                with doors._quiet:
                    result = plain(this, *given, **named)
            else:
                result = plain(this, *given, **named)
            doors.passing(door, "after", place)
            return result

        setattr(owner, method, wrapped)

    def passing(self, door: str, when: str, number: int = 0, *, held: bool = False) -> int:
        """One side of a door; ``number`` is known on the other side. Stops here, if it was told to."""
        with self._counting:
            if not number:
                self._numbers[door] += 1
                number = self._numbers[door]
            place = f"{door}:{number}:{when}"
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(f"{place}\n")
        if place == self._stop_at:
            if held:
                _stop()
            else:
                with self._quiet:
                    _stop()
        return number


def _stop() -> None:
    """Stop this process here: sent to the process, the signal might reach another thread first, and this one would go
    on and let a transaction begin."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _changes_something(request: requests.PreparedRequest, *_: Any) -> bool:
    path = str(request.url).partition("?")[0]
    if request.method != "POST" or path.endswith("/query"):
        return False
    return not (path.endswith("/batch") and b'"Query"' in bytes(request.body or b""))


def run(spec: dict[str, Any], stop_at: str) -> int:
    """One cycle in this process."""
    database.IDLE_TRANSACTION_SECONDS = spec.get("idle_seconds", database.IDLE_TRANSACTION_SECONDS)
    Doors(stop_at, Path(spec["log"]) if "log" in spec else None).install()
    if "file_bytes" in spec:
        resource.setrlimit(resource.RLIMIT_FSIZE, (spec["file_bytes"], spec["file_bytes"]))
    return cycle_of(spec, threading.Event())


def main() -> None:
    """Serve until the input ends."""
    spec = json.loads(sys.argv[1])
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = run(spec, line.strip())
            finally:
                os._exit(code)
        say(child)
        while True:
            _, status = os.waitpid(child, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                say("stopped")
                continue
            say(f"exit {os.waitstatus_to_exitcode(status)}")
            break


if __name__ == "__main__":
    main()
