"""Creating and upgrading the reference schema."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.sources.settings import SqlSourceConfig
from syncd.sources.sql import layout
from syncd.sources.sql.engine import url_of


def create_reference_schema(engine: sa.Engine) -> None:
    """Create the tables, indexes and triggers of the reference schema in an empty database.

    Does nothing where they are already there and up to date. Raises ``SourceMisconfigured`` where tables of these
    names exist that syncd did not create: they are left alone.
    """
    with engine.connect() as connection:
        if _revision(connection) is None:
            inspector = sa.inspect(connection)
            there = {*inspector.get_table_names(), *inspector.get_view_names()}
            there &= {*layout.metadata.tables, layout.STATUS_VIEW}
            if there:
                raise SourceMisconfigured(
                    f"The database already has tables called {', '.join(sorted(there))}.",
                    remedy="Use an empty database or schema, or describe these tables in a mapping.",
                )
    upgrade_reference_schema(engine)


def prepare_source(config: SqlSourceConfig) -> None:
    """Create or upgrade the reference schema in the database that ``config`` names. An SQLite file comes into being.

    Raises ``SourceMisconfigured`` for a source with tables of its own, ``SourceUnavailable`` where it cannot be done.
    """
    if config.mapping is not None:
        raise SourceMisconfigured(
            "This source maps tables of its own.", remedy='Only a source with schema = "reference" is created here.'
        )
    engine = sa.create_engine(url_of(config), hide_parameters=True)
    try:
        create_reference_schema(engine)
    except sa.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", error)).strip()
        raise SourceUnavailable(f"The tables could not be created: {said}") from None
    finally:
        engine.dispose()


def upgrade_reference_schema(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the reference schema to ``revision``, by default to that of this version of syncd."""
    with engine.begin() as connection:
        if revision == "head" and _revision(connection) == newest_revision():
            return
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def reference_revision(connection: sa.Connection) -> str | None:
    """The revision of the reference schema in this database; None where there is none."""
    return _revision(connection)


@cache
def newest_revision() -> str:
    """The revision that this version of syncd expects."""
    return ScriptDirectory.from_config(_alembic()).get_current_head() or ""


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", "syncd.sources.sql:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: sa.Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": layout.VERSION_TABLE})
    return context.get_current_revision()
