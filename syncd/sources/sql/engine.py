"""Connections, transactions and time, for each of the three databases; every error leaves here as one of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.sources.settings import SqlSourceConfig

_WRITE = "syncd_write"

READ_FAULTS = (sa.exc.SQLAlchemyError, OSError, UnicodeDecodeError)
"""All that a read can end in when the database, its driver or the way to it fails."""


class Database:
    """One source database: opens connections that are set up right, and tells its time. Safe to share by threads."""

    def __init__(self, config: SqlSourceConfig, *, read_only: bool = False) -> None:
        self.config = config
        self.url = url_of(config)
        self.zone: ZoneInfo = config.zone
        self._read_only = read_only
        try:
            self.engine = self._engine()
        except (sa.exc.NoSuchModuleError, ModuleNotFoundError):
            extra = {"postgresql": "postgres"}.get(self.url.get_backend_name(), "mysql")
            raise SourceMisconfigured(
                f"The driver for {self.url.drivername} is not installed.",
                remedy=f"Install it with: pip install 'syncd[{extra}]'",
            ) from None
        self.dialect = self.engine.dialect.name if self.engine.dialect.name != "mariadb" else "mysql"

    def _engine(self) -> sa.Engine:
        options: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
        backend = self.url.get_backend_name()
        if backend == "sqlite":
            # Pooled like the others: connections to a file are cheap, but not free. check_same_thread: the pool hands
            # a connection to one thread at a time.
            engine = sa.create_engine(
                "sqlite://",
                creator=self._open_sqlite,
                poolclass=sa.pool.QueuePool,
                **options,
            )
        else:
            engine = sa.create_engine(
                self.url, connect_args=self._connect_args(backend), pool_recycle=1800, pool_timeout=30, **options
            )
        _set_up(engine, backend, self.config)
        return engine

    def _connect_args(self, backend: str) -> dict[str, object]:
        config = self.config
        if backend == "postgresql":
            return {
                "connect_timeout": config.connect_timeout_seconds,
                "application_name": "syncd",
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
            }
        # The socket's own limits lie a little above the server's, so that the server's message comes first.
        patience = config.statement_timeout_seconds + config.lock_timeout_seconds + 10
        return {
            "connect_timeout": config.connect_timeout_seconds,
            "read_timeout": patience,
            "write_timeout": patience,
            "charset": "utf8mb4",
        }

    def _open_sqlite(self) -> sqlite3.Connection:
        # Never create a file: a misspelt path must fail, not look like an empty source.
        mode = "ro" if self._read_only else "rw"
        return sqlite3.connect(
            f"file:{quote(self.url.database or '')}?mode={mode}",
            uri=True,
            timeout=self.config.lock_timeout_seconds,
            check_same_thread=False,
            isolation_level=None,
        )

    def identity(self) -> str:
        """Which database this is, without secrets."""
        url = self.url
        if self.dialect == "sqlite":
            return f"sqlite:{url.database}"
        port = f":{url.port}" if url.port else ""
        return f"{self.dialect}://{url.host or 'localhost'}{port}/{url.database}"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent read transaction; whatever fails inside becomes ``SourceUnavailable``."""
        with self.translated(), self.engine.connect() as raw:
            options: dict[str, Any] = {}
            if self.dialect != "sqlite":
                options["isolation_level"] = "REPEATABLE READ"
            if self.dialect == "postgresql":
                options["postgresql_readonly"] = True
            connection = raw.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the faults of drivers into ours. ``SyncdError`` passes through."""
        try:
            yield
        except READ_FAULTS as error:
            raise SourceUnavailable(
                f"The source database cannot be read: {self.explain(error)}.",
                remedy="Nothing read so far is used; the next cycle tries again. Run 'syncd check' if it goes on.",
            ) from None

    def begin_write(self, connection: sa.Connection) -> sa.RootTransaction:
        """Begin a transaction that will write; on SQLite it takes the write lock at once."""
        connection.info[_WRITE] = True
        try:
            return connection.begin()
        finally:
            connection.info.pop(_WRITE, None)

    def now(self, connection: sa.Connection) -> datetime:
        """The database's own time in UTC; on PostgreSQL that at which the transaction began."""
        statement = {
            "postgresql": "SELECT transaction_timestamp()",
            "mysql": "SELECT UTC_TIMESTAMP(6)",
            "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
        }[self.dialect]
        value: Any = connection.exec_driver_sql(statement).scalar_one()
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def stamp(
        self, moment: datetime, column: sa.types.TypeEngine[Any], unit: str, later: datetime | None = None
    ) -> Any:
        """``moment`` (UTC) in the form in which a column of this type and unit holds moments.

        Where the column carries no zone and clocks were put back between ``moment`` and ``later``, the answer is
        earlier by that much: the same wall time came twice.
        """
        if unit != "timestamp":
            seconds = moment.timestamp()
            return int(seconds) if unit == "seconds" else int(seconds * 1000)
        if self.dialect == "postgresql" and getattr(column, "timezone", False):
            return moment
        utc = self.dialect == "mysql" and isinstance(column, sa.TIMESTAMP)  # our session runs in UTC
        local = moment.astimezone(UTC if utc else self.zone)
        if later is not None and not utc:
            before, after = local.utcoffset(), later.astimezone(self.zone).utcoffset()
            local -= max(timedelta(0), (before or timedelta(0)) - (after or timedelta(0)))
        naive = local.replace(tzinfo=None)
        if self.dialect == "sqlite":
            # With a blank: a text with T sorts after it on the same day, which reads too much and never too little.
            return naive.isoformat(sep=" ", timespec="milliseconds")
        return naive.date() if isinstance(column, sa.Date) else naive

    def explain(self, error: BaseException) -> str:
        """A driver's message for an operator: one line, without the rows and values that servers add to theirs."""
        origin = getattr(error, "orig", None) or error
        diagnosis = getattr(origin, "diag", None)
        said = getattr(diagnosis, "message_primary", None)
        if not said:
            arguments = getattr(origin, "args", ())
            said = str(arguments[-1]) if arguments else type(origin).__name__
        line = " ".join(str(said).split())[:300]
        for secret in (self.url.password, self.config.url.get_secret_value()):
            if secret:
                line = line.replace(str(secret), "***")
        return line.rstrip(".")

    def lost(self, error: BaseException) -> bool:
        """Whether the connection itself is gone (and not only a statement refused)."""
        return bool(getattr(error, "connection_invalidated", False)) or isinstance(error, OSError)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def url_of(config: SqlSourceConfig) -> sa.URL:
    try:
        url = sa.make_url(config.url.get_secret_value())
    except (sa.exc.ArgumentError, ValueError):
        raise SourceMisconfigured(
            "source.url: this is no database address.",
            remedy="Expected driver://user@host:port/database; put special characters of a password in password_file.",
        ) from None
    if config.password is not None:
        url = url.set(password=config.password.get_secret_value())
    return url


