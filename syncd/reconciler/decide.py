"""Decides record after record: which of them are QuickBooks' business at all, and what becomes of those."""

from __future__ import annotations

from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records import Record
from syncd.reconciler.answers import Answers
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.freeze import dates_of
from syncd.reconciler.planned import Planned
from syncd.reconciler.policy import KindPolicy
from syncd.reconciler.sight import Look, look


class Decider:
    """Decides every entry of a view, in the order of kinds; what comes of it is in ``planned``."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.planned = Planned(view)

    def decide(self, entry: Entry, *, needed: bool) -> None:
        """Plan what this entry asks for. ``needed``: something that flows refers to it."""
        policy = self._view.policy.kinds[entry.kind]
        if entry.known is not None and entry.known.state == "ignored" and entry.word != "retry":
            self.planned.unchanged += 1
            return
        seen = look(entry, self._view, policy, self.planned.resolve)
        if self._stays_home(seen, policy, needed=needed):
            return
        self.planned.count_changes(seen)
        Answers(self.planned, self._view, policy, seen).run()

    def _stays_home(self, seen: Look, policy: KindPolicy, *, needed: bool) -> bool:
        """Whether the record is none of QuickBooks' business: a draft never sent, or nothing that anybody needs."""
        entry = seen.entry
        linked = entry.known is not None and entry.known.state != "tombstoned"
        if linked:
            orphaned = entry.known is not None and entry.known.state == "orphaned"
            return orphaned and seen.source_record is None and not isinstance(entry.qbo, Absent)
        if isinstance(entry.source, Flawed):
            return False
        if isinstance(entry.source, Present):
            if seen.withdrawn or seen.voided:
                return not seen.partner and entry.known is None
            return (policy.when_needed and not needed) or self._before_start(entry.source.record)
        return False

    def _before_start(self, record: Record) -> bool:
        start = self._view.settings.sync_start_date
        return start is not None and any(day < start for day in dates_of(record))
