"""Logs of one test, in memory."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from syncd import log


@contextmanager
def captured(level: str) -> Iterator[io.StringIO]:
    """Logs of this level and above as JSON; everything as it was afterwards."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    target = io.StringIO()
    log.configure(level, "json", target)
    try:
        yield target
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
        structlog.reset_defaults()
