"""Brings a mirror up to date: everything, or quickly what people most likely touched.

The quick way walks each list from its newest row to the first one that is known, which finds all that is new for one
request a list and re-reads the newest hundred rows by the way (``endingBefore`` would cost the same request and show
less). Documents that people still work on are re-read every so often, by pages or one by one, whichever is fewer
requests. Whatever hints at a deletion makes that list be read whole at once; edits of old, settled documents wait for
the next full scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import TypeAlias, TypeVar

import msgspec

from syncd.errors import SourceUnavailable
from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.records.payments import Payment
from syncd.sources.ruddr import readers
from syncd.sources.ruddr.http import Api, RefusedError, Row
from syncd.sources.ruddr.listing import PAGE, Walk, starts_of, walk, walk_side_by_side
from syncd.sources.ruddr.mirror import Mirror
from syncd.sources.ruddr.readers import LISTS, Listed, Seen
from syncd.sources.ruddr.rows import integrations
from syncd.sources.ruddr.settings import RuddrSourceConfig

OFF = frozenset({403, 404, 405})
"""What a list answers that this workspace, or this API, does not have (ruddr-api.md 4)."""

T = TypeVar("T")
R = TypeVar("R")


class Kept(msgspec.Struct, frozen=True):
    """What is kept of a row: its records, and the vendor's own accounting connections that have an id of it."""

    id: str
    seen: tuple[Seen, ...]
    native: frozenset[str]


class _Part(msgspec.Struct, frozen=True):
    """What was read of a list; no walk: the list is not there for us."""

    listed: Listed
    walk: Walk[Kept] | None
    single: tuple[Kept, ...] = ()


Look: TypeAlias = Callable[[Listed, Sequence[_Part]], _Part]
"""Reads a list, given what was read before it."""


class Survey:
    """Reads the lists of one workspace. Raises rather than bring in a part: a mirror moves only with whole lists."""

    def __init__(self, api: Api, config: RuddrSourceConfig) -> None:
        self._api = api
        self._config = config
        self._lists = [listed for listed in LISTS if set(listed.kinds) & set(config.kinds)]

    def everything(self, mirror: Mirror) -> None:
        """Read every list to its end."""

        def look(listed: Listed, before: Sequence[_Part]) -> _Part:
            return self._whole(listed, mirror.order.get(listed.path) or _named(listed, before))

        self._each_wave(mirror, look)

    def quickly(self, mirror: Mirror, *, open_too: bool) -> None:
        """Read what is new, and with ``open_too`` the documents that people still work on."""

        def look(listed: Listed, _: Sequence[_Part]) -> _Part:
            wanted = mirror.open(listed) if open_too else frozenset()
            return self._newest(listed, mirror.order.get(listed.path, []), wanted)

        self._each_wave(mirror, look)

    def read(self, listed: Listed, order: Sequence[str] = ()) -> Walk[Kept]:
        """A list to its end; a long one, of which many ids are known (``order``), in pieces side by side. Raises
        ``RefusedError`` where there is no such list for us."""
        starts = starts_of(order, self._config.connections)
        return walk_side_by_side(self._api, listed.path, lambda row: self.keep(listed, row), starts, self.several)

    def one(self, listed: Listed, row_id: str) -> Kept | None:
        """One row, None where there is none. Raises ``RefusedError`` where the list is off."""
        try:
            row = self._api.get(f"{listed.path}/{row_id}")
        except RefusedError as refused:
            if refused.status == 404:
                return None
            raise
        if row.get("id") != row_id:
            raise SourceUnavailable(f"Ruddr answered with another row of {listed.path} than was asked for.")
        return self.keep(listed, row)

    def keep(self, listed: Listed, row: Row) -> Kept:
        """What is kept of a row."""
        config = self._config
        seen = tuple(readers.read(listed, row, config.kinds, config.connection_id))
        return Kept(row["id"], seen, frozenset(str(each.get("connectionId") or "") for each in integrations(row)))

    def several(self, ask: Callable[[T], R], questions: Iterable[T]) -> list[R]:
        """Several questions side by side, in the order asked; the first failure is raised."""
        asked = list(questions)
        if len(asked) < 2:
            return [ask(question) for question in asked]
        with ThreadPoolExecutor(self._config.connections, thread_name_prefix="ruddr") as pool:
            return list(pool.map(ask, asked))

    # ---- one list

    def _whole(self, listed: Listed, order: Sequence[str]) -> _Part:
        return self._unless_off(listed, lambda: _Part(listed, self.read(listed, order)))

    def _newest(self, listed: Listed, order: Sequence[str], wanted: frozenset[str]) -> _Part:
        return self._unless_off(listed, lambda: self._look(listed, order, wanted))

    def _unless_off(self, listed: Listed, look: Callable[[], _Part]) -> _Part:
        try:
            return look()
        except RefusedError as refused:
            if refused.status in OFF:
                return _Part(listed, None)
            raise SourceUnavailable(f"Ruddr refused its list {listed.path} ({refused}).") from None

    def _look(self, listed: Listed, order: Sequence[str], wanted: frozenset[str]) -> _Part:
        known = frozenset(order)
        pages, rest = plan(order, wanted)
        enough = PAGE * pages
        found = walk(
            self._api,
            listed.path,
            lambda row: self.keep(listed, row),
            lambda ids: len(ids) >= enough and ids[-1] in known,
        )
        if found.complete:
            return _Part(listed, found)
        if _lacks(order, known, found.ids):
            return _Part(listed, self.read(listed, order))
        single = self.several(lambda row_id: self.one(listed, row_id), sorted(rest - set(found.ids)))
        there = tuple(kept for kept in single if kept is not None)
        if len(there) < len(single):  # listed before, and gone: only a complete list says what else is
            return _Part(listed, self.read(listed, order))
        return _Part(listed, found, there)

    # ---- all lists

    def _each_wave(self, mirror: Mirror, look: Look) -> None:
        parts: list[_Part] = []
        for _, wave in groupby(self._lists, key=lambda listed: listed.wave):
            parts += self.several(partial(_after, look, tuple(parts)), wave)
        for part in parts:
            self._take(mirror, part)

    def _take(self, mirror: Mirror, part: _Part) -> None:
        listed = part.listed
        if part.walk is None:
            mirror.off.update(mirror.kinds(listed))
            return
        rows = [*part.walk.kept, *part.single]
        if listed.path == readers.CLIENTS:
            if part.walk.complete:
                mirror.native.clear()
            mirror.native.update((row.id, row.native) for row in rows)
        take = mirror.take_whole if part.walk.complete else mirror.take_part
        take(listed, [row.id for row in rows], (one for row in rows for one in row.seen))


