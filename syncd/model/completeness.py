"""Whether a map that has to be whole is whole: a type of lines without an item would be billed as anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def unmapped(names: Iterable[str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Those of ``names`` for which the map says nothing, in their order (V-4, V-5)."""
    said = {name.strip() for name, meant in given.items() if meant.strip()}
    return tuple(dict.fromkeys(name for name in names if name.strip() not in said))
