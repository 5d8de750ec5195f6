"""Payment methods: found in QuickBooks by their name or as the settings say, left out where there is none, and taken
over from there (R-57, R-68)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import Json, at_rest, held, once, receive, row, sales_line
from tests.support.world import SETTINGS, World

CASH, CHECK, VISA, MASTERCARD = "1", "2", "3", "4"
"""Ids of payment methods in the look-alike."""


def sent_with(world: World) -> dict[str, str | None]:
    """The payment method of each payment in QuickBooks, by reference."""
    return {p["PaymentRefNum"]: p.get("PaymentMethodRef", {}).get("value") for p in world.books("Payment")}


def here_with(world: World) -> dict[str, str | None]:
    """The same in the source, by name."""
    query = "SELECT p.reference, m.name FROM payment p LEFT JOIN payment_method m ON m.id = p.method_id"
    return {found["reference"]: found["name"] for found in world.rows(query)}


def change_method(world: World, payment: Json, method: str | None) -> None:
    """The accountant chooses another payment method, or none."""
    now = world.accountant.read("Payment", payment["Id"])
    now.pop("PaymentMethodRef", None)
    world.accountant.save("Payment", now | ({"PaymentMethodRef": {"value": method}} if method else {}))


@pytest.mark.behaviour("R-57")
def test_methods_are_found_by_name_or_by_the_settings_and_left_out_where_there_is_none(make: Make) -> None:
    mapped = {"Bank card": "Visa", "Barzahlung": f"id:{CASH}"}
    world = make(settings=msgspec.structs.replace(SETTINGS, payment_method_map=mapped))
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    expected = {" check ": CHECK, "Bank card": VISA, "Barzahlung": CASH, "Überweisung “SEPA”": None}
    for number, name in enumerate(expected):
        method = world.named("payment_method", name)
        world.payment(ada, (invoice, "10.00"), reference=f"W-{number}", method_id=method)
    world.payment(ada, (invoice, "10.00"), reference="W-none")
    world.named("payment_method", "MasterCard")  # of no payment
    report = world.run()
    assert sent_with(world) == {f"W-{n}": found for n, found in enumerate(expected.values())} | {"W-none": None}
    (left,) = [o for o in report.plan.operations if o.kind is Kind.PAYMENT_METHOD and "left out" in o.reason]
    assert left.label == "Überweisung “SEPA”"
    assert held(world) == []
    assert len(world.books("PaymentMethod")) == 7, "none is ever created"
    once(world)
    at_rest(world)

    # Renamed on either side, a method that was found stays the same one.
    there = next(m for m in world.books("PaymentMethod") if m["Id"] == CHECK)
    world.accountant.save("PaymentMethod", {**there, "Name": "Cheque"})
    world.sql("UPDATE payment_method SET name = 'Scheck' WHERE name = ' check '")
    world.payment(ada, (invoice, "1.00"), reference="W-9", method_id=1)
    world.run()
    assert sent_with(world)["W-9"] == CHECK
    at_rest(world)


@pytest.mark.behaviour("R-57", "R-52", "R-68")
def test_a_method_that_the_accountant_chose_is_the_sources_too(world: World) -> None:
    check, visa = world.named("payment_method", "Check"), world.named("payment_method", "Visa")
    card = world.named("payment_method", "mastercard")
    world.named("payment_method", "Discover")
    world.named("payment_method", "discover")
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    payment = world.payment(ada, (invoice, "10.00"), method_id=check)
    world.run()
    sent, books = world.one("Payment"), world.one("Invoice")
    # One that no payment of the source had so far; on a payment entered there, too.
    change_method(world, sent, VISA)
    customer_id = books["CustomerRef"]["value"]
    receive(world, customer_id, (books["Id"], "20.00"), PaymentRefNum="NEW", PaymentMethodRef={"value": MASTERCARD})
    world.run()
    assert row(world, "payment", payment)["method_id"] == visa
    assert here_with(world) == {"W1": "Visa", "NEW": "mastercard"}
    assert row(world, "payment", 2)["method_id"] == card
    at_rest(world)

    # Taken away; one that the source does not have; one of which it has two: none is better than a wrong one.
    for reference, method in ((None, None), ("cash", CASH), ("two", "5"), ("back", CHECK)):
        change_method(world, sent, method)
        world.run()
        assert row(world, "payment", payment)["method_id"] == (check if reference == "back" else None)
        assert world.accountant.read("Payment", sent["Id"]).get("PaymentMethodRef", {}).get("value") == method
        at_rest(world)

    # The same by reloading the invoice (R-68).
    change_method(world, sent, MASTERCARD)
    world.engine.reload(Kind.INVOICE, "INV-1")
    assert row(world, "payment", payment)["method_id"] == card
    at_rest(world)


@pytest.mark.behaviour("R-22", "R-42")
def test_an_item_that_the_accountant_chose_is_the_sources_too(world: World) -> None:
    """As payment methods: an item of the source that no invoice of it had so far."""
    hours = world.item("hours")
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    world.run()
    sent = world.one("Invoice")
    line = sales_line("50.00", "Overtime", item="2")
    body = {name: sent[name] for name in ("Id", "SyncToken", "CustomerRef")}
    world.accountant.save("Invoice", {**body, "sparse": True, "Line": [*sent["Line"][:1], line]})
    world.run()
    lines = world.rows("SELECT description, item_id FROM invoice_line WHERE invoice_id = :id", id=invoice)
    assert {found["description"]: found["item_id"] for found in lines} == {"Work": None, "Overtime": hours}
    assert Decimal(str(row(world, "invoice", invoice)["total"])) == 150
    at_rest(world)
