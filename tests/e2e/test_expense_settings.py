"""Whom a bill is owed to, and what its lines are booked on: matches, maps, defaults, and what is held for want of them
(R-96, R-101, R-102, R-108; section 10, item 11)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import Json, answer, at_rest, born, change, customer, held, held_one, once
from tests.e2e.owed import EXACT, ON, TRAVEL, UNCATEGORIZED, bill_with, bills, ever_billed, lines, pay, said
from tests.support.world import World

PURCHASES = "78"


@pytest.fixture
def world(make: Make) -> World:
    """A company that pays its staff's expenses by bills."""
    return make(source_options=EXACT, settings=ON, exchange_rates={"EUR": "1.1"})


def set_to(world: World, **settings: Any) -> None:
    """The operator changes the settings, and says that this was meant."""
    world.settings = msgspec.structs.replace(world.settings, **settings)
    world.restart()
    world.run(accept_config=True)


def reasons(world: World) -> dict[str, str]:
    """Why each record waits, with what to do, by its label."""
    return {each.label: " ".join((each.reason, *(problem.remedy for problem in each.problems))) for each in held(world)}


def vendor(world: World, name: str, **fields: Any) -> Json:
    """A vendor entered in QuickBooks."""
    return world.accountant.save("Vendor", {"DisplayName": name, **fields})


def account(world: World, name: str, **fields: Any) -> Json:
    """An account for expenses, made in QuickBooks."""
    kind = {"AccountType": "Expense", "AccountSubType": "Travel"}
    return world.accountant.save("Account", {"Name": name, **kind, **fields})


# ---- vendors


@pytest.mark.behaviour("R-96", "X-5")
def test_a_vendor_of_the_same_name_is_used_and_left_as_it_is(world: World) -> None:
    there = vendor(world, "Ann", PrimaryEmailAddr={"Address": "ann@books.example"}, AcctNum="S-17")
    world.expense(world.member("Ann", email="ann@source.example"), "1.00", notes="a")
    world.run()
    assert world.one("Bill")["VendorRef"]["value"] == there["Id"]
    now = world.one("Vendor")
    assert (now["PrimaryEmailAddr"]["Address"], now["AcctNum"]) == ("ann@books.example", "S-17")
    world.sql("UPDATE member SET name = 'Ann Lee', email = 'new@source.example'")
    world.expense(1, "2.00", notes="b")
    world.run()
    assert (world.one("Vendor")["DisplayName"], len(world.books("Bill"))) == ("Ann", 2)
    at_rest(world)


@pytest.mark.behaviour("R-96", "R-101", "R-102", "R-113")
def test_the_maps_say_whom_and_what(world: World) -> None:
    robert, cyrus = vendor(world, "Robert Miller"), vendor(world, "C. Vance")
    nord = customer(world, "Nord")
    phase = customer(world, "Phase 2", ParentRef={"value": nord["Id"]}, Job=True)
    other = customer(world, "Other", ParentRef={"value": nord["Id"]}, Job=True)
    rail = account(world, "Rail", SubAccount=True, ParentRef={"value": TRAVEL})
    world.settings = msgspec.structs.replace(
        ON,
        vendor_map={"Bob": "Robert Miller", "Cy": f"id:{cyrus['Id']}"},
        category_map={"Meals": "Purchases", "Fuel": f"id:{PURCHASES}", "Train": "Travel:Rail"},
        project_map={"Relaunch": "Nord:Phase 2", "Garden": f"id:{other['Id']}"},
    )
    world.restart()
    client = world.client("Nord")
    bob, cy = world.member("Bob"), world.member("Cy")
    categories = {name: world.named("expense_category", name) for name in ("Meals", "Fuel", "Train", "Travel:Rail")}
    relaunch = world.named("project", "Relaunch", client_id=client)
    garden = world.named("project", "Garden", client_id=client)
    world.expense(bob, "1.00", notes="meal", category_id=categories["Meals"], project_id=relaunch)
    world.expense(bob, "2.00", notes="fuel", category_id=categories["Fuel"], project_id=garden)
    world.expense(cy, "3.00", notes="train", category_id=categories["Train"])
    world.expense(cy, "4.00", notes="rail", category_id=categories["Travel:Rail"])
    world.run()
    theirs, his = bill_with(world, "Nord - Relaunch - meal"), bill_with(world, "train")
    assert (theirs["VendorRef"]["value"], his["VendorRef"]["value"]) == (robert["Id"], cyrus["Id"])
    assert [line[2:] for line in lines(theirs)] == [(PURCHASES, other["Id"]), (PURCHASES, phase["Id"])]
    assert [line[2:] for line in lines(his)] == [(rail["Id"], ""), (rail["Id"], "")]
    assert len(world.books("Vendor")) == 2
    at_rest(world)


