"""Estimates; invoices that were sent or are marked as paid; contacts and accounts (V-10, V-14, V-21)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql import triggers, views
from syncd.sources.sql.layout import OPTIONS, calendar_day, exact, long_text, moment, row_id, short_text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATES = "state IN ('draft', 'published', 'void')"
_WITH_SENT = "state IN ('draft', 'published', 'sent', 'void')"
_SORTS = "sort IN ('contact', 'account')"
_PARENTS, _CHILDREN, _NAME = triggers.ESTIMATE_PARENTS, triggers.ESTIMATE_CHILDREN, "marks"
_INDEXES = (
    ("estimate", "number"),
    ("estimate", "client_id"),
    ("estimate", "updated_at"),
    ("estimate_line", "estimate_id", "position"),
    ("estimate_line", "item_id"),
)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, long_text()) for name in names]


def _reference(table: str, column: str, other: str, **more: Any) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}", **more)


def upgrade() -> None:
    """Create the tables, add the columns and the state, and let the view know of it."""
    connection, dialect = op.get_bind(), op.get_context().dialect.name
    _estimates()
    op.add_column("invoice", _flag("paid"))
    op.add_column("payment", _flag("by_mark"))
    if dialect == "sqlite":  # which takes a constraint only together with its column
        column = f"sort TEXT CONSTRAINT ck_client_sort CHECK ({_SORTS})"
        connection.exec_driver_sql(f"ALTER TABLE client ADD COLUMN {column}")
    else:
        op.add_column("client", sa.Column("sort", short_text(16)))
        op.create_check_constraint(op.f("ck_client_sort"), "client", _SORTS)
    _restate(_STATES, _WITH_SENT)
    for statement in (
        *triggers.statements(dialect, _PARENTS, _CHILDREN),
        *triggers.more_columns(dialect, triggers.MARKS, _NAME),
        "DROP VIEW invoice_status",
        views.statement(dialect),
    ):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Remove everything again. What was sent is published then. The estimates are lost: only for development."""
    connection, dialect = op.get_bind(), op.get_context().dialect.name
    made = [statement.split()[2] for statement in triggers.more_columns(dialect, triggers.MARKS, _NAME)]
    for statement in (
        "DROP VIEW invoice_status",
        *triggers.removals(dialect, _PARENTS, _CHILDREN),
        *(f"DROP TRIGGER {name}" for name in made),
        "UPDATE invoice SET state = 'published' WHERE state = 'sent'",
    ):
        connection.exec_driver_sql(statement)
    _restate(_WITH_SENT, _STATES)
    if dialect != "sqlite":
        op.drop_constraint(op.f("ck_client_sort"), "client", type_="check")
    for table, column in (("client", "sort"), ("payment", "by_mark"), ("invoice", "paid")):
        op.drop_column(table, column)
    op.drop_table("estimate_line")
    op.drop_table("estimate")
    connection.exec_driver_sql(views.statement(dialect, sent=False))


def _restate(old: str, new: str) -> None:
    """The states that an invoice may have. SQLite changes no constraint of a table that is there: the words of its
    definition are changed, which is how its makers say it is done (a constraint says nothing of how rows are kept)."""
    connection = op.get_bind()
    if op.get_context().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_invoice_state"), "invoice", type_="check")
        op.create_check_constraint(op.f("ck_invoice_state"), "invoice", new)
        return
    version: int = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'invoice'"),
        {"old": old, "new": new},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _estimates() -> None:
    op.create_table(
        "estimate",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("number", short_text(64)),
        *_texts("transaction_number"),
        sa.Column("client_id", row_id()),
        sa.Column("state", short_text(16), nullable=False, server_default="draft"),
        sa.Column("issue_date", calendar_day()),
        sa.Column("due_date", calendar_day()),
        sa.Column("currency", short_text(3)),
        sa.Column("exchange_rate", exact(10)),
        *_texts("bill_to", "emails", "cc_emails"),
        sa.Column("discount", exact(6), nullable=False, server_default="0"),
        sa.Column("tax", exact(6), nullable=False, server_default="0"),
        *_texts("tax_code"),
        sa.Column("tax_rate", exact(10)),
        _flag("tax_inclusive"),
        sa.Column("total", exact(6), nullable=False, server_default="0"),
        *_texts("notes"),
        sa.Column("business_unit", short_text(200), nullable=False, server_default=""),
        sa.Column("qbo_id", short_text(64)),
        sa.Column("save_to_qbo", sa.Boolean(), nullable=True),
        sa.Column("remove_from_qbo", sa.Boolean(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_estimate"),
        _reference("estimate", "client_id", "client"),
        sa.UniqueConstraint("business_unit", "qbo_id", name="uq_estimate_business_unit_qbo_id"),
        sa.CheckConstraint(_WITH_SENT, name=op.f("ck_estimate_state")),
        **OPTIONS,
    )
    op.create_table(
        "estimate_line",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("estimate_id", row_id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("item_id", row_id()),
        *_texts("description"),
        sa.Column("quantity", exact(10)),
        sa.Column("rate", exact(10)),
        sa.Column("amount", exact(6), nullable=False),
        sa.Column("taxable", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name="pk_estimate_line"),
        _reference("estimate_line", "estimate_id", "estimate", ondelete="CASCADE"),
        _reference("estimate_line", "item_id", "item"),
        **OPTIONS,
    )
    for table, *columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
