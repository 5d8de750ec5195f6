"""The work of one company under the service: one thing at a time, each fault kept inside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from syncd import log
from syncd.clock import Clock
from syncd.config import AppConfig, CompanyConfig
from syncd.errors import LeaseHeld, ReconnectNeeded, SyncdError
from syncd.metrics import Metrics
from syncd.report import AuditReport, CycleReport, CycleRequest

_logger = log.get_logger(__name__)

FAILED = "failed"
RECONNECT = "reconnect"
"""QuickBooks takes no grant of this company: nothing is asked of the token service until a person connects again."""

_LOCK_TICK_SECONDS = 0.5


class Engine(Protocol):
    """What the daemon needs of ``syncd.engine.Engine``."""

    def reconcile(self, request: CycleRequest) -> CycleReport: ...

    def audit(self) -> AuditReport: ...

    def close(self) -> None: ...


Build = Callable[[AppConfig, CompanyConfig, threading.Event], Engine]
"""Makes the engine of one company. The event is set when its work has to end."""


class CompanyRunner:
    """The work of one company: one thing at a time, each fault kept inside."""

    def __init__(self, app: AppConfig, company: CompanyConfig, build: Build, clock: Clock, metrics: Metrics) -> None:
        self.name = company.name
        self.stop = threading.Event()
        self._wanted = (app, company)
        self._build = build
        self._clock = clock
        self._metrics = metrics
        self._engine: Engine | None = None
        self._built_for: CompanyConfig | None = None
        self._busy = threading.Lock()
        self._ended = ("waiting", "")
        self.began_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.hinted = False

    @property
    def ready(self) -> bool:
        """Whether an engine could be made for it, and QuickBooks takes its grant."""
        return self._engine is not None and self._ended[0] != RECONNECT

    @property
    def ended(self) -> tuple[str, str]:
        """How the last work ended, and what there is to say about it. The two always belong together."""
        return self._ended

    @property
    def busy(self) -> bool:
        """Whether something of this company is running."""
        return self._busy.locked()

    def replace(self, app: AppConfig, company: CompanyConfig) -> None:
        """Use another configuration from the next run on; the one in hand is finished with the old."""
        self._wanted = (app, company)

    def cycle(self) -> None:
        """One cycle, unless something of this company is still running."""
        if not self._busy.acquire(blocking=False):
            self._metrics.scheduler_runs.labels("skipped").inc()
            return
        self.hinted = False  # what is hinted from now on may come too late for this cycle's reading
        self.began_at = self._clock.now()
        try:
            self._guarded("cycle", self._cycle)
        finally:
            self._busy.release()

    def audit(self) -> None:
        """One audit, as soon as the cycle in hand has ended."""
        while not self._busy.acquire(timeout=_LOCK_TICK_SECONDS):
            if self.stop.is_set():
                return
        try:
            self._guarded("audit", self._audit)
        finally:
            self._busy.release()

    def close(self) -> None:
        """Give back what the engine holds. Only when nothing is running."""
        with self._busy:
            self._discard()

    def _guarded(self, what: str, work: Callable[[Engine], tuple[str, str]]) -> None:
        if self.stop.is_set():
            return
        with log.context(company=self.name):
            try:
                self._ended = work(self._open())
            except LeaseHeld as error:
                self._ended = ("busy", log.describe(error))
                _logger.info("standing_by", what=what, reason=log.describe(error))
            except SyncdError as error:
                self._failed(error, RECONNECT if isinstance(error, ReconnectNeeded) else FAILED)
                _logger.error(
                    "work_failed", what=what, error=log.describe(error), reach=error.reach, retry=error.retryable
                )
            except Exception as error:
                self._failed(error)
                self._discard()
                _logger.exception("work_crashed", what=what, error=log.describe(error))
            finally:
                self.ended_at = self._clock.now()

    def _failed(self, error: Exception, outcome: str = FAILED) -> None:
        self._ended = (outcome, log.describe(error))
        self._metrics.scheduler_runs.labels("failed").inc()

    def _cycle(self, engine: Engine) -> tuple[str, str]:
        report = engine.reconcile(CycleRequest(actor="daemon", every_dirty=False))
        _logger.info(
            "cycle_done",
            cycle=report.run_id,
            outcome=str(report.outcome),
            applied=report.applied,
            failed=report.failed,
            held=report.held,
            in_doubt=report.in_doubt,
            notes=list(report.notes),
            seconds=round(report.duration_seconds, 3),
        )
        return str(report.outcome), "; ".join(report.notes)

    def _audit(self, engine: Engine) -> tuple[str, str]:
        report = engine.audit()
        agreed = not report.differ and not report.unknown
        (_logger.info if agreed else _logger.warning)(
            "audit_done",
            compared=report.compared,
            agree=report.agree,
            differ=len(report.differ),
            unknown=report.unknown,
            seconds=round(report.duration_seconds, 3),
        )
        return ("ok" if agreed else "differs"), ""

    def _open(self) -> Engine:
        app, company = self._wanted
        if self._engine is None or self._built_for != company:
            self._discard()
            self._engine = self._build(app, company, self.stop)
            self._built_for = company
        return self._engine

    def _discard(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            try:
                engine.close()
            except Exception:
                _logger.exception("engine_close_failed")
