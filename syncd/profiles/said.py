"""A company's settings: what is said of them, by the company and by its profile, and what holds.

There is one way from one to the other, ``settled``. What is said has a type of its own, in which None means "nothing is
said", so that nobody can take it for the settings that hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, create_model

from syncd.model.facts import Settings

_STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def said_of(*names: str) -> type[BaseModel]:
    """A table in which these settings may be said, each of its own type."""
    fields: dict[str, Any] = {
        field.name: (field.type | None, None) for field in msgspec.structs.fields(Settings) if field.name in names
    }
    return create_model("Settings", __config__=_STRICT, **fields)


Said = said_of(*(field.name for field in msgspec.structs.fields(Settings)))
"""``[company.settings]``, as far as a configuration says any."""


def said_in(table: BaseModel) -> dict[str, object]:
    """The settings that are said there, by name."""
    return {name: value for name, value in table if value is not None}


def settled(brought: Mapping[str, object], said: Mapping[str, object]) -> Settings:
    """The settings that hold: what the company says, else what its profile brings along, else what holds for all. An
    empty word of the company is none where its profile has one (``numbering``)."""
    own = {name: value for name, value in said.items() if value != "" or name not in brought}
    return msgspec.structs.replace(Settings(), **{**brought, **own})
