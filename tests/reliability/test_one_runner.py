"""One runner per company: daemons and one-shots at once, and a process that wakes up after its lease has passed on.

Everything here is real processes on real databases. What a paused process had under way when it was stopped may still
arrive; nothing that it would do afterwards leaves it, and nothing of it is done twice.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.errors import EXIT_BUSY, EXIT_OK, LeaseHeld
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, change, command, configure, mutations, once, receive, snapshot
from tests.e2e.killing import ROOT, until
from tests.support.world import World

LEASE_SECONDS = 0.4
"""How long a paused process keeps others out: as short as a heartbeat on a busy machine allows."""
SPARE = 40
"""Payments to be deleted, one in each round; so many that one is no reason to brake."""

ORDERS, EACH = 3, 8
"""How often an operator starts a run beside the daemons, and how many invoices with payments come in each time."""

PATIENCE = 200.0
"""Seconds to wait for processes on a machine that has more to do; nothing here depends on how long they take."""

Url = Callable[[], str]


class Paused:
    """The process that starts runs which stop in the middle."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out, self._log = process.stdin, process.stdout, log
        assert self._out.readline() == "ready\n"
        self.child = 0

    def start(self, stop_at: str = "") -> None:
        """Begin a run."""
        self._in.write(f"{stop_at}\n")
        self._in.flush()
        self.child = int(self._out.readline())

    def wait(self) -> str:
        """What became of the run: ``stopped`` or ``exit CODE``."""
        return self._out.readline().strip()

    def stop(self, state: Path) -> None:
        """Stop the run from outside, at any moment at which it has no transaction open on ``state``, a SQLite file."""
        while True:
            os.kill(self.child, signal.SIGSTOP)
            assert self.wait() == "stopped"
            with closing(sqlite3.connect(state, timeout=0.2, isolation_level=None)) as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError:
                    os.kill(self.child, signal.SIGCONT)

    def wake(self) -> str:
        """Let the stopped run go on; what became of it."""
        os.kill(self.child, signal.SIGCONT)
        return self.wait()

    def passed(self) -> list[str]:
        """The places that the last runs came by."""
        places = self._log.read_text().splitlines()
        self._log.unlink()
        return places


@contextmanager
def pausing(world: World, **more: Any) -> Iterator[Paused]:
    """A runner for this company whose runs can be stopped."""
    log = world.directory / "passed"
    spec = json.dumps(world.spec() | {"lease_seconds": LEASE_SECONDS, "log": str(log)} | more)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.paused_runner", spec],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    running = None
    try:
        running = Paused(process, log)
        yield running
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        if process.poll() is None and running is not None and running.child:
            with suppress(ProcessLookupError):
                os.kill(running.child, signal.SIGCONT)
        process.wait(timeout=60)
        process.stdout.close()


def take_over(world: World) -> None:
    """Run as soon as the lease of the paused process is over, until nothing is open."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            report = world.run()
        except LeaseHeld:
            time.sleep(0.05)
            continue
        if report.outcome == "ok":
            return
    raise AssertionError("nobody could take over")


def remembered(world: World) -> list[object]:
    """The state, but for what is no statement about a record: when runs ended, and reads that Intuit counts."""
    engine = sa.create_engine(world.state_url)
    try:
        with engine.connect() as connection:
            names = sorted(set(sa.inspect(connection).get_table_names()) - {"meter", "runs"})
            return [(n, sorted(map(repr, connection.execute(sa.text(f"SELECT * FROM {n}"))))) for n in names]
    finally:
        engine.dispose()


class Work:
    """One thing to do of each sort, again in every round: create, change and delete, on both sides."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rounds = 0
        ada = world.client("Ada")
        ours, theirs, paid = (world.invoice(ada, name) for name in ("OURS", "THEIRS", "PAID"))
        self.ours, self.theirs = ours, theirs
        self.spare = [world.payment(ada, (paid, "1.00"), reference=f"SPARE-{n}") for n in range(SPARE)]
        world.run()

    def prepare(self) -> None:
        """Both sides change."""
        self.rounds += 1
        world, n = self.world, self.rounds
        world.invoice(1, f"INV-{n}")
        world.sql("UPDATE invoice SET notes = :v WHERE id = :id", v=f"round {n}", id=self.ours)
        gone = self.spare.pop()
        world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=gone)
        world.sql("DELETE FROM payment WHERE id = :id", id=gone)
        theirs = world.one("Invoice", DocNumber="THEIRS")
        change(world, "Invoice", theirs, DueDate=f"2026-06-{n:02}")
        receive(world, theirs["CustomerRef"]["value"], (theirs["Id"], "1.00"), PaymentRefNum=f"THEIRS-{n}")

    def meddle(self) -> None:
        """People go on working after the take-over: what the paused process knows is old by now."""
        world, n = self.world, self.rounds
        world.sql("UPDATE invoice SET notes = :v WHERE id = :id", v=f"later {n}", id=self.ours)
        change(world, "Invoice", world.one("Invoice", DocNumber="THEIRS"), DueDate=f"2026-07-{n:02}")
        take_over(world)

    def done(self) -> None:
        """Each thing was done, and once."""
        world, n = self.world, self.rounds
        once(world)
        assert born(world, "Invoice")[f"INV-{n}"] == 1
        references = [p["reference"] for p in world.rows("SELECT reference FROM payment")]
        assert references.count(f"THEIRS-{n}") == 1
        assert len(references) == len(self.spare) + n
        assert len(world.books("Payment")) == len(self.spare) + n
        assert world.one("Invoice", DocNumber="OURS")["CustomerMemo"]["value"] == f"later {n}"
        rows = world.rows("SELECT due_date FROM invoice WHERE id = :id", id=self.theirs)
        assert str(rows[0]["due_date"]) == f"2026-07-{n:02}"


