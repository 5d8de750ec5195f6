"""Expenses and purchase orders (entities.md 6.4, 6.5)."""

from __future__ import annotations

from decimal import Decimal
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
PAID_BY = {"Cash": CHECKING, "Check": CHECKING, "CreditCard": CARD}


@pytest.fixture
def buy(person: Accountant) -> Purchasing:
    return Purchasing(person)


def spending(kind: str, *lines: Any, **members: Any) -> Json:
    made = [line if isinstance(line, dict) else expense(line) for line in lines]
    return {"PaymentType": kind, "AccountRef": ref(PAID_BY.get(kind, CHECKING)), "Line": made, **members}


def inner(purchase: Json) -> Json:
    (pair,) = purchase["PurchaseEx"]["any"]
    return {pair["value"]["Name"]: pair["value"]["Value"]}


@pytest.mark.parametrize(("kind", "number"), [("Cash", "54"), ("Check", "3"), ("CreditCard", "54")])
def test_a_purchase_moves_the_account_it_was_paid_from(kind: str, number: str, buy: Purchasing) -> None:
    made = buy.person.save("Purchase", spending(kind, 40, goods(5), EntityRef=ref(buy.vendor["Id"]), Credit=False))
    assert (made["TotalAmt"], made["PaymentType"], made["CustomField"]) == (45, kind, [])
    assert inner(made) == {"TxnType": number}
    assert made["EntityRef"] == {"value": buy.vendor["Id"], "name": "Norton Lumber", "type": "Vendor"}
    assert ("Credit" in made, "PrintStatus" in made) == (kind == "CreditCard", kind == "Check")
    assert all("LineNum" not in line for line in made["Line"])
    account = PAID_BY[kind]
    assert buy.account(account) == (45 if kind == "CreditCard" else -45)
    assert buy.owed() == 0
    changed = buy.person.save("Purchase", {**made, "Line": [expense(10)]})
    assert (changed["TotalAmt"], changed["SyncToken"], abs(buy.account(account))) == (10, "1", 10)
    buy.person.delete("Purchase", changed)
    assert buy.account(account) == 0
    assert code_of(lambda: buy.person.read("Purchase", made["Id"])) == "610"


def test_a_refund_to_the_card(buy: Purchasing) -> None:
    made = buy.person.save("Purchase", spending("CreditCard", 30, Credit=True))
    assert (made["Credit"], inner(made), buy.account(CARD)) == (True, {"TxnType": "11"}, -30)
    flipped = buy.person.save("Purchase", {name: made[name] for name in made if name != "Credit"})
    assert (flipped["Credit"], buy.account(CARD)) == (False, 30)
    assert refusal(lambda: buy.person.save("Purchase", spending("Cash", 30, Credit=True))) == ("6000", "Credit")


@pytest.mark.checklist(57)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"PaymentType": None}, ("2020", "PaymentType")),
        ({"PaymentType": "Loan"}, ("2170", "PaymentType")),
        ({"AccountRef": None}, ("2020", "AccountRef")),
        ({"AccountRef": {"value": "999"}}, ("2500", "AccountRef")),
        ({"AccountRef": {"value": CARD}}, ("6430", "AccountRef")),
        ({"AccountRef": {"value": EXPENSES}}, ("6430", "AccountRef")),
        ({"PaymentType": "CreditCard"}, ("6430", "AccountRef")),
        ({"Line": None}, ("2020", "Line")),
        ({"Line": []}, ("2020", "Line")),
        ({"EntityRef": {"value": "999"}}, ("2500", "EntityRef")),
        ({"EntityRef": {"value": "1", "type": "Customer"}}, ("2500", "EntityRef")),
        ({"EntityRef": {"value": "1", "type": "Bank"}}, ("2170", "EntityRef.type")),
        ({"PaymentMethodRef": {"value": "999"}}, ("2500", "PaymentMethodRef")),
        ({"Line": [expense(5, PAYABLE)]}, ("6000", "Entity")),
    ],
)
def test_purchases_that_are_refused(buy: Purchasing, change: Json, fault: tuple[str, str]) -> None:
    assert buy.vendor["Id"] == "1"
    assert refusal(lambda: buy.person.save("Purchase", {**spending("Check", 5), **change})) == fault
    assert (buy.person.count("Purchase"), buy.account(CHECKING)) == (0, 0)


