"""The history: append-only, chained, and what the churn brake reads from it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from state_world import BASE, COMPANY, NOW, event, execute, pinned, settled

from syncd.clock import ManualClock
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.state import history, tables
from syncd.state.store import Store
from syncd.state.values import Lease, RecentWrite

INVOICE = Kind.INVOICE
UNLOCK = {
    "sqlite": ["DROP TRIGGER history_no_update", "DROP TRIGGER history_no_delete"],
    "postgresql": ["ALTER TABLE history DISABLE TRIGGER USER"],
}


def unlocked(url: str, *statements: str) -> None:
    """What somebody with the database's password can do."""
    execute(url, *UNLOCK[url.split("+", maxsplit=1)[0].split(":", maxsplit=1)[0]], *statements)


@pytest.fixture
def ten(store: Store, lease: Lease, url: str) -> Store:
    """Ten events, after the one of pinning."""
    for n in range(10):
        settled(store, lease, history=(event("S1" if n % 2 else f"S{n}", "Q1", before={"a": "1"}, after=BASE),))
    return store


def test_an_event_comes_back_by_either_id(store: Store, lease: Lease, clock: ManualClock) -> None:
    one = event(
        "S1",
        "Q1",
        before={"number": "1"},
        after=BASE,
        journal_id="j",
        request_id="r",
        tid="t",
        run_id="run-7",
        at=NOW - timedelta(seconds=1),
    )
    settled(store, lease, history=(one, event("S1", "", actor="anna")))
    assert store.history(COMPANY, INVOICE, "Q1") == [one]
    both = store.history(COMPANY, INVOICE, "S1")
    assert both[0] == one
    assert (both[1].actor, both[1].at, both[1].run_id) == ("anna", clock.now(), "run-1")
    assert store.history(COMPANY, Kind.PAYMENT, "S1") == []
    assert store.history("other", INVOICE, "S1") == []


def test_a_whole_chain(ten: Store) -> None:
    assert ten.verify_history(COMPANY) == (True, 11, None)
    assert ten.verify_history("unknown") == (True, 0, None)


def test_chains_of_companies_are_apart(ten: Store, lease: Lease) -> None:
    pinned(ten, "other", "9999")
    settled(ten, lease, history=(event(),))
    assert ten.verify_history("other") == (True, 1, None)
    assert ten.verify_history(COMPANY) == (True, 12, None)


def test_a_long_chain_in_one_settlement(store: Store, lease: Lease) -> None:
    settled(store, lease, history=tuple(event(f"S{n}") for n in range(2100)))
    assert store.verify_history(COMPANY) == (True, 2101, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET reason = 'nothing happened' WHERE seq = 4",
        "UPDATE history SET at = at",
        "DELETE FROM history WHERE seq = 11",
        "DELETE FROM history",
        "TRUNCATE history",
    ],
)
def test_rows_cannot_be_changed_or_removed(ten: Store, url: str, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"append-only|syntax"):
        execute(url, statement)
    assert ten.verify_history(COMPANY) == (True, 11, None)


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("UPDATE history SET reason = 'nothing happened' WHERE seq = 4", 4),
        ("UPDATE history SET \"after\" = '{}' WHERE seq = 11", 11),
        ("UPDATE history SET actor = 'somebody' WHERE seq = 1", 1),
        ("UPDATE history SET hash = 'x' WHERE seq = 5", 5),
        ("DELETE FROM history WHERE seq = 6", 6),
        ("DELETE FROM history WHERE seq = 11", 11),
        ("DELETE FROM history WHERE seq > 2", 3),
        ("DELETE FROM history", 1),
        ("UPDATE history SET seq = 99 WHERE seq = 11", 11),
    ],
)
def test_what_was_done_behind_the_triggers_shows(ten: Store, url: str, statement: str, bad: int) -> None:
    unlocked(url, statement)
    whole, _, first_bad = ten.verify_history(COMPANY)
    assert (whole, first_bad) == (False, bad)


def test_two_rows_that_change_places_show(ten: Store, url: str) -> None:
    swap = "UPDATE history SET seq = CASE seq WHEN 104 THEN 5 WHEN 105 THEN 4 END WHERE seq IN (104, 105)"
    unlocked(url, "UPDATE history SET seq = seq + 100 WHERE seq IN (4, 5)", swap)
    assert ten.verify_history(COMPANY)[2] == 4


def test_a_row_that_was_recomputed_alone_shows(ten: Store, url: str) -> None:
    """Changing a row and its own hash is not enough: the next row holds the old one."""
    unlocked(url, "UPDATE history SET hash = 'forged' WHERE seq = 11", "UPDATE chains SET head = 'forged'")
    assert ten.verify_history(COMPANY)[2] == 11


def test_a_row_forged_with_the_right_hash_shows_in_the_next(ten: Store, url: str) -> None:
    """Its own hash recomputed and the next row's reference to it moved: the next row's hash still tells."""
    with ten._db.read() as connection:
        rows = connection.execute(tables.history.select().order_by(tables.history.c.seq)).mappings().all()
    forged = history._hash(rows[2]["hash"], {**rows[3], "reason": "nothing happened"})
    unlocked(
        url,
        f"UPDATE history SET reason = 'nothing happened', hash = '{forged}' WHERE seq = 4",
        f"UPDATE history SET previous_hash = '{forged}' WHERE seq = 5",
    )
    assert ten.verify_history(COMPANY)[2] == 5


class TestRecentWrites:
    def test_fields_written_are_those_that_changed(self, store: Store, lease: Lease, clock: ManualClock) -> None:
        made = event(verb=Verb.CREATE, after=BASE)
        changed = event(side=Side.SOURCE, before=BASE, after={**BASE, "number": "2", "notes": "n"})
        settled(store, lease, history=(made, changed))
        key = (INVOICE, "S1", "Q1")
        assert store.recent_writes(COMPANY, NOW - timedelta(hours=24), [key, (INVOICE, "S7", "")]) == {
            key: [
                RecentWrite(side=Side.QBO, verb=Verb.CREATE, written=BASE, at=clock.now()),
                RecentWrite(side=Side.SOURCE, verb=Verb.UPDATE, written={"number": "2", "notes": "n"}, at=clock.now()),
            ]
        }

    def test_what_was_not_written_or_is_old_does_not_count(
        self, store: Store, lease: Lease, clock: ManualClock
    ) -> None:
        settled(store, lease, history=(event(after=BASE),))
        clock.advance(86_400)
        others = (
            event(after=BASE, result="refused"),
            event(after=BASE, result="abandoned"),
            event(verb=Verb.LINK, after=BASE),
            event(kind=Kind.PAYMENT, after=BASE),
        )
        settled(store, lease, history=others)
        assert store.recent_writes(COMPANY, NOW, [(INVOICE, "S1", "Q1")]) == {}
        assert store.recent_writes(COMPANY, NOW, []) == {}

    def test_found_by_source_id_else_by_qbo_id(self, store: Store, lease: Lease) -> None:
        settled(store, lease, history=(event("S1", "", verb=Verb.CREATE, after=BASE), event("", "Q2", after=BASE)))
        keys = [(INVOICE, "S1", "Q1"), (INVOICE, "", "Q2")]
        found = store.recent_writes(COMPANY, NOW - timedelta(hours=1), keys)
        assert {key: len(writes) for key, writes in found.items()} == dict.fromkeys(keys, 1)
