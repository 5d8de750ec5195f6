"""Products and customers: matched by exactly their names, made where there is none, never changed (O-20 to O-28)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.helpers import answer, at_rest, born, change, configure, customer, held, held_one, sales_lines, syncd
from tests.onedesk.conftest import SETTINGS, Make, push
from tests.support.world import World


def product(world: World, name: str, **fields: Any) -> dict[str, Any]:
    """A product entered in QuickBooks."""
    account = {"IncomeAccountRef": {"value": "79"}}
    return world.accountant.save("Item", {"Name": name, "Type": "Service", **account, **fields})


def billed(world: World) -> list[str]:
    """The products on the only invoice."""
    names = {item["Id"]: item["Name"] for item in world.books("Item")}
    lines = sales_lines(world.one("Invoice"))
    return [names[line["SalesItemLineDetail"]["ItemRef"]["value"]] for line in lines]


@pytest.mark.behaviour("O-20", "O-21", "O-22", "O-24", "X-4")
def test_a_product_of_exactly_that_name_is_billed_and_one_that_is_not_there_is_made(world: World) -> None:
    there = product(world, "Design")
    ada = world.client("Ada Ltd")
    world.invoice(ada, "INV-1", ("60.00", "Logo", world.item("Design")), ("40.00", "Talk", world.item("Consulting")))
    push(world, "INV-1")
    assert billed(world) == ["Design", "Consulting"]
    made = world.one("Item", Name="Consulting")
    assert (made["Type"], made["IncomeAccountRef"]["name"]) == ("Service", "Services")
    assert world.one("Item", Name="Design")["IncomeAccountRef"]["value"] == "79", "the product decides the account"
    assert world.one("Item", Name="Design")["SyncToken"] == there["SyncToken"]
    world.invoice(ada, "INV-2", ("9.00", "Talk", 2))
    push(world, "INV-2")
    assert born(world, "Item", "Name")["Consulting"] == 1
    at_rest(world)


@pytest.mark.behaviour("O-21")
def test_a_product_that_is_spelt_otherwise_waits_for_a_person(world: World) -> None:
    product(world, "design")
    world.invoice(world.client("Ada Ltd"), "INV-1", ("60.00", "Logo", world.item("Design")))
    assert push(world, "INV-1").outcome == "held"
    assert "look-alike (design" in held_one(world, Kind.ITEM).reason
    assert world.books("Invoice") == []
    answer(world, "accept-source", Kind.ITEM)
    world.run()
    assert billed(world) == ["design"], "the person said that it is this one"
    assert len([i for i in world.books("Item") if i["Name"].lower() == "design"]) == 1
    at_rest(world)


@pytest.mark.behaviour("O-4", "C-O4")
def test_a_product_without_an_account_is_reported_and_not_changed(world: World) -> None:
    there = world.accountant.save("Item", {"Name": "Design", "Type": "NonInventory"})
    world.invoice(world.client("Ada Ltd"), "INV-1", ("60.00", "Logo", world.item("Design")))
    assert push(world, "INV-1").outcome == "held"
    case = held_one(world, Kind.ITEM)
    assert "has no income account" in case.reason
    assert [problem.remedy for problem in case.problems] == ["Give it an income account in QuickBooks."]
    assert world.one("Item", Name="Design") == there
    told = [(f.level, f.text) for f in world.engine.check() if f.subject == "item Design"]
    assert told == [("error", "The product Design in QuickBooks has no income account; syncd does not change it.")]
    change(world, "Item", there, Name="Design", Type="NonInventory", IncomeAccountRef={"value": "79"})
    world.run()
    assert billed(world) == ["Design"]
    at_rest(world)


@pytest.mark.behaviour("O-3", "O-4")
def test_without_an_income_account_nothing_is_made_and_the_check_says_so(make: Make) -> None:
    world = make(profile="onedesk", settings=msgspec.structs.replace(SETTINGS, default_income_account=""))
    world.invoice(world.client("Ada Ltd"), "INV-1", ("60.00", "Logo", world.item("Design")))
    assert [f.level for f in world.engine.check() if f.subject == "default_income_account"] == ["error"]
    assert push(world, "INV-1").outcome == "held"
    assert "Set default_income_account" in held_one(world, Kind.ITEM).problems[0].remedy
    assert "waits for item Design, which is held" in held_one(world, Kind.INVOICE).reason
    world.adjust(default_income_account="Sales of Product Income")
    world.run(accept_config=True)
    assert billed(world) == ["Design"]
    wrong = make(
        name="wrong", profile="onedesk", settings=msgspec.structs.replace(SETTINGS, default_income_account="Checking")
    )
    assert ["would be no income" in f.text for f in wrong.engine.check() if f.subject == "default_income_account"] == [
        True
    ]


@pytest.mark.behaviour("O-23")
def test_before_the_first_sync_the_check_lists_what_would_be_made(world: World) -> None:
    product(world, "Design")
    product(world, "consulting")
    for name in ("Design", "Consulting", "Travel", "Support"):
        world.item(name)
    before = world.writes()
    found = {f.subject: f for f in world.engine.check()}
    assert found["items"].text == "2 products would be made when they are billed: Support, Travel."
    assert "QuickBooks spells it 'consulting'" in found["item Consulting"].text
    assert "item Design" not in found
    assert world.writes() == before
    shown = syncd(configure_as(world), "check")
    assert "2 products would be made" in shown.stdout


def configure_as(world: World) -> Any:
    """The command line's configuration of a company with this profile."""
    path = configure(world, default_income_account="Services")
    path.write_text(path.read_text().replace('profile = "ruddr"', 'profile = "onedesk"'))
    return path


