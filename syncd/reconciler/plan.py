"""The plan: what is intended, in which order, and why. The only thing that planning and applying share."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Problem
from syncd.model.records import Record
from syncd.model.values import Canonical
from syncd.model.writes import STATE_VERBS, Verb

Projection = dict[str, Canonical]
"""Owned fields of one record in canonical form, by field name; what is compared, stored as base and shown."""


class Change(msgspec.Struct, frozen=True):
    """One field of one operation: what it is now and what it becomes."""

    field: str
    old: Canonical
    new: Canonical


class Money(msgspec.Struct, frozen=True):
    """An amount with its currency."""

    amount: Decimal
    currency: str


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One intended write, or one intended change of our own state (link, rebase, orphan, forget, hold).

    ``id`` names it within the plan and is the same whenever the same thing is planned. ``source_id`` and ``qbo_id``
    are empty where the record does not exist yet on that side. ``record`` is the wished value: for a write to QBO the
    source's record (ids of the source), for a write to the source QBO's record (ids of QBO); the writer translates.
    ``fields`` are the owned fields to set. ``expected_source`` and ``expected_qbo`` are the versions that the decision
    was made from: a side that has moved on since refuses. ``source_base`` and ``qbo_base`` are both projections as
    decided upon, for the base. ``accepted`` names fields that may go on differing, by policy. ``after`` lists the
    operations that must be confirmed first. ``writes_back`` names fields that QBO decides and that the source takes
    from the answer, ``awaits`` those that a person has to carry into the source. ``label`` is how a person knows the
    record (number, name).
    """

    id: str
    side: Side
    verb: Verb
    kind: Kind
    case: str
    reason: str
    label: str = ""
    source_id: str = ""
    qbo_id: str = ""
    changes: tuple[Change, ...] = ()
    fields: tuple[str, ...] = ()
    record: Record | None = None
    expected_source: str = ""
    expected_qbo: str = ""
    source_base: Projection = {}
    qbo_base: Projection = {}
    accepted: tuple[str, ...] = ()
    writes_back: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    money: Money | None = None
    problems: tuple[Problem, ...] = ()
    blocked_by: str = ""
    given: str = ""
    """The number that syncd counted for a document without one (B-18); chosen just before it is intended."""
    remainder: str = ""
    """Why something of the record is held back after this: it waits, although what can be done is done (C-B4)."""
    wait: bool = False
    """A hold that clears by itself once a side can be read again; no work for a person."""
    undoes: str = ""
    """The journal's id of the write that this takes back. ``record`` then is what the side held before, and names
    others by the ids of that very side; the writer does not translate it."""
    alone: bool = False
    """A write to the source of a record, in the source's ids, that goes its own way from there as if people had made or
    removed it: no link is made or ended by it."""
    heard: bool = False
    """A hold that clears by itself, since what a person said of the record is being done."""
    mails: bool = False
    """It is to be mailed once this is done."""

    @property
    def key(self) -> tuple[Kind, str, str]:
        """The record this is about: kind and id on each side."""
        return (self.kind, self.source_id, self.qbo_id)

    @property
    def writes(self) -> bool:
        """Whether this changes either side (and not only our own state)."""
        return self.verb not in STATE_VERBS


class Brake(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rail that stopped the operations of one kind, of the company or of one record: what was about to happen, and
    how to let it through once. ``stopped`` are withheld; those of one record are the hold that took their place."""

    rail: str
    text: str
    override: str
    kind: Kind | None = None
    side: Side | None = None
    count: int = 0
    stopped: tuple[str, ...] = ()


class LeftOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record that is left as it is, and why: an undo does not take it back, or it waits until a person asks for it.
    ``undone``: because it was taken back already."""

    kind: Kind
    label: str
    source_id: str
    qbo_id: str
    reason: str
    undone: bool = False


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Operations in total order, what was stopped, and the counts of what needed nothing.

    ``operations`` may be applied. ``withheld`` are those that a brake stopped (``brakes`` say which and why): they
    are shown, and applied only once the brake is lifted. ``ignored`` counts records of QBO that are none of ours, by
    kind. ``unchanged`` counts linked records that were looked at and agree. ``left_out``: what is left as it is, by
    an undo or until a person asks.
    """

    operations: tuple[Operation, ...] = ()
    withheld: tuple[Operation, ...] = ()
    brakes: tuple[Brake, ...] = ()
    ignored: dict[str, int] = {}
    unchanged: int = 0
    left_out: tuple[LeftOut, ...] = ()

    @property
    def writes(self) -> tuple[Operation, ...]:
        """The operations that change either side."""
        return tuple(operation for operation in self.operations if operation.writes)

    @property
    def holds(self) -> tuple[Operation, ...]:
        """The records that wait for a person."""
        return tuple(o for o in self.operations if o.verb is Verb.HOLD and not o.wait)
