"""Several plain updates at once: one transaction, and the same answers as one by one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import sqlalchemy as sa

from syncd.model.kinds import Kind
from syncd.model.writes import Conflict, Done, Refused, SourceWrite, Verb
from tests.sources.conftest import DIALECTS
from tests.sources.test_sql_faults import engine_of, name_of, rename
from tests.sources.worlds import SqlWorld, client

pytestmark = pytest.mark.parametrize("dialect", DIALECTS)
Make = Callable[..., SqlWorld]


def three(world: SqlWorld) -> tuple[list[str], list[SourceWrite]]:
    ids = [world.add(client(name)) for name in ("One", "Two", "Three")]
    writes = [rename(world, record_id, f"New {record_id}", f"j{record_id}") for record_id in ids]
    return ids, [msgspec.structs.replace(write, qbo_id=f"Q{write.id}") for write in writes]


def commits(world: SqlWorld, writes: list[SourceWrite]) -> tuple[list[object], int]:
    counted: list[int] = []
    sa.event.listen(engine_of(world), "commit", lambda _: counted.append(1))
    before = len(counted)
    return list(world.source.write(writes)), len(counted) - before


def test_all_are_done_in_one_transaction(make_world: Make, dialect: str) -> None:
    world = make_world(dialect)
    ids, writes = three(world)
    outcomes, count = commits(world, writes)
    assert [type(outcome) for outcome in outcomes] == [Done] * 3
    assert count <= 2  # one looks at the tables before
    seen = world.source.read(Kind.CLIENT, ids)
    assert [name_of(world, record_id) for record_id in ids] == [f"New {record_id}" for record_id in ids]
    assert [outcome.after for outcome in outcomes if isinstance(outcome, Done)] == [seen[i] for i in ids]
    assert world.source.settled([write.journal_id for write in writes]) == {f"j{i}": i for i in ids}


def test_one_that_was_changed_meanwhile_stops_no_other(make_world: Make, dialect: str) -> None:
    world = make_world(dialect)
    ids, writes = three(world)
    world.rename(Kind.CLIENT, ids[1], "A person's")
    outcomes = world.source.write(writes)
    assert [type(outcome) for outcome in outcomes] == [Done, Conflict, Done]
    assert [name_of(world, i) for i in ids] == [f"New {ids[0]}", "A person's", f"New {ids[2]}"]


def test_one_that_the_database_refuses_stops_no_other(make_world: Make, dialect: str) -> None:
    world = make_world(dialect)
    ids, writes = three(world)
    taken = [*writes[:2], msgspec.structs.replace(writes[2], qbo_id=f"Q{ids[0]}")]
    outcomes = world.source.write(taken)
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Refused]
    assert name_of(world, ids[2]) == "Three"


def test_a_repeat_changes_nothing(make_world: Make, dialect: str) -> None:
    world = make_world(dialect)
    ids, writes = three(world)
    world.source.write(writes[:2])
    for record_id in ids:
        world.rename(Kind.CLIENT, record_id, "Later")
    outcomes = world.source.write(writes)
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Conflict]
    assert [name_of(world, i) for i in ids] == ["Later"] * 3


def test_two_writes_to_one_row_are_done_in_their_order(make_world: Make, dialect: str) -> None:
    world = make_world(dialect)
    record_id = world.add(client("One"))
    first = rename(world, record_id, "First", "a")
    outcomes = world.source.write([first, msgspec.structs.replace(first, journal_id="b")])
    assert [type(outcome) for outcome in outcomes] == [Done, Conflict]
    assert first.verb is Verb.UPDATE
