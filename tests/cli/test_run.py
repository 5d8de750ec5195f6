"""``syncd run`` for two companies on real parts: two sources, two look-alike companies, one state."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from command_world import SYNCD, Office, environment, write_config

from syncd.sandbox.server import RunningSandbox
from syncd.state.values import Tokens
from tests.support.world import World


@pytest.fixture
def bravo(tmp_path: Path, sandbox: RunningSandbox, world: World) -> Iterator[World]:
    """A second company whose grant is in the state of the first."""
    (tmp_path / "bravo").mkdir()
    made = World(tmp_path / "bravo", sandbox, name="bravo")
    made.item("Services")
    made.invoice(made.client("Bob"), "B-1")
    grant, now = sandbox.tokens(made.realm), world.clock.now()
    world.store.tokens("sandbox", made.realm).save(
        Tokens(
            realm_id=made.realm,
            environment="sandbox",
            access_token=grant["access_token"],
            refresh_token=grant["refresh_token"],
            access_expires_at=now + timedelta(hours=1),
        ),
        0,
    )
    yield made
    made.close()


class Running:
    """The service, read line by line."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [SYNCD, "run", "--config", config],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.raw: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.raw.extend(self.process.stdout)

    def logged(self, action: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in list(self.raw)]
        return [line for line in lines if line["action"] == action]

    def until(self, what: Callable[[], Any]) -> Any:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if found := what():
                return found
            time.sleep(0.05)
        raise AssertionError("".join(self.raw))

    def get(self, path: str) -> str:
        port = self.until(lambda: self.logged("http_listening"))[0]["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@pytest.fixture
def running(office: Office, tmp_path: Path, bravo: World) -> Iterator[Running]:
    office.config = write_config(tmp_path, office.world, bravo)
    first = office("reconcile", "--approve-first-run")
    assert first.returncode == 0, first.stdout + first.stderr
    service = Running(office.config)
    yield service
    if service.process.poll() is None:
        service.process.kill()
        service.process.wait(10)
    service.reader.join(5)
    assert service.process.stdout is not None
    service.process.stdout.close()


def test_two_companies_are_served_side_by_side(running: Running, office: Office, bravo: World) -> None:
    running.until(lambda: json.loads(running.get("/readyz"))["status"] == "ready")
    office.world.invoice(office.world.rows("SELECT id FROM client")[0]["id"], "INV-2")
    bravo.invoice(bravo.rows("SELECT id FROM client")[0]["id"], "B-2")
    running.until(lambda: len(office.world.books("Invoice")) == 2 and len(bravo.books("Invoice")) == 2)
    running.until(
        lambda: re.search(r'syncd_cycles_total\{company="bravo",outcome="ok"\} [1-9]', running.get("/metrics"))
    )
    assert 'company="acme"' in running.get("/metrics")
    # One company is cut off; the other goes on.
    office.world.sandbox.admin("POST", f"/companies/{office.world.realm}/disconnect")
    bravo.invoice(bravo.rows("SELECT id FROM client")[0]["id"], "B-3")
    running.until(lambda: len(bravo.books("Invoice")) == 3)
    running.until(lambda: [line for line in running.logged("work_failed") if line["company"] == "acme"])
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    text = "".join(running.raw)
    assert "sandbox-secret" not in text
    assert "eyJ" not in text, "no access token"
    assert "RT1-" not in text, "no refresh token"
    numbers = sorted(invoice["DocNumber"] for invoice in bravo.books("Invoice"))
    assert numbers == ["B-1", "B-2", "B-3"]
