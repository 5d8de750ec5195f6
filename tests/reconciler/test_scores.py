"""Scores are proposals for a person: bounded, symmetric, and 100 only for what is identical."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.model.values import text
from syncd.reconciler.scores import IDENTICAL, Paper, Score, Shortlist, doubted, names, papers

WORDS = st.sampled_from(
    ["Acme", "ACME", "Ltd.", "Limited", "GmbH", "Ada", "Lovelace", "Ünal", "O'Hara", "&", "", "株式会社"]
)
NAMES = st.one_of(st.lists(WORDS, max_size=4).map(" ".join), st.text(max_size=20))
PAPERS = st.builds(
    Paper,
    number=st.sampled_from(["", "INV-1", "INV-01", "1", " INV-1 ", "X"]),
    client=st.sampled_from(["", "1", "2"]),
    date=st.dates(date(2026, 1, 1), date(2026, 1, 20)),
    total=st.sampled_from([Decimal("1.00"), Decimal("1.01")]),
    currency=st.sampled_from(["USD", "EUR"]),
)


@given(NAMES, NAMES)
@example("Acme Ltd.", "ACME Limited")
@example("ﬁ", "fi")
@example("ab", "ba ab")
def test_names_are_bounded_symmetric_and_whole_only_where_identical(left: str, right: str) -> None:
    score = names(left, right)
    assert 0 <= score.points <= IDENTICAL
    assert score.reason
    assert names(right, left).points == score.points
    assert (score.points == IDENTICAL) == (text(left) == text(right) != "")
    assert names(left, right) == score


@given(PAPERS, PAPERS)
def test_documents_are_bounded_symmetric_and_whole_only_where_all_agrees(left: Paper, right: Paper) -> None:
    score = papers(left, right)
    assert 0 <= score.points <= IDENTICAL
    assert papers(right, left).points == score.points
    known = bool(left.number and left.client)
    alike = (left.client, left.date, left.total, left.currency) == (
        right.client,
        right.date,
        right.total,
        right.currency,
    )
    assert (score.points == IDENTICAL) == (known and alike and text(left.number) == text(right.number))


@pytest.mark.parametrize(
    ("left", "right", "points"),
    [
        ("Acme Ltd.", "Acme Ltd.", 100),
        (" Acme  Ltd. ", "Acme Ltd.", 97),
        ("ACME ltd.", "Acme Ltd.", 97),
        ("Müller", "Müller", 100),
        ("Muller, Ada", "Müller Ada", 95),
        ("Acme Ltd.", "ACME Limited", 93),
        ("Ünal G.m.b.H.", "Unal GmbH", 95),
        ("Smith & Sons", "Smith and Sons", 93),
        ("Lovelace, Ada", "Ada Lovelace", 90),
    ],
)
def test_the_better_known_differences_of_one_name(left: str, right: str, points: int) -> None:
    assert names(left, right).points == points


def test_the_nearer_name_scores_higher() -> None:
    wanted = "Northwind Traders"
    ranked = ["Northwind Traders Ltd", "Nortwind Traders", "Northwind", "Southwest Airlines"]
    points = [names(wanted, name).points for name in ranked]
    assert points == sorted(points, reverse=True)
    assert len(set(points)) == len(points)
    assert points[-1] < 50 < points[2]


def test_a_name_of_nothing_but_a_legal_form_is_like_nothing_else() -> None:
    assert names("Limited", "Company").points < 50
    assert names("", "").points == 0
    assert names("...", "!").points == 0


def test_another_currency_is_named_and_never_counts_as_the_same() -> None:
    assert doubted(names("Acme", "Acme"), "in EUR, not USD") == Score(50, "identical; in EUR, not USD")
    left = Paper("INV-1", "1", date(2026, 1, 1), Decimal(5), "USD")
    found = papers(left, Paper("INV-1", "1", date(2026, 1, 1), Decimal(5), "EUR"))
    assert found.points == 50
    assert "in EUR, not USD" in found.reason


def test_what_documents_agree_in_is_told() -> None:
    left = Paper("INV-0042", "1", date(2026, 1, 1), Decimal("5.00"), "USD")
    right = Paper("42", "1", date(2026, 1, 3), Decimal("5.00"), "USD")
    assert papers(left, right) == Score(78, "agrees in digits of the number, client and total; dates 2 days apart")
    assert papers(left, Paper("42", "2", date(2026, 3, 1), Decimal("5.01"), "USD")).points == 25
    other = Paper("", "", date(2026, 3, 1), Decimal("5.01"), "USD")
    assert papers(other, other).points == 45, "no number and no client agree with nothing"


@given(st.lists(NAMES, unique=True, max_size=8), NAMES)
def test_the_shortlist_holds_what_is_nearly_the_same_and_is_stable(known: list[str], wanted: str) -> None:
    entries = [(str(place), name) for place, name in enumerate(known)]
    found = Shortlist(entries).near(wanted, limit=10)
    assert set(found) <= {identity for identity, _ in entries}
    assert found == Shortlist(reversed(entries)).near(wanted, limit=10)
    for identity, name in entries:
        if names(wanted, name).points >= 90:
            assert identity in found


def test_the_shortlist_is_short() -> None:
    entries = [(str(number), f"Client number {number}") for number in range(50)]
    found = Shortlist(entries).near("Client number 17", limit=5)
    assert len(found) == 5
    assert found[0] == "17"
