"""Change data capture, read so that nothing is missed without our noticing (protocol.md 5).

One call asks for all entities. An answer that may have been cut (1,000 objects, silently, F-30) is asked again one
entity at a time, and then read through pages of ``query``, which cannot show deletions: the complete list of ids does.
A window near the 30-day limit is not asked for at all (F-31). A part that cannot be read is *unknown*, never empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from syncd.clock import Clock
from syncd.errors import QboUnavailable
from syncd.qbo import query, wire
from syncd.qbo.query import Listing
from syncd.qbo.settings import QboConfig
from syncd.qbo.transport import BrokenBodyError, Call, FaultError, Reply, SystemFaultError, Transport
from syncd.qbo.wire import Envelope, Raw

CAP = 1000
"""Objects in an answer at most; whether per entity or in all is not stated, so both count as cut (5.5)."""
LOOK_BACK = timedelta(days=29)
"""QBO remembers 30 days; what it does beyond them is not known (5.5)."""


class Part(msgspec.Struct):
    """What the feed says of one entity. ``inventory``: all ids there are, when they had to be listed."""

    rows: dict[str, Raw] = msgspec.field(default_factory=dict)
    deleted: set[str] = msgspec.field(default_factory=set)
    inventory: frozenset[str] | None = None
    failure: str = ""


class Feed(msgspec.Struct, frozen=True):
    """One reading: a part for every entity asked for, and QBO's own time at its start."""

    parts: Mapping[str, Part]
    time: datetime


class _Row(msgspec.Struct):
    id: str = msgspec.field(name="Id")
    status: str = ""


_row = msgspec.json.Decoder(_Row)


class ChangeFeed:
    """Reads the changes of one company."""

    def __init__(
        self,
        transport: Transport,
        listing: Listing,
        config: QboConfig,
        clock: Clock,
        server_time: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._listing = listing
        self._clock = clock
        self._server_time = server_time
        self._overlap = timedelta(seconds=config.cdc_overlap_seconds)

    def read(self, entities: Sequence[str], since: datetime) -> Feed:
        """Everything that changed at or after ``since`` less the overlap. Raises when nothing could be read."""
        start = since - self._overlap
        if start < self._clock.now() - LOOK_BACK:
            return self._everything(entities)
        parts: dict[str, Part] = {}
        time = self._ask(entities, start, parts)
        for entity in [name for name, part in parts.items() if len(part.rows) + len(part.deleted) >= CAP]:
            self._page(entity, start, parts[entity])
        return Feed(parts, time)

    def _ask(self, entities: Sequence[str], start: datetime, parts: dict[str, Part]) -> datetime:
        """Fill ``parts`` for ``entities``; halve the list when QBO fails on it (5.7). The earliest time counts."""
        try:
            reply = self._transport.read(_call(entities, start))
        except (SystemFaultError, FaultError) as error:
            if len(entities) > 1:
                middle = len(entities) // 2
                times = [self._ask(half, start, parts) for half in (entities[:middle], entities[middle:])]
                return min(times)
            parts[entities[0]] = Part(failure=error.message)
            return start
        found = _groups(reply, entities)
        total = sum(len(part.rows) + len(part.deleted) for part in found.values())
        if total >= CAP and len(entities) > 1:
            return min(reply.time, *(self._ask([entity], start, parts) for entity in entities))
        parts.update(found)
        return reply.time

    def _page(self, entity: str, start: datetime, part: Part) -> None:
        """Too much for the feed: live rows by pages, deletions by the list of all ids."""
        changed = f"MetaData.LastUpdatedTime >= {query.literal(start)}"
        try:
            for rows in self._listing.everything(entity, changed):
                part.rows.update(rows)
            part.inventory = self._listing.ids(entity)
        except (QboUnavailable, FaultError) as error:
            part.failure = error.message

    def _everything(self, entities: Sequence[str]) -> Feed:
        """All rows of all entities; what is linked and not among them is gone."""
        time = self._server_time()
        parts: dict[str, Part] = {}
        for entity in entities:
            parts[entity] = part = Part()
            try:
                for rows in self._listing.everything(entity):
                    part.rows.update(rows)
                part.inventory = frozenset(part.rows)
            except (QboUnavailable, FaultError) as error:
                part.failure = error.message
        return Feed(parts, time)


def _call(entities: Sequence[str], start: datetime) -> Call:
    params = (("entities", ",".join(entities)), ("changedSince", wire.time_text(start)))
    return Call("GET", "cdc", "cdc", params=params, reads=1)


def _groups(reply: Reply, entities: Sequence[str]) -> dict[str, Part]:
    """The groups by entity, whatever their order. No group, or an empty one: nothing changed (5.2)."""
    names = {entity.lower(): entity for entity in entities}
    parts: dict[str, Part] = {}
    broken = False
    try:
        for answer in wire.split_list(reply.part("CDCResponse")):
            for group in _query_responses(answer):
                broken |= "Fault" in group or "fault" in group
                parts.update(
                    {names[name.lower()]: _part(rows) for name, rows in group.items() if name.lower() in names}
                )
    except (KeyError, *wire.BAD_JSON):
        raise BrokenBodyError("QuickBooks answered with a change feed that cannot be read.", tid=reply.tid) from None
    for entity in entities:
        parts.setdefault(
            entity, Part(failure="QuickBooks could not read this part of the change feed." if broken else "")
        )
    return parts


def _query_responses(answer: Raw) -> list[Envelope]:
    members = wire.split_object(answer)
    groups = members.get("QueryResponse")
    if groups is None:
        return [members]
    return [wire.split_object(group) for group in wire.split_list(groups)]


def _part(rows: Raw) -> Part:
    part = Part()
    for row in wire.split_list(rows):
        head = _row.decode(row)
        if head.status.lower() == "deleted":
            part.deleted.add(head.id)
        else:
            part.rows[head.id] = row
    for gone in part.deleted:
        part.rows.pop(gone, None)
    return part
