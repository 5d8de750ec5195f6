"""A service in a process of its own, with a notify socket of its own, and everything to look at it from outside."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

SECRET = "c4n4ry-secret-of-the-app"


def config_text(folder: Path, companies: Sequence[str], *, client_id: str = "app", extra: str = "") -> str:
    text = f"""\
[syncd]
state_url = "sqlite:///{folder}/state.db"
encryption_key_file = "key"
poll_interval_seconds = 1
poll_jitter_seconds = 0
{extra}
[http]
port = 0
max_concurrency = 8
"""
    for number, name in enumerate(companies):
        text += f"""
[[company]]
name = "{name}"
profile = "ruddr"
[company.qbo]
realm_id = "{1000 + number}"
environment = "sandbox"
client_id = "{client_id}"
client_secret_file = "secret"
[company.source]
url = "sqlite:///{folder}/source.db"
schema = "reference"
"""
    return text


class Service:
    """One running service. ``lines`` are its log lines, ``told`` what it told the service manager."""

    def __init__(self, folder: Path, command: Sequence[str], config: Path, stack: ExitStack, **environ: str) -> None:
        self.folder = folder
        self.config = config
        self.lines: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.told: list[str] = []
        self._listen(stack)
        env = {
            name: value for name, value in os.environ.items() if not name.startswith(("SYNCD", "NOTIFY", "WATCHDOG"))
        }
        env |= {"NOTIFY_SOCKET": self._address, "PYTHONWARNINGS": "error", **environ}
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        stack.callback(self.end)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _listen(self, stack: ExitStack) -> None:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd"))  # a short path: sockets need one
        self._address = f"{place}/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._address)
        stack.callback(self._socket.close)
        self._socket.settimeout(0.2)
        self._listening = True
        self._listener = threading.Thread(target=self._hear, daemon=True)
        self._listener.start()

    def _hear(self) -> None:
        while self._listening:
            try:
                self.told.append(self._socket.recv(4096).decode())
            except TimeoutError:
                continue

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.raw.append(line)
            if line.startswith("{"):
                self.lines.append(json.loads(line))

    def until(self, what: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Wait until ``what`` is true; its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := what():
                return found
            time.sleep(0.02)
        raise AssertionError(f"did not happen in {seconds} s; log:\n{''.join(self.raw)}\ntold: {self.told}")

    def logged(self, action: str, **values: Any) -> list[dict[str, Any]]:
        wanted = {"action": action, **values}
        return [line for line in list(self.lines) if wanted.items() <= line.items()]

    def wait_for(self, action: str, **values: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.until(lambda: self.logged(action, **values))
        return found[0]

    def did(self, company: str) -> list[str]:
        file = self.folder / company
        return file.read_text().splitlines() if file.exists() else []

    @property
    def port(self) -> int:
        return int(self.wait_for("http_listening")["port"])

    def get(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self, seconds: float = 20.0) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._listening = False
        self._listener.join(5)
