"""JSON in and out with exact decimals, and the forms QBO gives to numbers (protocol.md 12)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import msgspec

Json = dict[str, Any]

decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode
DecodeError = msgspec.DecodeError

ZERO = Decimal(0)
CENT = Decimal("0.01")
HUNDRED = Decimal(100)


def rounded(value: Decimal) -> Decimal:
    """Rounded half up to cents, for calculation (the rounding mode is a guess, protocol.md 12)."""
    return value.quantize(CENT, ROUND_HALF_UP)


@lru_cache(maxsize=65_536)
def money(value: Decimal) -> Decimal:
    """Cents in the form QBO prints: ``0``, ``100.0``, ``362.07``."""
    cents = int(rounded(value) * 100)
    if cents == 0:
        return ZERO
    sign, whole, part = (cents < 0), *divmod(abs(cents), 100)
    tail = f"{part // 10}" if part % 10 == 0 else f"{part:02d}"
    return Decimal(f"{'-' if sign else ''}{whole}.{tail}")


@lru_cache(maxsize=65_536)
def plain(value: Decimal) -> Decimal:
    """A quantity, price or rate without trailing zeros and without an exponent."""
    if value == value.to_integral_value():
        return Decimal(int(value))
    return value.normalize()


def amount(record: Json, name: str) -> Decimal:
    """A money member of a stored record; what is absent counts as zero."""
    value = record.get(name)
    return ZERO if value is None else value if type(value) is Decimal else Decimal(value)


def encode_indented(value: Any) -> str:
    """JSON for people to read."""
    return msgspec.json.format(encode(value), indent=2).decode()
