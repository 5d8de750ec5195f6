"""Overlays on what was decided: blocked (C50), frozen (C51), and what stays out of it altogether."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case
from tests.reconciler.build import (
    DAY,
    FACTS,
    GONE,
    SETTINGS,
    answering,
    cautious,
    change,
    client,
    foreign,
    invoice,
    line,
    linked,
    one,
    payment,
    plan,
    twin,
    unlinked,
    with_kind,
)

V1 = {(Kind.INVOICE, "v1"): "V1"}
NO_CLIENT = {(Kind.CLIENT, "c1"): ""}
CLOSED = msgspec.structs.replace(FACTS, close_date=DAY)
OPEN = msgspec.structs.replace(FACTS, close_date=date(2026, 3, 1))
CEILING = msgspec.structs.replace(SETTINGS, amount_ceiling="100.00")


# ---- C50


@pytest.mark.case("C50")
def test_what_needs_a_held_record_waits_for_it_by_name() -> None:
    made = plan(unlinked(client(), twin(client()), twin(client(), id="C2")), unlinked(invoice()), links=NO_CLIENT)
    held_client, held_invoice = made.operations
    assert held_client.case == "C15"
    assert (held_invoice.verb, held_invoice.case, held_invoice.wait) == (Verb.HOLD, "C50", True)
    assert held_invoice.reason == "waits for client Nord & Süd, which is held"
    assert held_invoice.blocked_by == "client Nord & Süd, which is held"


@pytest.mark.case("C50")
def test_what_needs_a_record_that_nobody_knows_waits() -> None:
    held = one(unlinked(payment()))
    assert (held.case, held.reason) == ("C50", "waits for invoice of the source's id v1, which is not in QuickBooks")


@pytest.mark.case("C50")
@pytest.mark.behaviour("R-58")
def test_blocking_goes_all_the_way_down() -> None:
    made = plan(
        unlinked(client(), twin(client(), active=False)), unlinked(invoice()), unlinked(payment()), links=NO_CLIENT
    )
    assert [operation.verb for operation in made.operations] == [Verb.HOLD] * 3
    assert {operation.case for operation in made.operations[1:]} == {"C50"}


@pytest.mark.case("C50")
@pytest.mark.parametrize(
    "gone", [Absent("C1", ("read",)), twin(client(), active=False)], ids=["gone from QBO", "inactive in QBO"]
)
def test_nothing_new_is_written_for_a_customer_that_cannot_be_used(gone: Any) -> None:
    made = plan(linked(client(), qbo=gone), unlinked(invoice()))
    assert [(o.kind, o.verb) for o in made.operations] == [(Kind.CLIENT, Verb.HOLD), (Kind.INVOICE, Verb.HOLD)]
    assert made.operations[1].case == "C50"


@pytest.mark.case("C50")
def test_a_customer_held_over_its_email_can_be_billed_all_the_same() -> None:
    disputed = linked(client(), client(email="new@b.example"), twin(client(), email="other@b.example"))
    made = plan(disputed, unlinked(invoice()))
    assert [(o.kind, o.verb) for o in made.operations] == [(Kind.INVOICE, Verb.CREATE), (Kind.CLIENT, Verb.HOLD)]


@pytest.mark.case("C50")
def test_a_payment_imported_with_its_adopted_invoice_waits_for_the_link() -> None:
    adopted = unlinked(invoice(), twin(invoice()))
    link, imported = plan(adopted, foreign(twin(payment()))).operations
    assert (imported.id, imported.after) == ("source:create:payment:qbo-P1", (link.id,))


# ---- C51


@pytest.mark.case("C51")
@pytest.mark.failure("F-93")
@pytest.mark.parametrize(
    "entry",
    [
        unlinked(invoice()),
        linked(invoice(), invoice(notes="edited")),
        linked(invoice(), invoice(issue_date=date(2026, 4, 1))),
        linked(invoice(issue_date=date(2026, 4, 1)), invoice(issue_date=DAY)),
        unlinked(payment()),
        linked(payment(), GONE),
    ],
    ids=["new", "edited", "moved out", "moved in", "new payment", "removed payment"],
)
def test_nothing_is_written_into_a_closed_period(entry: Any) -> None:
    held = one(entry, facts=CLOSED, links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C51")
    assert "2026-03-02" in held.reason
    assert one(entry, facts=OPEN, links=V1).verb is not Verb.HOLD


@pytest.mark.case("C51")
def test_no_word_and_no_policy_opens_a_closed_period() -> None:
    entry = linked(invoice(), invoice(notes="edited"), word="accept-source", asked="C51")
    assert one(entry, facts=CLOSED).case == "C51"


@pytest.mark.case("C51")
def test_what_came_from_qbo_may_be_taken_over_in_a_closed_period() -> None:
    assert one(linked(invoice(), qbo=twin(invoice(), notes="theirs")), facts=CLOSED).verb is Verb.UPDATE


@pytest.mark.case("C51")
@pytest.mark.failure("F-94")
@pytest.mark.parametrize(
    "entry", [unlinked(invoice()), linked(invoice(), invoice(notes="edited")), linked(payment(), GONE)]
)
def test_what_is_reconciled_is_changed_only_with_a_persons_approval(entry: Any) -> None:
    until = msgspec.structs.replace(SETTINGS, reconciled_until=DAY)
    held = one(entry, settings=until, links=V1)
    assert (held.verb, held.case) == (Verb.HOLD, "C51")
    assert "reconciled up to 2026-03-02" in held.reason
    approved = msgspec.structs.replace(entry, word="accept-source", asked="C51")
    assert one(approved, settings=until, links=V1).verb is not Verb.HOLD
    assert one(approved, settings=until, facts=CLOSED, links=V1).case == "C51", "a closed period stays closed"
    before = msgspec.structs.replace(SETTINGS, reconciled_until=DAY - timedelta(days=1))
    assert one(entry, settings=before, links=V1).verb is not Verb.HOLD


PAID = twin(invoice(), balance=Decimal("40.00"))


@pytest.mark.case("C51")
def test_amounts_are_frozen_once_money_was_applied() -> None:
    held = one(linked(invoice(), invoice("v1", line("120.00")), PAID))
    assert (held.verb, held.case) == (Verb.HOLD, "C51")
    assert "payments or credits are applied" in held.reason


@pytest.mark.case("C51")
def test_the_rest_of_a_paid_invoice_is_not() -> None:
    assert one(linked(invoice(), invoice(notes="thanks"), PAID)).fields == ("notes",)
    unpaid = twin(invoice(), balance=Decimal("100.00"))
    assert one(linked(invoice(), invoice("v1", line("120.00")), unpaid)).verb is Verb.UPDATE
    unread = twin(invoice(), balance=UNSET)
    assert one(linked(invoice(), invoice("v1", line("120.00")), unread)).verb is Verb.UPDATE


@pytest.mark.case("C51")
@pytest.mark.parametrize("answer", [Answer.DELETE_QBO, Answer.VOID_QBO])
def test_a_paid_invoice_is_not_removed(answer: Answer) -> None:
    policy = answering(Kind.INVOICE, Case.SRC_GONE, answer)
    held = one(linked(invoice(), GONE, PAID, word="accept-source", asked="C30"), policy=policy)
    assert (held.verb, held.case) == (Verb.HOLD, "C51")
    assert one(linked(invoice(), GONE), policy=policy).verb in {Verb.DELETE, Verb.VOID}


@pytest.mark.case("C51")
@pytest.mark.parametrize(("amount", "verb"), [("100.00", Verb.CREATE), ("100.01", Verb.HOLD)])
def test_an_amount_over_the_ceiling_waits_for_approval(amount: str, verb: Verb) -> None:
    made = one(unlinked(invoice("v1", line(amount))), settings=CEILING)
    assert (made.verb, made.case) == (verb, "C11" if verb is Verb.CREATE else "C51")
    if verb is Verb.HOLD:
        assert "over the ceiling of 100.00" in made.reason


@pytest.mark.case("C51")
def test_approval_lifts_the_ceiling_and_nothing_else() -> None:
    dear = unlinked(invoice("v1", line("100.01")), word="accept-source", asked="C51")
    assert one(dear, settings=CEILING).verb is Verb.CREATE
    assert one(dear, settings=CEILING, facts=CLOSED).verb is Verb.HOLD
    stale = change(dear, asked="C26")
    assert one(stale, settings=CEILING).verb is Verb.HOLD


@pytest.mark.case("C51")
def test_the_ceiling_looks_at_amounts_only_where_amounts_change() -> None:
    dear = invoice("v1", line("500.00"))
    assert one(linked(dear, change(dear, notes="edited")), settings=CEILING).verb is Verb.UPDATE
    dearer = invoice("v1", line("600.00"))
    assert one(linked(dear, dearer), settings=CEILING).case == "C51"


@pytest.mark.case("C50")
@pytest.mark.case("C51")
def test_blocked_is_said_before_frozen() -> None:
    new = invoice("v1", line("500.00"), client="c9")
    for entry in (unlinked(new), linked(invoice(), new)):
        assert one(entry, settings=CEILING).case == "C50"


# ---- what is none of QuickBooks' business


@pytest.mark.behaviour("R-6")
def test_a_draft_never_goes_out() -> None:
    made = plan(unlinked(invoice(state=State.DRAFT)), unlinked(client()), links={})
    assert (made.operations, made.unchanged) == ((), 0)


def test_nothing_from_before_the_start_goes_out_or_drags_a_client_along() -> None:
    settings = msgspec.structs.replace(SETTINGS, sync_start_date=date(2026, 3, 3))
    old = plan(unlinked(invoice()), unlinked(client()), settings=settings, links=NO_CLIENT)
    assert old.operations == ()
    on_the_day = plan(unlinked(invoice(issue_date=date(2026, 3, 3))), settings=settings)
    assert [o.verb for o in on_the_day.operations] == [Verb.CREATE]
    assert one(linked(invoice(), invoice(notes="edited")), settings=settings).verb is Verb.UPDATE


def test_a_withdrawn_record_is_no_reason_to_import_its_look_alike_twice() -> None:
    void = payment(state=State.VOID)
    made = plan(unlinked(void, twin(payment())), links=V1)
    assert made.operations == ()


def test_a_write_that_the_policy_does_not_permit_is_held() -> None:
    policy = with_kind(Kind.INVOICE, verbs={})
    held = one(unlinked(invoice()), policy=policy)
    assert (held.verb, held.case) == (Verb.HOLD, "C11")
    assert "not allowed by the policy" in held.reason


def test_a_source_that_cannot_be_written_is_not_written_even_if_a_person_says_so() -> None:
    gone = linked(payment(), qbo=GONE, word="accept-qbo", asked="C32")
    held = one(gone, capabilities={}, links=V1)
    assert (held.verb, "the source" in held.reason) == (Verb.HOLD, True)


def test_a_record_that_qbo_would_refuse_is_held_with_the_remedy() -> None:
    odd = invoice(total=Decimal("99.00"))
    made = plan(unlinked(odd), unlinked(invoice("v2")))
    assert [o.id for o in made.operations] == ["qbo:create:invoice:v2", "state:hold:invoice:v1"]
    held = made.operations[1]
    assert [problem.code for problem in held.problems] == ["total-parts"]
    assert held.problems[0].remedy


def test_one_absurd_amount_does_not_keep_the_others_from_going() -> None:
    huge = invoice("v1", line("1E+30", quantity=Decimal("1E+15"), rate=Decimal("1E+15")))
    made = plan(unlinked(huge), unlinked(invoice("v2")))
    assert [o.id for o in made.operations] == ["qbo:create:invoice:v2", "state:hold:invoice:v1"]


def test_a_voided_source_record_follows_its_own_rule() -> None:
    void = invoice(state=State.VOID)
    assert one(linked(invoice(), void)).case == "C30"
    policy = with_kind(Kind.INVOICE, cautious(), source_void=Answer.VOID_QBO)
    made = one(linked(invoice(), void), policy=policy)
    assert (made.verb, "was voided" in made.reason) == (Verb.VOID, True)
    unlawful = with_kind(Kind.INVOICE, cautious(), source_void=Answer.PUSH)
    assert one(linked(invoice(), void), policy=unlawful).verb is Verb.HOLD
