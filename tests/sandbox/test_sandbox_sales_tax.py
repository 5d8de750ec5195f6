"""Automated sales tax, shipping, and what every form does with tax (entities.md 3.9, 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]
TAXED = {"TaxCodeRef": {"value": "TAX"}}
CALIFORNIA, ARIZONA, OREGON = ({"CountrySubDivisionCode": state} for state in ("CA", "AZ", "OR"))


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


@pytest.fixture
def automated(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.admin("PATCH", f"/companies/{realm}/preferences", {"TaxPrefs": {"PartnerTaxEnabled": True}})


def buyer(person: Accountant, **members: Any) -> Json:
    made = person.save("Customer", {"DisplayName": f"Buyer {members}"[:90].replace(":", " "), **members})
    return {"CustomerRef": {"value": made["Id"]}}


@pytest.mark.usefixtures("automated")
def test_the_engine_chooses_the_code_by_where_the_goods_go(person: Accountant, line: Make) -> None:
    who = buyer(person, BillAddr=CALIFORNIA)
    sent = {"TxnTaxDetail": {"TxnTaxCodeRef": {"value": "3"}}, "Line": [line(100, **TAXED), line(50)]}
    made = person.save("Invoice", {**who, **sent})
    assert made["TxnTaxDetail"]["TxnTaxCodeRef"] == {"value": "2"}
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (8, 158)
    shipped = person.save("Invoice", {**who, **sent, "ShipAddr": {"Line1": "1 Cactus Rd", **ARIZONA}})
    assert shipped["TxnTaxDetail"]["TxnTaxCodeRef"] == {"value": "3"}
    assert shipped["TxnTaxDetail"]["TotalTax"] == Decimal("9.1")
    elsewhere = person.save("Invoice", {**who, **sent, "ShipAddr": {"Line1": "2 Rain St", **OREGON}})
    assert elsewhere["TxnTaxDetail"] == {"TotalTax": 0}
    slim = {"Id": made["Id"], "SyncToken": "0", "sparse": True}
    moved = person.save("Invoice", {**slim, "ShipAddr": {"Line1": "1 Cactus Rd", **ARIZONA}})
    assert moved["TotalAmt"] == Decimal("159.1")
    assert set(made["ShipFromAddr"]) == {"Id", "Line1", "Line2"}


@pytest.mark.usefixtures("automated")
def test_each_rate_is_rounded_on_its_own(sandbox: RunningSandbox, realm: str, person: Accountant, line: Make) -> None:
    """The figures of S:salesreceipt-ast-tax-recorded: 84.00 at four rates is 0.42, 5.25, 1.26 and 0.84."""
    percents = ("0.5", "6.25", "1.5", "1")
    rates = [
        {"Id": f"9{n}", "Name": f"Part {n}", "Active": True, "RateValue": Decimal(percent)}
        for n, percent in enumerate(percents)
    ]
    details = [{"TaxRateRef": {"value": rate["Id"]}} for rate in rates]
    code = {"Id": "90", "Name": "Richmond", "Active": True, "SalesTaxRateList": {"TaxRateDetail": details}}
    seed = {
        "Account": [
            {"Id": "1", "Name": "Sales", "AccountType": "Income"},
            {"Id": "2", "Name": "Till", "AccountType": "Bank"},
        ],
        "Item": [{"Id": "1", "Name": "Thing", "Type": "Service", "IncomeAccountRef": {"value": "1"}}],
        "TaxRate": rates,
        "TaxCode": [code],
    }
    realm = sandbox.create_company(seed=seed, automated_tax_codes={"CA": "90"})
    sandbox.admin("PATCH", f"/companies/{realm}/preferences", {"TaxPrefs": {"PartnerTaxEnabled": True}})
    person = sandbox.connect(realm)
    body = {**buyer(person, BillAddr=CALIFORNIA), "Line": [line(84, **TAXED), line(58)]}
    made = person.save("SalesReceipt", body)
    tax = made["TxnTaxDetail"]
    assert [row["Amount"] for row in tax["TaxLine"]] == [Decimal(x) for x in ("0.42", "5.25", "1.26", "0.84")]
    assert {row["TaxLineDetail"]["NetAmountTaxable"] for row in tax["TaxLine"]} == {84}
    assert (tax["TotalTax"], made["TotalAmt"]) == (Decimal("7.77"), Decimal("149.77"))


@pytest.mark.usefixtures("automated")
def test_without_any_address_there_is_no_tax_or_the_companys_own(
    sandbox: RunningSandbox, person: Accountant, line: Make
) -> None:
    body = {**buyer(person), "Line": [line(100, **TAXED)], "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}}
    assert person.save("Invoice", body)["TxnTaxDetail"] == {"TotalTax": 0}
    sandbox.switch(automated_tax_no_address="origin")
    assert person.save("Invoice", body)["TxnTaxDetail"]["TotalTax"] == 8


@pytest.mark.usefixtures("automated")
def test_an_explicit_tax_under_automation_is_a_switch(sandbox: RunningSandbox, person: Accountant, line: Make) -> None:
    body = {**buyer(person, BillAddr=ARIZONA), "Line": [line(100, **TAXED)], "TxnTaxDetail": {"TotalTax": 5}}
    assert person.save("Invoice", body)["TotalAmt"] == Decimal("109.1")
    sandbox.switch(automated_tax_override="honour")
    made = person.save("Invoice", body)
    assert made["TotalAmt"] == 105
    assert sum(row["Amount"] for row in made["TxnTaxDetail"]["TaxLine"]) == 5
    exempt = {**body, **buyer(person, BillAddr=ARIZONA, TaxExemptionReasonId="1")}
    sandbox.switch(automated_tax_override="ignore")
    assert person.save("Invoice", exempt)["TotalAmt"] == 100


@pytest.mark.usefixtures("automated")
def test_lines_show_the_items_tax_class(person: Accountant, line: Make) -> None:
    classed = {"value": "EUC-09020802-V1-00120000"}
    item = {"Name": "Lamp", "Type": "Service", "IncomeAccountRef": {"value": "1"}, "TaxClassificationRef": classed}
    made = person.save("Item", item)
    ref = {"value": made["Id"]}
    body = {**buyer(person), "Line": [line(1, ItemRef=ref, TaxClassificationRef={"value": "other"})]}
    assert person.save("Invoice", body)["Line"][0]["SalesItemLineDetail"]["TaxClassificationRef"] == classed


@pytest.mark.parametrize("entity", ["Invoice", "Estimate", "CreditMemo", "SalesReceipt", "RefundReceipt"])
def test_every_form_knows_both_tax_worlds(entity: str, sandbox: RunningSandbox, line: Make) -> None:
    extra = {"DepositToAccountRef": {"value": "35"}} if entity == "RefundReceipt" else {}
    person = sandbox.connect(sandbox.create_company())
    body = {**buyer(person), **extra, "Line": [line(100, **TAXED)], "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "3"}}}
    made = person.save(entity, body)
    assert made["TotalAmt"] == Decimal("109.1")
    assert (made["ApplyTaxAfterDiscount"], "GlobalTaxCalculation" in made) == (False, False)

    person = sandbox.connect(sandbox.create_company(country="CA"))
    body = {**buyer(person), **extra, "Line": [line(100, TaxCodeRef={"value": "5"})]}
    assert code_of(lambda: person.save(entity, body)) == "2020"
    totals = {"TaxExcluded": 113, "TaxInclusive": 100, "NotApplicable": 100}
    for mode, total in totals.items():
        made = person.save(entity, {**body, "GlobalTaxCalculation": mode})
        assert (made["TotalAmt"], made["GlobalTaxCalculation"]) == (total, mode)
        assert ("TxnTaxDetail" in made) == (mode != "NotApplicable")
        assert "ApplyTaxAfterDiscount" not in made
        again = person.save(entity, {**made, "PrivateNote": "x"})
        assert (again["TotalAmt"], again["Line"]) == (made["TotalAmt"], made["Line"])
    bare = {**body, "GlobalTaxCalculation": "TaxExcluded", "Line": [line(100)]}
    assert code_of(lambda: person.save(entity, bare)) == "6000"
    mixed = {**body, "GlobalTaxCalculation": "NotApplicable", "TxnTaxDetail": {"TotalTax": 1}}
    assert code_of(lambda: person.save(entity, mixed)) == "6170"


def shipping(amount: int, **detail: Any) -> Json:
    inner = {"ItemRef": {"value": "SHIPPING_ITEM_ID"}, **detail}
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": inner}


def test_shipping_stands_after_the_subtotal_and_is_not_discounted(
    sandbox: RunningSandbox, realm: str, person: Accountant, line: Make
) -> None:
    who = buyer(person)
    ten_percent = {"PercentBased": True, "DiscountPercent": 10}
    off = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": ten_percent}
    body = {**who, "Line": [line(100, **TAXED), shipping(20, **TAXED), off]}
    body["TxnTaxDetail"] = {"TxnTaxCodeRef": {"value": "2"}}
    assert code_of(lambda: person.save("Invoice", body)) == "5030"
    sandbox.admin("PATCH", f"/companies/{realm}/preferences", {"SalesFormsPrefs": {"AllowShipping": True}})
    made = person.save("Invoice", body)
    assert [row["Amount"] for row in made["Line"]] == [100, 100, 10, 20]
    assert made["Line"][-1]["SalesItemLineDetail"]["ItemRef"] == {"value": "SHIPPING_ITEM_ID"}
    assert "Id" not in made["Line"][-1]
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (Decimal("9.6"), Decimal("119.6"))
    after = person.save("Invoice", {**body, "ApplyTaxAfterDiscount": True})
    assert after["TxnTaxDetail"]["TotalTax"] == Decimal("8.8")
    assert person.save("Invoice", made)["Line"] == made["Line"]
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(1), shipping(1), shipping(2)]})) == "6000"
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(1), shipping(-1)]})) == "2290"
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [shipping(1)]})) == "2020"


def test_shipping_needs_a_tax_code_outside_the_us(sandbox: RunningSandbox, line: Make) -> None:
    realm = sandbox.create_company(country="CA")
    sandbox.admin("PATCH", f"/companies/{realm}/preferences", {"SalesFormsPrefs": {"AllowShipping": True}})
    person = sandbox.connect(realm)
    hst = {"TaxCodeRef": {"value": "5"}}
    body = {**buyer(person), "GlobalTaxCalculation": "TaxExcluded", "Line": [line(100, **hst), shipping(10, **hst)]}
    made = person.save("Invoice", body)
    assert (made["TotalAmt"], made["TxnTaxDetail"]["TotalTax"]) == (Decimal("124.3"), Decimal("14.3"))
    inclusive = person.save("Invoice", {**body, "GlobalTaxCalculation": "TaxInclusive"})
    assert inclusive["TotalAmt"] == 110
    assert code_of(lambda: person.save("Invoice", {**body, "Line": [line(100, **hst), shipping(10)]})) == "6000"


@pytest.fixture(scope="module")
def canada(shared_sandbox: RunningSandbox) -> Accountant:
    shared_sandbox.switch(throttle="off")
    return shared_sandbox.connect(shared_sandbox.create_company(country="CA", allow_shipping=True))


@settings(max_examples=40)
@given(
    entries=st.lists(st.tuples(st.integers(1, 99_999), st.sampled_from("23456")), min_size=1, max_size=4),
    percent=st.sampled_from([None, 0, 5, Decimal("12.5"), 100]),
    freight=st.integers(0, 5_000),
    mode=st.sampled_from(["TaxExcluded", "TaxInclusive"]),
)
def test_totals_add_up_and_survive_being_written_again(
    canada: Accountant, entries: list[tuple[int, str]], percent: Any, freight: int, mode: str
) -> None:
    lines = [_line(Decimal(cents) / 100, code) for cents, code in entries]
    if freight:
        lines.append(shipping(freight, TaxCodeRef={"value": "5"}))
    if percent is not None:
        off = {"PercentBased": True, "DiscountPercent": percent}
        lines.append({"DetailType": "DiscountLineDetail", "DiscountLineDetail": off})
    body = {"Line": lines, "GlobalTaxCalculation": mode}
    made = canada.save("SalesReceipt", body)
    by_kind = {row["DetailType"]: row["Amount"] for row in made["Line"] if "Id" not in row}
    tax = made["TxnTaxDetail"]
    net = by_kind["SubTotalLineDetail"] - by_kind.get("DiscountLineDetail", 0) + by_kind.get("SalesItemLineDetail", 0)
    assert sum(row["Amount"] for row in made["Line"] if "Id" in row) == by_kind["SubTotalLineDetail"]
    assert made["TotalAmt"] == net + tax["TotalTax"]
    assert sum(row["Amount"] for row in tax["TaxLine"]) == tax["TotalTax"]
    if mode == "TaxInclusive":
        gross = sum(Decimal(cents) / 100 for cents, _ in entries)
        assert abs(gross * (100 - (percent or 0)) / 100 + freight - made["TotalAmt"]) <= Decimal("0.01") * len(entries)
    again = canada.save("SalesReceipt", {**made, "PrivateNote": "x"})
    assert [again[member] for member in ("Line", "TxnTaxDetail", "TotalAmt")] == [
        made[member] for member in ("Line", "TxnTaxDetail", "TotalAmt")
    ]


def _line(amount: Decimal, code: str) -> Json:
    detail = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": code}}
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
