"""Rules of the entities in ``specs/files.py``."""

from __future__ import annotations

from syncd.sandbox.rules.base import Rules

RULES: dict[str, Rules] = {}
