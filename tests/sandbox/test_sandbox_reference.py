"""The reference page says what the code does."""

from __future__ import annotations

from tests.sandbox.make_reference import TARGET, page


def test_the_page_is_what_the_code_says() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m tests.sandbox.make_reference"
