"""What stands before the books: tokens, companies, limits, and the form of an answer (protocol.md 3, 9)."""

from __future__ import annotations

from syncd.sandbox import faults, xml
from syncd.sandbox.call import XML, Call, Reply
from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.faults import FaultError
from syncd.sandbox.oauth import DEFAULT_SCOPE
from syncd.sandbox.wire import Json, decode, encode
from syncd.sandbox.world import World

_TOKEN_LENGTHS = range(20, 4097)


class Gateway:
    """Refuses what may not pass, and turns faults into replies."""

    def __init__(self, world: World) -> None:
        self._world = world

    def refuse(self, call: Call) -> Reply | None:
        """The gateway's own refusals: token, realm, throttle, Accept (protocol.md 9.2, 9.4, 3.2)."""
        world = self._world
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        grant = world.authority.check(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None:
            malformed = len(token) not in _TOKEN_LENGTHS
            detail = "Malformed bearer token: too short or too long" if malformed else "Token expired"
            return self.unauthorized(call, detail)
        call.entry.client_id = grant.client_id
        if grant.realm != call.realm or call.realm not in world.companies or DEFAULT_SCOPE not in grant.scopes:
            return self.forbidden(call)
        batch = call.endpoint == "batch"
        if not world.throttle.admit(world.switches, call.realm, grant.client_id, batch, call.at, reads(call)):
            call.entry.throttled = True
            return self.throttled(call)
        wants_bytes = call.extra == "pdf" or call.endpoint in ("download", "attachable-thumbnail")
        if not call.json and not wants_bytes and world.switches.missing_accept == "refuse":
            error = faults.fault(500, "Unsupported Operation", "The Accept header must name application/json.")
            return self.faulted(call, error)
        return None

    def unauthorized(self, call: Call, detail: str = "Token expired") -> Reply:
        """401 with code 3200."""
        reply = self._gateway(call, 401, "AUTHENTICATION", "AuthenticationFailed", "3200", detail)
        reply.headers["www-authenticate"] = 'Bearer realm="Intuit", error="invalid_token"'
        return reply

    def forbidden(self, call: Call) -> Reply:
        """403 with code 3100."""
        return self._gateway(call, 403, "SERVICE", "ApplicationAuthorizationFailed", "3100", None)

    def throttled(self, call: Call) -> Reply:
        """429 with code 3001 in the form the switch says; never a Retry-After (protocol.md 3.2)."""
        form = self._world.switches.throttle_body
        if form == "empty":
            return Reply(429, b"", "text/plain")
        detail = "The request limit was reached.  Try again later"
        return self._gateway(call, 429, "SERVICE", "ThrottleExceeded", "3001", detail, form)

    def _gateway(
        self, call: Call, status: int, kind: str, message: str, code: str, detail: str | None, form: str = "json_lower"
    ) -> Reply:
        body = faults.gateway(status, kind, message, code, detail, call.at)
        if form == "json_lower" and call.json:
            return Reply(status, encode(body))
        error = body["fault"]["error"][0]
        titled: Json = {"Message": error["message"], "Detail": error["detail"], "code": code}
        whole: Json = {"Fault": {"Error": [titled], "type": kind}, "time": stamp_millis(call.at)}
        return Reply(status, encode(whole)) if form == "json_title" else Reply(status, xml.render(whole), XML)

    def faulted(self, call: Call, error: FaultError, status: int | None = None) -> Reply:
        """A Fault with its status."""
        body = encode({**error.envelope(), "time": stamp_millis(call.at)})
        return self.reply(call, error.status if status is None else status, body)

    def reply(self, call: Call, status: int, body: bytes) -> Reply:
        """JSON, or its XML form for a caller who does not accept JSON."""
        if call.json or not body:
            return Reply(status, body)
        return Reply(status, xml.render(decode(body)), XML)


def reads(call: Call) -> int:
    """How many "CorePlus" calls a request is: one for what takes data out, for a batch one for each such item.

    Which class CDC, batches, PDF and downloads belong to is not known (protocol.md 3.3); they take data out.
    """
    if call.endpoint == "batch":
        return sum(1 for item in call.items if item.operation == "query")
    return int(call.endpoint == "query" or call.method == "GET")
