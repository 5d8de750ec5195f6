"""What is observed in one cycle, record by record: the words that gathering, looking up and planning share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Flawed, Observation, Present, Problem, Unknown
from syncd.model.records import Record
from syncd.model.writes import Refused
from syncd.reconciler.entries import Entry, Shown
from syncd.state.values import Link

Slot = tuple[Kind, str, str]
"""A record by kind, source id and QBO id; one of the ids may be empty."""


Said: TypeAlias = "tuple[str, str, Shown | None]"
"""What a person said about a record, the case of the hold that this answers, and what it showed them."""
NOTHING_SAID: Said = ("", "", None)

Found: TypeAlias = "tuple[Present | Flawed, ...] | Refused | Unknown"
"""What was found for an unlinked record: candidates; a name that cannot be had; or nothing is known."""


class BooksReader(Protocol):
    """What is read of QBO."""

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Records by id."""
        ...

    def find(self, kind: Kind, probes: Sequence[Record]) -> Mapping[str, Found]:
        """Records that carry the key of a probe, by the probe's id."""
        ...


class BooksChanges(Protocol):
    """What changed in QBO since a point in time."""

    @property
    def records(self) -> Mapping[Kind, Mapping[str, Present | Flawed]]:
        """New and changed records."""
        ...

    @property
    def tombstones(self) -> Mapping[Kind, frozenset[str]]:
        """Ids that were deleted, by the feed's word."""
        ...

    @property
    def unknown(self) -> Mapping[Kind, str]:
        """Kinds that could not be read, and why."""
        ...

    @property
    def inventory(self) -> Mapping[Kind, frozenset[str]]:
        """Every id there is, for kinds whose feed could not be trusted to show deletions."""
        ...

    @property
    def others(self) -> Mapping[Kind, frozenset[str]]:
        """Ids of changed records of a kind's entity that are not of the kind as they are now."""
        ...


class Seen(msgspec.Struct):
    """What was observed of one record so far. None: that side was not looked at yet. ``asked``: a person wants it to
    go out (``Dirty.asked``)."""

    source: Observation | None = None
    qbo: Observation | None = None
    link: Link | None = None
    forced: bool = False
    tried: bool = False
    asked: str = ""


class Gathered(msgspec.Struct, frozen=True):
    """Everything for one plan. ``versions`` are echoes: only the version moved. ``raw`` and ``current`` are what the
    writers need; ``quiet`` slots that need no decision any more."""

    entries: tuple[Entry, ...]
    versions: tuple[tuple[Kind, str, str, str, str], ...]
    raw: Mapping[tuple[Kind, str], bytes]
    current: Mapping[tuple[Kind, str], Record]
    missing: Mapping[tuple[Side, Kind], int]
    quiet: frozenset[Slot]


def candidates_of(found: Found) -> tuple[Present, ...]:
    """Those that can be compared."""
    return tuple(c for c in found if isinstance(c, Present)) if isinstance(found, tuple) else ()


def counterpart_of(found: Found) -> Observation:
    """What a look-up says of QBO's side of an unlinked record."""
    match found:
        case Unknown():
            return found
        case Refused(code=code, text=text, remedy=remedy):
            return Flawed("", "", (Problem(code=code, text=text, remedy=remedy),))
        case _:
            unreadable = [c for c in found if isinstance(c, Flawed)]
            return unreadable[0] if unreadable else Absent("", ("looked up by its key",))
