"""Which records of QBO may be the same as a record of the source that has no link yet. Never a guess.

A match is *certain* when every field of the policy's key agrees; *doubtful* when the fields that people recognise a
record by agree but something else does not. One certain match is adopted, anything else waits for a person (F-88:
a number alone proves nothing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from syncd.model.lens import Projection
from syncd.model.observations import Present
from syncd.model.records import Kind
from syncd.model.values import name_key

_RECOGNISED_BY: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    Kind.CLIENT: (("name",),),
    Kind.ITEM: (("name",),),
    Kind.INVOICE: (("number",), ("client", "issue_date", "total", "lines")),
    Kind.PAYMENT: (("client", "date", "amount", "reference"), ("client", "date", "amount", "allocations")),
}
"""Per kind, the sets of fields any of which makes two records look alike."""


class Match(msgspec.Struct, frozen=True):
    """The candidates that fit: certainly, or doubtfully."""

    certain: tuple[Present, ...]
    doubtful: tuple[Present, ...]


def match(
    kind: Kind, key: Sequence[str], source: Projection, candidates: Sequence[tuple[Present, Projection]]
) -> Match:
    """Sort ``candidates`` (with their projections) by how well they fit ``source``."""
    certain, doubtful = [], []
    for candidate, projection in candidates:
        if all(_equal(name, source, projection) for name in key if name in source):
            certain.append(candidate)
        elif any(_alike(names, source, projection) for names in _RECOGNISED_BY[kind]):
            doubtful.append(candidate)
    return Match(tuple(certain), tuple(doubtful))


def _alike(names: Sequence[str], source: Projection, qbo: Projection) -> bool:
    return all(name in source and source[name] not in ("", ()) and _equal(name, source, qbo) for name in names)


def _equal(name: str, source: Projection, qbo: Projection) -> bool:
    left, right = source.get(name), qbo.get(name)
    if name == "name" and isinstance(left, str) and isinstance(right, str):
        return name_key(left) == name_key(right)
    return left == right
