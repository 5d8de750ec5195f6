"""The accounting API without HTTP: a call in, a reply out (protocol.md 1, 4 to 9). The gateway is in ``gateway.py``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import InvalidOperation
from typing import Any
from urllib.parse import parse_qs

from syncd.sandbox import cdc, faults, files, mailing, operations, rates, replay, select
from syncd.sandbox.batch import Batch, items_of
from syncd.sandbox.call import Call, Reply
from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.faults import FaultError
from syncd.sandbox.gateway import Gateway, reads
from syncd.sandbox.injection import Target
from syncd.sandbox.rules import taxservice
from syncd.sandbox.specs import BY_PATH, NOT_SERVED, SPECS
from syncd.sandbox.views import UNKNOWN_MEMBER, Viewer
from syncd.sandbox.wire import DecodeError, decode, encode
from syncd.sandbox.world import Company

SINGLETONS = {"Preferences": "1", "CompanyInfo": "1"}
PDF = "application/pdf"
_ENDPOINTS = frozenset(
    {"query", "cdc", "batch", "exchangerate", "upload", "download", "attachable-thumbnail", "taxservice", "reports"}
)
_JSON_BODIES = frozenset({"entity", "batch", "exchangerate", "taxservice"})
_STATEMENTS = frozenset({"application/text", "text/plain", "application/x-www-form-urlencoded"})
_WORD_IDS = frozenset({"TaxCode", "CompanyCurrency", "ExchangeRate"})
Content = tuple[str, bytes]
"""The main member of an answer: its name and its JSON."""


_TIDS = random.Random()  # noqa: S311  # nothing secret


def new_tid(at: float) -> str:
    """A correlation id in the newer shape (protocol.md 1.4)."""
    return f"1-{int(at) & 0xFFFFFFFF:08x}-{_TIDS.getrandbits(96):024x}"


class Api(Gateway):
    """Serves calls against a world."""

    def classify(self, call: Call) -> list[Target]:
        """Find out what a call is, and what fault rules may match it by."""
        parts = [part for part in call.path.split("/") if part]
        first = parts[0].lower() if parts else ""
        call.record_id, call.extra = (parts[1] if len(parts) > 1 else ""), "/".join(parts[2:])
        if first in BY_PATH and first not in _ENDPOINTS:
            call.endpoint, call.entity = "entity", BY_PATH[first]
        elif first in _ENDPOINTS:
            call.endpoint = first
        if call.broken is None:
            self._read_body(call)
        call.operation = self._operation(call)
        call.entry.endpoint, call.entry.entity, call.entry.operation = call.endpoint, call.entity, call.operation
        targets = [Target(call.endpoint, call.entity, call.operation, call.method, call.realm)]
        if call.endpoint == "batch" and isinstance(call.content, dict):
            call.items = self._batch_targets(call)
            targets += call.items
        return targets

    def _operation(self, call: Call) -> str:
        if call.endpoint != "entity":
            return call.endpoint
        if call.extra:
            return call.extra
        if call.method == "GET":
            return "read"
        return operations.operation_of(call.content, call.params.get("operation", "").lower(), call.include)

    def _read_body(self, call: Call) -> None:
        if call.endpoint not in _JSON_BODIES or call.extra == "send" or call.method != "POST" or not call.body:
            return
        if call.content_type != "application/json" and self._world.switches.content_type == "refuse":
            shown = call.content_type or "no content type"
            call.broken = faults.bad_media(f"The body must be application/json, not {shown}.")
            return
        try:
            call.content = decode(call.body)
            if b"\\u0000" in call.body:
                call.broken = next((faults.bad_string(name) for name in _with_nul(call.content)), None)
        except UnicodeDecodeError:
            call.broken = faults.unsupported("with a body that is not UTF-8")
        except (RecursionError, InvalidOperation):
            call.broken = faults.unknown_property("request body, nested too deeply or with a number out of range")
        except DecodeError as error:
            if "utf-8" in str(error).lower():
                call.broken = faults.unsupported("with a body that is not UTF-8")
            else:
                call.broken = faults.unknown_property(f"request body, {error}")
        if self._world.switches.unknown_members:
            _forget_unknown(call.content)

    def _batch_targets(self, call: Call) -> list[Target]:
        targets = []
        items = call.content.get("BatchItemRequest")
        for item in items if isinstance(items, list) else []:
            if not isinstance(item, dict):
                continue
            bid = str(item.get("bId", ""))
            call.entry.bids.append(bid)
            entity = next((name for name in item if name in SPECS or name in NOT_SERVED), "")
            asked = str(item.get("operation", "query"))
            operation = operations.operation_of(item.get(entity), asked, frozenset({str(item.get("optionsData"))}))
            targets.append(Target("batch", entity, operation, call.method, call.realm, bid))
        return targets

    def serve(self, call: Call) -> Reply:
        """Carry the call out."""
        company = self._world.companies[call.realm]
        try:
            if call.broken is not None:
                raise call.broken
            _check_version(call.params.get("minorversion", ""))
            request_id = call.params.get("requestid") or None
            if request_id is not None and call.writes:
                reply = self._once(call, company, request_id)
            else:
                reply = self._work(call, company)
        except FaultError as error:
            reply = self.faulted(call, error)
            if error.status == 405:
                reply.headers["Allow"] = "GET, POST"
        if reply.status == 200:
            self._world.throttle.count(call.realm, call.at, reads(call))
        return reply

    def _once(self, call: Call, company: Company, request_id: str) -> Reply:
        """The first answer again for a request id that is known (protocol.md 7)."""
        switches = self._world.switches
        replay.check_length(request_id)
        content = files.digest_of(call) if call.endpoint == "upload" else call.body
        mark = replay.digest(call.path.encode(), call.operation.encode(), content)
        key = (request_id, "")
        known = company.memory.recall(key, mark, call.at, switches)
        if known is not None:
            call.entry.replayed = True
            return self.reply(call, known.status, known.body)
        try:
            status, body = 200, self._enveloped(call, company)
        except FaultError as error:
            status = error.status
            body = encode({**error.envelope(), "time": stamp_millis(call.at)})
        company.memory.keep(key, replay.Answer(mark, status, body, call.at), switches)
        return self.reply(call, status, body)

    def _work(self, call: Call, company: Company) -> Reply:
        if call.method == "GET" and call.endpoint == "entity" and call.extra == "pdf":
            return Reply(200, mailing.pdf(company.book, call.entity, call.record_id), PDF)
        if call.method == "GET" and call.endpoint in ("download", "attachable-thumbnail"):
            thumbnail = call.endpoint != "download"
            link = files.link(company.book, call.record_id, call.base_url, thumbnail)
            return Reply(200, link.encode(), "text/plain;charset=UTF-8")
        return self.reply(call, 200, self._enveloped(call, company))

    def _enveloped(self, call: Call, company: Company) -> bytes:
        """The JSON of a whole answer."""
        handler = getattr(self, f"_serve_{call.endpoint}", None)
        if handler is None:
            if call.endpoint in _ENDPOINTS:
                raise faults.unsupported(call.endpoint)
            raise faults.no_resource(f"/{call.path}")
        if call.method not in ("GET", "POST"):
            raise faults.not_offered(call.method)
        name, content = handler(call, company)
        if not name:
            return bytes(content)
        return b'{"%b":%b,"time":"%b"}' % (name.encode(), content, stamp_millis(call.at).encode())

    def _viewer(self, call: Call, company: Company) -> Viewer:
        unknown = self._world.switches.unknown_members
        return Viewer(company.book, call.base_url, call.include, unknown)

    def _serve_entity(self, call: Call, company: Company) -> Content:
        book, viewer = company.book, self._viewer(call, company)
        if call.extra == "send" and call.method == "POST":
            mailing.send(book, call.entity, call.record_id, call.folded_params().get("sendto", ""))
            return call.entity, viewer.raw(call.entity, operations.read(book, call.entity, call.record_id))
        if call.extra:
            raise faults.unsupported(call.extra)
        if call.method == "GET":
            return call.entity, viewer.raw(call.entity, operations.read(book, call.entity, self._read_id(call)))
        if call.record_id:
            raise faults.unsupported(f"on /{call.path}")
        body = operations.write(book, self._world.switches, call.entity, call.operation, call.content, call.include)
        if call.operation == "delete" and call.entity == files.ENTITY:
            files.forget(book, decode(body)["Id"])
        return call.entity, viewer.answer(call.entity, body)

    def _read_id(self, call: Call) -> str:
        record_id = call.record_id
        if call.entity in SINGLETONS and record_id in ("", call.realm):
            return SINGLETONS[call.entity]
        if not record_id:
            raise faults.missing("Id")
        if not record_id.isdecimal() and call.entity not in _WORD_IDS:
            raise faults.bad_id(record_id)
        return record_id

    def _serve_query(self, call: Call, company: Company) -> Content:
        statement = self._statement(call) if call.method == "POST" else call.params.get("query", "")
        viewer = self._viewer(call, company)
        return "QueryResponse", select.run(viewer, self._world.switches, statement, self._world.rng)[0]

    def _statement(self, call: Call) -> str:
        if call.content_type not in _STATEMENTS and self._world.switches.content_type == "refuse":
            shown = call.content_type or "no content type"
            raise faults.bad_media(f"The statement must be application/text, not {shown}.")
        try:
            text = call.body.decode()
        except UnicodeDecodeError:
            raise faults.unsupported("with a body that is not UTF-8") from None
        if call.content_type == "application/x-www-form-urlencoded" and text.startswith("query="):
            return parse_qs(text).get("query", [""])[0]
        return text

    def _serve_cdc(self, call: Call, company: Company) -> Content:
        if call.method != "GET":
            raise faults.unsupported("cdc")
        params = call.folded_params()
        result = cdc.run(
            self._viewer(call, company),
            self._world.switches,
            params.get("entities", ""),
            params.get("changedsince", ""),
            self._world.rng,
        )
        return "CDCResponse", result[0]

    def _serve_exchangerate(self, call: Call, company: Company) -> Content:
        if call.method == "POST":
            return "ExchangeRate", rates.write(company.book, self._world.switches, call.content)
        params = call.folded_params()
        code, day = params.get("sourcecurrencycode", ""), params.get("asofdate", "")
        return "ExchangeRate", rates.read(company.book, code, day, call.at)

    def _serve_taxservice(self, call: Call, company: Company) -> Content:
        if call.method != "POST":
            raise faults.unsupported("taxservice")
        if call.record_id.lower() != "taxcode" or call.extra:
            raise faults.no_resource(f"/{call.path}")
        return "", taxservice.create(company.book, self._world.switches, call.content)

    def _serve_upload(self, call: Call, company: Company) -> Content:
        if call.method != "POST":
            raise faults.unsupported("upload")
        viewer = self._viewer(call, company)
        return "AttachableResponse", files.upload(viewer, self._world.switches, call.headers, call.body)

    def _serve_batch(self, call: Call, company: Company) -> Content:
        if call.method != "POST":
            raise faults.unsupported("batch")
        items = items_of(call.content, self._world.switches)
        runner = Batch(self._viewer(call, company), self._world.switches, company.memory, self._world.rng)
        rules = self._world.injector.pick_items(call.items, call.entry)
        picked = zip(call.items, rules, strict=False)
        call.entry.item_rules = {target.bid: rule.id for target, rule in picked if rule is not None}
        return "BatchItemResponse", runner.run(items, call.entry.requestid, call.include, rules)


def _check_version(text: str) -> None:
    """A minorversion must be a number; which one makes no difference since 75 is the lowest (protocol.md 1.6)."""
    if text and not (text.isascii() and text.isdecimal()):
        raise faults.bad_number("minorversion", text)


def _with_nul(value: Any, name: str = "request body") -> Iterator[str]:
    """Names of the members whose text has a NUL in it."""
    if isinstance(value, str):
        if "\0" in value:
            yield name
    elif isinstance(value, dict):
        for member, inner in value.items():
            yield from _with_nul(inner, member)
    elif isinstance(value, list):
        for inner in value:
            yield from _with_nul(inner, name)


def _forget_unknown(content: Any) -> None:
    """Take the member out again that the switch ``unknown_members`` puts into answers."""
    if not isinstance(content, dict):
        return
    content.pop(UNKNOWN_MEMBER, None)
    items = content.get("BatchItemRequest")
    for item in items if isinstance(items, list) else []:
        for inner in item.values() if isinstance(item, dict) else ():
            if isinstance(inner, dict):
                inner.pop(UNKNOWN_MEMBER, None)
