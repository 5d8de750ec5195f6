"""The sd_notify protocol on real sockets, named by path and abstract."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def heard(request: pytest.FixtureRequest) -> Iterator[tuple[str, socket.socket]]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"syncd-test-{os.getpid()}"
        address = str(Path(folder) / "n") if request.param == "path" else f"@{name}"
        listener.bind("\0" + name if request.param == "abstract" else address)
        listener.settimeout(5)
        yield address, listener


def test_every_message(heard: tuple[str, socket.socket]) -> None:
    address, listener = heard
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    assert listener.recv(100) == b"READY=1"
    notifier.reloading()
    first, second = listener.recv(100).split(b"\n")
    assert first == b"RELOADING=1"
    assert int(second.removeprefix(b"MONOTONIC_USEC=")) > 0
    notifier.alive()
    assert listener.recv(100) == b"WATCHDOG=1"
    notifier.status("two\nlines  of it")
    assert listener.recv(100) == b"STATUS=two lines of it"
    notifier.stopping()
    assert listener.recv(100) == b"STOPPING=1"


def test_nobody_listening_is_no_fault(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_s_period(environ: dict[str, str], seconds: float | None) -> None:
    assert Notifier(environ).watchdog_seconds == seconds
