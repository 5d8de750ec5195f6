"""From raw column values to the parts of a record: every check that needs one row and no database.

A value that cannot be used raises ``BadValueError`` with what a bookkeeper is told; the readers collect these into
``Flawed``. Nothing here guesses: a value is taken as it is, or the record is held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from syncd.model.kinds import State
from syncd.model.observations import Problem
from syncd.model.records.lists import Address
from syncd.model.values import AMOUNT_LIMIT, decimal_of, has_control_characters, number

_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND
VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

CURRENCIES = frozenset(_ISO_4217.split())
"""The currencies in use; the historical and the technical ones (XAU, XXX, XTS ...) are left out on purpose."""

_EXACT = Context(prec=80)
"""Enough digits for any product of two amounts: a product that had to be rounded would be a wrong amount."""

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off", ""})


_NOWHERE = Address()


class BadValueError(ValueError):
    """A value that no record can be made of, in words for a bookkeeper."""

    def __init__(self, code: str, text: str, remedy: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.remedy = remedy

    def problem(self, field: str) -> Problem:
        """The same, tied to the field it was found in."""
        return Problem(code=self.code, text=self.text, remedy=self.remedy, field=field)


def text(raw: object) -> str:
    """Text as it is; NULL is empty. Control characters other than tab and line ends are refused."""
    if type(raw) is not str:
        if raw is None:
            return ""
        raw = _as_text(raw)
    if raw.isprintable() and (raw.isascii() or "\ufffd" not in raw):
        return raw
    if has_control_characters(raw):
        raise BadValueError(
            "control_characters",
            "The text holds characters that cannot be printed.",
            "Type the text anew in the source system; it was probably pasted from another program.",
        )
    if "\ufffd" in raw:
        raise BadValueError(
            "unreadable_text", "The text holds characters that cannot be read.", "Type the text anew in the source."
        )
    return raw


def _as_text(raw: object) -> str:
    if isinstance(raw, int):
        return str(int(raw))
    if isinstance(raw, float | Decimal):
        try:
            return number(decimal_of(raw))
        except ValueError:
            raise BadValueError("not_text", "The text is not a usable value.", "Type it anew in the source.") from None
    if isinstance(raw, bytes | bytearray | memoryview):
        try:
            return bytes(raw).decode()
        except UnicodeDecodeError:
            raise BadValueError(
                "unreadable_text", "The text holds characters that cannot be read.", "Type it anew in the source."
            ) from None
    return raw if isinstance(raw, str) else str(raw)


def address(raw: object) -> Address:
    """A postal address from a block of text, its lines one under the other; blank ones say nothing."""
    if raw is None:
        return _NOWHERE
    return Address(tuple(line for line in text(raw).splitlines() if line.strip()))


def name(raw: object) -> str:
    """A name: text that is not blank."""
    value = text(raw)
    if not value or value.isspace():
        raise BadValueError("name_empty", "The name is empty.", "Give the record a name in the source system.")
    return value


def key(raw: object) -> str:
    """The canonical id of a row: the text of its key."""
    if type(raw) is str:
        return raw
    return str(raw) if type(raw) is int else _as_text(raw)


def optional_reference(raw: object) -> str:
    """The id of another record; empty where there is none."""
    return "" if raw is None else key(raw)


def client_reference(raw: object) -> str:
    """The id of the client, which must be there."""
    if raw is None or raw == "":
        raise BadValueError("client_missing", "No client is set.", "Choose the client in the source system.")
    return key(raw)


def invoice_reference(raw: object) -> str:
    """The id of the invoice that an allocation pays, which must be there."""
    if raw is None or raw == "":
        raise BadValueError(
            "invoice_missing",
            "Part of the payment names no invoice.",
            "Choose the invoice it pays, or remove the part.",
        )
    return key(raw)


def credit_note_reference(raw: object) -> str:
    """The id of the credit note that is used, which must be there."""
    if raw is None or raw == "":
        raise BadValueError("credit_note_missing", "No credit note is set.", "Choose the credit note that is used.")
    return key(raw)


OWNERS = frozenset({"invoice", "credit_note", "expense", "bill", "purchase_order"})
"""The kinds of documents that files belong to."""


def owner_kind(raw: object) -> str:
    """The kind of document that a file belongs to."""
    word = text(raw).strip().casefold()
    if word not in OWNERS:
        raise BadValueError(
            "owner_unknown",
            f"A file belongs to {word[:20]!r}, which is no kind of document.",
            f"Use one of {', '.join(sorted(OWNERS))}, or translate it in the mapping.",
        )
    return word


def owner_reference(raw: object) -> str:
    """The id of the document that a file belongs to, which must be there."""
    if raw is None or raw == "":
        raise BadValueError(
            "owner_missing", "The file belongs to no document.", "Attach it to one, or delete it in the source."
        )
    return key(raw)


def vendor_reference(raw: object) -> str:
    """The id of the member of the staff who paid, or of the supplier, which must be there."""
    if raw is None or raw == "":
        raise BadValueError("vendor_missing", "Nobody is set who paid it.", "Choose the member in the source system.")
    return key(raw)


def amount(raw: object) -> Decimal:
    """A finite amount, quantity or rate within what QuickBooks can hold, exactly as stored."""
    if type(raw) is str:
        return _amount_of_text(raw)
    if raw is None:
        raise BadValueError("amount_missing", "The amount is empty.", "Enter the amount in the source system.")
    return _amount_of(raw)


@lru_cache(maxsize=65536)
def _amount_of_text(raw: str) -> Decimal:
    return _amount_of(raw)


def _amount_of(raw: object) -> Decimal:
    try:
        value = raw if type(raw) is Decimal else decimal_of(raw)
        if -AMOUNT_LIMIT <= value <= AMOUNT_LIMIT:
            return value
        if not value.is_finite():
            raise ValueError
    except (ValueError, InvalidOperation):  # NaN cannot be compared
        raise BadValueError(
            "not_a_number", "The amount is not a number.", "Correct the amount in the source."
        ) from None
    raise BadValueError(
        "amount_too_large",
        f"The amount is larger than {AMOUNT_LIMIT:,}, the most that QuickBooks can hold.",
        "Correct the amount in the source system.",
    )


def amount_or_zero(raw: object) -> Decimal:
    """An amount; NULL is zero (no discount, no tax)."""
    return Decimal(0) if raw is None else amount(raw)


def optional_amount(raw: object) -> Decimal | UnsetType:
    """An amount, or no opinion where the column is NULL."""
    return UNSET if raw is None else amount(raw)


def product(raws: Sequence[object]) -> Decimal:
    """The exact product of several numbers."""
    value = Decimal(1)
    for raw in raws:
        value = _EXACT.multiply(value, amount(raw))
    return amount(value)


@lru_cache(maxsize=8192)
def _date_of_text(value: str) -> date:
    # fromisoformat alone would also take 20260105 and 2026-W01-1, which in a date column are accidents.
    stamp = value.strip()
    if len(stamp) > 10 and stamp[10] not in " T":
        raise ValueError
    if len(stamp) < 10 or stamp[4] != "-" or stamp[7] != "-":
        raise ValueError
    if len(stamp) > 10:
        datetime.fromisoformat(stamp)
    return date.fromisoformat(stamp[:10])


def day(raw: object) -> date:
    """A calendar date. Of a timestamp without zone the date is taken as written: it is never moved by a zone."""
    if raw is None or raw == "":
        raise BadValueError("date_missing", "The date is empty.", "Enter the date in the source system.")
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    try:
        if isinstance(raw, str):
            return _date_of_text(raw)
    except ValueError:
        pass
    raise BadValueError(
        "not_a_date", f"{str(raw)[:30]!r} is no date of the calendar.", "Correct the date in the source system."
    )


def optional_day(raw: object) -> date | UnsetType:
    """A calendar date, or none."""
    return UNSET if raw is None or raw == "" else day(raw)


def day_in_zone(zone: ZoneInfo) -> Callable[[object], date]:
    """Reads the date of a moment in UTC as people in ``zone`` see it."""

    def read(raw: object) -> date:
        return raw.replace(tzinfo=UTC).astimezone(zone).date() if isinstance(raw, datetime) else day(raw)

    return read


def currency(raw: object) -> str:
    """An ISO 4217 code in use. An amount without a currency is no amount, so empty is refused."""
    value = text(raw).strip().upper()
    if value in CURRENCIES:
        return value
    if not value:
        raise BadValueError("currency_missing", "No currency is set.", "Choose the currency in the source system.")
    raise BadValueError(
        "currency_unknown", f"{value[:10]!r} is no currency code.", "Use a three-letter ISO code such as USD or EUR."
    )


def optional_currency(raw: object) -> str | UnsetType:
    """A currency code, or no opinion."""
    return UNSET if raw is None or raw == "" else currency(raw)


def truth(raw: object) -> bool:
    """Yes or no, in the ways databases say it. NULL is no."""
    if raw is None or raw is False:
        return False
    if raw is True or raw == 1:
        return True
    if isinstance(raw, bytes):  # MySQL's BIT(1)
        return any(raw)
    word = str(raw).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValueError(
        "not_yes_or_no", f"{word[:20]!r} is neither yes nor no.", "Correct the value in the source system."
    )


def optional_truth(raw: object) -> bool | UnsetType:
    """Yes or no, or no opinion where the column is NULL."""
    return UNSET if raw is None else truth(raw)


def state(raw: object) -> State:
    """One of the states of the model, by its own name."""
    try:
        return State(str(raw).strip().casefold())
    except ValueError:
        raise BadValueError(
            "status_unknown",
            f"The status {str(raw)[:30]!r} is not known.",
            "Add the status to the mapping's values, or correct it in the source system.",
        ) from None


def translated(values: Mapping[str, object], then: Callable[[object], object]) -> Callable[[object], object]:
    """Reads a column whose values have other names: ``values`` translates, anything else is refused."""

    def read(raw: object) -> object:
        word = "" if raw is None else key(raw).strip()
        if word not in values:
            raise BadValueError(
                "status_unknown",
                f"The value {word[:30]!r} is not among those the mapping knows.",
                "Add the value to the mapping, or correct it in the source system.",
            )
        return then(values[word])

    return read


def dangling(what: str, raw: object) -> Problem:
    """A reference to a row that does not exist. ``what`` is the field that names it."""
    word = what.replace("_", " ")
    return Problem(
        code=f"{what}_dangling",
        text=f"It names {word} {key(raw)}, and there is no such {word}.",
        remedy=f"Choose an existing {word} in the source system.",
        field=what,
    )
