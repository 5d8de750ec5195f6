"""Random histories: whatever the office and the bookkeeper do, and in whatever order, both books end as they must.

``make test`` runs some sixty; ``SYNCD_HISTORIES=10000`` runs that many.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from syncd.sandbox.server import RunningSandbox
from tests.billdr.builders import LIFTED, Fleet
from tests.e2e.helpers import snapshot
from tests.support.world import world as new_world

FLEET = 20
INTERVALS = 4
HISTORIES = int(os.environ.get("SYNCD_HISTORIES", "60"))


@pytest.mark.behaviour("B-16", "B-29", "C-B2", "C-B9")
@pytest.mark.parametrize("seed", range(-(-HISTORIES // FLEET)))
def test_whatever_people_do_the_source_goes_out_and_nothing_comes_back(sandbox: RunningSandbox, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, new_world(Path(folder), sandbox, profile="billdr") as world:
        fleet = Fleet(world, seed, FLEET)
        fleet.settle()
        for _ in range(INTERVALS):
            fleet.interval()
            fleet.settle()
        books, source = world.writes(), snapshot(world)
        again = world.run(**LIFTED)
        assert [f"{o.id}: {o.reason}" for o in again.plan.writes] == []
        assert (world.writes(), snapshot(world)) == (books, source), "one more run does nothing"
        assert world.store.open_entries(world.name) == []
        assert min(fleet.checked[what] for what in ("invoice", "payment", "project")) > 5
