"""A stand-in for the Ruddr API: real HTTP, the documented shapes, and every trouble a test asks for.

Built from docs/source-ruddr-api.md and from nothing of syncd. Lists page exactly as documented; a parameter that is not
documented is refused, so that nobody relies on one. As far as anybody knows, billing documents have no write verbs:
they are off unless a test switches them on.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import msgspec

from tests.support.ruddr_workspace import RESOURCES, Row, Workspace, totals

KEY = "rk-test-0d4c2f7a"
BASE = "/api/workspace"
FILTERS: Mapping[str, tuple[str, ...]] = {
    "/clients": ("code",),
    "/projects": ("clientId", "statusId"),
    "/payments": ("clientId",),
    "/invoice-items": ("name",),
    "/expense-categories": ("name",),
    "/expense-items": ("expenseReportId",),
    "/tax-rates": ("name",),
}
_REFS = {
    "clientId": ("client", "/clients"),
    "paymentMethodId": ("paymentMethod", "/payment-methods"),
    "projectId": ("project", "/projects"),
}
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass
class Asked:
    """One request as it arrived, and what it was answered with. ``status`` 0: the answer was cut off."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int = 0


@dataclass
class Fault:
    """Trouble for the next ``times`` requests that fit. ``late``: the work is done first, only the answer is lost."""

    status: int = 500
    method: str = ""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    late: bool = False
    times: int = 1
    body: bytes | None = None

    def fits(self, asked: Asked) -> bool:
        return self.times > 0 and self.method in {"", asked.method} and asked.path.startswith(self.path)


