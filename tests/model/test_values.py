"""Canonical values: exact money, plain numbers, text that survives a round trip."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import values
from tests.reconciler.build import moderate

AMOUNTS = st.decimals(min_value=-(10**10), max_value=10**10, places=4, allow_nan=False, allow_infinity=False)
TEXTS = st.text() | st.text(alphabet=" \t\n\r\x0b\x0c\u00a0\u2028aé\u0301")


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("10", "USD", "10.00"),
        ("0.005", "USD", "0.01"),
        ("0.015", "USD", "0.02"),  # half up, where half even would give 0.02 and 0.00 in turn
        ("0.025", "USD", "0.03"),
        ("-0.005", "USD", "-0.01"),
        ("-0.004", "USD", "0.00"),
        ("1234.5", "JPY", "1235"),
        ("1234.4999", "JPY", "1234"),
        ("1.0005", "KWD", "1.001"),
        ("1.0004", "KWD", "1.000"),
        ("2.675", "EUR", "2.68"),
        ("9999999999.99", "USD", "9999999999.99"),
    ],
)
def test_money_is_rounded_half_up_to_what_its_currency_has(amount: str, currency: str, expected: str) -> None:
    assert values.money(Decimal(amount), currency) == expected


@pytest.mark.parametrize("huge", ["1E+30", "1E+999999", "-1E+40"])
def test_an_absurd_amount_is_no_reason_to_stop_comparing_the_others(huge: str) -> None:
    assert Decimal(values.money(Decimal(huge), "USD")) == Decimal(huge)
    assert not values.explains(Decimal("1E+20"), Decimal("1E+20"), Decimal(1))


@moderate
@given(AMOUNTS, st.sampled_from(["USD", "JPY", "KWD"]))
def test_money_says_the_same_however_often_it_is_rounded(amount: Decimal, currency: str) -> None:
    once = values.money(amount, currency)
    assert values.money(Decimal(once), currency) == once
    half_a_unit = Decimal(1).scaleb(-values.minor_digits(currency)) / 2
    assert abs(Decimal(once) - amount) <= half_a_unit
    assert once != "-0.00"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (0.1, "0.1"),
        (0.99, "0.99"),
        (1e-7, "1E-7"),
        (1234567.89, "1234567.89"),
        ("  12.50 ", "12.50"),
        (3, "3"),
        (Decimal("0.10"), "0.10"),
    ],
)
def test_a_float_is_the_number_that_was_written(raw: object, expected: str) -> None:
    assert values.decimal_of(raw) == Decimal(expected)


@pytest.mark.parametrize("raw", [True, float("nan"), float("inf"), "NaN", "Infinity", "", "12,50", "twelve", None])
def test_what_is_no_number_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="number"):
        values.decimal_of(raw)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("100", "100"),
        ("1.500", "1.5"),
        ("2.0", "2"),
    ],
)
def test_numbers_have_no_exponent_and_no_idle_zeros(number: str, expected: str) -> None:
    assert values.number(Decimal(number)) == expected


@moderate
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_number_in_words_is_the_number(number: Decimal) -> None:
    said = values.number(number)
    assert Decimal(said) == number
    assert "E" not in said.upper()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  a  ", "a"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one  \ntwo\t\n", "one\ntwo"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("Zürich\r\n", "Zürich"),
        ("東京 \r\n 大阪", "東京\n 大阪"),
        ("شركة 🚀 ", "شركة 🚀"),
        ("", ""),
    ],
)
def test_text_is_the_same_however_a_side_lays_it_out(raw: str, expected: str) -> None:
    assert values.text(raw) == expected


@moderate
@given(TEXTS)
def test_canonical_text_is_canonical(raw: str) -> None:
    once = values.text(raw)
    assert values.text(once) == once
    assert "\r" not in once
    assert once == unicodedata.normalize("NFC", once)


@moderate
@given(TEXTS, st.integers(min_value=1, max_value=12))
def test_what_was_cut_is_not_cut_again(raw: str, limit: int) -> None:
    cut = values.cut(values.text(raw), limit)
    assert len(cut) <= limit
    assert values.cut(values.text(cut), limit) == values.text(cut)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Müller GmbH", "MÜLLER  gmbh"),
        ("Straße", "STRASSE"),
        ("Acme (deleted)", "acme"),
        ("Cafe\u0301", "CAFÉ"),
    ],
)
def test_names_that_a_person_takes_for_one(left: str, right: str) -> None:
    assert values.name_key(left) == values.name_key(right)


def test_names_that_are_not_one() -> None:
    assert values.name_key("Acme deleted") != values.name_key("Acme")
    assert values.name_key("Acme 2") != values.name_key("Acme")


def test_equal_values_have_equal_fingerprints_and_others_do_not() -> None:
    assert values.fingerprint({"a": "1", "b": "2"}) == values.fingerprint({"b": "2", "a": "1"})
    assert values.fingerprint({"a": "1"}) != values.fingerprint({"a": "2"})


@pytest.mark.parametrize(
    ("quantity", "rate", "amount", "fits"),
    [
        ("3", "33.33", "99.99", True),
        ("3", "33.333", "100.00", True),
        ("3", "33.33", "100.00", False),
        ("1", "0.005", "0.01", False),  # half up says 0.01, half even 0.00: nobody knows what QBO says
        ("0.12345678", "1", "0.12", False),  # more digits than QBO keeps
        ("0", "5", "0.00", True),
    ],
)
def test_quantity_and_rate_explain_an_amount_or_are_left_out(quantity: str, rate: str, amount: str, fits: bool) -> None:
    assert values.explains(Decimal(quantity), Decimal(rate), Decimal(amount)) is fits
