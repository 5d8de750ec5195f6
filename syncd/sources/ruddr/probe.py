"""What the API lets be written: asked of it, not assumed.

For a change and a deletion the question is put to a random id that nothing has: 405 means that there is no such verb,
404 that there is (ruddr-api.md 10.1). A create is never tried out; the settings say which there are. Answers are kept
with their date and asked for again after a week, so that a verb that the vendor adds is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from syncd.clock import Clock
from syncd.model.kinds import Kind
from syncd.model.writes import Verb
from syncd.sources.ruddr.http import Api, RefusedError
from syncd.sources.ruddr.readers import LIST_OF
from syncd.sources.ruddr.settings import RuddrSourceConfig

MAX_AGE = timedelta(days=7)


class Probed(msgspec.Struct, frozen=True):
    """The verbs of a kind, and when they were asked for."""

    verbs: frozenset[Verb]
    at: datetime


class Prober:
    """Keeps what was found, for as long as the process lives."""

    def __init__(self, api: Api, config: RuddrSourceConfig, clock: Clock) -> None:
        self._api = api
        self._config = config
        self._clock = clock
        self._found: dict[Kind, Probed] = {}

    def verbs(self, kind: Kind) -> frozenset[Verb]:
        """What may be written of a kind; nothing unless its mode is ``api``. Raises ``SourceUnavailable``."""
        return self.probed(kind).verbs if self._config.mode(kind) == "api" else frozenset()

    def probed(self, kind: Kind) -> Probed:
        """What the API answered for a kind, not older than a week."""
        found = self._found.get(kind)
        if found is None or self._clock.now() - found.at > MAX_AGE:
            found = self._found[kind] = Probed(self._ask(kind), self._clock.now())
        return found

    def renew(self) -> Mapping[Kind, Probed]:
        """Ask again for every kind that is written."""
        self._found.clear()
        return {kind: self.probed(kind) for kind in self._config.kinds if self._config.mode(kind) == "api"}

    def _ask(self, kind: Kind) -> frozenset[Verb]:
        path = LIST_OF[kind].path
        found = {Verb.CREATE} if kind in self._config.creates else set()
        if self._has("PATCH", path):
            found |= {Verb.UPDATE, Verb.DEACTIVATE} if kind is Kind.CLIENT else {Verb.UPDATE}
        if kind is not Kind.CLIENT and self._has("DELETE", path):  # a client is archived, never deleted
            found.add(Verb.DELETE)
        return frozenset(found)

    def _has(self, method: str, path: str) -> bool:
        try:
            self._api.send(method, f"{path}/{uuid4()}", {} if method == "PATCH" else None)
        except RefusedError as refused:
            return refused.status == 404
        return False  # it says yes about what does not exist: such an answer is nothing to build on
