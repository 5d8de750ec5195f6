"""Decides kind after kind: which records are QuickBooks' business at all, and what becomes of those."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Unchanged
from syncd.model.references import label, owner_of
from syncd.model.spec import SPECS
from syncd.reconciler.answers import Answers
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.imports import before_start, comes_in
from syncd.reconciler.match import Shelf
from syncd.reconciler.planned import Planned
from syncd.reconciler.policy import Answer, Case, KindPolicy
from syncd.reconciler.sight import Look, look

_ADOPTING = frozenset({Case.ADOPT_EQUAL, Case.ADOPT_DIFF, Case.REBORN_BOTH})


class Decider:
    """Decides the entries of a view, one kind after the other; what comes of them is in ``planned``."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.planned = Planned(view)

    def decide(self, kind: Kind, entries: Sequence[Entry], wanted: frozenset[str]) -> None:
        """Plan what the entries of one kind ask for. ``wanted``: those ids of the source that what flows refers to.

        All are looked at before any is decided, so that a record of QBO that fits one of the source is seen to do so
        from both ends: it is neither linked twice, nor linked and brought into the source as a new one besides.
        """
        policy = self._view.policy.kinds[kind]
        seen = []
        beside = Shelf(
            kind,
            policy.match_on,
            (
                (entry.qbo, self._view.lens.qbo(kind, entry.qbo.record))
                for entry in entries
                if _only_in_qbo(entry) and isinstance(entry.qbo, Present)
            ),
        )
        resolve = self.planned.resolve
        if SPECS[kind].along:
            entries, resolve = self._with_owners(entries), self.planned.resolve_anew
        coming = {e.qbo.record.id for e in entries if isinstance(e.qbo, Present) and self._comes(e, policy)}
        for entry in entries:
            if is_left_alone(entry):
                self.planned.unchanged += 1
                continue
            one = look(entry, self._view, policy, resolve, beside)
            needed = source_id_of(entry) in wanted or any(rival.record.id in coming for rival in one.rivals)
            if not self._stays_home(one, policy, needed=needed or entry.pushed):
                seen.append(one)
        for one in _claimed(seen, shared=self._view.policy.only_matched(kind)):
            if _only_in_qbo(one.entry) and one.partner and self.planned.concerns(kind, one.partner.record.id):
                continue  # this very plan ties it to a record of the source: that says all there is to say
            self.planned.count_changes(one, awaited=policy.answers.get(Case.SRC_EDITED) is Answer.AWAIT)
            Answers(self.planned, self._view, policy, one).run()

    def _comes(self, entry: Entry, policy: KindPolicy) -> bool:
        """Whether a record that only QBO has may come into the source: then what fits it there is looked at as well,
        although nothing needs it."""
        return _only_in_qbo(entry) and comes_in(entry, policy, self._view)

    def _with_owners(self, entries: Sequence[Entry]) -> list[Entry]:
        """What belongs to a document comes and goes with it: it stays home until that is in QuickBooks, and is as good
        as gone from the source once that leaves. The gone last: what takes their place goes first."""
        kept: list[Entry] = []
        for entry in entries:
            owner = owner_of(entry.source.record) if isinstance(entry.source, Present) else None
            if not isinstance(entry.source, Present) or (owner is not None and self.planned.stays_there(owner)):
                kept.append(entry)
            elif entry.known is not None and entry.known.state == "linked":
                gone = Absent(entry.known.source_id, ("the document that it belongs to leaves QuickBooks",))
                kept.append(msgspec.structs.replace(entry, source=gone))
            else:
                self.planned.unchanged += 1
        return sorted(kept, key=lambda entry: isinstance(entry.source, Absent))

    def _stays_home(self, seen: Look, policy: KindPolicy, *, needed: bool) -> bool:
        """Whether the record is none of QuickBooks' business: a draft never sent, or nothing that anybody needs."""
        entry = seen.entry
        if entry.known is not None and entry.known.state != "tombstoned":
            return (
                entry.known.state == "orphaned"
                and isinstance(entry.source, Absent | Unchanged)
                and not isinstance(entry.qbo, Absent)
            )
        if isinstance(entry.source, Present):
            record = entry.source.record
            if seen.withdrawn or seen.voided:
                return entry.known is None
            called = entry.pushed or (policy.only_comes_in and bool(seen.rivals))
            wanted = policy.sends(record) or (entry.known is None and policy.was_sent(record))
            unwanted = not wanted or (policy.when_needed and not needed)
            return not called and (unwanted or before_start(record, self._view))
        if _only_in_qbo(entry) and isinstance(entry.qbo, Flawed):
            if self._comes(entry, policy):
                return False
            self.planned.count_ignored(entry.kind)
            return True
        return policy.asked_only and isinstance(entry.source, Flawed) and not entry.pushed


def source_id_of(entry: Entry) -> str:
    """The id of an entry's record on the source side; empty when it has none."""
    if entry.known is not None:
        return entry.known.source_id
    return entry.source.record.id if isinstance(entry.source, Present) else ""


def is_left_alone(entry: Entry) -> bool:
    """Whether a person said to leave this record alone, or undid what was done with it, and has said nothing since."""
    ignored = entry.known is not None and entry.known.state == "ignored" and entry.word != "retry"
    return ignored or (entry.undone and not entry.word and not entry.pushed)


def _only_in_qbo(entry: Entry) -> bool:
    return entry.known is None and isinstance(entry.source, Absent)


def _claimed(seen: Sequence[Look], *, shared: bool) -> list[Look]:
    """Records of the source first, then those that only QBO has, both with who else claims the same record of QBO.

    One record of QBO that fits several of the source for certain is ambiguous, the other way round (C15). Where
    several of the source may stand for one of QBO anyway (``shared``: items), it is not.
    """
    claims: dict[str, dict[str, Look]] = defaultdict(dict)
    for one in seen:
        for rival in one.rivals:
            claims[rival.record.id][source_id_of(one.entry)] = one
    mine = [one for one in seen if not _only_in_qbo(one.entry)]
    theirs = [one for one in seen if _only_in_qbo(one.entry)]
    if not shared:
        mine = [_contested(one, claims) for one in mine]
    return mine + [_awaited(one, claims) for one in theirs]


def _contested(one: Look, claims: dict[str, dict[str, Look]]) -> Look:
    if one.case not in _ADOPTING or not one.certain:
        return one
    own = source_id_of(one.entry)
    others = [
        _name(other)
        for rival in one.rivals
        for source_id, other in sorted(claims[rival.record.id].items())
        if source_id != own and other.certain
    ]
    if not others:
        return one
    return msgspec.structs.replace(one, case=Case.ADOPT_AMBIGUOUS, partner=None, claimants=tuple(others))


def _awaited(one: Look, claims: dict[str, dict[str, Look]]) -> Look:
    if one.partner is None:
        return one
    names = tuple(_name(other) for _, other in sorted(claims[one.partner.record.id].items()))
    return msgspec.structs.replace(one, claimants=names)


def _name(seen: Look) -> str:
    shown = label(seen.source_record) if seen.source_record is not None else source_id_of(seen.entry)
    return f"{seen.entry.kind} {shown}"
