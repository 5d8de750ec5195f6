"""Every item of the protocol's checklist is proved by at least one test that carries its number."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ITEMS = range(1, 68)
"""The items of the emulator checklist (protocol.md 15)."""


def marks(source: str) -> Iterator[tuple[str, int]]:
    """The tests of a module, each with the items its ``@pytest.mark.checklist(n)`` marks name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.checklist":
                    yield from ((node.name, int(ast.unparse(argument))) for argument in mark.args)


def test_every_item_of_the_checklist_is_named_by_a_test() -> None:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path in sorted(Path(__file__).parent.glob("test_sandbox_*.py")):
        for name, item in marks(path.read_text()):
            found[item].append(f"{path.name}::{name}")
    assert [item for item in ITEMS if item not in found] == []
    assert [tests for item, tests in found.items() if item not in ITEMS] == []


def test_marks_are_found() -> None:
    source = "@pytest.mark.checklist(3)\n@pytest.mark.checklist(4)\ndef test_a(): ...\n\ndef test_b(): ..."
    assert list(marks(source)) == [("test_a", 3), ("test_a", 4)]
