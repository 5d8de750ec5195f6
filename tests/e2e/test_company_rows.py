"""What belongs to a company, not to a document: several of them on one source, and what stays the source's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.config import load_config
from syncd.errors import ConfigError
from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, configure, held, held_one, once, row, sales_line
from tests.support.world import SETTINGS, World

REFERENCE = {"type": "sql", "schema": "reference"}


@pytest.fixture
def branches(make: Make) -> tuple[World, World]:
    """Two QuickBooks companies on one source: one for the business unit Vienna, one for everything else."""
    rest = make(name="rest")
    source = {**REFERENCE, "url": rest.source_url}
    shared: dict[str, Any] = {"state_url": rest.state_url, "key": rest.key, "source_url": rest.source_url}
    vienna = make(name="vienna", source={**source, "business_units": ["Vienna"]}, **shared)
    rest._source = {**source, "business_units": ["", "Graz"]}
    rest.engine.close()
    rest.engine = rest.build()
    return rest, vienna


def numbers(world: World) -> set[str]:
    return {invoice["DocNumber"] for invoice in world.books("Invoice")}


@pytest.mark.behaviour("R-114", "R-115")
def test_each_business_unit_has_books_and_settings_of_its_own(make: Make, branches: tuple[World, World]) -> None:
    rest, vienna = branches
    assert rest.settings.default_item == vienna.settings.default_item == SETTINGS.default_item
    ada = rest.client("Ada")
    rest.invoice(ada, "V-1", business_unit="Vienna")
    rest.invoice(ada, "G-1", business_unit="Graz")
    rest.invoice(ada, "N-1")
    for world in branches:
        world.run()
    assert (numbers(rest), numbers(vienna)) == ({"G-1", "N-1"}, {"V-1"})
    assert [len(world.books("Customer")) for world in branches] == [1, 1], "clients are shared"
    for world in branches:
        at_rest(world)


@pytest.mark.behaviour("R-115", "10.12")
def test_a_document_whose_business_unit_changes_stays_in_the_books_it_was_posted_to(
    branches: tuple[World, World],
) -> None:
    """Section 10, item 12: in two books it would count twice."""
    rest, vienna = branches
    invoice = rest.invoice(rest.client("Ada"), "V-1", business_unit="Vienna")
    for world in branches:
        world.run()
    rest.sql("UPDATE invoice SET business_unit = 'Graz' WHERE id = :id", id=invoice)
    for world in branches:
        world.run()
    assert (numbers(rest), numbers(vienna)) == (set(), {"V-1"})
    waits = held_one(rest, Kind.INVOICE)
    assert "stands in the books of vienna" in waits.reason
    rest.sql("UPDATE invoice SET business_unit = 'Vienna' WHERE id = :id", id=invoice)
    for world in branches:
        world.run()
    assert held(rest) == []
    for world in branches:
        once(world)
        at_rest(world)


@pytest.mark.behaviour("R-118")
def test_what_the_source_locked_with_the_invoice_stays_locked_and_tied_to_its_lines(world: World) -> None:
    """Time entries hang on lines that QuickBooks knows nothing of: a line that stays keeps its row (C-R16)."""
    world.sql(
        "CREATE TABLE time_entry (id INTEGER PRIMARY KEY, line_id INTEGER NOT NULL, approved INTEGER, locked INTEGER)"
    )
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Design"), ("50.00", "Build"))
    lines = [line["id"] for line in world.rows("SELECT id FROM invoice_line ORDER BY position")]
    for line in lines:
        world.sql("INSERT INTO time_entry (line_id, approved, locked) VALUES (:line, 1, 1)", line=line)
    world.run()
    entries = world.rows("SELECT * FROM time_entry")
    change(world, "Invoice", world.one("Invoice"), Line=[sales_line("100.00", "Design"), sales_line("70.00", "Build")])
    world.run()
    assert row(world, "invoice", invoice)["state"] == "published"
    assert world.rows("SELECT * FROM time_entry") == entries
    now = world.rows("SELECT id, amount FROM invoice_line ORDER BY position")
    assert [line["id"] for line in now] == lines
    assert [Decimal(str(line["amount"])) for line in now] == [100, 70]
    at_rest(world)


@pytest.mark.behaviour("R-119")
def test_the_purchase_order_number_is_the_sources_own(world: World) -> None:
    invoice = world.invoice(world.client("Ada"), "INV-1", po_number="PO-77, PO-78")
    world.run()
    sent = world.one("Invoice")
    assert "PO-77" not in str(sent), "QuickBooks has no field for it"
    change(world, "Invoice", sent, CustomerMemo={"value": "Thank you"})
    world.run()
    assert row(world, "invoice", invoice)["po_number"] == "PO-77, PO-78"
    assert row(world, "invoice", invoice)["notes"] == "Thank you"
    at_rest(world)


@pytest.mark.behaviour("R-120")
def test_only_quickbooks_online_can_be_connected(world: World) -> None:
    path = configure(world)
    text = path.read_text().replace('environment = "sandbox"', 'environment = "desktop"')
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert "environment" in str(caught.value)
    assert "production" in str(caught.value)
