"""From one entry to what can be seen of it: both projections, what changed since the base, and the case."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from syncd.model.lens import Projection, differing
from syncd.model.observations import Absent, Flawed, Observation, Present, Unchanged, Unknown
from syncd.model.records import Client, Kind, Record, State
from syncd.model.spec import SPECS
from syncd.reconciler.cases import Memory, Seen, Sight, classify
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.match import match
from syncd.reconciler.policy import Case, KindPolicy

Resolve = Callable[[Kind, str], str]


class Look(msgspec.Struct, frozen=True):
    """An entry, looked at. ``source`` and ``qbo`` are projections (empty where there is nothing to project).

    ``withdrawn``: the record is there but in a state that does not flow (a draft). ``voided``: the source voided it.
    ``partner`` is the record of QBO on the other side: the linked one, or the one candidate.
    """

    entry: Entry
    case: Case
    source: Projection
    qbo: Projection
    source_record: Record | None
    partner: Present | None
    source_changed: frozenset[str]
    qbo_changed: frozenset[str]
    differences: frozenset[str]
    withdrawn: bool = False
    voided: bool = False
    rivals: tuple[Present, ...] = ()
    why_unknown: str = ""


def look(entry: Entry, view: View, policy: KindPolicy, resolve: Resolve) -> Look:
    """Project, compare with the base and classify."""
    known = entry.known
    record = entry.source.record if isinstance(entry.source, Present) else None
    withdrawn = record is not None and _state(record) not in policy.flows and _state(record) is not State.VOID
    voided = record is not None and _state(record) is State.VOID
    seen_source = _seen_source(entry.source, gone=withdrawn or voided, tomb=known is not None and _tomb(entry))
    source = view.lens.source(entry.kind, record, resolve) if record is not None else {}
    if isinstance(entry.source, Unchanged) and known is not None:
        source = known.source_base

    partner, rivals, matches = _partner(entry, view, policy, source)
    seen_qbo = _seen_qbo(entry, partner)
    qbo = view.lens.qbo(entry.kind, partner.record) if partner is not None else {}
    if isinstance(entry.qbo, Unchanged) and known is not None:
        qbo = known.qbo_base

    changed_source = differing(source, known.source_base) if known is not None else frozenset()
    changed_qbo = differing(qbo, known.qbo_base) if known is not None else frozenset()
    differences = differing(source, qbo)
    open_differences = differences
    if known is not None:
        open_differences -= known.accepted - changed_source - changed_qbo
    sight = Sight(
        memory=Memory.NONE if known is None else Memory.TOMB if _tomb(entry) else Memory.LINKED,
        source=seen_source,
        qbo=seen_qbo,
        in_doubt=entry.in_doubt,
        source_changed=bool(changed_source),
        qbo_changed=bool(changed_qbo),
        agree=not open_differences,
        disjoint=not (_widen(entry.kind, changed_source) & _widen(entry.kind, changed_qbo)),
        matches=matches,
        others=len(rivals) if known is not None and not _tomb(entry) else 0,
    )
    return Look(
        entry=entry,
        case=classify(sight),
        source=source,
        qbo=qbo,
        source_record=record,
        partner=partner,
        source_changed=changed_source,
        qbo_changed=changed_qbo,
        differences=open_differences,
        withdrawn=withdrawn,
        voided=voided,
        rivals=rivals,
        why_unknown=_why_unknown(entry),
    )


def widen(kind: Kind, fields: frozenset[str]) -> frozenset[str]:
    """``fields`` together with those that hang together with any of them."""
    return _widen(kind, fields)


def _widen(kind: Kind, fields: frozenset[str]) -> frozenset[str]:
    coupled = frozenset(SPECS[kind].coupled)
    return fields | coupled if fields & coupled else fields


def _state(record: Record) -> State:
    return getattr(record, "state", State.LIVE)


def _tomb(entry: Entry) -> bool:
    """Nothing of it is left in QBO: gone on both sides, or left behind there and then deleted by hand."""
    if entry.known is None:
        return False
    return entry.known.state == "tombstoned" or (entry.known.state == "orphaned" and isinstance(entry.qbo, Absent))


def _seen_source(observation: Observation, *, gone: bool, tomb: bool) -> Seen:
    match observation:
        case Present():
            return Seen.GONE if gone else Seen.LIVE
        case Unchanged():
            return Seen.GONE if tomb else Seen.LIVE
        case Absent():
            return Seen.GONE
        case _:
            return Seen.UNKNOWN


def _seen_qbo(entry: Entry, partner: Present | None) -> Seen:
    if partner is not None:
        return Seen.VOID if _is_void(partner.record) else Seen.LIVE
    match entry.qbo:
        case Unchanged():
            return Seen.GONE if _tomb(entry) else Seen.LIVE
        case Absent():
            return Seen.GONE
        case _:
            return Seen.UNKNOWN


def _is_void(record: Record) -> bool:
    """A void transaction; for lists, a record that was made inactive (they know no other end, entities.md 1.5)."""
    if isinstance(record, Client):
        return not record.active
    return _state(record) is State.VOID


def _partner(
    entry: Entry, view: View, policy: KindPolicy, source: Projection
) -> tuple[Present | None, tuple[Present, ...], int]:
    """The record of QBO to compare with, its rivals, and how many live ones fit an unlinked record."""
    linked = entry.qbo if isinstance(entry.qbo, Present) else None
    candidates = [
        (candidate, view.lens.qbo(entry.kind, candidate.record))
        for candidate in entry.candidates
        if not view.to_source(entry.kind, candidate.record.id)
        and (linked is None or candidate.record.id != linked.record.id)
    ]
    if not source or not candidates:
        return linked, (), 0
    found = match(entry.kind, policy.match_on, source, candidates)
    if entry.known is not None and not _tomb(entry):
        return linked, tuple(c for c in found.certain if not _is_void(c.record)), 0
    live = [c for c in found.certain if not _is_void(c.record)] or [c for c in found.doubtful if not _is_void(c.record)]
    if live:
        return live[0] if len(live) == 1 else None, tuple(live), len(live)
    voids = [c for c in found.certain if _is_void(c.record)]
    return (voids[0] if voids else linked), (), 0


def _why_unknown(entry: Entry) -> str:
    for side, observation in (("the source", entry.source), ("QuickBooks", entry.qbo)):
        if isinstance(observation, Unknown):
            return f"{side} could not be read: {observation.reason}"
        if isinstance(observation, Flawed):
            return f"{side} holds values that cannot be used"
    return ""
