"""One cycle over one company: recover, observe, join, match, decide, guard, apply, settle (DESIGN.md section 4)."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from syncd.clock import Clock
from syncd.errors import IdentityChanged, SyncdError
from syncd.executor import Applied, Executor, Progress
from syncd.gather import Gathered, Gatherer, Slot
from syncd.heartbeat import heartbeat
from syncd.links import LinkBook, record_name
from syncd.model import values
from syncd.model.facts import BooksFacts, Settings
from syncd.model.lens import Lens
from syncd.model.records import Kind, Side
from syncd.model.spec import SPECS
from syncd.model.writes import DESTRUCTIVE_VERBS, Verb
from syncd.reconciler.entries import Rails, SideCapability, View
from syncd.reconciler.plan import Brake, Operation, Plan
from syncd.reconciler.policy import Answer, Case, Policy
from syncd.reconciler.reconcile import reconcile
from syncd.recovery import Recovered, Recovery
from syncd.report import CycleReport, CycleRequest
from syncd.settling import Settler, Tally
from syncd.sources.base import Source, SourceChanges
from syncd.state.values import Company, Cursors, Dirty, Lease, Link, LinkState, Settlement

if TYPE_CHECKING:
    from syncd.qbo.books import Books, BooksChanges
    from syncd.state.store import Store

LEASE_SECONDS = 300.0
RENEW_SECONDS = 60.0
"""How old the lease may grow before it is prolonged between two writes: a long run stays the only one."""
FACTS_SECONDS = 3600.0
"""How long company and preferences are believed; a refusal that concerns them makes QBO's side read them at once."""
ROUNDS = 3
"""How often a record that moved on while it was written is decided anew within one cycle (5010)."""


class Parts(msgspec.Struct, frozen=True):
    """What a cycle works with: everything of one company that outlives a cycle."""

    company: str
    policy: Policy
    settings: Settings
    source: Source
    books: Books
    store: Store
    clock: Clock
    stop: threading.Event
    scope_digest: str
    batch_size: int = 30
    count: Callable[[Kind, Side, Verb, str], None] = lambda *_: None
    lease_held: Callable[[bool], None] = lambda _: None


class Observed(msgspec.Struct, frozen=True):
    """What both feeds said, and where the cursors will stand once all of it is settled."""

    changes: SourceChanges
    books: BooksChanges | None
    dirty: list[Dirty]
    cursors: Cursors
    before: Cursors


