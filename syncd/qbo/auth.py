"""OAuth 2.0 with Intuit: one refresher at a time, and a new token is stored before it is used (protocol.md 2).

What has to hold under every reading of Intuit's contradictory texts on token rotation (2.5):

* one refresh at a time per company, across threads (a lock here) and processes (``TokenStore.lock``);
* whoever gets the lock looks at the store first: somebody else may have refreshed meanwhile (F-56);
* a new pair is durably stored before its first use (F-55), and an error answer replaces nothing (F-58);
* ``invalid_grant`` is final only after one more look at the store; anything else is retried (F-59).
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from syncd.clock import Clock
from syncd.errors import QboUnavailable, ReconnectNeeded, WrongCompany
from syncd.metrics import Metrics
from syncd.qbo.settings import QboConfig
from syncd.qbo.token_service import DEAD, InvalidGrantError, TokenAnswer, TokenEndpoint

REFRESH_MARGIN = timedelta(minutes=3)
"""A token is renewed this long before it runs out: longer than the longest request."""
ENDED_BY = "disconnected by "
"""What a grant is marked with that a person gave back; the name follows. Nothing brings it back but a new approval."""
_RECONNECT = "Run `syncd connect` and let an administrator of the QuickBooks company approve."


class TokensLike(Protocol):
    """What is read of a stored grant. ``version`` rises with every stored change."""

    @property
    def realm_id(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def access_token(self) -> str: ...
    @property
    def refresh_token(self) -> str: ...
    @property
    def access_expires_at(self) -> datetime: ...
    @property
    def refresh_expires_at(self) -> datetime | None: ...
    @property
    def hard_expires_at(self) -> datetime | None: ...
    @property
    def version(self) -> int: ...
    @property
    def broken(self) -> str: ...


T = TypeVar("T", bound=TokensLike)


class TokenStore(Protocol[T]):
    """Where the grant of one company lives. Everything is durable when the call returns."""

    def load(self) -> T:
        """The newest stored grant. Raises ``ReconnectNeeded`` when there is none."""
        ...

    def save(self, new: T, expected_version: int) -> bool:
        """Store ``new`` if the stored version is still ``expected_version``; the stored version rises by itself."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Held by at most one refresher of this company, on any machine that shares the store."""
        ...


