"""From one entry to what can be seen of it: both projections, what changed since the base, and the case."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Observation, Present, Unchanged, Unknown
from syncd.model.projections import Projection, differing
from syncd.model.records import Record
from syncd.model.records.lists import Client, Project, Vendor
from syncd.model.references import vouched_id
from syncd.model.spec import SPECS
from syncd.model.values import name_key
from syncd.reconciler.cases import Memory, Seen, Sight, classify
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.match import Shelf, match
from syncd.reconciler.policy import Answer, Case, KindPolicy

Resolve = Callable[[Kind, str], str]


class Look(msgspec.Struct, frozen=True):
    """An entry, looked at. ``source`` and ``qbo`` are projections (empty where there is nothing to project).

    ``withdrawn``: the record is there but in a state that does not flow (a draft). ``voided``: the source voided it.
    ``partner`` is the record of QBO on the other side: the linked one, or the one candidate. ``rivals`` are the live
    records of QBO that fit, ``certain`` whether by the whole key. ``claimants``: other records of the source that the
    same record of QBO fits.
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
    certain: bool = False
    claimants: tuple[str, ...] = ()
    why_unknown: str = ""


def look(entry: Entry, view: View, policy: KindPolicy, resolve: Resolve, beside: Shelf | None = None) -> Look:
    """Project, compare with the base and classify. ``beside``: unlinked records of QBO that are in view themselves."""
    known = entry.known if _whole(entry) else None
    tomb = _tomb(entry, policy)
    record = entry.source.record if isinstance(entry.source, Present) else None
    withdrawn = record is not None and not policy.flows_in(record) and _state(record) is not State.VOID
    voided = record is not None and _state(record) is State.VOID
    seen_source = _seen_source(entry, gone=withdrawn or voided, tomb=tomb)
    source = view.lens.source(entry.kind, record, resolve) if record is not None else {}
    if isinstance(entry.source, Unchanged) and known is not None:
        source = known.source_base

    remembered = known is not None and not tomb
    partner, rivals, certain = _partner(entry, view, policy, source, beside, remembered=remembered)
    seen_qbo = _seen_qbo(entry, partner, policy, tomb=tomb)
    qbo = view.lens.qbo(entry.kind, partner.record) if partner is not None else {}
    if isinstance(entry.qbo, Unchanged) and known is not None:
        qbo = known.qbo_base

    changed_source = differing(source, known.source_base) if known is not None else frozenset()
    changed_qbo = differing(qbo, known.qbo_base) if known is not None else frozenset()
    differences = differing(source, qbo)
    if known is None:  # marks are seen to once the two are linked
        differences -= frozenset(SPECS[entry.kind].marks)
    open_differences = differences
    if known is not None:
        open_differences -= _settled(entry, policy, known.accepted) - changed_source - changed_qbo
    clash = _widen(entry.kind, changed_source) & _widen(entry.kind, changed_qbo)
    clash -= frozenset(SPECS[entry.kind].marks) - differences  # nobody wants two things of a mark that is set alike
    sight = Sight(
        memory=Memory.NONE if known is None else Memory.TOMB if tomb else Memory.LINKED,
        source=seen_source,
        qbo=seen_qbo,
        in_doubt=entry.in_doubt,
        source_changed=bool(changed_source),
        qbo_changed=bool(changed_qbo),
        agree=not open_differences,
        disjoint=not clash,
        matches=0 if remembered else len(rivals),
        others=len(rivals) if remembered else 0,
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
        certain=certain,
        why_unknown=_why_unknown(entry),
    )


def _settled(entry: Entry, policy: KindPolicy, accepted: frozenset[str]) -> frozenset[str]:
    """Of the differences that may stay, those that are no matter now. Where a person wants the record to go out as the
    source has it, what QBO changed of its money, its date or whose it is has to be spoken of."""
    spec = SPECS[entry.kind]
    matters = {*spec.money_fields, *spec.decisive} if entry.pushed and policy.keep_qbo_edits else set()
    return accepted - matters


def widen(kind: Kind, fields: frozenset[str]) -> frozenset[str]:
    """``fields`` together with those that hang together with any of them."""
    return _widen(kind, fields)


def _widen(kind: Kind, fields: frozenset[str]) -> frozenset[str]:
    coupled = frozenset(SPECS[kind].coupled)
    return fields | coupled if fields & coupled else fields


def _state(record: Record) -> State:
    return getattr(record, "state", State.LIVE)


