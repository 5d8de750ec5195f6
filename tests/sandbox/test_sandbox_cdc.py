"""Change data capture (protocol.md 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from syncd.sandbox.wire import encode

Json = dict[str, Any]
Make = Callable[..., Json]


def groups_of(person: Accountant, entities: str, since: str) -> list[Json]:
    answer = person.call("GET", "cdc", entities=entities, changedSince=since)
    assert len(answer["CDCResponse"]) == 1
    groups: list[Json] = answer["CDCResponse"][0]["QueryResponse"]
    return groups


def now(sandbox: RunningSandbox) -> str:
    moment: str = sandbox.admin("GET", "/clock")["now"]
    return moment


@pytest.mark.checklist(4)
def test_a_changed_object_comes_once_in_its_current_form(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    sandbox.advance(2)
    since = now(sandbox)
    first = person.save("Customer", {**customer, "Notes": "1"})
    last = person.save("Customer", {**first, "Notes": "2"})
    groups, _ = person.cdc("Customer", since)
    assert groups == {"Customer": [last]}


@pytest.mark.checklist(5)
@pytest.mark.checklist(8)
def test_deletions_follow_the_living_as_stubs(sandbox: RunningSandbox, person: Accountant, invoice: Make) -> None:
    sandbox.set_speed(0)
    one, two, three = invoice(1), invoice(2), invoice(3)
    sandbox.advance(2)
    since = now(sandbox)
    person.delete("Invoice", two)
    deleted_at = now(sandbox)
    sandbox.advance(2)
    later = person.save("Invoice", {**three, "PrivateNote": "x"})
    sandbox.advance(2)
    latest = person.save("Invoice", {**one, "PrivateNote": "x"})
    (group,) = groups_of(person, "Invoice", since)
    stub = group["Invoice"].pop()
    assert group["Invoice"] == [later, latest]
    assert set(stub) == {"domain", "status", "Id", "MetaData"}
    assert (stub["domain"], stub["status"], stub["Id"]) == ("QBO", "Deleted", two["Id"])
    assert set(stub["MetaData"]) == {"LastUpdatedTime"}
    assert stub["MetaData"]["LastUpdatedTime"][:19] == deleted_at[:19]
    assert (group["startPosition"], group["maxResults"], group["totalCount"]) == (1, 3, 3)


def test_a_group_of_deletions_only_has_no_start_position(
    sandbox: RunningSandbox, person: Accountant, invoice: Make
) -> None:
    made = invoice(1)
    sandbox.advance(2)
    since = now(sandbox)
    person.delete("Invoice", made)
    brief = invoice(2)
    person.delete("Invoice", brief)
    (group,) = groups_of(person, "Invoice", since)
    assert {row["Id"] for row in group["Invoice"]} == {made["Id"], brief["Id"]}
    assert "startPosition" not in group
    assert group["maxResults"] == 2


@pytest.mark.checklist(6)
def test_unchanged_entities_are_empty_objects(sandbox: RunningSandbox, person: Accountant, invoice: Make) -> None:
    sandbox.advance(2)
    since = now(sandbox)
    invoice(1)
    groups = groups_of(person, "invoice,payment,Item,CreditMemo", since)
    assert len(groups) == 4
    assert groups.count({}) == 3


@pytest.mark.checklist(7)
def test_groups_do_not_keep_the_order_of_the_request(person: Accountant, sandbox: RunningSandbox) -> None:
    person.save("Customer", {"DisplayName": "x"})
    asked = "Customer,Item,Account,Term,PaymentMethod"
    since = sandbox.admin("GET", "/clock")["now"][:10]

    def order() -> list[str]:
        return [next(iter(group)) for group in groups_of(person, asked, since)]

    seen = {tuple(order()) for _ in range(10)}
    assert len(seen) > 1
    sandbox.switch(cdc_shuffle=False)
    assert order() == asked.split(",")


@pytest.mark.checklist(9)
def test_the_cap_cuts_silently_in_total_or_for_each_entity(
    sandbox: RunningSandbox, person: Accountant, realm: str
) -> None:
    since = now(sandbox)
    for entity, first in (("Customer", 1000), ("Invoice", 5000)):
        meta = {"CreateTime": since[:19] + since[23:], "LastUpdatedTime": since[:19] + since[23:]}
        lines = []
        for n in range(first, first + 700):
            record: Json = {"Id": str(n), "SyncToken": "0", "MetaData": meta, "domain": "QBO", "sparse": False}
            record |= {"DisplayName": f"L{n}"} if entity == "Customer" else {"CustomerRef": {"value": "1000"}}
            lines.append(sandbox_line(entity, record))
        assert sandbox.load(realm, lines) == 700
    found, _ = person.cdc("Customer,Invoice", since)
    assert {name: len(rows) for name, rows in found.items()} == {"Customer": 700, "Invoice": 300}
    assert [row["Id"] for row in found["Invoice"]] == [str(n) for n in range(5000, 5300)]
    sandbox.switch(cdc_cap="entity")
    found, _ = person.cdc("Customer,Invoice", since)
    assert {name: len(rows) for name, rows in found.items()} == {"Customer": 700, "Invoice": 700}


def test_a_clock_set_back_does_not_hide_changes(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)
    sandbox.set_clock("2026-05-01T12:00:00-07:00")
    late = sandbox.connect(realm).save("Customer", {"DisplayName": "late"})
    sandbox.set_clock("2026-04-30T12:00:00-07:00")
    person = sandbox.connect(realm)
    early = person.save("Customer", {"DisplayName": "early"})
    assert person.cdc("Customer", "2026-05-01T00:00:00-07:00")[0] == {"Customer": [late]}
    assert person.cdc("Customer", "2026-04-30T00:00:00-07:00")[0] == {"Customer": [early, late]}


@pytest.mark.checklist(9)
def test_deletions_are_the_first_to_be_cut(sandbox: RunningSandbox, person: Accountant, invoice: Make) -> None:
    made = [invoice(n + 1) for n in range(5)]
    sandbox.advance(2)
    since = now(sandbox)
    for record in made[:3]:
        person.delete("Invoice", record)
    for record in made[3:]:
        person.save("Invoice", {**record, "PrivateNote": "x"})
    sandbox.switch(cdc_limit=3)
    rows = person.cdc("Invoice", since)[0]["Invoice"]
    assert [row["Id"] for row in rows[:2]] == [record["Id"] for record in made[3:]]
    assert [row.get("status") for row in rows] == [None, None, "Deleted"]
    sandbox.switch(cdc_limit=2)
    assert len(person.cdc("Invoice", since)[0]["Invoice"]) == 2


def sandbox_line(entity: str, record: Json) -> bytes:
    return encode({entity: record})


@pytest.mark.checklist(10)
def test_more_than_thirty_days_back_is_refused_or_clamped(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    with pytest.raises(RefusedError) as caught:
        person.cdc("Customer", "2020-01-01")
    assert caught.value.status == 400
    assert caught.value.body["Fault"]["type"] == "ValidationFault"
    sandbox.switch(cdc_too_old="clamp")
    assert person.cdc("Customer", "2020-01-01")[0] == {"Customer": [customer]}
    sandbox.advance(31 * 86_400)
    later = sandbox.connect(person.realm)
    assert later.cdc("Customer", "2020-01-01")[0] == {}


def test_the_answers_own_time_is_a_safe_next_cursor(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    """A change in the same second as the answer is seen by the next call: second resolution, inclusive."""
    _, cursor = person.cdc("Customer", now(sandbox))
    changed = person.save("Customer", {**customer, "Notes": "x"})
    assert person.cdc("Customer", cursor)[0] == {"Customer": [changed]}
    sandbox.switch(cdc_since="exclusive")
    stamp = changed["MetaData"]["LastUpdatedTime"]
    assert person.cdc("Customer", stamp)[0] == {}


def test_the_lag_switch_hides_the_newest_changes(sandbox: RunningSandbox, person: Accountant, customer: Json) -> None:
    since = now(sandbox)[:10]
    sandbox.switch(cdc_lag_seconds=30)
    assert person.cdc("Customer", since)[0] == {}
    sandbox.advance(31)
    assert person.cdc("Customer", since)[0] == {"Customer": [customer]}


def test_deactivation_is_an_ordinary_change(sandbox: RunningSandbox, person: Accountant, customer: Json) -> None:
    since = now(sandbox)
    gone = person.save("Customer", {**customer, "Active": False})
    assert person.cdc("Customer", since)[0] == {"Customer": [gone]}


@pytest.mark.parametrize("entities", ["TaxCode", "TaxRate", "CompanyInfo", "Nonsense", ""])
def test_entities_outside_cdc_are_refused(person: Accountant, sandbox: RunningSandbox, entities: str) -> None:
    with pytest.raises(RefusedError) as caught:
        person.cdc(entities, now(sandbox))
    assert caught.value.status == 400


@pytest.mark.parametrize("since", ["", "soon", "2026-01-05T12:00:00 00:00"])
def test_changed_since_must_be_a_moment(person: Accountant, since: str) -> None:
    with pytest.raises(RefusedError) as caught:
        person.cdc("Customer", since)
    assert caught.value.status == 400


@pytest.mark.checklist(6)
def test_entities_are_named_in_any_case_once_or_more(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    since = now(sandbox)[:10]
    assert person.cdc(" CUSTOMER , term,customer,, Term", since)[0]["Customer"] == [customer]
    assert len(groups_of(person, "customer,CUSTOMER,Invoice", since)) == 2
    everything = "Account,Bill,BillPayment,Class,CreditMemo,Customer,Department,Deposit,Employee,Estimate,Invoice,Item"
    assert len(groups_of(person, f"{everything},JournalEntry,Payment,Purchase,Vendor,VendorCredit", since)) == 17
    with pytest.raises(RefusedError) as caught:
        person.cdc("Customer,Nonsense", since)
    assert caught.value.code == "2000"
    with pytest.raises(RefusedError) as caught:
        person.call("POST", "cdc", {}, entities="Customer", changedSince=since)
    assert caught.value.code == "500"


@pytest.mark.checklist(49)
def test_changed_since_honours_its_offset_and_may_lie_ahead(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)
    sandbox.set_clock("2026-01-05T20:00:00Z")
    person = sandbox.connect(realm)
    customer = person.save("Customer", {"DisplayName": "Ada"})
    for since, there in (
        ("2026-01-05T20:00:00Z", True),
        ("2026-01-05T20:00:00+00:00", True),
        ("2026-01-05T12:00:00-08:00", True),
        ("2026-01-05T12:00:00", True),
        ("2026-01-05", True),
        ("2026-01-05T20:00:01Z", False),
        ("2026-01-05T20:00:00-01:00", False),
        ("2027-01-01", False),
    ):
        assert person.cdc("Customer", since)[0] == ({"Customer": [customer]} if there else {}), since
    sandbox.switch(naive_times="utc")
    assert person.cdc("Customer", "2026-01-05T20:00:01")[0] == {}


@pytest.mark.checklist(40)
def test_one_bad_object_fails_the_whole_answer_until_it_is_left_out(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    """An integrator finds it by asking for fewer entities (protocol.md 5.7)."""
    since = now(sandbox)[:10]
    sandbox.add_fault("status", endpoint="cdc", code="10000", count=0)
    with pytest.raises(RefusedError) as caught:
        person.cdc("Customer,Invoice", since)
    assert (caught.value.status, caught.value.code) == (500, "10000")
    assert caught.value.body["Fault"]["type"] == "SystemFault"
    sandbox.clear_faults()
    assert person.cdc("Customer", since)[0] == {"Customer": [customer]}
