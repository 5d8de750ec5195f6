"""The whole program under one stateful property test (correctness.md sections 4 and 5).

What people do on both sides and what syncd does, in any order, with anything going wrong; after every run the
invariants of ``machine_checks`` are compared with the histories that the two sides keep. The policy is drawn once for
an example.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from syncd.model.writes import Verb
from syncd.planfile import PlanFile
from syncd.reconciler.plan import Plan
from syncd.report import CycleReport
from tests.reliability import machine_policies
from tests.reliability.machine_broken import Broken, ensure
from tests.reliability.machine_checks import Checks
from tests.reliability.machine_people import EDITS, MEDDLING, People
from tests.reliability.machine_stage import FEEDS, Setup, Stage
from tests.reliability.machine_wire import HEALTHY, LAG_SECONDS, Trouble
from tests.support.histories import LIFTED

CYCLES = 3
"""Within so many cycles everything comes to rest (I1)."""

CHANGES = (
    *("new", "new client", "edit", "edit there", "paid", "paid there", "date", "date there", "unpaid", "unpaid there"),
    "entered before",
)
"""What people do between two runs, in the source or ``there``, in the books."""

which = st.integers(0, 5)
nth = st.integers(1, 3)
setups = st.builds(
    Setup,
    start=st.sampled_from(("linked", "linked", "linked", "blank", "big")),
    feed=st.sampled_from(FEEDS),
    numbers=st.booleans(),
    policy=st.sampled_from((*machine_policies.NAMES, "ruddr", "ruddr")),
    on_qbo_delete=st.sampled_from(("hold", "unpublish", "ignore")),
    on_qbo_void=st.sampled_from(("hold", "void", "ignore")),
    remove_invoice=st.booleans(),
    batch_size=st.sampled_from((30, 1)),
    short_feed=st.booleans(),
)
_alone = st.one_of(
    st.builds(Trouble, crash=st.integers(1, 16)),
    st.builds(Trouble, lost=nth),
    st.builds(Trouble, late=nth),
    st.builds(Trouble, away=nth),
    st.builds(Trouble, refused=nth),
    st.builds(Trouble, read=st.integers(1, 8)),
    st.builds(Trouble, feed=st.sampled_from((4, 6, 8, 12))),
    st.builds(Trouble, lag=st.just(True)),
    st.builds(Trouble, meddle=nth),
)
_together = st.builds(
    Trouble,
    crash=st.integers(0, 16),
    lost=st.integers(0, 2),
    late=st.integers(0, 2),
    away=st.integers(0, 2),
    read=st.integers(0, 6),
    meddle=st.integers(0, 2),
)
troubles = st.one_of(st.just(HEALTHY), _alone, _alone, _together)


class SyncMachine(RuleBasedStateMachine):
    """One world with two sides, and a syncd between them."""

    @initialize(setup=setups)
    def begin(self, setup: Setup) -> None:
        self.begin_with(setup)

    def begin_with(self, setup: Setup) -> None:
        """A world as ``setup`` says."""
        self.stage = Stage(setup)
        self.people = People(self.stage)
        self.checks = Checks(self.stage, self.people)
        self.saved: PlanFile | None = None
        self.stage.wire.late.clear()

    def teardown(self) -> None:
        """However it went, it ends well. Where a step has failed already, its own words are enough."""
        if hasattr(self, "checks") and sys.exc_info()[0] is None:
            self.settle(lifted=True)

    # ---- the source

    @rule(client=which, draft=st.booleans())
    def src_put(self, client: int, draft: bool) -> None:
        self.people.put_invoice(client, draft=draft)

    @rule(which=which, what=st.sampled_from(EDITS))
    def src_edit(self, which: int, what: str) -> None:
        self._meanwhile()
        self.people.edit_in_source(which, what)

    @rule(which=which, act=st.sampled_from(("new", "date", "delete", "restore")))
    def src_payment(self, which: int, act: str) -> None:
        self._meanwhile()
        match act:
            case "new":
                self.people.put_payment(which)
            case "date":
                self.people.edit_payment_in_source(which)
            case "delete":
                self.people.delete_in_source("payment", which)
            case _:
                self.people.restore_in_source("payment")

    @rule(which=which, act=st.sampled_from(("delete", "restore", "withdraw", "ticked", "publish")))
    def src_delete(self, which: int, act: str) -> None:
        self._meanwhile()
        match act:
            case "delete":
                self.people.delete_in_source("invoice", which)
            case "restore":
                self.people.restore_in_source("invoice")
            case "publish":
                self.people.publish_in_source(which)
            case _:
                self.people.withdraw_in_source(which, remove=True if act == "ticked" else None)

    @rule(which=which, act=st.sampled_from(("address", "new", "known", "known otherwise")))
    def src_client(self, which: int, act: str) -> None:
        if act == "address":
            self.people.edit_client(which)
        else:
            self.people.put_client(known=act != "new", other=act == "known otherwise")

    @rule(kind=st.sampled_from(("payment", "invoice")), but_one=st.booleans(), at_once=st.booleans())
    def wipe_source(self, kind: str, but_one: bool, at_once: bool) -> None:
        """A table is emptied, or a faulty filter leaves a single payment of all; and the next cycle sees it at once."""
        self._meanwhile()
        self.people.wipe(kind, but_one=but_one)
        if at_once:
            self.run(HEALTHY, "there same", tick=True)

    @rule(count=st.integers(2, 5))
    def bulk_load(self, count: int) -> None:
        for n in range(count):
            self.people.put_invoice(n)
            self.people.put_payment(n)
        self.run(HEALTHY, "there same", tick=True)

    @precondition(lambda self: self.stage.setup.start == "big")
    @rule()
    def bulk_change(self) -> None:
        """A mistake in a mapping: everything is different at once."""
        self._meanwhile()
        self.people.change_all()
        self.checks.mass_change = self.checks.before().linked["invoice"] >= 24 and self._published() >= 24

    def _published(self) -> int:
        return sum(v.values["state"] == "published" for v in self.stage.truth.source.of("invoice"))

    # ---- the books

    @rule(which=which, what=st.sampled_from(EDITS[:5]))
    def human_edit(self, which: int, what: str) -> None:
        self._meanwhile()
        self.people.edit_in_books(which, what)

    @rule(which=which, act=st.sampled_from(("new", "date", "delete")))
    def human_payment(self, which: int, act: str) -> None:
        self._meanwhile()
        match act:
            case "new":
                self.people.pay_in_books(which)
            case "date":
                self.people.edit_payment_in_books(which)
            case _:
                self.people.delete_in_books("payment", which)

    @rule(which=which)
    def human_void(self, which: int) -> None:
        self._meanwhile()
        self.people.void_in_books(which)

    @rule(which=which)
    def human_delete(self, which: int) -> None:
        self._meanwhile()
        self.people.delete_in_books("invoice", which)

    @rule(which=which, copied=st.integers(0, 2))
    def foreign_doc(self, which: int, copied: int) -> None:
        if copied:
            self.people.copy_in_books(which, times=copied)
        else:
            self.people.stranger()

    @rule(which=which, times=st.integers(1, 2), same=st.booleans())
    def preexisting_doc(self, which: int, times: int, same: bool) -> None:
        self.people.put_invoice(which)
        self.people.enter_before(which, times=times, same=same)

    @rule()
    def late_requests_arrive(self) -> None:
        self._meanwhile()
        self._arrive()

    def _arrive(self) -> None:
        moment = self.checks.before()
        if self.stage.wire.arrive():
            self.checks.truth.note("syncd")
            self.checks.one_document()
            self.checks.evidence(moment)

    @rule()
    def mapping_change(self) -> None:
        """Somebody changes a setting that comparisons depend on: nothing is written before a person has looked."""
        changed = not self.stage.world.settings.allow_discount_drop
        self.stage.reconfigure(allow_discount_drop=changed)
        self.checks.reconfigured = True
        moment = self.checks.before()
        report = self._run(HEALTHY, "there same")
        self.checks.after(moment, report, HEALTHY)
        self.checks.reconfigured = False
        self.run_accepting()

    def run_accepting(self) -> None:
        """A person has looked at the changed configuration."""
        moment = self.checks.before()
        report = self.stage.run(accept_config=True)
        self.checks.after(moment, report, HEALTHY)

    @rule()
    def long_pause(self) -> None:
        """Nobody runs syncd for longer than QuickBooks remembers changes."""
        self.stage.pause(31)

    # ---- syncd

    @rule(trouble=troubles, how=st.sampled_from(MEDDLING), tick=st.booleans())
    def run(self, trouble: Trouble, how: str, tick: bool) -> None:
        if tick:
            self._meanwhile(LAG_SECONDS / 2 if trouble.lag else 10)
        moment = self.checks.before()
        report = self._run(trouble, how)
        self.checks.after(moment, report, trouble)

    @rule(trouble=_alone, how=st.sampled_from(MEDDLING))
    def run_again(self, trouble: Trouble, how: str) -> None:
        """As ``run``, always in trouble: what matters most happens most."""
        self.run(trouble, how, tick=True)

    def _run(self, trouble: Trouble, how: str, **request: Any) -> CycleReport | None:
        return self.stage.run(trouble, lambda intent: self.people.meddle(intent, how), **request)

    @rule(which=which, forgotten=st.booleans())
    def late_create(self, which: int, forgotten: bool) -> None:
        """A create that travels for long: meanwhile nobody answers a repeat, or its record is gone and comes back."""
        self.people.put_payment(which)
        self.run(Trouble(late=1), "there same", tick=True)
        if forgotten:
            self.people.delete_in_source("payment", -1)
            self.run(HEALTHY, "there same", tick=True)
            self.people.restore_in_source("payment")
        else:
            self.run(Trouble(away=1), "there same", tick=True)
        self.run(HEALTHY, "there same", tick=True)
        self._arrive()

    # ---- stories: what chance alone would hardly ever put together

    @rule(change=st.sampled_from(CHANGES), which=which, how=st.sampled_from(MEDDLING))
    def change_and_somebody_acts(self, change: str, which: int, how: str) -> None:
        """What was changed on one side is about to be written to the other, and somebody acts at that very moment."""
        self._change(change, which)
        self.run(Trouble(meddle=1), how, tick=True)

    @rule(change=st.sampled_from(CHANGES), which=which, read=st.integers(1, 5), outage=st.booleans())
    def change_and_lost_read(self, change: str, which: int, read: int, outage: bool) -> None:
        """Something changed, and of what it takes to decide about it an answer never comes, or several."""
        self._change(change, which)
        self.run(Trouble(read=read, outage=outage), "there same", tick=True)

    @rule(which=which, read=st.integers(1, 3))
    def typed_in_early(self, which: int, read: int) -> None:
        """The accountant types in what is still a draft. When it is published, nobody answers whether it is there."""
        self.people.put_invoice(which, draft=True)
        self.people.enter_draft()
        self.run(HEALTHY, "there same", tick=True)
        self._meanwhile()
        self.people.publish_in_source(-1)
        self.run(Trouble(read=read, outage=True), "there same", tick=True)

    @rule(change=st.sampled_from(CHANGES), which=which, write=nth)
    def change_and_refusal(self, change: str, which: int, write: int) -> None:
        """Something changed, and QuickBooks says no to what comes of it."""
        self._change(change, which)
        self.run(Trouble(refused=write), "there same", tick=True)

    @rule(change=st.sampled_from(CHANGES), which=which)
    def change_and_lag(self, change: str, which: int) -> None:
        """Something changed, and QuickBooks does not show it yet."""
        self._change(change, which)
        self.run(Trouble(lag=True), "there same", tick=True)

    @rule(which=which, kind=st.sampled_from(("invoice", "payment")), deleted=st.booleans())
    def both_at_once(self, which: int, kind: str, deleted: bool) -> None:
        """The same record is changed in QuickBooks, and deleted or changed in the source."""
        self._change("date there" if kind == "payment" else "edit there", which)
        if deleted:
            self.people.delete_in_source(kind, which)
        else:
            self._change("date" if kind == "payment" else "edit", which)

    @rule(which=which)
    def copied_and_deleted(self, which: int) -> None:
        """The accountant copies an invoice, and deletes the one it was copied from."""
        self._meanwhile()
        self.people.copy_in_books(which)
        self.run(HEALTHY, "there same", tick=True)
        self.people.delete_in_books("invoice", which)

    @rule(which=which)
    def known_client_moves(self, which: int) -> None:
        """A customer that the accountant made gets another address, in the source."""
        self.people.put_client(known=True, other=True)
        self.run(HEALTHY, "there same", tick=True)
        self._meanwhile()
        self.people.edit_client(-1)

    @rule(which=which)
    def note_too_long(self, which: int) -> None:
        """What changes in a note stands where QuickBooks has cut it off."""
        self.src_edit(which, "long")
        self.run(HEALTHY, "there same", tick=True)
        self.src_edit(which, "long")

    def _change(self, change: str, which: int) -> None:
        """One of ``CHANGES``."""
        self._meanwhile()
        match change:
            case "new":
                self.people.put_invoice(which)
            case "new client":
                self.people.put_client(known=False, other=False)
            case "edit":
                self.people.edit_in_source(which, EDITS[which % 3])
            case "edit there":
                self.people.edit_in_books(which, EDITS[which % 3])
            case "paid":
                self.people.put_payment(which)
            case "paid there":
                self.people.pay_in_books(which)
            case "date":
                self.people.edit_payment_in_source(which)
            case "date there":
                self.people.edit_payment_in_books(which)
            case "unpaid":
                self.people.delete_in_source("payment", which)
            case "unpaid there":
                self.people.delete_in_books("payment", which)
            case _:
                self.preexisting_doc(which, 1, same=True)

    @rule(crash=st.integers(1, 24))
    def crash_is_no_difference(self, crash: int) -> None:
        """I11: where a process ended, whatever it was doing, the same comes of it in the end (ids aside)."""
        self._meanwhile()
        with self._tried():
            undisturbed = self._ending(HEALTHY)
        ending = self._ending(Trouble(crash=crash))
        ensure(ending == undisturbed, "I11", f"killed at {crash}: {_apart(undisturbed, ending)}")

    def _ending(self, trouble: Trouble) -> Any:
        self.run(trouble, "there same", tick=False)
        self.settle(lifted=True)
        return self.checks.world_without_ids()

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """What happens inside has not happened afterwards; people and checks do not remember it either."""
        minds = (self.people, self.checks)
        kept = [{n: copy(v) for n, v in mind.__dict__.items() if isinstance(v, dict | set | tuple)} for mind in minds]
        with self.stage.tried():
            yield
        for mind, was in zip(minds, kept, strict=True):
            mind.__dict__.update(was)
        self.checks.links_again()

    @rule(seed=st.integers(0, 99), lifted=st.booleans())
    def dry_run(self, seed: int, lifted: bool) -> None:
        """A plan changes nothing; carried out at once, it is what happens."""
        self._meanwhile()
        asked = LIFTED if lifted else {}
        before = self.checks.everything()
        with self.stage.dry():
            planned = self.stage.world.plan(**asked)
            self.checks.unchanged(before)
            self.checks.permuted(random.Random(seed))
        self.saved = self.stage.world.engine.plan_file(planned.plan)
        if self.stage.world.store.open_entries(self.stage.world.name):
            return  # the next run settles those first, and then plans anew
        moment = self.checks.before()
        report = self.stage.run(**asked)
        assert report is not None
        self.checks.after(moment, report, HEALTHY, lifted=lifted)
        if not report.failed and report.plan == planned.plan:
            self.checks.truthful(report, moment, planned.plan)
        ensure(_same(report.plan, planned.plan), "I10", "the run planned something else than the dry run")

    @precondition(lambda self: self.saved is not None)
    @rule()
    def apply_saved_plan(self) -> None:
        """A plan that somebody saved is applied after the world has moved on: only what still holds is done."""
        saved, self.saved = self.saved, None
        assert saved is not None
        world = self.stage.world
        if world.store.open_entries(world.name) or saved.scope_digest != world.engine.parts.scope_digest:
            return
        if saved.expired(world.clock.now()):
            return
        self._meanwhile(1)
        with self.stage.dry():
            fresh = {o.id: o for o in world.plan(**LIFTED).plan.operations}
        moment = self.checks.before()
        report = self.stage.apply(saved)
        self.checks.after(moment, report, HEALTHY, lifted=True)
        assert report is not None
        for operation in report.plan.writes:
            ensure(
                fresh.get(operation.id) == operation, "I10", f"{operation.id} was applied, and does not hold any more"
            )

    @rule(which=which, word=st.sampled_from(("accept-source", "accept-qbo", "retry", "ignore")))
    def resolve(self, which: int, word: str) -> None:
        """A person answers one of the holds."""
        world = self.stage.world
        held = [each for each in world.store.held(world.name) if word in each.actions]
        if not held:
            return
        one = held[which % len(held)]
        if word != "retry":
            kind = one.kind.value
            self.checks.told |= {(kind, name) for name in (one.source_id, one.qbo_id) if name}
        world.store.resolve_held(world.name, one.id, word, "Ann")

    @rule(lifted=st.booleans())
    def settle(self, lifted: bool) -> None:
        """Nothing goes wrong any more: it comes to rest, both sides agree, and one more cycle does nothing."""
        self._meanwhile()
        self._arrive()
        asked = LIFTED if lifted else {}
        plan = self._to_rest(asked, lifted=lifted)
        ensure(not self._unsettled(), "I11", "a write is open that nothing keeps from being settled")
        self._meanwhile()
        before = self.checks.remembered()
        moment = self.checks.before()
        report = self.stage.run(**asked)
        self.checks.after(moment, report, HEALTHY, lifted=lifted)
        ensure(not self.checks.attempts(moment.ledger), "I2", "one more cycle wrote to QuickBooks")
        self.checks.at_rest(before)
        if not plan.brakes:
            self.checks.agreement(plan)

    def _to_rest(self, asked: dict[str, Any], *, lifted: bool) -> Plan:
        plan = Plan()
        for _ in range(CYCLES + 1):
            moment = self.checks.before()
            report = self.stage.run(**asked)
            self.checks.after(moment, report, HEALTHY, lifted=lifted)
            assert report is not None
            plan = report.plan
            if self.checks.quiet(plan):
                return plan
            self._meanwhile()
        still = [f"{o.id}: {o.reason}" for o in plan.operations if o.verb is not Verb.HOLD]
        raise Broken("I1", f"after {CYCLES} cycles there is still something to do: {still}")

    def _unsettled(self) -> list[str]:
        """Open writes, but for those of which two records could be the outcome: these wait for a person."""
        world = self.stage.world
        return [entry.id for entry in world.store.open_entries(world.name)]

    def _meanwhile(self, seconds: float = 10) -> None:
        self.stage.tick(seconds)


def _apart(one: Any, other: Any) -> str:
    """What only one of two worlds holds."""
    parts = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if mine != theirs]
    return "; ".join(
        f"only undisturbed {[x for x in mine if x not in theirs]}, only killed {[x for x in theirs if x not in mine]}"
        for mine, theirs in parts
    )


def _same(one: Plan, other: Plan) -> bool:
    """Whether two plans are the same, but for the sentences that name a moment."""
    return [o.id for o in one.operations] == [o.id for o in other.operations]
