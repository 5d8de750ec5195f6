"""What a company starts with: empty, sample, demo-company, or records from JSON, which are checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.sandbox.server import AdminError, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]
LINE = {"Amount": 5, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "7"}}}


@pytest.mark.parametrize("country", ["US", "CA", "GB", "AU", "FR"])
def test_the_demo_company_is_whole_and_its_books_balance(sandbox: RunningSandbox, country: str) -> None:
    realm = sandbox.create_company(seed="demo-company", country=country)
    person = sandbox.connect(realm)
    least = {"Customer": 25, "Vendor": 10, "Employee": 3, "Item": 7, "Class": 4, "Department": 3, "Invoice": 11}
    for entity, count in least.items():
        assert person.count(entity) == count, entity
    assert {row["Type"] for row in person.query("select * from Item")} == {
        "Service",
        "NonInventory",
        "Inventory",
        "Category",
    }
    for entity in (
        "Estimate",
        "CreditMemo",
        "SalesReceipt",
        "Payment",
        "Bill",
        "BillPayment",
        "VendorCredit",
        "Purchase",
    ):
        assert person.count(entity) >= 1, entity
    accounts = {row["AccountType"]: row for row in person.query("select * from Account maxresults 200")}
    owed = sum((row["Balance"] for row in person.query("select * from Customer")), Decimal(0))
    assert accounts["Accounts Receivable"]["CurrentBalance"] == owed > 0
    owing = sum((row["Balance"] for row in person.query("select * from Vendor")), Decimal(0))
    assert -accounts["Accounts Payable"]["CurrentBalance"] == owing > 0
    levels = {row.get("Level", 0) for row in person.query("select * from Customer")}
    assert levels == {0, 1, 2, 3}
    deposited = person.query("select * from Payment orderby Id")[0]
    refused("6540", lambda: person.delete("Payment", deposited))


def test_the_demo_company_takes_options_too(sandbox: RunningSandbox) -> None:
    realm = sandbox.create_company(
        seed="demo-company", plan="QuickBooks Online Simple Start", book_close_date="2099-12-31", subscription="EXPIRED"
    )
    person = sandbox.connect(realm)
    assert person.count("Invoice") == 11
    assert person.call("GET", "preferences")["Preferences"]["AccountingInfoPrefs"]["TrackDepartments"] is False


def test_an_empty_company_has_what_qbo_needs_and_nothing_else(sandbox: RunningSandbox) -> None:
    person = sandbox.connect(sandbox.create_company(seed="empty"))
    kinds = {row["AccountSubType"] for row in person.query("select * from Account")}
    assert kinds == {"UndepositedFunds", "AccountsPayable", "OpeningBalanceEquity", "AccountsReceivable"}
    for entity in ("Customer", "Item", "Term", "TaxRate", "TaxAgency", "Invoice"):
        assert person.count(entity) == 0


def test_a_seed_of_records_hangs_together(sandbox: RunningSandbox) -> None:
    seed = {
        "Invoice": [
            {
                "Id": "900",
                "CustomerRef": {"value": "70"},
                "DocNumber": "2001",
                "TxnDate": "2026-01-01",
                "TotalAmt": 5,
                "Balance": 5,
                "Line": [LINE],
            }
        ],
        "Customer": [{"Id": "70", "DisplayName": "Ada", "FullyQualifiedName": "Ada", "Active": True, "Balance": 5}],
        "Item": [{"Id": "7", "Name": "Hour", "Type": "Service", "IncomeAccountRef": {"value": "500"}}],
        "Account": [{"Id": "500", "Name": "Fees", "AccountType": "Income", "AccountSubType": "ServiceFeeIncome"}],
    }
    person = sandbox.connect(sandbox.create_company(seed=seed))
    assert person.read("Invoice", "900")["CustomerRef"] == {"value": "70"}
    made = person.save("Customer", {"DisplayName": "Grace"})
    assert int(made["Id"]) > 70
    refused("6240", lambda: person.save("Vendor", {"DisplayName": "ada"}))


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        ({"Nonsense": []}, "Nonsense is not served"),
        ({"Customer": {}}, "Customer must be a list"),
        ({"Customer": ["x"]}, r"Customer\[0\] must be an object"),
        ({"Customer": [{"Id": "1"}]}, r"Customer\[0\] lacks DisplayName"),
        ({"Customer": [{"DisplayName": "x", "Colour": 1}]}, "unknown member Colour"),
        ({"Customer": [{"DisplayName": "x", "Active": "perhaps"}]}, r"Customer\[0\].Active"),
        ({"Customer": [{"DisplayName": "x" * 501}]}, "2050"),
        ({"Customer": [{"Id": "1", "DisplayName": "x"}, {"Id": "1", "DisplayName": "y"}]}, "Id is used twice"),
        ({"Customer": [{"Id": "1", "DisplayName": "x"}], "Vendor": [{"Id": "1", "DisplayName": "y"}]}, "used twice"),
        (
            {"Customer": [{"Id": "1", "DisplayName": "x"}], "Vendor": [{"Id": "2", "DisplayName": " X"}]},
            "name  X is used",
        ),
        ({"Item": [{"Name": "x", "Type": "Service", "IncomeAccountRef": {"value": "9"}}]}, "there is no Account 9"),
        ({"Invoice": [{"CustomerRef": {"value": "3"}, "Line": [LINE]}]}, "there is no Customer 3.*no Item 7"),
        ({"Customer": [{"Id": "1", "DisplayName": "x", "ParentRef": {"value": "8"}}]}, "there is no Customer 8"),
        (
            {"Payment": [{"Id": "5", "TotalAmt": 1, "Line": [{"LinkedTxn": [{"TxnId": "6", "TxnType": "Invoice"}]}]}]},
            "there is no Invoice 6",
        ),
        ("huge", "seed must be"),
    ],
)
def test_a_broken_seed_is_refused_in_words(sandbox: RunningSandbox, seed: Any, words: str) -> None:
    with pytest.raises(AdminError, match=words):
        sandbox.create_company(realm="555", seed=seed)
    with pytest.raises(AdminError):
        sandbox.admin("GET", "/companies/555")


def test_every_problem_of_a_seed_is_named_at_once(sandbox: RunningSandbox) -> None:
    with pytest.raises(AdminError) as caught:
        sandbox.create_company(seed={"Customer": [{"Id": str(n)} for n in range(30)], "Nonsense": []})
    assert "Nonsense is not served" in str(caught.value) or "more" in str(caught.value)
    assert str(caught.value).count("lacks DisplayName") > 10
