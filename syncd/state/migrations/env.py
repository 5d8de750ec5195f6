"""How Alembic meets our database: on the connection it is given, inside the transaction that is already open there."""

from __future__ import annotations

from alembic import context

from syncd.state import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
