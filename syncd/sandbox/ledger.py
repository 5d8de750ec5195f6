"""The ledger of requests: what the server was asked and what it answered, for tests to read."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.wire import Json, decode

KEPT = 100_000
BODY_BYTES = 262_144
"""How much of one body is kept, where bodies are kept at all."""
BODIES_BYTES = 67_108_864
"""How much of all bodies together; the oldest give way."""

_CODE = re.compile(rb'"code"\s*:\s*"(\w+)"|code="(\w+)"|"error"\s*:\s*"(\w+)"')
_FAULTED = re.compile(rb'\{"bId":("(?:[^"\\]|\\.)*"),"Fault":')
_MEMBERS = (
    "seq", "method", "path", "query", "realm", "client_id", "endpoint", "entity", "operation", "requestid", "bids",
    "request_size", "status", "size", "fault_code", "item_faults", "tid", "replayed", "throttled", "fault_rule",
    "item_rules", "committed",
)  # fmt: skip
FILTERS = frozenset(_MEMBERS) - {"seq", "bids", "item_faults", "item_rules", "query"} | {"bid", "path_contains"}
SUMMARY = ("endpoint", "entity", "operation", "status", "fault_code")


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
    fault_code: str = ""  # the first code of the Fault that was answered, or the error of a token answer
    item_faults: dict[str, str] = field(default_factory=dict)  # of a batch: the code by bId
    tid: str = ""
    replayed: bool = False
    throttled: bool = False
    fault_rule: int | None = None
    item_rules: dict[str, int] = field(default_factory=dict)  # of a batch: the rule by bId
    committed: bool = False  # did the request reach the books?
    request_body: bytes | None = None
    response_body: bytes | None = None
    keep: Callable[[Entry, int], None] | None = None  # where bodies are kept: called with their size

    def asked(self, body: bytes) -> None:
        """Note the body of the request."""
        self.request_size = len(body)
        if self.keep is not None:
            self.request_body = body[:BODY_BYTES]
            self.keep(self, len(self.request_body))

    def answered(self, status: int, body: bytes) -> None:
        """Note what was answered."""
        self.status, self.size = status, len(body)
        if self.endpoint == "batch" and status == 200:
            self.item_faults = _item_faults(body)
        elif status != 200 or b'"Fault"' in body[:64]:
            found = _CODE.search(body)
            self.fault_code = "" if found is None else (found[1] or found[2] or found[3]).decode()
        if self.keep is not None:
            self.response_body = body[:BODY_BYTES]
            self.keep(self, len(self.response_body))

    def forget_bodies(self) -> int:
        """Drop the bodies; says how many bytes that were."""
        size = len(self.request_body or b"") + len(self.response_body or b"")
        self.request_body = self.response_body = None
        return size

    def public(self, bodies: bool = False) -> Json:
        """As the admin API shows it; with the bodies as text, where they were kept and are wanted."""
        shown: Json = {name: getattr(self, name) for name in _MEMBERS}
        shown |= {"at": self.at, "time": stamp_millis(self.at)}
        if bodies:
            for name in ("request_body", "response_body"):
                raw: bytes | None = getattr(self, name)
                shown[name] = None if raw is None else raw.decode(errors="replace")
        return shown

    def matches(self, wanted: dict[str, str]) -> bool:
        """Do its members equal the wanted texts, case aside?"""
        for name, text in wanted.items():
            if name == "bid":
                if text not in self.bids:
                    return False
            elif name == "path_contains":
                if text.lower() not in f"{self.path}?{self.query}".lower():
                    return False
            elif str(getattr(self, name)).lower() != text.lower():
                return False
        return True


def _item_faults(body: bytes) -> dict[str, str]:
    """The code of each item of a batch that faulted; no text inside a record can look like the start of an item."""
    codes = {}
    for item in _FAULTED.finditer(body):
        found = _CODE.search(body, item.end())
        codes[decode(item[1])] = "" if found is None else (found[1] or b"").decode()
    return codes


class Ledger:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self._seq = 0
        self._with_bodies: deque[Entry] = deque()
        self._bytes = 0

    def open(self, at: float, method: str, path: str, query: str, keep_bodies: bool = False) -> Entry:
        """Write the beginning of a request down; the rest is filled in as it becomes known."""
        self._seq += 1
        entry = Entry(self._seq, at, method, path, query, keep=self._kept if keep_bodies else None)
        self.entries.append(entry)
        return entry

    def _kept(self, entry: Entry, size: int) -> None:
        if not self._with_bodies or self._with_bodies[-1] is not entry:
            self._with_bodies.append(entry)
        self._bytes += size
        while self._bytes > BODIES_BYTES and self._with_bodies[0] is not entry:
            self._bytes -= self._with_bodies.popleft().forget_bodies()

    @property
    def last(self) -> int:
        """The number of the newest entry."""
        return self._seq

    def clear(self) -> None:
        """Forget every entry; the numbers go on."""
        self.entries.clear()
        self._with_bodies.clear()
        self._bytes = 0

    def find(self, seq: int) -> Entry | None:
        """The entry with a number, if it is still there."""
        at = seq - self.entries[0].seq if self.entries else -1
        return self.entries[at] if 0 <= at < len(self.entries) else None

    def matching(self, wanted: dict[str, str], after: int = 0, newest_first: bool = False) -> Iterator[Entry]:
        """Entries after a number whose members equal the wanted texts (case aside); ValueError for unknown members."""
        unknown = sorted(wanted.keys() - FILTERS)
        if unknown:
            raise ValueError(f"unknown filters: {', '.join(unknown)}")
        entries = reversed(self.entries) if newest_first else iter(self.entries)
        return (entry for entry in entries if entry.seq > after and entry.matches(wanted))

    def summary(self, wanted: dict[str, str], after: int = 0) -> list[Json]:
        """How many requests of each kind: counts and bytes by endpoint, entity, operation, status and fault code."""
        rows: dict[tuple[object, ...], Json] = {}
        for entry in self.matching(wanted, after):
            key = tuple(getattr(entry, name) for name in SUMMARY)
            row = rows.setdefault(
                key, {**dict(zip(SUMMARY, key, strict=True)), "count": 0, "request_bytes": 0, "response_bytes": 0}
            )
            row["count"] += 1
            row["request_bytes"] += entry.request_size
            row["response_bytes"] += entry.size
        return list(rows.values())
