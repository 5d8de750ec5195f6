"""What the ruddr profile makes of it: QuickBooks decides what was published or saved, the source decides drafts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from msgspec import UNSET

from syncd.model.kinds import Kind, Side, State
from syncd.model.observations import UNCHANGED, Unknown
from syncd.model.writes import Verb
from syncd.reconciler.entries import Entry
from syncd.reconciler.plan import Operation
from tests.reconciler.build import (
    DAY,
    GONE,
    SETTINGS,
    change,
    client,
    foreign,
    invoice,
    item,
    line,
    linked,
    one,
    payment,
    plan,
    twin,
    unlinked,
)

V1 = {(Kind.INVOICE, "v1"): "V1"}
DRAFT = invoice(state=State.DRAFT)


# ---- invoices


@pytest.mark.case("C26")
@pytest.mark.behaviour("R-30")
def test_of_a_published_invoice_qbo_wins() -> None:
    made = one(linked(invoice(), invoice(notes="mine"), twin(invoice(), notes="theirs")))
    assert (made.side, made.verb, made.fields) == (Side.SOURCE, Verb.UPDATE, ("notes",))


@pytest.mark.case("C23")
@pytest.mark.behaviour("R-40")
def test_the_lines_of_qbo_replace_those_of_the_source() -> None:
    theirs = twin(invoice("v1", line("70.00", "Less"), line("5.00", "Fee")))
    made = one(linked(invoice(), qbo=theirs))
    assert made.fields == ("lines", "total")
    assert made.record == theirs
    assert made.money is not None
    assert made.money.amount == Decimal("75.00")


@pytest.mark.case("C22")
@pytest.mark.behaviour("R-31")
def test_what_only_the_source_changed_still_goes_out() -> None:
    assert one(linked(invoice(), invoice(due_date=DAY))).id == "qbo:update:invoice:v1"


@pytest.mark.case("C30")
@pytest.mark.behaviour("R-45")
def test_unpublishing_leaves_the_invoice_in_qbo() -> None:
    made = one(linked(invoice(), DRAFT))
    assert (made.side, made.verb) == (Side.STATE, Verb.ORPHAN)
    assert made.reason.startswith("it is a draft again")


def test_a_draft_left_behind_is_left_alone_whatever_happens_to_it() -> None:
    edited = change(DRAFT, notes="work in progress")
    for qbo in (twin(invoice()), twin(invoice(), notes="theirs")):
        made = plan(linked(invoice(), edited, qbo, state="orphaned"))
        assert (made.operations, made.unchanged) == ((), 1)
    assert plan(linked(invoice(), GONE, state="orphaned")).operations == ()
    assert plan(linked(invoice(), UNCHANGED, twin(invoice(), notes="x"), state="orphaned")).operations == ()


@pytest.mark.behaviour("R-47")
def test_publishing_again_takes_the_same_invoice_up_again() -> None:
    made = one(linked(invoice(), invoice(), state="orphaned"))
    assert (made.verb, made.qbo_id) == (Verb.REBASE, "V1")
    assert "published again" in made.reason


def test_what_changed_while_it_was_a_draft_goes_to_the_same_invoice() -> None:
    made = one(linked(invoice(), invoice("v1", line("150.00")), state="orphaned"))
    assert (made.id, made.qbo_id) == ("qbo:update:invoice:v1", "V1")


@pytest.mark.case("C40")
def test_a_left_behind_invoice_deleted_by_hand_is_created_anew_when_published_again() -> None:
    made = one(linked(invoice(), invoice(), GONE, state="orphaned"))
    assert (made.verb, made.case, made.qbo_id) == (Verb.CREATE, "C40", "")
    assert plan(linked(invoice(), DRAFT, GONE, state="orphaned")).operations == ()


@pytest.mark.case("C30")
def test_a_deleted_source_invoice_leaves_its_counterpart() -> None:
    assert one(linked(invoice(), GONE)).verb is Verb.ORPHAN


@pytest.mark.case("C32")
@pytest.mark.parametrize("qbo", [GONE, twin(invoice(), state=State.VOID, total=Decimal(0), balance=Decimal(0))])
def test_an_invoice_deleted_or_voided_in_qbo_is_a_question_for_a_person(qbo: object) -> None:
    assert one(linked(invoice(), qbo=qbo)).verb is Verb.HOLD


@pytest.mark.behaviour("R-25")
def test_the_number_that_qbo_gave_comes_back() -> None:
    assert one(unlinked(invoice(number=""))).writes_back == ("number", "external_id")
    assert one(unlinked(invoice()), capabilities={}).writes_back == ()


# ---- payments


@pytest.mark.behaviour("R-50")
def test_a_payment_entered_in_the_source_is_saved() -> None:
    made = one(unlinked(payment()), links=V1)
    assert (made.id, made.case) == ("qbo:create:payment:p1", "C11")
    assert made.reason == "was entered in the source and is not in QuickBooks yet"


@pytest.mark.case("C22")
@pytest.mark.behaviour("R-51")
def test_a_saved_payment_is_changed_in_qbo_only() -> None:
    held = one(linked(payment(), payment(amount="90.00")), links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C22")
    assert held.reason.endswith("which is to be changed in QuickBooks only")
    assert "amount" in held.reason


@pytest.mark.case("C23")
@pytest.mark.behaviour("R-52")
def test_a_payment_changed_in_qbo_changes_in_the_source() -> None:
    made = one(linked(payment(), qbo=twin(payment(amount="90.00"))), links=V1)
    assert (made.id, set(made.fields)) == ("source:update:payment:p1", {"amount", "allocations"})


@pytest.mark.case("C26")
def test_of_a_saved_payment_qbo_wins() -> None:
    made = one(linked(payment(), payment(notes="mine"), twin(payment(), notes="theirs")), links=V1)
    assert (made.side, made.fields) == (Side.SOURCE, ("notes",))


@pytest.mark.case("C30")
@pytest.mark.behaviour("R-74")
def test_a_payment_deleted_in_the_source_is_deleted_in_qbo() -> None:
    made = one(linked(payment(), GONE), links=V1)
    assert (made.id, made.qbo_id, made.expected_qbo) == ("qbo:delete:payment:p1", "P1", "q1")


@pytest.mark.case("C32")
@pytest.mark.behaviour("R-71")
def test_a_payment_deleted_in_qbo_is_deleted_in_the_source() -> None:
    made = one(linked(payment(), qbo=GONE), links=V1)
    assert (made.id, made.source_id, made.expected_source) == ("source:delete:payment:p1", "p1", "s1")


@pytest.mark.case("C34")
def test_a_voided_payment_is_a_question() -> None:
    void = twin(payment(), state=State.VOID, amount=Decimal(0), allocations=())
    held = one(linked(payment(), qbo=void), links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C34")


@pytest.mark.case("C12")
@pytest.mark.behaviour("R-62")
def test_a_payment_entered_in_qbo_comes_in_once_its_invoice_is_ours() -> None:
    assert one(foreign(twin(payment())), links=V1).id == "source:create:payment:qbo-P1"


@pytest.mark.case("C12")
@pytest.mark.parametrize(
    "other",
    [
        twin(payment(pays={"v9": "100.00"})),
        twin(payment(pays={})),
        twin(payment(client="c9")),
        twin(payment(), state=State.VOID),
        twin(payment("p1", "0.00", {"v1": "0.00"})),
    ],
    ids=["another invoice", "no invoice", "another client", "void", "nothing"],
)
def test_a_payment_that_is_none_of_ours_is_counted(other: object) -> None:
    made = plan(foreign(other), links=V1)
    assert (made.operations, made.ignored) == ((), {"payment": 1})


@pytest.mark.case("C12")
@pytest.mark.parametrize(
    "mixed",
    [twin(payment(pays={"v1": "40.00", "v9": "60.00"})), twin(payment(), other_links=1)],
    ids=["one invoice unknown", "a credit applied"],
)
def test_a_payment_that_is_ours_in_part_is_held_and_counted_once(mixed: object) -> None:
    made = plan(foreign(mixed), links=V1)
    assert ([o.verb for o in made.operations], made.ignored) == ([Verb.HOLD], {})
    assert "documents that the source does not know" in made.operations[0].reason


@pytest.mark.case("C12")
def test_a_payment_from_before_the_start_is_none_of_ours() -> None:
    settings = msgspec.structs.replace(SETTINGS, sync_start_date=date(2026, 3, 3))
    assert plan(foreign(twin(payment())), links=V1, settings=settings).ignored == {"payment": 1}


# ---- the same payment on both sides is one payment


@pytest.mark.case("C13")
def test_a_payment_entered_on_both_sides_is_linked_and_not_brought_in_besides() -> None:
    """Both ends are in view: the record of the source finds its match, and QBO's change feed tells of it too."""
    link = one_of(unlinked(payment(), twin(payment())), foreign(twin(payment())))
    assert (link.verb, link.qbo_id) == (Verb.LINK, "P1")


