"""Documents may belong to a project, which may be a sub-customer in QuickBooks (B-22)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql import triggers
from syncd.sources.sql.layout import row_id

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a change of one is a change of the document."""
    for table in triggers.PROJECT_ID:
        op.add_column(table, sa.Column("project_id", row_id()))
    for statement in triggers.more_columns(op.get_context().dialect.name, triggers.PROJECT_ID, "project_id"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Remove them again."""
    for statement in triggers.more_columns(op.get_context().dialect.name, triggers.PROJECT_ID, "project_id"):
        op.get_bind().exec_driver_sql(f"DROP TRIGGER {statement.split()[2]}")
    for table in triggers.PROJECT_ID:
        op.drop_column(table, "project_id")
