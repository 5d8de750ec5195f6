"""Whether a customer or vendor that went from QBO was merged with another one there (F-76).

QBO says nothing of it in its feeds; but the documents of the one that went belong to the one that is left.
"""

from __future__ import annotations

from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.references import party
from syncd.reconciler.entries import View


def moved_to(view: View, kind: Kind, source_id: str) -> str:
    """The QBO id of the party to which all documents of this one belong in QBO by now, as far as they are in view;
    empty where there are none, or where they belong to several."""
    found: set[str] = set()
    for entry in view.entries:
        if entry.known is None or not isinstance(entry.source, Present) or not isinstance(entry.qbo, Present):
            continue
        if party(entry.source.record) == (kind, source_id) and (theirs := party(entry.qbo.record)) is not None:
            found.add(theirs[1])
    return next(iter(found)) if len(found) == 1 and view.to_qbo(kind, source_id) not in found else ""
