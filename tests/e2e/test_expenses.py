"""Expenses become bills: which of them, what the bill says, to whom it is owed (R-89 to R-102, R-105, R-108)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.facts import Settings
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, customer, held_one, once
from tests.e2e.owed import EXACT, ON, TRAVEL, UNCATEGORIZED, bill_with, bills, ever_billed, lines, said
from tests.support.world import SETTINGS, World

RATES = {"EUR": "1.1", "JPY": "0.0067", "KWD": "3.25"}


def on(**settings: Any) -> Settings:
    """Settings with bills for expenses, and what else is said."""
    return msgspec.structs.replace(ON, **settings)


@pytest.fixture
def world(make: Make) -> World:
    """A company that pays its staff's expenses by bills."""
    return make(source_options=EXACT, settings=ON, exchange_rates=RATES)


# ---- what a bill says


@pytest.mark.behaviour("R-1", "R-90", "R-96", "R-97", "R-98", "R-99", "R-100", "R-101", "R-102", "X-8")
def test_the_expenses_of_a_report_become_one_bill(world: World) -> None:
    nord = customer(world, "Nord")
    sub = customer(world, "Relaunch", ParentRef={"value": nord["Id"]}, Job=True)
    client = world.client("Nord")
    matched = world.named("project", "Relaunch", client_id=client)
    unmatched = world.named("project", "Garden", client_id=client)
    travel, meals = world.named("expense_category", "Travel"), world.named("expense_category", "Meals")
    ann = world.member("Ann Lee", email="ann@example.com")
    world.expense(ann, "10.005", category_id=travel, project_id=matched, merchant="City Taxi", notes="To the airport")
    world.expense(ann, "4.994", date="2026-02-27", category_id=meals, project_id=unmatched, notes="Lunch")
    world.expense(ann, "7", merchant="Kiosk")
    world.run()
    vendor = world.one("Vendor", DisplayName="Ann Lee")
    assert vendor["PrimaryEmailAddr"]["Address"] == "ann@example.com"
    bill = world.one("Bill")
    assert bill["VendorRef"]["value"] == vendor["Id"]
    assert str(bill["TxnDate"]) == "2026-02-27"
    assert bill["CurrencyRef"]["value"] == "USD"
    assert lines(bill) == [
        ("Kiosk", Decimal("7.00"), UNCATEGORIZED, ""),
        ("Nord - Garden - Lunch", Decimal("4.99"), UNCATEGORIZED, ""),
        ("Nord - Relaunch - City Taxi - To the airport", Decimal("10.01"), TRAVEL, sub["Id"]),
    ]
    assert Decimal(bill["TotalAmt"]) == Decimal("22.00")
    assert {line["AccountBasedExpenseLineDetail"]["BillableStatus"] for line in bill["Line"]} == {"NotBillable"}
    assert world.books("BillPayment") == [] == world.books("Purchase")
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-89")
def test_bills_are_made_only_once_that_is_switched_on(make: Make) -> None:
    assert not Settings().expense_bills
    world = make(source_options=EXACT, settings=SETTINGS)
    world.expense(world.member("Ann"), "10.00", notes="Taxi")
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    assert world.books("Bill") == [] == world.books("Vendor")
    assert len(world.books("Invoice")) == 1
    at_rest(world)
    world.settings = ON
    world.restart()
    assert world.run().outcome == "halted"
    assert world.books("Bill") == []
    world.run(accept_config=True)
    assert bills(world) == [["Taxi"]]
    at_rest(world)
    world.settings = SETTINGS
    world.restart()
    world.expense(1, "11.00", notes="Bus")
    world.invoice(1, "INV-2")
    world.run(accept_config=True)
    assert (bills(world), len(world.books("Invoice"))) == ([["Taxi"]], 2)
    at_rest(world)


@pytest.mark.behaviour("R-91", "R-92", "R-93", "R-94", "R-95", "R-105")
def test_only_what_is_approved_reimbursable_open_and_in_the_range_is_billed(make: Make) -> None:
    world = make(
        source_options=EXACT, settings=on(expense_bills_from=date(2026, 3, 1), expense_bills_to=date(2026, 3, 31))
    )
    ann = world.member("Ann")
    for status in ("not_submitted", "pending_approval", "rejected"):
        world.expense(ann, "1.00", status=status, notes=status)
    world.expense(ann, "1.00", reimbursable=False, notes="paid by card")
    world.expense(ann, "1.00", reimbursed=True, notes="paid in cash")
    for day in ("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01"):
        world.expense(ann, "1.00", date=day, notes=day)
    world.run()
    assert bills(world) == [["2026-03-01", "2026-03-31"]]
    at_rest(world)
    world.sql("UPDATE expense SET status = 'approved', reimbursable = 1 WHERE notes IN ('rejected', 'paid by card')")
    world.run()
    assert bills(world) == [["2026-03-01", "2026-03-31"], ["paid by card", "rejected"]]
    at_rest(world)
    world.settings = on(expense_bills_from=date(2026, 3, 1))
    world.restart()
    world.run(accept_config=True)
    assert bills(world) == [["2026-03-01", "2026-03-31"], ["2026-04-01"], ["paid by card", "rejected"]]
    assert set(ever_billed(world).values()) == {1}
    at_rest(world)


