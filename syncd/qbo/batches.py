"""How many operations go into one batch: as configured, and fewer once QBO has refused so many (F-70)."""

from __future__ import annotations

import threading

TOO_LARGE = "1040"
"""The fault of a batch with too many operations: nothing in it was looked at (protocol.md 6.3)."""


class BatchSize:
    """Of one company, shared by everything that sends batches. It is never raised again while the process lives."""

    def __init__(self, configured: int) -> None:
        self._size = configured
        self._lock = threading.Lock()

    @property
    def now(self) -> int:
        """So many at most."""
        return self._size

    def shrink(self, refused: int) -> None:
        """A batch of ``refused`` operations was too large: from now on half as many."""
        with self._lock:
            self._size = max(1, min(self._size, refused // 2))
