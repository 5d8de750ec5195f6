"""One look-alike of QuickBooks per module, one company per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.server import RunningSandbox, running_sandbox
from tests.support.world import World
from tests.support.world import world as new_world

Make = Callable[..., World]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """The look-alike, without limits on how often it may be asked."""
    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def make(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Make]:
    """Makes a company with its own source, state and books."""
    with ExitStack() as stack:
        stack.callback(sandbox.clear_faults)

        def made(**options: Any) -> World:
            return stack.enter_context(new_world(tmp_path, sandbox, **options))

        yield made


@pytest.fixture
def world(make: Make) -> World:
    """A company as most are: in the US, many currencies, custom numbers on."""
    return make(exchange_rates={"EUR": "1.1", "JPY": "0.0067", "GBP": "1.3"})
