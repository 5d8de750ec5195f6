"""The page at ``/``: companies, records with their history, requests, faults, clock and switches, to look at.

Plain HTML made here, without scripts; nothing can be changed through it, everything is escaped, and secrets are shown
by their first characters only.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from syncd.sandbox.book import Book, Record, Version
from syncd.sandbox.clock import stamp, stamp_millis
from syncd.sandbox.ledger import FILTERS, Entry
from syncd.sandbox.markup import Markup, anchor, join, pairs, table, tag
from syncd.sandbox.page_frame import HEADERS, UI, masked, page_of, paging, search_form, shortened, whole
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json, decode, encode_indented
from syncd.sandbox.world import DEFAULT_CLIENT, Company

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

ROWS = 100
_LATEST = 15
_COLUMNS = (
    "DisplayName", "FullyQualifiedName", "Name", "DocNumber", "PaymentRefNum", "TxnDate", "DueDate", "CustomerRef",
    "VendorRef", "EntityRef", "Type", "AccountType", "FileName", "TotalAmt", "Balance", "UnappliedAmt",
    "CurrentBalance", "UnitPrice", "RateValue", "PrivateNote", "Active",
)  # fmt: skip
_NUMBERS = frozenset({"TotalAmt", "Balance", "UnappliedAmt", "CurrentBalance", "UnitPrice", "RateValue"})
_SEARCH = ("realm", "endpoint", "entity", "operation", "status", "fault_code", "requestid", "path_contains")
Handler = Callable[[Request], Markup]


class NotHereError(Exception):
    """There is no such page."""


def routes(sandbox: Sandbox) -> list[Route | Mount]:
    """The page at ``/`` and those behind it."""
    pages = Pages(sandbox)
    inner: list[tuple[str, Handler]] = [
        ("/companies/{realm}", pages.company),
        ("/companies/{realm}/{entity}", pages.records),
        ("/companies/{realm}/{entity}/{id}", pages.record),
        ("/requests", pages.requests),
        ("/requests/{seq:int}", pages.request),
        ("/faults", pages.faults),
        ("/settings", pages.settings),
    ]
    return [
        Route("/", _answering(pages.home)),
        Mount(UI, routes=[Route(path, _answering(handler)) for path, handler in inner]),
    ]


def _answering(handler: Handler) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        try:
            return HTMLResponse(handler(request), 200, HEADERS)
        except NotHereError as error:
            body = tag("p", str(error), " ", anchor("Back to the start.", "/"))
            return HTMLResponse(whole("Not found", body, ""), 404, HEADERS)

    async def on_the_loop(request: Request) -> Response:  # the books are only ever touched there
        return endpoint(request)

    return on_the_loop  # type: ignore[return-value]  # Starlette takes both kinds


def differences(before: Json, after: Json) -> list[tuple[str, Any, Any]]:
    """Where two versions differ: the path, the old and the new value; None where there is none."""
    old, new = _flat(before), _flat(after)
    found = [
        (path, old.get(path, _NOTHING), new.get(path, _NOTHING))
        for path in dict.fromkeys((*new, *old))
        if _differ(old.get(path, _NOTHING), new.get(path, _NOTHING))
    ]
    return [(path, None if a is _NOTHING else a, None if b is _NOTHING else b) for path, a, b in found]


_NOTHING = object()


def _differ(before: Any, after: Any) -> bool:
    return isinstance(before, bool) != isinstance(after, bool) or bool(before != after)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    members: Any = ()
    if isinstance(value, dict):
        members = [(f"{path}.{name}" if path else name, member) for name, member in value.items()]
    elif isinstance(value, list):
        members = [(f"{path}[{at}]", member) for at, member in enumerate(value)]
    if not members:
        return {path: value}
    return {name: leaf for where, member in members for name, leaf in _flat(member, where).items()}


class Pages:
    """Every page, made from what the sandbox knows at the moment."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world

    def _page(self, title: str, *body: object) -> Markup:
        clock = self._world.clock
        speed = "" if clock.speed == 1 else f", {clock.speed:g} times as fast as real time"
        return whole(title, join(body), f"{stamp(int(clock.now()))}{speed}")

    def _held(self, request: Request) -> Company:
        held = self._world.companies.get(request.path_params["realm"])
        if held is None:
            raise NotHereError("There is no such company.")
        return held

    def home(self, _: Request) -> Markup:
        """Companies, what is set up, the latest requests."""
        rows = []
        for realm, held in self._world.companies.items():
            book = held.book
            records = sum(len(entities.records) for entities in book.tables.values())
            link = anchor(_name(book), f"{UI}/companies/{realm}")
            rows.append((link, realm, book.settings.country, book.settings.home_currency, records, len(book.history)))
        rules = len(self._world.injector.rules)
        latest = list(islice(self._world.ledger.matching({}, newest_first=True), _LATEST))
        return self._page(
            "Companies",
            table(("Company", "Realm", "Country", "Currency", "Records", "Versions"), rows, (4, 5)),
            tag("p", "A company is made with ", tag("code", "POST /_sandbox/companies"), ".") if not rows else "",
            tag("h2", "Latest requests"),
            _requests(latest),
            tag("h2", "Fault rules"),
            tag("p", f"{rules} in force. ", anchor("Look", f"{UI}/faults"))
            if rules
            else tag("p", "None.", cls="quiet"),
            tag("h2", "Apps"),
            table(
                ("Client id", "Secret", "Redirect URIs"),
                [self._app_row(app) for app in self._world.authority.apps.values()],
            ),
        )

    @staticmethod
    def _app_row(app: Any) -> tuple[object, ...]:
        secret = "the well-known one" if app.client_id == DEFAULT_CLIENT else shortened(app.secret)
        return app.client_id, secret, "any" if app.redirect_uris is None else ", ".join(app.redirect_uris)

    def company(self, request: Request) -> Markup:
        """One company: its entities, connections, snapshots and settings."""
        held = self._held(request)
        book, realm = held.book, request.path_params["realm"]
        path = f"{UI}/companies/{realm}"
        entities = [
            (
                anchor(name, f"{path}/{name}"),
                len(held_.active),
                len(held_.records) - len(held_.active),
                len(held_.deleted),
            )
            for name, held_ in book.tables.items()
            if held_.records or held_.deleted
        ]
        grants = [
            (
                grant.client_id,
                "ended" if grant.revoked else "connected",
                shortened(grant.refresh),
                stamp(int(grant.refresh_expires)),
                ", ".join(shortened(token[-16:]) for token in grant.access),
            )
            for grant in self._world.authority.grants.values()
            if grant.realm == realm
        ]
        snapshots = [(s.name, stamp_millis(s.at), s.records, s.versions) for s in self._sandbox.snapshots.of(realm)]
        reads = self._world.throttle.month(realm, self._world.clock.now())
        settings = [(name, value) for name, value in sorted(vars(book.settings).items())]
        return self._page(
            f"{_name(book)} ({realm})",
            tag("p", anchor("Its requests", f"{UI}/requests", realm=realm)),
            table(("Entity", "Active", "Inactive", "Deleted"), entities, (1, 2, 3)),
            tag("h2", "Connections"),
            table(("App", "State", "Refresh token", "good until", "Access tokens"), grants),
            tag("h2", "Snapshots"),
            table(("Name", "Taken", "Records", "Versions"), snapshots, (2, 3)),
            tag("h2", "Settings"),
            pairs([("metered reads this month", reads), *settings]),
        )

    def records(self, request: Request) -> Markup:
        """The records of an entity, newest first, a page of them; those that contain the text of a search."""
        held, realm, entity = self._held(request), request.path_params["realm"], request.path_params["entity"]
        if entity not in held.book.tables:
            raise NotHereError("There is no such entity.")
        rows = held.book.tables[entity]
        wanted, page = request.query_params.get("q", ""), page_of(request)
        skip = (page - 1) * ROWS
        if wanted:
            needle = wanted.lower().encode()
            found = [record for record in rows.rows(True, backwards=True) if needle in record.raw.lower()]
            count, shown = len(found), found[skip : skip + ROWS]
        else:
            count = rows.count(True)
            shown = list(islice(rows.rows(True, backwards=True, skip=skip), ROWS)) if skip < count else []
        path = f"{UI}/companies/{realm}/{entity}"
        bodies = [record.body for record in shown]
        columns = [name for name in _COLUMNS if any(name in body for body in bodies)]
        lines = [_line(path, record, body, columns) for record, body in zip(shown, bodies, strict=True)]
        numbers = [at for at, name in enumerate(columns, 1) if name in _NUMBERS]
        return self._page(
            f"{entity} in {_name(held.book)}",
            tag("p", anchor(f"← {_name(held.book)}", f"{UI}/companies/{realm}"), f" · {count} found"),
            search_form(path, [("q", wanted)]),
            table(("Id", *columns, "SyncToken", "Changed"), lines, numbers),
            paging(path, page, skip + ROWS < count, q=wanted),
        )

    def record(self, request: Request) -> Markup:
        """One record as it is, and every version it had with what changed."""
        held, realm = self._held(request), request.path_params["realm"]
        entity, record_id = request.path_params["entity"], request.path_params["id"]
        record = held.book.find(entity, record_id) if entity in held.book.tables else None
        versions = [v for v in held.book.history if v.entity == entity and v.id == record_id]
        if record is None and not versions:
            raise NotHereError("There is no such record.")
        link = anchor(f"← {entity}", f"{UI}/companies/{realm}/{entity}")
        state = "as it is now" if record is not None else "deleted; its last version is shown"
        body = record.body if record is not None else decode(_last_living(versions).raw)
        return self._page(
            f"{entity} {record_id}",
            tag("p", link, f" · {state}"),
            tag("pre", encode_indented(body)),
            tag("h2", f"History ({len(versions)})"),
            *(_version(v, versions[at - 1] if at else None) for at, v in reversed(list(enumerate(versions)))),
        )

    def requests(self, request: Request) -> Markup:
        """The ledger, newest first, with filters."""
        asked = {name: value for name, value in request.query_params.items() if name in FILTERS and value}
        page = page_of(request)
        skip = (page - 1) * ROWS
        found = list(islice(self._world.ledger.matching(asked, newest_first=True), skip, skip + ROWS + 1))
        path = f"{UI}/requests"
        return self._page(
            "Requests",
            search_form(path, [(name, asked.get(name, "")) for name in _SEARCH]),
            _requests(found[:ROWS]),
            paging(path, page, len(found) > ROWS, **asked),
        )

    def request(self, request: Request) -> Markup:
        """One request, with its bodies where they were kept."""
        entry = self._world.ledger.find(request.path_params["seq"])
        if entry is None:
            raise NotHereError("There is no such request any more.")
        told = entry.public(bodies=True)
        bodies = [(name, told.pop(name)) for name in ("request_body", "response_body")]
        told["query"] = masked(told["query"])
        shown = [
            join((tag("h2", name.replace("_", " ").capitalize()), tag("pre", masked(_indented(body))))) if body else ""
            for name, body in bodies
        ]
        kept = entry.keep is not None
        return self._page(
            f"Request {entry.seq}",
            pairs((name, value) for name, value in told.items() if value not in ("", [], {}, None)),
            *shown,
            "" if kept else tag("p", "Bodies are kept while the switch keep_bodies is on.", cls="quiet"),
        )

    def faults(self, _: Request) -> Markup:
        """The fault rules with their hits, and the events of scenarios."""
        rows = [
            (
                rule.id,
                rule.label,
                rule.kind,
                _told(
                    rule.public(), ("endpoint", "entity", "operation", "method", "realm", "client", "requestid", "bid")
                ),
                f"from call {rule.nth}, every {rule.every}, " + (f"{rule.limit} times" if rule.limit else "always"),
                "after" if rule.after else "before",
                rule.matched,
                join((anchor(hit, f"{UI}/requests/{hit}") for hit in rule.hits[-5:]), " ") if rule.hits else "",
                rule.fired,
            )
            for rule in self._world.injector.rules.values()
        ]
        events = [
            (
                event.label,
                event.action,
                masked(encode_indented(event.value)),
                stamp_millis(event.at) if event.at is not None else f"after {event.after_requests} requests",
                event.state,
                event.error,
            )
            for event in self._sandbox.agenda.events
        ]
        head = ("Id", "Label", "Kind", "Matches", "Fires", "Commit", "Matched", "Latest hits", "Fired")
        return self._page(
            "Fault rules",
            table(head, rows, (6, 8)),
            tag("h2", "Events"),
            table(("Label", "Action", "Value", "When", "State", "Error"), events),
        )

    def settings(self, _: Request) -> Markup:
        """The clock, and every switch with its default."""
        clock, defaults = self._world.clock, Switches().public()
        rows = [
            (name, tag("span", encode_indented(value), cls=None if value == defaults[name] else "set"),
             encode_indented(defaults[name]))
            for name, value in self._world.switches.public().items()
        ]  # fmt: skip
        return self._page(
            "Clock and switches",
            pairs([("Now", stamp_millis(clock.now())), ("Speed", f"{clock.speed:g}")]),
            tag("h2", "Switches"),
            table(("Switch", "Value", "Default"), rows),
        )


