"""Canonical forms of the values that are compared: money, numbers, dates, text.

Everything here is pure. A canonical value is a string (or a tuple of them), so that equality, hashing, storage and
printing are one thing and no tolerance can creep in. Amounts are ``Decimal`` on records and become text only here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeAlias

import msgspec

Canonical: TypeAlias = str | tuple[tuple[str, ...], ...]
"""One comparable value: text, or rows of text (lines, allocations)."""

# ISO 4217 currencies whose minor unit is not a hundredth. QBO lists no others among its own currencies.
_MINOR_DIGITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip

AMOUNT_LIMIT = Decimal("9999999999.99")
"""Largest amount QBO takes on a line: ten digits before the point (entities.md 1.1)."""

_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_DIGITS = re.compile(r"\d+")


def minor_digits(currency: str) -> int:
    """Digits after the point that amounts in ``currency`` have; 2 unless ISO 4217 says otherwise."""
    return _MINOR_DIGITS.get(currency, 2)


def is_currency_code(code: str) -> bool:
    """Whether ``code`` has the form of an ISO 4217 code: three capital letters."""
    return _CURRENCY.match(code) is not None


def decimal_of(value: object) -> Decimal:
    """Read a finite number exactly. Text, int and Decimal are taken as they are; a float by its shortest text.

    A float reaches us only from databases that store nothing else (SQLite); its shortest decimal text is the number
    that was written. Raises ``ValueError`` for anything that is no finite number.
    """
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a finite number")
    return number


def round_money(amount: Decimal, currency: str) -> Decimal:
    """``amount`` rounded half up to the currency's own minor unit.

    What is far beyond any amount is left as it is: ``checks`` refuses it, and it must not keep the rest from being
    compared.
    """
    try:
        return amount.quantize(_UNITS.get(currency, _CENT), ROUND_HALF_UP)
    except InvalidOperation:  # more digits than Decimal keeps, or no number
        return amount


def money(amount: Decimal, currency: str) -> str:
    """Canonical text of an amount: rounded to the currency's minor unit, never a negative zero."""
    rounded = round_money(amount, currency)
    return str(rounded or abs(rounded))


_CENT = Decimal("0.01")
_UNITS = {currency: Decimal(1).scaleb(-digits) for currency, digits in _MINOR_DIGITS.items()}
_RATE_DIGITS = 7
_LAST_DIGIT = Decimal(1).scaleb(-_RATE_DIGITS)


def explains(quantity: Decimal, rate: Decimal, amount: Decimal) -> bool:
    """Whether QBO takes ``quantity`` and ``rate`` for ``amount``: their product in cents, however it is rounded.

    QBO refuses a product that is not the amount (6070); how it rounds is not known, and whether a currency without
    cents changes that neither (protocol.md 8.7, F-98). Both numbers must have no more digits than QBO keeps.
    """
    product = quantity * rate
    try:
        if product.quantize(_CENT, ROUND_HALF_UP) != amount or product.quantize(_CENT, ROUND_HALF_EVEN) != amount:
            return False
        return _kept_whole(quantity) and _kept_whole(rate)
    except InvalidOperation:  # more digits than Decimal keeps: no field holds such a number
        return False


def _kept_whole(value: Decimal) -> bool:
    return not value or (value.adjusted() >= -_RATE_DIGITS + 1 and value.quantize(_LAST_DIGIT) == value)


def number(value: Decimal) -> str:
    """Canonical text of a quantity, rate or percentage: no exponent, no trailing zeros."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def text(value: str) -> str:
    """Canonical text: Unicode NFC, line ends as ``\\n``, no blanks at line ends, trimmed.

    Both sides reformat white space and composition freely; neither is an edit.
    """
    if value.isascii():
        if "\r" not in value and " \n" not in value and "\t" not in value:
            return value.strip()
    else:
        value = unicodedata.normalize("NFC", value)
    return _TRAILING.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def name_key(value: str) -> str:
    """The form under which two names are the same: canonical text, inner white space folded, case folded.

    The suffix that QBO gives a deactivated list record is not part of the name (entities.md 9.1).
    """
    folded = " ".join(text(value).split()).casefold()
    return folded.removesuffix(" (deleted)")


def addresses(emails: str) -> tuple[str, ...]:
    """The single e-mail addresses of a list that is separated by commas or semicolons."""
    return tuple(part.strip() for part in re.split(r"[,;]", emails) if part.strip())


def transaction_number(number: str) -> str:
    """The numeric part of a document number: its last run of digits (R-28)."""
    found = _DIGITS.findall(number)
    return found[-1] if found else ""


def has_control_characters(value: str) -> bool:
    """Whether text holds control characters other than tab and line ends; QBO refuses or drops them."""
    return _CONTROL.search(value) is not None


def cut(value: str, limit: int) -> str:
    """The first ``limit`` characters, trimmed: what a field of that length holds of a longer text."""
    return value if len(value) <= limit else value[:limit].rstrip()


def fingerprint(value: object) -> str:
    """32 hexadecimal characters that stand for a canonical value; equal values have equal fingerprints."""
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=16).hexdigest()
