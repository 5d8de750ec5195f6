"""The documentation knows every key, every table and every column, and its examples are configurations."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from syncd.sources import settings
from syncd.sources.registry import source_config
from syncd.sources.sql import layout

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "source-sql.md").read_text()
WORDS = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r"(\w+) =", PAGE))


def keys() -> set[str]:
    models = [
        model
        for model in vars(settings).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == settings.__name__
    ]
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


@pytest.mark.parametrize("key", sorted(keys()))
def test_every_key_is_documented(key: str) -> None:
    assert key in WORDS


def test_every_table_and_column_is_documented() -> None:
    for table in layout.metadata.sorted_tables:
        assert {table.name, *(column.name for column in table.columns)} <= WORDS
    assert layout.VERSION_TABLE in WORDS


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_a_configuration(text: str) -> None:
    config = tomllib.loads(text)["company"]["source"]
    config.pop("password_file")  # the loader makes a password of it
    assert source_config(config)
