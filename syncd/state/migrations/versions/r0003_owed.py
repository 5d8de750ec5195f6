"""Since when a record has to be looked at again: what is owed shows its age (F-116)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("dirty", sa.Column("since", INSTANT, nullable=True))


def downgrade() -> None:
    op.drop_column("dirty", "since")
