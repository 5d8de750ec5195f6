"""The HTTP shell: one ASGI application around a world."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount

from syncd.sandbox import admin, oauth_pages, pages
from syncd.sandbox.agenda import Agenda
from syncd.sandbox.delivery import Send
from syncd.sandbox.downloads import LinkEndpoint
from syncd.sandbox.endpoints import ACCOUNTING, AccountingEndpoint, Endpoint, NowhereEndpoint, Receive, Scope
from syncd.sandbox.links import LINKS
from syncd.sandbox.persist import Store
from syncd.sandbox.snapshots import Snapshots
from syncd.sandbox.world import World

_OURS = "/_sandbox"
"""The addresses that are not QuickBooks', besides the page at ``/``."""


class Sandbox:
    """The whole server as an ASGI application."""

    def __init__(self, world: World, store: Store | None = None) -> None:
        self.world = world
        self.store = store
        self.snapshots = Snapshots(world, store)
        self.agenda = Agenda(self)
        world.clock.watchers.append(self.agenda.run_due)
        self._accounting = AccountingEndpoint(self)
        self._links = LinkEndpoint(self)
        self._nowhere = NowhereEndpoint(self)
        self._exact = oauth_pages.endpoints(self)
        self._pages = Starlette(routes=[*pages.routes(self), Mount("/_sandbox", routes=admin.routes(self))])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The addresses of QuickBooks go straight to their endpoints, the admin API through Starlette."""
        self.agenda.run_due()
        endpoint = self._endpoint(scope.get("path", "")) if scope["type"] == "http" else None
        if endpoint is None:
            await self._pages(scope, receive, send)
        else:
            await endpoint(scope, receive, send)

    def _endpoint(self, path: str) -> Endpoint | None:
        if path.startswith(ACCOUNTING):
            return self._accounting
        if path == "/" or path.startswith(_OURS):
            return None
        return self._links if path.startswith(LINKS) else self._exact.get(path, self._nowhere)

    def save(self, realm: str | None = None) -> None:
        """Make what has changed durable, where there is a file, and tell the listeners; of one company or of all."""
        if self.store is not None:
            self.store.save()
        self.world.tell(realm)
