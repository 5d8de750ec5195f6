"""Clients have a billing contact, whose name goes along when a customer is made (O-18, O-27)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql import triggers
from syncd.sources.sql.layout import long_text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CONTACT = {"client": ("contact",)}


def upgrade() -> None:
    """Add the column; a change of it is a change of the client."""
    op.add_column("client", sa.Column("contact", long_text()))
    for statement in triggers.more_columns(op.get_context().dialect.name, _CONTACT, "contact"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Remove it again."""
    for statement in triggers.more_columns(op.get_context().dialect.name, _CONTACT, "contact"):
        op.get_bind().exec_driver_sql(f"DROP TRIGGER {statement.split()[2]}")
    op.drop_column("client", "contact")
