"""Clients and vendors: QBO's Customer and Vendor, which share their names and most of their fields
(entities.md 3.1 to 3.3)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from syncd.model.observations import Flawed, Present
from syncd.model.records.lists import Address, Client, Party, Vendor
from syncd.model.spec import EMAIL_LIMIT
from syncd.model.values import text
from syncd.qbo.codec.contact import WireAddress, WireEmail, address_body, filled, joined, said
from syncd.qbo.codec.parts import (
    DELETED_SUFFIX,
    CannotReadError,
    Reading,
    Ref,
    Wishes,
    decode_with,
    identity_of,
    reference,
)
from syncd.qbo.wire import Json, Raw

CUSTOMER = "Customer"
VENDOR = "Vendor"
_NAME_PART = 100
"""GivenName, FamilyName (entities.md 3.2)."""


class _Party(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    display_name: str | None = None
    active: bool = True
    currency_ref: Ref | None = None
    primary_email_addr: WireEmail | None = None
    bill_addr: WireAddress | None = None
    parent_ref: Ref | None = None


_decoder = msgspec.json.Decoder(_Party)


def bare_name(name: str, *, active: bool) -> str:
    """The name without the suffix of deactivation, which is no part of it (F-75)."""
    return name if active else name.removesuffix(DELETED_SUFFIX)


def decode_client(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _client, row, reading)


def decode_vendor(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _vendor, row, reading)


def _client(party: _Party, reading: Reading) -> tuple[Client, str]:
    return Client(
        id=party.id,
        name=_name(party, "customer"),
        currency=_currency(party, reading),
        email=said(party.primary_email_addr),
        address=party.bill_addr.record() if party.bill_addr else Address(),
        active=party.active,
        parent=party.parent_ref.value if party.parent_ref else "",
    ), party.sync_token


def _vendor(party: _Party, reading: Reading) -> tuple[Vendor, str]:
    return Vendor(
        id=party.id,
        name=_name(party, "vendor"),
        currency=_currency(party, reading),
        email=said(party.primary_email_addr),
        active=party.active,
    ), party.sync_token


def _name(party: _Party, noun: str) -> str:
    if not party.display_name:
        raise CannotReadError("name-empty", f"The {noun} has no name.", "Give it a name in QuickBooks.", "name")
    return bare_name(party.display_name, active=party.active)


def _currency(party: _Party, reading: Reading) -> str:
    return (party.currency_ref.value if party.currency_ref else "") or reading.home_currency


def create(record: Party, wishes: Wishes) -> Json:
    body: Json = {"DisplayName": text(record.name)}
    keeps = wishes.facts.multicurrency and wishes.settings.currency_mode == "keep"
    if keeps and isinstance(record.currency, str) and record.currency:
        body["CurrencyRef"] = reference(record.currency)
    if isinstance(record.email, str) and record.email:
        body["PrimaryEmailAddr"] = {"Address": joined(record.email, EMAIL_LIMIT)}
    address = record.address if isinstance(record, Client) else None
    if isinstance(address, Address) and address != Address():
        body["BillAddr"] = filled(address)
    return body | _contact(record)


def _contact(record: Party) -> Json:
    """The person, as QBO keeps names: the first word is the given name, the rest the family name (O-27)."""
    contact = record.contact if isinstance(record, Client) else UNSET
    given, _, family = text(contact).partition(" ") if isinstance(contact, str) else ("", "", "")
    names = {"GivenName": given[:_NAME_PART], "FamilyName": family.strip()[:_NAME_PART]}
    return {member: name for member, name in names.items() if name}


def update(record: Party, wishes: Wishes, current: Json) -> Json:
    """A sparse update of the named fields. The currency is never changed (entities.md 3.2, 3.3).

    Sparse for vendors too: a whole one would have to send their tax number back, which QBO shows masked.
    """
    body: Json = identity_of(current) | {"sparse": True}
    if "name" in wishes.fields:
        body["DisplayName"] = text(record.name)
    if "email" in wishes.fields and isinstance(record.email, str):
        body["PrimaryEmailAddr"] = {"Address": joined(record.email, EMAIL_LIMIT)}
    if "address" in wishes.fields and isinstance(record, Client) and isinstance(record.address, Address):
        body["BillAddr"] = address_body(record.address)
    return body | active_again(wishes, current)


def active_again(wishes: Wishes, current: Json) -> Json:
    """Brings back what was made inactive, under the name it had: QBO leaves the suffix on it otherwise (F-75)."""
    if "active" not in wishes.fields:
        return {}
    told = {} if "name" in wishes.fields else {"DisplayName": bare_name(str(current["DisplayName"]), active=False)}
    return {"Active": True, **told}


def deactivate(current: Json) -> Json:
    """Lists are never deleted (entities.md 1.5)."""
    return identity_of(current) | {"sparse": True, "Active": False}
