"""Time in the soak: inside a cycle it goes at its own pace, between cycles it jumps, for everybody at once.

Everybody's time is the look-alike's clock. syncd's clock is set by it before each cycle and goes on by itself; where
syncd waits, the wait is over at once and the look-alike's clock moves on by as much. The clock of the source's database
follows as well: SQLite's own functions for the present moment are replaced, in triggers too.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

_UNIX_EPOCH = 2440587.5
_DAY = 86_400.0


class SoakClock:
    """A clock for syncd that can be put forward. ``waited`` hears of every wait."""

    def __init__(self, waited: Callable[[float], None] = lambda _: None) -> None:
        self._waited = waited
        self._ahead = self._first = 0.0
        self._set = False
        self._lock = threading.Lock()

    def put(self, epoch: float) -> None:
        """Set the clock to a moment; durations are told from the first setting on."""
        with self._lock:
            self._ahead = epoch - time.time()
            if not self._set:
                self._first, self._set = self._ahead, True

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead - self._first

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> bool:
        if wake is not None and wake.is_set():
            return True
        seconds = max(0.0, float(seconds))
        with self._lock:
            self._ahead += seconds
        self._waited(seconds)
        return False


class BooksClock:
    """The look-alike's clock, for what stands in its process. Nobody waits by it."""

    def __init__(self, epoch: Callable[[], float]) -> None:
        self.epoch = epoch

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.epoch(), UTC)

    def monotonic(self) -> float:
        return self.epoch()

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> bool:
        raise AssertionError("nobody waits by this clock")


def stamp_by(clock: SoakClock | BooksClock, target: Any) -> None:
    """Let the SQLite databases of ``target`` (an engine, or the class of them) have this clock."""

    def connected(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.create_function("strftime", 2, lambda form, when: _text(clock.now(), form, when))
            connection.create_function("julianday", 1, lambda when: _julian(clock.now(), when))

    sa.event.listen(target, "connect", connected)


def _text(now: datetime, form: str, when: str) -> str:
    if (form, when) != ("%Y-%m-%d %H:%M:%f", "now"):
        raise ValueError(f"strftime({form!r}, {when!r}) is not known here")
    return now.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def _julian(now: datetime, when: str) -> float:
    if when != "now":
        raise ValueError(f"julianday({when!r}) is not known here")
    return now.timestamp() / _DAY + _UNIX_EPOCH
