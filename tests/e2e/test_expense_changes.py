"""After billing: what is paid, what people change on either side, and that nothing is ever billed twice
(R-103, R-104, R-106, R-107, C-R8, C-R9; section 10, item 9)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import Json, answer, at_rest, held, held_one, once, snapshot
from tests.e2e.owed import (
    EXACT,
    ON,
    TRAVEL,
    UNCATEGORIZED,
    bills,
    edit,
    ever_billed,
    lines,
    pay,
    reimbursed,
    spent,
)
from tests.support.world import World


@pytest.fixture
def world(make: Make) -> World:
    """Two expenses of Ann on one bill of 30.00."""
    return two_expenses(make(source_options=EXACT, settings=ON))


def two_expenses(world: World) -> World:
    """A taxi and a lunch, billed."""
    ann = world.member("Ann")
    world.expense(ann, "10.00", notes="taxi")
    world.expense(ann, "20.00", notes="lunch")
    world.run()
    assert bills(world) == [["lunch", "taxi"]]
    return world


def set_expense(world: World, notes: str, **columns: object) -> None:
    """Somebody changes an expense in the source."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    assert "notes" not in columns
    world.sql(f"UPDATE expense SET {sets} WHERE notes = :which", which=notes, **columns)


def flags_aside(world: World) -> list[Json]:
    """Every expense without what says that it was reimbursed, and without its version."""
    aside = {"reimbursed", "version", "updated_at"}
    return [{k: v for k, v in row.items() if k not in aside} for row in snapshot(world)["expense"]]


def amounts(world: World) -> list[Decimal]:
    """The amounts of the only bill's lines."""
    return sorted(line[1] for line in lines(world.one("Bill")))


# ---- paid


@pytest.mark.behaviour("R-103", "R-104")
def test_expenses_are_reimbursed_when_the_bill_is_paid_in_full(world: World) -> None:
    before = flags_aside(world)
    bill = world.one("Bill")
    pay(world, bill, "29.99")
    world.run()
    assert reimbursed(world) == {"taxi": False, "lunch": False}
    at_rest(world)
    last = pay(world, bill, "0.01")
    world.run()
    assert reimbursed(world) == {"taxi": True, "lunch": True}
    at_rest(world)
    world.accountant.delete("BillPayment", last)
    world.run()
    assert reimbursed(world) == {"taxi": False, "lunch": False}
    assert flags_aside(world) == before
    assert set(ever_billed(world).values()) == {1}
    at_rest(world)


@pytest.mark.behaviour("R-104", "10.9")
def test_what_the_accountant_changes_on_a_bill_stays_there(world: World) -> None:
    before = flags_aside(world)
    bill = world.one("Bill")
    line = [spent("9.50", "taxi, less VAT"), spent("20.00", "lunch"), spent("1.00", "fee", UNCATEGORIZED)]
    edit(world, bill, TxnDate="2026-03-31", PrivateNote="Checked", Line=line)
    world.run()
    at_rest(world)
    kept = [("fee", Decimal(1)), ("lunch", Decimal(20)), ("taxi, less VAT", Decimal("9.50"))]
    assert [each[:2] for each in lines(world.one("Bill"))] == kept
    set_expense(world, "taxi", amount="11.00")
    world.run()
    assert "QuickBooks holds" in held_one(world).reason
    assert "overwritten" in held_one(world).reason
    assert [each[:2] for each in lines(world.one("Bill"))] == kept
    set_expense(world, "taxi", amount="10.00")
    world.run()
    assert held(world) == []
    pay(world, world.one("Bill"))
    world.run()
    assert reimbursed(world) == {"taxi": True, "lunch": True}
    assert flags_aside(world) == before
    assert (str(world.one("Bill")["TxnDate"]), world.one("Bill")["PrivateNote"]) == ("2026-03-31", "Checked")
    at_rest(world)


# ---- expenses change