class Keeper:
    """Keeps a lease while work goes on; ``LeaseLost`` once another runner has it."""

    def __init__(self, store: Store, lease: Lease, clock: Clock) -> None:
        self._store = store
        self._lease = lease
        self._clock = clock
        self._renewed = clock.monotonic()

    def __call__(self) -> None:
        """Prolong the lease if it is time to."""
        now = self._clock.monotonic()
        if now - self._renewed >= RENEW_SECONDS:
            self._store.renew(self._lease)
            self._renewed = now


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
            request = _lifted(request, approved)
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
        lease = parts.store.acquire(parts.company, _holder(request.actor), LEASE_SECONDS)
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
        keep = Keeper(parts.store, lease, parts.clock)
        recovered = self._recover(lease, keep, run_id, request, facts, links)
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
            asked = request if turn == 0 else msgspec.structs.replace(request, kinds=frozenset(), ids=only)
            plan, gathered, observed = self._plan(asked, company, facts, frozenset(recovered.in_doubt), links)
            refused = 0
            if approved is not None:
                plan, refused = _as_approved(plan, approved)
            first_plan = first_plan or plan
            applied = self._apply(plan, gathered, observed, lease, keep, run_id, request, facts, links, progress)
            _add(total, applied)
            self._close(plan, gathered, observed, applied, lease, run_id, partial=bool(asked.ids or asked.kinds))
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
        self, lease: Lease, keep: Keeper, run_id: str, request: CycleRequest, facts: BooksFacts, links: LinkBook
    ) -> Recovered:
        parts = self._parts
        entries = parts.store.open_entries(parts.company)
        if not entries:
            return Recovered(in_doubt=set())
        lens = self._lens(facts)
        recovery = Recovery(
            journal=parts.store,
            lease=lease,
            run_id=run_id,
            source=parts.source,
            books=parts.books,
            links=links,
            lens=lens,
            settler=self._settler(lens, links, run_id, request),
            keep=keep,
        )
        return recovery.run(entries)

    def _note_ignored(self, lease: Lease, run_id: str) -> None:
        """A person said to leave a record alone: from now on it is linked to nothing and looked at no more."""
        parts = self._parts
        ignored = [slot for slot, word in parts.store.instructions(parts.company).items() if word == "ignore"]
        if not ignored:
            return
        links = LinkBook(parts.store, parts.company)
        made = []
        for kind, source_id, qbo_id in ignored:
            found = links.load_links(
                kind, source_ids=[source_id] if source_id else [], qbo_ids=[qbo_id] if qbo_id else []
            )
            link = found[0] if found else Link(parts.company, kind, source_id, "" if source_id else qbo_id)
            made.append(msgspec.structs.replace(link, state=LinkState.IGNORED))
        parts.store.settle(
            lease, Settlement(links=tuple(made), unheld=tuple(ignored), clean=tuple(ignored)), run_id=run_id
        )

    # ---- observing and deciding

    def _lens(self, facts: BooksFacts) -> Lens:
        held = {kind: capability.fields for kind, capability in self._parts.source.capabilities().items()}
        held.setdefault(Kind.ITEM, frozenset({"name"}))
        return Lens(held, facts, self._parts.settings)

    def _plan(
        self, request: CycleRequest, company: Company, facts: BooksFacts, in_doubt: frozenset[Slot], links: LinkBook
    ) -> tuple[Plan, Gathered, Observed]:
        parts = self._parts
        observed = self._observe(company, request)
        lens = self._lens(facts)
        words = self._words()
        gatherer = Gatherer(
            source=parts.source,
            books=parts.books,
            links=links,
            lens=lens,
            policy=parts.policy,
            in_doubt=in_doubt,
            words=words,
            only=request.kinds,
            ids=request.ids,
            linked_in_qbo=self._swept(observed.books),
        )
        gathered = gatherer.gather(observed.changes, observed.books, observed.dirty)
        view = View(
            entries=gathered.entries,
            lens=lens,
            facts=facts,
            settings=parts.settings,
            policy=parts.policy,
            capabilities=self._side_capabilities(),
            to_qbo=links.to_qbo,
            to_source=links.to_source,
            rails=self._rails(company, observed, gathered),
            overrides=request.overrides,
            default_item=parts.books.default_item() if _has_items(gathered) else "",
        )
        return reconcile(view), gathered, observed

    def _words(self) -> dict[Slot, tuple[str, str]]:
        """What people said about held records, each with the case that they were asked about."""
        parts = self._parts
        if not any(word != "ignore" for word in parts.store.instructions(parts.company).values()):
            return {}
        answered = (h for h in parts.store.held(parts.company) if h.resolution not in {"", "ignore"})
        return {(h.kind, h.source_id, h.qbo_id): (h.resolution, h.case) for h in answered}

    def _swept(self, books: BooksChanges | None) -> dict[Kind, frozenset[str]]:
        """The linked ids of kinds whose ids QBO had to list in full."""
        kinds = books.linked_sweep if books is not None else frozenset()
        return {kind: self._parts.store.linked_ids(self._parts.company, kind, Side.QBO) for kind in kinds}

    def _side_capabilities(self) -> Mapping[Kind, SideCapability]:
        return {
            kind: SideCapability(verbs=c.verbs, writable=c.writable, external_id=c.external_id)
            for kind, c in self._parts.source.capabilities().items()
        }

    def _observe(self, company: Company, request: CycleRequest) -> Observed:
        """Read both feeds. QBO first, so that its cursor is never ahead of what the source was compared with."""
        parts = self._parts
        before = parts.store.cursors(parts.company)
        kinds = frozenset(parts.policy.kinds)
        books, qbo_cursor = None, before.qbo
        if before.qbo is None:
            qbo_cursor = parts.books.server_time()
        else:
            books = parts.books.changes(before.qbo, sorted(kinds))
            qbo_cursor = before.qbo if books.unknown else books.cursor
        sweep = parts.source.needs_keys(before.source) if before.source else frozenset()
        known = {kind: parts.store.linked_ids(parts.company, kind, Side.SOURCE) for kind in sweep}
        changes = parts.source.changes(before.source, known)
        horizon = _FAR if request.every_dirty else parts.clock.now()
        dirty = parts.store.dirty(parts.company, horizon)
        if books is not None and not request.every_dirty:
            dirty = self._with_waiting(dirty, books)
        counts = {kind.value: count for kind, count in changes.counts.items()}
        cursors = Cursors(qbo=qbo_cursor, source=changes.watermark, counts=counts)
        return Observed(changes=changes, books=books, dirty=dirty, cursors=cursors, before=before)

    def _with_waiting(self, due: list[Dirty], books: BooksChanges) -> list[Dirty]:
        """Where new records of a kind may be brought into the source, those of the source that wait come along although
        their time has not come: one of them may be the same, and it must not come into being twice."""
        policy = self._parts.policy
        importable = {k for k, rules in policy.kinds.items() if rules.answers.get(Case.FOREIGN) is Answer.CREATE_SOURCE}
        kinds = {kind for kind in importable if books.records.get(kind)}
        if not kinds:
            return due
        waiting = self._parts.store.dirty(self._parts.company, _FAR)
        known = {(record.kind, record.source_id, record.qbo_id) for record in due}
        return due + [w for w in waiting if w.kind in kinds and (w.kind, w.source_id, w.qbo_id) not in known]

    def _rails(self, company: Company, observed: Observed, gathered: Gathered) -> Rails:
        parts = self._parts
        emptied = any(count == 0 for count in observed.changes.counts.values())
        linked = parts.store.count_links(parts.company) if gathered.entries or emptied else {}
        return Rails(
            linked=linked,
            counts=observed.changes.counts,
            missing=gathered.missing,
            churned=self._churned(gathered),
            first_run=company.first_run_approved_at is None,
            scope_changed=bool(company.scope_digest) and company.scope_digest != parts.scope_digest,
            halted=company.halt_reason if company.halted_since is not None else "",
        )

    def _churned(self, gathered: Gathered) -> frozenset[tuple[Kind, str, str, str]]:
        """Fields that were written often lately without a new value at their origin (F-52)."""
        parts = self._parts
        keys = [
            (entry.kind, entry.known.source_id, entry.known.qbo_id)
            for entry in gathered.entries
            if entry.known is not None
        ]
        if not keys:
            return frozenset()
        limits = parts.policy.limits
        since = parts.clock.now() - timedelta(hours=limits.churn_hours)
        churned = set()
        for key, writes in parts.store.recent_writes(parts.company, since, keys).items():
            written: dict[tuple[Side, str], list[object]] = {}
            for write in writes:
                if write.verb is Verb.UPDATE:
                    for name, value in write.written.items():
                        written.setdefault((write.side, name), []).append(value)
            for (_, name), history in written.items():
                if len(history) >= limits.churn_writes and len(set(history)) < len(history):
                    churned.add((*key, name))
        return frozenset(churned)

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
        keep: Keeper,
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
            settler=self._settler(self._lens(facts), links, run_id, request, observed.dirty),
            clock=parts.clock,
            stopping=self._stopping,
            batch_size=parts.batch_size,
            count=parts.count,
            keep=keep,
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
        settlement = msgspec.structs.replace(
            tally.settlement(),
            versions=gathered.versions,
            cursors=None if partial or _same(observed.cursors, observed.before) else observed.cursors,
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


_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def _holder(actor: str) -> str:
    """Who holds a lease, for the one who finds it taken."""
    return f"{actor} on {socket.gethostname()}, process {os.getpid()}"


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


def _slot_of(kind: Kind, entry: object) -> Slot:
    from syncd.model.observations import Present
    from syncd.reconciler.entries import Entry

    assert isinstance(entry, Entry)  # noqa: S101 - gathered entries only
    if entry.known is not None:
        return (kind, entry.known.source_id, entry.known.qbo_id)
    source_id = entry.source.record.id if isinstance(entry.source, Present) else getattr(entry.source, "id", "")
    qbo_id = entry.qbo.record.id if isinstance(entry.qbo, Present) else ""
    return (kind, source_id, qbo_id)


def _touched(plan: Plan) -> frozenset[Slot]:
    """The records that operations of ``plan`` are about, by each name they have: an operation may know both ids."""
    names = {record_name(o.kind, o.source_id, o.qbo_id) for o in plan.operations}
    return frozenset(names | {record_name(o.kind, "", o.qbo_id) for o in plan.operations if o.qbo_id})


def _lifted(request: CycleRequest, approved: Plan) -> CycleRequest:
    """A person has read the plan: that lifts the brakes for what it holds, and for no more than that."""
    removals: dict[Kind, int] = dict(request.allow_removals)
    for operation in (*approved.operations, *approved.withheld):
        if operation.verb in DESTRUCTIVE_VERBS:
            removals[operation.kind] = removals.get(operation.kind, 0) + 1
    return msgspec.structs.replace(request, approve_first_run=True, allow_removals=removals)


def _as_approved(plan: Plan, approved: Plan) -> tuple[Plan, int]:
    """Of the plan made now, what was approved and is still the same; and how many approved operations are not.

    What was not in the approved plan is left for the next cycle. Holds are kept: they are findings, not writes.
    """
    reviewed = (*approved.operations, *approved.withheld)
    wanted = {operation.id: operation for operation in reviewed}
    kept = tuple(o for o in plan.operations if wanted.get(o.id) == o or o.verb is Verb.HOLD)
    done = {operation.id for operation in kept}
    refused = sum(1 for o in reviewed if o.id not in done and o.verb is not Verb.HOLD)
    left = tuple(o.id for o in plan.operations if o.id not in done)
    brakes = plan.brakes
    if left:
        text = f"{len(left)} operations were not in the approved plan, or are planned otherwise now."
        brakes = (*brakes, Brake(rail="not-approved", text=text, override="a new plan", kind=Kind.ITEM, stopped=left))
    return msgspec.structs.replace(plan, operations=kept, brakes=brakes), refused


def _worse(outcome: str) -> str:
    return "held" if outcome == "ok" else outcome


def _has_items(gathered: Gathered) -> bool:
    """Whether an item is to be decided about: only then is the default item looked up in QBO."""
    return any(SPECS[entry.kind].link_only for entry in gathered.entries)


def _same(left: Cursors, right: Cursors) -> bool:
    """Whether the cursors say the same, so that an idle cycle has nothing to store."""
    return left == right


def _add(total: Applied, part: Applied) -> None:
    total.applied += part.applied
    total.failed += part.failed
    total.held += part.held
    total.in_doubt += part.in_doubt
    total.undone += part.undone
    total.stopped = total.stopped or part.stopped


__all__ = ["Cycle", "Operation", "Parts", "scope_digest"]
