"""The soak: a year of a company at work, on the look-alike's clock. ``python -m tests.reliability.soak``.

People edit on both sides all the time, faults come at random, tokens rotate, and syncd is a new process every day, on
some days killed in the middle of a cycle. Every evening, once the trouble is over, both sides have to say what people
wrote; every month all records are looked at, the audit has to agree and the history to be whole. The last month is
lived by one process. ``make soak`` writes the figures to docs/reliability.md; the end is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from syncd.report import CycleRequest
from syncd.sandbox.clock import parse_moment
from syncd.sandbox.server import RunningSandbox, running_sandbox
from tests.reliability.fault_matrix import FAULTS, ITEM_FAULTS
from tests.reliability.soak_child import Order, Told
from tests.reliability.soak_clock import BooksClock, stamp_by
from tests.reliability.soak_growth import SHORTEST_DAYS, Cycled, Rule, Size, measured, rules
from tests.reliability.soak_life import Life
from tests.reliability.soak_people import People
from tests.reliability.soak_records import Client, Records
from tests.reliability.soak_report import report
from tests.reliability.soak_truth import LOST, TWICE, Truth
from tests.support.pages import RELIABILITY, put
from tests.support.world import SETTINGS, World

BEGIN = "2026-01-05T06:00:00+00:00"
DAY, HOUR, MINUTE = 86_400.0, 3600.0, 60.0
STRETCHES = 4
"""So many times a day people work and a cycle follows."""
SETTLING = 4
"""Healthy cycles in the evening until one has nothing to do; more would be a fault of its own."""
AT_FIRST = 0.7
"""The share of the records that is there when it begins."""
FAULTY, KILLED = 0.7, 0.2
"""The share of days with faults, and with a kill."""
LONG_LIFE_DAYS = 30
MONTH_DAYS, WEEK_DAYS = 30, 7
RESTLESS, HELD, GROWN = "not at rest", "held", "grown"
SORTS = (TWICE, LOST, HELD, RESTLESS, GROWN)
_SWIFT = {name: fault for name, fault in FAULTS.items() if fault["kind"] not in {"stall", "trickle"}}
_WORKING = CycleRequest(approve_first_run=True, every_dirty=False, actor="daemon")


class Plan(msgspec.Struct, frozen=True):
    """How long, how many records in the end, and how it is disturbed. ``tooth`` names a fault planted in syncd.

    ``edits``: things that people do in a day; none given, as many as the new records need.
    """

    days: int = 365
    records: int = 20_000
    seed: int = 1
    edits: int = 0
    faulty: float = FAULTY
    killed: float = KILLED
    tooth: str = ""

    @property
    def lived(self) -> int:
        """So many days at the end are lived by one process."""
        return min(LONG_LIFE_DAYS, self.days // 3)


class Soaked(msgspec.Struct):
    """What came of it. ``found`` are the findings, each with its sort; all else is counted for the report."""

    plan: Plan
    found: list[tuple[str, str]] = []
    done: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    count: Counter[str] = msgspec.field(default_factory=Counter)
    errors: Counter[str] = msgspec.field(default_factory=Counter)
    sizes: list[Size] = []
    cycles: list[Cycled] = []
    rules: list[Rule] = []
    seconds: float = 0.0

    def of(self, sort: str) -> list[str]:
        """The findings of a sort."""
        return [text for each, text in self.found if each == sort]


class Soak:
    """One soak under way."""

    def __init__(self, plan: Plan, world: World, *, say: bool = False) -> None:
        self.plan, self.world, self._say = plan, world, say
        assert world.sandbox.sandbox is not None
        self._there = world.sandbox.sandbox.world
        self.records = Records()
        self.truth = Truth(world, self.records)
        self.people = People(world, self.truth.books, self.records, plan.seed)
        self.soaked = Soaked(plan)
        self._rng = random.Random(f"soak {plan.seed}")
        self._life: Life | None = Life(plan.tooth)
        self._next: Life | None = None
        self._told_until = self._there.ledger.last
        self._grace = self._connected = False
        self._day = 0
        self._usual = 1.0
        self._long_life = plan.days - plan.lived
        self._state = Path(world.state_url.removeprefix("sqlite:///"))

    def run(self) -> Soaked:
        """All of it."""
        began = time.monotonic()
        try:
            self._begin()
            while self._day < self.plan.days:
                self._live()
                self._day += 1
            self._end()
        finally:
            for life in (self._life, self._next):
                if life is not None:
                    life.end()
        self.soaked.seconds = time.monotonic() - began
        self.soaked.done = self.people.done
        return self.soaked

    # ---- the beginning and the end

    def _begin(self) -> None:
        """The company as it is when it is connected: everything goes out in a first run."""
        self.soaked.count["processes"] += 1
        self._fill(int(self.plan.records * AT_FIRST))
        self.soaked.count["records at first"] = self.records.count()
        self.world.grant()
        for _ in range(SETTLING):
            self._pass(10 * MINUTE)
            told = self._order(Order(self._now, _WORKING))
            if told is not None and told.quiet:
                break
        self._find(self.truth.look_at_all())
        self._tell("connected")
        self._connected = True

    def _fill(self, records: int) -> None:
        people, rng = self.people, self.people.rng
        for number in range(max(2, records // 300)):
            name = f"Member {number}"
            insert = "INSERT INTO member (name, currency) VALUES (:name, 'USD')"
            self.records.members[name] = people._insert(insert, {"name": name})
        clients = [people.client(f"Client {number}") for number in range(max(3, records // 40))]
        for client in clients:
            people.form("invoice", client)
        while (lacking := records - self.records.count()) > 0:
            for _ in range(lacking // 3 + 1):
                self._enter(rng.choice(clients))

    def _enter(self, client: Client) -> None:
        """An invoice of before, and often what goes with it."""
        people, rng = self.people, self.people.rng
        people.form("invoice", client, state="published" if rng.random() < 0.97 else "draft")
        people.morning()
        if rng.random() < 0.75:
            people.pay()
        if rng.random() < 0.1:
            people.credit()
        if rng.random() < 0.07:
            people.hand_in()

    def _end(self) -> None:
        self.soaked.count["records"] = self.records.count()
        grants = [g for g in self._there.authority.grants.values() if g.client_id == "sandbox-client"]
        self.soaked.count["refresh tokens"] = sum(len(grant.superseded) + 1 for grant in grants)
        if self.plan.days >= SHORTEST_DAYS:
            self.soaked.rules = rules(self.soaked.sizes, self.soaked.cycles, self.plan.days, self._long_life)
            self._find(
                (GROWN, f"{r.what}: {', '.join(f'{value:.1f}' for value in r.quarters)} {r.unit}")
                for r in self.soaked.rules
                if not r.kept
            )

    # ---- a day

    def _live(self) -> None:
        morning = self._now
        self.people.morning()
        if 0 < self._day <= self._long_life:
            self._restart()
        self._next = Life(self.plan.tooth) if self._day < self._long_life else None
        self._have_grace()
        faulty = self._rng.random() < self.plan.faulty
        self.soaked.count["days with faults"] += faulty
        killed = self._rng.random() < self.plan.killed and self._day < self._long_life
        kill = self._rng.randrange(STRETCHES) if killed else STRETCHES
        kills = self.soaked.count["kills"]
        for stretch in range(STRETCHES):
            self._pass(4 * HOUR + self._rng.random() * HOUR)
            self.people.work(self._acts(stretch))
            if faulty and self._rng.random() < 0.6:
                self._disturb()
            again = self.soaked.count["kills"] == kills
            # Sooner each time, where a cycle was too quick to be killed.
            self._work(kill_within=self._usual / 2 ** (stretch - kill) if again and stretch >= kill else None)
        self.world.sandbox.clear_faults()
        self._settle()
        self._look()
        self._idle()
        self._measure()
        self._pass(max(0.0, morning + DAY - self._now))

    def _acts(self, stretch: int) -> int:
        """How much people do in one stretch of a day."""
        acts = self.plan.edits or max(12, round(self.plan.records * (1 - AT_FIRST) / self.plan.days / _NEW_PER_ACT))
        return acts * (stretch + 1) // STRETCHES - acts * stretch // STRETCHES

    def _work(self, *, kill_within: float | None) -> None:
        """One cycle, as the service makes it; perhaps killed at some moment within so many seconds."""
        after = None if kill_within is None else self._rng.random() * kill_within
        told = self._order(Order(self._now, _WORKING), kill_after=after)
        if told is None:
            self.soaked.count["kills"] += 1
            self._restart()
            self._pass(MINUTE)
            told = self._order(Order(self._now, _WORKING))
        if told is not None and told.applied:
            self._usual += (told.seconds - self._usual) / 5
        self._reconnect(told)

    def _have_grace(self) -> None:
        """What becomes of a refresh token that was replaced is documented in two ways: each holds for a month."""
        self._grace = self._day // MONTH_DAYS % 2 == 1
        self.world.sandbox.switch(refresh_grace="24h" if self._grace else "0")

    def _reconnect(self, told: Told | None) -> None:
        """Where an answer with a new refresh token was lost and the old one is worth nothing, a person has to help."""
        if told is None or told.error != "ReconnectNeeded":
            return
        grant = self.world.store.tokens("sandbox", self.world.realm).load()
        if grant is None or not grant.broken:
            return  # a new token was refused as well, by a fault: the next cycle gets another one
        count = self.soaked.count
        count["reconnected by a person"] += 1
        if self._grace or count["reconnected by a person"] > count["renewals lost"] + count["kills"]:
            self._find([(LOST, "the grant, though no answer with a new refresh token was")])
        self.world.grant()

    def _settle(self) -> None:
        """The trouble is over: a cycle soon has nothing to do."""
        said = ""
        for _ in range(SETTLING):
            self._pass(10 * MINUTE)
            told = self._order(Order(self._now, msgspec.structs.replace(_WORKING, every_dirty=True)))
            self._reconnect(told)
            if told is not None and told.quiet:
                return
            said = "" if told is None else f"{told.outcome} {told.error} {told.text}"
        self._find([(RESTLESS, said)])

    def _look(self) -> None:
        """What people did today stands on both sides."""
        held = self.world.store.held(self.world.name)
        self._find((HELD, f"{each.kind} {each.label}: {each.reason}") for each in held)
        self._find(
            (RESTLESS, f"{e.intent.operation_id} is open") for e in self.world.store.open_entries(self.world.name)
        )
        self._find(self.truth.look(list(self.people.touched)))
        self._find(self.truth.look_at(self.people.conflicts))
        # The long life begins with all of it, so that the memory which an audit leaves is no growth of that life.
        if (self._day + 1) % MONTH_DAYS == 0 or self._day + 1 == self.plan.days or self._day == self._long_life:
            self._look_at_all()

    def _look_at_all(self) -> None:
        self._find(self.truth.look_at_all())
        told = self._order(Order(self._now, audit=True))
        if told is not None and not told.quiet:
            self._find([(LOST, f"the audit: {told.outcome} {told.text}")])
        self.soaked.count["audits"] += 1
        self._tell(f"day {self._day + 1}")

    def _idle(self) -> None:
        """One more cycle finds nothing to do and writes nothing."""
        self._pass(30 * MINUTE)
        before = self.truth.books.length, self.truth.source_changes()
        told = self._order(Order(self._now, _WORKING), idle=True)
        if told is None or not told.quiet or before != (self.truth.books.length, self.truth.source_changes()):
            self._find([(RESTLESS, f"a cycle after all was settled: {told}")])

    def _measure(self) -> None:
        if self._day % WEEK_DAYS == 0 or self._day + 1 == self.plan.days:
            self.soaked.sizes.append(measured(self._state, self._day))

    # ---- parts

    @property
    def _now(self) -> float:
        return self._there.clock.now()

    def _pass(self, seconds: float) -> None:
        self.world.sandbox.advance(seconds)

    def _restart(self) -> None:
        """The next life, started before it was needed."""
        assert self._life is not None
        self._life.end()
        self._life, self._next = self._next or Life(self.plan.tooth), None
        self.soaked.count["processes"] += 1

    def _disturb(self) -> None:
        """Faults of several sorts at once, each with its share of all requests, tokens included."""
        rng, sandbox = self._rng, self.world.sandbox
        sandbox.clear_faults()
        for name in rng.sample(sorted(_SWIFT), rng.randint(1, 4)):
            share = rng.choice([0.12, 0.18, 0.25])
            sandbox.add_fault(**_SWIFT[name], probability=share, seed=rng.randrange(10**6), client="sandbox-client")
        for fault in ITEM_FAULTS.values():
            sandbox.add_fault(**fault, probability=0.05, seed=rng.randrange(10**6), client="sandbox-client")

    def _order(self, order: Order, *, kill_after: float | None = None, idle: bool = False) -> Told | None:
        assert self._life is not None
        first = not self._life.orders
        told = self._life.obey(self.world.spec(), order, kill_after=kill_after)
        requests, disturbed = self._count_requests()
        self.soaked.count["cycles"] += not order.audit
        if told is None or order.audit:
            return told
        if told.outcome == "error":
            self.soaked.errors[told.error] += 1
        else:
            self.soaked.errors[told.outcome] += 1
        if self._connected and not disturbed and told.outcome == "ok":
            healthy = Cycled(
                self._day,
                first,
                told.planned,
                told.applied,
                told.cpu_seconds,
                told.yard_seconds,
                told.rss_bytes,
                requests,
                idle,
            )
            self.soaked.cycles.append(healthy)
        return told

    def _count_requests(self) -> tuple[int, int]:
        """Requests of syncd since the last time, and those of them that were disturbed."""
        count, ledger = self.soaked.count, self._there.ledger
        seen = disturbed = 0
        for entry in _since(ledger.entries, self._told_until):
            if entry.client_id != "sandbox-client":
                continue
            seen += 1
            disturbed += bool(entry.fault_rule or entry.item_rules)
            renewed = entry.endpoint == "token" and entry.committed
            count["renewals"] += renewed
            count["renewals lost"] += renewed and bool(entry.fault_rule)
        self._told_until = ledger.last
        count["requests"] += seen
        count["disturbed"] += disturbed
        return seen, disturbed

    def _find(self, found: Any) -> None:
        for sort, text in found:
            self.soaked.found.append((sort, f"day {self._day + 1}: {text}"))
            if self._say:
                sys.stdout.write(f"  {sort}: day {self._day + 1}: {text}\n")

    def _tell(self, when: str) -> None:
        if self._say:
            count = self.soaked.count
            sys.stdout.write(
                f"{when}: {self.records.count():,} records, {count['cycles']:,} cycles, {count['kills']} kills, "
                f"{count['disturbed']:,} of {count['requests']:,} requests disturbed, "
                f"{len(self.soaked.found)} findings\n"
            )
            sys.stdout.flush()


_NEW_PER_ACT = 0.33
"""So many records come into being by one of the things that people do, on the average."""


def _since(entries: Any, seq: int) -> Iterator[Any]:
    """The ledger's entries after a number: they are the last ones, so it is read from its end."""
    fresh = []
    for entry in reversed(entries):
        if entry.seq <= seq:
            break
        fresh.append(entry)
    return reversed(fresh)


