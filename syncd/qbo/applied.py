"""Which payments hang on a document: read from its own JSON, where QBO lists them (entities.md 4.2, LinkedTxn)."""

from __future__ import annotations

import msgspec

from syncd.qbo import wire
from syncd.qbo.codec.parts import Link


class _Document(msgspec.Struct, rename="pascal"):
    linked_txn: list[Link] | None = None


_decoder = msgspec.json.Decoder(_Document)


def payments_on(raw: bytes) -> tuple[str, ...]:
    """Ids of the payments that an invoice names, credit applications among them; empty for unreadable JSON."""
    try:
        links = _decoder.decode(raw).linked_txn or []
    except wire.BAD_JSON:
        return ()
    return tuple(dict.fromkeys(link.txn_id for link in links if link.txn_type == "Payment"))
