"""Every metric of syncd in one table; the objects are made from it, and so is the page of the manual.

``Metrics`` owns its registry: several can live in one process (tests), and nothing is registered at import. Records'
ids are never labels; companies are, because there are few (dependencies.md 4.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_Type = Literal["counter", "gauge", "histogram"]

CYCLE_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Seconds. An idle cycle takes one request; a first import may take an hour."""

REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0)
"""Seconds. QBO gives up on a request after 120 s (protocol.md 3.1)."""


class MetricSpec(msgspec.Struct, frozen=True):
    """One metric as it appears on ``/metrics`` and in the manual. Counters are shown with ``_total`` added."""

    name: str
    type: _Type
    labels: tuple[str, ...]
    unit: str
    meaning: str
    buckets: tuple[float, ...] = ()


def _counter(name: str, labels: tuple[str, ...], unit: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, type="counter", labels=labels, unit=unit, meaning=meaning)


def _gauge(name: str, labels: tuple[str, ...], unit: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, type="gauge", labels=labels, unit=unit, meaning=meaning)


def _histogram(name: str, labels: tuple[str, ...], unit: str, meaning: str, buckets: tuple[float, ...]) -> MetricSpec:
    return MetricSpec(name=name, type="histogram", labels=labels, unit=unit, meaning=meaning, buckets=buckets)


_COMPANY = ("company",)

METRICS: tuple[MetricSpec, ...] = (
    # the cycle
    _histogram(
        "syncd_cycle_duration_seconds",
        ("company", "outcome"),
        "seconds",
        "How long a cycle took, from recovery to settling.",
        CYCLE_BUCKETS,
    ),
    _counter("syncd_cycles", ("company", "outcome"), "cycles", "Cycles that ended, by how they ended."),
    _gauge(
        "syncd_last_success_timestamp_seconds",
        _COMPANY,
        "seconds since 1970",
        "When a cycle of the company last ended well. Alert on its age: it also covers a daemon that does nothing.",
    ),
    _gauge("syncd_last_audit_timestamp_seconds", _COMPANY, "seconds since 1970", "When an audit last ran to its end."),
    _counter(
        "syncd_records_written",
        ("company", "kind", "side", "operation", "result"),
        "records",
        "Writes to either side, by what was done and how it ended.",
    ),
    _gauge("syncd_records_held", ("company", "kind", "case"), "records", "Records that wait for a person."),
    _gauge("syncd_records_dirty", _COMPANY, "records", "Records to be looked at again although no feed names them."),
    _gauge("syncd_records_linked", ("company", "kind"), "records", "Records linked on both sides."),
    _counter(
        "syncd_drift_records",
        ("company", "kind"),
        "records",
        "Linked records that an audit or a cycle found different although neither side was edited.",
    ),
    _counter("syncd_brakes_tripped", ("company", "rail"), "brakes", "Times a brake stopped operations."),
    _gauge("syncd_halted", _COMPANY, "0 or 1", "1 while the company is halted and applies nothing."),
    _gauge(
        "syncd_journal_entries",
        ("company", "state"),
        "entries",
        "Journal entries that are not settled, by state; sent ones have an unknown outcome.",
    ),
    _gauge(
        "syncd_oldest_owed_timestamp_seconds",
        ("company", "what"),
        "seconds since 1970",
        "Since when the oldest of what is owed is owed, by sort: write (its outcome is open), held (waits for a "
        "person), again (is to be looked at again); 0 while nothing is. `syncd queue` lists it.",
    ),
    # QuickBooks Online
    _counter(
        "syncd_qbo_requests",
        ("company", "endpoint", "code"),
        "requests",
        "Requests to QBO, by endpoint and result: the HTTP status, a fault's code, or the kind of failure.",
    ),
    _histogram(
        "syncd_qbo_request_duration_seconds",
        ("company", "endpoint"),
        "seconds",
        "How long QBO took to answer, without our own waiting.",
        REQUEST_BUCKETS,
    ),
    _counter(
        "syncd_qbo_limiter_wait_seconds",
        ("company", "window"),
        "seconds",
        "Time spent waiting for a request to be allowed, by the limit that was full.",
    ),
    _counter("syncd_qbo_throttled", _COMPANY, "answers", "Times QBO refused for too many requests (429)."),
    _counter("syncd_qbo_metered_reads", _COMPANY, "reads", "Reads that count against Intuit's monthly allowance."),
    _gauge("syncd_qbo_reads_left", _COMPANY, "reads", "Reads left in this month's allowance."),
    _counter("syncd_qbo_token_refreshes", ("company", "outcome"), "refreshes", "Renewals of the access token."),
    _gauge(
        "syncd_reconnect_needed",
        _COMPANY,
        "0 or 1",
        "1 while QuickBooks takes no grant of the company: a person has to run syncd connect.",
    ),
    _gauge(
        "syncd_token_expiry_timestamp_seconds",
        ("company", "token"),
        "seconds since 1970",
        "When the grant's parts run out: access, refresh, and hard (the five-year limit).",
    ),
    # webhooks
    _counter(
        "syncd_webhook_posts",
        ("result",),
        "deliveries",
        "Webhook deliveries: taken, refused (no right signature), or unreadable (signed, of an unknown form).",
    ),
    _counter(
        "syncd_webhook_events",
        ("company", "result"),
        "events",
        "Events in them: new, repeated, unknown (a type Intuit does not document), or foreign (not a company of ours).",
    ),
    _gauge(
        "syncd_webhook_last_event_timestamp_seconds",
        _COMPANY,
        "seconds since 1970",
        "When a webhook last announced something new. Absent until then; polling goes on without.",
    ),
    # the daemon
    _gauge("syncd_lease_held", _COMPANY, "0 or 1", "1 while this process holds the company's lease."),
    _counter("syncd_scheduler_runs", ("result",), "runs", "Scheduled runs that were missed, skipped or failed."),
    _gauge("syncd_build_info", ("version", "python"), "1", "What is running; the value is always 1."),
)

