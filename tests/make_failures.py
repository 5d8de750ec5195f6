"""The failure catalogue, entry by entry, with the tests that keep it from happening: ``python -m tests.make_failures``.

Runs the tests that carry a number, writes the table into ``docs/reliability.md`` and prints it. The end is 0 only if
each entry has a test that passes or a reason why it cannot apply. ``--no-run`` only brings the table up to date: an
entry whose tests are others than those that were run is then marked as not run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from tests.make_behaviours import ends_of, found, named
from tests.support.failures import SECTIONS, Failure, failures
from tests.support.pages import RELIABILITY, part, put

PART = "failures"
MARK = "failure"
NOT_RUN = "not run"
NO_TEST = "NO TEST"

_HEAD = """\
## The failure catalogue

<!-- Made by `make failures`; a test fails when it lacks an entry or a test. -->

123 ways in which tools of this sort go wrong in the field, each with what keeps syncd from it and the tests that
show it.
"""
_COLUMNS = "| no. | how it fails elsewhere | what keeps syncd from it | tests | result |\n|---|---|---|---|---|"


def row(number: str, failure: Failure, tests: Sequence[str], result: str) -> str:
    """One line of the table."""
    shown = named(list(tests)) or failure.cannot or "none"
    return f"| {number} | {failure.title} | {failure.defence} | {shown} | {result} |"


def result_of(failure: Failure, ends: Mapping[str, str]) -> str:
    """How an entry stands, from how its tests ended."""
    if not ends:
        return "cannot apply" if failure.cannot else NO_TEST
    bad = sorted(f"{test} {end}" for test, end in ends.items() if end != "passed")
    return f"FAILS: {', '.join(bad)}" if bad else f"ok ({len(ends)})"


def stands(result: str) -> bool:
    """Whether a result is none to worry about."""
    return result.startswith("ok") or result == "cannot apply"


def page(results: Mapping[str, str], tests: Mapping[str, list[str]]) -> str:
    """The whole part of the page."""
    lines = [_HEAD]
    for section, entries in SECTIONS.items():
        lines += [f"### {section}", "", _COLUMNS]
        lines += [row(number, entry, tests.get(number, ()), results[number]) for number, entry in entries.items()]
        lines.append("")
    good = sum(stands(result) for result in results.values())
    lines.append(f"{good} of {len(results)} entries stand, by {len(tested(tests))} tests.")
    return "\n".join(lines)


def tested(tests: Mapping[str, list[str]]) -> set[str]:
    """Every test that carries a number of the catalogue."""
    return {test for number in failures() for test in tests.get(number, ())}


def rows_of(text: str) -> dict[str, tuple[str, ...]]:
    """The rows of a table that was written before, by number: all but the result, and the result."""
    cells = (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| F-"))
    return {row[0]: (" | ".join(row[:-1]), row[-1]) for row in cells}


def known_results(tests: Mapping[str, list[str]]) -> dict[str, str]:
    """The results of the last run, where an entry still says what it said then."""
    before = rows_of(part(RELIABILITY, PART))
    results = {}
    for number, failure in failures().items():
        now, _ = rows_of(row(number, failure, tests.get(number, ()), NOT_RUN))[number]
        then, result = before.get(number, ("", ""))
        empty = result_of(failure, {})
        results[number] = empty if not tests.get(number) else result if now == then else NOT_RUN
    return results


def main(arguments: list[str]) -> int:
    """Run the tests, write the table and print it."""
    tests = found(MARK)
    if "--no-run" in arguments:
        results = known_results(tests)
    else:
        ends = ends_of({number: tests.get(number, []) for number in failures()}, MARK)
        results = {
            number: result_of(failure, {test: ends[test] for test in tests.get(number, ())})
            for number, failure in failures().items()
        }
    put(RELIABILITY, PART, page(results, tests))
    for number, failure in failures().items():
        carried = named(tests.get(number, [])) or failure.cannot or "no test"
        sys.stdout.write(f"{number:<6} {failure.title}\n       {carried}\n       {results[number]}\n")
    good = sum(stands(result) for result in results.values())
    sys.stdout.write(f"\n{good} of {len(results)} entries stand, by {len(tested(tests))} tests.\n")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
