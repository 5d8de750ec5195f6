"""Settling: all of it or nothing; held records, the dirty set, cursors."""

from __future__ import annotations

from datetime import timedelta

import pytest
from state_world import BASE, COMPANY, NOW, event, execute, held, intent, link, settled

from syncd.clock import ManualClock
from syncd.errors import StateError
from syncd.model.kinds import Kind
from syncd.model.observations import Problem
from syncd.state.store import Store
from syncd.state.values import Cursors, Dirty, JournalOutcome, JournalState, Lease, Settlement

INVOICE = Kind.INVOICE


def dirt(source_id: str = "S1", qbo_id: str = "", **changes: object) -> Dirty:
    known = {"since": NOW, **changes}
    return Dirty(kind=INVOICE, source_id=source_id, qbo_id=qbo_id, reason="failed", **known)  # type: ignore[arg-type]


def test_everything_at_once(store: Store, lease: Lease) -> None:
    entry = store.intend(lease, [intent()])[0]
    settled(
        store,
        lease,
        outcomes=(JournalOutcome(journal_id=entry.id, state=JournalState.CONFIRMED, note="made", tid="1-abc"),),
        links=(link("S1", "Q1"),),
        versions=((INVOICE, "S1", "Q1", "7", "0"),),
        dirty=(dirt("S2"),),
        held=(held("S3"),),
        history=(event(),),
        cursors=Cursors(qbo=NOW, source="w", counts={"invoice": 3}),
    )
    closed = store.entry(entry.id)
    assert closed is not None
    assert (closed.state, closed.note, closed.tid) == (JournalState.CONFIRMED, "made", "1-abc")
    assert store.links_by_source(COMPANY, INVOICE, ["S1"])["S1"].source_version == "7"
    assert [one.source_id for one in store.dirty(COMPANY, NOW)] == ["S2"]
    assert [one.source_id for one in store.held(COMPANY)] == ["S3"]
    assert len(store.history(COMPANY, INVOICE, "S1")) == 1
    assert store.cursors(COMPANY) == Cursors(qbo=NOW, source="w", counts={"invoice": 3})


def test_nothing_at_all_when_one_part_is_wrong(store: Store, lease: Lease, url: str) -> None:
    settled(store, lease, links=(link("S1", "Q1"),), cursors=Cursors(source="before"))
    entry = store.intend(lease, [intent("S5")])[0]
    before = store.verify_history(COMPANY)
    with pytest.raises(StateError, match="other"):
        settled(
            store,
            lease,
            outcomes=(JournalOutcome(journal_id=entry.id, state=JournalState.CONFIRMED),),
            links=(link("S5", "Q5"),),
            versions=((INVOICE, "S1", "Q1", "x", "x"),),
            dirty=(dirt(),),
            history=(event(),),
            cursors=Cursors(source="after"),
            held=(held("S1", company="other"),),
        )
    assert store.open_entries(COMPANY) == [entry]
    assert store.links_by_source(COMPANY, INVOICE, ["S1", "S5"]) == {"S1": link("S1", "Q1")}
    assert store.dirty_count(COMPANY) == 0
    assert store.cursors(COMPANY).source == "before"
    assert store.verify_history(COMPANY) == before
    assert execute(url, "SELECT count(*) FROM held")[0][0] == 0


def test_an_empty_settlement_is_fine(store: Store, lease: Lease) -> None:
    store.settle(lease, Settlement(), run_id="run-1")
    assert store.cursors(COMPANY) == Cursors()


def test_cursors_stay_unless_given(store: Store, lease: Lease) -> None:
    settled(store, lease, cursors=Cursors(qbo=NOW, source="1"))
    settled(store, lease, history=(event(),))
    assert store.cursors(COMPANY) == Cursors(qbo=NOW, source="1")
    later = Cursors(qbo=NOW.astimezone().replace(microsecond=5), source="2")
    settled(store, lease, cursors=later)
    assert store.cursors(COMPANY) == later


def test_a_time_without_a_zone_is_refused(store: Store, lease: Lease) -> None:
    with pytest.raises((StateError, ValueError)):
        settled(store, lease, cursors=Cursors(qbo=NOW.replace(tzinfo=None)))


