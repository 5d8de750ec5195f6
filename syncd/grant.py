"""The stored grant of one company, as the QBO side wants it: there, or a clear word that somebody has to connect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from syncd.errors import ReconnectNeeded
from syncd.state.tokens import StateTokenStore
from syncd.state.values import Tokens


class StoredGrant:
    """Tokens kept in the state database (encrypted), renewed by one process at a time."""

    def __init__(self, store: StateTokenStore, company: str) -> None:
        self._store = store
        self._company = company

    def load(self) -> Tokens:
        """The newest stored tokens; ``ReconnectNeeded`` when there are none, or when the grant is known to be dead."""
        tokens = self._store.load()
        if tokens is None:
            raise ReconnectNeeded(
                f"{self._company} is not connected to QuickBooks yet.",
                remedy=f"Run: syncd connect --company {self._company}",
            )
        return tokens

    def save(self, new: Tokens, expected_version: int) -> bool:
        """Store ``new`` if nobody else stored anything since ``expected_version``; durable on return."""
        return self._store.save(new, expected_version)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who renews this grant."""
        with self._store.lock():
            yield

    def mark_broken(self, reason: str) -> None:
        """Remember that the grant is dead, for ``syncd status`` and the metrics."""
        self._store.mark_broken(reason)
