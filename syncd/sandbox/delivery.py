"""How an answer leaves the server: whole, or spoiled by a fault rule (protocol.md 9, checklist 17, 39, 40)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from syncd.sandbox.api import Api
from syncd.sandbox.call import Call, Reply
from syncd.sandbox.injection import Rule
from syncd.sandbox.ledger import Entry
from syncd.sandbox.wire import encode

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FIXED_HEADERS = [
    (b"qbo-version", b"1990.215"),
    (b"cache-control", b"max-age=0, no-cache, no-store, must-revalidate, private"),
    (b"expires", b"0"),
]
_GATEWAY_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
_REASONS = {
    413: "413 Request Entity Too Large",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}
_SETTLE_SECONDS = 0.01  # lets the server notice that the connection is gone
_PIECES = 20
_WORTH_PACKING = 1024
_PACKING_LEVEL = 1


async def deliver(rule: Rule, wire: Wire, work: Callable[[], Reply], instead: Callable[[Rule], Reply]) -> None:
    """Answer as a rule says: ``work`` does what was asked, ``instead`` makes the answer that takes its place."""
    stalls = rule.kind == "stall"
    if stalls and not rule.after:
        await asyncio.sleep(rule.seconds)
    reply = work() if rule.after or (stalls and rule.then == "answer") else None
    if stalls and rule.after:
        await asyncio.sleep(rule.seconds)
    if rule.kind == "reset" or (stalls and (rule.then == "reset" or reply is None)):
        await wire.reset()
        return
    told = reply if reply is not None and rule.kind in ("stall", "truncate", "trickle", "content_type") else None
    sent = told if told is not None else instead(rule)
    if rule.headers:
        sent = replace(sent, headers={**sent.headers, **rule.headers})
    if rule.kind == "truncate":
        await wire.truncate(sent, rule.keep_bytes)
    elif rule.kind == "trickle":
        await wire.trickle(sent, rule.seconds)
    elif rule.kind == "content_type":
        await wire.send(replace(sent, content_type=rule.content_type))
    else:
        await wire.send(sent)


def accounting_fault(api: Api, call: Call, rule: Rule) -> Reply:
    """What a rule puts in place of an answer of the accounting API: QuickBooks' own body for that status."""
    status = _status(rule)
    plain = _plain(rule, status)
    if plain is not None:
        return plain
    if rule.kind == "fault200":
        return api.faulted(call, rule.fault(), status=200)
    gateway = {401: api.unauthorized, 403: api.forbidden, 429: api.throttled}.get(status)
    if gateway is not None and not rule.code:
        return gateway(call)
    return api.faulted(call, rule.fault(), status=status)


def token_fault(rule: Rule) -> Reply:
    """What a rule puts in place of a token answer (protocol.md 2.7)."""
    status = _status(rule)
    plain = _plain(rule, status)
    if plain is not None:
        return plain
    if status >= 500:
        return _html_page(status)
    body = {"error": rule.error or ("invalid_client" if status == 401 else "invalid_request")}
    if rule.detail:
        body["error_description"] = rule.detail
    return Reply(status, encode(body))


def _status(rule: Rule) -> int:
    if rule.status or rule.kind == "fault200":
        return rule.status or 200
    return {"empty": 200, "html": 502}.get(rule.kind) or rule.fault().status


def _plain(rule: Rule, status: int) -> Reply | None:
    """The answers that are the same wherever they come from."""
    if rule.body is not None:
        return Reply(status, rule.body.encode(), "text/html" if rule.kind == "html" else "application/json")
    if rule.kind == "empty":
        return Reply(status, b"")
    if rule.kind == "html" or (rule.kind == "status" and status in _REASONS and not rule.code):
        return _html_page(status)
    return None


def _html_page(status: int) -> Reply:
    page = _GATEWAY_HTML.format(_REASONS.get(status, str(status)))
    return Reply(status, page.encode(), "text/html")


class Wire:
    """One connection: sends a reply whole, slowly, in part, or not at all."""

    def __init__(self, send: Send, entry: Entry, pack: bool = False) -> None:
        # uvicorn hands out ``send`` as a method of its request cycle, which owns the transport
        self._transport = getattr(getattr(send, "__self__", None), "transport", None)
        self._send = send
        self._entry = entry
        self._pack = pack

    async def send(self, reply: Reply) -> None:
        """The whole reply."""
        body = await self._start(reply)
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, reply: Reply) -> bytes:
        """Send the headers; gives the bytes that are to follow, packed where the caller takes that."""
        self._entry.answered(reply.status, reply.body)
        body, own = reply.body, {name.lower(): value for name, value in reply.headers.items()}
        if self._pack and len(body) >= _WORTH_PACKING and "content-encoding" not in own:
            body = gzip.compress(body, _PACKING_LEVEL, mtime=0)
            own |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        headers = [
            (b"content-type", own.pop("content-type", reply.content_type).encode()),
            (b"intuit_tid", self._entry.tid.encode()),
            *_FIXED_HEADERS,
            (b"content-length", b"%d" % len(body)),
            *((name.encode(), value.encode()) for name, value in own.items()),
        ]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        return body

    async def trickle(self, reply: Reply, seconds: float) -> None:
        """The whole reply in twenty pieces, spread over so many seconds of real time."""
        body = await self._start(reply)
        step = max(1, -(-len(body) // _PIECES))
        for at in range(0, len(body), step):
            await self._send({"type": "http.response.body", "body": body[at : at + step], "more_body": True})
            await asyncio.sleep(seconds / _PIECES)
        await self._send({"type": "http.response.body", "body": b""})

    async def truncate(self, reply: Reply, keep: int | None) -> None:
        """Headers that promise everything, then half of it (or so many bytes), then the end."""
        body = await self._start(reply)
        kept = body[: len(body) // 2 if keep is None else keep]
        await self._send({"type": "http.response.body", "body": kept, "more_body": True})
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(_SETTLE_SECONDS)

    async def reset(self) -> None:
        """Cut the connection without an answer, with a TCP reset."""
        self._entry.status = 0
        if self._transport is None:
            raise RuntimeError("the server does not let connections be cut")
        if self._transport.is_closing():
            return  # the caller gave up first
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await asyncio.sleep(_SETTLE_SECONDS)