def plan(order: Sequence[str], wanted: frozenset[str]) -> tuple[int, frozenset[str]]:
    """How to re-read the ``wanted`` rows of a list with the fewest requests: the number of pages from the newest row
    on (one at least, which the new rows need anyway), and the ids that are then asked for one by one."""
    places = [place for place, row_id in enumerate(order) if row_id in wanted]
    best_pages, least = 1, None
    done = 0
    for pages in range(1, len(order) // PAGE + 2):
        while done < len(places) and places[done] < pages * PAGE:
            done += 1
        requests = pages + len(places) - done
        if least is None or requests < least:
            best_pages, least = pages, requests
    beyond = best_pages * PAGE
    return best_pages, frozenset(order[place] for place in places if place >= beyond)


def _after(look: Look, before: Sequence[_Part], listed: Listed) -> _Part:
    return look(listed, before)


def _named(listed: Listed, before: Sequence[_Part]) -> list[str]:
    """Ids of invoices, as the payments name them: before the first full scan that is all that is known of the list."""
    if Kind.INVOICE not in listed.kinds:
        return []
    rows = (row for part in before if part.walk is not None for row in part.walk.kept)
    paid = (one.observation.record for row in rows for one in row.seen if isinstance(one.observation, Present))
    parts = (part for record in paid if isinstance(record, Payment) for part in record.allocations)
    return list(dict.fromkeys(part.invoice for part in parts if part.invoice))


def _lacks(order: Sequence[str], known: frozenset[str], ids: Sequence[str]) -> bool:
    """Whether the walk passed a place where a row was that is not there any more."""
    here = frozenset(ids)
    last = next((row_id for row_id in reversed(ids) if row_id in known), "")
    return bool(last) and any(row_id not in here for row_id in order[: order.index(last)])
