"""``syncd run`` as a process of its own on a world, looked at from outside."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.helpers import configure
from tests.support.world import World


def configured(world: World, *, poll: int = 1, http: str = "", qbo: str = "") -> Path:
    """A configuration for the service; ``http`` and ``qbo`` go into their sections."""
    config = configure(world)
    settings = f"poll_interval_seconds = {poll}\npoll_jitter_seconds = 0\naudit_time = ''\n[http]\nport = 0\n{http}\n"
    text = config.read_text().replace("[[company]]", f"{settings}\n[[company]]", 1)
    config.write_text(text.replace("[company.qbo]\n", f"[company.qbo]\n{qbo}\n", 1))
    return config


def secret_file(config: Path, name: str, text: str) -> str:
    """A private file beside the configuration; its name."""
    path = config.parent / name if config.is_file() else config / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


class Service:
    """The running service. ``raw`` is everything it printed, ``lines`` its log."""

    def __init__(self, config: Path, **environ: str) -> None:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD", "NOTIFY"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from syncd.cli import main; main()", "run", "--config", str(config)],
            env=mine | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.raw: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.raw.extend(self.process.stdout)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.raw) if line.startswith("{")]

    def logged(self, action: str) -> list[dict[str, Any]]:
        """The log lines of one action."""
        return [line for line in self.lines if line["action"] == action]

    def until(self, what: Callable[[], Any]) -> Any:
        """Wait until ``what`` is true; its value."""
        end = time.monotonic() + 150
        while time.monotonic() < end:
            if found := what():
                return found
            time.sleep(0.05)
        raise AssertionError("".join(self.raw))

    @property
    def port(self) -> int:
        return int(self.until(lambda: self.logged("http_listening"))[0]["port"])

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, host: str = "127.0.0.1", **headers: str
    ) -> tuple[int, str]:
        """One request: status and body. Header names are given with underscores."""
        connection = http.client.HTTPConnection(host, self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """The value of one metric, 0 where there is none."""
        wanted = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        start = f"{name}{{{wanted}}} " if wanted else f"{name} "
        for line in self.ask("/metrics")[1].splitlines():
            if line.startswith(start):
                return float(line.removeprefix(start))
        return 0.0

    def cycles(self) -> int:
        """How many cycles have ended."""
        return len(self.logged("cycle_done"))

    def end(self) -> None:
        """Stop it as systemd would."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def serving(config: Path, **environ: str) -> Iterator[Service]:
    """The service, stopped afterwards."""
    service = Service(config, **environ)
    try:
        yield service
    finally:
        service.end()
