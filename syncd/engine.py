"""One company, ready to work: its source, its books, its policy and its state, and what can be asked of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from syncd import log
from syncd.attached import AttachedSource
from syncd.audit import Auditor
from syncd.checkup import check_books
from syncd.clock import Clock
from syncd.cycle import Cycle, scope_digest
from syncd.epoch import Witness
from syncd.errors import EXIT_BUSY, ConfigError, IdentityChanged, QboError, StateError, SyncdError
from syncd.expenses import BillingSource
from syncd.grant import GrantWatch, StoredGrant, grant_findings, refuse_ended
from syncd.links import LinkBook
from syncd.metrics import Metrics
from syncd.model.kinds import Kind, Side
from syncd.model.projections import Projection
from syncd.model.writes import Verb
from syncd.numbering import number_findings
from syncd.outlook import lens_of
from syncd.owing import SORTS, oldest, owed
from syncd.parts import Parts
from syncd.payables import MADE, PayablesSource
from syncd.planfile import FORMAT, PlanFile
from syncd.ports import Progress
from syncd.presenting import PresentedSource
from syncd.pushing import pushable, withdraw
from syncd.qbo.books import Books
from syncd.reconciler.billing import Billed
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.policy import Limits, Policy
from syncd.reloading import slots_of
from syncd.report import AuditReport, CycleReport, CycleRequest
from syncd.sources.base import FileStore, Finding, Source
from syncd.sources.registry import open_source
from syncd.state.store import Store
from syncd.state.values import OPEN_JOURNAL_STATES, LinkState

if TYPE_CHECKING:
    from syncd.config import AppConfig, CompanyConfig

_logger = log.get_logger(__name__)


class Engine:
    """Everything that can be done with one company. Not shared between threads; two of them never share a state row
    without a lease."""

    def __init__(self, parts: Parts, metrics: Metrics) -> None:
        self._parts = parts
        self._metrics = metrics
        self._cycle = Cycle(parts)
        self._held_before: set[tuple[Kind, str]] = set()
        self._counted_links = False
        self._grant = parts.store.tokens(parts.books.environment, parts.books.realm_id)
        self._watch = GrantWatch()

    @classmethod
    def build(
        cls,
        app: AppConfig | None,
        company: CompanyConfig,
        *,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        stop: threading.Event,
        epoch_file: Path | None = None,
    ) -> Engine:
        """Put one company together from its configuration. Opens no connection yet.

        ``epoch_file``: where is noted how far the state has come, where that is not said in ``app``.
        """
        settings = company.settings
        noted_in = epoch_file or (app.epoch_path if app is not None else None)

        def count_reads(number: int) -> None:
            used = store.add_reads(company.name, clock.now().strftime("%Y-%m"), number)
            if company.qbo.monthly_reads:
                metrics.qbo_reads_left.labels(company.name).set(max(0, company.qbo.monthly_reads - used))

        books = Books(
            company.qbo,
            StoredGrant(store.tokens(company.qbo.environment, company.qbo.realm_id), company.name),
            clock,
            company=company.name,
            settings=settings,
            stop=stop,
            on_read=count_reads,
            metrics=metrics,
        )

        source = open_source(company.source)
        itself: object = source
        rules = company.policy()
        if Kind.PURCHASE in rules.kinds and Kind.EXPENSE in source.capabilities():
            source = PayablesSource(
                source, settings, partial(_sent_as, store, company.name), lambda: books.facts().home_currency
            )
        elif settings.expense_bills and Kind.EXPENSE in source.capabilities():
            source = BillingSource(
                source, settings, partial(_billed, store, company.name), lambda: books.facts().home_currency
            )
        offered = Kind.ATTACHMENT in rules.kinds and Kind.ATTACHMENT in source.capabilities()
        if offered and isinstance(itself, FileStore):
            files = AttachedSource(source, itself, partial(_files_linked, store, company.name))
            books.take_files_from(files.content)
            source = files
        if rules.contact_emails or settings.tax_mode == "line":
            source = PresentedSource(source, settings, contact_emails=rules.contact_emails)
        policy = _for_source(rules, source, company.limits)

        def count(kind: Kind, side: Side, verb: Verb, result: str) -> None:
            metrics.records_written.labels(company.name, kind, side, verb, result).inc()

        parts = Parts(
            company=company.name,
            policy=policy,
            settings=settings,
            source=source,
            books=books,
            store=store,
            clock=clock,
            stop=stop,
            scope_digest=scope_digest(policy, settings, source),
            batch_size=company.qbo.batch_size,
            count=count,
            lease_held=metrics.lease_held.labels(company.name).set,
            witness=Witness(noted_in) if noted_in is not None else None,
        )
        engine = cls(parts, metrics)
        engine._observe_halt()  # a halt outlives a restart, and so must its alert
        return engine

    @property
    def parts(self) -> Parts:
        """What this company works with: for commands that do something else than a cycle."""
        return self._parts

    def reconcile(self, request: CycleRequest, progress: Progress | None = None) -> CycleReport:
        """One cycle, or with ``dry_run`` its plan alone."""
        self._warn_of_ending()
        return self._run(request, progress)

    def reload(self, kind: Kind, name: str, *, dry_run: bool = False, progress: Progress | None = None) -> CycleReport:
        """Make one record of the source, and the payments on it, what QBO holds (R-34). Raises ``StateError`` for one
        that was never saved there."""
        request = CycleRequest(dry_run=dry_run, reload=slots_of(self._parts, kind, name))
        return self.reconcile(request, progress)

    def push(
        self, kind: Kind, name: str, request: CycleRequest | None = None, progress: Progress | None = None
    ) -> CycleReport:
        """Send one record of the source to QBO now, because a person asks for it (O-10, O-14, V-12, V-19). Raises
        ``StateError`` for one that does not belong there, or that nobody can tell from another."""
        request = request or CycleRequest()
        wanted = pushable(self._parts, kind, name, mail=request.send)
        return self.reconcile(msgspec.structs.replace(request, push=wanted), progress)

    def withdraw(self, kind: Kind, name: str, actor: str) -> str:
        """Take back that a record was asked for; answers its id in the source. Raises ``StateError`` where it was
        not. Starts no run: what was sent is sent."""
        return withdraw(self._parts, kind, name, actor)

    def undo(self, run_id: str, request: CycleRequest, progress: Progress | None = None) -> CycleReport:
        """Take back what one run wrote, or with ``dry_run`` the plan of that. Raises ``StateError`` for a run that is
        not known or cannot be undone as a whole."""
        return self.reconcile(msgspec.structs.replace(request, undo=run_id), progress)

    def apply(self, file: PlanFile, request: CycleRequest, progress: Progress | None = None) -> CycleReport:
        """Apply a saved plan as it is: whatever is not planned in the same way now is refused, record by record."""
        parts = self._parts
        if file.company != parts.company or file.realm_id != parts.books.realm_id:
            raise ConfigError(f"The plan was made for {file.company} ({file.realm_id}), not for {parts.company}.")
        if file.scope_digest != parts.scope_digest:
            raise ConfigError("The configuration changed since the plan was made.", remedy="Make a new plan.")
        if file.expired(parts.clock.now()):
            raise ConfigError("The plan is too old to be applied.", remedy="Make a new plan.")
        request = msgspec.structs.replace(request, undo=file.undo)
        return self._run(request, progress, approved=file.plan)

    def _run(self, request: CycleRequest, progress: Progress | None, *, approved: Plan | None = None) -> CycleReport:
        try:
            refuse_ended(self._grant)
            report = self._cycle.run(request, progress, approved=approved)
        except SyncdError as error:
            if not request.dry_run:
                self._observe_failure(error)
            raise
        if not request.dry_run:
            self._observe(report)
        return report

    def plan_file(self, plan: Plan, *, undo: str = "") -> PlanFile:
        """A plan, tied to this company and its configuration, ready to be saved."""
        parts = self._parts
        return PlanFile(
            format=FORMAT,
            company=parts.company,
            realm_id=parts.books.realm_id,
            scope_digest=parts.scope_digest,
            made_at=parts.clock.now(),
            plan=plan,
            undo=undo,
        )

    def audit(self, progress: Progress | None = None) -> AuditReport:
        """Compare everything; write nothing to either side."""
        parts = self._parts
        started = parts.clock.monotonic()
        refuse_ended(self._grant)
        facts = parts.books.facts(refresh=True)
        auditor = Auditor(
            company=parts.company,
            source=parts.source,
            books=parts.books,
            links=LinkBook(parts.store, parts.company),
            lens=lens_of(parts, facts),
            policy=parts.policy,
            progress=progress,
        )
        report = msgspec.structs.replace(auditor.run(), duration_seconds=parts.clock.monotonic() - started)
        parts.store.record_audit(parts.company, parts.clock.now())
        self._metrics.last_audit.labels(parts.company).set(parts.clock.now().timestamp())
        for difference in report.differ:
            self._metrics.drift_records.labels(parts.company, difference.kind).inc()
        return report

    def check(self) -> list[Finding]:
        """What a person should know before the first write: each finding with its remedy. Changes nothing."""
        parts = self._parts
        pinned = parts.store.company(parts.company)
        name = pinned.realm_name if pinned is not None else ""
        return [
            *parts.source.check(),
            *check_books(parts.books, parts.settings, parts.source, parts.policy, pinned_name=name),
            *self._numbers(),
            *grant_findings(self._grant.load(), parts.clock.now()),
        ]

    def _numbers(self) -> list[Finding]:
        parts = self._parts
        invoices = parts.source.capabilities().get(Kind.INVOICE)
        fields = invoices.writable if invoices is not None else frozenset()
        try:
            return list(number_findings(parts.company, parts.settings, parts.store, parts.books, fields))
        except QboError:
            return []  # said already

    def close(self) -> None:
        """Give back connections."""
        self._parts.source.close()
        self._parts.books.close()

    def _warn_of_ending(self) -> None:
        """Say in the log, in good time, that the connection to QuickBooks is going to end (F-60)."""
        clock = self._parts.clock
        if self._watch.due(clock.monotonic()):
            for ending in self._watch.news(self._grant.load(), clock.now()):
                _logger.warning(
                    "connection_ends",
                    company=self._parts.company,
                    part=ending.part,
                    ends_at=ending.at.isoformat(),
                    days_left=ending.days_left,
                    text=ending.text,
                    remedy=ending.remedy,
                )

    def _observe_failure(self, error: SyncdError) -> None:
        """Count a cycle that ended with an error, and the brake that it was, if it was one."""
        metrics, company = self._metrics, self._parts.company
        metrics.cycles.labels(company, "busy" if error.exit_code == EXIT_BUSY else "failed").inc()
        if isinstance(error, IdentityChanged):
            metrics.brakes_tripped.labels(company, "identity").inc()
        elif type(error) is StateError:
            metrics.brakes_tripped.labels(company, "state").inc()
        with suppress(StateError):
            self._observe_halt()

    def _observe_halt(self) -> None:
        known = self._parts.store.company(self._parts.company)
        self._metrics.halted.labels(self._parts.company).set(known is not None and known.halted_since is not None)

    def _observe(self, report: CycleReport) -> None:
        """Bring the metrics up to date after a run."""
        parts, metrics, company = self._parts, self._metrics, self._parts.company
        metrics.cycles.labels(company, report.outcome).inc()
        metrics.cycle_duration.labels(company, report.outcome).observe(report.duration_seconds)
        if report.outcome in {"ok", "held"}:
            metrics.last_success.labels(company).set(parts.clock.now().timestamp())
        self._observe_halt()
        if report.applied or not self._counted_links:
            for kind, number in parts.store.count_links(company).items():
                metrics.records_linked.labels(company, kind).set(number)
            self._counted_links = True
        for brake in report.plan.brakes:
            metrics.brakes_tripped.labels(company, brake.rail).inc()
        held: Counter[tuple[Kind, str]] = Counter((row.kind, row.case) for row in parts.store.held(company))
        for kind, case in self._held_before - held.keys():
            metrics.records_held.labels(company, kind, case).set(0)
        for (kind, case), count in held.items():
            metrics.records_held.labels(company, kind, case).set(count)
        self._held_before = set(held)
        waiting = parts.store.journal_counts(company, only_open=True)
        for state in OPEN_JOURNAL_STATES:
            metrics.journal_entries.labels(company, state).set(waiting.get(state, 0))
        metrics.records_dirty.labels(company).set(parts.store.dirty_count(company))
        since = oldest(owed(parts.store, company))
        for what in SORTS:
            metrics.oldest_owed.labels(company, what).set(since[what].timestamp() if what in since else 0)


def _billed(store: Store, company: str, ids: Collection[str] | None) -> dict[str, Billed]:
    """The bills that were made of expenses, each with what is on it (C-R8); those of these ids, or all.

    A bill whose making nobody has heard of yet counts as well: what may be on it must not be billed a second time.
    """
    links = (
        store.stream_links(company, Kind.BILL)
        if ids is None
        else store.links_by_source(company, Kind.BILL, ids).values()
    )
    found: dict[str, Billed] = {}
    for link in links:
        live = link.state is not LinkState.TOMBSTONED
        if live or link.source_id not in found:
            found[link.source_id] = Billed(_expenses_in(link.source_base), live=live)
    for entry in store.open_entries(company):
        intent = entry.intent
        if intent.kind is Kind.BILL and intent.side is Side.QBO and (ids is None or intent.source_id in ids):
            known = found.get(intent.source_id)
            operation = msgspec.json.decode(intent.operation, type=Operation)
            expenses = known.expenses if known is not None and known.live else _expenses_in(operation.source_base)
            found[intent.source_id] = Billed(expenses, settled=False)
    return found


def _sent_as(store: Store, company: str, ids: Collection[str]) -> dict[str, Kind]:
    """Those of these expenses that are purchases or bills in QuickBooks by now, or may be: nobody has heard yet."""
    found: dict[str, Kind] = {}
    for kind in sorted(MADE):
        for link in store.links_by_source(company, kind, ids).values():
            if link.state is not LinkState.TOMBSTONED:
                found[link.source_id] = kind
    for entry in store.open_entries(company):
        intent = entry.intent
        if intent.kind in MADE and intent.verb is Verb.CREATE and intent.source_id in ids:
            found.setdefault(intent.source_id, intent.kind)
    return found


def _files_linked(store: Store, company: str) -> dict[str, bool]:
    """The files that are in QuickBooks; and those that may be there any moment, which nobody knows yet."""
    found = dict.fromkeys(store.linked_ids(company, Kind.ATTACHMENT, Side.SOURCE), True)
    for entry in store.open_entries(company):
        intent = entry.intent
        if intent.kind is Kind.ATTACHMENT and intent.verb is Verb.CREATE and intent.source_id not in found:
            found[intent.source_id] = False
    return found


def _expenses_in(base: Projection) -> frozenset[str]:
    rows = base.get("expenses", ())
    return frozenset(row[0] for row in rows if isinstance(row, tuple))


def _for_source(policy: Policy, source: Source, limits: Limits) -> Policy:
    """The profile, limited to the kinds that this source has. Items need no table: lines may name them."""
    there = source.capabilities().keys()
    kinds = {kind: rules for kind, rules in policy.kinds.items() if kind in there or policy.only_matched(kind)}
    return msgspec.structs.replace(policy, kinds=kinds, limits=limits)