@pytest.mark.behaviour("R-106", "C-R9", "10.9")
def test_an_unpaid_bill_follows_its_expenses(world: World) -> None:
    travel = world.named("expense_category", "Travel")
    first = world.one("Bill")
    set_expense(world, "taxi", amount="12.34", category_id=travel, merchant="Cab", date="2026-02-01")
    world.run()
    now = world.one("Bill", Id=first["Id"])
    assert [each[:3] for each in lines(now)] == [
        ("Cab - taxi", Decimal("12.34"), TRAVEL),
        ("lunch", Decimal(20), UNCATEGORIZED),
    ]
    assert (str(now["TxnDate"]), Decimal(now["TotalAmt"])) == ("2026-02-01", Decimal("32.34"))
    set_expense(world, "lunch", status="pending_approval")
    world.run()
    assert bills(world) == [["Cab - taxi"]]
    at_rest(world)
    set_expense(world, "lunch", status="approved")
    world.run()
    assert bills(world) == [["Cab - taxi"], ["lunch"]]
    at_rest(world)
    world.expense(1, "5.00", notes="tip")
    world.expense(1, "6.00", notes="toll")
    world.run()
    assert bills(world) == [["Cab - taxi"], ["lunch"], ["tip", "toll"]]
    world.sql("DELETE FROM expense WHERE notes = 'tip'")
    set_expense(world, "toll", report="Another report")
    world.run()
    assert bills(world) == [["Cab - taxi"], ["lunch"], ["toll"]]
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-106", "10.9")
def test_a_bill_whose_expenses_are_all_gone_waits_for_a_person(world: World) -> None:
    bill = world.one("Bill")
    set_expense(world, "taxi", status="rejected")
    set_expense(world, "lunch", reimbursable=False)
    world.run()
    assert "gone from the source" in held_one(world).reason
    assert bills(world) == [["lunch", "taxi"]]
    at_rest(world, held=1, differ=["#1/March trip/USD/1"])
    set_expense(world, "taxi", status="approved")
    set_expense(world, "lunch", reimbursable=True)
    world.run()
    at_rest(world)
    world.sql("DELETE FROM expense WHERE notes = 'taxi'")
    set_expense(world, "lunch", status="rejected")
    world.run()
    assert held_one(world).kind is Kind.BILL
    world.accountant.delete("Bill", bill)
    world.run()
    at_rest(world)
    set_expense(world, "lunch", status="approved")
    world.run()
    assert bills(world) == [["lunch"]]
    assert world.one("Bill")["Id"] != bill["Id"]
    at_rest(world)


@pytest.mark.behaviour("R-106", "C-R9", "10.9")
@pytest.mark.failure("F-60")
@pytest.mark.parametrize("paid", ["10.00", "30.00"], ids=["in part", "in full"])
def test_a_bill_on_which_something_is_paid_is_not_changed(world: World, paid: str) -> None:
    pay(world, world.one("Bill"), paid)
    world.run()
    flag = paid == "30.00"
    assert reimbursed(world) == {"taxi": flag, "lunch": flag}
    books = world.writes()
    for change, back in (
        ({"amount": "11.00"}, {"amount": "10.00"}),
        ({"status": "rejected"}, {"status": "approved"}),
        ({"date": "2026-03-01"}, {"date": "2026-03-03"}),
    ):
        set_expense(world, "taxi", **change)
        world.run()
        assert "something is paid on it" in held_one(world).reason
        set_expense(world, "taxi", **back)
        world.run()
        assert held(world) == [], change
    world.sql("DELETE FROM expense WHERE notes = 'lunch'")
    world.run()
    assert "something is paid on it" in held_one(world).reason
    assert world.writes() == books
    assert amounts(world) == [10, 20]
    later = world.expense(1, "1.00", notes="tip")
    world.run()
    assert later
    assert bills(world) == [["lunch", "taxi"], ["tip"]]
    assert set(ever_billed(world).values()) == {1}


def test_paid_and_changed_between_two_runs(world: World) -> None:
    """What is paid is told once nothing else is in question."""
    pay(world, world.one("Bill"))
    set_expense(world, "taxi", amount="11.00")
    world.run()
    assert held_one(world).kind is Kind.BILL
    assert amounts(world) == [10, 20]
    set_expense(world, "taxi", amount="10.00")
    world.run()
    assert reimbursed(world) == {"taxi": True, "lunch": True}
    at_rest(world)


@pytest.mark.behaviour("C-R8", "10.9")
def test_a_billed_expense_that_moves_to_another_member_is_billed_once(world: World) -> None:
    bob = world.member("Bob")
    bill = world.one("Bill")
    set_expense(world, "taxi", member_id=bob)
    world.run()
    assert bills(world) == [["lunch"]]
    world.run()
    assert bills(world) == [["lunch"], ["taxi"]]
    assert world.one("Vendor", DisplayName="Bob")["Balance"] == 10
    at_rest(world)
    set_expense(world, "lunch", member_id=bob)
    world.run()
    assert "gone from the source" in held_one(world).reason
    at_rest(world, held=1, differ=["#1/March trip/USD/1"])
    world.accountant.delete("Bill", world.one("Bill", Id=bill["Id"]))
    world.run()
    world.run()
    assert bills(world) == [["lunch"], ["taxi"]]
    assert {b["VendorRef"]["name"] for b in world.books("Bill")} == {"Bob"}
    at_rest(world)


