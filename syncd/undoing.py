"""Brings together what an undo is planned from: the journal's pre-images, the history since, and both sides as they
are now. What becomes of it is decided in ``reconciler/undo.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from syncd.errors import StateError
from syncd.feeds import Observed, rails
from syncd.links import LinkBook, record_name
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Observation, Present, Unknown
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Form, Invoice
from syncd.model.records.payments import Payment
from syncd.model.records.purchases import Bill
from syncd.model.references import ZERO, Reference, pending, qbo_references, references
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.outlook import capabilities_of, lens_of
from syncd.parts import Parts
from syncd.qbo.marks import was_mailed
from syncd.reconciler.entries import View
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.traces import Trace, UndoView, Written
from syncd.reconciler.undo import reverse
from syncd.report import CycleRequest
from syncd.seen import Gathered
from syncd.sources.base import SourceChanges
from syncd.state import codec
from syncd.state.history import DONE, NOT_TAKEN
from syncd.state.values import Company, Cursors, HistoryLine, JournalEntry, JournalState, Link, LinkState
from syncd.undone import version_left

UNDO = "undo of "
"""How the name of a run begins that takes another one back; the other's id follows."""
_SKEW = timedelta(hours=1)
"""By how much the clocks of two machines that share a state may differ."""
_NOT_KEPT = Unknown("records of this kind are not kept in agreement any more")
_RECORD = msgspec.json.Decoder(Record)
_OPERATION = msgspec.json.Decoder(Operation)
_APPLYING = frozenset({Kind.PAYMENT, Kind.CREDIT_APPLICATION})
_NAMES_DOCUMENTS = {"allocations": Kind.INVOICE, "credits": Kind.CREDIT_NOTE}


class _Log(msgspec.Struct):
    """The log of one record: what the run wrote, what was done to it since, and what of that took the run back."""

    kind: Kind
    label: str
    source_id: str = ""
    qbo_id: str = ""
    writes: list[tuple[JournalEntry, HistoryLine | None]] = []
    later: list[HistoryLine] = []
    undone: dict[str, str] = {}
    in_doubt: bool = False


def plan_undo(
    parts: Parts, request: CycleRequest, company: Company, links: LinkBook
) -> tuple[Plan, Gathered, Observed]:
    """The plan that takes the run ``request.undo`` back, with what the executor needs. Writes nothing.

    Raises ``StateError`` where there is no such run of this company, or where it cannot be undone as a whole.
    """
    facts = parts.books.facts(refresh=True)  # the books may have been closed since
    desk = _Desk(parts, request.undo, links)
    traces = desk.traces()
    unmoved = Observed(SourceChanges({}, {}, {}, ""), None, [], Cursors(), Cursors())
    lens = lens_of(parts, facts)
    cycle = View(
        entries=(),
        lens=lens,
        facts=facts,
        settings=parts.settings,
        policy=parts.policy,
        capabilities=capabilities_of(parts),
        to_qbo=links.to_qbo,
        to_source=links.to_source,
        rails=msgspec.structs.replace(
            rails(parts, company, unmoved, Gathered((), (), {}, {}, {}, frozenset()), {}),
            linked=parts.store.count_links(parts.company) if traces else {},
        ),
        overrides=request.overrides,
    )
    plan = reverse(
        UndoView(
            run_id=request.undo,
            traces=tuple(traces),
            lens=lens,
            facts=facts,
            policy=parts.policy,
            capabilities=cycle.capabilities,
            to_qbo=desk.resolve,
            cycle=cycle,
        )
    )
    gathered = Gathered((), (), desk.raw, desk.current, {}, frozenset())
    return plan, gathered, unmoved


