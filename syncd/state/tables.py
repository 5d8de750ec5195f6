"""The tables of the state database. Nothing outside this package knows them.

Rules that hold for every table: text instead of database enums; amounts only inside canonical JSON text, never as
numbers; instants aware and in UTC (see ``Instant``); ids compared byte by byte on every database; every constraint
named by one convention, so that a later migration can find it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from syncd.state.instants import Instant

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

ID = Text().with_variant(Text(collation="C"), "postgresql")
"""An id: compared and ordered by its bytes, whatever the language of the server."""
SERIAL = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database counts up; on SQLite only a plain INTEGER key does so."""

OPEN = text("state IN ('intended', 'sent')")
LIVE = "state <> 'tombstoned'"
ONE_TO_ONE = "kind NOT IN ('category', 'item', 'payment_method', 'project', 'tax_code')"
"""Kinds that are only matched may share a record of QBO: the default item stands for every item it lacks (R-23)."""
UNRESOLVED = text("resolved_at IS NULL")


def _column(kind: Any, *, default: Any = "", key: bool = False, null: bool = False) -> Any:
    """A column of ``kind``; required in Python when it is part of the key, else with ``default``."""
    if key:
        return Field(sa_type=kind, primary_key=True, nullable=False)
    return Field(default=None if null else default, sa_type=kind, nullable=null)


def _serial() -> Any:
    return Field(default=None, sa_type=SERIAL, primary_key=True, sa_column_kwargs={"autoincrement": True})


