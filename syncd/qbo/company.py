"""What is asked of the company itself: preferences, names of accounts, items and tax codes, exchange rates."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from syncd.clock import Clock
from syncd.errors import QboRefused
from syncd.model.facts import BooksFacts
from syncd.model.values import name_key
from syncd.qbo import wire
from syncd.qbo.codec.parts import refuse
from syncd.qbo.limiter import Priority
from syncd.qbo.lookup import READ_FAILED
from syncd.qbo.query import Listing
from syncd.qbo.settings import QboConfig
from syncd.qbo.transport import BrokenBodyError, Call, FaultError, Transport
from syncd.qbo.wire import Json

NAMES_KEPT = timedelta(hours=1)
"""How long a name that was looked up is believed; accounts and tax codes change rarely, and are not in CDC (F-33)."""
MISSES_KEPT = timedelta(minutes=1)
"""How long it is believed that there is no such name: somebody may be about to make it."""

_BY_ID = "id:"
_TRACKED = {"classes": ("ClassTrackingPerTxn", "ClassTrackingPerTxnLine"), "locations": ("TrackDepartments",)}
"""Preferences by what they ask for (entities.md 1.6, 2.2)."""
_LAPSED = ("EXPIRED", "CANCEL", "SUSPEND", "LAPSED", "PAST_DUE", "INACTIVE")
_NO_ORDERS = ("SIMPLE START", "EASY START", "ESSENTIALS", "SELF-EMPLOYED", "SOLOPRENEUR")
"""Plans below Plus, which have no purchase orders (entities.md 1.8)."""
_CURRENCIES = {
    "US": "USD", "CA": "CAD", "GB": "GBP", "UK": "GBP", "AU": "AUD", "NZ": "NZD", "IN": "INR", "SG": "SGD",
    "ZA": "ZAR", "IE": "EUR", "FR": "EUR", "DE": "EUR", "ES": "EUR", "IT": "EUR", "MX": "MXN", "BR": "BRL",
    "AE": "AED", "HK": "HKD", "MY": "MYR", "PH": "PHP", "JP": "JPY", "CH": "CHF",
}  # fmt: skip


class Company:
    """Reads CompanyInfo and Preferences, and remembers them until asked to look again."""

    def __init__(self, transport: Transport, config: QboConfig) -> None:
        self._transport = transport
        self._realm_id = config.realm_id
        self._facts: BooksFacts | None = None
        self._lock = threading.Lock()

    def facts(self, *, refresh: bool = False) -> BooksFacts:
        with self._lock:
            if self._facts is None or refresh:
                info, _ = self._info()
                self._facts = _facts(self._realm_id, info, self._preferences())
            return self._facts

    def forget(self) -> None:
        """Look again at the next occasion: a fault said that the company has changed."""
        with self._lock:
            self._facts = None

    def server_time(self) -> datetime:
        """QBO's own clock, now (F-37)."""
        return self._info()[1]

    def _info(self) -> tuple[Json, datetime]:
        call = Call("GET", f"companyinfo/{self._realm_id}", "companyinfo", reads=1)
        reply = self._transport.read(call)
        return _object(reply.part("CompanyInfo")), reply.time

    def _preferences(self) -> Json:
        reply = self._transport.read(Call("GET", "preferences", "preferences", reads=1))
        return _object(reply.part("Preferences"))


def _object(raw: wire.Raw) -> Json:
    try:
        return wire.decode_object(raw)
    except wire.BAD_JSON:
        raise BrokenBodyError("QuickBooks described the company in an unreadable way.") from None