SPECS: Mapping[str, MetricSpec] = MappingProxyType({spec.name: spec for spec in METRICS})


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None, *, process: bool = True) -> None:
        self.registry = registry or CollectorRegistry(auto_describe=True)
        self.cycle_duration = self._histogram("syncd_cycle_duration_seconds")
        self.cycles = self._counter("syncd_cycles")
        self.last_success = self._gauge("syncd_last_success_timestamp_seconds")
        self.last_audit = self._gauge("syncd_last_audit_timestamp_seconds")
        self.records_written = self._counter("syncd_records_written")
        self.records_held = self._gauge("syncd_records_held")
        self.records_dirty = self._gauge("syncd_records_dirty")
        self.records_linked = self._gauge("syncd_records_linked")
        self.drift_records = self._counter("syncd_drift_records")
        self.brakes_tripped = self._counter("syncd_brakes_tripped")
        self.halted = self._gauge("syncd_halted")
        self.journal_entries = self._gauge("syncd_journal_entries")
        self.oldest_owed = self._gauge("syncd_oldest_owed_timestamp_seconds")
        self.qbo_requests = self._counter("syncd_qbo_requests")
        self.qbo_request_duration = self._histogram("syncd_qbo_request_duration_seconds")
        self.qbo_limiter_wait = self._counter("syncd_qbo_limiter_wait_seconds")
        self.qbo_throttled = self._counter("syncd_qbo_throttled")
        self.qbo_metered_reads = self._counter("syncd_qbo_metered_reads")
        self.qbo_reads_left = self._gauge("syncd_qbo_reads_left")
        self.qbo_token_refreshes = self._counter("syncd_qbo_token_refreshes")
        self.reconnect_needed = self._gauge("syncd_reconnect_needed")
        self.token_expiry = self._gauge("syncd_token_expiry_timestamp_seconds")
        self.webhook_posts = self._counter("syncd_webhook_posts")
        self.webhook_events = self._counter("syncd_webhook_events")
        self.webhook_last_event = self._gauge("syncd_webhook_last_event_timestamp_seconds")
        self.lease_held = self._gauge("syncd_lease_held")
        self.scheduler_runs = self._counter("syncd_scheduler_runs")
        self.build_info = self._gauge("syncd_build_info")
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)

    def _counter(self, name: str) -> Counter:
        spec = SPECS[name]
        return Counter(name, spec.meaning, spec.labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        spec = SPECS[name]
        return Gauge(name, spec.meaning, spec.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        spec = SPECS[name]
        return Histogram(name, spec.meaning, spec.labels, registry=self.registry, buckets=spec.buckets)