class StateTable(SQLModel):
    """What all tables share: one set of metadata of our own, apart from any other SQLModel user in the process."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)


metadata = StateTable.metadata


class CompanyRow(StateTable, table=True):
    """One company: what is pinned and what a person decided about it."""

    __tablename__: ClassVar[Literal["companies"]] = "companies"
    __table_args__ = (
        Index(
            "uq_companies_environment_realm_id",
            "environment",
            "realm_id",
            unique=True,
            sqlite_where=text("realm_id <> ''"),
            postgresql_where=text("realm_id <> ''"),
        ),
    )

    name: str = _column(ID, key=True)
    realm_id: str = _column(ID)
    realm_name: str = _column(Text)
    environment: str = _column(ID)
    source_identity: str = _column(Text)
    scope_digest: str = _column(Text)
    first_run_approved_at: datetime | None = _column(Instant, null=True)
    halted_since: datetime | None = _column(Instant, null=True)
    halt_reason: str = _column(Text)
    last_success_at: datetime | None = _column(Instant, null=True)
    last_audit_at: datetime | None = _column(Instant, null=True)
    epoch: int = _column(SERIAL, default=0)
    restored_at: datetime | None = _column(Instant, null=True)


class LinkRow(StateTable, table=True):
    """The pair of ids of one record. Narrow on purpose: most questions are about ids only."""

    __tablename__: ClassVar[Literal["links"]] = "links"
    __table_args__ = (
        Index("ix_links_source", "company", "kind", "source_id", "id", "state"),
        Index("ix_links_qbo", "company", "kind", "qbo_id", "state"),
        Index(
            "uq_links_source_live",
            "company",
            "kind",
            "source_id",
            unique=True,
            sqlite_where=text(f"{LIVE} AND source_id <> ''"),
            postgresql_where=text(f"{LIVE} AND source_id <> ''"),
        ),
        Index(
            "uq_links_qbo_live",
            "company",
            "kind",
            "qbo_id",
            unique=True,
            sqlite_where=text(f"{LIVE} AND qbo_id <> '' AND {ONE_TO_ONE}"),
            postgresql_where=text(f"{LIVE} AND qbo_id <> '' AND {ONE_TO_ONE}"),
        ),
        CheckConstraint("state IN ('linked', 'orphaned', 'tombstoned', 'ignored')", name="state"),
        CheckConstraint("source_id <> '' OR qbo_id <> ''", name="some_id"),
    )

    id: int = _serial()
    company: str = _column(ID)
    kind: str = _column(ID)
    source_id: str = _column(ID)
    qbo_id: str = _column(ID)
    state: str = _column(ID, default="linked")
    source_version: str = _column(Text)
    qbo_version: str = _column(Text)
    accepted: str = _column(Text)
    created_by: str = _column(Text)
    label: str = _column(Text)


class BaseRow(StateTable, table=True):
    """What both sides last agreed on, as canonical JSON. The QBO half is NULL where it equals the source half."""

    __tablename__: ClassVar[Literal["bases"]] = "bases"

    link_id: int = Field(
        sa_type=SERIAL,
        primary_key=True,
        sa_column_args=[ForeignKey("links.id", ondelete="CASCADE")],
        sa_column_kwargs={"autoincrement": False},
    )
    source_half: str = _column(Text)
    qbo_half: str | None = _column(Text, null=True)


class CursorRow(StateTable, table=True):
    """How far each side of a company has been read."""

    __tablename__: ClassVar[Literal["cursors"]] = "cursors"

    company: str = _column(ID, key=True)
    qbo: datetime | None = _column(Instant, null=True)
    source: str = _column(Text)
    counts: str = _column(Text, default="{}")


class DirtyRow(StateTable, table=True):
    """A record to look at again although no feed mentions it."""

    __tablename__: ClassVar[Literal["dirty"]] = "dirty"
    __table_args__ = (Index("ix_dirty_qbo", "company", "kind", "qbo_id"),)

    company: str = _column(ID, key=True)
    kind: str = _column(ID, key=True)
    source_id: str = _column(ID, key=True)
    qbo_id: str = _column(ID, key=True)
    reason: str = _column(Text)
    attempts: int = _column(Integer, default=0)
    not_before: datetime | None = _column(Instant, null=True)
    since: datetime | None = _column(Instant, null=True)
    asked: str = _column(Text)


class JournalRow(StateTable, table=True):
    """One write, from intended to its outcome. Its slot is unique, and at most one entry of a slot is open."""

    __tablename__: ClassVar[Literal["journal"]] = "journal"
    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("realm_id", "side", "kind", "key", "verb", "generation", name="uq_journal_slot"),
        Index(
            "uq_journal_open_slot",
            "realm_id",
            "side",
            "kind",
            "key",
            "verb",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_journal_open", "company", "seq", sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_journal_state", "company", "state"),
        CheckConstraint(
            "state IN ('intended', 'sent', 'confirmed', 'refused', 'superseded', 'abandoned')", name="state"
        ),
        CheckConstraint("side IN ('source', 'qbo')", name="side"),
    )

    seq: int = _serial()
    id: str = _column(ID)
    company: str = Field(sa_type=ID, nullable=False, sa_column_args=[ForeignKey("companies.name")])
    realm_id: str = _column(ID)
    state: str = _column(ID)
    generation: int = _column(Integer, default=1)
    request_id: str = _column(ID)
    run_id: str = _column(Text)
    operation_id: str = _column(Text)
    side: str = _column(ID)
    kind: str = _column(ID)
    verb: str = _column(ID)
    key: str = _column(ID)
    source_id: str = _column(ID)
    qbo_id: str = _column(ID)
    operation: bytes = _column(LargeBinary, default=b"")
    body: bytes = _column(LargeBinary, default=b"")
    body_hash: str = _column(Text)
    pre_image: bytes = _column(LargeBinary, default=b"")
    batch_request_id: str = _column(Text)
    batch_item_id: str = _column(Text)
    created_at: datetime = _column(Instant)
    sent_at: datetime | None = _column(Instant, null=True)
    closed_at: datetime | None = _column(Instant, null=True)
    attempts: int = _column(Integer, default=0)
    note: str = _column(Text)
    tid: str = _column(Text)


class HeldRow(StateTable, table=True):
    """A record that waits for a person; at most one unresolved row per record."""

    __tablename__: ClassVar[Literal["held"]] = "held"
    __table_args__ = (
        Index(
            "uq_held_unresolved",
            "company",
            "kind",
            "source_id",
            "qbo_id",
            unique=True,
            sqlite_where=UNRESOLVED,
            postgresql_where=UNRESOLVED,
        ),
        Index("ix_held_qbo", "company", "kind", "qbo_id", sqlite_where=UNRESOLVED, postgresql_where=UNRESOLVED),
        Index("ix_held_company", "company", "id"),
    )

    id: int = _serial()
    company: str = _column(ID)
    kind: str = _column(ID)
    source_id: str = _column(ID)
    qbo_id: str = _column(ID)
    case: str = _column(Text)
    reason: str = _column(Text)
    label: str = _column(Text)
    problems: str = _column(Text, default="[]")
    source_value: str = _column(Text, default="{}")
    qbo_value: str = _column(Text, default="{}")
    base_value: str = _column(Text, default="{}")
    actions: str = _column(Text, default="[]")
    since: datetime = _column(Instant)
    refreshed_at: datetime = _column(Instant)
    resolution: str = _column(Text)
    resolution_actor: str = _column(Text)
    resolution_at: datetime | None = _column(Instant, null=True)
    resolved_at: datetime | None = _column(Instant, null=True)
    run_id: str = _column(Text)


class RunRow(StateTable, table=True):
    """One run of a cycle, an apply or an audit."""

    __tablename__: ClassVar[Literal["runs"]] = "runs"
    __table_args__ = (Index("ix_runs_company", "company", "seq"),)

    seq: int = _serial()
    company: str = _column(ID)
    what: str = _column(Text)
    started_at: datetime = _column(Instant)
    ended_at: datetime | None = _column(Instant, null=True)
    outcome: str = _column(Text)
    counts: str = _column(Text, default="{}")
    note: str = _column(Text)


class HistoryRow(StateTable, table=True):
    """The append-only history. Triggers refuse a change; the chain of hashes shows one that was made anyway."""

    __tablename__: ClassVar[Literal["history"]] = "history"
    __table_args__ = (
        Index("ix_history_source", "company", "kind", "source_id"),
        Index("ix_history_qbo", "company", "kind", "qbo_id"),
    )

    company: str = _column(ID, key=True)
    seq: int = _column(SERIAL, key=True)
    kind: str = _column(ID)
    source_id: str = _column(ID)
    qbo_id: str = _column(ID)
    side: str = _column(ID)
    verb: str = _column(ID)
    case: str = _column(Text)
    reason: str = _column(Text)
    actor: str = _column(Text)
    result: str = _column(Text)
    before: str = _column(Text, default="{}")
    after: str = _column(Text, default="{}")
    journal_id: str = _column(Text)
    request_id: str = _column(Text)
    tid: str = _column(Text)
    run_id: str = _column(Text)
    at: datetime = _column(Instant)
    previous_hash: str = _column(Text)
    hash: str = _column(Text)


class ChainRow(StateTable, table=True):
    """The head of each company's chain: its length and last hash, so that a cut-off end shows."""

    __tablename__: ClassVar[Literal["chains"]] = "chains"

    company: str = _column(ID, key=True)
    length: int = _column(SERIAL, default=0)
    head: str = _column(Text)