@pytest.mark.behaviour("R-95", "X-9")
def test_what_is_older_than_the_start_date_is_not_billed(make: Make) -> None:
    """Expense by expense: one old item does not keep the others of its report from being paid."""
    world = make(source_options=EXACT, settings=on(sync_start_date=date(2026, 3, 1)))
    ann = world.member("Ann")
    world.expense(ann, "1.00", date="2026-02-28", notes="old")
    world.expense(ann, "2.00", date="2026-03-01", notes="new")
    world.run()
    assert bills(world) == [["new"]]
    at_rest(world)


@pytest.mark.behaviour("R-108", "C-R9")
def test_one_bill_for_each_member_report_and_currency(world: World) -> None:
    ann, ann_eur, bob = world.member("Ann"), world.member("Ann (EUR)", currency="EUR"), world.member("Bob")
    world.expense(ann, "1.00", notes="a")
    world.expense(ann, "2.00", notes="b", currency=None)
    world.expense(ann, "3.00", notes="other report", report="Second")
    world.expense(ann, "4.00", notes="no report", report=None)
    world.expense(ann_eur, "5.00", notes="euro", currency="EUR")
    world.expense(bob, "6.00", notes="bob")
    world.run()
    assert bills(world) == [["a", "b"], ["bob"], ["euro"], ["no report"], ["other report"]]
    euro = bill_with(world, "euro")
    assert (euro["CurrencyRef"]["value"], Decimal(euro["ExchangeRate"])) == ("EUR", Decimal("1.1"))
    assert {bill["CurrencyRef"]["value"] for bill in world.books("Bill") if bill["Id"] != euro["Id"]} == {"USD"}
    once(world)
    at_rest(world)


@pytest.mark.behaviour("C-R9")
def test_later_approvals_make_a_further_bill_by_report_and_by_run(make: Make) -> None:
    by_report = make(source_options=EXACT, settings=ON, name="report")
    by_run = make(source_options=EXACT, settings=on(expense_bills_by="run"), name="run")
    for world in (by_report, by_run):
        ann = world.member("Ann")
        world.expense(ann, "1.00", notes="a")
        world.expense(ann, "2.00", notes="b", report="Second")
        world.expense(ann, "3.00", notes="later", status="pending_approval")
        world.run()
        world.sql("UPDATE expense SET status = 'approved' WHERE notes = 'later'")
        world.run()
        at_rest(world)
    assert bills(by_report) == [["a"], ["b"], ["later"]]
    assert bills(by_run) == [["a", "b"], ["later"]]


@pytest.mark.behaviour("R-99", "R-108")
def test_amounts_in_currencies_with_other_digits(world: World) -> None:
    """A line has two decimals at most, and never more than its currency."""
    yen, dinar = world.member("Kenji", currency="JPY"), world.member("Noor", currency="KWD")
    for text, amount in (("a", "100.4"), ("b", "100.5")):
        world.expense(yen, amount, currency="JPY", notes=f"yen {text}")
    world.expense(dinar, "1.235", currency="KWD", notes="dinar")
    world.expense(dinar, "-0.100", currency="KWD", notes="back")
    world.run()
    assert [line[1] for line in lines(bill_with(world, "yen a"))] == [100, 101]
    assert Decimal(bill_with(world, "yen a")["TotalAmt"]) == 201
    assert [line[1] for line in lines(bill_with(world, "dinar"))] == [Decimal("-0.10"), Decimal("1.24")]
    at_rest(world)


def test_unusual_texts(world: World) -> None:
    """Report names are no more than names: slashes, quotes and scripts in them change nothing."""
    ann = world.member("Zoë O'Brien / Łódź")
    for number, report in enumerate(("Trip a/b/USD/1", "Trip a/b/USD", "'; --", "出張 % _", "R" * 200)):
        world.expense(ann, "1.00", report=report, notes=f"n{number}")
    world.expense(ann, "2.00", report="long", merchant="M" * 3000, notes="N" * 3000)
    world.expense(ann, "3.00", report="scripts", merchant="Café \U0001f695", notes="line 1\r\nline 2\t<b>&</b>")
    world.run()
    assert len(world.books("Bill")) == 7
    (long,) = [bill for bill in world.books("Bill") if said(bill)[0].startswith("MMM")]
    assert said(long) == [("M" * 3000 + " - " + "N" * 3000)[:4000]]
    assert world.one("Vendor")["DisplayName"] == "Zoë O'Brien / Łódź"
    at_rest(world)
    world.sql("UPDATE expense SET status = 'rejected' WHERE notes = 'n0'")
    world.sql("UPDATE expense SET amount = '9.00' WHERE notes = 'n1'")
    world.run()
    assert lines(bill_with(world, "n1"))[0][1] == 9
    assert held_one(world).label == "#1/Trip a/b/USD/1/USD/1"
