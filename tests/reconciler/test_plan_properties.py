"""What holds of every plan, whatever the world looks like (correctness.md section 5: I10, I12 and the rules)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.kinds import Kind, Side, State
from syncd.model.observations import Absent, Flawed, Present, Unchanged, Unknown
from syncd.model.references import references
from syncd.model.spec import ORDER
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.entries import Entry, Overrides, View
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.reconcile import needed, ordered, reconcile, waves
from tests.reconciler.build import linked, moderate, view
from tests.reconciler.worlds import BASES, worlds


def everything(plan: Plan) -> tuple[Operation, ...]:
    """What a plan holds, brakes or no brakes."""
    return (*plan.operations, *plan.withheld)


def about(entry: Entry, operations: Iterable[Operation]) -> list[Operation]:
    """The operations that are about the record of an entry."""
    mine = entry.known.source_id if entry.known is not None else getattr(entry.source, "record", None)
    source_id = mine if isinstance(mine, str) else mine.id if mine is not None else ""
    if source_id:
        return [o for o in operations if o.kind is entry.kind and o.source_id == source_id]
    theirs = entry.qbo.record.id if isinstance(entry.qbo, Present) else getattr(entry.qbo, "id", "")
    tied = [o for o in operations if o.kind is entry.kind and o.qbo_id == theirs]
    return [o for o in tied if not o.source_id or o.verb is not Verb.HOLD]  # a hold is about the record it names


@moderate
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_seen_does_not_matter(world: View, chance: Any) -> None:
    """I12: the same world gives the same plan, to the byte, in whatever order it was read and however often."""
    plan = msgspec.json.encode(reconcile(world))
    assert msgspec.json.encode(reconcile(world)) == plan
    shuffled = list(world.entries)
    chance.shuffle(shuffled)
    assert msgspec.json.encode(reconcile(msgspec.structs.replace(world, entries=tuple(shuffled)))) == plan


@moderate
@given(worlds())
def test_a_plan_can_be_saved_and_read_again(world: View) -> None:
    plan = reconcile(world)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    for operation in everything(plan):
        assert msgspec.json.decode(msgspec.json.encode(operation), type=Operation) == operation


@moderate
@given(worlds())
def test_nothing_is_written_that_mentions_what_is_not_there_yet(world: View) -> None:
    """Every reference of a write is linked, or comes of an operation that it waits for."""
    plan = everything(reconcile(world))
    makes = {o.id: o for o in plan}
    for operation in plan:
        assert set(operation.after) <= makes.keys()
        if operation.record is None or operation.verb not in {Verb.CREATE, Verb.UPDATE}:
            continue
        waits = [makes[name] for name in operation.after]
        if operation.side is Side.QBO:
            made = {(o.kind, o.source_id) for o in waits}
            assert all(world.to_qbo(*slot) or slot in made for slot in references(operation.record)), operation.id
        elif "allocations" in operation.fields:
            made = {(o.kind, o.qbo_id) for o in waits}
            assert all(world.to_source(*slot) or slot in made for slot in references(operation.record)), operation.id


@moderate
@given(worlds())
def test_removals_come_last_and_in_reverse(world: View) -> None:
    operations = reconcile(world).operations
    assert list(operations) == ordered(list(reversed(operations)))
    phases = [
        3 if o.verb is Verb.HOLD else 2 if o.verb in DESTRUCTIVE_VERBS else 1 if o.writes else 0 for o in operations
    ]
    assert phases == sorted(phases)
    creating = [ORDER[o.kind] for o in operations if o.writes and o.verb not in DESTRUCTIVE_VERBS]
    removing = [ORDER[o.kind] for o in operations if o.verb in DESTRUCTIVE_VERBS]
    assert creating == sorted(creating)
    assert removing == sorted(removing, reverse=True)
    place = {o.id: number for number, o in enumerate(operations)}
    assert all(place[name] < place[o.id] for o in operations for name in o.after)


@moderate
@given(worlds())
def test_waves_are_safe_to_send_together(world: View) -> None:
    plan = reconcile(world)
    groups = waves(plan.operations)
    assert Counter(o.id for group in groups for o in group) == Counter(o.id for o in plan.writes)
    when = {o.id: number for number, group in enumerate(groups) for o in group}
    for number, group in enumerate(groups):
        assert len({(o.kind, o.source_id, o.qbo_id) for o in group}) == len(group)
        assert len({o.verb in DESTRUCTIVE_VERBS for o in group}) == 1
        for operation in group:
            assert all(when[name] < number for name in operation.after if name in when)
    removing = [group for group in groups if group[0].verb in DESTRUCTIVE_VERBS]
    assert groups[len(groups) - len(removing) :] == removing


@moderate
@given(st.lists(st.sampled_from(BASES), unique_by=lambda base: base.id), worlds())
def test_where_both_sides_are_as_agreed_nothing_is_planned(bases: list[Any], world: View) -> None:
    links = {(entry.kind, base.id): base.id.upper() for base in BASES for entry in [linked(base)]}
    quiet = view(*(linked(base) for base in bases), links=links, policy=world.policy, settings=world.settings)
    plan = reconcile(quiet)
    assert plan == Plan(unchanged=len(bases))


@moderate
@given(worlds())
def test_nothing_is_lost_and_nothing_is_said_twice(world: View) -> None:
    """Every record that was looked at ends in operations, in one hold, in one count, or is none of our business."""
    lifted = Overrides(allow_removals=dict.fromkeys(Kind, len(world.entries)))
    plan = reconcile(msgspec.structs.replace(world, overrides=lifted))
    operations = everything(plan)
    assert not plan.brakes
    assert max(Counter(o.id for o in operations).values(), default=1) == 1
    assert max(Counter(o.key for o in operations if o.verb is Verb.HOLD).values(), default=1) == 1
    silent = [entry for entry in world.entries if not about(entry, operations)]
    for entry in world.entries:
        verbs = [o.verb for o in about(entry, operations)]
        assert Verb.HOLD not in verbs or set(verbs) == {Verb.HOLD}, entry
        assert len(verbs) <= 2
    at_home = sum(_is_at_home(entry, world) for entry in silent)
    assert len(silent) == plan.unchanged + sum(plan.ignored.values()) + at_home


def _is_at_home(entry: Entry, world: View) -> bool:
    """None of QuickBooks' business: a draft never sent, an unneeded client, or left behind and gone."""
    policy, known = world.policy.kinds[entry.kind], entry.known
    if known is not None and known.state == "orphaned":
        return isinstance(entry.source, Absent | Unchanged) and not isinstance(entry.qbo, Absent)
    if (known is not None and known.state != "tombstoned") or not isinstance(entry.source, Present):
        return False
    record = entry.source.record
    if getattr(record, "state", State.LIVE) not in policy.flows:
        return known is None
    return policy.when_needed and (entry.kind, record.id) not in needed(world)


