"""The tables that syncd ships: what they look like now. Migrations build them; a test proves that both agree.

Money is exact everywhere: NUMERIC on PostgreSQL and MySQL, text on SQLite, whose NUMERIC is a binary float.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

VERSION_TABLE = "syncd_source_version"
TOMBSTONE = "syncd_tombstone"
WRITE_LOG = "syncd_write"
STATUS_VIEW = "invoice_status"

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


def blob() -> sa.types.TypeEngine[bytes]:
    """Bytes of any length."""
    content: sa.types.TypeEngine[bytes] = sa.LargeBinary()
    return content.with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


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


def _money(name: str) -> sa.Column[Any]:
    return sa.Column(name, exact(6), nullable=False, server_default="0")


def _ref(name: str, table: str) -> sa.Column[Any]:
    return sa.Column(name, row_id(), sa.ForeignKey(f"{table}.id"), index=True)


def _parent(name: str, table: str, *, index: bool = True) -> sa.Column[Any]:
    own = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, row_id(), own, nullable=False, index=index)


def _unit() -> sa.Column[Any]:
    return sa.Column("business_unit", short_text(200), nullable=False, server_default="")


def _ids_by_unit() -> list[Any]:
    """QBO's id of a document. Business units may be companies of their own, which count their ids alike (R-115)."""
    return [_unit(), sa.Column("qbo_id", short_text(64)), sa.UniqueConstraint("business_unit", "qbo_id")]


def _qbo_id() -> sa.Column[Any]:
    return sa.Column("qbo_id", short_text(64), unique=True)


def _ticks() -> list[sa.Column[Any]]:
    # No default: NULL says that nobody was asked, and the settings decide.
    return [sa.Column(name, sa.Boolean(), nullable=True) for name in ("save_to_qbo", "remove_from_qbo")]


def _lines(parent: str) -> list[Any]:
    return [
        sa.Column("id", row_id(), primary_key=True),
        _parent(f"{parent}_id", parent, index=False),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        _ref("item_id", "item"),
        sa.Column("description", long_text()),
        sa.Column("quantity", exact(10)),
        sa.Column("rate", exact(10)),
        sa.Column("amount", exact(6), nullable=False),
        sa.Column("taxable", sa.Boolean()),
        sa.Index(f"ix_{parent}_line_{parent}_id_position", f"{parent}_id", "position"),
    ]


def _part(parent: str, other: str) -> list[sa.Column[Any]]:
    return [
        sa.Column("id", row_id(), primary_key=True),
        _parent(f"{parent}_id", parent),
        sa.Column(f"{other}_id", row_id(), sa.ForeignKey(f"{other}.id"), nullable=False, index=True),
        sa.Column("amount", exact(6), nullable=False),
    ]


def _project() -> sa.Column[Any]:
    # Without a foreign key, which SQLite can give to a table only by making it anew; readers look whether it is there.
    return sa.Column("project_id", row_id())


def _no(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _yes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true())


metadata = sa.MetaData(naming_convention=CONVENTION)


def _table(name: str, *parts: Any) -> sa.Table:
    return sa.Table(name, metadata, *parts, **OPTIONS)


def _named(name: str, *more: Any) -> sa.Table:
    """Lists of which QuickBooks has one, too: matched by name."""
    key, called = sa.Column("id", row_id(), primary_key=True), sa.Column("name", short_text(500), nullable=False)
    return _table(name, key, called, *more, _yes("active"), *_tracked())


item = _named("item", _qbo_id())
tax_rate = _named("tax_rate", sa.Column("rate", exact(10)))
payment_method = _named("payment_method")
expense_category = _named("expense_category")
client = _named(
    "client",
    sa.Column("currency", short_text(3)),
    sa.Column("email", long_text()),
    sa.Column("address", long_text()),
    sa.Column("city", long_text()),
    sa.Column("region", long_text()),
    sa.Column("postal_code", long_text()),
    sa.Column("country", long_text()),
    sa.Column("contact", long_text()),
    sa.Column("sort", short_text(16)),
    _qbo_id(),
    sa.CheckConstraint("sort IN ('contact', 'account')", name="sort"),
)
project = _named("project", _ref("client_id", "client"), _qbo_id())
member = _named("member", sa.Column("currency", short_text(3)), sa.Column("email", long_text()), _qbo_id())

_FORM_STATE = "state IN ('draft', 'published', 'void')"
_SENT_STATE = "state IN ('draft', 'published', 'sent', 'void')"
_MONEY_STATE = "state IN ('live', 'void')"


def _priced() -> list[Any]:
    """What an invoice and an estimate have alike."""
    return [
        sa.Column("id", row_id(), primary_key=True),
        sa.Column("number", short_text(64), index=True),
        sa.Column("transaction_number", long_text()),
        _ref("client_id", "client"),
        sa.Column("state", short_text(16), nullable=False, server_default="draft"),
        sa.Column("issue_date", calendar_day()),
        sa.Column("due_date", calendar_day()),
        sa.Column("currency", short_text(3)),
        sa.Column("exchange_rate", exact(10)),
        sa.Column("bill_to", long_text()),
        sa.Column("emails", long_text()),
        sa.Column("cc_emails", long_text()),
        _money("discount"),
        _money("tax"),
        sa.Column("tax_code", long_text()),
        sa.Column("tax_rate", exact(10)),
        _no("tax_inclusive"),
        _money("total"),
        sa.Column("notes", long_text()),
    ]


invoice = _table(
    "invoice",
    *_priced(),
    sa.Column("po_number", long_text()),
    _no("paid"),
    _project(),
    *_ids_by_unit(),
    *_ticks(),
    *_tracked(),
    sa.CheckConstraint(_SENT_STATE, name="state"),
)
invoice_line = _table("invoice_line", *_lines("invoice"))

