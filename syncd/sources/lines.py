"""Which line is which: the rule that lets a rewritten invoice keep the rows of its lines (C-R16)."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.model.records.forms import Line
from syncd.model.values import text


def matched(have: Sequence[Line], wished: Sequence[Line]) -> dict[int, int]:
    """Which wished line is which line that is there: wished place to place.

    First those that are the same at the same place, then the same elsewhere, then those that differ only in numbers:
    what another table of the source says about a line (its time entries, its expense) goes on being about that line.
    """
    kept: dict[int, int] = {}
    free = set(range(len(have)))
    for place, line in enumerate(wished):
        if place in free and _whole(have[place]) == _whole(line):
            kept[place] = place
            free.remove(place)
    for mark in (_whole, _words):
        places: dict[tuple[object, ...], list[int]] = {}
        for place in sorted(free, reverse=True):
            places.setdefault(mark(have[place]), []).append(place)
        for place, line in enumerate(wished):
            if place not in kept and (same := places.get(mark(line))):
                kept[place] = same.pop()
                free.remove(kept[place])
    return kept


def _words(line: Line) -> tuple[object, ...]:
    said = line.description
    return (line.item, text(said) if isinstance(said, str) else "")


def _whole(line: Line) -> tuple[object, ...]:
    return (*_words(line), line.amount)
