"""An answer to a hold is about what the hold showed. What either side holds by then is nobody's word."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from syncd.model.kinds import Kind
from syncd.state.values import Settlement
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    customer,
    held,
    held_one,
    money,
    mutations,
    row,
    sales_line,
    snapshot,
)
from tests.support.world import SETTINGS, World

Edit = Callable[[World], None]


def in_quickbooks(world: World) -> None:
    """The accountant goes on with the invoice."""
    there = world.one("Invoice")
    world.accountant.save("Invoice", {**there, "Line": [sales_line("90.00", "Other")]})


def in_the_source(world: World) -> None:
    """Somebody corrects the invoice in the source."""
    world.sql("UPDATE invoice_line SET amount = '60', rate = '60'")
    world.sql("UPDATE invoice SET total = '60'")


def notes_in_quickbooks(world: World) -> None:
    """Something else about it changes, which the answer would overwrite as well."""
    world.accountant.save("Invoice", {**world.one("Invoice"), "CustomerMemo": {"value": "as agreed on the phone"}})


@pytest.mark.case("C14")
@pytest.mark.parametrize("edit", [in_quickbooks, in_the_source, notes_in_quickbooks])
@pytest.mark.parametrize("word", ["accept-source", "accept-qbo"])
def test_what_changed_after_the_answer_is_asked_again(world: World, word: str, edit: Edit) -> None:
    bill(world, customer(world, "Ada"), "INV-1", ("77.00", "Other"))
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    assert world.run().outcome == "held"
    answer(world, word)
    edit(world)
    books, source, asked = world.writes(), snapshot(world), world.sandbox.last_request()
    for _ in range(2):
        assert world.run().outcome == "held"
        assert mutations(world, asked) == []
        assert (world.writes(), snapshot(world)) == (books, source)
    waiting = held_one(world)
    assert waiting.resolution == "", "the word was used up"
    answer(world, word)
    assert world.run().outcome == "ok"
    assert held(world) == []
    total = Decimal(world.one("Invoice")["TotalAmt"])
    mine, theirs = (60 if edit is in_the_source else 100), (90 if edit is in_quickbooks else 77)
    assert total == money(row(world, "invoice", invoice)["total"]) == (mine if word == "accept-source" else theirs)
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


def test_the_hold_says_that_the_answer_came_too_late(world: World) -> None:
    bill(world, customer(world, "Ada"), "INV-1", ("77.00", "Other"))
    world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    world.run()
    answer(world, "accept-source")
    in_quickbooks(world)
    report = world.run()
    (hold,) = [o for o in report.plan.operations if o.kind is Kind.INVOICE]
    assert "It changed after accept-source was answered" in hold.reason
    assert dict(held_one(world).qbo_value)["total"] == "90.00", "what is shown now is what is there now"


@pytest.mark.case("C51")
def test_an_amount_that_was_approved_is_not_approved_at_another_height(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, amount_ceiling="500.00"))
    world.invoice(world.client("Ada"), "BIG", ("501.00", "Work"))
    world.run()
    answer(world, "accept-source")
    world.sql("UPDATE invoice_line SET amount = '5010', rate = '5010'")
    world.sql("UPDATE invoice SET total = '5010'")
    assert world.run().outcome == "held"
    assert world.books("Invoice") == []
    assert held_one(world).case == "C51"
    answer(world, "accept-source")
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 5010
    at_rest(world)


@pytest.mark.case("C51")
def test_one_answer_is_enough_where_only_the_client_has_come_to_quickbooks_since(make: Make) -> None:
    """The invoice was shown with a client that was still to be created: that it is there now changes nothing."""
    world = make(settings=msgspec.structs.replace(SETTINGS, amount_ceiling="500.00"))
    world.invoice(world.client("Ada"), "BIG", ("501.00", "Work"))
    assert world.run().outcome == "held"
    answer(world, "accept-source")
    assert world.run().outcome == "ok"
    assert born(world, "Invoice") == {"BIG": 1}
    at_rest(world)


@pytest.mark.case("C32")
def test_what_was_to_be_created_again_is_not_once_somebody_changed_it(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    world.run()
    world.accountant.delete("Invoice", world.one("Invoice"))
    world.run()
    answer(world, "accept-source")
    in_the_source(world)
    assert world.run().outcome == "held"
    assert world.books("Invoice") == []
    answer(world, "accept-source")
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 60
    at_rest(world)


def test_a_run_that_is_under_way_does_not_change_what_is_answered(world: World) -> None:
    """It began before the answer, and holds the record after it, as it is by then."""
    there = bill(world, customer(world, "Ada"), "INV-1", ("77.00", "Other"))
    world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    world.run()
    shown = held_one(world)
    run = world.store.begin_run(world.name, "reconcile")
    answer(world, "accept-source")
    in_quickbooks(world)
    later = msgspec.structs.replace(shown, qbo_value={**shown.qbo_value, "total": "90.00"}, resolution="")
    lease = world.store.acquire(world.name, "test", 60)
    world.store.settle(lease, Settlement(held=(later,)), run_id=run.id)
    world.store.release(lease)
    assert dict(held_one(world).qbo_value)["total"] == "77.00"
    assert world.run().outcome == "held"
    assert Decimal(world.accountant.read("Invoice", there["Id"])["TotalAmt"]) == 90
