"""Client and QBO's Customer (entities.md 3.1, 3.2)."""

from __future__ import annotations

import msgspec

from syncd.model.checks import EMAIL_LIMIT, addresses
from syncd.model.observations import Flawed, Present
from syncd.model.records import Address, Client
from syncd.model.values import text
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

ENTITY = "Customer"

_ADDRESS_LINES = 5


class _Email(msgspec.Struct, rename="pascal"):
    address: str | None = None


class WireAddress(msgspec.Struct, rename="pascal"):
    """PhysicalAddress (entities.md 1.6)."""

    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    line4: str | None = None
    line5: str | None = None
    city: str | None = None
    country: str | None = None
    country_sub_division_code: str | None = None
    postal_code: str | None = None

    def record(self) -> Address:
        lines = (self.line1, self.line2, self.line3, self.line4, self.line5)
        return Address(
            lines=tuple(line for line in lines if line),
            city=self.city or "",
            region=self.country_sub_division_code or "",
            postal_code=self.postal_code or "",
            country=self.country or "",
        )


class _Customer(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    display_name: str | None = None
    fully_qualified_name: str | None = None
    active: bool = True
    currency_ref: Ref | None = None
    primary_email_addr: _Email | None = None
    bill_addr: WireAddress | None = None


_decoder = msgspec.json.Decoder(_Customer)


def bare_name(name: str, *, active: bool) -> str:
    """The name without the suffix of deactivation, which is no part of it (F-75)."""
    return name if active else name.removesuffix(DELETED_SUFFIX)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def _record(customer: _Customer, reading: Reading) -> tuple[Client, str]:
    if not customer.display_name:
        raise CannotReadError("name-empty", "The customer has no name.", "Give it a name in QuickBooks.", "name")
    email = customer.primary_email_addr
    return Client(
        id=customer.id,
        name=bare_name(customer.display_name, active=customer.active),
        currency=(customer.currency_ref.value if customer.currency_ref else "") or reading.home_currency,
        email=(email.address if email else "") or "",
        address=customer.bill_addr.record() if customer.bill_addr else Address(),
        active=customer.active,
    ), customer.sync_token


def create(record: Client, wishes: Wishes) -> Json:
    body: Json = {"DisplayName": text(record.name)}
    if wishes.facts.multicurrency and isinstance(record.currency, str) and record.currency:
        body["CurrencyRef"] = reference(record.currency)
    if isinstance(record.email, str) and record.email:
        body["PrimaryEmailAddr"] = {"Address": joined_addresses(record.email)}
    if isinstance(record.address, Address) and record.address != Address():
        body["BillAddr"] = {part: value for part, value in _address(record.address).items() if value}
    return body


def update(record: Client, wishes: Wishes, current: Json) -> Json:
    """A sparse update of the named fields. The currency is never changed (entities.md 3.2)."""
    body: Json = identity_of(current) | {"sparse": True}
    if "name" in wishes.fields:
        body["DisplayName"] = text(record.name)
    if "email" in wishes.fields and isinstance(record.email, str):
        body["PrimaryEmailAddr"] = {"Address": joined_addresses(record.email)}
    if "address" in wishes.fields and isinstance(record.address, Address):
        body["BillAddr"] = _address(record.address)
    return body


def deactivate(current: Json) -> Json:
    """Lists are never deleted (entities.md 1.5)."""
    return identity_of(current) | {"sparse": True, "Active": False}


def joined_addresses(email: str) -> str:
    """Several addresses with commas, whole ones dropped from the end until they fit (R-14, C-R13)."""
    kept = list(addresses(email))
    while len(",".join(kept)) > EMAIL_LIMIT:
        kept.pop()
    return ",".join(kept)


def _address(address: Address) -> Json:
    """Every part is sent, empty ones too: what was removed in the source must not stay (F-24)."""
    lines = list(address.lines[: _ADDRESS_LINES - 1])
    lines += [", ".join(address.lines[_ADDRESS_LINES - 1 :])] if len(address.lines) >= _ADDRESS_LINES else []
    body: Json = {f"Line{number}": line for number, line in enumerate(lines, start=1)}
    body |= {f"Line{number}": "" for number in range(len(lines) + 1, _ADDRESS_LINES + 1)}
    return body | {
        "City": address.city,
        "CountrySubDivisionCode": address.region,
        "PostalCode": address.postal_code,
        "Country": address.country,
    }
