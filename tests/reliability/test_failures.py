"""The failure catalogue, the tests that carry its numbers, and the table about both say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.make_behaviours import ROOT, found
from tests.make_failures import MARK, PART, known_results, page, result_of, row, rows_of, stands
from tests.support.failures import SECTIONS, Failure, failures
from tests.support.pages import RELIABILITY, part, put

SHEET = ROOT.parent / "shared" / "failure-catalogue.md"


def test_entries_are_numbered_without_gaps_and_each_says_something_else() -> None:
    assert list(failures()) == [f"F-{number}" for number in range(1, 124)]
    assert sum(len(section) for section in SECTIONS.values()) == len(failures())
    for texts in ([each.title for each in failures().values()], [each.defence for each in failures().values()]):
        assert len({*texts}) == len(texts)
        assert all("|" not in text for text in texts), "the page is a table"


def test_each_entry_has_a_test_or_a_reason_why_it_cannot_apply() -> None:
    tests = found(MARK)
    assert {number: tests[number] for number in tests.keys() - failures().keys()} == {}
    assert [number for number, each in failures().items() if not tests.get(number) and not each.cannot] == []
    assert [number for number, each in failures().items() if tests.get(number) and each.cannot] == []


def test_the_table_names_every_entry_with_its_tests() -> None:
    tests = found(MARK)
    there = rows_of(part(RELIABILITY, PART))
    wanted = {
        number: rows_of(row(number, each, tests.get(number, ()), "ok"))[number][0]
        for number, each in failures().items()
    }
    changed = {number for number in wanted if there.get(number, ("", ""))[0] != wanted[number]}
    assert changed == set(), "run: make failures"


def test_the_list_has_the_entries_of_the_sheet() -> None:
    if not SHEET.exists():
        pytest.skip("the catalogue of failures is not part of a release")
    assert re.findall(r"^\*\*(F-\d+)\.", SHEET.read_text(encoding="utf-8"), re.MULTILINE) == list(failures())


def test_an_entry_stands_only_on_tests_that_passed() -> None:
    entry = Failure("it fails", "it does not")
    assert not stands(result_of(entry, {}))
    assert stands(result_of(entry, {"a": "passed", "b": "passed"}))
    assert result_of(entry, {"a": "passed", "b": "failed"}) == "FAILS: b failed"
    assert not stands(result_of(entry, {"a": "skipped"}))
    assert not stands(result_of(entry, {"a": "not run"}))
    assert stands(result_of(Failure("it fails", "it does not", cannot="there is no such thing"), {}))


def test_a_result_is_kept_only_while_its_row_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "reliability.md"
    monkeypatch.setattr("tests.make_failures.RELIABILITY", target)
    tests = {number: ["tests/a/test_b.py::test_c"] for number in failures()}
    put(target, PART, page(dict.fromkeys(failures(), "ok (1)"), tests))
    assert set(known_results(tests).values()) == {"ok (1)"}
    tests["F-7"] = ["tests/a/test_b.py::test_d"]
    assert [number for number, result in known_results(tests).items() if result != "ok (1)"] == ["F-7"]


def test_parts_of_a_page_do_not_touch_each_other(tmp_path: Path) -> None:
    target = tmp_path / "page.md"
    put(target, "one", "first")
    put(target, "two", "second")
    put(target, "one", "third")
    assert (part(target, "one"), part(target, "two"), part(target, "none")) == ("third", "second", "")
    text = target.read_text()
    assert text.startswith("# ")
    assert text.index("third") < text.index("second")
