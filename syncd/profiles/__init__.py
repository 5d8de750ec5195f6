"""Profiles: policies as data, one module for each system. The only place beside ``sources`` that names a vendor."""

from __future__ import annotations

from importlib import import_module

from syncd.reconciler.policy import Policy

NAMES: tuple[str, ...] = ("ruddr",)
"""The profiles that exist."""


def load(name: str) -> Policy:
    """The policy of a profile. Raises ``KeyError`` for a name that is not in ``NAMES``."""
    if name not in NAMES:
        raise KeyError(name)
    policy: Policy = import_module(f"syncd.profiles.{name}").POLICY
    return policy