def test_the_payee_may_be_a_vendor_a_customer_or_an_employee(buy: Purchasing, customer: Json) -> None:
    employee = buy.person.save("Employee", {"GivenName": "Emily", "FamilyName": "Platt"})
    for entity, record in (("Vendor", buy.vendor), ("Customer", customer), ("Employee", employee)):
        for given in (ref(record["Id"]), {"value": record["Id"], "type": entity}):
            made = buy.person.save("Purchase", spending("Cash", 1, EntityRef=given))
            assert made["EntityRef"] == {"value": record["Id"], "name": record["DisplayName"], "type": entity}


def test_money_back_to_names_moves_what_they_owe(buy: Purchasing, customer: Json) -> None:
    buy.person.save("Purchase", spending("Check", expense(20, PAYABLE), EntityRef=ref(buy.vendor["Id"])))
    assert buy.owed() == -20
    back = spending("Check", expense(7, RECEIVABLE), EntityRef=ref(customer["Id"]))
    assert code_of(lambda: buy.person.save("Purchase", {**back, "EntityRef": ref(buy.vendor["Id"])})) == "6000"
    made = buy.person.save("Purchase", back)
    assert buy.person.read("Customer", customer["Id"])["Balance"] == 7
    buy.person.delete("Purchase", made)
    assert buy.person.read("Customer", customer["Id"])["Balance"] == 0


@pytest.mark.checklist(22)
def test_a_sparse_purchase_needs_its_payment_type(sandbox: RunningSandbox, buy: Purchasing) -> None:
    made = buy.person.save("Purchase", spending("Check", expense(77, text="keep"), DocNumber="9", PrivateNote="n"))
    slim = {"Id": made["Id"], "SyncToken": "0", "sparse": True}
    assert refusal(lambda: buy.person.save("Purchase", {**slim, "PrivateNote": "x"})) == ("2020", "PaymentType")
    slim["PaymentType"] = "Check"
    moved = buy.person.save("Purchase", {**slim, "Line": [{**expense(77, "87"), "Id": "1"}]})
    assert (moved["PrivateNote"], moved["DocNumber"], moved["Line"][0]["Id"]) == ("n", "9", "1")
    assert "Description" not in moved["Line"][0]
    sandbox.switch(purchase_ex="refuse")
    assert refusal(lambda: buy.person.save("Purchase", moved)) == ("2010", "PurchaseEx")
    slim["SyncToken"] = "1"
    assert buy.person.save("Purchase", {**slim, "PrivateNote": "y"})["PurchaseEx"] == made["PurchaseEx"]


@pytest.mark.checklist(56)
def test_numbers_of_expenses_and_cheques(sandbox: RunningSandbox, buy: Purchasing) -> None:
    """Cheques are one space over Purchase and BillPayment; expenses have their own (entities.md 1.7)."""

    def number(kind: str, **members: Any) -> str | None:
        made = buy.person.save("Purchase", spending(kind, 1, **members))
        return made.get("DocNumber")

    assert (number("Cash"), number("CreditCard")) == ("1", "2")
    assert number("Cash", DocNumber="70") == "70"
    assert number("Cash") == "71"
    assert code_of(lambda: number("CreditCard", DocNumber="70")) == "6140"
    assert number("Check", DocNumber="70") == "70"
    with pytest.raises(RefusedError, match="DocNumber=70 is assigned to TxnType=Check with TxnId="):
        buy.pay(1, (buy.bill(1), 1), DocNumber="70")
    paid = buy.pay(1, (buy.bill(1), 1), DocNumber="80")
    with pytest.raises(RefusedError, match=rf"TxnType=Bill Payment \(Check\) with TxnId={paid['Id']}"):
        number("Check", DocNumber="80")
    assert buy.pay(1, (buy.bill(1), 1), DocNumber="80", card=True)["DocNumber"] == "80"
    body = spending("Check", 1, DocNumber="80")
    assert buy.person.save("Purchase", body, include="allowduplicatedocnum")["DocNumber"] == "80"
    prefs = {"OtherPrefs": {"NameValue": [{"Name": "WarnDuplicateCheckNumber", "Value": "false"}]}}
    sandbox.admin("PATCH", f"/companies/{buy.person.realm}/preferences", prefs)
    assert number("Check", DocNumber="80") == "80"
    sandbox.switch(purchase_numbers="none")
    assert number("Cash") is None
    sandbox.switch(purchase_numbers="auto")
    prefs = {"OtherPrefs": {"NameValue": [{"Name": "VendorAndPurchasesPrefs.UseCustomTxnNumbers", "Value": "true"}]}}
    sandbox.admin("PATCH", f"/companies/{buy.person.realm}/preferences", prefs)
    assert number("Cash") is None


