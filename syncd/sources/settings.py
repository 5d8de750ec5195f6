"""The configuration of a source: what stands under ``[company.source]``. Checked whole, unknown keys refused."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, StrictStr, field_validator, model_validator

from syncd.model.kinds import Kind
from syncd.sources.expressions import Strict
from syncd.sources.kinds import SqlMapping

_SUPPORTED = ("postgresql+psycopg", "mysql+pymysql", "mariadb+pymysql", "sqlite")


class SqlSourceConfig(Strict):
    """A source in a SQL database: PostgreSQL, MySQL or MariaDB, SQLite.

    Give either ``schema = "reference"`` (the tables that syncd ships) or a ``mapping`` onto tables that exist. The
    password may be part of ``url``; better, it comes from a file (``password_file``, read by the loader).
    ``read_only`` lists kinds that are never written, whatever else is said. ``business_units`` restricts documents to
    those of these units, ``""`` standing for none (R-115); empty: all documents.
    """

    type: Literal["sql"] = "sql"
    url: SecretStr
    password: SecretStr | None = None
    schema_name: Literal["reference"] | None = Field(default=None, alias="schema")
    mapping: SqlMapping | None = None
    read_only: frozenset[Kind] = frozenset()
    business_units: tuple[StrictStr, ...] = ()
    time_zone: StrictStr = "UTC"
    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    connect_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    lock_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    files_directory: StrictStr | None = None
    """The directory below which files are whose rows name a path; nothing outside of it is ever read."""

    @field_validator("url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        driver = url.get_secret_value().partition(":")[0]
        if driver not in _SUPPORTED:
            raise ValueError(f"the address must begin with one of {', '.join(f'{d}://' for d in _SUPPORTED)}")
        return url

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; expected a name such as UTC or Europe/Vienna") from None
        return name

    @model_validator(mode="after")
    def _one_layout(self) -> SqlSourceConfig:
        if (self.schema_name is None) == (self.mapping is None):
            raise ValueError('give either schema = "reference" or a mapping, and not both')
        return self

    @model_validator(mode="after")
    def _units_of_all_documents(self) -> SqlSourceConfig:
        if not self.business_units or self.mapping is None:
            return self
        for kind, table in self.mapping.tables.items():
            # A document of which nobody knows the unit would go to every company.
            if getattr(table, "business_unit", "") is None:
                raise ValueError(f"business_units needs the column mapping.{kind}.business_unit")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone of timestamps that carry none."""
        return ZoneInfo(self.time_zone)
