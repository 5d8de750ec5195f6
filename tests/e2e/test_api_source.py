"""A workspace behind an API that takes no writes: what QuickBooks changes becomes a task for a person, and ticks itself
off when the next read shows it done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from syncd.model.kinds import Kind
from syncd.reconciler.worklist import CODE
from tests.e2e.conftest import Make
from tests.e2e.helpers import change, configure, customer, held, receive, sales_line, syncd
from tests.support.ruddr_server import KEY, RuddrServer
from tests.support.ruddr_workspace import Workspace, totals
from tests.support.world import World

MakeApi = Callable[..., World]


@pytest.fixture
def server() -> Iterator[RuddrServer]:
    with RuddrServer() as running:
        yield running


@pytest.fixture
def workspace(server: RuddrServer) -> Workspace:
    return server.workspace


@pytest.fixture
def connect(make: Make, server: RuddrServer) -> MakeApi:
    """A company whose source is the stand-in's workspace, read whole at every run."""

    def connected(**more: Any) -> World:
        source = {"type": "ruddr", "api_key": KEY, "api_url": server.url, "throttle": False, "full_scan_seconds": 0}
        return make(source={**source, **more})

    return connected


def tasks(world: World) -> list[str]:
    """What a person is told to do."""
    return [problem.text for each in held(world) for problem in each.problems if problem.code == CODE]


def quiet(world: World) -> None:
    """One more run writes nothing."""
    books = world.writes()
    report = world.run()
    assert [f"{o.id}: {o.reason}" for o in report.plan.writes] == []
    assert world.writes() == books


@pytest.mark.behaviour("R-1", "C-R10")
def test_invoices_go_out_and_what_quickbooks_decides_becomes_a_task(
    make: Make, server: RuddrServer, workspace: Workspace
) -> None:
    source = {"type": "ruddr", "api_key": KEY, "api_url": server.url, "throttle": False, "full_scan_seconds": 0}
    world = make(source=source, custom_txn_numbers=False)
    client = workspace.client("Northwind Ltd", emails=["ap@northwind.example"])
    invoice = workspace.invoice(client, [{"amount": Decimal("120.00"), "description": "Design"}], number="INV-0107")
    workspace.invoice(client, number="INV-0108", statusId="draft")
    world.run()
    world.run()
    there = world.one("Invoice")
    assert (Decimal(there["TotalAmt"]), there["CustomerRef"]["name"]) == (Decimal(120), "Northwind Ltd")
    told = tasks(world)
    assert any(f"set the number to {there['DocNumber']} (now INV-0107)" in task for task in told), told
    workspace.change("/invoices", invoice, number=there["DocNumber"])
    world.run()
    assert tasks(world) == [], "the task went by itself"
    quiet(world)


def test_an_edit_in_quickbooks_is_told_line_by_line_and_goes_when_it_is_done(
    connect: MakeApi, workspace: Workspace
) -> None:
    world = connect()
    client = workspace.client("Northwind Ltd")
    invoice = workspace.invoice(client, [{"amount": Decimal("100.00"), "description": "Work"}], number="INV-1")
    world.run()
    change(
        world, "Invoice", world.one("Invoice"), Line=[sales_line("75.00", "Work")], CustomerMemo={"value": "Reduced"}
    )
    world.run()
    told = " ".join(tasks(world))
    assert "INV-1" in told
    assert "75" in told
    assert "Reduced" in told
    row = workspace.row("/invoices", invoice)
    row["lines"][0] |= {"amount": Decimal("75.00"), "rate": Decimal("75.00")}
    totals(row)
    workspace.change("/invoices", invoice, notes="Reduced")
    world.run()
    assert tasks(world) == []
    quiet(world)