class TestDirty:
    def test_due_when_its_time_has_come(self, store: Store, lease: Lease) -> None:
        later = dirt("S2", attempts=3, not_before=NOW + timedelta(minutes=5))
        settled(store, lease, dirty=(dirt("S1"), later))
        assert store.dirty(COMPANY, NOW) == [dirt("S1")]
        assert store.dirty(COMPANY, NOW + timedelta(minutes=5)) == [dirt("S1"), later]
        assert store.dirty_count(COMPANY) == 2
        assert store.dirty("other", NOW) == []

    def test_put_in_again_it_is_replaced(self, store: Store, lease: Lease) -> None:
        settled(store, lease, dirty=(dirt("S1"),))
        settled(store, lease, dirty=(dirt("S1", attempts=1), dirt("S1", attempts=2)))
        assert store.dirty(COMPANY, NOW) == [dirt("S1", attempts=2)]

    @pytest.mark.failure("F-116")
    def test_put_in_again_it_keeps_its_age_and_taken_out_it_does_not(
        self, store: Store, lease: Lease, clock: ManualClock
    ) -> None:
        settled(store, lease, dirty=(dirt("S1", since=None), dirt("", "Q2", since=None)))
        clock.advance(60)
        settled(
            store, lease, dirty=(dirt("S1", "Q1", since=None), dirt("S2", "Q2", since=None), dirt("S3", since=None))
        )
        since = {record.source_id: record.since for record in store.dirty(COMPANY, NOW + timedelta(hours=1))}
        assert since == {"S1": NOW, "S2": NOW, "S3": NOW + timedelta(seconds=60)}
        settled(store, lease, clean=((INVOICE, "S1", "Q1"),), dirty=(dirt("S1", since=None),))
        again = {record.source_id: record.since for record in store.dirty(COMPANY, NOW + timedelta(hours=1))}
        assert again["S1"] == NOW + timedelta(seconds=60), "a new matter"

    @pytest.mark.parametrize(
        ("was", "named", "gone"),
        [
            (("S1", "Q1"), ("S1", "Q1"), True),
            (("S1", ""), ("S1", "Q1"), True),  # created meanwhile
            (("", "Q1"), ("S1", "Q1"), True),  # imported meanwhile
            (("S1", "Q1"), ("S1", "Q2"), True),  # created anew on the other side
            (("S1", "Q1"), ("", "Q1"), False),  # Q1 may only look like S1, and somebody has to judge
            (("S1", ""), ("S2", ""), False),
            (("", "Q1"), ("S1", ""), False),
            (("S1", "Q1"), ("S2", "Q1"), False),  # two source records that met one QBO record
        ],
    )
    def test_cleaned_by_what_is_known_of_it(
        self, store: Store, lease: Lease, was: tuple[str, str], named: tuple[str, str], gone: bool
    ) -> None:
        settled(store, lease, dirty=(dirt(*was),), held=(held(*was),))
        settled(store, lease, clean=((INVOICE, *named),), unheld=((INVOICE, *named),))
        assert store.dirty_count(COMPANY) == (0 if gone else 1)
        assert len(store.held(COMPANY)) == (0 if gone else 1)

    def test_cleaning_is_before_soiling(self, store: Store, lease: Lease) -> None:
        settled(store, lease, clean=((INVOICE, "S1", ""),), dirty=(dirt("S1"),))
        assert store.dirty_count(COMPANY) == 1

    def test_another_kind_is_another_record(self, store: Store, lease: Lease) -> None:
        settled(store, lease, dirty=(dirt("S1"),), held=(held("S1"),))
        settled(store, lease, clean=((Kind.PAYMENT, "S1", ""),), unheld=((Kind.PAYMENT, "S1", ""),))
        assert (store.dirty_count(COMPANY), len(store.held(COMPANY))) == (1, 1)


