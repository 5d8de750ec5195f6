"""What one read told us of one record on one side. Four answers, four types, never one ``None``.

* ``Present``: it is there, this is its value.
* ``Flawed``: it is there, but no record can be made of it; the problems say why (held, never guessed).
* ``Absent``: it is witnessed to be gone (a complete listing *and* a second witness).
* ``Unknown``: we could not find out. Never the same as gone, never the same as unchanged.
* ``Unchanged``: a complete change feed did not mention it, so it is what the base says.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from syncd.model.records import Record


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason why a record cannot be used, for a bookkeeper: what is wrong and what to do about it."""

    code: str
    text: str
    remedy: str = ""
    field: str = ""


class Present(msgspec.Struct, frozen=True):
    """The record exists with this value. ``version`` is opaque (SyncToken, row version): compare for equality only.

    ``raw`` is what the adapter needs to write the record back whole (QBO's JSON object); opaque to everybody else.
    """

    record: Record
    version: str
    raw: bytes = b""


class Flawed(msgspec.Struct, frozen=True):
    """The record exists but cannot be read as one."""

    id: str
    version: str
    problems: tuple[Problem, ...]


class Absent(msgspec.Struct, frozen=True):
    """The record is gone, and ``witnesses`` says who says so.

    ``remove``: whether whoever deleted it ticked that it goes on the other side, too (R-46, R-73 to R-75).
    ``replaced``: whether something else has taken its place, so that nothing is lost with it.
    """

    id: str
    witnesses: tuple[str, ...]
    remove: bool | UnsetType = UNSET
    replaced: bool = False


class Unknown(msgspec.Struct, frozen=True):
    """The read failed or was incomplete. ``reason`` is for the operator."""

    reason: str


class Unchanged(msgspec.Struct, frozen=True):
    """A complete change feed says nothing of this record since the base was agreed."""


Observation: TypeAlias = Present | Flawed | Absent | Unknown | Unchanged

UNCHANGED = Unchanged()
