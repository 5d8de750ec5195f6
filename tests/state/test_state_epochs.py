"""How far a state has come, and a state that is older than the world (F-113)."""

from __future__ import annotations

import pytest
from state_world import COMPANY, REALM, event, intent, settled

from syncd.clock import ManualClock
from syncd.errors import LeaseLost, StateError
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.state.journal import request_id
from syncd.state.store import Store
from syncd.state.values import JournalOutcome, JournalState, Lease, Settlement, Standing


def test_how_far_a_state_has_come(store: Store, lease: Lease) -> None:
    assert store.standing("nobody") == Standing()
    before = store.standing(COMPANY)
    assert before.fence == lease.fence
    assert store.history_hash(COMPANY, before.length) == before.head != ""
    settled(store, lease, history=(event(),))
    after = store.standing(COMPANY)
    assert after.length == before.length + 1
    assert store.history_hash(COMPANY, before.length) == before.head != after.head
    assert store.history_hash(COMPANY, after.length + 1) == ""
    assert store.history_hash(COMPANY, 0) == ""


def test_which_writes_are_known(store: Store, lease: Lease) -> None:
    (entry,) = store.intend(lease, [intent()])
    assert store.known_writes([entry.id, "another"]) == {entry.id}
    assert store.known_writes([]) == frozenset()


@pytest.mark.failure("F-113", "F-3")
def test_a_new_epoch_keeps_everything_apart_from_before(store: Store, lease: Lease, clock: ManualClock) -> None:
    (entry,) = store.intend(lease, [intent()])
    outcome = JournalOutcome(entry.id, JournalState.CONFIRMED)
    store.settle(lease, Settlement(outcomes=(outcome,)), run_id="")
    with pytest.raises(StateError, match="not known to be restored"):
        store.begin_epoch(COMPANY, 1000, actor="ann", reason="looked")
    store.mark_restored(COMPANY, "it has seen 3 runs")
    since = clock.now()
    clock.advance(60)
    store.mark_restored(COMPANY, "again")
    company = store.company(COMPANY)
    assert company is not None
    assert (company.restored_at, company.halted_since, company.halt_reason) == (since, since, "it has seen 3 runs")
    store.halt(COMPANY, "another thing")
    with pytest.raises(StateError, match="syncd relink"):
        store.resume(COMPANY, "ann", "in a hurry")
    with pytest.raises(StateError, match="not above"):
        store.begin_epoch(COMPANY, lease.fence, actor="ann", reason="looked")
    store.begin_epoch(COMPANY, 1000, actor="ann", reason="looked")
    company = store.company(COMPANY)
    assert company is not None
    assert (company.restored_at, company.halted_since, company.halt_reason, company.epoch) == (None, None, "", 1000)
    assert store.company_events(COMPANY)[-1].actor == "ann"
    with pytest.raises(LeaseLost):
        store.settle(lease, Settlement(), run_id="")
    fresh = store.acquire(COMPANY, "next", 60)
    assert fresh.fence == 1001
    again, other = store.intend(fresh, [intent(), intent("S2")])
    assert (again.generation, other.generation) == (1001, 1001)
    assert again.request_id == request_id(REALM, Side.QBO, Kind.INVOICE, "S1", Verb.CREATE, 1001)
    store.settle(fresh, Settlement(outcomes=(JournalOutcome(again.id, JournalState.REFUSED),)), run_id="")
    assert store.intend(fresh, [intent()])[0].generation == 1002
    assert store.verify_history(COMPANY)[0]


def test_a_state_that_knows_nothing_can_be_known_to_be_restored(store: Store) -> None:
    store.mark_restored("lost", "a later one was noted")
    store.begin_epoch("lost", 500, actor="ann", reason="relinked")
    assert store.acquire("lost", "next", 60).fence == 501
