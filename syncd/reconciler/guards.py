"""The brakes (DESIGN.md section 7; correctness.md section 3): what a plan may not do without a person's word.

A brake stops the operations of one kind (or all, where the whole company is in question), says what was about to
happen, and names the override that lets it through once. Overrides name the count they let through and never live in
the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from syncd.model.records import Kind, Side
from syncd.model.spec import SPECS
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.entries import View
from syncd.reconciler.plan import Brake, Operation


def removals_limit(linked: int, *, floor: int, ceiling: int, share_percent: int) -> int:
    """How many removals of a kind one plan may hold: ``min(ceiling, max(floor, share_percent of linked))``."""
    return min(ceiling, max(floor, linked * share_percent // 100))


def guard(operations: Sequence[Operation], view: View, changed: dict[tuple[Side, Kind], int]) -> tuple[Brake, ...]:
    """Every brake that ``operations`` trip, each with the ids of what it stops. ``changed`` counts linked records that
    differ from their base, by side and kind."""
    brakes = [
        *_whole_company(operations, view),
        *_empty_side(operations, view),
        *_vanished(operations, view),
        *_removals(operations, view),
        *_mass_change(operations, view, changed),
        *_churn(operations, view),
    ]
    return tuple(brakes)


def stopped(operations: Sequence[Operation], brakes: Iterable[Brake]) -> frozenset[str]:
    """The ids that the brakes stop, and with them everything that waits for one of them."""
    gone = {operation_id for brake in brakes for operation_id in brake.stopped}
    waiting = [operation for operation in operations if operation.after]
    while True:
        more = {o.id for o in waiting if o.id not in gone and not gone.isdisjoint(o.after)}
        if not more:
            return frozenset(gone)
        gone |= more


def _ids(operations: Iterable[Operation], wanted: Callable[[Operation], bool]) -> tuple[str, ...]:
    return tuple(operation.id for operation in operations if operation.verb is not Verb.HOLD and wanted(operation))


def _whole_company(operations: Sequence[Operation], view: View) -> Iterable[Brake]:
    everything = _ids(operations, lambda _: True)
    rails, overrides = view.rails, view.overrides
    if rails.halted:
        yield Brake(
            rail="halted",
            text=f"This company is halted: {rails.halted.rstrip('.')}.",
            override="syncd resume --reason '…'",
            count=len(everything),
            stopped=everything,
        )
    if rails.first_run and not overrides.approve_first_run and everything:
        yield Brake(
            rail="first-run",
            text="This is the first run of this company: it only plans until a person has read the plan.",
            override="syncd reconcile --approve-first-run, or syncd apply with the saved plan",
            count=len(everything),
            stopped=everything,
        )
    if rails.scope_changed and not overrides.accept_config and everything:
        yield Brake(
            rail="scope-changed",
            text="Profile, mapping or settings changed since the last cycle, so comparisons may mean something else.",
            override="syncd reconcile --accept-config",
            count=len(everything),
            stopped=everything,
        )


def _empty_side(operations: Sequence[Operation], view: View) -> Iterable[Brake]:
    for kind, linked in view.rails.linked.items():
        # Links of items stand for names on lines too (the default item), not only for rows; nothing of them is written.
        lists_none = view.rails.counts.get(kind) == 0 and not SPECS[kind].link_only
        if linked and lists_none and (Side.SOURCE, kind) not in view.overrides.allow_empty:
            yield Brake(
                rail="empty-side",
                text=f"The source lists no {SPECS[kind].plural} at all, and {linked} are linked: "
                "an emptied table, a lost permission or a wrong filter looks the same as a mass deletion.",
                override=f"syncd reconcile --allow-empty source:{kind}",
                kind=kind,
                side=Side.SOURCE,
                count=linked,
                stopped=_ids(operations, lambda o, k=kind: o.kind is k),  # type: ignore[misc]  # bound per turn
            )


def _vanished(operations: Sequence[Operation], view: View) -> Iterable[Brake]:
    """Many linked records are missing from one side at once: no removal of that kind, whatever the policy says."""
    limits = view.policy.limits
    for (side, kind), missing in view.rails.missing.items():
        linked = view.rails.linked.get(kind, 0)
        allowed = max(
            removals_limit(
                linked,
                floor=limits.removals_floor,
                ceiling=limits.removals_ceiling,
                share_percent=limits.removals_share_percent,
            ),
            view.overrides.allow_removals.get(kind, 0),
        )
        stopped = _ids(
            operations,
            lambda o, k=kind: o.kind is k and o.verb in DESTRUCTIVE_VERBS | {Verb.ORPHAN, Verb.FORGET},  # type: ignore[misc]  # bound per turn
        )
        # Where the policy holds them all, there is nothing to stop: the holds say it, and a halt would last for ever.
        if missing > allowed and stopped:
            where = "the source" if side is Side.SOURCE else "QuickBooks"
            yield Brake(
                rail="vanished",
                text=f"{missing} of {linked} linked {SPECS[kind].plural} are missing from {where} "
                f"({missing * 100 // max(linked, 1)} %), more than the {allowed} that may go in one plan. "
                "A cut-off read or a wrong filter looks the same as a mass deletion.",
                override=f"syncd reconcile --allow-removals {kind}={missing}",
                kind=kind,
                side=side,
                count=missing,
                stopped=stopped,
            )


def _removals(operations: Sequence[Operation], view: View) -> Iterable[Brake]:
    """Both sides together: a plan that removes ten here and ten there removes twenty."""
    limits = view.policy.limits
    for kind in SPECS:
        removals = _ids(operations, lambda o, k=kind: o.kind is k and o.verb in DESTRUCTIVE_VERBS)  # type: ignore[misc]  # bound per turn
        linked = view.rails.linked.get(kind, 0)
        limit = removals_limit(
            linked,
            floor=limits.removals_floor,
            ceiling=limits.removals_ceiling,
            share_percent=limits.removals_share_percent,
        )
        allowed = max(limit, view.overrides.allow_removals.get(kind, 0))
        if len(removals) > allowed:
            sides = {operation.side for operation in operations if operation.id in removals}
            where = " and ".join("the source" if side is Side.SOURCE else "QuickBooks" for side in sorted(sides))
            yield Brake(
                rail="removals",
                text=f"{len(removals)} of {linked} linked {SPECS[kind].plural} would be removed from {where}; "
                f"at most {allowed} may be removed in one plan.",
                override=f"syncd reconcile --allow-removals {kind}={len(removals)}",
                kind=kind,
                side=next(iter(sides)) if len(sides) == 1 else None,
                count=len(removals),
                stopped=removals,
            )


def _mass_change(operations: Sequence[Operation], view: View, changed: dict[tuple[Side, Kind], int]) -> Iterable[Brake]:
    limits = view.policy.limits
    for (side, kind), count in sorted(changed.items()):
        linked = view.rails.linked.get(kind, 0)
        too_many = count >= limits.mass_change_floor and count * 100 > linked * limits.mass_change_percent
        if too_many and (side, kind) not in view.overrides.allow_mass_change:
            where = "the source" if side is Side.SOURCE else "QuickBooks"
            yield Brake(
                rail="mass-change",
                text=f"{count} of {linked} linked {SPECS[kind].plural} changed in {where} at once: "
                "a mapping, time zone or currency fault looks like this.",
                override=f"syncd reconcile --allow-mass-change {side}:{kind}",
                kind=kind,
                side=side,
                count=count,
                stopped=_ids(operations, lambda o, k=kind: o.kind is k and o.verb is not Verb.CREATE),  # type: ignore[misc]  # bound per turn
            )


def _churn(operations: Sequence[Operation], view: View) -> Iterable[Brake]:
    churned = view.rails.churned
    if not churned:
        return
    caught = [
        operation
        for operation in operations
        if operation.verb is Verb.UPDATE and any((*operation.key, name) in churned for name in operation.fields)
    ]
    for operation in caught:
        limits = view.policy.limits
        yield Brake(
            rail="churn",
            text=f"{operation.kind} {operation.label}: the same field was written {limits.churn_writes} times in "
            f"{limits.churn_hours} hours without a new value at its origin; two programs may be fighting over it.",
            override=f"syncd held retry, after looking at syncd history {operation.kind} {operation.source_id}",
            kind=operation.kind,
            count=1,
            stopped=(operation.id,),
        )
