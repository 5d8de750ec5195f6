"""Bringing the tables up to date. Alembic is imported only when there is something to do: it costs most of a second."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from syncd.errors import StateError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"
"""The version of the tables that this code reads and writes; a test holds it to the newest migration."""

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x73796E6364
"""PostgreSQL's advisory lock of whoever migrates: "syncd" in ASCII."""


def version(connection: Connection) -> str | None:
    """The version of the tables in this database; None when it holds none of ours."""
    if connection.dialect.name == "sqlite":
        present = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    else:
        present = "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"
    if connection.execute(text(present)).first() is None:
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def migrate(url: URL, target: str = "head") -> None:
    """Move the tables to ``target`` in one transaction: all of it or nothing, one process at a time.

    Foreign keys are off meanwhile on SQLite (a rebuilt table is dropped and renamed) and checked before the commit.
    """
    engine = create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _run(connection, target)
            if engine.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise StateError("The migration would leave rows that refer to nothing; it was undone.")
    except DBAPIError as error:
        raise StateError(
            f"The state database could not be migrated ({type(error.orig).__name__}): "
            f"{str(error.orig).splitlines()[0]}. Nothing was changed."
        ) from None
    finally:
        engine.dispose()


def _run(connection: Connection, target: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        if target == "head" or target.startswith("+"):
            command.upgrade(config(connection), target)
        else:
            command.downgrade(config(connection), target)
    except CommandError:
        raise StateError(
            f"The state database is at version {version(connection)}, which this syncd does not know.",
            remedy="It was written by a newer syncd: install that version.",
        ) from None


def config(connection: Connection) -> Config:
    """Alembic's settings for our scripts on an open connection."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _prepare_sqlite(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # a sqlite3.Connection, typed by no event
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}").close()  # type: ignore[attr-defined]  # as above


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
