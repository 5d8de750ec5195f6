"""A sandbox for the whole run, and a company with a client for each test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qbo_world import Client, MemoryStore, Stub, grant

from syncd.sandbox.server import RunningSandbox, running_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def company(sandbox: RunningSandbox) -> Iterator[Callable[..., Client]]:
    """Makes a company in the sandbox and a client on it."""
    made: list[Client] = []

    def make(options: dict[str, Any] | None = None, **client: Any) -> Client:
        realm = sandbox.create_company(**({"seed": "sample", "custom_txn_numbers": True} | (options or {})))
        tokens = sandbox.tokens(realm)
        pair = {name: tokens[name] for name in ("access_token", "refresh_token")}
        store = MemoryStore(grant(realm_id=realm, **pair))
        books = Client(sandbox.base_url, store, realm=realm, **client)
        made.append(books)
        return books

    sandbox.switch(cdc_cap="total", cdc_limit=1000)
    yield make
    sandbox.clear_faults()
    for each in made:
        each.books.close()


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    """Makes raw servers."""
    made: list[Stub] = []

    def make(*answers: Any, **options: Any) -> Stub:
        made.append(Stub(*answers, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
