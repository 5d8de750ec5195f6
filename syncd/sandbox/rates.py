"""Exchange rates by pair and day (entities.md 3.8): those posted, and for every other day the company's own feed.

The feed is the company option ``exchange_rates``, the same for any day; it stands for the rates QBO fetches daily. A
rate is kept under its pair and day and has neither Id nor CreateTime on the wire (S:exchangerate-read).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from syncd.sandbox import faults
from syncd.sandbox.book import Book, Record
from syncd.sandbox.clock import pacific_date, parse_moment, stamp
from syncd.sandbox.currencies import CURRENCIES
from syncd.sandbox.fields import day as date_of
from syncd.sandbox.query import Query
from syncd.sandbox.specs import SPECS
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json, encode

ENTITY = "ExchangeRate"
_MOST_DAYS = 31


def read(book: Book, code: str, as_of: str, at: float) -> bytes:
    """``GET /exchangerate?sourcecurrencycode=EUR[&asofdate=YYYY-MM-DD]``: home units for one of the source."""
    _check_on(book)
    day = date_of("asofdate", as_of) or pacific_date(at)
    code = _source(book, code)
    record = book.find(ENTITY, _key(code, day))
    if record is not None and _posted(book, record.id):
        return record.raw
    rate = book.settings.rates.get(code)
    if rate is None:
        raise faults.business(f"There is no exchange rate for {code}.", "SourceCurrencyCode")
    return encode(_body(book, code, day, rate))


def write(book: Book, switches: Switches, body: Any) -> bytes:
    """``POST /exchangerate``: create or replace the rate of a pair and day; FaultError and nothing has changed."""
    if not isinstance(body, dict):
        raise faults.unknown_property(ENTITY)
    if book.settings.subscription not in ("PAID", "TRIAL"):
        raise faults.lapsed()
    _check_on(book)
    sent: Json = {}
    for name, value in body.items():
        member = SPECS[ENTITY].members.get(name)
        if member is None:
            raise faults.unknown_property(name)
        if member.writable and value is not None:
            sent[name] = member.kind(name, value)
    for name in ("SourceCurrencyCode", "Rate", "AsOfDate"):
        if sent.get(name) is None:
            raise faults.missing(name)
    code = _source(book, sent["SourceCurrencyCode"])
    if str(sent.get("TargetCurrencyCode") or book.settings.home_currency).upper() != book.settings.home_currency:
        raise faults.business("The target currency must be the home currency.", "TargetCurrencyCode")
    if sent["Rate"] <= 0:
        raise faults.out_of_range("Rate", str(sent["Rate"]))
    key = _key(code, sent["AsOfDate"])
    unit = Unit(book)
    unit.put(ENTITY, key, _members(book, code, sent["AsOfDate"], sent["Rate"]), "update")
    unit.commit()
    book.hidden = {**book.hidden, "posted_rates": {**book.hidden.get("posted_rates", {}), key: True}}
    record = book.find(ENTITY, key)
    return b"{}" if record is None else record.raw


def on(book: Book, code: str, day: str) -> Decimal | None:
    """Home units for one unit of a currency on a day; None where nobody knows."""
    record = book.find(ENTITY, _key(code, day))
    if record is not None and _posted(book, record.id):
        return Decimal(record.body["Rate"])
    return book.settings.rates.get(code)


def prepare(book: Book, query: Query) -> None:
    """Put the feed's rates of the days and currencies a query asks for beside the posted ones."""
    settings = book.settings
    if not settings.multicurrency:
        return
    days, codes = [pacific_date(book.clock.now())], [settings.home_currency, *settings.rates]
    for condition in query.where:
        if condition.op not in ("=", "IN"):
            continue
        texts = [value.text for value in condition.values if value.kind != "today"]
        if condition.member.lower() == "asofdate" and texts:
            days = [found for found in (date_of("AsOfDate", text) for text in texts[:_MOST_DAYS]) if found]
        elif condition.member.lower() == "sourcecurrencycode":
            codes = [text.upper() for text in texts]
    for day in days:
        for code in codes:
            rate = Decimal(1) if code == settings.home_currency else settings.rates.get(code)
            if rate is not None:
                _feed(book, code, day, rate)


def _feed(book: Book, code: str, day: str, rate: Decimal) -> None:
    key = _key(code, day)
    known = book.find(ENTITY, key)
    if known is not None and (_posted(book, key) or Decimal(known.body["Rate"]) == rate):
        return
    second = int(parse_moment(day))
    book.store(ENTITY, Record(key, "0", second, second), _body(book, code, day, rate), None, "", 0.0)


def _key(code: str, day: str) -> str:
    return f"{code} {day}"


def _posted(book: Book, key: str) -> bool:
    return key in book.hidden.get("posted_rates", {})


def _check_on(book: Book) -> None:
    if not book.settings.multicurrency:
        raise faults.business("Multicurrency is not switched on for this company.", "CurrencyRef")


def _source(book: Book, code: str) -> str:
    code = code.strip().upper()
    if not code:
        raise faults.missing("SourceCurrencyCode")
    if code == book.settings.home_currency:
        raise faults.business("The source currency is the home currency.", "SourceCurrencyCode")
    if code not in CURRENCIES:
        raise faults.bad_enum("SourceCurrencyCode", code)
    return code


def _members(book: Book, code: str, day: str, rate: Decimal) -> Json:
    return {
        "AsOfDate": day,
        "SourceCurrencyCode": code,
        "Rate": rate,
        "TargetCurrencyCode": book.settings.home_currency,
    }


def _body(book: Book, code: str, day: str, rate: Decimal) -> Json:
    meta = {"LastUpdatedTime": stamp(int(parse_moment(day)))}
    members = _members(book, code, day, rate)
    return {"SyncToken": "0", "domain": "QBO", **members, "sparse": False, "MetaData": meta}
