"""Credit notes become credit memos in QuickBooks, and follow them afterwards (R-76 to R-79, R-81 to R-88)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.credit_books import give
from tests.e2e.helpers import (
    at_rest,
    born,
    customer,
    held,
    held_one,
    money,
    once,
    row,
    sales_line,
    sales_lines,
)
from tests.support.world import World


def lines_of(world: World, note: int) -> list[dict[str, Any]]:
    """The lines of a credit note in the source."""
    return world.rows("SELECT * FROM credit_note_line WHERE credit_note_id = :id ORDER BY position, id", id=note)


def rewrite(world: World, **fields: Any) -> dict[str, Any]:
    """The accountant saves the only credit memo with other values; QuickBooks shows it whole, and takes it whole."""
    now = world.accountant.read("CreditMemo", world.one("CreditMemo")["Id"])
    return world.accountant.save("CreditMemo", {**now, **fields})


def reprice(world: World, note: int, amount: str) -> None:
    """Somebody changes what the only line of a credit note is worth, in the source."""
    world.sql("UPDATE credit_note_line SET amount = :a, rate = :a WHERE credit_note_id = :id", a=amount, id=note)
    world.sql("UPDATE credit_note SET total = :a WHERE id = :id", a=amount, id=note)


def memo(world: World, whose: dict[str, Any], number: str, amount: str) -> dict[str, Any]:
    """A credit memo that the accountant enters."""
    return give(world, whose["Id"], number, amount, TxnDate="2026-03-02", Line=[sales_line(amount, "Work")])


@pytest.mark.behaviour("R-76", "R-77", "R-85")
def test_a_credit_note_goes_out_with_all_that_it_says(world: World) -> None:
    item = world.item("Hours")
    note = world.credit_note(
        world.client("Zoë & Söhne"),
        "CN-1",
        ("33.33", "Correction – März"),
        ("66.67", "Hours too many", item),
        notes="Sorry “very” 🙂 " + "n" * 1200,
        emails="a@example.com, b@example.com",
        cc_emails="c@example.com;d@example.com",
        bill_to="Hauptstraße 1\n10115 Berlin",
    )
    world.run()
    sent = world.one("CreditMemo")
    assert (sent["DocNumber"], str(sent["TxnDate"]), sent["CurrencyRef"]["value"]) == ("CN-1", "2026-03-10", "USD")
    assert sent["CustomerRef"]["value"] == world.one("Customer", DisplayName="Zoë & Söhne")["Id"]
    assert [(Decimal(li["Amount"]), li["Description"]) for li in sales_lines(sent)] == [
        (Decimal("33.33"), "Correction – März"),
        (Decimal("66.67"), "Hours too many"),
    ]
    assert [li["SalesItemLineDetail"]["ItemRef"]["value"] for li in sales_lines(sent)] == ["1", "2"]
    memo = sent["CustomerMemo"]["value"]
    assert (len(memo), memo[:16]) == (1000, "Sorry “very” 🙂 n")
    assert sent["BillEmail"]["Address"] == "a@example.com,b@example.com"
    assert sent["BillEmailCc"]["Address"] == "c@example.com,d@example.com"
    assert "Hauptstraße 1" in str(sent["BillAddr"])
    assert row(world, "credit_note", note)["qbo_id"] == sent["Id"]
    assert len(row(world, "credit_note", note)["notes"]) > 1200
    assert world.books("Payment") == []
    at_rest(world)


@pytest.mark.behaviour("R-77")
def test_lists_of_addresses_lose_whole_addresses_only(world: World) -> None:
    many = ",".join(f"person{n:02}@example.com" for n in range(12))  # of 20 characters each
    note = world.credit_note(world.client("Ada"), "CN-1", emails=many, cc_emails=many)
    world.run()
    sent = world.one("CreditMemo")
    assert sent["BillEmail"]["Address"] == many[: 4 * 21 - 1]
    assert sent["BillEmailCc"]["Address"] == many[: 9 * 21 - 1]
    here = row(world, "credit_note", note)
    assert (here["emails"], here["cc_emails"]) == (many, many)
    at_rest(world)


@pytest.mark.behaviour("R-76")
def test_currencies_of_credit_notes_are_kept(make: Make) -> None:
    world = make(exchange_rates={"EUR": "1.1", "JPY": "0.0067", "KWD": "3.25"})
    amounts = {"EUR": "1234.56", "JPY": "150000", "KWD": "12.340", "USD": "0.01"}
    for code, amount in amounts.items():
        world.credit_note(world.client(f"Client {code}", code), f"CN-{code}", (amount, "Back"), currency=code)
    world.credit_note(world.client("Tokyo", "JPY"), "CN-SEN", ("1500.50", "Back"), currency="JPY")
    world.credit_note(world.client("Kuwait", "KWD"), "CN-FILS", ("12.345", "Back"), currency="KWD")
    world.run()
    for code, amount in amounts.items():
        sent = world.one("CreditMemo", DocNumber=f"CN-{code}")
        assert (sent["CurrencyRef"]["value"], Decimal(sent["TotalAmt"])) == (code, Decimal(amount))
        assert Decimal(sent["RemainingCredit"]) == Decimal(amount)
    assert Decimal(world.one("CreditMemo", DocNumber="CN-EUR")["ExchangeRate"]) == Decimal("1.1")
    reasons = {each.label: each.reason for each in held(world)}
    assert "smaller than JPY has" in reasons["CN-SEN"]
    assert "total 12.345 in the source and 12.350 in QuickBooks" in reasons["CN-FILS"]  # never absorbed
    at_rest(world, held=2, differ=["CN-FILS"])
    other = world.client("Paris", "EUR")
    world.credit_note(other, "CN-P", currency="EUR")
    world.run()
    world.credit_note(other, "CN-Q")  # in dollars, for a client kept in euro
    world.run()
    (wrong,) = (each for each in held(world) if each.label == "CN-Q")
    assert "one currency for each" in wrong.reason
    assert "Make a client of its own for USD" in wrong.problems[0].remedy


@pytest.mark.behaviour("R-78", "R-82", "R-83")
def test_tax_goes_along_where_quickbooks_has_sales_tax(make: Make) -> None:
    settings = Settings(default_item="Services", default_tax_code="California")
    world = make(settings=settings, using_sales_tax=True)
    note = world.credit_note(world.client("Ada"), "CN-1", ("100", "Back"), tax="8")
    world.run()
    sent = world.one("CreditMemo")
    assert (Decimal(sent["TotalAmt"]), Decimal(sent["TxnTaxDetail"]["TotalTax"])) == (108, 8)
    assert sent["TxnTaxDetail"]["TxnTaxCodeRef"]["value"]
    here = row(world, "credit_note", note)
    assert (money(here["total"]), money(here["tax"]), money(here["tax_rate"])) == (108, 8, Decimal("0.08"))
    at_rest(world)


@pytest.mark.behaviour("R-78", "C-R11")
def test_tax_is_never_dropped_in_silence(make: Make) -> None:
    settings = Settings(default_item="Services", default_tax_code="California")
    world = make(settings=settings, using_sales_tax=False)
    world.credit_note(world.client("Ada"), "CN-1", ("100", "Back"), tax="8")
    assert world.run().outcome == "held"
    waiting = held_one(world)
    assert "sales tax is switched off" in waiting.reason
    assert "allow_tax_drop" in waiting.problems[0].remedy
    assert world.books("CreditMemo") == []
    world.sandbox.change_company(world.realm, using_sales_tax=True)
    world.restart()  # what QuickBooks is set to is read anew
    world.run()
    assert Decimal(world.one("CreditMemo")["TotalAmt"]) == 108
    at_rest(world)

    told = make(name="told", settings=Settings(default_item="Services", allow_tax_drop=True), using_sales_tax=False)
    note = told.credit_note(told.client("Ada"), "CN-1", ("100", "Back"), tax="8")
    told.run()
    assert Decimal(told.one("CreditMemo")["TotalAmt"]) == 100
    assert money(row(told, "credit_note", note)["total"]) == 108
    at_rest(told)


@pytest.mark.behaviour("R-81", "R-84")
def test_numbers_of_quickbooks_come_back(make: Make) -> None:
    world = make(custom_txn_numbers=False)
    note = world.credit_note(world.client("Ada"), "DRAFT-7")
    world.run()
    sent, here = world.one("CreditMemo"), row(world, "credit_note", note)
    assert sent["DocNumber"] != "DRAFT-7"
    assert (here["number"], here["transaction_number"], here["qbo_id"]) == (
        sent["DocNumber"],
        sent["DocNumber"],
        sent["Id"],
    )
    at_rest(world)


@pytest.mark.behaviour("R-84")
def test_the_transaction_number_is_the_last_run_of_digits(world: World) -> None:
    note = world.credit_note(world.client("Ada"), "CN-2026-0042")
    world.run()
    assert row(world, "credit_note", note)["transaction_number"] == "0042"
    at_rest(world)


@pytest.mark.behaviour("R-79", "R-86", "R-87", "R-88", "C-R16")
def test_what_an_accountant_changes_comes_back_wholesale(world: World) -> None:
    note = world.credit_note(world.client("Ada"), "CN-1", ("10", "a"), ("20", "b"), ("30", "c"), bill_to="Old road")
    world.run()
    rows = {line["description"]: line["id"] for line in lines_of(world, note)}
    a, _, c = sales_lines(world.one("CreditMemo"))
    c["SalesItemLineDetail"] |= {"Qty": 2, "UnitPrice": Decimal("17.50")}
    c |= {"Amount": Decimal(35), "Description": "c, more"}
    rewrite(
        world,
        DocNumber="CN-77",
        TxnDate="2026-03-15",
        CustomerMemo={"value": "As agreed"},
        BillAddr={"Line1": "New road 1", "City": "Bergen"},
        BillEmail={"Address": "new@example.com"},
        Line=[c, a, sales_line("5.55", "d", item="2")],
    )
    world.run()
    here = row(world, "credit_note", note)
    assert (here["number"], here["transaction_number"], str(here["issue_date"])) == ("CN-77", "77", "2026-03-15")
    assert (here["notes"], here["emails"]) == ("As agreed", "new@example.com")
    assert "New road 1" in here["bill_to"]
    assert money(here["total"]) == Decimal("50.55")
    now = {line["description"]: line for line in lines_of(world, note)}
    assert {name: money(line["amount"]) for name, line in now.items()} == {"a": 10, "c, more": 35, "d": Decimal("5.55")}
    assert now["a"]["id"] == rows["a"]
    assert (money(now["c, more"]["quantity"]), money(now["c, more"]["rate"])) == (2, Decimal("17.5"))
    at_rest(world)


@pytest.mark.behaviour("R-87")
def test_tax_that_an_accountant_changes_comes_back(make: Make) -> None:
    world = make(settings=Settings(default_item="Services", default_tax_code="California"), using_sales_tax=True)
    note = world.credit_note(world.client("Ada"), "CN-1", ("100", "Back"), tax="8")
    world.run()
    (line,) = sales_lines(world.one("CreditMemo"))
    line["Amount"] = line["SalesItemLineDetail"]["UnitPrice"] = Decimal(50)
    rewrite(world, Line=[line], TxnTaxDetail={"TotalTax": Decimal("4.13")})
    world.run()
    here = row(world, "credit_note", note)
    assert (money(here["tax"]), money(here["total"])) == (Decimal("4.13"), Decimal("54.13"))
    at_rest(world)


@pytest.mark.behaviour("R-86", "R-87", "R-88")
def test_reload_makes_a_credit_note_what_quickbooks_has(world: World) -> None:
    note = world.credit_note(world.client("Ada"), "CN-1", ("10", "a"), ("20", "b"), notes="Hello")
    world.run()
    world.sql("UPDATE credit_note SET notes = 'Typed over', bill_to = 'Nowhere' WHERE id = :id", id=note)
    rewrite(world, Line=[sales_line("7.00", "z")], TxnDate="2026-03-16")
    world.engine.reload(Kind.CREDIT_NOTE, "CN-1")
    here = row(world, "credit_note", note)
    assert (here["notes"], here["bill_to"] or "", str(here["issue_date"])) == ("Hello", "", "2026-03-16")
    assert [(line["description"], money(line["amount"])) for line in lines_of(world, note)] == [("z", 7)]
    assert money(here["total"]) == 7
    at_rest(world)


@pytest.mark.behaviour("R-76")
def test_a_credit_note_edited_in_the_source_is_followed_until_it_is_used(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    note = world.credit_note(ada, "CN-1", ("40", "Back"))
    world.run()
    reprice(world, note, "45")
    world.run()
    assert (Decimal(world.one("CreditMemo")["TotalAmt"]), born(world, "CreditMemo")) == (45, {"CN-1": 1})
    at_rest(world)
    world.apply_credit(note, (invoice, "45.00"))
    world.run()
    reprice(world, note, "44")
    world.sql("UPDATE credit_note SET notes = 'Words may change' WHERE id = :id", id=note)
    world.run()
    assert Decimal(world.one("CreditMemo")["TotalAmt"]) == 45
    assert "used on invoices in QuickBooks" in held_one(world, Kind.CREDIT_NOTE).reason
    at_rest(world, held=1, differ=["CN-1"])
    reprice(world, note, "45")
    world.run()
    assert world.one("CreditMemo")["CustomerMemo"]["value"] == "Words may change"
    at_rest(world)


@pytest.mark.behaviour("R-86", "R-88", "X-1")
def test_edited_on_both_sides(world: World) -> None:
    """Different fields are merged; of the same field QuickBooks' value stays."""
    note = world.credit_note(world.client("Ada"), "CN-1", ("40", "Back"))
    world.run()
    world.sql("UPDATE credit_note SET notes = 'From the source', bill_to = 'Road 9' WHERE id = :id", id=note)
    rewrite(world, Line=[sales_line("30.00", "Less")], CustomerMemo={"value": "From QuickBooks"})
    world.run()
    sent, here = world.one("CreditMemo"), row(world, "credit_note", note)
    assert (sent["CustomerMemo"]["value"], here["notes"]) == ("From QuickBooks", "From QuickBooks")
    assert "Road 9" in str(sent["BillAddr"])
    assert (money(here["total"]), [line["description"] for line in lines_of(world, note)]) == (30, ["Less"])
    at_rest(world)


