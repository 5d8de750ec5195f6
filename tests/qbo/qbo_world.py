"""What the tests of the QBO client share: a grant kept in memory, a client on a sandbox company, a raw stub server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from syncd.clock import Clock, SystemClock
from syncd.metrics import Metrics
from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.qbo import Books, QboConfig

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "qbo" / "samples"
REALM = "4620816365"


class Grant(msgspec.Struct, frozen=True):
    """A stored grant, as the state database keeps it."""

    realm_id: str
    environment: str
    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime | None = None
    hard_expires_at: datetime | None = None
    version: int = 0
    broken: str = ""


class MemoryStore:
    """A token store with compare-and-set and a lock, that remembers what was done to it."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self.saves: list[Grant] = []
        self.fail_saves = 0
        self._mutex = threading.Lock()
        self._lock = threading.Lock()

    def load(self) -> Grant:
        with self._mutex:
            return self.grant

    def save(self, new: Grant, expected_version: int) -> bool:
        with self._mutex:
            if self.fail_saves:
                self.fail_saves -= 1
                raise OSError("disk full")
            if self.grant.version != expected_version:
                return False
            self.grant = msgspec.structs.replace(new, version=expected_version + 1)
            self.saves.append(self.grant)
            return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._lock:
            yield


def grant(*, expires: datetime | None = None, now: datetime | None = None, **changes: Any) -> Grant:
    moment = now or datetime.now(UTC)
    values: dict[str, Any] = {
        "realm_id": REALM,
        "environment": "sandbox",
        "access_token": "access-0",
        "refresh_token": "refresh-0",
        "access_expires_at": expires or moment + timedelta(hours=1),
    }
    return Grant(**(values | changes))


def config(base: str, realm: str = REALM, **changes: Any) -> QboConfig:
    values: dict[str, Any] = {
        "realm_id": realm,
        "environment": "sandbox",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "api_url": base,
        "token_url": f"{base}/oauth2/v1/tokens/bearer",
        "authorize_url": f"{base}/connect/oauth2",
        "revoke_url": f"{base}/v2/oauth2/tokens/revoke",
    }
    return QboConfig(**(values | changes))


class Client:
    """Books on one company, with everything a test looks at."""

    def __init__(
        self,
        base: str,
        store: MemoryStore,
        *,
        realm: str = REALM,
        settings: Settings | None = None,
        clock: Clock | None = None,
        **changes: Any,
    ) -> None:
        self.store = store
        self.stop = threading.Event()
        self.metrics = Metrics(process=False)
        self.reads = 0
        self.config = config(base, realm, **({"throttle": False} | changes))
        self.books = Books(
            self.config,
            store,
            clock or SystemClock(),
            settings=settings or Settings(default_item="Services"),
            stop=self.stop,
            on_read=self._count,
            metrics=self.metrics,
            company="acme",
        )

    def _count(self, reads: int) -> None:
        self.reads += reads

    def links(self, *pairs: tuple[Kind, str, str]) -> Callable[[Kind, str], str]:
        known = {(kind, source): qbo for kind, source, qbo in pairs}
        return lambda kind, source: known.get((kind, source), "")


Answer = bytes | Callable[[bytes], bytes]


class Stub:
    """A server that answers each request with the next prepared bytes, whatever they are; ``b""`` hangs up."""

    def __init__(self, *answers: Answer, stall_seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self._stall = threading.Event()
        self._stall_seconds = stall_seconds
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stall.set()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                request = _read_request(connection)
                self.requests.append(request)
                answer = self.answers.pop(0) if self.answers else b""
                if self._stall_seconds:
                    self._stall.wait(self._stall_seconds)
                try:
                    connection.sendall(answer if isinstance(answer, bytes) else answer(request))
                except OSError:
                    continue


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", length: int | None = None, extra: str = ""
) -> bytes:
    """The bytes of one HTTP answer; a wrong ``length`` makes it a cut one."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n{extra}\r\n"
    return head.encode() + body