estimate = _table(
    "estimate",
    *_priced(),
    *_ids_by_unit(),
    *_ticks(),
    *_tracked(),
    sa.CheckConstraint(_SENT_STATE, name="state"),
)
estimate_line = _table("estimate_line", *_lines("estimate"))

credit_note = _table(
    "credit_note",
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("number", short_text(64), index=True),
    sa.Column("transaction_number", long_text()),
    _ref("client_id", "client"),
    sa.Column("state", short_text(16), nullable=False, server_default="draft"),
    sa.Column("issue_date", calendar_day()),
    sa.Column("currency", short_text(3)),
    sa.Column("exchange_rate", exact(10)),
    sa.Column("bill_to", long_text()),
    sa.Column("emails", long_text()),
    sa.Column("cc_emails", long_text()),
    _money("tax"),
    sa.Column("tax_code", long_text()),
    sa.Column("tax_rate", exact(10)),
    _no("tax_inclusive"),
    _money("total"),
    sa.Column("notes", long_text()),
    _project(),
    *_ids_by_unit(),
    *_ticks(),
    *_tracked(),
    sa.CheckConstraint(_FORM_STATE, name="state"),
)
credit_note_line = _table("credit_note_line", *_lines("credit_note"))

payment = _table(
    "payment",
    sa.Column("id", row_id(), primary_key=True),
    _ref("client_id", "client"),
    sa.Column("date", calendar_day()),
    sa.Column("amount", exact(6), nullable=False),
    sa.Column("currency", short_text(3)),
    sa.Column("exchange_rate", exact(10)),
    _ref("method_id", "payment_method"),
    sa.Column("reference", long_text()),
    sa.Column("notes", long_text()),
    sa.Column("state", short_text(16), nullable=False, server_default="live"),
    _no("by_mark"),
    _project(),
    *_ids_by_unit(),
    *_ticks(),
    *_tracked(),
    sa.CheckConstraint(_MONEY_STATE, name="state"),
)
payment_allocation = _table("payment_allocation", *_part("payment", "invoice"))
payment_credit = _table("payment_credit", *_part("payment", "credit_note"))

credit_application = _table(
    "credit_application",
    sa.Column("id", row_id(), primary_key=True),
    _ref("credit_note_id", "credit_note"),
    sa.Column("date", calendar_day()),
    sa.Column("currency", short_text(3)),
    sa.Column("state", short_text(16), nullable=False, server_default="live"),
    sa.Column("qbo_id", short_text(64), index=True),
    *_tracked(),
    sa.CheckConstraint(_MONEY_STATE, name="state"),
)
credit_application_part = _table("credit_application_part", *_part("credit_application", "invoice"))

expense = _table(
    "expense",
    sa.Column("id", row_id(), primary_key=True),
    _ref("member_id", "member"),
    sa.Column("report", short_text(200), index=True),
    sa.Column("date", calendar_day()),
    sa.Column("amount", exact(6), nullable=False),
    sa.Column("currency", short_text(3)),
    sa.Column("status", short_text(32), nullable=False, server_default="not_submitted"),
    _no("reimbursable"),
    _no("reimbursed"),
    _ref("category_id", "expense_category"),
    _ref("project_id", "project"),
    sa.Column("merchant", long_text()),
    sa.Column("notes", long_text()),
    _unit(),
    *_tracked(),
    sa.CheckConstraint("status IN ('not_submitted', 'pending_approval', 'rejected', 'approved')", name="status"),
)

purchase_order = _table(
    "purchase_order",
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("number", short_text(64), index=True),
    _ref("member_id", "member"),
    sa.Column("state", short_text(16), nullable=False, server_default="live"),
    sa.Column("date", calendar_day()),
    sa.Column("due_date", calendar_day()),
    sa.Column("currency", short_text(3)),
    _money("total"),
    sa.Column("notes", long_text()),
    _unit(),
    *_tracked(),
    sa.CheckConstraint(_MONEY_STATE, name="state"),
)
purchase_order_line = _table(
    "purchase_order_line",
    sa.Column("id", row_id(), primary_key=True),
    _parent("purchase_order_id", "purchase_order", index=False),
    sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
    _ref("item_id", "item"),
    _ref("category_id", "expense_category"),
    _ref("project_id", "project"),
    sa.Column("description", long_text()),
    sa.Column("quantity", exact(10)),
    sa.Column("rate", exact(10)),
    sa.Column("amount", exact(6), nullable=False),
    sa.Index("ix_purchase_order_line_purchase_order_id_position", "purchase_order_id", "position"),
)

attachment = _table(
    "attachment",
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("owner_kind", short_text(32), nullable=False),
    sa.Column("owner_id", row_id(), nullable=False),
    sa.Column("file_name", short_text(1000), nullable=False),
    sa.Column("path", long_text()),
    sa.Column("content", blob()),
    *_tracked(),
    sa.CheckConstraint(
        "owner_kind IN ('invoice', 'credit_note', 'expense', 'bill', 'purchase_order')", name="owner_kind"
    ),
    sa.Index("ix_attachment_owner_kind_owner_id", "owner_kind", "owner_id"),
)

syncd_tombstone = _table(
    TOMBSTONE,
    sa.Column("id", row_id(), primary_key=True),
    sa.Column("kind", short_text(32), nullable=False),
    sa.Column("record_id", short_text(64), nullable=False),
    sa.Column("removed_at", moment(), nullable=False),
    sa.Column("remove_from_qbo", sa.Boolean(), nullable=True),
    sa.Index("ix_syncd_tombstone_kind_removed_at", "kind", "removed_at"),
    sa.Index("ix_syncd_tombstone_kind_record_id", "kind", "record_id"),
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
