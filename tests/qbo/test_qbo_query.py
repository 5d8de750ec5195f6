"""Statements: every value comes out as it went in, or is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.qbo import query
from syncd.qbo.candidates import spellings


def unquoted(literal: str) -> str:
    """What a parser after protocol.md 4.1 reads: a quoted text with ``\\'`` for a quote."""
    assert literal[0] == literal[-1] == "'"
    value, rest = [], iter(literal[1:-1])
    for character in rest:
        plain = next(rest) if character == "\\" else character
        assert (plain == "'") == (character == "\\")
        value.append(plain)
    return "".join(value)


@pytest.mark.failure("F-79")
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_every_text_survives_or_is_refused(value: str) -> None:
    try:
        literal = query.literal(value)
    except query.Inexpressible:
        assert (
            not value.strip()
            or "\\" in value
            or any(ord(character) < 32 or character == "\x7f" for character in value)
            or any("\ud800" <= character <= "\udfff" for character in value)
        )
    else:
        assert unquoted(literal) == value


@pytest.mark.parametrize("value", ["O'Brien & Söhne #1 100% + 株式会社 😀", 'Ünal\'s "Büro"', "a, b) OR 1=1"])
def test_quotes_and_signs_are_values(value: str) -> None:
    assert unquoted(query.literal(value)) == value


@pytest.mark.parametrize("value", ["C:\\", "two\nlines", "", "  ", "\ud800", "nul\x00"])
def test_what_cannot_be_said_is_refused(value: str) -> None:
    with pytest.raises(query.Inexpressible):
        query.literal(value)


def test_other_values() -> None:
    assert query.literal(True) == "true"
    assert query.literal(date(2026, 1, 5)) == "'2026-01-05'"
    assert query.literal(datetime(2026, 1, 5, 9, 30, 15, 900_000, tzinfo=UTC)) == "'2026-01-05T09:30:15+00:00'"
    assert query.among("Id", ["1"]) == "Id = '1'"
    assert query.among("Id", ["1", "2"]) == "Id IN ('1', '2')"


@pytest.mark.failure("F-40")
def test_lists_show_inactive_rows_too() -> None:
    assert "Active IN (true, false)" in query.select("Customer")
    assert "Active" not in query.select("Invoice")
    assert query.select("Invoice", "Id = '1'", start=1000) == (
        "SELECT * FROM Invoice WHERE Id = '1' ORDERBY Id STARTPOSITION 1001 MAXRESULTS 1000"
    )


def test_long_statements_are_posted() -> None:
    short = query.call_for(query.select("Invoice"))
    long = query.call_for(query.select("Customer", query.among("DisplayName", ["株式会社" * 60, "x"])))
    assert (short.method, short.body) == ("GET", b"")
    assert (long.method, long.content_type) == ("POST", "application/text")


@given(st.lists(st.text(max_size=3), max_size=90))
def test_chunks_hold_every_value_once(values: list[str]) -> None:
    groups = list(query.chunks(values, 7))
    assert [value for group in groups for value in group] == list(dict.fromkeys(values))
    assert all(len(group) <= 7 for group in groups)


def test_a_name_is_asked_for_in_all_its_spellings() -> None:
    assert set(spellings("Café  Noir ")) >= {"Café  Noir ", "Café Noir", "Cafe\u0301 Noir", "Café Noir (deleted)"}
