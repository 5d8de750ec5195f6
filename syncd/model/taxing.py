"""What of a document's tax is sent to QBO, by the setting ``tax_mode``."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET

from syncd.model.facts import Settings
from syncd.model.records.forms import Form

_ZERO = Decimal(0)


def as_sent(record: Form, settings: Settings) -> Form:
    """A document of the source as it goes out: where tax is not sent (B-17), what is left of it without."""
    if settings.tax_mode != "none":
        return record
    tax = record.tax if isinstance(record.tax, Decimal) and record.tax_inclusive is not True else _ZERO
    return msgspec.structs.replace(
        record,
        lines=tuple(msgspec.structs.replace(line, taxable=False) for line in record.lines),
        total=record.total - tax,
        tax=_ZERO,
        tax_code=UNSET,
        tax_rate=UNSET,
    )
