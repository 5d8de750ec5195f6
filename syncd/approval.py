"""Applying a plan that a person has read: what that lifts, and what of it still stands."""

from __future__ import annotations

from collections import Counter

import msgspec

from syncd.model.kinds import Kind
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.plan import Brake, Operation, Plan
from syncd.report import CycleRequest


def lifted(request: CycleRequest, approved: Plan) -> CycleRequest:
    """A person has read the plan: that lifts the brakes for what it holds, and for no more than that."""
    read = Counter(o.kind for o in (*approved.operations, *approved.withheld) if o.verb in DESTRUCTIVE_VERBS)
    asked = request.allow_removals
    removals = {kind: max(read[kind], asked.get(kind, 0)) for kind in read.keys() | asked.keys()}
    return msgspec.structs.replace(request, approve_first_run=True, allow_removals=removals)


def _same(wanted: Operation | None, planned: Operation) -> bool:
    """Whether it is what was approved. An undo moves versions by itself, step by step; that what it takes back is
    still what the run left has been looked at anew for this very plan."""
    if wanted is None or not planned.undoes:
        return wanted == planned
    free = {"expected_source": "", "expected_qbo": "", "after": ()}
    return msgspec.structs.replace(wanted, **free) == msgspec.structs.replace(planned, **free)


def as_approved(plan: Plan, approved: Plan) -> tuple[Plan, int]:
    """Of the plan made now, what was approved and is still the same; and how many approved operations are not.

    What was not in the approved plan is left for the next cycle. Holds are kept: they are findings, not writes.
    """
    reviewed = (*approved.operations, *approved.withheld)
    wanted = {operation.id: operation for operation in reviewed}
    kept = tuple(o for o in plan.operations if _same(wanted.get(o.id), o) or o.verb is Verb.HOLD)
    done = {operation.id for operation in kept}
    refused = sum(1 for o in reviewed if o.id not in done and o.verb is not Verb.HOLD)
    left = tuple(o.id for o in plan.operations if o.id not in done)
    brakes = plan.brakes
    if left:
        text = f"{len(left)} operations were not in the approved plan, or are planned otherwise now."
        brakes = (*brakes, Brake(rail="not-approved", text=text, override="a new plan", kind=Kind.ITEM, stopped=left))
    return msgspec.structs.replace(plan, operations=kept, brakes=brakes), refused
