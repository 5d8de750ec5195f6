"""Every record of the source with how it stands: linked and with which record of QBO, held, or neither (V-20)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.references import label
from syncd.model.spec import NO_COUNTERPART, SPECS
from syncd.parts import Parts
from syncd.state.values import Link, LinkState

CHUNK = 500
_LINKED = {
    LinkState.LINKED: "linked",
    LinkState.ORPHANED: "left behind",
    LinkState.IGNORED: "left alone",
    LinkState.TOMBSTONED: "not linked",
}
_ALONE = frozenset({LinkState.IGNORED})
"""What a person said of one record, with no other on the other side."""
STATES = ("linked", "held", "left behind", "left alone", "unusable", "not linked")
"""How a record may stand: held, although perhaps linked; left behind in QBO while the source took it back; left alone
because a person said so; unusable as it stands in the source; or none of all this."""


class Listed(msgspec.Struct, frozen=True):
    """One record of the source. ``why`` says what it is held for."""

    kind: Kind
    record: str
    state: str
    source_id: str
    qbo_id: str = ""
    why: str = ""


def records(parts: Parts, kinds: frozenset[Kind] = frozenset()) -> Iterator[Listed]:
    """All of them, kind after kind: of these kinds, or (none) of every kind that the profile keeps in agreement. Reads
    the source and our own state; asks QBO nothing."""
    there = parts.source.capabilities()
    held = {(row.kind, row.source_id): row.reason for row in parts.store.held(parts.company) if row.source_id}
    for kind in SPECS:
        if kind in parts.policy.kinds and kind in there and (not kinds or kind in kinds):
            scanned = parts.source.scan(kind)
            while chunk := list(islice(scanned, CHUNK)):
                ids = [_id_of(seen) for seen in chunk]
                links = parts.store.links_by_source(parts.company, kind, ids)
                yield from (_listed(kind, seen, links.get(_id_of(seen)), held) for seen in chunk)


def _id_of(seen: Present | Flawed) -> str:
    return seen.record.id if isinstance(seen, Present) else seen.id


def _listed(kind: Kind, seen: Present | Flawed, link: Link | None, held: Mapping[tuple[Kind, str], str]) -> Listed:
    source_id = _id_of(seen)
    state = _LINKED[link.state] if link is not None and (link.qbo_id or link.state in _ALONE) else "not linked"
    why = held.get((kind, source_id), "")
    if why:
        state = "held"
    elif isinstance(seen, Flawed):
        state, why = "unusable", "; ".join(problem.text for problem in seen.problems)
    named = link.qbo_id if link is not None and link.state is not LinkState.TOMBSTONED else ""
    known = link.label if link is not None else ""
    return Listed(
        kind=kind,
        record=label(seen.record) if isinstance(seen, Present) else known or f"#{source_id}",
        state=state,
        source_id=source_id,
        qbo_id="" if named == NO_COUNTERPART else named,
        why=why,
    )
