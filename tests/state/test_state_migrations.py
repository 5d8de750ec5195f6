"""The tables, and the way from one version of them to the next."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url
from state_world import execute

from syncd.clock import ManualClock
from syncd.errors import ConfigError, StateError
from syncd.state import migrate, tables
from syncd.state.store import Store


def differences(url: str) -> list[object]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, tables.metadata))
    finally:
        engine.dispose()


def table_names(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_head_is_the_newest_migration() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(migrate.config(connection))
    engine.dispose()
    assert scripts.get_heads() == [migrate.HEAD]


def test_migrations_make_exactly_the_tables_of_the_code(empty_url: str) -> None:
    with Store.open(empty_url, clock=ManualClock()) as store:
        assert not store.schema_is_current()
        assert store.migrate()
        assert store.schema_is_current()
        assert not store.migrate()
    assert differences(empty_url) == []
    assert table_names(empty_url) == set(tables.metadata.tables)


def test_up_down_and_up_again(empty_url: str) -> None:
    url = make_url(empty_url)
    migrate.migrate(url)
    migrate.migrate(url, "base")
    assert table_names(empty_url) == set()
    migrate.migrate(url)
    assert differences(empty_url) == []


def test_migrations_make_the_very_indexes_of_the_code(empty_url: str) -> None:
    """Alembic's comparison does not look at the WHERE of a partial index, and ours carry promises."""
    catalogue = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename <> 'alembic_version' "
        "AND schemaname = 'public'",
    }[make_url(empty_url).get_backend_name()]
    migrate.migrate(make_url(empty_url))
    migrated = {name: " ".join(sql.split()) for name, sql in execute(empty_url, catalogue)}
    migrate.migrate(make_url(empty_url), "base")
    engine = create_engine(empty_url)
    tables.metadata.create_all(engine)
    engine.dispose()
    assert migrated == {name: " ".join(sql.split()) for name, sql in execute(empty_url, catalogue)}


def test_a_failed_migration_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StateError("the disk is full")

    real = command.upgrade

    def upgrade_then_fail(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]  # handed through
        fail()

    monkeypatch.setattr(command, "upgrade", upgrade_then_fail)
    with pytest.raises(StateError, match="disk is full"):
        migrate.migrate(make_url(empty_url))
    assert table_names(empty_url) == set()


def test_two_processes_migrate_at_once(empty_url: str) -> None:
    code = "import sys; from syncd.state.store import Store; from syncd.clock import SystemClock\n"
    code += "s = Store.open(sys.argv[1], clock=SystemClock()); s.migrate(); assert s.schema_is_current(); s.close()"

    def run(_: int) -> int:
        return subprocess.run([sys.executable, "-c", code, empty_url], check=False).returncode

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, range(3))) == [0, 0, 0]


def test_a_state_from_a_newer_syncd_is_refused(url: str) -> None:
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with Store.open(url, clock=ManualClock()) as store:
        assert not store.schema_is_current()
        with pytest.raises(StateError, match="newer syncd"):
            store.migrate()


def test_the_hot_start_does_not_import_alembic(url: str) -> None:
    code = "import sys; from syncd.state.store import Store; from syncd.clock import SystemClock\n"
    code += "s = Store.open(sys.argv[1], clock=SystemClock()); assert not s.migrate(); s.close()\n"
    code += "assert 'alembic' not in sys.modules and 'cryptography' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, url], check=True)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)  # PostgreSQL lets no reference dangle
def test_a_migration_that_finds_dangling_rows_is_undone(empty_url: str) -> None:
    migrate.migrate(make_url(empty_url), "+1")
    execute(empty_url, "PRAGMA foreign_keys=OFF", "INSERT INTO bases (link_id, source_half) VALUES (77, '{}')")
    with pytest.raises(StateError, match="refer to nothing"):
        migrate.migrate(make_url(empty_url))


@pytest.mark.parametrize("address", ["mysql://u@h/d", "sqlite://", "sqlite:///:memory:", "not an address"])
def test_an_address_that_cannot_hold_a_state(address: str) -> None:
    with pytest.raises(ConfigError):
        Store.open(address, clock=ManualClock())


def test_connections_are_set_up_for_safety(url: str) -> None:
    with Store.open(url, clock=ManualClock()) as store, store._db.write() as connection:
        if url.startswith("sqlite"):
            pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in SAFE}
            assert pragmas == SAFE
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


SAFE = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 20_000}


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(StateError, match="read"), store._db.read() as connection:
        connection.execute(tables.meter.insert(), {"company": "a", "month": "2026-01", "reads": 1})


def test_errors_carry_no_data(store: Store) -> None:
    row = {"company": "very-secret", "month": "2026-01", "reads": None}
    with pytest.raises(StateError) as caught, store._db.write() as connection:
        connection.execute(tables.meter.insert(), row)
    assert "very-secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
