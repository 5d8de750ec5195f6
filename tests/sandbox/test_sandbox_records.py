"""Create, read, update, deactivate: the rules every entity shares (protocol.md 8, entities.md 1, 3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]


def refused(code: str, work: Callable[[], object]) -> Json:
    """Run something that must be refused with this code; the error's entry."""
    with pytest.raises(RefusedError) as caught:
        work()
    assert caught.value.code == code, caught.value.body
    error: Json = caught.value.body["Fault"]["Error"][0]
    return error


@pytest.mark.checklist(1)
@pytest.mark.checklist(18)
def test_create_answers_the_whole_object_with_token_zero(person: Accountant) -> None:
    made = person.save("Customer", {"DisplayName": "Ada", "PrimaryEmailAddr": {"Address": "a@b.c"}})
    assert made["SyncToken"] == "0"
    assert made["domain"] == "QBO"
    assert made["sparse"] is False
    assert made["Balance"] == 0
    assert made["FullyQualifiedName"] == made["PrintOnCheckName"] == "Ada"
    assert made["CurrencyRef"] == {"value": "USD", "name": "United States Dollar"}
    assert person.read("Customer", made["Id"]) == made


@pytest.mark.checklist(1)
@pytest.mark.checklist(2)
def test_token_rises_with_each_update_and_a_stale_one_changes_nothing(person: Accountant, customer: Json) -> None:
    second = person.save("Customer", {**customer, "Notes": "one"})
    assert second["SyncToken"] == "1"
    error = refused("5010", lambda: person.save("Customer", {**customer, "Notes": "two"}))
    assert error["Message"] == "Stale Object Error"
    assert person.read("Customer", customer["Id"]) == second
    refused("2020", lambda: person.save("Customer", {"Id": customer["Id"], "sparse": True, "Notes": "x"}))


@pytest.mark.checklist(3)
def test_last_updated_moves_in_whole_pacific_seconds_with_daylight_saving(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)
    sandbox.set_clock("2026-01-05T20:00:00.700+00:00")
    person = sandbox.connect(realm)
    made = person.save("Customer", {"DisplayName": "Ada"})
    assert made["MetaData"]["CreateTime"] == "2026-01-05T12:00:00-08:00"
    sandbox.set_clock("2026-07-05T20:00:00.700+00:00")
    person = sandbox.connect(realm)
    changed = person.save("Customer", {**made, "Notes": "x"})
    assert changed["MetaData"] == {
        "CreateTime": "2026-01-05T12:00:00-08:00",
        "LastUpdatedTime": "2026-07-05T13:00:00-07:00",
    }
    for moment, offset in (("2026-03-08T09:59:59Z", "-08:00"), ("2026-03-08T10:00:00Z", "-07:00")):
        sandbox.set_clock(moment)
        assert (
            sandbox.connect(realm)
            .save("Customer", {"DisplayName": moment.replace(":", ".")})["MetaData"]["CreateTime"]
            .endswith(offset)
        )


