"""Postal addresses and e-mail addresses, as customers and documents carry them (entities.md 1.6)."""

from __future__ import annotations

import msgspec
from msgspec import UnsetType

from syncd.model.contacts import kept_addresses
from syncd.model.records.lists import Address
from syncd.qbo.wire import Json

_LINES = 5


class WireEmail(msgspec.Struct, rename="pascal"):
    """EmailAddress."""

    address: str | None = None


class WireAddress(msgspec.Struct, rename="pascal"):
    """PhysicalAddress."""

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
        """The same as the records have it."""
        lines = (self.line1, self.line2, self.line3, self.line4, self.line5)
        return Address(
            tuple(filter(None, lines)),
            self.city or "",
            self.country_sub_division_code or "",
            self.postal_code or "",
            self.country or "",
        )


def said(email: WireEmail | None) -> str:
    """The addresses of a field; empty where it is missing."""
    return (email.address if email else "") or ""


def joined(emails: str | UnsetType, limit: int) -> str:
    """Several addresses with commas, whole ones dropped from the end until they fit (R-14, R-15, C-R13)."""
    return ",".join(kept_addresses(emails, limit)[0])


def address_body(address: Address) -> Json:
    """Every part of it, empty ones too: in an update, what was removed in the source must not stay (F-24).

    Lines beyond the fifth are joined to it.
    """
    lines = list(address.lines[: _LINES - 1])
    lines += [", ".join(address.lines[_LINES - 1 :])] if len(address.lines) >= _LINES else []
    body: Json = {f"Line{number}": line for number, line in enumerate(lines, start=1)}
    body |= {f"Line{number}": "" for number in range(len(lines) + 1, _LINES + 1)}
    return body | {
        "City": address.city,
        "CountrySubDivisionCode": address.region,
        "PostalCode": address.postal_code,
        "Country": address.country,
    }


def filled(address: Address) -> Json:
    """The parts that say something, for something new."""
    return {part: value for part, value in address_body(address).items() if value}
