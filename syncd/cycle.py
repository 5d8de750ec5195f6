"""One cycle over one company: recover, observe, join, match, decide, guard, apply, settle (DESIGN.md section 4)."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from syncd.approval import as_approved, lifted
from syncd.errors import IdentityChanged, SyncdError
from syncd.executor import Applied, Executor
from syncd.feeds import Observed
from syncd.heartbeat import heartbeat, holder, is_gone
from syncd.links import LinkBook, record_name
from syncd.model import values
from syncd.model.facts import BooksFacts, Settings
from syncd.model.lens import Lens
from syncd.model.observations import Present
from syncd.model.records import Kind
from syncd.outlook import lens_of, look_out
from syncd.parts import Parts
from syncd.ports import Progress
from syncd.reconciler.entries import Entry
from syncd.reconciler.plan import Plan
from syncd.reconciler.policy import Policy
from syncd.reconciler.reconcile import reconcile
from syncd.recovery import Recovered, Recovery
from syncd.report import CycleReport, CycleRequest
from syncd.seen import Gathered, Slot
from syncd.settling import Settler, Tally
from syncd.sources.base import Source
from syncd.state.values import Company, Dirty, Lease, Link, LinkState, Settlement

LEASE_SECONDS = 90.0
"""How long a runner that cannot be asked (another machine) keeps a company for itself after it was last heard of."""
FACTS_SECONDS = 3600.0
"""How long company and preferences are believed; a refusal that concerns them makes QBO's side read them at once."""
ROUNDS = 3
"""How often a record that moved on while it was written is decided anew within one cycle (5010)."""


