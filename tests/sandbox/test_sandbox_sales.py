"""Invoices: lines, discount, tax, totals, numbers, dates, currency, void (entities.md 3.8, 3.9, 4)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


def discount(**members: Any) -> Json:
    amount = {"Amount": members.pop("Amount")} if "Amount" in members else {}
    return {**amount, "DetailType": "DiscountLineDetail", "DiscountLineDetail": members}


def in_company(sandbox: RunningSandbox, **options: Any) -> tuple[Accountant, Json]:
    person = sandbox.connect(sandbox.create_company(**options))
    return person, person.save("Customer", {"DisplayName": "Ada"})


@pytest.mark.checklist(60)
def test_the_server_adds_the_subtotal_line_and_the_totals(invoice: Make) -> None:
    made = invoice("10.10", "20.25", TotalAmt=999)
    assert made["Line"][-1] == {
        "Amount": Decimal("30.35"),
        "DetailType": "SubTotalLineDetail",
        "SubTotalLineDetail": {},
    }
    assert made["TotalAmt"] == made["Balance"] == Decimal("30.35")
    assert made["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "NON"}
    assert [line.get("LineNum") for line in made["Line"]] == [1, 2, None]
    assert made["TxnTaxDetail"] == {"TotalTax": 0}


@pytest.mark.checklist(60)
def test_amount_must_be_the_rounded_product(person: Accountant, customer: Json, line: Make) -> None:
    def billed(amount: str, qty: str, price: str) -> Json:
        sent = line(amount, Qty=Decimal(qty), UnitPrice=Decimal(price))
        return person.save("Invoice", {"CustomerRef": {"value": customer["Id"]}, "Line": [sent]})

    assert billed("100.00", "3", "33.333333")["TotalAmt"] == 100
    assert billed("7.96", "15", "0.5306667")["TotalAmt"] == Decimal("7.96")
    assert code_of(lambda: billed("100.00", "3", "33.33")) == "6070"
    assert code_of(lambda: billed("1", "1", "2")) == "6070"


def test_a_line_without_item_gets_the_default_item(person: Accountant, customer: Json) -> None:
    line = {"Amount": 5, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}
    made = person.save("Invoice", {"CustomerRef": {"value": customer["Id"]}, "Line": [line]})
    assert made["Line"][0]["SalesItemLineDetail"]["ItemRef"] == {"value": "1", "name": "Services"}
    assert made["TotalAmt"] == 5


def test_text_lines_and_inline_subtotals(person: Accountant, customer: Json, line: Make) -> None:
    text = {"DetailType": "DescriptionOnly", "Description": "thanks", "DescriptionLineDetail": {}}
    inline = {**text, "Description": "Subtotal:"}
    who = {"CustomerRef": {"value": customer["Id"]}}
    made = person.save("Invoice", {**who, "Line": [line(10), line("2.5"), inline, line(1), inline, text]})
    assert [li["Description"] for li in made["Line"] if "Description" in li] == [
        "Subtotal: 12.50",
        "Subtotal: 1.00",
        "thanks",
    ]
    assert made["TotalAmt"] == Decimal("13.5")
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [text]})) == "2020"
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [discount(Amount=1)]})) == "2020"


def test_discount_by_percent_and_by_amount_follows_the_subtotal(
    sandbox: RunningSandbox, person: Accountant, customer: Json, line: Make, realm: str
) -> None:
    who = {"CustomerRef": {"value": customer["Id"]}}
    made = person.save("Invoice", {**who, "Line": [line(50), discount(PercentBased=True, DiscountPercent=10)]})
    assert made["Line"][-2]["DetailType"] == "SubTotalLineDetail"
    assert made["Line"][-1] == {
        "Amount": 5,
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {
            "PercentBased": True,
            "DiscountPercent": 10,
            "DiscountAccountRef": {"value": "86", "name": "Discounts given"},
        },
    }
    assert made["TotalAmt"] == 45
    assert person.save("Invoice", made)["TotalAmt"] == 45
    fixed = person.save("Invoice", {**who, "Line": [line(50), discount(Amount=Decimal("7.25"))]})
    assert fixed["TotalAmt"] == Decimal("42.75")
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(50), discount()]})) == "6090"
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(50), discount(Amount=51)]})) == "6000"
    sandbox.change_company(realm, allow_discount=False)
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(50), discount(Amount=1)]})) == "5030"


def test_us_tax_is_the_forms_rate_on_the_taxable_lines(person: Accountant, customer: Json, line: Make) -> None:
    taxed = {"TaxCodeRef": {"value": "TAX"}}
    who = {"CustomerRef": {"value": customer["Id"]}}
    lines = [line("275", **taxed), line("12.75", **taxed), line("47.5", **taxed), line(100)]
    made = person.save("Invoice", {**who, "Line": lines, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}})
    assert made["TxnTaxDetail"] == {
        "TxnTaxCodeRef": {"value": "2"},
        "TotalTax": Decimal("26.82"),
        "TaxLine": [
            {
                "Amount": Decimal("26.82"),
                "DetailType": "TaxLineDetail",
                "TaxLineDetail": {
                    "TaxRateRef": {"value": "3"},
                    "PercentBased": True,
                    "TaxPercent": 8,
                    "NetAmountTaxable": Decimal("335.25"),
                },
            }
        ],
    }
    assert made["TotalAmt"] == Decimal("462.07")
    two = person.save("Invoice", {**who, "Line": lines, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "3"}}})
    assert [row["Amount"] for row in two["TxnTaxDetail"]["TaxLine"]] == [Decimal("23.8"), Decimal("6.71")]


def test_us_tax_before_or_after_the_discount(person: Accountant, customer: Json, line: Make) -> None:
    body = {
        "CustomerRef": {"value": customer["Id"]},
        "Line": [line(100, TaxCodeRef={"value": "TAX"}), discount(PercentBased=True, DiscountPercent=10)],
        "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}},
    }
    assert person.save("Invoice", body)["TotalAmt"] == 98
    after = person.save("Invoice", {**body, "ApplyTaxAfterDiscount": True})
    assert (after["TotalAmt"], after["TxnTaxDetail"]["TotalTax"]) == (Decimal("97.2"), Decimal("7.2"))


def test_an_explicit_total_tax_is_kept(person: Accountant, customer: Json, line: Make) -> None:
    who = {"CustomerRef": {"value": customer["Id"]}}
    lines = [line(100, TaxCodeRef={"value": "TAX"})]
    bare = person.save("Invoice", {**who, "Line": lines, "TxnTaxDetail": {"TotalTax": Decimal("7.77")}})
    assert bare["TotalAmt"] == Decimal("107.77")
    coded = {"TxnTaxCodeRef": {"value": "3"}, "TotalTax": Decimal("9.99")}
    made = person.save("Invoice", {**who, "Line": lines, "TxnTaxDetail": coded})
    assert made["TotalAmt"] == Decimal("109.99")
    assert sum(row["Amount"] for row in made["TxnTaxDetail"]["TaxLine"]) == Decimal("9.99")
    noted = person.save("Invoice", {"Id": made["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"})
    assert noted["TxnTaxDetail"] == made["TxnTaxDetail"]
    changed = person.save("Invoice", {"Id": made["Id"], "SyncToken": "1", "sparse": True, "Line": [line(50)]})
    assert changed["TxnTaxDetail"]["TotalTax"] == 0


def test_wrong_tax_codes_are_refused(person: Accountant, customer: Json, line: Make) -> None:
    who = {"CustomerRef": {"value": customer["Id"]}}
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(1, TaxCodeRef={"value": "2"})]})) == "6100"
    for form, code in (("CustomSalesTax", "6160"), ("TAX", "6100"), ("99", "2500")):
        body = {**who, "Line": [line(1)], "TxnTaxDetail": {"TxnTaxCodeRef": {"value": form}}}
        assert code_of(partial(person.save, "Invoice", body)) == code


def test_without_sales_tax_the_tax_detail_is_ignored(sandbox: RunningSandbox, line: Make) -> None:
    person, customer = in_company(sandbox, using_sales_tax=False)
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(100)], "TxnTaxDetail": {"TotalTax": 5}}
    made = person.save("Invoice", body)
    assert made["TotalAmt"] == 100
    assert "TxnTaxDetail" not in made


def test_canadian_tax_excluded_needs_a_code_on_each_line(sandbox: RunningSandbox, line: Make) -> None:
    person, customer = in_company(sandbox, country="CA")
    who = {"CustomerRef": {"value": customer["Id"]}}
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(9)]})) == "2020"
    sandbox.switch(global_tax_missing="excluded")
    lines = [
        line(100, TaxCodeRef={"value": "5"}),
        line(50, TaxCodeRef={"value": "6"}),
        line(7, TaxCodeRef={"value": "3"}),
    ]
    made = person.save("Invoice", {**who, "Line": lines})
    assert made["GlobalTaxCalculation"] == "TaxExcluded"
    assert made["TxnTaxDetail"]["TotalTax"] == 19
    rates = {row["TaxLineDetail"]["TaxRateRef"]["value"]: row["Amount"] for row in made["TxnTaxDetail"]["TaxLine"]}
    assert rates == {"12": 13, "4": Decimal("2.5"), "7": Decimal("3.5"), "3": 0}
    assert made["TotalAmt"] == 176
    shared = [line("10.10", TaxCodeRef={"value": "4"}), line("10.10", TaxCodeRef={"value": "6"})]
    gst = person.save("Invoice", {**who, "Line": shared})["TxnTaxDetail"]["TaxLine"][0]
    assert (gst["Amount"], gst["TaxLineDetail"]["NetAmountTaxable"]) == (Decimal("1.01"), Decimal("20.2"))
    assert made["CurrencyRef"]["value"] == "CAD"
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(1)]})) == "6000"
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(1, TaxCodeRef={"value": "TAX"})]})) == "6100"
    none = person.save("Invoice", {**who, "Line": [line(9)], "GlobalTaxCalculation": "NotApplicable"})
    assert none["TotalAmt"] == 9
    bad = {**who, "Line": [line(9)], "GlobalTaxCalculation": "NotApplicable", "TxnTaxDetail": {"TotalTax": 1}}
    assert code_of(lambda: person.save("Invoice", bad)) == "6170"


def test_canadian_tax_inclusive_answers_net_lines_as_recorded(sandbox: RunningSandbox, line: Make) -> None:
    """The figures of S:invoice-bundle-discount-tax-recorded: 12.00 gross, 20 % off, 13 % inside."""
    person, customer = in_company(sandbox, country="CA")
    hst = {"TaxCodeRef": {"value": "5"}}
    lines = [
        line("9.00", **hst, Qty=15, UnitPrice=Decimal("0.6")),
        line("3.00", **hst, Qty=24, UnitPrice=Decimal("0.125")),
        discount(PercentBased=True, DiscountPercent=20),
    ]
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": lines, "GlobalTaxCalculation": "TaxInclusive"}
    made = person.save("Invoice", body)
    assert [row["Amount"] for row in made["Line"]] == [Decimal(x) for x in ("7.96", "2.65", "10.61", "2.12")]
    assert made["Line"][0]["SalesItemLineDetail"]["UnitPrice"] == Decimal("0.5306667")
    (tax,) = made["TxnTaxDetail"]["TaxLine"]
    assert (tax["Amount"], tax["TaxLineDetail"]["NetAmountTaxable"]) == (Decimal("1.11"), Decimal("8.49"))
    assert made["TotalAmt"] == Decimal("9.6")
    echoed = person.save("Invoice", made)
    assert echoed["Line"] == made["Line"]
    assert echoed["TotalAmt"] == Decimal("9.6")


@pytest.mark.checklist(56)
def test_numbers_are_given_out_when_custom_numbers_are_off(invoice: Make) -> None:
    assert [invoice(1)["DocNumber"] for _ in range(2)] == ["1001", "1002"]
    assert invoice(1, DocNumber="2000")["DocNumber"] == "2000"
    assert invoice(1)["DocNumber"] == "2001"
    assert invoice(1, DocNumber="2001")["DocNumber"] == "2001"  # kept, and no duplicate check


@pytest.mark.checklist(56)
def test_duplicate_numbers_with_custom_numbers_name_their_holder(sandbox: RunningSandbox, line: Make) -> None:
    person, customer = in_company(sandbox, custom_txn_numbers=True)
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(1)]}
    assert "DocNumber" not in person.save("Invoice", body)
    first = person.save("Invoice", {**body, "DocNumber": "INV-1"})
    with pytest.raises(RefusedError) as caught:
        person.save("Invoice", {**body, "DocNumber": "inv-1"})
    error = caught.value.body["Fault"]["Error"][0]
    assert error["code"] == "6140"
    assert error["Detail"].endswith(f"DocNumber=inv-1 is assigned to TxnType=Invoice with TxnId={first['Id']}")
    twin = person.save("Invoice", {**body, "DocNumber": "INV-1"}, include="allowduplicatedocnum")
    assert twin["DocNumber"] == "INV-1"
    item = {"bId": "1", "operation": "create", "optionsData": "allowduplicatedocnum"}
    answer = person.batch([{**item, "Invoice": {**body, "DocNumber": "INV-1"}}])
    assert answer["1"]["Invoice"]["DocNumber"] == "INV-1"
    assert person.save("Invoice", {**first, "PrivateNote": "same number is no duplicate"})["SyncToken"] == "1"
    sandbox.change_company(person.realm, warn_duplicate_numbers=False)
    assert person.save("Invoice", {**body, "DocNumber": "INV-1"})


def test_dates_default_to_today_and_the_term(sandbox: RunningSandbox, realm: str, line: Make) -> None:
    sandbox.set_speed(0)
    sandbox.set_clock("2026-01-31T23:30:00-08:00")
    person = sandbox.connect(realm)
    customer = person.save("Customer", {"DisplayName": "Ada"})
    body: Json = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(1)]}
    made = person.save("Invoice", body)
    assert (made["TxnDate"], made["DueDate"]) == ("2026-01-31", "2026-03-02")
    short = person.save("Invoice", {**body, "TxnDate": "2026-02-10", "SalesTermRef": {"value": "2"}})
    assert (short["DueDate"], short["SalesTermRef"]) == ("2026-02-25", {"value": "2"})
    term = person.save("Term", {"Name": "10th", "DayOfMonthDue": 10, "DueNextMonthDays": 5})
    dated = {**body, "SalesTermRef": {"value": term["Id"]}}
    assert person.save("Invoice", {**dated, "TxnDate": "2026-02-03"})["DueDate"] == "2026-02-10"
    assert person.save("Invoice", {**dated, "TxnDate": "2026-12-08"})["DueDate"] == "2027-01-10"
    assert person.save("Invoice", {**body, "DueDate": "2026-09-09"})["DueDate"] == "2026-09-09"
    person.save("Customer", {**person.read("Customer", customer["Id"]), "SalesTermRef": {"value": "1"}})
    own = person.save("Invoice", {**body, "TxnDate": "2026-05-05"})
    assert (own["DueDate"], own["SalesTermRef"]) == ("2026-05-05", {"value": "1"})


@pytest.mark.checklist(58)
def test_a_closed_period_takes_no_changes(
    sandbox: RunningSandbox, person: Accountant, invoice: Make, realm: str
) -> None:
    made = invoice(10, TxnDate="2026-01-15")
    sandbox.change_company(realm, book_close_date="2026-01-31")
    prefs = person.call("GET", "preferences")["Preferences"]
    assert prefs["AccountingInfoPrefs"]["BookCloseDate"] == "2026-01-31"
    for work in (
        lambda: invoice(1, TxnDate="2026-01-31"),
        lambda: person.save("Invoice", {**made, "TxnDate": "2026-02-02"}),
        lambda: person.delete("Invoice", made),
        lambda: person.void("Invoice", made),
    ):
        assert code_of(work) == "6210"
    assert invoice(1, TxnDate="2026-02-01")
    sandbox.change_company(realm, book_close_date=None)
    assert person.delete("Invoice", made)["status"] == "Deleted"


def test_currency_rules_with_and_without_multicurrency(sandbox: RunningSandbox, line: Make) -> None:
    plain, ada = in_company(sandbox)
    body = {"CustomerRef": {"value": ada["Id"]}, "Line": [line(100)]}
    assert code_of(lambda: plain.save("Invoice", {**body, "CurrencyRef": {"value": "EUR"}})) == "6000"
    assert code_of(lambda: plain.save("Customer", {"DisplayName": "e", "CurrencyRef": {"value": "EUR"}})) == "6000"
    assert "ExchangeRate" not in plain.save("Invoice", body)

    person, home = in_company(sandbox, multicurrency=True, exchange_rates={"EUR": "1.25"})
    euro = person.save("Customer", {"DisplayName": "Euro", "CurrencyRef": {"value": "EUR"}})
    foreign = {"CustomerRef": {"value": euro["Id"]}, "Line": [line("10.01")], "CurrencyRef": {"value": "EUR"}}
    made = person.save("Invoice", {**foreign, "ExchangeRate": Decimal("1.1")})
    assert (made["TotalAmt"], made["HomeTotalAmt"]) == (Decimal("10.01"), Decimal("11.01"))
    assert made["CurrencyRef"] == {"value": "EUR", "name": "Euro"}
    assert person.save("Invoice", foreign)["ExchangeRate"] == Decimal("1.25")
    assert code_of(lambda: person.save("Invoice", {**foreign, "CurrencyRef": {"value": "GBP"}})) == "6000"
    bare = {"CustomerRef": {"value": euro["Id"]}, "Line": [line(1)]}
    assert code_of(lambda: person.save("Invoice", bare)) == "6000"
    sandbox.switch(omitted_currency="customer")
    assert person.save("Invoice", bare)["CurrencyRef"]["value"] == "EUR"
    at_home = person.save("Invoice", {"CustomerRef": {"value": home["Id"]}, "Line": [line(1)]})
    assert (at_home["ExchangeRate"], at_home["HomeTotalAmt"]) == (1, 1)
    assert code_of(lambda: person.save("Customer", {**euro, "CurrencyRef": {"value": "USD"}})) == "6000"
    paid = person.save(
        "Payment",
        {"CustomerRef": {"value": euro["Id"]}, "TotalAmt": 5, "CurrencyRef": {"value": "EUR"}},
    )
    assert paid["ExchangeRate"] == 1  # an omitted rate is booked as 1 (entities.md 3.8)


def test_exchange_rates_can_be_read(sandbox: RunningSandbox) -> None:
    person, _ = in_company(sandbox, multicurrency=True, exchange_rates={"EUR": "1.25"})
    rate = person.call("GET", "exchangerate", sourcecurrencycode="eur", asofdate="2026-01-05")["ExchangeRate"]
    assert (rate["SourceCurrencyCode"], rate["TargetCurrencyCode"]) == ("EUR", "USD")
    assert (rate["Rate"], rate["AsOfDate"]) == (Decimal("1.25"), "2026-01-05")
    for code, refusal in (("USD", "6000"), ("GBP", "6000"), ("", "2020")):
        assert code_of(partial(person.call, "GET", "exchangerate", sourcecurrencycode=code)) == refusal


def test_addresses_and_terms_come_from_the_customer(person: Accountant, line: Make) -> None:
    customer = person.save("Customer", {"DisplayName": "Ada", "BillAddr": {"Line1": "1 High St", "City": "Bath"}})
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(1)]}
    made = person.save("Invoice", body)
    assert made["BillAddr"] == customer["BillAddr"]
    moved = person.save("Invoice", {**made, "BillAddr": {"Line1": "2 Low St"}})
    assert moved["BillAddr"]["Line1"] == "2 Low St"
    assert moved["BillAddr"]["Id"] != customer["BillAddr"]["Id"]
    assert code_of(lambda: person.save("Invoice", {**body, "EmailStatus": "NeedToSend"})) == "6420"
    mailed = {**body, "EmailStatus": "NeedToSend", "BillEmail": {"Address": "a@b.c"}}
    assert person.save("Invoice", mailed)["EmailStatus"] == "NeedToSend"


def test_custom_fields_are_kept_where_the_company_has_them(sandbox: RunningSandbox, line: Make) -> None:
    person, customer = in_company(sandbox, custom_fields=["Crew #"])
    sent = [{"DefinitionId": "1", "StringValue": "7", "Type": "StringType"}, {"DefinitionId": "2", "StringValue": "x"}]
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(1)], "CustomField": sent}
    made = person.save("Invoice", body)
    assert made["CustomField"] == [{"DefinitionId": "1", "Name": "Crew #", "Type": "StringType", "StringValue": "7"}]


def test_a_deposit_lowers_the_balance(invoice: Make, sandbox: RunningSandbox, realm: str) -> None:
    made = invoice(100, Deposit=30)
    assert (made["TotalAmt"], made["Balance"], made["Deposit"]) == (100, 70, 30)
    assert code_of(lambda: invoice(10, Deposit=11)) == "6000"
    sandbox.change_company(realm, allow_deposit=False)
    assert code_of(lambda: invoice(10, Deposit=1)) == "5030"


def test_a_negative_total_is_refused(invoice: Make) -> None:
    assert invoice(10, -4)["TotalAmt"] == 6
    assert code_of(lambda: invoice(10, -11)) == "6000"


@pytest.mark.checklist(24)
def test_void_zeroes_everything_and_marks_the_note(
    sandbox: RunningSandbox, person: Accountant, customer: Json, line: Make
) -> None:
    body = {
        "CustomerRef": {"value": customer["Id"]},
        "Line": [line(20, Qty=2, UnitPrice=10, TaxCodeRef={"value": "TAX"}), discount(Amount=5)],
        "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}},
        "PrivateNote": "keep me",
        "DocNumber": "77",
    }
    made = person.save("Invoice", body)
    since = made["MetaData"]["LastUpdatedTime"]
    void = person.void("Invoice", made)
    assert (void["TotalAmt"], void["Balance"], void["TxnTaxDetail"]) == (0, 0, {"TotalTax": 0})
    assert void["LinkedTxn"] == []
    assert [row["Amount"] for row in void["Line"]] == [0, 0, 0]
    assert void["Line"][0]["SalesItemLineDetail"]["Qty"] == 0
    assert "UnitPrice" not in void["Line"][0]["SalesItemLineDetail"]
    assert void["PrivateNote"] == "Voided - keep me"
    assert (void["DocNumber"], void["SyncToken"]) == ("77", "1")
    assert person.read("Customer", customer["Id"])["Balance"] == 0
    groups, _ = person.cdc("Invoice", since)
    assert groups["Invoice"] == [void]
    bare = person.void("Invoice", person.save("Invoice", {"CustomerRef": body["CustomerRef"], "Line": [line(1)]}))
    assert bare["PrivateNote"] == "Voided"


def test_reading_back_and_writing_an_invoice_again_changes_nothing_but_the_token(
    person: Accountant, customer: Json, line: Make
) -> None:
    body = {
        "CustomerRef": {"value": customer["Id"]},
        "Line": [line("19.99", Qty=1, UnitPrice=Decimal("19.99"), TaxCodeRef={"value": "TAX"}), discount(Amount=2)],
        "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "3"}},
        "CustomerMemo": {"value": "hello"},
        "BillEmail": {"Address": "a@b.c"},
    }
    made = person.save("Invoice", body)
    again = person.save("Invoice", made)
    for record in (made, again):
        record.pop("MetaData")
        record.pop("SyncToken")
    assert again == made
