"""The whole decision: a view in, a plan out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Present
from syncd.model.references import qbo_references, references
from syncd.model.spec import ORDER, SPECS
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.decide import Decider, is_left_alone, source_id_of
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.guards import guard, stopped
from syncd.reconciler.imports import before_start
from syncd.reconciler.plan import Brake, Operation, Plan
from syncd.reconciler.waiting import held_back, holds


def reconcile(view: View) -> Plan:
    """Decide every entry of ``view``, order the operations, apply the brakes.

    Pure and deterministic: the order of the entries does not matter, and the same view gives the same plan.
    """
    decider = Decider(view)
    wanted = needed(view)
    for kind in SPECS:
        if kind in view.policy.kinds:
            entries = sorted((entry for entry in view.entries if entry.kind is kind), key=_place)
            decider.decide(kind, entries, frozenset(name for of, name in wanted if of is kind))
    planned = decider.planned.operations
    single = held_back(planned, view)
    waiting = holds(planned, single)
    operations = ordered([*(o for o in planned if o.id not in waiting), *{h.id: h for h in waiting.values()}.values()])
    brakes = guard(operations, view, decider.planned.changed)
    gone = stopped(operations, (*brakes, *single))
    return Plan(
        operations=tuple(operation for operation in operations if operation.id not in gone),
        withheld=tuple(operation for operation in operations if operation.id in gone),
        brakes=(*brakes, *(_as_held(brake, waiting) for brake in single)),
        ignored=dict(sorted(decider.planned.ignored.items())),
        unchanged=decider.planned.unchanged,
        left_out=tuple(decider.planned.left_out),
    )


def _as_held(brake: Brake, waiting: Mapping[str, Operation]) -> Brake:
    """What a brake on one record stopped is shown as the hold that took its place."""
    return msgspec.structs.replace(brake, stopped=tuple({waiting[name].id: None for name in brake.stopped}))


def needed(view: View) -> frozenset[tuple[Kind, str]]:
    """The records (kind, source id) that something flowing refers to: only these are created when needed."""
    found: set[tuple[Kind, str]] = set()
    for entry in view.entries:
        policy = view.policy.kinds.get(entry.kind)
        if policy is None or not isinstance(entry.source, Present) or is_left_alone(entry):
            continue
        record = entry.source.record
        if policy.when_needed or (entry.known is None and not entry.pushed and before_start(record, view)):
            continue
        if policy.goes_out(record, linked=entry.known is not None, asked=entry.pushed):
            found |= references(record)
    return frozenset(found) | _named_in_qbo(view)


def _named_in_qbo(view: View) -> frozenset[tuple[Kind, str]]:
    """Named things of the source that stand for what a record of QBO names: linked, so that it can be brought in."""
    named = {each for e in view.entries if isinstance(e.qbo, Present) for each in qbo_references(e.qbo.record)}
    return frozenset(
        (entry.kind, entry.source.record.id)
        for entry in view.entries
        if SPECS[entry.kind].link_only and entry.known is None and isinstance(entry.source, Present)
        if any((entry.kind, candidate.record.id) in named for candidate in entry.candidates)
    )


def ordered(operations: list[Operation]) -> list[Operation]:
    """Total order: our own state first, then what is needed before what needs it, removals last and in reverse."""
    return sorted(operations, key=_rank)


def waves(operations: tuple[Operation, ...]) -> list[tuple[Operation, ...]]:
    """Operations in groups: everything in a group may be sent together, and only after the groups before it.

    Operations of our own state are left out. A record's operations never share a group, and neither do the two
    directions (removals come after everything else).
    """
    groups: dict[int, list[Operation]] = defaultdict(list)
    level_of: dict[str, int] = {}
    busy: dict[tuple[Kind, str, str], int] = {}
    for operation in operations:
        if not operation.writes:
            continue
        floor = ORDER[operation.kind] * 2
        if operation.verb in DESTRUCTIVE_VERBS:
            floor = len(SPECS) * 2 + (len(SPECS) - _place_of_removal(operation.kind)) * 2
        level = max([floor, *(level_of[name] + 1 for name in operation.after if name in level_of)])
        level = max(level, busy.get(operation.key, -1) + 1)
        level_of[operation.id] = busy[operation.key] = level
        groups[level].append(operation)
    return [tuple(groups[level]) for level in sorted(groups)]


def _place(entry: Entry) -> tuple[int, tuple[int, str], str]:
    known_qbo = entry.known.qbo_id if entry.known is not None else ""
    qbo_id = known_qbo or (entry.qbo.record.id if isinstance(entry.qbo, Present) else "")
    return (ORDER[entry.kind], natural(source_id_of(entry)), qbo_id)


def natural(text: str) -> tuple[int, str]:
    """Sort key that puts ``9`` before ``10``."""
    return (len(text), text) if text.isdigit() else (1_000_000, text)


def _place_of_removal(kind: Kind) -> int:
    """What depends on a record goes before it; what merely belongs to it goes with it, once it is gone."""
    return -1 if SPECS[kind].along else ORDER[kind]


def _rank(operation: Operation) -> tuple[int, int, int, tuple[int, str], str, str]:
    removal = operation.verb in DESTRUCTIVE_VERBS
    place = _place_of_removal(operation.kind) if removal else ORDER[operation.kind]
    last = removal or operation.verb is Verb.SEND  # a mail tells of what was written before
    group = 3 if operation.verb is Verb.HOLD else 2 if last else 1 if operation.writes else 0
    side = 0 if operation.side is Side.QBO else 1
    return (
        group,
        -place if removal else place,
        side,
        natural(operation.source_id),
        operation.qbo_id,
        operation.id,
    )
