"""What becomes of a record in each case: which operation, on which side, of what, on which grounds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.kinds import Kind, Side, State
from syncd.model.observations import UNCHANGED, Absent, Flawed, Present, Problem, Unknown
from syncd.model.records import Record
from syncd.model.writes import Verb
from syncd.reconciler.entries import Known
from syncd.reconciler.policy import Answer, Case, Owner
from tests.reconciler.build import (
    CAPABILITIES,
    DAY,
    GONE,
    SAME,
    answering,
    cautious,
    change,
    client,
    foreign,
    invoice,
    item,
    kind_of,
    line,
    linked,
    one,
    payment,
    plan,
    twin,
    unlinked,
    with_kind,
)

CAUTIOUS = cautious()
V1 = {(Kind.INVOICE, "v1"): "V1"}
DOWN = Unknown("the connection was cut")
BAD = Flawed("v1", "s2", (Problem("date", "The issue date is no date.", "Correct it."),))
EITHER = pytest.mark.parametrize("base", [invoice(), payment()], ids=["invoice", "payment"])


def edited(record: Any, text: str = "edited") -> Any:
    """The record with other notes."""
    return change(record, notes=text)


def voided(record: Any) -> Any:
    """QBO's record after a void: the amounts are zero."""
    zero = Decimal(0)
    amounts: dict[str, Any] = {"amount": zero} if kind_of(record) is Kind.PAYMENT else {"total": zero, "balance": zero}
    return twin(record, state=State.VOID, **amounts)


# ---- C00, C01: nothing is done about what is not known


