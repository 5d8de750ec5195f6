"""Addresses of people and forms: each carries an Id of its own (entities.md 1.6)."""

from __future__ import annotations

from syncd.sandbox.context import Context
from syncd.sandbox.wire import Json


def keep_addresses(ctx: Context, new: Json, old: Json | None, members: tuple[str, ...]) -> None:
    """Addresses carry an Id of their own, which stays while there is an address."""
    for member in members:
        sent = new.get(member)
        if sent is None:
            continue
        known = (old or {}).get(member, {}).get("Id")
        new[member] = {"Id": known or ctx.book.next_id("address"), **without_id(sent)}


def without_id(sent: Json) -> Json:
    """An address without its Id, for comparing or copying."""
    return {name: value for name, value in sent.items() if name != "Id"}