def _name(book: Book) -> str:
    record = book.find("CompanyInfo", "1")
    return str(record.body.get("CompanyName")) if record is not None else book.realm


def _line(path: str, record: Record, body: Json, columns: list[str]) -> tuple[object, ...]:
    cells = [body.get(name) for name in columns]
    told = [cell.get("name", cell.get("value")) if isinstance(cell, dict) else cell for cell in cells]
    return anchor(record.id, f"{path}/{record.id}"), *told, record.token, stamp(record.updated)


def _last_living(versions: list[Version]) -> Version:
    return next((version for version in reversed(versions) if version.op != "delete"), versions[-1])


def _version(version: Version, before: Version | None) -> Markup:
    title = tag("h3", f"{version.op}, SyncToken {version.token}, {stamp(int(version.at))}")
    if before is None or version.op == "delete":
        return title
    found = [row for row in differences(decode(before.raw), decode(version.raw)) if row[0] not in _KNOWN_TO_MOVE]
    return join(
        (title, table(("Member", "Before", "After"), [(path, _leaf(old), _leaf(new)) for path, old, new in found]))
    )


_KNOWN_TO_MOVE = frozenset({"SyncToken", "MetaData.LastUpdatedTime"})


def _leaf(value: Any) -> object:
    return value if value is None or isinstance(value, str) else encode_indented(value)


def _requests(entries: list[Entry]) -> Markup:
    rows = []
    for entry in entries:
        failed = entry.status != 200 or entry.fault_code or entry.item_faults
        what = " ".join(part for part in (entry.endpoint, entry.entity, entry.operation) if part)
        notes = [entry.fault_code, "replayed" if entry.replayed else "", "injected" if entry.fault_rule else ""]
        notes += [f"{bid}: {code}" for bid, code in entry.item_faults.items()]
        where = f"{entry.path}{'?' + masked(entry.query) if entry.query else ''}"
        rows.append(
            (
                anchor(entry.seq, f"{UI}/requests/{entry.seq}"),
                stamp_millis(entry.at)[11:23],
                entry.method,
                where,
                what,
                tag("span", entry.status or "cut", cls="bad" if failed else None),
                ", ".join(note for note in notes if note),
                entry.requestid,
                entry.size,
            )
        )
    head = ("#", "Time", "Method", "Address", "What", "Status", "Notes", "requestid", "Bytes")
    return table(head, rows, (0, 8))


def _indented(body: str) -> str:
    try:
        return encode_indented(decode(body.encode()))
    except ValueError:
        return body


def _told(rule: Json, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {rule[name]}" for name in names if rule[name]) or "everything"