class _Desk:
    """Reads everything about one run. One use only."""

    def __init__(self, parts: Parts, run_id: str, links: LinkBook) -> None:
        self._parts = parts
        self._run_id = run_id
        self._links = links
        self._logs: list[_Log] = []
        self._by_source: dict[tuple[Kind, str], _Log] = {}
        self._by_qbo: dict[tuple[Kind, str], _Log] = {}
        self._touched_documents: set[tuple[Kind, str]] = set()
        self._waiting: frozenset[tuple[Kind, str, str]] | None = None
        self.raw: dict[tuple[Kind, str], bytes] = {}
        self.current: dict[tuple[Kind, str], Record] = {}

    def resolve(self, kind: Kind, source_id: str) -> str:
        """QBO's id of a record of the source, or the mark of one to come."""
        return self._links.to_qbo(kind, source_id) or pending(kind, source_id)

    def traces(self) -> list[Trace]:
        """What the run left behind, record by record, beside what is there now."""
        self._read_log()
        traces: list[Trace] = []
        for kind in dict.fromkeys(log.kind for log in self._logs):
            traces += self._of_kind(kind, [log for log in self._logs if log.kind is kind])
        return self._with_deposits(self._with_lost(traces))

    # ---- what was written, by the run and since

    def _read_log(self) -> None:
        run = self._parts.store.run(self._run_id)
        if run is None or run.company != self._parts.company:
            raise StateError(f"There is no run {self._run_id} of {self._parts.company}.", remedy="See: syncd runs")
        if run.what.startswith(UNDO):
            raise StateError(
                f"{run.id} is itself the {run.what}.",
                remedy="Its records are held: syncd held retry lets each be decided again.",
            )
        entries = self._parts.store.writes_of(self._parts.company, run.id)
        open_states = {JournalState.INTENDED, JournalState.SENT}
        ours = {e.id: e for e in entries if e.state is JournalState.CONFIRMED or e.state in open_states}
        since = run.started_at - _SKEW
        lines = list(self._parts.store.history_lines(self._parts.company, since=since)) if ours else []
        told = {line.journal_id: line for line in lines if line.journal_id in ours}
        for entry in ours.values():
            self._enter(entry, told.get(entry.id))
        self._read_since(lines, ours)

    def _enter(self, entry: JournalEntry, line: HistoryLine | None) -> None:
        """One write of the run, with the record that it is about."""
        intent = entry.intent
        source_id = (line.source_id if line is not None else "") or intent.source_id
        qbo_id = (line.qbo_id if line is not None else "") or intent.qbo_id
        log = self._by_source.get((intent.kind, source_id)) if source_id else None
        log = log or (self._by_qbo.get((intent.kind, qbo_id)) if qbo_id else None)
        if log is None:
            log = _Log(intent.kind, _OPERATION.decode(intent.operation).label, writes=[], later=[], undone={})
            self._logs.append(log)
        log.source_id, log.qbo_id = log.source_id or source_id, log.qbo_id or qbo_id
        log.in_doubt |= entry.state is not JournalState.CONFIRMED
        log.writes.append((entry, line))
        if log.source_id:
            self._by_source[log.kind, log.source_id] = log
        if log.qbo_id:
            self._by_qbo[log.kind, log.qbo_id] = log

    def _read_since(self, lines: Sequence[HistoryLine], ours: Mapping[str, JournalEntry]) -> None:
        """What was done to these records since, and which documents our own payments touched."""
        last: dict[int, int] = {}
        for line in lines:
            log = self._log_of(line)
            if line.journal_id in ours and log is not None:
                last[id(log)] = line.number
        later: list[tuple[_Log, HistoryLine]] = []
        for line in lines:
            if line.kind in _APPLYING and line.side == Side.QBO:
                self._touched_documents |= set(_documents(line))
            log = self._log_of(line)
            since = log is not None and line.number > last.get(id(log), 0) and line.journal_id not in ours
            if log is not None and since and _changed_something(line) and line.run_id != self._run_id:
                later.append((log, line))
        found = self._parts.store.entries({line.journal_id for _, line in later if line.journal_id})
        for log, line in later:
            entry = found.get(line.journal_id)
            undoes = _OPERATION.decode(entry.intent.operation).undoes if entry is not None else ""
            if undoes in ours:
                log.undone[undoes] = line.run_id
            elif entry is not None and _completes(log, entry):
                log.writes.append((entry, line))
            else:
                log.later.append(line)

    def _log_of(self, line: HistoryLine) -> _Log | None:
        if not line.kind:
            return None
        kind = Kind(line.kind)
        found = self._by_source.get((kind, line.source_id)) if line.source_id else None
        return found or (self._by_qbo.get((kind, line.qbo_id)) if line.qbo_id else None)

    # ---- what is there now

    def _of_kind(self, kind: Kind, logs: Sequence[_Log]) -> list[Trace]:
        source_ids = sorted({log.source_id for log in logs if log.source_id})
        self._links.load_links(kind, source_ids=source_ids, qbo_ids=sorted({log.qbo_id for log in logs if log.qbo_id}))
        for log in logs:  # one whose create was told before histories named the new id
            known = self._link_of(log)
            log.qbo_id = log.qbo_id or (known.qbo_id if known is not None else "")
        qbo_ids = sorted({log.qbo_id for log in logs if log.qbo_id})
        source: Mapping[str, Observation] = dict.fromkeys(source_ids, _NOT_KEPT)
        books: Mapping[str, Observation] = dict.fromkeys(qbo_ids, _NOT_KEPT)
        if kind in self._parts.policy.kinds:
            source = self._parts.source.read(kind, source_ids) if source_ids else {}
            books = self._parts.books.read(kind, qbo_ids) if qbo_ids else {}
        records = [seen.record for seen in source.values() if isinstance(seen, Present)]
        self._links.load_refs({ref for record in records for ref in references(record)}, Side.SOURCE)
        return [self._trace(log, source, books) for log in logs]

    def _link_of(self, log: _Log) -> Link | None:
        return self._links.link(log.kind, log.source_id) if log.source_id else None

    def _is_undone(self, log: _Log) -> bool:
        """Whether a later run was undone on this record, and nobody has decided about it since."""
        if self._waiting is None:
            self._waiting = frozenset(record_name(*slot) for slot in self._parts.store.undone(self._parts.company))
        return record_name(log.kind, log.source_id, log.qbo_id) in self._waiting

    def _trace(self, log: _Log, source: Mapping[str, Observation], books: Mapping[str, Observation]) -> Trace:
        kind, link = log.kind, self._link_of(log)
        here: Observation = source.get(log.source_id) or Absent(log.source_id, ("it has no record in the source",))
        there: Observation = books.get(log.qbo_id) or Absent(log.qbo_id, ("it has no record in QuickBooks",))
        undone_sides = frozenset(e.intent.side for e, _ in log.writes if e.id in log.undone)
        left = [(e, line) for e, line in log.writes if e.intent.side not in undone_sides]
        writes = tuple(self._written(kind, e, line) for e, line in left if e.state is JournalState.CONFIRMED)
        if isinstance(here, Present):
            self.current[kind, log.source_id] = here.record
        if isinstance(there, Present):
            self.raw[kind, log.qbo_id] = there.raw
        return Trace(
            kind=kind,
            source_id=log.source_id,
            qbo_id=log.qbo_id,
            label=log.label,
            writes=writes,
            source=here,
            qbo=there,
            source_base=link.source_base if link is not None else {},
            qbo_base=link.qbo_base if link is not None else {},
            left_alone=(link is not None and link.state is LinkState.IGNORED) or self._is_undone(log),
            in_doubt=log.in_doubt,
            touched=_told(log.later) or ("" if all(line for _, line in left) else "the history does not tell how"),
            undone=next(iter(log.undone.values()), ""),
            undone_sides=undone_sides,
            explained=(kind, log.qbo_id) in self._touched_documents,
            mailed=isinstance(there, Present) and was_mailed(there.raw) and not was_mailed(_image(left)),
            paid_before=_paid(self._former_in_books(kind, left)),
        )

    def _written(self, kind: Kind, entry: JournalEntry, line: HistoryLine | None) -> Written:
        intent = entry.intent
        former = self._former(kind, entry)
        if former is not None and intent.side is Side.QBO:
            self.raw[kind, entry.id] = intent.pre_image
        return Written(
            journal_id=entry.id,
            side=intent.side,
            verb=intent.verb,
            fields=_OPERATION.decode(intent.operation).fields,
            after=codec.to_projection(line.after) if line is not None else {},
            former=former,
            version=version_left(entry.note),
        )

    def _former(self, kind: Kind, entry: JournalEntry) -> Record | None:
        """What the side held before a write, from the pre-image in the journal."""
        image = entry.intent.pre_image
        if not image or entry.intent.verb is Verb.CREATE:
            return None
        if entry.intent.side is Side.SOURCE:
            former: Record = _RECORD.decode(image)
            self._links.load_refs(references(former), Side.SOURCE)
            return former
        seen = self._parts.books.decode(kind, image)
        return _with_code(seen.record) if isinstance(seen, Present) else None

    def _former_in_books(self, kind: Kind, left: Sequence[tuple[JournalEntry, HistoryLine | None]]) -> Record | None:
        return next((self._former(kind, e) for e, _ in left if e.intent.side is Side.QBO), None)

    def _with_lost(self, traces: list[Trace]) -> list[Trace]:
        """What a record that would be made again refers to and QBO lacks; or, lists never vanishing, has put away."""
        wanted = {ref for trace in traces for ref in _needed_again(trace)}
        gone: set[Reference] = set()
        for kind in sorted({kind for kind, _ in wanted}):
            ids = sorted(name for of, name in wanted if of is kind)
            for name, seen in self._parts.books.read(kind, ids).items():
                if not isinstance(seen, Present) or not getattr(seen.record, "active", True):
                    gone.add((kind, name))
        if not gone:
            return traces
        lost = [next((ref for ref in sorted(_needed_again(trace)) if ref in gone), None) for trace in traces]
        return [
            trace if ref is None else msgspec.structs.replace(trace, lost=f"{ref[0].replace('_', ' ')} {ref[1]}")
            for trace, ref in zip(traces, lost, strict=True)
        ]

    def _with_deposits(self, traces: list[Trace]) -> list[Trace]:
        """Which payments are part of a bank deposit: those cannot be changed (6540)."""
        money = {
            trace.qbo_id: trace.qbo.record.date
            for trace in traces
            if trace.kind is Kind.PAYMENT
            and trace.written(Side.QBO)
            and isinstance(trace.qbo, Present)
            and isinstance(trace.qbo.record, Payment)
        }
        found = self._parts.books.deposits_of(money, min(money.values(), default=date.min)) if money else {}
        if isinstance(found, Unknown):
            why = f"whether it was put into a bank deposit could not be found out: {found.reason}"
            found_text = dict.fromkeys(money, why)
        else:
            found_text = {
                payment: f"it is part of bank deposit {deposit}: take it off that in QuickBooks first"
                for payment, deposit in found.items()
            }
        return [
            msgspec.structs.replace(trace, deposit=found_text.get(trace.qbo_id, "")) if trace.qbo_id in money else trace
            for trace in traces
        ]