@pytest.mark.behaviour("R-96", "10.11")
@pytest.mark.failure("F-74")
def test_members_named_like_a_customer_or_an_employee_wait_until_the_name_is_free(world: World) -> None:
    there = customer(world, "Ann")
    world.accountant.save("Employee", {"GivenName": "Bob", "FamilyName": "Ray", "DisplayName": "Bob Ray"})
    for name in ("Ann", "Bob Ray", "Cy"):
        world.expense(world.member(name), "1.00", notes=name)
    world.run()
    assert bills(world) == [["Cy"]]
    told = reasons(world)
    assert len(told) == 4
    assert f"used by the customer with id {there['Id']}" in told["Ann"]
    assert "used by the employee" in told["Bob Ray"]
    assert "change one of the two names" in told["Ann"]
    assert "vendor_map" in told["Bob Ray"]
    assert "waits for vendor Ann" in told["#1/March trip/USD/1"]
    at_rest(world, held=4)
    change(world, "Customer", there, DisplayName="Ann (client)")
    world.run()
    assert bills(world) == [["Ann"], ["Cy"]]
    vendor(world, "Bob R.")
    set_to(world, vendor_map={"Bob Ray": "Bob R."})
    assert bills(world) == [["Ann"], ["Bob Ray"], ["Cy"]]
    assert born(world, "Vendor", "DisplayName") == {"Ann": 1, "Bob R.": 1, "Cy": 1}
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-108", "R-116", "R-117")
def test_a_vendor_has_one_currency(world: World) -> None:
    ann = world.member("Ann")
    world.expense(ann, "1.00", notes="dollar")
    euro = world.expense(ann, "2.00", notes="euro", currency="EUR")
    world.run()
    assert bills(world) == [["dollar"]]
    hold = held_one(world)
    assert "in EUR, its vendor is kept in USD" in hold.reason
    assert "vendor of its own for EUR" in hold.problems[0].remedy
    at_rest(world, held=1)
    other = world.member("Ann (EUR)", currency="EUR")
    world.sql("UPDATE expense SET member_id = :other WHERE id = :id", other=other, id=euro)
    world.run()
    assert bills(world) == [["dollar"], ["euro"]]
    assert bill_with(world, "euro")["CurrencyRef"]["value"] == "EUR"
    at_rest(world)


def test_without_multicurrency_only_foreign_expenses_wait(make: Make) -> None:
    world = make(source_options=EXACT, settings=ON, multicurrency=False)
    ann = world.member("Ann")
    world.expense(ann, "1.00", notes="dollar")
    world.expense(ann, "3.00", notes="home", currency=None)
    euro = world.expense(ann, "2.00", notes="euro", currency="EUR")
    world.run()
    assert bills(world) == [["dollar", "home"]]
    assert "EUR" in held_one(world).reason
    world.sql("UPDATE expense SET currency = 'USD', amount = '2.20' WHERE id = :id", id=euro)
    world.run()
    assert bills(world) == [["dollar", "home"], ["euro"]]
    at_rest(world)


@pytest.mark.behaviour("R-90")
def test_a_company_outside_the_us(make: Make) -> None:
    """What a member paid contains the tax already: the bill is out of the tax's scope, to the cent."""
    world = make(source_options=EXACT, settings=ON, country="GB", home_currency="GBP")
    world.expense(world.member("Ann", currency="GBP"), "12.00", currency="GBP", notes="a")
    world.expense(world.member("Bob"), "5.00", currency=None, notes="b")
    world.run()
    assert sorted((Decimal(b["TotalAmt"]), b["GlobalTaxCalculation"]) for b in world.books("Bill")) == [
        (Decimal(5), "NotApplicable"),
        (Decimal(12), "NotApplicable"),
    ]
    at_rest(world)


@pytest.mark.behaviour("10.5")
def test_a_vendor_made_inactive_keeps_new_bills_waiting(world: World) -> None:
    ann = world.member("Ann")
    world.expense(ann, "1.00", notes="a")
    world.run()
    there = world.one("Vendor")
    pay(world, world.one("Bill"))
    change(world, "Vendor", there, Active=False)
    world.expense(ann, "2.00", notes="b")
    world.run()
    assert bills(world) == [["a"]]
    assert any("inactive" in reason for reason in reasons(world).values())
    change(world, "Vendor", there, Active=True)
    world.run()
    assert bills(world) == [["a"], ["b"]]
    at_rest(world)


# ---- projects


