"""Exchange rates, read one by one (entities.md 3.8). Each company has the rates it was given; they hold for any day."""

from __future__ import annotations

import re

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.clock import stamp
from syncd.sandbox.wire import Json, encode

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def read(book: Book, code: str, as_of: str, at: float) -> bytes:
    """``GET /exchangerate?sourcecurrencycode=EUR[&asofdate=YYYY-MM-DD]``: home units for one of the source."""
    settings = book.settings
    if not settings.multicurrency:
        raise faults.business("Multicurrency is not switched on for this company.", "CurrencyRef")
    if as_of and not _DAY.match(as_of):
        raise faults.fault(2060, "Invalid Date", f"Date value {as_of} is not a date.")
    code = code.upper()
    if code == settings.home_currency:
        raise faults.business("The source currency is the home currency.", "SourceCurrencyCode")
    rate = settings.rates.get(code)
    if rate is None:
        raise faults.business(f"There is no exchange rate for {code}.", "SourceCurrencyCode")
    body: Json = {
        "SyncToken": "0",
        "domain": "QBO",
        "AsOfDate": as_of or stamp(int(at))[:10],
        "SourceCurrencyCode": code,
        "Rate": rate,
        "sparse": False,
        "TargetCurrencyCode": settings.home_currency,
        "MetaData": {"LastUpdatedTime": stamp(int(at))},
    }
    return encode(body)
