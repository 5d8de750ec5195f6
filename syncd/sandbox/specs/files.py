"""Attachments (entities.md 7, protocol.md 11)."""

from __future__ import annotations

from syncd.sandbox.specs.base import Spec

FILES: tuple[Spec, ...] = ()
