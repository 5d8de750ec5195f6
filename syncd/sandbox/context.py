"""What the rules of an entity get to work with, and the checks they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book, Settings
from syncd.sandbox.clock import pacific_date
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json

CURRENCIES = {
    "USD": "United States Dollar", "CAD": "Canadian Dollar", "GBP": "British Pound Sterling", "EUR": "Euro",
    "AUD": "Australian Dollar", "NZD": "New Zealand Dollar", "INR": "Indian Rupee", "JPY": "Japanese Yen",
    "CHF": "Swiss Franc", "SEK": "Swedish Krona", "NOK": "Norwegian Krone", "DKK": "Danish Krone",
    "MXN": "Mexican Peso", "BRL": "Brazilian Real", "SGD": "Singapore Dollar", "HKD": "Hong Kong Dollar",
    "ZAR": "South African Rand", "PLN": "Polish Zloty", "CNY": "Chinese Yuan", "AED": "United Arab Emirates Dirham",
}  # fmt: skip


@dataclass
class Context:
    """One operation inside one unit of work."""

    unit: Unit
    switches: Switches
    include: frozenset[str] = field(default_factory=frozenset)

    @property
    def book(self) -> Book:
        """The company's books."""
        return self.unit.book

    @property
    def settings(self) -> Settings:
        """The company's settings."""
        return self.unit.book.settings

    @property
    def today(self) -> str:
        """The server's current date."""
        return pacific_date(self.unit.at)

    def resolve(self, entity: str, ref: Json | None, member: str) -> Json | None:
        """The object a reference names; 2500 when there is none or it is inactive."""
        if ref is None:
            return None
        body = self.unit.get(entity, str(ref["value"]))
        if body is None or body.get("Active") is False:
            raise faults.bad_reference(member)
        return body

    def check_open(self, *dates: str | None) -> None:
        """6210 for a date on or before the book close date (protocol.md 9.3)."""
        closed = self.settings.book_close_date
        if closed is not None and any(date is not None and date <= closed for date in dates):
            raise faults.period_closed()

    def currency(self, ref: Json | None, party: Json, old: Json | None) -> Json:
        """The transaction's CurrencyRef, checked against the company and the customer (entities.md 3.8)."""
        settings = self.settings
        home = settings.home_currency
        theirs = party.get("CurrencyRef", {}).get("value", home)
        if ref is not None:
            code = str(ref["value"]).upper()
        else:
            code = theirs if self.switches.omitted_currency == "customer" else home
        if not settings.multicurrency and code != home:
            raise faults.business("Multicurrency is not switched on for this company.", "CurrencyRef")
        if code != theirs:
            raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
        if old is not None and old.get("CurrencyRef", {}).get("value", code) != code:
            raise faults.business("The currency of a saved transaction cannot be changed.", "CurrencyRef")
        return currency_ref(code)

    def rate(self, sent: Decimal | None, code: str, default: Decimal | None) -> Decimal | None:
        """ExchangeRate: only with multicurrency; 1 for the home currency."""
        if not self.settings.multicurrency:
            return None
        if code == self.settings.home_currency:
            return Decimal(1)
        if sent is not None and sent <= 0:
            raise faults.out_of_range("ExchangeRate", str(sent))
        return sent or default or Decimal(1)


def currency_ref(code: str) -> Json:
    """CurrencyRef with QBO's own name of the currency."""
    return {"value": code, "name": CURRENCIES.get(code, code)}
