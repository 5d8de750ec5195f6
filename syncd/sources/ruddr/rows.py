"""One row of the API: its members taken one by one, every fault noted, nothing guessed.

The reader is tolerant as ruddr-api.md 10.8 asks: unknown members are ignored, missing ones are no opinion where that is
possible, and a value of an enumeration that is not known makes the record one that nothing is done with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from syncd.model.observations import Problem
from syncd.model.records.lists import Address
from syncd.sources import rows
from syncd.sources.ruddr.http import Row

T = TypeVar("T")
U = TypeVar("U")


class Members:
    """The members of one row. ``take`` reads one; what is wrong gathers in ``problems`` and never stops the rest."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.problems: list[Problem] = []

    def take(self, member: str, field: str, read: Callable[[object], T], instead: U) -> T | U:
        """A member by ``read``; where that is impossible, a problem with ``field`` and ``instead``."""
        return self.use(self.row.get(member), field, read, instead)

    def use(self, raw: object, field: str, read: Callable[[object], T], instead: U) -> T | U:
        """The same with a value at hand."""
        try:
            return read(raw)
        except rows.BadValueError as error:
            self.problems.append(error.problem(field))
            return instead

    def text(self, member: str, field: str) -> str:
        """Text; null is empty."""
        return self.take(member, field, rows.text, "")

    def text_if_told(self, member: str, field: str) -> str | UnsetType:
        """Text, or no opinion where the row has no such member: pages whose tail nobody has seen lack some."""
        return self.text(member, field) if member in self.row else UNSET

    def emails(self, member: str, field: str) -> str | UnsetType:
        """A list of addresses, joined with commas."""
        return self.take(member, field, _emails, "") if member in self.row else UNSET

    def address(self, member: str, field: str) -> Address | UnsetType:
        """A block of text with line breaks inside."""
        return self.take(member, field, rows.address, Address()) if member in self.row else UNSET

    def choice(self, member: str, field: str, values: Mapping[str, T], instead: T) -> T:
        """A value of an enumeration. One that is not known is a problem: nothing is done with such a record."""
        return self.take(member, field, _one_of(values), instead)

    def flag(self, member: str, field: str) -> bool:
        """Yes or no; null is no."""
        return self.take(member, field, rows.truth, False)

    def reference(self, member: str) -> tuple[str, str]:
        """Id and name of another record, both empty where there is none."""
        return reference(self.row.get(member))


def reference(raw: object) -> tuple[str, str]:
    """Id and name of ``{id, name}``, both empty where there is none."""
    if not isinstance(raw, dict):
        return "", ""
    return str(raw.get("id") or ""), str(raw.get("name") or "")


def objects(raw: object) -> list[Row]:
    """The objects of a list; nothing where there is no list."""
    return [each for each in raw if isinstance(each, dict)] if isinstance(raw, list) else []


def external_id(row: Row, connection_id: str) -> str:
    """QBO's id of the record as the vendor's own integration keeps it (ruddr-api.md 1.4); empty where it is not sure.

    With several connections only the configured one counts: the others belong to other companies.
    """
    found = {
        str(each.get("externalId") or "")
        for each in integrations(row)
        if not connection_id or str(each.get("connectionId") or "") == connection_id
    }
    return found.pop() if len(found) == 1 else ""


def integrations(row: Row) -> list[Row]:
    """The entries about QuickBooks."""
    return [each for each in objects(row.get("integrations")) if each.get("type") == "qbo"]


def _emails(raw: object) -> str:
    if raw is None:
        return ""
    if not isinstance(raw, list):
        return rows.text(raw)
    return ",".join(text for each in raw if (text := rows.text(each).strip()))


def _one_of(values: Mapping[str, T]) -> Callable[[object], T]:
    def read(raw: Any) -> T:
        if isinstance(raw, str) and raw in values:
            return values[raw]
        said = "nothing" if raw is None else repr(str(raw)[:40])
        raise rows.BadValueError(
            "status_unknown",
            f"Ruddr says {said}, where syncd knows only {', '.join(sorted(values))}.",
            "Nothing is done with this record. Look for a newer version of syncd, or report the value.",
        )

    return read
