"""The mode without tax: amounts before tax go out, people add the tax in QuickBooks; payments wait for their room."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import Json, at_rest, born, change, held, held_one, row, sales_lines, snapshot
from tests.support.world import told

PLACES = {"US": ("USD", "8.00"), "CA": ("CAD", "13.00")}
"""By country: the currency, and the tax on 100."""


class Office:
    """A company with sales tax to which syncd sends none, and the bookkeeper who adds it."""

    def __init__(self, make: Make, country: str) -> None:
        self.country = country
        self.currency, self.tax = PLACES[country]
        exempt = "" if country == "US" else "Exempt"
        settings = told("billdr", tax_mode="none", exempt_tax_code=exempt)
        self.world = make(
            profile="billdr",
            country=country,
            home_currency=self.currency,
            using_sales_tax=True,
            settings=settings,
            source_options={"overlap_seconds": 0},  # else what was just entered is looked at again and again
        )

    def invoice(self, number: str = "1001") -> tuple[int, int]:
        """An invoice of 100 before tax, and its client."""
        client = self.world.client(f"Client of {number}", self.currency)
        return self.bill(client, number), client

    def bill(self, client: int, number: str) -> int:
        lines = ("60.00", "Tiles"), ("40.00", "Work")
        return self.world.invoice(client, number, *lines, tax=self.tax, currency=self.currency)

    def pay(self, client: int, *parts: tuple[int, str], **columns: object) -> int:
        return self.world.payment(client, *parts, currency=self.currency, **columns)

    @property
    def total(self) -> str:
        """What the client pays."""
        return str(100 + Decimal(self.tax))

    def add_tax(self, number: str = "1001") -> None:
        """By hand: in the US a code for the whole, elsewhere one on each line."""
        there = self.world.one("Invoice", DocNumber=number)
        lines: list[Json] = sales_lines(there)
        for line in lines:
            line["SalesItemLineDetail"]["TaxCodeRef"] = {"value": "TAX" if self.country == "US" else "5"}
        more = {"TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}} if self.country == "US" else {}
        change(self.world, "Invoice", there, Line=lines, **more)


@pytest.fixture(params=sorted(PLACES))
def office(make: Make, request: pytest.FixtureRequest) -> Office:
    return Office(make, request.param)


@pytest.mark.behaviour("B-17", "C-B4")
def test_amounts_before_tax_go_out_and_tax_is_added_by_hand(office: Office) -> None:
    world = office.world
    office.invoice()
    checked = world.engine.check()
    assert [each.text for each in checked if each.level == "error"] == []
    assert [each.level for each in checked if each.subject == "sales tax"] == ["ok"]
    plan = world.plan().plan
    sent = next(o for o in plan.operations if o.kind is Kind.INVOICE)
    assert sent.money is not None
    assert sent.money.amount == 100
    world.run()
    there = world.one("Invoice")
    assert (Decimal(there["TotalAmt"]), Decimal(there["TxnTaxDetail"].get("TotalTax", 0))) == (100, 0)
    at_rest(world)
    here = snapshot(world)
    office.add_tax()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == Decimal(office.total)
    world.run()
    assert snapshot(world) == here
    at_rest(world)


@pytest.mark.behaviour("B-17", "C-B4")
@pytest.mark.failure("F-104")
def test_what_a_payment_is_above_the_balance_waits_for_the_tax(office: Office) -> None:
    world = office.world
    invoice, client = office.invoice()
    paid = office.pay(client, (invoice, office.total))
    (planned,) = (o for o in world.plan().plan.operations if o.kind is Kind.PAYMENT)
    assert f"{office.tax} of {office.total} is held back" in planned.reason
    world.run()
    there = world.one("Payment")
    assert (Decimal(there["TotalAmt"]), Decimal(there["UnappliedAmt"])) == (100, 0)
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    waiting = held_one(world, Kind.PAYMENT)
    assert f"{office.tax} of {office.total} is held back: invoice 1001 has 100.00 open for it" in waiting.reason
    assert waiting.source_value["amount"] == "100.00"
    at_rest(world, held=1, differ=["1001", "W1"])
    office.add_tax()
    world.run(every_dirty=False)  # at once, not when its time has come
    assert Decimal(world.one("Payment")["TotalAmt"]) == Decimal(office.total)
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    assert row(world, "payment", paid)["amount"] == office.total
    world.run()
    at_rest(world)
    assert born(world, "Payment", "PaymentRefNum") == {"W1": 1}


@pytest.mark.behaviour("B-17", "C-B4")
def test_several_payments_share_what_is_open(make: Make) -> None:
    office = Office(make, "US")
    world = office.world
    client = world.client("Ada")
    one, two = office.bill(client, "1001"), office.bill(client, "1002")
    office.pay(client, (one, "60.00"), reference="P1")
    office.pay(client, (one, "48.00"), (two, "108.00"), reference="P2")
    office.pay(client, (two, "0.50"), reference="P3")
    world.run()
    assert {r["PaymentRefNum"]: Decimal(r["TotalAmt"]) for r in world.books("Payment")} == {"P1": 60, "P2": 140}
    assert sorted(each.label for each in held(world)) == ["P2", "P3"]
    office.add_tax("1001")
    world.run()
    assert Decimal(world.one("Payment", PaymentRefNum="P2")["TotalAmt"]) == 148
    office.add_tax("1002")
    world.run()
    assert Decimal(world.one("Payment", PaymentRefNum="P2")["TotalAmt"]) == 156
    assert [each.label for each in held(world)] == ["P3"], "more than the invoice itself is never taken"
    # The client's money that pays nothing is the client's credit, and is not held back.
    office.pay(client, amount="12.00", reference="P4")
    world.sql("DELETE FROM payment WHERE reference = 'P3'")
    world.run()
    world.run()
    assert Decimal(world.one("Payment", PaymentRefNum="P4")["UnappliedAmt"]) == 12
    assert all(Decimal(record["Balance"]) == 0 for record in world.books("Invoice"))
    at_rest(world)


@pytest.mark.behaviour("B-17", "C-B4", "C-B6")
def test_so_does_a_credit_that_is_used(make: Make) -> None:
    office = Office(make, "US")
    world = office.world
    invoice, client = office.invoice()
    note = world.credit_note(client, "C-1", ("50.00", "Broken"), tax="4.00")
    world.apply_credit(note, (invoice, "54.00"))
    world.run()
    assert Decimal(world.one("CreditMemo")["TotalAmt"]) == 50
    assert Decimal(world.one("Invoice")["Balance"]) == 50
    assert "4.00 of 54.00 is held back" in held_one(world, Kind.CREDIT_APPLICATION).reason


def test_prices_that_contain_the_tax_wait(make: Make) -> None:
    office = Office(make, "CA")
    client = office.world.client("Ada", "CAD")
    office.world.invoice(
        client, "1001", ("113.00", "Tiles"), tax="13.00", total="113.00", currency="CAD", tax_inclusive=True
    )
    office.world.run()
    assert "The prices of the invoice contain the tax" in held_one(office.world).reason
