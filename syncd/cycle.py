"""One cycle over one company: recover, observe, join, match, decide, guard, apply, settle (DESIGN.md section 4)."""

from __future__ import annotations

import threading
from contextlib import suppress

import msgspec

from syncd.approval import lifted
from syncd.behind import is_no_lag
from syncd.epoch import Watch
from syncd.errors import IdentityChanged, SourceBehind, StateError, SyncdError
from syncd.heartbeat import heartbeat, holder, is_gone
from syncd.links import LinkBook
from syncd.model import values
from syncd.model.facts import BooksFacts, Settings
from syncd.parts import Parts
from syncd.ports import Progress
from syncd.reconciler.plan import Plan
from syncd.reconciler.policy import Policy
from syncd.report import CycleReport, CycleRequest
from syncd.rounds import Rounds, Run, open_slots, plan_of
from syncd.sources.base import Source
from syncd.state.values import Company
from syncd.undoing import UNDO

LEASE_SECONDS = 90.0
"""How long a runner that cannot be asked (another machine) keeps a company for itself after it was last heard of."""
FACTS_SECONDS = 3600.0
"""How long company and preferences are believed; a refusal that concerns them makes QBO's side read them at once."""


class Cycle:
    """Runs cycles for one company. Holds nothing between two runs but its parts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._facts_read: float | None = None
        self._lost = threading.Event()
        self._watch = Watch(parts)

    def run(
        self, request: CycleRequest, progress: Progress | None = None, *, approved: Plan | None = None
    ) -> CycleReport:
        """One cycle. A dry run makes no write to either side and none to the state.

        With ``approved`` only what is planned now exactly as it was approved is applied; the rest waits.
        """
        started = self._parts.clock.monotonic()
        if approved is not None:
            request = lifted(request, approved)
        report = self._dry(request) if request.dry_run else self._leased(request, progress, approved)
        return msgspec.structs.replace(report, duration_seconds=self._parts.clock.monotonic() - started)

    # ---- dry

    def _dry(self, request: CycleRequest) -> CycleReport:
        parts = self._parts
        company = self._watch.seen(parts.store.company(parts.company) or Company(name=parts.company))
        facts = parts.books.facts()
        parts.store.check_identity(self._identity(company, facts))
        in_doubt = frozenset(open_slots(parts))
        plan, _, _ = plan_of(parts, request, company, facts, in_doubt, LinkBook(parts.store, parts.company))
        pending = plan.writes or plan.withheld
        outcome = "halted" if plan.brakes else "changes" if pending else "held" if plan.holds else "ok"
        return CycleReport(
            company=parts.company,
            run_id="",
            outcome=outcome,
            plan=plan,
            held=len(plan.holds),
            in_doubt=len(in_doubt),
            notes=("The journal has open writes; the next run settles them first.",) if in_doubt else (),
        )

    # ---- wet

    def _leased(self, request: CycleRequest, progress: Progress | None, approved: Plan | None) -> CycleReport:
        parts = self._parts
        lease = parts.store.acquire(parts.company, holder(request.actor), LEASE_SECONDS, gone=is_gone)
        run_id, outcome, counts, note = "", "failed", {}, ""
        self._lost.clear()
        parts.lease_held(True)
        try:
            what = f"{UNDO}{request.undo}" if request.undo else "reconcile"
            run_id = parts.store.begin_run(parts.company, what).id
            self._watch.begin()
            with heartbeat(parts.store, lease, LEASE_SECONDS, self._lost, self._watch.note):
                company, facts = self._identify()
                links = LinkBook(parts.store, parts.company)
                run = Run(run_id, lease, request, facts, links, self._stopping, progress, approved)
                report = Rounds(parts, run).go(company)
                if report.outcome in {"ok", "held"}:
                    parts.store.record_success(parts.company, parts.clock.now(), lease=lease)
            outcome = report.outcome
            counts = {"applied": report.applied, "failed": report.failed, "held": report.held}
            return report
        except SyncdError as error:
            note = str(error)
            if isinstance(error, SourceBehind) and is_no_lag(error, parts.clock.now()):
                parts.store.halt(parts.company, error.message)
            raise
        finally:
            # Where the state cannot be saved, that is what the run ended with; what follows must not hide it.
            with suppress(StateError):
                parts.store.end_run(run_id, outcome, counts, note)
            with suppress(StateError):
                self._watch.note()
            with suppress(StateError):
                parts.store.release(lease)
            parts.lease_held(False)

    def _stopping(self) -> bool:
        """Whether no new work may be taken: we were told to stop, or the lease could not be kept."""
        return self._parts.stop.is_set() or self._lost.is_set()

    def _identify(self) -> tuple[Company, BooksFacts]:
        """Pin who we talk to at the first run; refuse anybody else afterwards (F-63, F-64)."""
        parts = self._parts
        now = parts.clock.monotonic()
        stale = self._facts_read is None or now - self._facts_read > FACTS_SECONDS
        facts = parts.books.facts(refresh=stale)
        self._facts_read = now if stale else self._facts_read
        company = parts.store.company(parts.company) or Company(name=parts.company)
        pinned = self._identity(company, facts)
        if pinned != company or not company.realm_id:
            try:
                parts.store.pin_company(pinned)
            except IdentityChanged as error:
                parts.store.halt(parts.company, str(error))
                raise
            company = parts.store.company(parts.company) or pinned
        return company, facts

    def _identity(self, company: Company, facts: BooksFacts) -> Company:
        """The company with the names of who answers now."""
        return msgspec.structs.replace(
            company,
            realm_id=facts.realm_id,
            realm_name=facts.name,
            environment=self._parts.books.environment,
            source_identity=self._parts.source.identity(),
        )


def scope_digest(policy: Policy, settings: Settings, source: Source) -> str:
    """What comparisons mean: profile, settings, and what the source holds and how that is read. A change makes the
    next run plan only."""
    capabilities = {
        kind.value: (sorted(c.fields), sorted(c.writable), sorted(verb.value for verb in c.verbs))
        for kind, c in source.capabilities().items()
    }
    return values.fingerprint([policy, settings, capabilities, source.scope()])
