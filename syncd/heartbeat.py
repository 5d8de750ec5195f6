"""Who holds a lease, and keeping it alive while a run works, however long one answer takes."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from syncd.errors import SyncdError
from syncd.state.values import Lease

_HOLDER = re.compile(r".* on (?P<host>\S+), process (?P<pid>\d+) begun at (?P<begun>\d+)\Z", re.DOTALL)


def holder(actor: str) -> str:
    """How this process signs a lease, for whoever finds it taken."""
    return f"{actor} on {socket.gethostname()}, process {os.getpid()} begun at {_begun(os.getpid())}"


def is_gone(signature: str) -> bool:
    """Whether the process that signed certainly lives no more: it was on this machine, and is not there now.

    A process number that was given out again is told by when its process began. Of other machines nothing is known.
    """
    signed = _HOLDER.match(signature)
    if signed is None or signed["host"] != socket.gethostname() or not Path("/proc/self/stat").exists():
        return False
    return _begun(int(signed["pid"])) != int(signed["begun"])


def _begun(pid: int) -> int:
    """When a process began, in the kernel's ticks since boot (proc(5), field 22); 0 where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[19]) if fields[0] not in "ZX" else 0


class Leases(Protocol):
    """What is needed of the state database."""

    def renew(self, lease: Lease) -> Lease:
        """Prolong; raises ``LeaseLost`` when it passed to somebody else."""
        ...


@contextmanager
def heartbeat(
    leases: Leases, lease: Lease, ttl_seconds: float, lost: threading.Event, beside: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Renew ``lease`` every third of its time from a thread of its own, and do what is to be done ``beside``.

    When it cannot be renewed, ``lost`` is set and the beating stops: the run takes no new work. What is already under
    way is refused by the fence at the moment it would be stored, which is what really protects the books.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(ttl_seconds / 3):
            try:
                leases.renew(lease)
                beside()
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
