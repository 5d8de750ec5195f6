"""The case table of correctness.md, section 1, as data: what the world looks like, which case that is, what is allowed.

``classify`` is total: every combination of what may be seen has exactly one case. ``ALLOWED`` lists, per case, the
answers that a policy may choose from; ``DEFAULT`` is the cautious one that applies where a policy says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from syncd.model.kinds import Kind
from syncd.model.spec import SPECS
from syncd.reconciler.policy import Answer, Case


class Memory(StrEnum):
    """What we remember of a record: nothing, a base, or that it is gone on both sides."""

    NONE = "none"
    LINKED = "linked"
    TOMB = "tomb"


class Seen(StrEnum):
    """What one side shows. ``VOID`` exists on QBO's side only; a void in the source counts as gone there."""

    UNKNOWN = "unknown"
    GONE = "gone"
    LIVE = "live"
    VOID = "void"


class Sight(msgspec.Struct, frozen=True):
    """Everything that decides the case of one record.

    ``agree``: both sides are equal after the lens. ``disjoint``: both changed, but no field was changed by both.
    ``matches``: live records of QBO that fit an unlinked record of the source. ``others``: live records of QBO beside
    the linked one that carry the same key.
    """

    memory: Memory
    source: Seen
    qbo: Seen
    in_doubt: bool = False
    source_changed: bool = False
    qbo_changed: bool = False
    agree: bool = False
    disjoint: bool = False
    matches: int = 0
    others: int = 0


def classify(sight: Sight) -> Case:
    """The one case that ``sight`` is."""
    if sight.in_doubt:
        return Case.IN_DOUBT
    if Seen.UNKNOWN in (sight.source, sight.qbo):
        return Case.UNKNOWN
    match sight.memory:
        case Memory.NONE:
            return _unlinked(sight)
        case Memory.LINKED:
            return _linked(sight)
        case Memory.TOMB:
            return _tombstoned(sight)


def _unlinked(sight: Sight) -> Case:
    if sight.source is not Seen.LIVE:
        return Case.NOTHING if sight.qbo is Seen.GONE else Case.FOREIGN
    if sight.matches > 1:
        return Case.ADOPT_AMBIGUOUS
    if sight.qbo is Seen.LIVE:
        return Case.ADOPT_EQUAL if sight.agree else Case.ADOPT_DIFF
    return Case.ADOPT_VOID if sight.qbo is Seen.VOID else Case.SRC_NEW


def _linked(sight: Sight) -> Case:
    source_live, qbo_live = sight.source is Seen.LIVE, sight.qbo is Seen.LIVE
    if sight.others and (source_live or qbo_live):
        return Case.MOVED if sight.qbo is Seen.GONE and sight.others == 1 else Case.TWINS
    if source_live and qbo_live:
        return _both_live(sight)
    if source_live:
        if sight.qbo is Seen.VOID:
            return Case.QBO_VOID_SRC_EDITED if sight.source_changed else Case.QBO_VOID
        return Case.QBO_GONE_SRC_EDITED if sight.source_changed else Case.QBO_GONE
    if qbo_live:
        return Case.SRC_GONE_QBO_EDITED if sight.qbo_changed else Case.SRC_GONE
    return Case.BOTH_GONE


def _both_live(sight: Sight) -> Case:
    match (sight.source_changed, sight.qbo_changed):
        case (False, False):
            return Case.IN_SYNC if sight.agree else Case.DRIFT
        case (True, False):
            return Case.SRC_EDITED
        case (False, True):
            return Case.QBO_EDITED
        case _:
            if sight.agree:
                return Case.CONVERGED
            return Case.MERGEABLE if sight.disjoint else Case.CONFLICT


def _tombstoned(sight: Sight) -> Case:
    source_live, qbo_live = sight.source is Seen.LIVE, sight.qbo is Seen.LIVE
    if source_live:
        if sight.matches > 1:
            return Case.ADOPT_AMBIGUOUS
        return Case.REBORN_BOTH if qbo_live or sight.matches else Case.REBORN_SRC
    return Case.REBORN_QBO if qbo_live else Case.NOTHING


_A = Answer

