"""What every source adapter promises. Adapters speak only canonical records; all behaviour lives in the profile."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Observation, Present, Problem
from syncd.model.writes import Outcome, SourceWrite, Verb


class KindCapability(msgspec.Struct, frozen=True):
    """What this source can do for one kind.

    ``fields``: the owned fields it holds, with ``line.<part>`` for parts of lines. ``writable``: those it can be
    told to change. ``verbs``: what may be written at all (empty: read-only). ``feed``: whether changes can be asked
    for; without one every cycle reads the whole kind and compares fingerprints. ``external_id``: keeps QBO's id.
    ``mode``: what becomes of a write. ``api``: it is made, as far as ``verbs`` go. ``worklist``: nothing can be
    written, and a person is told what to do, with the fields in ``writable``. ``none``: neither.
    """

    fields: frozenset[str]
    writable: frozenset[str] = frozenset()
    verbs: frozenset[Verb] = frozenset()
    feed: bool = False
    external_id: bool = False
    mode: Literal["api", "worklist", "none"] = "api"


class SourceChanges(msgspec.Struct, frozen=True):
    """What changed on the source since a watermark, read inside one consistent transaction.

    ``changed``: new or changed records (an overlap repeats some; that is harmless). ``suspects``: ids that are
    missing from a complete key sweep or named by a tombstone, not yet confirmed by a second witness. ``swept``: kinds
    for which a complete sweep was made. ``counts``: rows per kind now, for the brakes. ``watermark``: opaque; give it
    back next time, and store it only together with what was read. ``whole``: kinds that were read completely.
    """

    changed: Mapping[Kind, Mapping[str, Present | Flawed]]
    suspects: Mapping[Kind, frozenset[str]]
    counts: Mapping[Kind, int]
    watermark: str
    whole: frozenset[Kind] = frozenset()
    swept: frozenset[Kind] = frozenset()


class Finding(msgspec.Struct, frozen=True):
    """One thing that ``syncd check`` found: what, and the remedy. ``level`` is ``ok``, ``warning`` or ``error``."""

    level: str
    subject: str
    text: str
    remedy: str = ""


class LoggedWrite(msgspec.Struct, frozen=True):
    """One committed write of syncd's, as the source's write log has it: whose, of which kind, to which row."""

    journal_id: str
    kind: Kind
    record_id: str


class Source(Protocol):
    """A source of canonical records. Every read raises ``SourceUnavailable`` rather than answer in part."""

    def identity(self) -> str:
        """What makes this source this one and no other (never a secret); pinned at the first run."""
        ...

    def scope(self) -> str:
        """What the answers mean, as a fingerprint: mapping, filters, time zone. Where it changes, what was compared
        before may mean something else now, and a person accepts that first (correctness.md section 3)."""
        ...

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """What can be read and written, by kind."""
        ...

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """Everything that changed since ``watermark`` (empty: everything there is).

        ``known`` gives the linked ids of those kinds whose removals can be found only by comparing keys; a source
        that needs it and was not given it reports no suspects for that kind.
        """
        ...

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Kinds for which ``changes`` needs ``known`` this time, judged cheaply (row counts moved, no tombstones)."""
        ...

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads: the second witness. Every id asked for is in the answer."""
        ...

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind, streamed, in one consistent read. For the audit."""
        ...

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Apply writes in order, each whole or not at all, with its version check; an answer each."""
        ...

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """Those of these journal ids whose write is known to be committed, with the id of the row concerned.

        A source that keeps no write log answers with what it can prove and nothing else.
        """
        ...

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """The latest entries of the write log, newest first; empty where none is kept. They tell a state database that
        was restored from a backup what it does not know (F-113)."""
        ...

    def check(self) -> list[Finding]:
        """Look at connection, schema, mapping and permissions; change nothing."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Measured(msgspec.Struct, frozen=True):
    """How large a file is, and the SHA-256 of its content; the latter is empty where it is larger than was asked."""

    size: int
    digest: str = ""


@runtime_checkable
class WithFiles(Protocol):
    """A source whose documents have files."""

    def files_of(self, owners: Collection[tuple[Kind, str]]) -> Mapping[str, Present | Flawed]:
        """The files of these documents (kind and id), by their own ids."""
        ...


@runtime_checkable
class FileStore(WithFiles, Protocol):
    """What it takes of a source to send its files: their records say nothing of the content."""

    def measured(self, ids: Sequence[str], limit: int) -> Mapping[str, Measured | Problem]:
        """Size and digest of the content of these records, or what is wrong with it. A file of more than ``limit``
        bytes is not read. Raises ``SourceUnavailable`` as every read does."""
        ...

    def content(self, record_id: str) -> bytes | None:
        """The content of one; None where there is none any more."""
        ...


__all__ = [
    "FileStore",
    "Finding",
    "KindCapability",
    "LoggedWrite",
    "Measured",
    "Observation",
    "Source",
    "SourceChanges",
    "WithFiles",
]
