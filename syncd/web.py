"""The one HTTP port: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for whoever watches, ``/webhooks/qbo``.

Nothing here changes a record. The port listens on loopback unless told otherwise. Metrics and health are open to
whoever reaches it: they hold companies' names and numbers, never a record or a secret. How each company stands is told
in full only on loopback or for the token; a webhook is let in by its signature; anything else needs the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd import log, webhooks
from syncd.config import HttpConfig
from syncd.errors import ConfigError

_logger = log.get_logger(__name__)
_STOP_SECONDS = 5
_BODY_SECONDS = 10.0
"""So long may a caller take to send what it announced."""
_OPEN = frozenset({"/metrics", "/healthz", "/readyz", webhooks.PATH})


class Health(msgspec.Struct, frozen=True):
    """How the service is. ``alive``: it still schedules work. ``ready``: every company can be worked on."""

    alive: bool
    ready: bool
    companies: dict[str, dict[str, Any]] = {}


class Access:
    """Who may see more than metrics and health: whoever has the token, or without one whoever is on this machine."""

    def __init__(self, http: HttpConfig) -> None:
        self.local = http.local
        self._token = http.token.get_secret_value().encode() if http.token is not None else b""

    def shown(self, headers: Headers) -> bool:
        """Whether a caller is told how each company stands."""
        return self.local or self._bears_token(headers)

    def refusal(self, headers: Headers) -> Response | None:
        """What a caller gets who asks for something that is not open; None for one who may."""
        if self._bears_token(headers) or (self.local and not self._token):
            return None
        if not self._token:
            return PlainTextResponse("only metrics and health are served here: see [http] token\n", status_code=403)
        challenge = {"WWW-Authenticate": 'Bearer realm="syncd"'}
        return PlainTextResponse("a token is needed\n", status_code=401, headers=challenge)

    def _bears_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self._token)
        return bool(self._token) and scheme.lower() == "bearer" and right


class Gate:
    """Lets through what is open, and the rest for those who may."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            refusal = self.access.refusal(Headers(scope=scope))
        await (refusal or self.app)(scope, receive, send)


class LimitBody:
    """Reads each request's body before the application sees it. One of more than ``limit`` bytes is refused (``limits``
    allows more for some paths), and so is one that does not come."""

    def __init__(self, app: ASGIApp, limit: int, limits: Mapping[str, int]) -> None:
        self.app = app
        self.limit = limit
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = max(self.limit, self.limits.get(scope["path"], 0))
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            await self._refuse(scope, receive, send, 413, "request body too large")
            return
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._read(receive, limit)
        except TimeoutError:
            await self._refuse(scope, receive, send, 408, "the request body did not come")
            return
        except OverflowError:
            await self._refuse(scope, receive, send, 413, "request body too large")
            return
        if body is None:
            return
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, replay, send)

    @staticmethod
    async def _read(receive: Receive, limit: int) -> bytes | None:
        """The whole body; None when the caller went away, ``OverflowError`` when it is too long."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise OverflowError
            if not message.get("more_body", False):
                return b"".join(parts)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
        response = PlainTextResponse(f"{reason}\n", status_code=status, headers={"Connection": "close"})
        await response(scope, receive, send)


def create_app(
    registry: CollectorRegistry, health: Callable[[], Health], http: HttpConfig, receiver: webhooks.Receiver
) -> ASGIApp:
    """The application behind the port."""
    access = Access(http)

    async def metrics(request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        body, content_type = await run_in_threadpool(_exposition, registry, accept)
        return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def healthz(request: Request) -> Response:
        now = await run_in_threadpool(health)
        return _json({"status": "ok" if now.alive else "stuck"}, 200 if now.alive else 503)

    async def readyz(request: Request) -> Response:
        now = await run_in_threadpool(health)
        body: dict[str, Any] = {"status": "ready" if now.ready else "not ready"}
        if access.shown(request.headers):
            body["companies"] = now.companies
        return _json(body, 200 if now.ready else 503)

    async def webhook(request: Request) -> Response:
        if not receiver.active:
            return PlainTextResponse("Not Found", status_code=404)
        signatures = request.headers.getlist(webhooks.SIGNATURE)
        status = await run_in_threadpool(receiver.take, await request.body(), signatures)
        return PlainTextResponse("", status_code=status)

    routes = [
        Route("/metrics", metrics),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route(webhooks.PATH, webhook, methods=["POST"]),
    ]
    limits = {webhooks.PATH: webhooks.BODY_BYTES} if receiver.active else {}
    return Gate(LimitBody(Starlette(routes=routes), http.max_body_bytes, limits), access)


def _exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """All metrics in the format asked for; in the plain one where the request makes no sense."""
    try:
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type
    except (TypeError, ValueError):
        encode, content_type = choose_encoder("")
        return encode(registry), content_type


def _json(body: Any, status: int) -> Response:
    content = msgspec.json.encode(body) + b"\n"
    return Response(content, status_code=status, media_type="application/json", headers={"Cache-Control": "no-store"})


def bind(http: HttpConfig) -> socket.socket:
    """Take the port before anything else is started; ``ConfigError`` when it cannot be had."""
    try:
        family = socket.getaddrinfo(http.bind, http.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((http.bind, http.port), family=family)
    except OSError as error:
        raise ConfigError(
            f"The HTTP port {http.bind}:{http.port} cannot be opened: {error.strerror or error}.",
            remedy="Set http.bind and http.port to an address of this machine and a free port.",
        ) from None


@contextlib.contextmanager
def serving(listener: socket.socket, app: ASGIApp, *, max_concurrency: int) -> Iterator[None]:
    """Serve ``app`` in a thread while the block runs; the request in hand is finished before it ends."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=max_concurrency,
        h11_max_incomplete_event_size=16_384,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    address, port = listener.getsockname()[:2]
    _logger.info("http_listening", address=address, port=port)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS + 2)
        listener.close()
