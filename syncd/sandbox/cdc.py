"""Change data capture (protocol.md 5)."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

from syncd.sandbox import faults
from syncd.sandbox.book import Book, Table
from syncd.sandbox.clock import days, parse_moment, stamp
from syncd.sandbox.specs import BY_PATH, NOT_IN_CDC, NOT_SERVED
from syncd.sandbox.switches import Switches
from syncd.sandbox.views import Viewer
from syncd.sandbox.wire import encode

LOOK_BACK_DAYS = 30


def run(viewer: Viewer, switches: Switches, entities: str, changed_since: str, rng: random.Random) -> tuple[bytes, int]:
    """The JSON of ``CDCResponse`` for a request, and how many objects are in it."""
    book = viewer.book
    names = _names(entities)
    since = _since(book, switches, changed_since)
    until = int(book.clock.now() - switches.cdc_lag_seconds) + 1 if switches.cdc_lag_seconds else float("inf")
    left, total = switches.cdc_limit, 0
    groups = []
    for name in names:
        if name in NOT_SERVED:
            groups.append(b"{}")
            continue
        rows, live = _rows(viewer, book.tables[name], since, until, left)
        total += len(rows)
        if switches.cdc_cap == "total":
            left -= len(rows)
        groups.append(_group(name, rows, live))
    if switches.cdc_shuffle and len(groups) > 1:
        rng.shuffle(groups)
    return b'[{"QueryResponse":[%b]}]' % b",".join(groups), total


def _names(entities: str) -> list[str]:
    wanted = [part.strip() for part in entities.split(",") if part.strip()]
    if not wanted:
        raise faults.missing("entities")
    names = []
    for part in wanted:
        name = BY_PATH.get(part.lower())
        if name is None or name in NOT_IN_CDC:
            raise faults.fault(2000, "Bad object name", f"Entity {part} is not supported by change data capture")
        names.append(name)
    return list(dict.fromkeys(names))


def _since(book: Book, switches: Switches, text: str) -> int:
    if not text:
        raise faults.missing("changedSince")
    try:
        moment = parse_moment(text.strip(), switches.naive_times == "utc")
    except ValueError:
        raise faults.bad_date("changedSince", text) from None
    oldest = book.clock.now() - days(LOOK_BACK_DAYS)
    if moment < oldest:
        if switches.cdc_too_old == "error":
            raise faults.bad_date("changedSince", f"{text} is more than {LOOK_BACK_DAYS} days ago")
        moment = oldest
    return int(moment) + (1 if switches.cdc_since == "exclusive" else 0)


def _rows(viewer: Viewer, table: Table, since: int, until: float, limit: int) -> tuple[list[bytes], int]:
    """Live rows oldest first, then deletions, cut silently at the limit; and how many of them live."""
    live = [viewer.raw(table.spec.name, record) for record in islice(table.changed(since, until), limit)]
    gone = islice(_tombstones(table, since, until), limit - len(live))
    return live + list(gone), len(live)


def _tombstones(table: Table, since: int, until: float) -> Iterator[bytes]:
    start = bisect_left(table.tombstones, (since, ""))
    for second, record_id in islice(table.tombstones, start, None):
        if second >= until:
            return
        meta = {"LastUpdatedTime": stamp(second)}
        yield encode({"domain": "QBO", "status": "Deleted", "Id": record_id, "MetaData": meta})


def _group(name: str, rows: list[bytes], live: int) -> bytes:
    """An empty object for no change; no startPosition when there are only deletions (protocol.md 5.2)."""
    if not rows:
        return b"{}"
    start = b'"startPosition":1,' if live else b""
    total = b',"totalCount":%d' % len(rows) if len(rows) > 1 or not live else b""
    return b'{"%b":[%b],%b"maxResults":%d%b}' % (name.encode(), b",".join(rows), start, len(rows), total)
