"""Whether the state is the latest one there was: a witness of it outside the database, and what the source remembers.

A state that was restored from a backup has forgotten what was done since, while the books have not (F-113). Two things
tell it:

* *The witness*, a small file beside the state: the fence of the company's lease and the length and last hash of its
  history, noted when a run begins, while it lasts, and when it ends. It sees every state that has come less far, and
  every state whose history is not the one that was noted. It sees nothing where it was lost or restored together with
  the state, nor what happened in the last seconds of a run that was cut off.
* *The source's write log*. The id of a write is made of its slot (``state.journal``). One that the log holds, that this
  state does not know, and that is the id of a slot of this company can only have been written by a later state. It sees
  nothing where the source keeps no log, or where in the time that was lost nothing was written to the source.

Neither is ever wrong about what it does see. Vague signs (QuickBooks' ids in the source that nothing is linked with)
are none: they may be older than syncd, or a person's.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Present
from syncd.model.writes import Verb
from syncd.state.journal import request_id

if TYPE_CHECKING:
    from syncd.parts import Parts
    from syncd.state.values import Company, Standing

LOOKED_AT = 200
"""Entries of the write log that are looked at when a process starts."""
GENERATIONS = 20
"""How many generations of a slot beyond the epoch are recognised: so often is hardly one field written in lost time."""
_VERBS = (Verb.UPDATE, Verb.DELETE, Verb.VOID, Verb.WITHDRAW, Verb.DEACTIVATE)
_FORMAT = 1


class Noted(msgspec.Struct, frozen=True):
    """How far a company's state had come at ``at``. ``company`` is only for whoever reads the file."""

    company: str
    fence: int
    length: int
    head: str
    at: datetime


class _File(msgspec.Struct, frozen=True):
    format: int = _FORMAT
    companies: dict[str, Noted] = {}


class Witness:
    """The file. Safe to share between threads and processes; each company has its own entry, by environment and realm,
    so that a file that came from somewhere else says nothing about this one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()

    def noted(self, realm: str) -> Noted | None:
        """What was noted of a company; None where nothing was. ``StateError`` where the file cannot be read."""
        return self._read().companies.get(realm)

    def note(self, realm: str, noted: Noted) -> None:
        """Note how far a company has come, durable on return. ``StateError`` where that is not possible."""
        try:
            with self._turn, self._alone():
                kept = self._read()
                text = msgspec.json.encode(msgspec.structs.replace(kept, companies={**kept.companies, realm: noted}))
                self._write(msgspec.json.format(text) + b"\n")
        except OSError as error:
            raise StateError(
                f"How far the state has come cannot be noted in {self.path}: {error.strerror}.",
                remedy="Make its directory writable, or name another file with epoch_file in [syncd].",
            ) from None

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File()
        except OSError as error:
            raise StateError(f"{self.path} cannot be read: {error.strerror}.") from None
        except msgspec.MsgspecError:
            raise StateError(
                f"{self.path} is damaged: it does not say any more how far the state has come.",
                remedy="If you are sure that the state was not restored from a backup, remove the file.",
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The only one who writes: companies share the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, data: bytes) -> None:
        fresh = self.path.with_name(f"{self.path.name}.new")
        file = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        fresh.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def realm_of(environment: str, realm_id: str) -> str:
    """The name of a company's entry."""
    return f"{environment}:{realm_id}"


