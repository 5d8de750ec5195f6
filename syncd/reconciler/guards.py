"""The brakes (DESIGN.md section 7; correctness.md section 3): what a plan may not do without a person's word.

A brake stops the operations of one kind (or all, where the whole company is in question), says what was about to
happen, and names the override that lets it through once. Overrides name the count they let through and never live in
the configuration. What stops one record alone is in ``waiting``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.spec import SPECS
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.entries import View
from syncd.reconciler.plan import Brake, Operation

_VANISHING = DESTRUCTIVE_VERBS | {Verb.ORPHAN, Verb.FORGET}
"""What becomes of a record that is missing on one side."""


def removals_limit(linked: int, *, floor: int, ceiling: int, share_percent: int) -> int:
    """How many removals of a kind one plan may hold: ``min(ceiling, max(floor, share_percent of linked))``."""
    return min(ceiling, max(floor, linked * share_percent // 100))


def guard(operations: Sequence[Operation], view: View, changed: dict[tuple[Side, Kind], int]) -> tuple[Brake, ...]:
    """Every brake that ``operations`` trip, each with the ids of what it stops. ``changed`` counts linked records that
    differ from their base, by side and kind."""
    doing = [operation for operation in operations if operation.verb is not Verb.HOLD]
    brakes = [
        *_whole_company(doing, view),
        *_empty_side(doing, view),
        *_vanished(doing, view),
        *_removals(doing, view),
        *_mass_change(doing, view, changed),
        *_mails(doing, view),
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


def about(operations: Iterable[Operation]) -> str:
    """What was about to happen, in one sentence with its numbers; empty where nothing was."""
    counts = Counter((o.verb, o.kind, o.side) for o in operations)
    said = [
        f"{verb} {count} {SPECS[kind].plural if count > 1 else kind.replace('_', ' ')}{_IN[side]}"
        for (verb, kind, side), count in counts.items()
    ]
    return f" About to happen: {', '.join(said)}." if said else ""


_IN = {Side.SOURCE: " in the source", Side.QBO: " in QuickBooks", Side.STATE: ""}


def _where(*sides: Side) -> str:
    return " and ".join("the source" if side is Side.SOURCE else "QuickBooks" for side in sorted(sides))


def _brake(
    rail: str,
    why: str,
    stops: Sequence[Operation],
    override: str,
    *,
    kind: Kind | None = None,
    side: Side | None = None,
    count: int | None = None,
) -> Brake:
    return Brake(
        rail=rail,
        text=f"{why}{about(stops)}",
        override=override,
        kind=kind,
        side=side,
        count=len(stops) if count is None else count,
        stopped=tuple(operation.id for operation in stops),
    )


def _whole_company(doing: Sequence[Operation], view: View) -> Iterable[Brake]:
    rails, overrides = view.rails, view.overrides
    if rails.restored:
        why = (
            f"What syncd remembers of this company is older than the world: {rails.restored.rstrip('.')}. It was "
            "restored from a backup, or begun anew. Nothing is written until its links are rebuilt."
        )
        yield _brake("restored", why, doing, "syncd relink, then syncd resume --reason '…'")
    if rails.halted:
        why = f"This company is halted: {rails.halted.rstrip('.')}."
        yield _brake("halted", why, doing, "syncd resume --reason '…'")
    if rails.first_run and not overrides.approve_first_run and doing:
        why = "This is the first run of this company: it only plans until a person has read the plan."
        override = "syncd reconcile --approve-first-run, or syncd apply with the saved plan"
        yield _brake("first-run", why, doing, override)
    if view.policy.unmapped:
        missing = ", ".join(view.policy.unmapped)
        why = f"Not every type of line is mapped to an item in QuickBooks; missing: {missing}."
        yield _brake("line-types", why, doing, "complete [company.settings] line_type_map, then syncd check")
    if rails.scope_changed and not overrides.accept_config and doing:
        why = "Profile, mapping or settings changed since the last cycle, so comparisons may mean something else."
        yield _brake("scope-changed", why, doing, "syncd reconcile --accept-config")


def _empty_side(doing: Sequence[Operation], view: View) -> Iterable[Brake]:
    for kind, linked in view.rails.linked.items():
        for side in (Side.SOURCE, Side.QBO):
            # Links of items stand for names on lines too (the default item), not only for rows, and are never written.
            lists_none = view.rails.listed.get((side, kind)) == 0 and not view.policy.only_matched(kind)
            if not lists_none or linked <= view.overrides.allow_empty.get((side, kind), 0):
                continue
            plural = SPECS[kind].plural
            none = f"The source lists no {plural} at all" if side is Side.SOURCE else f"QuickBooks lists no {plural}"
            yield _brake(
                "empty-side",
                f"{none}, and {linked} are linked: "
                "an emptied table, a lost permission or a wrong filter looks the same as a mass deletion.",
                [operation for operation in doing if operation.kind is kind],
                f"syncd reconcile --allow-empty {side}:{kind}={linked}",
                kind=kind,
                side=side,
                count=linked,
            )


def _allowed_removals(kind: Kind, view: View) -> int:
    limits = view.policy.limits
    limit = removals_limit(
        view.rails.linked.get(kind, 0),
        floor=limits.removals_floor,
        ceiling=limits.removals_ceiling,
        share_percent=limits.removals_share_percent,
    )
    return max(limit, view.overrides.allow_removals.get(kind, 0))


def _of_its_own(removals: Sequence[Operation], doing: Sequence[Operation], view: View) -> list[Operation]:
    """Removals that remove something for good: not of a file in whose place there is another one, nor of what follows
    the document that it belonged to, which was counted itself (re-keys are netted out, correctness.md 3)."""
    if not any(SPECS[o.kind].along for o in removals):
        return list(removals)
    going = {(o.kind, o.qbo_id) for o in doing if o.verb in DESTRUCTIVE_VERBS and o.side is Side.QBO}
    replaced = {(e.kind, e.source.id) for e in view.entries if isinstance(e.source, Absent) and e.source.replaced}

    def follows(operation: Operation) -> bool:
        kind, owner = operation.qbo_base.get("owner_kind"), operation.qbo_base.get("owner")
        if not kind or not isinstance(kind, str) or not isinstance(owner, str):
            return False
        return (Kind(kind), owner) in going or not view.to_source(Kind(kind), owner)

    return [
        o for o in removals if not SPECS[o.kind].along or ((o.kind, o.source_id) not in replaced and not follows(o))
    ]


def _vanished(doing: Sequence[Operation], view: View) -> Iterable[Brake]:
    """Many linked records are missing from one side at once: no removal of that kind, whatever the policy says; and
    what is new there is not created on the other side, for it may be the same records under other keys."""
    for (side, kind), absent in view.rails.missing.items():
        linked, allowed = view.rails.linked.get(kind, 0), _allowed_removals(kind, view)
        members = [operation for operation in doing if operation.kind is kind]
        stops = [operation for operation in members if operation.verb in _VANISHING]
        excused = {o.source_id for o in stops} - {o.source_id for o in _of_its_own(stops, doing, view)}
        gone = (e.source.id for e in view.entries if e.kind is kind and isinstance(e.source, Absent))
        missing = absent - len(excused.intersection(gone))
        anew = [o for o in members if o.verb is Verb.CREATE and o.side not in (side, Side.STATE)]
        # Where the policy holds them all, there is nothing to stop: the holds say it, and a halt would last for ever.
        if missing > allowed and stops:
            yield _brake(
                "vanished",
                f"{missing} of {linked} linked {SPECS[kind].plural} are missing from {_where(side)} "
                f"({missing * 100 // max(linked, 1)} %), more than the {allowed} that may go in one plan. "
                "A cut-off read, a wrong filter or rows under new keys look the same as a mass deletion.",
                [*anew, *stops],
                f"syncd reconcile --allow-removals {kind}={missing}",
                kind=kind,
                side=side,
                count=missing,
            )


def _removals(doing: Sequence[Operation], view: View) -> Iterable[Brake]:
    """Both sides together, and with what the run has removed before it decided once more: a plan that removes ten here
    and ten there removes twenty."""
    for kind in SPECS:
        removals = [operation for operation in doing if operation.kind is kind and operation.verb in DESTRUCTIVE_VERBS]
        removals = _of_its_own(removals, doing, view)
        linked, allowed = view.rails.linked.get(kind, 0), _allowed_removals(kind, view)
        before = view.rails.removed.get(kind, 0)
        if removals and before + len(removals) > allowed:
            sides = {operation.side for operation in removals}
            whence = _where(*sides) + (f", after {before} in this run" if before else "")
            yield _brake(
                "removals",
                f"{len(removals)} of {linked} linked {SPECS[kind].plural} would be removed from {whence}; "
                f"at most {allowed} may be removed in one plan.",
                removals,
                f"syncd reconcile --allow-removals {kind}={len(removals)}",
                kind=kind,
                side=next(iter(sides)) if len(sides) == 1 else None,
            )


def _mails(doing: Sequence[Operation], view: View) -> Iterable[Brake]:
    """Nothing is mailed but what a person asked to have mailed, and only where that is switched on (X-7, F-120)."""
    asked = {
        e.known.source_id if e.known is not None else e.source.record.id if isinstance(e.source, Present) else ""
        for e in view.entries
        if e.mail
    }
    mails = [operation for operation in doing if operation.verb is Verb.SEND]
    stray = [o for o in mails if not view.settings.send_via_qbo or o.source_id not in asked]
    if stray:
        why = f"QuickBooks would mail {len(stray)} documents that nobody asked to have mailed."
        yield _brake("mail", why, stray, "set send_via_qbo, and ask for each: syncd push invoice NUMBER --send")


def _mass_change(doing: Sequence[Operation], view: View, changed: dict[tuple[Side, Kind], int]) -> Iterable[Brake]:
    limits = view.policy.limits
    for (side, kind), count in sorted(changed.items()):
        linked = view.rails.linked.get(kind, 0)
        too_many = count >= limits.mass_change_floor and count * 100 > linked * limits.mass_change_percent
        if too_many and count > view.overrides.allow_mass_change.get((side, kind), 0):
            yield _brake(
                "mass-change",
                f"{count} of {linked} linked {SPECS[kind].plural} changed in {_where(side)} at once: "
                "a mapping, time zone or currency fault looks like this.",
                [operation for operation in doing if operation.kind is kind and operation.verb is not Verb.CREATE],
                f"syncd reconcile --allow-mass-change {side}:{kind}={count}",
                kind=kind,
                side=side,
                count=count,
            )
