"""Rules of the records of which a company has one (entities.md 2)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.wire import Json


class CompanyInfoRules:
    """CompanyInfo: one record that can only be updated (entities.md 2.1)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "CompanyName" not in new:
            raise faults.missing("CompanyName")
        kept = ("Country", "CompanyStartDate", "DefaultTimeZone", "NameValue", "EmployerId")
        new.update({member: old[member] for member in kept if old is not None and member in old})
        return new


RULES: dict[str, Rules] = {"CompanyInfo": CompanyInfoRules()}
