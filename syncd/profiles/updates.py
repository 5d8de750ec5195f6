"""Who is followed once both sides have agreed on a record and one of them, or both, changed it (X-1).

What the names mean is said here alone. Profile files use them all. Of five of them a company's settings may put one in
place of what its profile says (``update_policy``); the others only make sense together with more of a profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import msgspec

from syncd.model.facts import UpdateWay
from syncd.model.kinds import Side
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner

Update: TypeAlias = Literal[UpdateWay, "careful", "qbo_only", "leave"]
"""Beside ``UpdateWay``. ``careful``: the source, field by field, but what QuickBooks changed is never overwritten
without a person (V-13). ``qbo_only``: QuickBooks; what the source changes waits for a person (C-R7). ``leave``:
neither, and nobody is asked: each side keeps its own (O-28)."""
UPDATES: tuple[str, ...] = get_args(Update)

_ANSWERS: Mapping[str, Mapping[Case, Answer]] = {
    "qbo_wins": {
        Case.SRC_EDITED: Answer.PUSH,
        Case.QBO_EDITED: Answer.BY_OWNER,
        Case.MERGEABLE: Answer.MERGE,
        Case.CONFLICT: Answer.BY_OWNER,
    },
    "source_wins": {
        Case.SRC_EDITED: Answer.PUSH,
        Case.QBO_EDITED: Answer.RECORD,
        Case.MERGEABLE: Answer.PUSH,
        Case.CONFLICT: Answer.PUSH,
    },
    "frozen": {
        Case.SRC_EDITED: Answer.HOLD,
        Case.QBO_EDITED: Answer.RECORD,
        Case.MERGEABLE: Answer.HOLD,
        Case.CONFLICT: Answer.HOLD,
    },
    "careful": {
        Case.SRC_EDITED: Answer.PUSH,
        Case.QBO_EDITED: Answer.BY_OWNER,
        Case.MERGEABLE: Answer.MERGE,
        Case.CONFLICT: Answer.HOLD,
    },
    "qbo_only": {
        Case.SRC_EDITED: Answer.HOLD,
        Case.QBO_EDITED: Answer.BY_OWNER,
        Case.MERGEABLE: Answer.HOLD,
        Case.CONFLICT: Answer.BY_OWNER,
    },
    "leave": {  # every field is kept, so what is "pushed" is noted
        Case.SRC_EDITED: Answer.PUSH,
        Case.QBO_EDITED: Answer.RECORD,
        Case.MERGEABLE: Answer.PUSH,
        Case.CONFLICT: Answer.RECORD,
    },
    "manual": dict.fromkeys((Case.SRC_EDITED, Case.QBO_EDITED, Case.MERGEABLE, Case.CONFLICT), Answer.HOLD),
}
FOLLOWS = frozenset({"qbo_wins", "source_wins", "overwrite", "careful"})
"""The ways in which QuickBooks gets what the source changed."""
COMES_BACK = frozenset({"qbo_wins", "qbo_only"})
"""The ways in which the source gets what QuickBooks changed."""
_OWNERS: Mapping[str, Owner] = {"qbo_wins": Owner.QBO, "qbo_only": Owner.QBO, "leave": Owner.KEEP}


def updated(policy: KindPolicy, way: str) -> KindPolicy:
    """``policy`` with another way of following changes; everything else stays as it is.

    Fields that QuickBooks decides (numbers) stay QuickBooks', and marks go the ways they went.
    """
    verbs = {side: policy.verbs.get(side, frozenset()) - {Verb.UPDATE} for side in (Side.QBO, Side.SOURCE)}
    returned = {n: owner for n, owner in policy.owners.items() if owner is Owner.RETURNED or n in policy.marks}
    if way in FOLLOWS:
        verbs[Side.QBO] |= {Verb.UPDATE}
    if way in COMES_BACK or returned:
        verbs[Side.SOURCE] |= {Verb.UPDATE}
    return msgspec.structs.replace(
        policy,
        owners=returned,
        default_owner=_OWNERS.get(way, Owner.SOURCE),
        answers={**policy.answers, **_ANSWERS[way if way != "overwrite" else "source_wins"]},
        verbs=verbs,
        keep_qbo_edits=way == "careful",
        overwrites=way == "overwrite",
    )
