"""The sample records of every profile fit into the reference schema, and syncd can read each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.demo import STORIES
from syncd.demo.samples import fill
from syncd.model.observations import Present
from syncd.sources.settings import SqlSourceConfig
from syncd.sources.sql.reference import prepare_source
from syncd.sources.sql.source import SqlSource
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'source.db'}"
    made: Callable[[], str] = request.getfixturevalue("postgres_url")
    return made()


@pytest.mark.parametrize("profile", STORIES)
def test_sample_records_can_be_read(profile: str, url: str) -> None:
    config = SqlSourceConfig.model_validate({"type": "sql", "url": url, "schema": "reference"})
    prepare_source(config)
    rows = fill(config, profile)
    source = SqlSource(config)
    seen = [each for kind in source.capabilities() for each in source.scan(kind)]
    source.close()
    assert [each for each in seen if not isinstance(each, Present)] == []
    assert 20 < len(seen) <= rows