@pytest.mark.failure("F-1")
def test_a_lost_answer_makes_no_second_product(world: World) -> None:
    world.invoice(world.client("Ada Ltd"), "INV-1", ("60.00", "Logo", world.item("Design")))
    world.sandbox.add_fault("reset", when="after", operation="create", entity="Item", realm=world.realm)
    push(world, "INV-1")
    world.sandbox.clear_faults()
    world.restart()
    world.run()
    assert born(world, "Item", "Name")["Design"] == 1
    assert billed(world) == ["Design"]
    at_rest(world)


def test_two_rows_of_one_name_are_one_product(world: World) -> None:
    lines = [(f"{n}0.00", f"Part {n}", world.item("Design")) for n in (1, 2)]
    world.invoice(world.client("Ada Ltd"), "INV-1", *lines)
    push(world, "INV-1")
    world.run()
    assert billed(world) == ["Design", "Design"]
    assert born(world, "Item", "Name")["Design"] == 1
    at_rest(world)


@pytest.mark.behaviour("O-25", "O-26", "O-27", "X-3")
def test_a_customer_that_is_not_there_is_made_with_contact_and_email(world: World) -> None:
    ada = world.client("Ada Ltd", email="billing@ada.example", contact="Ada King Byron")
    design = world.item("Design")
    world.invoice(ada, "INV-1", ("60.00", "Logo", design))
    push(world, "INV-1")
    made = world.one("Customer")
    assert (made["DisplayName"], made["GivenName"], made["FamilyName"]) == ("Ada Ltd", "Ada", "King Byron")
    assert made["PrimaryEmailAddr"]["Address"] == "billing@ada.example"
    world.sql("UPDATE client SET email = 'new@ada.example', contact = 'Charles Babbage', name = 'Ada Limited'")
    world.invoice(ada, "INV-2", ("60.00", "Logo", design))
    push(world, "INV-2")
    after = world.one("Customer")
    assert after["SyncToken"] == made["SyncToken"], "not even one that syncd made is changed afterwards (O-28)"
    assert [i["CustomerRef"]["value"] for i in world.books("Invoice")] == [made["Id"]] * 2
    world.run()
    at_rest(world)


@pytest.mark.behaviour("O-25", "O-28", "X-5", "C-O2")
def test_an_existing_customer_is_left_as_it_is(world: World) -> None:
    there = customer(world, "Ada Ltd", GivenName="Old", PrimaryEmailAddr={"Address": "old@ada.example"})
    ada = world.client("Ada Ltd", email="billing@ada.example", contact="Ada Byron")
    world.invoice(ada, "INV-1", ("60.00", "Logo", world.item("Design")))
    push(world, "INV-1")
    assert world.one("Customer")["SyncToken"] == there["SyncToken"]
    assert world.one("Customer")["PrimaryEmailAddr"]["Address"] == "old@ada.example"
    assert world.one("Invoice")["BillEmail"]["Address"] == "billing@ada.example", "the address stands on the invoice"
    at_rest(world)


@pytest.mark.behaviour("O-25")
def test_another_spelling_of_a_customer_waits_for_a_person(world: World) -> None:
    there = customer(world, "ADA LTD")
    world.invoice(world.client("Ada Ltd"), "INV-1", ("60.00", "Logo", world.item("Design")))
    assert push(world, "INV-1").outcome == "held"
    assert [each.label for each in held(world) if each.kind is Kind.CLIENT] == ["Ada Ltd"]
    assert born(world, "Customer", "DisplayName") == {"ADA LTD": 1}
    answer(world, "accept-source", Kind.CLIENT)
    world.run()
    assert world.one("Invoice")["CustomerRef"]["value"] == there["Id"]
    assert world.one("Customer")["DisplayName"] == "ADA LTD"
    at_rest(world)
