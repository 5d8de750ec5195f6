"""What a transaction does to accounts and to what people owe; the unit of work applies what a change makes of it.

Each entity's rules say what one version of a record posts (``Effect``). Nothing else changes a balance of an account, a
customer or a vendor, so the books balance by construction: the postings of every effect sum to zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from syncd.sandbox.wire import ZERO, Json, rounded

if TYPE_CHECKING:
    from syncd.sandbox.book import Book

Party = tuple[str, str]
"""("Customer" or "Vendor", Id)."""


@dataclass(frozen=True)
class Effect:
    """``postings``: account Id to debit (credits are negative), in home currency, summing to zero. ``owed``: who owes
    more because of it (a customer to the company, the company to a vendor), in the transaction's currency."""

    postings: dict[str, Decimal] = field(default_factory=dict)
    owed: dict[Party, Decimal] = field(default_factory=dict)


EffectOf = Callable[["Book", Json], Effect]
NOTHING = Effect()
K = TypeVar("K")


def effect(
    postings: Iterable[tuple[str, Decimal]], owed: Iterable[tuple[Party, Decimal]] = (), rate: Decimal | None = None
) -> Effect:
    """An effect from debits (+) and credits (-) in the transaction's currency.

    They must sum to zero there; after conversion by ``rate`` the first posting takes what rounding leaves over.
    """
    sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    first, total = "", ZERO
    for account, amount in postings:
        first = first or account
        converted = amount if rate is None else rounded(amount * rate)
        sums[account] += converted
        total += converted
    if first and total:
        sums[first] -= total
    parties: defaultdict[Party, Decimal] = defaultdict(lambda: ZERO)
    for party, amount in owed:
        parties[party] += amount
    return Effect(dict(sums), dict(parties))


def difference(after: Effect, before: Effect) -> Effect:
    """What has to be added to get from one version to the next."""
    return Effect(_minus(after.postings, before.postings), _minus(after.owed, before.owed))


def _minus(after: dict[K, Decimal], before: dict[K, Decimal]) -> dict[K, Decimal]:
    found = {key: after.get(key, ZERO) - before.get(key, ZERO) for key in {**after, **before}} if before else after
    return {key: change for key, change in found.items() if change}
