"""What every part of the store has: the database and the clock."""

from __future__ import annotations

from syncd.clock import Clock
from syncd.state.database import Database


class Part:
    """Base of the parts that together are ``Store``; each holds the named transactions of one subject."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
