"""Purchase orders of the source are purchase orders in QuickBooks, where it has them (B-15, B-44 to B-46)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.qbo import transport
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, change, customer, held, held_one, mutations
from tests.purchasing.buying import BUYING, ITEM, SPENDING, TRAVEL, UNCATEGORIZED, ever, lines, ordered, said, spent
from tests.support.world import World


@pytest.mark.behaviour("B-44", "B-46", "B-43")
def test_an_order_is_in_quickbooks_as_soon_as_it_exists(world: World) -> None:
    hicks = world.accountant.save("Vendor", {"DisplayName": "Hicks Hardware"})
    nord = customer(world, "Nord")
    site = customer(world, "Roof", ParentRef={"value": nord["Id"]}, Job=True)
    project = world.named("project", "Roof", client_id=world.client("Nord"))
    travel, hours, unknown = world.named("expense_category", "Travel"), world.item("Hours"), world.item("Unknown")
    there = {item["Name"]: item["Id"] for item in world.books("Item")}
    pump = world.accountant.save("Item", {"Name": "Pump", "Type": "Service", "IncomeAccountRef": {"value": "1"}})
    buys = world.item("Pump")
    order = ordered(
        world,
        world.member("Hicks Hardware"),
        "PO-1",
        {"amount": "25.50", "description": "Pumps", "item_id": buys, "quantity": "3", "rate": "8.5"},
        {"amount": "10.01", "description": "Odd", "item_id": buys, "quantity": "3", "rate": "3.3"},
        {"amount": "7.00", "description": "No such item", "item_id": unknown, "project_id": project},
        {"amount": "30.00", "description": "Freight", "category_id": travel, "project_id": project},
        {"amount": "4.00", "description": "Sundries"},
        due_date="2026-03-20",
        notes="Please call first",
    )
    assert hours
    world.run()
    made = world.one("PurchaseOrder")
    assert lines(made) == [
        ("Freight", Decimal("30.00"), TRAVEL, site["Id"]),
        ("No such item", Decimal("7.00"), there["Services"], site["Id"]),
        ("Odd", Decimal("10.01"), pump["Id"], ""),
        ("Pumps", Decimal("25.50"), pump["Id"], ""),
        ("Sundries", Decimal("4.00"), UNCATEGORIZED, ""),
    ]
    counted = {line["Description"]: line[ITEM] for line in made["Line"] if ITEM in line}
    assert (counted["Pumps"]["Qty"], Decimal(counted["Pumps"]["UnitPrice"])) == (3, Decimal("8.5"))
    assert counted["Odd"]["Qty"] * Decimal(counted["Odd"]["UnitPrice"]) == Decimal("10.01")
    assert (made["DocNumber"], made["Memo"], str(made["DueDate"])) == ("PO-1", "Please call first", "2026-03-20")
    assert (made["VendorRef"]["value"], Decimal(made["TotalAmt"])) == (hicks["Id"], Decimal("76.51"))
    assert len(world.books("Vendor")) == 1
    at_rest(world)
    world.sql("UPDATE purchase_order_line SET quantity = '4', amount = '34.00' WHERE description = 'Pumps'")
    world.sql("UPDATE purchase_order SET total = '85.01', date = '2026-03-05', notes = 'Ring twice'")
    world.run()
    now = world.one("PurchaseOrder")
    assert (now["Id"], now["Memo"], Decimal(now["TotalAmt"])) == (made["Id"], "Ring twice", Decimal("85.01"))
    assert {line["Id"] for line in now["Line"]} == {line["Id"] for line in made["Line"]}
    at_rest(world)
    assert order == 1


@pytest.mark.behaviour("B-44", "B-45")
def test_orders_are_changed_cancelled_and_deleted_and_bills_need_none(world: World) -> None:
    hicks = world.member("Hicks")
    for number in ("PO-1", "PO-2", "PO-3"):
        ordered(world, hicks, number, {"amount": "5.00", "description": number})
    spent(world, hicks, "9.00", "without an order")
    world.run()
    assert said(world, "PurchaseOrder") == {"PO-1": 5, "PO-2": 5, "PO-3": 5}
    assert said(world, "Purchase") == {"without an order": 9}
    change(world, "PurchaseOrder", world.one("PurchaseOrder", DocNumber="PO-3"), VendorRef={"value": "1"}, Memo="mine")
    world.run()
    assert held(world) == []
    world.sql("UPDATE purchase_order SET state = 'void' WHERE number = 'PO-1'")
    world.run()
    assert said(world, "PurchaseOrder").keys() == {"PO-2", "PO-3"}
    world.sql("DELETE FROM purchase_order WHERE number = 'PO-2'")
    world.sql("UPDATE purchase_order SET number = 'PO-3b', due_date = '2026-06-01' WHERE number = 'PO-3'")
    world.run()
    last = world.one("PurchaseOrder")
    assert (last["DocNumber"], str(last["DueDate"])) == ("PO-3b", "2026-06-01")
    assert last.get("Memo", "") == "", "what is changed in QuickBooks is overwritten with the next change"
    assert set(ever(world, "PurchaseOrder").values()) == {1}
    at_rest(world)


@pytest.mark.behaviour("B-44")
@pytest.mark.failure("F-87")
def test_what_does_not_add_up_and_a_number_that_is_taken_wait(world: World) -> None:
    vendor = world.accountant.save("Vendor", {"DisplayName": "Hicks"})
    line = {"Amount": 8, "DetailType": ITEM, ITEM: {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": 8}}
    theirs = {"VendorRef": {"value": vendor["Id"]}, "DocNumber": "PO-1", "TxnDate": "2026-01-01", "Line": [line]}
    world.accountant.save("PurchaseOrder", theirs)
    hicks = world.member("Hicks")
    ordered(world, hicks, "PO-1")
    ordered(world, hicks, "PO-2", total="99.00")
    ordered(world, hicks, "PO-3" + "3" * 30)
    ordered(world, hicks, None)  # QuickBooks counts
    world.run()
    waiting = {each.label[:4]: each for each in held(world)}
    assert waiting["PO-1"].case == "C14"
    assert waiting["PO-2"].problems[0].code == "total-parts"
    assert waiting["PO-3"].problems[0].code == "number-long"
    assert len(world.books("PurchaseOrder")) == 2
    at_rest(world, held=3)


@pytest.mark.behaviour("B-44", "B-45")
def test_orders_go_only_once_that_is_switched_on(make: Make) -> None:
    assert not Settings().purchase_orders
    off = msgspec.structs.replace(SPENDING, purchase_orders=False)
    world = make(**BUYING | {"settings": off})
    hicks = world.member("Hicks")
    ordered(world, hicks, "PO-1")
    spent(world, hicks, "9.00", "Nails")
    world.run()
    assert world.books("PurchaseOrder") == []
    assert said(world, "Purchase") == {"Nails": 9}
    at_rest(world)
    world.adjust(purchase_orders=True)
    world.run(accept_config=True)
    assert world.one("PurchaseOrder")["DocNumber"] == "PO-1"
    at_rest(world)


@pytest.mark.behaviour("B-15")
@pytest.mark.failure("F-66")
def test_where_quickbooks_has_no_purchase_orders_each_waits_with_the_remedy(make: Make) -> None:
    world = make(**BUYING, plan="QuickBooks Online Essentials")
    hicks = world.member("Hicks")
    ordered(world, hicks, "PO-1")
    ordered(world, hicks, "PO-2")
    spent(world, hicks, "9.00", "Nails")
    (found,) = [finding for finding in world.engine.check() if "purchase orders" in finding.text]
    assert (found.level, "Plus" in found.remedy) == ("error", True)
    before = world.sandbox.last_request()
    world.run()
    assert said(world, "Purchase") == {"Nails": 9}
    assert {each.problems[0].code for each in held(world)} == {"purchase-orders-off"}
    assert {each.label for each in held(world)} == {"PO-1", "PO-2"}
    assert all(each.problems[0].remedy == found.remedy for each in held(world))
    asked = [request.get("entity") for request in mutations(world, before)]
    assert "PurchaseOrder" not in asked, "what is known to be refused is not sent"
    at_rest(world, held=2)
    world.sandbox.change_company(world.realm, plan="QuickBooks Online Plus")
    world.restart()
    world.run()
    assert len(world.books("PurchaseOrder")) == 2
    at_rest(world)


@pytest.mark.behaviour("B-15")
@pytest.mark.failure("F-66")
def test_where_only_quickbooks_knows_that_they_are_switched_off_it_says_the_same(world: World) -> None:
    hicks = world.member("Hicks")
    world.run()
    world.sandbox.change_company(world.realm, plan="QuickBooks Online Essentials")  # nobody looked since
    ordered(world, hicks, "PO-1")
    world.run()
    waiting = held_one(world)
    assert "switched off there, or its plan is below Plus" in waiting.reason
    assert "Account and settings, Expenses" in waiting.reason
    world.sandbox.change_company(world.realm, plan="QuickBooks Online Plus")
    answer(world, "retry")
    world.run()
    assert world.one("PurchaseOrder")["DocNumber"] == "PO-1"
    at_rest(world)


@pytest.mark.failure("F-1")
@pytest.mark.parametrize("number", ["PO-1", None])
def test_a_lost_answer_makes_no_second_order(world: World, number: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
    hicks = world.member("Hicks")
    world.run()
    ordered(world, hicks, number)
    world.sandbox.add_fault("reset", when="after", entity="PurchaseOrder", operation="create", realm=world.realm)
    world.run()
    world.sandbox.clear_faults()
    world.restart()
    world.run()
    assert ever(world, "PurchaseOrder") == {"Timber": 1}
    assert set(world.store.links_by_source(world.name, Kind.PURCHASE_ORDER, ["1"])) == {"1"}
    at_rest(world)
