"""Writes to QBO on their way out: intended and encoded, then marked as sent under the lease, then posted.

What is made ready is only intended: it may still be given up without a trace in the books. Once it is marked as sent,
only an answer or an observation can settle it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait

import msgspec

from syncd.links import LinkBook
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Problem
from syncd.model.projections import differing
from syncd.model.records import Record
from syncd.model.records.forms import Invoice
from syncd.model.references import is_name
from syncd.model.spec import SPECS
from syncd.model.writes import Outcome, Verb, WireWrite
from syncd.ports import BooksWriter, Journal
from syncd.qbo.codec import Unencodable
from syncd.reconciler.plan import Operation
from syncd.settling import Settler, Tally
from syncd.state.values import Intent, JournalEntry, JournalState, Lease

Number = Callable[[Sequence[Operation]], tuple[list[Operation], list[tuple[Operation, Problem]]]]
"""Gives numbers to what is to have one; and tells what cannot get one, and why."""


def as_they_are(operations: Sequence[Operation]) -> tuple[list[Operation], list[tuple[Operation, Problem]]]:
    """Nothing gets a number."""
    return list(operations), []


class Parcel(msgspec.Struct, frozen=True):
    """Writes that travel together: made ready, then on their way."""

    operations: list[Operation]
    writes: list[WireWrite]


class Flight(msgspec.Struct, frozen=True):
    """A parcel that has left, and what will become known of it."""

    parcel: Parcel
    answer: Future[list[Outcome]]


class Outbox:
    """Of one run, under one lease."""

    def __init__(
        self,
        *,
        journal: Journal,
        lease: Lease,
        run_id: str,
        books: BooksWriter,
        links: LinkBook,
        settler: Settler,
        count: Callable[[Kind, Side, Verb, str], None],
        number: Number = as_they_are,
    ) -> None:
        self._number = number
        self._journal = journal
        self._lease = lease
        self._run_id = run_id
        self._books = books
        self._links = links
        self._settler = settler
        self._count = count
        self._last: Flight | None = None

    def prepare(self, chunk: Sequence[Operation], raw: Mapping[tuple[Kind, str], bytes]) -> tuple[Parcel | None, int]:
        """Intend and encode: what can be sent (``None`` where nothing is left), and how many could not and are held."""
        chunk = [self._addressed(operation) for operation in chunk]
        ready, numberless = self._number(chunk)
        entries = self._journal.intend(
            self._lease, [intent_of(self._run_id, o, pre_image=raw.get((o.kind, o.qbo_id), b"")) for o in ready]
        )
        operations: list[Operation] = []
        writes: list[WireWrite] = []
        tally = Tally()
        for operation, problem in numberless:
            self._hold(tally, operation, (problem,))
        for operation, entry in zip(ready, entries, strict=True):
            try:
                writes.append(self._encode(operation, entry, raw))
                operations.append(operation)
            except Unencodable as error:
                self._unencodable(tally, operation, entry.id, error.problems)
        self._settle(tally)
        if writes and not SPECS[chunk[0].kind].alone:
            writes = _as_batch(writes)
        return Parcel(operations, writes) if writes else None, len(chunk) - len(writes)

    def launch(self, parcel: Parcel | None) -> Flight | None:
        """Mark as sent, durably, and let it go."""
        if parcel is None:
            return None
        sent = [(w.journal_id, w.batch_request_id, w.batch_item_id, w.body) for w in parcel.writes]
        self._journal.mark_sent(self._lease, sent)
        self._last = Flight(parcel, self._books.post(parcel.writes))
        return self._last

    def rest(self) -> None:
        """Wait until nothing is on its way any more."""
        if self._last is not None:
            wait([self._last.answer])

    def abandon(self, parcel: Parcel | None, why: str) -> None:
        """What was made ready and will not leave any more: decided anew."""
        if parcel is None:
            return
        tally = Tally()
        for operation, write in zip(parcel.operations, parcel.writes, strict=True):
            self._settler.closed(tally, operation, write.journal_id, JournalState.ABANDONED, why)
        self._settle(tally)

    def _settle(self, tally: Tally) -> None:
        if tally:
            self._journal.settle(self._lease, tally.settlement(), run_id=self._run_id)

    def _addressed(self, operation: Operation) -> Operation:
        """A mail of what was created a moment ago: by now its id is known."""
        if operation.verb is not Verb.SEND:
            return operation
        qbo_id = operation.qbo_id or self._links.to_qbo(operation.kind, operation.source_id)
        return msgspec.structs.replace(operation, qbo_id=qbo_id)

    def _refuse_wrong_address(self, operation: Operation) -> None:
        """What is mailed has to be addressed as the source says, as it stands now."""
        link = self._links.link(operation.kind, operation.source_id)
        apart = differing(link.source_base, link.qbo_base) if link is not None else frozenset(operation.fields)
        if apart & frozenset(operation.fields):
            text = "QuickBooks holds another e-mail address than the source, so it is not mailed."
            raise Unencodable((Problem("mail-address", text, "Make the two equal, and ask once more."),))

    def _encode(self, operation: Operation, entry: JournalEntry, raw: Mapping[tuple[Kind, str], bytes]) -> WireWrite:
        if operation.verb is Verb.SEND:
            self._refuse_wrong_address(operation)
        return self._books.encode(
            operation.kind,
            operation.verb,
            _with_number(operation),
            qbo_id=operation.qbo_id,
            fields=operation.fields,
            raw=raw.get((operation.kind, operation.qbo_id), b""),
            former=raw.get((operation.kind, operation.undoes), b"") if operation.undoes else b"",
            refs=by_its_own_id if operation.undoes else self._links.to_qbo,
            journal_id=entry.id,
            request_id=entry.request_id,
        )

    def _unencodable(self, tally: Tally, operation: Operation, journal_id: str, problems: tuple[Problem, ...]) -> None:
        text = "; ".join(problem.text for problem in problems)
        self._settler.closed(tally, operation, journal_id, JournalState.ABANDONED, text[:500])
        tally.dirty.clear()
        self._hold(tally, operation, problems)

    def _hold(self, tally: Tally, operation: Operation, problems: tuple[Problem, ...]) -> None:
        text = "; ".join(problem.text for problem in problems)
        self._settler.hold(tally, msgspec.structs.replace(operation, problems=problems), reason=text)
        self._count(operation.kind, operation.side, operation.verb, "held")


def _with_number(operation: Operation) -> Record | None:
    """What is sent: with the number that was counted for it."""
    record = operation.record
    if operation.given and isinstance(record, Invoice):
        return msgspec.structs.replace(record, number=operation.given)
    return record


def by_its_own_id(kind: Kind, reference: str) -> str:
    """For a record that names others by QBO's ids already; a mere name stands for none, but for that of a tax code,
    which is all that a form has of it (``undoing.py`` writes the id there)."""
    if kind is Kind.TAX_CODE:
        return reference.removeprefix("name:").removeprefix("id:")
    return "" if is_name(kind, reference) else reference


def intent_of(run_id: str, operation: Operation, *, pre_image: bytes = b"", body: bytes = b"") -> Intent:
    """An operation as the journal keeps it."""
    return Intent(
        run_id=run_id,
        operation_id=operation.id,
        side=operation.side,
        kind=operation.kind,
        verb=operation.verb,
        key=operation.source_id or f"qbo:{operation.qbo_id}",
        source_id=operation.source_id,
        qbo_id=operation.qbo_id,
        operation=msgspec.json.encode(operation),
        body=body,
        pre_image=pre_image,
    )


def _as_batch(writes: list[WireWrite]) -> list[WireWrite]:
    """Give several writes the identity they have in a batch: one request id for all, an item id for each.

    Both are made from the writes' own request ids, so that they name the slots and nothing else (protocol.md 7).
    """
    if len(writes) < 2:
        return writes
    joined = "\n".join(write.request_id for write in writes)
    shared = hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
    return [
        msgspec.structs.replace(write, batch_request_id=shared, batch_item_id=str(place))
        for place, write in enumerate(writes, start=1)
    ]
