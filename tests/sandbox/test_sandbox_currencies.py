"""CompanyCurrency and ExchangeRate (entities.md 3.8)."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.currencies import CURRENCIES
from syncd.sandbox.server import Accountant, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]


@pytest.fixture
def abroad(sandbox: RunningSandbox) -> Accountant:
    """A company with several currencies."""
    return sandbox.connect(sandbox.create_company(multicurrency=True, exchange_rates={"EUR": 1.25, "GBP": "1.5"}))


def test_a_currency_is_added_by_its_code(abroad: Accountant) -> None:
    made = abroad.save("CompanyCurrency", {"Code": "gbp"})
    assert (made["Code"], made["Name"], made["Active"]) == ("GBP", "British Pound Sterling", True)
    refused("6240", lambda: abroad.save("CompanyCurrency", {"Code": "GBP"}))
    refused("6000", lambda: abroad.save("CompanyCurrency", {"Code": "USD"}))
    refused("2170", lambda: abroad.save("CompanyCurrency", {"Code": "XXX"}))
    refused("2020", lambda: abroad.save("CompanyCurrency", {"Active": True}))
    refused("2050", lambda: abroad.save("CompanyCurrency", {"Code": "POUND"}))


@pytest.mark.checklist(59)
def test_a_deactivated_currency_keeps_its_name(abroad: Accountant) -> None:
    made = abroad.save("CompanyCurrency", {"Code": "GBP"})
    gone = abroad.save("CompanyCurrency", {**made, "Active": False})
    assert (gone["Name"], gone["Active"], gone["SyncToken"]) == ("British Pound Sterling", False, "1")
    assert abroad.query("select * from CompanyCurrency") == []
    abroad.save("Customer", {"DisplayName": "C", "CurrencyRef": {"value": "GBP"}})
    back = abroad.read("CompanyCurrency", made["Id"])
    assert (back["Active"], back["SyncToken"]) == (True, "2")


def test_naming_a_currency_adds_it_for_good(abroad: Accountant) -> None:
    for kind in ("Customer", "Vendor"):
        made = abroad.save(kind, {"DisplayName": kind, "CurrencyRef": {"value": "EUR"}})
        assert made["CurrencyRef"] == {"value": "EUR", "name": "Euro"}
        refused("6000", partial(abroad.save, kind, {**made, "CurrencyRef": {"value": "USD"}}))
        assert (
            abroad.save(kind, {"Id": made["Id"], "SyncToken": "0", "DisplayName": kind})["CurrencyRef"]["value"]
            == "EUR"
        )
        refused("2500", partial(abroad.save, kind, {"DisplayName": "x", "CurrencyRef": {"value": "QQQ"}}))
    (euro,) = abroad.query("select * from CompanyCurrency")
    assert (euro["Code"], euro["SyncToken"]) == ("EUR", "0")


def test_without_multicurrency_there_is_only_the_home_currency(person: Accountant) -> None:
    refused("5030", lambda: person.save("CompanyCurrency", {"Code": "GBP"}))
    body = {"DisplayName": "x", "CurrencyRef": {"value": "EUR"}}
    refused("6000", lambda: person.save("Vendor", body))
    assert person.save("Vendor", {**body, "CurrencyRef": {"value": "USD"}})["CurrencyRef"]["value"] == "USD"


def test_the_currency_table_is_sound() -> None:
    assert len(CURRENCIES) > 150
    assert all(len(code) == 3 and code.isupper() and name for code, name in CURRENCIES.items())


def test_a_rate_of_the_feed_is_read_for_any_day(abroad: Accountant) -> None:
    answer = abroad.call("GET", "exchangerate", sourcecurrencycode="eur", asofdate="2026-03-04")["ExchangeRate"]
    assert (answer["Rate"], answer["AsOfDate"], answer["TargetCurrencyCode"]) == (Decimal("1.25"), "2026-03-04", "USD")
    assert not answer.keys() & {"Id"}
    assert answer["MetaData"].keys() == {"LastUpdatedTime"}
    refused("6000", lambda: abroad.call("GET", "exchangerate", sourcecurrencycode="USD"))
    refused("6000", lambda: abroad.call("GET", "exchangerate", sourcecurrencycode="SEK"))
    refused("2060", lambda: abroad.call("GET", "exchangerate", sourcecurrencycode="EUR", asofdate="soon"))


def test_a_posted_rate_replaces_that_of_its_day(abroad: Accountant) -> None:
    body = {"SourceCurrencyCode": "EUR", "Rate": Decimal("2.5"), "AsOfDate": "2026-03-04", "TargetCurrencyCode": "USD"}
    made = abroad.call("POST", "exchangerate", body)["ExchangeRate"]
    assert (made["Rate"], made["SyncToken"], made["sparse"]) == (Decimal("2.5"), "0", False)
    assert not made.keys() & {"Id"}
    assert made["MetaData"].keys() == {"LastUpdatedTime"}
    again = abroad.call("POST", "exchangerate", {**body, "Rate": 3})["ExchangeRate"]
    assert (again["Rate"], again["SyncToken"]) == (3, "1")
    read = abroad.call("GET", "exchangerate", sourcecurrencycode="EUR", asofdate="2026-03-04")["ExchangeRate"]
    assert read == again
    other = abroad.call("GET", "exchangerate", sourcecurrencycode="EUR", asofdate="2026-03-05")["ExchangeRate"]
    assert other["Rate"] == Decimal("1.25")


def test_a_posted_rate_is_checked(abroad: Accountant) -> None:
    body: Json = {"SourceCurrencyCode": "EUR", "Rate": 2, "AsOfDate": "2026-03-04"}
    for member in body:
        short = {name: value for name, value in body.items() if name != member}
        assert refused("2020", partial(abroad.call, "POST", "exchangerate", short))["element"] == member
    for change, code in (
        ({"SourceCurrencyCode": "USD"}, "6000"),
        ({"SourceCurrencyCode": "QQQ"}, "2170"),
        ({"TargetCurrencyCode": "GBP"}, "6000"),
        ({"Rate": 0}, "2240"),
        ({"Rate": "much"}, "2090"),
        ({"AsOfDate": "soon"}, "2060"),
        ({"Colour": "red"}, "2010"),
    ):
        refused(code, partial(abroad.call, "POST", "exchangerate", {**body, **change}))


def test_rates_are_queried_by_currency_and_day(abroad: Accountant) -> None:
    abroad.call("POST", "exchangerate", {"SourceCurrencyCode": "SEK", "Rate": "0.1", "AsOfDate": "2026-03-04"})
    where = "where sourcecurrencycode in ('EUR', 'SEK') and asofdate = '2026-03-04'"
    answer = abroad.call("GET", "query", query=f"select * from exchangerate {where}")["QueryResponse"]
    assert {row["SourceCurrencyCode"]: row["Rate"] for row in answer["ExchangeRate"]} == {
        "EUR": Decimal("1.25"),
        "SEK": Decimal("0.1"),
    }
    assert answer["totalCount"] == 2
    today = abroad.query("select * from ExchangeRate where SourceCurrencyCode in ('USD', 'GBP')")
    assert {row["SourceCurrencyCode"]: row["Rate"] for row in today} == {"USD": 1, "GBP": Decimal("1.5")}
    assert abroad.query(f"select SourceCurrencyCode, Rate from ExchangeRate {where}")


def test_rates_are_not_in_change_data_capture(abroad: Accountant) -> None:
    refused("2000", lambda: abroad.cdc("ExchangeRate", "2026-01-01"))


def test_an_omitted_rate_is_that_of_the_day(abroad: Accountant) -> None:
    abroad.call("POST", "exchangerate", {"SourceCurrencyCode": "EUR", "Rate": 2, "AsOfDate": "2026-03-04"})
    who = abroad.save("Customer", {"DisplayName": "C", "CurrencyRef": {"value": "EUR"}})
    line = {"Amount": 10, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}
    body = {"CustomerRef": {"value": who["Id"]}, "CurrencyRef": {"value": "EUR"}, "Line": [line]}
    assert abroad.save("Invoice", {**body, "TxnDate": "2026-03-04"})["ExchangeRate"] == 2
    assert abroad.save("Invoice", {**body, "TxnDate": "2026-03-05"})["ExchangeRate"] == Decimal("1.25")
