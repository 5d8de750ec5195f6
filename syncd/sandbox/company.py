"""Making a company, and its options: what the accountant would set in the browser (entities.md 1.8, 2)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.sandbox import demo, seedfile, seeds
from syncd.sandbox.book import Book
from syncd.sandbox.clock import Clock, pacific_date
from syncd.sandbox.currencies import CURRENCIES, currency_ref
from syncd.sandbox.settings import PLANS, has_plus, read_settings
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json

FIRST_NUMBER = 1001
FIRST_FILE = 100_000_000_004_000_000  # Ids of attachments are long (protocol.md 11)

# option -> (group, member) of Preferences; flags, but for what _CHECKS says otherwise
_PREFERENCES: dict[str, tuple[str, str]] = {
    "custom_txn_numbers": ("SalesFormsPrefs", "CustomTxnNumbers"),
    "allow_discount": ("SalesFormsPrefs", "AllowDiscount"),
    "allow_deposit": ("SalesFormsPrefs", "AllowDeposit"),
    "allow_shipping": ("SalesFormsPrefs", "AllowShipping"),
    "allow_service_date": ("SalesFormsPrefs", "AllowServiceDate"),
    "allow_estimates": ("SalesFormsPrefs", "AllowEstimates"),
    "online_payments": ("SalesFormsPrefs", "ETransactionPaymentEnabled"),
    "auto_apply_credit": ("SalesFormsPrefs", "AutoApplyCredit"),
    "auto_apply_payments": ("SalesFormsPrefs", "AutoApplyPayments"),
    "class_tracking_per_txn": ("AccountingInfoPrefs", "ClassTrackingPerTxn"),
    "class_tracking_per_line": ("AccountingInfoPrefs", "ClassTrackingPerTxnLine"),
    "track_departments": ("AccountingInfoPrefs", "TrackDepartments"),
    "book_close_date": ("AccountingInfoPrefs", "BookCloseDate"),
    "using_sales_tax": ("TaxPrefs", "UsingSalesTax"),
    "automated_tax": ("TaxPrefs", "PartnerTaxEnabled"),
    "default_tax_code": ("TaxPrefs", "TaxGroupCodeRef"),
    "multicurrency": ("CurrencyPrefs", "MultiCurrencyEnabled"),
    "billable_expenses": ("VendorAndPurchasesPrefs", "BillableExpenseTracking"),
    "expenses_by_customer": ("VendorAndPurchasesPrefs", "TrackingByCustomer"),
    "purchase_items": ("ProductAndServicesPrefs", "ForPurchase"),
}
# option -> name in OtherPrefs
_OTHER: dict[str, str] = {
    "custom_purchase_numbers": "VendorAndPurchasesPrefs.UseCustomTxnNumbers",
    "warn_duplicate_check_numbers": "WarnDuplicateCheckNumber",
    "warn_duplicate_bill_numbers": "WarnDuplicateBillNumber",
    "projects": "ProjectsEnabled",
}
# option -> name in CompanyInfo.NameValue
_SHOWN = {"subscription": "SubscriptionStatus", "plan": "OfferingSku"}
_HIDDEN = frozenset({"warn_duplicate_numbers", "exchange_rates", "custom_fields", "automated_tax_codes", *_SHOWN})
_AT_CREATION = frozenset({"realm", "name", "country", "home_currency", "seed", "default_terms"})
_CHANGEABLE = frozenset(_PREFERENCES) | frozenset(_OTHER) | _HIDDEN
OPTIONS = _CHANGEABLE | _AT_CREATION
_PLUS_ONLY = ("class_tracking_per_txn", "class_tracking_per_line", "track_departments")


def create(realm: str, clock: Clock, options: Json, track: bool = False) -> Book:
    """A company with its seed; ValueError names unknown or bad options."""
    _check(options, OPTIONS)
    country = str(options.get("country", "US"))
    home = str(options.get("home_currency") or seeds.HOME_CURRENCIES.get(country, "USD"))
    book = Book(realm, clock, track)
    book.counters.update(seeds.FIRST_IDS)
    book.counters.update(document=FIRST_NUMBER - 1, estimate=FIRST_NUMBER - 1, address=1)
    now = clock.now()
    name = str(options.get("name", f"Sandbox Company {realm[-4:]}"))
    subscription = str(options.get("subscription", "PAID"))
    book.load("CompanyInfo", seeds.company_info(name, country, pacific_date(now), subscription), None, now)
    prefs = seeds.preferences(country)
    prefs["CurrencyPrefs"]["HomeCurrency"] = {"value": home}
    seed = options.get("seed", "sample")
    rows = _seed_rows(seed, country, home, prefs)
    if options.get("default_terms"):
        prefs["SalesFormsPrefs"]["DefaultTerms"] = {"value": str(options["default_terms"])}
    book.load("Preferences", prefs, None, now)
    book.hidden = {"country": country}
    if country == "US" and seed in ("sample", "demo-company"):
        book.hidden["automated_tax_codes"] = dict(seeds.AUTOMATED_TAX_CODES)
    for entity, body in rows:
        book.load(entity, {**prefs, **body} if entity == "Preferences" else body, None, now)
    for family, floor in (("txn", 100), ("name", 0), ("account", 100), ("item", 2), ("file", FIRST_FILE)):
        book.counters[family] = max(book.counters.get(family, 0), floor)
    refresh_settings(book)
    if seed == "demo-company":
        change(book, {"class_tracking_per_line": True, "track_departments": True}, bump=False)
        demo.fill(book)
    change(book, {name: value for name, value in options.items() if name in _CHANGEABLE}, bump=False)
    return book


def _seed_rows(seed: Any, country: str, home: str, prefs: Json) -> list[tuple[str, Json]]:
    """The records a company starts with; ``prefs`` gets what goes with them."""
    rows = seeds.base(country, currency_ref(home))
    if seed in ("sample", "demo-company"):
        prefs["SalesFormsPrefs"]["DefaultTerms"] = {"value": "3"}
        prefs["SalesFormsPrefs"]["DefaultDiscountAccount"] = "86"
        return rows + seeds.sample(country, currency_ref(home))
    if isinstance(seed, dict):
        return seedfile.rows_of(seed, rows)
    if seed != "empty":
        raise ValueError("seed must be empty, sample, demo-company or an object of entity name to list of records")
    return rows


def change(book: Book, options: Json, bump: bool = True) -> None:
    """Set options of a company; ValueError names unknown or bad ones."""
    _check(options, _CHANGEABLE)
    _check_against(book, options)
    prefs = _preferences(book)
    for option, value in options.items():
        if option in _PREFERENCES:
            group, member = _PREFERENCES[option]
            _set(prefs, group, member, _stored(option, value))
        elif option in _OTHER:
            _set_pair(prefs, "OtherPrefs", _OTHER[option], "true" if value else "false")
        else:
            book.hidden[option] = value
    if "custom_fields" in options:
        prefs["SalesFormsPrefs"] = {**prefs["SalesFormsPrefs"], "CustomField": _custom_fields(options["custom_fields"])}
    if "plan" in options and not has_plus(options["plan"]):
        for option in _PLUS_ONLY:
            _set(prefs, *_PREFERENCES[option], False)
    _show(book, options, bump)
    _save(book, prefs, bump and bool(options))


def _check_against(book: Book, options: Json) -> None:
    """What depends on how the company stands already."""
    plan = str(options.get("plan", book.settings.plan))
    if options.get("multicurrency") is False and book.settings.multicurrency:
        raise ValueError("multicurrency cannot be switched off again")
    if (options.get("multicurrency") or book.settings.multicurrency) and "Simple Start" in plan:
        raise ValueError(f"{plan} has no multicurrency")
    for option in _PLUS_ONLY:
        if options.get(option) and not has_plus(plan):
            raise ValueError(f"{plan} has no {option}")
    stands = {
        "class_tracking_per_txn": book.settings.class_per_form,
        "class_tracking_per_line": book.settings.class_per_line,
    }
    if all(options.get(option, now) for option, now in stands.items()):
        raise ValueError("classes are tracked per transaction or per line, not both")


def _stored(option: str, value: Any) -> Any:
    """An option's value as Preferences carries it; None removes the member."""
    if option == "automated_tax":
        return True if value else None  # that it is there at all says so (entities.md 2.2)
    if option == "default_tax_code":
        return None if value is None else {"value": value}
    return value


