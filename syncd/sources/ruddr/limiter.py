"""Keeps one workspace under the API's limit, for all threads together: a bucket that fills at a steady rate."""

from __future__ import annotations

import threading

from syncd.clock import Clock
from syncd.errors import SourceUnavailable


class TokenBucket:
    """Lets ``depth`` requests through at once, and ``rate`` a second in the long run.

    Whoever comes takes a token at once, even one that is not there yet, and waits until it would be: so waiting is in
    order of arrival, and costs one sleep. After a 429 everything pauses.
    """

    def __init__(self, rate: float, depth: int, clock: Clock, stop: threading.Event) -> None:
        self._rate = rate
        self._depth = depth
        self._clock = clock
        self._stop = stop
        self._tokens: float = depth
        self._filled = clock.monotonic()
        self._paused_until = self._filled
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Wait for a turn. Raises ``SourceUnavailable`` when told to stop: nothing was sent then."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._depth, self._tokens + (now - self._filled) * self._rate) - 1
            self._filled = now
            wait = max(-self._tokens / self._rate, self._paused_until - now)
        if self._stop.is_set() or (wait > 0 and self._clock.sleep(wait, self._stop)):
            raise SourceUnavailable("syncd is stopping; Ruddr was not asked.")

    def pause(self, seconds: float) -> None:
        """Let nothing through for a while: Ruddr has said that it was too much."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)