@pytest.mark.checklist(23, 58)
def test_a_purchase_cannot_be_voided_nor_changed_in_a_closed_period(sandbox: RunningSandbox, buy: Purchasing) -> None:
    made = buy.person.save("Purchase", spending("Check", 5, TxnDate="2026-01-10"))
    slim = {"Id": made["Id"], "SyncToken": "0"}
    assert refusal(lambda: buy.person.save("Purchase", slim, operation="void")) == ("500", "Operation")
    sandbox.change_company(buy.person.realm, book_close_date="2026-01-31")
    assert code_of(lambda: buy.person.delete("Purchase", made)) == "6210"
    assert code_of(lambda: buy.person.save("Purchase", {**made, "TxnDate": "2026-02-02"})) == "6210"


def test_a_billed_purchase_cannot_be_deleted(sandbox: RunningSandbox, buy: Purchasing, customer: Json) -> None:
    """HasBeenBilled is QuickBooks' own: it comes with a loaded record, is kept, and holds the purchase (6400)."""
    line = expense(5, BillableStatus="Billable", CustomerRef=ref(customer["Id"]))
    made = buy.person.save("Purchase", spending("Check", line))
    made["Line"][0]["AccountBasedExpenseLineDetail"]["BillableStatus"] = "HasBeenBilled"
    assert refusal(lambda: buy.person.save("Purchase", made)) == ("2170", "BillableStatus")
    sandbox.admin("POST", f"/companies/{buy.person.realm}/load", {"Purchase": made})
    assert buy.person.save("Purchase", {**made, "PrivateNote": "x"})["SyncToken"] == "1"
    assert code_of(lambda: buy.person.delete("Purchase", {**made, "SyncToken": "1"})) == "6400"


def test_where_goods_post(buy: Purchasing) -> None:
    """An inventory item moves the asset account it had when the line was saved, also when it is gone from the line."""
    stock: Json = {"Name": "Pump", "Type": "Inventory", "TrackQtyOnHand": True, "QtyOnHand": 0}
    stock |= {
        "InvStartDate": "2026-01-01",
        "IncomeAccountRef": ref("79"),
        "ExpenseAccountRef": ref("80"),
        "AssetAccountRef": ref("81"),
    }
    item = buy.person.save("Item", stock)
    made = buy.person.save("Purchase", spending("Check", goods(15, item["Id"], Qty=3, UnitPrice=5)))
    assert (buy.account("81"), buy.account(CHECKING)) == (15, -15)
    buy.person.save("Purchase", {**made, "Line": [expense(4)]})
    assert (buy.account("81"), buy.account(CHECKING)) == (0, -4)


@pytest.mark.parametrize(
    ("mode", "line", "expected"),
    [
        ("TaxExcluded", expense(100, TaxCodeRef={"value": "70"}), (113, 100, 13)),
        (
            "TaxExcluded",
            expense(100, TaxCodeRef={"value": "70"}, TaxAmount=Decimal("12.5")),
            (Decimal("112.5"), 100, Decimal("12.5")),
        ),
        ("TaxInclusive", expense(113, TaxCodeRef={"value": "70"}), (113, 100, 13)),
        ("TaxInclusive", expense(113, TaxCodeRef={"value": "70"}, TaxAmount=12), (113, 101, 12)),
        ("TaxInclusive", goods(1, TaxInclusiveAmt=226, TaxCodeRef={"value": "70"}), (226, 200, 26)),
        ("NotApplicable", expense(100), (100, 100, None)),
    ],
)
def test_global_tax_on_purchases(sandbox: RunningSandbox, mode: str, line: Json, expected: tuple[Any, ...]) -> None:
    """The purchase rates of each line's code, on top or inside; a TaxAmount is taken as it is (entities.md 6.1)."""
    realm = sandbox.create_company(country="CA")
    rows = [
        {"TaxRate": {"Id": "70", "Name": "HST (purchases)", "RateValue": 13, "Active": True}},
        {
            "TaxCode": {
                "Id": "70",
                "Name": "HST",
                "Active": True,
                "Taxable": True,
                "SalesTaxRateList": {"TaxRateDetail": []},
                "PurchaseTaxRateList": {"TaxRateDetail": [{"TaxRateRef": {"value": "70"}}]},
            }
        },
    ]
    for row in rows:
        sandbox.admin("POST", f"/companies/{realm}/load", row)
    buy = Purchasing(sandbox.connect(realm))
    total, net, tax = expected
    bill = buy.bill(line, GlobalTaxCalculation=mode)
    assert (bill["TotalAmt"], bill["Balance"], bill["Line"][0]["Amount"]) == (total, total, net)
    assert bill.get("TxnTaxDetail", {}).get("TotalTax") == tax
    assert (buy.account(PAYABLE), buy.owed()) == (-total, total)
    again = buy.person.save("Bill", bill)
    assert (again["TotalAmt"], again["Line"]) == (total, bill["Line"])
    if tax is not None:
        taxed = again["TxnTaxDetail"]["TaxLine"][0]
        assert (taxed["Amount"], taxed["TaxLineDetail"]["NetAmountTaxable"]) == (tax, net)
        assert refusal(lambda: buy.bill(5, GlobalTaxCalculation=mode)) == ("6000", "TaxCodeRef")
        wrong = expense(5, TaxCodeRef={"value": "NON"})
        assert code_of(lambda: buy.bill(wrong, GlobalTaxCalculation=mode)) == "6100"
    else:
        assert code_of(lambda: buy.bill(5, GlobalTaxCalculation=mode, TxnTaxDetail={"TotalTax": 1})) == "6170"
    assert refusal(lambda: buy.bill(line)) == ("2020", "GlobalTaxCalculation")
    spent = buy.person.save("Purchase", spending("Check", expense(1, TaxCodeRef={"value": "70"})))
    assert spent["TotalAmt"] == Decimal("1.13")


