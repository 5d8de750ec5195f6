"""Brakes on one record: it waits for a person, and everything else goes on (correctness.md section 3).

* churn: the same field was written again and again without a new value at its origin; two programs fight over it;
* not convergent: a side answered the last writes of this record and kept what it had.

Such a record is held (C52, halted), and written again once a person says ``retry``: once, for each time it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.reconciler.entries import View
from syncd.reconciler.guards import about
from syncd.reconciler.plan import Brake, Operation
from syncd.reconciler.policy import Case

_RETRY = "syncd held retry NUMBER, after looking at: syncd history"

Key = tuple[Kind, str, str]


def held_back(operations: Sequence[Operation], view: View) -> tuple[Brake, ...]:
    """The brakes on single records that ``operations`` trip; each stops all that is planned for its record."""
    if not view.rails.churned and not view.rails.stuck:
        return ()
    said = {(e.kind, e.known.source_id, e.known.qbo_id) for e in view.entries if e.known is not None and e.word}
    planned: dict[Key, list[Operation]] = {}
    for operation in operations:
        if operation.writes and operation.key not in said:
            planned.setdefault(operation.key, []).append(operation)
    why = ((members, next(filter(None, (_why(each, view) for each in members)), None)) for members in planned.values())
    return tuple(_brake(*caught, members) for members, caught in why if caught is not None)


def _why(operation: Operation, view: View) -> tuple[str, str] | None:
    """The rail that an operation runs into, and what to tell."""
    if operation.verb is not Verb.UPDATE:
        return None
    limits, rails = view.policy.limits, view.rails
    if (*operation.key, operation.side) in rails.stuck:
        where = "the source" if operation.side is Side.SOURCE else "QuickBooks"
        said = f"the last writes to {where} were answered, and {where} kept what it had; it is not written again"
        return "not-convergent", said
    if any((*operation.key, name) in rails.churned for name in operation.fields):
        often = f"{limits.churn_writes} times in {limits.churn_hours} hours"
        said = f"the same field was written {often} without a new value at its origin; two programs may be fighting"
        return "churn", said
    return None


def _brake(rail: str, why: str, members: Sequence[Operation]) -> Brake:
    kind, source_id, qbo_id = members[0].key
    return Brake(
        rail=rail,
        text=f"{kind} {members[0].label}: {why}.{about(members)}",
        override=f"{_RETRY} {kind} {source_id or qbo_id}",
        kind=kind,
        count=1,
        stopped=tuple(operation.id for operation in members),
    )


def holds(operations: Iterable[Operation], brakes: Iterable[Brake]) -> dict[str, Operation]:
    """What takes the place of the operations that ``held_back`` stopped, by their ids: one hold for each record."""
    why = {operation_id: brake.text for brake in brakes for operation_id in brake.stopped}
    return {o.id: _hold(o, why[o.id]) for o in operations if o.id in why}


def _hold(operation: Operation, why: str) -> Operation:
    return msgspec.structs.replace(
        operation,
        id=f"{Side.STATE}:{Verb.HOLD}:{operation.kind}:{operation.source_id or f'qbo-{operation.qbo_id}'}",
        side=Side.STATE,
        verb=Verb.HOLD,
        case=Case.HALTED.value,
        reason=why,
        fields=(),
        after=(),
        writes_back=(),
        awaits=(),
    )