@pytest.mark.case("C00")
@EITHER
def test_in_doubt_waits_for_recovery(base: Record) -> None:
    held = one(linked(base, edited(base), in_doubt=True), links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C00")
    assert "may or may not have arrived" in held.reason


@pytest.mark.case("C01")
@pytest.mark.parametrize(
    ("source", "qbo", "said"),
    [
        (DOWN, SAME, "the source could not be read: the connection was cut"),
        (SAME, DOWN, "QuickBooks could not be read: the connection was cut"),
        (GONE, DOWN, "QuickBooks could not be read: the connection was cut"),
        (DOWN, GONE, "the source could not be read: the connection was cut"),
    ],
)
def test_unknown_is_neither_gone_nor_unchanged(source: Any, qbo: Any, said: str) -> None:
    held = one(linked(invoice(), source, qbo))
    assert (held.verb, held.case, held.reason, held.wait) == (Verb.HOLD, "C01", said, True)


@pytest.mark.case("C01")
def test_nothing_is_created_while_a_lookup_failed() -> None:
    held = one(unlinked(invoice(), qbo=DOWN))
    assert (held.verb, held.case, held.wait) == (Verb.HOLD, "C01", True)


@pytest.mark.case("C01")
def test_a_find_beside_a_failed_lookup_is_not_taken_for_all_there_is() -> None:
    held = one(unlinked(payment(), twin(payment()), qbo=DOWN), links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C01")


@pytest.mark.case("C01")
def test_a_link_with_one_end_only_says_nothing_about_an_unread_side() -> None:
    note = Known(source_id="v1", qbo_id="", state="ignored")
    held = one(unlinked(invoice(), qbo=UNCHANGED, known=note, word="retry"))
    assert (held.verb, held.case) == (Verb.HOLD, "C01")


def test_a_record_that_cannot_be_read_is_held_with_the_reason_and_the_others_go_on() -> None:
    made = plan(linked(invoice(), BAD), linked(invoice("v2"), edited(invoice("v2"))))
    assert [operation.id for operation in made.operations] == ["qbo:update:invoice:v2", "state:hold:invoice:v1"]
    held = made.operations[-1]
    assert held.reason == "The issue date is no date."
    assert held.problems == BAD.problems
    assert not held.wait


def test_a_flawed_record_is_held_even_where_it_was_left_behind() -> None:
    held = one(linked(invoice(), BAD, state="orphaned"))
    assert (held.verb, held.problems) == (Verb.HOLD, BAD.problems)


def test_a_flawed_record_of_qbo_that_is_none_of_ours_is_only_counted() -> None:
    made = plan(_flawed(Kind.INVOICE))
    assert (made.operations, made.ignored) == ((), {"invoice": 1})


def test_a_flawed_payment_in_qbo_might_be_ours_and_is_held() -> None:
    assert one(_flawed(Kind.PAYMENT)).verb is Verb.HOLD


def _flawed(kind: Kind) -> Any:
    entry = foreign(twin(invoice()))
    return change(entry, kind=kind, qbo=Flawed("X9", "q1", BAD.problems))


# ---- C10 to C16: no link yet


@pytest.mark.case("C10")
def test_nothing_on_either_side_is_nothing() -> None:
    made = plan(change(unlinked(invoice()), source=GONE))
    assert (made.operations, made.unchanged) == ((), 1)


@pytest.mark.case("C11")
def test_a_new_invoice_is_created_with_all_it_has() -> None:
    made = one(unlinked(invoice()))
    assert (made.id, made.side, made.verb, made.case) == ("qbo:create:invoice:v1", Side.QBO, Verb.CREATE, "C11")
    assert made.record == invoice()
    assert {"client", "lines", "number", "total", "issue_date"} <= set(made.fields)
    assert (made.source_id, made.qbo_id, made.expected_source) == ("v1", "", "s1")
    assert made.writes_back == ("number", "external_id")
    assert made.money is not None
    assert (made.money.amount, made.money.currency) == (Decimal("100.00"), "USD")
    assert made.reason == "is published and not in QuickBooks yet"
    assert made.after == ()


@pytest.mark.case("C11")
def test_a_new_payment_waits_for_the_invoice_it_pays() -> None:
    made = plan(unlinked(payment()), unlinked(invoice()))
    assert [operation.id for operation in made.operations] == ["qbo:create:invoice:v1", "qbo:create:payment:p1"]
    assert made.operations[1].after == ("qbo:create:invoice:v1",)


@pytest.mark.case("C11")
def test_a_new_client_is_created_before_its_invoice() -> None:
    made = plan(unlinked(invoice()), unlinked(client()), links={(Kind.ITEM, "i1"): "I1"} | NO_CLIENT)
    assert [operation.id for operation in made.operations] == ["qbo:create:client:c1", "qbo:create:invoice:v1"]
    assert made.operations[1].after == ("qbo:create:client:c1",)
    assert made.operations[1].source_base["client"] == "+client:c1"


NO_CLIENT = {(Kind.CLIENT, "c1"): ""}


@pytest.mark.case("C11")
@pytest.mark.parametrize("record", [client(), item()], ids=["client", "item"])
def test_a_client_or_item_that_nothing_needs_stays_at_home(record: Record) -> None:
    assert plan(unlinked(record), links={}).operations == ()


@pytest.mark.case("C11")
def test_an_item_that_qbo_lacks_is_stood_for_by_the_default_item() -> None:
    made = plan(unlinked(item()), unlinked(invoice()), links={(Kind.CLIENT, "c1"): "C1", (Kind.ITEM, "i1"): ""})
    link, create = made.operations
    assert (link.verb, link.qbo_id, link.accepted) == (Verb.LINK, "I9", ("name",))
    assert create.after == (link.id,)
    assert create.source_base["lines"][0][0] == "I9"


@pytest.mark.case("C11")
def test_without_a_default_item_the_item_and_its_invoice_wait() -> None:
    links = {(Kind.CLIENT, "c1"): "C1", (Kind.ITEM, "i1"): ""}
    held_invoice, held_item = sorted(
        plan(unlinked(item()), unlinked(invoice()), links=links, default_item="").operations, key=lambda o: o.kind
    )
    assert held_invoice.case == "C50"
    assert "default_item" in held_item.reason


@pytest.mark.case("C11")
def test_a_policy_may_hold_what_is_new() -> None:
    held = one(unlinked(invoice()), policy=answering(Kind.INVOICE, Case.SRC_NEW, Answer.HOLD))
    assert (held.verb, held.case) == (Verb.HOLD, "C11")


@pytest.mark.case("C12")
def test_what_only_qbo_has_is_counted_and_left_alone() -> None:
    made = plan(foreign(twin(invoice())), foreign(twin(client("c7"))))
    assert (made.operations, made.ignored, made.unchanged) == ((), {"client": 1, "invoice": 1}, 0)


@pytest.mark.case("C12")
def test_a_policy_may_bring_it_into_the_source() -> None:
    made = one(foreign(twin(payment())), links=V1)
    assert (made.id, made.side, made.verb, made.case) == (
        "source:create:payment:qbo-P1",
        Side.SOURCE,
        Verb.CREATE,
        "C12",
    )
    assert made.record == twin(payment())
    assert (made.source_id, made.qbo_id, made.expected_qbo) == ("", "P1", "q1")


@pytest.mark.case("C13")
@EITHER
def test_one_certain_and_equal_match_is_linked(base: Record) -> None:
    made = one(unlinked(base, twin(base)), links=V1 if base.id == "p1" else None)
    assert (made.side, made.verb, made.case, made.qbo_id) == (Side.STATE, Verb.LINK, "C13", base.id.upper())
    assert (made.expected_source, made.expected_qbo) == ("s1", "q1")
    assert made.source_base == made.qbo_base != {}


@pytest.mark.case("C13")
def test_a_candidate_that_is_linked_already_is_no_candidate() -> None:
    copy = twin(invoice(), id="V7")
    made = one(unlinked(invoice(), copy), links={(Kind.INVOICE, "v7"): "V7"})
    assert made.verb is Verb.CREATE


@pytest.mark.case("C13")
@pytest.mark.failure("F-88")
def test_what_refers_to_an_adopted_record_waits_for_the_link() -> None:
    made = plan(unlinked(invoice(), twin(invoice())), unlinked(payment()))
    assert [operation.id for operation in made.operations] == ["state:link:invoice:v1", "qbo:create:payment:p1"]
    assert made.operations[1].after == ("state:link:invoice:v1",)
    assert made.operations[1].source_base["allocations"] == (("V1", "100.00"),)


@pytest.mark.case("C14")
@EITHER
def test_a_look_alike_is_neither_linked_nor_created_twice(base: Any) -> None:
    found = edited(twin(base))
    held = one(unlinked(base, found), links=V1 if base.id == "p1" else None)
    assert (held.verb, held.case, held.qbo_id) == (Verb.HOLD, "C14", base.id.upper())
    assert "notes" in held.reason
    assert "neither linked nor created twice" in held.reason


@pytest.mark.case("C14")
@pytest.mark.parametrize("source_can", [True, False])
def test_accepting_the_source_sends_nothing_where_only_quickbooks_could_say_it(source_can: bool) -> None:
    """A look-alike that differs in nothing but the number, which QuickBooks counts and the source does not have."""
    mine = invoice(number="")
    able = CAPABILITIES[Kind.INVOICE]
    able = able if source_can else msgspec.structs.replace(able, verbs=frozenset(), mode="none")
    made = one(
        unlinked(mine, twin(invoice(number="1004")), word="accept-source", asked="C14"),
        capabilities={**CAPABILITIES, Kind.INVOICE: able},
    )
    assert made.id == ("source:update:invoice:v1" if source_can else "state:link:invoice:v1")
    assert (made.fields if source_can else made.accepted) == ("number",)


@pytest.mark.case("C22")
def test_a_number_emptied_in_the_source_waits_and_is_never_emptied_in_quickbooks() -> None:
    base = invoice(number="1004")
    held = one(linked(base, invoice(number="")))
    assert (held.verb, held.case) == (Verb.HOLD, "C22")
    accepted = one(linked(base, invoice(number=""), word="accept-source", asked="C22"))
    assert (accepted.side, accepted.verb, accepted.accepted) == (Side.STATE, Verb.REBASE, ("number",))


@pytest.mark.case("C14")
@pytest.mark.parametrize(
    ("answer", "identity"),
    [
        (Answer.PUSH, "qbo:update:invoice:v1"),
        (Answer.PULL, "source:update:invoice:v1"),
        (Answer.RECORD, "state:link:invoice:v1"),
    ],
)
def test_a_policy_may_say_which_side_of_a_certain_match_is_right(answer: Answer, identity: str) -> None:
    made = one(
        unlinked(invoice(), edited(twin(invoice()))),
        policy=answering(Kind.INVOICE, Case.ADOPT_DIFF, answer, CAUTIOUS),
    )
    assert made.id == identity
    assert made.fields == (() if answer is Answer.RECORD else ("notes",))
    assert made.accepted == (("notes",) if answer is Answer.RECORD else ())


@pytest.mark.case("C14")
@pytest.mark.failure("F-88")
@pytest.mark.parametrize("answer", [Answer.PUSH, Answer.PULL, Answer.RECORD])
def test_no_policy_touches_a_strangers_invoice_of_the_same_number(answer: Answer) -> None:
    stranger = twin(invoice("v9", line("999.00")), number="INV-v1", client="C9")
    held = one(unlinked(invoice(), stranger), policy=answering(Kind.INVOICE, Case.ADOPT_DIFF, answer, CAUTIOUS))
    assert (held.verb, held.case) == (Verb.HOLD, "C14")


@pytest.mark.case("C14")
def test_a_person_may_say_that_a_doubtful_match_is_the_one() -> None:
    other = twin(invoice(), issue_date=date(2026, 3, 9))
    made = one(unlinked(invoice(), other, word="accept-source", asked="C14"))
    assert (made.id, made.qbo_id, made.fields) == ("qbo:update:invoice:v1", "V1", ("issue_date",))


@pytest.mark.case("C15")
@EITHER
def test_two_matches_are_never_chosen_from(base: Record) -> None:
    held = one(
        unlinked(base, twin(base), twin(base, id="X2"), word="accept-source"), links=V1 if base.id == "p1" else None
    )
    assert (held.verb, held.case, held.qbo_id) == (Verb.HOLD, "C15", "")
    assert held.reason.startswith("2 records in QuickBooks fit it")
    assert "X2" in held.reason


@pytest.mark.case("C15")
def test_one_match_for_two_records_of_the_source_is_as_ambiguous() -> None:
    """The other way round: were both linked, one invoice of QBO would stand for two of the source."""
    again = change(payment(), id="p2")
    made = plan(unlinked(payment(), twin(payment())), unlinked(again, twin(payment())), links=V1)
    assert {(held.verb, held.case) for held in made.operations} == {(Verb.HOLD, "C15")}
    assert len(made.operations) == 2
    assert "in the source as well" in made.operations[0].reason


@pytest.mark.case("C15")
def test_several_items_of_the_source_may_stand_for_one_of_qbo() -> None:
    links = {(Kind.CLIENT, "c1"): "C1", (Kind.ITEM, "i1"): ""}
    found = twin(item())
    both = invoice("v1", line(), line(item="i2"))
    made = plan(unlinked(item(), found), unlinked(item("i2"), found), unlinked(both), links=links)
    assert [(o.verb, o.qbo_id) for o in made.operations] == [
        (Verb.LINK, "I1"),
        (Verb.LINK, "I1"),
        (Verb.CREATE, ""),
    ]


@pytest.mark.case("C16")
def test_a_void_match_is_held() -> None:
    held = one(unlinked(invoice(), twin(invoice(), state=State.VOID)))
    assert (held.verb, held.case) == (Verb.HOLD, "C16")
    assert "void or inactive" in held.reason


@pytest.mark.case("C16")
def test_an_inactive_customer_of_the_name_is_held_and_its_invoice_waits() -> None:
    made = plan(
        unlinked(client(), twin(client(), active=False, name="Nord & Süd (deleted)")),
        unlinked(invoice()),
        links=NO_CLIENT,
    )
    assert [(o.kind, o.case) for o in made.operations] == [(Kind.CLIENT, "C16"), (Kind.INVOICE, "C50")]


@pytest.mark.case("C16")
def test_a_policy_may_create_anew_beside_a_void_match() -> None:
    made = one(
        unlinked(invoice(), twin(invoice(), state=State.VOID)),
        policy=answering(Kind.INVOICE, Case.ADOPT_VOID, Answer.CREATE_QBO),
    )
    assert (made.verb, made.qbo_id, made.case) == (Verb.CREATE, "", "C16")


# ---- C20 to C26: linked, and on both sides


@pytest.mark.case("C20")
@pytest.mark.parametrize("record", [invoice(), payment(), client(), item()], ids=lambda record: kind_of(record).value)
def test_in_sync_is_nothing(record: Record) -> None:
    made = plan(linked(record), links=V1)
    assert (made.operations, made.unchanged) == ((), 1)


@pytest.mark.case("C20")
@pytest.mark.parametrize("record", [invoice(), payment()], ids=["invoice", "payment"])
def test_a_source_that_keeps_the_ids_of_qbo_is_told_one_that_it_lacks(record: Record) -> None:
    """A stop between the two writes leaves a record that is in sync and does not know it."""
    made = one(linked(record, record), links=V1)
    assert (made.side, made.verb, made.fields, made.changes) == (Side.SOURCE, Verb.UPDATE, (), ())
    assert (made.qbo_id, made.expected_source) == (record.id.upper(), "s2")
    assert plan(linked(record, record), links=V1, capabilities={}).unchanged == 1


@pytest.mark.case("C20")
def test_what_the_feeds_do_not_mention_is_nothing() -> None:
    assert plan(linked(invoice(), UNCHANGED, UNCHANGED)).operations == ()


@pytest.mark.case("C20")
def test_an_accepted_difference_is_no_drift() -> None:
    shorter = twin(invoice(notes="long text"), notes="long")
    entry = linked(invoice(notes="long text"), qbo_base=shorter, accepted=frozenset({"notes"}))
    assert plan(entry).unchanged == 1


@pytest.mark.case("C21")
@EITHER
def test_drift_is_held_and_named(base: Any) -> None:
    held = one(linked(base, qbo_base=edited(twin(base))), links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C21")
    assert held.reason.startswith("neither side changed, yet they differ: notes ")
    assert held.reason.endswith(" in QuickBooks")


@pytest.mark.case("C21")
def test_a_number_that_the_source_still_lacks_is_taken_after_all() -> None:
    base = invoice(number="")
    made = one(linked(base, qbo_base=twin(base, number="1007")))
    assert (made.id, made.case, made.fields) == ("source:update:invoice:v1", "C21", ("number",))
    assert [(change_.old, change_.new) for change_ in made.changes] == [("", "1007")]


@pytest.mark.case("C21")
@pytest.mark.parametrize(("answer", "side"), [(Answer.PUSH, Side.QBO), (Answer.PULL, Side.SOURCE)])
def test_a_policy_may_end_drift(answer: Answer, side: Side) -> None:
    entry = linked(invoice(), qbo_base=edited(twin(invoice())))
    made = one(entry, policy=answering(Kind.INVOICE, Case.DRIFT, answer, CAUTIOUS))
    assert (made.side, made.verb, made.fields) == (side, Verb.UPDATE, ("notes",))


@pytest.mark.case("C22")
def test_an_edit_of_the_source_goes_to_qbo() -> None:
    made = one(linked(invoice(), edited(invoice())))
    assert (made.id, made.side, made.verb, made.case) == ("qbo:update:invoice:v1", Side.QBO, Verb.UPDATE, "C22")
    assert made.fields == ("notes",)
    assert [(c.field, c.old, c.new) for c in made.changes] == [("notes", "", "edited")]
    assert (made.expected_source, made.expected_qbo) == ("s2", "q1")
    assert made.reason == "the source changed notes"


@pytest.mark.case("C22")
def test_amounts_that_hang_together_are_sent_together() -> None:
    dearer = invoice("v1", line("100.00"), line("20.00", "More"))
    made = one(linked(invoice(), dearer))
    assert set(made.fields) == {"lines", "discount", "tax", "total"}
    assert {c.field for c in made.changes} == {"lines", "total"}


@pytest.mark.case("C22")
def test_a_currency_never_changes() -> None:
    held = one(linked(invoice(), invoice(currency="EUR")), policy=CAUTIOUS)
    assert held.reason == "QuickBooks never lets currency change once a record exists"


@pytest.mark.case("C22")
def test_what_qbo_decides_is_not_sent_by_stealth_beside_something_else() -> None:
    """Sent along, QBO's own number would come back and pass for an echo: two numbers, and nobody told."""
    held = one(linked(invoice(), invoice(number="X-1", notes="edited")))
    assert (held.verb, held.case) == (Verb.HOLD, "C22")
    assert held.reason.startswith("the source changed number, which QuickBooks decides: ")


@pytest.mark.case("C22")
def test_an_edit_that_makes_both_sides_equal_needs_no_write() -> None:
    entry = linked(invoice(notes="long text"), invoice(notes="long"), qbo_base=twin(invoice(), notes="long"))
    made = one(entry)
    assert (made.verb, made.case) == (Verb.REBASE, "C22")


@pytest.mark.case("C23")
def test_an_edit_of_qbo_goes_to_the_source_where_qbo_owns_the_field() -> None:
    made = one(linked(invoice(), qbo=edited(twin(invoice()))))
    assert (made.id, made.side, made.case) == ("source:update:invoice:v1", Side.SOURCE, "C23")
    assert (made.fields, made.record) == (("notes",), edited(twin(invoice())))
    assert [(c.field, c.old, c.new) for c in made.changes] == [("notes", "", "edited")]
    assert (made.expected_source, made.expected_qbo) == ("s1", "q2")
    assert made.money is None


@pytest.mark.case("C23")
def test_it_is_held_where_the_source_owns_the_field() -> None:
    held = one(linked(invoice(), qbo=edited(twin(invoice()))), policy=CAUTIOUS)
    assert (held.verb, held.case) == (Verb.HOLD, "C23")
    assert held.reason == "QuickBooks changed notes, which the source decides"


@pytest.mark.case("C23")
def test_it_is_put_back_where_the_policy_says_so() -> None:
    policy = answering(Kind.INVOICE, Case.QBO_EDITED, Answer.PUSH, CAUTIOUS)
    made = one(linked(invoice(), qbo=edited(twin(invoice()))), policy=policy)
    assert (made.side, [(c.old, c.new) for c in made.changes]) == (Side.QBO, [("edited", "")])


@pytest.mark.case("C23")
def test_it_is_only_recorded_where_the_policy_says_so() -> None:
    renamed = twin(client(), name="Nord and Sued")
    made = one(linked(client(), qbo=renamed))
    assert (made.verb, made.accepted) == (Verb.REBASE, ("name",))


@pytest.mark.case("C23")
def test_what_the_source_cannot_be_told_is_held() -> None:
    held = one(linked(invoice(), qbo=edited(twin(invoice()))), capabilities={})
    assert held.reason.startswith("QuickBooks changed notes, which cannot be written to the source: ")


@pytest.mark.case("C23")
def test_a_payment_moved_to_an_invoice_that_the_source_lacks_is_held() -> None:
    moved = change(twin(payment()), allocations=twin(payment(pays={"v9": "100.00"})).allocations)
    held = one(linked(payment(), qbo=moved), links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C50")
    assert "V9" in held.reason


@pytest.mark.case("C24")
@EITHER
def test_the_same_edit_on_both_sides_is_a_new_base(base: Any) -> None:
    made = one(linked(base, edited(base), edited(twin(base))), links=V1)
    assert (made.side, made.verb, made.case) == (Side.STATE, Verb.REBASE, "C24")
    assert made.source_base["notes"] == made.qbo_base["notes"] == "edited"


@pytest.mark.case("C24")
def test_what_may_differ_may_still_differ_afterwards() -> None:
    base, other = invoice(notes="long text"), twin(invoice(), notes="long")
    entry = linked(
        base, change(base, number="77"), change(other, number="77"), qbo_base=other, accepted=frozenset({"notes"})
    )
    assert one(entry).accepted == ("notes",)


@pytest.mark.case("C25")
def test_different_fields_are_held_unless_the_policy_merges() -> None:
    entry = linked(invoice(), edited(invoice()), twin(invoice(), due_date=DAY))
    held = one(entry, policy=CAUTIOUS)
    assert (held.verb, held.case) == (Verb.HOLD, "C25")
    assert held.reason == "both sides changed it (due date and notes)"
    to_qbo, to_source = plan(entry).operations
    assert (to_qbo.id, to_qbo.fields) == ("qbo:update:invoice:v1", ("notes",))
    assert (to_source.id, to_source.fields) == ("source:update:invoice:v1", ("due_date",))


@pytest.mark.case("C25")
@pytest.mark.parametrize(
    ("source", "qbo"),
    [
        ({"number": "X"}, {"notes": "theirs"}),  # QBO decides the number
        ({"currency": "EUR"}, {"notes": "theirs"}),  # never changes
    ],
)
def test_a_merge_is_made_whole_or_not_at_all(source: dict[str, Any], qbo: dict[str, Any]) -> None:
    held = one(linked(invoice(), invoice(**source), twin(invoice(), **qbo)))
    assert (held.verb, held.case) == (Verb.HOLD, "C25")


def test_a_record_is_held_once_with_all_its_reasons() -> None:
    entry = linked(invoice(), invoice(number="X"), twin(invoice(), notes="theirs"))
    held = one(entry, capabilities={})
    assert "cannot be written to the source" in held.reason
    assert "which QuickBooks decides" in held.reason


@pytest.mark.case("C26")
def test_the_same_field_on_both_sides_is_held_with_both_values() -> None:
    held = one(linked(invoice(), invoice(notes="mine"), twin(invoice(), notes="theirs")), policy=CAUTIOUS)
    assert (held.verb, held.case) == (Verb.HOLD, "C26")
    assert (held.source_base["notes"], held.qbo_base["notes"]) == ("mine", "theirs")
    assert held.reason == "both sides changed it (notes)"


@pytest.mark.case("C26")
@pytest.mark.parametrize(("answer", "side"), [(Answer.PUSH, Side.QBO), (Answer.PULL, Side.SOURCE)])
def test_a_policy_may_name_the_side_that_wins(answer: Answer, side: Side) -> None:
    policy = answering(Kind.INVOICE, Case.CONFLICT, answer, CAUTIOUS)
    made = one(linked(invoice(), invoice(notes="mine"), twin(invoice(), notes="theirs")), policy=policy)
    assert (made.side, made.fields) == (side, ("notes",))


@pytest.mark.case("C26")
def test_the_owner_of_each_field_wins_and_the_rest_goes_the_way_it_was_changed() -> None:
    mine = invoice(notes="mine", due_date=DAY)
    theirs = twin(invoice(), notes="theirs", number="1007")
    pull_push = plan(linked(invoice(), mine, theirs)).operations
    assert [(o.side, o.fields) for o in pull_push] == [
        (Side.QBO, ("due_date",)),
        (Side.SOURCE, ("notes", "number")),
    ]
    assert "the source's value is kept in the history" in pull_push[1].reason


@pytest.mark.case("C26")
def test_lines_and_totals_are_one_field() -> None:
    """Tax changed here and lines there is a conflict, not a merge: together they would be a third amount."""
    mine = invoice("v1", line("100.00"), tax=Decimal("8.00"))
    theirs = twin(invoice("v1", line("120.00")))
    made = one(linked(invoice(), mine, theirs))
    assert (made.case, made.side) == ("C26", Side.SOURCE)
    assert set(made.fields) == {"lines", "tax", "total"}


@pytest.mark.case("C26")
def test_lines_and_totals_have_one_winner() -> None:
    owners = {"total": Owner.RETURNED, "tax": Owner.RETURNED}
    policy = with_kind(
        Kind.INVOICE,
        answering(Kind.INVOICE, Case.CONFLICT, Answer.BY_OWNER, CAUTIOUS),
        owners=owners,
        default_owner=Owner.SOURCE,
    )
    made = one(linked(invoice(), invoice("v1", line("90.00")), twin(invoice("v1", line("120.00")))), policy=policy)
    assert made.side is Side.QBO
    assert {"lines", "total"} <= set(made.fields)


# ---- C30 to C38: gone, void, moved, doubled


@pytest.mark.case("C30")
@EITHER
def test_gone_from_the_source_is_held_unless_the_policy_says(base: Record) -> None:
    held = one(linked(base, Absent(base.id, ("sweep", "read"))), policy=CAUTIOUS, links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C30")
    assert held.reason == "it is gone from the source and still in QuickBooks"


@pytest.mark.case("C30")
@pytest.mark.parametrize(
    ("answer", "identity"),
    [
        (Answer.DELETE_QBO, "qbo:delete:invoice:v1"),
        (Answer.VOID_QBO, "qbo:void:invoice:v1"),
        (Answer.ORPHAN, "state:orphan:invoice:v1"),
    ],
)
def test_a_policy_may_remove_or_leave_it(answer: Answer, identity: str) -> None:
    made = one(linked(invoice(), GONE), policy=answering(Kind.INVOICE, Case.SRC_GONE, answer))
    assert (made.id, made.case, made.expected_qbo) == (identity, "C30", "q1")


@pytest.mark.case("C30")
def test_a_list_record_is_made_inactive_since_qbo_deletes_none() -> None:
    policy = answering(Kind.CLIENT, Case.SRC_GONE, Answer.DELETE_QBO, CAUTIOUS)
    assert one(linked(client(), GONE), policy=policy).verb is Verb.DEACTIVATE


@pytest.mark.case("C30")
def test_nothing_is_removed_that_was_not_read_in_this_cycle() -> None:
    held = one(linked(payment(), GONE, UNCHANGED))
    assert (held.verb, held.wait) == (Verb.HOLD, True)


@pytest.mark.case("C31")
@pytest.mark.parametrize(
    "answer", [Answer.HOLD, Answer.DELETE_QBO, Answer.DEACTIVATE_QBO], ids=["hold", "delete", "deactivate"]
)
def test_an_edit_in_qbo_is_never_destroyed_by_a_removal_in_the_source(answer: Answer) -> None:
    policy = answering(Kind.PAYMENT, Case.SRC_GONE_QBO_EDITED, answer)
    held = one(linked(payment(), GONE, edited(twin(payment()))), policy=policy)
    assert (held.verb, held.case) == (Verb.HOLD, "C31")
    assert "QuickBooks changed notes since" in held.reason


@pytest.mark.case("C31")
def test_not_even_by_unpublishing() -> None:
    policy = with_kind(Kind.INVOICE, CAUTIOUS, withdrawn=Answer.DELETE_QBO)
    draft = invoice(state=State.DRAFT)
    assert one(linked(invoice(), draft), policy=policy).verb is Verb.DELETE
    held = one(linked(invoice(), draft, edited(twin(invoice()))), policy=policy)
    assert (held.verb, held.case) == (Verb.HOLD, "C31")


@pytest.mark.case("C31")
def test_a_policy_may_unlink() -> None:
    policy = answering(Kind.PAYMENT, Case.SRC_GONE_QBO_EDITED, Answer.ORPHAN)
    assert one(linked(payment(), GONE, edited(twin(payment()))), policy=policy).verb is Verb.ORPHAN


@pytest.mark.case("C32")
def test_gone_from_qbo_is_held_unless_the_policy_says() -> None:
    held = one(linked(invoice(), qbo=GONE))
    assert (held.verb, held.case) == (Verb.HOLD, "C32")
    assert held.reason == "it was deleted in QuickBooks and is still in the source"


@pytest.mark.case("C32")
@pytest.mark.parametrize(
    ("answer", "identity"),
    [
        (Answer.RECREATE_QBO, "qbo:create:invoice:v1"),
        (Answer.DELETE_SOURCE, "source:delete:invoice:v1"),
        (Answer.ORPHAN, "state:orphan:invoice:v1"),
    ],
)
def test_a_policy_may_create_anew_remove_or_unlink(answer: Answer, identity: str) -> None:
    made = one(linked(invoice(), qbo=GONE), policy=answering(Kind.INVOICE, Case.QBO_GONE, answer))
    assert (made.id, made.case) == (identity, "C32")
    assert made.expected_source == "s1"
    if made.verb is Verb.CREATE:
        assert made.qbo_id == ""


@pytest.mark.case("C33")
@EITHER
def test_an_edit_in_the_source_is_never_destroyed_by_a_removal_in_qbo(base: Any) -> None:
    policy = answering(kind_of(base), Case.QBO_GONE_SRC_EDITED, Answer.DELETE_SOURCE)
    held = one(linked(base, edited(base), GONE), policy=policy, links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C33")
    assert "the source changed notes since" in held.reason


@pytest.mark.case("C33")
def test_a_policy_may_create_the_edited_one_anew() -> None:
    policy = answering(Kind.INVOICE, Case.QBO_GONE_SRC_EDITED, Answer.RECREATE_QBO)
    made = one(linked(invoice(), edited(invoice()), GONE), policy=policy)
    assert (made.verb, made.qbo_id, made.reason) == (
        Verb.CREATE,
        "",
        "is not in QuickBooks any more and is created anew",
    )


@pytest.mark.case("C34")
@EITHER
@pytest.mark.parametrize("policy", [None, CAUTIOUS], ids=["ruddr", "cautious"])
def test_a_void_is_a_state_and_no_edit_to_zero(base: Record, policy: Any) -> None:
    made = one(linked(base, qbo=voided(base)), links=V1, **({"policy": policy} if policy else {}))
    assert (made.verb, made.case) == (Verb.HOLD, "C34")
    assert "the source keeps its amounts" in made.reason


@pytest.mark.case("C34")
def test_a_policy_may_mark_it_void_in_the_source() -> None:
    policy = answering(Kind.INVOICE, Case.QBO_VOID, Answer.VOID_SOURCE)
    made = one(linked(invoice(), qbo=voided(invoice())), policy=policy)
    assert (made.side, made.verb, made.fields, made.changes) == (Side.SOURCE, Verb.VOID, (), ())


@pytest.mark.case("C34")
@pytest.mark.parametrize("answer", [Answer.PULL, Answer.BY_OWNER, Answer.DELETE_SOURCE])
def test_no_policy_copies_the_zeros_of_a_void(answer: Answer) -> None:
    held = one(linked(invoice(), qbo=voided(invoice())), policy=answering(Kind.INVOICE, Case.QBO_VOID, answer))
    assert held.verb is Verb.HOLD


@pytest.mark.case("C35")
@pytest.mark.parametrize("answer", list(Answer))
def test_a_void_of_what_the_source_edited_is_never_automatic(answer: Answer) -> None:
    policy = answering(Kind.INVOICE, Case.QBO_VOID_SRC_EDITED, answer)
    held = one(linked(invoice(), edited(invoice()), voided(invoice())), policy=policy)
    assert (held.verb, held.case) == (Verb.HOLD, "C35")


@pytest.mark.case("C36")
@pytest.mark.parametrize("qbo", [GONE, voided(invoice())], ids=["gone", "void"])
def test_gone_on_both_sides_is_forgotten(qbo: Any) -> None:
    made = one(linked(invoice(), GONE, qbo))
    assert (made.side, made.verb, made.case) == (Side.STATE, Verb.FORGET, "C36")


@pytest.mark.case("C37")
@pytest.mark.parametrize("answer", list(Answer))
def test_a_copy_that_took_the_place_of_the_linked_one_is_never_linked_by_itself(answer: Answer) -> None:
    copy = Present(twin(invoice(), id="V7"), "q1")
    entry = linked(invoice(), qbo=GONE, candidates=(copy,), word="accept-source")
    held = one(entry, policy=answering(Kind.INVOICE, Case.MOVED, answer))
    assert (held.verb, held.case) == (Verb.HOLD, "C37")
    assert "V7" in held.reason


@pytest.mark.case("C38")
@pytest.mark.parametrize("qbo", [SAME, voided(invoice())], ids=["live", "void"])
@pytest.mark.parametrize("answer", [Answer.HOLD, Answer.PUSH, Answer.LINK])
def test_twins_are_held_and_nothing_is_written_to_either(qbo: Any, answer: Answer) -> None:
    copy = Present(twin(invoice(), id="V7"), "q1")
    entry = linked(invoice(), edited(invoice()), qbo, candidates=(copy,))
    held = one(entry, policy=answering(Kind.INVOICE, Case.TWINS, answer))
    assert (held.verb, held.case) == (Verb.HOLD, "C38")


@pytest.mark.case("C38")
def test_a_void_copy_is_no_twin() -> None:
    copy = Present(twin(invoice(), id="V7", state=State.VOID), "q1")
    assert one(linked(invoice(), edited(invoice()), candidates=(copy,))).verb is Verb.UPDATE


# ---- C40 to C42: back from the dead


@pytest.mark.case("C40")
@pytest.mark.parametrize("qbo", [GONE, voided(invoice())], ids=["gone", "void"])
def test_what_comes_back_in_the_source_is_created_anew(qbo: Any) -> None:
    made = one(linked(invoice(), qbo=qbo, state="tombstoned"))
    assert (made.id, made.case, made.qbo_id) == ("qbo:create:invoice:v1", "C40", "")
    assert made.reason == "is not in QuickBooks any more and is created anew"


@pytest.mark.case("C41")
def test_what_comes_back_in_qbo_is_held_or_ignored() -> None:
    entry = linked(invoice(), GONE, state="tombstoned")
    held = one(entry)
    assert (held.verb, held.case) == (Verb.HOLD, "C41")
    made = plan(entry, policy=answering(Kind.INVOICE, Case.REBORN_QBO, Answer.IGNORE))
    assert (made.operations, made.ignored) == ((), {"invoice": 1})


@pytest.mark.case("C42")
def test_what_comes_back_on_both_sides_is_linked_only_if_the_policy_says_and_both_agree() -> None:
    entry = linked(invoice(), state="tombstoned")
    assert (one(entry).verb, one(entry).case) == (Verb.HOLD, "C42")
    policy = answering(Kind.INVOICE, Case.REBORN_BOTH, Answer.LINK)
    made = one(entry, policy=policy)
    assert (made.verb, made.qbo_id) == (Verb.LINK, "V1")
    differing = one(linked(invoice(), edited(invoice()), state="tombstoned"), policy=policy)
    assert (differing.verb, differing.case) == (Verb.HOLD, "C42")


@pytest.mark.case("C15")
def test_one_that_comes_back_to_two_matches_is_ambiguous() -> None:
    copies = tuple(Present(twin(invoice(), id=name), "q1") for name in ("V7", "V8"))
    entry = linked(invoice(), qbo=GONE, state="tombstoned", candidates=copies)
    held = one(entry, policy=answering(Kind.INVOICE, Case.REBORN_BOTH, Answer.LINK))
    assert (held.verb, held.case) == (Verb.HOLD, "C15")


# ---- what a person says


@pytest.mark.parametrize(
    ("word", "identity"), [("accept-source", "qbo:update:invoice:v1"), ("accept-qbo", "source:update:invoice:v1")]
)
def test_a_persons_word_settles_a_conflict(word: str, identity: str) -> None:
    entry = linked(invoice(), invoice(notes="mine"), twin(invoice(), notes="theirs"), word=word, asked="C26")
    assert one(entry, policy=CAUTIOUS).id == identity


def test_a_word_for_another_case_is_no_answer_any_more() -> None:
    """Asked whose notes to keep, somebody said QuickBooks'. Nobody said to delete the source's record since."""
    asked = linked(payment(), edited(payment()), GONE, word="accept-qbo", asked="C26")
    held = one(asked, links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C33")
    told = linked(payment(), edited(payment()), GONE, word="accept-qbo", asked="C33")
    assert one(told, links=V1).id == "source:delete:payment:p1"


def test_a_person_may_use_verbs_that_the_policy_does_not() -> None:
    gone = linked(invoice(), GONE, word="accept-source", asked="C30")
    assert one(gone).id == "qbo:delete:invoice:v1"


def test_a_record_that_a_person_set_aside_is_left_alone_until_told_otherwise() -> None:
    entry = linked(invoice(), edited(invoice()), state="ignored")
    assert plan(entry).unchanged == 1
    assert one(change(entry, word="retry")).verb is Verb.UPDATE


def test_a_record_that_was_set_aside_needs_no_client() -> None:
    aside = linked(invoice(client="c2"), state="ignored")
    assert plan(aside, unlinked(client("c2"))).operations == ()
