"""What an accountant merges in QuickBooks: the documents belong to the one that is left. Nothing is created again, and
the record whose counterpart went waits until a person says which one it is now (F-76)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, configure, customer, held, held_one, lines_of, receive, syncd
from tests.e2e.owed import ON
from tests.support.world import World


def merge(world: World, entity: str, loser: str, survivor: str) -> None:
    """As in the browser: no client of the API can."""
    pair = {"entity": entity, "loser": loser, "survivor": survivor}
    world.sandbox.admin("POST", f"/companies/{world.realm}/merge", pair)


def match(config: Path, *answer: object) -> subprocess.CompletedProcess[str]:
    """``syncd match --set``, as an operator types it."""
    return syncd(config, "match", "--set", *(str(part) for part in answer))


def item(world: World, name: str) -> str:
    """An item of QuickBooks."""
    income = world.one("Item", Name="Services")["IncomeAccountRef"]
    return str(world.accountant.save("Item", {"Name": name, "Type": "Service", "IncomeAccountRef": income})["Id"])


@pytest.mark.behaviour("10.5")
@pytest.mark.failure("F-76")
@pytest.mark.parametrize("bumped", [True, False], ids=["bumped", "not bumped"])
def test_a_customer_merged_with_one_that_the_source_does_not_know(make: Make, bumped: bool) -> None:
    world = make()
    world.sandbox.switch(merge_bumps=bumped)
    try:
        ada = world.client("Ada")
        for number in (1, 2):
            world.invoice(ada, f"INV-{number}")
        world.run()
        old = world.one("Customer")["Id"]
        receive(world, old, (world.one("Invoice", DocNumber="INV-1")["Id"], "40.00"), PaymentRefNum="P-1")
        world.run()
        new = customer(world, "Ada GmbH")["Id"]
        merge(world, "Customer", old, new)
        world.invoice(ada, "INV-3")
        for _ in range(2):
            world.run()
    finally:
        world.sandbox.switch(merge_bumps=True)
    waits = held_one(world, Kind.CLIENT)
    assert f"belong to client {new} there now" in waits.reason
    assert waits.reason.endswith(f"syncd match --set client {ada} {new}")
    assert len(world.books("Customer")) == 1, "never created again"
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1", "INV-2"]
    config = configure(world)
    wrong = match(config, "client", ada, customer(world, "Zoe")["Id"])
    assert wrong.returncode == 78
    assert "linked documents rely on its link" in " ".join(wrong.stdout.split())
    right = match(config, "client", ada, new)
    assert right.returncode == 0, right.stdout + right.stderr
    report = world.run()
    assert {(o.kind, o.label) for o in report.plan.writes} == {(Kind.INVOICE, "INV-3")}
    assert held(world) == []
    assert {i["CustomerRef"]["value"] for i in world.books("Invoice")} == {new}
    assert {row["client_id"] for row in world.rows("SELECT client_id FROM invoice")} == {ada}
    at_rest(world)


@pytest.mark.behaviour("10.5", "R-30")
@pytest.mark.failure("F-76")
def test_a_customer_merged_with_another_client_s(world: World) -> None:
    """The published invoice follows QuickBooks to the other client; what is new waits, and goes out under that client
    once the source says so as well."""
    ada, bob = world.client("Ada"), world.client("Bob")
    first = world.invoice(ada, "INV-1")
    world.invoice(bob, "INV-2")
    world.run()
    gone, kept = (world.one("Customer", DisplayName=name)["Id"] for name in ("Ada", "Bob"))
    merge(world, "Customer", gone, kept)
    late = world.invoice(ada, "INV-3")
    world.run()
    (row,) = world.rows("SELECT client_id FROM invoice WHERE id = :id", id=first)
    assert row["client_id"] == bob
    assert {(each.kind, each.label) for each in held(world)} == {(Kind.CLIENT, "Ada"), (Kind.INVOICE, "INV-3")}
    refused = match(configure(world), "client", ada, kept)
    assert "is linked with" in " ".join(refused.stdout.split())
    world.sql("UPDATE invoice SET client_id = :bob WHERE id = :id", bob=bob, id=late)
    world.run()
    assert [(each.kind, each.label) for each in held(world)] == [(Kind.CLIENT, "Ada")]
    world.sql("DELETE FROM client WHERE id = :id", id=ada)
    world.run()
    assert held(world) == []
    assert {i["CustomerRef"]["value"] for i in world.books("Invoice")} == {kept}
    assert len(world.books("Customer")) == 1
    at_rest(world)


@pytest.mark.behaviour("C-R16")
@pytest.mark.failure("F-76")
def test_an_item_merged_with_one_that_the_source_does_not_know(world: World) -> None:
    """The lines of the source keep their item; what names it waits until a person says what it is called now."""
    old, new = item(world, "Consulting"), item(world, "Advice")
    mine = world.item("Consulting")
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Work", mine))
    world.run()
    merge(world, "Item", old, new)
    world.invoice(ada, "INV-2", ("50.00", "More", mine))
    for _ in range(2):
        world.run()
    assert [line["item_id"] for line in lines_of(world, invoice)] == [mine]
    waits = held_one(world, Kind.ITEM)
    assert f"syncd match --set item {mine} " in waits.reason
    done = match(configure(world), "item", mine, new)
    assert done.returncode == 0, done.stdout + done.stderr
    world.run()
    assert held(world) == []
    assert [line["item_id"] for line in lines_of(world, invoice)] == [mine]
    named = {line["SalesItemLineDetail"]["ItemRef"]["value"] for i in world.books("Invoice") for line in i["Line"][:1]}
    assert named == {new}
    at_rest(world)


@pytest.mark.behaviour("10.5")
@pytest.mark.failure("F-76")
def test_a_vendor_merged_with_one_that_the_source_does_not_know(make: Make) -> None:
    world = make(settings=ON)
    ann = world.member("Ann")
    world.expense(ann, "5.00", notes="taxi")
    world.run()
    old = world.one("Vendor")["Id"]
    new = world.accountant.save("Vendor", {"DisplayName": "Ann Smith"})["Id"]
    merge(world, "Vendor", old, new)
    world.expense(ann, "7.00", notes="train", report="April trip")
    for _ in range(2):
        world.run()
    assert f"syncd match --set vendor {ann} " in held_one(world, Kind.VENDOR).reason
    assert [bill["VendorRef"]["value"] for bill in world.books("Bill")] == [new]
    config = configure(world, expense_bills=True, default_expense_account="Uncategorized Expense")
    done = match(config, "vendor", ann, new)
    assert done.returncode == 0, done.stdout + done.stderr
    world.run()
    assert held(world) == []
    assert [bill["VendorRef"]["value"] for bill in world.books("Bill")] == [new, new]
    assert len(world.books("Vendor")) == 1
    at_rest(world)
