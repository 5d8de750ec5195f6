"""In which order a plan is carried out, and what may be sent together."""

from __future__ import annotations

import pytest

from syncd.model.kinds import Kind, Side
from syncd.reconciler.plan import Plan
from syncd.reconciler.policy import Answer, Case
from syncd.reconciler.reconcile import natural, waves
from tests.reconciler.build import (
    DAY,
    GONE,
    answering,
    change,
    client,
    foreign,
    invoice,
    linked,
    payment,
    plan,
    twin,
    unlinked,
)

REMOVING = answering(Kind.INVOICE, Case.SRC_GONE, Answer.DELETE_QBO)


def busy_day() -> Plan:
    """New, changed and removed records of several kinds, and one that is held."""
    return plan(
        linked(payment("p1"), GONE),
        linked(invoice("v1"), GONE),
        unlinked(payment("p9", pays={"v9": "100.00"})),
        unlinked(invoice("v9", client="c9")),
        unlinked(client("c9")),
        linked(invoice("v2"), change(invoice("v2"), notes="mine"), twin(invoice("v2"), due_date=DAY)),
        linked(invoice("v3"), change(invoice("v3"), number="mine")),
        linked(invoice("v4"), GONE, GONE),
        policy=REMOVING,
    )


def test_a_plan_goes_from_what_is_needed_to_what_needs_it_and_removes_backwards() -> None:
    assert [operation.id for operation in busy_day().operations] == [
        "state:forget:invoice:v4",
        "qbo:create:client:c9",
        "qbo:update:invoice:v2",
        "qbo:create:invoice:v9",
        "source:update:invoice:v2",
        "qbo:create:payment:p9",
        "qbo:delete:payment:p1",
        "qbo:delete:invoice:v1",
        "state:hold:invoice:v3",
    ]


def test_what_is_sent_together_touches_each_record_once_and_waits_for_nothing_in_it() -> None:
    assert [[operation.id for operation in wave] for wave in waves(busy_day().operations)] == [
        ["qbo:create:client:c9"],
        ["qbo:update:invoice:v2", "qbo:create:invoice:v9"],
        ["source:update:invoice:v2"],
        ["qbo:create:payment:p9"],
        ["qbo:delete:payment:p1"],
        ["qbo:delete:invoice:v1"],
    ]


def test_waves_without_writes_are_none() -> None:
    assert waves(plan(linked(invoice(), GONE)).operations) == []


def test_ids_that_are_numbers_are_put_in_order_as_numbers() -> None:
    made = plan(*(unlinked(invoice(name)) for name in ("10", "9", "a", "100")))
    assert [operation.source_id for operation in made.operations] == ["9", "10", "100", "a"]
    assert natural("9") < natural("10") < natural("x1")


@pytest.mark.case("C12")
def test_an_import_comes_after_what_is_sent_of_its_kind() -> None:
    made = plan(
        foreign(twin(payment("p2", "50.00"))), unlinked(payment("p3", "7.00")), links={(Kind.INVOICE, "v1"): "V1"}
    )
    assert [operation.side for operation in made.operations] == [Side.QBO, Side.SOURCE]
