"""The batch endpoint: up to 30 independent operations in one request (protocol.md 6)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from syncd.sandbox import cdc, faults, operations, replay, select
from syncd.sandbox.book import Book
from syncd.sandbox.faults import FaultError
from syncd.sandbox.replay import Memory
from syncd.sandbox.specs import NOT_SERVED, SPECS
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json, encode

MAX_ITEMS = 30


def items_of(body: Any) -> list[Json]:
    """The items of a request body, or the fault for the whole request."""
    if not isinstance(body, dict):
        raise faults.unknown_property("BatchItemRequest")
    items = body.get("BatchItemRequest")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise faults.missing("BatchItemRequest")
    if len(items) > MAX_ITEMS:
        raise faults.batch_too_large(MAX_ITEMS)
    return items


class Batch:
    """Runs the items of one request against a book."""

    def __init__(self, book: Book, switches: Switches, memory: Memory, rng: random.Random) -> None:
        self._book, self._switches, self._memory, self._rng = book, switches, memory, rng

    def run(self, items: list[Json], request_id: str | None, include: frozenset[str]) -> bytes:
        """The JSON of ``BatchItemResponse``."""
        answers = [self._remembered(item, request_id, include) for item in items]
        if self._switches.batch_shuffle:
            self._rng.shuffle(answers)
        return b"[%b]" % b",".join(answers)

    def _remembered(self, item: Json, request_id: str | None, include: frozenset[str]) -> bytes:
        bid = str(item.get("bId", ""))
        if request_id is None or "operation" not in item:
            return self._answer(bid, lambda: self._one(item, include))[1]
        key, now = (request_id, bid), self._book.clock.now()
        try:
            replay.check_length(request_id, bid)
            mark = replay.digest(encode(item))
            known = self._memory.recall(key, mark, now, self._switches)
        except FaultError as error:
            return _faulted(bid, error)
        if known is not None:
            return known.body
        status, body = self._answer(bid, lambda: self._one(item, include))
        self._memory.keep(key, replay.Answer(mark, status, body, now), self._switches)
        return body

    def _answer(self, bid: str, work: Callable[[], bytes]) -> tuple[int, bytes]:
        try:
            return 200, b'{"bId":%b,%b}' % (encode(bid), work())
        except FaultError as error:
            return 400, _faulted(bid, error)

    def _one(self, item: Json, include: frozenset[str]) -> bytes:
        if "Query" in item:
            return b'"QueryResponse":%b' % select.run(self._book, self._switches, str(item["Query"]))
        if "CDCQuery" in item:
            wanted = item["CDCQuery"]
            result = cdc.run(
                self._book,
                self._switches,
                str(wanted.get("Entities", "")),
                str(wanted.get("ChangedSince", "")),
                self._rng,
            )
            return b'"CDCResponse":%b' % result
        entity = next((name for name in item if name in SPECS or name in NOT_SERVED), None)
        if entity is None:
            raise faults.fault(2000, "Bad object name", "The batch item names no known entity")
        flags = str(item.get("optionsData", "")).lower().split(",")
        options = frozenset(flag.strip() for flag in flags if flag.strip())
        operation = operations.operation_of(item[entity], str(item.get("operation", "")), include | options)
        body = operations.write(self._book, self._switches, entity, operation, item[entity], include | options)
        return b'"%b":%b' % (entity.encode(), body)


def _faulted(bid: str, error: FaultError) -> bytes:
    return encode({"bId": bid, "Fault": error.body()})
