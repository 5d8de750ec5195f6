"""Writes ``docs/sandbox-reference.md`` from the code and the tests: ``python -m tests.sandbox.make_reference``."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from syncd.sandbox import switches
from syncd.sandbox.specs import SPECS
from syncd.sandbox.switches import CHOICES, NUMBERS, Switches
from tests.support.checklist import ITEMS, marks
from tests.support.sample_differences import ALLOWED
from tests.support.shapes import table_of

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "docs" / "sandbox-reference.md"
_OPERATIONS = ("create", "update", "delete", "void")

_HEAD = """\
# The sandbox: reference

Written by `python -m tests.sandbox.make_reference`; do not edit. [sandbox.md](sandbox.md) tells how to use the sandbox.
Words of the form `protocol.md 5.5`, `entities.md 4.2` and `S:invoice-void` name the research this project works from
(sections, and recorded payloads).
"""
_SURE = """\
## How sure each behaviour is

*documented*: on Intuit's pages or in Intuit's SDKs; *recorded*: seen in recorded answers; *reported*: integrators say
they saw it; *guessed*: our reading. Where nobody knows, or sources disagree, a *switch* lets you try the other way.
"""
_SAMPLES = """\
The suite compares the shape (members, types, nesting) of 149 recorded or documented payloads with the server's own
answers. These differences are known:
"""


def page() -> str:
    """The whole page."""
    return "\n".join((_HEAD, *_entities(), *_switches(), _SURE, *_behaviours(), *_samples()))


def _entities() -> Iterator[str]:
    yield "## Entities\n"
    yield "| entity | writes | sparse update | in the change feed |"
    yield "|---|---|---|---|"
    for name, spec in sorted(SPECS.items()):
        writes = ", ".join(each for each in _OPERATIONS if each in spec.operations) or "none"
        sparse = ("yes" if spec.sparse else "no") if "update" in spec.operations else ""
        yield f"| {name} | {writes} | {sparse} | {'yes' if spec.in_cdc else 'no'} |"
    yield ""


def _switches() -> Iterator[str]:
    yield "## Switches\n"
    yield "| switch | default | others | meaning |"
    yield "|---|---|---|---|"
    meanings = _meanings()
    for switch in fields(Switches):
        default = getattr(Switches(), switch.name)
        values = CHOICES.get(switch.name) or ((True, False) if isinstance(default, bool) else ())
        others = ", ".join(f"`{_shown(value)}`" for value in values if value != default)
        others = others or ("any number" if switch.name in NUMBERS else "")
        yield f"| `{switch.name}` | `{_shown(default)}` | {others} | {meanings.get(switch.name, '')} |"
    yield ""


def _meanings() -> dict[str, str]:
    """The text below each switch in the source."""
    tree = ast.parse(Path(switches.__file__).read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Switches")
    found = {}
    for node, after in pairwise(body):
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(text, str):
            found[node.target.id] = " ".join(text.split()).replace("``", "`").replace("|", "\\|")
    return found


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _behaviours() -> Iterator[str]:
    tests = marked()
    yield "| no. | behaviour | how sure | switches | tests |"
    yield "|---|---|---|---|---|"
    for number, (text, sure, names) in sorted(ITEMS.items()):
        shown = ", ".join(f"`{name}`" for name in names.split(", ") if name)
        where = ", ".join(f"`{name}`" for name in sorted(tests[number]))
        yield f"| {number} | {text} | {sure} | {shown} | {where} |"
    yield ""


def _samples() -> Iterator[str]:
    yield "## Where answers differ from recorded payloads\n"
    yield _SAMPLES
    yield table_of(ALLOWED)


def marked() -> dict[int, set[str]]:
    """By number of the checklist the test files that prove it."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in sorted(HERE.glob("test_*.py")):
        for _, number in marks(path.read_text()):
            found[number].add(path.stem.removeprefix("test_sandbox_"))
    return found


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