def _show(book: Book, options: Json, bump: bool) -> None:
    """Subscription and plan can be read in CompanyInfo."""
    wanted = {_SHOWN[option]: value for option, value in options.items() if option in _SHOWN}
    record = book.find("CompanyInfo", "1")
    if not wanted or record is None:
        return
    body = dict(record.body)
    for name, value in wanted.items():
        _set_pair(body, "", name, value)
    unit = Unit(book)
    unit.put("CompanyInfo", "1", body, "update" if bump else "derived")
    unit.commit()


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
    book.settings = read_settings(_preferences(book), book.hidden)


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


def _set_pair(body: Json, group: str, name: str, value: str) -> None:
    """Set one pair in a NameValue list, of a group or of the record itself."""
    holder: Json = {**body.get(group, {})} if group else body
    pairs = [pair for pair in holder.get("NameValue", []) if pair["Name"] != name]
    holder["NameValue"] = [*pairs, {"Name": name, "Value": value}]
    if group:
        body[group] = holder


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
    "automated_tax_codes": (
        lambda value: isinstance(value, dict) and all(isinstance(code, str) for code in value.values()),
        "an object of state to the Id of a tax code",
    ),
    "subscription": (lambda value: isinstance(value, str), "PAID, TRIAL or another word for lapsed"),
    "plan": (lambda value: value in PLANS, f"one of {', '.join(PLANS)}"),
    "default_tax_code": (lambda value: value is None or isinstance(value, str), "the Id of a tax code or null"),
    "home_currency": (lambda value: value in CURRENCIES, "an ISO 4217 code"),
    "book_close_date": (lambda value: value is None or isinstance(value, str), "a date or null"),
}


def _check(options: Json, known: frozenset[str]) -> None:
    problems = [f"unknown option {name}" for name in sorted(options.keys() - known)]
    for name, value in options.items():
        if name in _CHECKS:
            valid, wanted = _CHECKS[name]
            if not valid(value):
                problems.append(f"{name} must be {wanted}")
        elif name in _PREFERENCES or name in _OTHER or name == "warn_duplicate_numbers":
            if not isinstance(value, bool):
                problems.append(f"{name} must be true or false")
    if problems:
        raise ValueError("; ".join(problems))