class TestHeld:
    def test_all_that_is_said_comes_back(self, store: Store, lease: Lease, clock: ManualClock) -> None:
        wanted = held(
            "S1",
            "Q1",
            label="INV-1",
            problems=(Problem(code="currency", text="EUR is not USD", remedy="change it", field="currency"),),
            source_value=BASE,
            qbo_value={"number": "2"},
            base_value={"number": "1"},
            actions=("retry", "accept-source", "accept-qbo", "ignore"),
        )
        settled(store, lease, held=(wanted,))
        kept = store.held(COMPANY)[0]
        assert kept.since == clock.now()
        assert store.held_by_id(COMPANY, kept.id) == kept
        assert (kept.problems, kept.source_value, kept.qbo_value, kept.base_value, kept.actions) == (
            wanted.problems,
            wanted.source_value,
            wanted.qbo_value,
            wanted.base_value,
            wanted.actions,
        )
        assert store.held_by_id("other", kept.id) is None
        assert store.held_counts(COMPANY) == {INVOICE: 1}

    def test_held_again_it_is_one_row_with_its_first_time(self, store: Store, lease: Lease, clock: ManualClock) -> None:
        settled(store, lease, held=(held("S1"),))
        first = store.held(COMPANY)[0]
        clock.advance(600)
        settled(store, lease, held=(held("S1", "Q1", reason="and now more", case="C35"),))
        rows = store.held(COMPANY)
        assert [(row.id, row.since, row.qbo_id, row.reason) for row in rows] == [
            (first.id, first.since, "Q1", "and now more")
        ]
        assert rows[0].case == "C35"

    def test_two_rows_that_turn_out_to_be_one_record_become_one(self, store: Store, lease: Lease) -> None:
        settled(store, lease, held=(held("S1"), held("", "Q1")))
        assert len(store.held(COMPANY)) == 2
        settled(store, lease, held=(held("S1", "Q1"),))
        assert [(row.source_id, row.qbo_id) for row in store.held(COMPANY)] == [("S1", "Q1")]

    def test_held_twice_in_one_settlement_is_one_row(self, store: Store, lease: Lease) -> None:
        settled(store, lease, held=(held("S1"), held("S1", reason="second")))
        assert [row.reason for row in store.held(COMPANY)] == ["second"]

    def test_nothing_is_no_record(self, store: Store, lease: Lease) -> None:
        with pytest.raises(StateError, match="names no record"):
            settled(store, lease, held=(held("", ""),))

    def test_an_instruction_is_read_once(self, store: Store, lease: Lease) -> None:
        settled(store, lease, held=(held("S1", actions=("retry", "accept-source")),))
        number = store.held(COMPANY)[0].id
        store.resolve_held(COMPANY, number, "accept-source", "anna")
        assert store.instructions(COMPANY) == {(INVOICE, "S1", ""): "accept-source"}
        settled(store, lease, unheld=((INVOICE, "S1", "Q1"),))
        assert store.instructions(COMPANY) == {}
        assert store.held(COMPANY) == []
        closed = store.held(COMPANY, include_resolved=True)
        assert [(row.id, row.resolution) for row in closed] == [(number, "accept-source")]
        said = store.history(COMPANY, INVOICE, "S1")
        assert [(one.actor, one.result, one.side) for one in said] == [("anna", "accept-source", "state")]
        with pytest.raises(StateError, match="No record"):
            store.resolve_held(COMPANY, number, "retry", "anna")

    def test_cleared_without_a_person(self, store: Store, lease: Lease) -> None:
        settled(store, lease, held=(held("S1"),))
        settled(store, lease, unheld=((INVOICE, "S1", ""),))
        assert store.held(COMPANY, include_resolved=True)[0].resolution == "cleared"
        settled(store, lease, held=(held("S1"),))
        assert len(store.held(COMPANY, include_resolved=True)) == 2

    def test_held_again_by_the_run_that_read_it_an_instruction_is_used_up(
        self, store: Store, lease: Lease, clock: ManualClock
    ) -> None:
        settled(store, lease, held=(held("S1"),))
        store.resolve_held(COMPANY, store.held(COMPANY)[0].id, "retry", "anna")
        clock.advance(1)
        run = store.begin_run(COMPANY, "cycle")
        store.settle(lease, Settlement(held=(held("S1", reason="still not"),)), run_id=run.id)
        assert store.instructions(COMPANY) == {}

    def test_an_instruction_given_during_a_run_waits_for_the_next(
        self, store: Store, lease: Lease, clock: ManualClock
    ) -> None:
        settled(store, lease, held=(held("S1"),))
        run = store.begin_run(COMPANY, "cycle")
        clock.advance(1)
        store.resolve_held(COMPANY, store.held(COMPANY)[0].id, "retry", "anna")
        store.settle(lease, Settlement(held=(held("S1", reason="not read"),)), run_id=run.id)
        assert store.instructions(COMPANY) == {(INVOICE, "S1", ""): "retry"}

    def test_only_what_is_offered_can_be_chosen(self, store: Store, lease: Lease) -> None:
        settled(store, lease, held=(held("S1"),))
        number = store.held(COMPANY)[0].id
        for wrong, why in (("delete", "no resolution"), ("accept-qbo", "not possible")):
            with pytest.raises(StateError, match=why):
                store.resolve_held(COMPANY, number, wrong, "anna")
        assert store.instructions(COMPANY) == {}
