"""Runs one company in processes that can be killed: one child for each line read, all imports done before.

Started with the company's ``World.spec`` as JSON. For each line of input one child makes one run; its process id is
printed when it starts and its exit code when it has ended (negative: the signal that ended it).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from syncd import cycle
from syncd.clock import SystemClock
from syncd.errors import SyncdError
from syncd.metrics import Metrics
from syncd.report import CycleRequest
from syncd.state.store import Store
from tests.support.world import build_engine


def run(spec: dict[str, Any]) -> int:
    """One cycle in this process; SIGTERM asks it to stop after the write in hand."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return cycle_of(spec, stop)


def cycle_of(spec: dict[str, Any], stop: threading.Event) -> int:
    """One cycle of the company that ``spec`` describes; its exit code."""
    cycle.LEASE_SECONDS = spec["lease_seconds"]
    clock = SystemClock()
    with Store.open(spec["state_url"], clock=clock, encryption_keys=[spec["key"].encode()]) as store:
        engine = build_engine(spec, store, clock, Metrics(process=False), stop)
        try:
            return engine.reconcile(CycleRequest(approve_first_run=True)).exit_code
        except SyncdError as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code
        finally:
            engine.close()


def say(what: object) -> None:
    """One line for the test."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    spec = json.loads(sys.argv[1])
    say("ready")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = run(spec)
            finally:
                os._exit(code)
        say(child)
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
