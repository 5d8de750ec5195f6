"""What a person asked to have sent stands until it is done, whatever happens to the run that was told (O-10, V-12)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dirty", sa.Column("asked", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("dirty", "asked")
