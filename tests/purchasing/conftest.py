"""One look-alike of QuickBooks per module, one company that buys per test."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Make, make, sandbox
from tests.purchasing.buying import BUYING
from tests.support.world import World

__all__ = ["make", "sandbox"]


@pytest.fixture
def world(make: Make) -> World:
    """A company in the US that sends what it buys, purchase orders, too."""
    return make(**BUYING, exchange_rates={"EUR": "1.1"})
