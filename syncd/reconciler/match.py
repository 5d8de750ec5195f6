"""Which records of QBO may be the same as a record of the source that has no link yet. Never a guess.

A match is *certain* when every field of the policy's key agrees; *doubtful* when the fields that people recognise a
record by agree but something else does not. One certain match is adopted, anything else waits for a person (F-88:
a number alone proves nothing).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.projections import Projection
from syncd.model.values import name_key

_RECOGNISED_BY: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    Kind.ESTIMATE: (("number",), ("client", "issue_date", "total", "lines")),
    Kind.INVOICE: (("number",), ("client", "issue_date", "total", "lines")),
    Kind.CREDIT_NOTE: (("number",), ("client", "issue_date", "total", "lines")),
    Kind.PAYMENT: (("client", "date", "amount", "reference"), ("client", "date", "amount", "allocations")),
    Kind.CREDIT_APPLICATION: (("client", "credit_note"),),
    Kind.BILL: (("vendor", "date", "total"),),
    Kind.PROJECT: (("name", "client"),),
    Kind.PURCHASE: (("vendor", "date", "total"),),
    Kind.PURCHASE_ORDER: (("number",), ("vendor", "date", "total")),
}
"""Per kind, the sets of fields any of which makes two records look alike; of lists it is the name."""
_BY_NAME = (("name",),)


class Match(msgspec.Struct, frozen=True):
    """The candidates that fit: certainly, or doubtfully."""

    certain: tuple[Present, ...]
    doubtful: tuple[Present, ...]


class Shelf:
    """Records of QBO, laid out by what they may be recognised by, so that finding the near ones costs no search."""

    def __init__(self, kind: Kind, key: Sequence[str], records: Iterable[tuple[Present, Projection]] = ()) -> None:
        self._sets = (tuple(key), *_RECOGNISED_BY.get(kind, _BY_NAME))
        self._places: dict[object, list[tuple[Present, Projection]]] = defaultdict(list)
        for record, projection in records:
            for names in self._sets:
                self._places[_place(names, projection)].append((record, projection))

    def near(self, source: Projection) -> dict[str, tuple[Present, Projection]]:
        """By id, those that could fit ``source``; ``match`` says how well."""
        found = (pair for names in self._sets for pair in self._places.get(_place(names, source), ()))
        return {record.record.id: (record, projection) for record, projection in found}


def _place(names: Sequence[str], projection: Projection) -> object:
    return names, tuple(_comparable(name, projection) for name in names)


def match(
    kind: Kind, key: Sequence[str], source: Projection, candidates: Sequence[tuple[Present, Projection]]
) -> Match:
    """Sort ``candidates`` (with their projections) by how well they fit ``source``."""
    certain, doubtful = [], []
    whole = [name for name in key if name in source]
    for candidate, projection in candidates:
        if whole and all(_certain(kind, name, source, projection) for name in whole):
            certain.append(candidate)
        elif any(_alike(names, source, projection) for names in _RECOGNISED_BY.get(kind, _BY_NAME)):
            doubtful.append(candidate)
    return Match(tuple(certain), tuple(doubtful))


def _certain(kind: Kind, name: str, source: Projection, qbo: Projection) -> bool:
    """A customer or vendor is the same by identical spelling alone (R-110); another case or spacing is for a person to
    judge. An item spelt otherwise is still the only one that QBO can have of that name."""
    if kind in {Kind.CLIENT, Kind.VENDOR}:
        return source.get(name) == qbo.get(name)
    return _equal(name, source, qbo)


def _alike(names: Sequence[str], source: Projection, qbo: Projection) -> bool:
    return all(name in source and source[name] not in ("", ()) and _equal(name, source, qbo) for name in names)


def _equal(name: str, source: Projection, qbo: Projection) -> bool:
    return _comparable(name, source) == _comparable(name, qbo)


def _comparable(name: str, projection: Projection) -> object:
    value = projection.get(name)
    return name_key(value) if name == "name" and isinstance(value, str) else value
