"""Writes ``docs/behaviours.md`` and says how it stands: ``python -m tests.make_behaviours [--run]``.

With ``--run`` the tests that carry a number are run; the end is 0 only if every row is proved by a test through the
whole program and none of its tests fails.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.behaviours import PROFILES, PROVED, READINGS, WHOLE_PROGRAM, marks, rows

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "behaviours.md"
TESTS = ROOT / "tests"

_HEAD = """\
# Behaviours

<!-- Made by `make behaviours`; a test fails when this page is not what it would write. -->

What each profile promises, row by row, with the tests that prove it through the whole program: source database, engine,
HTTP, the QuickBooks look-alike, and back. Tests of single parts that carry the same number stand after "also".
`make behaviours` runs them all and prints the results.
"""
_READINGS = """\
## Where rows clash, or say nothing

How each is decided is told in the docs; these tests carry its number.
"""


def found(mark: str = "behaviour") -> dict[str, list[str]]:
    """By number, the tests that carry it under ``mark``: path of the file and name, in order."""
    tests: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if f"{mark}(" in text:
            for name, number in marks(text, mark):
                tests[number].append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return dict(tests)


def proofs(tests: Mapping[str, list[str]], number: str) -> list[str]:
    """The tests of a row that run the whole program."""
    return [test for test in tests.get(number, []) if test.startswith(WHOLE_PROGRAM)]


def page() -> str:
    """The whole page."""
    tests = found()
    lines = [_HEAD]
    for profile, areas in PROFILES.items():
        lines += [f"## `{profile}`", ""]
        if profile not in PROVED:
            numbers = rows(profile)
            shown = sum(bool(proofs(tests, number)) for number in numbers)
            lines += [f"This profile is being built: {shown} of {len(numbers)} rows have their test.", ""]
        for area, numbered in areas.items():
            lines += [f"### {area}", "", "| no. | behaviour | tests |", "|---|---|---|"]
            lines += [f"| {number} | {text} | {_cell(tests, number)} |" for number, text in numbered.items()]
            lines.append("")
    lines += [_READINGS, "| no. | matter | tests |", "|---|---|---|"]
    lines += [f"| {number} | {text} | {_cell(tests, number)} |" for number, text in READINGS.items()]
    return "\n".join((*lines, ""))


def _cell(tests: Mapping[str, list[str]], number: str) -> str:
    whole = proofs(tests, number)
    parts = [test for test in tests.get(number, []) if test not in whole]
    cells = [named(whole), f"also {named(parts)}" if parts else ""]
    return "; ".join(filter(None, cells)) or "none"


def named(tests: list[str]) -> str:
    """Tests by file, without what is the same in every name."""
    by_file: defaultdict[str, list[str]] = defaultdict(list)
    for test in tests:
        path, _, name = test.partition("::")
        by_file[path.removeprefix("tests/").removesuffix(".py")].append(name.removeprefix("test_"))
    return ", ".join(f"`{path}`: {', '.join(names)}" for path, names in by_file.items())


class Results:
    """A pytest plugin that remembers how each test ended, its parameters taken together: the worst counts."""

    RANK = ("passed", "skipped", "failed")

    def __init__(self) -> None:
        self.ends: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.partition("[")[0]
            self.ends[name] = max(self.ends.get(name, "passed"), report.outcome, key=self.RANK.index)


def ends_of(tests: Mapping[str, list[str]], mark: str) -> dict[str, str]:
    """Run these tests, which carry numbers under ``mark``: how each of them ended."""
    results = Results()
    selected = {test for each in tests.values() for test in each}
    files = sorted({test.partition("::")[0] for test in selected})
    pytest.main(["-q", "--numprocesses", "auto", "--dist", "worksteal", "-m", mark, *files], plugins=[results])
    return {test: results.ends.get(test, "not run") for test in sorted(selected)}


def run() -> tuple[list[str], int]:
    """Run the tests that carry a number: the table with results, and the exit code."""
    tests = found()
    results = ends_of(tests, "behaviour")
    lines, good = [], 0
    for number, text in rows().items():
        ends = {test: results[test] for test in tests.get(number, [])}
        whole = proofs(tests, number)
        if not whole:
            end = "NO TEST through the whole program"
        elif bad := [f"{test} {end}" for test, end in ends.items() if end != "passed"]:
            end = f"FAILS: {', '.join(bad)}"
        else:
            end, good = f"ok ({len(ends)} tests)", good + 1
        lines.append(f"{number:<6} {text}\n       {end}")
    lines.append(f"\n{good} of {len(rows())} rows are proved, by {len(results)} tests.")
    return lines, 0 if good == len(rows()) else 1


def main(arguments: list[str]) -> int:
    """Write the page; with ``--run`` run the tests and print the table."""
    TARGET.write_text(page(), encoding="utf-8")
    if "--run" not in arguments:
        return 0
    lines, code = run()
    sys.stdout.write("\n".join((*lines, "")))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
