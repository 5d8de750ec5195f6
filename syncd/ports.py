"""What carrying out a plan needs of the state database, of QBO and of whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from syncd.model.kinds import Kind
from syncd.model.records import Record
from syncd.model.writes import Outcome, Verb, WireWrite
from syncd.state.values import Intent, JournalEntry, Lease, Settlement


class Journal(Protocol):
    """What the executor needs of the state database."""

    def intend(self, lease: Lease, intents: Sequence[Intent], *, sent: bool = False) -> list[JournalEntry]:
        """Make intents durable; ``sent``: in the form in which they leave at once."""
        ...

    def mark_sent(self, lease: Lease, entries: Sequence[tuple[str, str, str, bytes]]) -> None:
        """Make the bytes and the identity on the wire durable, before they leave."""
        ...

    def settle(self, lease: Lease, settlement: Settlement, *, run_id: str) -> None:
        """Store everything that became true, in one transaction."""
        ...


class BooksWriter(Protocol):
    """What the executor needs of QBO."""

    def encode(
        self,
        kind: Kind,
        verb: Verb,
        record: Record | None,
        *,
        qbo_id: str,
        fields: Sequence[str],
        raw: bytes,
        former: bytes,
        refs: Callable[[Kind, str], str],
        journal_id: str,
        request_id: str,
    ) -> WireWrite:
        """The exact bytes of one write. ``former``: the object that an undo puts back."""
        ...

    def post(self, writes: Sequence[WireWrite]) -> Future[list[Outcome]]:
        """Send them, together where there are several; one outcome each, once they are known."""
        ...


class Progress(Protocol):
    """Told how far a long run is."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """``done`` of ``total`` operations, working on ``what``."""
        ...
