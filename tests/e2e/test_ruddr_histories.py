"""Random histories with every kind: what people do on both sides comes right, whatever it is and in whatever order.

``make test`` runs a few hundred histories; ``SYNCD_HISTORIES=10000`` runs that many.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec
import pytest

from syncd.sandbox.server import RunningSandbox
from tests.e2e.helpers import snapshot
from tests.support.histories import LIFTED, Fleet
from tests.support.world import SETTINGS
from tests.support.world import world as new_world

FLEET = 20
INTERVALS = 4
HISTORIES = int(os.environ.get("SYNCD_HISTORIES", "200"))


@pytest.mark.behaviour("R-1")
@pytest.mark.failure("F-52")
@pytest.mark.parametrize("seed", range(-(-HISTORIES // FLEET)))
def test_whatever_people_do_both_sides_agree_and_nothing_is_there_twice(sandbox: RunningSandbox, seed: int) -> None:
    settings = msgspec.structs.replace(SETTINGS, expense_bills=True, default_expense_account="Travel")
    with tempfile.TemporaryDirectory() as folder, new_world(Path(folder), sandbox, settings=settings) as world:
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
