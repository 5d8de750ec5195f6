"""What the company's preferences switch on: classes, locations, projects, online payment, copies (entities.md 1.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


@pytest.fixture
def prefer(sandbox: RunningSandbox, realm: str) -> Make:
    """prefer(SalesFormsPrefs={...}) sets preferences as the person in the browser does."""

    def change(**groups: Json) -> Json:
        changed: Json = sandbox.admin("PATCH", f"/companies/{realm}/preferences", groups)
        return changed

    return change


def test_classes_and_locations_are_kept_where_the_company_uses_them(
    person: Accountant, customer: Json, line: Make, prefer: Make
) -> None:
    kind = {"value": person.save("Class", {"Name": "Retail"})["Id"]}
    place = {"value": person.save("Department", {"Name": "Bath"})["Id"]}
    body = {
        "CustomerRef": {"value": customer["Id"]},
        "Line": [line(1, ClassRef=kind)],
        "ClassRef": kind,
        "DepartmentRef": place,
    }

    def kept() -> tuple[bool, bool, bool]:
        made = person.save("Invoice", body)
        return "ClassRef" in made, "DepartmentRef" in made, "ClassRef" in made["Line"][0]["SalesItemLineDetail"]

    assert kept() == (False, False, False)
    prefer(AccountingInfoPrefs={"ClassTrackingPerTxn": True, "TrackDepartments": True})
    assert kept() == (True, True, False)
    made = person.save("Invoice", body)
    assert made["ClassRef"] == {**kind, "name": "Retail"}
    assert made["DepartmentRef"] == {**place, "name": "Bath"}
    assert code_of(lambda: person.save("Invoice", {**body, "ClassRef": {"value": "99"}})) == "2500"
    assert code_of(lambda: person.save("Invoice", {**body, "DepartmentRef": {"value": "99"}})) == "2500"
    prefer(AccountingInfoPrefs={"ClassTrackingPerTxn": False, "ClassTrackingPerTxnLine": True})
    assert kept() == (False, True, True)
    stray = {**body, "Line": [line(1, ClassRef={"value": "99"})]}
    assert code_of(lambda: person.save("Invoice", stray)) == "2500"
    person.save("Class", {**person.read("Class", kind["value"]), "Active": False})
    assert code_of(lambda: person.save("Invoice", body)) == "2500"
    again = person.query("select * from Invoice orderby Id desc maxresults 1")[0]
    slim = {"Id": again["Id"], "SyncToken": again["SyncToken"], "sparse": True, "PrivateNote": "x"}
    assert person.save("Invoice", slim)["Line"] == again["Line"]


def test_a_project_is_kept_where_projects_are_on(
    person: Accountant, customer: Json, invoice: Make, prefer: Make
) -> None:
    ref = {"ProjectRef": {"value": customer["Id"]}}
    assert "ProjectRef" not in invoice(1, **ref)
    prefer(OtherPrefs={"NameValue": [{"Name": "ProjectsEnabled", "Value": "true"}]})
    assert invoice(1, **ref)["ProjectRef"] == ref["ProjectRef"]
    assert code_of(lambda: invoice(1, ProjectRef={"value": "99"})) == "2500"
    paid = {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": 1, **ref}
    assert person.save("Payment", paid)["ProjectRef"] == ref["ProjectRef"]


def test_online_payment_flags_need_the_preference(invoice: Make, prefer: Make) -> None:
    flags = {"AllowOnlineCreditCardPayment": True, "AllowOnlineACHPayment": True, "AllowOnlinePayment": True}
    assert not any(invoice(1, **flags)[flag] for flag in flags)
    prefer(SalesFormsPrefs={"ETransactionPaymentEnabled": True})
    made = invoice(1, **flags)
    assert [made[flag] for flag in flags] == [True, True, False]
    assert not any(invoice(1)[flag] for flag in flags)


def test_copies_go_to_the_companys_addresses_unless_said_otherwise(
    person: Accountant, invoice: Make, prefer: Make
) -> None:
    assert "BillEmailCc" not in invoice(1, BillEmailCc={"Address": "nobody"})
    assert code_of(lambda: invoice(1, BillEmail={"Address": "nobody"})) == "2210"
    prefer(SalesFormsPrefs={"SalesEmailCc": {"Address": "cc@us.com"}, "SalesEmailBcc": {"Address": "bcc@us.com"}})
    made = invoice(1, BillEmailCc={"Address": "other@us.com"})
    assert (made["BillEmailCc"], made["BillEmailBcc"]) == ({"Address": "other@us.com"}, {"Address": "bcc@us.com"})
    slim = {name: made[name] for name in ("Id", "SyncToken", "CustomerRef", "Line")}
    assert "BillEmailBcc" not in person.save("Invoice", slim)
    long = "x" * 195 + "@us.com"
    assert code_of(lambda: invoice(1, BillEmailCc={"Address": long})) == "2050"
