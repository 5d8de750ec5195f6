"""Sliding-window limits on the sandbox's clock (protocol.md 3.1, 3.2)."""

from __future__ import annotations

from collections import deque

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

    def admit(self, switches: Switches, realm: str, app: str, batch: bool, now: float) -> bool:
        """May this request pass? If so it is counted."""
        if switches.throttle == "off":
            return True
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

    def reset(self) -> None:
        """Forget everything counted so far."""
        self._windows.clear()
