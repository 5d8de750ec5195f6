"""Many small queries at once: alone while they are few, in batches when that saves requests (protocol.md 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from syncd.errors import QboThrottled, QboUnavailable
from syncd.model.observations import Unknown
from syncd.qbo import faults, query, wire
from syncd.qbo.batches import TOO_LARGE, BatchSize
from syncd.qbo.limiter import Limiter, Priority
from syncd.qbo.query import Listing
from syncd.qbo.transport import JSON, BrokenBodyError, Call, FaultError, Reply, Transport
from syncd.qbo.wire import Envelope, Raw

ROWS_PER_BATCH = 1000
"""Objects in one batch answer at most (protocol.md 3.1)."""

_FEW = 2
_TOLERABLE_WAIT_SECONDS = 5.0

READ_FAILED = (QboUnavailable, QboThrottled, FaultError)
"""What makes one read unknown; anything else (reconnect, wrong company) concerns the whole company and goes on up."""


class Query(msgspec.Struct, frozen=True):
    """One statement over ``entity``. ``expected`` is how many rows it may well have."""

    entity: str
    conditions: tuple[str, ...]
    expected: int

    @property
    def statement(self) -> str:
        return query.select(self.entity, *self.conditions)


Rows = list[Raw]


class Lookups:
    """Runs queries; each has its own outcome, complete or unknown."""

    def __init__(self, transport: Transport, listing: Listing, limiter: Limiter, batches: BatchSize) -> None:
        self._transport = transport
        self._listing = listing
        self._limiter = limiter
        self._batches = batches

    def run(self, queries: Sequence[Query], priority: Priority = Priority.READ) -> list[Rows | Unknown]:
        """The rows of each query, in the order of the queries."""
        if len(queries) <= _FEW or self._limiter.batch_wait_seconds() > _TOLERABLE_WAIT_SECONDS:
            return [self._alone(each, priority) for each in queries]
        return [rows for group in self._groups(queries) for rows in self._together(group, priority)]

    def _alone(self, each: Query, priority: Priority) -> Rows | Unknown:
        return _or_unknown(lambda: self._listing.rows(each.entity, *each.conditions, priority=priority))

    def _groups(self, queries: Sequence[Query]) -> Iterator[list[Query]]:
        """Groups that fit a batch by number of queries and of rows to be expected."""
        group: list[Query] = []
        rows = 0
        for each in queries:
            if group and (len(group) >= self._batches.now or rows + each.expected >= ROWS_PER_BATCH):
                yield group
                group, rows = [], 0
            group.append(each)
            rows += each.expected
        if group:
            yield group

    def _together(self, group: list[Query], priority: Priority) -> list[Rows | Unknown]:
        items = [{"bId": str(number), "Query": each.statement} for number, each in enumerate(group)]
        body = wire.encode({"BatchItemRequest": items})
        call = Call("POST", "batch", "batch", body=body, content_type=JSON, reads=len(group), batch=True)
        try:
            answers = batch_items(self._transport.read(call, priority))
        except READ_FAILED as error:
            if error.code == TOO_LARGE and len(group) > 1:
                self._batches.shrink(len(group))
                return [rows for part in self._groups(group) for rows in self._together(part, priority)]
            return [Unknown(error.message)] * len(group)
        found = [self._item(answers.get(str(number)), each) for number, each in enumerate(group)]
        if sum(len(rows) for rows in found if not isinstance(rows, Unknown)) >= ROWS_PER_BATCH:
            return [self._alone(each, priority) for each in group]  # perhaps cut: ask for each by itself
        return found

    def _item(self, answer: Envelope | None, each: Query) -> Rows | Unknown:
        if answer is None:
            return Unknown("QuickBooks left a query of a batch unanswered.")
        fault = faults.from_envelope(answer)
        if fault is not None:
            return Unknown(fault.text)
        response = answer.get("QueryResponse")
        if response is None:
            return Unknown("QuickBooks answered a query of a batch with something else.")
        return _or_unknown(lambda: query.rows_of(wire.split_object(response), each.entity))


def batch_items(reply: Reply) -> dict[str, Envelope]:
    """The items of a batch answer by ``bId``: order means nothing (protocol.md 6.2)."""
    try:
        items = [wire.split_object(item) for item in wire.split_list(reply.part("BatchItemResponse"))]
        return {str(wire.decode_any(item["bId"])): item for item in items if "bId" in item}
    except wire.BAD_JSON:
        raise BrokenBodyError("QuickBooks answered a batch with something unreadable.", tid=reply.tid) from None


def _or_unknown(read: Callable[[], Rows]) -> Rows | Unknown:
    try:
        return read()
    except READ_FAILED as error:
        return Unknown(error.message)
    except wire.BAD_JSON:
        return Unknown("QuickBooks answered a query with something unreadable.")
