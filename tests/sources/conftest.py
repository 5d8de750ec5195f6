"""Worlds for the contract suite, and for tests of one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.sources.worlds import MemoryWorld, SqlWorld, World
from tests.support.mariadb import mysql_server, mysql_url
from tests.support.postgres import postgres_server, postgres_url

DIALECTS = ("sqlite", "postgresql", "mysql")


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The address of a new, empty database of a dialect."""

    def fresh(dialect: str) -> str:
        if dialect == "sqlite":
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite"
            path.touch()
            return f"sqlite:///{path}"
        made: Callable[[], str] = request.getfixturevalue("postgres_url" if dialect == "postgresql" else "mysql_url")
        return made()

    return fresh


@pytest.fixture(scope="session")
def kept_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The address of a database that one test after the other uses: MariaDB takes seconds to make the tables."""
    made: dict[str, str] = {}

    def kept(dialect: str) -> str:
        if dialect not in made:
            server: str = request.getfixturevalue("postgres_server" if dialect == "postgresql" else "mysql_server")
            engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
            name = f"kept_{uuid4().hex}"
            with engine.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
            made[dialect] = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        return made[dialect]

    return kept


@pytest.fixture
def make_world(fresh_url: Callable[[str], str], kept_url: Callable[[str], str]) -> Iterator[Callable[..., SqlWorld]]:
    """Build a world with the reference schema on a dialect, empty; closed after the test. One at a time per dialect."""
    made: list[SqlWorld] = []

    def make(dialect: str, **options: Any) -> SqlWorld:
        fresh = dialect == "sqlite" or any(world.dialect == dialect for world in made)
        made.append(SqlWorld((fresh_url if fresh else kept_url)(dialect), **options))
        if not fresh:
            made[-1].empty()
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture(params=["memory", *DIALECTS])
def world(request: pytest.FixtureRequest, make_world: Callable[..., SqlWorld]) -> World:
    """Every kind of source."""
    return MemoryWorld() if request.param == "memory" else make_world(request.param)


@pytest.fixture(params=DIALECTS)
def sql_world(request: pytest.FixtureRequest, make_world: Callable[..., SqlWorld]) -> SqlWorld:
    """Every database, with the reference schema."""
    return make_world(request.param)


__all__ = ["mysql_server", "mysql_url", "postgres_server", "postgres_url"]
