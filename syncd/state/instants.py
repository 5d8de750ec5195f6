"""Instants in the state database: aware, in UTC, exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

INSTANT_LENGTH = 27
"""Characters of ``2026-01-05T09:00:00.000000Z``: a fixed width, so that text order is time order."""


@lru_cache(maxsize=256)
def instant_text(moment: datetime) -> str:
    """The one text form of an instant: UTC, microseconds, a Z. Refuses a datetime without a zone.

    Remembered, because all rows of one transaction carry the same few instants.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(INSTANT_LENGTH, "0")


class Instant(TypeDecorator[datetime]):
    """An aware instant: TIMESTAMP WITH TIME ZONE where there is one, sortable text on SQLite, which has none."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = DateTime(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return value if dialect.name == "postgresql" and value.tzinfo is not None else instant_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)
