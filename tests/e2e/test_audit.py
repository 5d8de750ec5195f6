"""The audit compares everything by reading pages: a record is asked for by itself only where the two sides differ."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Make
from tests.e2e.helpers import change
from tests.e2e.owed import ON
from tests.support.world import World

KINDS = 7
"""Clients, vendors, invoices, credit notes, payments, uses of credit notes, bills."""


def asked(world: World) -> list[dict[str, Any]]:
    """What an audit asks QuickBooks for."""
    before = world.sandbox.last_request()
    world.engine.audit()
    return world.sandbox.requests(realm=world.realm, after=before)


@pytest.mark.failure("F-69")
@pytest.mark.parametrize("taxed", [False, True])
def test_records_in_agreement_cost_no_request_of_their_own(make: Make, taxed: bool) -> None:
    world = make(settings=ON)
    ada = world.client("Ada")
    invoices = [world.invoice(ada, f"INV-{number}") for number in range(4)]
    note = world.credit_note(ada, "CN-1", ("30.00", "Back"))
    world.apply_credit(note, (invoices[0], "30.00"))
    world.payment(ada, (invoices[1], "10.00"), reference="P-1")
    world.expense(world.member("Ann"), "5.00", notes="taxi")
    if taxed:
        world.sql("UPDATE invoice SET tax_rate = '0.05', transaction_number = NULL")
    world.run()
    world.run()
    requests = asked(world)
    single = {request["entity"] for request in requests if request["endpoint"] != "query"}
    assert single <= {"CompanyInfo", "Preferences"}
    queries = [request for request in requests if request["endpoint"] == "query"]
    assert len(queries) == 2 * KINDS, "of each kind one page, and a count that shows it to be whole"


def test_only_what_differs_is_asked_for(world: World) -> None:
    ada = world.client("Ada")
    for number in range(4):
        world.invoice(ada, f"INV-{number}")
    world.run()
    before = len(asked(world))
    changed = world.one("Invoice", DocNumber="INV-2")
    change(world, "Invoice", changed, DueDate="2026-08-01")
    assert len(asked(world)) == before + 1
