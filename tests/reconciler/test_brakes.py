"""The brakes, each at its limit and one beyond, with the override that lifts it and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd.model.records import Kind, Side
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.entries import Entry, Overrides, Rails
from syncd.reconciler.guards import removals_limit
from syncd.reconciler.plan import Plan
from syncd.reconciler.policy import Answer, Case
from tests.reconciler.build import (
    GONE,
    RUDDR,
    answering,
    change,
    invoice,
    linked,
    payment,
    plan,
    twin,
    unlinked,
)

V1 = {(Kind.INVOICE, "v1"): "V1"}


def deleted(count: int, qbo: int = 0) -> list[Entry]:
    """Payments deleted in the source, and after them some deleted in QBO."""
    names = [f"p{number}" for number in range(1, count + qbo + 1)]
    return [linked(payment(name), GONE) for name in names[:count]] + [
        linked(payment(name), qbo=GONE) for name in names[count:]
    ]


def edits(count: int, side: Side) -> list[Entry]:
    """Invoices whose notes were changed on one side."""
    made = []
    for number in range(1, count + 1):
        base = invoice(f"v{number}")
        other = change(base, notes="edited")
        made.append(linked(base, other) if side is Side.SOURCE else linked(base, qbo=twin(other)))
    return made


def braked(*entries: Entry, linked_: int = 100, kind: Kind = Kind.PAYMENT, **parts: Any) -> Plan:
    """The plan where so many records of a kind are linked."""
    rails = {name: parts.pop(name) for name in list(parts) if name in Rails.__struct_fields__}
    overrides = Overrides(**{name: parts.pop(name) for name in list(parts) if name in Overrides.__struct_fields__})
    return plan(*entries, links=V1, rails=Rails(linked={kind: linked_}, **rails), overrides=overrides, **parts)


def tripped(made: Plan) -> list[str]:
    """The rails that a plan tripped."""
    return [brake.rail for brake in made.brakes]


# ---- removals


@pytest.mark.parametrize(
    ("linked_", "limit"), [(0, 1), (1, 1), (20, 1), (39, 1), (40, 2), (100, 5), (199, 9), (200, 10), (100_000, 10)]
)
def test_how_many_removals_a_plan_may_hold(linked_: int, limit: int) -> None:
    assert removals_limit(linked_, floor=1, ceiling=10, share_percent=5) == limit


@pytest.mark.parametrize(("linked_", "limit"), [(10, 1), (60, 3), (1_000, 10)])
def test_removals_at_the_limit_go_and_one_more_stops_all_of_them(linked_: int, limit: int) -> None:
    at = braked(*deleted(limit), linked_=linked_)
    assert (tripped(at), len(at.writes)) == ([], limit)
    beyond = braked(*deleted(limit + 1), linked_=linked_)
    assert (tripped(beyond), beyond.writes, len(beyond.withheld)) == (["removals"], (), limit + 1)
    brake = beyond.brakes[0]
    assert (brake.kind, brake.side, brake.count) == (Kind.PAYMENT, Side.QBO, limit + 1)
    assert set(brake.stopped) == {operation.id for operation in beyond.withheld}
    assert brake.override.endswith(f"--allow-removals payment={limit + 1}")


def test_removals_of_both_sides_are_counted_together() -> None:
    assert tripped(braked(*deleted(3, qbo=2))) == []
    made = braked(*deleted(3, qbo=3))
    assert (tripped(made), made.brakes[0].side, made.brakes[0].count) == (["removals"], None, 6)
    assert made.writes == ()


def test_voids_are_removals_and_leaving_behind_is_none() -> None:
    entries = [linked(invoice(f"v{number}"), GONE) for number in range(1, 4)]
    void = answering(Kind.INVOICE, Case.SRC_GONE, Answer.VOID_QBO)
    assert tripped(braked(*entries, kind=Kind.INVOICE, linked_=20, policy=void)) == ["removals"]
    assert tripped(braked(*entries, kind=Kind.INVOICE, linked_=20)) == []


def test_an_override_lets_through_as_many_as_it_says_and_no_more() -> None:
    assert tripped(braked(*deleted(7), allow_removals={Kind.PAYMENT: 7})) == []
    assert tripped(braked(*deleted(8), allow_removals={Kind.PAYMENT: 7})) == ["removals"]
    assert tripped(braked(*deleted(7), allow_removals={Kind.INVOICE: 7})) == ["removals"]
    assert tripped(braked(*deleted(5), allow_removals={Kind.PAYMENT: 1})) == []


def test_other_kinds_and_other_operations_go_on() -> None:
    others = (linked(invoice(), invoice(notes="edited")), unlinked(payment("p99")))
    made = braked(*deleted(6), *others)
    assert [o.id for o in made.operations] == ["qbo:update:invoice:v1", "qbo:create:payment:p99"]
    assert {o.verb for o in made.withheld} <= DESTRUCTIVE_VERBS


# ---- vanished


@pytest.mark.failure("F-44")
@pytest.mark.parametrize("side", [Side.SOURCE, Side.QBO])
def test_many_missing_at_once_remove_nothing_whatever_the_policy_says(side: Side) -> None:
    entries = deleted(3)
    at = braked(*entries, missing={(side, Kind.PAYMENT): 5})
    assert tripped(at) == []
    beyond = braked(*entries, missing={(side, Kind.PAYMENT): 6})
    assert (tripped(beyond), beyond.writes) == (["vanished"], ())
    assert (beyond.brakes[0].side, beyond.brakes[0].count) == (side, 6)
    assert "6 of 100 linked payments are missing" in beyond.brakes[0].text
    allowed = braked(*entries, missing={(side, Kind.PAYMENT): 6}, allow_removals={Kind.PAYMENT: 6})
    assert (tripped(allowed), len(allowed.writes)) == ([], 3)


def test_what_vanished_is_not_even_unlinked() -> None:
    entries = [linked(invoice(f"v{number}"), GONE) for number in range(1, 3)]
    both = linked(invoice("v9"), GONE, GONE)
    edit = linked(invoice("v8"), invoice("v8", notes="edited"))
    made = braked(*entries, both, edit, kind=Kind.INVOICE, linked_=20, missing={(Side.SOURCE, Kind.INVOICE): 3})
    assert [o.id for o in made.operations] == ["qbo:update:invoice:v8"]
    assert {o.verb for o in made.withheld} == {Verb.ORPHAN, Verb.FORGET}


# ---- an empty side


@pytest.mark.failure("F-44")
def test_a_source_that_lists_nothing_stops_everything_of_the_kind() -> None:
    entries = (*deleted(1), unlinked(payment("p9")), linked(invoice(), invoice(notes="edited")))
    made = braked(*entries, linked_=1, counts={Kind.PAYMENT: 0})
    assert tripped(made) == ["empty-side"]
    assert [o.id for o in made.operations] == ["qbo:update:invoice:v1"]
    assert len(made.withheld) == 2
    assert tripped(braked(*entries, linked_=1, counts={Kind.PAYMENT: 1})) == []
    assert tripped(braked(linked_=0, counts={Kind.PAYMENT: 0})) == []
    assert tripped(braked(*entries, counts={})) == []


@pytest.mark.parametrize(
    ("allowed", "rails"),
    [
        ((Side.SOURCE, Kind.PAYMENT), []),
        ((Side.QBO, Kind.PAYMENT), ["empty-side"]),
        ((Side.SOURCE, Kind.INVOICE), ["empty-side"]),
    ],
)
def test_the_override_names_the_side_and_the_kind(allowed: tuple[Side, Kind], rails: list[str]) -> None:
    made = braked(*deleted(1), counts={Kind.PAYMENT: 0}, allow_empty=frozenset({allowed}))
    assert tripped(made) == rails


# ---- everything changed at once


@pytest.mark.parametrize("side", [Side.SOURCE, Side.QBO])
@pytest.mark.parametrize(
    ("count", "linked_", "stops"), [(19, 20, False), (20, 66, True), (20, 67, False), (30, 100, False), (31, 100, True)]
)
def test_many_changes_on_one_side_look_like_a_fault(side: Side, count: int, linked_: int, stops: bool) -> None:
    made = braked(*edits(count, side), kind=Kind.INVOICE, linked_=linked_)
    assert tripped(made) == (["mass-change"] if stops else [])
    assert len(made.writes) == (0 if stops else count)
    if stops:
        assert (made.brakes[0].side, made.brakes[0].count) == (side, count)
        lifted = braked(
            *edits(count, side), kind=Kind.INVOICE, linked_=linked_, allow_mass_change=frozenset({(side, Kind.INVOICE)})
        )
        assert (tripped(lifted), len(lifted.writes)) == ([], count)


def test_new_records_are_no_changes() -> None:
    made = braked(*(unlinked(invoice(f"v{number}")) for number in range(1, 41)), kind=Kind.INVOICE, linked_=10)
    assert (tripped(made), len(made.writes)) == ([], 40)
    mixed = braked(*edits(20, Side.SOURCE), unlinked(invoice("v99")), kind=Kind.INVOICE, linked_=20)
    assert [o.id for o in mixed.operations] == ["qbo:create:invoice:v99"]


def test_the_override_of_one_side_is_none_for_the_other() -> None:
    lifted = frozenset({(Side.QBO, Kind.INVOICE), (Side.SOURCE, Kind.PAYMENT)})
    made = braked(*edits(20, Side.SOURCE), kind=Kind.INVOICE, linked_=20, allow_mass_change=lifted)
    assert tripped(made) == ["mass-change"]


# ---- churn


def test_a_field_written_again_and_again_stops_that_record_alone() -> None:
    first, second = edits(2, Side.SOURCE)
    churned = frozenset({(Kind.INVOICE, "v1", "V1", "notes")})
    made = braked(first, second, churned=churned, kind=Kind.INVOICE)
    assert tripped(made) == ["churn"]
    assert [o.id for o in made.operations] == ["qbo:update:invoice:v2"]
    assert "3 times in 24 hours" in made.brakes[0].text
    other = frozenset({(Kind.INVOICE, "v1", "V1", "due_date"), (Kind.INVOICE, "v1", "V9", "notes")})
    assert tripped(braked(first, second, churned=other)) == []


# ---- the whole company


@pytest.mark.parametrize(
    ("rails", "override", "rail"),
    [
        ({"first_run": True}, {"approve_first_run": True}, "first-run"),
        ({"scope_changed": True}, {"accept_config": True}, "scope-changed"),
    ],
)
def test_the_company_waits_for_a_person(rails: dict[str, bool], override: dict[str, bool], rail: str) -> None:
    entries = (unlinked(invoice()), unlinked(payment("p9", pays={"v9": "1.00"}, amount="1.00")))
    made = braked(*entries, **rails)
    assert (tripped(made), made.writes) == ([rail], ())
    assert [o.verb for o in made.operations] == [Verb.HOLD], "what is held is found, not done"
    assert made.brakes[0].kind is None
    assert len(braked(*entries, **rails, **override).writes) == 1
    assert tripped(braked(linked(invoice()), **rails)) == [], "nothing to do is nothing to stop"
    for other in ({"approve_first_run": True}, {"accept_config": True}):
        assert tripped(braked(*entries, **rails, **other)) == ([] if other == override else [rail])


def test_a_halted_company_does_nothing_and_no_override_changes_that() -> None:
    everything = {
        "approve_first_run": True,
        "accept_config": True,
        "allow_removals": {Kind.PAYMENT: 99},
        "allow_empty": frozenset({(Side.SOURCE, Kind.PAYMENT)}),
        "allow_mass_change": frozenset({(Side.SOURCE, Kind.PAYMENT)}),
    }
    made = braked(unlinked(invoice()), halted="the bank asked", **everything)
    assert (tripped(made), made.writes) == (["halted"], ())
    assert "the bank asked" in made.brakes[0].text
    assert tripped(braked(halted="the bank asked")) == ["halted"]


# ---- what depends on what was stopped


def test_what_waits_for_a_stopped_operation_is_stopped_with_it() -> None:
    made = braked(unlinked(invoice()), unlinked(payment()), kind=Kind.INVOICE, counts={Kind.INVOICE: 0})
    assert (tripped(made), made.operations) == (["empty-side"], ())
    assert [o.id for o in made.withheld] == ["qbo:create:invoice:v1", "qbo:create:payment:p1"]


def test_a_link_that_is_stopped_stops_what_needs_it() -> None:
    adopted = (unlinked(invoice("v99"), twin(invoice("v99"))), unlinked(payment(pays={"v99": "100.00"})))
    made = braked(*edits(20, Side.SOURCE), *adopted, kind=Kind.INVOICE, linked_=20)
    assert "state:link:invoice:v99" in {o.id for o in made.withheld}
    assert made.writes == ()


def test_limits_are_settings() -> None:
    limits = msgspec.structs.replace(RUDDR.limits, removals_ceiling=2, mass_change_floor=2, mass_change_percent=1)
    policy = msgspec.structs.replace(RUDDR, limits=limits)
    assert tripped(braked(*deleted(3), policy=policy)) == ["removals"]
    assert tripped(braked(*edits(2, Side.SOURCE), kind=Kind.INVOICE, policy=policy)) == ["mass-change"]
