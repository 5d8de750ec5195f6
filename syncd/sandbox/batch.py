"""The batch endpoint: up to 30 independent operations in one request (protocol.md 6)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from syncd.sandbox import cdc, faults, operations, replay, select
from syncd.sandbox.faults import FaultError
from syncd.sandbox.injection import Rule
from syncd.sandbox.replay import Memory
from syncd.sandbox.specs import NOT_SERVED, SPECS
from syncd.sandbox.switches import Switches
from syncd.sandbox.views import Viewer
from syncd.sandbox.wire import Json, encode

MAX_ITEMS = 30
NOT_IN_BATCH = frozenset({"Preferences", "CompanyInfo"})


def items_of(body: Any, switches: Switches) -> list[Json]:
    """The items of a request body, or the fault for the whole request (bIds: protocol.md 6.2)."""
    if not isinstance(body, dict):
        raise faults.unknown_property("BatchItemRequest")
    items = body.get("BatchItemRequest")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise faults.missing("BatchItemRequest")
    if len(items) > MAX_ITEMS:
        raise faults.batch_too_large(MAX_ITEMS)
    bids = [item.get("bId") for item in items]
    if not all(isinstance(bid, str | int) and bid != "" for bid in bids):
        raise faults.missing("bId")
    if switches.duplicate_bid == "refuse" and len(set(map(str, bids))) < len(bids):
        raise faults.bad_id("bId, which must be unique in a batch")
    return items


class Batch:
    """Runs the items of one request against a book."""

    def __init__(self, viewer: Viewer, switches: Switches, memory: Memory, rng: random.Random) -> None:
        self._viewer, self._book = viewer, viewer.book
        self._switches, self._memory, self._rng = switches, memory, rng
        self._objects = 0

    def run(
        self, items: list[Json], request_id: str | None, include: frozenset[str], rules: Sequence[Rule | None] = ()
    ) -> bytes:
        """The JSON of ``BatchItemResponse``; ``rules`` are the injected faults, item by item."""
        answers = [
            self._remembered(item, request_id, include)
            if rule is None
            else self._failing(item, request_id, include, rule)
            for item, rule in zip_longest(items, rules)
        ]
        if self._switches.batch_shuffle:
            self._rng.shuffle(answers)
        return b"[%b]" % b",".join(answers)

    def _failing(self, item: Json, request_id: str | None, include: frozenset[str], rule: Rule) -> bytes:
        """An injected Fault for one item, before or after its work is done."""
        if rule.after:
            self._remembered(item, request_id, include)
        return _faulted(str(item.get("bId", "")), rule.fault())

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
            body, objects = select.run(self._viewer, self._switches, str(item["Query"]), self._rng)
            return b'"QueryResponse":%b' % self._within(body, objects)
        if "CDCQuery" in item:
            wanted = item["CDCQuery"]
            if not isinstance(wanted, dict):
                raise faults.unknown_property("CDCQuery")
            names, since = str(wanted.get("Entities", "")), str(wanted.get("ChangedSince", ""))
            body, objects = cdc.run(self._viewer, self._switches, names, since, self._rng)
            return b'"CDCResponse":%b' % self._within(body, objects)
        entity = next((name for name in item if name in SPECS or name in NOT_SERVED), None)
        if entity is None:
            raise faults.fault(2000, "Bad object name", "The batch item names no known entity")
        if entity in NOT_IN_BATCH:
            raise faults.unsupported(f"{item.get('operation', '')} of {entity} in a batch")
        flags = str(item.get("optionsData", "")).lower().split(",")
        options = frozenset(flag.strip() for flag in flags if flag.strip())
        operation = operations.operation_of(item[entity], str(item.get("operation", "")).lower(), include | options)
        body = operations.write(self._book, self._switches, entity, operation, item[entity], include | options)
        return b'"%b":%b' % (entity.encode(), self._within(self._viewer.answer(entity, body), 1))

    def _within(self, body: bytes, objects: int) -> bytes:
        """Count objects against the limit of one answer. Writes come first in line: what is written is answered."""
        if objects > 1 and self._objects + objects > self._switches.batch_objects:
            raise faults.too_many_results(self._switches.batch_objects)
        self._objects += objects
        return body


def _faulted(bid: str, error: FaultError) -> bytes:
    return encode({"bId": bid, **error.envelope()})
