"""TaxCode, TaxRate, TaxAgency and the tax service (entities.md 3.9)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]


def code(person: Accountant, **members: Any) -> Json:
    return person.call("POST", "taxservice/taxcode", members)


def rate(name: str = "City", value: Any = 2, **members: Any) -> Json:
    return {"TaxRateName": name, "RateValue": value, "TaxAgencyId": "1", "TaxApplicableOn": "Sales", **members}


def test_an_agency_is_made_and_read(person: Accountant) -> None:
    made = person.save("TaxAgency", {"DisplayName": "County"})
    assert (made["TaxTrackedOnSales"], made["TaxTrackedOnPurchases"]) == (True, False)
    assert made["TaxAgencyConfig"] == "USER_DEFINED"
    assert person.read("TaxAgency", made["Id"]) == made
    assert made in person.query("select * from TaxAgency")
    refused("6240", lambda: person.save("TaxAgency", {"DisplayName": "county"}))
    refused("2020", lambda: person.save("TaxAgency", {}))
    refused("500", lambda: person.save("TaxAgency", made))


@pytest.mark.checklist(44)
def test_tax_lists_count_themselves_and_are_not_in_cdc(person: Accountant) -> None:
    for entity in ("TaxCode", "TaxRate", "TaxAgency"):
        answer = person.call("GET", "query", query=f"select * from {entity}")["QueryResponse"]
        assert answer["totalCount"] == answer["maxResults"] == len(answer[entity])
        refused("2000", partial(person.cdc, entity, "2026-01-01"))
    for entity in ("TaxCode", "TaxRate"):
        refused("500", partial(person.save, entity, {"Name": "x"}))


@pytest.mark.checklist(45)
def test_inactive_codes_are_hidden_and_cannot_be_used(
    sandbox: RunningSandbox, person: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    old = person.read("TaxCode", "3")
    sandbox.admin("POST", f"/companies/{person.realm}/load", {"TaxCode": {**old, "Active": False, "Hidden": True}})
    assert [row["Id"] for row in person.query("select * from TaxCode where Name = 'Tucson'")] == []
    hidden = person.query("select * from TaxCode where Active in (true, false) and Hidden = true")
    assert [row["Id"] for row in hidden] == ["3"]
    assert person.read("TaxCode", "3")["Active"] is False
    body = {"DisplayName": "x", "DefaultTaxCodeRef": {"value": "3"}}
    refused("2500", lambda: person.save("Customer", body))


def test_the_service_makes_a_code_with_new_and_known_rates(
    person: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    answer = code(person, TaxCode="Mine", TaxRateDetails=[rate("City", "2.5"), {"TaxRateId": "3"}])
    assert answer.keys() == {"TaxCode", "TaxCodeId", "TaxRateDetails"}
    first, second = answer["TaxRateDetails"]
    assert first.keys() == {"TaxRateName", "RateValue", "TaxAgencyId", "TaxApplicableOn", "TaxRateId"}
    assert second == {"TaxRateId": "3", "TaxApplicableOn": "Sales"}
    made = person.read("TaxCode", answer["TaxCodeId"])
    assert (made["Name"], made["Taxable"], made["TaxGroup"], made["Active"]) == ("Mine", True, True, True)
    rows = made["SalesTaxRateList"]["TaxRateDetail"]
    assert [row["TaxRateRef"]["name"] for row in rows] == ["City", "California"]
    assert made["PurchaseTaxRateList"] == {"TaxRateDetail": []}
    assert person.read("TaxRate", first["TaxRateId"])["RateValue"] == Decimal("2.5")
    body = {
        "CustomerRef": {"value": customer["Id"]},
        "Line": [line(100, TaxCodeRef={"value": "TAX"})],
        "TxnTaxDetail": {"TxnTaxCodeRef": {"value": answer["TaxCodeId"]}},
    }
    assert person.save("Invoice", body)["TxnTaxDetail"]["TotalTax"] == Decimal("10.5")


def test_rates_for_purchases_go_to_their_own_list(person: Accountant) -> None:
    details = [rate("in"), rate("out", TaxApplicableOn="Purchase")]
    made = person.read("TaxCode", code(person, TaxCode="Two", TaxRateDetails=details)["TaxCodeId"])
    for side, name in (("Sales", "in"), ("Purchase", "out")):
        (row,) = made[f"{side}TaxRateList"]["TaxRateDetail"]
        assert row["TaxRateRef"]["name"] == name


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"TaxRateDetails": [rate()]}, "2020"),
        ({"TaxCode": "x"}, "2020"),
        ({"TaxCode": "x", "TaxRateDetails": []}, "2020"),
        ({"TaxCode": "x", "TaxRateDetails": [{"TaxRateName": "y", "RateValue": 1}]}, "2020"),
        ({"TaxCode": "x", "TaxRateDetails": [rate("longer than ten")]}, "2050"),
        ({"TaxCode": "x" * 101, "TaxRateDetails": [rate()]}, "2050"),
        ({"TaxCode": "x", "TaxRateDetails": [rate(value=101)]}, "2240"),
        ({"TaxCode": "x", "TaxRateDetails": [rate(value=-1)]}, "2240"),
        ({"TaxCode": "x", "TaxRateDetails": [rate(TaxAgencyId="99")]}, "2500"),
        ({"TaxCode": "x", "TaxRateDetails": [{"TaxRateId": "99"}]}, "2500"),
        ({"TaxCode": "x", "TaxRateDetails": [rate(TaxApplicableOn="Moon")]}, "2170"),
        ({"TaxCode": "california", "TaxRateDetails": [rate()]}, "6240"),
        ({"TaxCode": "x", "TaxRateDetails": [rate("california")]}, "6240"),
        ({"TaxCode": "x", "TaxRateDetails": [rate("a"), rate("A")]}, "6240"),
        ({"TaxCode": "x", "TaxRateDetails": [rate()], "Colour": "red"}, "2010"),
        ({"TaxCode": "x", "TaxCodeId": "2", "TaxRateDetails": [rate()]}, "500"),
    ],
)
def test_the_service_refuses_and_makes_nothing(person: Accountant, body: Json, fault: str) -> None:
    before = person.count("TaxRate"), person.count("TaxCode")
    error = refused(fault, lambda: person.call("POST", "taxservice/taxcode", body))
    if fault == "6240" and body["TaxCode"] == "x":
        assert "Another tax rate is already using this" in error["Detail"]
    assert (person.count("TaxRate"), person.count("TaxCode")) == before
    made = code(person, TaxCode="fine", TaxRateDetails=[rate("fine")])
    assert made["TaxRateDetails"][0]["TaxRateId"] == "4"


def test_outside_the_us_codes_have_rates_for_purchases(sandbox: RunningSandbox) -> None:
    for country in ("CA", "GB", "AU"):
        person = sandbox.connect(sandbox.create_company(country=country))
        for row in person.query("select * from TaxCode"):
            sides = [row[f"{side}TaxRateList"]["TaxRateDetail"] for side in ("Sales", "Purchase")]
            values = [
                [person.read("TaxRate", entry["TaxRateRef"]["value"])["RateValue"] for entry in side] for side in sides
            ]
            assert values[0] == values[1] != []
        agencies = {row["Id"] for row in person.query("select * from TaxAgency")}
        assert {row["AgencyRef"]["value"] for row in person.query("select * from TaxRate")} <= agencies
