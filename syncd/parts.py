"""Everything of one company that outlives a cycle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from syncd.clock import Clock
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.reconciler.policy import Policy
from syncd.sources.base import Source

if TYPE_CHECKING:
    from syncd.epoch import Witness
    from syncd.qbo.books import Books
    from syncd.state.store import Store


class Parts(msgspec.Struct, frozen=True):
    """What a cycle works with: everything of one company that outlives a cycle."""

    company: str
    policy: Policy
    settings: Settings
    source: Source
    books: Books
    store: Store
    clock: Clock
    stop: threading.Event
    scope_digest: str
    batch_size: int = 30
    count: Callable[[Kind, Side, Verb, str], None] = lambda *_: None
    lease_held: Callable[[bool], None] = lambda _: None
    witness: Witness | None = None
