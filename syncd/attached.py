"""A source whose documents have files: measures their content, and knows a file by its row and its content.

Other content under the same row is another file to everybody else: the new one is uploaded, the old one is gone from
the source and is deleted in QuickBooks after that. So each step is one write of one record, with a journal entry of its
own, and a stop between the two leaves nothing behind that nobody remembers.

Files of an expense belong to what the expense has become in QuickBooks (``payables.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.records.files import Attachment
from syncd.model.references import file_id, file_row
from syncd.model.spec import ATTACHMENT_LIMIT, SPECS
from syncd.model.writes import Outcome, SourceWrite
from syncd.sources.base import FileStore, Finding, KindCapability, LoggedWrite, Source, SourceChanges

Linked = Callable[[], Mapping[str, bool]]
"""The files that are in QuickBooks, by their ids in the source; and whether that is known for certain. It is not while
nobody has heard what became of an upload."""

_FILE = Kind.ATTACHMENT
_CHUNK = 500
_UNDER_WAY = Problem(
    "file_under_way",
    "An earlier upload of this file, with other content, may still arrive.",
    "Nothing to do: it is settled by itself within a quarter of an hour.",
    "content",
)
_UNREADABLE = "?"
"""Stands for the content of a file that cannot be read and never was."""


class AttachedSource:
    """``inner`` with files. ``store`` is the source itself, below whatever shows its records as something else."""

    def __init__(self, inner: Source, store: FileStore, linked: Linked) -> None:
        self._inner = inner
        self._store = store
        self._linked = linked
        self._becomes = tuple(k for k in (Kind.PURCHASE, Kind.BILL) if k in inner.capabilities())

    # ---- what it is

    def identity(self) -> str:
        """That of the source itself."""
        return self._inner.identity()

    def scope(self) -> str:
        """That of the source itself."""
        return self._inner.scope()

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """Files with their size and content; they are only read."""
        found = dict(self._inner.capabilities())
        feed = found[_FILE].feed
        found[_FILE] = KindCapability(fields=frozenset(SPECS[_FILE].fields), feed=feed, mode="none")
        return found

    def check(self) -> list[Finding]:
        """That of the source itself."""
        return self._inner.check()

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()

    # ---- files

    def files_of(self, owners: Collection[tuple[Kind, str]]) -> Mapping[str, Present | Flawed]:
        """The files of these documents, as they are now."""
        asked = {(Kind.EXPENSE if kind in self._becomes else kind, owner) for kind, owner in owners}
        found = self._store.files_of(sorted(asked | set(owners)))
        return {_id_of(each): each for each in self._whole(found.values())}

    def content(self, file: str) -> bytes | None:
        """The content of a file, by its id; whoever asks compares it with the digest."""
        return self._store.content(file_row(file))

    # ---- reading

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Those of the source itself."""
        return self._inner.needs_keys(watermark)

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """What changed. A row whose content is another one is a new file, and one that is gone."""
        keys = dict(known or {})
        if _FILE in keys:
            keys[_FILE] = frozenset(file_row(name) for name in keys[_FILE])
        seen = self._inner.changes(watermark, keys)
        rows = seen.changed.get(_FILE, {})
        gone = seen.suspects.get(_FILE, frozenset())
        if not rows and not gone:
            return seen
        linked = self._by_row()
        found = {_id_of(each): each for each in self._whole(rows.values(), linked)}
        before = {name for row in (*rows, *gone) for name in linked.get(row, ())}
        suspects = {**seen.suspects, _FILE: frozenset(before - found.keys())}
        return msgspec.structs.replace(
            seen,
            changed={**seen.changed, _FILE: found},
            suspects={kind: ids for kind, ids in suspects.items() if ids},
        )

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads. A file whose row has other content by now is gone."""
        if kind is not _FILE:
            return self._inner.read(kind, ids)
        rows = self._inner.read(kind, sorted({file_row(name) for name in ids}))
        there = [each for each in rows.values() if not isinstance(each, Absent)]
        by_row: dict[str, list[str]] = defaultdict(list)
        for name in ids:
            by_row[file_row(name)].append(name)
        found = {_id_of(each): each for each in self._whole(there, by_row)}
        return {name: found.get(name) or _absent(name, rows[file_row(name)]) for name in ids}

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind."""
        records = self._inner.scan(kind)
        if kind is not _FILE:
            yield from records
            return
        linked = self._by_row()
        while chunk := list(islice(records, _CHUNK)):
            yield from self._whole(chunk, linked)

    def _by_row(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self._linked():
            found[file_row(name)].append(name)
        return found

    def _whole(
        self, rows: Iterable[Present | Flawed], known: Mapping[str, Sequence[str]] | None = None
    ) -> Iterator[Present | Flawed]:
        """Rows as files. One whose content cannot be read is flawed under the names that it is known by: it is not
        gone because of that."""
        every = list(rows)
        files = [each for each in every if isinstance(each, Present) and isinstance(each.record, Attachment)]
        measured = self._store.measured([each.record.id for each in files], ATTACHMENT_LIMIT)
        under_way = {file_row(name): name for name, settled in self._linked().items() if not settled} if files else {}
        owners = self._owners([each.record for each in files if isinstance(each.record, Attachment)])
        for each in every:
            record = each.record if isinstance(each, Present) else None
            if not isinstance(record, Attachment):
                yield from _under_names(each, known)
                continue
            found = measured[record.id]
            if isinstance(found, Problem):
                yield from _under_names(Flawed(record.id, each.version, (found,)), known)
                continue
            kind = record.owner_kind
            if kind == Kind.EXPENSE:
                kind = owners.get(record.owner, kind)
            name = file_id(record.id, found.digest or f"size {found.size}")
            if under_way.get(record.id, name) != name:
                yield Flawed(name, each.version, (_UNDER_WAY,))
                continue
            whole = msgspec.structs.replace(record, id=name, owner_kind=kind, size=found.size, digest=found.digest)
            yield msgspec.structs.replace(each, record=whole)

    def _owners(self, files: Sequence[Attachment]) -> dict[str, str]:
        """What the expenses that files belong to have become in QuickBooks, or are to become."""
        open_ids = sorted({file.owner for file in files if file.owner_kind == Kind.EXPENSE})
        found: dict[str, str] = {}
        for kind in self._becomes:
            wanted = [name for name in open_ids if name not in found]
            answers = self._inner.read(kind, wanted) if wanted else {}
            found |= {name: kind.value for name, seen in answers.items() if not isinstance(seen, Absent)}
        return found

    # ---- writing

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """What the source itself can be told; of files nothing ever is."""
        return self._inner.write(writes)

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """What the source itself knows."""
        return self._inner.settled(journal_ids)

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """What the source itself knows."""
        return self._inner.last_writes(limit)


def _id_of(seen: Present | Flawed) -> str:
    return seen.record.id if isinstance(seen, Present) else seen.id


def _under_names(seen: Present | Flawed, known: Mapping[str, Sequence[str]] | None) -> Iterator[Present | Flawed]:
    """Something unusable under the names that it is linked or asked for by; else under one that no file ever has."""
    row = _id_of(seen)
    problems = seen.problems if isinstance(seen, Flawed) else ()
    for name in (known or {}).get(row, ()) or (file_id(row, _UNREADABLE),):
        yield Flawed(name, seen.version, problems)


def _absent(name: str, row: Present | Flawed | Absent) -> Absent:
    if isinstance(row, Absent):
        return msgspec.structs.replace(row, id=name)
    return Absent(name, ("the row of the file is there, with other content",), replaced=True)
