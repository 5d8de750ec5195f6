"""The admin API for scenarios and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from syncd.sandbox import scenario
from syncd.sandbox.admin_calls import BadCallError, Call, held_of
from syncd.sandbox.snapshots import Snapshot
from syncd.sandbox.wire import Json, decode

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox


def calls(sandbox: Sandbox) -> list[Call]:
    """The calls with their handlers."""
    states = _States(sandbox)
    return [
        ("GET", "/scenario", states.events),
        ("POST", "/scenario", states.add_scenario),
        ("DELETE", "/scenario", states.clear_events),
        ("GET", "/snapshots", states.snapshots),
        ("POST", "/snapshots/{name}", states.take),
        ("DELETE", "/snapshots/{name}", states.delete),
        ("POST", "/snapshots/{name}/restore", states.restore),
        ("GET", "/companies/{realm}/snapshots", states.snapshots),
        ("POST", "/companies/{realm}/snapshots/{name}", states.take),
        ("DELETE", "/companies/{realm}/snapshots/{name}", states.delete),
        ("POST", "/companies/{realm}/snapshots/{name}/restore", states.restore),
    ]


class _States:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world

    async def events(self, _: Request) -> Json:
        return {"events": [event.public() for event in self._sandbox.agenda.events]}

    async def add_scenario(self, request: Request) -> Json:
        raw = await request.body()
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise BadCallError("the body must be UTF-8") from None
        content = decode(raw) if text.lstrip().startswith("{") else scenario.parse(text)
        return scenario.apply(self._sandbox, scenario.read(content))

    async def clear_events(self, _: Request) -> Json:
        self._sandbox.agenda.clear()
        return {"events": []}

    def _realm(self, request: Request) -> str:
        """The company that the path names; empty for all of them."""
        if "realm" not in request.path_params:
            return ""
        held_of(self._world, request)
        realm: str = request.path_params["realm"]
        return realm

    def _named(self, request: Request) -> list[Snapshot]:
        found = self._sandbox.snapshots.of(self._realm(request), request.path_params["name"])
        if not found:
            raise BadCallError("no such snapshot", 404)
        return found

    async def snapshots(self, request: Request) -> Json:
        return _listed("snapshots", self._sandbox.snapshots.of(self._realm(request)))

    async def take(self, request: Request) -> Json:
        realm, name = self._realm(request), request.path_params["name"]
        realms = [realm] if realm else list(self._world.companies)
        return _listed("snapshots", [self._sandbox.snapshots.take(one, name) for one in realms])

    async def restore(self, request: Request) -> Json:
        found = self._named(request)
        return _listed("restored", [self._sandbox.snapshots.restore(one.realm, one.name) for one in found])

    async def delete(self, request: Request) -> Json:
        found = self._named(request)
        for snapshot in found:
            self._sandbox.snapshots.delete(snapshot.realm, snapshot.name)
        return _listed("deleted", found)


def _listed(name: str, snapshots: list[Snapshot]) -> Json:
    return {name: [snapshot.public() for snapshot in snapshots]}
