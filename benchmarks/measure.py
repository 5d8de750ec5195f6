"""Processor time, memory, requests and statements of one process, taken around the work that is measured."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from syncd.sandbox.server import Admin

_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
_MEBIBYTE = 1024 * 1024


class Figures(msgspec.Struct):
    """What one piece of work cost. ``peak_mib`` is the process's highest resident memory up to its end."""

    cpu_seconds: float = 0.0
    seconds: float = 0.0
    peak_mib: float = 0.0
    requests: dict[str, int] = {}
    statements: dict[str, int] = {}
    other: dict[str, float] = {}


class Meter:
    """Measures stretches of work in this process; requests are counted by the look-alike, not by the one measured."""

    def __init__(self, admin: Admin, realm: str) -> None:
        self._admin = admin
        self._realm = realm
        self._statements: Counter[str] = Counter()
        sa.event.listen(sa.Engine, "before_cursor_execute", self._count)
        self.start()

    def start(self) -> None:
        """Begin a stretch."""
        self._statements.clear()
        self.first_request = self._admin.last_request()
        self._wall = time.perf_counter()
        self._cpu = _cpu_seconds()

    def stop(self, **other: float) -> Figures:
        """What the stretch cost."""
        cpu, wall = _cpu_seconds() - self._cpu, time.perf_counter() - self._wall
        asked = self._admin.requests(after=self.first_request, realm=self._realm, limit="100000")
        return Figures(
            cpu_seconds=cpu,
            seconds=wall,
            peak_mib=peak_mib(),
            requests=dict(sorted(Counter(_name(request) for request in asked).items())),
            statements=dict(sorted(self._statements.items())),
            other=dict(other),
        )

    def _count(self, connection: sa.Connection, _cursor: Any, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            self._statements["state" if str(connection.engine.url.database).endswith("state.db") else "source"] += 1


class StolenShare:
    """How much of the processor time that this machine wanted its host gave to others, since the object was made."""

    def __init__(self) -> None:
        self._before = _processor_ticks()

    def so_far(self) -> float | None:
        """Between 0 and 1; ``None`` where the system does not tell (it is a figure of Linux on a virtual machine)."""
        now = _processor_ticks()
        if self._before is None or now is None:
            return None
        used, stolen = (after - before for after, before in zip(now, self._before, strict=True))
        return stolen / (used + stolen) if used + stolen else 0.0


def _processor_ticks() -> tuple[int, int] | None:
    """Ticks spent on work, and ticks stolen, of all processors together (proc(5), ``/proc/stat``)."""
    try:
        ticks = [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except (OSError, ValueError):
        return None
    if len(ticks) < 8:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = ticks[:8]
    return user + nice + system + irq + softirq, steal


def peak_mib() -> float:
    """The highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_PER_UNIT / _MEBIBYTE


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _name(request: dict[str, Any]) -> str:
    if request["endpoint"] == "entity":
        return f"{request['entity'].lower()} {request['operation']}"
    return str(request["endpoint"])
