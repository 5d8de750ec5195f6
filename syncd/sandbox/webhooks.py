"""Webhooks: registrations by app, the listener that makes events of new versions, and the admin calls (protocol.md 10).

Nothing of it is kept in a data file: after a restart an endpoint is registered again, and what was not delivered is
lost, as a client must survive (protocol.md 10.4 advises a CDC sweep).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from syncd.sandbox.book import Version
from syncd.sandbox.webhook_delivery import Courier, loopback_url
from syncd.sandbox.webhook_payloads import OFFERED, OPERATIONS, events_of
from syncd.sandbox.webhook_queue import Hook, Outbox
from syncd.sandbox.wire import Json, decode, encode
from syncd.sandbox.world import World

Handler = Callable[[Request], Awaitable[Any]]
Call = tuple[str, str, Handler]
"""Method, path and handler, as the admin API lists them."""

SETTLE_SECONDS = 30.0
_MEMBERS = frozenset(item.name for item in fields(Hook)) - {"client_id"}


def calls(world: World) -> list[Call]:
    """The admin calls for webhooks; from now on the world's changes are told to whoever registers."""
    admin = _Admin(world)
    one = "/webhooks/{client_id}"
    table: list[Call] = [
        ("GET", "/webhooks", admin.all),
        ("GET", one, admin.look),
        ("PUT", one, admin.register),
        ("DELETE", one, admin.unregister),
        ("GET", f"{one}/deliveries", admin.deliveries),
        ("DELETE", f"{one}/deliveries", admin.clear),
        ("POST", f"{one}/pause", admin.pause),
        ("POST", f"{one}/resume", admin.resume),
        ("POST", f"{one}/flush", admin.flush),
        ("POST", f"{one}/replay", admin.replay),
        ("POST", f"{one}/drop", admin.drop),
        ("POST", f"{one}/settle", admin.settle),
    ]
    return [(method, path, _or_404(handler)) for method, path, handler in table]


class Webhooks:
    """The endpoints of all apps; listens to the world."""

    def __init__(self, world: World) -> None:
        self.couriers: dict[str, Courier] = {}
        self._world = world
        world.listeners.append(self._heard)

    def register(self, hook: Hook) -> Courier:
        """Set an app's endpoint; what waits for it goes to the new address."""
        courier = self.couriers.get(hook.client_id)
        if courier is None:
            courier = self.couriers[hook.client_id] = Courier(Outbox(hook, self._world.switches), self._world)
        courier.outbox.adopt(hook)
        courier.poke()
        return courier

    def unregister(self, client_id: str) -> None:
        """Forget an app's endpoint with all that waits."""
        self.couriers.pop(client_id).stop()

    def _heard(self, realm: str, news: list[Version]) -> None:
        if not self.couriers:
            return
        events = events_of(realm, news, self._world.switches)
        for client_id, courier in self.couriers.items():
            wanted = [event for event in events if courier.outbox.hook.wants(event)]
            if wanted and self._world.authority.connected(client_id, realm):
                courier.outbox.add(wanted, self._world.clock.now())
                courier.poke()


def hook_of(client_id: str, wanted: Json, before: Hook | None) -> Hook:
    """A registration from its JSON form, on top of the one before; ValueError says what is wrong."""
    unknown = sorted(wanted.keys() - _MEMBERS)
    if unknown:
        raise ValueError(f"unknown members: {', '.join(unknown)}")
    if "url" not in wanted and before is None:
        raise ValueError("url is missing")
    hook = replace(before or Hook(client_id, "", str(uuid.uuid4())), **wanted)
    if not isinstance(hook.url, str):
        raise ValueError("url must be text")
    loopback_url(hook.url)
    if not isinstance(hook.verifier_token, str) or not hook.verifier_token:
        raise ValueError("verifier_token must be text")
    if hook.form not in ("classic", "cloudevents", "both"):
        raise ValueError("form must be classic, cloudevents or both")
    if not isinstance(hook.seed, int):
        raise ValueError("seed must be a whole number")
    for name, chosen, known in (("entities", hook.entities, OFFERED), ("operations", hook.operations, OPERATIONS)):
        if chosen is not None and not (isinstance(chosen, list) and set(chosen) <= set(known)):
            raise ValueError(f"{name} must be null or a list of {', '.join(sorted(known))}")
    return hook


