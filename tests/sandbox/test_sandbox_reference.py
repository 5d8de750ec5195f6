"""The reference page says what the code does, and every behaviour on it has a test."""

from __future__ import annotations

from tests.sandbox.make_reference import TARGET, marked, page
from tests.support.checklist import ITEMS


def test_the_page_is_what_the_code_says() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m tests.sandbox.make_reference"


def test_every_behaviour_has_a_test() -> None:
    assert sorted(ITEMS) == list(range(1, 68))
    assert sorted(set(ITEMS) - set(marked())) == []