@pytest.mark.behaviour("X-6")
@pytest.mark.failure("F-88")
def test_a_number_that_is_taken_is_never_sent_twice(world: World) -> None:
    """The same document is adopted; anything else waits, and goes out by itself once the number is free."""
    ada = world.client("Ada")
    there = customer(world, "Ada")
    memo(world, there, "CN-1", "40.00")
    other = memo(world, there, "CN-2", "77.00")
    for number in ("CN-1", "CN-2"):
        world.credit_note(ada, number, ("40", "Work"), issue_date="2026-03-02")
    world.run()
    waiting = held_one(world)
    assert (waiting.label, waiting.case, "neither linked nor created twice" in waiting.reason) == ("CN-2", "C14", True)
    assert born(world, "CreditMemo") == {"CN-1": 1, "CN-2": 1}
    at_rest(world, held=1)
    world.accountant.save("CreditMemo", {**other, "DocNumber": "OLD-2"})
    world.run()
    assert sorted(m["DocNumber"] for m in world.books("CreditMemo")) == ["CN-1", "CN-2", "OLD-2"]
    once(world)
    at_rest(world)


def test_memos_that_are_none_of_ours_stay_where_they_are(world: World) -> None:
    ada = world.client("Ada")
    world.credit_note(ada, "CN-1")
    world.run()
    memo(world, world.one("Customer"), "X-1", "12.00")  # of a client the source knows, and not used
    memo(world, customer(world, "Stranger"), "X-2", "12.00")
    world.run()
    assert [n["number"] for n in world.rows("SELECT number FROM credit_note")] == ["CN-1"]
    at_rest(world)


