"""When cycles and audits are due, around the edges of the calendar. Black box: only the wall clock is replaced."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_service import FakeEngine
from freezegun import freeze_time
from service_process import config_text

from syncd.clock import ManualClock, SystemClock
from syncd.config import load_config
from syncd.daemon import Daemon
from syncd.metrics import Metrics


@pytest.mark.parametrize(
    ("now", "audit_time", "due"),
    [
        ("2028-02-28 23:59:59", "00:30", datetime(2028, 2, 29, 0, 30, tzinfo=UTC)),
        ("2026-12-31 23:45:00", "02:30", datetime(2027, 1, 1, 2, 30, tzinfo=UTC)),
        # The night on which clocks in Europe go forward: 02:30 UTC exists as on every day.
        ("2026-03-29 00:59:00", "01:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-10-25 01:29:00", "01:30", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-06-15 12:00:00", "", None),
    ],
)
def test_the_audit_is_due_at_the_next_such_time_in_utc(
    folder: Path, now: str, audit_time: str, due: datetime | None
) -> None:
    path = folder / "config.toml"
    path.write_text(config_text(folder, ["quick-a", "quick-b"], extra=f'audit_time = "{audit_time}"'))
    config = load_config(path, {})
    before = set(threading.enumerate())
    daemon = Daemon(
        config,
        build=lambda app, company, stop: FakeEngine(folder, company, stop),
        clock=SystemClock(),
        metrics=Metrics(process=False),
    )
    with freeze_time(now):
        daemon.start()
        try:
            assert {name: jobs["audit"] for name, jobs in daemon.schedule().items()} == {"quick-a": due, "quick-b": due}
        finally:
            daemon.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive(), "a stopped service leaves no thread behind"


def test_a_scheduler_that_no_longer_runs_is_noticed(folder: Path) -> None:
    path = folder / "config.toml"
    path.write_text(config_text(folder, ["quick-a"]))
    clock = ManualClock()
    daemon = Daemon(
        load_config(path, {}),
        build=lambda app, company, stop: FakeEngine(folder, company, stop),
        clock=clock,
        metrics=Metrics(process=False),
    )
    assert daemon.health().alive
    clock.advance(29)
    assert daemon.health().alive
    clock.advance(2)
    assert not daemon.health().alive, "no heartbeat of the scheduler for six periods"
