"""Tax and discount as lines, the currency that is not sent, payments that come in (O-5, O-6, O-19, O-29 to O-32, O-35,
O-36, C-O3, C-O5)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.helpers import (
    at_rest,
    customer,
    held_one,
    money,
    parts_of,
    receive,
    row,
    sales_lines,
)
from tests.e2e.test_invoice_fields import bodies
from tests.onedesk.conftest import SETTINGS, Make, push
from tests.support.world import World


def products(world: World) -> None:
    """The products for tax and discounts, each on an account of its own."""
    for name, account in (("Sales tax", "79"), ("Discount", "86")):
        body = {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": account}}
        world.accountant.save("Item", body)


def said(world: World) -> list[tuple[str, Decimal, str]]:
    """The lines of the only invoice: product, amount, tax code."""
    names = {item["Id"]: item["Name"] for item in world.books("Item")}
    found = []
    for line in sales_lines(world.one("Invoice")):
        detail = line["SalesItemLineDetail"]
        found.append((names[detail["ItemRef"]["value"]], Decimal(line["Amount"]), detail["TaxCodeRef"]["value"]))
    return found


@pytest.mark.behaviour("O-29", "C-O3")
@pytest.mark.failure("F-96")
@pytest.mark.parametrize("sales_tax", [True, False])
def test_tax_and_discount_are_lines_and_nothing_is_taxed_besides(make: Make, sales_tax: bool) -> None:
    world = make(profile="onedesk", settings=SETTINGS, using_sales_tax=sales_tax)
    products(world)
    ada, design = world.client("Ada Ltd"), world.item("Design")
    world.invoice(ada, "INV-1", ("100.00", "Logo", design), discount="10.00", tax="7.43")
    push(world, "INV-1")
    there = world.one("Invoice")
    expected = [("Design", 100, "NON"), ("Discount", -10, "NON"), ("Sales tax", Decimal("7.43"), "NON")]
    assert said(world) == expected
    assert Decimal(there["TotalAmt"]) == Decimal("97.43")
    assert Decimal(there.get("TxnTaxDetail", {}).get("TotalTax", 0)) == 0
    assert [line for line in there["Line"] if line["DetailType"] == "DiscountLineDetail"] == []
    at_rest(world)
    world.sql("UPDATE invoice SET tax = '8.00', discount = '0', total = '108'")
    push(world, "INV-1")
    assert said(world) == [("Design", 100, "NON"), ("Sales tax", 8, "NON")]
    at_rest(world)


@pytest.mark.behaviour("C-O3", "O-6")
def test_with_a_tax_code_there_is_no_line_for_tax(make: Make) -> None:
    settings = msgspec.structs.replace(
        SETTINGS, tax_mode="code", default_tax_code="California", discount_account="Discounts given"
    )
    world = make(profile="onedesk", settings=settings, using_sales_tax=True)
    world.invoice(world.client("Ada Ltd"), "INV-1", ("100.00", "Logo", world.item("Design")), tax="8.00")
    push(world, "INV-1")
    there = world.one("Invoice")
    assert said(world) == [("Design", 100, "TAX")]
    assert (Decimal(there["TxnTaxDetail"]["TotalTax"]), Decimal(there["TotalAmt"])) == (8, 108)
    at_rest(world)


@pytest.mark.behaviour("O-29")
def test_tax_without_a_product_for_it_is_held_and_never_booked_as_something_else(make: Make) -> None:
    world = make(profile="onedesk", settings=msgspec.structs.replace(SETTINGS, tax_item=""), using_sales_tax=True)
    ada, design = world.client("Ada Ltd"), world.item("Design")
    world.invoice(ada, "INV-1", ("100.00", "Logo", design), tax="8.00")
    assert push(world, "INV-1").outcome == "held"
    assert held_one(world, Kind.INVOICE).problems[0].remedy == "Set tax_item to a product in QuickBooks."
    world.adjust(tax_item="Sales tax")
    world.run(accept_config=True)
    assert "is not in QuickBooks" in held_one(world, Kind.ITEM).reason, "that product is not made on an income account"
    products(world)
    world.run()
    assert said(world) == [("Design", 100, "NON"), ("Sales tax", 8, "NON")]
    at_rest(world)


@pytest.mark.behaviour("O-5", "O-6", "O-3")
@pytest.mark.failure("F-100")
def test_the_country_is_quickbooks_and_decides_whether_a_tax_code_is_needed(make: Make) -> None:
    home = make(profile="onedesk", settings=SETTINGS, using_sales_tax=True)
    abroad = make(name="abroad", profile="onedesk", settings=SETTINGS, country="CA", using_sales_tax=True)
    assert [f.subject for f in home.engine.check() if "tax code" in f.text] == []
    found = {f.subject: f.level for f in abroad.engine.check() if "tax code" in f.text}
    assert found == {"default_tax_code": "error", "exempt_tax_code": "error"}
    (said_of,) = [f.text for f in abroad.engine.check() if f.subject == "company"]
    assert ", CA, CAD" in said_of
    abroad.invoice(abroad.client("Ada Ltd", "CAD"), "INV-1", ("9.00", "Logo", abroad.item("Design")), currency="CAD")
    assert push(abroad, "INV-1").outcome == "held"
    abroad.adjust(exempt_tax_code="Exempt", default_tax_code="GST")
    abroad.run(accept_config=True)
    assert Decimal(abroad.one("Invoice")["TotalAmt"]) == 9
    at_rest(abroad)


@pytest.mark.behaviour("O-32", "C-O5")
@pytest.mark.failure("F-101")
def test_the_currency_is_not_sent_and_another_one_than_the_customers_is_held(make: Make) -> None:
    world = make(profile="onedesk", settings=SETTINGS, exchange_rates={"EUR": "1.1"})
    design = world.item("Design")
    world.invoice(world.client("Ada Ltd", "USD"), "INV-1", ("60.00", "Logo", design))
    world.sandbox.switch(keep_bodies=True)
    push(world, "INV-1")
    world.sandbox.switch(keep_bodies=False)
    (sent,) = bodies(world, "Invoice")
    (made,) = bodies(world, "Customer")
    assert "CurrencyRef" not in {*sent, *made}
    assert "ExchangeRate" not in sent
    eva = world.client("Eva GmbH", "EUR")
    world.invoice(eva, "INV-2", ("60.00", "Logo", design), currency="EUR")
    assert push(world, "INV-2").outcome == "held"
    case = held_one(world, Kind.INVOICE)
    assert "It is in EUR, its client is kept in USD" in case.reason
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]

    customer(world, "Ida AG", CurrencyRef={"value": "EUR"})
    world.invoice(world.client("Ida AG", "EUR"), "INV-3", ("60.00", "Logo", design), currency="USD")
    assert push(world, "INV-3").outcome == "held"
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]


@pytest.mark.behaviour("O-19")
def test_payments_in_quickbooks_appear_in_the_source_and_none_goes_out(make: Make) -> None:
    world = make(profile="onedesk", settings=SETTINGS, source_options={"overlap_seconds": 0})
    design, ada = world.item("Design"), world.client("Ada Ltd")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Logo", design))
    push(world, "INV-1")
    world.run()
    there = world.one("Invoice")
    paid = receive(world, there["CustomerRef"]["value"], (there["Id"], "40.00"))
    world.run()
    (mine,) = world.rows("SELECT * FROM payment")
    assert (money(mine["amount"]), mine["reference"], mine["qbo_id"]) == (40, "CHEQUE-1", paid["Id"])
    assert parts_of(world, mine["id"]) == {invoice: 40}
    world.accountant.save("Payment", {**paid, "PaymentRefNum": "CHEQUE-2"})
    world.run()
    assert row(world, "payment", mine["id"])["reference"] == "CHEQUE-2"
    at_rest(world)

    own = world.payment(ada, (invoice, "60.00"), reference="OURS")
    world.run()
    at_rest(world)
    assert len(world.books("Payment")) == 1, "the source's own stays there"
    receive(world, there["CustomerRef"]["value"], (there["Id"], "60.00"), TxnDate="2026-03-20", PaymentRefNum="OURS")
    world.run()
    assert world.rows("SELECT count(*) AS n FROM payment") == [{"n": 2}], "the same money is not brought in beside it"
    ours = world.one("Payment", PaymentRefNum="OURS")
    world.accountant.save("Payment", {**ours, "PaymentRefNum": "OURS-2"})
    world.run()
    assert row(world, "payment", own)["reference"] == "OURS-2", "from then on the two are one"
    at_rest(world)


@pytest.mark.behaviour("O-19", "C-O6")
def test_a_payment_that_is_deleted_stays_on_the_other_side_and_is_reported(world: World) -> None:
    design, ada = world.item("Design"), world.client("Ada Ltd")
    world.invoice(ada, "INV-1", ("100.00", "Logo", design))
    push(world, "INV-1")
    world.run()
    there = world.one("Invoice")
    parts = [receive(world, there["CustomerRef"]["value"], (there["Id"], amount)) for amount in ("40.00", "30.00")]
    world.run()
    world.accountant.delete("Payment", parts[0])
    world.run()
    assert len(world.rows("SELECT * FROM payment")) == 2
    at_rest(world)
    (left,) = world.engine.audit().left
    assert (left.kind, left.reason) == (Kind.PAYMENT, "was deleted in QuickBooks and stays in the source")


@pytest.mark.behaviour("O-35", "O-36")
def test_whatever_sort_of_invoice_its_printed_lines_go_out(world: World) -> None:
    ada = world.client("Ada Ltd")
    sorts = {
        "FLAT": [("2500.00", "Website, as offered")],
        "BLOCK": [("1200.00", "Block of 10 hours")],
        "TIME": [("90.00", "Ticket 7: Logo"), ("45.50", "Ticket 8: Site"), ("0.00", "Ticket 9: free of charge")],
        "BLANK": [("10.00", "Anything")],
    }
    work = world.item("Work")
    for number, lines in sorts.items():
        world.invoice(ada, number, *[(amount, text, work) for amount, text in lines])
        push(world, number)
        there = world.one("Invoice", DocNumber=number)
        printed = [(li["Description"], Decimal(li["Amount"])) for li in sales_lines(there)]
        assert printed == [(text, Decimal(amount)) for amount, text in lines], number
    at_rest(world)


@pytest.mark.behaviour("O-30", "O-31")
def test_tickets_and_tasks_are_named_and_groups_are_not(make: Make) -> None:
    from sqlalchemy import create_engine, text

    world = make(profile="onedesk", settings=SETTINGS)
    url = f"sqlite:///{world.directory / 'desk.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, billing_email TEXT)",
            "CREATE TABLE bill (id INTEGER PRIMARY KEY, no TEXT, customer_id INTEGER, status TEXT, day TEXT, qbo TEXT)",
            "CREATE TABLE ticket (id INTEGER PRIMARY KEY, name TEXT)",
            "CREATE TABLE bill_line (id INTEGER PRIMARY KEY, bill_id INTEGER, ticket_id INTEGER, task TEXT, grp TEXT, "
            "service TEXT, hours TEXT, price TEXT)",
            "INSERT INTO customer VALUES (1, 'Ada Ltd', 'billing@ada.example')",
            "INSERT INTO bill VALUES (1, 'D-1', 1, 'Open', '2026-03-02', NULL), "
            "(2, 'D-2', 1, 'Paid up', '2026-03-02', NULL)",
            "INSERT INTO ticket VALUES (7, 'Logo')",
            "INSERT INTO bill_line VALUES (1, 1, 7, 'Sketch', 'Phase one', 'Design', '2', '50'), "
            "(2, 1, 7, 'Print', 'Phase one', 'Printing', '1', '30')",
        ):
            connection.execute(text(statement))
    desk = make(
        name="desk",
        profile="onedesk",
        settings=SETTINGS,
        source={
            "type": "sql",
            "url": url,
            "mapping": {
                "client": {"table": "customer", "id": "id", "fields": {"name": "name", "email": "billing_email"}},
                "invoice": {
                    "table": "bill",
                    "id": "id",
                    "read_only": False,
                    "qbo_id": "qbo",
                    "fields": {
                        "client": "customer_id",
                        "number": "no",
                        "issue_date": "day",
                        "state": {"column": "status", "values": {"Open": "published", "Paid up": "draft"}},
                    },
                    "lines": {
                        "table": "bill_line",
                        "id": "id",
                        "parent": "bill_id",
                        "join": {"ticket": {"table": "ticket", "on": {"id": "ticket_id"}}},
                        "fields": {
                            "item_name": "service",
                            "description": "{ticket.name}: {task}",
                            "quantity": "hours",
                            "rate": "price",
                            "amount": {"product": ["hours", "price"]},
                        },
                    },
                },
            },
        },
    )
    desk.run()
    push(desk, "D-1")
    there = desk.one("Invoice")
    assert [line["Description"] for line in sales_lines(there)] == ["Logo: Sketch", "Logo: Print"]
    assert "Phase one" not in str(there)
    assert there["BillEmail"]["Address"] == "billing@ada.example"
    assert {i["Name"] for i in desk.books("Item")} >= {"Design", "Printing"}
    assert desk.run().plan.writes == ()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT qbo FROM bill ORDER BY id")).scalars().all() == [there["Id"], None]
    engine.dispose()
    desk.database.dispose()
