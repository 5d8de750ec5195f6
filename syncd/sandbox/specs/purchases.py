"""The purchase side: bills, their payments, expenses, purchase orders (entities.md 6)."""

from __future__ import annotations

from syncd.sandbox.specs.base import Spec

PURCHASES: tuple[Spec, ...] = ()
