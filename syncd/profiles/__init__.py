"""Profiles: policies as data, one module for each system. The only place beside ``sources`` that names a vendor."""

from __future__ import annotations

from importlib import import_module

from syncd.model.facts import Settings
from syncd.reconciler.policy import Policy

NAMES: tuple[str, ...] = ("ruddr", "billdr")
"""The profiles that exist."""


def load(name: str, settings: Settings) -> Policy:
    """The policy of a profile, as a company's settings have it. Raises ``KeyError`` for a name not in ``NAMES``."""
    if name not in NAMES:
        raise KeyError(name)
    policy: Policy = import_module(f"syncd.profiles.{name}").policy(settings)
    return policy
