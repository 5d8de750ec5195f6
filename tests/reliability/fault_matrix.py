"""The fault matrix: a full cycle, disturbed at each of its requests by each fault, and at each statement to the source.

A trial puts the stage back, adds a fault, runs, lets people edit on both sides while the trouble is there, runs again,
ends the trouble, and compares both sides with what they come to undisturbed.

``python -m tests.reliability.fault_matrix`` tries all of it and writes the counts into ``docs/reliability.md``.
"""

from __future__ import annotations

import argparse
import atexit
import os
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context

from syncd.errors import SyncdError
from tests.e2e.helpers import Json, at_rest
from tests.reliability.fault_stage import BRIEF, LIFTED, Stage, cut_off, edit_meanwhile, picture, staged, tick, twice
from tests.support.pages import RELIABILITY, put
from tests.support.world import World

SILENCE = 0.9
SETTLING_RUNS = 4

FAULTS: dict[str, Json] = {
    "answer lost": {"kind": "reset", "when": "after"},
    "connection cut": {"kind": "reset", "when": "before"},
    "answer cut short": {"kind": "truncate"},
    "answer cut short, nothing done": {"kind": "truncate", "when": "before"},
    "headers only": {"kind": "truncate", "keep_bytes": 0},
    "answer in drops": {"kind": "trickle", "seconds": 0.2},
    "not said to be JSON": {"kind": "content_type"},
    "empty 200": {"kind": "empty"},
    "empty 200, done": {"kind": "empty", "when": "after"},
    "HTML 200": {"kind": "html", "status": 200},
    "HTML 200, done": {"kind": "html", "status": 200, "when": "after"},
    "HTML 502": {"kind": "html", "status": 502},
    "HTML 504, done": {"kind": "html", "status": 504, "when": "after"},
    "500": {"kind": "status", "status": 500},
    "500, done": {"kind": "status", "status": 500, "when": "after"},
    "503": {"kind": "status", "status": 503},
    "503, done": {"kind": "status", "status": 503, "when": "after"},
    "fault 10000 under 200": {"kind": "fault200"},
    "fault 10000 under 200, done": {"kind": "fault200", "when": "after"},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "429": {"kind": "status", "status": 429},
    "5010": {"kind": "status", "code": "5010"},
    "6000": {"kind": "status", "code": "6000"},
    "6190": {"kind": "status", "code": "6190"},
    "120": {"kind": "status", "code": "120"},
    "silence, then cut": {"kind": "stall", "seconds": SILENCE, "when": "before", "then": "reset"},
    "silence, then cut, done": {"kind": "stall", "seconds": SILENCE, "when": "after", "then": "reset"},
    "carried out when nobody listens any more": {"kind": "stall", "seconds": SILENCE, "when": "before"},
    "answered when nobody listens any more": {"kind": "stall", "seconds": SILENCE, "when": "after"},
}
"""Each kind of the look-alike's, before and after the work where that differs. Left out are lies about an outcome (a
610 for what is there): what QuickBooks itself says definitely cannot be doubted by anybody."""

ITEM_FAULTS: dict[str, Json] = {
    "an item fails with 10000": {"kind": "fault200", "level": "item"},
    "an item fails with 6000": {"kind": "status", "code": "6000", "level": "item"},
    "an item fails with 5010": {"kind": "status", "code": "5010", "level": "item"},
    "an item is throttled": {"kind": "status", "code": "3001", "level": "item"},
}
"""For one item of a batch; the rest goes through."""

OUTAGES = (
    "answer lost",
    "connection cut",
    "503",
    "500, done",
    "fault 10000 under 200",
    "HTML 200, done",
    "6000",
    "401",
)
"""Faults that are also tried for longer than any patience: one of each sort, some of them with the work done."""

SOURCE_FAULTS = ("before a statement", "before a commit", "after a commit")
"""Where the connection to the source's database is lost."""


# ---- trials


@dataclass
class Verdict:
    """What became of one trial: all four lists have to be empty. ``requests`` and ``disturbed`` count the trouble."""

    name: str
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    open_writes: list[str] = field(default_factory=list)
    restless: list[str] = field(default_factory=list)
    requests: int = 0
    disturbed: int = 0

    @property
    def good(self) -> bool:
        """Whether everything came right."""
        return not (self.duplicates or self.losses or self.open_writes or self.restless)


def one_fault(stage: Stage, name: str, fault: Json, nth: int, *, lasting: bool = False) -> Verdict:
    """A fault at the ``nth`` request (or item) of the cycle, and nothing else goes wrong; ``lasting``: from there on
    everything fails, longer than any patience."""
    world = stage.set(**(BRIEF if fault["kind"] == "stall" else {}))
    stage.sandbox.add_fault(**fault, nth=nth, count=0 if lasting else 1, client="sandbox-client")
    return _tried(stage, world, f"{name} at {nth}", runs=1)


