"""Who may import whom, what the pure parts may not touch, and where a vendor may be named.

``.importlinter`` holds the import rules for the whole graph. Here they are stated from the other end, as lists of what
*is* allowed, so that a module that nobody has thought of yet is covered; and every rule is broken once on purpose, to
see that it would be noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).resolve().parent.parent
Tree = Mapping[str, str]
"""Source text by path, as the rules see it."""

# DESIGN: "The parts, and who may import whom". A part is a module or package right below syncd.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "model": frozenset(),
    "reconciler": frozenset({"model"}),
    "profiles": frozenset({"model", "reconciler"}),
    "sources": frozenset({"model", "errors", "clock"}),
    "qbo": frozenset({"model", "errors", "clock", "metrics"}),
    "state": frozenset({"model", "reconciler", "errors", "clock"}),
    "sandbox": frozenset(),
    "clock": frozenset(),
    "errors": frozenset(),
}
TYPES_OF_THE_RECONCILER = {
    "state": {"reconciler.plan", "reconciler.policy"},
    "profiles": {"reconciler.policy"},
}
STARTED_BY: Mapping[str, frozenset[str]] = {
    "sandbox": frozenset({"cli", "demo"}),
    "cli": frozenset({"demo", "__main__"}),
    "daemon": frozenset({"cli"}),
    "demo": frozenset({"cli"}),
}
PURE = ("model", "reconciler")
PURE_IMPORTS = frozenset(
    {"__future__", "collections", "dataclasses", "datetime", "decimal", "enum", "functools", "hashlib", "itertools"}
    | {"msgspec", "re", "types", "typing", "unicodedata", "syncd"}
)
"""All that the pure parts may import. Of ``datetime`` only the types, see ``CLOCK_CALLS``."""
EXPLAINS = "syncd/reconciler/explain.py"
CLOCK_CALLS = frozenset({"now", "utcnow", "today", "fromtimestamp", "time", "monotonic"})
IMPURE_BUILTINS = frozenset({"open", "input", "print", "exec", "eval", "__import__"})
VENDORS = re.compile(r"ruddr|billdr|ravetree|onedesk", re.IGNORECASE)
VENDOR_PLACES = ("syncd/profiles/", "syncd/sources/", "syncd/demo/", "syncd/cli/config.example.toml")
MONEY_MODULES = (
    *("syncd/model/", "syncd/reconciler/", "syncd/profiles/", "syncd/sources/", "syncd/state/", "syncd/qbo/codec/"),
    *("syncd/audit.py", "syncd/executor.py", "syncd/gather.py", "syncd/planfile.py", "syncd/recovery.py"),
    *("syncd/settling.py", "syncd/translate.py", "syncd/matching.py", "syncd/linking.py", "syncd/rematching.py"),
    *("syncd/expenses.py", "syncd/lookup.py", "syncd/needs.py", "syncd/scene.py", "syncd/seen.py"),
    *("syncd/presenting.py", "syncd/pushing.py", "syncd/written.py"),
)


@lru_cache(maxsize=1)
def product() -> Tree:
    """The product's own files."""
    files = [path for path in (ROOT / "syncd").rglob("*") if path.suffix in {".py", ".toml", ".sql", ".mako", ".html"}]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}


@cache
def syntax(text: str) -> ast.Module:
    """A module's syntax, read once for all rules."""
    return ast.parse(text)


def python(tree: Tree) -> Iterator[tuple[str, str, ast.Module]]:
    """Path, part and syntax of every module."""
    for path, text in sorted(tree.items()):
        if path.endswith(".py"):
            yield path, path.split("/")[1].removesuffix(".py"), syntax(text)


def imports(path: str, module: ast.Module) -> Iterator[str]:
    """The full names of all that a module imports, wherever in it that happens."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def parts_imported(path: str, module: ast.Module) -> Iterator[str]:
    """The parts of syncd that a module imports, with what follows: ``reconciler.plan.Plan``."""
    return (name.removeprefix("syncd.") for name in imports(path, module) if name.startswith("syncd."))


# ---- the rules: each lists what breaks it


def wrong_imports(tree: Tree) -> list[str]:
    """Parts that import what they may not, and parts that are imported by whom they may not be."""
    found = []
    for path, part, module in python(tree):
        for name in parts_imported(path, module):
            other = name.split(".")[0]
            if other == part:
                continue
            if part in MAY_IMPORT and other not in MAY_IMPORT[part]:
                found.append(f"{path} imports {name}")
            if part not in STARTED_BY.get(other, frozenset({part})):
                found.append(f"{path} imports {name}, which only {', '.join(sorted(STARTED_BY[other]))} may")
    return found


def more_than_types(tree: Tree) -> list[str]:
    """Parts that may know the reconciler's types and reach for more."""
    return [
        f"{path} imports {name}"
        for path, part, module in python(tree)
        for name in parts_imported(path, module)
        if part in TYPES_OF_THE_RECONCILER
        and name.startswith("reconciler")
        and ".".join(name.split(".")[:2]) not in TYPES_OF_THE_RECONCILER[part]
    ]


def impure(tree: Tree) -> list[str]:
    """I/O, clocks, randomness and logging in the parts that are a function of their arguments."""
    found = []
    for path, part, module in python(tree):
        if part not in PURE:
            continue
        for name in imports(path, module):
            allowed = name.split(".")[0] in PURE_IMPORTS or (name.startswith("deepdiff") and path == EXPLAINS)
            if not allowed:
                found.append(f"{path} imports {name}")
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
                found.append(f"{path}:{node.lineno} calls {node.func.attr}()")
            if isinstance(node.func, ast.Name) and node.func.id in IMPURE_BUILTINS:
                found.append(f"{path}:{node.lineno} calls {node.func.id}()")
    return found