ALLOWED: Mapping[Case, frozenset[Answer]] = MappingProxyType(
    {
        Case.IN_DOUBT: frozenset({_A.HOLD}),
        Case.UNKNOWN: frozenset({_A.HOLD}),
        Case.NOTHING: frozenset({_A.NONE}),
        Case.SRC_NEW: frozenset({_A.CREATE_QBO, _A.HOLD}),
        Case.FOREIGN: frozenset({_A.IGNORE, _A.CREATE_SOURCE}),
        Case.ADOPT_EQUAL: frozenset({_A.LINK, _A.HOLD}),
        Case.ADOPT_DIFF: frozenset({_A.HOLD, _A.PUSH, _A.PULL, _A.RECORD}),
        Case.ADOPT_AMBIGUOUS: frozenset({_A.HOLD}),
        Case.ADOPT_VOID: frozenset({_A.HOLD, _A.CREATE_QBO}),
        Case.IN_SYNC: frozenset({_A.NONE}),
        Case.DRIFT: frozenset({_A.HOLD, _A.PUSH, _A.PULL}),
        Case.SRC_EDITED: frozenset({_A.PUSH, _A.HOLD, _A.AWAIT}),
        Case.QBO_EDITED: frozenset({_A.BY_OWNER, _A.HOLD, _A.PUSH, _A.RECORD}),
        Case.CONVERGED: frozenset({_A.REBASE}),
        Case.MERGEABLE: frozenset({_A.HOLD, _A.MERGE, _A.PUSH, _A.AWAIT}),
        Case.CONFLICT: frozenset({_A.HOLD, _A.BY_OWNER, _A.PUSH, _A.PULL, _A.RECORD, _A.AWAIT}),
        Case.SRC_GONE: frozenset({_A.HOLD, _A.VOID_QBO, _A.DEACTIVATE_QBO, _A.DELETE_QBO, _A.ORPHAN}),
        Case.SRC_GONE_QBO_EDITED: frozenset({_A.HOLD, _A.ORPHAN, _A.VOID_QBO}),
        Case.QBO_GONE: frozenset({_A.HOLD, _A.RECREATE_QBO, _A.ORPHAN, _A.DELETE_SOURCE, _A.WITHDRAW_SOURCE}),
        Case.QBO_GONE_SRC_EDITED: frozenset({_A.HOLD, _A.RECREATE_QBO, _A.ORPHAN}),
        Case.QBO_VOID: frozenset({_A.HOLD, _A.VOID_SOURCE, _A.ORPHAN, _A.REACTIVATE_QBO}),
        Case.QBO_VOID_SRC_EDITED: frozenset({_A.HOLD}),
        Case.BOTH_GONE: frozenset({_A.FORGET, _A.ORPHAN}),
        Case.MOVED: frozenset({_A.HOLD}),
        Case.TWINS: frozenset({_A.HOLD}),
        Case.REBORN_SRC: frozenset({_A.CREATE_QBO, _A.HOLD}),
        Case.REBORN_QBO: frozenset({_A.HOLD, _A.IGNORE}),
        Case.REBORN_BOTH: frozenset({_A.LINK, _A.HOLD}),
        Case.BLOCKED: frozenset({_A.HOLD}),
        Case.FROZEN: frozenset({_A.HOLD}),
        Case.HALTED: frozenset({_A.NONE}),
    }
)

DEFAULT: Mapping[Case, Answer] = MappingProxyType(
    dict.fromkeys(ALLOWED, _A.HOLD)
    | {
        Case.NOTHING: _A.NONE,
        Case.SRC_NEW: _A.CREATE_QBO,
        Case.FOREIGN: _A.IGNORE,
        Case.ADOPT_EQUAL: _A.LINK,
        Case.IN_SYNC: _A.NONE,
        Case.SRC_EDITED: _A.PUSH,
        Case.QBO_EDITED: _A.BY_OWNER,
        Case.CONVERGED: _A.REBASE,
        Case.BOTH_GONE: _A.FORGET,
        Case.REBORN_SRC: _A.CREATE_QBO,
        Case.HALTED: _A.NONE,
    }
)

BY_PERSON: Mapping[str, Mapping[Case, Answer]] = MappingProxyType(
    {
        "accept-source": MappingProxyType(
            {
                Case.ADOPT_DIFF: _A.PUSH,
                Case.ADOPT_VOID: _A.CREATE_QBO,
                Case.DRIFT: _A.PUSH,
                Case.QBO_EDITED: _A.PUSH,
                Case.SRC_EDITED: _A.PUSH,
                Case.CONFLICT: _A.PUSH,
                Case.MERGEABLE: _A.PUSH,
                Case.QBO_GONE: _A.RECREATE_QBO,
                Case.QBO_GONE_SRC_EDITED: _A.RECREATE_QBO,
                Case.QBO_VOID: _A.REACTIVATE_QBO,
                Case.QBO_VOID_SRC_EDITED: _A.REACTIVATE_QBO,
                Case.SRC_GONE: _A.DELETE_QBO,
                Case.SRC_GONE_QBO_EDITED: _A.VOID_QBO,
            }
        ),
        "accept-qbo": MappingProxyType(
            {
                Case.ADOPT_DIFF: _A.PULL,
                Case.DRIFT: _A.PULL,
                Case.QBO_EDITED: _A.PULL,
                Case.SRC_EDITED: _A.PULL,
                Case.CONFLICT: _A.PULL,
                Case.MERGEABLE: _A.PULL,
                Case.QBO_GONE: _A.DELETE_SOURCE,
                Case.QBO_GONE_SRC_EDITED: _A.DELETE_SOURCE,
                Case.QBO_VOID: _A.VOID_SOURCE,
                Case.QBO_VOID_SRC_EDITED: _A.VOID_SOURCE,
                Case.SRC_GONE: _A.ORPHAN,
                Case.SRC_GONE_QBO_EDITED: _A.ORPHAN,
            }
        ),
        # Asked of one record beforehand: what QBO holds is taken over; its removal is for the policy (C-R15).
        "reload": MappingProxyType(
            dict.fromkeys((Case.DRIFT, Case.QBO_EDITED, Case.SRC_EDITED, Case.CONFLICT, Case.MERGEABLE), _A.PULL)
        ),
    }
)
"""What a person's word means in each held case. A person may choose what no policy may; the brakes still apply."""

ACTIONS: Mapping[Case, tuple[str, ...]] = MappingProxyType(
    {case: tuple(word for word in ("accept-source", "accept-qbo") if case in BY_PERSON[word]) for case in Case}
    | {Case.FROZEN: ("accept-source",)}
)
"""What a person may answer to a hold of each case, beside ``retry`` and ``ignore``. What an amount
ceiling freezes is approved with ``accept-source``; a closed period or an applied payment stays frozen all the same."""

_ENDED = frozenset({Case.QBO_VOID, Case.QBO_VOID_SRC_EDITED})


def actions(case: Case, kind: Kind) -> tuple[str, ...]:
    """What a person may answer to a hold of a record of this kind. What was made inactive can be made active again in
    QBO, a void cannot be taken back (entities.md 1.5); and a list knows no void in the source."""
    other = "accept-source" if SPECS[kind].transaction else "accept-qbo"
    return tuple(word for word in ACTIONS.get(case, ()) if case not in _ENDED or word != other)
