"""The stored grant of one company, as the QBO side wants it: there, or a clear word that somebody has to connect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from syncd.clock import Clock
from syncd.errors import QboUnavailable, ReconnectNeeded, StateError
from syncd.heartbeat import heartbeat, holder, is_gone
from syncd.qbo import auth, consent
from syncd.qbo.settings import QboConfig
from syncd.sources.base import Finding
from syncd.state.tokens import LOCK_TTL_SECONDS, StateTokenStore
from syncd.state.values import Tokens

if TYPE_CHECKING:
    from syncd.state.store import Store

WARN_DAYS = (30, 14, 7, 2)
"""So many days before a grant ends a person is told (F-60)."""
_LOOK_SECONDS = 3600.0
_REVOKE_SECONDS = 300.0
"""Longer than Intuit takes to answer, or not to."""
_REPEAT = timedelta(days=1)


class StoredGrant:
    """Tokens kept in the state database (encrypted), renewed by one process at a time."""

    def __init__(self, store: StateTokenStore, company: str) -> None:
        self._store = store
        self._company = company

    def load(self) -> Tokens:
        """The newest stored tokens; ``ReconnectNeeded`` when there are none, or when the grant is known to be dead."""
        tokens = self._store.load()
        if tokens is None:
            raise ReconnectNeeded(
                f"{self._company} is not connected to QuickBooks yet.",
                remedy=f"Run: syncd connect --company {self._company}",
            )
        return tokens

    def save(self, new: Tokens, expected_version: int) -> bool:
        """Store ``new`` if nobody else stored anything since ``expected_version``; durable on return."""
        return self._store.save(new, expected_version)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who renews this grant, however long Intuit takes; a process that was killed while it did is
        not waited for (F-55, F-56)."""
        with (
            self._store.lock(holder=holder("refresh"), gone=is_gone) as lease,
            heartbeat(self._store, lease, LOCK_TTL_SECONDS, threading.Event()),
        ):
            yield

    def mark_broken(self, reason: str) -> None:
        """Remember that the grant is dead, for ``syncd status`` and the metrics."""
        self._store.mark_broken(reason)


def disconnect(store: Store, clock: Clock, qbo: QboConfig, company: str, actor: str) -> str:
    """Give a company's grant back and use it no more; everything else that is known of it stays (O-7, B-12).

    Marked first, so that nothing of it is used whatever Intuit answers. What is left to do by hand, or an empty text.
    Raises ``LeaseHeld`` while a run is under way, ``StateError`` for a company that has no grant.
    """
    lease = store.acquire(company, holder("disconnect"), _REVOKE_SECONDS, gone=is_gone)
    try:
        grants = store.tokens(qbo.environment, qbo.realm_id)
        with grants.lock(holder=holder("disconnect"), gone=is_gone):
            tokens = grants.load()
            if tokens is None:
                raise StateError(f"{company} is not connected to QuickBooks.", remedy="There is nothing to give back.")
            if not tokens.broken.startswith(auth.ENDED_BY):
                grants.mark_broken(f"{auth.ENDED_BY}{actor}", tokens.version)
                store.note_disconnect(company, actor)
        try:
            consent.revoke(qbo, clock, token=tokens.refresh_token)
        except QboUnavailable as error:
            return f"Intuit could not be told ({error.message}) Remove syncd in QuickBooks, too: Apps, My apps."
        return ""
    finally:
        store.release(lease)


def refuse_ended(grants: StateTokenStore) -> None:
    """Raise ``ReconnectNeeded`` where a person gave the grant back. Asked before each run: a process that has run for
    long may still hold an access token that Intuit could not be told of."""
    said = grants.broken()
    if said.startswith(auth.ENDED_BY):
        raise auth.reconnect(said)


class Ending(msgspec.Struct, frozen=True):
    """An end of a grant that is near. ``part``: ``idle`` (moves with every renewal, about 100 days) or ``hard`` (five
    years after consent, protocol.md 2.6). ``threshold``: the one of ``WARN_DAYS`` that was passed last."""

    part: str
    at: datetime
    days_left: int
    threshold: int

    @property
    def text(self) -> str:
        """A sentence for the operator."""
        when = f"{self.at:%Y-%m-%d %H:%M} UTC"
        if self.days_left < 0:
            return f"The connection to QuickBooks ended at {when}."
        left = f"in {self.days_left} day{'' if self.days_left == 1 else 's'}" if self.days_left else "within a day"
        why = (
            "Intuit's limit for one approval; no renewal moves it"
            if self.part == "hard"
            else "it has not been renewed for long"
        )
        return f"The connection to QuickBooks ends {left}, at {when}: {why}."

    @property
    def remedy(self) -> str:
        """What a person does about it."""
        if self.part == "hard" or self.days_left < 0:
            return "Run `syncd connect` and let an administrator of the company approve; all links stay."
        return "Let syncd run: every cycle that reaches QuickBooks renews it. If it runs, see what fails: syncd check"


def endings(tokens: Tokens, now: datetime) -> tuple[Ending, ...]:
    """The ends of a grant that are at most 30 days away, the nearest first."""
    found = []
    for part, at in (("idle", tokens.refresh_expires_at), ("hard", tokens.hard_expires_at)):
        if at is not None and (passed := [days for days in WARN_DAYS if at - now <= timedelta(days=days)]):
            found.append(Ending(part, at, (at - now).days, min(passed)))
    return tuple(sorted(found, key=lambda ending: ending.at))


class GrantWatch:
    """Tells of each ending when it comes past one of ``WARN_DAYS``, and once a day from then on."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._told: dict[str, tuple[int, datetime]] = {}

    def due(self, monotonic: float) -> bool:
        """Whether it is time to look again: a look decrypts the grant, so it is not for every cycle."""
        if self._looked is not None and monotonic - self._looked < _LOOK_SECONDS:
            return False
        self._looked = monotonic
        return True

    def news(self, tokens: Tokens | None, now: datetime) -> list[Ending]:
        """What has to be said now. A grant that is dead already, or was never given, is said elsewhere."""
        found = endings(tokens, now) if tokens is not None and not tokens.broken else ()
        news = []
        for ending in found:
            threshold, at = self._told.get(ending.part, (0, now))
            if threshold != ending.threshold or now - at >= _REPEAT:
                self._told[ending.part] = (ending.threshold, now)
                news.append(ending)
        return news


def grant_findings(tokens: Tokens | None, now: datetime) -> list[Finding]:
    """How long the connection lasts, for ``syncd check``. One that does not work at all is found by using it."""
    if tokens is None or tokens.broken:
        return []
    near = endings(tokens, now)
    if near:
        return [Finding("warning", "connection", ending.text, ending.remedy) for ending in near]
    dates = [at for at in (tokens.refresh_expires_at, tokens.hard_expires_at) if at is not None]
    return [Finding("ok", "connection", f"Good until {min(dates):%Y-%m-%d} without a renewal.")] if dates else []
