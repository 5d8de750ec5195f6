"""The look-alike as a command, for tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from syncd.sandbox.server import Admin

MODULE = (sys.executable, "-m", "syncd.sandbox")


class Started(Admin):
    """A sandbox that was started by its command; ``greeting`` is what it said."""

    def __init__(self, greeting: str) -> None:
        super().__init__(greeting.split()[2].rstrip(","))
        self.greeting = greeting


@contextmanager
def command(*options: str, program: tuple[str, ...] = MODULE) -> Iterator[Started]:
    """A sandbox started by its command on a free port; stopped afterwards, and it must end well."""
    with subprocess.Popen([*program, "--port", "0", *options], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            greeting = ""
            while "to connect" not in greeting:
                line = running.stdout.readline()
                assert line, f"it ended with {running.wait()}"
                greeting += line
            yield Started(greeting)
        finally:
            running.terminate()
    assert running.returncode == 0
