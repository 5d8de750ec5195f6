"""Making a company, and its options: what the accountant would set in the browser (entities.md 1.8, 2)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.sandbox import seeds
from syncd.sandbox.book import Book, Settings
from syncd.sandbox.clock import Clock, pacific_date
from syncd.sandbox.context import currency_ref
from syncd.sandbox.specs import SPECS
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json

FIRST_NUMBER = 1001

# option -> (group, member) of Preferences
_PREFERENCES: dict[str, tuple[str, str]] = {
    "custom_txn_numbers": ("SalesFormsPrefs", "CustomTxnNumbers"),
    "allow_discount": ("SalesFormsPrefs", "AllowDiscount"),
    "allow_deposit": ("SalesFormsPrefs", "AllowDeposit"),
    "auto_apply_credit": ("SalesFormsPrefs", "AutoApplyCredit"),
    "using_sales_tax": ("TaxPrefs", "UsingSalesTax"),
    "multicurrency": ("CurrencyPrefs", "MultiCurrencyEnabled"),
    "book_close_date": ("AccountingInfoPrefs", "BookCloseDate"),
}
_HIDDEN = frozenset({"warn_duplicate_numbers", "subscription", "exchange_rates", "custom_fields"})
_AT_CREATION = frozenset({"realm", "name", "country", "home_currency", "seed", "default_terms"})
OPTIONS = frozenset(_PREFERENCES) | _HIDDEN | _AT_CREATION


def create(realm: str, clock: Clock, options: Json, track: bool = False) -> Book:
    """A company with its seed; ValueError names unknown or bad options."""
    _check(options, OPTIONS)
    country = str(options.get("country", "US"))
    home = str(options.get("home_currency") or seeds.HOME_CURRENCIES.get(country, "USD"))
    book = Book(realm, clock, track)
    book.counters.update(document=FIRST_NUMBER - 1, address=1)
    now = clock.now()
    name = str(options.get("name", f"Sandbox Company {realm[-4:]}"))
    subscription = str(options.get("subscription", "PAID"))
    book.load("CompanyInfo", seeds.company_info(name, country, pacific_date(now), subscription), None, now)
    prefs = seeds.preferences(country)
    prefs["CurrencyPrefs"]["HomeCurrency"] = {"value": home}
    seed = options.get("seed", "sample")
    rows = seeds.base(country, currency_ref(home))
    if seed == "sample":
        rows += seeds.sample(country, currency_ref(home))
        prefs["SalesFormsPrefs"]["DefaultTerms"] = {"value": "3"}
        prefs["SalesFormsPrefs"]["DefaultDiscountAccount"] = "86"
    elif isinstance(seed, dict):
        rows += [(entity, body) for entity, bodies in seed.items() for body in bodies]
    elif seed != "empty":
        raise ValueError("seed must be empty, sample or an object of entity name to list of records")
    if options.get("default_terms"):
        prefs["SalesFormsPrefs"]["DefaultTerms"] = {"value": str(options["default_terms"])}
    book.load("Preferences", prefs, None, now)
    book.hidden = {"country": country, "subscription": subscription}
    for entity, body in rows:
        if entity not in SPECS:
            raise ValueError(f"seed: {entity} is not served")
        book.load(entity, {**prefs, **body} if entity == "Preferences" else body, None, now)
    for family, floor in (("txn", 100), ("name", 0), ("account", 100), ("item", 2)):
        book.counters[family] = max(book.counters.get(family, 0), floor)
    change(book, {name: value for name, value in options.items() if name not in _AT_CREATION}, bump=False)
    return book


def change(book: Book, options: Json, bump: bool = True) -> None:
    """Set options of a company; ValueError names unknown or bad ones."""
    _check(options, frozenset(_PREFERENCES) | _HIDDEN)
    prefs = _preferences(book)
    for option, value in options.items():
        if option in _PREFERENCES:
            group, member = _PREFERENCES[option]
            _set(prefs, group, member, value)
        else:
            book.hidden[option] = value
    if "custom_fields" in options:
        prefs["SalesFormsPrefs"] = {**prefs["SalesFormsPrefs"], "CustomField": _custom_fields(options["custom_fields"])}
    _save(book, prefs, bump and bool(options))


def merge_preferences(book: Book, wanted: Json) -> None:
    """Merge a piece of Preferences into the stored record, group by group; null removes a member."""
    prefs = _preferences(book)
    for group, members in wanted.items():
        if isinstance(members, dict) and isinstance(prefs.get(group), dict):
            for member, value in members.items():
                _set(prefs, group, member, value)
        else:
            prefs[group] = members
    _save(book, prefs, bump=True)


def refresh_settings(book: Book) -> None:
    """Read the deciding settings out of Preferences again."""
    prefs = _preferences(book)
    sales: Json = prefs.get("SalesFormsPrefs", {})
    currency: Json = prefs.get("CurrencyPrefs", {})
    other = {pair["Name"]: pair.get("Value") for pair in prefs.get("OtherPrefs", {}).get("NameValue", [])}
    hidden = book.hidden
    book.settings = Settings(
        country=str(hidden.get("country", "US")),
        home_currency=currency.get("HomeCurrency", {}).get("value", "USD"),
        multicurrency=bool(currency.get("MultiCurrencyEnabled")),
        custom_numbers=bool(sales.get("CustomTxnNumbers")),
        warn_duplicate_numbers=bool(hidden.get("warn_duplicate_numbers", True)),
        sales_tax=bool(prefs.get("TaxPrefs", {}).get("UsingSalesTax")),
        allow_discount=bool(sales.get("AllowDiscount")),
        allow_deposit=bool(sales.get("AllowDeposit")),
        auto_apply_credit=bool(sales.get("AutoApplyCredit")),
        book_close_date=prefs.get("AccountingInfoPrefs", {}).get("BookCloseDate"),
        default_term=sales.get("DefaultTerms", {}).get("value"),
        default_discount_account=sales.get("DefaultDiscountAccount"),
        default_item=str(other.get("SalesFormsPrefs.DefaultItem") or "1"),
        subscription=str(hidden.get("subscription", "PAID")),
        custom_field_names=tuple(
            (str(place), str(name)) for place, name in enumerate(hidden.get("custom_fields", []), 1)
        ),
        rates={str(code): Decimal(str(rate)) for code, rate in hidden.get("exchange_rates", {}).items()},
    )


def _preferences(book: Book) -> Json:
    record = book.find("Preferences", "1")
    return {} if record is None else dict(record.body)


def _save(book: Book, prefs: Json, bump: bool) -> None:
    unit = Unit(book)
    unit.put("Preferences", "1", prefs, "update" if bump else "derived")
    unit.commit()
    refresh_settings(book)


def _set(prefs: Json, group: str, member: str, value: Any) -> None:
    members = dict(prefs.get(group, {}))
    if value is None:
        members.pop(member, None)
    else:
        members[member] = value
    prefs[group] = members


def _custom_fields(names: list[str]) -> list[Json]:
    used = [
        {"Type": "BooleanType", "Name": f"SalesFormsPrefs.UseSalesCustom{n}", "BooleanValue": n <= len(names)}
        for n in (1, 2, 3)
    ]
    named = [
        {"Type": "StringType", "Name": f"SalesFormsPrefs.SalesCustomName{n}", "StringValue": name}
        for n, name in enumerate(names, 1)
    ]
    return [{"CustomField": used}, *([{"CustomField": named}] if named else [])]


def _is_rates(value: Any) -> bool:
    try:
        return isinstance(value, dict) and all(Decimal(str(rate)) > 0 for rate in value.values())
    except InvalidOperation:
        return False


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "exchange_rates": (_is_rates, "an object of currency code to a positive rate"),
    "custom_fields": (
        lambda value: isinstance(value, list) and len(value) <= 3 and all(isinstance(v, str) for v in value),
        "a list of at most three names",
    ),
    "subscription": (lambda value: isinstance(value, str), "PAID, TRIAL or another word for lapsed"),
    "book_close_date": (lambda value: value is None or isinstance(value, str), "a date or null"),
}


def _check(options: Json, known: frozenset[str]) -> None:
    problems = [f"unknown option {name}" for name in sorted(options.keys() - known)]
    for name, value in options.items():
        if name in _CHECKS:
            valid, wanted = _CHECKS[name]
            if not valid(value):
                problems.append(f"{name} must be {wanted}")
        elif name in _PREFERENCES or name == "warn_duplicate_numbers":
            if not isinstance(value, bool):
                problems.append(f"{name} must be true or false")
    if problems:
        raise ValueError("; ".join(problems))