def one_sort(stage: Stage, name: str, fault: Json, sort: str) -> Verdict:
    """All requests of one sort fail for a whole run (the feed, the look-ups, one kind of create), the others do not."""
    world = stage.set()
    endpoint, *more = sort.split()
    match = dict(zip(("entity", "operation"), more, strict=False)) if endpoint == "entity" else {}
    stage.sandbox.add_fault(**fault, **match, endpoint=endpoint, count=0, client="sandbox-client")
    return _tried(stage, world, f"{name} at every {sort}", runs=1)


def random_faults(stage: Stage, seed: int) -> Verdict:
    """Several faults at once, each with its share of all requests, over several runs and a restart."""
    rng = random.Random(seed)
    swift = {name: fault for name, fault in FAULTS.items() if fault["kind"] not in {"stall", "trickle"}}
    chosen = rng.sample(sorted(swift), 4)
    world = stage.set()
    for name in chosen:
        stage.sandbox.add_fault(
            **swift[name],
            probability=rng.choice([0.12, 0.18, 0.25]),
            seed=rng.randrange(10**6),
            client="sandbox-client",
        )
    for fault in ITEM_FAULTS.values():
        stage.sandbox.add_fault(**fault, probability=0.1, seed=rng.randrange(10**6), client="sandbox-client")
    return _tried(stage, world, f"seed {seed}: {', '.join(chosen)}", runs=rng.randint(3, 5), restarts=True)


def source_fault(stage: Stage, where: str, nth: int) -> Verdict:
    """The connection to the source's database is lost at the ``nth`` statement or commit."""
    world = stage.set()
    with cut_off(world, where, nth) as cuts:
        verdict = _tried(stage, world, f"{where} {nth}", runs=1)
    verdict.disturbed = len(cuts)
    return verdict


def _tried(stage: Stage, world: World, name: str, *, runs: int, restarts: bool = False) -> Verdict:
    first = stage.sandbox.last_request()
    for number in range(runs):
        tick(world)
        with suppress(SyncdError):
            world.run(**LIFTED)
        if number == 0:
            edit_meanwhile(world)
        if restarts:
            stage.reopen()
    asked = stage.sandbox.requests(after=first, client_id="sandbox-client")
    hit = [r for r in asked if r["fault_rule"] or r["item_rules"]]
    stage.sandbox.clear_faults()
    if stage.brief:
        stage.reopen()
    verdict = Verdict(name, requests=len(asked), disturbed=len(hit))
    _settle(world, verdict)
    _judge(stage, world, verdict)
    stage.strike()
    return verdict


def _settle(world: World, verdict: Verdict) -> None:
    """Runs without trouble until one has nothing to do; none of them may fail."""
    for _ in range(SETTLING_RUNS):
        tick(world)
        try:
            report = world.run(**LIFTED)
        except SyncdError as error:
            verdict.restless.append(f"a run without faults failed: {error}")
            continue
        if not report.plan.operations and not report.recovered:
            return


def _judge(stage: Stage, world: World, verdict: Verdict) -> None:
    verdict.duplicates += twice(world)
    now = picture(world)
    for what, wanted in stage.expected.items():
        lacking = [row for row in wanted if row not in now[what]]
        beside = [row for row in now[what] if row not in wanted]
        if lacking or beside or len(wanted) != len(now[what]):
            verdict.losses.append(f"{what}: lacking {lacking}, beside {beside}")
    verdict.open_writes += [entry.intent.operation_id for entry in world.store.open_entries(world.name)]
    try:
        at_rest(world)
    except AssertionError as error:
        verdict.restless.append(str(error).splitlines()[0])


@dataclass(frozen=True)
class Trial:
    """One trial by name: what is disturbed, by which fault, and where (or by which seed)."""

    group: str
    fault: str
    nth: int

    def on(self, stage: Stage) -> Verdict:
        """Carry it out."""
        if self.group == COMBINED:
            return random_faults(stage, self.nth)
        if self.group == THE_SOURCE:
            return source_fault(stage, self.fault, self.nth)
        if self.group == ONE_SORT:
            return one_sort(stage, self.fault, FAULTS[self.fault], stage.sorts[self.nth - 1])
        lasting = self.group == OUTAGE
        return one_fault(stage, self.fault, (FAULTS | ITEM_FAULTS)[self.fault], self.nth, lasting=lasting)


