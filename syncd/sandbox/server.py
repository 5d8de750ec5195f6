"""Running the look-alike: ``serve`` for a process, ``running_sandbox`` for tests and demos."""

from __future__ import annotations

import gc
import http.client
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import uvicorn

from syncd.sandbox.app import Sandbox
from syncd.sandbox.clock import Clock, parse_moment
from syncd.sandbox.persist import Store
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json, decode, encode
from syncd.sandbox.world import World

LOOPBACK = "127.0.0.1"
START_SECONDS = 20.0


def build(
    data: Path | None = None, switches: Json | None = None, clock_start: str | float | None = None, speed: float = 1.0
) -> Sandbox:
    """A server's application with its world, read back from ``data`` where that exists."""
    start = parse_moment(clock_start) if isinstance(clock_start, str) else clock_start
    settings = Switches()
    settings.change(switches or {})
    world = World(Clock(start, speed), settings)
    return Sandbox(world, Store(data, world) if data is not None else None)


def listen(port: int = 0) -> socket.socket:
    """A socket on loopback; port 0 takes a free one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
        sock.listen(512)
    except OSError:
        sock.close()
        raise
    return sock


def _server(sandbox: Sandbox) -> uvicorn.Server:
    config = uvicorn.Config(
        sandbox,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        ws="none",
    )
    return uvicorn.Server(config)


def serve(sandbox: Sandbox, sock: socket.socket) -> None:
    """Serve in the foreground until SIGINT or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises the signal again once it has shut down
        signal.signal(number, lambda *_: sys.exit(0))
    gc.set_threshold(100_000, 50, 100)  # the books are large and live for ever: looking through them often is in vain
    try:
        _server(sandbox).run(sockets=[sock])
    finally:
        sock.close()
        if sandbox.store is not None:
            sandbox.store.close()


class AdminError(Exception):
    """The admin API refused."""