def test_a_purchase_order_posts_nothing(buy: Purchasing) -> None:
    order = buy.order(goods(25, Qty=1, UnitPrice=25), Memo="Quickly", SalesTermRef=ref("3"), TxnDate="2026-03-01")
    assert (order["TotalAmt"], order["POStatus"], order["EmailStatus"]) == (25, "Open", "NotSet")
    assert order["CustomField"] == []
    assert (order["DocNumber"], order["DueDate"], order["Memo"]) == ("1001", "2026-03-31", "Quickly")
    assert order["APAccountRef"]["value"] == PAYABLE
    assert (buy.owed(), buy.account(PAYABLE)) == (0, 0)
    assert buy.order(5)["DocNumber"] == "1002"
    assert code_of(lambda: buy.order(5, DocNumber="1002")) == "6140"
    assert refusal(lambda: buy.order(5, EmailStatus="NeedToSend")) == ("6420", "BillEmail")
    assert buy.order(5, EmailStatus="NeedToSend", POEmail={"Address": "a@b.c"})["POEmail"] == {"Address": "a@b.c"}


@pytest.mark.checklist(11)
def test_a_bill_made_from_an_order_closes_it_when_all_of_it_is_billed(sandbox: RunningSandbox, buy: Purchasing) -> None:
    order = buy.order(goods(25), expense(10))

    def link(line: str) -> list[Json]:
        return [{"TxnId": order["Id"], "TxnType": "PurchaseOrder", "TxnLineId": line}]

    sandbox.advance(3)
    first = buy.bill(goods(25, links=link("1")), expense(3))
    assert first["LinkedTxn"] == [{"TxnId": order["Id"], "TxnType": "PurchaseOrder"}]
    assert first["Line"][0]["LinkedTxn"] == link("1")
    part = buy.person.read("PurchaseOrder", order["Id"])
    assert (part["LinkedTxn"], part["POStatus"]) == ([{"TxnId": first["Id"], "TxnType": "Bill"}], "Open")
    assert (part["SyncToken"], part["MetaData"]["LastUpdatedTime"]) == ("1", first["MetaData"]["CreateTime"])
    second = buy.bill(expense(10, links=link("2")))
    closed = buy.person.read("PurchaseOrder", order["Id"])
    assert closed["POStatus"] == "Closed"
    assert [one["TxnId"] for one in closed["LinkedTxn"]] == [first["Id"], second["Id"]]
    buy.pay(10, (second, 10))
    current = buy.person.read("Bill", second["Id"])
    assert [one["TxnType"] for one in current["LinkedTxn"]] == ["PurchaseOrder", "BillPaymentCheck"]
    assert buy.person.read("PurchaseOrder", order["Id"]) == closed
    buy.person.save("Bill", {**current, "Line": [expense(10)]})
    opened = buy.person.read("PurchaseOrder", order["Id"])
    assert (opened["POStatus"], [one["TxnId"] for one in opened["LinkedTxn"]]) == ("Open", [first["Id"]])
    buy.person.delete("Bill", first)
    assert "LinkedTxn" not in buy.person.read("PurchaseOrder", order["Id"])
    sandbox.switch(order_closes=False)
    buy.bill(goods(25, links=link("1")), expense(10, links=link("2")))
    assert buy.person.read("PurchaseOrder", order["Id"])["POStatus"] == "Open"


