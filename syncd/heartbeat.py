"""Keeps a lease alive while a run works, however long one answer takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from syncd.errors import SyncdError
from syncd.state.values import Lease


class Leases(Protocol):
    """What is needed of the state database."""

    def renew(self, lease: Lease) -> Lease:
        """Prolong; raises ``LeaseLost`` when it passed to somebody else."""
        ...


@contextmanager
def heartbeat(leases: Leases, lease: Lease, ttl_seconds: float, lost: threading.Event) -> Iterator[None]:
    """Renew ``lease`` every third of its time from a thread of its own.

    When it cannot be renewed, ``lost`` is set and the beating stops: the run takes no new work. What is already under
    way is refused by the fence at the moment it would be stored, which is what really protects the books.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(ttl_seconds / 3):
            try:
                leases.renew(lease)
            except SyncdError:
                lost.set()
                return

    thread = threading.Thread(target=beat, name=f"lease-{lease.company}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