class Admin:
    """A client of a running sandbox: the admin API, and a plain way to speak the accounting API."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or LOOPBACK, parts.port or 80

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers (lower case), body."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=150)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def admin(self, method: str, path: str, body: Json | bytes | None = None) -> Any:
        """One admin call, its JSON answer; AdminError when it is refused."""
        raw = body if isinstance(body, bytes) or body is None else encode(body)
        status, _, answer = self.send(method, f"/_sandbox{path}", raw)
        if status != 200:
            raise AdminError(f"{method} {path}: {status} {answer.decode(errors='replace')}")
        return decode(answer)

    def create_company(self, **options: Any) -> str:
        """A new company; gives its realm id."""
        realm: str = self.admin("POST", "/companies", options)["realm"]
        return realm

    def change_company(self, realm: str, **options: Any) -> Json:
        """Change options, such as ``book_close_date``."""
        changed: Json = self.admin("PATCH", f"/companies/{realm}", options)
        return changed

    def tokens(self, realm: str, **options: Any) -> Json:
        """A pair of tokens with realmId, client_id and client_secret."""
        issued: Json = self.admin("POST", f"/companies/{realm}/tokens", options)
        return issued

    def load(self, realm: str, lines: Iterable[bytes]) -> int:
        """Load finished wire objects, one ``{"Invoice": {...}}`` a line."""
        loaded: int = self.admin("POST", f"/companies/{realm}/load", b"\n".join(lines))["loaded"]
        return loaded

    def records(self, realm: str, entity: str) -> list[Json]:
        """Every current record of an entity as the books hold it, inactive ones too."""
        _, _, answer = self.send("GET", f"/_sandbox/companies/{realm}/export?{urlencode({'entity': entity})}")
        return [decode(line)[entity] for line in answer.splitlines()]

    def history(self, realm: str, after: int = 0, **filters: str) -> list[Json]:
        """The append-only history: ``entity``, ``id`` filter it."""
        query = urlencode({"after": after, **filters})
        rows: list[Json] = self.admin("GET", f"/companies/{realm}/history?{query}")["history"]
        return rows

    def requests(self, after: int = 0, **filters: str) -> list[Json]:
        """The ledger of requests: ``entity``, ``operation``, ``status``, ``realm`` and so on filter it."""
        rows: list[Json] = self.admin("GET", f"/requests?{urlencode({'after': after, **filters})}")["requests"]
        return rows

    def last_request(self) -> int:
        """The number of the newest ledger entry, to pass as ``after``."""
        last: int = self.admin("GET", "/health")["requests"]
        return last

    def add_fault(self, kind: str, **match: Any) -> int:
        """A fault rule; gives its id."""
        rule: int = self.admin("POST", "/faults", {"kind": kind, **match})["id"]
        return rule

    def faults(self) -> list[Json]:
        """The fault rules with their counters and hits."""
        rules: list[Json] = self.admin("GET", "/faults")["faults"]
        return rules

    def clear_faults(self) -> None:
        """Remove every fault rule."""
        self.admin("DELETE", "/faults")

    def summary(self, after: int = 0, **filters: str) -> list[Json]:
        """Counts of requests by endpoint, entity, operation, status and fault code."""
        query = urlencode({"after": after, **filters})
        rows: list[Json] = self.admin("GET", f"/requests/summary?{query}")["summary"]
        return rows

    def request(self, seq: int) -> Json:
        """One request of the ledger, with its bodies where the switch ``keep_bodies`` is on."""
        entry: Json = self.admin("GET", f"/requests/{seq}")
        return entry

    def snapshot(self, name: str, realm: str = "") -> None:
        """Keep a company, or all of them, as it is now."""
        self.admin("POST", f"{f'/companies/{realm}' if realm else ''}/snapshots/{name}")

    def restore(self, name: str, realm: str = "") -> None:
        """Put a company, or all of them, back."""
        self.admin("POST", f"{f'/companies/{realm}' if realm else ''}/snapshots/{name}/restore")

    def scenario(self, toml: str) -> Json:
        """Carry out a scenario file's text; AdminError names every mistake in it."""
        told: Json = self.admin("POST", "/scenario", toml.encode())
        return told

    def events(self) -> list[Json]:
        """The events of scenarios with their states."""
        rows: list[Json] = self.admin("GET", "/scenario")["events"]
        return rows

    def switch(self, **switches: Any) -> Json:
        """Change switches."""
        changed: Json = self.admin("PATCH", "/switches", switches)
        return changed

    def set_clock(self, at: str | float) -> Json:
        """Set the clock."""
        moved: Json = self.admin("POST", "/clock", {"set": at})
        return moved

    def advance(self, seconds: float) -> Json:
        """Move the clock."""
        moved: Json = self.admin("POST", "/clock", {"advance_seconds": seconds})
        return moved

    def set_speed(self, speed: float) -> Json:
        """Run the clock so many times as fast as real time; 0 freezes it."""
        moved: Json = self.admin("POST", "/clock", {"speed": speed})
        return moved

    def connect(self, realm: str) -> Accountant:
        """A person (or another app) working in a company through the normal API with a token of their own."""
        return Accountant(self, realm, self.tokens(realm))


class RefusedError(Exception):
    """The accounting API answered with something else than 200 and an object."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body

    @property
    def code(self) -> str:
        """The first error's code."""
        found = self.body.get("Fault") or self.body.get("fault") or {}
        errors = found.get("Error") or found.get("error") or [{}]
        return str(errors[0].get("code", ""))


