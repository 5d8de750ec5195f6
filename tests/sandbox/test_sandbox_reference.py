"""The reference page says what the code does, all behaviours of the checklist among it."""

from __future__ import annotations

from tests.sandbox.make_reference import TARGET, page
from tests.support.checklist import ITEMS


def test_the_page_is_what_the_code_says() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m tests.sandbox.make_reference"


def test_every_behaviour_is_on_it() -> None:
    assert sorted(ITEMS) == list(range(1, 68))
