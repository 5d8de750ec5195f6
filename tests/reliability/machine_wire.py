"""What lies between syncd and the two sides in one run: answers that are lost, requests that arrive late, an index that
lags, a refusal, a person who acts at the very moment of a write, and the end of the process.

The requests are real and reach the look-alike over HTTP; only their way is disturbed, at the place where a network
would do it. A crash is an exception that nothing catches, raised at the n-th write or commit and at every one after it:
from then on nothing leaves the process and nothing becomes durable, as if it had been killed there.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import requests
import sqlalchemy as sa
from requests.adapters import HTTPAdapter

from syncd import cycle
from syncd.sandbox.server import RunningSandbox
from syncd.sandbox.wire import decode, encode
from syncd.state.store import Store
from syncd.state.values import Intent, JournalEntry

READ_ATTEMPTS = 5
"""How often a read is repeated before it counts as failed."""


class Crash(BaseException):
    """The process is dead from here on."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong in one run; numbers say at which boundary, write or read, counted from 1; 0 is never.

    ``crash``: the process ends before this write or commit. ``lost``: the answer to this write never comes. ``late``:
    this write arrives after all is over. ``away``: this write is not reached at all. ``refused``: QuickBooks says no to
    (an item of) this write. ``read``: this read fails for good; ``outage``: so do those after it, for a while.
    ``feed``: so many answers of the change feed are failures. ``lag``: what is new shows in neither feed nor index.
    ``meddle``: a person acts on the record of this intent, right after it is durable.
    """

    crash: int = 0
    lost: int = 0
    late: int = 0
    away: int = 0
    refused: int = 0
    read: int = 0
    outage: bool = False
    feed: int = 0
    lag: bool = False
    meddle: int = 0

    def __bool__(self) -> bool:
        return self != HEALTHY


HEALTHY = Trouble()
Meddler = Callable[[Intent], None]


@dataclass
class Wire:
    """The way between one world's syncd and its two sides."""

    sandbox: RunningSandbox
    trouble: Trouble = HEALTHY
    late: list[requests.PreparedRequest] = field(default_factory=list)
    realm: str = ""
    boundaries: int = 0
    crashed: bool = False
    meddled: bool = False
    _writes: int = 0
    _reads: int = 0
    _intents: int = 0
    _fresh_after: int = 0
    _busy: bool = False

    @contextmanager
    def disturbed(
        self, trouble: Trouble, *, realm: str, store: Store, engines: Sequence[sa.Engine], meddler: Meddler
    ) -> Iterator[None]:
        """One run under ``trouble``. ``engines`` are those through which syncd writes."""
        was_dead = self.crashed
        self.trouble, self.realm = trouble, realm
        self.boundaries = self._writes = self._reads = self._intents = 0
        self.crashed = self.meddled = False
        send, intend = HTTPAdapter.send, store.intend

        def sent(adapter: HTTPAdapter, request: requests.PreparedRequest, *rest: Any, **options: Any) -> Any:
            return self._send(lambda: send(adapter, request, *rest, **options), request)

        def intended(lease: Any, intents: Sequence[Intent], *, sent: bool = False) -> list[JournalEntry]:
            entries = intend(lease, intents, sent=sent)
            for intent in intents:
                self._intents += 1
                if self._intents == trouble.meddle:
                    self.meddled = True
                    with self.aside():
                        meddler(intent)
            return entries

        with ExitStack() as stack:
            stack.enter_context(patch.object(HTTPAdapter, "send", sent))
            stack.enter_context(patch.object(store, "intend", intended))
            if was_dead:  # the process that held the lease is gone, and its number is ours only in this test
                stack.enter_context(patch.object(cycle, "is_gone", lambda _: True))
            if trouble.lag:
                self.sandbox.switch(cdc_lag_seconds=LAG_SECONDS)
                stack.callback(self.sandbox.switch, cdc_lag_seconds=0)
            if trouble.feed:
                self.sandbox.add_fault("status", status=500, code="10000", endpoint="cdc", count=trouble.feed)
            stack.callback(self.sandbox.clear_faults)
            for engine in engines:
                sa.event.listen(engine, "commit", self._commit)
                stack.callback(sa.event.remove, engine, "commit", self._commit)
            yield

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While somebody else acts: their commits and requests are none of syncd's."""
        self._busy, before = True, self._busy
        try:
            yield
        finally:
            self._busy = before

    def moment(self, place: int) -> None:
        """Time has passed: what the books' history holds up to ``place`` is in every index by now."""
        self._fresh_after = place

    def arrive(self) -> int:
        """Requests that were given up long ago reach QuickBooks after all."""
        arriving, self.late = self.late, []
        for request in arriving:
            address = urlsplit(str(request.url))
            connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=30)
            try:
                path = f"{address.path}?{address.query}"
                connection.request(str(request.method), path, request.body, dict(request.headers))
                connection.getresponse().read()
            finally:
                connection.close()
        return len(arriving)

    # ---- boundaries

    def _boundary(self) -> None:
        self.boundaries += 1
        if self.crashed or self.boundaries == self.trouble.crash:
            self.crashed = True
            raise Crash

    def _commit(self, _connection: sa.Connection) -> None:
        if not self._busy:
            self._boundary()

    # ---- the network

    def _send(self, go: Callable[[], requests.Response], request: requests.PreparedRequest) -> requests.Response:
        if self._busy or f"/company/{self.realm}/" not in str(request.url):
            return go()
        return self._write(go, request) if _changes_something(request) else self._read(go, request)

    def _write(self, go: Callable[[], requests.Response], request: requests.PreparedRequest) -> requests.Response:
        self._boundary()
        self._writes += 1
        trouble, place = self.trouble, self._writes
        if place == trouble.away:
            raise requests.ConnectTimeout("nobody there")
        if place == trouble.late:
            self.late.append(request.copy())
            raise requests.ReadTimeout("no answer came")
        if place == trouble.refused:
            level = {"level": "item", "bid": "1"} if "/batch" in str(request.url) else {"endpoint": "entity"}
            self.sandbox.add_fault("status", code="6000", realm=self.realm, count=1, method="POST", **level)
        with _closed_if_lost(go()) as answer:
            if place == trouble.lost:
                raise requests.ConnectionError("the answer was lost")
            self._boundary()
            return answer

    def _read(self, go: Callable[[], requests.Response], request: requests.PreparedRequest) -> requests.Response:
        if self.crashed:
            raise Crash
        self._reads += 1
        failing = READ_ATTEMPTS * (3 if self.trouble.outage else 1)
        if 0 <= self._reads - self.trouble.read < failing and self.trouble.read:
            raise requests.ConnectionError("no answer came")
        answer = go()
        if self.trouble.lag and "/query" in str(request.url):
            _without(answer, str(request.url), self._too_new)
        return answer

    def _too_new(self, entity: str) -> set[str]:
        """Ids of records that no index shows yet."""
        rows = self.sandbox.history(self.realm, after=self._fresh_after, entity=entity)
        return {str(row["id"]) for row in rows if row["op"] == "create"}


