"""What syncd does in one world, and is asked to: runs with and without trouble, plans, answers, coming to rest.

After every run the invariants of ``machine_checks`` are compared with the histories that the two sides keep.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from syncd.model.writes import Verb
from syncd.planfile import PlanFile
from syncd.reconciler.plan import Plan
from syncd.report import CycleReport
from tests.reliability.machine_broken import Broken, ensure
from tests.reliability.machine_checks import Checks
from tests.reliability.machine_draws import alone, setups, troubles, which
from tests.reliability.machine_people import MEDDLING, People
from tests.reliability.machine_stage import Setup, Stage
from tests.reliability.machine_wire import HEALTHY, LAG_SECONDS, Trouble
from tests.support.histories import LIFTED

CYCLES = 3
"""Within so many cycles everything comes to rest (I1)."""


class Runs(RuleBasedStateMachine):
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

    # ---- running

    @rule(trouble=troubles, how=st.sampled_from(MEDDLING), tick=st.booleans())
    def run(self, trouble: Trouble, how: str, tick: bool) -> None:
        if tick:
            self._meanwhile(LAG_SECONDS / 2 if trouble.lag else 10)
        moment = self.checks.before()
        report = self._run(trouble, how)
        self.checks.after(moment, report, trouble)

    @rule(trouble=alone, how=st.sampled_from(MEDDLING))
    def run_again(self, trouble: Trouble, how: str) -> None:
        """As ``run``, always in trouble: what matters most happens most."""
        self.run(trouble, how, tick=True)

    def _run(self, trouble: Trouble, how: str, **request: Any) -> CycleReport | None:
        return self.stage.run(trouble, lambda intent: self.people.meddle(intent, how), **request)

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
    def long_pause(self) -> None:
        """Nobody runs syncd for longer than QuickBooks remembers changes."""
        self.stage.pause(31)

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

    def _meanwhile(self, seconds: float = 10) -> None:
        self.stage.tick(seconds)

    # ---- plans

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

    # ---- answers, and coming to rest

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


def _same(one: Plan, other: Plan) -> bool:
    """Whether two plans are the same, but for the sentences that name a moment."""
    return [o.id for o in one.operations] == [o.id for o in other.operations]