class _NoEndpointError(LookupError):
    """404: no such app, or it has no endpoint."""


def _or_404(handler: Handler) -> Handler:
    async def found(request: Request) -> Any:
        try:
            return await handler(request)
        except _NoEndpointError as error:
            return Response(encode({"error": str(error)}), 404, media_type="application/json")

    return found


class _Admin:
    def __init__(self, world: World) -> None:
        self._world = world
        self._webhooks = Webhooks(world)

    def _courier(self, request: Request) -> Courier:
        courier = self._webhooks.couriers.get(request.path_params["client_id"])
        if courier is None:
            raise _NoEndpointError("the app has no webhook endpoint")
        return courier

    async def all(self, _: Request) -> Json:
        return {"webhooks": [_describe(courier.outbox) for courier in self._webhooks.couriers.values()]}

    async def look(self, request: Request) -> Json:
        return _describe(self._courier(request).outbox)

    async def register(self, request: Request) -> Json:
        client_id = request.path_params["client_id"]
        if client_id not in self._world.authority.apps:
            raise _NoEndpointError("no such app")
        before = self._webhooks.couriers.get(client_id)
        hook = hook_of(client_id, await _body(request), None if before is None else before.outbox.hook)
        return _describe(self._webhooks.register(hook).outbox)

    async def unregister(self, request: Request) -> Json:
        self._courier(request)
        self._webhooks.unregister(request.path_params["client_id"])
        return {"deleted": request.path_params["client_id"]}

    async def deliveries(self, request: Request) -> Json:
        outbox = self._courier(request).outbox
        return {
            "attempts": list(outbox.attempts),
            "pending": [delivery.public() for delivery in outbox.pending()],
            "waiting": outbox.waiting(),
            "dropped": [event.id for event in outbox.dropped],
        }

    async def clear(self, request: Request) -> Json:
        self._courier(request).outbox.clear()
        return await self.deliveries(request)

    async def pause(self, request: Request) -> Json:
        courier = self._courier(request)
        courier.outbox.paused = True
        return _describe(courier.outbox)

    async def resume(self, request: Request) -> Json:
        courier = self._courier(request)
        courier.outbox.paused = False
        courier.poke()
        return _describe(courier.outbox)

    async def flush(self, request: Request) -> Json:
        courier = self._courier(request)
        courier.outbox.flush(self._world.clock.now())
        courier.poke()
        return _describe(courier.outbox)

    async def replay(self, request: Request) -> Json:
        courier = self._courier(request)
        ids = await _only(request, "event_ids", list, None)
        count = courier.outbox.replay(None if ids is None else {str(one) for one in ids}, self._world.clock.now())
        courier.poke()
        return {"replayed": count}

    async def drop(self, request: Request) -> Json:
        outbox = self._courier(request).outbox
        outbox.drop_next = max(0, await _only(request, "events", int, 1))
        return _describe(outbox)

    async def settle(self, request: Request) -> Json:
        courier = self._courier(request)
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await courier.settled()
        except TimeoutError:
            raise ValueError(f"still busy after {SETTLE_SECONDS:g} s") from None
        return _describe(courier.outbox)


async def _body(request: Request) -> Json:
    raw = await request.body()
    content = decode(raw) if raw else {}
    if not isinstance(content, dict):
        raise ValueError("the body must be a JSON object")
    return content


async def _only(request: Request, name: str, kind: type, default: Any) -> Any:
    """The value of a body's only member."""
    content = await _body(request)
    if content.keys() - {name} or not isinstance(content.get(name, default), (kind, type(default))):
        raise ValueError(f"only {name} is known, a {kind.__name__}")
    return content.get(name, default)


def _describe(outbox: Outbox) -> Json:
    return {
        **asdict(outbox.hook),
        "paused": outbox.paused,
        "blacklisted": outbox.blacklisted,
        "drop_next": outbox.drop_next,
        "attempts": len(outbox.attempts),
        "pending": len(outbox.pending()),
        "waiting": len(outbox.waiting()),
        "dropped": len(outbox.dropped),
    }