def ends_of(places: list[str], door: str) -> list[str]:
    """The first and the last of a door, before and after each."""
    numbers = [int(place.split(":")[1]) for place in places if place.startswith(f"{door}:")]
    return [f"{door}:{n}:{when}" for n in sorted({min(numbers), max(numbers)}) for when in ("before", "after")]


@pytest.mark.failure("F-9")
@pytest.mark.parametrize(
    ("state", "door"),
    [
        ("sqlite", "intend"),
        ("sqlite", "mark_sent"),
        ("sqlite", "send"),
        ("sqlite", "write"),
        ("sqlite", "settle"),
        ("postgresql", "mark_sent"),
        ("postgresql", "write"),
    ],
)
def test_a_paused_process_that_wakes_up_writes_nothing_more(
    make: Make, request: pytest.FixtureRequest, state: str, door: str
) -> None:
    """Stopped at a door of its run, its lease passes on, everything is done by another, people go on, and it wakes."""
    url = request.getfixturevalue("postgres_url")() if state == "postgresql" else ""
    world = make(qbo={"batch_size": 1}, state_url=url)
    work = Work(world)
    with pausing(world) as paused:
        work.prepare()
        paused.start()
        assert paused.wait() == f"exit {EXIT_OK}"
        work.meddle()
        work.done()
        places = ends_of(paused.passed(), door)
        assert len(places) == 4
        for place in places:
            work.prepare()
            paused.start(place)
            assert paused.wait() == "stopped", place
            take_over(world)
            work.meddle()
            before = (world.writes(), snapshot(world), remembered(world))
            over = paused.wake()
            assert (world.writes(), snapshot(world), remembered(world)) == before, place
            assert over == f"exit {EXIT_BUSY}", place
            work.done()
    at_rest(world)


@pytest.mark.failure("F-1", "F-9")
def test_a_request_that_arrives_late_is_done_once(make: Make) -> None:
    """The process is stopped while its request is on its way; its successor sends the same again; both arrive."""
    world = make(qbo={"batch_size": 1})
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.invoice(1, "INV-2")
    with pausing(world) as paused:
        rule = world.sandbox.add_fault(
            "stall", seconds=6.0, when="before", then="answer", entity="Invoice", operation="create", realm=world.realm
        )
        mark = world.sandbox.last_request()
        paused.start()
        until(lambda: any(known["id"] == rule and known["fired"] for known in world.sandbox.faults()))
        paused.stop(world.directory / f"{world.name}-state.db")
        take_over(world)
        assert born(world, "Invoice")["INV-2"] == 1, "done while the first request is still on its way"
        before = snapshot(world)
        assert paused.wake() == f"exit {EXIT_BUSY}"
    sent = mutations(world, mark)
    assert len({each["requestid"] for each in sent}) == 1, "the successor sent the very same request"
    assert len(sent) == 2
    assert born(world, "Invoice")["INV-2"] == 1
    assert snapshot(world) == before
    at_rest(world)


