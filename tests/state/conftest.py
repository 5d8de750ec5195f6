"""Real databases for the tests of the state: a SQLite file and a PostgreSQL server, both for every test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from state_world import COMPANY, KEY, REALM, execute, pinned

from syncd.clock import ManualClock
from syncd.state import migrate, tables
from syncd.state.store import Store
from syncd.state.values import Lease
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


def _migrated(url: str) -> None:
    with Store.open(url, clock=ManualClock()) as store:
        store.migrate()


def _administer(server: str, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def _address(server: str, database: str) -> str:
    return sa.make_url(server).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "state.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_state(postgres_server: str) -> Iterator[str]:
    """A database with the current tables that all tests share, one after the other: making one takes half a second."""
    name = f"t_{uuid4().hex}"
    _administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE template0")
    url = _address(postgres_server, name)
    _migrated(url)
    yield url
    _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def _emptied(url: str) -> str:
    names = ", ".join(tables.metadata.tables)
    execute(
        url,
        "ALTER TABLE history DISABLE TRIGGER USER",
        f"TRUNCATE {names} RESTART IDENTITY",
        "ALTER TABLE history ENABLE TRIGGER USER",
        f"UPDATE alembic_version SET version_num = '{migrate.HEAD}'",
    )
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
    return fresh()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the current tables and nothing in them."""
    if request.param == "postgresql":
        return _emptied(request.getfixturevalue("postgres_state"))
    path = tmp_path / "state.db"
    shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_store(url: str, clock: ManualClock) -> Iterator[Callable[[], Store]]:
    """Opens further stores on the same database, as other processes would."""
    opened: list[Store] = []

    def opener() -> Store:
        opened.append(Store.open(url, clock=clock, encryption_keys=[KEY]))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """A store with one pinned company."""
    store = open_store()
    pinned(store, COMPANY, REALM)
    return store


@pytest.fixture
def lease(store: Store) -> Lease:
    return store.acquire(COMPANY, "tester", 600)
