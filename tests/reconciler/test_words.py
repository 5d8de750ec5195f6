"""A person's word is heard for what it was said about, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.kinds import Kind
from syncd.model.references import pending, settled
from syncd.model.writes import Verb
from syncd.reconciler.decide import source_id_of
from syncd.reconciler.entries import Entry, Shown, View
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.reconcile import reconcile
from tests.reconciler.build import DAY, SETTINGS, cautious, invoice, linked, moderate, one, payment, twin
from tests.reconciler.test_plan_properties import everything
from tests.reconciler.worlds import worlds

V1 = {(Kind.INVOICE, "v1"): "V1"}
CAUTIOUS = cautious()
CLASH = linked(invoice(), invoice(notes="mine"), twin(invoice(), notes="theirs"))


def said(entry: Entry, **about: Any) -> Entry:
    """The entry with an answer to a hold that showed mine and theirs, but for ``about``."""
    sides = {"source": {"notes": "mine", "total": "100.00"}, "qbo": {"notes": "theirs", "total": "100.00"}}
    return msgspec.structs.replace(
        entry, word="accept-source", asked="C26", shown=Shown(**({"qbo_id": "V1"} | sides | about))
    )


def test_it_is_heard_where_both_sides_are_as_they_were_shown() -> None:
    assert one(said(CLASH), policy=CAUTIOUS).id == "qbo:update:invoice:v1"


@pytest.mark.parametrize(
    "about",
    [
        {"source": {"notes": "mine", "total": "99.00"}},
        {"qbo": {"notes": "theirs once", "total": "100.00"}},
        {"qbo_id": "V2"},
        {"source": {}},
        {"qbo": {}},
    ],
    ids=["the source", "QuickBooks", "another record there", "gone from the source", "gone from QuickBooks"],
)
def test_it_is_not_heard_where_something_else_was_shown(about: Any) -> None:
    held = one(said(CLASH, **about), policy=CAUTIOUS)
    assert held.verb is Verb.HOLD
    assert "It changed after accept-source was answered, so that was not done: look again" in held.reason


@pytest.mark.case("C51")
def test_a_removal_that_was_approved_approves_no_edit() -> None:
    """It was gone from the source when a person let it be removed from the reconciled books; now it is there again."""
    until = msgspec.structs.replace(SETTINGS, reconciled_until=DAY)
    back = linked(invoice(), invoice(notes="edited"), word="accept-source", asked="C51")
    assert one(back, settings=until).verb is Verb.UPDATE
    there = {"notes": "", "total": "100.00"}
    approved = msgspec.structs.replace(back, shown=Shown({}, there, "V1"))
    assert (one(approved, settings=until).verb, one(approved, settings=until).case) == (Verb.HOLD, "C51")
    earlier = msgspec.structs.replace(until, reconciled_until=DAY - timedelta(days=1))
    assert one(approved, settings=earlier).verb is Verb.UPDATE, "the policy needs no word for that"


def test_a_record_that_it_refers_to_may_have_come_to_quickbooks_since() -> None:
    entry = linked(payment(), payment(notes="mine"), twin(payment(), notes="theirs"))
    pays = ((pending(Kind.INVOICE, "v1"), "100.00"),)
    about = Shown({"notes": "mine", "allocations": pays}, {"notes": "theirs"}, "P1")
    heard = msgspec.structs.replace(entry, word="accept-source", asked="C26", shown=about)
    assert one(heard, links=V1, policy=CAUTIOUS).verb is Verb.UPDATE
    other = msgspec.structs.replace(
        about, source={"notes": "mine", "allocations": ((pending(Kind.INVOICE, "v7"), "100.00"),)}
    )
    assert one(msgspec.structs.replace(heard, shown=other), links=V1, policy=CAUTIOUS).verb is Verb.HOLD


def test_a_note_that_only_looks_like_a_mark_stays_what_it_is() -> None:
    assert settled("+49 30 1234", lambda kind, source_id: "X") == "+49 30 1234"
    assert settled("+nothing:7", lambda kind, source_id: "X") == "+nothing:7"
    assert settled(pending(Kind.CLIENT, "c:9"), lambda kind, source_id: f"{kind}/{source_id}") == "client/c:9"


def _answered(world: View, word: str, which: int, about: Callable[[Operation], Shown | None]) -> View:
    """The world after a person answered one hold of its plan with ``word``."""
    silent = [msgspec.structs.replace(entry, word="") for entry in world.entries]
    holds = {(o.kind, o.source_id): o for o in everything(reconcile(_of(world, silent))) if o.verb is Verb.HOLD}
    asked = [slot for slot in ((entry.kind, source_id_of(entry)) for entry in silent) if slot[1] and slot in holds]
    if not asked:
        return _of(world, silent)
    slot = asked[which % len(asked)]
    hold = holds[slot]

    def answered(entry: Entry) -> Entry:
        if (entry.kind, source_id_of(entry)) != slot:
            return entry
        return msgspec.structs.replace(entry, word=word, asked=hold.case, shown=about(hold))

    return _of(world, [answered(entry) for entry in silent])


def _of(world: View, entries: list[Entry]) -> View:
    return msgspec.structs.replace(world, entries=tuple(entries))


def _as_it_says(hold: Operation) -> Shown:
    return Shown(hold.source_base, hold.qbo_base, hold.qbo_id)


def _of_another_day(hold: Operation) -> Shown:
    return Shown(hold.source_base, hold.qbo_base, f"{hold.qbo_id}, as it was")


def _plain(plan: Plan) -> Plan:
    """A plan without what its holds say."""
    changed = {
        name: tuple(msgspec.structs.replace(o, reason="") if o.verb is Verb.HOLD else o for o in getattr(plan, name))
        for name in ("operations", "withheld")
    }
    return msgspec.structs.replace(plan, **changed)


WORDS = st.sampled_from(["accept-source", "accept-qbo"])
WHICH = st.integers(0, 9)


@moderate
@given(worlds(), WORDS, WHICH)
def test_an_answer_to_what_the_hold_shows_is_heard(world: View, word: str, which: int) -> None:
    """The same as one of which it is not known what it was about."""
    about_it = _answered(world, word, which, _as_it_says)
    assert reconcile(about_it) == reconcile(_answered(world, word, which, lambda hold: None))


@moderate
@given(worlds(), WORDS, WHICH)
def test_an_answer_to_what_it_showed_another_day_is_as_good_as_none(world: View, word: str, which: int) -> None:
    """But for what the hold says of it."""
    silent = _of(world, [msgspec.structs.replace(entry, word="") for entry in world.entries])
    assert _plain(reconcile(_answered(world, word, which, _of_another_day))) == _plain(reconcile(silent))