class TokenRow(StateTable, table=True):
    """One grant. ``secret`` and ``previous`` are encrypted; the rest is no secret."""

    __tablename__: ClassVar[Literal["tokens"]] = "tokens"

    environment: str = _column(ID, key=True)
    realm_id: str = _column(ID, key=True)
    secret: str = _column(Text)
    previous: str = _column(Text)
    access_expires_at: datetime = _column(Instant)
    refresh_expires_at: datetime | None = _column(Instant, null=True)
    hard_expires_at: datetime | None = _column(Instant, null=True)
    connected_at: datetime | None = _column(Instant, null=True)
    version: int = _column(Integer, default=1)
    broken: str = _column(Text)


class LeaseRow(StateTable, table=True):
    """Who may work on what until when. The row stays when a lease ends, so that its fence never goes back."""

    __tablename__: ClassVar[Literal["leases"]] = "leases"

    name: str = _column(ID, key=True)
    holder: str = _column(Text)
    fence: int = _column(SERIAL, default=0)
    ttl_milliseconds: int = _column(SERIAL, default=0)
    acquired_at: datetime = _column(Instant)
    expires_at: datetime = _column(Instant)


class MeterRow(StateTable, table=True):
    """Metered reads of a company in one month (``2026-01``)."""

    __tablename__: ClassVar[Literal["meter"]] = "meter"

    company: str = _column(ID, key=True)
    month: str = _column(ID, key=True)
    reads: int = _column(SERIAL, default=0)


companies = metadata.tables["companies"]
links = metadata.tables["links"]
bases = metadata.tables["bases"]
cursors = metadata.tables["cursors"]
dirty = metadata.tables["dirty"]
journal = metadata.tables["journal"]
held = metadata.tables["held"]
runs = metadata.tables["runs"]
history = metadata.tables["history"]
chains = metadata.tables["chains"]
tokens = metadata.tables["tokens"]
leases = metadata.tables["leases"]
meter = metadata.tables["meter"]