class Authorizer(Generic[T]):
    """Hands out access tokens that work, and renews them. One per company, shared by its threads."""

    def __init__(
        self,
        config: QboConfig,
        store: TokenStore[T],
        clock: Clock,
        *,
        stop: threading.Event,
        metrics: Metrics,
        company: str = "",
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._company = company or config.realm_id
        self._endpoint = TokenEndpoint(config, clock, stop)
        self._lock = threading.Lock()
        self._current: T | None = None
        self._unsaved: tuple[T, str] | None = None
        """A new pair that could not be stored, and the refresh token it was given for."""

    def close(self) -> None:
        self._endpoint.close()

    def access_token(self) -> str:
        """A token that is good for a while longer; renews it when it is not."""
        return self.renew("")

    def renew(self, refused: str) -> str:
        """A token other than ``refused``, which QBO turned away. Whoever comes second finds the work done."""
        current = self._current
        if current is None or not self._usable(current, refused):
            with self._lock:
                current = self._current
                if current is None or not self._usable(current, refused):
                    current = self._renew_shared(refused)
                    self._current = current
        return current.access_token

    def _usable(self, tokens: T, refused: str) -> bool:
        fresh = tokens.access_expires_at - REFRESH_MARGIN > self._clock.now()
        return fresh and tokens.access_token != refused and not tokens.broken

    def _renew_shared(self, refused: str) -> T:
        """With the lock of this process: see what is stored, and refresh under the lock of all processes."""
        if self._unsaved is None and self._usable(stored := self._load(), refused):
            return stored
        with self._store.lock():
            if self._unsaved is not None and self._replaces(self._unsaved[1]) is not None:
                return self._keep(*self._unsaved)
            self._unsaved = None
            stored = self._load()
            if self._usable(stored, refused):
                return stored
            return self._refresh(stored)

    def _refresh(self, stored: T) -> T:
        try:
            answer = self._endpoint.refresh(stored.refresh_token)
        except InvalidGrantError:
            answer, stored = self._second_look(stored)
        except (QboUnavailable, WrongCompany):
            self._count("failed")
            raise
        self._count("renewed")
        return self._keep(
            msgspec.structs.replace(
                stored,  # type: ignore[type-var] # a TokensLike is a struct: the store's own record
                access_token=answer.access_token,
                refresh_token=answer.refresh_token,
                access_expires_at=answer.access_expires_at,
                refresh_expires_at=answer.refresh_expires_at or stored.refresh_expires_at,
                hard_expires_at=answer.hard_expires_at or stored.hard_expires_at,
                broken="",
            ),
            stored.refresh_token,
        )

    def _second_look(self, refused: T) -> tuple[TokenAnswer, T]:
        """``invalid_grant``: perhaps somebody without our lock (an older backup, a second host) was quicker."""
        stored = self._load()
        if stored.refresh_token != refused.refresh_token:
            try:
                return self._endpoint.refresh(stored.refresh_token), stored
            except InvalidGrantError:
                pass
        self._count("refused")
        broken: Any = msgspec.structs.replace(stored, broken=DEAD)  # type: ignore[type-var] # as above
        self._store.save(broken, stored.version)
        raise reconnect(DEAD)

    def _keep(self, new: T, presented: str) -> T:
        """Store the new pair durably; only then may it be used (F-55). A failed save is tried once more (2.5).

        ``presented`` is the refresh token it was given for. Whoever overtook us (we had been stopped for longer than
        the lock lasts) was refused with that token and called the grant dead: what we hold is the one that lives.
        """
        self._unsaved = new, presented
        try:
            saved = self._store.save(new, new.version)
        except Exception:
            saved = self._store.save(new, new.version)
        if not saved and (found := self._replaces(presented)) is not None and found.broken:
            self._store.save(new, found.version)
        self._unsaved = None
        stored = self._load()
        if not saved and not self._usable(stored, ""):
            raise QboUnavailable("The stored grant was changed by somebody else while it was renewed; try again.")
        return stored

    def _replaces(self, presented: str) -> T | None:
        """The stored grant, if a pair that was given for this refresh token is newer: also where somebody called it
        dead for that token. What a person ended is not brought back."""
        found = self._store.load()
        return found if found.refresh_token == presented and found.broken in {"", DEAD} else None

    def _load(self) -> T:
        tokens = self._store.load()
        if tokens.realm_id != self._config.realm_id or tokens.environment != self._config.environment:
            raise WrongCompany(
                "The stored grant belongs to another company or environment than the configuration names.",
                remedy="Correct the configuration, or run `syncd connect` for this company.",
            )
        if tokens.broken:
            raise reconnect(tokens.broken)
        for name, moment in (
            ("access", tokens.access_expires_at),
            ("refresh", tokens.refresh_expires_at),
            ("hard", tokens.hard_expires_at),
        ):
            if moment is not None:
                self._metrics.token_expiry.labels(self._company, name).set(moment.timestamp())
        return tokens

    def _count(self, outcome: str) -> None:
        self._metrics.qbo_token_refreshes.labels(self._company, outcome).inc()


def reconnect(code: str) -> ReconnectNeeded:
    """What is said of a grant that is marked so."""
    if code.startswith(ENDED_BY):
        return ReconnectNeeded(f"syncd was {code} and reads and writes nothing here.", remedy=_RECONNECT, code="ended")
    return ReconnectNeeded("QuickBooks no longer accepts syncd's grant for this company.", remedy=_RECONNECT, code=code)
