"""Where a run can be killed: before and after every HTTP request and every commit that changes a database.

The program has no failpoints. Installed in a child process before it opens anything, this wraps the two doors through
which all durable effects leave: the adapter of ``requests`` and the commit of SQLAlchemy's dialects. It writes each
boundary it passes to a log, and at the one it was told it sends the process SIGKILL.

A boundary is ``channel:number:when``. Numbers count within a channel, for requests travel in a thread of their own: how
they mingle with commits is left to chance, which one is meant is not.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import requests
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

HTTP, STATE, SOURCE = "http", "state", "source"
BEFORE, AFTER = "before", "after"

_CHANGE = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)(.*)", re.IGNORECASE | re.DOTALL)
_TO_SOURCE = "write to the source"
_END = "-- end of the run\n"
_READS = frozenset({"query", "cdc", "companyinfo", "preferences"})


class Boundary(msgspec.Struct, frozen=True):
    """One place where a run can end. ``label`` says what happens there, in words for the table."""

    channel: str
    number: int
    when: str
    label: str = ""

    @property
    def place(self) -> str:
        """How the child is told where to die."""
        return f"{self.channel}:{self.number}:{self.when}"

    @property
    def lasting(self) -> bool:
        """Whether something lasting happens here. Two boundaries with none between them leave the same behind."""
        return not self.label.startswith(("read", "meter"))


def passed(log: Path) -> list[Boundary]:
    """The boundaries of a process's first run, in order; the last is where it died, if it did."""
    if not log.exists():
        return []
    found = []
    for line in log.read_text(encoding="utf-8").partition(_END)[0].splitlines():
        place, _, label = line.partition(" ")
        channel, number, when = place.split(":")
        found.append(Boundary(channel, int(number), when, label))
    return found


def swap(owner: Any, name: str, other: Any) -> None:
    """Put something else in the place of a function, for the rest of this process."""
    setattr(owner, name, other)


def distinct(boundaries: Sequence[Boundary]) -> list[Boundary]:
    """Those after which something else is left behind than after the ones before: without reads, and of one step's end
    and the next one's beginning the former."""
    lasting = [boundary for boundary in boundaries if boundary.lasting]
    return [
        boundary
        for before, boundary in zip([None, *lasting], lasting, strict=False)
        if before is None or boundary.when == AFTER or before.when == BEFORE
    ]


class Hooks:
    """Counts, logs and kills. One per process; there is no way to take it off again."""

    def __init__(self, log: Path, kill: str, state_file: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._kill = kill
        self._state_file = state_file
        self._numbers = {HTTP: 0, STATE: 0, SOURCE: 0}
        self._lock = threading.Lock()
        self._statements: dict[Any, list[str]] = {}
        self._changes: dict[Any, int] = {}

    def install(self) -> None:
        """Wrap both doors."""
        self._wrap_requests()
        self._wrap_commits()

    def end_run(self) -> None:
        """Note that the first run is over: what comes after is not what is swept."""
        os.write(self._log, _END.encode())

    def around(self, channel: str, label: str, do: Callable[[], Any]) -> Any:
        """Do something lasting, with a boundary on each side of it."""
        with self._lock:
            self._numbers[channel] += 1
            number = self._numbers[channel]
        self._pass(Boundary(channel, number, BEFORE, label))
        result = do()
        self._pass(Boundary(channel, number, AFTER, label))
        return result

    def _pass(self, boundary: Boundary) -> None:
        os.write(self._log, f"{boundary.place} {boundary.label}\n".encode())
        if boundary.place == self._kill:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()  # another thread may be the one that is told; this one goes no further

    # ---- requests

    def _wrap_requests(self) -> None:
        send: Any = requests.adapters.HTTPAdapter.send

        def hooked(adapter: Any, request: Any, *given: Any, **named: Any) -> Any:
            return self.around(HTTP, _request_label(request), lambda: send(adapter, request, *given, **named))

        swap(requests.adapters.HTTPAdapter, "send", hooked)

    # ---- commits

    def _wrap_commits(self) -> None:
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note_change)
        commit: Any = DefaultDialect.do_commit
        rollback: Any = DefaultDialect.do_rollback

        def committing(dialect: Any, connection: Any) -> None:
            label = self._label(connection.driver_connection)
            if label:
                channel = SOURCE if label == _TO_SOURCE else STATE
                self.around(channel, label, lambda: commit(dialect, connection))
            else:
                commit(dialect, connection)

        def rolling_back(dialect: Any, connection: Any) -> None:
            rollback(dialect, connection)
            self._label(connection.driver_connection)

        swap(DefaultDialect, "do_commit", committing)
        swap(DefaultDialect, "do_rollback", rolling_back)

    def _note_change(self, connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if _CHANGE.match(statement):
            self._statements.setdefault(connection.connection.driver_connection, []).append(statement)

    def _label(self, driver: Any) -> str:
        """What the transaction that ends now has changed; empty where it changed nothing."""
        statements = self._statements.pop(driver, [])
        before, self._changes[driver] = self._changes.get(driver, 0), driver.total_changes
        if not statements or driver.total_changes == before:
            return ""
        file = driver.execute("PRAGMA database_list").fetchone()[2]
        return _state_label(statements) if file == self._state_file else _TO_SOURCE


def _state_label(statements: list[str]) -> str:
    """What a transaction on the state does, by the tables it touches: the steps of the journal by their names."""
    tables: set[str] = set()
    for statement in statements:
        found = _CHANGE.match(statement)
        assert found is not None
        verb, table, rest = found[1].upper(), found[2].lower(), found[3]
        if table == "journal" and verb == "INSERT INTO":
            return "intended"
        if table == "journal":
            return "settled" if "closed_at" in rest.partition("WHERE")[0] else "sent"
        tables.add(table)
    for table, label in _STEPS:
        if table in tables:
            return label
    return "links, holds and dirty records"


_STEPS = (
    ("cursors", "cursors"),
    ("tokens", "token stored"),
    ("meter", "meter"),
    ("runs", "run begun or ended"),
    ("leases", "lease"),
    ("companies", "company"),
)


def _request_label(request: Any) -> str:
    url = urlsplit(request.url)
    if "/v3/company/" not in url.path:
        return "token request"
    endpoint = url.path.rsplit("/v3/company/", 1)[1].split("/")[1]
    if request.method == "GET" or endpoint in _READS:
        return f"read {endpoint}"
    if endpoint == "batch":
        items = msgspec.json.decode(request.body)["BatchItemRequest"]
        if all("Query" in item for item in items):
            return "read batch"
        return "write batch"
    operation = parse_qs(url.query).get("operation", ["save"])[0]
    return f"write {endpoint} {operation}"
