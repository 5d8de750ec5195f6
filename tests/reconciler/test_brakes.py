"""The brakes, each at its limit and one beyond, with the override that lifts it and nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.entries import Entry, Overrides, Rails
from syncd.reconciler.guards import guard, removals_limit
from syncd.reconciler.plan import Plan
from syncd.reconciler.policy import Answer, Case
from tests.reconciler.build import (
    GONE,
    RUDDR,
    answering,
    change,
    foreign,
    invoice,
    linked,
    payment,
    plan,
    twin,
    unlinked,
    view,
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
    assert brake.text.endswith(f"About to happen: delete {limit + 1} payments in QuickBooks.")


def test_removals_of_both_sides_are_counted_together() -> None:
    assert tripped(braked(*deleted(3, qbo=2))) == []
    made = braked(*deleted(3, qbo=3))
    assert (tripped(made), made.brakes[0].side, made.brakes[0].count) == (["removals"], None, 6)
    assert made.writes == ()


def test_what_the_run_has_removed_already_counts() -> None:
    """A run that decides once more, because something moved on meanwhile, does not begin to count anew."""
    assert tripped(braked(*deleted(3), removed={Kind.PAYMENT: 2})) == []
    made = braked(*deleted(3), removed={Kind.PAYMENT: 3})
    assert (tripped(made), made.writes) == (["removals"], ())
    assert "after 3 in this run; at most 5 may be removed in one plan" in made.brakes[0].text
    assert tripped(braked(*deleted(3), removed={Kind.INVOICE: 3})) == []
    assert tripped(braked(*deleted(0), removed={Kind.PAYMENT: 9})) == []
    assert tripped(braked(*deleted(3), removed={Kind.PAYMENT: 3}, allow_removals={Kind.PAYMENT: 6})) == []


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


def test_what_is_new_where_many_vanished_may_be_the_same_under_other_keys() -> None:
    new = unlinked(payment("p98", reference="ours"))
    imported = foreign(twin(payment("p99", reference="theirs", amount="77.00", pays={"v1": "77.00"})))
    gone = {(Side.SOURCE, Kind.PAYMENT): 6}
    made = braked(*deleted(3), new, imported, missing=gone)
    assert [o.id for o in made.operations] == ["source:create:payment:qbo-P99"]
    assert "qbo:create:payment:p98" in {o.id for o in made.withheld}
    back = braked(*deleted(0, qbo=3), new, imported, missing={(Side.QBO, Kind.PAYMENT): 6})
    assert [o.id for o in back.operations] == ["qbo:create:payment:p98"]


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
    none = {(Side.SOURCE, Kind.PAYMENT): 0}
    made = braked(*entries, linked_=1, listed=none)
    assert tripped(made) == ["empty-side"]
    assert made.brakes[0].text.endswith(
        "About to happen: create 1 payment in QuickBooks, delete 1 payment in QuickBooks."
    )
    assert [o.id for o in made.operations] == ["qbo:update:invoice:v1"]
    assert len(made.withheld) == 2
    assert tripped(braked(*entries, linked_=1, listed={(Side.SOURCE, Kind.PAYMENT): 1})) == []
    assert tripped(braked(linked_=0, listed=none)) == []
    assert tripped(braked(*entries, listed={})) == []


@pytest.mark.failure("F-44")
def test_quickbooks_that_lists_nothing_stops_everything_of_the_kind_too() -> None:
    entries = (*deleted(0, qbo=1), linked(invoice(), invoice(notes="edited")))
    made = braked(*entries, linked_=7, listed={(Side.QBO, Kind.PAYMENT): 0, (Side.SOURCE, Kind.PAYMENT): 6})
    assert (tripped(made), [o.id for o in made.operations]) == (["empty-side"], ["qbo:update:invoice:v1"])
    brake = made.brakes[0]
    assert (brake.side, brake.count) == (Side.QBO, 7)
    assert brake.text.startswith("QuickBooks lists no payments, and 7 are linked")
    assert brake.override == "syncd reconcile --allow-empty qbo:payment=7"


@pytest.mark.parametrize("side", [Side.SOURCE, Side.QBO])
@pytest.mark.parametrize(
    ("kind", "other", "count", "rails"),
    [
        (Kind.PAYMENT, False, 7, []),
        (Kind.PAYMENT, False, 8, []),
        (Kind.PAYMENT, False, 6, ["empty-side"]),
        (Kind.PAYMENT, True, 7, ["empty-side"]),
        (Kind.INVOICE, False, 7, ["empty-side"]),
    ],
)
def test_the_override_names_the_side_the_kind_and_the_count(
    side: Side, kind: Kind, other: bool, count: int, rails: list[str]
) -> None:
    named = {Side.SOURCE: Side.QBO, Side.QBO: Side.SOURCE}[side] if other else side
    made = braked(*deleted(1), linked_=7, listed={(side, Kind.PAYMENT): 0}, allow_empty={(named, kind): count})
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
        assert made.brakes[0].override.endswith(f"--allow-mass-change {side}:invoice={count}")
        for allowed, rails in ((count, []), (count - 1, ["mass-change"])):
            lifted = braked(
                *edits(count, side),
                kind=Kind.INVOICE,
                linked_=linked_,
                allow_mass_change={(side, Kind.INVOICE): allowed},
            )
            assert (tripped(lifted), len(lifted.writes)) == (rails, 0 if rails else count)


def test_new_records_are_no_changes() -> None:
    made = braked(*(unlinked(invoice(f"v{number}")) for number in range(1, 41)), kind=Kind.INVOICE, linked_=10)
    assert (tripped(made), len(made.writes)) == ([], 40)
    mixed = braked(*edits(20, Side.SOURCE), unlinked(invoice("v99")), kind=Kind.INVOICE, linked_=20)
    assert [o.id for o in mixed.operations] == ["qbo:create:invoice:v99"]


def test_the_override_of_one_side_is_none_for_the_other() -> None:
    lifted = {(Side.QBO, Kind.INVOICE): 99, (Side.SOURCE, Kind.PAYMENT): 99}
    made = braked(*edits(20, Side.SOURCE), kind=Kind.INVOICE, linked_=20, allow_mass_change=lifted)
    assert tripped(made) == ["mass-change"]


# ---- one record


CHURNED = {"churned": frozenset({(Kind.INVOICE, "v1", "V1", "notes")})}
STUCK = {"stuck": frozenset({(Kind.INVOICE, "v1", "V1", Side.QBO)})}


@pytest.mark.failure("F-52")
@pytest.mark.parametrize(
    ("rails", "rail", "text"),
    [(CHURNED, "churn", "3 times in 24 hours"), (STUCK, "not-convergent", "QuickBooks kept what it had")],
    ids=["churn", "not convergent"],
)
def test_a_record_that_cannot_be_brought_to_rest_is_held_alone(rails: dict[str, Any], rail: str, text: str) -> None:
    first, second = edits(2, Side.SOURCE)
    made = braked(first, second, **rails, kind=Kind.INVOICE)
    assert tripped(made) == [rail]
    assert [o.id for o in made.operations] == ["qbo:update:invoice:v2", "state:hold:invoice:v1"]
    assert made.withheld == ()
    hold = made.operations[1]
    assert (hold.verb, hold.case, hold.writes, hold.wait) == (Verb.HOLD, Case.HALTED.value, False, False)
    assert text in hold.reason
    assert hold.reason.endswith("About to happen: update 1 invoice in QuickBooks.")
    brake = made.brakes[0]
    assert (brake.text, brake.stopped, brake.kind) == (hold.reason, (hold.id,), Kind.INVOICE)
    assert brake.override.startswith("syncd held retry")


@pytest.mark.parametrize("rails", [CHURNED, STUCK], ids=["churn", "not convergent"])
def test_a_person_s_word_lets_it_through(rails: dict[str, Any]) -> None:
    first, second = edits(2, Side.SOURCE)
    made = braked(msgspec.structs.replace(first, word="retry"), second, **rails, kind=Kind.INVOICE)
    assert (tripped(made), len(made.writes)) == ([], 2)


def test_other_fields_records_and_sides_are_not_meant() -> None:
    first, second = edits(2, Side.SOURCE)
    other = frozenset({(Kind.INVOICE, "v1", "V1", "due_date"), (Kind.INVOICE, "v1", "V9", "notes")})
    assert tripped(braked(first, second, churned=other)) == []
    source = frozenset({(Kind.INVOICE, "v1", "V1", Side.SOURCE), (Kind.INVOICE, "v9", "V1", Side.QBO)})
    assert tripped(braked(first, second, stuck=source)) == []


def test_both_directions_of_a_merge_are_held_together() -> None:
    base = invoice()
    merged = linked(base, change(base, notes="ours"), twin(change(base, due_date=date(2026, 9, 9))))
    free = braked(merged, kind=Kind.INVOICE)
    assert {o.side for o in free.writes} == {Side.SOURCE, Side.QBO}
    held = braked(merged, stuck=frozenset({(Kind.INVOICE, "v1", "V1", Side.SOURCE)}), kind=Kind.INVOICE)
    assert (held.writes, [o.id for o in held.operations]) == ((), ["state:hold:invoice:v1"])


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
    assert made.brakes[0].text.endswith("About to happen: create 1 invoice in QuickBooks.")
    assert tripped(braked(linked(invoice()), **rails)) == [], "nothing to do is nothing to stop"
    for other in ({"approve_first_run": True}, {"accept_config": True}):
        assert tripped(braked(*entries, **rails, **other)) == ([] if other == override else [rail])


def test_a_halted_company_does_nothing_and_no_override_changes_that() -> None:
    everything = {
        "approve_first_run": True,
        "accept_config": True,
        "allow_removals": {Kind.PAYMENT: 99},
        "allow_empty": {(Side.SOURCE, Kind.PAYMENT): 99},
        "allow_mass_change": {(Side.SOURCE, Kind.PAYMENT): 99},
    }
    made = braked(unlinked(invoice()), halted="the bank asked", **everything)
    assert (tripped(made), made.writes) == (["halted"], ())
    assert "the bank asked" in made.brakes[0].text
    assert tripped(braked(halted="the bank asked")) == ["halted"]


# ---- what depends on what was stopped


def test_what_waits_for_a_stopped_operation_is_stopped_with_it() -> None:
    nothing = {(Side.SOURCE, Kind.INVOICE): 0}
    made = braked(unlinked(invoice()), unlinked(payment()), kind=Kind.INVOICE, listed=nothing)
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


# ---- mail


def test_nothing_is_mailed_that_nobody_asked_for_or_while_that_is_switched_off() -> None:
    entry = linked(invoice(), change(invoice(), notes="edited"))
    mail = change(plan(entry).operations[0], id="qbo:send:invoice:v1", verb=Verb.SEND)
    off, on = Settings(), Settings(send_via_qbo=True)
    asked = change(entry, pushed=True, mail="asked")
    for seen, settings, trips in ((entry, on, True), (asked, off, True), (asked, on, False)):
        brakes = guard([mail], view(seen, settings=settings), {})
        assert [brake.rail for brake in brakes] == (["mail"] if trips else [])
        assert all(brake.stopped == (mail.id,) for brake in brakes)
