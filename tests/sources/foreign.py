"""Tables that nobody made for syncd, on any database, and sources over them under any mapping."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.sources.registry import open_source, source_config
from tests.sources.worlds import SqlWorld

_TYPES = {
    "sqlite": {"serial": "INTEGER PRIMARY KEY", "stamp": "TEXT"},
    "postgresql": {"serial": "SERIAL PRIMARY KEY", "stamp": "TIMESTAMP"},
    "mysql": {"serial": "INTEGER PRIMARY KEY AUTO_INCREMENT", "stamp": "DATETIME(6)"},
}


class ForeignWorld(SqlWorld):
    """Somebody's tables. ``tables`` is a script with ``{serial}`` and ``{stamp}`` for what each database calls them;
    ``numbered``: tables whose numbers go on after those of the script, with their key."""

    def __init__(
        self, url: str, *, tables: str, mapping: dict[str, Any], numbered: Sequence[tuple[str, str]] = ()
    ) -> None:
        dialect = "postgresql" if url.startswith("postgresql") else "sqlite" if url.startswith("sqlite") else "mysql"
        self.sources: list[Any] = []
        self.mapping = mapping
        super().__init__(url, schema=False, mapping=mapping)
        for name, text in _TYPES[dialect].items():
            tables = tables.replace(f"{{{name}}}", text)
        for statement in tables.split(";\n"):
            self.sql(statement.replace(":", "\\:"))
        if dialect == "postgresql":
            for table, key in numbered:
                self.sql(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), 100)")

    def under(self, change: Callable[[dict[str, Any]], object] | None = None, **config: Any) -> Any:
        """A source under the mapping with a change."""
        mapping = copy.deepcopy(self.mapping)
        if change is not None:
            change(mapping)
        self.sources.append(open_source(source_config({"url": self.url, "mapping": mapping, **config})))
        return self.sources[-1]

    def close(self) -> None:
        for source in self.sources:
            source.close()
        super().close()


def record(source: Any, kind: Kind, key: str) -> Any:
    """What a source says of one record, which has to be usable."""
    found = source.read(kind, [key])[key]
    assert isinstance(found, Present), found
    return found.record
