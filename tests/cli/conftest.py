"""Worlds for the commands to work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_world import Office, write_config

from syncd.sandbox.server import RunningSandbox, running_sandbox
from tests.support.world import World


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    """A connected company with an item, a client and a published invoice; nothing is synced yet."""
    made = World(tmp_path, sandbox)
    try:
        made.item("Services")
        client = made.client("Ada Lovelace GmbH")
        made.invoice(client, "INV-1", ("100.00", "Analysis"), ("50.25", "Engine"))
        yield made
    finally:
        made.close()


@pytest.fixture
def office(tmp_path: Path, world: World) -> Office:
    """The command with a configuration for that world."""
    return Office(world, write_config(tmp_path, world))