@pytest.mark.behaviour("C-R8", "10.9")
def test_a_paid_expense_that_moves_is_not_billed_to_anybody_else(world: World) -> None:
    bob = world.member("Bob")
    pay(world, world.one("Bill"), "10.00")
    set_expense(world, "taxi", member_id=bob)
    set_expense(world, "lunch", currency="EUR", report="Other")
    for _ in range(2):
        world.run()
    assert len(world.books("Bill")) == 1
    assert "gone from the source" in held_one(world).reason
    set_expense(world, "lunch", currency="USD")
    world.run()
    assert "something is paid on it" in held_one(world).reason
    set_expense(world, "taxi", member_id=1)
    world.run()
    assert set(ever_billed(world).values()) == {1}
    at_rest(world)


# ---- the bill is deleted


@pytest.mark.behaviour("C-R8", "10.9")
def test_a_bill_deleted_in_quickbooks_is_not_made_again_by_itself(world: World) -> None:
    world.accountant.delete("Bill", world.one("Bill"))
    world.run()
    assert "deleted in QuickBooks" in held_one(world).reason
    assert world.books("Bill") == []
    set_expense(world, "taxi", amount="10.50")
    world.run()
    assert world.books("Bill") == []
    answer(world, "accept-source")
    world.run()
    assert bills(world) == [["lunch", "taxi"]]
    assert amounts(world) == [Decimal("10.50"), 20]
    at_rest(world)
    world.accountant.delete("Bill", world.one("Bill"))
    world.run()
    answer(world, "ignore")
    world.run()
    set_expense(world, "lunch", amount="21.00")
    world.expense(1, "3.00", notes="tip")
    world.run()
    assert bills(world) == [["tip"]]
    assert held(world) == []


# ---- marked by hand


@pytest.mark.behaviour("R-94", "R-107", "C-R8")
def test_reimbursed_set_and_cleared_by_hand(world: World) -> None:
    ready = world.expense(1, "5.00", notes="cash", report="Cash", reimbursed=True)
    world.run()
    at_rest(world)
    set_expense(world, "taxi", reimbursed=True)  # one of two says nothing of the bill
    world.run()
    at_rest(world)
    set_expense(world, "lunch", reimbursed=True)
    world.run()
    told = held_one(world)
    assert "the source changed whether it is reimbursed, which QuickBooks decides" in told.reason
    assert "put it back in the source" in told.reason
    at_rest(world, held=1, differ=["#1/March trip/USD/1"])
    set_expense(world, "lunch", reimbursed=False)
    world.run()
    at_rest(world)
    set_expense(world, "lunch", reimbursed=True)
    world.run()
    pay(world, world.one("Bill"))
    world.run()
    at_rest(world)
    set_expense(world, "lunch", reimbursed=False)
    world.run()
    assert "QuickBooks decides" in held_one(world).reason
    assert bills(world) == [["lunch", "taxi"]]
    set_expense(world, "lunch", reimbursed=True)
    world.run()
    at_rest(world)
    world.sql("UPDATE expense SET reimbursed = 0 WHERE id = :id", id=ready)
    world.run()
    assert bills(world) == [["cash"], ["lunch", "taxi"]]
    assert set(ever_billed(world).values()) == {1}
    at_rest(world)


# ---- sources that take no writes


@pytest.mark.behaviour("R-103")
def test_a_source_whose_expenses_are_read_only(make: Make) -> None:
    world = two_expenses(make(source_options={"read_only": ["expense"]}, settings=ON))
    pay(world, world.one("Bill"))
    world.run()
    assert "QuickBooks changed whether it is reimbursed" in held_one(world).reason
    assert "by hand" in held_one(world).reason
    assert reimbursed(world) == {"taxi": False, "lunch": False}
    world.sql("UPDATE expense SET reimbursed = 1")
    world.run()
    assert reimbursed(world) == {"taxi": True, "lunch": True}
    at_rest(world)
