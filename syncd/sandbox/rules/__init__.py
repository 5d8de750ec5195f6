"""What each entity adds to the common steps, by entity."""

from __future__ import annotations

from syncd.sandbox.rules import company, files, ledger, lists, payments, purchases, sales
from syncd.sandbox.rules.base import Rules

RULES: dict[str, Rules] = {
    **lists.RULES,
    **company.RULES,
    **sales.RULES,
    **payments.RULES,
    **purchases.RULES,
    **ledger.RULES,
    **files.RULES,
}
