"""How the base moves: only by what was written or is equal anyway, and never over a difference in money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.kinds import Kind
from syncd.model.projections import Projection
from syncd.model.references import pending
from syncd.model.spec import SPECS
from syncd.reconciler.base import Settled, advance, as_written, untellable
from tests.reconciler.build import invoice, lens, line, moderate, payment, twin

NOTHING: frozenset[str] = frozenset()


def settle(
    source: Projection,
    qbo: Projection,
    *,
    old: tuple[Projection, Projection] = ({}, {}),
    written: str = "",
    accepted: str = "",
    kind: Kind = Kind.INVOICE,
) -> Settled:
    """``advance`` with fields named in words."""
    return advance(kind, *old, source, qbo, written=frozenset(written.split()), accepted=frozenset(accepted.split()))


def test_a_written_field_moves_to_what_came_back() -> None:
    old: Projection = {"notes": "old", "number": "1"}
    made = settle({"notes": "new", "number": "1"}, {"notes": "new", "number": "1"}, old=(old, old), written="notes")
    assert made.source["notes"] == made.qbo["notes"] == "new"
    assert (made.accepted, made.variance) == (NOTHING, NOTHING)


def test_an_edit_not_dealt_with_is_still_an_edit() -> None:
    old: Projection = {"notes": "old", "due_date": "1"}
    made = settle({"notes": "new", "due_date": "2"}, {"notes": "new", "due_date": "1"}, old=(old, old), written="notes")
    assert (made.source["due_date"], made.qbo["due_date"]) == ("1", "1")


def test_what_both_sides_hold_anyway_is_agreed_on() -> None:
    old: Projection = {"notes": "old", "due_date": "1"}
    now: Projection = {"notes": "new", "due_date": "2"}
    assert settle(now, now, old=(old, old), written="notes").source["due_date"] == "2"


def test_an_echo_is_accepted() -> None:
    made = settle({"notes": "a  b"}, {"notes": "a b"}, written="notes")
    assert (made.source["notes"], made.qbo["notes"], made.accepted) == ("a  b", "a b", {"notes"})
    assert made.variance == NOTHING


def test_a_difference_that_was_accepted_ends_when_both_agree() -> None:
    apart = ({"notes": "long"}, {"notes": "lo"})
    assert settle({"notes": "lo"}, {"notes": "lo"}, old=apart, accepted="notes").accepted == NOTHING
    assert settle(*apart, old=apart, accepted="notes").accepted == {"notes"}


def test_money_that_does_not_agree_is_a_variance_and_never_an_echo() -> None:
    for name in ("total", "tax", "discount", "currency"):
        made = settle({name: "100.00"}, {name: "100.01"}, written=name)
        assert (made.variance, made.accepted) == ({name}, NOTHING), name


@pytest.mark.failure("F-92")
def test_another_customer_or_date_than_was_sent_is_a_variance() -> None:
    for name in ("client", "issue_date"):
        made = settle({name: "C1"}, {name: "C2"}, written=name)
        assert (made.variance, made.accepted) == ({name}, NOTHING), name


def test_not_even_if_the_field_was_let_differ_before() -> None:
    """Reformatted lines were accepted once; that is no leave for other amounts in them later."""
    apart = (lines("10.00", "a  b"), lines("10.00", "a b"))
    made = settle(lines("12.00", "a b"), lines("11.00", "a b"), old=apart, written="lines", accepted="lines")
    assert (made.variance, made.accepted) == ({"lines"}, NOTHING)


def test_lines_that_differ_in_words_only_are_an_echo() -> None:
    made = settle(lines("10.00", "a  b"), lines("10.00", "a b"), written="lines")
    assert (made.variance, made.accepted) == (NOTHING, {"lines"})


def test_a_line_that_is_missing_from_the_answer_is_a_variance() -> None:
    twice: Projection = {"lines": lines("10.00", "a")["lines"] * 2}  # type: ignore[operator]
    assert settle(twice, lines("10.00", "a"), written="lines").variance == {"lines"}


def lines(amount: str, said: str) -> Projection:
    """A projection of one line."""
    made = lens().qbo(Kind.INVOICE, twin(invoice("v1", line(amount, said))))["lines"]
    return {"lines": made}


def test_allocations_that_differ_are_a_variance() -> None:
    eye, base = lens(), payment()
    mine = eye.qbo(Kind.PAYMENT, twin(base))
    theirs = eye.qbo(Kind.PAYMENT, twin(payment(pays={"v1": "60.00"})))
    made = settle(mine, theirs, written=" ".join(mine), kind=Kind.PAYMENT)
    assert (made.variance, made.accepted) == ({"allocations"}, NOTHING)


# ---- properties

NAMES = SPECS[Kind.INVOICE].fields
VALUES = st.sampled_from(["a", "b", "c"])
TEXTS = st.dictionaries(st.sampled_from([name for name in NAMES if name != "lines"]), VALUES)
SOME = st.frozensets(st.sampled_from(NAMES))


@moderate
@given(TEXTS, TEXTS, TEXTS, TEXTS, SOME, SOME)
def test_fields_neither_written_nor_agreed_keep_their_old_halves(
    old_source: Projection,
    old_qbo: Projection,
    source: Projection,
    qbo: Projection,
    written: frozenset[str],
    accepted: frozenset[str],
) -> None:
    made = advance(Kind.INVOICE, old_source, old_qbo, source, qbo, written=written, accepted=accepted)
    for name in NAMES:
        alone = bool(written) and (name in source) != (name in qbo)
        moves = alone or name in written or (name in source and name in qbo and source[name] == qbo[name])
        for new, old, now in ((made.source, old_source, source), (made.qbo, old_qbo, qbo)):
            expected = now.get(name, old.get(name)) if moves else old.get(name)
            assert new.get(name) == expected, name
    assert not made.variance & made.accepted
    matters = {*SPECS[Kind.INVOICE].money_fields, *SPECS[Kind.INVOICE].decisive}
    assert made.variance <= written & matters
    assert made.accepted <= written | accepted
    assert not {name for name in made.accepted if made.source.get(name) == made.qbo.get(name)}


def test_what_was_found_later_is_an_edit_of_what_was_written() -> None:
    sent: Projection = {"notes": "ours", "due_date": "2026-04-01", "total": "10.00"}
    found: Projection = {"notes": "theirs", "due_date": "2026-04-01", "total": "12.00", "number": "7"}
    base = as_written(Kind.INVOICE, sent, found, frozenset(sent))
    assert base == found | {"notes": "ours"}  # money is for a person, and what nobody wrote is as it was found
    assert as_written(Kind.INVOICE, sent, found, frozenset()) == found


def test_what_a_side_has_no_word_for_is_no_edit() -> None:
    item = pending(Kind.ITEM, "name:services")
    sent: Projection = {
        "lines": ((item, "Work", "5.00"), ("2", "Travel", "7.00")),
        "method": pending(Kind.PAYMENT_METHOD, "name:x"),
    }
    found: Projection = {"lines": (("1", "Work", "5.00"), ("2", "Travel", "7.00")), "method": ""}
    assert as_written(Kind.INVOICE, sent, found, frozenset(sent)) == found


def test_texts_of_lines_are_told_whatever_their_items_are_called() -> None:
    item = pending(Kind.ITEM, "name:services")
    ours, theirs = ((item, "Work", "5.00"), ("2", "Travel", "7.00")), (("1", "Worked", "5.00"), ("2", "Travel", "7.00"))
    assert not untellable(ours, theirs)
    assert not untellable(ours, theirs[:1])
    assert untellable(ours, (("2", "Travel", "7.00"), ("1", "Work", "5.00")))
    assert not untellable("x", "y")
