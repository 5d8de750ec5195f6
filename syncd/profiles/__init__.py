"""Profiles: policies as data, one module for each system. The only place beside ``sources`` that names a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from syncd.model.facts import Settings
from syncd.reconciler.policy import Policy

NAMES: tuple[str, ...] = ("ruddr", "billdr", "ravetree", "onedesk")
"""The profiles that exist."""


PUSH_ON: frozenset[str] = frozenset({"", "publish", "button"})
"""When an invoice may be said to go out (``push_on``), where a profile says nothing else itself."""


def defaults(name: str) -> Mapping[str, object]:
    """The settings of a profile that hold where a company's configuration says nothing (``said.settled``)."""
    return getattr(import_module(f"syncd.profiles.{name}"), "DEFAULTS", {})


def moments(name: str) -> frozenset[str]:
    """The values of ``push_on`` that a profile understands."""
    return getattr(import_module(f"syncd.profiles.{name}"), "PUSH_ON", PUSH_ON)


def load(name: str, settings: Settings) -> Policy:
    """The policy of a profile, as a company's settings have it. Raises ``KeyError`` for a name not in ``NAMES``."""
    if name not in NAMES:
        raise KeyError(name)
    policy: Policy = import_module(f"syncd.profiles.{name}").policy(settings)
    return policy
