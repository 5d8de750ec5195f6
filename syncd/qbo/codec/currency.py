"""The currency of a document and its exchange rate (entities.md 3.8, R-19, R-20)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from syncd.model.records import Record
from syncd.qbo import wire
from syncd.qbo.codec.parts import Wishes, reference, refuse
from syncd.qbo.wire import Json


def code_of(record: Record, wishes: Wishes) -> str:
    """The currency of a document; the company's own where it names none."""
    currency = getattr(record, "currency", "")
    return currency if isinstance(currency, str) and currency else wishes.facts.home_currency


def foreign_currency(record: Record, day: date, wishes: Wishes) -> Json:
    """CurrencyRef, and ExchangeRate for a foreign currency: always, because an omitted one may be booked as 1
    (entities.md 3.8); never for the home currency (R-19). Nothing at all without multicurrency, or
    where QBO is to decide it (O-32)."""
    if not wishes.facts.multicurrency or wishes.settings.currency_mode == "home_only":
        return {}
    code = code_of(record, wishes)
    body: Json = {"CurrencyRef": reference(code)}
    if code != wishes.facts.home_currency:
        body["ExchangeRate"] = wire.plain(_rate(record, code, day, wishes))
    return body


def moved(record: Record, day: date, wishes: Wishes, current: Json) -> Json:
    """The same for a document whose date changes: only where it has a rate now."""
    return foreign_currency(record, day, wishes) if "ExchangeRate" in current else {}


def _rate(record: Record, code: str, day: date, wishes: Wishes) -> Decimal:
    """The first rate there is, in the order of the settings (R-20)."""
    for source in wishes.settings.rate_sources:
        match source:
            case "qbo_on_date":
                rate = wishes.resolve.rate(code, day)
            case "qbo_current":
                rate = wishes.resolve.rate(code, None)
            case "source":
                rate = getattr(record, "exchange_rate", None)
        if isinstance(rate, Decimal) and rate > 0:
            return rate
    looked = ", ".join(wishes.settings.rate_sources)
    raise refuse(
        "exchange-rate",
        f"There is no exchange rate for {code} on {day.isoformat()} (looked for: {looked}).",
        "Enter the rate in QuickBooks (Settings, Currencies) or on the document in the source, then retry.",
        "currency",
    )
