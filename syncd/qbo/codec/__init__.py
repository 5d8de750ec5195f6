"""One module per kind: QBO's JSON to a record, and a record to what is sent. This table is all that others need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from syncd.model.observations import Flawed, Present
from syncd.model.records import Client, Invoice, Item, Kind, Payment, Record
from syncd.model.writes import Verb
from syncd.qbo.codec import client, invoice, item, payment
from syncd.qbo.codec.parts import Reading, Refs, Resolver, Unencodable, Wishes, refuse
from syncd.qbo.wire import Json, Raw

Decode = Callable[[Raw | bytes, Reading], Present | Flawed]


class Codec(msgspec.Struct, frozen=True):
    """What QBO calls a kind, whether it is a list, and how its objects are read."""

    entity: str
    decode: Decode
    is_list: bool = False


CODECS: Mapping[Kind, Codec] = MappingProxyType(
    {
        Kind.ITEM: Codec(item.ENTITY, item.decode, is_list=True),
        Kind.CLIENT: Codec(client.ENTITY, client.decode, is_list=True),
        Kind.INVOICE: Codec(invoice.ENTITY, invoice.decode),
        Kind.PAYMENT: Codec(payment.ENTITY, payment.decode),
    }
)

KIND_OF: Mapping[str, Kind] = MappingProxyType({row.entity.lower(): kind for kind, row in CODECS.items()})
"""From an entity's name, in any case, to the kind."""


def encode(kind: Kind, verb: Verb, record: Record | None, wishes: Wishes) -> Json:
    """The JSON object for one write. Raises ``Unencodable`` when the record cannot be said in QBO's words."""
    match verb:
        case Verb.CREATE:
            body = _create(record, wishes)
        case Verb.UPDATE:
            body = _update(record, wishes, _current(wishes))
        case Verb.VOID if kind is Kind.PAYMENT:
            body = payment.void(_current(wishes))
        case Verb.VOID | Verb.DELETE if not CODECS[kind].is_list:
            body = invoice.only_identity(_current(wishes))
        case Verb.DEACTIVATE if kind is Kind.CLIENT:
            body = client.deactivate(_current(wishes))
        case _:
            body = None
    if body is None:
        raise refuse("never-written", f"A record of kind {kind.value} cannot get {verb.value} in QuickBooks.", "")
    return body


def _create(record: Record | None, wishes: Wishes) -> Json | None:
    match record:
        case Client():
            return client.create(record, wishes)
        case Invoice():
            return invoice.create(record, wishes)
        case Payment():
            return payment.create(record, wishes)
        case Item() | None:
            return None


def _update(record: Record | None, wishes: Wishes, current: Json) -> Json | None:
    match record:
        case Client():
            return client.update(record, wishes, current)
        case Invoice():
            return invoice.update(record, wishes, current)
        case Payment():
            return payment.update(record, wishes, current)
        case Item() | None:
            return None


def _current(wishes: Wishes) -> Json:
    if wishes.current is None or "Id" not in wishes.current or "SyncToken" not in wishes.current:
        raise refuse("not-read", "The record as it is now in QuickBooks is not at hand.", "Retry the record.")
    return wishes.current


__all__ = ["CODECS", "KIND_OF", "Codec", "Decode", "Reading", "Refs", "Resolver", "Unencodable", "Wishes", "encode"]
