"""A source in memory, with the same contract as the real ones. For tests and demonstrations; shipped, so kept honest.

People's edits go through ``put``, ``flaw`` and ``remove``; ``outage`` and ``lose_next_commit`` are bad weather.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from syncd.errors import SourceUnavailable
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.records import Record
from syncd.model.records.forms import Form, Line
from syncd.model.spec import SPECS
from syncd.model.writes import EXTERNAL_ID, Conflict, Done, InDoubt, NotSent, Outcome, Refused, SourceWrite, Verb
from syncd.sources import whole
from syncd.sources.base import Finding, KindCapability, LoggedWrite, SourceChanges
from syncd.sources.lines import matched
from syncd.sources.shapes import SHAPES

_KINDS: Mapping[type[Any], Kind] = {shape.make: kind for kind, shape in SHAPES.items()}


_STATES = {Verb.VOID: State.VOID, Verb.WITHDRAW: State.DRAFT}


class _Row(msgspec.Struct):
    """What is stored of a record. ``moved``: the place in history of its last change."""

    value: Record | Flawed
    version: int
    moved: int


class MemorySource:
    """Records in dictionaries, changes by a counter. Safe to share between threads."""

    def __init__(self, name: str = "memory", *, read_only: frozenset[Kind] = frozenset()) -> None:
        self._name = name
        self._rows: dict[Kind, dict[str, _Row]] = {kind: {} for kind in SHAPES}
        self._dead: list[tuple[int, Kind, str, bool | UnsetType]] = []
        self._log: dict[str, tuple[Kind, str]] = {}
        self._qbo_ids: dict[tuple[Kind, str], str] = {}
        self._tick = 0
        self._next = 0
        self._down = ""
        self._lose_commit = False
        self._lock = threading.RLock()
        self._read_only = read_only

    # People ----------------------------------------------------------------------------------------------------------

    def put(self, record: Record) -> str:
        """Enter or replace a record as a person would; without an id it gets the next number. Returns its id."""
        with self._lock:
            kind = _KINDS[type(record)]
            record_id = record.id or self._fresh(kind)
            stored = msgspec.structs.replace(record, id=record_id)
            if isinstance(stored, Form) and not all(line.id for line in stored.lines):
                stored = msgspec.structs.replace(stored, lines=_lines((), stored.lines))
            self._store(kind, record_id, stored)
            return record_id

    def flaw(self, kind: Kind, record_id: str, *problems: Problem) -> None:
        """Make a record unreadable, for these reasons."""
        with self._lock:
            self._store(kind, record_id, Flawed(record_id, "", problems))

    def remove(self, kind: Kind, record_id: str) -> None:
        """Delete a record as a person would; what its box says about QBO is remembered (R-73)."""
        with self._lock:
            row = self._rows[kind].pop(record_id)
            self._tick += 1
            self._dead.append((self._tick, kind, record_id, getattr(row.value, "remove", UNSET)))

    @contextmanager
    def outage(self, reason: str = "the source is down") -> Iterator[None]:
        """While this lasts, reads fail and writes do not leave."""
        self._down = reason
        try:
            yield
        finally:
            self._down = ""

    def lose_next_commit(self) -> None:
        """The next write is done, but its answer is lost."""
        self._lose_commit = True

    # The contract ----------------------------------------------------------------------------------------------------

    def identity(self) -> str:
        """The name it was given."""
        return f"memory:{self._name}"

    def scope(self) -> str:
        """Nothing can be set about it."""
        return ""

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """Everything, for every kind that is not read-only."""
        found = {}
        for kind, shape in SHAPES.items():
            spec = SPECS[kind]
            fields = frozenset(spec.fields) | {f"line.{part}" for part in spec.line_fields}
            verbs = frozenset() if kind in self._read_only else shape.verbs
            found[kind] = KindCapability(
                fields=fields,
                writable=(fields if shape.only is None else shape.only) if verbs else frozenset(),
                verbs=verbs,
                feed=True,
                external_id=shape.has_external_id,
            )
        return found

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """What moved since the counter stood at ``watermark``."""
        with self._reading():
            since = int(watermark) if watermark.isdecimal() else 0
            changed = {
                kind: {key: self._seen(row) for key, row in table.items() if row.moved > since}
                for kind, table in self._rows.items()
            }
            gone: dict[Kind, set[str]] = {}
            for tick, kind, key, _ in self._dead:
                if since and tick > since and key not in changed[kind]:
                    gone.setdefault(kind, set()).add(key)
            for kind, ids in (known or {}).items():
                gone.setdefault(kind, set()).update(ids - self._rows[kind].keys())
            return SourceChanges(
                changed=changed,
                suspects={kind: frozenset(ids) for kind, ids in gone.items() if ids},
                counts={kind: len(table) for kind, table in self._rows.items()},
                watermark=str(self._tick),
                whole=frozenset() if since else frozenset(self._rows),
                swept=frozenset(known or {}),
            )

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Only at the first read: afterwards every removal leaves a tombstone."""
        with self._reading():
            return frozenset() if watermark.isdecimal() and int(watermark) else frozenset(self._rows)

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads."""
        with self._reading():
            table = self._rows[kind]
            return {key: self._seen(table[key]) if key in table else self._gone(kind, key) for key in ids}

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record, as things stood when the scan began."""
        with self._reading():
            found = [self._seen(row) for row in self._rows[kind].values()]
        yield from found

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Apply writes in order."""
        return [self._write(write) for write in writes]

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """Journal ids whose write was done."""
        with self._reading():
            return {key: self._log[key][1] for key in journal_ids if key in self._log}

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """What was written last."""
        with self._reading():
            latest = list(self._log.items())[: -limit - 1 : -1]
            return [LoggedWrite(journal_id, *written) for journal_id, written in latest]

    def check(self) -> list[Finding]:
        """Nothing can be wrong but the weather."""
        if self._down:
            return [Finding("error", "source connection", self._down, "Wait.")]
        return [Finding("ok", "source connection", "In memory.")]

    def close(self) -> None:
        """Nothing to give back."""

    # Inside ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if self._down:
            raise SourceUnavailable(f"The source cannot be read: {self._down}.")
        with self._lock:
            yield

    def _gone(self, kind: Kind, record_id: str) -> Absent:
        ticks = [ticked for _, of, key, ticked in self._dead if (of, key) == (kind, record_id)]
        return Absent(record_id, ("no such record in memory",), ticks[-1] if ticks else UNSET)

    def _fresh(self, kind: Kind) -> str:
        self._next += 1
        return self._fresh(kind) if str(self._next) in self._rows[kind] else str(self._next)

    def _store(self, kind: Kind, record_id: str, value: Record | Flawed) -> None:
        self._tick += 1
        # Never a version that was seen before, not even after a removal.
        self._rows[kind][record_id] = _Row(value, self._tick, self._tick)

    def _seen(self, row: _Row) -> Present | Flawed:
        value, version = row.value, str(row.version)
        if isinstance(value, Flawed):
            return msgspec.structs.replace(value, version=version)
        problems = _problems(value)
        twins = self._twins(value)
        if len(twins) > 1:
            noun = _KINDS[type(value)].replace("_", " ")
            problems.append(whole.duplicate_number(str(getattr(value, "number", "")), twins, noun))
        return Flawed(value.id, version, tuple(problems)) if problems else Present(value, version)

    def _twins(self, record: Record) -> list[str]:
        if not isinstance(record, Form) or not record.number or record.state in {State.DRAFT, State.VOID}:
            return []
        return [
            other.id
            for row in self._rows[_KINDS[type(record)]].values()
            if isinstance(other := row.value, Form)
            and other.number == record.number
            and other.state not in {State.DRAFT, State.VOID}
        ]

    def _write(self, write: SourceWrite) -> Outcome:
        if self._down:
            return NotSent(self._down)
        with self._lock:
            refused = self._forbidden(write)
            if refused is not None:
                return refused
            if write.journal_id in self._log:
                return Done(self._standing(*self._log[write.journal_id]))
            row = self._rows[write.kind].get(write.id)
            if write.verb is not Verb.CREATE and (row is None or str(row.version) != write.expected_version):
                return Conflict(f"{write.kind} {write.id} was changed since it was read.")
            outcome = self._apply(write, None if row is None else row.value)
            if isinstance(outcome, Done) and self._lose_commit:
                self._lose_commit = False
                return InDoubt("The connection was lost during the commit.")
            return outcome

    def _forbidden(self, write: SourceWrite) -> Refused | None:
        shape = SHAPES.get(write.kind)
        if shape is None or write.kind in self._read_only or write.verb not in shape.verbs:
            return Refused("read_only", f"This source does not let a {write.kind} be {write.verb}d.")
        if shape.only is not None and not shape.only >= set(write.fields):
            return Refused("not_writable", f"Of a {write.kind} only {', '.join(sorted(shape.only))} is written.")
        return None

    def _apply(self, write: SourceWrite, value: Record | Flawed | None) -> Outcome:
        kind, record_id = write.kind, write.id
        if write.verb is Verb.DELETE:
            self.remove(kind, record_id)
        else:
            after = self._wished(write, value)
            if isinstance(after, Refused):
                return after
            problems = _problems(after)
            if problems:
                return Refused("would_be_flawed", " ".join(problem.text for problem in problems))
            record_id = after.id
            self._store(kind, record_id, after)
            if write.qbo_id:
                self._qbo_ids[kind, record_id] = write.qbo_id
            elif EXTERNAL_ID in write.fields:
                self._qbo_ids.pop((kind, record_id), None)
        self._log[write.journal_id] = (kind, record_id)
        return Done(self._standing(kind, record_id))

    def _wished(self, write: SourceWrite, value: Record | Flawed | None) -> Record | Refused:
        if write.verb is Verb.CREATE:
            return self._made(write)
        if value is None or isinstance(value, Flawed):
            return Refused("would_be_flawed", "The record cannot be read as one.")
        if write.verb in _STATES:
            return _external(msgspec.structs.replace(value, state=_STATES[write.verb]), write.qbo_id)
        if write.verb is Verb.DEACTIVATE:
            return msgspec.structs.replace(value, active=False)
        wished = {name: getattr(write.record, name) for name in write.fields}
        if "lines" in wished and isinstance(value, Form):
            wished["lines"] = _lines(value.lines, wished["lines"])
        return _external(msgspec.structs.replace(value, **wished), write.qbo_id)

    def _made(self, write: SourceWrite) -> Record | Refused:
        held = next((k for k, q in self._qbo_ids.items() if k[0] is write.kind and q == write.qbo_id), None)
        if write.qbo_id and held is not None and held[1] in self._rows[write.kind]:
            return Refused("exists", "The source already has this record.", holder_id=held[1])
        if write.record is None:
            return Refused("not_writable", "There is no record to create.")
        made = msgspec.structs.replace(write.record, id=self._fresh(write.kind))
        if isinstance(made, Form):
            made = msgspec.structs.replace(made, lines=_lines((), made.lines))
        return _external(_lived(made), write.qbo_id)

    def _standing(self, kind: Kind, record_id: str) -> Present | Absent:
        row = self._rows[kind].get(record_id)
        if row is None or isinstance(row.value, Flawed):
            return Absent(record_id, ("no such record in memory",))
        return Present(row.value, str(row.version))


def _problems(record: Record) -> list[Problem]:
    check = SHAPES[_KINDS[type(record)]].problems
    return [] if check is None else check(record)


def _external(record: Record, qbo_id: str) -> Record:
    if qbo_id and "external_id" in record.__struct_fields__:
        return msgspec.structs.replace(record, external_id=qbo_id)
    return record


def _lived(record: Record) -> Record:
    # QBO's invoices are live; on the source's side a living invoice is a published one.
    if isinstance(record, Form) and record.state is State.LIVE:
        return msgspec.structs.replace(record, state=SHAPES[_KINDS[type(record)]].living)
    return record


def _lines(have: Sequence[Line], wished: Sequence[Line]) -> tuple[Line, ...]:
    """The wished lines, with the ids of those that are there (C-R16) and new ids for the rest."""
    kept = matched(have, wished)
    last = max((int(line.id) for line in have if line.id.isdecimal()), default=0)
    made = []
    for place, line in enumerate(wished):
        if place in kept:
            made.append(msgspec.structs.replace(line, id=have[kept[place]].id))
        else:
            last += 1
            made.append(msgspec.structs.replace(line, id=str(last)))
    return tuple(made)