def test_deleting_an_order_that_was_billed(sandbox: RunningSandbox, buy: Purchasing) -> None:
    order = buy.order(expense(10))
    bill = buy.bill(expense(10, links=[{"TxnId": order["Id"], "TxnType": "PurchaseOrder", "TxnLineId": "1"}]))
    order = buy.person.read("PurchaseOrder", order["Id"])
    sandbox.switch(delete_linked_purchase="refuse")
    assert code_of(lambda: buy.person.delete("PurchaseOrder", order)) == "800"
    sandbox.switch(delete_linked_purchase="unlink")
    buy.person.delete("PurchaseOrder", order)
    free = buy.person.read("Bill", bill["Id"])
    assert ("LinkedTxn" in free, "LinkedTxn" in free["Line"][0], free["SyncToken"]) == (False, False, "1")
    assert (free["Balance"], buy.owed()) == (10, 10)


def test_a_link_stands_when_the_order_loses_the_line(buy: Purchasing) -> None:
    order = buy.order(expense(10), expense(20))
    bill = buy.bill(expense(10, links=[{"TxnId": order["Id"], "TxnType": "PurchaseOrder", "TxnLineId": "1"}]))
    order = buy.person.read("PurchaseOrder", order["Id"])
    left = buy.person.save("PurchaseOrder", {**order, "Line": [order["Line"][1]]})
    assert (left["LinkedTxn"], left["POStatus"]) == (order["LinkedTxn"], "Open")
    noted = buy.person.save("Bill", {**bill, "PrivateNote": "x"})
    assert noted["Line"] == bill["Line"]


def test_links_to_orders_that_cannot_be(buy: Purchasing) -> None:
    order = buy.order(expense(10))
    other = buy.person.save("Vendor", {"DisplayName": "Other"})

    def bill(link: Json, **members: Any) -> str:
        line = expense(10, links=[{"TxnType": "PurchaseOrder", **link}])
        return code_of(lambda: buy.bill(line, **members))

    good = {"TxnId": order["Id"], "TxnLineId": "1"}
    assert bill({"TxnId": order["Id"]}) == "2020"
    assert bill({**good, "TxnLineId": "7"}) == "620"
    assert bill({**good, "TxnId": "9999"}) == "620"
    assert bill(good, VendorRef=ref(other["Id"])) == "620"
    buy.person.delete("PurchaseOrder", order)
    assert bill(good) == "610"
    dropped = buy.bill(expense(10, links=[{"TxnId": "1", "TxnType": "ReimburseCharge"}]))
    assert ("LinkedTxn" in dropped, "LinkedTxn" in dropped["Line"][0]) == (False, False)


def test_a_plan_without_purchase_orders(sandbox: RunningSandbox) -> None:
    realm = sandbox.create_company(plan="QuickBooks Online Essentials")
    buy = Purchasing(sandbox.connect(realm))
    assert code_of(lambda: buy.order(5)) == "5020"
    assert buy.bill(5)["TotalAmt"] == 5


def test_fields_of_the_companys_own_on_orders(sandbox: RunningSandbox, buy: Purchasing) -> None:
    names = [
        {"Type": "BooleanType", "Name": "PurchasePrefs.UsePurchaseCustom1", "BooleanValue": True},
        {"Type": "StringType", "Name": "PurchasePrefs.PurchaseCustomName1", "StringValue": "Crew #"},
    ]
    prefs = {"VendorAndPurchasesPrefs": {"POCustomField": [{"CustomField": [name]} for name in names]}}
    sandbox.admin("PATCH", f"/companies/{buy.person.realm}/preferences", prefs)
    sent = [{"DefinitionId": "1", "StringValue": "7"}, {"DefinitionId": "2", "StringValue": "lost"}]
    order = buy.order(5, CustomField=sent)
    assert order["CustomField"] == [{"DefinitionId": "1", "Type": "StringType", "Name": "Crew #", "StringValue": "7"}]
