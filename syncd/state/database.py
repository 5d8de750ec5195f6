"""The connection to the state database: engines, short transactions, and errors that carry no data.

SQLite needs care (measured: without it, two read-then-write blocks at once lose one of the updates, silently):

* the driver's own transaction handling is off (``isolation_level = None``) and writers begin with BEGIN IMMEDIATE, so
  that what is read inside a write transaction cannot change before its commit;
* readers have a second engine with a plain BEGIN, else every reader would take the write lock;
* WAL, so that readers never wait; ``synchronous=FULL``, so that a commit survives a power cut.

PostgreSQL: writers at READ COMMITTED, each taking the row lock that orders it; readers on a REPEATABLE READ snapshot.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.sql.dml import Insert

from syncd.errors import ConfigError, StateError
from syncd.state.snapshot import SnapshotReader

BUSY_TIMEOUT_SECONDS = 20
"""How long a writer waits for another process's short transaction before it gives up."""
IDLE_TRANSACTION_SECONDS = 60
"""How long PostgreSQL lets a transaction of ours stand still before it ends it: a process that was paused inside one
holds row locks that its successor waits for. Ours take milliseconds."""
JOURNAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
"""SQLite cuts its write-ahead log back to this after a checkpoint."""


class Database:
    """One state database, opened for one process. Transactions are short: nothing travels while one is open."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = _parsed(url)
        self.read_only = read_only
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._turn: AbstractContextManager[Any] = threading.Lock() if self.sqlite else _NoTurn()
        self._writer: Engine | None = None
        self._reader: Engine | None = None
        self._snapshot: SnapshotReader | None = None
        if not self.sqlite:
            self._open_postgresql()
        elif read_only:
            self._snapshot = SnapshotReader(sqlite_path(self.url))
        else:
            self._open_sqlite()

    def _open_sqlite(self) -> None:
        _create_private(sqlite_path(self.url))
        self._writer = create_engine(self.url, hide_parameters=True)
        event.listen(self._writer, "connect", _prepare_sqlite)
        event.listen(self._writer, "begin", _begin_immediate)
        self._reader = create_engine(self.url, hide_parameters=True)
        event.listen(self._reader, "connect", _prepare_sqlite_reader)
        event.listen(self._reader, "begin", _begin)

    def _open_postgresql(self) -> None:
        self._reader = create_engine(
            self.url,
            hide_parameters=True,
            pool_pre_ping=True,
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        )
        if not self.read_only:
            self._writer = create_engine(
                self.url, hide_parameters=True, pool_pre_ping=True, isolation_level="READ COMMITTED"
            )
            event.listen(self._writer, "connect", _prepare_postgresql)

    @property
    def is_empty_stand_in(self) -> bool:
        """Whether there is no database yet and an empty one in memory is read instead."""
        return self._snapshot is not None and self._snapshot.is_empty_stand_in

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent look at the state. Cannot write."""
        with _plain_errors("read"):
            if self._snapshot is not None:
                with self._snapshot.connect() as connection:
                    yield connection
            elif self._reader is not None:
                with self._reader.begin() as connection:
                    yield connection
            else:
                raise StateError("The state database is closed.")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that is durable when the block has ended, or undone when it raises."""
        if self._writer is None:
            raise StateError("The state was opened for reading only: a dry run writes nothing to it.")
        with _plain_errors("written"), self._turn, self._writer.begin() as connection:
            yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT, for either database."""
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    def upsert(self, table: Table, change: Sequence[str] | None = None) -> Insert:
        """Insert, or where the key exists replace the columns named in ``change`` (by default all but the key)."""
        statement = self.insert(table)
        key = [column.name for column in table.primary_key]
        names = change if change is not None else [column.name for column in table.c if column.name not in key]
        return statement.on_conflict_do_update(
            index_elements=key, set_={name: statement.excluded[name] for name in names}
        )

    def close(self) -> None:
        """Give every connection back. The object cannot be used afterwards."""
        for engine in (self._writer, self._reader):
            if engine is not None:
                engine.dispose()
        self._writer = self._reader = None
        if self._snapshot is not None:
            self._snapshot.close()


class _NoTurn:
    """Where the server itself orders the writers."""

    def __enter__(self) -> None:
        """Nothing to wait for."""

    def __exit__(self, *details: object) -> None:
        """Nothing to give back."""


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        raise ConfigError("The state database's address cannot be read.") from None
    if backend not in {"sqlite", "postgresql"}:
        raise ConfigError(
            f"The state database cannot live on {backend}.", remedy="Use sqlite:/// or postgresql+psycopg://."
        )
    if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigError("The state database needs a file: state in memory would not survive the process.")
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def rows(connection: Connection, statement: Any) -> Sequence[Any]:
    """All rows of a query. Their types are the decoder's business: they are checked as the values are made."""
    return connection.execute(statement).all()


def sqlite_path(url: URL) -> Path:
    """The file behind a SQLite address."""
    return Path(url.database or "")


def _create_private(path: Path) -> None:
    """Make the file, if it is new, readable by its owner alone: it holds business data."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StateError(f"The state database {path} cannot be opened: {error.strerror}.") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"journal_size_limit={JOURNAL_SIZE_LIMIT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _prepare_sqlite_reader(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}").close()
    connection.execute("PRAGMA query_only=ON").close()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """A server that acknowledges commits before they are on disk would break the journal's promise; one on which a
    paused process keeps its locks would keep its successor waiting for ever."""
    patience = {
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_SECONDS,
        "lock_timeout": IDLE_TRANSACTION_SECONDS + BUSY_TIMEOUT_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        for name, seconds in patience.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, f"{round(seconds * 1000)}ms"))
    connection.commit()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@contextmanager
def _plain_errors(done: str) -> Iterator[None]:
    """Turn the driver's errors into ours. Their details may quote whole rows, so only the first line is kept."""
    try:
        yield
    except DBAPIError as error:
        first_line = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        raise StateError(
            f"The state database could not be {done} ({type(error.orig).__name__}: {first_line})."
        ) from None
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StateError(f"The state database could not be {done} ({type(cause).__name__}).") from cause
