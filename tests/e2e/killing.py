"""Runs that are killed: exactly while a write is on its way, and finished by later runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.world import World

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 0.05
"""So short that no test waits until a killed run's lease ends."""


class Runner:
    """The process that starts runs, and what the test may do to them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        assert process.stdin is not None
        self._out, self._in = process.stdout, process.stdin
        assert self._out.readline() == "ready\n"

    def start(self) -> int:
        """Begin a run; its process id."""
        self._in.write("run\n")
        self._in.flush()
        return int(self._out.readline())

    def wait(self) -> int:
        """The exit code of the run that was begun; negative where a signal ended it."""
        return int(self._out.readline())

    def finish(self) -> None:
        """Runs until one ends well; the second has to."""
        codes: list[int] = []
        while 0 not in codes and len(codes) < 2:
            self.start()
            codes.append(self.wait())
        assert codes[-1] == 0, codes


@contextmanager
def runner(world: World) -> Iterator[Runner]:
    """A runner for this company."""
    spec = json.dumps(world.spec() | {"lease_seconds": LEASE_SECONDS})
    command = [sys.executable, "-m", "tests.e2e.runner", spec]
    with spoken_to(command) as process:
        yield Runner(process)


@contextmanager
def spoken_to(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process of this project's that takes orders line by line, until the block ends."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def kill_in_flight(world: World, running: Runner, *, when: str, **which: Any) -> None:
    """Kill a run while the write that ``which`` describes is on its way: before QuickBooks commits it, or ``after``,
    when the answer is held back. The journal has it open then."""
    rule = world.sandbox.add_fault("stall", seconds=1.0, when=when, then="reset", realm=world.realm, **which)
    child = running.start()
    until(lambda: any(known["id"] == rule and known["fired"] for known in world.sandbox.faults()))
    time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    world.sandbox.clear_faults()
    assert world.store.open_entries(world.name)
    time.sleep(LEASE_SECONDS + 0.01)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
