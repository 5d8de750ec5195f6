"""What the source calls the named things of QBO (items, payment methods) that a record brings along from there.

A named thing is linked when a record of the source needs it. A document that an accountant changes or enters in QBO may
name one that no record of the source named so far: unless it is found now, the source would take the document over
without it (R-42, R-68).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Observation, Present
from syncd.model.references import claimed_id, mapped_name
from syncd.model.values import name_key
from syncd.seen import BooksReader
from syncd.sources.base import Source


def namesakes(
    kind: Kind, wanted: Iterable[str], books: BooksReader, source: Source, settings: Settings
) -> Mapping[str, Present]:
    """The records of the source that stand for these ids of QBO, by the source's id: those that claim the id, else the
    only one of that name. Reads the source's whole list, and nothing where the source keeps none."""
    if kind not in source.capabilities():
        return {}
    names = {qbo_id: _name(answer) for qbo_id, answer in books.read(kind, sorted(wanted)).items()}
    wished = {name: qbo_id for qbo_id, name in names.items() if name}
    found: dict[str, list[Present]] = {}
    for seen in source.scan(kind) if wished else ():
        if not isinstance(seen, Present):
            continue
        claimed = claimed_id(kind, seen.record, settings)
        called = name_key(mapped_name(kind, getattr(seen.record, "name", ""), settings))
        qbo_id = claimed if claimed in names else "" if claimed else wished.get(called, "")
        if qbo_id:
            found.setdefault(qbo_id, []).append(seen)
    return {each[0].record.id: each[0] for each in found.values() if len(each) == 1}


def _name(answer: Observation) -> str:
    """The name of a usable record of QBO, as names are compared; empty where there is none."""
    record = answer.record if isinstance(answer, Present) else None
    return name_key(getattr(record, "name", "")) if getattr(record, "active", True) else ""
