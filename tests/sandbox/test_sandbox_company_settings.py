"""CompanyInfo, Preferences and the company options: what is written takes effect (entities.md 1.8, 2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, AdminError, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]


def prefs_of(person: Accountant) -> Json:
    found: Json = person.call("GET", "preferences")["Preferences"]
    return found


def set_prefs(person: Accountant, sparse: bool = True, **groups: Json) -> Json:
    now = prefs_of(person)
    return person.save("Preferences", {"Id": "1", "SyncToken": now["SyncToken"], "sparse": sparse, **groups})


def test_a_sparse_update_changes_what_is_sent_and_takes_effect(
    person: Accountant, invoice: Callable[..., Json]
) -> None:
    assert invoice(10)["DocNumber"]
    before = prefs_of(person)
    changed = set_prefs(person, SalesFormsPrefs={"CustomTxnNumbers": True})
    assert changed["SyncToken"] == str(int(before["SyncToken"]) + 1)
    assert changed["SalesFormsPrefs"] == {**before["SalesFormsPrefs"], "CustomTxnNumbers": True}
    assert {name: changed[name] for name in before if name.endswith("Prefs") and name != "SalesFormsPrefs"} == {
        name: before[name] for name in before if name.endswith("Prefs") and name != "SalesFormsPrefs"
    }
    assert prefs_of(person) == changed
    assert person.query("select * from Preferences") == [changed]
    assert "DocNumber" not in invoice(10)
    refused("5010", lambda: person.save("Preferences", {"Id": "1", "SyncToken": "0", "sparse": True}))


def test_read_only_preferences_are_ignored(person: Accountant) -> None:
    before = prefs_of(person)
    changed = set_prefs(
        person,
        CurrencyPrefs={"MultiCurrencyEnabled": True},
        TaxPrefs={"UsingSalesTax": False},
        OtherPrefs={"NameValue": []},
        SalesFormsPrefs={"AutoApplyCredit": True},
        AccountingInfoPrefs={"BookCloseDate": "2099-01-01"},
    )
    assert {name: changed[name] for name in before if name.endswith("Prefs")} == {
        name: before[name] for name in before if name.endswith("Prefs")
    }
    refused("2010", lambda: set_prefs(person, SalesFormsPrefs={"Colour": "red"}))
    refused("2010", lambda: set_prefs(person, ColourPrefs={}))
    refused("2010", lambda: set_prefs(person, SalesFormsPrefs={"AllowDiscount": "perhaps"}))
    refused("500", lambda: person.delete("Preferences", changed))


def test_a_full_update_clears_or_keeps_what_is_left_out(sandbox: RunningSandbox, person: Accountant) -> None:
    before = prefs_of(person)
    sandbox.switch(preferences_update="keep")
    kept = set_prefs(person, sparse=False, ProductAndServicesPrefs={"ForSales": False})
    assert kept["SalesFormsPrefs"] == before["SalesFormsPrefs"]
    sandbox.switch(preferences_update="clear")
    cleared = set_prefs(person, sparse=False, ProductAndServicesPrefs={"ForSales": True})
    assert cleared["ProductAndServicesPrefs"] == dict.fromkeys(before["ProductAndServicesPrefs"], False) | {
        "ForSales": True
    }
    assert cleared["SalesFormsPrefs"]["AllowDiscount"] is False
    assert "DefaultTerms" not in cleared["SalesFormsPrefs"]
    assert cleared["CurrencyPrefs"] == before["CurrencyPrefs"]
    assert cleared["OtherPrefs"] == before["OtherPrefs"]


def test_the_whole_object_sent_back_changes_nothing(person: Accountant) -> None:
    before = prefs_of(person)
    after = person.save("Preferences", before)
    assert {**after, "SyncToken": "", "MetaData": {}} == {**before, "SyncToken": "", "MetaData": {}}


def test_preferences_name_what_exists(person: Accountant) -> None:
    refused("2500", lambda: set_prefs(person, SalesFormsPrefs={"DefaultTerms": {"value": "99"}}))
    refused("2500", lambda: set_prefs(person, SalesFormsPrefs={"DefaultDiscountAccount": "999"}))
    changed = set_prefs(person, VendorAndPurchasesPrefs={"DefaultTerms": {"value": "2"}})
    assert changed["VendorAndPurchasesPrefs"]["DefaultTerms"] == {"value": "2"}


def test_classes_are_tracked_in_one_way_and_from_plus_up(sandbox: RunningSandbox, person: Accountant) -> None:
    set_prefs(person, AccountingInfoPrefs={"ClassTrackingPerTxn": True})
    refused("6000", lambda: set_prefs(person, AccountingInfoPrefs={"ClassTrackingPerTxnLine": True}))
    with pytest.raises(AdminError, match="not both"):
        sandbox.change_company(person.realm, class_tracking_per_line=True)
    sandbox.change_company(person.realm, plan="QuickBooks Online Essentials")
    assert prefs_of(person)["AccountingInfoPrefs"]["ClassTrackingPerTxn"] is False
    for member in ("ClassTrackingPerTxn", "TrackDepartments"):
        refused("5030", partial(set_prefs, person, AccountingInfoPrefs={member: True}))
    with pytest.raises(AdminError, match="has no track_departments"):
        sandbox.change_company(person.realm, track_departments=True)


def test_plan_and_subscription_show_in_company_info(sandbox: RunningSandbox, person: Accountant) -> None:
    def shown() -> dict[str, str]:
        pairs = person.read("CompanyInfo", person.realm)["NameValue"]
        return {pair["Name"]: pair["Value"] for pair in pairs}

    assert (shown()["OfferingSku"], shown()["SubscriptionStatus"]) == ("QuickBooks Online Plus", "PAID")
    sandbox.change_company(person.realm, plan="QuickBooks Online Advanced", subscription="CANCELLED")
    assert (shown()["OfferingSku"], shown()["SubscriptionStatus"]) == ("QuickBooks Online Advanced", "CANCELLED")
    realm = sandbox.create_company(plan="QuickBooks Online Simple Start")
    person = sandbox.connect(realm)
    assert shown()["OfferingSku"] == "QuickBooks Online Simple Start"
    with pytest.raises(AdminError, match="plan must be one of"):
        sandbox.change_company(realm, plan="Gold")


def test_purchase_orders_need_plus(sandbox: RunningSandbox) -> None:
    person = sandbox.connect(sandbox.create_company(plan="QuickBooks Online Essentials"))
    vendor = person.save("Vendor", {"DisplayName": "V"})
    detail = {"AccountRef": {"value": "87"}}
    line = {"Amount": 5, "DetailType": "AccountBasedExpenseLineDetail", "AccountBasedExpenseLineDetail": detail}
    body = {"VendorRef": {"value": vendor["Id"]}, "APAccountRef": {"value": "33"}, "Line": [line]}
    refused("5020", lambda: person.save("PurchaseOrder", body))


def test_multicurrency_stays_on_and_is_not_for_simple_start(sandbox: RunningSandbox) -> None:
    realm = sandbox.create_company(multicurrency=True)
    assert prefs_of(sandbox.connect(realm))["CurrencyPrefs"]["MultiCurrencyEnabled"] is True
    for options in ({"multicurrency": False}, {"plan": "QuickBooks Online Simple Start"}):
        with pytest.raises(AdminError):
            sandbox.change_company(realm, **options)
    assert prefs_of(sandbox.connect(realm))["CurrencyPrefs"]["MultiCurrencyEnabled"] is True
    with pytest.raises(AdminError, match="has no multicurrency"):
        sandbox.create_company(plan="QuickBooks Online Simple Start", multicurrency=True)


@pytest.mark.parametrize(
    ("option", "value", "path"),
    [
        ("allow_shipping", True, ("SalesFormsPrefs", "AllowShipping")),
        ("class_tracking_per_line", True, ("AccountingInfoPrefs", "ClassTrackingPerTxnLine")),
        ("track_departments", True, ("AccountingInfoPrefs", "TrackDepartments")),
        ("automated_tax", True, ("TaxPrefs", "PartnerTaxEnabled")),
        ("billable_expenses", False, ("VendorAndPurchasesPrefs", "BillableExpenseTracking")),
        ("purchase_items", False, ("ProductAndServicesPrefs", "ForPurchase")),
    ],
)
def test_options_show_in_preferences(
    sandbox: RunningSandbox, person: Accountant, option: str, value: bool, path: tuple[str, str]
) -> None:
    sandbox.change_company(person.realm, **{option: value})
    group, member = path
    assert prefs_of(person)[group][member] is value
    sandbox.change_company(person.realm, **{option: not value})
    assert bool(prefs_of(person)[group].get(member)) is not value


def test_options_of_other_prefs_show_as_pairs(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.change_company(person.realm, projects=True, custom_purchase_numbers=True, warn_duplicate_bill_numbers=True)
    pairs = {pair["Name"]: pair["Value"] for pair in prefs_of(person)["OtherPrefs"]["NameValue"]}
    for name in ("ProjectsEnabled", "VendorAndPurchasesPrefs.UseCustomTxnNumbers", "WarnDuplicateBillNumber"):
        assert pairs[name] == "true"


def test_company_info_is_updated_whole_or_in_part(person: Accountant) -> None:
    info = person.read("CompanyInfo", person.realm)
    assert info["WebAddr"] == {}
    slim = {"Id": "1", "SyncToken": info["SyncToken"], "sparse": True, "WebAddr": {"URI": "http://ada.example"}}
    part = person.save("CompanyInfo", slim)
    assert part["WebAddr"] == {"URI": "http://ada.example"}
    assert part["LegalAddr"] == info["LegalAddr"]
    whole = person.save("CompanyInfo", {"Id": "1", "SyncToken": part["SyncToken"], "CompanyName": "Only"})
    assert whole["WebAddr"] == {}
    assert not whole.keys() & {"LegalName", "LegalAddr", "CompanyAddr"}
    assert (whole["Country"], whole["NameValue"]) == (info["Country"], info["NameValue"])
    slim = {"Id": "1", "SyncToken": whole["SyncToken"]}
    assert refused("2020", lambda: person.save("CompanyInfo", slim))["element"] == "CompanyName"
    refused("2050", lambda: person.save("CompanyInfo", {**whole, "CompanyName": "x" * 1025}))
    refused("2170", lambda: person.save("CompanyInfo", {**whole, "FiscalYearStartMonth": "Smarch"}))
    refused("500", lambda: person.save("CompanyInfo", {"CompanyName": "Second"}))


@pytest.mark.checklist(58)
def test_a_lapsed_company_takes_no_write_at_all(sandbox: RunningSandbox, person: Accountant, customer: Json) -> None:
    """6190 for lists, settings, rates and tax codes alike; reads go on."""
    sandbox.change_company(person.realm, subscription="EXPIRED")
    prefs = prefs_of(person)
    for entity, body in (
        ("Vendor", {"DisplayName": "x"}),
        ("Class", {"Name": "x"}),
        ("Account", {"Name": "x", "AccountType": "Bank"}),
        ("Customer", {**customer, "Active": False}),
        ("Preferences", prefs),
        ("TaxAgency", {"DisplayName": "x"}),
    ):
        error = refused("6190", partial(person.save, entity, body))
        assert error["Detail"].startswith("Subscription period has ended or canceled")
    refused("6190", lambda: person.call("POST", "taxservice/taxcode", {"TaxCode": "x", "TaxRateDetails": []}))
    refused("6190", lambda: person.call("POST", "exchangerate", {}))
    assert prefs_of(person) == prefs
    assert person.count("Customer") == 1
    sandbox.change_company(person.realm, subscription="TRIAL")
    assert person.save("Vendor", {"DisplayName": "x"})
