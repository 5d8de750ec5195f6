"""What every address of QuickBooks has in common here: the request read whole, the ledger, fault rules, an answer."""

from __future__ import annotations

import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from syncd.sandbox import faults
from syncd.sandbox.api import Api, new_tid
from syncd.sandbox.call import Call, Reply
from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.delivery import Send, Wire, accounting_fault, deliver
from syncd.sandbox.faults import FaultError
from syncd.sandbox.injection import Rule, Target
from syncd.sandbox.ledger import Entry
from syncd.sandbox.replay import Running
from syncd.sandbox.wire import encode

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

ACCOUNTING = "/v3/company/"
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 47}
_log = logging.getLogger(__name__)


@dataclass
class Incoming:
    """A request, read whole; ``problem`` says what was wrong with its body or address."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    base_url: str
    body: bytes = b""
    problem: FaultError | None = None

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the address; of those that repeat the first counts."""
        return first_of(self.query)


def first_of(encoded: str) -> dict[str, str]:
    """Form-encoded names with their first values."""
    return {name: values[0] for name, values in parse_qs(encoded, keep_blank_values=True).items()}


class GoneError(Exception):
    """The caller went away in the middle of the request; nothing is done then."""


async def read_body(receive: Receive, headers: dict[str, str], limit: int) -> bytes | None:
    """The body as it was sent, chunked or not; None when it is longer than the limit, of which no more is read."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:18]) > limit:
        return None
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding; FaultError when it is unknown, broken or grows beyond the limit."""
    if encoding in ("", "identity"):
        return body
    if encoding not in _WINDOW_BITS:
        raise faults.bad_media(f"Content-Encoding {encoding} is not supported.")
    machine = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error:
        raise faults.bad_media(f"The body is not {encoding}.", 400) from None
    if len(plain) > limit:
        raise faults.too_large(limit)
    if not machine.eof:
        raise faults.bad_media(f"The body is not {encoding}.", 400)
    return plain


class Endpoint(ABC):
    """Ledger, fault injection and answering; ``answer`` does the rest."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        world = self._world
        at = world.clock.now()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        base_url = f"{scope.get('scheme', 'http')}://{headers.get('host', '127.0.0.1')}"
        query = scope["query_string"].decode("latin-1")
        request = Incoming(scope["method"], scope["path"], query, headers, base_url)
        entry = world.ledger.open(at, request.method, request.path, query, world.switches.keep_bodies)
        entry.tid = new_tid(at)
        wire = Wire(send, entry, world.switches.gzip and accepts_gzip(headers))
        try:
            await self._read(request, receive)
            entry.asked(request.body)
            await self.answer(request, entry, wire)
        except GoneError:
            return
        except Exception:
            _log.exception("a request to %s failed", request.path)
            if not entry.status:
                error = faults.system_failure("System Failure Error: see the server's log")
                await wire.send(Reply(500, encode({"Fault": error.body()})))

    def limit(self, request: Incoming) -> int:
        """How long a body may be, in bytes."""
        return self._world.switches.body_limit_bytes

    def too_large(self, limit: int) -> FaultError:
        """The fault for a longer one."""
        return faults.too_large(limit)

    async def _read(self, request: Incoming, receive: Receive) -> None:
        limit, longest = self.limit(request), self._world.switches.url_limit_bytes
        if len(request.path) + len(request.query) > longest:
            request.problem = faults.address_too_long(longest)
        body = await read_body(receive, request.headers, limit)
        if body is None:
            request.problem = request.problem or self.too_large(limit)
            return
        try:
            request.body = decoded(body, request.headers.get("content-encoding", "").strip().lower(), limit)
        except FaultError as error:
            request.problem = request.problem or error

    @abstractmethod
    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """Answer a request over the wire."""

    async def with_faults(
        self,
        targets: list[Target],
        entry: Entry,
        wire: Wire,
        work: Callable[[], Reply],
        replace: Callable[[Rule], Reply],
    ) -> None:
        """Do the work, unless a fault rule steps in before, or spoils the answer after."""
        rule = self._world.injector.pick(targets, entry)
        if rule is None:
            await wire.send(self._run(work, entry))
            return
        entry.fault_rule = rule.id
        await deliver(rule, wire, lambda: self._run(work, entry), replace)

    def _run(self, work: Callable[[], Reply], entry: Entry) -> Reply:
        reply = work()
        entry.committed = reply.status == 200
        self._sandbox.save(entry.realm)
        return reply


def accepts_gzip(headers: dict[str, str]) -> bool:
    """Does Accept-Encoding name gzip, and not with a weight of nothing?"""
    for part in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class AccountingEndpoint(Endpoint):
    """``/v3/company/{realm}/...``"""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._api = Api(sandbox.world)
        self._running = Running()

    def limit(self, request: Incoming) -> int:
        """An upload may be much longer than other bodies."""
        switches = self._world.switches
        upload = request.path.rstrip("/").endswith("/upload")
        return switches.upload_limit_bytes if upload else switches.body_limit_bytes

    def too_large(self, limit: int) -> FaultError:
        """6030 for an upload, 413 for everything else."""
        return (
            faults.upload_too_large() if limit == self._world.switches.upload_limit_bytes else faults.too_large(limit)
        )

    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """Through the gateway to the books."""
        realm, _, path = request.path.removeprefix(ACCOUNTING).partition("/")
        call = Call(
            method=request.method,
            realm=realm,
            path=path,
            params=request.params,
            headers=request.headers,
            body=request.body,
            at=entry.at,
            entry=entry,
            base_url=request.base_url,
            broken=request.problem,
        )
        entry.realm = realm
        targets = self._api.classify(call)
        entry.requestid = call.params.get("requestid")
        refusal = self._api.refuse(call)
        if refusal is not None:
            await wire.send(refusal)
            return
        known = entry.requestid and (call.writes or call.endpoint == "batch")
        key = (realm, f"{entry.requestid} {' '.join(entry.bids)}") if known else None
        if not await self._running.enter(key, self._world.switches):
            await wire.send(self._api.faulted(call, faults.duplicate_request()))
            return
        try:
            await self.with_faults(
                targets,
                entry,
                wire,
                lambda: self._api.serve(call),
                lambda rule: accounting_fault(self._api, call, rule),
            )
        finally:
            self._running.leave(key)


class NowhereEndpoint(Endpoint):
    """Every address that QuickBooks does not have: 404 with a fault."""

    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """404."""
        error = faults.no_resource(request.path)
        await wire.send(Reply(error.status, encode({"Fault": error.body(), "time": stamp_millis(entry.at)})))
