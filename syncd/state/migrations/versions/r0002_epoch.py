"""What a company needs to come out of a restored backup: its epoch, and since when it is known to be restored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("companies", sa.Column("epoch", SERIAL, nullable=False, server_default="0"))
    op.add_column("companies", sa.Column("restored_at", INSTANT, nullable=True))


def downgrade() -> None:
    op.drop_column("companies", "restored_at")
    op.drop_column("companies", "epoch")
