"""A company of the profile billdr with its own source, state and books."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Make, make, sandbox
from tests.support.world import World

__all__ = ["make", "sandbox"]


@pytest.fixture
def world(make: Make) -> World:
    """A company as most are: custom numbers on."""
    return make(profile="billdr")