def test_a_payment_in_quickbooks_is_to_be_entered_once_and_is_then_the_same(
    connect: MakeApi, workspace: Workspace
) -> None:
    world = connect()
    client = workspace.client("Northwind Ltd")
    invoice = workspace.invoice(client, number="INV-1")
    world.run()
    there = world.one("Invoice")
    receive(world, there["CustomerRef"]["value"], (there["Id"], "100.00"), PaymentRefNum="CHK 5001")
    world.run()
    (task,) = tasks(world)
    assert "Enter this payment: 100.00 USD" in task
    assert "Northwind Ltd" in task
    assert "INV-1 100" in task
    assert "CHK 5001" in task
    workspace.payment(
        client,
        Decimal("100.00"),
        {invoice: Decimal("100.00")},
        receivedOn="2026-04-10",
        referenceNumber="CHK 5001",
    )
    world.run()
    assert tasks(world) == []
    assert len(world.books("Payment")) == 1, "it was matched, not made again"
    quiet(world)


def test_what_was_removed_in_quickbooks_is_to_be_removed_by_hand(connect: MakeApi, workspace: Workspace) -> None:
    world = connect()
    client = workspace.client("Northwind Ltd")
    invoice = workspace.invoice(client, number="INV-1")
    payment = workspace.payment(client, Decimal("40.00"), {invoice: Decimal("40.00")}, referenceNumber="P-1")
    workspace.payment(client, Decimal("10.00"), {invoice: Decimal("10.00")}, referenceNumber="P-2")
    world.run()
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="P-1"))
    world.run()
    assert tasks(world) == ["Delete the payment P-1: it was deleted in QuickBooks."]
    workspace.remove("/payments", payment)
    world.run()
    assert tasks(world) == []
    quiet(world)


def test_with_mode_none_nothing_is_told_and_nothing_is_overwritten(connect: MakeApi, workspace: Workspace) -> None:
    world = connect(modes={"invoice": "none", "payment": "none"})
    client = workspace.client("Northwind Ltd")
    workspace.invoice(client, number="INV-1")
    world.run()
    there = world.one("Invoice")
    change(world, "Invoice", there, CustomerMemo={"value": "theirs"})
    receive(world, there["CustomerRef"]["value"], (there["Id"], "10.00"))
    world.run()
    assert held(world) == []
    assert world.one("Invoice")["CustomerMemo"]["value"] == "theirs"
    quiet(world)


def test_the_ids_of_the_products_own_link_are_certain_matches(connect: MakeApi, workspace: Workspace) -> None:
    world = connect(native_link="replaced")
    there = customer(world, "Northwind Ltd")
    other = customer(world, "Somebody Else")
    workspace.invoice(workspace.client("Northwind Ltd", qbo=there["Id"]), number="INV-1")
    workspace.invoice(workspace.client("Southwind Ltd", qbo=other["Id"]), number="INV-2")
    world.run()
    assert world.one("Invoice")["CustomerRef"]["value"] == there["Id"]
    assert len(world.books("Customer")) == 2
    waiting = {each.kind: each for each in held(world)}
    assert "Somebody Else" in waiting[Kind.CLIENT].reason, "an id alone, under another name, is for a person to judge"


def test_the_worklist_as_text_csv_and_json(connect: MakeApi, workspace: Workspace) -> None:
    world = connect()
    client = workspace.client("Northwind Ltd")
    workspace.invoice(client, number="INV-1")
    world.run()
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "=cmd()"})
    world.run()
    config = configure(world)
    plain = syncd(config, "worklist")
    assert plain.returncode == 3, plain.stderr
    assert "In the invoice INV-1, set the notes to =cmd()" in plain.stdout
    (told,) = json.loads(syncd(config, "worklist", "--json").stdout)["tasks"]
    assert (told["kind"], told["record"], told["field"]) == ("invoice", "INV-1", "notes")
    (line,) = csv.DictReader(io.StringIO(syncd(config, "worklist", "--csv", "-").stdout))
    assert line["task"] == told["task"]
    assert not line["task"].startswith(("=", "+", "-", "@"))
