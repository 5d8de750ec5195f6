"""The manual names every setting with its default, every list, and every kind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from syncd.sources.ruddr.readers import LISTS
from syncd.sources.ruddr.settings import KINDS, RuddrSourceConfig

MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "source-ruddr-api.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", MANUAL, re.MULTILINE))


def shown(value: Any) -> str:
    """A default as the manual writes it."""
    if isinstance(value, frozenset):
        value = sorted(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else f"`{json.dumps(value)}`"


def test_every_setting_stands_in_the_manual_with_its_default() -> None:
    for name, field in RuddrSourceConfig.model_fields.items():
        expected = "required" if field.is_required() else shown(field.default)
        assert ROWS.get(name, "missing").strip("`") == expected.strip("`"), name


def test_every_list_and_every_kind_stands_in_the_manual() -> None:
    assert all(f"`{listed.path}`" in MANUAL for listed in LISTS)
    assert all(f"| {kind} |" in MANUAL for kind in KINDS)
    assert f"all {len(LISTS)} lists" in MANUAL