def _needed_again(trace: Trace) -> frozenset[Reference]:
    """The party and the documents, by QBO's ids, that a record refers to which QBO would have to hold anew."""
    written = (w.former for w in trace.writes if w.verb is Verb.DELETE and w.side is Side.QBO)
    refs = (ref for former in written if former is not None for ref in qbo_references(former))
    return frozenset((kind, name) for kind, name in refs if name and not SPECS[kind].link_only)


def _changed_something(line: HistoryLine) -> bool:
    return line.verb != Verb.HOLD and (line.result == DONE or line.result.startswith(NOT_TAKEN))


def _completes(log: _Log, entry: JournalEntry) -> bool:
    """Whether a later write only told the source what QBO had decided on creation: a stop came in between."""
    created = any(e.intent.verb is Verb.CREATE and e.intent.side is Side.QBO for e, _ in log.writes)
    return created and entry.intent.side is Side.SOURCE and entry.intent.verb is Verb.UPDATE


def _told(later: Sequence[HistoryLine]) -> str:
    if not later:
        return ""
    first = later[0]
    by = first.run_id or first.actor
    return f"{first.verb} on {first.at.isoformat(sep=' ', timespec='seconds')}, by {by}"


def _documents(line: HistoryLine) -> Iterator[tuple[Kind, str]]:
    """The documents in QBO that a payment or credit application named, before or after it was written."""
    for half in (codec.to_projection(line.before), codec.to_projection(line.after)):
        for name, kind in _NAMES_DOCUMENTS.items():
            yield from ((kind, row[0]) for row in _rows(half, name))
        note = half.get("credit_note", "")
        if isinstance(note, str) and note:
            yield (Kind.CREDIT_NOTE, note)


def _rows(half: Projection, name: str) -> tuple[tuple[str, ...], ...]:
    value = half.get(name, ())
    return value if isinstance(value, tuple) else ()


def _image(left: Sequence[tuple[JournalEntry, HistoryLine | None]]) -> bytes:
    return next((e.intent.pre_image for e, _ in left if e.intent.side is Side.QBO), b"")


def _paid(record: Record | None) -> Decimal:
    if isinstance(record, Invoice | CreditNote | Bill) and isinstance(record.balance, Decimal):
        return record.total - record.balance
    return ZERO


def _with_code(record: Record) -> Record:
    """A form of QBO's names its tax code by the id, which the settings would take for a name."""
    code = getattr(record, "tax_code", "")
    if isinstance(record, Form) and isinstance(code, str) and code:
        return msgspec.structs.replace(record, tax_code=f"id:{code}")
    return record
