"""A state that cannot be saved: the process stops before its next write, and nothing is lost or done twice afterwards
(correctness.md section 3, state save failure)."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from syncd.errors import EXIT_UNEXPECTED, StateError
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, mutations, once, snapshot
from tests.reliability.test_one_runner import pausing
from tests.support.world import World

INVOICES = 12
STEPS = {
    "intended": "BEFORE INSERT ON journal WHEN (SELECT count(*) FROM journal WHERE kind = 'invoice') >= 6",
    "marked as sent": "BEFORE UPDATE OF sent_at ON journal WHEN NEW.kind = 'invoice' AND OLD.state = 'intended' "
    "AND (SELECT count(*) FROM journal WHERE kind = 'invoice' AND sent_at IS NOT NULL) >= 4",
    "settled": "BEFORE UPDATE OF closed_at ON journal WHEN NEW.kind = 'invoice' "
    "AND (SELECT count(*) FROM journal WHERE kind = 'invoice' AND closed_at IS NOT NULL) >= 4",
}
"""When the disk is full: from the moment on at which so much of the work is done."""


@pytest.fixture
def waiting(make: Make) -> World:
    """A company with a dozen invoices to send, two at a time, and one thing to bring into the source."""
    world = make(qbo={"batch_size": 2})
    ada = world.client("Ada")
    world.invoice(ada, "INV-OLD")
    world.run()
    for n in range(INVOICES):
        world.invoice(ada, f"INV-{n}", ("10.00", "Work"), ("5.00", "More"))
    return world


def on_the_state(world: World, statement: str) -> None:
    """One statement on the state database, beside syncd."""
    engine = sa.create_engine(world.state_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def all_known(world: World, mark: int) -> None:
    """Each change that reached QuickBooks is in the journal as sent: nothing left unseen."""
    known = {entry.request_id for entry in world.store.open_entries(world.name)}
    known |= {entry.intent.batch_request_id for entry in world.store.open_entries(world.name)}
    engine = sa.create_engine(world.state_url)
    with engine.connect() as connection:
        sent = connection.exec_driver_sql(
            "SELECT request_id, batch_request_id FROM journal WHERE sent_at IS NOT NULL"
        ).all()
    engine.dispose()
    known |= {name for row in sent for name in row if name}
    assert {each["requestid"] for each in mutations(world, mark)} <= known


def recovers(world: World) -> None:
    """With room on the disk again everything comes right."""
    world.restart()
    assert world.run().outcome == "ok"
    once(world)
    assert set(born(world, "Invoice").values()) == {1}
    assert len(world.books("Invoice")) == INVOICES + 1
    at_rest(world)


@pytest.mark.failure("F-6")
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_cannot_be_stored_is_the_last(waiting: World, step: str) -> None:
    world = waiting
    on_the_state(world, f"CREATE TRIGGER full {STEPS[step]} BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    mark = world.sandbox.last_request()
    with pytest.raises(StateError, match="disk is full"):
        world.run()
    before, source, sent = world.writes(), snapshot(world), len(mutations(world, mark))
    assert 0 < sent <= 3, "two at a time; what was on its way is all that followed"
    all_known(world, mark)
    labels = {"company": world.name, "rail": "state"}
    assert world.metrics.registry.get_sample_value("syncd_brakes_tripped_total", labels) == 1
    for _ in range(2):
        with pytest.raises(StateError, match="disk is full"):
            world.run()
    assert (world.writes(), snapshot(world)) == (before, source), "while it is full, nothing is done on either side"
    on_the_state(world, "DROP TRIGGER full")
    recovers(world)


@pytest.mark.failure("F-6")
def test_a_disk_that_fills_up_during_a_run(waiting: World) -> None:
    """Real processes that may write files of a certain size and no larger, each dying a little later than the last."""
    world = waiting
    path = Path(world.state_url.removeprefix("sqlite:///"))
    source = Path(world.source_url.removeprefix("sqlite:///"))
    sizes: list[int] = []
    ended: list[str] = []
    mark = world.sandbox.last_request()
    for more in (8, 96, 160, 224, 288):
        world.engine.close()
        world.store.close()  # the last one to close writes the log back, so that each run begins with a short one
        limit = max(path.stat().st_size, source.stat().st_size) + more * 1024
        with pausing(world, file_bytes=limit) as limited:
            limited.start()
            ended.append(limited.wait())
        world.restart()
        all_known(world, mark)
        once(world)
        sizes.append(len(world.books("Invoice")))
    assert f"exit {EXIT_UNEXPECTED}" in ended, ended
    assert sizes[0] < INVOICES + 1, "the first one already had all the room it needed"
    recovers(world)
