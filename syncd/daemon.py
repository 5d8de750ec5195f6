"""The service: every company on its own schedule, until a signal says otherwise.

Each company has its own engine, its own threads and its own stop event, so that one that fails, waits or hangs never
holds up another. Signals are taken by the main thread alone, between two heartbeats; nothing runs inside a handler.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncd import __version__, log, web, webhooks
from syncd.clock import Clock
from syncd.config import AppConfig, CompanyConfig, load_config
from syncd.errors import EXIT_OK, EXIT_UNEXPECTED, ConfigError
from syncd.metrics import Metrics
from syncd.notify import Notifier
from syncd.runner import Build, CompanyRunner

_logger = log.get_logger(__name__)

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_HEARTBEAT_SECONDS = 5.0
_HEARTBEATS_MISSED = 6
_TICK_SECONDS = 1.0
_STOP_TICK_SECONDS = 0.5
_THREADS_PER_COMPANY = 2
"""One for the cycle, one for an audit that waits for the cycle to end."""
_HINT_DELAY = timedelta(seconds=1)
"""Changes made together come in several deliveries: wait for the others."""
_HINT_GAP = timedelta(seconds=10)
"""Between the beginnings of two cycles that webhooks bring forward: our own writes come back as events as well."""
_EVENTS = {EVENT_JOB_MISSED: "missed", EVENT_JOB_MAX_INSTANCES: "skipped", EVENT_JOB_ERROR: "failed"}
_UTC = "UTC"


class Daemon:
    """Serves all companies of one configuration. ``run`` returns the exit code."""

    def __init__(
        self,
        config: AppConfig,
        *,
        build: Build,
        clock: Clock,
        metrics: Metrics,
        notifier: Notifier | None = None,
        load: Callable[[], AppConfig] | None = None,
    ) -> None:
        self.config = config
        self._build = build
        self._clock = clock
        self._metrics = metrics
        self._notifier = notifier or Notifier()
        self._load = load or (lambda: load_config(config.path))
        self._runners: dict[str, CompanyRunner] = {}
        self._stopping = False
        self._status = ""
        period = self._notifier.watchdog_seconds
        self._heartbeat = min(_HEARTBEAT_SECONDS, period / 4) if period else _HEARTBEAT_SECONDS
        self._last_pulse = clock.monotonic()
        self._receiver = webhooks.Receiver(self.hint, clock=clock, metrics=metrics)
        self._receiver.configure(config.companies)
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=_UTC,
        )
        self._scheduler.add_listener(self._on_event, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)
        metrics.build_info.labels(__version__, platform.python_version()).set(1)
        for result in _EVENTS.values():
            metrics.scheduler_runs.labels(result)

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; a second one ends the process without waiting for work in hand."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # threads inherit it: only sigtimedwait sees them
        try:
            listener = web.bind(self.config.http)
            app = web.create_app(self._metrics.registry, self.health, self.config.http, self._receiver)
            with web.serving(listener, app, max_concurrency=self.config.http.max_concurrency):
                self.start()
                self._notifier.ready()
                _logger.info("started", version=__version__, companies=list(self._runners), pid=os.getpid())
                self._serve()
                self.stop()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return EXIT_OK

    def start(self) -> None:
        """Start the schedule; each company's first cycle is due at once."""
        self._scheduler.start()
        self._scheduler.add_job(
            self._pulse, IntervalTrigger(seconds=self._heartbeat, timezone=_UTC), id="pulse", executor="default"
        )
        for company in self.config.companies:
            self._add(company)

    def schedule(self) -> dict[str, dict[str, datetime | None]]:
        """When the next cycle and the next audit of each company are due."""
        due: dict[str, dict[str, datetime | None]] = {}
        for name in list(self._runners):
            jobs = {what: self._scheduler.get_job(f"{what}:{name}") for what in ("cycle", "audit")}
            due[name] = {what: job.next_run_time if job else None for what, job in jobs.items()}
        return due

    def health(self) -> web.Health:
        """What ``/healthz`` and ``/readyz`` answer from."""
        due = self.schedule()
        companies: dict[str, dict[str, Any]] = {}
        for name, runner in list(self._runners.items()):
            outcome, detail = runner.ended
            companies[name] = {
                "ready": runner.ready,
                "outcome": outcome,
                "detail": detail,
                "ended_at": runner.ended_at,
                "next_cycle_at": due.get(name, {}).get("cycle"),
                "next_audit_at": due.get(name, {}).get("audit"),
            }
        ready = not self._stopping and all(company["ready"] for company in companies.values())
        return web.Health(alive=self._alive(), ready=ready, companies=companies)

    def hint(self, name: str) -> None:
        """QuickBooks says that something changed in a company: look soon. Hints that come together are one cycle, and
        one that comes while the company is at work is followed when that has ended."""
        runner = self._runners.get(name)
        if runner is not None:
            runner.hinted = True
            self._follow_hint(runner)

    def _follow_hint(self, runner: CompanyRunner) -> None:
        if not runner.hinted or runner.busy or self._stopping:
            return
        soon = self._clock.now() + _HINT_DELAY
        at = max(soon, runner.began_at + _HINT_GAP) if runner.began_at is not None else soon
        job = self._scheduler.get_job(f"cycle:{runner.name}")
        if job is not None and job.next_run_time is not None and job.next_run_time > at:
            with contextlib.suppress(JobLookupError):  # removed meanwhile, with its company
                self._scheduler.modify_job(job.id, next_run_time=at)

    def _work(self, runner: CompanyRunner, work: Callable[[], None]) -> None:
        """One job of a company, then whatever was hinted meanwhile."""
        work()
        self._follow_hint(runner)

    def reload(self) -> bool:
        """Read the configuration again. A bad one is refused, and everything goes on as it was."""
        self._notifier.reloading()
        try:
            config = self._load()
        except ConfigError as error:
            _logger.error("reload_refused", error=error.message, problems=list(error.problems))
            self._notifier.ready()
            self._say("configuration refused, going on with the old one; see the journal")
            return False
        log.protect(*config.secrets())
        log.configure(config.syncd.log_level, config.syncd.log_format)
        self._apply(config)
        _logger.info("reloaded", companies=list(self._runners))
        self._notifier.ready()
        return True

    def _apply(self, config: AppConfig) -> None:
        old, self.config = self.config, config
        fixed = {
            "syncd.state_url": old.syncd.state_url != config.syncd.state_url,
            "syncd.epoch_file": old.syncd.epoch_file != config.syncd.epoch_file,
            "syncd.encryption_key": old.syncd.encryption_key != config.syncd.encryption_key,
            "http": old.http != config.http,
        }
        if waiting := [key for key, changed in fixed.items() if changed]:
            _logger.warning("reload_needs_restart", settings=waiting)
        self._receiver.configure(config.companies)
        wanted = {company.name: company for company in config.companies}
        known = {company.name: company for company in old.companies}
        for name in known.keys() - wanted.keys():
            self._remove(name)
        pace_changed = _pace(old) != _pace(config)
        for name, company in wanted.items():
            if name not in known:
                self._add(company)
                continue
            self._runners[name].replace(config, company)
            if pace_changed:
                self._plan_jobs(name)
            elif company != known[name]:
                self._scheduler.modify_job(f"cycle:{name}", next_run_time=self._clock.now())

    def _add(self, company: CompanyConfig) -> None:
        name = company.name
        self._runners[name] = CompanyRunner(self.config, company, self._build, self._clock, self._metrics)
        self._scheduler.add_executor(ThreadPoolExecutor(_THREADS_PER_COMPANY), alias=f"company:{name}")
        self._plan_jobs(name)

    def _plan_jobs(self, name: str) -> None:
        settings = self.config.syncd
        runner = self._runners[name]
        self._scheduler.add_job(
            self._work,
            IntervalTrigger(
                seconds=settings.poll_interval_seconds, jitter=settings.poll_jitter_seconds or None, timezone=_UTC
            ),
            args=(runner, runner.cycle),
            id=f"cycle:{name}",
            executor=f"company:{name}",
            next_run_time=self._clock.now(),
            replace_existing=True,
        )
        at = settings.audit_at
        if at is not None:
            self._scheduler.add_job(
                self._work,
                CronTrigger(hour=at.hour, minute=at.minute, timezone=_UTC),
                args=(runner, runner.audit),
                id=f"audit:{name}",
                executor=f"company:{name}",
                replace_existing=True,
            )
        elif self._scheduler.get_job(f"audit:{name}"):
            self._scheduler.remove_job(f"audit:{name}")

    def _remove(self, name: str) -> None:
        runner = self._runners.pop(name)
        runner.stop.set()
        for what in ("cycle", "audit"):
            if self._scheduler.get_job(f"{what}:{name}"):
                self._scheduler.remove_job(f"{what}:{name}")
        self._scheduler.remove_executor(f"company:{name}", shutdown=False)
        threading.Thread(target=runner.close, name=f"close:{name}", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._beat()
            taken = signal.sigtimedwait(_SIGNALS, min(self._heartbeat, _TICK_SECONDS))
            if taken is None:
                continue
            if taken.si_signo == signal.SIGHUP:
                self.reload()
                continue
            _logger.info("stopping", signal=signal.Signals(taken.si_signo).name)
            return

    def stop(self) -> None:
        """Let what is in hand come to its next safe point, feeding the watchdog meanwhile."""
        self._stopping = True
        self._notifier.stopping()
        self._scheduler.pause()
        for runner in self._runners.values():
            runner.stop.set()
        ended = threading.Thread(target=self._scheduler.shutdown, kwargs={"wait": True}, name="shutdown", daemon=True)
        ended.start()
        while ended.is_alive():
            self._notifier.alive()
            taken = signal.sigtimedwait(_SIGNALS - {signal.SIGHUP}, _STOP_TICK_SECONDS)
            if taken is not None:
                _logger.warning("stop_forced", signal=signal.Signals(taken.si_signo).name)
                os._exit(EXIT_UNEXPECTED)  # the journal knows what was in flight; recovery settles it
        for runner in self._runners.values():
            runner.close()
        _logger.info("stopped")

    def _beat(self) -> None:
        if self._alive():
            self._notifier.alive()
        self._say(", ".join(f"{name}: {runner.ended[0]}" for name, runner in self._runners.items()))

    def _say(self, text: str) -> None:
        if text != self._status:
            self._status = text
            self._notifier.status(text)

    def _pulse(self) -> None:
        self._last_pulse = self._clock.monotonic()

    def _alive(self) -> bool:
        """Whether the scheduler still runs jobs: its own heartbeat job came by lately."""
        return self._clock.monotonic() - self._last_pulse < self._heartbeat * _HEARTBEATS_MISSED

    def _on_event(self, event: JobEvent) -> None:
        result = _EVENTS[event.code]
        self._metrics.scheduler_runs.labels(result).inc()
        _logger.warning("run_not_started", result=result, job=event.job_id)


def _pace(config: AppConfig) -> tuple[int, int, str]:
    settings = config.syncd
    return (settings.poll_interval_seconds, settings.poll_jitter_seconds, settings.audit_time)
