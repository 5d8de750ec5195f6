"""The store: everything syncd remembers, behind short named transactions.

No transaction is ever open while something travels: each method is one transaction, begun and ended inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from syncd.clock import Clock
from syncd.errors import StateError
from syncd.state import migrate
from syncd.state.companies import Companies
from syncd.state.database import Database
from syncd.state.epochs import Epochs
from syncd.state.history import History
from syncd.state.holds import Holds
from syncd.state.journal import Journal
from syncd.state.leases import Leases
from syncd.state.links import Links
from syncd.state.looking_back import LookingBack
from syncd.state.runs import Runs
from syncd.state.settling import Settling
from syncd.state.tokens import Cipher, StateTokenStore


class Store(Companies, Links, Journal, Settling, Holds, History, Runs, Leases, Epochs, LookingBack):
    """The state database. Safe to share between threads; every process opens its own."""

    def __init__(self, database: Database, clock: Clock, cipher: Cipher) -> None:
        super().__init__(database, clock)
        self._cipher = cipher

    @classmethod
    def open(cls, url: str, *, clock: Clock, encryption_keys: Sequence[bytes] = (), read_only: bool = False) -> Self:
        """Open the state at ``url`` (``sqlite:///...`` or ``postgresql+psycopg://...``).

        With ``read_only`` nothing at all is written, for a dry run; a SQLite file that does not exist yet reads as an
        empty state.
        """
        return cls(Database(url, read_only=read_only), clock, Cipher(encryption_keys))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back."""
        self._db.close()

    def schema_is_current(self) -> bool:
        """Whether the tables are those this code reads and writes. One small query."""
        if self._db.is_empty_stand_in:
            return True
        with self._db.read() as connection:
            return migrate.version(connection) == migrate.HEAD

    def migrate(self) -> bool:
        """Bring the tables up to date, if they are not; whether there was anything to do."""
        if self._db.read_only:
            raise StateError("The state was opened for reading only and cannot be migrated.")
        if self.schema_is_current():
            return False
        migrate.migrate(self._db.url)
        return True

    def tokens(self, environment: str, realm_id: str) -> StateTokenStore:
        """The grant of one QBO company."""
        return StateTokenStore(self._db, self._clock, self._cipher, environment=environment, realm_id=realm_id)
