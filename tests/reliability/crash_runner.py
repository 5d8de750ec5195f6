"""Runs one company in processes that kill themselves: one child for each order, all imports done before.

Each line of input is an ``Order`` as JSON. The child makes the run and prints a ``Told`` for it, and one for every
further thing it was asked to do; then the parent prints ``exit N`` (negative: the signal that ended the child).
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from syncd import profiles
from syncd.clock import SystemClock
from syncd.engine import Engine
from syncd.errors import SyncdError
from syncd.metrics import Metrics
from syncd.model.kinds import Kind, Side
from syncd.model.writes import DESTRUCTIVE_VERBS
from syncd.reconciler.policy import Answer, Case, Policy
from syncd.report import CycleReport, CycleRequest
from syncd.sources.sql import mapping
from syncd.state import database
from syncd.state.store import Store
from tests.reliability import crash_teeth
from tests.reliability.crash_boundaries import Hooks, swap
from tests.support.world import build_engine

RUNS = 6
"""After so many runs that all had something to do, a company will never be at rest."""


class Order(msgspec.Struct, frozen=True):
    """One process: which company, where it dies, and what it is to do.

    ``kill`` is a boundary (``Boundary.place``), or empty. ``settle``: run until there is nothing to do, then audit.
    ``rehearse``: not in a child, so that later ones find everything imported and compiled. ``answers`` are changes of
    the profile; ``tooth`` names a fault to plant.
    """

    spec: dict[str, Any]
    log: str
    kill: str = ""
    settle: bool = False
    rehearse: bool = False
    request: CycleRequest = CycleRequest()
    answers: dict[str, dict[Case, Answer]] = {}
    tooth: str = ""


class Told(msgspec.Struct, frozen=True):
    """What became of one run, or of the audit: ``quiet`` if there was nothing to do or to say."""

    outcome: str
    quiet: bool = False
    text: str = ""


def main() -> None:
    """Serve until the input ends."""
    decoder = msgspec.json.Decoder(Order)
    _keep_compiled()
    _say("ready")
    for line in sys.stdin:
        order = decoder.decode(line)
        if order.rehearse:
            _say(f"exit {_work(order, None)}")
            continue
        child = os.fork()
        if child == 0:
            try:
                os._exit(_obey(order))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        _say(f"exit {os.waitstatus_to_exitcode(status)}")


def _keep_compiled() -> None:
    """Keep what SQLAlchemy compiles and what it finds of tables: children inherit it, and a run takes a third of the
    time. Connections and everything that syncd knows are new in each process."""
    create, compile_mapping = sa.create_engine, mapping.compile_mapping
    engines: dict[str, sa.Engine] = {}
    mappings: dict[str, mapping.Compiled] = {}

    def created(url: Any, **options: Any) -> sa.Engine:
        engine = create(url, **options)
        known = engines.get(str(url))
        if known is None or known.dialect.server_version_info is None:  # never connected yet
            engines[str(url)] = engine
        else:
            engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache
        return engine

    def compiled(of: Any, *given: Any) -> mapping.Compiled:
        if of.identity() not in mappings:
            mappings[of.identity()] = compile_mapping(of, *given)
        return mappings[of.identity()]

    swap(sa, "create_engine", created)
    swap(database, "create_engine", created)
    swap(mapping, "compile_mapping", compiled)


def _obey(order: Order) -> int:
    hooks = Hooks(Path(order.log), order.kill, str(order.spec["state_url"]).removeprefix("sqlite:///"))
    hooks.install()
    crash_teeth.plant(order.tooth)
    return _work(order, hooks)


def _work(order: Order, hooks: Hooks | None) -> int:
    spec = order.spec
    clock = SystemClock()
    with Store.open(spec["state_url"], clock=clock, encryption_keys=[spec["key"].encode()]) as store:
        with profile(order.answers):
            engine = build_engine(spec, store, clock, Metrics(process=False), threading.Event())
        try:
            return _run(engine, order, hooks)
        except SyncdError as error:
            _tell(Told("error", text=str(error)))
            return error.exit_code
        finally:
            engine.close()


def _run(engine: Engine, order: Order, hooks: Hooks | None) -> int:
    report = engine.reconcile(order.request)
    _tell(_told(report))
    if hooks is not None:
        hooks.end_run()
    if not order.settle:
        return report.exit_code
    for _ in range(RUNS):
        if _quiet(report):
            break
        report = engine.reconcile(order.request)
        _tell(_told(report))
    audit = engine.audit()
    differ = [f"{each.kind} {each.label}: {each.reason}" for each in audit.differ]
    money = {currency: amount for currency, amount in audit.money_difference.items() if amount}
    quiet = not differ and not money and not audit.unknown
    text = f"{audit.compared} compared, {audit.agree} agree; {'; '.join(differ)} {money or ''}"
    _tell(Told("audit", quiet=quiet, text=text))
    return report.exit_code


def _quiet(report: CycleReport) -> bool:
    """Whether a run found nothing to do on either side and nothing in our own state."""
    return report.outcome == "ok" and not report.plan.operations and not report.recovered


def _told(report: CycleReport) -> Told:
    planned = "; ".join(f"{o.id}: {o.reason}" for o in report.plan.operations)
    brakes = "; ".join(brake.text for brake in report.plan.brakes)
    return Told(report.outcome, quiet=_quiet(report), text=f"{planned} {brakes}".strip())


@contextmanager
def profile(answers: dict[str, dict[Case, Answer]]) -> Iterator[None]:
    """A profile that gives other answers, so that every kind of write comes to pass that the core can make."""
    load = profiles.load

    def changed(name: str, settings: Any) -> Policy:
        policy = load(name, settings)
        kinds = dict(policy.kinds)
        for kind, other in answers.items():
            rules = kinds[Kind(kind)]
            verbs = {side: rules.verbs.get(side, frozenset()) | DESTRUCTIVE_VERBS for side in (Side.QBO, Side.SOURCE)}
            kinds[Kind(kind)] = msgspec.structs.replace(rules, answers={**rules.answers, **other}, verbs=verbs)
        return msgspec.structs.replace(policy, kinds=kinds)

    profiles.load = changed
    try:
        yield
    finally:
        profiles.load = load


def _tell(told: Told) -> None:
    _say(msgspec.json.encode(told).decode())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
