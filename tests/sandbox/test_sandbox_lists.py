"""Item, Account, Class, Department, PaymentMethod, Term, CompanyCurrency (entities.md 3.4 to 3.8)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox.rules.account_types import CLASSIFICATIONS, DEFAULT_SUB_TYPES, SUB_TYPES, TYPE_OF
from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]

INCOME = {"IncomeAccountRef": {"value": "1"}}
GOODS = {"IncomeAccountRef": {"value": "79"}, "ExpenseAccountRef": {"value": "80"}}
STOCK = {**GOODS, "AssetAccountRef": {"value": "81"}, "InvStartDate": "2026-01-01", "QtyOnHand": 10}
LEAST: dict[str, Json] = {
    "Class": {},
    "Department": {},
    "PaymentMethod": {},
    "Term": {"DueDays": 5},
    "Account": {"AccountType": "Expense"},
    "Item": {"Type": "Service", **INCOME},
}
TREES = ("Class", "Department", "Account", "Item")


@pytest.mark.checklist(45)
@pytest.mark.checklist(59)
@pytest.mark.parametrize("entity", LEAST)
def test_every_list_deactivates_with_the_suffix_and_hides(person: Accountant, entity: str) -> None:
    made = person.save(entity, {"Name": "Old", **LEAST[entity]})
    gone = person.save(entity, {**made, "Active": False})
    assert gone["Name"] == gone.get("FullyQualifiedName", "Old (deleted)") == "Old (deleted)"
    assert gone["SyncToken"] == "1"
    assert person.read(entity, made["Id"]) == gone
    assert person.query(f"select * from {entity} where Name = 'Old (deleted)'") == []
    assert person.query(f"select * from {entity} where Name = 'Old (deleted)' and Active = false") == [gone]
    fresh = person.save(entity, {"Name": "Old", **LEAST[entity]})
    assert person.save(entity, {**fresh, "Active": False})["Name"] == "Old (deleted 1)"
    assert person.save(entity, {**gone, "Active": True, "Name": "New"})["Name"] == "New"
    refused("500", lambda: person.delete(entity, fresh))


@pytest.mark.checklist(57)
@pytest.mark.parametrize("entity", LEAST)
def test_every_list_needs_one_name_of_its_own(sandbox: RunningSandbox, person: Accountant, entity: str) -> None:
    assert refused("2020", lambda: person.save(entity, dict(LEAST[entity])))["element"] == "Name"
    made = person.save(entity, {"Name": "Red", **LEAST[entity]})
    refused("6240", lambda: person.save(entity, {"Name": " RED", **LEAST[entity]}))
    sandbox.switch(duplicate_name_id=True)
    detail = refused("6240", lambda: person.save(entity, {"Name": "red", **LEAST[entity]}))["Detail"]
    assert detail.endswith(f"Id={made['Id']}")
    longest = 31 if entity in ("Term", "PaymentMethod") else 100
    refused("2050", lambda: person.save(entity, {"Name": "x" * (longest + 1), **LEAST[entity]}))
    assert person.save(entity, {"Name": "x" * longest, **LEAST[entity]})["Name"] == "x" * longest
    if longest == 100:
        refused("2040", lambda: person.save(entity, {"Name": "a:b", **LEAST[entity]}))
    refused("2010", lambda: person.save(entity, {"Name": "y", "Colour": "red", **LEAST[entity]}))


@pytest.mark.parametrize("entity", TREES)
def test_trees_carry_paths_five_levels_deep(person: Accountant, entity: str) -> None:
    child = {"Class": "SubClass", "Department": "SubDepartment", "Account": "SubAccount", "Item": "SubItem"}[entity]

    def below(name: str, parent: Json) -> Json:
        extra = {"SubItem": True} if entity == "Item" else {}
        return person.save(entity, {"Name": name, "ParentRef": {"value": parent["Id"]}, **extra, **LEAST[entity]})

    top = person.save(entity, {"Name": "top", **LEAST[entity]})
    path = [top]
    for name in ("a", "b", "c", "d"):
        path.append(below(name, path[-1]))
    assert path[-1]["FullyQualifiedName"] == "top:a:b:c:d"
    assert path[-1][child] is True
    assert path[-1]["ParentRef"]["value"] == path[-2]["Id"]
    refused("6180", lambda: below("e", path[-1]))
    assert below("a", path[1])["FullyQualifiedName"] == "top:a:a"
    refused("6240", lambda: below("A", top))
    renamed = person.save(entity, {**top, "Name": "roof"})
    assert renamed["FullyQualifiedName"] == "roof"
    lowest = person.read(entity, path[-1]["Id"])
    assert (lowest["FullyQualifiedName"], lowest["SyncToken"]) == ("roof:a:b:c:d", "0")
    circle = {**renamed, "ParentRef": {"value": path[2]["Id"]}}
    refused("2500", lambda: person.save(entity, circle))
    refused("2500", lambda: below("f", {"Id": "999"}))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4)), max_size=8))
def test_whatever_is_moved_paths_follow_the_parents(sandbox: RunningSandbox, moves: list[tuple[int, int]]) -> None:
    person = sandbox.connect(sandbox.create_company(seed="empty"))
    ids = [person.save("Class", {"Name": f"n{place}"})["Id"] for place in range(5)]
    for what, where in moves:
        body = person.read("Class", ids[what])
        body.pop("ParentRef", None)
        if where >= 0:
            body["ParentRef"] = {"value": ids[where]}
        with suppress(RefusedError):  # a circle or too deep: nothing may have changed then
            person.save("Class", body)
    rows = {row["Id"]: row for row in person.query("select * from Class")}
    for row in rows.values():
        names, at = [row["Name"]], row
        while "ParentRef" in at:
            at = rows[at["ParentRef"]["value"]]
            names.insert(0, at["Name"])
        assert row["FullyQualifiedName"] == ":".join(names)
        assert row["SubClass"] is (len(names) > 1)
        assert len(names) <= 5


def test_classes_have_large_ids(person: Accountant) -> None:
    first, second = (person.save("Class", {"Name": name})["Id"] for name in ("a", "b"))
    assert len(first) == 19
    assert int(second) == int(first) + 1


def test_classes_and_locations_need_plus(sandbox: RunningSandbox) -> None:
    realm = sandbox.create_company(plan="QuickBooks Online Simple Start")
    person = sandbox.connect(realm)
    refused("5030", lambda: person.save("Class", {"Name": "a"}))
    refused("5030", lambda: person.save("Department", {"Name": "a"}))
    sandbox.change_company(realm, plan="QuickBooks Online Advanced")
    assert person.save("Class", {"Name": "a"})


def test_the_kinds_of_items(person: Accountant) -> None:
    service = person.save("Item", {"Name": "s", "Type": "Service", **INCOME})
    assert (service["TrackQtyOnHand"], service["UnitPrice"], service["PurchaseCost"]) == (False, 0, 0)
    goods = person.save("Item", {"Name": "n", "Type": "NonInventory", **GOODS})
    assert goods["ExpenseAccountRef"] == {"value": "80", "name": "Cost of Goods Sold"}
    stock = person.save("Item", {"Name": "i", "Type": "Inventory", "TrackQtyOnHand": True, **STOCK})
    assert (stock["QtyOnHand"], stock["TrackQtyOnHand"]) == (10, True)
    for member in ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef", "QtyOnHand", "InvStartDate"):
        body = {"Name": "j", "Type": "Inventory", **{name: value for name, value in STOCK.items() if name != member}}
        assert refused("2020", partial(person.save, "Item", body))["element"] == member
    refused("6000", lambda: person.save("Item", {**stock, "TrackQtyOnHand": False}))
    refused("6000", lambda: person.save("Item", {"Name": "g", "Type": "Group"}))
    refused("2170", lambda: person.save("Item", {"Name": "g", "Type": "Thing"}))
    refused(
        "6430",
        lambda: person.save(
            "Item", {"Name": "i2", "Type": "Inventory", **STOCK, **{"AssetAccountRef": {"value": "1"}}}
        ),
    )
    refused("2290", lambda: person.save("Item", {"Name": "s2", "Type": "Service", "UnitPrice": -1, **INCOME}))


def test_categories_hold_items_and_nothing_else(person: Accountant) -> None:
    trees = person.save("Item", {"Name": "Trees", "Type": "Category"})
    cedar = person.save(
        "Item", {"Name": "Cedar", "Type": "Category", "SubItem": True, "ParentRef": {"value": trees["Id"]}, **INCOME}
    )
    assert cedar["FullyQualifiedName"] == "Trees:Cedar"
    assert not cedar.keys() & {"IncomeAccountRef", "UnitPrice", "Taxable", "TrackQtyOnHand"}
    plank = person.save(
        "Item",
        {"Name": "Plank", "Type": "Service", "SubItem": True, "ParentRef": {"value": cedar["Id"]}, **INCOME},
    )
    assert (plank["Level"], plank["FullyQualifiedName"]) == (2, "Trees:Cedar:Plank")
    refused("2020", lambda: person.save("Item", {"Name": "x", "Type": "Service", "SubItem": True, **INCOME}))
    refused("6000", lambda: person.save("Item", {**plank, "Type": "Category"}))
    below = {"Name": "x", "Type": "Category", "SubItem": True, "ParentRef": {"value": plank["Id"]}}
    refused("2500", lambda: person.save("Item", below))


@pytest.mark.checklist(57)
def test_items_have_lengths_and_references(person: Accountant) -> None:
    base = {"Name": "x", "Type": "Service", **INCOME}
    for member, longest in (("Description", 4000), ("PurchaseDesc", 1000), ("Sku", 100)):
        detail = refused("2050", partial(person.save, "Item", {**base, member: "x" * (longest + 1)}))["Detail"]
        assert f"Max:{longest} " in detail
    refused("2500", lambda: person.save("Item", {**base, "PrefVendorRef": {"value": "99"}}))
    vendor = person.save("Vendor", {"DisplayName": "V"})
    made = person.save("Item", {**base, "PrefVendorRef": {"value": vendor["Id"]}, "ItemCategoryType": "Service"})
    assert made["PrefVendorRef"] == {"value": vendor["Id"], "name": "V"}


def test_an_account_fills_in_its_types(person: Accountant) -> None:
    for kind, sub_kind in DEFAULT_SUB_TYPES.items():
        made = person.save("Account", {"Name": f"A {kind}", "AccountType": kind})
        assert made["AccountSubType"] == sub_kind
        assert made["Classification"] == CLASSIFICATIONS[kind]
        assert (made["CurrentBalance"], made["SubAccount"]) == (0, False)
    assert person.save("Account", {"Name": "sub", "AccountSubType": "Travel"})["AccountType"] == "Expense"
    refused("6010", lambda: person.save("Account", {"Name": "none"}))
    refused("2170", lambda: person.save("Account", {"Name": "x", "AccountType": "Cash"}))
    refused("2170", lambda: person.save("Account", {"Name": "x", "AccountType": "Bank", "AccountSubType": "Travel"}))
    refused("2170", lambda: person.save("Account", {"Name": "x", "AccountSubType": "Nonsense"}))
    refused("2040", lambda: person.save("Account", {"Name": 'a"b', "AccountType": "Bank"}))


def test_every_sub_type_belongs_to_one_type() -> None:
    assert sum(len(sub_types) for sub_types in SUB_TYPES.values()) == len(TYPE_OF)
    assert SUB_TYPES.keys() == CLASSIFICATIONS.keys()


@pytest.mark.checklist(57)
def test_account_numbers_are_as_long_as_the_country_allows(sandbox: RunningSandbox, person: Accountant) -> None:
    body = {"Name": "n", "AccountType": "Bank", "AcctNum": "12345678"}
    assert "Max:7 " in refused("2050", lambda: person.save("Account", body))["Detail"]
    refused("2040", lambda: person.save("Account", {**body, "AcctNum": "1:2"}))
    refused("2050", lambda: person.save("Account", {"Name": "n", "AccountType": "Bank", "Description": "x" * 101}))
    canada = sandbox.connect(sandbox.create_company(country="CA"))
    assert canada.save("Account", body)["AcctNum"] == "12345678"
    refused("2050", lambda: canada.save("Account", {**body, "Name": "m", "AcctNum": "1" * 21}))


def test_special_accounts_stay_out_of_trees(person: Accountant) -> None:
    below_funds = {"Name": "x", "AccountType": "Other Current Asset", "ParentRef": {"value": "4"}}
    refused("6000", lambda: person.save("Account", below_funds))
    refused(
        "6000", lambda: person.save("Account", {"Name": "x", "AccountType": "Income", "ParentRef": {"value": "35"}})
    )
    funds = person.read("Account", "4")
    refused("6000", lambda: person.save("Account", {**funds, "ParentRef": {"value": "32"}}))
    refused("6000", lambda: person.save("Account", {**funds, "AccountSubType": "Inventory"}))


def test_an_account_is_updated_and_keeps_its_balance(person: Accountant, pay: Callable[..., Json]) -> None:
    pay(25, DepositToAccountRef={"value": "35"})
    account = person.read("Account", "35")
    assert account["CurrentBalance"] == 25
    changed = person.save("Account", {**account, "Description": "main", "CurrentBalance": 7})
    assert (changed["CurrentBalance"], changed["Description"], changed["SyncToken"]) == (25, "main", "1")


def test_balances_move_with_sub_accounts_and_leave_with_them(person: Accountant, pay: Callable[..., Json]) -> None:
    tops = [person.save("Account", {"Name": name, "AccountType": "Bank"}) for name in ("one", "two")]
    child = person.save("Account", {"Name": "c", "AccountType": "Bank", "ParentRef": {"value": tops[0]["Id"]}})
    pay(40, DepositToAccountRef={"value": child["Id"]})
    assert person.read("Account", tops[0]["Id"])["CurrentBalanceWithSubAccounts"] == 40
    moved = person.save("Account", {**child, "ParentRef": {"value": tops[1]["Id"]}})
    sums = [person.read("Account", top["Id"])["CurrentBalanceWithSubAccounts"] for top in tops]
    assert sums == [0, 40]
    gone = person.save("Account", {**moved, "Active": False})
    assert (gone["CurrentBalance"], gone["CurrentBalanceWithSubAccounts"]) == (0, 0)
    assert person.read("Account", tops[1]["Id"])["CurrentBalanceWithSubAccounts"] == 0
    assert person.read("Account", "34")["CurrentBalance"] == 40


def test_terms_are_of_two_kinds(person: Accountant) -> None:
    standard = person.save("Term", {"Name": "s", "DueDays": "120"})
    assert (standard["Type"], standard["DueDays"], standard["DiscountPercent"]) == ("STANDARD", 120, 0)
    body = {"Name": "d", "DayOfMonthDue": 15, "DueNextMonthDays": 5, "DiscountDayOfMonth": 10, "DiscountPercent": 2}
    driven = person.save("Term", body)
    assert (driven["Type"], driven["DayOfMonthDue"], driven["DueNextMonthDays"]) == ("DATE_DRIVEN", 15, 5)
    assert "DueDays" not in driven
    refused("2020", lambda: person.save("Term", {"Name": "x"}))
    for member, value in (("DueDays", 1000), ("DayOfMonthDue", 32), ("DayOfMonthDue", 0), ("DiscountPercent", 101)):
        bad = {"Name": "x", **({"DueDays": 5} if member == "DiscountPercent" else {}), member: value}
        refused("2240", partial(person.save, "Term", bad))
    refused("6000", lambda: person.save("Term", {"Name": "x", "DueDays": 5, "DayOfMonthDue": 3}))
    changed = person.save("Term", {**standard, "DiscountDays": 10, "DiscountPercent": Decimal("2.5")})
    assert (changed["DiscountDays"], changed["DiscountPercent"]) == (10, Decimal("2.5"))


def test_payment_methods_have_a_type(person: Accountant) -> None:
    assert person.save("PaymentMethod", {"Name": "Business Check"})["Type"] == "NON_CREDIT_CARD"
    assert person.save("PaymentMethod", {"Name": "Card", "Type": "CREDIT_CARD"})["Type"] == "CREDIT_CARD"
    refused("2170", lambda: person.save("PaymentMethod", {"Name": "x", "Type": "GOLD"}))


def test_customer_types_can_only_be_read(sandbox: RunningSandbox) -> None:
    seed = {"CustomerType": [{"Id": "7", "Name": "Big", "Active": True}]}
    person = sandbox.connect(sandbox.create_company(seed=seed))
    assert [row["Name"] for row in person.query("select * from CustomerType")] == ["Big"]
    made = person.save("Customer", {"DisplayName": "x", "CustomerTypeRef": {"value": "7"}})
    assert made["CustomerTypeRef"]["value"] == "7"
    refused("2500", lambda: person.save("Customer", {"DisplayName": "y", "CustomerTypeRef": {"value": "8"}}))
    refused("500", lambda: person.save("CustomerType", {"Name": "x"}))
