"""The main flow with the source and the state on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, money, once, receive, row, sales_line
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


def test_both_ways_with_everything_on_postgresql(make: Make, postgres_url: Callable[[], str]) -> None:
    world = make(source_url=postgres_url(), state_url=postgres_url(), exchange_rates={"EUR": "1.1"})
    ada, berlin = world.client("Ada"), world.client("Berlin", "EUR")
    hours = world.item("Hours")
    first = world.invoice(ada, "INV-1", ("100.00", "Work", hours), ("50.00", "Travel"), notes="Danke – 東京")
    second = world.invoice(berlin, "INV-2", ("1234.56", "Arbeit"), currency="EUR")
    draft = world.invoice(ada, "INV-3", state="draft")
    payment = world.payment(ada, (first, "40.00"), reference="P-1")
    world.payment(ada, (first, "1.00"), reference="P-2")
    assert world.run().outcome == "ok"
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2"]
    at_rest(world)

    sent = world.one("Invoice", DocNumber="INV-1")
    change(world, "Invoice", sent, DueDate="2026-07-07")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "9.00"))
    other = world.one("Invoice", DocNumber="INV-2")
    change(world, "Invoice", other, Line=[sales_line("1000.00", "Arbeit"), sales_line("0.01", "Cent")])
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=draft)
    world.sql("DELETE FROM payment WHERE id = :id", id=payment)
    assert world.run().outcome == "ok"
    assert str(row(world, "invoice", first)["due_date"]) == "2026-07-07"
    assert money(row(world, "invoice", second)["total"]) == Decimal("1000.01")
    assert sorted(p["PaymentRefNum"] for p in world.books("Payment")) == ["CHEQUE-1", "P-2"]
    assert sorted(p["reference"] for p in world.rows("SELECT reference FROM payment")) == ["CHEQUE-1", "P-2"]
    assert row(world, "invoice", draft)["qbo_id"]
    once(world)
    at_rest(world)

    world.restart()
    world.sandbox.add_fault("reset", when="after", entity="Invoice", operation="create", realm=world.realm)
    world.invoice(ada, "INV-4")
    world.run()
    world.restart()
    world.run()
    once(world)
    at_rest(world)