def _facts(realm_id: str, info: Json, preferences: Json) -> BooksFacts:
    """entities.md 2.1 and 2.2. A preference that is absent is off."""
    country = str(info.get("Country") or "US")
    sales = _group(preferences, "SalesFormsPrefs")
    currency = _group(preferences, "CurrencyPrefs")
    tax = _group(preferences, "TaxPrefs")
    books = _group(preferences, "AccountingInfoPrefs")
    closed = books.get("BookCloseDate")
    named = {str(row.get("Name")): str(row.get("Value")) for row in info.get("NameValue") or []}
    status = named.get("SubscriptionStatus", "").upper()
    return BooksFacts(
        realm_id=realm_id,
        name=str(info.get("CompanyName") or ""),
        country=country,
        home_currency=_home_currency(currency, country),
        multicurrency=currency.get("MultiCurrencyEnabled") is True,
        custom_numbers=sales.get("CustomTxnNumbers") is True,
        sales_tax=tax.get("UsingSalesTax") is True,
        automated_tax="PartnerTaxEnabled" in tax,
        allow_discount=sales.get("AllowDiscount") is True,
        auto_apply_credit=sales.get("AutoApplyCredit") is True,
        tracks=tuple(noun for noun, names in _TRACKED.items() if any(books.get(name) is True for name in names)),
        close_date=date.fromisoformat(str(closed)[:10]) if closed else None,
        read_only=any(word in status for word in _LAPSED),
        purchase_orders=not any(word in named.get("OfferingSku", "").upper() for word in _NO_ORDERS),
    )


def _group(preferences: Json, name: str) -> dict[str, Any]:
    group = preferences.get(name)
    return group if isinstance(group, dict) else {}


def _home_currency(preferences: dict[str, Any], country: str) -> str:
    """From the preferences; old answers lack it, and then the country decides, or nobody (a guess would cost money)."""
    home = preferences.get("HomeCurrency")
    code = str(home.get("value") or "") if isinstance(home, dict) else ""
    code = code or _CURRENCIES.get(country, "")
    if not code:
        raise QboRefused("QuickBooks does not say which currency the company keeps its books in.", code="home-currency")
    return code


_ITEM_NAMES = ("Name", "FullyQualifiedName")
_ACCOUNT_NAMES = ("FullyQualifiedName", "Name", "AcctNum")
_KEPT = (
    *("AccountType", "CurrencyRef", "Type", "Id", "Name", "FullyQualifiedName", "AcctNum"),
    *("SalesTaxRateList", "RateValue"),
)