def test_paused_inside_a_transaction_it_does_not_hold_up_its_successor(make: Make, postgres_url: Url) -> None:
    """On PostgreSQL the locks of a paused process end with its transaction, which the server ends after a while."""
    world = make(qbo={"batch_size": 1}, state_url=postgres_url())
    work = Work(world)
    with pausing(world, idle_seconds=1) as paused:
        work.prepare()
        paused.start()
        assert paused.wait() == f"exit {EXIT_OK}"
        work.meddle()
        inside = [place for place in paused.passed() if place.startswith("inside:")]
        work.prepare()
        paused.start(inside[len(inside) // 2])
        assert paused.wait() == "stopped"
        take_over(world)
        work.meddle()
        before = (world.writes(), snapshot(world), remembered(world))
        assert paused.wake() != f"exit {EXIT_OK}"
        assert (world.writes(), snapshot(world), remembered(world)) == before
        work.done()
    at_rest(world)


# ---- two daemons and an operator


def served(world: World, config: Path, stack: ExitStack) -> list[subprocess.Popen[str]]:
    """Two services for the same company."""
    processes = []
    for n in (1, 2):
        out = stack.enter_context((world.directory / f"daemon-{n}.log").open("w"))
        process = subprocess.Popen(command(config, "run"), stdout=out, text=True)
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)
        processes.append(process)
    return processes


def said(world: World, action: str) -> list[list[dict[str, Any]]]:
    """What each service logged of a kind."""
    logs = [(world.directory / f"daemon-{n}.log").read_text().splitlines() for n in (1, 2)]
    lines = [[json.loads(line) for line in log if line.startswith("{")] for log in logs]
    return [[line for line in log if line["action"] == action] for log in lines]


def one_at_a_time(world: World) -> int:
    """No run began before the one before it had ended; how many did anything at all."""
    spans: list[tuple[datetime, datetime]] = []
    for run in reversed(world.store.runs(world.name, limit=1000)):
        assert run.ended_at is not None
        spans.append((run.started_at, run.ended_at))
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans)), spans
    return len(spans)


@pytest.mark.failure("F-9")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["sqlite", "postgresql"])
def test_two_daemons_and_an_operator_at_once(make: Make, request: pytest.FixtureRequest, state: str) -> None:
    url = request.getfixturevalue("postgres_url")() if state == "postgresql" else ""
    world = make(qbo={"batch_size": 3}, state_url=url)
    ada = world.client("Ada")
    world.invoice(ada, "INV-0")
    world.run()
    config = configure(world)
    pace = 'poll_interval_seconds = 1\npoll_jitter_seconds = 0\nepoch_file = "epoch"\n'
    text = config.read_text().replace("[syncd]\n", f"[syncd]\n{pace}")
    config.write_text(text.replace("[[company]]", "[http]\nport = 0\n\n[[company]]", 1))
    world.sandbox.add_fault(
        "stall", seconds=0.4, when="after", then="answer", endpoint="batch", count=0, realm=world.realm
    )
    with ExitStack() as stack:
        daemons = served(world, config, stack)
        until(lambda: all(said(world, "cycle_done")) or any(said(world, "standing_by")), PATIENCE)
        operators = []
        for n in range(ORDERS):
            for part in range(EACH):
                invoice = world.invoice(ada, f"INV-{n}-{part}", ("10.00", "Work"))
                world.payment(ada, (invoice, "10.00"), reference=f"P-{n}-{part}")
            order = subprocess.Popen(command(config, "reconcile"), stderr=subprocess.PIPE, text=True)
            stack.callback(order.wait)
            operators.append(order)
        told = [order.communicate(timeout=PATIENCE)[1] for order in operators]
        until(lambda: len(world.books("Payment")) == ORDERS * EACH, PATIENCE)
        for process in daemons:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE) for process in daemons] == [0, 0]
    world.sandbox.clear_faults()
    assert {order.returncode for order in operators} <= {EXIT_OK, EXIT_BUSY}, told
    for order, text in zip(operators, told, strict=True):
        if order.returncode == EXIT_BUSY:
            assert re.search(r" on .*, process \d+ .* works on acme until", text), text
    stood_back = sum(order.returncode == EXIT_BUSY for order in operators) + sum(map(len, said(world, "standing_by")))
    assert stood_back, "nobody ever had to stand back: nothing was tested"
    world.run()
    assert one_at_a_time(world) > 2
    once(world)
    assert set(born(world, "Invoice").values()) == {1}
    assert set(born(world, "Payment", "PaymentRefNum").values()) == {1}
    assert len(world.books("Invoice")) == ORDERS * EACH + 1
    at_rest(world)
