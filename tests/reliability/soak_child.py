"""One life of syncd in the soak: a process that runs cycles as it is told to, until its input ends or it is killed.

The first line of input is a ``Birth`` as JSON, each further one an ``Order``, for which one ``Told`` comes
back.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from syncd.engine import Engine
from syncd.errors import SyncdError
from syncd.metrics import Metrics
from syncd.report import CycleReport, CycleRequest
from syncd.sandbox.server import Admin
from syncd.state.store import Store
from tests.reliability.soak_clock import SoakClock, stamp_by
from tests.reliability.soak_teeth import plant
from tests.support.world import build_engine

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Birth(msgspec.Struct, frozen=True):
    """Which company this process works on (``World.spec``), what time it is, and the fault that is planted, if any."""

    spec: dict[str, Any]
    now: float
    tooth: str = ""


class Order(msgspec.Struct, frozen=True):
    """A cycle at a moment (seconds since 1970). ``audit``: instead, compare everything and verify the history."""

    now: float
    request: CycleRequest = CycleRequest()
    audit: bool = False


class Told(msgspec.Struct, frozen=True):
    """What became of an order. ``outcome`` is the report's, or ``error``, with the error's class in ``error``.

    ``quiet``: there was nothing to do on either side and nothing in syncd's own state (for an audit: no difference).
    ``cpu_seconds`` are those of all threads of the process, ``yard_seconds`` those of a piece of work that is always
    the same; ``rss_bytes`` is what the process has in memory afterwards.
    """

    outcome: str
    error: str = ""
    text: str = ""
    quiet: bool = False
    planned: int = 0
    applied: int = 0
    recovered: int = 0
    cpu_seconds: float = 0.0
    yard_seconds: float = 0.0
    seconds: float = 0.0
    rss_bytes: int = 0


def main() -> None:
    """Serve until the input ends."""
    _say("ready")
    line = sys.stdin.readline()
    if not line:
        return
    birth = msgspec.json.decode(line, type=Birth)
    admin = Admin(birth.spec["base"])
    clock = SoakClock(waited=lambda seconds: _pass(admin, seconds))
    clock.put(birth.now)
    stamp_by(clock, sa.engine.Engine)
    plant(birth.tooth)
    spec = birth.spec
    with Store.open(spec["state_url"], clock=clock, encryption_keys=[spec["key"].encode()]) as store:
        engine = build_engine(spec, store, clock, Metrics(process=False), threading.Event())
        try:
            for order in map(msgspec.json.Decoder(Order).decode, sys.stdin):
                clock.put(order.now)
                _say(msgspec.json.encode(_obey(engine, store, spec["name"], order)).decode())
        finally:
            engine.close()


def _pass(admin: Admin, seconds: float) -> None:
    if seconds:
        admin.advance(seconds)


def _obey(engine: Engine, store: Store, company: str, order: Order) -> Told:
    began, cpu = time.monotonic(), time.process_time()
    try:
        told = _audit(engine, store, company) if order.audit else _cycle(engine, order.request)
    except SyncdError as error:
        told = Told("error", error=type(error).__name__, text=str(error))
    cpu, seconds = time.process_time() - cpu, time.monotonic() - began
    return msgspec.structs.replace(
        told, cpu_seconds=cpu, yard_seconds=_yardstick(), seconds=seconds, rss_bytes=_resident()
    )


def _yardstick() -> float:
    """How fast the machine is just now: what else is done on it makes everything take more of the CPU's time."""
    began = time.process_time()
    for _ in range(3):
        sorted({str(n): n for n in range(4000)}.items())
    return time.process_time() - began


def _cycle(engine: Engine, request: CycleRequest) -> Told:
    report: CycleReport = engine.reconcile(request)
    plan = report.plan
    said = [f"{operation.id}: {operation.reason}" for operation in plan.operations]
    said += [brake.text for brake in plan.brakes]
    return Told(
        report.outcome,
        quiet=report.outcome == "ok" and not plan.operations and not report.recovered,
        text="; ".join(said[:20]),
        planned=len(plan.operations),
        applied=report.applied,
        recovered=report.recovered,
    )


def _audit(engine: Engine, store: Store, company: str) -> Told:
    audit = engine.audit()
    whole, length, bad = store.verify_history(company)
    said = [f"{each.kind} {each.label}: {each.reason}" for each in audit.differ]
    said += [f"{amount} {currency}" for currency, amount in audit.money_difference.items() if amount]
    said += [] if whole else [f"the history is broken at {bad} of {length}"]
    said += [f"{audit.unknown} unknown"] if audit.unknown else []
    said += [f"{audit.waiting} waiting"] if audit.waiting else []
    return Told("ok", quiet=not said, text="; ".join(said[:20]), planned=audit.compared)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
