"""Clients have a billing contact, whose name goes along when a customer is made (O-18, O-27)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql.layout import long_text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER syncd_client_contact AFTER UPDATE OF contact ON client BEGIN
  UPDATE client SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END
"""
"""SQLite's triggers name the columns that are content; those of the others see every change of a row."""


def upgrade() -> None:
    """Add the column; a change of it is a change of the client."""
    op.add_column("client", sa.Column("contact", long_text()))
    if op.get_context().dialect.name == "sqlite":
        op.get_bind().exec_driver_sql(_SQLITE)


def downgrade() -> None:
    """Remove it again."""
    if op.get_context().dialect.name == "sqlite":
        op.get_bind().exec_driver_sql("DROP TRIGGER syncd_client_contact")
    op.drop_column("client", "contact")
