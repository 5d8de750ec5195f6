"""Kinds of fields: how one JSON value is checked and brought into stored form.

A kind is a function from the member's name and the value sent to the value stored, or None where the value means
"empty". Blank strings count as empty for every kind, because QBO's own SDKs send them for members that have no value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from syncd.sandbox import faults
from syncd.sandbox.wire import Json, money, plain

Kind = Callable[[str, Any], Any]

_FARTHEST_DIGIT = 1000  # beyond it decimal arithmetic itself gives up

_BOOLEANS = {"true": True, "false": False}

# Spellings met on the wire, to the ISO-3166 alpha-3 code that answers carry since August 2025 (protocol.md 1.7).
_COUNTRIES = {
    "us": "USA", "usa": "USA", "united states": "USA", "united states of america": "USA",
    "ca": "CAN", "canada": "CAN", "gb": "GBR", "uk": "GBR", "united kingdom": "GBR", "great britain": "GBR",
    "au": "AUS", "australia": "AUS", "in": "IND", "india": "IND", "fr": "FRA", "france": "FRA",
    "de": "DEU", "germany": "DEU", "ie": "IRL", "ireland": "IRL", "nz": "NZL", "new zealand": "NZL",
    "nl": "NLD", "netherlands": "NLD", "es": "ESP", "spain": "ESP", "it": "ITA", "italy": "ITA",
    "mx": "MEX", "mexico": "MEX", "br": "BRA", "brazil": "BRA", "jp": "JPN", "japan": "JPN",
    "cn": "CHN", "china": "CHN", "ch": "CHE", "switzerland": "CHE", "at": "AUT", "austria": "AUT",
    "be": "BEL", "belgium": "BEL", "se": "SWE", "sweden": "SWE", "no": "NOR", "norway": "NOR",
    "dk": "DNK", "denmark": "DNK", "fi": "FIN", "finland": "FIN", "pl": "POL", "poland": "POL",
    "pt": "PRT", "portugal": "PRT", "sg": "SGP", "singapore": "SGP", "za": "ZAF", "south africa": "ZAF",
}  # fmt: skip


def text(longest: int, shortest: int = 0, forbidden: str = "") -> Kind:
    """A string; numbers are taken as their digits, as Jackson does."""

    def check(name: str, value: Any) -> str | None:
        if type(value) is not str:
            if not isinstance(value, int | Decimal) or isinstance(value, bool):
                raise faults.unknown_property(name)
            value = str(value)
        if value == "":
            return None
        if not shortest <= len(value) <= longest:
            raise faults.bad_length(name, shortest, longest, len(value))
        if forbidden and any(mark in value for mark in forbidden):
            raise faults.bad_string(name)
        return value  # type: ignore[no-any-return]  # what is not a string was made one

    return check


def boolean(name: str, value: Any) -> bool | None:
    """true or false, quoted or bare."""
    if isinstance(value, str):
        if value == "":
            return None
        value = _BOOLEANS.get(value.lower())
    if not isinstance(value, bool):
        raise faults.unknown_property(name)
    return value


def _number(name: str, value: Any) -> Decimal | None:
    if isinstance(value, str):
        if value.strip() == "":
            return None
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            raise faults.bad_number(name, value) from None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise faults.unknown_property(name)
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _FARTHEST_DIGIT:
        raise faults.bad_number(name, str(value))
    return number


def decimal(whole: int = 11, places: int = 10) -> Kind:
    """A quantity, price, rate or percentage: so many digits before and after the point."""

    limit = 10**whole

    def check(name: str, value: Any) -> Decimal | None:
        if type(value) is int and -limit < value < limit:
            return Decimal(value)
        number = _number(name, value)
        if number is None:
            return None
        if not _fits(number, whole, places):
            raise faults.bad_decimal(name, str(value))
        return plain(number)

    return check


@lru_cache(maxsize=65_536)
def _fits(number: Decimal, whole: int, places: int) -> bool:
    shape = number.normalize().as_tuple()
    exponent = int(shape.exponent)
    return -exponent <= places and len(shape.digits) + exponent <= whole


_cash = decimal(10, 5)


def cash(name: str, value: Any) -> Decimal | None:
    """Money: at most ten digits before the point and five after it, kept in cents (entities.md 1.1)."""
    number = _cash(name, value)
    return None if number is None else money(number)


def integer(low: int, high: int) -> Kind:
    """A whole number within bounds."""

    def check(name: str, value: Any) -> int | None:
        number = _number(name, value)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise faults.bad_number(name, str(value))
        if not low <= number <= high:
            raise faults.out_of_range(name, str(value))
        return int(number)

    return check


def day(name: str, value: Any) -> str | None:
    """A calendar date; a time part is cut off."""
    if not isinstance(value, str):
        raise faults.unknown_property(name)
    if value == "":
        return None
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise faults.bad_date(name, value) from None


def choice(*values: str) -> Kind:
    """An enumeration."""

    def check(name: str, value: Any) -> str | None:
        if value == "":
            return None
        if value not in values:
            raise faults.bad_enum(name, str(value))
        return str(value)

    return check


def anything(name: str, value: Any) -> Any:
    """Kept as it is; for members whose inside nobody looks at."""
    return None if value == "" else value


def struct(members: Mapping[str, Kind], after: Callable[[str, Json], Json | None] | None = None) -> Kind:
    """An object with known members; unknown ones are 2010, an empty one counts as absent."""

    def check(name: str, value: Any) -> Json | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise faults.unknown_property(name)
        clean: Json = {}
        for member, inner in value.items():
            kind = members.get(member)
            if kind is None:
                raise faults.unknown_property(f"{name}.{member}")
            if inner is None:
                continue
            stored = kind(f"{name}.{member}", inner)
            if stored is not None:
                clean[member] = stored
        if after is not None:
            return after(name, clean)
        return clean or None

    return check


def array(kind: Kind) -> Kind:
    """A list of one kind; an empty list is a value."""

    def check(name: str, value: Any) -> list[Any] | None:
        if value == "":
            return None
        if not isinstance(value, list):
            raise faults.unknown_property(name)
        items = (kind(name, item) for item in value if item is not None)
        return [item for item in items if item is not None]

    return check


def _only_value(_: str, clean: Json) -> Json | None:
    return {"value": clean["value"], **clean} if "value" in clean else None


def _valid_email(name: str, clean: Json) -> Json | None:
    address = clean.get("Address")
    if address is None:
        return None
    if "@" not in address or "." not in address:
        raise faults.bad_email(name, address)
    return {"Address": address}


def _address(_: str, clean: Json) -> Json | None:
    for gone in ("Lat", "Long", "Note", "Tag"):
        clean.pop(gone, None)
    country = clean.get("Country")
    if country is not None:
        clean["Country"] = _COUNTRIES.get(country.strip().lower(), country)
    if set(clean) <= {"Id"}:
        return None
    return clean


def email(longest: int = 100) -> Kind:
    """EmailAddress (entities.md 1.6)."""
    return struct({"Address": text(longest), "Default": boolean, "Tag": anything}, _valid_email)


reference = struct({"value": text(250), "name": text(2000), "type": text(100)}, _only_value)
address = struct(
    {
        **{f"Line{n}": text(500) for n in range(1, 6)},
        **dict.fromkeys(("City", "Country", "CountrySubDivisionCode"), text(255)),
        "PostalCode": text(30),
        **dict.fromkeys(("Id", "Lat", "Long", "Note", "Tag", "CountryCode", "PostalCodeSuffix"), text(500)),
    },
    _address,
)
phone = struct({"FreeFormNumber": text(30), "Id": text(50), "Default": boolean, "Tag": anything})
web = struct({"URI": text(1000), "Id": text(50), "Default": boolean, "Tag": anything})
memo = struct({"value": text(1000), "id": text(50)})
linked = array(struct({"TxnId": text(50), "TxnType": text(100), "TxnLineId": text(50)}))


@dataclass(frozen=True)
class Field:
    """One member of an entity: its kind, and who may write it (entities.md 0, column W)."""

    kind: Kind
    writable: bool = True
    once: bool = False  # on create only
