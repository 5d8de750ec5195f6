"""The ledger of requests: what the server was asked and what it answered, for tests to read."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field

from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.wire import Json

KEPT = 100_000


@dataclass(slots=True)
class Entry:
    """One request."""

    seq: int
    at: float
    method: str
    path: str
    query: str
    realm: str = ""
    client_id: str = ""
    endpoint: str = ""
    entity: str = ""
    operation: str = ""
    requestid: str | None = None
    bids: list[str] = field(default_factory=list)
    request_size: int = 0
    status: int = 0  # 0: no answer was sent
    size: int = 0
    tid: str = ""
    replayed: bool = False
    throttled: bool = False
    fault_rule: int | None = None
    committed: bool = False  # did the request reach the books?

    def public(self) -> Json:
        """As the admin API shows it."""
        return {**asdict(self), "time": stamp_millis(self.at)}


class Ledger:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self._seq = 0

    def open(self, at: float, method: str, path: str, query: str) -> Entry:
        """Write the beginning of a request down; the rest is filled in as it becomes known."""
        self._seq += 1
        entry = Entry(self._seq, at, method, path, query)
        self.entries.append(entry)
        return entry

    @property
    def last(self) -> int:
        """The number of the newest entry."""
        return self._seq

    def select(self, wanted: dict[str, str], after: int, limit: int) -> list[Json]:
        """Entries after a number whose members equal the wanted texts (case aside)."""
        found = []
        for entry in self.entries:
            if entry.seq > after and all(
                str(getattr(entry, name)).lower() == text.lower() for name, text in wanted.items()
            ):
                found.append(entry.public())
                if len(found) >= limit:
                    break
        return found
