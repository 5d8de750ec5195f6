"""From a configuration to a source: a table of type names and import paths, loaded only when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from pydantic import ValidationError

from syncd.errors import SourceMisconfigured
from syncd.sources.base import Source
from syncd.sources.settings import SourceConfig, SqlSourceConfig

_ADAPTERS: Mapping[str, str] = {"sql": "syncd.sources.sql.source:SqlSource"}


def source_config(data: Mapping[str, Any]) -> SourceConfig:
    """Check the table ``[company.source]``. Raises ``SourceMisconfigured`` with every fault, each naming its key."""
    kind = data.get("type", "sql")
    if kind not in _ADAPTERS:
        raise SourceMisconfigured(f"source.type: found {kind!r}, expected one of {', '.join(sorted(_ADAPTERS))}.")
    try:
        return SqlSourceConfig.model_validate(data)
    except ValidationError as error:
        faults = [f"source.{_key(fault['loc'])}: {_said(fault['type'], fault['msg'])}" for fault in error.errors()]
        raise SourceMisconfigured("The source's configuration cannot be used:\n  - " + "\n  - ".join(faults)) from None


def open_source(config: SourceConfig) -> Source:
    """The source that ``config`` describes. Opens no connection yet; the first read does."""
    module, _, name = _ADAPTERS[config.type].partition(":")
    return cast(Source, getattr(import_module(module), name)(config))


def _key(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "(table)"


def _said(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "this key is not known; see docs/source-sql.md for those that are"
    if kind == "missing":
        return "this key is required and is not there"
    return message.removeprefix("Value error, ")
