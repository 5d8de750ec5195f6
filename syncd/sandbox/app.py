"""The HTTP shell: one ASGI application around a world."""

from __future__ import annotations

import asyncio
import base64
import binascii
import html
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from syncd.sandbox import admin
from syncd.sandbox.api import Api, Call, Reply, error_of, new_tid
from syncd.sandbox.injection import Rule, Target
from syncd.sandbox.ledger import Entry
from syncd.sandbox.oauth import App, Grant, OAuthError
from syncd.sandbox.persist import Store
from syncd.sandbox.wire import DecodeError, Json, decode, encode
from syncd.sandbox.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FIXED_HEADERS = {
    "QBO-Version": "1990.215",
    "Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private",
    "Expires": "0",
}
_GATEWAY_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
_ACCOUNTING = "/v3/company/"
_SETTLE_SECONDS = 0.01  # lets the server notice that the connection is gone
_REASONS = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out"}


class Sandbox:
    """The whole server as an ASGI application."""

    def __init__(self, world: World, store: Store | None = None) -> None:
        self.world = world
        self.store = store
        self._accounting = _AccountingEndpoint(self)
        self._tokens = {
            "/oauth2/v1/tokens/bearer": _TokenEndpoint(self),
            "/v2/oauth2/tokens/revoke": _RevokeEndpoint(self),
        }
        self._pages = Starlette(
            routes=[
                Route("/connect/oauth2", self._authorize, methods=["GET"]),
                Mount("/_sandbox", routes=admin.routes(self)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The addresses of QuickBooks go straight to their endpoints, everything else through Starlette."""
        path = scope.get("path", "")
        endpoint = self._accounting if path.startswith(_ACCOUNTING) else self._tokens.get(path)
        if endpoint is None or scope["type"] != "http":
            await self._pages(scope, receive, send)
        else:
            await endpoint(scope, receive, send)

    def save(self) -> None:
        """Make what has changed durable, where there is a file."""
        if self.store is not None:
            self.store.save()

    async def _authorize(self, request: Request) -> Response:
        """The consent page (protocol.md 2.2): choose a company, then back to the app with code, realmId and state."""
        asked = request.query_params
        world = self.world
        redirect = asked.get("redirect_uri", "")
        if not world.authority.redirect_allowed(asked.get("client_id", ""), redirect):
            return HTMLResponse("<h1>The redirect_uri or client_id is not registered.</h1>", 400, _PAGE_HEADERS)
        state = {"state": asked["state"]} if "state" in asked else {}
        scope = asked.get("scope", "")
        if asked.get("response_type") != "code" or "com.intuit.quickbooks.accounting" not in scope.split():
            return RedirectResponse(_with(redirect, {"error": "invalid_scope", **state}), 302)
        if asked.get("decision") == "deny":
            return RedirectResponse(_with(redirect, {"error": "access_denied", **state}), 302)
        realm = asked.get("realm", "")
        if asked.get("decision") == "connect" and realm in world.companies:
            code = world.authority.consent(asked["client_id"], realm, redirect, scope)
            return RedirectResponse(_with(redirect, {"code": code, "realmId": realm, **state}), 302)
        return HTMLResponse(self._consent_page(dict(asked)), 200, _PAGE_HEADERS)

    def _consent_page(self, asked: dict[str, str]) -> str:
        rows = []
        for realm, held in self.world.companies.items():
            record = held.book.find("CompanyInfo", "1")
            name = record.body["CompanyName"] if record is not None else realm
            link = "?" + urlencode({**asked, "realm": realm, "decision": "connect"})
            rows.append(f'<li><a href="{html.escape(link)}">Connect {html.escape(name)} ({realm})</a></li>')
        deny = "?" + urlencode({**asked, "decision": "deny"})
        return (
            "<!doctype html><html><head><title>Connect to the sandbox</title></head><body>"
            f"<h1>Connect an app to a sandbox company</h1><ul>{''.join(rows)}</ul>"
            f'<p><a href="{html.escape(deny)}">No thanks</a></p></body></html>'
        )


_PAGE_HEADERS = {"X-Frame-Options": "DENY", "Cache-Control": "no-store"}


def _with(uri: str, params: dict[str, str]) -> str:
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(params)}"


@dataclass
class _Incoming:
    """A request, read whole."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


class _Endpoint:
    """Ledger, fault injection and answering, for the endpoints that take part in them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        at = self._world.clock.now()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = _Incoming(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)
        entry = self._world.ledger.open(at, request.method, request.path, request.query)
        entry.tid = new_tid(at)
        request.body = await _read(receive)
        entry.request_size = len(request.body)
        await self.answer(request, entry, _Wire(send, entry))

    async def answer(self, request: _Incoming, entry: Entry, wire: _Wire) -> None:
        raise NotImplementedError

    async def with_faults(
        self,
        targets: list[Target],
        entry: Entry,
        wire: _Wire,
        work: Callable[[], Reply],
        replace: Callable[[Rule], Reply],
    ) -> None:
        """Do the work, unless a fault rule steps in before, or spoils the answer after."""
        rule = self._world.injector.pick(targets) if self._world.injector.rules else None
        if rule is None:
            await wire.send(self._run(work, entry))
            return
        entry.fault_rule = rule.id
        if rule.kind == "stall" and not rule.after:
            await asyncio.sleep(rule.seconds)
        reply = self._run(work, entry) if self._reaches_books(rule) else None
        if rule.kind == "stall":
            if rule.after:
                await asyncio.sleep(rule.seconds)
            if rule.then == "reset" or reply is None:
                await wire.reset()
            else:
                await wire.send(reply)
        elif rule.kind == "reset":
            await wire.reset()
        elif rule.kind == "truncate":
            await wire.truncate(reply or replace(rule), rule.keep_bytes)
        else:
            await wire.send(replace(rule))

    @staticmethod
    def _reaches_books(rule: Rule) -> bool:
        return rule.after or (rule.kind == "stall" and rule.then == "answer")

    def _run(self, work: Callable[[], Reply], entry: Entry) -> Reply:
        reply = work()
        entry.committed = reply.status == 200
        self._sandbox.save()
        return reply


class _AccountingEndpoint(_Endpoint):
    """``/v3/company/{realm}/...``"""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._api = Api(sandbox.world)

    async def answer(self, request: _Incoming, entry: Entry, wire: _Wire) -> None:
        params = {name: values[0] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
        realm, _, path = request.path.removeprefix(_ACCOUNTING).partition("/")
        call = Call(
            method=request.method,
            realm=realm,
            path=path,
            params=params,
            headers=request.headers,
            body=request.body,
            at=entry.at,
            entry=entry,
        )
        entry.realm = call.realm
        targets = self._api.classify(call)
        entry.requestid = params.get("requestid")
        refusal = self._api.refuse(call)
        if refusal is not None:
            await wire.send(refusal)
            return
        await self.with_faults(
            targets, entry, wire, lambda: self._api.serve(call), lambda rule: self._broken(call, rule)
        )

    def _broken(self, call: Call, rule: Rule) -> Reply:
        """The answer that a rule puts in place of the real one."""
        if rule.body is not None:
            return Reply(rule.status, rule.body.encode(), "text/html" if rule.kind == "html" else "application/json")
        if rule.kind == "html" or (rule.kind == "status" and rule.status in _REASONS):
            return _html_page(rule.status)
        if rule.kind == "fault200":
            return self._api.faulted(call, error_of(rule.code, rule.detail), status=200)
        known = {401: self._api.unauthorized, 403: self._api.forbidden, 429: self._api.throttled}.get(rule.status)
        if known is not None:
            return known(call)
        return self._api.faulted(call, error_of(rule.code, rule.detail), status=rule.status)


def _html_page(status: int) -> Reply:
    page = _GATEWAY_HTML.format(_REASONS.get(status, str(status)))
    return Reply(status, page.encode(), "text/html")


class _TokenEndpoint(_Endpoint):
    """``/oauth2/v1/tokens/bearer`` (protocol.md 2.4)."""

    async def answer(self, request: _Incoming, entry: Entry, wire: _Wire) -> None:
        form = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        entry.endpoint, entry.operation = "token", form.get("grant_type", "")
        target = Target("token", "", entry.operation, request.method, "")
        await self.with_faults([target], entry, wire, lambda: self._token(request, form, entry), _plain_fault)

    def _token(self, request: _Incoming, form: dict[str, str], entry: Entry) -> Reply:
        world = self._world
        try:
            if request.method != "POST":
                raise OAuthError("invalid_request", "POST expected", 405)
            app = self._app(request, form)
            entry.client_id = app.client_id
            grant = self._grant(app, form)
        except OAuthError as error:
            body: Json = {"error": error.error}
            if error.description:
                body["error_description"] = error.description
            return Reply(error.status, encode(body))
        entry.realm = grant.realm
        hard = request.headers.get("x-include-refresh-token-hard-expires-in", "").lower() == "true"
        return Reply(200, encode(world.authority.answer(grant, hard)))

    def _app(self, request: _Incoming, form: dict[str, str]) -> App:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, blob = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = base64.b64decode(blob).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", status=401) from None
        return self._world.authority.authenticate(client_id, secret)

    def _grant(self, app: App, form: dict[str, str]) -> Grant:
        authority = self._world.authority
        kind = form.get("grant_type")
        if kind == "refresh_token":
            if "refresh_token" not in form:
                raise OAuthError("invalid_request", "refresh_token is missing")
            return authority.refresh(app, form["refresh_token"], self._world.switches)
        if kind == "authorization_code":
            if "code" not in form:
                raise OAuthError("invalid_request", "code is missing")
            return authority.exchange(app, form["code"], form.get("redirect_uri", ""))
        raise OAuthError("unsupported_grant_type" if kind else "invalid_request")


class _RevokeEndpoint(_TokenEndpoint):
    """``/v2/oauth2/tokens/revoke`` (protocol.md 2.8)."""

    async def answer(self, request: _Incoming, entry: Entry, wire: _Wire) -> None:
        entry.endpoint = entry.operation = "revoke"
        target = Target("revoke", "", "revoke", request.method, "")
        await self.with_faults([target], entry, wire, lambda: self._revoke(request), _plain_fault)

    def _revoke(self, request: _Incoming) -> Reply:
        try:
            self._app(request, {})
            content = decode(request.body) if request.body else {}
            token = str(content.get("token", "")) if isinstance(content, dict) else ""
            if not token or not self._world.authority.revoke(token):
                raise OAuthError("invalid_request", "Unknown token")
        except OAuthError as error:
            return Reply(error.status, encode({"error": error.error}))
        except DecodeError:
            return Reply(400, encode({"error": "invalid_request"}))
        return Reply(200, b"")


def _plain_fault(rule: Rule) -> Reply:
    """What a rule puts in place of a token answer."""
    if rule.body is not None:
        return Reply(rule.status, rule.body.encode())
    if rule.kind == "html" or rule.status >= 500:
        return _html_page(rule.status)
    return Reply(rule.status, encode({"error": "invalid_request"}))


class _Wire:
    """One connection: sends a reply whole, or breaks off."""

    def __init__(self, send: Send, entry: Entry) -> None:
        # uvicorn hands out ``send`` as a method of its request cycle, which owns the transport
        self._transport = getattr(getattr(send, "__self__", None), "transport", None)
        self._send = send
        self._entry = entry

    async def send(self, reply: Reply) -> None:
        """The whole reply."""
        await self._start(reply)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def _start(self, reply: Reply) -> None:
        self._entry.status, self._entry.size = reply.status, len(reply.body)
        headers = {
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            "intuit_tid": self._entry.tid,
            **_FIXED_HEADERS,
            **reply.headers,
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": raw})

    async def truncate(self, reply: Reply, keep: int | None) -> None:
        """Headers that promise everything, then half of it (or so many bytes), then the end."""
        await self._start(reply)
        kept = reply.body[: len(reply.body) // 2 if keep is None else keep]
        await self._send({"type": "http.response.body", "body": kept, "more_body": True})
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(_SETTLE_SECONDS)

    async def reset(self) -> None:
        """Cut the connection without an answer, with a TCP reset."""
        self._entry.status = 0
        if self._transport is None:
            raise RuntimeError("the server does not let connections be cut")
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await asyncio.sleep(_SETTLE_SECONDS)