@pytest.mark.case("C13")
def test_it_is_found_even_where_only_the_feed_tells_of_it() -> None:
    link = one_of(unlinked(payment()), foreign(twin(payment())))
    assert (link.verb, link.qbo_id) == (Verb.LINK, "P1")


@pytest.mark.case("C14")
@pytest.mark.case("C12")
def test_a_look_alike_waits_with_the_record_it_looks_like() -> None:
    other = twin(payment(), notes="by cheque")
    mine, theirs = plan(unlinked(payment()), foreign(other), links=V1).operations
    assert {mine.case, theirs.case} == {"C14", "C12"}
    waiting = mine if mine.case == "C12" else theirs
    assert (waiting.verb, waiting.wait) == (Verb.HOLD, True)
    assert "may be the same as payment R-p1" in waiting.reason


@pytest.mark.case("C01")
def test_a_foreign_payment_waits_while_nobody_knows_what_ours_matches() -> None:
    made = plan(unlinked(payment(), qbo=Unknown("cut")), foreign(twin(payment())), links=V1)
    assert {o.verb for o in made.operations} == {Verb.HOLD}
    assert all(o.wait for o in made.operations)


def test_two_payments_that_are_not_alike_are_two() -> None:
    made = plan(unlinked(payment()), foreign(twin(payment("p2", "55.00"))), links=V1)
    assert {o.id for o in made.operations} == {"qbo:create:payment:p1", "source:create:payment:qbo-P2"}


