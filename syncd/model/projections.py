"""A projection: one side's record as a dictionary of canonical text, and when two of them differ. No tolerance.

Base, fingerprint and display are one thing with it (``docs/decisions/0001-base-is-a-pair.md``); ``lens`` makes them.
"""

from __future__ import annotations

from syncd.model.values import Canonical

Projection = dict[str, Canonical]

SOMETIMES = frozenset({"by_mark", "digest", "expenses", "paid", "reimbursed", "tax_rate", "transaction_number"})
"""Fields that a projection has only where its side tells them."""
AMOUNT_COLUMN = 4
"""Place of the amount in a projected line, of whatever kind."""


def differing(left: Projection, right: Projection) -> frozenset[str]:
    """The fields in which two projections differ. A field that only one of them has is no difference."""
    return frozenset(name for name in left.keys() & right.keys() if left[name] != right[name])
