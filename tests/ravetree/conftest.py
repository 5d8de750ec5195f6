"""Companies with the profile ravetree: one look-alike of QuickBooks per module, one company per test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from syncd.model.facts import Settings
from tests.e2e.conftest import Make, make, sandbox
from tests.support.world import World

__all__ = ["SETTINGS", "Make", "Start", "make", "sandbox"]

Start = Callable[..., World]

SETTINGS = Settings(
    line_type_map={
        "time": "Services",
        "expense": "Reimbursed costs",
        "retainer": "Retainer",
        "discount": "Rebate",
        "other": "Services",
    },
    deposit_account="Undeposited Funds",
)
"""What a company of this profile has to be told before anything is sent."""
ITEMS = ("Reimbursed costs", "Retainer", "Rebate")


@pytest.fixture
def start(make: Make) -> Start:
    """Makes a company with this profile: the five types of lines in the source, their items in the books. ``settings``
    are those that differ; ``items``: whether the source has rows for the types."""

    def made(settings: dict[str, Any] | None = None, *, items: bool = True, **options: Any) -> World:
        told = msgspec.structs.replace(SETTINGS, **(settings or {}))
        world = make(profile="ravetree", settings=told, **options)
        income = next(a["Id"] for a in world.books("Account") if a["AccountType"] == "Income")
        for name in ITEMS:
            world.accountant.save("Item", {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": income}})
        for name in SETTINGS.line_type_map if items else ():
            world.item(name)
        return world

    return made


@pytest.fixture
def world(start: Start) -> World:
    """A company as most are: in the US, custom numbers on."""
    return start()
