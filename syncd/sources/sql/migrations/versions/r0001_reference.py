"""The reference schema: clients, items, invoices, payments, with triggers, tombstones and the write log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql import triggers
from syncd.sources.sql.layout import OPTIONS, calendar_day, exact, long_text, moment, row_id, short_text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _tracked() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", moment(), nullable=True),
    ]


def _flag(name: str, default: bool) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


def _money(name: str) -> sa.Column[Any]:
    return sa.Column(name, exact(6), nullable=False, server_default="0")


def upgrade() -> None:
    """Create the tables, their indexes and their triggers."""
    op.create_table(
        "client",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("name", short_text(500), nullable=False),
        sa.Column("currency", short_text(3)),
        *(sa.Column(n, long_text()) for n in ("email", "address", "city", "region", "postal_code", "country")),
        _flag("active", True),
        sa.Column("qbo_id", short_text(64)),
        *_tracked(),
        sa.PrimaryKeyConstraint("id", name="pk_client"),
        sa.UniqueConstraint("qbo_id", name="uq_client_qbo_id"),
        **OPTIONS,
    )
    op.create_table(
        "item",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("name", short_text(500), nullable=False),
        _flag("active", True),
        sa.Column("qbo_id", short_text(64)),
        *_tracked(),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("qbo_id", name="uq_item_qbo_id"),
        **OPTIONS,
    )
    op.create_table(
        "invoice",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("number", short_text(64)),
        sa.Column("client_id", row_id()),
        sa.Column("state", short_text(16), nullable=False, server_default="draft"),
        sa.Column("issue_date", calendar_day()),
        sa.Column("due_date", calendar_day()),
        sa.Column("currency", short_text(3)),
        _money("discount"),
        _money("tax"),
        sa.Column("tax_code", long_text()),
        _money("total"),
        sa.Column("notes", long_text()),
        sa.Column("qbo_id", short_text(64)),
        _flag("save_to_qbo", True),
        _flag("remove_from_qbo", False),
        *_tracked(),
        sa.PrimaryKeyConstraint("id", name="pk_invoice"),
        sa.UniqueConstraint("qbo_id", name="uq_invoice_qbo_id"),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_invoice_client_id"),
        sa.CheckConstraint("state IN ('draft', 'published', 'void')", name=op.f("ck_invoice_state")),
        **OPTIONS,
    )
    op.create_table(
        "invoice_line",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("invoice_id", row_id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("item_id", row_id()),
        sa.Column("description", long_text()),
        sa.Column("quantity", exact(10)),
        sa.Column("rate", exact(10)),
        sa.Column("amount", exact(6), nullable=False),
        sa.Column("taxable", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name="pk_invoice_line"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name="fk_invoice_line_invoice_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_invoice_line_item_id"),
        **OPTIONS,
    )
    op.create_table(
        "payment",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("client_id", row_id()),
        sa.Column("date", calendar_day()),
        sa.Column("amount", exact(6), nullable=False),
        sa.Column("currency", short_text(3)),
        sa.Column("reference", long_text()),
        sa.Column("notes", long_text()),
        sa.Column("state", short_text(16), nullable=False, server_default="live"),
        sa.Column("qbo_id", short_text(64)),
        _flag("save_to_qbo", True),
        *_tracked(),
        sa.PrimaryKeyConstraint("id", name="pk_payment"),
        sa.UniqueConstraint("qbo_id", name="uq_payment_qbo_id"),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_payment_client_id"),
        sa.CheckConstraint("state IN ('live', 'void')", name=op.f("ck_payment_state")),
        **OPTIONS,
    )
    op.create_table(
        "payment_allocation",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("payment_id", row_id(), nullable=False),
        sa.Column("invoice_id", row_id(), nullable=False),
        sa.Column("amount", exact(6), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_payment_allocation"),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name="fk_payment_allocation_payment_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name="fk_payment_allocation_invoice_id"),
        **OPTIONS,
    )
    op.create_table(
        "syncd_tombstone",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("kind", short_text(32), nullable=False),
        sa.Column("record_id", short_text(64), nullable=False),
        sa.Column("removed_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_syncd_tombstone"),
        **OPTIONS,
    )
    op.create_table(
        "syncd_write",
        sa.Column("journal_id", short_text(64), nullable=False),
        sa.Column("kind", short_text(32), nullable=False),
        sa.Column("record_id", short_text(64), nullable=False),
        sa.Column("applied_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name="pk_syncd_write"),
        **{**OPTIONS, "sqlite_autoincrement": False},
    )
    for table, *columns in (
        ("client", "updated_at"),
        ("item", "updated_at"),
        ("invoice", "updated_at"),
        ("invoice", "number"),
        ("invoice", "client_id"),
        ("invoice_line", "invoice_id", "position"),
        ("invoice_line", "item_id"),
        ("payment", "updated_at"),
        ("payment", "client_id"),
        ("payment_allocation", "payment_id"),
        ("payment_allocation", "invoice_id"),
        ("syncd_tombstone", "kind", "removed_at"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    for statement in triggers.statements(op.get_context().dialect.name):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Remove everything again. The records are lost: only for development."""
    for statement in triggers.removals(op.get_context().dialect.name):
        op.get_bind().exec_driver_sql(statement)
    for table in (
        "syncd_write",
        "syncd_tombstone",
        "payment_allocation",
        "payment",
        "invoice_line",
        "invoice",
        "item",
        "client",
    ):
        op.drop_table(table)
