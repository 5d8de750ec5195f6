"""Companies, leases, runs, the meter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from state_world import COMPANY, NOW, REALM, pinned

from syncd.clock import ManualClock
from syncd.errors import IdentityChanged, LeaseHeld, LeaseLost, StateError
from syncd.state.store import Store
from syncd.state.values import Company, Lease


class TestCompanies:
    def test_unknown_until_something_is_known(self, store: Store) -> None:
        assert store.company("unknown") is None
        assert store.companies() == [COMPANY]
        store.record_success("new", NOW)
        assert store.company("new") == Company(name="new", last_success_at=NOW)

    def test_pinned_once(self, store: Store) -> None:
        wanted = store.company(COMPANY)
        assert wanted is not None
        assert (wanted.realm_id, wanted.environment, wanted.source_identity) == (REALM, "sandbox", "db-1")
        pinned(store, COMPANY, REALM)
        assert store.company(COMPANY) == wanted
        assert len(store.company_events(COMPANY)) == 1

    @pytest.mark.failure("F-63")
    @pytest.mark.parametrize(
        "changes",
        [{"realm_id": "2"}, {"realm_name": "Else"}, {"environment": "production"}, {"source_identity": "db-2"}],
    )
    def test_another_identity_is_refused(self, store: Store, changes: dict[str, str]) -> None:
        was = store.company(COMPANY)
        with pytest.raises(IdentityChanged, match=next(iter(changes))):
            store.pin_company(Company(name=COMPANY, **changes))
        assert store.company(COMPANY) == was
        store.pin_company(Company(name=COMPANY, **changes), replace=True, actor="anna")
        now = store.company(COMPANY)
        assert now is not None
        assert {name: getattr(now, name) for name in changes} == changes
        assert store.company_events(COMPANY)[-1].actor == "anna"

    def test_what_is_not_known_yet_is_filled_in(self, store: Store) -> None:
        store.pin_company(Company(name="new", source_identity="db-2"))
        store.pin_company(Company(name="new", realm_id="77", environment="sandbox"))
        store.pin_company(Company(name="new"))
        assert store.company("new") == Company(name="new", realm_id="77", environment="sandbox", source_identity="db-2")

    def test_one_realm_has_one_name(self, store: Store) -> None:
        with pytest.raises(StateError, match="already belongs to acme"):
            pinned(store, "again", REALM)
        store.pin_company(Company(name="again", realm_id=REALM, environment="production"))

    def test_halt_and_resume(self, store: Store, clock: ManualClock) -> None:
        store.halt(COMPANY, "too many deletions")
        since = clock.now()
        clock.advance(60)
        store.halt(COMPANY, "too many deletions")
        store.halt(COMPANY, "wrong company")
        halted = store.company(COMPANY)
        assert halted is not None
        assert (halted.halted_since, halted.halt_reason) == (since, "wrong company")
        store.resume(COMPANY, "anna", "looked at it")
        running = store.company(COMPANY)
        assert running is not None
        assert (running.halted_since, running.halt_reason) == (None, "")
        with pytest.raises(StateError, match="not halted"):
            store.resume(COMPANY, "anna", "again")
        assert [(one.action, one.actor) for one in store.company_events(COMPANY)] == [
            ("pin", "syncd"),
            ("halt", "syncd"),
            ("halt", "syncd"),
            ("resume", "anna"),
        ]
        assert store.verify_history(COMPANY) == (True, 4, None)

    def test_decisions_and_times(self, store: Store, clock: ManualClock) -> None:
        store.set_scope_digest(COMPANY, "abc")
        store.approve_first_run(COMPANY, "anna")
        store.record_success(COMPANY, NOW + timedelta(microseconds=1))
        store.record_audit(COMPANY, NOW)
        company = store.company(COMPANY)
        assert company is not None
        assert (company.scope_digest, company.first_run_approved_at) == ("abc", clock.now())
        assert (company.last_success_at, company.last_audit_at) == (NOW + timedelta(microseconds=1), NOW)
        assert company.realm_id == REALM


class TestLeases:
    def test_held_by_one(self, store: Store, clock: ManualClock) -> None:
        mine = store.acquire(COMPANY, "one", 60)
        assert mine == Lease(company=COMPANY, holder="one", fence=1, expires_at=clock.now() + timedelta(seconds=60))
        for name in ("two", "one"):
            with pytest.raises(LeaseHeld, match="one works on acme until 2026-01-05 09:01:00 UTC"):
                store.acquire(COMPANY, name, 60)
        assert store.acquire("other", "two", 60).fence == 1

    def test_renewed_for_as_long_again(self, store: Store, clock: ManualClock) -> None:
        mine = store.acquire(COMPANY, "one", 60)
        clock.advance(50)
        mine = store.renew(mine)
        assert mine.expires_at == clock.now() + timedelta(seconds=60)
        clock.advance(59)
        with pytest.raises(LeaseHeld):
            store.acquire(COMPANY, "two", 60)
        clock.advance(100)
        assert store.renew(mine).fence == 1  # late, but nobody took it

    def test_released_and_taken_at_once(self, store: Store) -> None:
        mine = store.acquire(COMPANY, "one", 60)
        store.release(mine)
        with pytest.raises(LeaseLost):
            store.renew(mine)
        assert store.acquire(COMPANY, "one", 60).fence == 2

    def test_the_fence_rises_with_each_holder(self, store: Store, clock: ManualClock) -> None:
        fences = []
        for n in range(5):
            fences.append(store.acquire(COMPANY, f"holder-{n}", 60).fence)
            clock.advance(60)
        assert fences == [1, 2, 3, 4, 5]

    def test_fractions_of_a_second(self, store: Store, clock: ManualClock) -> None:
        mine = store.acquire(COMPANY, "one", 0.5)
        assert mine.expires_at == clock.now() + timedelta(seconds=0.5)
        clock.advance(0.6)
        assert store.renew(mine).expires_at == clock.now() + timedelta(seconds=0.5)


def test_runs(store: Store, clock: ManualClock) -> None:
    first = store.begin_run(COMPANY, "cycle")
    clock.advance(5)
    store.end_run(first.id, "done", {"created": 2}, "a note")
    second = store.begin_run(COMPANY, "audit")
    store.begin_run("other", "cycle")
    assert [run.id for run in store.runs(COMPANY, 5)] == [second.id, first.id]
    assert store.runs(COMPANY, 1) == [second]
    ended = store.runs(COMPANY)[1]
    assert (ended.outcome, ended.counts, ended.note, ended.ended_at) == ("done", {"created": 2}, "a note", clock.now())
    for unknown in ("run-999", "nonsense", "run-x"):
        with pytest.raises(StateError, match="no run"):
            store.end_run(unknown, "done", {})


def test_the_meter_counts_per_month(store: Store) -> None:
    assert store.reads(COMPANY, "2026-01") == 0
    assert store.add_reads(COMPANY, "2026-01", 5) == 5
    assert store.add_reads(COMPANY, "2026-01", 7) == 12
    store.add_reads(COMPANY, "2026-02", 1)
    store.add_reads("other", "2026-01", 1)
    assert (store.reads(COMPANY, "2026-01"), store.reads(COMPANY, "2026-02")) == (12, 1)


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StateError):
        store.company(COMPANY)
    with pytest.raises(StateError):
        store.halt(COMPANY, "x")