class Accountant:
    """The accounting API in short words, for tests that act as the person in the books."""

    def __init__(self, admin: Admin, realm: str, tokens: Json) -> None:
        self._admin = admin
        self.realm = realm
        self.tokens = tokens

    def call(self, method: str, path: str, body: Any = None, **params: str) -> Json:
        """One call under ``/v3/company/{realm}/``; the JSON answer, or RefusedError."""
        query = f"?{urlencode(params)}" if params else ""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", "Accept": "application/json"}
        raw: bytes | None = None
        if isinstance(body, str):
            raw, headers["Content-Type"] = body.encode(), "application/text"
        elif body is not None:
            raw, headers["Content-Type"] = encode(body), "application/json"
        status, _, answer = self._admin.send(method, f"/v3/company/{self.realm}/{path}{query}", raw, headers)
        content: Json = decode(answer) if answer else {}
        if status != 200 or "Fault" in content:
            raise RefusedError(status, content)
        return content

    def save(self, entity: str, body: Json, **params: str) -> Json:
        """Create, or update when the body has an Id."""
        saved: Json = self.call("POST", entity.lower(), body, **params)[entity]
        return saved

    def read(self, entity: str, record_id: str) -> Json:
        """Read one record."""
        found: Json = self.call("GET", f"{entity.lower()}/{record_id}")[entity]
        return found

    def delete(self, entity: str, record: Json) -> Json:
        """Delete a transaction."""
        slim = {"Id": record["Id"], "SyncToken": record["SyncToken"]}
        return self.save(entity, slim, operation="delete")

    def void(self, entity: str, record: Json) -> Json:
        """Void a transaction, in the form its page shows."""
        slim: Json = {"Id": record["Id"], "SyncToken": record["SyncToken"]}
        if entity == "Invoice":
            return self.save(entity, slim, operation="void")
        return self.save(entity, {**slim, "sparse": True}, operation="update", include="void")

    def query(self, statement: str) -> list[Json]:
        """The rows of a query."""
        answer = self.call("GET", "query", query=statement)["QueryResponse"]
        return next((rows for rows in answer.values() if isinstance(rows, list)), [])

    def count(self, entity: str, where: str = "") -> int:
        """SELECT COUNT(*)."""
        statement = " ".join(("SELECT COUNT(*) FROM", entity, where))
        answer = self.call("GET", "query", query=statement.strip())
        total: int = answer["QueryResponse"]["totalCount"]
        return total

    def cdc(self, entities: str, since: str) -> tuple[dict[str, list[Json]], str]:
        """Changes by entity, and the answer's ``time``."""
        answer = self.call("GET", "cdc", entities=entities, changedSince=since)
        found = answer["CDCResponse"][0]["QueryResponse"]
        groups = {name: rows for group in found for name, rows in group.items() if isinstance(rows, list)}
        return groups, answer["time"]

    def batch(self, items: list[Json], **params: str) -> dict[str, Json]:
        """The answers of a batch by bId."""
        answer = self.call("POST", "batch", {"BatchItemRequest": items}, **params)
        return {item["bId"]: item for item in answer["BatchItemResponse"]}


class RunningSandbox(Admin):
    """A sandbox that was started here; with ``process`` it can be killed, in a thread it can be looked into."""

    def __init__(self, base_url: str, sandbox: Sandbox | None, process: subprocess.Popen[bytes] | None) -> None:
        super().__init__(base_url)
        self.sandbox = sandbox
        self.process = process


@contextmanager
def running_sandbox(
    *,
    data: Path | None = None,
    switches: Json | None = None,
    clock_start: str | float | None = None,
    speed: float = 1.0,
    port: int = 0,
    process: bool = False,
) -> Iterator[RunningSandbox]:
    """Start a sandbox on a free loopback port, in a thread or as a process of its own, and stop it afterwards.

    ``switches`` are those of ``switches.py``; ``data`` keeps everything in an SQLite file.
    """
    if process:
        with _in_process(data, switches or {}, clock_start, speed, port) as running:
            yield running
    else:
        with _in_thread(build(data, switches, clock_start, speed), listen(port)) as running:
            yield running


@contextmanager
def _in_thread(sandbox: Sandbox, sock: socket.socket) -> Iterator[RunningSandbox]:
    server = _server(sandbox)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="sandbox", daemon=True)
    thread.start()
    try:
        _wait(lambda: server.started or not thread.is_alive())
        yield RunningSandbox(f"http://{LOOPBACK}:{sock.getsockname()[1]}", sandbox, None)
    finally:
        server.should_exit = True
        thread.join()
        sock.close()
        if sandbox.store is not None:
            sandbox.store.close()


@contextmanager
def _in_process(
    data: Path | None, switches: Json, clock_start: str | float | None, speed: float, port: int
) -> Iterator[RunningSandbox]:
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "syncd.sandbox", "--port", str(port), "--port-file", str(port_file)]
        command += ["--no-company", "--speed", str(speed)]
        if data is not None:
            command += ["--data", str(data)]
        if clock_start is not None:
            command += ["--clock", str(clock_start)]
        for name, value in switches.items():
            command += ["--switch", f"{name}={encode(value).decode()}"]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  # our own module, our own arguments
        try:
            _wait(lambda: port_file.exists() or running.poll() is not None)
            if running.poll() is not None:
                raise RuntimeError(f"the sandbox ended with {running.returncode}")
            yield RunningSandbox(f"http://{LOOPBACK}:{port_file.read_text().strip()}", None, running)
        finally:
            running.terminate()
            running.wait()


def _wait(ready: Any) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.005)
