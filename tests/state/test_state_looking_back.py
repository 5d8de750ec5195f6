"""Looking back: one run and its writes, the history line by line, writes without a line, and what was undone."""

from __future__ import annotations

from datetime import timedelta

from state_world import BASE, COMPANY, NOW, confirm, event, held, intent, settled

from syncd.clock import ManualClock
from syncd.model.kinds import Kind
from syncd.state.store import Store
from syncd.state.values import UNDONE, JournalState, Lease, Link, LinkState

INVOICE = Kind.INVOICE


def test_a_run_and_its_writes_are_found_by_its_id(store: Store, lease: Lease) -> None:
    run = store.begin_run(COMPANY, "reconcile")
    other = store.begin_run(COMPANY, "audit")
    entries = store.intend(
        lease, [intent("S1", run_id=run.id), intent("S2", run_id=other.id), intent("S3", run_id=run.id)]
    )
    assert store.run(run.id) == run
    assert store.run("run-77") is None
    assert store.run("nonsense") is None
    assert store.writes_of(COMPANY, run.id) == [entries[0], entries[2]]
    assert store.writes_of("other", run.id) == []
    assert store.entries([entries[1].id, "unknown"]) == {entries[1].id: entries[1]}


def test_lines_come_in_order_narrowed_by_kind_and_day(store: Store, lease: Lease, clock: ManualClock) -> None:
    settled(store, lease, history=tuple(event(f"S{n}", before={"a": "1"}, after=BASE) for n in range(1500)))
    clock.advance(86_400)
    settled(store, lease, history=(event("P1", kind=Kind.PAYMENT, tid="1-2", request_id="r", journal_id="j"),))
    every = list(store.history_lines(COMPANY))
    assert [line.number for line in every] == list(range(1, 1503))
    assert (every[0].kind, every[0].verb) == ("", "pin")
    assert [line.source_id for line in store.history_lines(COMPANY, kind=Kind.PAYMENT)] == ["P1"]
    later = NOW + timedelta(days=1)
    assert [line.source_id for line in store.history_lines(COMPANY, since=later)] == ["P1"]
    assert len(list(store.history_lines(COMPANY, until=later))) == 1501
    last = store.history_line(COMPANY, 1502)
    assert last == every[-1]
    assert last is not None
    assert (last.tid, last.request_id, last.previous_hash) == ("1-2", "r", every[-2].hash)
    assert store.history_head(COMPANY) == (1502, last.hash)
    assert store.history_head("other") == (0, "")
    assert store.history_line(COMPANY, 1503) is None


def test_a_write_without_a_line_is_told(store: Store, lease: Lease) -> None:
    told, silent, refused, given_up, under_way = store.intend(lease, [intent(f"S{n}") for n in range(5)])
    for entry in (told, silent):
        confirm(store, lease, entry)
    confirm(store, lease, refused, JournalState.REFUSED)
    confirm(store, lease, given_up, JournalState.ABANDONED)
    settled(store, lease, history=(event("S0", journal_id=told.id), event("S2", journal_id=refused.id)))
    assert under_way.state is JournalState.INTENDED
    assert store.unrecorded(COMPANY) == (1, silent.id)
    settled(store, lease, history=(event("S1", journal_id=silent.id),))
    assert store.unrecorded(COMPANY) == (0, "")


def test_an_undone_record_is_undone_until_somebody_answers(store: Store, lease: Lease) -> None:
    settled(store, lease, held=(held("S1", case=UNDONE, actions=("retry",)), held("", "Q2", case=UNDONE), held("S3")))
    assert store.undone(COMPANY) == {(INVOICE, "S1", ""), (INVOICE, "", "Q2")}
    assert store.answered(COMPANY) == {}
    store.resolve_held(COMPANY, store.held(COMPANY)[0].id, "retry", "anna")
    assert store.undone(COMPANY) == {(INVOICE, "", "Q2")}
    assert store.answered(COMPANY) == {(INVOICE, "S1", ""): "anna"}


def test_what_is_left_of_a_pair_takes_the_place_of_the_pair(store: Store, lease: Lease) -> None:
    """Undo took one of the two records away: no tombstone stays that a feed could lead back to."""
    settled(store, lease, links=(Link(COMPANY, INVOICE, "S1", "Q1"), Link(COMPANY, INVOICE, "S2", "Q2")))
    left = (
        Link(COMPANY, INVOICE, "S1", "", LinkState.IGNORED),
        Link(COMPANY, INVOICE, "", "Q2", LinkState.IGNORED),
    )
    settled(store, lease, links=left)
    assert list(store.stream_links(COMPANY, INVOICE)) == [left[1], left[0]]
