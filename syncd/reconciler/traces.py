"""What the undo of one run is planned from: what it wrote, record by record, and what is there now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.observations import Observation
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.model.references import ZERO
from syncd.model.writes import Verb
from syncd.reconciler.entries import SideCapability, View
from syncd.reconciler.policy import Policy


class Written(msgspec.Struct, frozen=True):
    """One confirmed write of the run. ``after`` is what its side held then; ``former`` what it held before, in the ids
    of that side (None: nothing, or not known). ``version`` is the one that the write left (empty: not known)."""

    journal_id: str
    side: Side
    verb: Verb
    fields: tuple[str, ...] = ()
    after: Projection = {}
    former: Record | None = None
    version: str = ""


class Trace(msgspec.Struct, frozen=True):
    """One record that the run wrote: the writes that are not taken back yet, oldest first, and what is there now.

    ``source_base`` and ``qbo_base`` are what the record's link says that both sides agreed on (empty: no link now).
    ``left_alone``: its link is ignored. ``touched``: by what it was written or linked anew since. ``undone``: the run
    that took writes of it back, and ``undone_sides`` where. ``explained``: QBO's version may have moved because we
    wrote documents that refer to it. ``deposit``: the bank deposit it is part of, or why that is not known.
    ``paid_before``: what was paid on it when the run began. ``lost``: what it refers to and QBO does not have any more.
    """

    kind: Kind
    source_id: str
    qbo_id: str
    label: str
    writes: tuple[Written, ...]
    source: Observation
    qbo: Observation
    source_base: Projection = {}
    qbo_base: Projection = {}
    left_alone: bool = False
    in_doubt: bool = False
    touched: str = ""
    undone: str = ""
    undone_sides: frozenset[Side] = frozenset()
    explained: bool = False
    deposit: str = ""
    mailed: bool = False
    paid_before: Decimal = ZERO
    lost: str = ""

    def written(self, side: Side) -> tuple[Written, ...]:
        """The writes to one side."""
        return tuple(write for write in self.writes if write.side is side)


class UndoView(msgspec.Struct, frozen=True):
    """Everything that the undo of one run is planned from. ``cycle`` holds what the brakes look at."""

    run_id: str
    traces: tuple[Trace, ...]
    lens: Lens
    facts: BooksFacts
    policy: Policy
    capabilities: Mapping[Kind, SideCapability]
    to_qbo: Callable[[Kind, str], str]
    cycle: View