ONE_REQUEST, ONE_SORT, OUTAGE = "one request", "one sort of request", "all from one request on"
ONE_ITEM, THE_SOURCE, COMBINED = "one item of a batch", "the source", "many at random"
_MEANING = {
    ONE_REQUEST: "each of the faults at each request of the cycle",
    ONE_SORT: "some of the faults, each at all requests of one sort (the feed, the look-ups, one kind of create)",
    OUTAGE: "some of the faults, each from one request of the cycle to the end of the run",
    ONE_ITEM: "a fault for each item of its batches",
    THE_SOURCE: "the connection to the source's database lost before each statement, before and after each commit",
    COMBINED: "four sorts of faults at once, and faulty items, over several runs with restarts between them",
}


def every_trial(stage: Stage, combinations: int) -> list[Trial]:
    """All of them."""
    items = sum(stage.batched)
    places = range(1, len(stage.requests) + 1)
    trials = [Trial(ONE_REQUEST, fault, nth) for fault in FAULTS for nth in places]
    trials += [Trial(ONE_SORT, fault, nth) for fault in OUTAGES for nth in range(1, len(stage.sorts) + 1)]
    trials += [Trial(OUTAGE, fault, nth) for fault in OUTAGES for nth in places]
    trials += [Trial(ONE_ITEM, fault, nth) for fault in ITEM_FAULTS for nth in range(1, items + 1)]
    trials += [
        Trial(THE_SOURCE, where, nth) for where in SOURCE_FAULTS for nth in range(1, stage.statements[where] + 1)
    ]
    return trials + [Trial(COMBINED, "", seed) for seed in range(combinations)]


_open: ExitStack = ExitStack()
_stage: list[Stage] = []


def _begin() -> None:
    """In each process: a stage of its own, closed when the process ends."""
    _stage.append(_open.enter_context(staged()))
    atexit.register(_open.close)


def _carry_out(trial: Trial) -> tuple[Trial, Verdict]:
    """One trial. What ends it early is a finding, and the others go on."""
    try:
        return trial, trial.on(_stage[0])
    except Exception as error:
        _stage[0].strike()
        return trial, Verdict(f"{trial}", restless=[f"the trial could not be ended: {error!r}"])


def main(arguments: Sequence[str]) -> int:
    """Try everything; the end is 0 only if nothing was doubled, lost or left open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--combinations", type=int, default=300, help="how many random combinations")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument(
        "--sample", type=int, default=1, help="only every so many of the trials; nothing is written then"
    )
    given = parser.parse_args(arguments)
    with staged() as stage:
        trials, asked = every_trial(stage, given.combinations), stage.requests
    verdicts: defaultdict[str, list[Verdict]] = defaultdict(list)
    with ProcessPoolExecutor(given.jobs, get_context("spawn"), _begin) as pool:
        for number, (trial, verdict) in enumerate(pool.map(_carry_out, trials[:: given.sample]), start=1):
            verdicts[trial.group].append(verdict)
            if not verdict.good:
                sys.stdout.write(f"{trial.group}, {verdict}\n")
            if number % 50 == 0:
                sys.stdout.write(f"{number} of {len(trials) // given.sample} trials\n")
                sys.stdout.flush()
    text = report(verdicts, asked)
    if given.sample == 1:
        put(RELIABILITY, "fault-matrix", text)
    sys.stdout.write(f"{text}\n")
    return 0 if all(verdict.good for each in verdicts.values() for verdict in each) else 1


def report(verdicts: Mapping[str, Sequence[Verdict]], asked: Sequence[str]) -> str:
    """The part of the manual."""
    lines = [
        "## The fault matrix",
        "",
        f"One cycle of {len(asked)} requests that does everything (feeds, look-ups, creates alone and in batches, an "
        "update, removals, reads by id,\na token renewal, changes, imports and a removal in the source), disturbed in "
        f"{sum(map(len, verdicts.values())):,} trials. People go on working on both sides\nmeanwhile. Once the trouble "
        "ends, both sides have to be what they come to undisturbed, and another run has to have nothing to do.",
        "",
        "| disturbed | how | trials | requests disturbed | created twice | lost or other | left open | not at rest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, each in verdicts.items():
        hit, all_of = sum(v.disturbed for v in each), sum(v.requests for v in each)
        share = "–" if group == THE_SOURCE else f"{hit:,} of {all_of:,} ({hit * 100 // max(all_of, 1)} %)"
        bad = [
            sum(bool(getattr(v, what)) for v in each) for what in ("duplicates", "losses", "open_writes", "restless")
        ]
        lines.append(f"| {group} | {_MEANING[group]} | {len(each):,} | {share} | {' | '.join(map(str, bad))} |")
    lines += ["", f"The faults: {', '.join(FAULTS)}; of items: {', '.join(ITEM_FAULTS)}.", ""]
    return "\n".join([*lines, "Reproduce with `make fault-matrix`."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