class _RefusedError(Exception):
    def __init__(self, status: int, message: str, errors: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Row = {"status": status, "message": message} | ({"errors": errors} if errors else {})


class RuddrServer:
    """Serves one workspace on a port of its own. A context manager; everything may be changed while it runs.

    ``verbs``: what may be done to a resource besides reading, ``off``: resources that are not switched on, ``locked``:
    ids that are read-only, ``lost_cursor``: the answer to a cursor whose row is gone (nobody knows the real one; 200 is
    the list from its beginning), ``before``: called with each request before it is served, ``requests``: the ledger.
    """

    def __init__(self, workspace: Workspace | None = None, *, rate: float = 0, burst: int = 60) -> None:
        self.workspace = workspace or Workspace()
        self.key = KEY
        self.rate = rate
        self.burst = burst
        self.disabled = False
        self.off: set[str] = set()
        self.locked: set[str] = set()
        self.lost_cursor = 404
        self.verbs: dict[str, set[str]] = {}
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.before: Callable[[Asked], None] = lambda asked: None
        self._tokens: float = burst
        self._filled = time.monotonic()
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The address of the workspace."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{BASE}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    def asked(self, method: str = "", path: str = "") -> list[Asked]:
        """The requests so far, of a method, below a path."""
        return [a for a in self.requests if method in {"", a.method} and a.path.startswith(path)]

    def allow(self, path: str, *verbs: str) -> None:
        """Switch write verbs of a resource on."""
        self.verbs.setdefault(path, set()).update(verbs)

    # ---- serving

    def serve(self, asked: Asked, authorization: str) -> tuple[int, Any, Fault | None]:
        """Status, body (None: empty) and the fault that befell it."""
        with self._lock:
            self.requests.append(asked)
        self.before(asked)
        fault = self._fault(asked)
        if fault is not None and not fault.late:
            return fault.status, {"status": fault.status, "message": "Something went wrong"}, fault
        try:
            with self.workspace.lock:
                status, body = self._answer(asked, authorization)
        except _RefusedError as refused:
            status, body = refused.status, refused.body
        return status, body, fault

    def _fault(self, asked: Asked) -> Fault | None:
        with self._lock:
            fault = next((each for each in self.faults if each.fits(asked)), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def _answer(self, asked: Asked, authorization: str) -> tuple[int, Any]:
        if authorization != f"Bearer {self.key}":
            raise _RefusedError(401, "Unauthorized")
        if self.disabled:
            raise _RefusedError(423, "API access is disabled for this workspace. Please contact support.")
        if self.rate and not self._turn():
            raise _RefusedError(429, "Too many requests")
        if not asked.path:
            return 200, {"id": self.workspace.id, "name": self.workspace.name}
        path, _, row_id = asked.path[1:].partition("/")
        path = f"/{path}"
        if path not in RESOURCES:
            raise _RefusedError(404, "Not found")
        if path in self.off:
            raise _RefusedError(403, "This feature is not enabled for the workspace.")
        if asked.method != "GET":
            return self._write(asked, path, row_id)
        return (200, self._row(path, row_id)) if row_id else (200, self._list(path, asked.query))

    def _turn(self) -> bool:
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._filled) * self.rate)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    # ---- reading

    def _row(self, path: str, row_id: str) -> Any:
        _uuid("id", row_id)
        if row_id not in self.workspace.tables[path]:
            raise _RefusedError(404, "Not found")
        return self.workspace.encoded(path, row_id)

    def _list(self, path: str, query: dict[str, str]) -> Row:
        query = dict(query)
        limit = query.pop("limit", "10")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise _RefusedError(400, "Parameter 'limit' must be between 1 and 100.")
        after, before = query.pop("startingAfter", ""), query.pop("endingBefore", "")
        if after and before:
            raise _RefusedError(400, "Parameters 'startingAfter' and 'endingBefore' exclude each other.")
        strange = sorted(query.keys() - set(FILTERS.get(path, ())))
        if strange:
            raise _RefusedError(400, f"Parameter '{strange[0]}' is not known.")
        ids, places = self.workspace.order(path)
        if query:
            ids = [each for each in ids if self._passes(path, each, query)]
            places = {each: place for place, each in enumerate(ids)}
        begin, end = self._cut(places, len(ids), int(limit), after, before)
        return {
            "results": [self.workspace.encoded(path, each) for each in ids[begin:end]],
            "hasMore": begin > 0 if before else end < len(ids),
        }

    def _cut(self, places: dict[str, int], count: int, limit: int, after: str, before: str) -> tuple[int, int]:
        """Which rows: the first ones, those just older than ``after``, or those just newer than ``before``."""
        for name, cursor in (("startingAfter", after), ("endingBefore", before)):
            if cursor:
                _uuid(name, cursor)
                if cursor not in places and self.lost_cursor == 200:
                    return 0, min(count, limit)
                if cursor not in places:
                    raise _RefusedError(self.lost_cursor, f"No row for parameter '{name}'.")
        if before:
            end = places[before]
            return max(0, end - limit), end
        begin = places[after] + 1 if after else 0
        return begin, min(count, begin + limit)

    def _passes(self, path: str, row_id: str, query: dict[str, str]) -> bool:
        row = self.workspace.row(path, row_id)
        found = {name: row.get(name) for name in ("code", "name", "statusId")}
        found["clientId"] = (row.get("client") or {}).get("id")
        found["expenseReportId"] = (row.get("expenseReport") or {}).get("id")
        return all(found[name] == wanted for name, wanted in query.items())

    # ---- writing: shapes that nobody has documented for billing documents

    def _write(self, asked: Asked, path: str, row_id: str) -> tuple[int, Any]:
        if asked.method not in self.verbs.get(path, ()):
            raise _RefusedError(405, "Method not allowed")
        if asked.method == "POST":
            return 200, self._created(path, asked.body)
        _uuid("id", row_id)
        if row_id not in self.workspace.tables[path]:
            raise _RefusedError(404, "Not found")
        if row_id in self.locked:
            raise _RefusedError(409, "The record is read-only.")
        if asked.method == "DELETE":
            self.workspace.remove(path, row_id)
            return 204, None
        row = dict(self.workspace.row(path, row_id))
        self._set(path, row, asked.body)
        self.workspace.change(path, row_id, **row)
        return 200, self.workspace.encoded(path, row_id)

    def _created(self, path: str, body: Row) -> Any:
        made: Row = {}
        if path in {"/invoices", "/credit-notes"}:
            made = {"number": None, "statusId": "open", "lines": [], "taxRate": Decimal(0), "totalTax": Decimal(0)}
            made |= {"amountPaid": Decimal(0)} if path == "/invoices" else {"appliedCredit": Decimal(0)}
        self._set(path, made, body)
        return self.workspace.encoded(path, self.workspace.add(path, made))

    def _set(self, path: str, row: Row, body: Row) -> None:
        members = dict(body)
        for name in members.keys() & _REFS.keys():
            member, of = _REFS[name]
            row[member] = self.workspace.ref(of, members.pop(name) or "")
        if "lines" in members:
            given = [{**line, "item": line.get("invoiceItemId")} for line in members.pop("lines")]
            row["lines"] = [self.workspace.line(place, line) for place, line in enumerate(given)]
        if "invoices" in members:
            row["invoices"] = [
                {**part, "number": self.workspace.row("/invoices", part["id"])["number"]}
                for part in members.pop("invoices")
            ]
        members.pop("total", None)  # worked out here
        unknown = sorted(members.keys() - _WRITABLE[path])
        if unknown:
            problem = "There was a problem processing your request. See errors for more details."
            raise _RefusedError(400, problem, [f"'{name}' is not allowed" for name in unknown])
        row |= {name: value if value != "" else None for name, value in members.items()}
        if path in {"/invoices", "/credit-notes"}:
            totals(row)


