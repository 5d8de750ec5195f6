"""Sorted indexes of a table: by the second of the last change, and by the value of a member.

All hold places, (length, Id), which sort as the Ids do as numbers, so that what is equal comes in the order of its Id.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

Place = tuple[int, str]
SortKey = tuple[Any, ...]
"""Values of any kind in one order: nothing, booleans, numbers, texts (case aside)."""


def insert(places: list[Place], place: Place) -> None:
    """Put a place where it belongs, nearly always at the end."""
    if not places or place > places[-1]:
        places.append(place)
    else:
        insort(places, place)


def discard(places: list[Place], place: Place) -> None:
    """Take a place out that is there."""
    del places[bisect_left(places, place)]


def sort_key(value: Any) -> SortKey:
    """Where a value stands in an ordered answer."""
    if isinstance(value, str):
        return _text_key(value)
    if value is None:
        return 0, ""
    if isinstance(value, bool):
        return 1, str(value)
    return (2, value) if isinstance(value, int | float | Decimal) else (3, str(value).casefold())


@lru_cache(maxsize=65_536)
def _text_key(text: str) -> SortKey:
    return 3, text.casefold()


class Timeline:
    """The living records by the second of their last change, those of one second in the order they were made."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, str]] = []

    def add(self, second: int, seq: int, record_id: str) -> None:
        """Note a record's last change; nearly always an append, an insert only when the clock was set back."""
        entry = (second, seq, record_id)
        if not self._entries or entry >= self._entries[-1]:
            self._entries.append(entry)
        else:
            insort(self._entries, entry)

    def drop(self, second: int, seq: int, record_id: str) -> None:
        """Take out what is no longer its last change."""
        del self._entries[bisect_left(self._entries, (second, seq, record_id))]

    def span(self, low: float, high: float) -> range:
        """Positions of the records whose last change lies in low <= second < high."""
        return range(bisect_left(self._entries, (low,)), bisect_left(self._entries, (high,)))

    def ids(self, positions: range) -> Iterator[str]:
        """Ids at these positions."""
        return (self._entries[at][2] for at in positions)

    def between(self, low: float, high: float) -> Iterator[str]:
        """Ids of records whose last change lies in low <= second < high, oldest first."""
        return self.ids(self.span(low, high))

    def newest_first(self, span: range, skip: int = 0) -> Iterator[str]:
        """Ids from the latest second to the earliest, those of one second in their order; what is skipped is free."""
        at = span.stop
        while at > span.start:
            last = at - 1 - skip
            if last < span.start:
                return
            second = self._entries[last][0]
            begin = max(bisect_left(self._entries, (second,)), span.start)
            end = min(bisect_left(self._entries, (second + 1,)), span.stop)
            yield from self.ids(range(begin + skip - (at - end), end))
            at, skip = begin, 0


class SortedIndex:
    """Places by the value of one member."""

    def __init__(self) -> None:
        self._keys: list[SortKey] = []
        self._places: dict[SortKey, list[Place]] = {}

    def add(self, key: SortKey, place: Place) -> None:
        """Note a record."""
        held = self._places.get(key)
        if held is None:
            self._places[key] = [place]
            insort(self._keys, key)
        else:
            insert(held, place)

    def drop(self, key: SortKey, place: Place) -> None:
        """Take a record out that is there."""
        held = self._places[key]
        discard(held, place)
        if not held:
            del self._places[key]
            del self._keys[bisect_left(self._keys, key)]

    def span(self, low: SortKey | None, high: SortKey | None, with_low: bool = True, with_high: bool = True) -> range:
        """Positions of the keys from low to high; None is no bound."""
        start = 0 if low is None else (bisect_left if with_low else bisect_right)(self._keys, low)
        stop = len(self._keys) if high is None else (bisect_right if with_high else bisect_left)(self._keys, high)
        return range(start, max(start, stop))

    def count(self, span: range, enough: int) -> int:
        """How many records a span of keys has; it stops counting at ``enough``."""
        total = 0
        for at in span:
            total += len(self._places[self._keys[at]])
            if total >= enough:
                break
        return total

    def ids(self, span: range, skip: int = 0) -> Iterator[str]:
        """Ids over a span of keys (reversed for descending order); whole keys are skipped at no cost."""
        for at in span:
            held = self._places[self._keys[at]]
            if skip >= len(held):
                skip -= len(held)
                continue
            yield from (record_id for _, record_id in islice(held, skip, None))
            skip = 0
