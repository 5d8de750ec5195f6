"""Logs: one JSON line per event, each with a stable ``action``, the context it happened in, and no secrets.

Everything goes through the standard ``logging`` module, so that what libraries log gets the same form and the same
redaction. A library's line has ``action`` = ``library`` and its text in ``message``.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog

from syncd.errors import SyncdError

HIDDEN = "[hidden]"
Form = Literal["auto", "json", "console"]
context = structlog.contextvars.bound_contextvars
"""``with log.context(company=…, cycle=…, operation=…):`` puts these on every line logged inside."""

_TELLING_KEY = re.compile(r"token|secret|password|passwd|authorization|credential|cookie|encryption_key", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(
            r"""((?:access_token|refresh_token|client_secret|password)["']?\s*[=:]\s*["']?)[^\s"'&,}]+""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"([?&]code=)[^\s&]+"), rf"\1{HIDDEN}"),
)
_SHORTEST_SECRET = 6

_protected: set[str] = set()
_protected_lock = threading.Lock()
_Event = MutableMapping[str, Any]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger. Its first argument is the action: ``logger.info("cycle_done", applied=3)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def protect(*secrets: str) -> None:
    """Never let these values appear in a line, wherever they turn up (a library's message, a traceback)."""
    with _protected_lock:
        _protected.update(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)


def describe(error: BaseException) -> str:
    """One line about an error for logs and status: our own sentence, or the class of a foreign one."""
    text = str(error) if isinstance(error, SyncdError) else f"{type(error).__name__}: {error}"
    return cast(str, _clean(" ".join(text.split())))


def configure(level: str = "info", form: Form = "auto", stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (standard output unless told): JSON, or coloured text on a terminal."""
    target = stream if stream is not None else sys.stdout
    console = form == "console" or (form == "auto" and target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=target.isatty(),
            event_key="action",
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,
        )
        if console
        else _json
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_library, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("apscheduler", "urllib3", "uvicorn", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.EventRenamer("action"),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _library(logger: Any, method: str, event: _Event) -> _Event:
    record = event["_record"]
    event["action"] = "library"
    event["logger"] = record.name
    event["message"] = event.pop("event")
    return event


def _redact(logger: Any, method: str, event: _Event) -> _Event:
    return {key: _hide(key, value) for key, value in event.items()}


def _hide(key: str, value: Any) -> Any:
    if _TELLING_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return HIDDEN
    return _clean(value)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for secret in tuple(_protected):
            value = value.replace(secret, HIDDEN)
        for pattern, replacement in _PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _hide(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return _clean(str(value))


def _json(logger: Any, method: str, event: _Event) -> str:
    ordered = {key: event.pop(key) for key in ("time", "level", "action") if key in event}
    return msgspec.json.encode(ordered | dict(event)).decode()