@pytest.mark.checklist(13)
def test_envelope_time_is_the_start_of_the_request_with_milliseconds(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    before = sandbox.last_request()
    answer = person.call("GET", f"customer/{customer['Id']}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-0[78]:00", answer["time"])
    (entry,) = sandbox.requests(after=before)
    assert entry["time"] == answer["time"]
    assert datetime.fromisoformat(answer["time"]) <= datetime.now(UTC)


@pytest.mark.checklist(21)
def test_full_update_clears_writable_members_left_out(person: Accountant) -> None:
    made = person.save("Customer", {"DisplayName": "Ada", "Notes": "n", "CompanyName": "C"})
    slim = {"Id": made["Id"], "SyncToken": "0", "DisplayName": "Ada"}
    changed = person.save("Customer", slim)
    assert "Notes" not in changed
    assert "CompanyName" not in changed
    assert changed["CurrencyRef"] == made["CurrencyRef"]


@pytest.mark.checklist(22)
def test_sparse_update_keeps_what_is_left_out(person: Accountant) -> None:
    made = person.save("Customer", {"DisplayName": "Ada", "Notes": "n", "CompanyName": "C"})
    changed = person.save("Customer", {"Id": made["Id"], "SyncToken": "0", "sparse": True, "MiddleName": "M"})
    assert (changed["Notes"], changed["CompanyName"], changed["MiddleName"]) == ("n", "C", "M")
    assert changed["sparse"] is False
    cleared = person.save("Customer", {"Id": made["Id"], "SyncToken": "1", "sparse": True, "Notes": ""})
    assert "Notes" not in cleared


@pytest.mark.checklist(22)
def test_sparse_update_replaces_lines_as_a_whole(
    person: Accountant, invoice: Callable[..., Json], line: Callable[..., Json]
) -> None:
    made = invoice(10, 20, 30)
    first = made["Line"][0]
    changed = person.save("Invoice", {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Line": [first, line(5)]})
    assert [(li.get("Id"), li["Amount"]) for li in changed["Line"]] == [("1", 10), ("4", 5), (None, 15)]
    assert changed["DocNumber"] == made["DocNumber"]
    doubled = person.save("Invoice", {**changed, "Line": [first, first, line(5) | {"Id": "99"}]})
    assert [li.get("Id") for li in doubled["Line"]] == ["1", "5", "6", None]
    untouched = person.save("Invoice", {"Id": made["Id"], "SyncToken": "2", "sparse": True, "PrivateNote": "x"})
    assert untouched["Line"] == doubled["Line"]


def test_an_update_that_changes_nothing_can_leave_the_token_alone(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    assert person.save("Customer", customer)["SyncToken"] == "1"
    sandbox.switch(noop_update_bumps=False)
    assert person.save("Customer", {**customer, "SyncToken": "1"})["SyncToken"] == "1"


@pytest.mark.checklist(20)
def test_reading_or_changing_what_is_not_there_is_610(person: Accountant, invoice: Callable[..., Json]) -> None:
    made = invoice(10)
    person.delete("Invoice", made)
    refused("610", lambda: person.read("Invoice", made["Id"]))
    refused("610", lambda: person.save("Invoice", made))
    refused("610", lambda: person.delete("Invoice", made))
    with pytest.raises(RefusedError) as caught:
        person.read("Customer", "99999")
    assert caught.value.status == 400


@pytest.mark.checklist(19)
def test_delete_needs_id_and_token_and_answers_a_stub(person: Accountant, invoice: Callable[..., Json]) -> None:
    made = invoice(10)
    refused("5010", lambda: person.delete("Invoice", {**made, "SyncToken": "7"}))
    assert person.delete("Invoice", made) == {"status": "Deleted", "domain": "QBO", "Id": made["Id"]}


@pytest.mark.checklist(55)
def test_display_name_is_unique_without_regard_to_case(person: Accountant, customer: Json) -> None:
    error = refused("6240", lambda: person.save("Customer", {"DisplayName": " ada LOVELACE "}))
    assert error["Message"] == "Duplicate Name Exists Error"
    other = person.save("Customer", {"DisplayName": "Grace"})
    refused("6240", lambda: person.save("Customer", {**other, "DisplayName": "Ada Lovelace"}))
    assert person.save("Customer", {**customer, "DisplayName": "ADA LOVELACE"})["DisplayName"] == "ADA LOVELACE"


def test_a_refused_create_uses_up_no_id(person: Accountant, customer: Json) -> None:
    refused("6240", lambda: person.save("Customer", {"DisplayName": "Ada Lovelace"}))
    assert int(person.save("Customer", {"DisplayName": "Next"})["Id"]) == int(customer["Id"]) + 1


def test_display_name_is_built_from_the_parts_or_refused(person: Accountant) -> None:
    made = person.save("Customer", {"Title": "Ms", "GivenName": "Ada", "FamilyName": "King"})
    assert made["DisplayName"] == "Ms Ada King"
    refused("6080", lambda: person.save("Customer", {"CompanyName": "No name"}))
    refused("2040", lambda: person.save("Customer", {"DisplayName": "a:b"}))
    refused("2050", lambda: person.save("Customer", {"DisplayName": "x" * 501}))
    refused("2210", lambda: person.save("Customer", {"DisplayName": "e", "PrimaryEmailAddr": {"Address": "e"}}))
    refused("6420", lambda: person.save("Customer", {"DisplayName": "e", "PreferredDeliveryMethod": "Email"}))


@pytest.mark.checklist(59)
def test_deactivation_renames_and_frees_the_name(person: Accountant, customer: Json) -> None:
    gone = person.save("Customer", {**customer, "CompanyName": "Firm", "Active": False})
    assert gone["DisplayName"] == gone["FullyQualifiedName"] == "Ada Lovelace (deleted)"
    assert gone["CompanyName"] == "Firm"
    assert gone["SyncToken"] == "1"
    again = person.save("Customer", {"DisplayName": "Ada Lovelace"})
    twice = person.save("Customer", {"Id": again["Id"], "SyncToken": "0", "sparse": True, "Active": False})
    assert twice["DisplayName"] == "Ada Lovelace (deleted 1)"
    noted = person.save("Customer", {"Id": again["Id"], "SyncToken": "1", "sparse": True, "Notes": "x"})
    assert noted["DisplayName"] == "Ada Lovelace (deleted 1)"
    back = person.save("Customer", {"Id": gone["Id"], "SyncToken": "1", "sparse": True, "Active": True})
    assert back["DisplayName"] == "Ada Lovelace (deleted)"
    assert back["Active"] is True


@pytest.mark.checklist(59)
def test_name_lists_cannot_be_deleted_or_voided(person: Accountant, customer: Json) -> None:
    refused("500", lambda: person.delete("Customer", customer))
    slim = {"Id": customer["Id"], "SyncToken": "0"}
    refused("500", lambda: person.save("Customer", slim, operation="void"))
    refused("500", lambda: person.save("TaxCode", {"Name": "x"}))


def test_a_customer_with_a_balance_cannot_be_deactivated(
    person: Accountant, customer: Json, invoice: Callable[..., Json]
) -> None:
    invoice(10)
    refused("6220", lambda: person.save("Customer", {**customer, "Active": False}))


@pytest.mark.checklist(57)
def test_references_must_exist_and_be_active(person: Accountant, customer: Json, line: Callable[..., Json]) -> None:
    def billing(who: str, item: str) -> Json:
        lines = [line(10, ItemRef={"value": item})]
        return person.save("Invoice", {"CustomerRef": {"value": who}, "Line": lines})

    refused("2500", lambda: billing("9999", "1"))
    refused("2500", lambda: billing(customer["Id"], "9999"))
    item = person.save("Item", {"Name": "Old", "Type": "Service", "IncomeAccountRef": {"value": "1"}})
    person.save("Item", {**item, "Active": False})
    refused("2500", lambda: billing(customer["Id"], item["Id"]))
    person.save("Customer", {**customer, "Active": False})
    refused("6250", lambda: billing(customer["Id"], "1"))


@pytest.mark.checklist(57)
def test_missing_unknown_and_too_long_members_are_refused(
    person: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    who = {"CustomerRef": {"value": customer["Id"]}}
    assert refused("2020", lambda: person.save("Invoice", who))["element"] == "Line"
    refused("2020", lambda: person.save("Invoice", {"Line": [line(1)]}))
    refused("2010", lambda: person.save("Invoice", {**who, "Line": [line(1)], "Colour": "red"}))
    refused("2010", lambda: person.save("Customer", {"DisplayName": "x", "BillAddr": {"Street": "x"}}))
    refused("2010", lambda: person.save("Customer", {"DisplayName": "x", "Active": "perhaps"}))
    detail = refused("2050", lambda: person.save("Invoice", {**who, "Line": [line(1)], "DocNumber": "9" * 33}))
    assert detail["Detail"].endswith("Min:0 Max:21 supported. Supplied length:33")
    refused("2170", lambda: person.save("Invoice", {**who, "Line": [line(1)], "EmailStatus": "Maybe"}))
    refused("2060", lambda: person.save("Invoice", {**who, "Line": [line(1)], "TxnDate": "yesterday"}))
    refused("2090", lambda: person.save("Payment", {**who, "TotalAmt": "a lot"}))
    refused("2100", lambda: person.save("Payment", {**who, "TotalAmt": 12345678901}))


def test_sub_customers_carry_path_level_and_their_share_of_the_balance(
    person: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    job = person.save("Customer", {"DisplayName": "Engine", "Job": True, "ParentRef": {"value": customer["Id"]}})
    assert job["FullyQualifiedName"] == "Ada Lovelace:Engine"
    assert (job["Level"], job["Job"]) == (1, True)
    person.save("Invoice", {"CustomerRef": {"value": job["Id"]}, "Line": [line(40)]})
    parent = person.read("Customer", customer["Id"])
    assert (parent["Balance"], parent["BalanceWithJobs"]) == (0, 40)
    renamed = person.save("Customer", {**parent, "DisplayName": "Countess"})
    assert renamed["FullyQualifiedName"] == "Countess"
    child = person.read("Customer", job["Id"])
    assert (child["FullyQualifiedName"], child["SyncToken"]) == ("Countess:Engine", "0")
    refused("6150", lambda: person.save("Customer", {"DisplayName": "x", "Job": True}))
    above = job
    for depth in range(2, 5):
        above = person.save("Customer", {"DisplayName": f"d{depth}", "Job": True, "ParentRef": {"value": above["Id"]}})
    refused(
        "6180",
        lambda: person.save("Customer", {"DisplayName": "d5", "Job": True, "ParentRef": {"value": above["Id"]}}),
    )


def test_items_need_a_type_and_an_income_account(person: Accountant) -> None:
    made = person.save("Item", {"Name": "Design", "Type": "Service", "IncomeAccountRef": {"value": "1"}})
    assert (made["UnitPrice"], made["Taxable"], made["TrackQtyOnHand"]) == (0, False, False)
    refused("2020", lambda: person.save("Item", {"Name": "x", "IncomeAccountRef": {"value": "1"}}))
    refused("2020", lambda: person.save("Item", {"Name": "x", "Type": "Service"}))
    refused(
        "6240",
        lambda: person.save("Item", {"Name": "DESIGN", "Type": "Service", "IncomeAccountRef": {"value": "1"}}),
    )


def test_terms_and_payment_methods_can_be_made(person: Accountant) -> None:
    term = person.save("Term", {"Name": "Net 120", "DueDays": 120})
    assert (term["Type"], term["DiscountPercent"]) == ("STANDARD", 0)
    assert person.save("Term", {"Name": "15th", "DayOfMonthDue": 15})["Type"] == "DATE_DRIVEN"
    refused("2020", lambda: person.save("Term", {"Name": "empty"}))
    refused("2240", lambda: person.save("Term", {"Name": "long", "DueDays": 1000}))
    assert person.save("PaymentMethod", {"Name": "Wire"})["Type"] == "NON_CREDIT_CARD"
    refused("6240", lambda: person.save("PaymentMethod", {"Name": "wire"}))


def test_company_info_is_read_under_the_realm_and_can_be_updated(person: Accountant, realm: str) -> None:
    info = person.read("CompanyInfo", realm)
    assert (info["Id"], info["Country"]) == ("1", "US")
    changed = person.save("CompanyInfo", {**info, "LegalName": "Legal"})
    assert (changed["LegalName"], changed["Country"], changed["SyncToken"]) == ("Legal", "US", "1")
    assert person.query("select * from CompanyInfo") == [changed]
    prefs = person.call("GET", "preferences")["Preferences"]
    assert prefs["SalesFormsPrefs"]["CustomTxnNumbers"] is False


def test_countries_come_back_as_alpha_3(person: Accountant) -> None:
    made = person.save("Customer", {"DisplayName": "a", "BillAddr": {"Line1": "1 St", "Country": "United Kingdom"}})
    assert made["BillAddr"]["Country"] == "GBR"
    changed = person.save("Customer", {**made, "BillAddr": {**made["BillAddr"], "City": "Bath"}})
    assert changed["BillAddr"]["Id"] == made["BillAddr"]["Id"]


@pytest.mark.checklist(41)
def test_every_answer_carries_a_correlation_id(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    token = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    for method, path, headers in (
        ("GET", f"/v3/company/{realm}/companyinfo/{realm}", token),
        ("GET", f"/v3/company/{realm}/invoice/77", token),
        ("GET", f"/v3/company/{realm}/companyinfo/{realm}", {}),
        ("POST", "/oauth2/v1/tokens/bearer", {}),
        ("POST", "/v2/oauth2/tokens/revoke", {}),
    ):
        _, answer, _ = sandbox.send(method, path, None, headers)
        assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", answer["intuit_tid"]), path


@pytest.mark.checklist(66)
def test_minor_version_is_taken_and_ignored(person: Accountant, realm: str) -> None:
    for version in ("1", "75", "99"):
        assert person.call("GET", f"companyinfo/{realm}", minorversion=version)["CompanyInfo"]


@pytest.mark.checklist(67)
def test_without_accepting_json_the_answer_is_xml_or_a_refusal(
    sandbox: RunningSandbox, person: Accountant, customer: Json, realm: str
) -> None:
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}"}
    path = f"/v3/company/{realm}/customer/{customer['Id']}"
    for accept in ({}, {"Accept": "*/*"}):
        status, answer, body = sandbox.send("GET", path, None, {**headers, **accept})
        assert status == 200
        assert answer["content-type"].startswith("application/xml")
        assert body.startswith(b"<?xml")
        assert b"<DisplayName>Ada Lovelace</DisplayName>" in body
    sandbox.switch(missing_accept="refuse")
    status, _, body = sandbox.send("GET", path, None, headers)
    assert status == 400
    assert b"<Fault" in body


def test_bodies_that_are_not_utf_8_or_not_json_are_refused(
    sandbox: RunningSandbox, person: Accountant, realm: str
) -> None:
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    headers["Content-Type"] = "application/json"
    for body, code in ((b'{"DisplayName": "caf\xe9"}', b'"500"'), (b'{"DisplayName": ', b'"2010"')):
        status, _, answer = sandbox.send("POST", f"/v3/company/{realm}/customer", body, headers)
        assert status == 400
        assert b'"code":' + code in answer


def test_unknown_routes_methods_and_entities(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    assert sandbox.send("GET", f"/v3/company/{realm}/nonsense/1", None, headers)[0] == 404
    assert sandbox.send("PUT", f"/v3/company/{realm}/customer", b"{}", headers)[0] == 405
    refused("500", lambda: person.save("TimeActivity", {"Hours": 1}))
    refused("610", lambda: person.read("TimeActivity", "1"))
    assert person.query("select * from TimeActivity") == []


def test_a_lapsed_company_is_read_only(sandbox: RunningSandbox, person: Accountant, customer: Json, realm: str) -> None:
    sandbox.change_company(realm, subscription="CANCELLED")
    refused("6190", lambda: person.save("Customer", {"DisplayName": "x"}))
    assert person.read("Customer", customer["Id"]) == customer


def test_moving_a_job_moves_its_balance_to_the_new_parent(
    person: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    other = person.save("Customer", {"DisplayName": "Grace"})
    job = person.save("Customer", {"DisplayName": "Job", "Job": True, "ParentRef": {"value": customer["Id"]}})
    person.save("Invoice", {"CustomerRef": {"value": job["Id"]}, "Line": [line(40)]})
    job = person.read("Customer", job["Id"])
    moved = person.save("Customer", {**job, "ParentRef": {"value": other["Id"]}})
    assert moved["FullyQualifiedName"] == "Grace:Job"
    totals = [person.read("Customer", who["Id"])["BalanceWithJobs"] for who in (customer, other, moved)]
    assert totals == [0, 40, 40]
    refused("2500", lambda: person.save("Customer", {**other, "Job": True, "ParentRef": {"value": moved["Id"]}}))
