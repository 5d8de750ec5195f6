"""The sandbox's own clock and the time formats of the wire (protocol.md 1.5 and 12).

Everything that depends on time (MetaData, CDC windows, token lives, throttling, requestid memory) reads this clock, so
that a test can play a month in a second without waiting. The Pacific offset is computed from the rule that has been in
force since 2007, so no zone files are needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

_DAY = 86_400


class Clock:
    """Seconds since 1970, settable, advanceable and scalable; speed 0 freezes it."""

    def __init__(self, start: float | None = None, speed: float = 1.0) -> None:
        self._real = time.monotonic()
        self._base = time.time() if start is None else start
        self._held: float | None = None
        self.moves = 0  # how often the hands were touched
        self.speed = speed
        self.watchers: list[Callable[[], None]] = []  # called when the hands were moved; must be quick

    def now(self) -> float:
        """The sandbox's present moment in epoch seconds."""
        if self._held is not None:
            return self._held
        return self._base + (time.monotonic() - self._real) * self.speed

    def set(self, at: float) -> None:
        """Jump to a moment, backwards too."""
        self._base, self._real = at, time.monotonic()
        self.moves += 1
        for watcher in self.watchers:
            watcher()

    def advance(self, seconds: float) -> None:
        """Move the hands forward (or back) by so many seconds."""
        self.set(self.now() + seconds)

    @contextmanager
    def standing_at(self, at: float) -> Iterator[None]:
        """For what happens inside, it is that moment: an event that is due is carried out when it was due."""
        self._held = at
        try:
            yield
        finally:
            self._held = None

    def set_speed(self, speed: float) -> None:
        """Run ``speed`` times as fast as real time from now on."""
        now, self.speed = self.now(), speed
        self.set(now)


@lru_cache(maxsize=256)
def _summer(year: int) -> tuple[int, int]:
    """First and last second (exclusive) of Pacific daylight time in a year, as epoch seconds."""
    march = date(year, 3, 8)
    second_sunday = march + timedelta(days=(6 - march.weekday()) % 7)
    november = date(year, 11, 1)
    first_sunday = november + timedelta(days=(6 - november.weekday()) % 7)
    begin = datetime(second_sunday.year, second_sunday.month, second_sunday.day, 10, tzinfo=UTC)
    end = datetime(first_sunday.year, first_sunday.month, first_sunday.day, 9, tzinfo=UTC)
    return int(begin.timestamp()), int(end.timestamp())


def pacific_offset(second: int) -> int:
    """Offset of Pacific time from UTC at an epoch second, in seconds: -28800 or -25200."""
    begin, end = _summer(time.gmtime(second).tm_year)
    return -25_200 if begin <= second < end else -28_800


@lru_cache(maxsize=8192)
def stamp(second: int) -> str:
    """MetaData form: whole seconds with the Pacific offset of that date (protocol.md 12)."""
    offset = pacific_offset(second)
    at = time.gmtime(second + offset)
    hours = -offset // 3600
    return (
        f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}"
        f"T{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}-{hours:02d}:00"
    )


def stamp_millis(at: float) -> str:
    """Envelope form of ``time``: as ``stamp`` but with milliseconds (protocol.md 1.5)."""
    millis = int(at * 1000)
    text = stamp(millis // 1000)
    return f"{text[:19]}.{millis % 1000:03d}{text[19:]}"


def pacific_date(at: float) -> str:
    """The calendar date in Pacific time, the default of TxnDate (protocol.md 12, a guess there)."""
    return stamp(int(at))[:10]


@lru_cache(maxsize=8192)
def parse_moment(text: str, naive_as_utc: bool = False) -> float:
    """Epoch seconds of a date or date-time; without an offset it is read as Pacific (protocol.md 4.4, 5.1).

    Raises ValueError for anything else, also for an offset whose plus sign was decoded to a blank.
    """
    value = datetime.fromisoformat(text)
    if value.tzinfo is not None:
        return value.timestamp()
    as_utc = value.replace(tzinfo=UTC).timestamp()
    if naive_as_utc:
        return as_utc
    return as_utc - pacific_offset(int(as_utc) + 28_800)


def moment(value: object) -> float:
    """Epoch seconds of what a person wrote: a number, a date-time in text, or one of TOML.

    Raises ValueError or TypeError for anything else.
    """
    if isinstance(value, bool):
        raise TypeError("a date-time or epoch seconds expected")
    if isinstance(value, (int, float, Decimal)):
        return float(value)
    if isinstance(value, date):
        return parse_moment(value.isoformat())
    if isinstance(value, str):
        return float(value) if value.replace(".", "", 1).isdecimal() else parse_moment(value)
    raise TypeError("a date-time or epoch seconds expected")


def add_days(day: str, days: int) -> str:
    """The date so many days after an ISO date."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def days(count: float) -> float:
    """Days in seconds."""
    return count * _DAY
