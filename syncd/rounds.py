"""What one run does under its lease: settle what is open, then plan, apply and store, until nothing has moved on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from syncd.approval import as_approved
from syncd.executor import Applied, Executor
from syncd.feeds import Observed
from syncd.links import LinkBook, record_name
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.numbering import Numbers
from syncd.outlook import lens_of, look_out
from syncd.parts import Parts
from syncd.ports import Progress
from syncd.reconciler.decide import is_left_alone
from syncd.reconciler.entries import Entry
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.reconcile import reconcile
from syncd.reconciler.undo import fallen, first_step
from syncd.recovery import Recovered, Recovery
from syncd.report import CycleReport, CycleRequest
from syncd.seen import Gathered, Slot
from syncd.settling import Settler, Tally
from syncd.state.values import Company, Dirty, Lease, Settlement
from syncd.undoing import plan_undo
from syncd.words import note_ignored, take_up_again

ROUNDS = 3
"""How often a record that moved on while it was written is decided anew within one cycle (5010)."""


class Run(msgspec.Struct, frozen=True):
    """One run: what was asked for, by whom it is fenced, and what it goes by. ``approved``: do this plan and no other;
    ``stopping``: whether no new work may be taken."""

    id: str
    lease: Lease
    request: CycleRequest
    facts: BooksFacts
    links: LinkBook
    stopping: Callable[[], bool]
    progress: Progress | None = None
    approved: Plan | None = None


def plan_of(
    parts: Parts,
    request: CycleRequest,
    company: Company,
    facts: BooksFacts,
    in_doubt: frozenset[Slot],
    links: LinkBook,
) -> tuple[Plan, Gathered, Observed]:
    """What is to be done now, with all that it was decided from. Writes nothing."""
    if request.undo:
        return plan_undo(parts, request, company, links)
    view, gathered, observed = look_out(parts, request, company, facts, in_doubt, links)
    return reconcile(view), gathered, observed


def open_slots(parts: Parts) -> set[Slot]:
    """The records with a write whose outcome is not known."""
    entries = parts.store.open_entries(parts.company)
    return {(entry.intent.kind, entry.intent.source_id, entry.intent.qbo_id) for entry in entries}


class Rounds:
    """The work of one run. One use only."""

    def __init__(self, parts: Parts, run: Run) -> None:
        self._parts = parts
        self._run = run
        self._numbers = Numbers(parts.company, parts.settings, parts.store, parts.books)

    def go(self, company: Company) -> CycleReport:
        """Everything, from the writes that an earlier run left open to the report."""
        run = self._run
        recovered = self._recover(company)
        company = self._hear(company)
        if run.request.undo:
            return self._take_back(company, recovered)
        return self._agree(company, recovered)

    def _recover(self, company: Company) -> Recovered:
        """Settle the writes that an earlier run left open. It may send again: not while the company is halted."""
        parts, run = self._parts, self._run
        if company.halted_since is not None:
            return Recovered(in_doubt=open_slots(parts))
        entries = parts.store.open_entries(parts.company)
        if not entries:
            return Recovered(in_doubt=set())
        recovery = Recovery(
            journal=parts.store,
            lease=run.lease,
            run_id=run.id,
            source=parts.source,
            books=parts.books,
            links=run.links,
            lens=lens_of(parts, run.facts),
            settler=self._settler(),
            now=parts.clock.now(),
        )
        return recovery.run(entries)

    def _hear(self, company: Company) -> Company:
        """Store what whoever started the run lets through, and what people said about single records since."""
        parts, request = self._parts, self._run.request
        if request.approve_first_run and company.first_run_approved_at is None:
            parts.store.approve_first_run(parts.company, request.actor)
            company = parts.store.company(parts.company) or company
        if request.accept_config or not company.scope_digest:
            parts.store.set_scope_digest(parts.company, parts.scope_digest)
            company = parts.store.company(parts.company) or company
        if company.restored_at is None:  # else what people said is of another time
            note_ignored(parts, self._run.lease, self._run.id)
            take_up_again(parts, self._run.lease, self._run.id)
        if request.push:  # it stands, even if this run does not come to it
            wish = [
                Dirty(*slot, "a person asked for it", not_before=parts.clock.now(), asked=request.asked)
                for slot in request.push
            ]
            parts.store.settle(self._run.lease, Settlement(dirty=tuple(wish)), run_id=self._run.id)
        return company

    # ---- the two sorts of runs

    def _agree(self, company: Company, recovered: Recovered) -> CycleReport:
        """Bring the two sides into agreement; what moved on while it was written is decided anew."""
        run = self._run
        total = Applied(stale=[], undone=[])
        first, refused = Plan(), 0
        only: frozenset[str] = frozenset()
        for turn in range(ROUNDS):
            asked = run.request
            if turn:
                again = frozenset[Slot]()
                asked = msgspec.structs.replace(
                    asked, kinds=frozenset(), ids=only, reload=again, push=again, removed=total.removed
                )
            plan, gathered, observed = self._plan(asked, company, recovered)
            if run.approved is not None:
                plan, refused = as_approved(plan, run.approved)
            first = _also_stopped(first, plan) if turn else plan
            applied = self._apply(plan, gathered, observed)
            _add(total, applied)
            self._close(plan, gathered, observed, partial=asked.partial)
            only = frozenset(name for o in applied.stale for name in (o.source_id, o.qbo_id) if name)
            if not only or applied.stopped or run.approved is not None:
                break
        else:
            total.held += self._give_up(applied.stale)
        return self._report(first, total, recovered, refused)

    def _take_back(self, company: Company, recovered: Recovered) -> CycleReport:
        """An undo, step by step: what one step takes away moves on what it was applied to, which is read anew."""
        total, first, refused = Applied(stale=[], undone=[]), Plan(), 0
        for turn in range(ROUNDS):
            plan, gathered, observed = self._plan(self._run.request, company, recovered)
            missing = 0
            if self._run.approved is not None:
                plan, missing = as_approved(plan, self._run.approved)
            if turn == 0:
                first, refused = plan, missing
            total.remarks |= fallen(first, plan)
            step = first_step(plan)
            applied = self._apply(step, gathered, observed)
            _add(total, applied)
            if applied.stopped or len(step.operations) == len(plan.operations):
                break
        return self._report(first, total, recovered, refused)

    def _plan(self, asked: CycleRequest, company: Company, recovered: Recovered) -> tuple[Plan, Gathered, Observed]:
        run = self._run
        return plan_of(self._parts, asked, company, run.facts, frozenset(recovered.in_doubt), run.links)

    def _give_up(self, stale: Sequence[Operation]) -> int:
        """What moved on each time it was written waits for a person; how many these are (DESIGN.md section 4, F-21)."""
        settler, tally = self._settler(), Tally()
        for operation in stale:
            reason = f"it was changed by somebody else each of the {ROUNDS} times that it was to be written"
            settler.hold(tally, operation, reason=reason)
        self._parts.store.settle(self._run.lease, tally.settlement(), run_id=self._run.id)
        return len(tally.held)

    # ---- applying and settling

    def _settler(self, waiting: Sequence[Dirty] = ()) -> Settler:
        parts, run = self._parts, self._run
        return Settler(
            parts.company,
            lens_of(parts, run.facts),
            run.links,
            run_id=run.id,
            actor=run.request.actor,
            now=parts.clock.now(),
            waiting=waiting,
            answered=parts.store.answered(parts.company),
        )

    def _apply(self, plan: Plan, gathered: Gathered, observed: Observed) -> Applied:
        parts, run = self._parts, self._run
        if not plan.operations or _stands_still(plan):
            return Applied(stale=[], undone=[])
        settler = self._settler(observed.dirty)
        executor = Executor(
            journal=parts.store,
            lease=run.lease,
            run_id=run.id,
            source=parts.source,
            books=parts.books,
            links=run.links,
            settler=settler,
            stopping=run.stopping,
            batch_size=min(parts.batch_size, parts.books.batch_size),
            count=parts.count,
            number=self._numbers.give,
        )
        applied = executor.apply(plan, raw=gathered.raw, current=gathered.current, progress=run.progress)
        applied.remarks = settler.remarks
        return applied

    def _close(self, plan: Plan, gathered: Gathered, observed: Observed, *, partial: bool) -> None:
        """Move the cursors past what was read; whatever was not settled is remembered as dirty in the same moment."""
        parts = self._parts
        if _stands_still(plan):
            return
        tally = Tally()
        stopped = {name for brake in plan.brakes for name in brake.stopped} - {o.id for o in plan.operations}
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
                if not is_left_alone(entry):  # what was undone waits for a person, however often it is seen
                    tally.unheld.append(slot)
        tally.clean.extend(gathered.quiet)
        tally.unheld.extend(gathered.quiet)
        settlement = msgspec.structs.replace(
            tally.settlement(),
            versions=gathered.versions,
            cursors=None if partial or observed.cursors == observed.before else observed.cursors,
        )
        if settlement != Settlement():
            parts.store.settle(self._run.lease, settlement, run_id=self._run.id)

    # ---- telling

    def _report(self, plan: Plan, applied: Applied, recovered: Recovered, refused: int) -> CycleReport:
        """``refused``: how many records of an approved plan were left alone."""
        in_doubt = applied.in_doubt + len(recovered.in_doubt)
        outcome = _outcome(plan, applied, in_doubt)
        goes_on = "undo the run once more" if any(o.undoes for o in plan.operations) else "the next run goes on"
        notes = [f"Stopped before everything was sent; {goes_on}."] if applied.stopped else []
        notes += dict.fromkeys(remark for remark in applied.remarks.values() if remark)
        notes += [f"{brake.text} Next: {brake.override}" for brake in plan.brakes if brake.rail == "restored"]
        if refused:
            notes.append(f"{refused} records are not as they were when the plan was made; they were left alone.")
        return CycleReport(
            company=self._parts.company,
            run_id=self._run.id,
            outcome="held" if refused and outcome == "ok" else outcome,
            plan=plan,
            applied=applied.applied,
            failed=applied.failed,
            held=applied.held,
            in_doubt=in_doubt,
            recovered=recovered.settled,
            notes=tuple(notes),
        )


def _outcome(plan: Plan, applied: Applied, in_doubt: int) -> str:
    if any(brake.rail in {"halted", "restored"} for brake in plan.brakes):
        return "halted"
    if in_doubt:
        return "unknown"
    if plan.brakes:
        return "halted"
    return "held" if applied.failed or applied.held or applied.undone else "ok"


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


def _also_stopped(first: Plan, later: Plan) -> Plan:
    """The plan of a run, with what was stopped where it decided once more."""
    return msgspec.structs.replace(
        first, brakes=(*first.brakes, *later.brakes), withheld=(*first.withheld, *later.withheld)
    )


def _add(total: Applied, part: Applied) -> None:
    total.applied += part.applied
    total.removed += part.removed
    total.failed += part.failed
    total.held += part.held
    total.in_doubt += part.in_doubt
    total.undone += part.undone
    total.remarks |= part.remarks
    total.stopped = total.stopped or part.stopped
