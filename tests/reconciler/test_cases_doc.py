"""The page about the cases says what the code does."""

from __future__ import annotations

from syncd.reconciler.policy import Answer, Case
from tests.reconciler.make_cases_doc import TARGET, WHEN, WORDS, page


def test_the_page_is_what_the_code_says() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m tests.reconciler.make_cases_doc"


def test_every_case_and_every_answer_has_words() -> None:
    assert set(WHEN) == set(Case)
    assert set(WORDS) == set(Answer)
    assert all(f"| {case.value} | {WHEN[case][0]} |" in page() for case in Case)
