"""The journal: slots, generations, request ids, and what a repeat may carry."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event
from state_world import COMPANY, REALM, confirm, execute, intent, pinned, settled

from syncd.clock import ManualClock
from syncd.errors import LeaseLost, StateError
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.state import tables
from syncd.state.journal import SlotBusy, request_id
from syncd.state.store import Store
from syncd.state.values import JournalOutcome, JournalState, Lease, Settlement

CLOSED = [JournalState.CONFIRMED, JournalState.REFUSED, JournalState.SUPERSEDED, JournalState.ABANDONED]
WRITES = [Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.VOID, Verb.DEACTIVATE]

slots = st.tuples(
    st.text("0123456789", min_size=1, max_size=20),
    st.sampled_from([Side.SOURCE, Side.QBO]),
    st.sampled_from(list(Kind)),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    st.sampled_from(WRITES),
    st.integers(1, 10_000),
)


def test_an_intent_is_stored_as_it_was_given(store: Store, lease: Lease, clock: ManualClock) -> None:
    wanted = [
        intent("S1", pre_image=b"\x00\xff before", batch_request_id="b-1", batch_item_id="i-1"),
        intent("S2", side=Side.SOURCE, verb=Verb.UPDATE, qbo_id="Q2", body=b""),
    ]
    entries = store.intend(lease, wanted)
    assert [entry.intent for entry in entries] == wanted
    assert store.open_entries(COMPANY) == entries
    assert store.entry(entries[1].id) == entries[1]
    assert store.entry("none") is None
    first = entries[0]
    assert (first.state, first.generation, first.created_at) == (JournalState.INTENDED, 1, clock.now())
    assert first.request_id == request_id(REALM, Side.QBO, Kind.INVOICE, "S1", Verb.CREATE, 1)
    assert store.intend(lease, []) == []


@pytest.mark.failure("F-1")
def test_an_open_slot_takes_no_second_entry(store: Store, lease: Lease) -> None:
    entry = store.intend(lease, [intent()])[0]
    for again in (intent(), intent(body=b"another payload"), intent(run_id="run-2", operation_id="other")):
        with pytest.raises(SlotBusy, match=entry.id):
            store.intend(lease, [intent("S2"), again])
    assert store.open_entries(COMPANY) == [entry]  # all or none: S2 is not there
    store.mark_sent(lease, [(entry.id, "", "", b"bytes")])
    with pytest.raises(SlotBusy):
        store.intend(lease, [intent()])


def test_one_slot_named_twice_is_refused(store: Store, lease: Lease) -> None:
    with pytest.raises(SlotBusy, match="twice"):
        store.intend(lease, [intent(), intent()])
    assert store.open_entries(COMPANY) == []


def test_the_other_parts_of_a_slot_are_other_slots(store: Store, lease: Lease) -> None:
    wanted = [intent(), intent(verb=Verb.UPDATE), intent(side=Side.SOURCE), intent(kind=Kind.CLIENT), intent("s1")]
    ids = {entry.request_id for entry in store.intend(lease, wanted)}
    assert len(ids) == len(wanted)


@pytest.mark.parametrize("outcome", CLOSED)
def test_a_generation_begins_when_the_outcome_is_known(store: Store, lease: Lease, outcome: JournalState) -> None:
    first = store.intend(lease, [intent()])[0]
    confirm(store, lease, first, outcome)
    second = store.intend(lease, [intent()])[0]
    assert (first.generation, second.generation) == (1, 2)
    assert first.request_id != second.request_id
    closed = store.entry(first.id)
    assert closed is not None
    assert (closed.state, closed.closed_at) == (outcome, closed.created_at)


def test_forgetting_a_record_does_not_move_its_generation(store: Store, lease: Lease) -> None:
    """Design fault 4 of the trial: only a known outcome does, whatever happens to link, held and dirty rows."""
    store.intend(lease, [intent()])
    settled(store, lease, clean=((Kind.INVOICE, "S1", ""),), unheld=((Kind.INVOICE, "S1", ""),))
    with pytest.raises(SlotBusy):
        store.intend(lease, [intent()])


@pytest.mark.failure("F-4")
def test_a_repeat_carries_the_same_bytes(store: Store, lease: Lease, clock: ManualClock) -> None:
    entry = store.intend(lease, [intent(body=b"draft")])[0]
    store.mark_sent(lease, [(entry.id, "batch-1", "item-1", b"exact")])
    clock.advance(60)
    with pytest.raises(StateError, match="other bytes"):
        store.mark_sent(lease, [(entry.id, "batch-1", "item-1", b"changed")])
    store.mark_sent(lease, [(entry.id, "batch-1", "item-1", b"")])
    sent = store.entry(entry.id)
    assert sent is not None
    assert (sent.state, sent.attempts, sent.sent_at) == (JournalState.SENT, 2, clock.now())
    assert sent.intent.body == b"exact"
    assert (sent.intent.batch_request_id, sent.intent.batch_item_id) == ("batch-1", "item-1")


def test_only_open_entries_are_sent(store: Store, lease: Lease) -> None:
    entry = store.intend(lease, [intent()])[0]
    confirm(store, lease, entry)
    for journal_id in (entry.id, "unknown"):
        with pytest.raises(StateError, match="must not be sent"):
            store.mark_sent(lease, [(journal_id, "", "", b"")])
    store.mark_sent(lease, [])


def test_outcomes_of_unknown_or_closed_entries_are_refused(store: Store, lease: Lease) -> None:
    entry = store.intend(lease, [intent()])[0]
    with pytest.raises(StateError, match="no outcome"):
        confirm(store, lease, entry, JournalState.SENT)
    confirm(store, lease, entry)
    with pytest.raises(StateError, match="already confirmed"):
        confirm(store, lease, entry, JournalState.REFUSED)
    unknown = JournalOutcome(journal_id="unknown", state=JournalState.CONFIRMED)
    with pytest.raises(StateError, match="unknown"):
        store.settle(lease, Settlement(outcomes=(unknown,)), run_id="run-1")
    again = store.intend(lease, [intent()])[0]
    twice = JournalOutcome(journal_id=again.id, state=JournalState.CONFIRMED)
    with pytest.raises(StateError, match="twice"):
        store.settle(lease, Settlement(outcomes=(twice, twice)), run_id="run-1")


def test_what_is_no_write_has_no_place_in_the_journal(store: Store, lease: Lease) -> None:
    for wrong in (intent(verb=Verb.LINK), intent(side=Side.STATE), intent("")):
        with pytest.raises(StateError):
            store.intend(lease, [wrong])


def test_nothing_is_written_for_a_company_that_is_not_pinned(store: Store) -> None:
    stray = store.acquire("unknown", "tester", 60)
    with pytest.raises(StateError, match="not pinned"):
        store.intend(stray, [intent()])


def test_companies_have_slots_of_their_own(store: Store, lease: Lease) -> None:
    pinned(store, "other", "9999")
    mine, theirs = store.intend(lease, [intent()]), store.intend(store.acquire("other", "t", 60), [intent()])
    assert mine[0].request_id != theirs[0].request_id
    assert [entry.company for entry in store.open_entries("other")] == ["other"]
    with pytest.raises(StateError, match="unknown"):
        confirm(store, lease, theirs[0])


def test_counts(store: Store, lease: Lease) -> None:
    entries = store.intend(lease, [intent(f"S{n}") for n in range(4)])
    store.mark_sent(lease, [(entry.id, "", "", b"") for entry in entries[:3]])
    confirm(store, lease, entries[0])
    assert store.journal_counts(COMPANY) == {
        JournalState.INTENDED: 1,
        JournalState.SENT: 2,
        JournalState.CONFIRMED: 1,
    }
    assert store.journal_counts(COMPANY, only_open=True) == {JournalState.INTENDED: 1, JournalState.SENT: 2}


def test_the_database_itself_refuses_a_second_open_entry(url: str, store: Store, lease: Lease) -> None:
    store.intend(lease, [intent()])
    columns = ", ".join(c.name for c in tables.journal.c if c.name not in {"seq", "id", "request_id", "generation"})
    with pytest.raises(Exception, match=r"(?i)unique"):
        execute(
            url,
            f"INSERT INTO journal (id, request_id, generation, {columns}) SELECT 'x', 'x', 2, {columns} FROM journal",
        )


def test_thousands_of_keys_and_long_lives(store: Store, lease: Lease) -> None:
    for generation in range(1, 4):
        entries = store.intend(lease, [intent(f"S{n}") for n in range(1000)])
        assert {entry.generation for entry in entries} == {generation}
        outcomes = tuple(JournalOutcome(journal_id=entry.id, state=JournalState.CONFIRMED) for entry in entries)
        settled(store, lease, outcomes=outcomes)


@given(slots, slots)
def test_request_ids_stand_for_slots(one: tuple[object, ...], two: tuple[object, ...]) -> None:
    first, second = request_id(*one), request_id(*two)  # type: ignore[arg-type]  # drawn as the right types
    assert (first == second) == (one == two)
    assert first == request_id(*one)  # type: ignore[arg-type]  # as above
    assert len(first) == 32
    assert first.isalnum()


def test_request_ids_do_not_collide() -> None:
    many = {
        request_id(realm, side, kind, f"{n}", verb, generation)
        for realm in ("1", "2")
        for side in (Side.SOURCE, Side.QBO)
        for kind in Kind
        for verb in WRITES
        for generation in (1, 2, 11)
        for n in (1, 2, 11, 12, 112)
    }
    assert len(many) == 2 * 2 * len(Kind) * len(WRITES) * 3 * 5


def test_request_ids_never_change_between_versions() -> None:
    """An entry may be open while syncd is updated: its id has to come out the same."""
    assert request_id("4620816365000001", Side.QBO, Kind.INVOICE, "S1", Verb.CREATE, 1) == PINNED


PINNED = "de5ee45383dd529d84ab8e033650af25"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["intend", "send", *CLOSED])), max_size=30))
def test_slots_through_any_life(store: Store, lease: Lease, clock: ManualClock, steps: list[tuple[str, str]]) -> None:
    """Against a model of three keys: one open entry at most, ids stable while open, new only after an outcome."""
    with store._db.write() as connection:
        connection.execute(delete(tables.journal))
    generation: dict[str, int] = {}
    is_open: dict[str, str] = {}
    used: set[str] = set()
    for key, step in steps:
        clock.advance(1)
        if step == "intend":
            if key in is_open:
                with pytest.raises(SlotBusy):
                    store.intend(lease, [intent(key, body=str(clock.now()).encode())])
                continue
            entry = store.intend(lease, [intent(key, body=str(clock.now()).encode())])[0]
            generation[key] = generation.get(key, 0) + 1
            assert entry.generation == generation[key]
            assert entry.request_id not in used
            used.add(entry.request_id)
            is_open[key] = entry.id
        elif key in is_open:
            before = store.entry(is_open[key])
            assert before is not None
            if step == "send":
                store.mark_sent(lease, [(before.id, "", "", b"")])
                after = store.entry(before.id)
                assert after is not None
                assert (after.request_id, after.generation) == (before.request_id, before.generation)
            else:
                confirm(store, lease, before, JournalState(step))
                del is_open[key]
    assert {entry.id for entry in store.open_entries(COMPANY)} == set(is_open.values())


def test_an_error_inside_leaves_nothing_half_done(store: Store, lease: Lease) -> None:
    """Durable whole or not at all: the connection breaks at the last statement."""
    engine = store._db._writer
    assert engine is not None

    @event.listens_for(engine, "commit")
    def fail(_: object) -> None:
        raise StateError("the power went")

    with pytest.raises(StateError, match="power"):
        store.intend(lease, [intent()])
    event.remove(engine, "commit", fail)
    assert store.open_entries(COMPANY) == []
    assert store.intend(lease, [intent()])[0].generation == 1


def test_times_are_aware_and_exact(store: Store, lease: Lease, clock: ManualClock) -> None:
    clock.advance(0.123456)
    entry = store.intend(lease, [intent()])[0]
    read = store.entry(entry.id)
    assert read is not None
    assert read.created_at == clock.now()
    assert read.created_at.utcoffset() == timedelta(0)


def test_a_released_lease_writes_no_more(store: Store, lease: Lease) -> None:
    store.release(lease)
    with pytest.raises(LeaseLost):
        store.intend(lease, [intent()])
