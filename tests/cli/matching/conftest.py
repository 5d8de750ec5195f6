"""A company that has a past on both sides when it is connected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_world import Office
from match_desk import Desk

from syncd.sandbox.server import RunningSandbox
from tests.support.world import World
from tests.support.world import world as new_world


@pytest.fixture
def world(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    """Clients on both sides, some spelt otherwise, and invoices entered twice, are for the tests to add."""
    with new_world(tmp_path, sandbox, exchange_rates={"EUR": "1.1"}) as made:
        yield made


@pytest.fixture
def desk(office: Office, tmp_path: Path) -> Desk:
    """The file that a person answers in."""
    return Desk(office, tmp_path)
