"""Settles writes whose outcome is not known, before anything is observed. It observes; it does not replay blindly.

* never sent: closed, and decided anew;
* QBO, create: looked up by its key. Found once with the content that was sent: confirmed. Not found: the *same*
  request id and the same bytes again. Several: left in doubt for a person;
* QBO, change or removal: read by id. As it was to become: confirmed. Still as it was: the same bytes again (the
  version in them protects). Moved on: closed, and decided anew;
* source: the write log of the source says whether the journal id was committed; if not, the same write again, which
  its version check protects.

What was confirmed so is read later than it was written: where it is not as it was sent, somebody changed it since. That
is an edit like any other, and its record is looked at once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from syncd.links import LinkBook
from syncd.model.kinds import Kind, Side, State
from syncd.model.lens import Lens
from syncd.model.observations import Absent, Flawed, Observation, Present, Unknown
from syncd.model.projections import Projection, differing
from syncd.model.records import Record
from syncd.model.references import pending, references
from syncd.model.spec import SPECS
from syncd.model.writes import (
    DESTRUCTIVE_VERBS,
    UNCLEAR,
    Conflict,
    Done,
    InDoubt,
    NotSent,
    Outcome,
    Refused,
    SourceWrite,
    Verb,
)
from syncd.model.writes import WireWrite as Wire
from syncd.ports import Journal
from syncd.reconciler.mail import UNCLEAR_TEXT
from syncd.reconciler.plan import Operation
from syncd.settling import Settler, Tally
from syncd.sources.base import Source
from syncd.state.values import JournalEntry, JournalState, Lease

_COMPUTED = frozenset({"lines", "discount", "tax"})
"""What QBO may have answered in another shape than it was sent; the total tells whether it is the same."""
TRAVELS = timedelta(minutes=10)
"""So long a request that was sent may still arrive: QuickBooks gives up after two minutes, and clocks differ."""
UNTOUCHED = "0"
"""The SyncToken of a QBO record that nobody changed since it was made (entities.md 1.1)."""


class BooksRecovery(Protocol):
    """What recovery needs of QBO."""

    def look_up(self, write: Wire, sent_at: datetime) -> tuple[Present, ...] | Unknown:
        """What could be the outcome of a create that was sent at ``sent_at``."""
        ...

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Records by id."""
        ...

    def entity(self, kind: Kind) -> str:
        """QBO's name of a kind."""
        ...

    def decode(self, kind: Kind, row: bytes) -> Present | Flawed:
        """One object of QBO's as a record."""
        ...

    def send(self, writes: Sequence[Wire]) -> list[Outcome]:
        """Send writes."""
        ...


class Recovered(msgspec.Struct):
    """How many open writes were settled, and which records are still in doubt."""

    settled: int = 0
    in_doubt: set[tuple[Kind, str, str]] = set()


