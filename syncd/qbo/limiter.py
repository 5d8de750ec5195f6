"""Keeps one company under QBO's limits, for all threads together (protocol.md 3.1, F-67).

Two sliding windows for requests (per minute, per second) and one for batch calls. Within any stretch of time as long
as a window no more than its number of requests is let through. After a 429 everything pauses. Whoever waits is served
by priority, then in order of arrival; a batch call that waits for its own window does not hold up others.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from enum import IntEnum

import msgspec

from syncd.clock import Clock
from syncd.errors import QboUnavailable
from syncd.metrics import Metrics
from syncd.qbo.settings import QboConfig

PENALTY_SECONDS = 60.0
"""Intuit: wait 60 seconds after a 429 (protocol.md 3.2)."""

_SECOND = 1.2
_MINUTE = 60.5
"""A little longer than named: the server counts arrivals, and the network can bring two of ours closer together.
Ten requests in 1.2 s are still no fewer than 500 a minute, so the margin costs nothing in the long run."""

_TURN_SECONDS = 0.02
"""How soon to look again when somebody with a better claim is about to go."""


class Priority(IntEnum):
    """Who goes first. ``URGENT``: what a running write needs (a re-read after a conflict, a repeat after a refresh)."""

    URGENT = 0
    WRITE = 1
    READ = 2


class _Ticket(msgspec.Struct, order=True, frozen=True):
    priority: int
    number: int
    batch: bool


class _Window:
    """At most ``limit`` grants in any ``seconds``."""

    def __init__(self, name: str, limit: int, seconds: float) -> None:
        self.name = name
        self._limit = limit
        self._seconds = seconds
        self._grants: deque[float] = deque(maxlen=limit)

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0 when it may go now."""
        if len(self._grants) < self._limit:
            return 0.0
        return max(0.0, self._grants[0] + self._seconds - now)

    def take(self, now: float) -> None:
        self._grants.append(now)


class Limiter:
    """One per company. Safe to share between threads; waits end early when ``stop`` is set."""

    def __init__(
        self, config: QboConfig, clock: Clock, stop: threading.Event, *, metrics: Metrics, company: str = ""
    ) -> None:
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._company = company or config.realm_id
        self._throttle = config.throttle
        self._requests = (
            _Window("minute", config.requests_per_minute, _MINUTE),
            _Window("second", config.requests_per_second, _SECOND),
        )
        self._batches = (_Window("batch", config.batches_per_minute, _MINUTE),)
        self._paused_until = 0.0
        self._waiting: list[_Ticket] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def acquire(self, *, batch: bool = False, priority: Priority = Priority.READ) -> None:
        """Wait for a turn. Raises ``QboUnavailable`` when told to stop: nothing was sent then."""
        ticket = _Ticket(int(priority), next(self._numbers), batch)
        with self._lock:
            self._waiting.append(ticket)
            self._waiting.sort()
        try:
            while True:
                seconds, window = self._try(ticket)
                if seconds <= 0.0:
                    return
                self._metrics.qbo_limiter_wait.labels(self._company, window).inc(seconds)
                if self._clock.sleep(seconds, self._stop):
                    raise QboUnavailable("syncd is stopping; the request was not sent.", code="stopping")
        finally:
            with self._lock:
                self._waiting.remove(ticket)

    def penalise(self, seconds: float = PENALTY_SECONDS) -> None:
        """Let nothing through for a while: QBO has said that it was too much."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def request_wait_seconds(self) -> float:
        """How long a single request would have to wait now."""
        with self._lock:
            return self._blocked(batch=False)[0]

    def batch_wait_seconds(self) -> float:
        """How long a batch call would have to wait now."""
        with self._lock:
            return self._blocked(batch=True)[0]

    def _try(self, ticket: _Ticket) -> tuple[float, str]:
        """Take a turn if it is ours: seconds to wait (0: taken) and what for."""
        with self._lock:
            for other in self._waiting:
                if other is ticket:
                    break
                if self._blocked(batch=other.batch)[0] <= 0.0:
                    return (_TURN_SECONDS, "turn")
            seconds, window = self._blocked(batch=ticket.batch)
            if seconds <= 0.0:
                now = self._clock.monotonic()
                for each in self._windows(batch=ticket.batch):
                    each.take(now)
            return (seconds, window)

    def _blocked(self, *, batch: bool) -> tuple[float, str]:
        """The longest of the waits that apply now, with its name."""
        now = self._clock.monotonic()
        waits = [(max(0.0, self._paused_until - now), "penalty")]
        if self._throttle:
            waits += [(window.wait(now), window.name) for window in self._windows(batch=batch)]
        return max(waits)

    def _windows(self, *, batch: bool) -> tuple[_Window, ...]:
        return self._requests + self._batches if batch else self._requests
