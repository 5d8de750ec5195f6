"""Billdr PRO: one way out; what is spent goes out once it is approved. Rows B-1 to B-46 of the behaviour sheet."""

from __future__ import annotations

from syncd.model.facts import Settings
from syncd.model.records import Kind
from syncd.profiles import purchasing
from syncd.reconciler.policy import Policy


def policy(settings: Settings) -> Policy:
    """The profile, as a company's settings have it."""
    kinds = {Kind.ITEM: purchasing.category(), Kind.PROJECT: purchasing.category(), **purchasing.kinds(settings)}
    return Policy(profile="billdr", kinds=kinds)
