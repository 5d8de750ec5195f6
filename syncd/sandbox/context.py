"""What the rules of an entity get to work with, and the checks they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from syncd.sandbox import faults, rates
from syncd.sandbox.book import Book, Settings
from syncd.sandbox.clock import pacific_date
from syncd.sandbox.currencies import currency_ref
from syncd.sandbox.settings import has_plus
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json


@dataclass
class Context:
    """One operation inside one unit of work."""

    unit: Unit
    switches: Switches
    include: frozenset[str] = field(default_factory=frozenset)
    book: Book = field(init=False)
    """The company's books."""
    settings: Settings = field(init=False)
    """The company's settings."""

    def __post_init__(self) -> None:
        self.book = self.unit.book
        self.settings = self.book.settings

    @property
    def today(self) -> str:
        """The server's current date."""
        return pacific_date(self.unit.at)

    def resolve(self, entity: str, ref: Json | None, member: str) -> Json | None:
        """The object a reference names, to be looked at only.

        2500 when there is none; 2500 or 610 (a switch) when it is inactive.
        """
        if ref is None:
            return None
        body = self.unit.peek(entity, str(ref["value"]))
        if body is None:
            raise faults.bad_reference(member)
        if body.get("Active") is False:
            raise faults.not_found() if self.switches.inactive_reference == "610" else faults.bad_reference(member)
        return body

    def require(self, feature: str) -> None:
        """5030 (5020 for purchase orders) for what the company's plan does not have (entities.md 1.8)."""
        plan = self.settings.plan
        if has_plus(plan):
            return
        if feature == "purchase orders":
            raise faults.not_permitted(f"{plan} has no {feature}.")
        raise faults.feature_off(f"{plan} has no {feature}.")

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

    def day_rate(self, code: str, day: str) -> Decimal | None:
        """Home units for one unit of a currency on a day, for an omitted ExchangeRate; None where nobody knows."""
        return rates.on(self.book, code, day)

    def rate(self, sent: Decimal | None, code: str, default: Decimal | None) -> Decimal | None:
        """ExchangeRate: only with multicurrency; 1 for the home currency."""
        if not self.settings.multicurrency:
            return None
        if code == self.settings.home_currency:
            return Decimal(1)
        if sent is not None and sent <= 0:
            raise faults.out_of_range("ExchangeRate", str(sent))
        return sent or default or Decimal(1)
