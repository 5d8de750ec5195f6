"""Grants at rest: encrypted, changed by compare-and-set, refreshed by one process at a time.

What is encrypted says which company it belongs to, so that a row copied onto another company's is noticed. The grant
before the present one is kept too: Intuit's old refresh token still works for a while, and a person may need it (F-55).
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select, update

from syncd.clock import Clock
from syncd.errors import ConfigError, LeaseHeld, LeaseLost, StateError
from syncd.state import codec, leases, tables
from syncd.state.database import Database
from syncd.state.values import Lease, Tokens

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

tokens = tables.tokens

LOCK_TTL_SECONDS = 90.0
"""How long a refresher that cannot be asked (another machine) keeps the lock after it was last heard of; it prolongs
the lock while it works, because several requests of up to 130 s each may be needed."""
LOCK_WAIT_SECONDS = 120.0
"""How long to wait for another process's refresh: long enough to outlast one that was killed."""
LOCK_POLL_SECONDS = 0.1

_DATES = ("access_expires_at", "refresh_expires_at", "hard_expires_at", "connected_at")


class Cipher:
    """Encrypts with the first key, decrypts with any: put a new key first to change keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._fernet = _fernet(keys) if keys else None

    def seal(self, secret: dict[str, str]) -> str:
        """Text that nobody can read without a key."""
        return self._needed().encrypt(codec.to_json(secret).encode()).decode()

    def open(self, sealed: str) -> dict[str, str]:
        """What was sealed."""
        from cryptography.fernet import InvalidToken

        try:
            return dict(codec.from_json(self._needed().decrypt(sealed.encode()).decode()))
        except InvalidToken:
            raise StateError(
                "The stored grant cannot be decrypted with the configured keys.",
                remedy="Give the key it was stored with as well, or connect again.",
            ) from None

    def _needed(self) -> MultiFernet:
        if self._fernet is None:
            raise StateError("No encryption key is configured: grants are never stored in the clear.")
        return self._fernet


def _fernet(keys: Sequence[bytes]) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ConfigError("An encryption key is not 32 bytes in URL-safe base64.") from None


class StateTokenStore:
    """The grant of one company (environment and realm) in the state database."""

    def __init__(self, database: Database, clock: Clock, cipher: Cipher, *, environment: str, realm_id: str) -> None:
        self._db = database
        self._clock = clock
        self._cipher = cipher
        self.environment = environment
        self.realm_id = realm_id

    def load(self) -> Tokens | None:
        """The grant as it is stored now; None when this company was never connected."""
        return self._load(tokens.c.secret)

    def load_previous(self) -> Tokens | None:
        """The grant before the present one, for a person who has to find out what went wrong."""
        return self._load(tokens.c.previous)

    def broken(self) -> str:
        """Why the grant is no good; nothing is decrypted for that. Empty: it may be good, or there is none."""
        with self._db.read() as connection:
            return connection.scalar(select(tokens.c.broken).where(*self._mine())) or ""

    def save(self, grant: Tokens, expected_version: int) -> bool:
        """Replace the grant if it still has ``expected_version`` (0: there is none); durable on return.

        False when somebody else was faster: load again. The stored version is ``expected_version`` + 1.
        """
        if (grant.environment, grant.realm_id) != (self.environment, self.realm_id):
            raise StateError(f"A grant of {grant.realm_id} cannot be stored for {self.realm_id}.")
        values: dict[str, Any] = {
            "secret": self._cipher.seal(
                {
                    "environment": self.environment,
                    "realm_id": self.realm_id,
                    "access_token": grant.access_token,
                    "refresh_token": grant.refresh_token,
                }
            ),
            **{name: getattr(grant, name) for name in _DATES},
            "version": expected_version + 1,
            "broken": codec.shown(grant.broken),
        }
        with self._db.write() as connection:
            if expected_version == 0:
                first = {"environment": self.environment, "realm_id": self.realm_id, "previous": "", **values}
                insert = self._db.insert(tokens).values(first).on_conflict_do_nothing()
                return connection.execute(insert.returning(tokens.c.version)).first() is not None
            values["previous"] = tokens.c.secret
            changed = connection.execute(
                update(tokens).where(*self._mine(), tokens.c.version == expected_version).values(values)
            )
            return changed.rowcount == 1

    def mark_broken(self, reason: str, expected_version: int | None = None) -> bool:
        """Remember that the grant is dead and a person has to connect again.

        With ``expected_version``, only if nobody stored a new grant meanwhile. Whether anything was marked.
        """
        where = list(self._mine())
        if expected_version is not None:
            where.append(tokens.c.version == expected_version)
        values = {"broken": codec.shown(reason), "version": tokens.c.version + 1}
        with self._db.write() as connection:
            return connection.execute(update(tokens).where(*where).values(values)).rowcount == 1

    @contextmanager
    def lock(
        self,
        *,
        wait_seconds: float = LOCK_WAIT_SECONDS,
        holder: str = "",
        gone: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[Lease]:
        """Be the only process that refreshes this grant. Waits for another; a killed one's lock runs out by itself, or
        at once where ``gone`` knows that its ``holder`` lives no more.

        ``save`` compares versions all the same: the lock keeps two from asking Intuit, the version from storing.
        """
        name = f"tokens:{self.environment}:{self.realm_id}"
        signed = holder or f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
        lease = self._wait(name, signed, self._clock.monotonic() + wait_seconds, gone)
        try:
            yield lease
        finally:
            with self._db.write() as connection:
                leases.give_back(connection, name, lease, self._clock.now())

    def renew(self, lease: Lease) -> Lease:
        """Keep the lock for as long again; ``LeaseLost`` when it passed to another process meanwhile."""
        with self._db.write() as connection:
            until = leases.prolong(connection, lease.company, lease, self._clock.now())
        if until is None:
            raise LeaseLost(f"The right to refresh the grant of {self.realm_id} passed to another process.")
        return msgspec.structs.replace(lease, expires_at=until)

    def _wait(self, name: str, holder: str, until: float, gone: Callable[[str], bool]) -> Lease:
        while True:
            now = self._clock.now()
            with self._db.write() as connection:
                taken = leases.take(connection, self._db, name, holder, LOCK_TTL_SECONDS, now)
                if not isinstance(taken, Lease) and gone(taken[0]):
                    leases.take_over(connection, name, taken[0], now)
                    taken = leases.take(connection, self._db, name, holder, LOCK_TTL_SECONDS, now)
            if isinstance(taken, Lease):
                return taken
            if self._clock.monotonic() >= until:
                raise LeaseHeld(f"{taken[0]} has been refreshing the grant of {self.realm_id} for too long.")
            self._clock.sleep(LOCK_POLL_SECONDS)

    def _mine(self) -> tuple[Any, Any]:
        return tokens.c.environment == self.environment, tokens.c.realm_id == self.realm_id

    def _load(self, column: Any) -> Tokens | None:
        asked = select(column.label("sealed"), *(tokens.c[name] for name in (*_DATES, "version", "broken")))
        with self._db.read() as connection:
            row = connection.execute(asked.where(*self._mine())).mappings().first()
        if row is None or not row["sealed"]:
            return None
        secret = self._cipher.open(row["sealed"])
        if (secret.get("environment"), secret.get("realm_id")) != (self.environment, self.realm_id):
            raise StateError(f"The grant stored for {self.realm_id} is another company's.", remedy="Connect again.")
        plain = {name: row[name] for name in (*_DATES, "version", "broken")}
        return msgspec.convert({**secret, **plain}, Tokens)
