"""What every entity's rules look like to the machinery, and where postings go when nobody says so."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect
from syncd.sandbox.wire import Json


class Rules(Protocol):
    """What an entity adds to the common steps."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""


@runtime_checkable
class Deletable(Rules, Protocol):
    """Transactions can also be deleted."""

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Stage the deletion and everything that follows from it."""


@runtime_checkable
class Voidable(Deletable, Protocol):
    """Some transactions can be voided."""

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """The voided form; its consequences are staged."""


@runtime_checkable
class Followed(Rules, Protocol):
    """Something follows once a version is staged."""

    def saved(self, ctx: Context, record_id: str, body: Json) -> None:
        """Stage what follows from the new version."""


@runtime_checkable
class Posting(Rules, Protocol):
    """Transactions that move balances."""

    def effect(self, book: Book, body: Json) -> Effect:
        """What one version posts. It may depend on the version's own members only, and on nothing that changes."""


def account_of(book: Book, kind: str, sub_kind: str = "") -> str:
    """The first account of a type (and sub-type), by Id; empty where the company has none."""
    member, value = ("AccountSubType", sub_kind) if sub_kind else ("AccountType", kind)
    return book.tables["Account"].first(member, value)


def value_of(body: Json, member: str, default: str = "") -> str:
    """The Id in a reference of a stored record."""
    ref = body.get(member)
    return default if ref is None else str(ref["value"])
