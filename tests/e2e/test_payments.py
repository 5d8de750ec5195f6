"""Payments, entered on either side, changed in QuickBooks, deleted on either side (R-48 to R-75, C-R7)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    customer,
    held_one,
    money,
    once,
    parts_of,
    pays,
    receive,
    row,
)
from tests.support.world import World


class Books:
    """A client with three open invoices of 100, 200 and 300 on both sides."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client("Ada")
        self.invoices = [world.invoice(self.client, f"INV-{n}", (f"{n}00.00", "Work")) for n in (1, 2, 3)]
        world.run()
        self.ids = [world.one("Invoice", DocNumber=f"INV-{n}")["Id"] for n in (1, 2, 3)]
        self.customer = world.one("Customer")["Id"]

    def balances(self) -> list[Decimal]:
        """What is open on each invoice, by QuickBooks."""
        found = {i["Id"]: Decimal(i["Balance"]) for i in self.world.books("Invoice")}
        return [found[i] for i in self.ids]

    def delete(self, payment: int) -> None:
        """Somebody deletes a payment in the source."""
        self.world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=payment)
        self.world.sql("DELETE FROM payment WHERE id = :id", id=payment)


@pytest.fixture
def books(world: World) -> Books:
    return Books(world)


@pytest.mark.behaviour("R-50", "R-54", "R-56", "R-58", "R-60")
@pytest.mark.failure("F-105")
def test_a_payment_over_several_invoices_goes_out(world: World, books: Books) -> None:
    one, two, three = books.invoices
    payment = world.payment(books.client, (one, "100.00"), (two, "200.00"), (three, "50.00"), notes="By bank")
    world.run()
    sent = world.one("Payment")
    assert pays(sent) == dict(zip(books.ids, [Decimal(100), Decimal(200), Decimal(50)], strict=True))
    assert (str(sent["TxnDate"]), sent["PaymentRefNum"], sent["PrivateNote"]) == ("2026-03-20", "W1", "By bank")
    assert sent["DepositToAccountRef"]["value"] == "4"
    assert Decimal(sent.get("UnappliedAmt", 0)) == 0
    assert books.balances() == [0, 0, 250]
    assert row(world, "payment", payment)["qbo_id"] == sent["Id"]
    at_rest(world)


def test_an_invoice_and_its_payment_go_out_in_one_run(world: World) -> None:
    ada = world.client("Ada")
    world.payment(ada, (world.invoice(ada, "INV-1"), "100.00"))
    report = world.run()
    assert report.outcome == "ok"
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    once(world)
    at_rest(world)


@pytest.mark.failure("F-109")
@pytest.mark.behaviour("R-58")
@pytest.mark.case("C50")
def test_a_payment_of_a_draft_waits_for_it(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", state="draft")
    world.payment(ada, (invoice, "40.00"))
    world.run()
    assert world.books("Payment") == []
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=invoice)
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 60
    at_rest(world)


def test_a_payment_that_is_to_stay_home_stays_home(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "10.00"), save_to_qbo=False)
    world.run()
    assert world.books("Payment") == []
    assert row(world, "payment", payment)["qbo_id"] is None


@pytest.mark.behaviour("R-49", "R-62", "R-63", "R-65", "R-69")
@pytest.mark.failure("F-17")
def test_a_payment_over_several_invoices_comes_in(world: World, books: Books) -> None:
    made = receive(world, books.customer, (books.ids[0], "100.00"), (books.ids[1], "50.00"), PrivateNote="Cheque")
    world.run()
    (here,) = world.rows("SELECT * FROM payment")
    assert (money(here["amount"]), str(here["date"]), here["reference"]) == (150, "2026-04-10", "CHEQUE-1")
    assert (here["client_id"], here["notes"], here["qbo_id"]) == (books.client, "Cheque", made["Id"])
    assert parts_of(world, here["id"]) == {books.invoices[0]: 100, books.invoices[1]: 50}
    at_rest(world)


