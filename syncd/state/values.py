"""The values that go in and out of the state database. The tables themselves are known only inside this package."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Problem
from syncd.model.writes import Verb
from syncd.reconciler.plan import Projection


class LinkState(StrEnum):
    """``linked``: both sides, kept in agreement. ``orphaned``: left behind on one side by policy, kept for reuse.
    ``tombstoned``: gone on both sides; remembered so that a record that comes back gets a new generation.
    ``ignored``: a person said to leave this record alone."""

    LINKED = "linked"
    ORPHANED = "orphaned"
    TOMBSTONED = "tombstoned"
    IGNORED = "ignored"


class JournalState(StrEnum):
    """The life of one write. ``intended`` and ``sent`` are open; the rest are known outcomes."""

    INTENDED = "intended"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    ABANDONED = "abandoned"


OPEN_JOURNAL_STATES = frozenset({JournalState.INTENDED, JournalState.SENT})


class Link(msgspec.Struct, frozen=True):
    """The pair of ids of one record with its base: what both sides last agreed on, as each of them held it.

    ``source_id`` or ``qbo_id`` is empty for a record that a person ignores on one side only. ``accepted`` names
    fields whose difference is known and allowed by policy. ``created_by`` says which side's record syncd created.
    """

    company: str
    kind: Kind
    source_id: str
    qbo_id: str
    state: LinkState = LinkState.LINKED
    source_version: str = ""
    qbo_version: str = ""
    source_base: Projection = {}
    qbo_base: Projection = {}
    accepted: tuple[str, ...] = ()
    created_by: Side | None = None
    label: str = ""


class Intent(msgspec.Struct, frozen=True):
    """A write as it is about to be made. ``key`` names the record for the slot: the source id, else ``qbo:<id>``.

    ``operation_id`` is the plan's name of it; ``operation`` is the whole operation, encoded, so that recovery can
    finish what it was about; ``body`` is the exact payload, ``body_hash`` its fingerprint; ``pre_image`` what the
    record was before (for undo and audit).
    """

    run_id: str
    operation_id: str
    side: Side
    kind: Kind
    verb: Verb
    key: str
    source_id: str
    qbo_id: str
    operation: bytes
    body: bytes = b""
    pre_image: bytes = b""
    batch_request_id: str = ""
    batch_item_id: str = ""


class JournalEntry(msgspec.Struct, frozen=True):
    """One durable write: the intent, its identity on the wire and what became of it."""

    id: str
    company: str
    state: JournalState
    generation: int
    request_id: str
    intent: Intent
    created_at: datetime
    sent_at: datetime | None = None
    closed_at: datetime | None = None
    attempts: int = 0
    note: str = ""
    tid: str = ""


class JournalOutcome(msgspec.Struct, frozen=True):
    """A known outcome of one entry. Closing an entry is what lets its slot move to the next generation."""

    journal_id: str
    state: JournalState
    note: str = ""
    tid: str = ""


UNDONE = "undone"
"""The case of a hold that an undo made: its record is not decided until a person says so."""


class Held(msgspec.Struct, frozen=True):
    """A record that waits for a person: why, what both sides say, and what may be done. One row per record."""

    company: str
    kind: Kind
    source_id: str
    qbo_id: str
    case: str
    reason: str
    label: str = ""
    problems: tuple[Problem, ...] = ()
    source_value: Projection = {}
    qbo_value: Projection = {}
    base_value: Projection = {}
    actions: tuple[str, ...] = ("retry", "ignore")
    id: int = 0
    since: datetime | None = None
    resolution: str = ""

    @property
    def stamp(self) -> str:
        """Eight letters and digits for what is shown: another case, or a value of either side, gives another one."""
        shown = (self.case, sorted(self.source_value.items()), sorted(self.qbo_value.items()), self.qbo_id)
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:8]


class Dirty(msgspec.Struct, frozen=True):
    """A record that has to be looked at again although no feed mentions it. ``since`` is kept by the state: when it
    first had to be. So is ``asked``, until the record is clean: a person asked that it goes out now (``push``), and
    that QBO mails it (``send``); it is copied and still to be mailed (``mail``); nobody knows whether it was mailed
    (``unclear``)."""

    kind: Kind
    source_id: str
    qbo_id: str
    reason: str
    attempts: int = 0
    not_before: datetime | None = None
    since: datetime | None = None
    asked: str = ""


class HistoryEvent(msgspec.Struct, frozen=True):
    """One line of the append-only history: what was done to a record, by whom or what, why, before and after."""

    kind: Kind
    source_id: str
    qbo_id: str
    side: Side
    verb: Verb
    case: str
    reason: str
    actor: str
    result: str
    before: Projection = {}
    after: Projection = {}
    journal_id: str = ""
    request_id: str = ""
    tid: str = ""
    run_id: str = ""
    at: datetime | None = None


class HistoryLine(msgspec.Struct, frozen=True):
    """One line of the history as it is stored, with its place in the chain. ``before`` and ``after`` are JSON; a line
    about the company itself has no kind and no ids."""

    number: int
    at: datetime
    kind: str
    source_id: str
    qbo_id: str
    side: str
    verb: str
    case: str
    reason: str
    actor: str
    result: str
    before: str
    after: str
    journal_id: str
    request_id: str
    tid: str
    run_id: str
    previous_hash: str
    hash: str


class Cursors(msgspec.Struct, frozen=True):
    """How far each side has been read. ``qbo`` is QBO's own time; ``source`` is opaque; ``counts`` rows per kind."""

    qbo: datetime | None = None
    source: str = ""
    counts: dict[str, int] = {}