@pytest.mark.behaviour("R-78", "R-79", "R-83", "R-87")
@pytest.mark.parametrize("inclusive", [False, True], ids=["added", "included"])
def test_outside_the_us_tax_is_a_code_on_each_line(make: Make, inclusive: bool) -> None:
    settings = Settings(default_item="Services", default_tax_code="20.0% S", exempt_tax_code="Exempt")
    world = make(country="GB", using_sales_tax=True, settings=settings)
    net, total = ("120", "120") if inclusive else ("100", "120")
    ada = world.client("Ada", "GBP")
    note = world.credit_note(ada, "CN-1", (net, "Back"), tax="20", total=total, currency="GBP", tax_inclusive=inclusive)
    world.run()
    sent = world.one("CreditMemo")
    (line,) = sales_lines(sent)
    assert (Decimal(sent["TotalAmt"]), Decimal(sent["TxnTaxDetail"]["TotalTax"]), Decimal(line["Amount"])) == (
        120,
        20,
        100,
    )
    assert sent["GlobalTaxCalculation"] == ("TaxInclusive" if inclusive else "TaxExcluded")
    assert money(row(world, "credit_note", note)["tax_rate"]) == Decimal("0.2")
    at_rest(world)
    line["Amount"] = line["SalesItemLineDetail"]["UnitPrice"] = Decimal(50)
    if inclusive:
        line["SalesItemLineDetail"]["TaxInclusiveAmt"] = Decimal(60)
    sent.pop("TxnTaxDetail")
    world.accountant.save("CreditMemo", {**sent, "Line": [line]})
    world.run()
    here = row(world, "credit_note", note)
    assert (money(here["tax"]), money(here["total"])) == (10, 60)
    assert money(lines_of(world, note)[0]["amount"]) == (60 if inclusive else 50)
    at_rest(world)