LAG_SECONDS = 4
"""Less than the overlap that the machine's companies are read with."""


def _changes_something(request: requests.PreparedRequest) -> bool:
    address = str(request.url)
    if request.method != "POST" or "/query" in address:
        return False
    return "/batch" not in address or '"Query":' not in str(request.body)


@contextmanager
def _closed_if_lost(answer: requests.Response) -> Iterator[requests.Response]:
    """An answer that never arrives is read by nobody: its connection ends here, not when it is collected as garbage."""
    try:
        yield answer
    except BaseException:
        answer.close()
        raise


def _without(answer: requests.Response, address: str, too_new: Callable[[str], set[str]]) -> None:
    """Take rows that are too new out of the answer to a query, unless it asked for them by their ids."""
    statement = parse_qs(urlsplit(address).query).get("query", [""])[0]
    if answer.status_code != 200 or " Id IN" in statement or " Id =" in statement:
        return
    entity = statement.partition(" FROM ")[2].split()[0]
    hidden = too_new(entity)
    body = decode(answer.content)
    response = body.get("QueryResponse") or {}
    rows = [row for row in response.get(entity, ()) if row["Id"] not in hidden]
    response.pop(entity, None)
    if rows:
        response[entity] = rows
    if "COUNT(*)" in statement:
        response["totalCount"] = max(0, response["totalCount"] - len(hidden))
    answer._content = encode(body)
