"""The full crash sweep: ``python -m tests.reliability.crash_sweep``. Writes its figures to docs/reliability.md.

Every story is killed before and after every request and every commit, once. Then, for every state in which a first kill
can leave it, the run that recovers is killed, too, wherever something lasting happens in it (``--second N``: every Nth
of these pairs; 0: none).
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from syncd import profiles
from syncd.model.kinds import Kind
from syncd.sandbox.server import running_sandbox
from tests.reliability.crash_boundaries import Boundary, distinct
from tests.reliability.crash_stories import BILLS, STORIES, Story
from tests.reliability.crash_trial import Theatre, Verdict, runner
from tests.support.pages import RELIABILITY, put

PART = "crash-sweep"
_WHAT = """\
`make crash-sweep`. A story is something that people do on one side or both, one for every kind and operation that the
profile lets syncd write, and some of many together. The run that follows is killed (SIGKILL) before and after each
HTTP request and each commit that changes the state or the source, then started again until it is at rest. Compared
with the undisturbed course, ids aside: all that was ever created or changed in QuickBooks, by the look-alike's own
history; every row of the source, and how often it was written; the open writes, links, holds and the history of
syncd. One more run has to find nothing to do, and the audit has to agree to the cent. The suite has a compact form,
and faults planted in recovery that it must find (`tests/reliability/test_crash_sweep.py`).
"""
SORTS = ("twice", "lost", "otherwise", "not at rest")


class Swept(msgspec.Struct):
    """What became of one story: how many trials, by boundary, and what they found."""

    story: str
    written: Counter[str]
    boundaries: int
    first: Counter[str] = msgspec.field(default_factory=Counter)
    second: Counter[str] = msgspec.field(default_factory=Counter)
    missed: int = 0
    found: Counter[str] = msgspec.field(default_factory=Counter)
    told: list[str] = []
    seconds: float = 0.0

    @property
    def trials(self) -> int:
        """Kills and second kills."""
        return self.first.total() + self.second.total()

    def count(self, verdict: Verdict, last: Boundary, where: Counter[str]) -> None:
        """Note one trial."""
        where[f"{place(last)}|{last.when}"] += 1
        self.missed += not all(verdict.killed)
        for sort in SORTS:
            self.found[sort] += bool(verdict.findings[sort])
        self.told += [f"{self.story}, killed at {' and '.join(verdict.places)}: {each}" for each in verdict.wrong]


def place(boundary: Boundary) -> str:
    """What happens at a boundary, in the words of the table."""
    channel, label = boundary.channel, boundary.label
    if channel == "http":
        return "request: a token" if label == "token request" else f"request: {label.split()[0]}"
    return "commit: the source" if channel == "source" else f"commit: {label}"


def sweep(story: Story, second: int) -> Swept:
    """Try one story out, in a directory and a look-alike of its own."""
    started = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="syncd-crash-", dir=_fast_folder()))
    try:
        with running_sandbox(switches={"throttle": "off"}) as sandbox, runner() as running:
            theatre = Theatre(home, sandbox, running, story)
            swept = Swept(story.name, theatre.writes, len(theatre.boundaries))
            states = {boundary.place for boundary in distinct(theatre.boundaries)}
            after: list[tuple[Boundary, Boundary]] = []
            for boundary in theatre.boundaries:
                verdict = theatre.trial(boundary.place)
                swept.count(verdict, boundary, swept.first)
                if boundary.place in states:
                    after += [(boundary, again) for again in distinct(verdict.recovery)]
            for first, again in after[::second] if second else []:
                swept.count(theatre.trial(first.place, again.place), again, swept.second)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    swept.seconds = time.monotonic() - started
    return swept


def _fast_folder() -> str | None:
    """A folder in memory where there is one: a killed process loses nothing of what the kernel already has."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def never_written(swept: Iterable[Swept]) -> list[str]:
    """What the profile lets be written and no story writes: side, kind and verb."""
    policy = profiles.load("ruddr", BILLS["settings"])
    allowed = {
        f"{side.value} {kind.value} {verb.value}"
        for kind, rules in policy.kinds.items()
        for side, verbs in rules.verbs.items()
        for verb in verbs
    }
    return sorted(allowed - {what for each in swept for what in each.written})


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, tell, and write the figures. 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--second", type=int, default=int(os.environ.get("SYNCD_CRASH_SECOND", "1")))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="stories whose name contains this; nothing is written then")
    asked = parser.parse_args(arguments)
    stories = [story for story in STORIES if asked.only in story.name]
    swept: list[Swept] = []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for each in pool.map(_swept, [story.name for story in stories], [asked.second] * len(stories)):
            swept.append(each)
            _say(f"{each.story}: {each.trials} trials, {dict(each.found)}, {each.seconds:.0f} s")
            for line in each.told:
                _say(f"  {line}")
    if not asked.only:
        put(RELIABILITY, PART, report(swept, asked.second))
        for what in never_written(swept):
            _say(f"no story writes: {what}")
    return int(any(each.told for each in swept) or (not asked.only and bool(never_written(swept))))