def vendors_named(tree: Tree) -> list[str]:
    """Files outside profiles and sources that know one of the systems by name."""
    return [path for path, text in sorted(tree.items()) if VENDORS.search(text) and not path.startswith(VENDOR_PLACES)]


def binary_money(tree: Tree) -> list[str]:
    """Binary floating point where an amount may pass."""
    found = []
    for path, _, module in python(tree):
        if not path.startswith(MONEY_MODULES):
            continue
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
                found.append(f"{path}:{node.lineno} float()")
            if isinstance(node, ast.Constant) and isinstance(node.value, float) and path.startswith(MONEY_MODULES[:3]):
                found.append(f"{path}:{node.lineno} {node.value}")
    return found


RULES: tuple[Callable[[Tree], list[str]], ...] = (wrong_imports, more_than_types, impure, vendors_named, binary_money)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Callable[[Tree], list[str]]) -> None:
    assert rule(product()) == []


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (wrong_imports, "syncd/model/bad.py", "from syncd import errors"),
        (wrong_imports, "syncd/model/bad.py", "import syncd.reconciler.plan"),
        (wrong_imports, "syncd/reconciler/bad.py", "from syncd.state.store import Store"),
        (wrong_imports, "syncd/reconciler/bad.py", "from ..qbo import wire"),
        (wrong_imports, "syncd/reconciler/bad.py", "from syncd.heartbeat import Heartbeat"),
        (wrong_imports, "syncd/sources/bad.py", "from syncd.qbo.wire import Json"),
        (wrong_imports, "syncd/sources/sql/bad.py", "from syncd.reconciler.plan import Plan"),
        (wrong_imports, "syncd/qbo/bad.py", "from syncd.sources.base import Source"),
        (wrong_imports, "syncd/qbo/bad.py", "def f():\n    from syncd.state import store"),
        (wrong_imports, "syncd/state/bad.py", "from syncd.metrics import Metrics"),
        (wrong_imports, "syncd/sandbox/bad.py", "from syncd.model.kinds import Kind"),
        (wrong_imports, "syncd/sandbox/bad.py", "from syncd.errors import SyncdError"),
        (wrong_imports, "syncd/cycle.py", "from syncd.sandbox.book import Book"),
        (wrong_imports, "syncd/qbo/bad.py", "import syncd.sandbox"),
        (wrong_imports, "syncd/cycle.py", "from syncd.cli import main"),
        (wrong_imports, "syncd/engine.py", "from syncd import daemon"),
        (wrong_imports, "syncd/errors.py", "from syncd.model.kinds import Kind"),
        (more_than_types, "syncd/state/bad.py", "from syncd.reconciler.reconcile import reconcile"),
        (more_than_types, "syncd/profiles/bad.py", "from syncd.reconciler import cases"),
        (impure, "syncd/model/bad.py", "import os"),
        (impure, "syncd/model/bad.py", "import random"),
        (impure, "syncd/reconciler/bad.py", "import logging"),
        (impure, "syncd/reconciler/bad.py", "import structlog"),
        (impure, "syncd/reconciler/bad.py", "from time import monotonic"),
        (impure, "syncd/reconciler/bad.py", "import requests"),
        (impure, "syncd/reconciler/bad.py", "from sqlalchemy import select"),
        (impure, "syncd/reconciler/bad.py", "from deepdiff import DeepDiff"),
        (impure, "syncd/model/bad.py", "from datetime import datetime\nWHEN = datetime.now()"),
        (impure, "syncd/model/bad.py", "from datetime import date\nWHEN = date.today()"),
        (impure, "syncd/reconciler/bad.py", "open('x')"),
        (vendors_named, "syncd/reconciler/bad.py", "if profile == 'ruddr': ..."),
        (vendors_named, "syncd/cycle.py", "# as OneDesk does"),
        (binary_money, "syncd/model/bad.py", "float(amount)"),
        (binary_money, "syncd/settling.py", "float(amount)"),
        (binary_money, "syncd/reconciler/bad.py", "close = abs(a - b) < 0.01"),
    ],
)
def test_each_rule_is_seen_to_be_broken(rule: Callable[[Tree], list[str]], path: str, text: str) -> None:
    assert rule({path: text})


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (wrong_imports, "syncd/reconciler/good.py", "from syncd.model.kinds import Kind"),
        (wrong_imports, "syncd/cli/good.py", "from syncd.sandbox.server import serve"),
        (impure, EXPLAINS, "from deepdiff import DeepDiff"),
        (impure, "syncd/state/good.py", "import time"),
        (vendors_named, "syncd/profiles/good.py", "# ruddr"),
        (binary_money, "syncd/sandbox/good.py", "float(seconds)"),
    ],
)
def test_no_rule_sees_what_is_not_there(rule: Callable[[Tree], list[str]], path: str, text: str) -> None:
    assert rule({path: text}) == []


def test_every_part_with_a_rule_exists() -> None:
    parts = {part for _, part, _ in python(product())}
    assert set(MAY_IMPORT) <= parts
    assert {"cli", "daemon", "sandbox"} <= parts


def test_the_contracts_of_the_import_linter_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.lint_imports(config_filename=".importlinter", no_cache=True) == 0
