"""A source behind Ruddr's workspace API. What it promises is in ``syncd.sources.base``."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from syncd.clock import Clock, SystemClock
from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.writes import Outcome, SourceWrite
from syncd.sources.base import Finding, KindCapability, LoggedWrite, SourceChanges
from syncd.sources.ruddr import checks
from syncd.sources.ruddr.capability import capability
from syncd.sources.ruddr.http import Api, RefusedError
from syncd.sources.ruddr.listing import PAGE
from syncd.sources.ruddr.mirror import Mirror, is_id
from syncd.sources.ruddr.probe import Prober
from syncd.sources.ruddr.readers import LIST_OF, Listed, Seen
from syncd.sources.ruddr.settings import RuddrSourceConfig
from syncd.sources.ruddr.survey import OFF, Survey
from syncd.sources.ruddr.together import Together
from syncd.sources.ruddr.writer import Writer

_TAXED = frozenset({Kind.INVOICE, Kind.CREDIT_NOTE})
"""Kinds whose records name their tax by the rates of the workspace."""


class RuddrSource:
    """One workspace. Safe to share between threads; one of them works at a time."""

    def __init__(self, config: RuddrSourceConfig, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._api = Api(config, self._clock, self._stop)
        self._survey = Survey(self._api, config)
        self._prober = Prober(self._api, config, self._clock)
        self._mirror = Mirror(config.kinds)
        self._scanned_at: float | None = None
        self._looked_at: float | None = None
        self._workspace = ""
        self._lock = threading.RLock()

    def identity(self) -> str:
        """The workspace, by its id: another key of the same workspace is the same source."""
        with self._lock:
            if not self._workspace:
                self._workspace = checks.workspace(self._api)[0]
            return f"ruddr:{self._workspace}"

    def scope(self) -> str:
        """Nothing can be set about it: the API gives each kind one meaning."""
        return ""

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """What is held, and how a write is dealt with. Where a kind's mode is ``api``, the API is asked for its verbs,
        once a week; without an answer this raises ``SourceUnavailable``."""
        with self._lock:
            return {kind: capability(kind, self._config, self._prober) for kind in self._config.kinds}

    # ---- reading

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """What is new or changed since ``watermark``; everything, where that is none of this process.

        A full scan every ``full_scan_seconds``, in between only what is new and what people still work on. Raises
        ``SourceMisconfigured`` where the vendor's own link to QuickBooks is on and nobody said that we replace it.
        """
        with self._lock:
            position = self._mirror.position(watermark)
            mirror = self._mirror if position is not None else Mirror(self._config.kinds)
            mirror.acknowledge(position or 0)
            now = self._clock.monotonic()
            if position is None or _due(self._scanned_at, now, self._config.full_scan_seconds):
                self._survey.everything(mirror)
                self._scanned_at = self._looked_at = now
            else:
                open_too = _due(self._looked_at, now, self._config.open_documents_seconds)
                self._survey.quickly(mirror, open_too=open_too)
                self._looked_at = now if open_too else self._looked_at
            self._mirror = mirror
            self._refuse_native()
            return mirror.report(known or {}, anew=position is None)

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Every kind at the first read of a process: what was deleted before it, only a comparison of ids finds."""
        with self._lock:
            return frozenset() if self._mirror.position(watermark) is not None else frozenset(self._config.kinds)

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads, or the whole list where that is fewer requests; what a list lacks is asked for by its id."""
        with self._lock:
            return self._read(LIST_OF[kind], kind, dict.fromkeys(ids))

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind. The list is read to its end before the first record is given."""
        with self._lock:
            beside = {Kind.TAX_CODE} & set(self._config.kinds) if kind in _TAXED else set()
            fresh = Mirror({kind, *beside})
            for each in {kind, *beside}:
                self._fill(fresh, LIST_OF[each], needed=each is kind)
            found = fresh.report({}, anew=True).changed[kind]
        yield from found.values()

    def _fill(self, mirror: Mirror, listed: Listed, *, needed: bool) -> None:
        kinds = mirror.kinds(listed)
        if not kinds:
            return
        try:
            walk = self._survey.read(listed, self._mirror.order.get(listed.path, ()))
        except RefusedError as refused:
            if refused.status not in OFF or needed:
                raise SourceUnavailable(f"Ruddr refused its list {listed.path} ({refused}).") from None
            return
        mirror.take_whole(listed, walk.ids, (one for row in walk.kept for one in row.seen if one.kind in kinds))

    def _read(self, listed: Listed, kind: Kind, ids: Mapping[str, None]) -> dict[str, Present | Flawed | Absent]:
        answers: dict[str, Present | Flawed | Absent] = {
            each: Absent(each, ("it is no id that Ruddr could have given",)) for each in ids if not is_id(each)
        }
        together = self._mirror.together()
        pages = len(self._mirror.order.get(listed.path, ())) // PAGE + 1
        try:
            if len(ids) > pages > 1:
                for kept in self._survey.read(listed, self._mirror.order.get(listed.path, ())).kept:
                    if kept.id in ids:
                        answers[kept.id] = _answer(kind, kept.id, kept.seen, together)
            left = [each for each in ids if each not in answers]
            for each, found in zip(
                left, self._survey.several(lambda one: self._survey.one(listed, one), left), strict=True
            ):
                answers[each] = _answer(kind, each, found.seen if found is not None else (), together)
        except RefusedError as refused:
            off = Problem(
                "feature_off",
                f"Ruddr does not let the workspace's {listed.path.strip('/')} be read ({refused}).",
                "Switch the feature on in Ruddr, or name the kind in [company.source] leave_out.",
            )
            return {each: Flawed(each, "", (off,)) for each in ids}
        return answers

    def _refuse_native(self) -> None:
        if self._config.native_link == "refuse" and checks.native_clients(self._mirror.native, self._config):
            raise SourceMisconfigured(checks.NATIVE_TEXT, remedy=checks.NATIVE_REMEDY)

    # ---- writing

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Apply writes in order, as far as modes and verbs allow."""
        with self._lock:
            return Writer(self._api, self._survey, self._prober, self._saw).apply(writes)

    def _saw(self, write: SourceWrite, seen: Seen | None) -> None:
        """Our own write is part of what was seen, so that the next look compares with it."""
        if seen is None:
            self._mirror.forget(write.kind, write.id)
        else:
            self._mirror.note(seen)

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """Nothing: the API keeps no log of writes. Versions and likeness tell what happened (``write``)."""
        return {}

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """Nothing: the API keeps no log of writes."""
        del limit
        return ()

    def check(self) -> list[Finding]:
        """Key, lists, the vendor's own link, and what may be written; changes nothing."""
        with self._lock:
            return checks.findings(self._api, self._survey, self._prober, self._config)

    def close(self) -> None:
        """Stop waiting, and give back connections."""
        self._stop.set()
        self._api.close()


def _due(last: float | None, now: float, seconds: int) -> bool:
    return last is None or now - last >= seconds


def _answer(kind: Kind, record_id: str, seen: Sequence[Seen], together: Together) -> Present | Flawed | Absent:
    found = next((one.observation for one in seen if one.kind is kind), None)
    if found is None:
        return Absent(record_id, ("Ruddr answered 404 for it",))
    return together.finished(kind, found)


__all__ = ["RuddrSource"]
