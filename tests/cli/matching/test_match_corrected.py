"""``syncd match --list``, ``--set`` and ``--unset``: matches are seen and corrected one by one, and nothing is lost."""

from __future__ import annotations

import pytest
from command_world import Office
from match_desk import Desk, income, matches

from syncd.errors import EXIT_CONFIG, EXIT_OK
from tests.e2e.helpers import customer
from tests.support.world import World


@pytest.mark.behaviour("R-113")
def test_matches_are_seen_and_corrected_one_by_one(world: World, office: Office) -> None:
    right, wrong = customer(world, "Ada Ltd"), customer(world, "Adam")
    client = world.client("Ada")
    assert office("match", "--set", "client", client, wrong["Id"]).returncode == EXIT_OK
    assert office("match", "--set", "client", client, right["Id"], SUDO_USER="grace").returncode == EXIT_OK
    assert matches(office, "client") == {str(client): (right["Id"], "linked")}
    listed = office("match", "--list").stdout
    assert "Ada Ltd" in listed
    assert "Adam" not in listed
    told = office("history", "client", client).stdout
    assert "matched by a person" in told
    assert "grace" in told
    world.invoice(client, "INV-1")
    assert world.run().outcome == "ok"
    assert world.one("Invoice")["CustomerRef"]["value"] == right["Id"]


@pytest.mark.behaviour("R-113")
def test_the_match_of_a_client_is_not_moved_under_its_documents(world: World, office: Office) -> None:
    customer(world, "Ada")
    other = customer(world, "Zoe")
    client = world.client("Ada")
    invoice = world.invoice(client, "INV-1")
    assert world.run().outcome == "ok"
    for arguments in (("--set", "client", client, other["Id"]), ("--unset", "client", client)):
        done = office("match", *arguments)
        assert done.returncode == EXIT_CONFIG
        assert "linked documents rely on its link" in " ".join(done.stdout.split())
        assert "invoice INV-1" in " ".join(done.stdout.split())
    assert office("match", "--unset", "invoice", invoice).returncode == EXIT_OK
    assert office("match", "--set", "client", client, other["Id"]).returncode == EXIT_OK
    assert matches(office, "client") == {str(client): (other["Id"], "linked")}


@pytest.mark.behaviour("R-113")
def test_an_item_is_matched_anew_and_old_invoices_stay_as_they_are(world: World, office: Office) -> None:
    item = world.item("Consulting")
    client = world.client("Ada")
    invoice = world.invoice(client, "INV-1", ("10.00", "a", item))
    assert world.run().outcome == "ok"
    default = world.one("Item", Name="Services")["Id"]
    better = world.accountant.save(
        "Item", {"Name": "Advice", "Type": "Service", "IncomeAccountRef": {"value": income(world)}}
    )["Id"]
    refused = office("match", "--unset", "item", item)
    assert refused.returncode == EXIT_CONFIG
    assert "--set" in refused.stdout
    done = office("match", "--set", "item", item, better)
    assert done.returncode == EXIT_OK
    assert "1 documents kept as they are" in " ".join(done.stdout.split())
    before = world.writes()
    assert world.run().plan.writes == ()
    assert world.writes() == before
    assert office("audit").returncode == EXIT_OK

    def items(number: str) -> list[str]:
        lines = world.one("Invoice", DocNumber=number)["Line"]
        return [line["SalesItemLineDetail"]["ItemRef"]["value"] for line in lines if "SalesItemLineDetail" in line]

    assert items("INV-1") == [default]
    world.invoice(client, "INV-2", ("20.00", "b", item))
    world.sql("UPDATE invoice SET due_date = '2026-09-09' WHERE id = :id", id=invoice)
    assert world.run().outcome == "ok"
    assert items("INV-2") == [better]
    assert items("INV-1") == [default]


def test_an_item_with_unsettled_changes_on_documents_is_not_matched_anew(world: World, office: Office) -> None:
    item = world.item("Consulting")
    invoice = world.invoice(world.client("Ada"), "INV-1", ("10.00", "a", item))
    assert world.run().outcome == "ok"
    world.sql("UPDATE invoice_line SET description = 'changed' WHERE invoice_id = :id", id=invoice)
    better = world.accountant.save(
        "Item", {"Name": "Advice", "Type": "Service", "IncomeAccountRef": {"value": income(world)}}
    )
    done = office("match", "--set", "item", item, better["Id"])
    assert done.returncode == EXIT_CONFIG
    assert "changes that are not settled" in " ".join(done.stdout.split())


def test_a_match_that_was_ended_starts_anew(world: World, office: Office, desk: Desk) -> None:
    there = customer(world, "Acme")
    client = world.client("Acme")
    desk.propose()
    desk.take()
    assert "1 ended" in office("match", "--unset", "client", client).stdout
    assert matches(office, "client") == {}
    assert "is not linked" in office("match", "--unset", "client", client).stdout
    desk.propose()
    assert desk.row("client", client)["use"] == there["Id"]
    desk.take()
    assert matches(office, "client") == {str(client): (there["Id"], "linked")}
