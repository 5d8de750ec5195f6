"""Clients are customers, projects their sub-customers: made, named, billed to, closed and opened with the source."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    born,
    change,
    customer,
    held,
    held_one,
    once,
)
from tests.support.world import World, told


def sub_customer(world: World, name: str) -> dict[str, object]:
    """What QuickBooks holds of a project: its customer's name, whether it is a job, and whether it is active."""
    found = world.one("Customer", DisplayName=name)
    parents = {record["Id"]: record["DisplayName"] for record in world.books("Customer")}
    parent = found.get("ParentRef", {}).get("value", "")
    return {"of": parents.get(parent, ""), "job": found["Job"], "active": found["Active"]}


def close(world: World, project: int, *, active: bool = False) -> None:
    world.sql("UPDATE project SET active = :active WHERE id = :id", active=active, id=project)


@pytest.mark.behaviour("B-2", "B-20", "B-21", "B-22", "B-23")
@pytest.mark.failure("F-85")
def test_a_project_goes_out_at_once_below_its_customer(world: World) -> None:
    """One client that QuickBooks has, one that it has not; nothing is billed to either."""
    there = customer(world, "Known Ltd")
    known, new = world.client("Known Ltd"), world.client("New Ltd")
    world.client("Nobody needs it")
    world.named("project", "Roof", client_id=known)
    world.named("project", "Kitchen", client_id=new)
    world.run()
    assert sub_customer(world, "Roof") == {"of": "Known Ltd", "job": True, "active": True}
    assert sub_customer(world, "Kitchen") == {"of": "New Ltd", "job": True, "active": True}
    assert world.one("Customer", DisplayName="Roof")["ParentRef"]["value"] == there["Id"]
    assert born(world, "Customer", "DisplayName") == {"Known Ltd": 1, "New Ltd": 1, "Roof": 1, "Kitchen": 1}
    links = {row["name"]: row["qbo_id"] for row in world.rows("SELECT name, qbo_id FROM project")}
    assert links == {"Roof": None, "Kitchen": None}, "the source is not written"
    at_rest(world)


@pytest.mark.behaviour("B-22", "B-26")
def test_documents_of_a_project_are_billed_to_it(world: World) -> None:
    client = world.client("Ada")
    roof, garden = (world.named("project", name, client_id=client) for name in ("Roof", "Garden"))
    one = world.invoice(client, "1001", ("100.00", "Tiles"), project_id=roof)
    two = world.invoice(client, "1002", ("50.00", "Plants"), project_id=garden)
    three = world.invoice(client, "1003", ("7.00", "Advice"))
    note = world.credit_note(client, "C-1", ("30.00", "Broken tiles"), project_id=roof)
    world.apply_credit(note, (one, "30.00"))
    world.payment(client, (one, "70.00"), project_id=roof, reference="P1")
    world.payment(client, (two, "50.00"), (three, "7.00"), reference="P2")
    world.run()
    ids = {record["DisplayName"]: record["Id"] for record in world.books("Customer")}
    billed = {record["DocNumber"]: record["CustomerRef"]["value"] for record in world.books("Invoice")}
    assert billed == {"1001": ids["Roof"], "1002": ids["Garden"], "1003": ids["Ada"]}
    assert world.one("CreditMemo")["CustomerRef"]["value"] == ids["Roof"]
    paid = {record.get("PaymentRefNum", "credit"): record["CustomerRef"]["value"] for record in world.books("Payment")}
    assert paid == {"P1": ids["Roof"], "P2": ids["Ada"], "credit": ids["Roof"]}
    assert {record["DocNumber"]: Decimal(record["Balance"]) for record in world.books("Invoice")} == {
        "1001": 0,
        "1002": 0,
        "1003": 0,
    }
    at_rest(world)


