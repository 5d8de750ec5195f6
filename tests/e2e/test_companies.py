"""Several companies in one state database, and several runners for one company (F-9, F-64)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest

from syncd import cycle
from syncd.clock import SystemClock
from syncd.errors import LeaseHeld, SourceError
from syncd.metrics import Metrics
from syncd.model.writes import Outcome, WireWrite
from syncd.qbo.writer import Writer
from syncd.report import CycleReport, CycleRequest
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, configure, held, once, syncd
from tests.support.world import World, build_engine


@pytest.fixture
def pair(make: Make) -> tuple[World, World]:
    """Two companies that share the state database and number everything alike."""
    one = make(name="one")
    two = make(name="two", state_url=one.state_url, key=one.key)
    for world in (one, two):
        ada = world.client("Ada")
        world.payment(ada, (world.invoice(ada, "INV-1"), "10.00"), reference="P-1")
    return one, two


def test_two_companies_are_strictly_separate(pair: tuple[World, World]) -> None:
    one, two = pair
    one.run()
    assert two.books("Invoice") == []
    assert two.store.cursors("two").qbo is None
    two.run()
    assert [len(w.books("Invoice")) for w in pair] == [1, 1]
    one.sql("UPDATE invoice SET notes = 'only one'")
    one.sql("UPDATE invoice SET total = '7' WHERE id = 0")
    one.run()
    two.run()
    assert one.books("Invoice")[0]["CustomerMemo"]["value"] == "only one"
    assert "CustomerMemo" not in two.books("Invoice")[0]
    for world in pair:
        once(world)
        at_rest(world)


def test_the_fault_of_one_company_does_not_touch_the_other(pair: tuple[World, World]) -> None:
    one, two = pair
    one.sql("ALTER TABLE invoice RENAME TO invoice_away")
    with pytest.raises(SourceError):
        one.run()
    assert two.run().outcome == "ok"
    assert held(one) == held(two) == []
    at_rest(two)
    one.sql("ALTER TABLE invoice_away RENAME TO invoice")
    one.restart()
    one.run()
    at_rest(one)


def test_both_run_at_the_same_time(pair: tuple[World, World]) -> None:
    reports: dict[str, CycleReport] = {}

    def work(world: World) -> None:
        reports[world.name] = world.run()

    threads = [threading.Thread(target=work, args=(world,)) for world in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: report.outcome for name, report in reports.items()} == {"one": "ok", "two": "ok"}
    for world in pair:
        once(world)
        at_rest(world)


@pytest.mark.failure("F-9")
def test_a_second_runner_is_turned_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    config = configure(world)
    at_work, go_on = threading.Event(), threading.Event()
    send = Writer.send

    def held_up(writer: Writer, writes: Sequence[WireWrite]) -> list[Outcome]:
        at_work.set()
        assert go_on.wait(120)
        return send(writer, writes)

    monkeypatch.setattr(Writer, "send", held_up)
    first = threading.Thread(target=world.run)
    first.start()
    try:
        assert at_work.wait(60)
        second = build_engine(world.spec(), world.store, SystemClock(), Metrics(process=False), threading.Event())
        with pytest.raises(LeaseHeld) as caught:
            second.reconcile(CycleRequest(approve_first_run=True))
        second.close()
        assert caught.value.exit_code == 75
        done = syncd(config, "reconcile")
        assert done.returncode == 75, done.stderr
    finally:
        go_on.set()
        first.join()
    once(world)
    at_rest(world)


@pytest.mark.failure("F-9")
def test_a_long_run_keeps_its_lease(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the lease: it is prolonged meanwhile, so that nobody else begins meanwhile."""
    monkeypatch.setattr(cycle, "LEASE_SECONDS", 5.0)
    world = make(qbo={"batch_size": 1})
    ada = world.client("Ada")
    for n in range(9):
        world.invoice(ada, f"INV-{n}")
    world.sandbox.add_fault(
        "stall", seconds=0.8, then="answer", entity="Invoice", operation="create", count=0, realm=world.realm
    )
    reports: list[CycleReport] = []
    first = threading.Thread(target=lambda: reports.append(world.run()))
    first.start()
    refused = 0
    while first.is_alive():
        time.sleep(0.3)
        try:
            world.store.release(world.store.acquire(world.name, "another", 5.0))
        except LeaseHeld:
            refused += 1
        else:
            assert len(world.books("Invoice")) == 9, "somebody else could begin while the run was at work"
            break
    first.join()
    assert [report.outcome for report in reports] == ["ok"]
    assert refused >= 5
    world.sandbox.clear_faults()
    once(world)
    at_rest(world)


_HOLDER = """
import sys, time
from syncd.clock import SystemClock
from syncd.heartbeat import holder
from syncd.state.store import Store
store = Store.open(sys.argv[1], clock=SystemClock(), encryption_keys=[sys.argv[2].encode()])
store.acquire(sys.argv[3], holder("another"), 3600.0)
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.failure("F-9")
def test_a_killed_runner_need_not_be_waited_for_and_a_living_one_must(make: Make) -> None:
    world = make()
    world.invoice(world.client("Ada"), "INV-1")
    command = [sys.executable, "-c", _HOLDER, world.state_url, world.key.decode(), world.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LeaseHeld, match=f"process {other.pid}"):
            world.run()
        other.kill()
    assert world.run().outcome == "ok"
    once(world)
    at_rest(world)
