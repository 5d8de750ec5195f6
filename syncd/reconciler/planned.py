"""What one plan holds so far: its operations, and what they mean for the references of later ones."""

from __future__ import annotations

from syncd.model.lens import is_pending, pending, references
from syncd.model.records import Kind, Record, Side
from syncd.model.writes import Verb
from syncd.reconciler.entries import View
from syncd.reconciler.plan import Operation
from syncd.reconciler.sight import Look


class Planned:
    """Operations, counts and links to be, collected while record after record is decided."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._linking: dict[tuple[Kind, str], str] = {}
        self._creating: dict[tuple[Kind, str], str] = {}
        self._held: dict[tuple[Kind, str], str] = {}
        self.operations: list[Operation] = []
        self.ignored: dict[str, int] = {}
        self.unchanged = 0
        self.changed: dict[tuple[Side, Kind], int] = {}

    def resolve(self, kind: Kind, source_id: str) -> str:
        """The QBO id of a record of the source: linked, about to be linked, or the mark of one to come."""
        planned = self._linking.get((kind, source_id))
        return planned or self._view.to_qbo(kind, source_id) or pending(kind, source_id)

    def add(self, operation: Operation) -> None:
        """Take an operation into the plan."""
        self.operations.append(operation)
        slot = (operation.kind, operation.source_id)
        if operation.verb is Verb.HOLD:
            self._held[slot] = operation.label or operation.source_id
        elif operation.verb is Verb.LINK:
            self._linking[slot] = operation.qbo_id
        elif operation.verb is Verb.CREATE and operation.side is Side.QBO:
            self._creating[slot] = operation.id

    def count_changes(self, seen: Look) -> None:
        """Remember which side of a linked record differs from its base, for the brakes."""
        if seen.entry.known is None or seen.entry.known.state != "linked":
            return
        for side, fields in ((Side.SOURCE, seen.source_changed), (Side.QBO, seen.qbo_changed)):
            if fields:
                self.changed[side, seen.entry.kind] = self.changed.get((side, seen.entry.kind), 0) + 1

    def count_ignored(self, kind: Kind) -> None:
        """One more record of QBO that is none of ours."""
        self.ignored[kind] = self.ignored.get(kind, 0) + 1

    def needs_of(self, record: Record) -> tuple[tuple[str, ...], str]:
        """What must be confirmed before ``record`` can be written, and what it waits for in vain (empty: nothing)."""
        after: list[str] = []
        for kind, source_id in sorted(references(record)):
            if not is_pending(self.resolve(kind, source_id)):
                continue
            creation = self._creating.get((kind, source_id))
            if creation is not None:
                after.append(creation)
            else:
                return (), self._blocker(kind, source_id)
        return tuple(after), ""

    def _blocker(self, kind: Kind, source_id: str) -> str:
        name = self._held.get((kind, source_id))
        if name is not None:
            return f"{kind} {name}, which is held"
        return f"{kind} {source_id.removeprefix('name:')}, which is not in QuickBooks"