@pytest.mark.behaviour("R-51", "R-52", "R-67")
@pytest.mark.case("C23")
def test_a_payment_changed_in_quickbooks_is_pulled(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.run()
    sent = world.one("Payment")
    (line,) = sent["Line"]
    other = {"Amount": Decimal(30), "LinkedTxn": [{"TxnId": books.ids[1], "TxnType": "Invoice"}]}
    first = {"Amount": Decimal(60), "LinkedTxn": line["LinkedTxn"]}
    world.accountant.save("Payment", {**sent, "TotalAmt": Decimal(90), "TxnDate": "2026-03-25", "Line": [first, other]})
    world.run()
    here = row(world, "payment", payment)
    assert (money(here["amount"]), str(here["date"])) == (90, "2026-03-25")
    assert parts_of(world, payment) == {books.invoices[0]: 60, books.invoices[1]: 30}
    at_rest(world)


@pytest.mark.behaviour("R-72", "R-74")
@pytest.mark.case("C30")
def test_a_payment_deleted_in_the_source_is_deleted_in_quickbooks(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.payment(books.client, (books.invoices[1], "1.00"), reference="W2")
    world.run()
    books.delete(payment)
    world.run()
    assert [p["PaymentRefNum"] for p in world.books("Payment")] == ["W2"]
    assert books.balances() == [100, 199, 300]
    at_rest(world)


@pytest.mark.behaviour("R-71", "R-72")
@pytest.mark.case("C32")
def test_a_payment_deleted_in_quickbooks_is_deleted_in_the_source(world: World, books: Books) -> None:
    world.payment(books.client, (books.invoices[0], "100.00"))
    world.payment(books.client, (books.invoices[1], "1.00"), reference="W2")
    world.run()
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="W1"))
    world.run()
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["W2"]
    assert len(world.rows("SELECT id FROM payment_allocation")) == 1
    at_rest(world)


@pytest.mark.case("C36")
def test_a_payment_deleted_on_both_sides_is_forgotten(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.payment(books.client, (books.invoices[1], "1.00"), reference="W2")
    world.run()
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="W1"))
    books.delete(payment)
    assert world.run().plan.writes == ()
    at_rest(world)


