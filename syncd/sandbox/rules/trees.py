"""What the name lists share: being inactive, and lying in a tree (entities.md 3, 9.1)."""

from __future__ import annotations

import re
from collections.abc import Callable

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.wire import Json

SUFFIX = " (deleted)"
MAX_LEVEL = 4
_SUFFIXED = re.compile(r" \(deleted(?: \d+)?\)\Z")

Taken = Callable[[str], bool]
"""Does another record of the list have this name?"""


def suffixed(name: str, taken: Taken) -> str:
    """The name of a deactivated object (entities.md 9.1); a further collision gets a number (a guess)."""
    if _SUFFIXED.search(name):
        return name
    wanted, count = name + SUFFIX, 0
    while taken(wanted):
        count += 1
        wanted = f"{name} (deleted {count})"
    return wanted


def switch_active(ctx: Context, new: Json, old: Json | None, name_field: str, taken: Taken) -> bool:
    """Default Active and rename what is inactive; true if this very change switches it off.

    What comes back keeps the suffix unless another name is sent, or loses it (switch ``reactivated_name``).
    """
    active = new.setdefault("Active", True)
    was_active = old is None or old.get("Active") is not False
    if not active:
        new[name_field] = suffixed(new[name_field], taken)
        return was_active
    if not was_active and ctx.switches.reactivated_name == "restored":
        new[name_field] = _SUFFIXED.sub("", new[name_field])
    return False


def place_in_tree(ctx: Context, entity: str, record_id: str, new: Json, name: str) -> Json | None:
    """Set Level and FullyQualifiedName under the parent, if any (at most five levels, 6180)."""
    parent = ctx.resolve(entity, new.get("ParentRef"), "ParentRef")
    new.pop("Level", None)
    new["FullyQualifiedName"] = name
    if parent is None:
        return None
    level = 1
    ancestor: Json | None = parent
    while ancestor is not None:
        if ancestor["Id"] == record_id:
            raise faults.bad_reference("ParentRef")
        above = ancestor.get("ParentRef")
        ancestor = ctx.unit.get(entity, above["value"]) if above else None
        level += ancestor is not None
    if level + _depth(ctx, entity, record_id) > MAX_LEVEL:
        raise faults.too_deep()
    new["Level"] = level
    new["FullyQualifiedName"] = f"{parent.get('FullyQualifiedName', '')}:{name}"
    return parent


def _depth(ctx: Context, entity: str, record_id: str) -> int:
    """How many levels hang below a record."""
    below = ctx.book.tables[entity].lookup("ParentRef", record_id)
    return max((1 + _depth(ctx, entity, child.id) for child in below), default=0)


def rename_children(ctx: Context, entity: str, record_id: str, body: Json, name_field: str) -> None:
    """Give the new path to everything below; the children are not bumped."""
    has_level = "Level" in ctx.book.tables[entity].spec.members
    for child in list(ctx.book.tables[entity].lookup("ParentRef", record_id)):
        below = ctx.unit.get(entity, child.id)
        if below is None:
            continue
        below["FullyQualifiedName"] = f"{body['FullyQualifiedName']}:{below[name_field]}"
        if has_level:
            below["Level"] = int(body.get("Level", 0)) + 1
        ctx.unit.put(entity, child.id, below, "derived")
        rename_children(ctx, entity, child.id, below, name_field)


def unique_path(ctx: Context, entity: str, record_id: str, new: Json) -> Taken:
    """Is a name taken among the children of the same parent (entities.md 3.1, point 6)?"""
    parent = ctx.unit.get(entity, str(new["ParentRef"]["value"])) if "ParentRef" in new else None
    prefix = "" if parent is None else f"{parent.get('FullyQualifiedName', '')}:"

    def taken(name: str) -> bool:
        holders = ctx.book.tables[entity].lookup("FullyQualifiedName", prefix + name)
        return any(holder.id != record_id for holder in holders)

    return taken


def holder_of(ctx: Context, entity: str, member: str, value: str) -> str:
    """Who has the name, for the Detail of 6240; empty unless the switch ``duplicate_name_id`` is on."""
    if not ctx.switches.duplicate_name_id:
        return ""
    return next((record.id for record in ctx.book.tables[entity].lookup(member, value)), "")