def _whole(entry: Entry) -> bool:
    """Whether there is a link between two records, and not only a note that one of them is to be left alone."""
    return entry.known is not None and bool(entry.known.source_id) and bool(entry.known.qbo_id)


def _tomb(entry: Entry, policy: KindPolicy) -> bool:
    """Nothing of it is left in QBO: gone on both sides, or left behind there and then deleted by hand.

    Where the policy ignores deletions in QBO, what is left behind may be the source's: that is not made anew.
    """
    if entry.known is None:
        return False
    left_there = policy.answers.get(Case.QBO_GONE) is not Answer.ORPHAN
    deleted = entry.known.state == "orphaned" and isinstance(entry.qbo, Absent)
    return entry.known.state == "tombstoned" or (deleted and left_there)


def _seen_source(entry: Entry, *, gone: bool, tomb: bool) -> Seen:
    if isinstance(entry.source, Present):
        return Seen.GONE if gone else Seen.LIVE
    return _seen_unread(entry, entry.source, tomb=tomb)


def _seen_qbo(entry: Entry, partner: Present | None, policy: KindPolicy, *, tomb: bool) -> Seen:
    if isinstance(entry.qbo, Unknown | Flawed):
        return Seen.UNKNOWN  # whatever fits it: there may be more that was not seen
    if partner is not None:
        return Seen.VOID if is_void(partner.record, policy) else Seen.LIVE
    return _seen_unread(entry, entry.qbo, tomb=tomb)


def _seen_unread(entry: Entry, observation: Observation, *, tomb: bool) -> Seen:
    match observation:
        case Unchanged() if _whole(entry):
            return Seen.GONE if tomb else Seen.LIVE
        case Absent():
            return Seen.GONE
        case _:
            return Seen.UNKNOWN


def is_void(record: Record, policy: KindPolicy) -> bool:
    """A void transaction; for lists, a record that was made inactive (they know no other end, entities.md 1.5): for a
    project only where it ends in the source the same way."""
    if isinstance(record, Client | Vendor) or (isinstance(record, Project) and policy.closes):
        return not record.active
    return _state(record) is State.VOID


def _partner(
    entry: Entry, view: View, policy: KindPolicy, source: Projection, beside: Shelf | None, *, remembered: bool
) -> tuple[Present | None, tuple[Present, ...], bool]:
    """The record of QBO to compare with, the live ones that fit beside it, and whether they do so by the whole key."""
    linked = entry.qbo if isinstance(entry.qbo, Present) else None
    named = [c for c in entry.candidates if entry.claimed and c.record.id == entry.claimed]
    if named and not remembered and not view.to_source(entry.kind, entry.claimed):
        return named[0], (tuple(named) if not is_void(named[0].record, policy) else ()), _vouched(entry, view, named[0])
    pool = {} if remembered or beside is None else beside.near(source)
    pool |= {c.record.id: (c, view.lens.qbo(entry.kind, c.record)) for c in entry.candidates}
    candidates = [
        (candidate, projection)
        for _, (candidate, projection) in sorted(pool.items())
        if not view.to_source(entry.kind, candidate.record.id)
        and (linked is None or candidate.record.id != linked.record.id)
    ]
    if not source or not candidates:
        return linked, (), False
    found = match(entry.kind, policy.match_on, source, candidates)
    certain = tuple(c for c in found.certain if not is_void(c.record, policy))
    if remembered:
        return linked, certain, bool(certain)
    live = certain or tuple(c for c in found.doubtful if not is_void(c.record, policy))
    if live:
        return live[0] if len(live) == 1 else None, live, bool(certain)
    # A void has no amounts left to fit by: one that people would recognise is enough.
    voids = [c for c in (*found.certain, *found.doubtful) if is_void(c.record, policy)]
    return (voids[0] if voids else linked), (), False


def _vouched(entry: Entry, view: View, named: Present) -> bool:
    """Whether a record is the one of QBO that the source says: a person said so in the settings, or the name is the
    same. An id alone may come from other books; documents have to agree in what they say anyway (C14)."""
    record = entry.source.record if isinstance(entry.source, Present) else None
    mine, theirs = getattr(record, "name", ""), getattr(named.record, "name", "")
    return vouched_id(entry.kind, mine, view.settings) == entry.claimed or name_key(mine) == name_key(theirs)


def _why_unknown(entry: Entry) -> str:
    for side, observation in (("the source", entry.source), ("QuickBooks", entry.qbo)):
        if isinstance(observation, Unknown):
            return f"{side} could not be read: {observation.reason}"
        if isinstance(observation, Flawed):
            return f"{side} holds values that cannot be used"
    return ""
