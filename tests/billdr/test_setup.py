"""From connecting to trusting: matched first, planned before anything is written, looked through, connected anew."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.errors import ReconnectNeeded
from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, bill, born, configure, customer, held_one, mutations, snapshot, syncd
from tests.support.world import World, told


@pytest.fixture
def config(world: World) -> Path:
    """The configuration of that company for the command line."""
    path = configure(world)
    path.write_text(path.read_text().replace('profile = "ruddr"', 'profile = "billdr"'))
    return path


def command(config: Path, *arguments: str) -> str:
    done = syncd(config, *arguments)
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    return done.stdout


def differences(config: Path) -> list[dict[str, str]]:
    """What the audit lists."""
    (report,) = json.loads(syncd(config, "audit", "--json").stdout)["companies"]
    found: list[dict[str, str]] = report["differ"]
    return found


@pytest.mark.behaviour("B-9", "B-11", "B-25", "C-B1")
def test_at_first_the_lists_of_both_sides_are_matched_and_linked(world: World, config: Path) -> None:
    """Customers, projects and cost codes; a person answers for what is not certain, and nothing is written."""
    ada, lovelace = customer(world, "Ada"), customer(world, "Lovelace Limited")
    customer(world, "Roof", ParentRef={"value": ada["Id"]}, Job=True)
    account = world.accountant.save("Account", {"Name": "Tiles", "AccountType": "Cost of Goods Sold"})
    income = world.one("Item", Name="Services")["IncomeAccountRef"]
    sold = world.accountant.save("Item", {"Name": "Roofing", "Type": "Service", "IncomeAccountRef": income})
    here, other = world.client("Ada"), world.client("Lovelace Ltd.")
    roof = world.named("project", "Roof", client_id=here)
    code, item = world.named("expense_category", "Tiles"), world.item("Roofing")
    before, source = world.writes(), snapshot(world)
    file = config.with_name("match.toml")
    command(config, "match", "--out", str(file))
    found = tomllib.loads(file.read_text())
    used = {
        (kind, row["source_id"]): row["use"]
        for kind, rows in found.items()
        if isinstance(rows, list)
        for row in rows
        if isinstance(row, dict)
    }
    assert used["client", str(here)] == ada["Id"]
    assert used["category", str(code)] == account["Id"]
    assert used["item", str(item)] == sold["Id"]
    assert used["client", str(other)] == "", "spelt otherwise: a person has to say"
    file.write_text(re.sub(r'(name = "Lovelace Ltd. .*"\nuse = )""', rf'\1"{lovelace["Id"]}"', file.read_text()))
    command(config, "match", "--in", str(file))
    assert (world.writes(), snapshot(world)) == (before, source)
    world.invoice(other, "1001", ("10.00", "Tiles", item), project_id=world.named("project", "Barn", client_id=other))
    world.run()
    assert world.one("Customer", DisplayName="Barn")["ParentRef"]["value"] == lovelace["Id"]
    assert born(world, "Customer", "DisplayName") == {"Ada": 1, "Lovelace Limited": 1, "Roof": 1, "Barn": 1}
    links = world.store.links_by_source(world.name, Kind.PROJECT, [str(roof)])
    assert links[str(roof)].qbo_id == world.one("Customer", DisplayName="Roof")["Id"]
    at_rest(world)


@pytest.mark.behaviour("B-7")
@pytest.mark.failure("F-13")
def test_in_the_middle_of_a_year_a_plan_comes_first_and_what_is_old_stays(make: Make) -> None:
    world = make(profile="billdr", settings=told("billdr", sync_start_date=date(2026, 3, 1)))
    client = world.client("Ada")
    old = world.invoice(client, "OLD", issue_date="2026-02-01")
    world.payment(client, (old, "100.00"), date="2026-02-10")
    world.invoice(client, "NEW")
    asked = world.sandbox.last_request()
    report = world.run(approve_first_run=False)
    assert report.outcome == "halted"
    assert {(o.kind, o.label) for o in report.plan.withheld if o.writes} == {
        (Kind.CLIENT, "Ada"),
        (Kind.INVOICE, "NEW"),
    }
    assert mutations(world, asked) == []
    world.run()
    assert [record["DocNumber"] for record in world.books("Invoice")] == ["NEW"]
    assert world.books("Payment") == []
    at_rest(world)


@pytest.mark.behaviour("B-8", "B-13")
def test_what_was_synced_can_be_looked_through_and_what_was_not_says_why(world: World, config: Path) -> None:
    bill(world, customer(world, "Walk-in"), "001", ("10.00", "Sold"))
    client = world.client("Ada")
    fine = world.invoice(client, "002")
    world.invoice(client, "001", ("60.00", "Tiles"))
    world.run()
    (listed,) = json.loads(command(config, "held", "list", "--json"))["held"]
    assert (listed["kind"], listed["label"]) == ("invoice", "001")
    assert "QuickBooks has a look-alike (001, id" in listed["reason"]
    assert "001" in command(config, "held", "list")
    assert "records wait for a person. Next: syncd held list" in command(config, "status")
    assert differences(config) == []
    world.sql("UPDATE invoice_line SET amount = '90', rate = '90' WHERE invoice_id = :id", id=fine)
    world.sql("UPDATE invoice SET total = '90' WHERE id = :id", id=fine)
    (difference,) = differences(config)
    assert (difference["label"], Decimal(difference["money"])) == ("002", 10)


@pytest.mark.behaviour("B-5", "B-12")
@pytest.mark.failure("F-11")
def test_connecting_anew_keeps_every_link_and_makes_nothing_twice(world: World) -> None:
    client = world.client("Ada")
    project = world.named("project", "Roof", client_id=client)
    invoice = world.invoice(client, "1001", project_id=project)
    world.payment(client, (invoice, "40.00"), project_id=project)
    world.run()
    before, links = world.writes(), world.store.count_links(world.name)
    world.sandbox.admin("POST", f"/companies/{world.realm}/disconnect")
    with pytest.raises(ReconnectNeeded, match="syncd connect"):
        world.run()
    world.grant()
    world.restart()
    world.run()
    assert (world.writes(), world.store.count_links(world.name)) == (before, links)
    world.payment(client, (invoice, "60.00"), project_id=project, reference="W2")
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    at_rest(world)


@pytest.mark.behaviour("B-24", "C-B8")
def test_a_client_can_be_linked_anew(world: World, config: Path) -> None:
    """With another customer, as nothing stands on the old one."""
    client = world.client("Ada")
    world.named("project", "Roof", client_id=client)
    world.run()
    old = world.one("Customer", DisplayName="Ada")
    roof = world.one("Customer", DisplayName="Roof")
    other = customer(world, "Ada Lovelace")
    world.accountant.save("Customer", {**roof, "ParentRef": {"value": other["Id"]}})
    world.accountant.save("Customer", {**world.accountant.read("Customer", old["Id"]), "Active": False})
    world.invoice(client, "1001")
    world.run()
    assert "waits for client Ada" in held_one(world, Kind.INVOICE).reason
    command(config, "match", "--set", "client", str(client), other["Id"])
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert world.one("Invoice")["CustomerRef"]["value"] == other["Id"]
    at_rest(world)
