"""What a person is shown, and what of it is answered beforehand: nothing that is not certain."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.kinds import Kind
from syncd.model.values import text
from syncd.reconciler.proposals import MOST, UNKNOWN_OWNER, Entry, Row, Sheet, of_documents, of_lists
from syncd.reconciler.scores import Paper


def one(kind: Kind, mine: Entry, *theirs: Entry) -> Row:
    (row,) = of_lists(kind, [mine], theirs)
    return row


def test_identical_spelling_and_currency_is_certain() -> None:
    row = one(Kind.CLIENT, Entry("1", "Acme", "USD"), Entry("58", "Acme", "USD"), Entry("59", "Acme Ltd", "USD"))
    assert row.use == "58"
    assert [str(each) for each in row.proposals] == ["58  1.00  Acme  (USD; identical)"]
    assert row.name == "Acme (USD)"


@pytest.mark.parametrize(
    ("mine", "other", "why"),
    [
        (Entry("1", "Acme", "USD"), Entry("58", "ACME", "USD"), "0.97"),
        (Entry("1", "Acme Ltd.", "USD"), Entry("58", "ACME Limited", "USD"), "0.93"),
        (Entry("1", "Acme", "USD"), Entry("58", "Acme", "EUR"), "in EUR, not USD"),
        (Entry("1", "Phase 1", owner="7"), Entry("58", "Phase 1", owner="8"), "another customer"),
        (Entry("1", "Phase 1", owner=UNKNOWN_OWNER), Entry("58", "Phase 1", owner="8"), "not matched yet"),
    ],
)
def test_what_merely_looks_alike_is_shown_and_never_chosen(mine: Entry, other: Entry, why: str) -> None:
    row = one(Kind.PROJECT if mine.owner else Kind.CLIENT, mine, other)
    assert row.use == ""
    assert why in str(row.proposals[0])


def test_one_of_several_is_not_certain() -> None:
    twice = one(Kind.CLIENT, Entry("1", "Acme"), Entry("58", "Acme"), Entry("59", "Acme"))
    assert twice.use == ""
    assert [each.qbo_id for each in twice.proposals] == ["58", "59"]
    by_currency = one(Kind.CLIENT, Entry("1", "Acme", "EUR"), Entry("58", "Acme", "USD"), Entry("59", "Acme", "EUR"))
    assert by_currency.use == "59", "one customer for each currency (R-117)"
    by_owner = one(Kind.PROJECT, Entry("1", "P", owner="7"), Entry("58", "P", owner="7"), Entry("59", "P", owner="8"))
    assert by_owner.use == "58"


def test_what_two_of_the_source_would_share_is_certain_for_neither_but_in_lists() -> None:
    ours = [Entry("1", "Acme"), Entry("2", "Acme")]
    assert [row.use for row in of_lists(Kind.CLIENT, ours, [Entry("58", "Acme")])] == ["", ""]
    assert [row.use for row in of_lists(Kind.ITEM, ours, [Entry("58", "Acme")])] == ["58", "58"]


def test_a_stated_id_is_certain_unless_the_currency_speaks_against_it() -> None:
    there = [Entry("58", "Zebra", "USD"), Entry("59", "Acme", "USD")]
    row = one(Kind.CLIENT, Entry("1", "Acme", "USD", stated="58"), *there)
    assert row.use == "58"
    assert "stated" in str(row.proposals[0])
    against = one(Kind.CLIENT, Entry("1", "Acme", "EUR", stated="58"), *there)
    assert against.use == ""
    gone = one(Kind.CLIENT, Entry("1", "Acme", "USD", stated="77"), *there)
    assert gone.use == "", "stated is not spelt: a person looks"
    assert [each.qbo_id for each in gone.proposals] == ["59"]


PAPER = Paper("INV-1", "58", date(2026, 3, 2), Decimal("150.25"), "USD")


def test_documents_are_certain_when_all_agrees() -> None:
    near = msgspec.structs.replace(PAPER, total=Decimal("150.26"))
    (row,) = of_documents(Kind.INVOICE, [Sheet("1", PAPER, "mine")], [Sheet("9", PAPER, "a"), Sheet("8", near, "b")])
    assert (row.use, [each.qbo_id for each in row.proposals]) == ("9", ["9"])
    (doubtful,) = of_documents(Kind.INVOICE, [Sheet("1", PAPER, "mine")], [Sheet("8", near, "b")])
    assert doubtful.use == ""
    assert str(doubtful.proposals[0]) == "8  0.70  b  (agrees in number, client and date)"


def test_a_stated_document_is_certain_only_where_the_money_agrees() -> None:
    other = msgspec.structs.replace(PAPER, number="", total=Decimal("1.00"))
    same = msgspec.structs.replace(PAPER, number="", client="")
    (row,) = of_documents(Kind.INVOICE, [Sheet("1", PAPER, "m", "9")], [Sheet("9", same, "a")])
    assert row.use == "9"
    (row,) = of_documents(Kind.INVOICE, [Sheet("1", PAPER, "m", "9")], [Sheet("9", other, "a")])
    assert row.use == ""
    assert "stated" in str(row.proposals[0])


def test_documents_that_share_nothing_are_not_shown() -> None:
    far = Paper("X", "1", date(2025, 1, 1), Decimal(3), "USD")
    (row,) = of_documents(Kind.INVOICE, [Sheet("1", PAPER, "mine")], [Sheet("9", far, "a")])
    assert row.proposals == ()


LISTED = st.lists(
    st.tuples(st.sampled_from(["Acme", "ACME", "Acme Ltd", "Ada", ""]), st.sampled_from(["USD", "EUR", ""])), max_size=8
)


@given(LISTED, LISTED, st.randoms(use_true_random=False))
def test_proposals_are_few_ranked_certain_only_if_identical_and_stable(
    ours: list[tuple[str, str]], theirs: list[tuple[str, str]], random: Random
) -> None:
    mine = [Entry(str(place), *each) for place, each in enumerate(ours)]
    there = [Entry(str(place), *each) for place, each in enumerate(theirs, start=100)]
    rows = of_lists(Kind.CLIENT, mine, there)
    shuffled = list(there)
    random.shuffle(shuffled)
    assert of_lists(Kind.CLIENT, mine[::-1], shuffled) == rows
    used = [row.use for row in rows if row.use]
    assert len(used) == len(set(used))
    for row in rows:
        points = [each.points for each in row.proposals]
        assert points == sorted(points, reverse=True)
        assert len(points) <= MOST
        if row.use:
            entry = next(each for each in mine if each.id == row.source_id)
            match = next(each for each in there if each.id == row.use)
            assert text(entry.name) == text(match.name) != ""
            assert entry.currency == match.currency or not (entry.currency and match.currency)