@pytest.mark.behaviour("R-102")
@pytest.mark.parametrize("word", ["accept-source", "accept-qbo"])
def test_a_project_that_may_be_another_one_keeps_the_bill_waiting(world: World, word: str) -> None:
    """The source gives QuickBooks' id of it, and the two are called differently: a person has to say."""
    nord = customer(world, "Nord")
    sub = customer(world, "Phase 2", ParentRef={"value": nord["Id"]}, Job=True)
    client, ann = world.client("Nord"), world.member("Ann")
    project = world.named("project", "Phase Two", client_id=client, qbo_id=sub["Id"])
    world.expense(ann, "1.00", notes="a", project_id=project)
    world.expense(ann, "2.00", notes="b", report="Second")
    world.run()
    assert bills(world) == [["b"]]
    assert "Phase 2" in held_one(world, Kind.PROJECT).reason
    assert "waits for project Phase Two, which is held" in held_one(world, Kind.BILL).reason
    at_rest(world, held=2)
    answer(world, word, Kind.PROJECT)
    world.run()
    assert lines(bill_with(world, "Nord - Phase Two - a"))[0][3] == sub["Id"]
    assert world.accountant.read("Customer", sub["Id"])["DisplayName"] == "Phase 2"
    at_rest(world)


# ---- accounts


@pytest.mark.behaviour("R-101")
@pytest.mark.parametrize("default", ["", "Nonsense"], ids=["missing", "wrong"])
def test_without_a_default_account_only_those_that_need_it_wait(make: Make, default: str) -> None:
    world = make(source_options=EXACT, settings=msgspec.structs.replace(ON, default_expense_account=default))
    travel, meals = world.named("expense_category", "Travel"), world.named("expense_category", "Meals")
    ann, bob, cy = world.member("Ann"), world.member("Bob"), world.member("Cy")
    world.expense(ann, "1.00", notes="travel", category_id=travel)
    world.expense(bob, "2.00", notes="meal", category_id=meals)
    world.expense(cy, "3.00", notes="neither")
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    assert bills(world) == [["travel"]]
    assert len(world.books("Invoice")) == 1
    told = reasons(world)
    assert len(told) == 4
    missing = "default_expense_account" if not default else "the account 'Nonsense', but there is none"
    assert all(missing in told[name] for name in ("Meals", "(none)")), told
    assert "waits for category Meals" in told["#2/March trip/USD/1"]
    at_rest(world, held=4)
    made = account(world, "Meals")
    world.run()
    assert lines(bill_with(world, "meal"))[0][2] == made["Id"]
    at_rest(world, held=2)
    set_to(world, default_expense_account="Uncategorized Expense")
    assert bills(world) == [["meal"], ["neither"], ["travel"]]
    assert lines(bill_with(world, "neither"))[0][2] == UNCATEGORIZED
    assert set(ever_billed(world).values()) == {1}
    at_rest(world)


def test_an_expense_that_cannot_be_used_waits_by_itself(world: World) -> None:
    """It keeps nobody's other expenses back, and makes a further bill once it is repaired."""
    ann = world.member("Ann")
    world.expense(ann, "1.00", notes="good")
    bad = world.expense(ann, "NaN", notes="bad")
    nobody = world.expense(ann, "3.00", notes="nobody", member_id=None)
    world.run()
    assert bills(world) == [["good"]]
    told = {each.source_id: each for each in held(world)}
    assert set(told) == {f"expense {bad}", f"expense {nobody}"}
    assert {each.kind for each in told.values()} == {Kind.BILL}
    assert "not a number" in told[f"expense {bad}"].reason
    assert "Choose the member" in told[f"expense {nobody}"].problems[0].remedy
    at_rest(world, held=2)
    world.sql("UPDATE expense SET amount = '2.00' WHERE id = :id", id=bad)
    world.sql("DELETE FROM expense WHERE id = :id", id=nobody)
    world.run()
    assert bills(world) == [["bad"], ["good"]]
    at_rest(world)
    world.sql("UPDATE expense SET amount = 'NaN' WHERE notes = 'good'")
    world.run()
    assert "not a number" in held_one(world).reason
    assert said(bill_with(world, "good")) == ["good"]
    world.sql("UPDATE expense SET amount = '1.00' WHERE notes = 'good'")
    world.run()
    at_rest(world)


@pytest.mark.behaviour("10.4")
def test_expenses_of_a_closed_period_wait_until_it_is_open(world: World) -> None:
    world.sandbox.change_company(world.realm, book_close_date="2026-02-28")
    world.restart()
    ann = world.member("Ann")
    world.expense(ann, "1.00", notes="old", date="2026-02-28")
    world.expense(ann, "2.00", notes="new", report="Second")
    world.run()
    assert bills(world) == [["new"]]
    assert "2026-02-28" in held_one(world).reason
    world.sandbox.change_company(world.realm, book_close_date=None)
    world.restart()
    world.run()
    assert bills(world) == [["new"], ["old"]]
    at_rest(world)
