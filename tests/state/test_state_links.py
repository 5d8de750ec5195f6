"""Links and bases: look-ups, round trips, streams, and links that would contradict each other."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from state_world import BASE, COMPANY, execute, intent, link, settled

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.model.spec import SPECS
from syncd.state import tables
from syncd.state.store import Store
from syncd.state.values import Held, JournalOutcome, JournalState, Lease, Link, LinkState

I = Kind.INVOICE  # noqa: E741 - short, as it stands in nearly every line


def all_links(store: Store) -> list[Link]:
    return list(store.stream_links(COMPANY, I))


def test_a_link_comes_back_as_it_was_stored(store: Store, lease: Lease) -> None:
    one = link(
        "S1",
        "Q1",
        state=LinkState.ORPHANED,
        source_version="v1",
        qbo_version="0",
        qbo_base={**BASE, "notes": "theirs"},
        accepted=("notes", "tax"),
        created_by=Side.QBO,
        label="INV-1",
    )
    two = link("S2", "Q2")
    settled(store, lease, links=(one, two))
    assert store.links_by_source(COMPANY, I, ["S1", "S2", "S3", ""]) == {"S1": one, "S2": two}
    assert store.links_by_qbo(COMPANY, I, {"Q1"}) == {"Q1": one}
    assert store.links_by_source(COMPANY, Kind.PAYMENT, ["S1"]) == {}
    assert store.links_by_source("other", I, ["S1"]) == {}
    assert store.links_by_source(COMPANY, I, []) == {}


def test_equal_halves_are_stored_once(url: str, store: Store, lease: Lease) -> None:
    settled(store, lease, links=(link("S1", "Q1"), link("S2", "Q2", qbo_base={"number": "2"})))
    assert [row[0] for row in execute(url, "SELECT qbo_half FROM bases ORDER BY link_id")] == [None, '{"number":"2"}']
    settled(store, lease, links=(link("S2", "Q2"),))
    assert [row[0] for row in execute(url, "SELECT qbo_half FROM bases ORDER BY link_id")] == [None, None]


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30)
canonical = st.recursive(text, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8)
odd = st.text(max_size=20)  # with NUL and halves of surrogate pairs
projections = st.dictionaries(text, canonical | odd, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source_id=ids, qbo_id=ids, source=projections, qbo=projections, version=text, label=text)
def test_any_text_survives(
    store: Store, lease: Lease, source_id: str, qbo_id: str, source: object, qbo: object, version: str, label: str
) -> None:
    with store._db.write() as connection:
        connection.exec_driver_sql("DELETE FROM links")
    one = link(source_id, qbo_id, source_base=source, qbo_base=qbo, source_version=version, label=label)
    settled(store, lease, links=(one,))
    assert store.links_by_source(COMPANY, I, [source_id]) == {source_id: one}
    assert store.links_by_qbo(COMPANY, I, [qbo_id]) == {qbo_id: one}
    assert store.ref_map(COMPANY, I, Side.SOURCE, [source_id]) == {source_id: qbo_id}


def test_labels_lose_only_what_no_database_holds(store: Store, lease: Lease) -> None:
    settled(store, lease, links=(link("S1", "Q1", label="a\x00b\ud800c"),))
    assert store.links_by_source(COMPANY, I, ["S1"])["S1"].label == "a\ufffdb?c"


def test_ids_that_look_alike_are_different(store: Store, lease: Lease) -> None:
    alike = ["é", "e\u0301", "E", "e", "e ", "ß", "ss", "0", "00", "１"]
    settled(store, lease, links=tuple(link(one, f"Q{n}") for n, one in enumerate(alike)))
    assert len(store.links_by_source(COMPANY, I, alike)) == len(alike)
    assert [one.source_id for one in all_links(store)] == sorted(alike)


def test_ref_maps_serve_linked_and_orphaned_only(store: Store, lease: Lease) -> None:
    states = list(LinkState)
    settled(store, lease, links=tuple(link(f"S{n}", f"Q{n}", state=state) for n, state in enumerate(states)))
    assert store.ref_map(COMPANY, I, Side.SOURCE, [f"S{n}" for n in range(9)]) == {"S0": "Q0", "S1": "Q1"}
    assert store.ref_map(COMPANY, I, Side.QBO, ["Q1", "Q2", ""]) == {"Q1": "S1"}
    assert store.linked_ids(COMPANY, I, Side.SOURCE) == {"S0"}
    assert store.linked_ids(COMPANY, I, Side.QBO) == {"Q0"}
    assert store.count_links(COMPANY) == {I: 1}


def test_what_was_left_behind_or_is_held_is_unsettled_from_either_side(store: Store, lease: Lease) -> None:
    pairs = [link("S1", "Q1", state=LinkState.ORPHANED), *(link(f"S{n}", f"Q{n}") for n in range(2, 5))]
    gone = [link("S5", "Q5", state=LinkState.TOMBSTONED), link("S6", "", state=LinkState.IGNORED)]
    reborn = [link("S8", "Q8", state=LinkState.TOMBSTONED), link("S8", "Q9")]
    settled(store, lease, links=(*pairs, *gone, *reborn))
    settled(store, lease, held=tuple(Held(COMPANY, I, f"S{n}", f"Q{n}", "C32", "why") for n in (2, 5, 6, 7)))
    sources, books = [f"S{n}" for n in range(9)], [f"Q{n}" for n in range(10)]
    assert store.unsettled(COMPANY, I, Side.SOURCE, sources) == {"S1", "S2", "S5"}, "what is gone may be named still"
    assert store.unsettled(COMPANY, I, Side.QBO, [*books, ""]) == {"Q1", "Q2"}
    assert store.unsettled(COMPANY, I, Side.QBO, ["Q3"]) == frozenset()
    assert store.unsettled(COMPANY, Kind.CLIENT, Side.SOURCE, sources) == frozenset()
    settled(store, lease, unheld=((I, "S2", "Q2"),))
    assert store.unsettled(COMPANY, I, Side.SOURCE, sources) == {"S1", "S5"}


def test_many_links_stream_in_order_and_are_found_in_chunks(store: Store) -> None:
    many = [link(f"S{n:05}", f"Q{n}") for n in range(3000)]
    assert store.bulk_load_links(COMPANY, reversed(many)) == 3000
    assert list(store.stream_links(COMPANY, I)) == many
    found = store.links_by_source(COMPANY, I, [one.source_id for one in many] + ["none"])
    assert len(found) == 3000
    assert len(store.ref_map(COMPANY, I, Side.QBO, [one.qbo_id for one in many])) == 3000
    with pytest.raises(StateError):
        store.bulk_load_links(COMPANY, [link("S00001", "Q-new")])
    with pytest.raises(StateError, match="other"):
        store.bulk_load_links("other", [link("S1", "Q1")])


def test_a_stream_keeps_nothing_open_between_pages(store: Store, lease: Lease) -> None:
    store.bulk_load_links(COMPANY, [link(f"S{n:05}", f"Q{n}") for n in range(1500)])
    stream = store.stream_links(COMPANY, I)
    first = next(stream)
    engine = store._db._reader
    assert engine is not None
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool
    settled(store, lease, links=(link("S01499", "Q1499", label="changed meanwhile"),))
    rest = list(stream)
    assert (first.source_id, len(rest)) == ("S00000", 1499)
    assert rest[-1].label == "changed meanwhile"


def test_records_without_source_id_stream_too(store: Store, lease: Lease) -> None:
    ignored = tuple(link("", f"Q{n}", state=LinkState.IGNORED) for n in range(1100))
    settled(store, lease, links=ignored)
    assert len(all_links(store)) == 1100


class TestReplacing:
    def test_the_same_pair_is_replaced(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1"),))
        after = link("S1", "Q1", state=LinkState.ORPHANED, source_base={}, qbo_version="2")
        settled(store, lease, links=(after,))
        assert all_links(store) == [after]

    def test_a_new_qbo_id_replaces_the_old_one(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1"),))
        settled(store, lease, links=(link("S1", "Q2"),))
        assert all_links(store) == [link("S1", "Q2")]

    def test_a_tombstone_stays_beside_the_new_pair(self, store: Store, lease: Lease) -> None:
        dead = link("S1", "Q1", state=LinkState.TOMBSTONED)
        settled(store, lease, links=(link("S1", "Q1"),))
        settled(store, lease, links=(dead,))
        settled(store, lease, links=(link("S1", "Q2"),))
        assert all_links(store) == [dead, link("S1", "Q2")]
        assert store.links_by_source(COMPANY, I, ["S1"])["S1"].qbo_id == "Q2"
        assert store.links_by_qbo(COMPANY, I, ["Q1"])["Q1"] == dead

    def test_a_tombstone_comes_back_to_life(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1", state=LinkState.TOMBSTONED),))
        settled(store, lease, links=(link("S1", "Q1"),))
        assert all_links(store) == [link("S1", "Q1")]

    def test_the_later_of_two_tombstones_counts(self, store: Store, lease: Lease) -> None:
        for qbo_id in ("Q1", "Q2"):
            settled(store, lease, links=(link("S1", qbo_id),))
            settled(store, lease, links=(link("S1", qbo_id, state=LinkState.TOMBSTONED),))
        assert store.links_by_source(COMPANY, I, ["S1"])["S1"].qbo_id == "Q2"

    def test_one_sided_records_are_completed(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "", state=LinkState.IGNORED), link("", "Q1", state=LinkState.IGNORED)))
        settled(store, lease, links=(link("S1", "Q1"),))
        assert all_links(store) == [link("S1", "Q1")]
        settled(store, lease, links=(link("", "Q2", state=LinkState.IGNORED),))
        settled(store, lease, links=(link("S2", "Q2"),))
        assert all_links(store) == [link("S1", "Q1"), link("S2", "Q2")]

    def test_an_id_that_is_given_up_can_be_taken_in_one_settlement(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1", state=LinkState.ORPHANED),))
        dead = link("S1", "Q1", state=LinkState.TOMBSTONED)
        settled(store, lease, links=(link("S2", "Q1"), dead))
        assert all_links(store) == [dead, link("S2", "Q1")]

    def test_two_new_links_in_one_settlement(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1"), link("S1", "Q1", label="later"), link("S2", "Q2")))
        assert [one.label for one in all_links(store)] == ["later", ""]


class TestSharedItems:
    """The default item of QBO stands for every item that QBO lacks (R-23)."""

    def test_several_items_share_one_of_qbo(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("I1", "Q1", kind=Kind.ITEM), link("I2", "Q1", kind=Kind.ITEM)))
        settled(store, lease, links=(link("I3", "Q1", kind=Kind.ITEM),))
        wanted = {"I1": "Q1", "I2": "Q1", "I3": "Q1"}
        assert store.ref_map(COMPANY, Kind.ITEM, Side.SOURCE, list(wanted)) == wanted

    def test_an_item_still_has_one_link(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("I1", "Q1", kind=Kind.ITEM), link("I2", "Q2", kind=Kind.ITEM)))
        settled(store, lease, links=(link("I1", "Q2", kind=Kind.ITEM),))
        assert [one.qbo_id for one in store.stream_links(COMPANY, Kind.ITEM)] == ["Q2", "Q2"]

    def test_code_and_database_name_the_same_kinds(self) -> None:
        shared = ", ".join(f"'{kind}'" for kind in sorted(kind for kind, spec in SPECS.items() if spec.link_only))
        assert f"kind NOT IN ({shared})" == tables.ONE_TO_ONE


class TestContradictions:
    @pytest.mark.parametrize("state", [LinkState.LINKED, LinkState.ORPHANED, LinkState.IGNORED])
    def test_a_qbo_record_has_one_live_link(self, store: Store, lease: Lease, state: LinkState) -> None:
        settled(store, lease, links=(link("S1", "Q1", state=state),))
        with pytest.raises(StateError, match=r"source S1 with QBO Q1 .* source S2 with QBO Q1"):
            settled(store, lease, links=(link("S2", "Q1"),))
        assert len(all_links(store)) == 1

    def test_a_source_record_does_not_take_over_a_known_qbo_record(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1"), link("S2", "Q2")))
        with pytest.raises(StateError, match=r"S2 with QBO Q2 .* S1 with QBO Q2"):
            settled(store, lease, links=(link("S1", "Q2"),))

    def test_a_pair_is_not_revived_beside_a_live_one(self, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1", state=LinkState.TOMBSTONED),))
        settled(store, lease, links=(link("S1", "Q2"),))
        with pytest.raises(StateError, match=r"S1 with QBO Q2 .* S1 with QBO Q1"):
            settled(store, lease, links=(link("S1", "Q1"),))

    def test_two_links_of_one_settlement(self, store: Store, lease: Lease) -> None:
        with pytest.raises(StateError, match="second link"):
            settled(store, lease, links=(link("S1", "Q1"), link("S2", "Q1")))
        assert all_links(store) == []

    def test_nothing_else_of_the_settlement_is_stored(self, store: Store, lease: Lease) -> None:
        entry = store.intend(lease, [intent("S9")])[0]
        settled(store, lease, links=(link("S1", "Q1"),))
        outcome = JournalOutcome(journal_id=entry.id, state=JournalState.CONFIRMED)
        with pytest.raises(StateError):
            settled(store, lease, outcomes=(outcome,), links=(link("S9", "Q9"), link("S2", "Q1")))
        assert store.open_entries(COMPANY) == [entry]
        assert store.links_by_source(COMPANY, I, ["S9"]) == {}

    def test_the_database_refuses_what_slips_through(self, url: str, store: Store, lease: Lease) -> None:
        settled(store, lease, links=(link("S1", "Q1"), link("S2", "Q2")))
        for wrong in ("qbo_id = 'Q1'", "source_id = 'S1'", "state = 'odd'", "source_id = '', qbo_id = ''"):
            with pytest.raises(Exception, match=r"(?i)unique|check|constraint"):
                execute(url, f"UPDATE links SET {wrong} WHERE source_id = 'S2'")

    def test_links_of_another_company_or_of_nothing(self, store: Store, lease: Lease) -> None:
        with pytest.raises(StateError, match="other"):
            settled(store, lease, links=(link("S1", "Q1", company="other"),))
        with pytest.raises(StateError, match="names no record"):
            settled(store, lease, links=(link("", ""),))


def test_versions_move_alone(store: Store, lease: Lease) -> None:
    settled(store, lease, links=(link("S1", "Q1", source_version="a", qbo_version="1"),))
    settled(store, lease, versions=((I, "S1", "Q1", "", "2"), (I, "S1", "Q9", "x", "x"), (I, "S7", "Q7", "x", "x")))
    assert all_links(store) == [link("S1", "Q1", source_version="a", qbo_version="2")]
    settled(store, lease, versions=((I, "S1", "Q1", "b", ""),))
    assert all_links(store) == [link("S1", "Q1", source_version="b", qbo_version="2")]


def test_looking_up_costs_one_statement_per_chunk(store: Store) -> None:
    store.bulk_load_links(COMPANY, [link(f"S{n}", f"Q{n}") for n in range(800)])
    statements: list[str] = []
    engine = store._db._reader
    assert engine is not None

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cur: object, statement: str, *_: object) -> None:
        statements.append(statement)

    store.links_by_source(COMPANY, I, [f"S{n}" for n in range(800)])
    assert len([one for one in statements if one.startswith("SELECT links")]) == 1


def test_writes_are_seen_by_a_store_that_was_open_before(store: Store, lease: Lease) -> None:
    assert all_links(store) == []
    settled(store, lease, links=(link("S1", "Q1", created_by=Side.SOURCE),))
    assert all_links(store)[0].created_by is Side.SOURCE