class Names:
    """Ids for the names in the settings, and exchange rates (``codec.parts.Resolver``)."""

    def __init__(self, transport: Transport, listing: Listing, clock: Clock) -> None:
        self._transport = transport
        self._listing = listing
        self._clock = clock
        self._known: dict[tuple[str, ...], tuple[datetime, Any]] = {}
        self._lock = threading.Lock()

    def account(self, name: str) -> str:
        return self._named("Account", name, _ACCOUNT_NAMES, "account")

    def account_type(self, name: str) -> str:
        """The type of the account that is meant by ``name``; empty where QBO does not say."""
        identity = self.account(name)
        found = (row for row in self._rows("Account") if row["Id"] == identity)
        return next((str(row.get("AccountType") or "") for row in found), "")

    def account_currency(self, name: str) -> str:
        """The currency of the account that is meant by ``name``; empty where QBO does not say."""
        identity = self.account(name)
        found = (row for row in self._rows("Account") if row["Id"] == identity)
        return next((str((row.get("CurrencyRef") or {}).get("value") or "") for row in found), "")

    def find_account(self, name: str) -> str:
        return self._only("Account", name, _ACCOUNT_NAMES)

    def item(self, name: str) -> str:
        return self._named("Item", name, _ITEM_NAMES, "product or service")

    def item_type(self, name: str) -> str:
        """The type of the item that is meant by ``name``; empty where QBO does not say."""
        identity = self.item(name)
        found = (row for row in self._rows("Item") if row["Id"] == identity)
        return next((str(row.get("Type") or "") for row in found), "")

    def find_item(self, name: str) -> str:
        return self._only("Item", name, _ITEM_NAMES)

    def payment_method(self, name: str) -> str:
        return self._named("PaymentMethod", name, ("Name",), "payment method")

    def method_name(self, identity: str) -> str:
        """The name of a payment method; empty where it cannot be found out, since documents carry only its id."""
        try:
            rows = self._rows("PaymentMethod")
        except READ_FAILED:
            return ""
        return next((str(row.get("Name") or "") for row in rows if row["Id"] == identity), "")

    def tax_code(self, name: str) -> str:
        """TAX and NON are their own ids (entities.md 3.9)."""
        return name if name in {"TAX", "NON"} else self._named("TaxCode", name, ("Name",), "tax code")

    def tax_percent(self, code: str) -> Decimal:
        """What a code adds to a sale; the sum of its rates (entities.md 3.9)."""
        row = next((row for row in self._rows("TaxCode") if row["Id"] == code), None)
        if row is None:
            raise refuse(
                "taxcode-gone",
                f"The tax code with id {code} does not exist in QuickBooks or is inactive.",
                "Choose another tax code, or make it active in QuickBooks.",
                "tax",
            )
        parts = (row.get("SalesTaxRateList") or {}).get("TaxRateDetail") or []
        if any(part.get("TaxTypeApplicable", "TaxOnAmount") != "TaxOnAmount" for part in parts):
            raise refuse(
                "tax-on-tax",
                "The tax code computes tax on tax, which prices with tax cannot be split by.",
                "Enter the lines without tax in the source, or use another tax code.",
                "tax",
            )
        wanted = {str(part["TaxRateRef"]["value"]) for part in parts}
        rates = [row.get("RateValue", 0) for row in self._rows("TaxRate") if row["Id"] in wanted]
        return sum((Decimal(rate) for rate in rates), Decimal(0))

    def rate(self, currency: str, day: date | None) -> Decimal | None:
        """Home units for one unit of ``currency`` on a day, or now; None where QBO has none (entities.md 3.8)."""
        asked = () if day is None else (("asofdate", day.isoformat()),)
        key = (currency, "now" if day is None else day.isoformat())
        call = Call("GET", "exchangerate", "exchangerate", params=(("sourcecurrencycode", currency), *asked), reads=1)
        rate: Decimal | None = self._remember(key, lambda: self._rate(call))
        return self._remember(key, lambda: self._rate(call), MISSES_KEPT) if rate is None else rate

    def _rate(self, call: Call) -> Decimal | None:
        try:
            reply = self._transport.read(call, Priority.URGENT)
        except FaultError:
            return None
        rate = _object(reply.part("ExchangeRate")).get("Rate")
        return Decimal(rate) if isinstance(rate, int | Decimal) and rate > 0 else None

    def _named(self, entity: str, name: str, properties: tuple[str, ...], noun: str) -> str:
        if name.startswith(_BY_ID):
            return name.removeprefix(_BY_ID)
        found = _named_in(self._rows(entity), name, properties)
        found = found or _named_in(self._rows(entity, MISSES_KEPT), name, properties)
        if len(found) == 1:
            return found[0]
        how = "there is none" if not found else f"{len(found)} have this name"
        raise refuse(
            f"{entity.lower()}-name",
            f"The settings name the {noun} {name!r}, but {how} in QuickBooks.",
            "Correct the name in the configuration, or give the id as id:<number>.",
        )

    def _only(self, entity: str, name: str, properties: tuple[str, ...]) -> str:
        found = _named_in(self._rows(entity), name, properties)
        return found[0] if len(found) == 1 else ""

    def _rows(self, entity: str, kept: timedelta = NAMES_KEPT) -> list[Json]:
        rows: list[Json] = self._remember((entity,), lambda: self._active(entity), kept)
        return rows

    def _active(self, entity: str) -> list[Json]:
        rows = [wire.decode_object(row) for page in self._listing.everything(entity) for _, row in page]
        return [
            {name: row.get(name) for name in _KEPT if name in row}
            for row in rows
            if row.get("Active", True) is True and row.get("Type") not in {"Category", "Group"}
        ]

    def _remember(self, key: tuple[str, ...], look: Callable[[], Any], kept: timedelta = NAMES_KEPT) -> Any:
        now = self._clock.now()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now - known[0] < kept:
            return known[1]
        value = look()
        with self._lock:
            self._known[key] = (now, value)
        return value


def _named_in(rows: list[Json], name: str, properties: tuple[str, ...]) -> list[str]:
    """Ids of the rows of that name, compared on our side whatever characters it holds. The first property that has it
    decides."""
    wished = name_key(name)
    for prop in properties:
        found = [str(row["Id"]) for row in rows if name_key(str(row.get(prop) or "")) == wished]
        if found:
            return found
    return []
