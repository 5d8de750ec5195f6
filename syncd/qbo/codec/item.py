"""Item (entities.md 3.4): matched by name, never written (R-22, R-23)."""

from __future__ import annotations

import msgspec

from syncd.model.observations import Flawed, Present
from syncd.model.records import Item
from syncd.qbo.codec.client import bare_name
from syncd.qbo.codec.parts import CannotReadError, Reading, decode_with
from syncd.qbo.wire import Raw

ENTITY = "Item"

_NO_PRODUCT = frozenset({"Category", "Group"})
"""A category only sorts; a bundle cannot stand for one line."""


class _Item(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    name: str | None = None
    type: str | None = None
    active: bool = True


_decoder = msgspec.json.Decoder(_Item)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(item: _Item, _: Reading) -> tuple[Item, str]:
    if item.type in _NO_PRODUCT:
        raise CannotReadError(
            "item-type", f"A {item.type.lower()} is no product or service of its own.", "Choose another item.", "name"
        )
    if not item.name:
        raise CannotReadError("name-empty", "The item has no name.", "Give it a name in QuickBooks.", "name")
    return Item(id=item.id, name=bare_name(item.name, active=item.active), active=item.active), item.sync_token
