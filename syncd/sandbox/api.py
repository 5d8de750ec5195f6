"""The accounting API without HTTP: a call in, a reply out (protocol.md 1, 4 to 9)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from syncd.sandbox import cdc, faults, operations, rates, replay, select, xml
from syncd.sandbox.batch import Batch, items_of
from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.faults import FaultError
from syncd.sandbox.injection import Target
from syncd.sandbox.ledger import Entry
from syncd.sandbox.specs import BY_PATH, NOT_SERVED, SPECS
from syncd.sandbox.wire import DecodeError, decode, encode
from syncd.sandbox.world import Company, World

JSON = "application/json;charset=UTF-8"
XML = "application/xml;charset=UTF-8"
QBO_VERSION = "1990.215"
SINGLETONS = {"Preferences": "1"}


def new_tid(at: float) -> str:
    """A correlation id in the newer shape (protocol.md 1.4)."""
    return f"1-{int(at):08x}-{secrets.token_hex(12)}"


@dataclass
class Call:
    """One request to ``/v3/company/{realm}/...``."""

    method: str
    realm: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float
    entry: Entry
    endpoint: str = ""
    entity: str = ""
    operation: str = ""
    record_id: str = ""
    extra: str = ""
    content: Any = None
    broken: FaultError | None = None  # the body could not be read

    @property
    def json(self) -> bool:
        """Does the caller accept JSON?"""
        return "json" in self.headers.get("accept", "").lower()

    @property
    def include(self) -> frozenset[str]:
        """The flags of the include parameter."""
        return frozenset(part.strip().lower() for part in self.params.get("include", "").split(",") if part.strip())


@dataclass
class Reply:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """Serves calls against a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def classify(self, call: Call) -> list[Target]:
        """Find out what a call is, and what fault rules may match it by."""
        parts = [part for part in call.path.split("/") if part]
        first = parts[0].lower() if parts else ""
        if first in ("query", "cdc", "batch", "exchangerate"):
            call.endpoint = first
        elif first in BY_PATH:
            call.endpoint, call.entity = "entity", BY_PATH[first]
            call.record_id = parts[1] if len(parts) > 1 else ""
            call.extra = "/".join(parts[2:])  # pdf, send: not served yet
        self._read_body(call)
        if call.endpoint == "entity":
            asked = call.params.get("operation", "").lower()
            if call.method == "GET":
                call.operation = "read"
            else:
                call.operation = operations.operation_of(call.content, asked, call.include)
        else:
            call.operation = call.endpoint
        call.entry.endpoint, call.entry.entity, call.entry.operation = call.endpoint, call.entity, call.operation
        targets = [Target(call.endpoint, call.entity, call.operation, call.method, call.realm)]
        if call.endpoint == "batch" and isinstance(call.content, dict):
            targets += self._batch_targets(call)
        return targets

    def _read_body(self, call: Call) -> None:
        if call.endpoint not in ("entity", "batch") or call.method != "POST" or not call.body:
            return
        try:
            call.content = decode(call.body)
        except UnicodeDecodeError:
            call.broken = faults.unsupported("with a body that is not UTF-8")
        except DecodeError as error:
            if "utf-8" in str(error).lower():
                call.broken = faults.unsupported("with a body that is not UTF-8")
            else:
                call.broken = faults.unknown_property(f"request body, {error}")

    def _batch_targets(self, call: Call) -> list[Target]:
        targets = []
        items = call.content.get("BatchItemRequest")
        for item in items if isinstance(items, list) else []:
            if not isinstance(item, dict):
                continue
            call.entry.bids.append(str(item.get("bId", "")))
            entity = next((name for name in item if name in SPECS or name in NOT_SERVED), "")
            asked = str(item.get("operation", "query"))
            operation = operations.operation_of(item.get(entity), asked, frozenset({str(item.get("optionsData"))}))
            targets.append(Target("batch", entity, operation, call.method, call.realm))
        return targets

    def refuse(self, call: Call) -> Reply | None:
        """The gateway's own refusals: token, realm, throttle, Accept (protocol.md 9.2, 9.4, 3.2)."""
        world = self._world
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        grant = world.authority.check(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None:
            malformed = not 20 <= len(token) <= 4096
            detail = "Malformed bearer token: too short or too long" if malformed else "Token expired"
            return self.unauthorized(call, detail)
        call.entry.client_id = grant.client_id
        if grant.realm != call.realm or call.realm not in world.companies:
            return self.forbidden(call)
        batch = call.endpoint == "batch"
        if not world.throttle.admit(world.switches, call.realm, grant.client_id, batch, call.at):
            call.entry.throttled = True
            return self.throttled(call)
        if not call.json and world.switches.missing_accept == "refuse":
            error = faults.fault(500, "Unsupported Operation", "The Accept header must name application/json.")
            return self.faulted(call, error)
        return None

    def unauthorized(self, call: Call, detail: str = "Token expired") -> Reply:
        """401 with code 3200."""
        body = faults.gateway(401, "AUTHENTICATION", "AuthenticationFailed", "3200", detail, call.at)
        reply = self.reply(call, 401, encode(body))
        reply.headers["www-authenticate"] = 'Bearer realm="Intuit", error="invalid_token"'
        return reply

    def forbidden(self, call: Call) -> Reply:
        """403 with code 3100."""
        body = faults.gateway(403, "SERVICE", "ApplicationAuthorizationFailed", "3100", None, call.at)
        return self.reply(call, 403, encode(body))

    def throttled(self, call: Call) -> Reply:
        """429 with code 3001 in the form the switch says; never a Retry-After (protocol.md 3.2)."""
        form = self._world.switches.throttle_body
        detail = "The request limit was reached.  Try again later"
        message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
        if form == "empty":
            return Reply(429, b"", "text/plain")
        if form == "json_lower":
            body = faults.gateway(429, "SERVICE", "ThrottleExceeded", "3001", detail, call.at)
            return Reply(429, encode(body))
        error = {"Message": message, "Detail": detail, "code": "3001"}
        titled = {"Fault": {"Error": [error], "type": "SERVICE"}, "time": stamp_millis(call.at)}
        return Reply(429, xml.render(titled), XML) if form == "xml" else Reply(429, encode(titled))

    def faulted(self, call: Call, error: FaultError, status: int | None = None) -> Reply:
        """A Fault with its status."""
        body = encode({"Fault": error.body(), "time": stamp_millis(call.at)})
        return self.reply(call, error.status if status is None else status, body)

    def reply(self, call: Call, status: int, body: bytes) -> Reply:
        """JSON, or its XML form for a caller who does not accept JSON."""
        if call.json or not body:
            return Reply(status, body)
        return Reply(status, xml.render(decode(body)), XML)

    def serve(self, call: Call) -> Reply:
        """Carry the call out."""
        company = self._world.companies[call.realm]
        request_id = call.params.get("requestid") or None
        call.entry.requestid = request_id
        writes = call.method == "POST" and call.endpoint == "entity"
        try:
            if call.broken is not None:
                raise call.broken
            if request_id is None or not writes:
                return self.reply(call, 200, self._work(call, company))
            return self._once(call, company, request_id)
        except FaultError as error:
            return self.faulted(call, error)

    def _once(self, call: Call, company: Company, request_id: str) -> Reply:
        switches = self._world.switches
        replay.check_length(request_id)
        mark = replay.digest(call.path.encode(), call.operation.encode(), call.body)
        key = (request_id, "")
        known = company.memory.recall(key, mark, call.at, switches)
        if known is not None:
            call.entry.replayed = True
            return self.reply(call, known.status, known.body)
        try:
            status, body = 200, self._work(call, company)
        except FaultError as error:
            status = error.status
            body = encode({"Fault": error.body(), "time": stamp_millis(call.at)})
        company.memory.keep(key, replay.Answer(mark, status, body, call.at), switches)
        return self.reply(call, status, body)

    def _work(self, call: Call, company: Company) -> bytes:
        handler = getattr(self, f"_serve_{call.endpoint}", None)
        if handler is None:
            raise faults.FaultError(
                faults.Error(
                    "10000",
                    "An application error has occurred while processing your request",
                    f"System Failure Error: Could not find resource for relative : /{call.path}",
                ),
                kind="SystemFault",
                status=404,
            )
        if call.method not in ("GET", "POST"):
            raise faults.FaultError(
                faults.Error("500", "Unsupported Operation", f"Method {call.method} is not supported.", "Method"),
                status=405,
            )
        name, content = handler(call, company)
        return b'{"%b":%b,"time":"%b"}' % (name.encode(), content, stamp_millis(call.at).encode())

    def _serve_entity(self, call: Call, company: Company) -> tuple[str, bytes]:
        book = company.book
        if call.extra:
            raise faults.unsupported(call.extra)
        if call.method == "GET":
            record_id = SINGLETONS.get(call.entity, call.record_id)
            if call.entity == "CompanyInfo" and record_id == book.realm:
                record_id = "1"
            return call.entity, operations.read(book, call.entity, record_id).raw
        if call.record_id:
            raise faults.unsupported(f"on /{call.path}")
        body = operations.write(book, self._world.switches, call.entity, call.operation, call.content, call.include)
        return call.entity, body

    def _serve_query(self, call: Call, company: Company) -> tuple[str, bytes]:
        statement = call.params.get("query", "")
        if call.method == "POST":
            statement = self._statement(call)
        return "QueryResponse", select.run(company.book, self._world.switches, statement)

    def _statement(self, call: Call) -> str:
        try:
            text = call.body.decode()
        except UnicodeDecodeError:
            raise faults.unsupported("with a body that is not UTF-8") from None
        if "form-urlencoded" in call.headers.get("content-type", "") and text.startswith("query="):
            return parse_qs(text).get("query", [""])[0]
        return text

    def _serve_cdc(self, call: Call, company: Company) -> tuple[str, bytes]:
        if call.method != "GET":
            raise faults.unsupported("cdc")
        params = {name.lower(): value for name, value in call.params.items()}
        result = cdc.run(
            company.book,
            self._world.switches,
            params.get("entities", ""),
            params.get("changedsince", ""),
            self._world.rng,
        )
        return "CDCResponse", result

    def _serve_exchangerate(self, call: Call, company: Company) -> tuple[str, bytes]:
        if call.method != "GET":
            raise faults.unsupported("exchangerate")
        params = {name.lower(): value for name, value in call.params.items()}
        code, day = params.get("sourcecurrencycode", ""), params.get("asofdate", "")
        return "ExchangeRate", rates.read(company.book, code, day, call.at)

    def _serve_batch(self, call: Call, company: Company) -> tuple[str, bytes]:
        if call.method != "POST":
            raise faults.unsupported("batch")
        items = items_of(call.content)
        runner = Batch(company.book, self._world.switches, company.memory, self._world.rng)
        return "BatchItemResponse", runner.run(items, call.entry.requestid, call.include)


def error_of(rule_code: str, detail: str) -> FaultError:
    """The Fault an injection rule asks for."""
    if rule_code == "10000":
        return faults.system_failure(detail)
    return faults.fault(int(rule_code), "Injected fault", detail)
