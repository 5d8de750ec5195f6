"""Fixtures for tests of the API source: a stand-in server of its own, and sources that read it without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.clock import ManualClock
from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.records import Record
from syncd.sources.registry import source_config
from syncd.sources.ruddr.source import RuddrSource
from tests.support.ruddr_server import KEY, RuddrServer
from tests.support.ruddr_workspace import Workspace

MakeSource = Callable[..., RuddrSource]


@pytest.fixture
def server() -> Iterator[RuddrServer]:
    """A stand-in without limits and without rows."""
    with RuddrServer() as running:
        yield running


@pytest.fixture
def workspace(server: RuddrServer) -> Workspace:
    """The rows behind it."""
    return server.workspace


@pytest.fixture
def clock() -> ManualClock:
    """Time that passes only when somebody waits or a test says so."""
    return ManualClock()


@pytest.fixture
def make_source(server: RuddrServer, clock: ManualClock) -> Iterator[MakeSource]:
    """Sources of the stand-in, made from a configuration as the loader would."""
    made: list[RuddrSource] = []

    def make(**config: Any) -> RuddrSource:
        checked = source_config({"type": "ruddr", "api_key": KEY, "api_url": server.url, **config})
        made.append(RuddrSource(checked, clock))  # type: ignore[arg-type] # the type says which model it is
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def source(make_source: MakeSource) -> RuddrSource:
    """A source with the defaults."""
    return make_source()


def present(source: RuddrSource, kind: Kind, row_id: str) -> Present:
    """A record by id, which must be there and usable."""
    found = source.read(kind, [row_id])[row_id]
    assert isinstance(found, Present), found
    return found


def record(source: RuddrSource, kind: Kind, row_id: str) -> Record:
    """The record alone."""
    return present(source, kind, row_id).record