@contextmanager
def staged(folder: Path, sandbox: RunningSandbox) -> Iterator[World]:
    """A company of the soak, whose source has the look-alike's clock."""
    assert sandbox.sandbox is not None
    clock = BooksClock(sandbox.sandbox.world.clock.now)
    settings = msgspec.structs.replace(SETTINGS, expense_bills=True, default_expense_account="Uncategorized Expense")
    world = World(folder, sandbox, name="soak", settings=settings, epoch_file=folder / "epoch.json")
    world.engine.close()
    world.store.close()
    world.clock = clock  # type: ignore[assignment]  # as good as the system's
    world.store = world.open_store()
    stamp_by(clock, world.database)
    world.database.dispose()
    try:
        yield world
    finally:
        world.store.close()
        world.database.dispose()


def soak(plan: Plan, *, say: bool = False) -> Soaked:
    """A whole soak, in a folder and a look-alike of its own."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-soak-", dir=_fast_folder()))
    try:
        with (
            running_sandbox(switches={"throttle": "off"}, clock_start=parse_moment(BEGIN)) as sandbox,
            staged(folder, sandbox) as world,
        ):
            return Soak(plan, world, say=say).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fast_folder() -> str | None:
    """A folder in memory where there is one: a killed process loses nothing of what the kernel already has."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak and tell; only the whole year, as it is by default, goes into the manual. 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=0, help="things that people do in a day (default: as needed)")
    given = parser.parse_args(arguments)
    soaked = soak(Plan(given.days, given.records, given.seed, given.edits), say=True)
    sys.stdout.write(f"how cycles ended: {dict(soaked.errors)}\nwhat people did: {dict(soaked.done)}\n")
    text = report(soaked, lived=soaked.plan.lived, settling=SETTLING)
    sys.stdout.write(f"{text}\n")
    if given == parser.parse_args([]):
        put(RELIABILITY, "soak", text)
    return int(bool(soaked.found))


if __name__ == "__main__":
    sys.exit(main())