def one_of(*entries: Entry) -> Operation:
    """The one operation of entries about v1's payments."""
    made = plan(*entries, links=V1)
    assert len(made.operations) == 1
    assert made.ignored == {}
    return made.operations[0]


# ---- clients


@pytest.mark.behaviour("R-110")
def test_a_client_is_found_by_name_and_currency() -> None:
    links = {(Kind.CLIENT, "c1"): ""}
    found = twin(client(), name="NORD & SÜD", email="books@b.example")
    made = plan(unlinked(client(), twin(client())), unlinked(invoice()), links=links)
    assert [o.verb for o in made.operations] == [Verb.LINK, Verb.CREATE]
    held = plan(unlinked(client(), found), unlinked(invoice()), links=links).operations
    assert [o.case for o in held] == ["C14", "C50"]


@pytest.mark.behaviour("R-116")
def test_a_customer_of_another_currency_is_not_the_client() -> None:
    links = {(Kind.CLIENT, "c1"): ""}
    held, blocked = plan(
        unlinked(client(), twin(client(), currency="EUR")), unlinked(invoice()), links=links
    ).operations
    assert (held.case, blocked.case) == ("C14", "C50")
    assert "currency" in held.reason


def test_a_customer_that_we_did_not_create_is_never_touched() -> None:
    renamed = client(email="new@b.example")
    made = one(linked(client(), renamed, created_by=None))
    assert (made.verb, made.accepted) == (Verb.REBASE, ("email",))
    ours = one(linked(client(), renamed, created_by=Side.QBO))
    assert (ours.id, ours.fields) == ("qbo:update:client:c1", ("email",))


def test_a_client_removed_from_the_source_leaves_the_customer() -> None:
    assert one(linked(client(), GONE)).verb is Verb.ORPHAN


def test_an_item_spelt_otherwise_is_the_same_item() -> None:
    links = {(Kind.ITEM, "i1"): ""}
    made = plan(unlinked(item(), twin(item(), name="DESIGN")), unlinked(invoice()), links=links).operations
    assert (made[0].verb, made[0].accepted, made[0].qbo_id) == (Verb.LINK, ("name",), "I1")


def test_an_invoice_without_number_matches_nothing_by_it() -> None:
    found = twin(invoice(number=UNSET), number="1001")
    held = one(unlinked(invoice(number=UNSET), found))
    assert held.case == "C14"