class Cycle:
    """Runs cycles for one company. Holds nothing between two runs but its parts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._facts_read: float | None = None
        self._lost = threading.Event()

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
        company = parts.store.company(parts.company) or Company(name=parts.company)
        facts = parts.books.facts()
        in_doubt = frozenset(
            (e.intent.kind, e.intent.source_id, e.intent.qbo_id) for e in parts.store.open_entries(parts.company)
        )
        plan, _, _ = self._plan(request, company, facts, in_doubt, LinkBook(parts.store, parts.company))
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
        run = parts.store.begin_run(parts.company, "reconcile")
        outcome, counts, note = "failed", {}, ""
        self._lost.clear()
        parts.lease_held(True)
        try:
            with heartbeat(parts.store, lease, LEASE_SECONDS, self._lost):
                report = self._rounds(request, lease, run.id, progress, approved)
            outcome = report.outcome
            counts = {"applied": report.applied, "failed": report.failed, "held": report.held}
            return report
        except SyncdError as error:
            note = str(error)
            raise
        finally:
            parts.store.end_run(run.id, outcome, counts, note)
            parts.store.release(lease)
            parts.lease_held(False)

    def _stopping(self) -> bool:
        """Whether no new work may be taken: we were told to stop, or the lease could not be kept."""
        return self._parts.stop.is_set() or self._lost.is_set()

    def _rounds(
        self,
        request: CycleRequest,
        lease: Lease,
        run_id: str,
        progress: Progress | None,
        approved: Plan | None,
    ) -> CycleReport:
        parts = self._parts
        company, facts = self._identify()
        links = LinkBook(parts.store, parts.company)
        recovered = self._recover(lease, run_id, request, facts, links)
        if request.approve_first_run and company.first_run_approved_at is None:
            parts.store.approve_first_run(parts.company, request.actor)
            company = parts.store.company(parts.company) or company
        if request.accept_config or not company.scope_digest:
            parts.store.set_scope_digest(parts.company, parts.scope_digest)
            company = parts.store.company(parts.company) or company
        self._note_ignored(lease, run_id)

        total = Applied(stale=[], undone=[])
        first_plan: Plan | None = None
        only: frozenset[str] = frozenset()
        for turn in range(ROUNDS):
            asked = (
                request
                if turn == 0
                else msgspec.structs.replace(request, kinds=frozenset(), ids=only, reload=frozenset())
            )
            plan, gathered, observed = self._plan(asked, company, facts, frozenset(recovered.in_doubt), links)
            refused = 0
            if approved is not None:
                plan, refused = as_approved(plan, approved)
            first_plan = first_plan or plan
            applied = self._apply(plan, gathered, observed, lease, run_id, request, facts, links, progress)
            _add(total, applied)
            self._close(plan, gathered, observed, applied, lease, run_id, partial=asked.partial)
            only = frozenset(name for o in applied.stale for name in (o.source_id, o.qbo_id) if name)
            if not only or applied.stopped or approved is not None:
                break
        assert first_plan is not None  # noqa: S101 - at least one round was made
        report = self._report(run_id, first_plan, total, recovered)
        if not refused:
            return report
        note = f"{refused} records are not as they were when the plan was made; they were left alone."
        return msgspec.structs.replace(report, notes=(*report.notes, note), outcome=_worse(report.outcome))

    def _identify(self) -> tuple[Company, BooksFacts]:
        """Pin who we talk to at the first run; refuse anybody else afterwards (F-63, F-64)."""
        parts = self._parts
        now = parts.clock.monotonic()
        stale = self._facts_read is None or now - self._facts_read > FACTS_SECONDS
        facts = parts.books.facts(refresh=stale)
        self._facts_read = now if stale else self._facts_read
        company = parts.store.company(parts.company) or Company(name=parts.company)
        pinned = msgspec.structs.replace(
            company,
            realm_id=facts.realm_id,
            realm_name=facts.name,
            environment=parts.books.environment,
            source_identity=parts.source.identity(),
        )
        if pinned != company or not company.realm_id:
            try:
                parts.store.pin_company(pinned)
            except IdentityChanged as error:
                parts.store.halt(parts.company, error.message)
                raise
            company = parts.store.company(parts.company) or pinned
        return company, facts

    def _recover(
        self, lease: Lease, run_id: str, request: CycleRequest, facts: BooksFacts, links: LinkBook
    ) -> Recovered:
        parts = self._parts
        entries = parts.store.open_entries(parts.company)
        if not entries:
            return Recovered(in_doubt=set())
        lens = lens_of(parts, facts)
        recovery = Recovery(
            journal=parts.store,
            lease=lease,
            run_id=run_id,
            source=parts.source,
            books=parts.books,
            links=links,
            lens=lens,
            settler=self._settler(lens, links, run_id, request),
        )
        return recovery.run(entries)

    def _note_ignored(self, lease: Lease, run_id: str) -> None:
        """A person said to leave a record alone: from now on it is linked to nothing and looked at no more."""
        parts = self._parts
        ignored = [slot for slot, word in parts.store.instructions(parts.company).items() if word == "ignore"]
        if not ignored:
            return
        links = LinkBook(parts.store, parts.company)
        seen = {(held.kind, held.source_id, held.qbo_id): held.source_value for held in parts.store.held(parts.company)}
        made = []
        for kind, source_id, qbo_id in ignored:
            found = links.load_links(
                kind, source_ids=[source_id] if source_id else [], qbo_ids=[qbo_id] if qbo_id else []
            )
            base = seen.get((kind, source_id, qbo_id), {})
            new = Link(parts.company, kind, source_id, "" if source_id else qbo_id, source_base=base)
            made.append(msgspec.structs.replace(found[0] if found else new, state=LinkState.IGNORED))
        parts.store.settle(
            lease, Settlement(links=tuple(made), unheld=tuple(ignored), clean=tuple(ignored)), run_id=run_id
        )

    def _plan(
        self, request: CycleRequest, company: Company, facts: BooksFacts, in_doubt: frozenset[Slot], links: LinkBook
    ) -> tuple[Plan, Gathered, Observed]:
        view, gathered, observed = look_out(self._parts, request, company, facts, in_doubt, links)
        return reconcile(view), gathered, observed

    # ---- applying and settling

    def _settler(
        self, lens: Lens, links: LinkBook, run_id: str, request: CycleRequest, waiting: Sequence[Dirty] = ()
    ) -> Settler:
        parts = self._parts
        now = parts.clock.now()
        return Settler(parts.company, lens, links, run_id=run_id, actor=request.actor, now=now, waiting=waiting)

    def _apply(
        self,
        plan: Plan,
        gathered: Gathered,
        observed: Observed,
        lease: Lease,
        run_id: str,
        request: CycleRequest,
        facts: BooksFacts,
        links: LinkBook,
        progress: Progress | None,
    ) -> Applied:
        parts = self._parts
        if not plan.operations or _stands_still(plan):
            return Applied(stale=[], undone=[])
        executor = Executor(
            journal=parts.store,
            lease=lease,
            run_id=run_id,
            source=parts.source,
            books=parts.books,
            links=links,
            settler=self._settler(lens_of(parts, facts), links, run_id, request, observed.dirty),
            stopping=self._stopping,
            batch_size=parts.batch_size,
            count=parts.count,
        )
        return executor.apply(plan, raw=gathered.raw, current=gathered.current, progress=progress)

    def _close(
        self,
        plan: Plan,
        gathered: Gathered,
        observed: Observed,
        applied: Applied,
        lease: Lease,
        run_id: str,
        *,
        partial: bool,
    ) -> None:
        """Move the cursors past what was read; whatever was not settled is remembered as dirty in the same moment."""
        parts = self._parts
        if _stands_still(plan):
            return
        tally = Tally()
        stopped = {name for brake in plan.brakes for name in brake.stopped}
        touched = _touched(plan)
        now = parts.clock.now()
        for entry in gathered.entries:
            slot = _slot_of(entry.kind, entry)
            if record_name(*slot) in touched:
                continue
            if stopped:
                tally.dirty.append(
                    Dirty(slot[0], slot[1], slot[2], "stopped by a brake, or beside one", not_before=now)
                )
            else:
                tally.clean.append(slot)
                tally.unheld.append(slot)
        tally.clean.extend(gathered.quiet)
        tally.unheld.extend(gathered.quiet)
        settlement = msgspec.structs.replace(
            tally.settlement(),
            versions=gathered.versions,
            cursors=None if partial or observed.cursors == observed.before else observed.cursors,
        )
        if settlement != Settlement():
            parts.store.settle(lease, settlement, run_id=run_id)

    def _report(self, run_id: str, plan: Plan, applied: Applied, recovered: Recovered) -> CycleReport:
        in_doubt = applied.in_doubt + len(recovered.in_doubt)
        outcome = "ok"
        if in_doubt:
            outcome = "unknown"
        elif plan.brakes:
            outcome = "halted"
        elif applied.failed or applied.held or applied.undone:
            outcome = "held"
        notes = ["Stopped before everything was sent; the next run goes on."] if applied.stopped else []
        return CycleReport(
            company=self._parts.company,
            run_id=run_id,
            outcome=outcome,
            plan=plan,
            applied=applied.applied,
            failed=applied.failed,
            held=applied.held,
            in_doubt=in_doubt,
            recovered=recovered.settled,
            notes=tuple(notes),
        )


def scope_digest(policy: Policy, settings: Settings, source: Source) -> str:
    """What comparisons mean: profile, settings and what the source holds. A change makes the next run plan only."""
    capabilities = {
        kind.value: (sorted(c.fields), sorted(c.writable), sorted(verb.value for verb in c.verbs))
        for kind, c in source.capabilities().items()
    }
    return values.fingerprint([policy, settings, capabilities])


def _stands_still(plan: Plan) -> bool:
    """Whether a brake stopped the whole company: then nothing is stored at all, as in a dry run."""
    return any(brake.kind is None for brake in plan.brakes)


def _slot_of(kind: Kind, entry: Entry) -> Slot:
    if entry.known is not None:
        return (kind, entry.known.source_id, entry.known.qbo_id)
    source_id = entry.source.record.id if isinstance(entry.source, Present) else getattr(entry.source, "id", "")
    qbo_id = entry.qbo.record.id if isinstance(entry.qbo, Present) else ""
    return (kind, source_id, qbo_id)


def _touched(plan: Plan) -> frozenset[Slot]:
    """The records that operations of ``plan`` are about, by each name they have: an operation may know both ids."""
    names = {record_name(o.kind, o.source_id, o.qbo_id) for o in plan.operations}
    return frozenset(names | {record_name(o.kind, "", o.qbo_id) for o in plan.operations if o.qbo_id})


def _worse(outcome: str) -> str:
    return "held" if outcome == "ok" else outcome


def _add(total: Applied, part: Applied) -> None:
    total.applied += part.applied
    total.failed += part.failed
    total.held += part.held
    total.in_doubt += part.in_doubt
    total.undone += part.undone
    total.stopped = total.stopped or part.stopped