def _swept(name: str, second: int) -> Swept:
    return sweep(next(story for story in STORIES if story.name == name), second)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# ---- the report


def report(swept: Sequence[Swept], second: int) -> str:
    """The section for docs/reliability.md."""
    return "\n".join([*_head(swept, second), *_by_operation(swept), *_by_boundary(swept)])


def _head(swept: Sequence[Swept], second: int) -> Iterator[str]:
    found: Counter[str] = sum((each.found for each in swept), Counter())
    trials = sum(each.trials for each in swept)
    again = sum(each.second.total() for each in swept)
    often = "none of them" if not second else "all of them" if second == 1 else f"every {second}th of them"
    yield f"## Crash sweep\n\n{_WHAT}"
    yield f"{len(swept)} stories, {trials:,} trials: {trials - again:,} with one kill, {again:,} with a second one"
    yield f"while the first was being recovered from ({often})."
    yield f"**{found['twice']} duplicates, {found['lost']} losses**, {found['otherwise']} other differences,"
    missed = sum(each.missed for each in swept)
    yield f"{found['not at rest']} not at rest; {missed} kills came too late and hit nothing."
    yield f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}."
    yield ""


def _by_operation(swept: Sequence[Swept]) -> Iterator[str]:
    yield "By what the killed run was to write (a run may write several things):"
    yield ""
    yield "| side | kind | operation | trials | twice | lost | otherwise | not at rest |"
    yield "|---|---|---|---|---|---|---|---|"
    for what in sorted({what for each in swept for what in each.written}, key=_order):
        there = [each for each in swept if what in each.written]
        trials = sum(each.trials for each in there)
        counts = " | ".join(str(sum(each.found[sort] for each in there)) for sort in SORTS)
        yield f"| {' | '.join(what.split())} | {trials:,} | {counts} |".replace("_", " ")
    none = [each for each in swept if not each.written]
    if none:
        counts = " | ".join(str(sum(each.found[sort] for each in none)) for sort in SORTS)
        yield f"| – | – | nothing but our own state | {sum(each.trials for each in none):,} | {counts} |"
    yield ""


def _order(what: str) -> tuple[str, int, str]:
    side, kind, verb = what.split()
    return side, list(Kind).index(Kind(kind)), verb


def _by_boundary(swept: Sequence[Swept]) -> Iterator[str]:
    first: Counter[str] = sum((each.first for each in swept), Counter())
    second: Counter[str] = sum((each.second for each in swept), Counter())
    yield "By where it was killed:"
    yield ""
    yield "| boundary | before it | after it | again, before it | again, after it |"
    yield "|---|---|---|---|---|"
    for where in sorted({key.partition("|")[0] for key in first | second}):
        counts = [kills[f"{where}|{when}"] for kills in (first, second) for when in ("before", "after")]
        yield f"| {where} | {' | '.join(f'{count:,}' for count in counts)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
