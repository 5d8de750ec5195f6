"""``make teeth``: every fault of ``teeth_faults`` is planted in a copy of the tree, and the machine has to notice it.

Whole: ``python -m tests.reliability.teeth``. In portions: name faults, or ``--from N --to M``. What was found goes into
docs/reliability.md; the rows of other faults stay as they are. Exit code 1 where a fault stays
unnoticed, or dies of something else than its own reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.teeth_faults import FAULTS, Fault
from tests.support.pages import RELIABILITY, part, put

ROOT = Path(__file__).parents[2]
PART = "teeth"
FOCUSED, FEW_STEPS = 60, 7
EXAMPLES, STEPS, SEED = 200, 12, 1
"""So hard does the machine try before a fault counts as unnoticed, and before the unbroken tree counts as sound."""
_ROW = re.compile(r"^\| ([^|]+?) \|")


@dataclass(frozen=True)
class Bite:
    """What became of one trial. ``broken``: the invariant that failed; empty where none did."""

    broken: str
    text: str
    examples: int
    seconds: float


def planted(fault: Fault | None, into: Path) -> Path:
    """A copy of the tree under ``into``, with the fault in it. ``ValueError`` where its line is not there just once."""
    for name in ("syncd", "tests"):
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", into)
    for name, old, new in fault.edits if fault is not None else ():
        text = (into / name).read_text()
        if text.count(old) != 1:
            raise ValueError(f"{old!r} is {text.count(old)} times in {name}")
        (into / name).write_text(text.replace(old, new))
    return into


def bite(fault: Fault | None, *, examples: int = EXAMPLES, seed: int = SEED, whole: bool = True) -> Bite:
    """Let the machine loose on a tree with (or without) a fault: first where it would show, then with all its rules."""
    with tempfile.TemporaryDirectory(prefix="syncd-teeth-") as place:
        tree = planted(fault, Path(place))
        found = Bite("", "", 0, 0.0)
        if fault is not None:
            found = _trial(tree, FOCUSED, FEW_STEPS, seed, fault.rules.split(), fault.setup)
        if whole and not found.broken:
            again = _trial(tree, examples, STEPS, seed, (), {})
            found = Bite(again.broken, again.text, found.examples + again.examples, found.seconds + again.seconds)
        return found


def _trial(tree: Path, examples: int, steps: int, seed: int, rules: Sequence[str], setup: Mapping[str, Any]) -> Bite:
    asked = json.dumps({"examples": examples, "steps": steps, "chance": seed, "rules": rules, "fixed": dict(setup)})
    command = [sys.executable, "-m", "tests.reliability.teeth_trial", asked]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"a trial could not be made: {done.stderr[-2000:]}")
    return Bite(**json.loads(done.stdout.splitlines()[-1]))


def verdict(fault: Fault | None, found: Bite) -> str:
    """One word: whether it went as it has to."""
    if fault is None:
        return "sound" if not found.broken else "NOT SOUND"
    if not found.broken:
        return "UNNOTICED"
    return "caught" if found.broken in fault.dies_of else "ANOTHER REASON"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and write the page."""
    asked = argparse.ArgumentParser(prog="make teeth")
    asked.add_argument("names", nargs="*", help="faults to plant; all where none is named")
    asked.add_argument("--from", dest="first", type=int, default=1)
    asked.add_argument("--to", dest="last", type=int, default=len(FAULTS))
    asked.add_argument("--examples", type=int, default=EXAMPLES)
    asked.add_argument("--sound", action="store_true", help="the unbroken tree, too")
    options = asked.parse_args(arguments)
    chosen: list[Fault | None] = [f for f in FAULTS if f.name in options.names or not options.names]
    if not options.names:
        chosen = chosen[options.first - 1 : options.last]
    if options.sound or (not options.names and len(chosen) == len(FAULTS)):
        chosen = [None, *chosen]
    failed = False
    for fault in chosen:
        found = bite(fault, examples=options.examples)
        said = verdict(fault, found)
        failed |= said.isupper()
        name = fault.name if fault is not None else _UNBROKEN
        sys.stdout.write(f"{said:15} {name}: {found.broken} after {found.examples} examples, {found.seconds} s\n")
        if said.isupper():
            sys.stdout.write(f"    {found.text}\n")
        sys.stdout.flush()
        _write(fault, found, said)
    return int(failed)


_UNBROKEN = "(nothing wrong)"
_HEAD = (
    "## The stateful model and its teeth\n\n"
    "What people do on both sides and what syncd does, in any order, with anything going wrong (lost, late and\n"
    "refused requests, crashes at any boundary, people who edit at the moment of a write, feeds cut short, indexes\n"
    "that lag), against the histories that the two sides keep; after every run twelve invariants have to hold\n"
    "(`tests/reliability/machine.py`).\n\n"
    "Each row is one line of the program made wrong in a copy of the tree (two, where a second guard would take the\n"
    "place of the first), and the whole machine let loose on it, without a memory of earlier examples. `make teeth`\n"
    "writes this table; it fails where a fault stays unnoticed or dies of another reason than its own.\n\n"
    "| fault | where | what it would do | noticed by | examples needed | verdict |\n|---|---|---|---|---|---|"
)


def _write(fault: Fault | None, found: Bite, said: str) -> None:
    """The row of one fault, among those of the others."""
    rows = {row.group(1): line for line in part(RELIABILITY, PART).splitlines() if (row := _ROW.match(line))}
    name = fault.name if fault is not None else _UNBROKEN
    where, why = (f"`{fault.file}`", fault.why) if fault is not None else ("", "the machine stays green")
    rows[name] = f"| {name} | {where} | {why} | {found.broken} | {found.examples} | {said} |"
    order = [_UNBROKEN, *(each.name for each in FAULTS)]
    put(RELIABILITY, PART, "\n".join([_HEAD, *(rows[each] for each in order if each in rows)]))


if __name__ == "__main__":
    sys.exit(main())