@pytest.mark.behaviour("B-9", "B-25")
@pytest.mark.failure("F-10")
def test_what_quickbooks_has_is_used_and_never_made_twice(world: World) -> None:
    """A sub-customer is a project, whatever its name; under another customer it is another one."""
    ada, bob = customer(world, "Ada"), customer(world, "Bob")
    roof = customer(world, "Roof", ParentRef={"value": ada["Id"]}, Job=True)
    customer(world, "Shed", ParentRef={"value": bob["Id"]}, Job=True)
    ada_here = world.client("Ada")
    world.named("project", "Roof", client_id=ada_here)
    world.named("project", "Cellar", client_id=world.client("Bob"))
    world.run()
    assert born(world, "Customer", "DisplayName") == {"Ada": 1, "Bob": 1, "Roof": 1, "Shed": 1, "Cellar": 1}
    assert world.one("Customer", DisplayName="Roof")["SyncToken"] == roof["SyncToken"]
    assert sub_customer(world, "Cellar")["of"] == "Bob"
    at_rest(world)
    # QuickBooks has a name once, whatever it is below: that of Bob's shed is not for Ada's, and not linked with it.
    shed = world.named("project", "Shed", client_id=ada_here)
    world.run()
    assert "already using this name" in held_one(world, Kind.PROJECT).reason
    world.sql("UPDATE project SET name = 'Shed of Ada' WHERE id = :id", id=shed)
    world.run()
    assert sub_customer(world, "Shed of Ada")["of"] == "Ada"
    at_rest(world)
    # A client of the name of a sub-customer is somebody else: QuickBooks refuses the name, and a person has to look.
    other = world.client("Shed")
    world.named("project", "Shelf", client_id=other)
    world.run()
    assert {each.kind for each in held(world)} == {Kind.CLIENT, Kind.PROJECT}
    assert world.store.links_by_source(world.name, Kind.CLIENT, [str(other)]) == {}
    once(world)


@pytest.mark.behaviour("B-16", "C-B1", "C-B9")
@pytest.mark.failure("F-85")
def test_a_new_name_follows_and_a_move_waits(world: World) -> None:
    client, other = world.client("Ada"), world.client("Bob")
    project = world.named("project", "Roof", client_id=client)
    world.run()
    made = world.one("Customer", DisplayName="Roof")
    world.sql("UPDATE project SET name = 'Roof and gutter' WHERE id = :id", id=project)
    world.run()
    assert world.one("Customer", DisplayName="Roof and gutter")["Id"] == made["Id"]
    at_rest(world)
    change(world, "Customer", made, DisplayName="Roof (east)")
    world.run()
    assert world.rows("SELECT name FROM project") == [{"name": "Roof and gutter"}]
    at_rest(world)
    world.sql("UPDATE project SET client_id = :other WHERE id = :id", other=other, id=project)
    world.run()
    waiting = held_one(world, Kind.PROJECT)
    assert "the source changed customer, which is not sent by itself" in waiting.reason
    assert "put it back under its client" in waiting.reason
    assert sub_customer(world, "Roof (east)")["of"] == "Ada"
    answer(world, "accept-source", Kind.PROJECT)
    world.run()
    assert sub_customer(world, "Roof (east)")["of"] == "Bob"
    at_rest(world)


@pytest.mark.behaviour("C-B9")
def test_closing_makes_it_inactive_once_nothing_is_open(world: World) -> None:
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client)
    invoice = world.invoice(client, "1001", ("100.00", "Tiles"), project_id=project)
    world.run()
    made = world.one("Customer", DisplayName="Roof")
    close(world, project)
    world.run()
    assert "it has 100.00 open in QuickBooks" in held_one(world, Kind.PROJECT).reason
    assert sub_customer(world, "Roof")["active"] is True
    world.payment(client, (invoice, "100.00"), project_id=project)
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert sub_customer(world, "Roof (deleted)")["active"] is False
    at_rest(world)
    # What is billed to it now waits, until it is opened again: then it is the same one.
    world.invoice(client, "1002", ("5.00", "Nails"), project_id=project)
    world.run()
    assert "waits for project Roof" in held_one(world, Kind.INVOICE).reason
    close(world, project, active=True)
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert world.one("Customer", DisplayName="Roof")["Id"] == made["Id"]
    assert world.one("Invoice", DocNumber="1002")["CustomerRef"]["value"] == made["Id"]
    assert born(world, "Customer", "DisplayName") == {"Ada": 1, "Roof": 1}
    at_rest(world)


