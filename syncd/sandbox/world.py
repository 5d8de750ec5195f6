"""One server's whole state: companies, tokens, clock, switches, faults, ledger."""

from __future__ import annotations

import random
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from syncd.sandbox import company
from syncd.sandbox.book import Book, Version
from syncd.sandbox.clock import Clock
from syncd.sandbox.injection import Injector
from syncd.sandbox.ledger import Ledger
from syncd.sandbox.oauth import App, Authority
from syncd.sandbox.replay import Memory
from syncd.sandbox.switches import Switches
from syncd.sandbox.throttle import Throttle
from syncd.sandbox.wire import Json

DEFAULT_CLIENT = "sandbox-client"
DEFAULT_SECRET = "sandbox-secret"  # noqa: S105  # a public constant of the look-alike, protects nothing
FIRST_REALM = 9_130_350_000_000_001


Listener = Callable[[str, list[Version]], None]
"""Told after each request which versions it made: the realm, and the new entries of ``Book.history``."""


@dataclass
class Company:
    """A company: its books and its memory of request ids."""

    book: Book
    memory: Memory = field(default_factory=Memory)
    told: int = 0  # how many versions of the history the listeners know


class World:
    """Everything a running sandbox knows."""

    def __init__(self, clock: Clock | None = None, switches: Switches | None = None, seed: int = 0) -> None:
        self.clock = clock or Clock()
        self.switches = switches or Switches()
        self.rng = random.Random(seed)  # noqa: S311  # reproducible shuffling, nothing secret
        self.durable = False  # is there a file behind it?
        self.authority = Authority(self.clock)
        self.companies: dict[str, Company] = {}
        self.throttle = Throttle()
        self.injector = Injector(random.Random(seed + 1))  # noqa: S311  # reproducible, nothing secret
        self.ledger = Ledger()
        self.listeners: list[Listener] = []
        self._next_realm = FIRST_REALM
        self.authority.add_app(App(DEFAULT_CLIENT, DEFAULT_SECRET))

    def add_company(self, options: Json) -> Company:
        """Create a company; ValueError says what is wrong with its options."""
        realm = str(options.get("realm") or self.free_realm())
        if realm in self.companies:
            raise ValueError(f"company {realm} exists")
        self.companies[realm] = made = self.make_company(realm, options)
        return made

    def make_company(self, realm: str, options: Json) -> Company:
        """A company that is not known yet; ValueError says what is wrong with its options."""
        if not (realm.isascii() and realm.isdecimal()):
            raise ValueError("realm must be digits")
        book = company.create(realm, self.clock, options, self.durable)
        return Company(book, Memory(self.durable), told=len(book.history))

    def tell(self, realm: str | None = None) -> None:
        """Tell the listeners what is new in a company, or in all; a seed is not news."""
        if not self.listeners:
            return
        for name in (realm,) if realm is not None else tuple(self.companies):
            held = self.companies.get(name)
            if held is None or len(held.book.history) == held.told:
                continue
            news, held.told = held.book.history[held.told :], len(held.book.history)
            for listener in self.listeners:
                listener(name, news)

    def free_realm(self, taken: Container[str] = ()) -> str:
        """A realm id that no company has, and that is not among those taken."""
        while str(self._next_realm) in self.companies or str(self._next_realm) in taken:
            self._next_realm += 1
        self._next_realm += 1
        return str(self._next_realm - 1)
