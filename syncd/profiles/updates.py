"""Who is followed once both sides have agreed on a record and one of them, or both, changed it: five ways (X-1).

What the names mean is said here alone. Profile files use them, and a company's settings may put another one in place of
what its profile says (``update_policy``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, get_args

import msgspec

from syncd.model.facts import UpdateWay
from syncd.model.kinds import Side
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner

Update: TypeAlias = UpdateWay
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
    "manual": dict.fromkeys((Case.SRC_EDITED, Case.QBO_EDITED, Case.MERGEABLE, Case.CONFLICT), Answer.HOLD),
}
_FOLLOWS = frozenset({"qbo_wins", "source_wins", "overwrite"})


def updated(policy: KindPolicy, way: str) -> KindPolicy:
    """``policy`` with another way of following changes; everything else stays as it is.

    Fields that QuickBooks decides (numbers) stay QuickBooks', and marks go the ways they went.
    """
    verbs = {side: policy.verbs.get(side, frozenset()) - {Verb.UPDATE} for side in (Side.QBO, Side.SOURCE)}
    returned = {n: owner for n, owner in policy.owners.items() if owner is Owner.RETURNED or n in policy.marks}
    if way in _FOLLOWS:
        verbs[Side.QBO] |= {Verb.UPDATE}
    if way == "qbo_wins" or returned:
        verbs[Side.SOURCE] |= {Verb.UPDATE}
    return msgspec.structs.replace(
        policy,
        owners=returned,
        default_owner=Owner.QBO if way == "qbo_wins" else Owner.SOURCE,
        answers={**policy.answers, **_ANSWERS[way if way != "overwrite" else "source_wins"]},
        verbs=verbs,
        keep_qbo_edits=False,
        overwrites=way == "overwrite",
    )
