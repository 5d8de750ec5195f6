"""The machine in the suite, and what it found as stories of their own.

The suite plays a few dozen histories, always the same; ``SYNCD_HYPOTHESIS_PROFILE=nightly`` plays thousands, each time
others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability.machine import SyncMachine
from tests.reliability.machine_stage import Setup
from tests.reliability.machine_wire import HEALTHY, Trouble

NIGHTLY = os.environ.get("SYNCD_HYPOTHESIS_PROFILE") == "nightly"
SUITE = settings(
    max_examples=30,
    stateful_step_count=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(
    SUITE, max_examples=2000, stateful_step_count=40, derandomize=False, phases=[Phase.generate, Phase.shrink]
)


@pytest.mark.timeout(0 if NIGHTLY else 1800)
def test_whatever_happens_the_twelve_invariants_hold() -> None:
    run_state_machine_as_test(SyncMachine, settings=LONG if NIGHTLY else SUITE)


# ---- I11: killed anywhere, with one thing to do


def _new_invoice(machine: SyncMachine) -> None:
    machine.people.put_invoice(0)


def _new_client(machine: SyncMachine) -> None:
    machine.people.put_client(known=False, other=False)


def _new_payment(machine: SyncMachine) -> None:
    machine.people.put_payment(0)


def _edit_out(machine: SyncMachine) -> None:
    machine.people.edit_in_source(1, "amount")


def _edit_back(machine: SyncMachine) -> None:
    machine.people.edit_in_books(1, "due")


def _payment_back(machine: SyncMachine) -> None:
    machine.people.pay_in_books(1)


def _removal_out(machine: SyncMachine) -> None:
    machine.people.delete_in_source("payment", 0)


def _removal_back(machine: SyncMachine) -> None:
    machine.people.delete_in_books("payment", 0)


def _void_back(machine: SyncMachine) -> None:
    machine.people.void_in_books(1)


def _conflict(machine: SyncMachine) -> None:
    machine.people.edit_in_source(1, "due")
    machine.people.edit_in_books(1, "due")


ACTIONS = (
    *(_new_invoice, _new_client, _new_payment, _edit_out, _edit_back),
    *(_payment_back, _removal_out, _removal_back, _void_back, _conflict),
)
IN_THE_SUITE = (_new_client, _payment_back, _removal_out)
"""Three plans that between them have every sort of boundary; the rest is played at night."""


@pytest.mark.failure("F-1", "F-6", "F-7")
@pytest.mark.parametrize("act", ACTIONS if NIGHTLY else IN_THE_SUITE, ids=lambda act: act.__name__.strip("_"))
def test_killed_at_every_boundary_it_ends_the_same(act: Callable[[SyncMachine], None]) -> None:
    machine = begun(numbers=False, on_qbo_void="void")
    act(machine)
    machine._meanwhile()
    with machine._tried():
        undisturbed = machine._ending(HEALTHY)
    with machine._tried():
        machine.run(HEALTHY, "there same", tick=False)
        boundaries = machine.stage.wire.boundaries
    assert boundaries > 3
    for place in range(1, boundaries + 1):
        with machine._tried():
            assert machine._ending(Trouble(crash=place)) == undisturbed, f"killed at {place} of {boundaries}"


# ---- rare moments, played outright


@pytest.mark.failure("F-1", "F-16")
@pytest.mark.parametrize("forgotten", [False, True], ids=["repeated meanwhile", "removed and restored meanwhile"])
def test_a_request_that_arrives_long_after_its_repeat_makes_nothing_twice(forgotten: bool) -> None:
    machine = begun(numbers=False)
    machine.late_create(which=0, forgotten=forgotten)
    machine.settle(lifted=True)
    made = [v for v in machine.stage.truth.books.of("payment") if v.values["tag"] == "P2"]
    assert len(made) == 1


@pytest.mark.failure("F-20")
@pytest.mark.parametrize("side", ["source", "books"])
def test_what_somebody_writes_at_the_moment_of_a_write_is_not_overwritten_unseen(side: str) -> None:
    machine = begun()
    (machine.people.edit_in_source if side == "source" else machine.people.edit_in_books)(0, "due")
    machine.run(Trouble(meddle=1), "there same", tick=True)
    assert machine.stage.wire.meddled
    machine.settle(lifted=True)


@pytest.mark.failure("F-119")
@pytest.mark.parametrize("policy", ["ruddr", "mirror"])
def test_a_dry_run_changes_nothing_and_is_what_the_run_does(policy: str) -> None:
    machine = begun(policy=policy)
    machine.people.put_client(known=False, other=False)
    machine.people.edit_in_source(0, "due")
    machine.people.edit_in_books(1, "due")
    machine.people.put_payment(1)
    machine.people.delete_in_source("payment", 0)
    machine.dry_run(seed=1, lifted=False)
    machine.settle(lifted=True)


# ---- what the machine found


@pytest.mark.failure("F-88")
@pytest.mark.parametrize("how", ["edited", "voided"])
def test_what_waits_beside_a_look_alike_goes_on_waiting_when_that_changes(how: str) -> None:
    """An invoice is held because QuickBooks has one that is nearly the same. Somebody works on that one: the hold was
    gone, and the invoice forgotten."""
    machine = begun()
    machine.preexisting_doc(which=0, times=1, same=False)
    machine.run(HEALTHY, "there same", tick=True)
    waiting = [each.source_id for each in machine.stage.world.store.held("machine")]
    assert len(waiting) == 1
    if how == "edited":
        machine.people.edit_in_books(3, "due")
    else:
        machine.people.void_in_books(3)
    for _ in range(2):
        machine.run(HEALTHY, "there same", tick=True)
        assert [each.source_id for each in machine.stage.world.store.held("machine")] == waiting
    machine.settle(lifted=True)


@pytest.mark.failure("F-88")
def test_accepting_the_source_for_a_look_alike_with_a_number_of_quickbooks_own_writes_nothing_there() -> None:
    """All that differed was the number, which QuickBooks counts: an update without a field was sent, which changed
    nothing but the version."""
    machine = begun(numbers=False)
    machine.typed_in_early(which=0, read=3)
    machine.run(HEALTHY, "there same", tick=True)
    assert [each.case for each in machine.stage.world.store.held("machine")] == ["C14"]
    machine.resolve(which=0, word="accept-source")
    machine.settle(lifted=True)


@pytest.mark.failure("F-44")
def test_a_run_that_decides_once_more_does_not_begin_to_count_its_removals_anew() -> None:
    """One removal is allowed, and made; then the invoice that was just sent is gone from the source. Its removal came
    on top, in the second round of the same run."""
    machine = begun(policy="mirror", remove_invoice=True, feed="swept")
    machine.src_delete(which=2, act="withdraw")
    machine.change_and_somebody_acts(change="new", which=5, how="origin removed")
    machine.settle(lifted=True)


@pytest.mark.failure("F-110")
def test_what_waits_for_a_record_that_ended_says_the_same_each_time() -> None:
    """Once the invoice was gone from both sides, what waited for it gave another reason at every other look."""
    machine = begun(on_qbo_void="void")
    machine.human_void(which=2)
    machine.people.put_payment(2)
    machine.settle(lifted=True)
    told = {each.reason for each in machine.stage.world.store.held("machine")}
    assert len(told) == 1
    for _ in range(3):
        machine.run(HEALTHY, "there same", tick=True)
        assert {each.reason for each in machine.stage.world.store.held("machine")} == told


def begun(**setup: Any) -> SyncMachine:
    """A machine at its beginning: four invoices and a payment, linked."""
    machine = SyncMachine()
    machine.begin_with(Setup(**setup))
    return machine
