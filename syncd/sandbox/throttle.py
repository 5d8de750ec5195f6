"""Sliding-window limits and the month's count of reads, on the sandbox's clock (protocol.md 3)."""

from __future__ import annotations

from collections import defaultdict, deque

from syncd.sandbox.clock import pacific_date
from syncd.sandbox.switches import Switches


class _Window:
    __slots__ = ("_seconds", "_stamps")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stamps: deque[float] = deque()

    def full(self, now: float, limit: int) -> bool:
        stamps = self._stamps
        while stamps and (stamps[0] <= now - self._seconds or stamps[0] > now):
            stamps.popleft()
        return len(stamps) >= limit

    def note(self, now: float) -> None:
        self._stamps.append(now)


class Throttle:
    """Counts the requests that were let through; those refused do not count."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, ...], _Window] = {}
        self._months: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))

    def admit(self, switches: Switches, realm: str, app: str, batch: bool, now: float, reads: int = 0) -> bool:
        """May this request pass? If so it is counted against the limits by minute and second.

        ``reads``: how many metered calls ("CorePlus", protocol.md 3.3) it is; the month's cap stops those.
        """
        if switches.throttle == "off":
            return True
        if reads and switches.monthly_cap and self.month("", now) >= switches.monthly_cap:
            return False
        rules: list[tuple[tuple[str, ...], float, int]] = [(("minute", realm), 60.0, switches.requests_per_minute)]
        if switches.throttle == "exact":
            rules.append((("second", realm, app), 1.0, switches.requests_per_second))
        if batch:
            rules.append((("batch", realm, app), 60.0, switches.batches_per_minute_app))
            rules.append((("batch", realm), 60.0, switches.batches_per_minute_realm))
        windows = []
        for key, seconds, limit in rules:
            window = self._windows.setdefault(key, _Window(seconds))
            if window.full(now, limit):
                return False
            windows.append(window)
        for window in windows:
            window.note(now)
        return True

    def count(self, realm: str, now: float, reads: int) -> None:
        """Add metered calls that succeeded to the month."""
        if reads:
            month = self._months[pacific_date(now)[:7]]
            month[realm] += reads
            month[""] += reads

    def month(self, realm: str, now: float) -> int:
        """Metered calls of a company in the calendar month of a moment; of all companies for an empty realm."""
        months = self._months.get(pacific_date(now)[:7])
        return 0 if months is None else months.get(realm, 0)

    @property
    def metered(self) -> dict[tuple[str, str], int]:
        """All metered calls by month and company, for a file; ``metered`` can be set to what was read back."""
        return {(month, realm): calls for month, counts in self._months.items() for realm, calls in counts.items()}

    @metered.setter
    def metered(self, counts: dict[tuple[str, str], int]) -> None:
        for (month, realm), calls in counts.items():
            self._months[month][realm] = calls

    def reset(self) -> None:
        """Forget everything counted so far."""
        self._windows.clear()
        self._months.clear()
