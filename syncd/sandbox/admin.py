"""The admin API under ``/_sandbox`` (described in docs/sandbox.md). Not part of what QBO offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.sandbox import admin_states, agenda, company, webhooks
from syncd.sandbox import merge as merging
from syncd.sandbox.admin_calls import BadCallError, body_of, held_of
from syncd.sandbox.book import Book
from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.oauth import App
from syncd.sandbox.scenario import as_switches
from syncd.sandbox.specs import SPECS
from syncd.sandbox.wire import DecodeError, Json, decode, encode
from syncd.sandbox.world import DEFAULT_CLIENT, Company

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

Handler = Callable[[Request], Awaitable[Response]]
_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PAGING = (("after", 0), ("limit", 10_000), ("skip", 0))


def routes(sandbox: Sandbox) -> list[Route]:
    """All admin routes."""
    admin = _Admin(sandbox)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Any]]]] = [
        ("GET", "/health", admin.health),
        ("GET", "/companies", admin.companies),
        ("POST", "/companies", admin.create_company),
        ("GET", "/companies/{realm}", admin.company),
        ("PATCH", "/companies/{realm}", admin.change_company),
        ("DELETE", "/companies/{realm}", admin.delete_company),
        ("PATCH", "/companies/{realm}/preferences", admin.change_preferences),
        ("POST", "/companies/{realm}/merge", admin.merge),
        ("POST", "/companies/{realm}/tokens", admin.issue_tokens),
        ("POST", "/companies/{realm}/disconnect", admin.disconnect),
        ("POST", "/companies/{realm}/load", admin.load),
        ("GET", "/companies/{realm}/export", admin.export),
        ("GET", "/companies/{realm}/history", admin.history),
        ("GET", "/apps", admin.apps),
        ("POST", "/apps", admin.add_app),
        ("GET", "/clock", admin.clock),
        ("POST", "/clock", admin.set_clock),
        ("GET", "/switches", admin.switches),
        ("PATCH", "/switches", admin.change_switches),
        ("GET", "/faults", admin.faults),
        ("POST", "/faults", admin.add_fault),
        ("DELETE", "/faults", admin.clear_faults),
        ("DELETE", "/faults/{rule:int}", admin.delete_fault),
        ("GET", "/requests", admin.requests),
        ("DELETE", "/requests", admin.clear_requests),
        ("GET", "/requests/summary", admin.summary),
        ("GET", "/requests/{seq:int}", admin.one_request),
        ("POST", "/throttle/reset", admin.reset_throttle),
        *admin_states.calls(sandbox),
        *webhooks.calls(sandbox.world),
    ]
    by_path: dict[str, dict[str, Callable[[Request], Awaitable[Any]]]] = {}
    for method, path, handler in table:
        by_path.setdefault(path, {})[method] = handler
    return [Route(path, _dispatch(sandbox, handlers), methods=list(handlers)) for path, handlers in by_path.items()]


def _dispatch(sandbox: Sandbox, handlers: dict[str, Callable[[Request], Awaitable[Any]]]) -> Handler:
    async def endpoint(request: Request) -> Response:
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return _json({"error": "method not allowed"}, 405)
        try:
            result = await handler(request)
            sandbox.save()
        except BadCallError as error:
            return _json({"error": str(error)}, error.status)
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError, DecodeError) as error:
            return _json({"error": str(error)}, 400)
        return result if isinstance(result, Response) else _json(result)

    return endpoint


def _json(content: Any, status: int = 200) -> Response:
    return Response(encode(content), status, media_type="application/json")


class _Admin:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world

    def _held(self, request: Request) -> Company:
        return held_of(self._world, request)

    async def health(self, _: Request) -> Json:
        return {"status": "ok", "companies": len(self._world.companies), "requests": self._world.ledger.last}

    async def companies(self, _: Request) -> Json:
        return {"companies": [self._describe(held.book) for held in self._world.companies.values()]}

    async def create_company(self, request: Request) -> Json:
        return self._describe(self._world.add_company(await body_of(request)).book)

    async def company(self, request: Request) -> Json:
        return self._describe(self._held(request).book)

    async def change_company(self, request: Request) -> Json:
        book = self._held(request).book
        company.change(book, await body_of(request))
        return self._describe(book)

    async def delete_company(self, request: Request) -> Json:
        self._held(request)
        realm = request.path_params["realm"]
        del self._world.companies[realm]
        if self._sandbox.store is not None:
            self._sandbox.store.forget(realm)
        self._sandbox.snapshots.forget(realm)
        return {"deleted": realm}

    async def change_preferences(self, request: Request) -> Json:
        book = self._held(request).book
        company.merge_preferences(book, await body_of(request))
        record = book.find("Preferences", "1")
        return {} if record is None else record.body

    async def merge(self, request: Request) -> Json:
        book, wanted = self._held(request).book, await body_of(request)
        entity, loser, survivor = (str(wanted[name]) for name in ("entity", "loser", "survivor"))
        return merging.merge(book, self._world.switches, entity, loser, survivor)

    async def issue_tokens(self, request: Request) -> Json:
        realm = request.path_params["realm"]
        self._held(request)
        wanted = await body_of(request)
        authority = self._world.authority
        app = authority.apps.get(str(wanted.get("client_id", DEFAULT_CLIENT)))
        if app is None:
            raise BadCallError("no such app", 404)
        seconds = wanted.get("access_seconds")
        grant = authority.issue(app.client_id, realm, access_seconds=None if seconds is None else float(seconds))
        return {
            **authority.answer(grant),
            "realmId": realm,
            "client_id": app.client_id,
            "client_secret": app.secret,
        }

    async def disconnect(self, request: Request) -> Json:
        self._held(request)
        return {"ended": agenda.disconnect(self._sandbox, request.path_params["realm"])}

    async def load(self, request: Request) -> Json:
        book = self._held(request).book
        now, count = self._world.clock.now(), 0
        for line in (await request.body()).splitlines():
            if not line.strip():
                continue
            for entity, raw in _LINE.decode(line).items():
                if entity not in SPECS:
                    raise BadCallError(f"{entity} is not served")
                book.load(entity, decode(raw), bytes(raw), now)
                count += 1
        return {"loaded": count}

    async def export(self, request: Request) -> Response:
        book = self._held(request).book
        wanted = request.query_params.get("entity")
        names = [wanted] if wanted else list(book.tables)
        lines = [
            b'{"%b":%b}\n' % (name.encode(), record.raw) for name in names for record in book.tables[name].rows(True)
        ]
        return Response(b"".join(lines), media_type="application/x-ndjson")

    async def history(self, request: Request) -> Json:
        book = self._held(request).book
        asked = request.query_params
        after, limit = int(asked.get("after", 0)), int(asked.get("limit", 100_000))
        rows = [
            version.public()
            for version in book.history[after:]
            if asked.get("entity") in (None, version.entity) and asked.get("id") in (None, version.id)
        ]
        return {"history": rows[:limit], "last": len(book.history)}

    async def apps(self, _: Request) -> Json:
        return {"apps": [msgspec.to_builtins(app) for app in self._world.authority.apps.values()]}

    async def add_app(self, request: Request) -> Json:
        wanted = await body_of(request)
        uris = wanted.get("redirect_uris")
        app = App(str(wanted["client_id"]), str(wanted["client_secret"]), None if uris is None else list(uris))
        self._world.authority.add_app(app)
        return {"client_id": app.client_id, "redirect_uris": app.redirect_uris}

    async def clock(self, _: Request) -> Json:
        clock = self._world.clock
        now = clock.now()
        return {"now": stamp_millis(now), "epoch": now, "speed": clock.speed}

    async def set_clock(self, request: Request) -> Json:
        agenda.set_clock(self._sandbox, await body_of(request))
        return await self.clock(request)

    async def switches(self, _: Request) -> Json:
        return self._world.switches.public()

    async def change_switches(self, request: Request) -> Json:
        self._world.switches.change(as_switches(await body_of(request)))
        return self._world.switches.public()

    async def faults(self, _: Request) -> Json:
        return {"faults": self._world.injector.public()}

    async def add_fault(self, request: Request) -> Json:
        return {"id": self._world.injector.add(await body_of(request)).id}

    async def clear_faults(self, _: Request) -> Json:
        self._world.injector.clear()
        return {"faults": []}

    async def delete_fault(self, request: Request) -> Json:
        if not self._world.injector.remove(request.path_params["rule"]):
            raise BadCallError("no such rule", 404)
        return {"deleted": request.path_params["rule"]}

    async def requests(self, request: Request) -> Json:
        asked = dict(request.query_params)
        after, limit, skip = (int(asked.pop(name, number)) for name, number in _PAGING)
        newest_first = asked.pop("order", "asc") == "desc"
        bodies = asked.pop("bodies", "false") == "true"
        ledger = self._world.ledger
        found = ledger.matching(asked, after, newest_first)
        return {"requests": [entry.public(bodies) for entry in islice(found, skip, skip + limit)], "last": ledger.last}

    async def one_request(self, request: Request) -> Json:
        entry = self._world.ledger.find(request.path_params["seq"])
        if entry is None:
            raise BadCallError("no such request", 404)
        return entry.public(bodies=True)

    async def summary(self, request: Request) -> Json:
        asked = dict(request.query_params)
        after = int(asked.pop("after", 0))
        rows = self._world.ledger.summary(asked, after)
        return {"summary": rows, "requests": sum(row["count"] for row in rows), "last": self._world.ledger.last}

    async def clear_requests(self, _: Request) -> Json:
        self._world.ledger.clear()
        return {"last": self._world.ledger.last}

    async def reset_throttle(self, _: Request) -> Json:
        self._world.throttle.reset()
        return {"throttle": self._world.switches.throttle}

    def _describe(self, book: Book) -> Json:
        record = book.find("CompanyInfo", "1")
        return {
            "realm": book.realm,
            "name": "" if record is None else record.body.get("CompanyName"),
            "settings": msgspec.to_builtins(book.settings),
            "records": {name: len(table.records) for name, table in book.tables.items()},
            "versions": len(book.history),
            "coreplus_this_month": self._world.throttle.month(book.realm, self._world.clock.now()),
        }
