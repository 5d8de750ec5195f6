"""The seven parts of the connection, each at work by itself: what it does on one side or the other, and that it does
nothing else (R-1)."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, once, receive, row, snapshot
from tests.e2e.owed import ON, pay
from tests.support.world import World


class Effects:
    """What one run did: records made and deleted in QuickBooks, and rows made, changed and removed in the source."""

    def __init__(self, world: World, **request: Any) -> None:
        there, here = len(world.sandbox.history(world.realm)), snapshot(world)
        report = world.run(**request)
        assert (report.outcome, report.plan.brakes) == ("ok", ()), report.plan
        new = world.sandbox.history(world.realm)[there:]
        self.books = Counter(f"{version['op']} {version['entity']}" for version in new)
        self.source = Counter(
            change
            for table, after in snapshot(world).items()
            for change in _changes(table, {r["id"]: r for r in here[table]}, {r["id"]: r for r in after})
        )


def _changes(table: str, before: dict[int, Any], after: dict[int, Any]) -> list[str]:
    made = [f"insert {table}"] * len(after.keys() - before.keys())
    gone = [f"delete {table}"] * len(before.keys() - after.keys())
    return made + gone + [f"update {table}" for key in before.keys() & after.keys() if before[key] != after[key]]


def _count(world: World) -> dict[str, int]:
    """How many records there are in QuickBooks, by entity; none are left out."""
    found = {entity: len(world.books(entity)) for entity in _ENTITIES}
    return {entity: count for entity, count in found.items() if count}


_ENTITIES = ("Customer", "Vendor", "Invoice", "CreditMemo", "Payment", "Bill")


@pytest.mark.behaviour("R-1", "R-48")
def test_each_part_of_the_connection_works_by_itself(make: Make) -> None:
    world = make(settings=ON)
    ada = world.client("Ada")

    # Invoices out, and nothing but them and their client; QuickBooks' ids come back.
    first, second = world.invoice(ada, "INV-1"), world.invoice(ada, "INV-2")
    did = Effects(world)
    assert did.books == {"create Customer": 1, "create Invoice": 2}
    assert did.source == {"update client": 1, "update invoice": 2}
    ids = {i["DocNumber"]: i["Id"] for i in world.books("Invoice")}
    customer_id = world.one("Customer")["Id"]

    # Changes of an invoice come back.
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), DueDate="2026-08-01")
    did = Effects(world)
    assert (did.books, did.source) == ({}, {"update invoice": 1})

    # Payments are made on either side, and kept in step.
    mine = world.payment(ada, (first, "10.00"), reference="MINE")
    did = Effects(world)
    assert did.books["create Payment"] == 1
    assert did.source == {"update payment": 1}
    theirs = receive(world, customer_id, (ids["INV-1"], "20.00"), PaymentRefNum="THEIRS")
    did = Effects(world)
    assert did.books == {}
    assert did.source == {"insert payment": 1, "insert payment_allocation": 1}
    world.accountant.save("Payment", {**world.one("Payment", PaymentRefNum="MINE"), "TxnDate": "2026-03-25"})
    did = Effects(world)
    assert (did.books, did.source) == ({}, {"update payment": 1})
    assert str(row(world, "payment", mine)["date"]) == "2026-03-25"

    # Payments are deleted on either side.
    world.payment(ada, (second, "1.00"), reference="STAYS")
    Effects(world)
    world.accountant.delete("Payment", theirs)
    did = Effects(world)
    assert (did.books, did.source) == ({}, {"delete payment": 1, "delete payment_allocation": 1})
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=mine)
    world.sql("DELETE FROM payment WHERE id = :id", id=mine)
    did = Effects(world)
    assert did.books["delete Payment"] == 1
    assert did.source == {}

    # Credit notes are made, with what they are used for, and kept in step.
    note = world.credit_note(ada, "CN-1", ("30.00", "Back"))
    did = Effects(world)
    assert (did.books, did.source) == ({"create CreditMemo": 1}, {"update credit_note": 1})
    world.apply_credit(note, (second, "30.00"))
    did = Effects(world)
    assert did.books["create Payment"] == 1
    assert did.source == {"update credit_application": 1}
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 69
    change(world, "CreditMemo", world.one("CreditMemo"), CustomerMemo={"value": "Sorry"})
    did = Effects(world)
    assert (did.books, did.source) == ({}, {"update credit_note": 1})

    # An invoice is unpublished and goes.
    world.sql("UPDATE invoice SET state = 'draft', remove_from_qbo = true WHERE id = :id", id=first)
    did = Effects(world)
    assert (did.books, did.source) == ({"delete Invoice": 1}, {})

    # A bill for what a member paid; only its being paid comes back.
    world.expense(world.member("Ann"), "12.00")
    did = Effects(world)
    assert did.books == {"create Vendor": 1, "create Bill": 1}
    assert did.source.keys() <= {"update member"}
    pay(world, world.one("Bill"))
    did = Effects(world)
    assert (did.books, did.source) == ({}, {"update expense": 1})
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-1")
@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (Kind.INVOICE, {"Customer": 1, "Invoice": 1}),
        (Kind.CREDIT_NOTE, {"Customer": 1, "CreditMemo": 1}),
        (Kind.BILL, {"Vendor": 1, "Bill": 1}),
    ],
    ids=["invoices", "credit notes", "bills"],
)
def test_one_part_alone_brings_what_it_needs_and_nothing_else(make: Make, kind: Kind, made: dict[str, int]) -> None:
    """``syncd reconcile --kind``: the other parts wait untouched for the next whole cycle."""
    world = make(settings=ON)
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.credit_note(ada, "CN-1")
    world.payment(ada, (invoice, "10.00"))
    world.expense(world.member("Ann"), "12.00")
    world.run(kinds=frozenset({kind}))
    assert _count(world) == made
    world.run()
    assert _count(world) == {"Customer": 1, "Vendor": 1, "Invoice": 1, "CreditMemo": 1, "Payment": 1, "Bill": 1}
    once(world)
    at_rest(world)