class Settlement(msgspec.Struct, frozen=True):
    """Everything that becomes true at one moment; stored in one transaction or not at all.

    ``links`` replace the link with the same (kind, source id, qbo id), or with the same source id when the qbo id is
    new. ``versions`` move only the versions of existing links (kind, source_id, qbo_id, source_version, qbo_version;
    an empty version leaves that side as it is). ``clean`` and ``unheld`` name records as (kind, source_id, qbo_id).
    ``cursors`` is None when nothing moves: a cursor moves only with what was read.
    """

    outcomes: tuple[JournalOutcome, ...] = ()
    links: tuple[Link, ...] = ()
    versions: tuple[tuple[Kind, str, str, str, str], ...] = ()
    dirty: tuple[Dirty, ...] = ()
    clean: tuple[tuple[Kind, str, str], ...] = ()
    held: tuple[Held, ...] = ()
    unheld: tuple[tuple[Kind, str, str], ...] = ()
    history: tuple[HistoryEvent, ...] = ()
    cursors: Cursors | None = None


class Company(msgspec.Struct, frozen=True):
    """What is pinned and remembered of one company. Identity fields are empty until the first connect.

    ``restored_at``: when it was noticed that this state is older than the world; None once its links were rebuilt and a
    person resumed. ``epoch``: the number that fences and generations of the journal were raised to then (0: never).
    """

    name: str
    realm_id: str = ""
    realm_name: str = ""
    environment: str = ""
    source_identity: str = ""
    scope_digest: str = ""
    first_run_approved_at: datetime | None = None
    halted_since: datetime | None = None
    halt_reason: str = ""
    last_success_at: datetime | None = None
    last_audit_at: datetime | None = None
    epoch: int = 0
    restored_at: datetime | None = None


class Standing(msgspec.Struct, frozen=True):
    """How far a company's state has come: the fence of its lease, the length and last hash of its history, and its
    epoch (``Company``)."""

    fence: int = 0
    length: int = 0
    head: str = ""
    epoch: int = 0


class Tokens(msgspec.Struct, frozen=True):
    """One grant. ``version`` rises with every change, for compare-and-set; the secrets are encrypted at rest."""

    realm_id: str
    environment: str
    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime | None = None
    hard_expires_at: datetime | None = None
    connected_at: datetime | None = None
    version: int = 0
    broken: str = ""

    def __repr__(self) -> str:
        """Names the grant without its secrets: tokens must not reach a log by accident (F-65)."""
        return f"Tokens(realm_id={self.realm_id!r}, environment={self.environment!r}, version={self.version})"


class Lease(msgspec.Struct, frozen=True):
    """The right to write for one company. ``fence`` rises with each new holder; a lower one may not write."""

    company: str
    holder: str
    fence: int
    expires_at: datetime


class Run(msgspec.Struct, frozen=True):
    """One run of a cycle, an apply or an audit, with what it did in numbers."""

    id: str
    company: str
    what: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    counts: dict[str, int] = {}
    note: str = ""


class RecentWrite(msgspec.Struct, frozen=True):
    """One confirmed create or update of the recent past: which fields it changed on ``side``, and to what."""

    side: Side
    verb: Verb
    written: Projection
    at: datetime


class CompanyEvent(msgspec.Struct, frozen=True):
    """One line of the history that is about the company and not about a record: approve, halt, resume, pin."""

    action: str
    actor: str
    reason: str
    at: datetime
