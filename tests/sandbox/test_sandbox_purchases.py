"""Bills, bill payments and vendor credits, and what they do to one another (entities.md 6, 8; protocol.md 5.4, 8)."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from tests.sandbox.purchasing import (
    CARD,
    CHECKING,
    EXPENSES,
    PAYABLE,
    RECEIVABLE,
    Purchasing,
    code_of,
    expense,
    goods,
    ref,
    refusal,
)

Json = dict[str, Any]


@pytest.fixture
def buy(person: Accountant) -> Purchasing:
    return Purchasing(person)


@pytest.mark.checklist(11)
@pytest.mark.parametrize("card", [False, True])
def test_a_bill_payment_bumps_the_bill_at_its_own_second(sandbox: RunningSandbox, buy: Purchasing, card: bool) -> None:
    """Also a payment by card shows as BillPaymentCheck (S:cdc-multi-entity-recorded)."""
    bill = buy.bill(241.23)
    sandbox.advance(5)
    payment = buy.pay(141.23, (bill, 141.23), card=card)
    after = buy.person.read("Bill", bill["Id"])
    assert (after["Balance"], after["TotalAmt"], after["SyncToken"]) == (100, Decimal("241.23"), "1")
    assert after["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "BillPaymentCheck"}]
    assert after["MetaData"]["LastUpdatedTime"] == payment["MetaData"]["CreateTime"]
    groups, _ = buy.person.cdc("Bill,BillPayment", payment["MetaData"]["CreateTime"])
    assert groups == {"Bill": [after], "BillPayment": [payment]}
    assert code_of(lambda: buy.person.save("Bill", bill)) == "5010"
    assert payment["Line"] == [{"Amount": Decimal("141.23"), "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}]
    assert buy.owed() == 100
    assert buy.account(PAYABLE) == -100
    assert (buy.account(CARD), buy.account(CHECKING)) == ((Decimal("141.23"), 0) if card else (0, Decimal("-141.23")))


@pytest.mark.checklist(12, 24)
@pytest.mark.parametrize("how", ["delete", "void", "unapply"])
def test_undoing_a_bill_payment_restores_bill_and_credit(how: str, buy: Purchasing) -> None:
    bill, credit = buy.bill(100), buy.credit(30)
    payment = buy.pay(50, (bill, 80), (credit, 30))
    assert buy.person.read("VendorCredit", credit["Id"])["Balance"] == 0
    assert buy.owed() == 20
    if how == "delete":
        buy.person.delete("BillPayment", payment)
    elif how == "void":
        void = buy.person.void("BillPayment", {**payment})
        assert (void["TotalAmt"], void["Line"], void["SyncToken"], void["PrivateNote"]) == (0, [], "1", "Voided")
        assert void["CheckPayment"] == payment["CheckPayment"]
    else:
        loose = buy.person.save("BillPayment", {**payment, "Line": []})
        assert (loose["TotalAmt"], loose["Line"]) == (50, [])
    after = buy.person.read("Bill", bill["Id"])
    assert (after["Balance"], after.get("LinkedTxn"), after["SyncToken"]) == (100, None, "2")
    free = buy.person.read("VendorCredit", credit["Id"])
    assert (free["Balance"], free.get("LinkedTxn"), free["SyncToken"]) == (30, None, "2")
    assert buy.owed() == (20 if how == "unapply" else 70)


def test_a_vendor_credit_pays_without_money(buy: Purchasing) -> None:
    bill, credit = buy.bill(90), buy.credit(50)
    payment = buy.pay(0, (bill, 50), (credit, 50))
    assert payment["TotalAmt"] == 0
    assert buy.person.read("Bill", bill["Id"])["Balance"] == 40
    spent = buy.person.read("VendorCredit", credit["Id"])
    assert (spent["Balance"], spent["TotalAmt"], spent["SyncToken"]) == (0, 50, "1")
    assert spent["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "BillPaymentCheck"}]
    assert (buy.owed(), buy.account(CHECKING)) == (40, 0)
    assert code_of(lambda: buy.pay(0, (bill, 1), (credit, 1))) == "6000"


def test_paying_more_than_the_lines_leaves_a_credit_with_the_vendor(sandbox: RunningSandbox, buy: Purchasing) -> None:
    bill = buy.bill(100)
    payment = buy.pay(130, (bill, 120))
    assert (payment["TotalAmt"], payment["Line"][0]["Amount"]) == (130, 100)
    assert buy.owed() == -30
    assert code_of(lambda: buy.pay(10, (buy.bill(50), 20))) == "6000"
    assert refusal(lambda: buy.pay(-1)) == ("2290", "TotalAmt")
    late = buy.pay(20, (bill, 20))
    assert (late["TotalAmt"], late["Line"], late.get("PrivateNote")) == (20, [], None)
    sandbox.switch(unlinked_bill_payment="void")
    later = buy.pay(20, (bill, 20), PrivateNote="twice")
    assert (later["TotalAmt"], later["Line"], later["PrivateNote"]) == (0, [], "Voided - twice")
    sandbox.switch(overpayment="refuse")
    assert code_of(lambda: buy.pay(20, (bill, 20))) == "6000"


@pytest.mark.checklist(18)
def test_a_bill_is_filled_in_by_the_server(sandbox: RunningSandbox, buy: Purchasing) -> None:
    bill = buy.bill(expense(10, text="Nails"), goods(25, Qty=5, UnitPrice=5), TxnDate="2026-03-01", TotalAmt=999)
    assert (bill["TotalAmt"], bill["Balance"], bill["SyncToken"], bill.get("LinkedTxn")) == (35, 35, "0", None)
    assert bill["DueDate"] == "2026-03-01"
    assert bill["APAccountRef"] == {"value": PAYABLE, "name": "Accounts Payable (A/P)"}
    assert bill["VendorRef"] == {"value": buy.vendor["Id"], "name": "Norton Lumber"}
    assert bill["CurrencyRef"] == {"value": "USD", "name": "United States Dollar"}
    assert "DocNumber" not in bill
    first, second = bill["Line"]
    assert (first["Id"], first["LineNum"], second["Id"], second["LineNum"]) == ("1", 1, "2", 2)
    assert first["AccountBasedExpenseLineDetail"] == {
        "AccountRef": {"value": EXPENSES, "name": "Purchases"},
        "BillableStatus": "NotBillable",
        "TaxCodeRef": {"value": "NON"},
    }
    detail = second["ItemBasedExpenseLineDetail"]
    assert detail["ItemRef"] == {"value": "1", "name": "Services"}
    assert (detail["BillableStatus"], detail["TaxCodeRef"]) == ("NotBillable", {"value": "NON"})
    vendor = buy.person.save("Vendor", {"DisplayName": "Slow", "TermRef": ref("3")})
    body = buy.form(5, TxnDate="2026-03-01") | {"VendorRef": ref(vendor["Id"])}
    assert buy.person.save("Bill", body)["DueDate"] == "2026-03-31"
    assert buy.person.save("Bill", {**body, "SalesTermRef": ref("2")})["DueDate"] == "2026-03-16"


@pytest.mark.checklist(21, 22)
def test_updates_of_a_bill_replace_lines_and_keep_their_ids(buy: Purchasing) -> None:
    bill = buy.bill(expense(10, text="one"), expense(20), PrivateNote="mine", SalesTermRef=ref("3"))
    slim = {"Id": bill["Id"], "SyncToken": "0", "sparse": True}
    assert refusal(lambda: buy.person.save("Bill", {**slim, "PrivateNote": "x"})) == ("2020", "VendorRef")
    party = {"VendorRef": bill["VendorRef"]}
    noted = buy.person.save("Bill", {**slim, **party, "PrivateNote": "yours"})
    assert (noted["PrivateNote"], noted["Line"], noted["SyncToken"]) == ("yours", bill["Line"], "1")
    lines = [{**expense(15), "Id": "2"}, {**expense(7), "Id": "9"}, expense(3)]
    changed = buy.person.save("Bill", {**slim, **party, "SyncToken": "1", "Line": lines})
    assert [(line["Id"], line["LineNum"], line["Amount"]) for line in changed["Line"]] == [
        ("2", 1, 15), ("3", 2, 7), ("4", 3, 3),
    ]  # fmt: skip
    assert (changed["TotalAmt"], changed["Balance"], changed["PrivateNote"]) == (25, 25, "yours")
    full = {name: changed[name] for name in ("Id", "SyncToken", "VendorRef", "Line")}
    cleared = buy.person.save("Bill", full)
    assert "PrivateNote" not in cleared
    assert "SalesTermRef" not in cleared


def test_a_bill_made_smaller_takes_its_payments_along(buy: Purchasing) -> None:
    bill = buy.bill(100)
    payment = buy.pay(80, (bill, 80))
    current = buy.person.read("Bill", bill["Id"])
    smaller = buy.person.save("Bill", {**current, "Line": [expense(50)]})
    assert (smaller["Balance"], smaller["TotalAmt"]) == (0, 50)
    assert smaller["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "BillPaymentCheck"}]
    cut = buy.person.read("BillPayment", payment["Id"])
    assert (cut["TotalAmt"], cut["Line"][0]["Amount"], cut["SyncToken"]) == (80, 50, "1")
    assert buy.owed() == -30
    other = buy.person.save("Vendor", {"DisplayName": "Other"})
    moved = {**smaller, "VendorRef": ref(other["Id"])}
    assert refusal(lambda: buy.person.save("Bill", moved)) == ("6000", "VendorRef")


@pytest.mark.checklist(19, 20)
@pytest.mark.parametrize("entity", ["Bill", "VendorCredit"])
def test_deleting_what_bill_payments_hang_on(entity: str, sandbox: RunningSandbox, buy: Purchasing) -> None:
    bill, credit = buy.bill(100), buy.credit(40)
    payment = buy.pay(60, (bill, 100), (credit, 40))
    target = buy.person.read(entity, (bill if entity == "Bill" else credit)["Id"])
    sandbox.switch(delete_linked_purchase="refuse")
    assert code_of(lambda: buy.person.delete(entity, target)) == "800"
    sandbox.switch(delete_linked_purchase="unlink")
    assert buy.person.delete(entity, target) == {"status": "Deleted", "domain": "QBO", "Id": target["Id"]}
    assert code_of(lambda: buy.person.read(entity, target["Id"])) == "610"
    after = buy.person.read("BillPayment", payment["Id"])
    assert (after["TotalAmt"], after["SyncToken"]) == (60, "1")
    if entity == "Bill":
        assert after["Line"] == []
        assert buy.person.read("VendorCredit", credit["Id"])["Balance"] == 40
        assert buy.owed() == -100
    else:
        assert [line["Amount"] for line in after["Line"]] == [60]
        assert buy.person.read("Bill", bill["Id"])["Balance"] == 40
        assert buy.owed() == 40


def test_links_that_cannot_be(buy: Purchasing) -> None:
    bill = buy.bill(100)
    gone = buy.bill(5)
    buy.person.delete("Bill", gone)
    line: Json = {"Amount": 1, "LinkedTxn": [{"TxnId": "99999", "TxnType": "Bill"}]}
    assert code_of(lambda: buy.pay(1, Line=[line])) == "620"
    line["LinkedTxn"] = [{"TxnId": gone["Id"], "TxnType": "Bill"}]
    assert code_of(lambda: buy.pay(1, Line=[line])) == "610"
    line["LinkedTxn"] = [{"TxnId": bill["Id"], "TxnType": "Invoice"}]
    assert code_of(lambda: buy.pay(1, Line=[line])) == "2170"
    other = buy.person.save("Vendor", {"DisplayName": "Other"})
    assert refusal(lambda: buy.pay(1, (bill, 1), VendorRef=ref(other["Id"]))) == ("6000", "VendorRef")


@pytest.mark.checklist(57)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"VendorRef": None}, ("2020", "VendorRef")),
        ({"VendorRef": {"value": "999"}}, ("2500", "VendorRef")),
        ({"TotalAmt": None}, ("2020", "TotalAmt")),
        ({"PayType": None}, ("2020", "PayType")),
        ({"PayType": "Cash"}, ("2170", "PayType")),
        ({"Line": None}, ("2020", "Line")),
        ({"CheckPayment": None}, ("2020", "CheckPayment")),
        ({"CheckPayment": {"PrintStatus": "NotSet"}}, ("2020", "BankAccountRef")),
        ({"CheckPayment": {"BankAccountRef": {"value": CARD}}}, ("6430", "BankAccountRef")),
        ({"CheckPayment": {"BankAccountRef": {"value": "999"}}}, ("2500", "BankAccountRef")),
        ({"PayType": "CreditCard"}, ("2020", "CreditCardPayment")),
        ({"APAccountRef": {"value": CHECKING}}, ("6430", "APAccountRef")),
        ({"DocNumber": "x" * 22}, ("2050", "DocNumber")),
        ({"Nonsense": 1}, ("2010", "Nonsense")),
    ],
)
def test_bill_payments_that_are_refused(buy: Purchasing, change: Json, fault: tuple[str, str]) -> None:
    bill = buy.bill(10)
    before = buy.account(CHECKING)
    assert refusal(lambda: buy.pay(10, (bill, 10), **change)) == fault
    assert buy.person.read("Bill", bill["Id"]) == bill
    assert buy.account(CHECKING) == before


@pytest.mark.checklist(57, 60)
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (expense(5, BillableStatus="Billable"), ("6310", "CustomerRef")),
        (expense(5, BillableStatus="Perhaps"), ("6320", "BillableStatus")),
        (expense(5, BillableStatus="HasBeenBilled"), ("2170", "BillableStatus")),
        ({"Amount": 5, "DetailType": "AccountBasedExpenseLineDetail"}, ("6440", "Line")),
        ({"Amount": 5, "DetailType": "ItemBasedExpenseLineDetail"}, ("6440", "Line")),
        ({"Amount": 5}, ("2020", "DetailType")),
        ({"Amount": 5, "DetailType": "SalesItemLineDetail"}, ("2170", "Line.DetailType")),
        (goods(5, Qty=2, UnitPrice=2), ("6070", "Amount")),
        (expense(5, "999"), ("2500", "AccountRef")),
        (expense(5, RECEIVABLE), ("6430", "AccountRef")),
        (goods(5, "999"), ("2500", "ItemRef")),
        (expense(5, CustomerRef={"value": "999"}), ("2500", "CustomerRef")),
        (expense(5, TaxCodeRef={"value": "2"}), ("6100", "TaxCodeRef")),
        (expense(-5), ("6000", "TotalAmt")),
        (expense(5, Nonsense=1), ("2010", "Line.AccountBasedExpenseLineDetail.Nonsense")),
    ],
)
def test_lines_that_are_refused(buy: Purchasing, line: Json, fault: tuple[str, str]) -> None:
    assert refusal(lambda: buy.bill(line)) == fault
    assert buy.person.count("Bill") == 0


def test_lines_that_are_kept(sandbox: RunningSandbox, buy: Purchasing, customer: Json) -> None:
    """A text line has no item and no money; zeros of an SDK are no quantity; a billable line names its customer."""
    text_line = {"DetailType": "ItemBasedExpenseLineDetail", "Description": "As agreed"}
    zeros = goods(12, Qty=0, UnitPrice=0, TaxInclusiveAmt=0)
    billable = expense(5, BillableStatus="Billable", CustomerRef=ref(customer["Id"]), TaxCodeRef=ref("TAX"))
    bill = buy.bill(text_line, zeros, billable, expense(-2))
    assert bill["TotalAmt"] == 15
    assert bill["Line"][0]["ItemBasedExpenseLineDetail"] == {}
    assert "Qty" not in bill["Line"][1]["ItemBasedExpenseLineDetail"]
    kept = bill["Line"][2]["AccountBasedExpenseLineDetail"]
    assert kept["CustomerRef"] == {"value": customer["Id"], "name": "Ada Lovelace"}
    assert (kept["BillableStatus"], kept["TaxCodeRef"]) == ("Billable", {"value": "TAX"})
    assert code_of(lambda: buy.person.save("Customer", {**customer, "Active": False})) == "6280"
    prefs = {"VendorAndPurchasesPrefs": {"BillableExpenseTracking": False}}
    sandbox.admin("PATCH", f"/companies/{buy.person.realm}/preferences", prefs)
    assert code_of(lambda: buy.bill(billable)) == "6320"
    prefs = {"ProductAndServicesPrefs": {"ForPurchase": False}}
    sandbox.admin("PATCH", f"/companies/{buy.person.realm}/preferences", prefs)
    assert code_of(lambda: buy.bill(goods(5))) == "5030"


def test_inactive_names_cannot_be_used_but_an_old_bill_stays_editable(buy: Purchasing) -> None:
    other = buy.person.save("Vendor", {"DisplayName": "Gone"})
    buy.person.save("Vendor", {**other, "Active": False})
    assert refusal(lambda: buy.bill(5, VendorRef=ref(other["Id"]))) == ("2500", "VendorRef")
    item = buy.person.save("Item", {"Name": "Old", "Type": "Service", "IncomeAccountRef": ref("1")})
    bill = buy.bill(goods(5, item["Id"]))
    buy.person.save("Item", {**item, "Active": False})
    assert code_of(lambda: buy.bill(goods(5, item["Id"]))) == "2500"
    slim = {"Id": bill["Id"], "SyncToken": "0", "sparse": True, "VendorRef": bill["VendorRef"], "PrivateNote": "ok"}
    assert buy.person.save("Bill", slim)["PrivateNote"] == "ok"


@pytest.mark.checklist(56)
def test_bill_numbers(sandbox: RunningSandbox, buy: Purchasing) -> None:
    bill = buy.bill(5, DocNumber="A1")
    other = buy.person.save("Vendor", {"DisplayName": "Other"})
    assert code_of(lambda: buy.bill(5, DocNumber="A1", VendorRef=ref(other["Id"]))) == "6140"
    with pytest.raises(RefusedError, match=f"DocNumber=a1 is assigned to TxnType=Bill with TxnId={bill['Id']}"):
        buy.bill(5, DocNumber="a1")
    buy.person.save("Bill", buy.form(5, DocNumber="A1"), include="allowduplicatedocnum")
    sandbox.switch(duplicate_bill_number="vendor")
    buy.bill(5, DocNumber="A1", VendorRef=ref(other["Id"]))
    assert code_of(lambda: buy.bill(5, DocNumber="A1")) == "6140"
    sandbox.switch(duplicate_bill_number="preference")
    buy.bill(5, DocNumber="A1")
    assert buy.person.count("Bill", "where DocNumber = 'A1'") == 4
    buy.credit(5, DocNumber="A1")
    assert code_of(lambda: buy.credit(5, DocNumber="A1")) == "6140"
    assert buy.person.save("Bill", {**bill, "PrivateNote": "same number"})["DocNumber"] == "A1"


@pytest.mark.checklist(23)
def test_voids_that_do_not_exist(buy: Purchasing) -> None:
    """Bill: a Fault under HTTP 200; BillPayment: only with include=void; nothing changes (protocol.md 8.5)."""
    bill = buy.bill(30)
    slim = {"Id": bill["Id"], "SyncToken": "0"}
    with pytest.raises(RefusedError, match="UnsupportedOperationException") as caught:
        buy.person.call("POST", "bill", slim, operation="void")
    fault = caught.value.body["Fault"]
    assert caught.value.status == 200
    assert (fault["type"], fault["Error"][0]["code"]) == ("SystemFault", "10000")
    answer = buy.person.batch([{"bId": "1", "operation": "update", "optionsData": "void", "Bill": slim}])
    assert answer["1"]["Fault"]["Error"][0]["code"] == "10000"
    assert buy.person.read("Bill", bill["Id"]) == bill
    payment = buy.pay(30, (bill, 30))
    slim = {"Id": payment["Id"], "SyncToken": "0"}
    assert refusal(lambda: buy.person.save("BillPayment", slim, operation="void")) == ("500", "Operation")
    assert buy.person.read("BillPayment", payment["Id"]) == payment
    batch = [{"bId": "1", "operation": "update", "optionsData": "void", "BillPayment": slim}]
    assert buy.person.batch(batch)["1"]["BillPayment"]["TotalAmt"] == 0


@pytest.mark.checklist(58)
def test_closed_periods_close_purchases(sandbox: RunningSandbox, buy: Purchasing) -> None:
    bill, credit = buy.bill(30, TxnDate="2026-01-10"), buy.credit(10, TxnDate="2026-01-10")
    payment = buy.pay(20, (bill, 20), TxnDate="2026-01-10")
    sandbox.change_company(buy.person.realm, book_close_date="2026-01-31")
    for entity, record in (("Bill", bill), ("VendorCredit", credit), ("BillPayment", payment)):
        current = buy.person.read(entity, record["Id"])
        assert code_of(partial(buy.person.delete, entity, current)) == "6210"
        assert code_of(partial(buy.person.save, entity, {**current, "TxnDate": "2026-02-01"})) == "6210"
    assert code_of(lambda: buy.person.void("BillPayment", payment)) == "6210"
    for make in (buy.bill, buy.credit, buy.pay):
        assert code_of(partial(make, 1, TxnDate="2026-01-31")) == "6210"
    assert buy.pay(5, (bill, 5), TxnDate="2026-02-01")["TotalAmt"] == 5


def test_a_foreign_vendor_is_paid_in_their_currency(sandbox: RunningSandbox) -> None:
    realm = sandbox.create_company(multicurrency=True, exchange_rates={"EUR": "1.2"})
    buy = Purchasing(sandbox.connect(realm))
    euro = buy.person.save("Vendor", {"DisplayName": "Euro", "CurrencyRef": ref("EUR")})
    assert refusal(lambda: buy.bill(10, VendorRef=ref(euro["Id"]))) == ("6000", "CurrencyRef")
    there: Json = {"VendorRef": ref(euro["Id"]), "CurrencyRef": ref("EUR")}
    bill = buy.bill(10, **there)
    assert (bill["ExchangeRate"], bill["HomeBalance"], "HomeTotalAmt" in bill) == (Decimal("1.2"), 12, False)
    own = buy.bill(10, ExchangeRate=Decimal("1.5"), **there)
    assert buy.account(PAYABLE) == -27
    home = buy.bill(10)
    assert home["ExchangeRate"] == 1
    assert refusal(lambda: buy.pay(5, (home, 5), **there)) == ("6000", "VendorRef")
    payment = buy.pay(10, (own, 10), ExchangeRate=Decimal("1.4"), **there)
    assert payment["ExchangeRate"] == Decimal("1.4")
    assert buy.person.read("Bill", own["Id"])["HomeBalance"] == 0
    assert buy.account(CHECKING) == -14
    assert buy.person.read("Vendor", euro["Id"])["Balance"] == 10
    assert buy.pay(1, **there)["ExchangeRate"] == 1


@pytest.mark.checklist(48)
def test_what_queries_may_use(buy: Purchasing) -> None:
    bill = buy.bill(30, DocNumber="7", DueDate="2026-05-05")
    payment = buy.pay(20, (bill, 20), DocNumber="55")
    query = buy.person.query
    vendor = f"VendorRef = '{buy.vendor['Id']}'"
    assert [row["Id"] for row in query(f"select * from Bill where {vendor} and Balance > '9.99'")] == [bill["Id"]]
    assert [row["Id"] for row in query("select * from Bill where DueDate = '2026-05-05'")] == [bill["Id"]]
    assert query("select * from Bill where Balance > '10'") == []
    found = query(f"select * from BillPayment where {vendor} and TotalAmt = '20' and DocNumber = '55'")
    assert found == [payment]
    for statement, text in (
        ("Bill where PrivateNote = 'x'", "property 'PrivateNote' is not queryable"),
        ("Bill where DepartmentRef = '1'", "property 'DepartmentRef' is not queryable"),
        ("BillPayment where PayType = 'Check'", "property 'PayType' is not queryable"),
        ("Purchase where EntityRef = '1'", "property 'EntityRef' is not queryable"),
        ("Deposit where TotalAmt = '1'", "property 'TotalAmt' is not queryable"),
        ("Purchase where AccountRef = '35'", "Property AccountRef not found for Entity Purchase"),
        ("PurchaseOrder where CustomerRef = '1'", "Property CustomerRef not found for Entity PurchaseOrder"),
    ):
        with pytest.raises(RefusedError, match=text) as caught:
            query(f"select * from {statement}")
        assert caught.value.code == "4001"
    totals = buy.person.call("GET", "query", query="select * from Bill")["QueryResponse"]
    assert totals["totalCount"] == 1
