"""Alembic's entry: runs the migrations of the reference schema on the connection that the caller opened."""

from __future__ import annotations

from alembic import context

from syncd.sources.sql import layout

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=layout.metadata,
    version_table=layout.VERSION_TABLE,
    render_as_batch=True,
    transactional_ddl=connection.dialect.name != "mysql",
)
with context.begin_transaction():
    context.run_migrations()