class Recovery:
    """Settles the open journal entries of one company."""

    def __init__(
        self,
        *,
        journal: Journal,
        lease: Lease,
        run_id: str,
        source: Source,
        books: BooksRecovery,
        links: LinkBook,
        lens: Lens,
        settler: Settler,
        now: datetime,
    ) -> None:
        self._now = now
        self._journal = journal
        self._lease = lease
        self._run_id = run_id
        self._source = source
        self._books = books
        self._links = links
        self._lens = lens
        self._settler = settler

    def run(self, entries: Sequence[JournalEntry]) -> Recovered:
        """Settle what can be settled; the rest stays open and its records are left alone this cycle."""
        recovered = Recovered(in_doubt=set())
        operations = {entry.id: msgspec.json.decode(entry.intent.operation, type=Operation) for entry in entries}
        self._load(list(operations.values()))
        committed = self._committed(entries)
        for entry in entries:
            operation = operations[entry.id]
            outcome = self._outcome(entry, operation, committed)
            self._store(entry, operation, outcome, recovered)
        return recovered

    def _load(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if operation.source_id:
                self._links.load_links(operation.kind, source_ids=[operation.source_id])
            if operation.record is not None and (operation.side is Side.QBO or operation.undoes):
                self._links.load_refs(references(operation.record), Side.SOURCE)

    def _committed(self, entries: Sequence[JournalEntry]) -> Mapping[str, str]:
        ids = [e.id for e in entries if e.intent.side is Side.SOURCE and e.state is JournalState.SENT]
        return self._source.settled(ids) if ids else {}

    def _outcome(self, entry: JournalEntry, operation: Operation, committed: Mapping[str, str]) -> Outcome:
        if entry.state is JournalState.INTENDED:
            return NotSent("it was intended and never sent")
        if entry.intent.side is Side.SOURCE:
            return self._source_outcome(entry, operation, committed)
        if operation.verb is Verb.CREATE:
            return self._created(entry, operation)
        if operation.verb is Verb.SEND:
            return self._mailed(entry, operation)
        return self._changed(entry, operation)

    # ---- the source

    def _source_outcome(self, entry: JournalEntry, operation: Operation, committed: Mapping[str, str]) -> Outcome:
        row_id = committed.get(entry.id)
        if row_id is None:
            write = msgspec.json.decode(entry.intent.body, type=SourceWrite)
            return self._source.write([msgspec.structs.replace(write, journal_id=entry.id)])[0]
        answer = self._source.read(operation.kind, [row_id])[row_id]
        if operation.verb is Verb.DELETE:
            return Done(after=Absent(row_id, ("the source's write log",)))
        if isinstance(answer, Present):
            return Done(after=answer, moved_on=True)  # perhaps: a version does not tell whose it is
        return Conflict("it was written, and the record is gone or unusable since")

    # ---- QBO

    def _wire(self, entry: JournalEntry) -> Wire:
        intent = entry.intent
        return Wire(
            journal_id=entry.id,
            kind=intent.kind,
            verb=intent.verb,
            entity=self._books.entity(intent.kind),
            body=intent.body,
            request_id=entry.request_id,
            qbo_id=intent.qbo_id,
            batch_request_id=intent.batch_request_id,
            batch_item_id=intent.batch_item_id,
            file=intent.source_id if SPECS[intent.kind].along and intent.verb is Verb.CREATE else "",
        )

    def _created(self, entry: JournalEntry, operation: Operation) -> Outcome:
        write = self._wire(entry)
        found = self._books.look_up(write, entry.sent_at or entry.created_at)
        if isinstance(found, Unknown):
            return InDoubt(found.reason)
        mine = [c for c in found if not self._links_other(operation, c) and self._is_ours(operation, c)]
        mine = [c for c in mine if self._is_exact(operation, c)] or mine
        if len(mine) == 1:
            return Done(after=mine[0], moved_on=mine[0].version != UNTOUCHED)
        if len(mine) > 1:
            return InDoubt(f"{len(mine)} records in QuickBooks could be the one that was sent")
        outcome = self._books.send([write])[0]
        if write.file and isinstance(outcome, Conflict) and self._now - (entry.sent_at or entry.created_at) < TRAVELS:
            return InDoubt("its content changed since, and what was sent before may still arrive")
        return outcome

    def _links_other(self, operation: Operation, candidate: Present) -> bool:
        self._links.load_refs([(operation.kind, candidate.record.id)], Side.QBO)
        owner = self._links.to_source(operation.kind, candidate.record.id)
        return bool(owner) and owner != operation.source_id

    def _is_ours(self, operation: Operation, candidate: Present) -> bool:
        """Whether a candidate holds what was sent, as far as money and parties go."""
        if operation.record is None or getattr(candidate.record, "state", State.LIVE) is State.VOID:
            return False
        sent = self._sent(operation, operation.record)
        there = self._lens.qbo(operation.kind, candidate.record)
        spec = SPECS[operation.kind]
        decisive = {"name", "currency", "reference", *spec.decisive, *spec.money_fields} - _COMPUTED
        return all(sent[name] == there[name] for name in decisive if name in sent and name in there)

    def _is_exact(self, operation: Operation, candidate: Present) -> bool:
        """Whether a candidate holds all that was sent, to the letter: that tells it from others of the same worth."""
        if operation.record is None:
            return False
        sent = self._sent(operation, operation.record)
        return not differing(sent, self._lens.qbo(operation.kind, candidate.record))

    def _sent(self, operation: Operation, record: Record) -> Projection:
        """What was sent to QBO, as QBO would hold it; an undo sends what QBO held before."""
        if operation.undoes:
            return self._lens.qbo(operation.kind, record)
        return self._lens.source(operation.kind, record, self._resolve)

    def _resolve(self, kind: Kind, reference: str) -> str:
        return self._links.to_qbo(kind, reference) or pending(kind, reference)

    def _changed(self, entry: JournalEntry, operation: Operation) -> Outcome:
        answer = self._books.read(operation.kind, [operation.qbo_id]).get(operation.qbo_id)
        match answer:
            case Absent():
                return Done(after=answer) if operation.verb is Verb.DELETE else Conflict("it is gone from QuickBooks")
            case Present() if operation.verb in DESTRUCTIVE_VERBS and self._is_removed(answer):
                return Done(after=answer)
            case Present() if answer.version == operation.expected_qbo:
                return self._books.send([self._wire(entry)])[0]
            case Present() if operation.verb is Verb.UPDATE and self._holds_update(operation, answer):
                return Done(after=answer)
            case Present():
                return Conflict("it moved on in QuickBooks meanwhile")
            case _:
                return InDoubt("QuickBooks could not be read")

    def _mailed(self, entry: JournalEntry, operation: Operation) -> Outcome:
        """Whether QuickBooks shows a mail that it did not show before. If not, nobody knows, and it is never repeated:
        a client who gets two is worse than one whom a person has to look after."""
        answer = self._books.read(operation.kind, [operation.qbo_id]).get(operation.qbo_id)
        if not isinstance(answer, Present | Absent):
            return InDoubt("QuickBooks could not be read")
        before = self._books.decode(operation.kind, entry.intent.pre_image) if entry.intent.pre_image else None
        earlier = getattr(before.record, "mailed", "") if isinstance(before, Present) else ""
        mailed = getattr(answer.record, "mailed", "") if isinstance(answer, Present) else ""
        if isinstance(answer, Present) and mailed and mailed != earlier:
            return Done(after=answer)
        return Refused(code=UNCLEAR, text=UNCLEAR_TEXT)

    @staticmethod
    def _is_removed(answer: Present) -> bool:
        record = answer.record
        return getattr(record, "state", State.LIVE) is State.VOID or getattr(record, "active", True) is False

    def _holds_update(self, operation: Operation, answer: Present) -> bool:
        if operation.record is None:
            return False
        sent = self._sent(operation, operation.record)
        there = self._lens.qbo(operation.kind, answer.record)
        told = [name for name in operation.fields if name in sent and name in there]
        return bool(told) and all(sent[name] == there[name] for name in told)

    # ---- storing

    def _store(self, entry: JournalEntry, operation: Operation, outcome: Outcome, recovered: Recovered) -> None:
        tally = Tally()
        match outcome:
            case Done(after=after, tid=tid, moved_on=edited):
                told: Record | None = None
                if entry.intent.side is Side.SOURCE:
                    told = msgspec.json.decode(entry.intent.body, type=SourceWrite).record
                    for record in (told, after.record if isinstance(after, Present) else None):
                        if record is not None:  # its base has to name QBO's ids
                            self._links.load_refs(references(record), Side.SOURCE)
                self._settler.confirmed(tally, operation, entry.id, after, tid, told, edited=edited)
                if isinstance(after, Present):
                    # The feeds may have told of an edit while nobody knew whose record it was; and the source may
                    # still lack what QuickBooks decided.
                    self._settler.again(tally, operation, "what was done to it meanwhile is not known", at_once=True)
            case Refused(code=code, text=text, tid=tid):
                self._settler.refused(tally, operation, entry.id, code=code, text=text, tid=tid)
            case Conflict(text=text):
                self._settler.closed(tally, operation, entry.id, JournalState.SUPERSEDED, text)
            case NotSent(text=text) if entry.state is JournalState.INTENDED:
                self._settler.closed(tally, operation, entry.id, JournalState.ABANDONED, text)
            case NotSent() | InDoubt():
                recovered.in_doubt.add(operation.key)
                return
        recovered.settled += 1
        self._journal.settle(self._lease, tally.settlement(), run_id=self._run_id)