@pytest.mark.behaviour("C-B9")
def test_one_that_was_closed_before_it_went_out_stays_home(world: World) -> None:
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client, active=False)
    world.run()
    assert world.books("Customer") == []
    close(world, project, active=True)
    world.run()
    assert sub_customer(world, "Roof")["of"] == "Ada"
    at_rest(world)


@pytest.mark.behaviour("B-24", "C-B8")
@pytest.mark.failure("F-82")
def test_a_customer_that_somebody_made_inactive_is_found_out_and_brought_back(world: World) -> None:
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client)
    world.run()
    made = world.one("Customer", DisplayName="Ada")
    change(world, "Customer", made, Active=False)
    world.invoice(client, "1001", ("100.00", "Tiles"))
    world.run()
    waiting = held_one(world, Kind.CLIENT)
    assert "it was made inactive in QuickBooks: accept the source to make it active again" in waiting.reason
    assert f"syncd match --set client {client} QBO-ID" in waiting.reason
    assert waiting.actions == ("retry", "accept-source", "ignore")
    assert "waits for client Ada" in held_one(world, Kind.INVOICE).reason
    assert world.books("Invoice") == []
    answer(world, "accept-source", Kind.CLIENT)
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert sub_customer(world, "Ada") == {"of": "", "job": False, "active": True}
    assert world.one("Customer", DisplayName="Ada")["Id"] == made["Id"]
    assert world.one("Invoice")["CustomerRef"]["value"] == made["Id"]
    assert world.rows("SELECT active FROM project WHERE id = :id", id=project)[0]["active"] in (1, True)
    at_rest(world)


@pytest.mark.behaviour("B-24", "C-B8")
@pytest.mark.failure("F-82")
def test_so_is_a_sub_customer(world: World) -> None:
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client)
    world.run()
    change(world, "Customer", world.one("Customer", DisplayName="Roof"), Active=False)
    world.invoice(client, "1001", ("100.00", "Tiles"), project_id=project)
    world.run()
    assert "waits for project Roof" in held_one(world, Kind.INVOICE).reason
    world.sql("UPDATE project SET name = 'Roofs' WHERE id = :id", id=project)
    world.run()
    said = "it was made inactive in QuickBooks: accept the source to make it active again. The source changed it since"
    assert held_one(world, Kind.PROJECT).reason.startswith(said)
    answer(world, "accept-source", Kind.PROJECT)
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert world.one("Invoice")["CustomerRef"]["value"] == world.one("Customer", DisplayName="Roofs")["Id"]
    at_rest(world)


@pytest.mark.failure("F-85")
def test_a_project_without_a_client_waits(world: World) -> None:
    project = world.named("project", "Roof")
    world.run()
    waiting = held_one(world, Kind.PROJECT)
    assert waiting.reason == "The project has no client, so there is no customer to put it under."
    assert waiting.problems[0].remedy == "Choose the project's client in the source."
    world.sql("UPDATE project SET client_id = :client WHERE id = :id", client=world.client("Ada"), id=project)
    world.run()
    assert sub_customer(world, "Roof")["of"] == "Ada"
    at_rest(world)


@pytest.mark.behaviour("B-22")
def test_projects_are_in_the_currency_of_their_client(make: Make) -> None:
    world = make(profile="billdr", exchange_rates={"CAD": "0.7"})
    client = world.client("Ada", "CAD")
    project = world.named("project", "Roof", client_id=client)
    world.invoice(client, "1001", ("100.00", "Tiles"), project_id=project, currency="CAD")
    world.run()
    assert world.one("Customer", DisplayName="Roof")["CurrencyRef"]["value"] == "CAD"
    assert world.one("Invoice")["CurrencyRef"]["value"] == "CAD"
    at_rest(world)


def test_where_projects_are_nothing_documents_are_the_clients(make: Make) -> None:
    """The same source with the setting that Ruddr has."""
    world = make(profile="billdr", settings=told("billdr", project_as="none"))
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client)
    invoice = world.invoice(client, "1001", project_id=project)
    world.payment(client, (invoice, "40.00"), project_id=project)
    world.run()
    assert [record["DisplayName"] for record in world.books("Customer")] == ["Ada"]
    assert world.one("Payment")["CustomerRef"] == world.one("Invoice")["CustomerRef"]
    at_rest(world)
