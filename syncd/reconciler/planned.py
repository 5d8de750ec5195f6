"""What one plan holds so far: its operations, and what they mean for the references of later ones."""

from __future__ import annotations

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.records import Record
from syncd.model.references import (
    file_row,
    is_name,
    is_pending,
    label,
    owner_of,
    pending,
    qbo_references,
    references,
)
from syncd.model.writes import Verb
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.imports import imported
from syncd.reconciler.plan import LeftOut, Operation
from syncd.reconciler.policy import Case
from syncd.reconciler.sight import Look, is_void

_UNUSABLE = frozenset(
    case.value
    for case in (
        Case.QBO_GONE,
        Case.QBO_GONE_SRC_EDITED,
        Case.QBO_VOID,
        Case.QBO_VOID_SRC_EDITED,
        Case.MOVED,
        Case.TWINS,
    )
)
"""Holds of a linked record that leave nothing in QBO to refer to: gone, void, inactive, or one of several."""


class Planned:
    """Operations, counts and links to be, collected while record after record is decided."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.imported = imported(view)
        self._linking: dict[tuple[Kind, str], Operation] = {}
        self._linked_back: dict[tuple[Kind, str], Operation] = {}
        self._creating: dict[tuple[Kind, str], str] = {}
        self._removing: dict[tuple[Kind, str], str] = {}
        self._removing_there: dict[tuple[Kind, str], str] = {}
        self._coming: dict[tuple[Kind, str], str] = {}
        self._concerned: set[tuple[Kind, str]] = set()
        self._held: dict[tuple[Kind, str], Operation] = {}
        self._ended = {
            (e.kind, e.known.source_id) for e in view.entries if e.known is not None and _ended_in_qbo(e, view)
        }
        self._removed = {
            (e.kind, e.known.qbo_id): e.known
            for e in view.entries
            if e.known is not None and isinstance(e.source, Absent)
        }
        self.operations: list[Operation] = []
        self.ignored: dict[str, int] = {}
        self.left_out: list[LeftOut] = []
        self.making: dict[tuple[Kind, str], str] = {}
        self.unchanged = 0
        self.changed: dict[tuple[Side, Kind], int] = {}

    def resolve(self, kind: Kind, source_id: str) -> str:
        """The QBO id of a record of the source: linked, about to be linked, or the mark of one to come."""
        planned = self._linking.get((kind, source_id))
        if planned is not None:
            return planned.qbo_id
        return self._view.to_qbo(kind, source_id) or pending(kind, source_id)

    def resolve_anew(self, kind: Kind, source_id: str) -> str:
        """As ``resolve``; but what is made anew in this plan is one to come, whatever it was before."""
        return pending(kind, source_id) if (kind, source_id) in self._creating else self.resolve(kind, source_id)

    def to_source(self, kind: Kind, qbo_id: str) -> str:
        """The source's id of a record of QBO, linked or about to be linked; empty where there is none."""
        known = self._view.to_source(kind, qbo_id)
        if known or (kind, qbo_id) not in self._linked_back:
            return known
        return self._linked_back[kind, qbo_id].source_id

    def coming(self, kind: Kind, qbo_id: str) -> str:
        """The operation that brings a record of QBO into the source; empty where none does."""
        return self._coming.get((kind, qbo_id), "")

    def concerns(self, kind: Kind, qbo_id: str) -> bool:
        """Whether something is done about this record of QBO already."""
        return (kind, qbo_id) in self._concerned

    def stays_there(self, owner: tuple[Kind, str]) -> bool:
        """Whether a document is in QBO, or about to be, and not about to go: then what belongs to it is there, too."""
        return owner not in self._removing and (owner in self._creating or not is_pending(self.resolve(*owner)))

    def removal_with(self, record: Record) -> tuple[str, ...]:
        """The removal of the document that a record of QBO belongs to: only after that it goes itself."""
        owner = owner_of(record)
        found = self._removing_there.get(owner) if owner is not None else None
        return (found,) if found is not None else ()

    def instead_of(self, kind: Kind, source_id: str) -> tuple[tuple[str, ...], bool]:
        """What is uploaded in the place of a file whose row has other content by now; and whether that is held."""
        row = file_row(source_id)
        others = [(k, name) for k, name in (*self._creating, *self._held) if k is kind and file_row(name) == row]
        held = any(slot in self._held for slot in others if slot[1] != source_id)
        return tuple(self._creating[slot] for slot in others if slot in self._creating), held

    def links_of(self, record: Record) -> tuple[str, ...]:
        """What has to be linked or brought in before a record of QBO can be told to the source."""
        wanted = sorted(qbo_references(record))
        links = (self._linked_back.get(reference) for reference in wanted)
        coming = (self._coming.get(reference) for reference in wanted)
        return (*(operation.id for operation in links if operation is not None), *filter(None, coming))

    def add(self, operation: Operation) -> None:
        """Take an operation into the plan."""
        self.operations.append(operation)
        if operation.alone:
            return
        if operation.verb is not Verb.HOLD:
            self._concerned.add((operation.kind, operation.qbo_id))
        slot = (operation.kind, operation.source_id)
        if operation.verb is Verb.HOLD:
            self._held[slot] = operation
        elif operation.verb is Verb.LINK or (operation.case == Case.ADOPT_DIFF and operation.side is Side.SOURCE):
            self._linking[slot] = self._linked_back[operation.kind, operation.qbo_id] = operation
        elif operation.verb is Verb.CREATE and operation.side is Side.QBO:
            self._creating[slot] = operation.id
        elif operation.verb is Verb.DELETE and operation.side is Side.QBO:
            self._removing[slot] = self._removing_there[operation.kind, operation.qbo_id] = operation.id
        elif operation.verb is Verb.CREATE:
            self._coming[operation.kind, operation.qbo_id] = operation.id

    def count_changes(self, seen: Look, *, awaited: bool = False) -> None:
        """Remember which side of a linked record differs from its base, for the brakes. ``awaited``: what the source
        changed goes nowhere until a person asks for it."""
        if seen.entry.known is None or seen.entry.known.state != "linked":
            return
        for side, fields in ((Side.SOURCE, seen.source_changed), (Side.QBO, seen.qbo_changed)):
            if fields and not (awaited and side is Side.SOURCE and not seen.entry.pushed):
                self.changed[side, seen.entry.kind] = self.changed.get((side, seen.entry.kind), 0) + 1

    def count_ignored(self, kind: Kind) -> None:
        """One more record of QBO that is none of ours."""
        self.ignored[kind] = self.ignored.get(kind, 0) + 1

    def needs_of(self, record: Record) -> tuple[tuple[str, ...], str]:
        """What must be confirmed before ``record`` can be written, and what it waits for in vain (empty: nothing)."""
        after: list[str] = []
        for slot in sorted(references(record)):
            held = self._held.get(slot)
            if slot in self._linking:
                after.append(self._linking[slot].id)
            elif held is not None and held.case in _UNUSABLE:
                return (), self._blocker(*slot)
            elif slot in self._creating:
                after.append(self._creating[slot])
            elif slot in self._ended:
                return (), self._blocker(*slot, why="which was deleted, voided or made inactive in QuickBooks")
            elif is_pending(self.resolve(*slot)) and (held is not None or not self._view.policy.may_lack(slot[0])):
                return (), self._blocker(*slot)  # nobody knows yet that what is optional has no counterpart
        return tuple(after), ""

    def removed_of(self, record: Record) -> str:
        """What a record of QBO refers to that the source does not have any more; empty where there is nothing."""
        for slot in sorted(qbo_references(record)):
            if slot in self._removed and slot not in self._coming:
                return self._blocker(slot[0], self._removed[slot].source_id, why="which was removed in the source")
        return ""

    def _blocker(self, kind: Kind, source_id: str, why: str = "which is not in QuickBooks") -> str:
        noun = kind.replace("_", " ")
        held = self._held.get((kind, source_id))
        if held is not None:
            return f"{noun} {held.label or source_id}, which is held"
        return f"{noun} {self._called(kind, source_id)}, {why}"

    def _called(self, kind: Kind, source_id: str) -> str:
        """How a person knows a record of the source that has no operation; by its id where nobody has looked at it."""
        if is_name(kind, source_id):
            return source_id.removeprefix("name:")
        seen = (e.source.record for e in self._view.entries if e.kind is kind and isinstance(e.source, Present))
        known = next((label(record) for record in seen if record.id == source_id), "")
        return known or self._view.label_of(kind, source_id) or f"of the source's id {source_id}"


def _ended_in_qbo(entry: Entry, view: View) -> bool:
    if isinstance(entry.qbo, Present):
        return is_void(entry.qbo.record, view.policy.kinds[entry.kind])
    return isinstance(entry.qbo, Absent)
