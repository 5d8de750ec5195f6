"""Reading a SQLite state without leaving a trace: what a dry run needs.

A database in WAL mode is three files, and merely opening it may create two of them. So each read looks first:

* no ``-wal`` file: nobody has it open, all data is in the main file. It is read as ``immutable``, which creates
  nothing; if the file turns out to have changed during the read, the read is refused (say again, it is cheap).
* ``-wal`` and ``-shm`` are there: another process has it open (or was killed). It is read with ``mode=ro`` through
  both, which takes part in SQLite's locking, changes no data and removes nothing.
* ``-wal`` without ``-shm`` (a restored backup): SQLite would have to create the missing file, so a private copy of
  both is read instead, in a temporary directory that is removed on close.
* no file at all: an empty state in memory, so that a dry run before the first run finds what is true: nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine, event

from syncd.errors import StateError
from syncd.state import tables

BUSY_TIMEOUT_MILLISECONDS = 20_000


class SnapshotReader:
    """Reads one SQLite file, present or not, and changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines: dict[str, Engine] = {}
        self._copy: tempfile.TemporaryDirectory[str] | None = None

    @property
    def is_empty_stand_in(self) -> bool:
        """Whether the file does not exist, and an empty state is read instead."""
        return self._way() == "memory"

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """One read transaction, on a connection of its own: nothing stays open in between."""
        way = self._way()
        stamp = self._stamp() if way == "immutable" else None
        with self._engine(way).begin() as connection:
            yield connection
        if stamp is not None and self._stamp() != stamp:
            raise StateError("The state was written to while it was being read.", remedy="Run the command again.")

    def close(self) -> None:
        """Drop connections and the private copy, if one was needed."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def _way(self) -> str:
        if self._copy is not None:
            return "copy"
        if not self._path.exists():
            return "memory"
        if not _beside(self._path, "-wal").exists():
            return "immutable"
        return "live" if _beside(self._path, "-shm").exists() else "copy"

    def _stamp(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_mtime_ns, status.st_size

    def _engine(self, way: str) -> Engine:
        if way not in self._engines:
            self._engines[way] = self._empty() if way == "memory" else self._reader(way)
        return self._engines[way]

    def _reader(self, way: str) -> Engine:
        path = self._copied() if way == "copy" else self._path
        options = {"immutable": "mode=ro&immutable=1", "live": "mode=ro", "copy": "mode=rw"}[way]
        url = f"sqlite:///file:{quote(str(path.resolve()))}?{options}&uri=true"
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _copied(self) -> Path:
        self._copy = tempfile.TemporaryDirectory(prefix="syncd-state-")
        target = Path(self._copy.name) / "state.db"
        for suffix in ("", "-wal"):
            shutil.copyfile(_beside(self._path, suffix), _beside(target, suffix))
        return target

    @staticmethod
    def _empty() -> Engine:
        engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
        tables.metadata.create_all(engine)
        return engine


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _prepare(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # a sqlite3.Connection, typed by no event
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}").close()  # type: ignore[attr-defined]  # as above
    connection.execute("PRAGMA query_only=ON").close()  # type: ignore[attr-defined]  # as above


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
