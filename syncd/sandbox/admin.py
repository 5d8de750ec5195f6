"""The admin API under ``/_sandbox`` (described in ``syncd/sandbox/__init__.py``). Not part of what QBO offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.sandbox import company
from syncd.sandbox.book import Book
from syncd.sandbox.clock import parse_moment, stamp_millis
from syncd.sandbox.oauth import App
from syncd.sandbox.specs import SPECS
from syncd.sandbox.wire import DecodeError, Json, decode, encode
from syncd.sandbox.world import DEFAULT_CLIENT, Company

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

Handler = Callable[[Request], Awaitable[Response]]
_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FILTERS = frozenset({"method", "realm", "endpoint", "entity", "operation", "requestid", "status", "client_id", "tid"})


class _BadRequestError(Exception):
    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


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
        ("POST", "/throttle/reset", admin.reset_throttle),
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
        except _BadRequestError as error:
            return _json({"error": str(error)}, error.status)
        except (ValueError, TypeError, KeyError, DecodeError) as error:
            return _json({"error": str(error)}, 400)
        return result if isinstance(result, Response) else _json(result)

    return endpoint


def _json(content: Any, status: int = 200) -> Response:
    return Response(encode(content), status, media_type="application/json")


async def _body(request: Request) -> Json:
    raw = await request.body()
    content = decode(raw) if raw else {}
    if not isinstance(content, dict):
        raise _BadRequestError("the body must be a JSON object")
    return content


class _Admin:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world

    def _held(self, request: Request) -> Company:
        held = self._world.companies.get(request.path_params["realm"])
        if held is None:
            raise _BadRequestError("no such company", 404)
        return held

    async def health(self, _: Request) -> Json:
        return {"status": "ok", "companies": len(self._world.companies), "requests": self._world.ledger.last}

    async def companies(self, _: Request) -> Json:
        return {"companies": [self._describe(held.book) for held in self._world.companies.values()]}

    async def create_company(self, request: Request) -> Json:
        return self._describe(self._world.add_company(await _body(request)).book)

    async def company(self, request: Request) -> Json:
        return self._describe(self._held(request).book)

    async def change_company(self, request: Request) -> Json:
        book = self._held(request).book
        company.change(book, await _body(request))
        return self._describe(book)

    async def delete_company(self, request: Request) -> Json:
        self._held(request)
        realm = request.path_params["realm"]
        del self._world.companies[realm]
        if self._sandbox.store is not None:
            self._sandbox.store.forget(realm)
        return {"deleted": realm}

    async def change_preferences(self, request: Request) -> Json:
        book = self._held(request).book
        company.merge_preferences(book, await _body(request))
        record = book.find("Preferences", "1")
        return {} if record is None else record.body

    async def issue_tokens(self, request: Request) -> Json:
        realm = request.path_params["realm"]
        self._held(request)
        wanted = await _body(request)
        authority = self._world.authority
        app = authority.apps.get(str(wanted.get("client_id", DEFAULT_CLIENT)))
        if app is None:
            raise _BadRequestError("no such app", 404)
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
        realm = request.path_params["realm"]
        ended = [grant for grant in self._world.authority.grants.values() if grant.realm == realm]
        for grant in ended:
            self._world.authority.end(grant)
        return {"ended": len(ended)}

    async def load(self, request: Request) -> Json:
        book = self._held(request).book
        now, count = self._world.clock.now(), 0
        for line in (await request.body()).splitlines():
            if not line.strip():
                continue
            for entity, raw in _LINE.decode(line).items():
                if entity not in SPECS:
                    raise _BadRequestError(f"{entity} is not served")
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
        wanted = await _body(request)
        uris = wanted.get("redirect_uris")
        app = App(str(wanted["client_id"]), str(wanted["client_secret"]), None if uris is None else list(uris))
        self._world.authority.add_app(app)
        return {"client_id": app.client_id, "redirect_uris": app.redirect_uris}

    async def clock(self, _: Request) -> Json:
        clock = self._world.clock
        now = clock.now()
        return {"now": stamp_millis(now), "epoch": now, "speed": clock.speed}

    async def set_clock(self, request: Request) -> Json:
        wanted = await _body(request)
        unknown = wanted.keys() - {"set", "advance_seconds", "speed"}
        if unknown:
            raise _BadRequestError(f"unknown members: {', '.join(sorted(unknown))}")
        clock = self._world.clock
        if "speed" in wanted:
            clock.set_speed(float(wanted["speed"]))
        if "set" in wanted:
            at = wanted["set"]
            clock.set(parse_moment(at) if isinstance(at, str) else float(at))
        if "advance_seconds" in wanted:
            clock.advance(float(wanted["advance_seconds"]))
        return await self.clock(request)

    async def switches(self, _: Request) -> Json:
        return self._world.switches.public()

    async def change_switches(self, request: Request) -> Json:
        wanted = await _body(request)
        hints = self._world.switches.public()
        clean = {name: float(v) if isinstance(hints.get(name), float) else v for name, v in wanted.items()}
        self._world.switches.change(clean)
        return self._world.switches.public()

    async def faults(self, _: Request) -> Json:
        return {"faults": self._world.injector.public()}

    async def add_fault(self, request: Request) -> Json:
        return {"id": self._world.injector.add(await _body(request)).id}

    async def clear_faults(self, _: Request) -> Json:
        self._world.injector.rules.clear()
        return {"faults": []}

    async def delete_fault(self, request: Request) -> Json:
        if self._world.injector.rules.pop(request.path_params["rule"], None) is None:
            raise _BadRequestError("no such rule", 404)
        return {"deleted": request.path_params["rule"]}

    async def requests(self, request: Request) -> Json:
        asked = dict(request.query_params)
        after, limit = int(asked.pop("after", 0)), int(asked.pop("limit", 10_000))
        unknown = asked.keys() - _FILTERS
        if unknown:
            raise _BadRequestError(f"unknown filters: {', '.join(sorted(unknown))}")
        return {"requests": self._world.ledger.select(asked, after, limit), "last": self._world.ledger.last}

    async def clear_requests(self, _: Request) -> Json:
        self._world.ledger.entries.clear()
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
        }
