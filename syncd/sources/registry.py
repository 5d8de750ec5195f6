"""From a configuration to a source: a table of type names and import paths, loaded only when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, TypeAlias, cast

from pydantic import Discriminator, Tag, ValidationError

from syncd.errors import SourceMisconfigured
from syncd.sources.base import Source
from syncd.sources.ruddr.settings import RuddrSourceConfig
from syncd.sources.settings import SqlSourceConfig

_MODELS: Mapping[str, type[SqlSourceConfig | RuddrSourceConfig]] = {"sql": SqlSourceConfig, "ruddr": RuddrSourceConfig}
_ADAPTERS: Mapping[str, str] = {
    "sql": "syncd.sources.sql.source:SqlSource",
    "ruddr": "syncd.sources.ruddr.source:RuddrSource",
}
_MANUALS: Mapping[str, str] = {"sql": "docs/source-sql.md", "ruddr": "docs/source-ruddr-api.md"}


def _type(given: Any) -> str:
    found = given.get("type", "sql") if isinstance(given, dict) else getattr(given, "type", "sql")
    return found if isinstance(found, str) else ""


SourceConfig: TypeAlias = Annotated[
    Annotated[SqlSourceConfig, Tag("sql")] | Annotated[RuddrSourceConfig, Tag("ruddr")],
    Discriminator(
        _type,
        custom_error_type="source_type",
        custom_error_message=f"one of the types {', '.join(sorted(_ADAPTERS))}",
    ),
]
"""Any source's configuration, told apart by its ``type``."""


def source_config(data: Mapping[str, Any]) -> SourceConfig:
    """Check the table ``[company.source]``. Raises ``SourceMisconfigured`` with every fault, each naming its key."""
    kind = data.get("type", "sql")
    if kind not in _ADAPTERS:
        raise SourceMisconfigured(f"source.type: found {kind!r}, expected one of {', '.join(sorted(_ADAPTERS))}.")
    try:
        return _MODELS[kind].model_validate(data)
    except ValidationError as error:
        faults = [
            f"source.{_key(fault['loc'])}: {_said(fault['type'], fault['msg'], _MANUALS[kind])}"
            for fault in error.errors()
        ]
        raise SourceMisconfigured("The source's configuration cannot be used:\n  - " + "\n  - ".join(faults)) from None


def open_source(config: SourceConfig) -> Source:
    """The source that ``config`` describes. Opens no connection yet; the first read does."""
    module, _, name = _ADAPTERS[config.type].partition(":")
    return cast(Source, getattr(import_module(module), name)(config))


def _key(loc: tuple[int | str, ...]) -> str:
    # What stands in brackets names no key but one of several forms that a value may have.
    return ".".join(str(part) for part in loc if not str(part).startswith("(")) or "(table)"


def _said(kind: str, message: str, manual: str) -> str:
    if kind == "extra_forbidden":
        return f"this key is not known; see {manual} for those that are"
    if kind == "missing":
        return "this key is required and is not there"
    return message.removeprefix("Value error, ")
