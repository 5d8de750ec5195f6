"""What must not grow in the soak: memory, the state beyond its history, and what a cycle takes.

Compared are medians of the last quarter of the time with those of the first. The limits leave room for a busy machine
and for what grows with the records: a leak or a scan that goes with time shows as a multiple.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

import msgspec

SHORTEST_DAYS = 28
"""Below this nothing is said of growth: a quarter would be too short."""
MANY = 5
"""A cycle with fewer writes says little of what one costs."""
_HISTORY = frozenset({"history", "journal"})
_LISTED = frozenset({"links", "bases"})


class Size(msgspec.Struct, frozen=True):
    """How large the state is, in bytes, indexes included: ``history`` is the history and the journal of all writes,
    ``runs`` what is noted of each run, ``held`` of each record that ever waited, ``records`` the links and bases,
    ``rest`` everything else. ``log`` is the file of what is not yet in the database (SQLite's WAL)."""

    day: int
    history: int
    runs: int
    held: int
    records: int
    rest: int
    log: int
    writes: int
    cycles: int
    links: int
    holds: int

    @property
    def whole(self) -> int:
        """All of it."""
        return self.history + self.runs + self.held + self.records + self.rest


class Cycled(msgspec.Struct, frozen=True):
    """One healthy cycle: on which day, whether it was the first of its process, what it had to do and what it took.
    ``yard_seconds``: the CPU's time for a piece of work that is always the same, measured beside it."""

    day: int
    first: bool
    planned: int
    applied: int
    cpu_seconds: float
    yard_seconds: float
    rss_bytes: int
    requests: int
    idle: bool = False


class Rule(msgspec.Struct, frozen=True):
    """One thing that must not grow: its medians by quarter, in ``unit``. The last may be ``limit`` times the first and
    ``slack`` more; without a limit it is only told."""

    what: str
    unit: str
    quarters: tuple[float, ...]
    limit: float = 0.0
    slack: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether it did not grow."""
        return not self.limit or self.quarters[-1] <= self.quarters[0] * self.limit + self.slack


def measured(state: Path, day: int) -> Size:
    """The state's size now, by SQLite's own account of its pages."""
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as connection:
        asked = "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) GROUP BY tbl_name"
        pages: Counter[str] = Counter(dict(connection.execute(asked)))
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _COUNTED]
    log = state.with_name(f"{state.name}-wal")
    return Size(
        day,
        history=sum(pages[name] for name in _HISTORY),
        runs=pages["runs"],
        held=pages["held"],
        records=sum(pages[name] for name in _LISTED),
        rest=sum(size for name, size in pages.items() if name not in _HISTORY | _LISTED | {"runs", "held"}),
        log=log.stat().st_size if log.exists() else 0,
        writes=counts[0],
        cycles=counts[1],
        links=counts[2],
        holds=counts[3],
    )


_COUNTED = ("journal", "runs", "links", "held")


def rules(sizes: Sequence[Size], cycles: Sequence[Cycled], days: int, long_life: int) -> list[Rule]:
    """What is compared. ``long_life`` is the day from which one process lives to the end."""
    restarted = [cycle for cycle in cycles if cycle.day < long_life]
    evenings = list({cycle.day: cycle for cycle in restarted}.values())
    first = [cycle for cycle in restarted if cycle.first]
    idle = [cycle for cycle in cycles if cycle.idle]
    edited = [cycle for cycle in cycles if not cycle.first and cycle.applied >= MANY]
    lived = [cycle for cycle in idle if cycle.day > long_life]

    swift = min((cycle.yard_seconds for cycle in cycles), default=0.0)

    def cpu(cycle: Cycled) -> float:
        return cycle.cpu_seconds * 1000 * swift / cycle.yard_seconds

    def cpu_each(cycle: Cycled) -> float:
        return cpu(cycle) / cycle.applied

    def sized(value: Callable[[Size], float]) -> tuple[float, ...]:
        ends = [days * part // QUARTERS for part in range(1, QUARTERS + 1)]
        return tuple(value(max((size for size in sizes if size.day < end), key=lambda s: s.day)) for end in ends)

    return [
        Rule("requests of a cycle with nothing to do", "", _medians(idle, lambda c: c.requests), 1.0),
        Rule("CPU of a cycle with nothing to do", "ms", _medians(idle, cpu), 1.3, slack=3.0),
        Rule("CPU of a cycle with edits, by write", "ms", _medians(edited, cpu_each), 1.3),
        Rule("CPU of the first cycle of a process", "ms", _medians(first, cpu), 1.5),
        Rule("memory after the first cycle of a process", "MB", _medians(first, _rss), 1.1),
        Rule("memory at the end of a day", "MB", _medians(evenings, _rss), 1.1),
        Rule("memory of the process that is not restarted", "MB", _medians(lived, _rss), 1.1),
        Rule("state: history and journal, by write", "bytes", sized(lambda s: s.history / max(1, s.writes)), 1.15),
        Rule("state: links and bases, by record", "bytes", sized(lambda s: s.records / max(1, s.links)), 1.15),
        Rule("state: what is noted of a run", "bytes", sized(lambda s: s.runs / max(1, s.cycles)), 1.15, slack=64),
        Rule("state: what is noted of a hold", "bytes", sized(lambda s: s.held / max(1, s.holds)), 1.15, slack=64),
        Rule("state: all the rest", "kB", sized(lambda s: s.rest / 1024), 1.25, slack=16),
        Rule("state: SQLite's log", "kB", sized(lambda s: s.log / 1024), 1.5, slack=8192),
        Rule("the state in all", "MB", sized(lambda s: s.whole / 2**20)),
        Rule("linked records", "", sized(lambda s: s.links)),
    ]


QUARTERS = 4


def _medians(cycles: Sequence[Cycled], value: Callable[[Cycled], float]) -> tuple[float, ...]:
    """By quarter of these cycles."""
    values, each = [value(cycle) for cycle in cycles], len(cycles) / QUARTERS
    parts = [values[round(each * n) : round(each * (n + 1))] for n in range(QUARTERS)]
    return tuple(median(part) if part else 0.0 for part in parts)


def _rss(cycle: Cycled) -> float:
    return cycle.rss_bytes / 2**20
