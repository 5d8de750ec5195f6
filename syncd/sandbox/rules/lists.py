"""The rules of all lists, by entity (entities.md 3)."""

from __future__ import annotations

from syncd.sandbox.rules import accounts, currencies, items, names, plain, taxservice
from syncd.sandbox.rules.base import Rules

RULES: dict[str, Rules] = {
    **names.RULES,
    **items.RULES,
    **accounts.RULES,
    **plain.RULES,
    **currencies.RULES,
    **taxservice.RULES,
}
