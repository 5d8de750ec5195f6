"""The acceptance list, the tests that carry its numbers, and the page about both say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.make_behaviours import ROOT, TARGET, Results, found, page, proofs
from tests.support.behaviours import PROFILES, PROVED, READINGS, marks, rows

SHEET = ROOT.parent / "shared" / "sources" / "behaviour.md"
LETTERS = {"ruddr": ("R", 120), "billdr": ("B", 46), "ravetree": ("V", 24), "onedesk": ("O", 36)}
"""Each profile's letter, and how many rows it has."""


def test_no_test_carries_a_number_that_is_in_no_list() -> None:
    known = rows().keys() | READINGS.keys()
    assert {number: tests for number, tests in found().items() if number not in known} == {}


def test_the_page_is_what_the_tests_say() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m tests.make_behaviours"


def test_every_row_of_a_proved_profile_has_its_test() -> None:
    tests = found()
    assert [number for profile in PROVED for number in rows(profile) if not proofs(tests, number)] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_rows_are_numbered_without_gaps(profile: str) -> None:
    letter, count = LETTERS[profile]
    assert list(rows(profile)) == [f"{letter}-{number}" for number in range(1, count + 1)]
    assert sum(len(area) for area in PROFILES[profile].values()) == count


def test_each_row_says_something_and_fits_into_a_table() -> None:
    texts = [*(f"{profile} {text}" for profile in PROFILES for text in rows(profile).values()), *READINGS.values()]
    assert len({*texts}) == len(texts)
    assert all("|" not in text for text in texts), "the page is a table"


def test_the_list_has_the_rows_of_the_sheet() -> None:
    if not SHEET.exists():
        pytest.skip("the sheet of behaviours is not part of a release")
    sheet = re.findall(r"^\| ([A-Z]-\d+) \|", SHEET.read_text(encoding="utf-8"), re.MULTILINE)
    assert [number for number in sheet if number[0] in "RBVO"] == list(rows())


def test_marks_are_found_wherever_they_stand() -> None:
    module = """
import pytest
pytestmark = [pytest.mark.behaviour("R-1")]
@pytest.mark.behaviour("R-2", "R-3")
@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.behaviour("R-4"))])
def test_one(x): ...
@pytest.mark.behaviour("R-5")
class TestMany:
    @pytest.mark.behaviour("R-6")
    def test_two(self): ...
    def helper(self): ...
def helper(): ...
"""
    assert sorted(marks(module)) == [
        *(("TestMany::test_two", number) for number in ("R-1", "R-5", "R-6")),
        *(("test_one", number) for number in ("R-1", "R-2", "R-3", "R-4")),
    ]


def test_only_the_whole_program_proves_a_row() -> None:
    tests = {"R-1": ["tests/model/test_lens.py::test_a", "tests/e2e/test_b.py::test_b"]}
    assert proofs(tests, "R-1") == ["tests/e2e/test_b.py::test_b"]
    assert proofs(tests, "R-2") == []


def test_the_worst_end_of_a_test_counts(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('x', [1, 0, 1])\n"
        "def test_mixed(x): assert x\n"
        "def test_good(): pass\n"
        "def test_left_out(): pytest.skip('why')\n"
        "@pytest.fixture\n"
        "def broken(): raise ValueError\n"
        "def test_broken(broken): pass\n"
    )
    place = str(tmp_path)
    script = (
        "import sys, pytest; from tests.make_behaviours import Results; r = Results(); "
        f"pytest.main(['-q', '-p', 'no:cacheprovider', '--rootdir', {place!r}, {place!r}], plugins=[r]); "
        "print('ENDS', sorted((n.partition('::')[2], e) for n, e in r.ends.items()))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    ends = [("test_broken", "failed"), ("test_good", "passed"), ("test_left_out", "skipped"), ("test_mixed", "failed")]
    assert f"ENDS {ends}" in done.stdout, done.stdout + done.stderr
    assert Results.RANK.index("failed") == 2
