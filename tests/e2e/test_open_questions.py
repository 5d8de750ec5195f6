"""The situations that no manual describes, by number (docs/ruddr-decisions.md); 3, 8, 9, 11, 12: tested elsewhere."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind, Side
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    at_rest,
    change,
    customer,
    held,
    held_one,
    lines_of,
    money,
    receive,
    row,
    sales_line,
)
from tests.support.world import SETTINGS, World

Settings = type(SETTINGS)


# ---- 1


@pytest.mark.behaviour("10.1")
def test_1_both_sides_edit_between_two_runs_and_only_what_collides_is_decided(world: World) -> None:
    invoice = world.invoice(world.client("Ada"), "INV-1", notes="first")
    world.run()
    world.sql("UPDATE invoice SET due_date = '2026-05-05', notes = 'ours' WHERE id = :id", id=invoice)
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "theirs"})
    world.run()
    there, here = world.one("Invoice"), row(world, "invoice", invoice)
    assert (there["DueDate"], here["due_date"]) == ("2026-05-05", "2026-05-05")
    assert (there["CustomerMemo"]["value"], here["notes"]) == ("theirs", "theirs")
    told = [
        event for event in world.store.history(world.name, Kind.INVOICE, str(invoice)) if "both sides" in event.reason
    ]
    assert any(event.before.get("notes") == "ours" for event in told), "the losing value stays in the history"
    at_rest(world)


# ---- 2


@pytest.mark.behaviour("10.2")
def test_2_an_overpayment_is_the_clients_credit_on_both_sides(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.payment(ada, (invoice, "100.00"), amount="130.00", reference="OVER")
    world.run()
    paid = world.one("Payment")
    assert (Decimal(paid["TotalAmt"]), Decimal(paid["UnappliedAmt"])) == (130, 30)
    at_rest(world)


@pytest.mark.behaviour("10.2")
def test_2_refunds_deposits_and_payments_of_nothing_are_left_alone(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    there = world.one("Customer")
    account = next(a for a in world.books("Account") if a["AccountType"] == "Bank")
    world.accountant.save(
        "RefundReceipt",
        {
            "CustomerRef": {"value": there["Id"]},
            "DepositToAccountRef": {"value": account["Id"]},
            "Line": [sales_line("15.00", "Refund")],
        },
    )
    receive(world, there["Id"], TotalAmt=Decimal("25.00"), PaymentRefNum="RETAINER")
    report = world.run()
    assert report.outcome == "ok"
    assert world.rows("SELECT * FROM payment") == []
    at_rest(world)


# ---- 3


@pytest.mark.behaviour("10.3", "X-2")
def test_3_a_part_paid_invoice_is_neither_removed_nor_voided(world: World) -> None:
    ada = world.client("Ada")
    one, two = world.invoice(ada, "INV-1"), world.invoice(ada, "INV-2")
    world.run()
    for invoice in world.books("Invoice"):
        receive(world, invoice["CustomerRef"]["value"], (invoice["Id"], "40.00"), PaymentRefNum=invoice["DocNumber"])
    world.run()
    world.sql("UPDATE invoice SET state = 'draft', remove_from_qbo = TRUE WHERE id = :id", id=one)
    world.sql("UPDATE invoice SET state = 'void' WHERE id = :id", id=two)
    world.run(allow_removals={Kind.INVOICE: 2})
    told = {each.label: each.reason for each in held(world) if each.kind is Kind.INVOICE}
    assert "payments or credits are applied to it" in told["INV-1"]
    assert "INV-2" in told
    assert [(i["DocNumber"], Decimal(i["Balance"])) for i in world.books("Invoice")] == [("INV-1", 60), ("INV-2", 60)]


# ---- 4


@pytest.mark.failure("F-14", "F-106")
@pytest.mark.behaviour("10.4")
def test_4_a_deposited_payment_waits_until_it_is_taken_off_the_deposit(world: World) -> None:
    ada = world.client("Ada")
    payment = world.payment(ada, (world.invoice(ada, "INV-1"), "100.00"), reference="P-1")
    world.run()
    paid = world.one("Payment")
    account = next(a for a in world.books("Account") if a["AccountType"] == "Bank")
    line = {"Amount": paid["TotalAmt"], "LinkedTxn": [{"TxnId": paid["Id"], "TxnType": "Payment", "TxnLineId": "0"}]}
    deposit = world.accountant.save("Deposit", {"DepositToAccountRef": {"value": account["Id"]}, "Line": [line]})
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=payment)
    world.sql("DELETE FROM payment WHERE id = :id", id=payment)
    lifted = {"allow_removals": {Kind.PAYMENT: 1}, "allow_empty": {(Side.SOURCE, Kind.PAYMENT): 1}}
    world.run(**lifted)
    waits = held_one(world, Kind.PAYMENT)
    assert "deposit" in waits.reason.lower(), waits.reason
    assert len(world.books("Payment")) == 1
    world.accountant.delete("Deposit", deposit)
    world.run(**lifted)
    assert (held(world), world.books("Payment")) == ([], [])


@pytest.mark.behaviour("10.4")
def test_4_a_closed_period_is_held_and_goes_through_once_it_is_open(world: World) -> None:
    world.sandbox.change_company(world.realm, book_close_date="2026-03-31")
    world.invoice(world.client("Ada"), "INV-1", issue_date="2026-03-02")
    world.run()
    waits = held_one(world, Kind.INVOICE)
    assert "2026-03-31" in waits.reason
    world.sandbox.change_company(world.realm, book_close_date=None)
    world.restart()
    world.run()
    assert held(world) == []
    assert world.one("Invoice")["DocNumber"] == "INV-1"
    at_rest(world)


# ---- 5


@pytest.mark.failure("F-82")
@pytest.mark.behaviour("10.5")
def test_5_an_inactive_customer_holds_its_documents_until_it_is_active_again(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "x"})
    there = world.one("Customer")
    # QuickBooks makes nobody inactive who owes something.
    receive(world, there["Id"], (world.one("Invoice")["Id"], "100.00"))
    world.run()
    there = world.accountant.read("Customer", there["Id"])
    world.accountant.save("Customer", {**_identity(there), "sparse": True, "Active": False})
    world.invoice(ada, "INV-2")
    world.run()
    assert {each.kind for each in held(world)} == {Kind.CLIENT, Kind.INVOICE}
    assert any("inactive" in each.reason for each in held(world))
    there = world.accountant.read("Customer", there["Id"])
    world.accountant.save("Customer", {**_identity(there), "sparse": True, "Active": True, "DisplayName": "Ada"})
    world.run()
    assert held(world) == []
    assert len(world.books("Invoice")) == 2
    at_rest(world)


# ---- 6


@pytest.mark.behaviour("10.6")
def test_6_lines_without_counterpart_are_said_as_well_as_they_can_be(world: World) -> None:
    invoice = world.invoice(world.client("Ada"), "INV-1")
    world.run()
    text = {"DetailType": "DescriptionOnly", "Description": "As agreed", "DescriptionLineDetail": {}}
    change(world, "Invoice", world.one("Invoice"), Line=[sales_line("100.00", "Work"), text])
    world.run()
    assert [(line["description"], money(line["amount"])) for line in lines_of(world, invoice)] == [
        ("Work", Decimal(100)),
        ("As agreed", Decimal(0)),
    ]
    at_rest(world)


# ---- 7


@pytest.mark.failure("F-95", "F-97")
@pytest.mark.behaviour("10.7")
def test_7_a_tax_that_quickbooks_computes_otherwise_is_held_with_both_totals(make: Make) -> None:
    world = make(name="automated", automated_tax=True, settings=Settings(default_item="Services"))
    address = {"Line1": "1 Main St", "City": "Oakland", "CountrySubDivisionCode": "CA", "PostalCode": "94601"}
    customer(world, "Ada", BillAddr=address, ShipAddr=address)
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"), tax="7.00")
    world.run()
    there = Decimal(world.one("Invoice")["TotalAmt"])
    assert there != Decimal("107.00"), "the engine of this look-alike charges another rate"
    waits = held_one(world, Kind.INVOICE)
    assert "107.00" in waits.reason
    assert f"{there:.2f}" in waits.reason
    assert money(row(world, "invoice", invoice)["total"]) == Decimal("107.00"), "never absorbed"


# ---- 10


@pytest.mark.behaviour("10.10")
@pytest.mark.parametrize(("quantity", "rate", "amount"), [("3", "33.333", "100.00"), ("1.5", "66.67", "100.01")])
def test_10_the_amount_counts_where_quantity_times_rate_does_not_make_it(
    world: World, quantity: str, rate: str, amount: str
) -> None:
    invoice = world.invoice(world.client("Ada"), "INV-1", (amount, "Work"))
    world.sql("UPDATE invoice_line SET quantity = :q, rate = :r WHERE invoice_id = :id", q=quantity, r=rate, id=invoice)
    world.run()
    line = world.one("Invoice")["Line"][0]
    assert Decimal(line["Amount"]) == Decimal(amount)
    if Decimal(quantity) * Decimal(rate) != Decimal(amount):
        product = (Decimal(quantity) * Decimal(rate)).quantize(Decimal("0.01"))
        assert ("Qty" in line["SalesItemLineDetail"]) is (product == Decimal(amount))
    at_rest(world)


def _identity(record: dict[str, object]) -> dict[str, object]:
    return {name: record[name] for name in ("Id", "SyncToken")}


# ---- what a setting or nothing at all decides


@pytest.mark.behaviour("X-4")
def test_a_missing_item_is_refused_where_the_settings_say_so(make: Make) -> None:
    world = make(name="strict", settings=Settings(default_item="Services", missing_item="refuse"))
    world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work", world.item("Consulting")))
    world.invoice(1, "INV-2", ("10.00", "Work"))
    world.run()
    assert [invoice["DocNumber"] for invoice in world.books("Invoice")] == ["INV-2"]
    assert {each.kind for each in held(world)} == {Kind.ITEM, Kind.INVOICE}
    account = next(a for a in world.books("Account") if a["AccountType"] == "Income")
    world.accountant.save(
        "Item", {"Name": "Consulting", "Type": "Service", "IncomeAccountRef": {"value": account["Id"]}}
    )
    world.run()
    assert held(world) == []
    assert world.one("Invoice", DocNumber="INV-1")["Line"][0]["SalesItemLineDetail"]["ItemRef"]["name"] == "Consulting"
    at_rest(world)


@pytest.mark.failure("F-120")
@pytest.mark.behaviour("X-7")
def test_nothing_is_ever_mailed(world: World) -> None:
    ada = world.client("Ada", email="ada@example.com")
    world.invoice(ada, "INV-1", emails="ada@example.com")
    world.credit_note(ada, "CN-1", emails="ada@example.com")
    world.run()
    assert {form["EmailStatus"] for entity in ("Invoice", "CreditMemo") for form in world.books(entity)} == {"NotSet"}
    assert [r for r in world.sandbox.requests(realm=world.realm) if "send" in r["operation"]] == []
