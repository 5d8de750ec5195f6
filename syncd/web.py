"""The one HTTP port: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for whoever watches the service.

Nothing here changes anything. There is no password: the port listens on loopback unless told otherwise.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd import log
from syncd.config import HttpConfig
from syncd.errors import ConfigError

_logger = log.get_logger(__name__)
_STOP_SECONDS = 5


class Health(msgspec.Struct, frozen=True):
    """How the service is. ``alive``: it still schedules work. ``ready``: every company can be worked on."""

    alive: bool
    ready: bool
    companies: dict[str, dict[str, Any]] = {}


class LimitBody:
    """Reads each request's body before the application sees it, and refuses one of more than ``limit`` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.limit:
            await self._refuse(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > self.limit:
                await self._refuse(scope, receive, send)
                return
            more = message.get("more_body", False)
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, replay, send)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
        response = PlainTextResponse("request body too large\n", status_code=413, headers={"Connection": "close"})
        await response(scope, receive, send)


def create_app(registry: CollectorRegistry, health: Callable[[], Health], *, max_body_bytes: int = 65_536) -> ASGIApp:
    """The application behind the port."""

    async def metrics(request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        body, content_type = await run_in_threadpool(_exposition, registry, accept)
        return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def healthz(request: Request) -> Response:
        now = await run_in_threadpool(health)
        return _json({"status": "ok" if now.alive else "stuck"}, 200 if now.alive else 503)

    async def readyz(request: Request) -> Response:
        now = await run_in_threadpool(health)
        body = {"status": "ready" if now.ready else "not ready", "companies": now.companies}
        return _json(body, 200 if now.ready else 503)

    routes = [Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz)]
    return LimitBody(Starlette(routes=routes), max_body_bytes)


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
