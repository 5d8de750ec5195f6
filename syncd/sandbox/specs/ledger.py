"""Deposits, transfers and journal entries."""

from __future__ import annotations

from syncd.sandbox.specs.base import Spec

LEDGER: tuple[Spec, ...] = ()
