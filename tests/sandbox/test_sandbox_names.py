"""Customer, Vendor and Employee: one space of names, who may go, what is derived (entities.md 3.1 to 3.3, 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import Accountant, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]
KINDS = ("Customer", "Vendor", "Employee")


def named(kind: str, name: str) -> Json:
    """The least a record of this list needs."""
    return {"DisplayName": name, **({"GivenName": name[:20]} if kind == "Employee" else {})}


@pytest.mark.checklist(55)
@pytest.mark.parametrize("holder", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_name_is_taken_for_all_three_lists(
    sandbox: RunningSandbox, person: Accountant, holder: str, other: str
) -> None:
    made = person.save(holder, named(holder, "Ada Lovelace"))
    error = refused("6240", lambda: person.save(other, named(other, "  ada LOVELACE")))
    assert error["Detail"].startswith(
        "The name supplied already exists. : Another customer, vendor or employee is already using this name."
    )
    assert "Id=" not in error["Detail"]
    sandbox.switch(duplicate_name_id=True)
    error = refused("6240", lambda: person.save(other, named(other, "Ada Lovelace")))
    assert error["Detail"].endswith(f"Id={made['Id']}")


@pytest.mark.checklist(55)
def test_an_update_cannot_take_a_name_and_may_recase_its_own(person: Accountant) -> None:
    assert person.save("Customer", {"DisplayName": " Ada "})["DisplayName"] == "Ada"
    vendor = person.save("Vendor", {"DisplayName": "Grace"})
    refused("6240", lambda: person.save("Vendor", {**vendor, "DisplayName": "ada"}))
    assert person.save("Vendor", {**vendor, "DisplayName": "GRACE"})["DisplayName"] == "GRACE"


@pytest.mark.checklist(55)
def test_two_jobs_of_different_customers_cannot_have_one_name(person: Accountant) -> None:
    parents = [person.save("Customer", {"DisplayName": name}) for name in ("Ada", "Grace")]
    jobs = [{"DisplayName": "Roof", "Job": True, "ParentRef": {"value": parent["Id"]}} for parent in parents]
    person.save("Customer", jobs[0])
    refused("6240", lambda: person.save("Customer", jobs[1]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from(("ada", "ADA", " Ada ", "bob", "Bob"))), max_size=6
    )
)
def test_whatever_is_made_no_two_names_are_equal(sandbox: RunningSandbox, names: list[tuple[str, str]]) -> None:
    """Checklist 55 as a property: a create goes through exactly when nobody active or not has the folded name."""
    person = sandbox.connect(sandbox.create_company())
    held: set[str] = set()
    for kind, name in names:
        if name.strip().casefold() in held:
            refused("6240", partial(person.save, kind, named(kind, name)))
        else:
            assert person.save(kind, named(kind, name))["DisplayName"] == name.strip()
            held.add(name.strip().casefold())


def test_the_three_lists_share_one_row_of_ids(person: Accountant) -> None:
    made = [person.save(kind, named(kind, f"n{kind}")) for kind in KINDS]
    assert [int(body["Id"]) for body in made] == [1, 2, 3]


@pytest.mark.checklist(57)
@pytest.mark.parametrize("kind", KINDS)
def test_names_keep_out_separators_and_have_a_length(person: Accountant, kind: str) -> None:
    for member in ("DisplayName", "GivenName", "MiddleName", "FamilyName", "PrintOnCheckName", "Title", "Suffix"):
        for mark in (":", "\t", "\n"):
            body = {**named(kind, "x"), member: f"a{mark}b"}
            assert refused("2040", partial(person.save, kind, body))["element"] == member
    lengths = {"DisplayName": 500, "GivenName": 100, "FamilyName": 100, "MiddleName": 100, "Title": 16, "Suffix": 16}
    for member, longest in lengths.items():
        body = {**named(kind, "x"), member: "x" * (longest + 1)}
        detail = refused("2050", partial(person.save, kind, body))["Detail"]
        assert f"Max:{longest} supported. Supplied length:{longest + 1}" in detail
    refused("2210", lambda: person.save(kind, {**named(kind, "x"), "PrimaryEmailAddr": {"Address": "nobody"}}))


def test_names_are_built_from_their_parts(person: Accountant) -> None:
    parts = {"Title": "Dr", "GivenName": "Ada", "MiddleName": "B", "FamilyName": "King", "Suffix": "Jr"}
    for number, kind in enumerate(KINDS):
        made = person.save(kind, {**parts, "FamilyName": f"King{number}"})
        assert made["DisplayName"] == made["PrintOnCheckName"] == f"Dr Ada B King{number} Jr"
        refused("6080", partial(person.save, kind, {"PrintOnCheckName": "x"}))
    refused("6080", lambda: person.save("Employee", {"DisplayName": "only shown"}))


def test_a_vendor_has_its_members_and_masks_its_tax_number(person: Accountant) -> None:
    made = person.save(
        "Vendor",
        {"DisplayName": "V", "AcctNum": "7", "TermRef": {"value": "3", "name": "x"}, "TaxIdentifier": "99-5688293"},
    )
    assert made["TaxIdentifier"] == "XXXXXX8293"
    assert (made["Vendor1099"], made["Balance"], made["TermRef"]) == (False, 0, {"value": "3"})
    assert made["CurrencyRef"]["value"] == "USD"
    assert person.save("Vendor", made)["TaxIdentifier"] == "XXXXXX8293"
    refused("2500", lambda: person.save("Vendor", {"DisplayName": "W", "TermRef": {"value": "99"}}))
    refused("6430", lambda: person.save("Vendor", {"DisplayName": "W", "APAccountRef": {"value": "35"}}))
    refused("2050", lambda: person.save("Vendor", {"DisplayName": "W", "TaxIdentifier": "1" * 21}))
    slim = {"Id": made["Id"], "SyncToken": "1", "sparse": True, "AcctNum": "8"}
    assert person.save("Vendor", slim)["TaxIdentifier"] == "XXXXXX8293"


def test_a_customer_masks_its_tax_numbers_but_for_five(person: Accountant) -> None:
    numbers = {"PrimaryTaxIdentifier": "GB123456789", "SecondaryTaxIdentifier": "12"}
    made = person.save("Customer", {"DisplayName": "C", **numbers})
    assert made["PrimaryTaxIdentifier"] == "XXXXXX56789"
    assert made["SecondaryTaxIdentifier"] == "12"


def test_an_employee_is_small_and_hides_its_number(person: Accountant) -> None:
    made = person.save("Employee", {"GivenName": "John", "FamilyName": "Meuller", "SSN": "444-55-6666"})
    assert (made["SSN"], made["BillableTime"], made["Active"]) == ("XXX-XX-XXXX", False, True)
    refused("2290", lambda: person.save("Employee", {"GivenName": "x", "BillRate": -1}))


@pytest.mark.checklist(45)
@pytest.mark.checklist(59)
@pytest.mark.parametrize("kind", KINDS)
def test_deactivation_renames_frees_the_name_and_hides(person: Accountant, kind: str) -> None:
    """Hidden from queries unless Active is asked for."""
    made = person.save(kind, named(kind, "Ada"))
    gone = person.save(kind, {**made, "Active": False})
    assert (gone["DisplayName"], gone["SyncToken"], gone["PrintOnCheckName"]) == ("Ada (deleted)", "1", "Ada")
    assert person.read(kind, made["Id"]) == gone
    assert person.query(f"select * from {kind}") == []
    assert person.query(f"select * from {kind} where Active in (true, false)") == [gone]
    assert person.query(f"select * from {kind} where Active = false") == [gone]
    again = person.save(kind, named(kind, "Ada"))
    stripped = person.save(kind, {**gone, "DisplayName": "Ada"})
    assert stripped["DisplayName"] == "Ada (deleted)"
    back = person.save(kind, {**stripped, "Active": True})
    assert back["DisplayName"] == "Ada (deleted)"
    refused("6240", lambda: person.save(kind, {**back, "DisplayName": "ada"}))
    assert person.save(kind, {**back, "DisplayName": "Eve"})["DisplayName"] == "Eve"
    assert again["DisplayName"] == "Ada"
    refused("500", lambda: person.delete(kind, again))


@pytest.mark.checklist(59)
def test_what_comes_back_can_get_its_name_back(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.switch(reactivated_name="restored")
    made = person.save("Vendor", {"DisplayName": "Ada"})
    gone = person.save("Vendor", {**made, "Active": False})
    back = person.save("Vendor", {"Id": made["Id"], "SyncToken": "1", "sparse": True, "Active": True})
    assert (gone["DisplayName"], back["DisplayName"]) == ("Ada (deleted)", "Ada")


@pytest.mark.checklist(57)
def test_naming_something_inactive_is_2500_or_610(sandbox: RunningSandbox, person: Accountant) -> None:
    term = person.save("Term", {"Name": "Old", "DueDays": 3})
    person.save("Term", {**term, "Active": False})
    body = {"DisplayName": "V", "TermRef": {"value": term["Id"]}}
    error = refused("2500", lambda: person.save("Vendor", body))
    assert "has been made inactive" in error["Detail"]
    sandbox.switch(inactive_reference="610")
    refused("610", lambda: person.save("Vendor", body))
    refused("2500", lambda: person.save("Vendor", {**body, "TermRef": {"value": "999"}}))


def test_who_has_a_balance_stays(person: Accountant, customer: Json, invoice: Callable[..., Json]) -> None:
    made = invoice(10)
    refused("6220", lambda: person.save("Customer", {**customer, "Active": False}))
    person.delete("Invoice", made)
    assert person.save("Customer", {**customer, "Active": False})["Active"] is False


def test_a_vendor_with_a_balance_stays(person: Accountant) -> None:
    vendor = person.save("Vendor", {"DisplayName": "V"})
    line = {
        "Amount": 10,
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "87"}},
    }
    bill = person.save("Bill", {"VendorRef": {"value": vendor["Id"]}, "Line": [line]})
    assert person.read("Vendor", vendor["Id"])["Balance"] == 10
    refused("6220", lambda: person.save("Vendor", {**vendor, "Active": False}))
    person.delete("Bill", bill)
    person.save("Vendor", {**vendor, "Active": False})


def test_a_customer_with_unbilled_charges_stays(person: Accountant, customer: Json) -> None:
    detail = {
        "AccountRef": {"value": "87"},
        "CustomerRef": {"value": customer["Id"]},
        "BillableStatus": "Billable",
    }
    line = {"Amount": 10, "DetailType": "AccountBasedExpenseLineDetail", "AccountBasedExpenseLineDetail": detail}
    vendor = person.save("Vendor", {"DisplayName": "V"})
    bill = person.save("Bill", {"VendorRef": {"value": vendor["Id"]}, "Line": [line]})
    refused("6280", lambda: person.save("Customer", {**customer, "Active": False}))
    person.delete("Bill", bill)
    person.save("Customer", {**customer, "Active": False})


def test_an_opening_balance_is_refused_and_zero_is_not(person: Accountant) -> None:
    for kind in ("Customer", "Vendor"):
        refused("6000", partial(person.save, kind, {"DisplayName": kind, "Balance": 5}))
        made = person.save(kind, {"DisplayName": kind, "Balance": 0, "OpenBalanceDate": "2026-01-01"})
        assert "OpenBalanceDate" not in made
        assert person.save(kind, {**made, "Balance": 77})["Balance"] == 0


def test_bill_with_parent_is_for_jobs_and_settled_by_invoices(
    person: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    assert person.save("Customer", {"DisplayName": "x", "BillWithParent": True})["BillWithParent"] is False
    job = {"DisplayName": "Job", "Job": True, "BillWithParent": True, "ParentRef": {"value": customer["Id"]}}
    made = person.save("Customer", job)
    assert made["BillWithParent"] is True
    person.save("Invoice", {"CustomerRef": {"value": made["Id"]}, "Line": [line(5)]})
    slim = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "BillWithParent": False}
    refused("6130", lambda: person.save("Customer", slim))
    assert person.save("Customer", {**slim, "BillWithParent": True})["BillWithParent"] is True


def test_taxable_and_the_default_code_go_together(sandbox: RunningSandbox, person: Accountant) -> None:
    plain = person.save("Customer", {"DisplayName": "a"})
    assert plain["Taxable"] is False
    coded = person.save("Customer", {"DisplayName": "b", "DefaultTaxCodeRef": {"value": "2", "name": "x"}})
    assert (coded["Taxable"], coded["DefaultTaxCodeRef"]) == (True, {"value": "2"})
    body = {"DisplayName": "c", "DefaultTaxCodeRef": {"value": "2"}, "TaxExemptionReasonId": "3"}
    exempt = person.save("Customer", body)
    assert exempt["Taxable"] is False
    assert "DefaultTaxCodeRef" not in exempt
    sandbox.change_company(person.realm, default_tax_code="3")
    usual = person.save("Customer", {"DisplayName": "d"})
    assert (usual["Taxable"], usual["DefaultTaxCodeRef"]) == (True, {"value": "3"})


def test_a_tree_moves_with_its_top_and_stays_five_levels_deep(person: Accountant) -> None:
    def below(name: str, parent: Json) -> Json:
        return person.save("Customer", {"DisplayName": name, "Job": True, "ParentRef": {"value": parent["Id"]}})

    top = person.save("Customer", {"DisplayName": "top"})
    one = below("one", top)
    two = below("two", one)
    three = below("three", two)
    other = below("other", person.save("Customer", {"DisplayName": "else"}))
    move = {"Id": one["Id"], "SyncToken": "0", "sparse": True, "ParentRef": {"value": other["Id"]}}
    moved = person.save("Customer", move)
    assert (moved["Level"], moved["FullyQualifiedName"]) == (2, "else:other:one")
    lowest = person.read("Customer", three["Id"])
    assert (lowest["Level"], lowest["FullyQualifiedName"]) == (4, "else:other:one:two:three")
    deeper = below("deeper", other)
    sunk = {**moved, "ParentRef": {"value": deeper["Id"]}}
    refused("6180", lambda: person.save("Customer", sunk))
    out = person.save("Customer", {**moved, "ParentRef": None, "Job": False})
    assert out["Job"] is False
    assert "Level" not in out
    assert person.read("Customer", three["Id"])["Level"] == 2
