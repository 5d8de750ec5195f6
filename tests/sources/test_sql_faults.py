"""Lost connections, locks, refusals and people at the same row: what is answered, and what is in the database then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.kinds import Kind
from syncd.model.records.payments import Allocation
from syncd.model.writes import Conflict, Done, InDoubt, NotSent, Refused, SourceWrite, Verb
from syncd.sources.registry import open_source, source_config
from tests.sources.conftest import DIALECTS
from tests.sources.worlds import SqlWorld, client, invoice, line, payment


def rename(world: SqlWorld, record_id: str, name: str, journal: str = "j") -> SourceWrite:
    seen = world.source.read(Kind.CLIENT, [record_id])[record_id]
    wished = msgspec.structs.replace(seen.record, name=name)
    return SourceWrite(journal, Kind.CLIENT, Verb.UPDATE, record_id, seen.version, ("name",), wished)


def name_of(world: SqlWorld, record_id: str) -> str:
    return str(world.sql("SELECT name FROM client WHERE id = :id", id=int(record_id))[0][0])


def engine_of(world: SqlWorld) -> sa.Engine:
    engine: sa.Engine = world.source.database.engine  # type: ignore[attr-defined]
    return engine


@contextmanager
def at_statement(world: SqlWorld, beginning: str, action: Callable[[sa.Connection], None]) -> Iterator[None]:
    """Do something once, right before syncd's first statement that begins like this."""
    waiting = [action]

    def listen(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if waiting and statement.lstrip().upper().startswith(beginning):
            waiting.pop()(connection)

    sa.event.listen(engine_of(world), "before_cursor_execute", listen)
    try:
        yield
    finally:
        sa.event.remove(engine_of(world), "before_cursor_execute", listen)
    assert not waiting, f"no statement began with {beginning}"


def cut(world: SqlWorld) -> Callable[[sa.Connection], None]:
    """Ends syncd's connection from the server's side, as an administrator or a restart would."""

    def end(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if world.dialect == "postgresql":
            world.sql("SELECT pg_terminate_backend(:pid)", pid=driver.info.backend_pid)
        else:
            world.sql(f"KILL {driver.thread_id()}")

    return end


SERVERS = [dialect for dialect in DIALECTS if dialect != "sqlite"]


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_connection_lost_before_the_commit_changed_nothing(make_world: Callable[..., SqlWorld], dialect: str) -> None:
    world = make_world(dialect)
    one, two = world.add(client("One")), world.add(client("Two"))
    writes = [rename(world, one, "A", "a"), rename(world, two, "B", "b")]
    with at_statement(world, "UPDATE", cut(world)):
        outcomes = world.source.write(writes)
    assert [type(outcome) for outcome in outcomes] == [NotSent, NotSent]
    assert (name_of(world, one), name_of(world, two)) == ("One", "Two")
    assert [type(outcome) for outcome in world.source.write(writes)] == [Done, Done]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("reached", [True, False], ids=["it was done", "it was not done"])
def test_a_connection_lost_during_the_commit_leaves_a_doubt_that_the_log_settles(
    make_world: Callable[..., SqlWorld], dialect: str, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(dialect)
    one = world.add(client("One"))
    write = rename(world, one, "A")
    engine = engine_of(world)
    commit = engine.dialect.do_commit

    def lost(connection: Any) -> None:
        (commit if reached else engine.dialect.do_rollback)(connection)
        error = engine.dialect.loaded_dbapi.OperationalError(2013, "Lost connection during query")
        raise sa.exc.DBAPIError.instance(
            "COMMIT", None, error, engine.dialect.loaded_dbapi.Error, connection_invalidated=True
        )

    world.source.changes("")
    monkeypatch.setattr(engine.dialect, "do_commit", lost)
    # Reads commit as well; they must not meet the fault that is meant for the write.
    with monkeypatch.context() as patch:
        patch.setattr(world.source.database, "reading", lambda: _open(engine))  # type: ignore[attr-defined]
        outcome = world.source.write([write])[0]
    monkeypatch.undo()
    assert isinstance(outcome, InDoubt), outcome
    assert world.source.settled(["j"]) == ({"j": one} if reached else {})
    assert name_of(world, one) == ("A" if reached else "One")
    again = world.source.write([write])[0]
    assert isinstance(again, Done)
    assert name_of(world, one) == "A"


@contextmanager
def _open(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_read_that_is_cut_off_answers_nothing(make_world: Callable[..., SqlWorld], dialect: str) -> None:
    world = make_world(dialect)
    one = world.add(client())
    for number in range(3):
        world.add(invoice(one, number=f"N-{number}"))
    world.source.changes("")
    with at_statement(world, "SELECT INVOICE_LINE", cut(world)), pytest.raises(SourceUnavailable):
        world.source.changes("")
    with at_statement(world, "SELECT INVOICE_LINE", cut(world)), pytest.raises(SourceUnavailable):
        list(world.source.scan(Kind.INVOICE))
    assert len(list(world.source.scan(Kind.INVOICE))) == 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_row_that_a_person_holds_is_tried_again_later(make_world: Callable[..., SqlWorld], dialect: str) -> None:
    world = make_world(dialect, lock_timeout_seconds=1)
    one = world.add(client("One"))
    write = rename(world, one, "Ours")
    with world.people.connect() as person:
        if dialect == "sqlite":
            person.exec_driver_sql("BEGIN IMMEDIATE")
        person.exec_driver_sql(f"UPDATE client SET name = 'Theirs' WHERE id = {one}")
        outcome = world.source.write([write])[0]
        person.rollback()
    assert isinstance(outcome, NotSent), outcome
    assert isinstance(world.source.write([write])[0], Done)


@pytest.mark.parametrize("dialect", SERVERS)
def test_an_edit_that_commits_while_we_wait_is_a_conflict(make_world: Callable[..., SqlWorld], dialect: str) -> None:
    world = make_world(dialect, lock_timeout_seconds=20)
    one = world.add(client("One"))
    write = rename(world, one, "Ours")
    outcomes: list[Any] = []
    with world.people.connect() as person:
        person.exec_driver_sql(f"UPDATE client SET name = 'Theirs' WHERE id = {one}")
        ours = threading.Thread(target=lambda: outcomes.extend(world.source.write([write])))
        ours.start()
        ours.join(0.5)
        assert not outcomes, "the write must wait for the person's transaction"
        person.commit()
    ours.join(30)
    assert [type(outcome) for outcome in outcomes] == [Conflict]
    assert name_of(world, one) == "Theirs"


def test_the_source_s_own_rules_refuse_a_write(sql_world: SqlWorld) -> None:
    who = sql_world.add(client())
    bill = sql_world.add(invoice(who, number="secret number"))
    sql_world.add(payment(who, allocations=(Allocation(bill, Decimal("10.00")),)))
    seen = sql_world.source.read(Kind.INVOICE, [bill])[bill]
    refused = sql_world.source.write([SourceWrite("d", Kind.INVOICE, Verb.DELETE, bill, seen.version, (), None)])[0]
    assert isinstance(refused, Refused), refused
    assert refused.code == "constraint"
    assert refused.remedy
    assert "secret number" not in refused.text
    assert sql_world.source.read(Kind.INVOICE, [bill])[bill] == seen
    ghost = invoice("4711")
    refused = sql_world.source.write([SourceWrite("g", Kind.INVOICE, Verb.CREATE, "", "", (), ghost, "q")])[0]
    assert isinstance(refused, Refused)
    assert len(list(sql_world.source.scan(Kind.INVOICE))) == 1


def test_values_that_fit_no_column_are_refused(sql_world: SqlWorld) -> None:
    who = sql_world.add(client())
    wished = invoice("not a number")
    outcome = sql_world.source.write([SourceWrite("c", Kind.INVOICE, Verb.CREATE, "", "", (), wished, "q")])[0]
    assert isinstance(outcome, Refused)
    assert outcome.code == "not_writable"
    assert who


def test_a_user_who_may_not_write_is_told_so_before_and_after(make_world: Callable[..., SqlWorld]) -> None:
    world = make_world("postgresql")
    one = world.add(client("One"))
    world.sql("DROP ROLE IF EXISTS reader_only")
    world.sql("CREATE ROLE reader_only LOGIN PASSWORD 'hunter2'")
    world.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_only")
    url = sa.make_url(world.url).set(username="reader_only").render_as_string(hide_password=False)
    source = open_source(source_config({"url": url, "password": "hunter2", "schema": "reference"}))
    try:
        findings = [finding for finding in source.check() if finding.level == "error"]
        assert len(findings) == 7  # clients, estimates, the four other sorts of document, expenses
        assert all("may not be written" in finding.text and "Grant" in finding.remedy for finding in findings)
        refused = source.write([rename(world, one, "A")])[0]
        assert isinstance(refused, Refused)
        assert refused.code == "no_permission"
    finally:
        source.close()
        world.sql("DROP OWNED BY reader_only")
        world.sql("DROP ROLE reader_only")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://syncd:hunter2@127.0.0.1:1/books",
        "mysql+pymysql://syncd:hunter2@127.0.0.1:1/books",
    ],
)
def test_no_password_is_ever_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = source_config({"url": url, "schema": "reference", "connect_timeout_seconds": 1})
    source = open_source(config)
    said = [repr(config), str(config), source.identity(), str(source.check()), *capsys.readouterr()]
    with pytest.raises(SourceUnavailable) as caught:
        source.changes("")
    said += [str(caught.value), repr(caught.value.__cause__)]
    write = SourceWrite("j", Kind.CLIENT, Verb.UPDATE, "1", "1", ("name",), client("X"))
    said.append(str(source.write([write])))
    assert "hunter2" not in " ".join(said)
    source.close()


def test_a_password_of_its_own_replaces_that_of_the_address() -> None:
    config = source_config({"url": "mysql+pymysql://u:old@h/d", "password": "new", "schema": "reference"})
    source = open_source(config)
    assert source.database.url.password == "new"  # type: ignore[attr-defined]
    source.close()


def test_a_misspelt_file_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "nothing.sqlite"
    source = open_source(source_config({"url": f"sqlite:///{path}", "schema": "reference"}))
    with pytest.raises(SourceUnavailable, match="unable to open"):
        source.changes("")
    assert not path.exists()
    source.close()


def test_an_address_that_is_none() -> None:
    with pytest.raises(SourceMisconfigured, match=r"source\.url"):
        open_source(source_config({"url": "mysql+pymysql://u:p@h:port/d", "schema": "reference"}))


@contextmanager
def counted(world: SqlWorld) -> Iterator[list[str]]:
    """The statements that syncd sends."""
    sent: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    sa.event.listen(engine_of(world), "before_cursor_execute", listen)
    try:
        yield sent
    finally:
        sa.event.remove(engine_of(world), "before_cursor_execute", listen)


def test_statements_are_few_however_many_records_there_are(sql_world: SqlWorld) -> None:
    one = sql_world.add(client())
    mark = sql_world.source.changes("").watermark
    for number in range(25):
        sql_world.add(invoice(one, line(), line(), number=f"N-{number}"))
    with counted(sql_world) as many:
        assert len(sql_world.source.changes(mark).changed[Kind.INVOICE]) == 25
    with counted(sql_world) as point:
        sql_world.source.read(Kind.INVOICE, [str(number) for number in range(100)])
    assert len(many) <= 20
    assert len(point) <= 5


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_idle_cycle_is_a_handful_of_statements(make_world: Callable[..., SqlWorld], dialect: str) -> None:
    world = make_world(dialect, overlap_seconds=0)
    for _ in range(3):
        world.add(invoice(world.add(client())))
    mark = world.source.changes("").watermark
    with counted(world) as sent:
        assert not any(world.source.changes(mark).changed.values())
    assert len(sent) <= 8, sent
    plan = {
        "sqlite": "EXPLAIN QUERY PLAN SELECT id FROM invoice WHERE updated_at >= '2026-01-01'",
        "mysql": "EXPLAIN SELECT id FROM invoice FORCE INDEX (ix_invoice_updated_at) WHERE updated_at >= now(6)",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE tablename = 'invoice'",
    }[dialect]
    assert "updated_at" in str(world.sql(plan))
