"""How a client is reached, as QBO would hold it: a postal address, and lists of e-mail addresses."""

from __future__ import annotations

import re

from msgspec import UnsetType

from syncd.model import values
from syncd.model.records.lists import Address

_WORDS = re.compile(r"\w+", re.UNICODE)


def addresses(emails: str | UnsetType, limit: int) -> str:
    """A list of e-mail addresses as QBO would hold it: whole ones dropped from the end until it fits (C-R13)."""
    return ",".join(kept_addresses(emails, limit)[0])


def kept_addresses(emails: str | UnsetType, limit: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The addresses that fit into a field of so many characters, and those that have to be left out."""
    every = tuple(values.addresses(emails)) if isinstance(emails, str) else ()
    count = len(every)
    while count and len(",".join(every[:count])) > limit:
        count -= 1
    return every[:count], every[count:]


def postal(address: Address | UnsetType) -> str:
    """What an address says, whatever its layout: QBO decides how it is divided into lines (R-11, C-R14)."""
    if not isinstance(address, Address):
        return ""
    parts = (*address.lines, address.city, address.region, address.postal_code, address.country)
    return " ".join(word for part in parts for word in _WORDS.findall(values.text(part)))
