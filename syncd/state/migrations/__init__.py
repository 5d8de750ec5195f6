"""Alembic's scripts for the state database; run by ``syncd.state.migrate``, never by hand."""
