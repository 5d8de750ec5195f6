"""Random histories: what people do on both sides comes right, whatever it is and in whatever order.

``make test`` runs some sixty histories; ``SYNCD_HISTORIES=10000`` runs that many.
"""

from __future__ import annotations

import os

import pytest

from tests.e2e.helpers import snapshot
from tests.ravetree.conftest import Start
from tests.ravetree.histories import Fleet
from tests.support.histories import LIFTED

FLEET = 15
INTERVALS = 3
HISTORIES = int(os.environ.get("SYNCD_HISTORIES", "60"))


@pytest.mark.behaviour("V-1", "C-V1", "C-V2")
@pytest.mark.parametrize("seed", range(-(-HISTORIES // FLEET)))
def test_whatever_people_do_both_sides_hold_what_they_should(start: Start, seed: int) -> None:
    world = start({"push_on": "create"})
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
