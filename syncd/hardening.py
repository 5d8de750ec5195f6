"""No memory of this process ever becomes a file or another program's to read: it holds tokens and keys in the clear."""

from __future__ import annotations

import contextlib
import resource

_PR_SET_DUMPABLE = 4
"""prctl(2). Not dumpable: no core file, no pipe to a crash collector, no debugger of the same user, and /proc/PID
belongs to root."""


def keep_memory_private() -> None:
    """Forbid core dumps, by the limit and by the flag, as far as the system lets us; call before secrets are read.

    The limit alone does not stop a crash collector that the kernel pipes cores to (core(5)).
    """
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ImportError, OSError, AttributeError, MemoryError):  # not Linux, or no ctypes allowed here
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
