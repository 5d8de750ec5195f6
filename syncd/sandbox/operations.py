"""Create, read, update, delete, void: the steps that are the same for every entity (protocol.md 8)."""

from __future__ import annotations

from typing import Any

from syncd.sandbox import faults
from syncd.sandbox.book import Book, Record
from syncd.sandbox.context import Context
from syncd.sandbox.rules import RULES
from syncd.sandbox.rules.base import Deletable, Followed, Posting, Voidable
from syncd.sandbox.specs import NOT_SERVED, SPECS, Spec
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json, encode

EFFECTS = {name: rules.effect for name, rules in RULES.items() if isinstance(rules, Posting)}
_DELETE = {name: rules.delete for name, rules in RULES.items() if isinstance(rules, Deletable)}
_VOID = {name: rules.void for name, rules in RULES.items() if isinstance(rules, Voidable)}
_SAVED = {name: rules.saved for name, rules in RULES.items() if isinstance(rules, Followed)}
"""Sorted out once: asking an object whether it follows a protocol is slow."""


def operation_of(body: Any, operation: str, include: frozenset[str]) -> str:
    """Which operation a POST asks for, from its body and its address (protocol.md 1.2, 8.5)."""
    if operation == "delete":
        return "delete"
    if operation == "void" or "void" in include:
        return "void"
    if operation not in ("", "create", "update"):
        return operation
    has_id = isinstance(body, dict) and body.get("Id") not in (None, "")
    return "update" if has_id or operation == "update" else "create"


def write(book: Book, switches: Switches, entity: str, operation: str, body: Any, include: frozenset[str]) -> bytes:
    """Carry out one write and give the answer's entity member; raises FaultError and then nothing has changed."""
    if entity in NOT_SERVED or operation not in SPECS[entity].operations:
        raise faults.unsupported(operation)
    if not isinstance(body, dict):
        raise faults.unknown_property(entity)
    if book.settings.subscription not in ("PAID", "TRIAL"):
        raise faults.lapsed()
    unit = Unit(book, EFFECTS, derived_moves_time=switches.derived_balances == "time")
    ctx = Context(unit, switches, include)
    counters = dict(book.counters)
    try:
        if operation == "create":
            return _create(ctx, SPECS[entity], body)
        if operation == "update":
            return _update(ctx, SPECS[entity], body)
        return _end(ctx, SPECS[entity], body, operation)
    except faults.FaultError:
        book.counters = counters  # a refused request uses up no Ids or document numbers
        raise


def read(book: Book, entity: str, record_id: str) -> Record:
    """The record, or 610."""
    record = book.find(entity, record_id) if entity in SPECS else None
    if record is None:
        raise faults.not_found()
    return record


def clean(spec: Spec, body: Json, creating: bool) -> Json:
    """Known, writable members in stored form; read-only ones are dropped, unknown ones are 2010.

    A blank string stays as None, so that a sparse update can clear a member with it; null counts as not sent.
    """
    result: Json = {}
    for name, value in body.items():
        member = spec.members.get(name)
        if member is None:
            raise faults.unknown_property(name)
        if value is None or not member.writable:
            continue
        if member.once and not creating and value == "":
            continue
        result[name] = member.kind(name, value)
    return result


def _create(ctx: Context, spec: Spec, body: Json) -> bytes:
    cleaned = clean(spec, body, creating=True)
    record_id = ctx.book.next_id(spec.family)
    new = _without_blanks(cleaned)
    built = RULES[spec.name].build(ctx, record_id, new, None, frozenset(cleaned))
    return _finish(ctx, spec, record_id, built, "create")


def _update(ctx: Context, spec: Spec, body: Json) -> bytes:
    record_id, old = _current(ctx, spec, body)
    cleaned = clean(spec, body, creating=False)
    sparse = body.get("sparse") in (True, "true")
    if sparse and not spec.sparse and not ctx.switches.sparse_payment:
        raise faults.missing("Line")
    new = _without_blanks(cleaned)
    if sparse:
        stored = {name: old[name] for name, member in spec.members.items() if member.writable and name in old}
        new = {**{name: value for name, value in stored.items() if name not in cleaned}, **new}
    built = RULES[spec.name].build(ctx, record_id, new, old, frozenset(cleaned) if sparse else frozenset(spec.members))
    return _finish(ctx, spec, record_id, built, "update", old)


def _end(ctx: Context, spec: Spec, body: Json, operation: str) -> bytes:
    record_id, old = _current(ctx, spec, body)
    if operation == "delete" and spec.name in _DELETE:
        _DELETE[spec.name](ctx, record_id, old)
        ctx.unit.commit()
        return encode({"status": "Deleted", "domain": "QBO", "Id": record_id})
    if operation == "void" and spec.name in _VOID:
        return _finish(ctx, spec, record_id, _VOID[spec.name](ctx, record_id, old), "void")
    raise faults.unsupported(operation)


def _finish(ctx: Context, spec: Spec, record_id: str, built: Json, op: str, old: Json | None = None) -> bytes:
    if op == "update" and not ctx.switches.noop_update_bumps and old is not None and _same(built, old):
        return encode(old)
    ctx.unit.put(spec.name, record_id, built, op)
    if spec.name in _SAVED:
        _SAVED[spec.name](ctx, record_id, built)
    ctx.unit.commit()
    record = ctx.book.find(spec.name, record_id)
    return b"{}" if record is None else record.raw


def _same(built: Json, old: Json) -> bool:
    return all(old.get(name) == value for name, value in built.items()) and not old.keys() - built.keys() - {
        "domain", "sparse", "Id", "SyncToken", "MetaData",
    }  # fmt: skip


def _current(ctx: Context, spec: Spec, body: Json) -> tuple[str, Json]:
    """The record that an update, void or delete means, with its token checked."""
    record_id = body.get("Id")
    if record_id in (None, ""):
        raise faults.missing("Id")
    old = ctx.unit.get(spec.name, str(record_id))
    if old is None:
        raise faults.not_found()
    token = body.get("SyncToken")
    if token in (None, ""):
        raise faults.missing("SyncToken")
    if str(token) != old["SyncToken"]:
        raise faults.stale()
    return str(record_id), old


def _without_blanks(cleaned: Json) -> Json:
    return {name: value for name, value in cleaned.items() if value is not None}
