"""Every item of the protocol's checklist is proved by at least one test that carries its number."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.support.checklist import ITEMS, marks


def test_every_item_of_the_checklist_is_named_by_a_test() -> None:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path in sorted(Path(__file__).parent.glob("test_sandbox_*.py")):
        for name, item in marks(path.read_text()):
            found[item].append(f"{path.name}::{name}")
    assert sorted(ITEMS) == list(range(1, 68))
    assert [item for item in ITEMS if item not in found] == []
    assert [tests for item, tests in found.items() if item not in ITEMS] == []


def test_marks_are_found() -> None:
    source = "@pytest.mark.checklist(3)\n@pytest.mark.checklist(4)\ndef test_a(): ...\n\ndef test_b(): ..."
    assert list(marks(source)) == [("test_a", 3), ("test_a", 4)]
