"""Companies with the profile ``onedesk``."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd import profiles
from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.report import CycleReport, CycleRequest
from tests.e2e.conftest import Make, make, sandbox
from tests.support.world import World

__all__ = ["Make", "make", "sandbox"]

SETTINGS = msgspec.convert(
    {
        **profiles.defaults("onedesk"),
        "default_income_account": "Services",
        "tax_item": "Sales tax",
        "discount_item": "Discount",
    },
    Settings,
)


@pytest.fixture
def world(make: Make) -> World:
    """A company in the US whose invoices are copied by hand."""
    return make(profile="onedesk", settings=SETTINGS)


def push(world: World, name: str, kind: Kind = Kind.INVOICE, **request: Any) -> CycleReport:
    """A person asks for one record."""
    return world.engine.push(kind, name, CycleRequest(**({"approve_first_run": True} | request)))
