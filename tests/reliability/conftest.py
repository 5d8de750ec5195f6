"""The same look-alike and companies as for the end-to-end tests, and PostgreSQL."""

from __future__ import annotations

from tests.e2e.conftest import make, sandbox, world
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["make", "postgres_server", "postgres_url", "sandbox", "world"]
