"""A life of syncd in the soak, from outside: a process that is started ahead, given orders, and ended or killed."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.reliability.soak_child import Birth, Order, Told

ROOT = Path(__file__).parents[2]
_PATIENCE = 900.0


class Life:
    """One process. It is started at once and born with the first order, so that importing costs nobody's time."""

    def __init__(self, tooth: str = "") -> None:
        self._tooth = tooth
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.soak_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.orders = 0
        """How many it was given."""

    def obey(self, spec: dict[str, Any], order: Order, *, kill_after: float | None = None) -> Told | None:
        """What became of an order; None where the process was killed in the middle of it, after so many seconds."""
        if not self.orders:
            assert self._out.readline() == "ready\n"
            self._say(Birth(spec=spec, now=order.now, tooth=self._tooth))
        self.orders += 1
        self._say(order)
        if kill_after is not None and not select.select([self._out], [], [], kill_after)[0]:
            self._process.send_signal(signal.SIGKILL)
            self._close()
            return None
        assert select.select([self._out], [], [], _PATIENCE)[0], "a cycle does not end"
        line = self._out.readline()
        assert line, "the process is gone"
        return msgspec.json.decode(line, type=Told)

    def end(self) -> None:
        """Let it end in peace. Does nothing where it was killed."""
        if self._process.returncode is None:
            self._close()

    def _say(self, what: Birth | Order) -> None:
        self._in.write(msgspec.json.encode(what).decode() + "\n")
        self._in.flush()

    def _close(self) -> None:
        try:
            self._in.close()
        finally:
            self._process.wait(timeout=60)
            self._out.close()