def _set_up(engine: sa.Engine, backend: str, config: SqlSourceConfig) -> None:
    statements = _session(backend, config)

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for statement, needed in statements:
            try:
                cursor.execute(statement)
            except Exception:
                if needed:
                    raise
        cursor.close()
        if backend == "postgresql":
            connection.commit()

    if backend == "sqlite":
        # The driver would begin transactions by itself, and only before writes: reads would not be consistent.
        @event.listens_for(engine, "begin")
        def _(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get(_WRITE) else "BEGIN")


def _session(backend: str, config: SqlSourceConfig) -> list[tuple[str, bool]]:
    statement_ms = config.statement_timeout_seconds * 1000
    if backend == "sqlite":
        return [("PRAGMA foreign_keys = ON", True)]
    if backend == "postgresql":
        return [
            (f"SET TIME ZONE '{config.time_zone}'", True),
            ("SET client_encoding TO 'UTF8'", True),
            ("SET DateStyle TO 'ISO'", True),
            (f"SET statement_timeout TO {statement_ms}", True),
            (f"SET lock_timeout TO {config.lock_timeout_seconds * 1000}", True),
            (f"SET idle_in_transaction_session_timeout TO {statement_ms}", True),
        ]
    return [
        ("SET time_zone = '+00:00'", True),
        # Values that do not fit are refused, not cut. ANSI quotes would make our own literals into names.
        ("SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'", True),
        (f"SET SESSION innodb_lock_wait_timeout = {config.lock_timeout_seconds}", True),
        # The two families call the statement limit differently; each knows only its own.
        (f"SET SESSION max_statement_time = {config.statement_timeout_seconds}", False),
        (f"SET SESSION max_execution_time = {statement_ms}", False),
    ]


def tolerate_bad_text(connection: sa.Connection) -> Callable[[], None]:
    """Let SQLite answer with a replacement mark where stored text is no UTF-8; returns what ends this.

    Costs a Python call per text, so it is used only after a read has failed on such text.
    """
    driver: Any = connection.connection.driver_connection
    driver.text_factory = lambda value: value.decode("utf-8", "replace")

    def restore() -> None:
        driver.text_factory = str

    return restore