class Watch:
    """Keeps the witness of one company, and asks it. One for each process that works on the company."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._realm = realm_of(parts.books.environment, parts.books.realm_id)
        self._asked_source = False
        self._restored = False
        self._noted: Standing | None = None

    def begin(self) -> None:
        """A run begins, under the lease: halt a company whose state is older than the world, else note how far it is.

        ``StateError`` where it cannot be noted: what would be written from now on, nobody could miss later.
        """
        parts = self._parts
        known = parts.store.company(parts.company)
        self._restored = known is not None and known.restored_at is not None
        if not self._restored and (why := self._why_older(known, leased=True)):
            parts.store.mark_restored(parts.company, why)
            self._restored = True
        self.note()

    def seen(self, company: Company) -> Company:
        """The company as a run would find it: halted, where its state is older than the world. Writes nothing."""
        why = self._why_older(company, leased=False) if company.restored_at is None else ""
        if not why:
            return company
        now = self._parts.clock.now()
        since = company.halted_since or now
        return msgspec.structs.replace(company, restored_at=now, halted_since=since, halt_reason=why)

    def note(self) -> None:
        """Note how far this state has come, unless it is not the latest."""
        parts = self._parts
        if parts.witness is None or self._restored:
            return
        standing = parts.store.standing(parts.company)
        if standing != self._noted:
            now = parts.clock.now()
            parts.witness.note(self._realm, Noted(parts.company, standing.fence, standing.length, standing.head, now))
            self._noted = standing

    def _why_older(self, company: Company | None, *, leased: bool) -> str:
        """Why this state is older than the world; empty where nothing says so. Writes nothing.

        ``leased``: we hold the company's lease, which has raised the fence by one.
        """
        parts = self._parts
        noted = parts.witness.noted(self._realm) if parts.witness is not None else None
        standing = parts.store.standing(parts.company)  # after the file: a run that begins now raises the fence first
        if noted is not None and noted.fence >= standing.epoch:
            fence = standing.fence - leased
            where = f"({parts.witness.path if parts.witness is not None else ''}, {noted.at:%Y-%m-%d %H:%M} UTC)"
            if noted.fence > fence:
                return f"it has seen {fence} runs, and {noted.fence} were noted {where}"
            if noted.length > standing.length:
                return f"its history has {standing.length} entries, and {noted.length} were noted {where}"
            if parts.store.history_hash(parts.company, noted.length) != noted.head:
                return f"its history is not the one that was noted {where}"
        pinned = company.source_identity if company is not None else ""
        if self._asked_source or pinned not in {"", parts.source.identity()}:
            return ""  # what another source says is nothing to us: who answers is refused elsewhere
        found = unknown_write(parts, standing.epoch)
        self._asked_source = not found
        return found


def unknown_write(parts: Parts, epoch: int) -> str:
    """What the source's write log holds that was written for this company and that this state does not know."""
    logged = parts.source.last_writes(LOOKED_AT)
    known = parts.store.known_writes([each.journal_id for each in logged])
    for each in logged:
        if each.journal_id in known or each.journal_id not in _ids(parts, each.kind, each.record_id, epoch):
            continue
        told = parts.store.history(parts.company, each.kind, each.record_id)
        if all(event.journal_id != each.journal_id for event in told):
            return f"the source's write log has a write of {each.kind} {each.record_id} that it does not know"
    return ""


def _ids(parts: Parts, kind: Kind, record_id: str, epoch: int) -> frozenset[str]:
    """The ids of all writes to one row that this company may have made in this epoch."""
    slots = [(record_id, verb) for verb in _VERBS]
    seen = parts.source.read(kind, [record_id]).get(record_id) if kind in parts.source.capabilities() else None
    record = seen.record if isinstance(seen, Present) else None
    if qbo_id := str(getattr(record, "external_id", "") or ""):
        slots.append((f"qbo:{qbo_id}", Verb.CREATE))
    return frozenset(each for key, verb in slots for each in slot_ids(parts, kind, key, verb, epoch))


def slot_ids(parts: Parts, kind: Kind, key: str, verb: Verb, epoch: int) -> list[str]:
    """The ids of the writes to the source that a slot can have had in an epoch, one for each generation."""
    realm = parts.books.realm_id
    return [
        request_id(realm, Side.SOURCE, kind, key, verb, generation)
        for generation in range(epoch + 1, epoch + 1 + GENERATIONS)
    ]


def next_epoch(noted: Noted | None, fence: int, epoch: int, now: datetime) -> int:
    """A number above every fence and generation that was given out, as far as anybody knows; and above those that
    nobody knows any more: time has moved on by more seconds than there were runs."""
    seconds = int(now.timestamp()) - _BEGINNING
    return max(seconds, fence, epoch, noted.fence if noted is not None else 0) + 1


_BEGINNING = 1_577_836_800
"""2020-01-01 UTC: an epoch then fits into 31 bits for as long again as is worth thinking of."""
