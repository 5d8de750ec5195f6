"""Runs a database server for tests in a directory of its own, as an unprivileged user when the tests run as root."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

NOBODY = 65534
START_SECONDS = 60


def missing(reason: str) -> NoReturn:
    """Skip, saying why; in CI the server has to be there, and the test fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI must install it)", pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    # A test run that is killed must leave no server behind. Linux only; elsewhere nothing happens.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _fast_folder() -> str | None:
    """A folder in memory, where there is one with room: servers sync to disk far more than tests need."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30:
        return str(memory)
    return None


class Server:
    """A server process with its directory. ``start`` raises ``ServerError`` with the end of its log."""

    def __init__(self, name: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"syncd-{name}-", dir=_fast_folder()))
        self.data = self.home / "data"
        self.log = self.home / "log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self.home, NOBODY, NOBODY)
        self.environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(self.home)}

    def can_run(self, program: Path) -> bool:
        """Whether the user who will run it may do so."""
        try:
            self.run([str(program), "--version"])
        except ServerError:
            return False
        return True

    def run(self, command: Sequence[str], *, seconds: float = START_SECONDS) -> None:
        """Run a command of the server to its end."""
        try:
            done = subprocess.run(
                command,
                check=False,
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                **self._as_user,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerError(f"{Path(command[0]).name} cannot be run: {error}") from None
        if done.returncode:
            raise ServerError(f"{Path(command[0]).name} failed: {done.stdout.decode(errors='replace')[-800:]}")

    def start(self, command: Sequence[str], ready: Callable[[], object]) -> None:
        """Start the server and wait until ``ready`` raises no more."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - started once, before any thread of ours
                **self._as_user,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                ready()
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    tail = self.log.read_text(errors="replace")[-800:]
                    self.stop()
                    raise ServerError(f"the server does not answer: {error}; its log ends: {tail}") from None
                time.sleep(0.05)
            else:
                return

    def signal(self, number: int) -> None:
        """Send the server a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Stop the server and remove its directory."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT if "postgres" in str(self._process.args) else signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        shutil.rmtree(self.home, ignore_errors=True)


class ServerError(Exception):
    """The server could not be set up or started; the text says why."""
