"""Purchase orders with their lines (B-44), and files of documents (B-28, B-39), with their triggers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql import triggers
from syncd.sources.sql.layout import OPTIONS, blob, calendar_day, exact, long_text, moment, row_id, short_text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PARENTS, _CHILDREN = triggers.PURCHASE_PARENTS, triggers.PURCHASE_CHILDREN
_INDEXES = (
    ("purchase_order", "number"),
    ("purchase_order", "member_id"),
    ("purchase_order", "updated_at"),
    ("purchase_order_line", "purchase_order_id", "position"),
    ("purchase_order_line", "item_id"),
    ("purchase_order_line", "category_id"),
    ("purchase_order_line", "project_id"),
    ("attachment", "owner_kind", "owner_id"),
    ("attachment", "updated_at"),
)
_OWNERS = "owner_kind IN ('invoice', 'credit_note', 'expense', 'bill', 'purchase_order')"


def _reference(table: str, column: str, other: str, **more: Any) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}", **more)


def upgrade() -> None:
    """Create the tables, their indexes and triggers."""
    op.create_table(
        "purchase_order",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("number", short_text(64)),
        sa.Column("member_id", row_id()),
        sa.Column("state", short_text(16), nullable=False, server_default="live"),
        sa.Column("date", calendar_day()),
        sa.Column("due_date", calendar_day()),
        sa.Column("currency", short_text(3)),
        sa.Column("total", exact(6), nullable=False, server_default="0"),
        sa.Column("notes", long_text()),
        sa.Column("business_unit", short_text(200), nullable=False, server_default=""),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_purchase_order"),
        _reference("purchase_order", "member_id", "member"),
        sa.CheckConstraint("state IN ('live', 'void')", name=op.f("ck_purchase_order_state")),
        **OPTIONS,
    )
    op.create_table(
        "purchase_order_line",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("purchase_order_id", row_id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("item_id", row_id()),
        sa.Column("category_id", row_id()),
        sa.Column("project_id", row_id()),
        sa.Column("description", long_text()),
        sa.Column("quantity", exact(10)),
        sa.Column("rate", exact(10)),
        sa.Column("amount", exact(6), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purchase_order_line"),
        _reference("purchase_order_line", "purchase_order_id", "purchase_order", ondelete="CASCADE"),
        _reference("purchase_order_line", "item_id", "item"),
        _reference("purchase_order_line", "category_id", "expense_category"),
        _reference("purchase_order_line", "project_id", "project"),
        **OPTIONS,
    )
    op.create_table(
        "attachment",
        sa.Column("id", row_id(), nullable=False),
        sa.Column("owner_kind", short_text(32), nullable=False),
        sa.Column("owner_id", row_id(), nullable=False),
        sa.Column("file_name", short_text(1000), nullable=False),
        sa.Column("path", long_text()),
        sa.Column("content", blob()),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
        sa.CheckConstraint(_OWNERS, name=op.f("ck_attachment_owner_kind")),
        **OPTIONS,
    )
    for table, *columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    for statement in triggers.statements(op.get_context().dialect.name, _PARENTS, _CHILDREN):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Remove everything again. The records are lost: only for development."""
    for statement in triggers.removals(op.get_context().dialect.name, _PARENTS, _CHILDREN):
        op.get_bind().exec_driver_sql(statement)
    op.drop_table("attachment")
    op.drop_table("purchase_order_line")
    op.drop_table("purchase_order")