_FORM = {"number", "issuedOn", "currency", "billTo", "emails", "ccEmails", "totalTax", "taxRate", "notes"}
_WRITABLE: Mapping[str, set[str]] = {
    "/clients": {"name", "currency", "emails", "streetAddress", "recordStatusId", "code", "notes"},
    "/invoices": _FORM | {"dueOn", "totalDiscount"},
    "/credit-notes": _FORM,
    "/payments": {"receivedOn", "amount", "currency", "referenceNumber", "notes"},
}


def _uuid(name: str, text: str) -> None:
    try:
        UUID(text)
    except ValueError:
        raise _RefusedError(400, f"Parameter '{name}' is not a valid UUID.") from None


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: RuddrServer

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that are kept open: a server that is gone answers on none of them."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http

    def log_message(self, *_: Any) -> None:
        """Say nothing on the terminal."""

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(size)
        address = urlsplit(self.path)
        asked = Asked(
            self.command,
            address.path.removeprefix(BASE).rstrip("/"),
            dict(parse_qsl(address.query)),
            _DECODER.decode(content) if content else None,
        )
        status, body, fault = self.server.owner.serve(asked, self.headers.get("Authorization", ""))
        sent = b"" if body is None else _ENCODER.encode(body)
        if fault is not None and fault.body is not None:
            sent = fault.body
        cut = fault is not None and fault.cut
        lost = fault is not None and fault.late
        asked.status = 0 if cut or lost else status
        if lost and not cut:
            self.close_connection = True  # the work is done, and nobody hears of it
            return
        self.send_response(200 if cut else status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        for name, value in (fault.headers if fault is not None else {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent[: len(sent) // 2] if cut else sent)
        self.wfile.flush()
        if cut:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for


@dataclass(frozen=True)
class FullRead:
    """What one full read cost, against a server that lets ``burst`` requests through at once and ``rate`` a second."""

    records: int
    requests: int
    seconds: float
    rate: float
    burst: int

    @property
    def efficiency(self) -> float:
        """The share that was used of what the limit allowed in that time; 1 is the limit itself."""
        return self.requests / (self.burst + self.rate * self.seconds)


def measure_full_read(server: RuddrServer, source: Any) -> FullRead:
    """Read everything once through ``source`` and time it against the server's limit. Not for tests: it takes time.

    The server's bucket must be full. Give the source the server's ``rate`` and one less than its ``burst``.
    """
    before = len(server.requests)
    started = time.perf_counter()
    changes = source.changes("")
    seconds = time.perf_counter() - started
    requests = sum(1 for asked in server.requests[before:] if asked.status == 200)
    return FullRead(sum(changes.counts.values()), requests, seconds, server.rate, server.burst)
