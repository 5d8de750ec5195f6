"""The tables that syncd ships: what they look like now. Migrations build them; a test proves that both agree.

Money is exact everywhere: NUMERIC on PostgreSQL and MySQL, text on SQLite, whose NUMERIC is a binary float.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from syncd.sources.settings import SqlMapping

VERSION_TABLE = "syncd_source_version"
TOMBSTONE = "syncd_tombstone"
WRITE_LOG = "syncd_write"
KINDS = ("client", "item", "invoice", "payment")

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
_MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_MARIADB = {key.replace("mysql", "mariadb"): value for key, value in _MYSQL.items()}
# Ids are never given out twice: an id that comes back would tie a new record to the old one's counterpart in QBO.
OPTIONS: dict[str, Any] = {**_MYSQL, **_MARIADB, "sqlite_autoincrement": True}


def long_text() -> sa.types.TypeEngine[str]:
    """Text of any length."""
    return sa.Text()


def short_text(length: int) -> sa.types.TypeEngine[str]:
    """Text that is indexed or compared: MySQL wants a length, the others do not."""
    return sa.Text().with_variant(sa.String(length), "mysql", "mariadb")


def row_id() -> sa.types.TypeEngine[int]:
    """A row's number; on SQLite the alias of its rowid."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def exact(scale: int) -> sa.types.TypeEngine[Any]:
    """An exact number. PostgreSQL keeps the digits as written, MySQL ``scale`` of them after the point."""
    number: sa.types.TypeEngine[Any] = sa.Numeric()
    return number.with_variant(sa.Text(), "sqlite").with_variant(sa.Numeric(30, scale), "mysql", "mariadb")


def calendar_day() -> sa.types.TypeEngine[Any]:
    """A date without time or zone."""
    day: sa.types.TypeEngine[Any] = sa.Date()
    return day.with_variant(sa.Text(), "sqlite")


def moment() -> sa.types.TypeEngine[Any]:
    """A moment in UTC, to the microsecond (SQLite: millisecond)."""
    stamp: sa.types.TypeEngine[Any] = sa.TIMESTAMP(timezone=True)
    return stamp.with_variant(sa.Text(), "sqlite").with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _tracked() -> list[sa.Column[Any]]:
    # Triggers keep both right, whoever writes; the defaults only serve the moment before they run.
    return [
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", moment(), nullable=True, index=True),
    ]


def _no(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _yes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true())


metadata = sa.MetaData(naming_convention=CONVENTION)

client = sa.Table(
    "client",
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("name", short_text(500), nullable=False),
    sa.Column("currency", short_text(3)),
    sa.Column("email", long_text()),
    sa.Column("address", long_text()),
    sa.Column("city", long_text()),
    sa.Column("region", long_text()),
    sa.Column("postal_code", long_text()),
    sa.Column("country", long_text()),
    _yes("active"),
    sa.Column("qbo_id", short_text(64), unique=True),
    *_tracked(),
    **OPTIONS,
)

item = sa.Table(
    "item",
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("name", short_text(500), nullable=False),
    _yes("active"),
    sa.Column("qbo_id", short_text(64), unique=True),
    *_tracked(),
    **OPTIONS,
)

invoice = sa.Table(
    "invoice",
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("number", short_text(64), index=True),
    sa.Column("client_id", row_id(), sa.ForeignKey("client.id"), index=True),
    sa.Column("state", short_text(16), nullable=False, server_default="draft"),
    sa.Column("issue_date", calendar_day()),
    sa.Column("due_date", calendar_day()),
    sa.Column("currency", short_text(3)),
    sa.Column("discount", exact(6), nullable=False, server_default="0"),
    sa.Column("tax", exact(6), nullable=False, server_default="0"),
    sa.Column("tax_code", long_text()),
    sa.Column("total", exact(6), nullable=False, server_default="0"),
    sa.Column("notes", long_text()),
    sa.Column("qbo_id", short_text(64), unique=True),
    _yes("save_to_qbo"),
    _no("remove_from_qbo"),
    *_tracked(),
    sa.CheckConstraint("state IN ('draft', 'published', 'void')", name="state"),
    **OPTIONS,
)

