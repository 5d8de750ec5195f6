"""One server's whole state: companies, tokens, clock, switches, faults, ledger."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from syncd.sandbox import company
from syncd.sandbox.book import Book
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


@dataclass
class Company:
    """A company: its books and its memory of request ids."""

    book: Book
    memory: Memory = field(default_factory=Memory)


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
        self._next_realm = FIRST_REALM
        self.authority.add_app(App(DEFAULT_CLIENT, DEFAULT_SECRET))

    def add_company(self, options: Json) -> Company:
        """Create a company; ValueError says what is wrong with its options."""
        realm = str(options.get("realm") or self._free_realm())
        if realm in self.companies:
            raise ValueError(f"company {realm} exists")
        if not realm.isdecimal():
            raise ValueError("realm must be digits")
        book = company.create(realm, self.clock, options, self.durable)
        made = Company(book, Memory(self.durable))
        self.companies[realm] = made
        return made

    def _free_realm(self) -> str:
        while str(self._next_realm) in self.companies:
            self._next_realm += 1
        self._next_realm += 1
        return str(self._next_realm - 1)
