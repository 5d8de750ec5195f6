"""One table from kind to QBO's entity: its JSON to a record, and a record to what is sent.

Several kinds may be one entity there: a customer with a parent is also a project, a payment of zero that uses a credit
memo also an application of it. ``Codec.takes`` says which rows of a listing or a change feed are of the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Invoice
from syncd.model.records.lists import Client, Item, Project, Vendor
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill, Purchase, PurchaseOrder
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.qbo.codec import (
    attachable,
    bill,
    credit_application,
    form_body,
    forms,
    named,
    party,
    payment,
    purchase,
    purchase_order,
)
from syncd.qbo.codec.parts import Reading, Refs, Resolver, Unencodable, Wishes, identity_of, refuse
from syncd.qbo.wire import BAD_JSON, Json, Raw

Decode = Callable[[Raw | bytes, Reading], Present | Flawed]


class Codec(msgspec.Struct, frozen=True):
    """What QBO calls a kind, how its objects are read, and which of them are of the kind (``only``; None: all).

    ``ended``: which objects are there still, but are the end of a record of the kind, as a deletion is (None: none).

    What is read by its id is decoded whatever it has become; ``decode`` then says why it is none any more.
    """

    entity: str
    decode: Decode
    only: Callable[[Raw | bytes], bool] | None = None
    ended: Callable[[Raw | bytes], bool] | None = None

    def takes(self, row: Raw | bytes) -> bool:
        """Whether a row of the entity is of this kind. One that cannot be read is, so that ``decode`` says why."""
        try:
            return self.only is None or self.only(row)
        except BAD_JSON:
            return True

    def is_end(self, row: Raw | bytes) -> bool:
        """Whether a row that was read by its id says that the record of this kind is no more."""
        try:
            return self.ended is not None and self.ended(row)
        except BAD_JSON:
            return False


CODECS: Mapping[Kind, Codec] = MappingProxyType(
    {
        Kind.ITEM: Codec(named.ITEM, named.decode_item),
        Kind.TAX_CODE: Codec(named.TAX_CODE, named.decode_tax_code),
        Kind.PAYMENT_METHOD: Codec(named.PAYMENT_METHOD, named.decode_payment_method),
        Kind.CATEGORY: Codec(named.ACCOUNT, named.decode_category),
        Kind.CLIENT: Codec(party.CUSTOMER, party.decode_client),
        Kind.PROJECT: Codec(party.CUSTOMER, named.decode_project, named.is_project),
        Kind.VENDOR: Codec(party.VENDOR, party.decode_vendor),
        Kind.ESTIMATE: Codec(forms.ESTIMATE, forms.decode_estimate),
        Kind.INVOICE: Codec(forms.INVOICE, forms.decode_invoice),
        Kind.CREDIT_NOTE: Codec(forms.CREDIT_MEMO, forms.decode_credit_note),
        Kind.PAYMENT: Codec(payment.ENTITY, payment.decode),
        Kind.CREDIT_APPLICATION: Codec(
            payment.ENTITY, credit_application.decode, credit_application.is_one, credit_application.is_over
        ),
        Kind.BILL: Codec(bill.ENTITY, bill.decode),
        Kind.PURCHASE: Codec(purchase.ENTITY, purchase.decode),
        Kind.PURCHASE_ORDER: Codec(purchase_order.ENTITY, purchase_order.decode),
        Kind.ATTACHMENT: Codec(attachable.ENTITY, attachable.decode, attachable.is_file),
    }
)
"""Every kind that QBO has. An expense exists in the source only; bills and purchases are made of them."""

PARTIES = frozenset({Kind.CLIENT, Kind.PROJECT, Kind.VENDOR})


def encode(kind: Kind, verb: Verb, record: Record | None, wishes: Wishes) -> Json:
    """The JSON object for one write. Raises ``Unencodable`` when the record cannot be said in QBO's words."""
    spec = SPECS[kind]
    body: Json | None = None
    match verb:
        case Verb.CREATE:
            body = _create(record, wishes)
        case Verb.UPDATE:
            body = _update(record, wishes, _current(wishes))
        case Verb.DELETE if kind is Kind.ATTACHMENT:
            body = attachable.delete(_current(wishes))
        case Verb.DELETE if spec.transaction:
            body = identity_of(_current(wishes))
        case Verb.VOID if spec.voidable:
            as_payment = CODECS[kind].entity == payment.ENTITY
            body = payment.void(_current(wishes)) if as_payment else identity_of(_current(wishes))
        case Verb.DEACTIVATE if kind in PARTIES:
            body = party.deactivate(_current(wishes))
    if body is None:
        raise refuse("never-written", f"A record of kind {kind.value} cannot get {verb.value} in QuickBooks.", "")
    return body


_CREATES: Mapping[type[Any], Callable[[Any, Wishes], Json]] = {
    Client: party.create,
    Vendor: party.create,
    Project: named.create_project,
    Item: named.create_item,
    Invoice: form_body.create,
    Estimate: form_body.create,
    CreditNote: form_body.create,
    Payment: payment.create,
    CreditApplication: credit_application.create,
    Bill: bill.create,
    Purchase: purchase.create,
    PurchaseOrder: purchase_order.create,
    Attachment: attachable.create,
}
_UPDATES: Mapping[type[Any], Callable[[Any, Wishes, Json], Json]] = {
    Client: party.update,
    Vendor: party.update,
    Project: named.update_project,
    Invoice: form_body.update,
    Estimate: form_body.update,
    CreditNote: form_body.update,
    Payment: payment.update,
    CreditApplication: credit_application.update,
    Bill: bill.update,
    Purchase: purchase.update,
    PurchaseOrder: purchase_order.update,
    Attachment: attachable.update,
}


def _create(record: Record | None, wishes: Wishes) -> Json | None:
    make = _CREATES.get(type(record))
    return None if make is None else make(record, wishes)


def _update(record: Record | None, wishes: Wishes, current: Json) -> Json | None:
    make = _UPDATES.get(type(record))
    return None if make is None else make(record, wishes, current)


def _current(wishes: Wishes) -> Json:
    if wishes.current is None or "Id" not in wishes.current or "SyncToken" not in wishes.current:
        raise refuse("not-read", "The record as it is now in QuickBooks is not at hand.", "Retry the record.")
    return wishes.current


__all__ = [
    "CODECS",
    "PARTIES",
    "Codec",
    "Decode",
    "Reading",
    "Refs",
    "Resolver",
    "Unencodable",
    "Wishes",
    "encode",
]