@moderate
@given(worlds())
def test_what_is_not_known_is_not_written(world: View) -> None:
    operations = everything(reconcile(world))
    for entry in world.entries:
        unknown = isinstance(entry.source, Unknown | Flawed) or isinstance(entry.qbo, Unknown | Flawed)
        if unknown or entry.in_doubt:
            assert all(o.verb is Verb.HOLD for o in about(entry, operations)), entry


@moderate
@given(worlds())
def test_every_write_carries_what_it_was_decided_from(world: View) -> None:
    for operation in everything(reconcile(world)):
        assert operation.reason
        assert operation.label
        if operation.verb in {Verb.UPDATE, *DESTRUCTIVE_VERBS}:
            expected = operation.expected_qbo if operation.side is Side.QBO else operation.expected_source
            assert expected, operation.id
        if operation.verb is Verb.UPDATE and "lacks the id" not in operation.reason:
            assert operation.fields
            assert operation.changes, "an update that changes nothing is none"
            assert {change.field for change in operation.changes} <= set(operation.fields)


@moderate
@given(worlds())
def test_one_record_of_qbo_is_linked_to_one_of_the_source(world: View) -> None:
    """I4: no link is made while two candidates exist, and none beside another."""
    plan = everything(reconcile(world))
    tied = Counter((o.kind, o.qbo_id) for o in plan if o.verb is Verb.LINK and o.kind is not Kind.ITEM)
    assert max(tied.values(), default=1) == 1
    brought = {(o.kind, o.qbo_id) for o in plan if o.side is Side.SOURCE and o.verb is Verb.CREATE}
    assert not brought & tied.keys()