invoice_line = sa.Table(
    "invoice_line",
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("invoice_id", row_id(), sa.ForeignKey("invoice.id", ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("item_id", row_id(), sa.ForeignKey("item.id"), index=True),
    sa.Column("description", long_text()),
    sa.Column("quantity", exact(10)),
    sa.Column("rate", exact(10)),
    sa.Column("amount", exact(6), nullable=False),
    sa.Column("taxable", sa.Boolean()),
    sa.Index("ix_invoice_line_invoice_id_position", "invoice_id", "position"),
    **OPTIONS,
)

payment = sa.Table(
    "payment",
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("client_id", row_id(), sa.ForeignKey("client.id"), index=True),
    sa.Column("date", calendar_day()),
    sa.Column("amount", exact(6), nullable=False),
    sa.Column("currency", short_text(3)),
    sa.Column("reference", long_text()),
    sa.Column("notes", long_text()),
    sa.Column("state", short_text(16), nullable=False, server_default="live"),
    sa.Column("qbo_id", short_text(64), unique=True),
    _yes("save_to_qbo"),
    *_tracked(),
    sa.CheckConstraint("state IN ('live', 'void')", name="state"),
    **OPTIONS,
)

payment_allocation = sa.Table(
    "payment_allocation",
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("payment_id", row_id(), sa.ForeignKey("payment.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("invoice_id", row_id(), sa.ForeignKey("invoice.id"), nullable=False, index=True),
    sa.Column("amount", exact(6), nullable=False),
    **OPTIONS,
)

syncd_tombstone = sa.Table(
    TOMBSTONE,
    metadata,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("kind", short_text(32), nullable=False),
    sa.Column("record_id", short_text(64), nullable=False),
    sa.Column("removed_at", moment(), nullable=False),
    sa.Index("ix_syncd_tombstone_kind_removed_at", "kind", "removed_at"),
    **OPTIONS,
)

syncd_write = sa.Table(
    WRITE_LOG,
    metadata,
    sa.Column("journal_id", short_text(64), primary_key=True),
    sa.Column("kind", short_text(32), nullable=False),
    sa.Column("record_id", short_text(64), nullable=False),
    sa.Column("applied_at", moment(), nullable=False),
    **{**OPTIONS, "sqlite_autoincrement": False},
)


def _kind(table: str, fields: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "table": table,
        "id": "id",
        "read_only": False,
        "version": "version",
        "changed": "updated_at",
        "qbo_id": "qbo_id",
        "tombstones": {
            "table": TOMBSTONE,
            "id": "record_id",
            "removed": "removed_at",
            "where": f"kind = '{table}'",
        },
        "fields": fields,
        **more,
    }


def reference_mapping() -> SqlMapping:
    """The tables above as a mapping like any other: reading and writing know no other way."""
    address = {part: part for part in ("city", "region", "postal_code", "country")}
    same = {name: name for name in ("currency", "notes", "state", "save_to_qbo")}
    return SqlMapping.model_validate(
        {
            "write_log": WRITE_LOG,
            "client": _kind(
                "client",
                {
                    "name": "name",
                    "currency": "currency",
                    "email": "email",
                    "active": "active",
                    "address": {"lines": ["address"], **address},
                },
            ),
            "item": _kind("item", {"name": "name", "active": "active"}),
            "invoice": _kind(
                "invoice",
                {
                    **same,
                    "client": "client_id",
                    **{n: n for n in ("number", "issue_date", "due_date", "discount", "tax", "tax_code", "total")},
                },
                lines={
                    "table": "invoice_line",
                    "id": "id",
                    "parent": "invoice_id",
                    "order": "position",
                    "fields": {
                        "item": "item_id",
                        **{n: n for n in ("description", "quantity", "rate", "amount", "taxable")},
                    },
                },
            ),
            "payment": _kind(
                "payment",
                {**same, "client": "client_id", "date": "date", "amount": "amount", "reference": "reference"},
                allocations={
                    "table": "payment_allocation",
                    "id": "id",
                    "parent": "payment_id",
                    "fields": {"invoice": "invoice_id", "amount": "amount"},
                },
            ),
        }
    )
