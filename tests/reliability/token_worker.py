"""A process that needs an access token: ``python -m tests.reliability.token_worker JOB SPEC``; a line tells it to go.

JOB is a number: so many threads ask QuickBooks at once, all with the same stored grant. Or ``die``: renew the grant and
be killed with the answer in hand, before it is stored.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

from syncd.clock import SystemClock
from syncd.errors import SyncdError
from syncd.metrics import Metrics
from syncd.state.store import Store
from syncd.state.tokens import StateTokenStore
from syncd.state.values import Tokens
from tests.support.world import build_engine


def main() -> None:
    """Do one job."""
    job, spec = sys.argv[1], json.loads(sys.argv[2])
    clock = SystemClock()
    with Store.open(spec["state_url"], clock=clock, encryption_keys=[spec["key"].encode()]) as store:
        engine = build_engine(spec, store, clock, Metrics(process=False), threading.Event())
        if job == "die":
            StateTokenStore.save = _killed  # type: ignore[method-assign]
        threads = 1 if job == "die" else int(job)
        start, done = threading.Barrier(threads + 1), []

        def use() -> None:
            start.wait(60)
            try:
                engine.parts.books.facts(refresh=True)
                done.append("ok")
            except SyncdError as error:
                done.append(f"{type(error).__name__}: {error}")

        running = [threading.Thread(target=use) for _ in range(threads)]
        for thread in running:
            thread.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        start.wait(60)
        for thread in running:
            thread.join()
        engine.close()
    sys.stdout.write(json.dumps(done) + "\n")


def _killed(store: StateTokenStore, grant: Tokens, expected_version: int) -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    main()