@pytest.mark.case("C31")
@pytest.mark.failure("F-27")
def test_deleted_here_and_changed_there_is_held(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.payment(books.client, (books.invoices[1], "1.00"), reference="W2")
    world.run()
    sent = world.one("Payment", PaymentRefNum="W1")
    world.accountant.save("Payment", {**sent, "TxnDate": "2026-03-30"})
    books.delete(payment)
    world.run()
    assert len(world.books("Payment")) == 2
    assert held_one(world).case == "C31"
    at_rest(world, held=1, differ=["INV-1", "W1"])


@pytest.mark.behaviour("R-51", "C-R7")
@pytest.mark.case("C22")
def test_a_saved_payment_edited_in_the_source_is_held(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.run()
    world.sql("UPDATE payment SET reference = 'W9' WHERE id = :id", id=payment)
    world.run()
    assert world.one("Payment")["PaymentRefNum"] == "W1"
    waiting = held_one(world)
    assert "QuickBooks only" in waiting.reason
    at_rest(world, held=1, differ=["W9"])
    answer(world, "accept-qbo")
    world.run()
    assert row(world, "payment", payment)["reference"] == "W1"
    at_rest(world)


@pytest.mark.case("C34")
def test_a_payment_voided_in_quickbooks_is_held(world: World, books: Books) -> None:
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.run()
    world.accountant.void("Payment", world.one("Payment"))
    world.run()
    assert money(row(world, "payment", payment)["amount"]) == 100
    assert held_one(world, Kind.PAYMENT).case == "C34"


@pytest.mark.case("C12")
@pytest.mark.failure("F-108")
def test_payments_that_are_none_of_ours_stay_where_they_are(world: World, books: Books) -> None:
    receive(world, books.customer, TotalAmt=Decimal(500), PaymentRefNum="ADVANCE")
    stranger = customer(world, "Stranger")
    receive(world, stranger["Id"], (bill(world, stranger, "X-1")["Id"], "100.00"), PaymentRefNum="X")
    world.run()
    assert world.rows("SELECT id FROM payment") == []
    at_rest(world)


def test_a_payment_that_also_settles_a_foreign_invoice_is_held(world: World, books: Books) -> None:
    foreign = bill(world, {"Id": books.customer}, "X-1")
    receive(world, books.customer, (books.ids[0], "10.00"), (foreign["Id"], "20.00"))
    world.run()
    assert world.rows("SELECT id FROM payment") == []
    assert "does not know" in held_one(world).reason


def test_an_advance_that_is_applied_later_comes_in_then(world: World, books: Books) -> None:
    advance = receive(world, books.customer, TotalAmt=Decimal(150), PaymentRefNum="ADVANCE")
    world.run()
    link = {"Amount": Decimal(100), "LinkedTxn": [{"TxnId": books.ids[0], "TxnType": "Invoice"}]}
    world.accountant.save("Payment", {**advance, "Line": [link]})
    world.run()
    (here,) = world.rows("SELECT * FROM payment")
    assert (money(here["amount"]), parts_of(world, here["id"])) == (150, {books.invoices[0]: Decimal(100)})
    at_rest(world)


@pytest.mark.failure("F-104")
def test_more_paid_than_is_open_is_said(world: World, books: Books) -> None:
    """The accountant was faster: 80 of 100 are paid when a payment of 100 goes out. Nothing disappears."""
    receive(world, books.customer, (books.ids[0], "80.00"))
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    for _ in range(2):
        assert world.run().outcome == "held"
        assert held_one(world, Kind.PAYMENT).case == "C21"
    assert parts_of(world, payment) == {books.invoices[0]: Decimal(100)}
    assert books.balances() == [0, 200, 300]
    once(world)
    at_rest(world, held=1, differ=["INV-1", "W1"])
    answer(world, "accept-qbo")
    world.run()
    assert parts_of(world, payment) == {books.invoices[0]: Decimal(20)}
    at_rest(world)


@pytest.mark.failure("F-10")
@pytest.mark.case("C13")
def test_a_payment_that_both_sides_entered_is_adopted(world: World, books: Books) -> None:
    receive(world, books.customer, (books.ids[0], "100.00"), PaymentRefNum="W1", TxnDate="2026-03-20")
    payment = world.payment(books.client, (books.invoices[0], "100.00"))
    world.run()
    assert born(world, "Payment", "PaymentRefNum") == {"W1": 1}
    assert len(world.rows("SELECT id FROM payment")) == 1
    assert row(world, "payment", payment)["qbo_id"] in {None, world.one("Payment")["Id"]}
    at_rest(world)


def test_two_equal_payments_on_one_day_stay_two(world: World, books: Books) -> None:
    world.payment(books.client, (books.invoices[2], "50.00"), reference="")
    world.payment(books.client, (books.invoices[2], "50.00"), reference="")
    world.run()
    assert len(world.books("Payment")) == 2
    assert books.balances()[2] == 200
    receive(world, books.customer, (books.ids[1], "20.00"))
    receive(world, books.customer, (books.ids[1], "20.00"))
    world.run()
    assert len(world.rows("SELECT id FROM payment")) == 4
    at_rest(world)


def test_payments_in_other_currencies(make: Make) -> None:
    world = make(exchange_rates={"EUR": "1.1", "JPY": "0.0067"})
    berlin, tokyo = world.client("Berlin", "EUR"), world.client("Tokyo", "JPY")
    euro = world.invoice(berlin, "INV-1", ("99.99", "a"), currency="EUR")
    yen = world.invoice(tokyo, "INV-2", ("5000", "b"), currency="JPY")
    world.payment(berlin, (euro, "33.33"), currency="EUR", reference="E")
    world.payment(tokyo, (yen, "5000"), currency="JPY", reference="J")
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-1")["Balance"]) == Decimal("66.66")
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 0
    sent = world.one("Invoice", DocNumber="INV-1")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "66.66"), CurrencyRef={"value": "EUR"})
    world.run()
    assert sorted(money(p["amount"]) for p in world.rows("SELECT amount FROM payment")) == [
        Decimal("33.33"),
        Decimal("66.66"),
        Decimal(5000),
    ]
    at_rest(world)
