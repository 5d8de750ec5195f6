"""Which present line each wished line continues, so that it keeps its id and all that is not ours.

In an update the list of lines that is sent replaces the stored one (entities.md 1.4, F-23).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

Content = tuple[Hashable, Hashable, Hashable]
"""A line from exact to vague: everything that is ours; what is recognised by people; nothing (place alone decides)."""


def content(key: tuple[str, str], *rest: Hashable) -> Content:
    """The three forms of one line: ``key`` is what people know it by (item or account, and text)."""
    return (key, *rest), key, None


def continued(wished: Sequence[Content], present: Sequence[Content]) -> list[int | None]:
    """For each wished line the place of the present line that it continues.

    Every present line is used at most once; within a round the nearest in order wins. What is left over goes away.
    """
    found: list[int | None] = [None] * len(wished)
    free = list(range(len(present)))
    for level in range(3):
        for place in range(len(wished)):
            if found[place] is not None:
                continue
            fits = [other for other in free if present[other][level] == wished[place][level]]
            if level == 2:
                fits = [other for other in fits if other == place]
            if fits:
                best = min(fits, key=lambda other: (abs(other - place), other))
                found[place] = best
                free.remove(best)
    return found
