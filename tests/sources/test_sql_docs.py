"""The documentation knows every key, every table and every column, and its examples are configurations."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from syncd.sources import expressions, kinds, settings
from syncd.sources.kinds import files, forms, lists, payments, purchases
from syncd.sources.registry import source_config
from syncd.sources.sql import layout

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "source-sql.md").read_text()
WORDS = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r"(\w+) =", PAGE))


def keys() -> set[str]:
    models = [
        model
        for module in (expressions, kinds, lists, forms, payments, purchases, files, settings)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
    ]
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


@pytest.mark.parametrize("key", sorted(keys()))
def test_every_key_is_documented(key: str) -> None:
    assert key in WORDS


def test_every_table_and_column_is_documented() -> None:
    for table in layout.metadata.sorted_tables:
        assert {table.name, *(column.name for column in table.columns)} <= WORDS
    assert {layout.VERSION_TABLE, layout.STATUS_VIEW} <= WORDS


@pytest.mark.parametrize("kind", sorted(kinds.SqlMapping.model_fields.keys() - {"write_log"}))
def test_every_field_stands_in_the_row_of_its_kind(kind: str) -> None:
    table = kinds.SqlMapping.model_fields[kind].annotation
    fields = table.__args__[0].model_fields["fields"].annotation.model_fields  # type: ignore[union-attr]
    row = next(line for line in PAGE.splitlines() if re.match(rf"\| {kind.replace('_', ' ')} \|", line))
    assert set(fields) <= set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_a_configuration(text: str) -> None:
    config = tomllib.loads(text)["company"]["source"]
    config.pop("password_file")  # the loader makes a password of it
    assert source_config(config)
