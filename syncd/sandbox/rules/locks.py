"""What keeps a transaction from being changed (entities.md 5.4)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context


def check_not_deposited(ctx: Context, entity: str, record_id: str) -> None:
    """6540 for money that a bank deposit holds."""
    if ctx.book.holders(entity, record_id, "Deposit"):
        raise faults.deposited()
