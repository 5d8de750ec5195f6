"""What becomes true when a write is confirmed or refused: links, bases, holds and history, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from syncd.links import LinkBook, record_name
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.observations import Absent, Present
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.model.references import pending
from syncd.model.writes import DESTRUCTIVE_VERBS, UNCLEAR, Verb
from syncd.reconciler.cases import actions
from syncd.reconciler.explain import show
from syncd.reconciler.plan import Operation
from syncd.reconciler.policy import Case
from syncd.state.history import DONE, NOT_TAKEN
from syncd.state.values import Dirty, Held, HistoryEvent, JournalOutcome, JournalState, Link, LinkState, Settlement
from syncd.undone import left_at, undone
from syncd.written import mark_open, of_state, removed, still_apart, written

RETRY_FIRST_SECONDS = 60
RETRY_LONGEST_SECONDS = 3600
RETRY_BLOCKED_SECONDS = 300
"""The longest pause of what clears by itself: once a prerequisite is put right, nobody should wait for an hour."""


class Tally:
    """Collects what one settlement will store."""

    def __init__(self) -> None:
        self.outcomes: list[JournalOutcome] = []
        self.links: list[Link] = []
        self.dirty: list[Dirty] = []
        self.clean: list[tuple[Kind, str, str]] = []
        self.held: list[Held] = []
        self.unheld: list[tuple[Kind, str, str]] = []
        self.history: list[HistoryEvent] = []

    def settlement(self) -> Settlement:
        """Everything collected, as one value."""
        return Settlement(
            outcomes=tuple(self.outcomes),
            links=tuple(self.links),
            dirty=tuple(self.dirty),
            clean=tuple(self.clean),
            held=tuple(self.held),
            unheld=tuple(self.unheld),
            history=tuple(self.history),
        )

    def __bool__(self) -> bool:
        return any((self.outcomes, self.links, self.dirty, self.clean, self.held, self.unheld, self.history))


class Settler:
    """Turns outcomes into what is stored. Knows the lens, the links and who acts; does no I/O itself."""

    def __init__(
        self,
        company: str,
        lens: Lens,
        links: LinkBook,
        *,
        run_id: str,
        actor: str,
        now: datetime,
        waiting: Sequence[Dirty] = (),
        answered: Mapping[tuple[Kind, str, str], str] = MappingProxyType({}),
    ) -> None:
        self._company = company
        self._lens = lens
        self._links = links
        self._run_id = run_id
        self._actor = actor
        self._now = now
        self._tried = {record_name(d.kind, d.source_id, d.qbo_id): d.attempts for d in waiting}
        self._answered = {record_name(*name): person for name, person in answered.items()}
        self.remarks: dict[str, str] = {}
        """By operation of an undo, why it could not be done; empty once it was."""

    # ---- operations on our own state

    def state(self, tally: Tally, operation: Operation) -> None:
        """A link, rebase, orphan, forget or hold."""
        if operation.verb is Verb.HOLD:
            self.hold(tally, operation)
            return
        link = of_state(
            operation, self._link_of(operation), company=self._company, lens=self._lens, resolve=self._resolve
        )
        self._put(tally, link)
        if operation.remainder:
            self._wait_for_more(tally, operation, link)
        elif operation.writes_back or mark_open(operation, link):
            self.again(tally, operation, "the two sides do not hold the same yet", at_once=True)
            tally.unheld.append(operation.key)
        else:
            tally.clean.append(operation.key)
            tally.unheld.append(operation.key)
        tally.history.append(self._event(operation, DONE, before={}, after=link.source_base))
        if operation.mails:
            self.again(tally, operation, "QuickBooks has yet to mail it", at_once=True, asked="mail")

    def hold(self, tally: Tally, operation: Operation, *, case: str = "", reason: str = "") -> None:
        """The record waits: for a person, or (``wait``) until it can be read or its prerequisite is there."""
        case = case or operation.case
        reason = reason or operation.reason
        if operation.undoes:  # the record stays as it is: nothing is the matter with it
            self._remark(operation, reason)
            return
        known = self._links.link(operation.kind, operation.source_id)
        if operation.heard:
            tally.unheld.append(operation.key)
        if not operation.wait or operation.blocked_by:
            tally.held.append(
                Held(
                    company=self._company,
                    kind=operation.kind,
                    source_id=operation.source_id,
                    qbo_id=operation.qbo_id,
                    case=case,
                    reason=reason,
                    label=operation.label,
                    problems=operation.problems,
                    source_value=operation.source_base,
                    qbo_value=operation.qbo_base,
                    base_value=known.source_base if known is not None else {},
                    actions=("retry", *actions(Case(case), operation.kind), "ignore"),
                )
            )
        self.again(tally, operation, reason)

    def again(self, tally: Tally, operation: Operation, reason: str, *, at_once: bool = False, asked: str = "") -> None:
        """The record has to be looked at again, sooner or later; the later, the more often it was in vain. ``asked``:
        what is still to be done of what a person asked for, where that is another thing than before."""
        attempts = self._tried.get(record_name(*operation.key), 0)
        longest = RETRY_BLOCKED_SECONDS if operation.wait else RETRY_LONGEST_SECONDS
        wait = min(RETRY_FIRST_SECONDS * 2 ** min(attempts, 16), longest)
        tally.dirty.append(
            Dirty(
                kind=operation.kind,
                source_id=operation.source_id,
                qbo_id=operation.qbo_id,
                reason=reason[:300],
                attempts=attempts + 1,
                not_before=self._now if at_once else self._now + timedelta(seconds=wait),
                asked=asked,
            )
        )

    # ---- confirmed writes

    def confirmed(
        self,
        tally: Tally,
        operation: Operation,
        journal_id: str,
        after: Present | Absent,
        tid: str,
        told: Record | None = None,
        *,
        edited: bool = False,
    ) -> Link:
        """A write that was done; the link as it stands from now on. ``told``: what the source was told, in its ids.
        ``edited``: people may have changed the record before ``after`` was read."""
        note = left_at(after.version) if isinstance(after, Present) else ""
        tally.outcomes.append(JournalOutcome(journal_id, JournalState.CONFIRMED, note=note, tid=tid))
        if operation.alone:
            return self._on_its_own(tally, operation, journal_id, after)
        known = self._link_of(operation)
        if operation.undoes:
            return self._undone(tally, operation, known, journal_id, after, tid)
        kept: frozenset[str] = frozenset()
        if operation.verb in DESTRUCTIVE_VERBS:
            link = removed(operation, known, company=self._company)
            tally.history.append(
                self._event(operation, DONE, before=self._before(operation), journal_id=journal_id, tid=tid)
            )
        else:
            assert isinstance(after, Present)  # noqa: S101 - only a removal may answer with an absence
            result = written(
                operation,
                known,
                after,
                told,
                edited=edited,
                company=self._company,
                lens=self._lens,
                resolve=self._resolve,
            )
            link, kept = result.link, result.kept
            after_value = link.qbo_base if operation.side is Side.QBO else link.source_base
            said = f"{NOT_TAKEN}: {', '.join(sorted(kept))}" if kept else DONE
            tally.history.append(
                self._event(
                    msgspec.structs.replace(operation, source_id=link.source_id, qbo_id=link.qbo_id),
                    said,
                    before=self._before(operation),
                    after=after_value,
                    journal_id=journal_id,
                    tid=tid,
                )
            )
            if result.variance:
                self._variance(tally, operation, link, result.variance)
            elif operation.remainder:
                self._wait_for_more(tally, operation, link)
        self._end_predecessor(tally, operation, link)
        self._put(tally, link)
        keys = {operation.key, (operation.kind, link.source_id, link.qbo_id)}
        held = any(held.source_id == link.source_id and held.kind is link.kind for held in tally.held)
        apart = still_apart(link)
        if not held and not apart:
            tally.unheld.extend(sorted(keys))  # whatever it waited for, it was written now
        if kept:
            self.again(tally, operation, f"{', '.join(sorted(kept))} was written and is as it was before")
        elif operation.writes_back or apart or mark_open(operation, link):
            # Not done yet, and a stop at this very moment must not make it forgotten: no feed will mention it again.
            self.again(tally, operation, "the two sides do not hold the same yet", at_once=True)
        elif not held:
            tally.clean.extend(sorted(keys))
        if operation.mails:
            self.again(tally, operation, "QuickBooks has yet to mail it", at_once=True, asked="mail")
        return link

    def _on_its_own(self, tally: Tally, operation: Operation, journal_id: str, after: Present | Absent) -> Link:
        """A record that was entered in the source, or removed from it, on somebody's behalf: looked at next, like any
        other that people entered or removed."""
        source_id = after.record.id if isinstance(after, Present) else operation.source_id
        of = msgspec.structs.replace(operation, source_id=source_id)
        self.again(tally, of, "it was entered or removed on somebody's behalf", at_once=True)
        tally.history.append(self._event(of, DONE, before={}, journal_id=journal_id))
        return Link(self._company, operation.kind, source_id, operation.qbo_id, label=operation.label)

    def _end_predecessor(self, tally: Tally, operation: Operation, link: Link) -> None:
        """A source that gave a removed record's id to a new one: the removed record's link ends here, for good."""
        held = self._links.link(link.kind, link.source_id)
        created = operation.verb is Verb.CREATE and operation.side is Side.SOURCE
        if created and held is not None and held.state is not LinkState.TOMBSTONED and held.qbo_id != link.qbo_id:
            self._put(tally, msgspec.structs.replace(held, state=LinkState.TOMBSTONED))

    def _variance(self, tally: Tally, operation: Operation, link: Link, variance: frozenset[str]) -> None:
        parts = ", ".join(
            f"{name} {show(link.source_base.get(name, ''))} in the source and {show(link.qbo_base.get(name, ''))} "
            "in QuickBooks"
            for name in sorted(variance)
        )
        held = msgspec.structs.replace(
            operation,
            qbo_id=link.qbo_id,
            source_id=link.source_id,
            source_base=link.source_base,
            qbo_base=link.qbo_base,
        )
        self.hold(tally, held, case=Case.DRIFT.value, reason=f"after the write the amounts do not agree: {parts}")

    def _wait_for_more(self, tally: Tally, operation: Operation, link: Link) -> None:
        """What was done is not all of it: the rest is listed, and looked at again."""
        rest = msgspec.structs.replace(
            operation,
            source_id=link.source_id,
            qbo_id=link.qbo_id,
            source_base=link.source_base,
            qbo_base=link.qbo_base,
        )
        self.hold(tally, rest, case=Case.BLOCKED.value, reason=operation.remainder)

    def _undone(
        self,
        tally: Tally,
        operation: Operation,
        known: Link | None,
        journal_id: str,
        after: Present | Absent,
        tid: str,
    ) -> Link:
        """A write of an earlier run that was taken back (``undone``): held, and left alone until a person says more."""
        result = undone(
            operation,
            known,
            after,
            company=self._company,
            lens=self._lens,
            resolve=self._resolve,
            actor=self._actor,
        )
        link = result.link
        self.remarks[operation.id] = ""
        of = msgspec.structs.replace(
            operation, source_id=operation.source_id or link.source_id, qbo_id=operation.qbo_id or link.qbo_id
        )
        event = self._event(of, DONE, before=self._before(of), after=result.after, journal_id=journal_id, tid=tid)
        tally.history.append(event)
        self._put(tally, link)
        for key in {operation.key, (link.kind, link.source_id, link.qbo_id)}:
            tally.clean.append(key)
            if result.held is not None:
                tally.unheld.append(key)
        if result.held is not None:
            tally.held.append(result.held)
        return link

    # ---- refused writes

    def refused(self, tally: Tally, operation: Operation, journal_id: str, *, code: str, text: str, tid: str) -> None:
        """A definite no: held with the reason, nothing else changes."""
        tally.outcomes.append(JournalOutcome(journal_id, JournalState.REFUSED, note=f"{code} {text}".strip(), tid=tid))
        tally.history.append(
            self._event(operation, f"refused {code}: {text}"[:500], before={}, journal_id=journal_id, tid=tid)
        )
        self.hold(tally, operation, reason=text)
        if code == UNCLEAR:
            self.again(tally, operation, text, asked="unclear")

    def closed(self, tally: Tally, operation: Operation, journal_id: str, state: JournalState, note: str) -> None:
        """The write was not done and will be decided anew (superseded, or never sent)."""
        tally.outcomes.append(JournalOutcome(journal_id, state, note=note))
        if operation.undoes:  # nothing to decide: whoever wants it taken back asks again
            self._remark(operation, note)
            return
        self.again(tally, operation, note, at_once=True)

    # ---- parts

    def _remark(self, operation: Operation, reason: str) -> None:
        self.remarks.setdefault(operation.id, f"{operation.kind} {operation.label} was not undone: {reason}")

    def _link_of(self, operation: Operation) -> Link | None:
        """The link this operation is about. A source may give a removed record's id to a new one: that link is not."""
        known = self._links.link(operation.kind, operation.source_id) if operation.source_id else None
        if known is not None and operation.qbo_id and known.qbo_id not in ("", operation.qbo_id):
            return None
        return known

    def _put(self, tally: Tally, link: Link) -> None:
        tally.links.append(link)
        self._links.put(link)

    def _resolve(self, kind: Kind, reference: str) -> str:
        return self._links.to_qbo(kind, reference) or pending(kind, reference)

    def _before(self, operation: Operation) -> Projection:
        return operation.qbo_base if operation.side is Side.QBO else operation.source_base

    def _event(
        self,
        operation: Operation,
        result: str,
        *,
        before: Projection,
        after: Projection | None = None,
        journal_id: str = "",
        tid: str = "",
    ) -> HistoryEvent:
        return HistoryEvent(
            kind=operation.kind,
            source_id=operation.source_id,
            qbo_id=operation.qbo_id,
            side=operation.side,
            verb=operation.verb,
            case=operation.case,
            reason=operation.reason,
            actor=self._answered.get(record_name(*operation.key), self._actor),
            result=result,
            before=before,
            after=after or {},
            journal_id=journal_id,
            request_id=journal_id,  # the entry is named by what it has on the wire (state/journal.py)
            tid=tid,
            run_id=self._run_id,
        )
