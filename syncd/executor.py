"""Runs one plan: intent, write, confirm. The only place that writes to either side, and only through the journal.

What it promises: no request that changes anything leaves before its journal entry is durable; a definite answer is
stored in one transaction with the link, the base and the history; an answer that did not come leaves the entry open
for recovery; what depends on a write that was not confirmed is not sent; a stop request is honoured between chunks.

One request to QBO is under way at a time. While it travels, the answers to the one before are stored and the next is
made ready: writes of one wave do not depend on each other. What is made ready is only intended; it is marked as sent,
under the lease, when its turn has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from syncd.errors import QboError
from syncd.links import LinkBook, record_name
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.records import Record
from syncd.model.writes import (
    DESTRUCTIVE_VERBS,
    Conflict,
    Done,
    InDoubt,
    NotSent,
    Outcome,
    Refused,
    SourceWrite,
    Verb,
)
from syncd.outbox import Flight, Number, Outbox, Parcel, as_they_are, intent_of
from syncd.ports import BooksWriter, Journal, Progress
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.reconcile import waves
from syncd.seen import Slot
from syncd.settling import Settler, Tally
from syncd.sources.base import Source
from syncd.state.values import JournalState, Lease
from syncd.translate import to_source_ids

STATE_CHUNK = 500
SOURCE_CHUNK = 100


class Applied(msgspec.Struct):
    """What became of a plan: counts, and the records to be decided again at once because they moved on meanwhile.

    ``removed``: by kind, how many records are gone by it. ``remarks``: by operation, why an undo could not do it
    (empty: it could, after all).
    """

    applied: int = 0
    failed: int = 0
    held: int = 0
    in_doubt: int = 0
    stale: list[Operation] = []
    undone: list[Operation] = []
    removed: Counter[Kind] = msgspec.field(default_factory=Counter)
    stopped: bool = False
    remarks: dict[str, str] = {}


class Executor:
    """Applies plans for one company under one lease."""

    def __init__(
        self,
        *,
        journal: Journal,
        lease: Lease,
        run_id: str,
        source: Source,
        books: BooksWriter,
        links: LinkBook,
        settler: Settler,
        stopping: Callable[[], bool],
        batch_size: int = 30,
        count: Callable[[Kind, Side, Verb, str], None] = lambda *_: None,
        number: Number = as_they_are,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._run_id = run_id
        self._source = source
        self._links = links
        self._settler = settler
        self._stopping = stopping
        self._batch_size = batch_size
        self._count = count
        self._outbox = Outbox(
            journal=journal,
            lease=lease,
            run_id=run_id,
            books=books,
            links=links,
            settler=settler,
            count=count,
            number=number,
        )
        self._returning: list[tuple[Operation, Record | None]] = []
        self._moved_on: set[Slot] = set()
        """Records whose create was answered with what they were long ago: looked at again, whatever else is written."""

    def apply(
        self,
        plan: Plan,
        *,
        raw: Mapping[tuple[Kind, str], bytes],
        current: Mapping[tuple[Kind, str], Record],
        progress: Progress | None = None,
    ) -> Applied:
        """Apply every operation of ``plan``. ``raw`` holds QBO's objects as read, ``current`` the source's records."""
        result = Applied(stale=[], undone=[])
        self._apply_state(plan, result)
        confirmed: set[str] = set()
        planned = {operation.id for operation in plan.writes}
        report = _Counter(len(plan.writes), progress)
        try:
            for wave in waves(plan.operations):
                ready: list[Operation] = []
                blocked: list[Operation] = []
                for operation in wave:
                    met = all(name in confirmed or name not in planned for name in operation.after)
                    (ready if met else blocked).append(operation)
                self._block(result, blocked)
                confirmed |= self._apply_wave(self._chunks(ready), raw, current, result, report)
                self._carry_back(result)
        finally:
            self._outbox.rest()  # whatever happened here: nobody else begins while something of ours is on its way
        self._park(result.undone)
        return result

    def _apply_wave(
        self,
        chunks: Sequence[Sequence[Operation]],
        raw: Mapping[tuple[Kind, str], bytes],
        current: Mapping[tuple[Kind, str], Record],
        result: Applied,
        report: _Counter,
    ) -> set[str]:
        """Writes that do not depend on each other; the ids of those that were confirmed."""
        confirmed: set[str] = set()
        flight: Flight | None = None
        for chunk in chunks:
            if self._stopping():
                result.stopped = True
                result.undone.extend(chunk)
                continue
            if chunk[0].side is Side.SOURCE:
                confirmed |= self._write_source([(o, current.get((o.kind, o.source_id))) for o in chunk], result)
            else:
                parcel, unusable = self._outbox.prepare(chunk, raw)
                result.held += unusable
                landed, flight = flight, self._relieve(flight, parcel, result)
                confirmed |= self._land(landed, current, result)
            if len(self._returning) >= SOURCE_CHUNK:
                self._carry_back(result)
            report.add(chunk)
        self._await(flight, result)
        return confirmed | self._land(flight, current, result)

    # ---- our own state, and what cannot be done

    def _apply_state(self, plan: Plan, result: Applied) -> None:
        operations = [operation for operation in plan.operations if not operation.writes]
        for start in range(0, len(operations), STATE_CHUNK):
            tally = Tally()
            for operation in operations[start : start + STATE_CHUNK]:
                self._settler.state(tally, operation)
                if operation.verb is Verb.HOLD:
                    result.held += not operation.wait
                else:
                    result.applied += 1
                    result.held += bool(operation.remainder)
                    self._count(operation.kind, operation.side, operation.verb, "done")
            self._settle(tally)

    def _block(self, result: Applied, operations: Sequence[Operation]) -> None:
        tally = Tally()
        for operation in operations:
            if operation.verb is Verb.SEND:
                continue  # what became of the copy says it all
            blocked = msgspec.structs.replace(operation, blocked_by=operation.after[0])
            self._settler.hold(tally, blocked, case="C50", reason="what it needs could not be written")
            result.held += 1
        self._settle(tally)

    def _park(self, operations: Sequence[Operation]) -> None:
        tally = Tally()
        for operation in operations:
            self._settler.again(tally, operation, "stopped before it was sent", at_once=True)
        self._settle(tally)

    def _settle(self, tally: Tally) -> None:
        if tally:
            self._journal.settle(self._lease, tally.settlement(), run_id=self._run_id)

    def _chunks(self, operations: Sequence[Operation]) -> list[list[Operation]]:
        """Operations of one side and kind, as many as travel together."""
        groups: dict[tuple[Side, Kind, bool], list[Operation]] = {}
        for operation in operations:
            groups.setdefault((operation.side, operation.kind, operation.verb is Verb.SEND), []).append(operation)
        chunks = []
        for (side, _, mails), members in groups.items():
            size = 1 if mails else self._batch_size if side is Side.QBO else SOURCE_CHUNK  # mail is in no batch
            chunks += [members[start : start + size] for start in range(0, len(members), size)]
        return chunks

    # ---- QBO

    def _relieve(self, flight: Flight | None, parcel: Parcel | None, result: Applied) -> Flight | None:
        """Wait for what is under way, then let the next leave."""
        try:
            self._await(flight, result)
        except QboError as error:
            self._outbox.abandon(parcel, error.message)
            raise
        return self._outbox.launch(parcel)

    def _await(self, flight: Flight | None, result: Applied) -> None:
        if flight is None:
            return
        try:
            flight.answer.result()
        except QboError:
            self._carry_back(result)  # QuickBooks cannot be used any more; the source still can
            raise

    def _land(self, flight: Flight | None, current: Mapping[tuple[Kind, str], Record], result: Applied) -> set[str]:
        if flight is None:
            return set()
        pairs = [(o, w.journal_id) for o, w in zip(flight.parcel.operations, flight.parcel.writes, strict=True)]
        return self._conclude(pairs, flight.answer.result(), result, current)

    # ---- the source

    def _write_source(self, work: Sequence[tuple[Operation, Record | None]], result: Applied) -> set[str]:
        operations = [operation for operation, _ in work]
        drafts = [self._source_write(operation, record) for operation, record in work]
        intents = [
            intent_of(self._run_id, operation, body=msgspec.json.encode(draft), pre_image=_image(operation, current))
            for (operation, current), draft in zip(work, drafts, strict=True)
        ]
        entries = self._journal.intend(self._lease, intents, sent=True)
        writes = [
            msgspec.structs.replace(draft, journal_id=entry.id) for draft, entry in zip(drafts, entries, strict=True)
        ]
        outcomes = self._source.write(writes)
        pairs = [(operation, entry.id) for operation, entry in zip(operations, entries, strict=True)]
        told = {write.journal_id: write.record for write in writes}
        return self._conclude(pairs, outcomes, result, {}, told)

    def _source_write(self, operation: Operation, current: Record | None) -> SourceWrite:
        record = operation.record
        kept_id = operation.qbo_id
        if operation.undoes:
            kept_id = str(getattr(record, "external_id", ""))
        elif record is not None and not operation.alone and operation.verb in {Verb.CREATE, Verb.UPDATE}:
            record = to_source_ids(
                record,
                source_id=operation.source_id,
                to_source=self._links.to_source,
                to_qbo=self._links.to_qbo,
                current=current,
            )
        return SourceWrite(
            journal_id="",
            kind=operation.kind,
            verb=operation.verb,
            id=operation.source_id,
            expected_version=operation.expected_source,
            fields=operation.fields,
            record=record,
            qbo_id=kept_id,
        )

    # ---- both

    def _conclude(
        self,
        pairs: Sequence[tuple[Operation, str]],
        outcomes: Sequence[Outcome],
        result: Applied,
        current: Mapping[tuple[Kind, str], Record],
        told: Mapping[str, Record | None] = MappingProxyType({}),
    ) -> set[str]:
        """Store what is known of a chunk, and note what QBO decided that the source has to take back.

        ``told``: what the source was told, by journal id.
        """
        tally = Tally()
        confirmed: set[str] = set()
        for (operation, journal_id), outcome in zip(pairs, outcomes, strict=True):
            match outcome:
                case Done(after=after, tid=tid, moved_on=moved_on):
                    holds = len(tally.held)
                    link = self._settler.confirmed(tally, operation, journal_id, after, tid, told.get(journal_id))
                    confirmed.add(operation.id)
                    result.removed[operation.kind] += operation.verb in DESTRUCTIVE_VERBS
                    if moved_on:
                        self._moved_on.add(record_name(*operation.key))
                    if record_name(*operation.key) in self._moved_on:
                        self._settler.again(tally, operation, "it was changed in QuickBooks since", at_once=True)
                    result.applied += 1
                    result.held += len(tally.held) - holds  # written, and the amounts do not agree
                    back = _return_trip(operation, after, link.source_base, link.qbo_base)
                    if back is not None:
                        record = current.get((operation.kind, operation.source_id)) or operation.record
                        self._returning.append((back, record))
                case Refused(code=code, text=text, remedy=remedy, tid=tid):
                    said = f"{text} {remedy}".strip()
                    self._settler.refused(tally, operation, journal_id, code=code, text=said, tid=tid)
                    result.failed += 1
                case Conflict(text=text):
                    self._settler.closed(tally, operation, journal_id, JournalState.SUPERSEDED, text)
                    result.stale.append(operation)
                case NotSent(text=text):
                    self._settler.closed(tally, operation, journal_id, JournalState.ABANDONED, text)
                    result.undone.append(operation)
                case InDoubt(text=text):
                    self._settler.again(tally, operation, text, at_once=True)
                    result.in_doubt += 1
            self._count(operation.kind, operation.side, operation.verb, type(outcome).__name__.lower())
        self._settle(tally)
        return confirmed

    def _carry_back(self, result: Applied) -> None:
        """Bring to the source what QBO decided on creation: for several batches together, and never past a wave."""
        returning, self._returning = self._returning, []
        if returning:
            self._write_source(returning, result)


def _image(operation: Operation, current: Record | None) -> bytes:
    """What the source holds before a write, for the undo log; nothing where the record does not exist yet."""
    return msgspec.json.encode(current) if current is not None and operation.verb is not Verb.CREATE else b""


class _Counter:
    """How much of a plan has been taken in hand."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0

    def add(self, chunk: Sequence[Operation]) -> None:
        self._done += len(chunk)
        if self._progress is not None:
            self._progress(self._done, self._total, f"{chunk[0].kind}s")


def _return_trip(
    operation: Operation, after: Present | Absent, source: Mapping[str, object], qbo: Mapping[str, object]
) -> Operation | None:
    """The write to the source that follows a create: what QBO decided (number), and QBO's id where it is kept."""
    if not operation.writes_back or not isinstance(after, Present):
        return None
    fields = tuple(name for name in operation.writes_back if name in qbo and source.get(name) != qbo.get(name))
    if not fields and "external_id" not in operation.writes_back:
        return None
    return msgspec.structs.replace(
        operation,
        id=f"{Side.SOURCE}:{Verb.UPDATE}:{operation.kind}:{operation.source_id}",
        side=Side.SOURCE,
        verb=Verb.UPDATE,
        reason="takes from QuickBooks what QuickBooks decided on creation",
        fields=fields,
        record=after.record,
        qbo_id=after.record.id,
        expected_qbo=after.version,
        qbo_base=dict(qbo),
        source_base=dict(source),
        writes_back=(),
        changes=(),
        after=(),
    )
