"""Batch and request ids (protocol.md 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]


def creation(bid: str, name: str) -> Json:
    return {"bId": bid, "operation": "create", "Customer": {"DisplayName": name}}


def code(item: Json) -> str:
    found: str = item["Fault"]["Error"][0]["code"]
    return found


@pytest.mark.checklist(52)
def test_thirty_items_pass_and_thirty_one_do_not(person: Accountant) -> None:
    assert len(person.batch([creation(str(n), f"C{n}") for n in range(30)])) == 30
    with pytest.raises(RefusedError) as caught:
        person.batch([creation(str(n), f"D{n}") for n in range(31)])
    assert (caught.value.status, caught.value.code) == (400, "1040")
    assert person.count("Customer") == 30


@pytest.mark.checklist(53)
def test_items_are_independent_and_matched_by_bid(sandbox: RunningSandbox, person: Accountant, customer: Json) -> None:
    items = [
        creation("a", "Grace"),
        creation("b", customer["DisplayName"]),
        {"bId": "c", "operation": "update", "Customer": {**customer, "SyncToken": "9"}},
        {"bId": "d", "operation": "update", "Customer": {**customer, "Notes": "n"}},
        {"bId": "e", "operation": "delete", "Invoice": {"Id": "999", "SyncToken": "0"}},
        {"bId": "f", "operation": "create"},
    ]
    answers = person.batch(items)
    assert answers["a"]["Customer"]["DisplayName"] == "Grace"
    assert [code(answers[bid]) for bid in "bcef"] == ["6240", "5010", "610", "2000"]
    assert answers["d"]["Customer"]["SyncToken"] == "1"

    def order() -> list[str]:
        asked = [{"bId": bid, "Query": "select * from Term"} for bid in "abcdef"]
        answer = person.call("POST", "batch", {"BatchItemRequest": asked})
        return [item["bId"] for item in answer["BatchItemResponse"]]

    assert len({tuple(order()) for _ in range(10)}) > 1
    sandbox.switch(batch_shuffle=False)
    assert order() == list("abcdef")


@pytest.mark.checklist(54)
def test_queries_and_voids_work_inside_a_batch(person: Accountant, customer: Json, invoice: Make, pay: Make) -> None:
    one, two = invoice(10), invoice(20)
    payment = pay(5, {two["Id"]: 5})
    answers = person.batch(
        [
            {"bId": "1", "Query": f"select * from Customer where Id = '{customer['Id']}'"},
            {"bId": "2", "operation": "void", "Invoice": {"Id": one["Id"], "SyncToken": "0"}},
            {
                "bId": "3",
                "operation": "update",
                "optionsData": "void",
                "Payment": {"Id": payment["Id"], "SyncToken": "0", "sparse": True},
            },
            {"bId": "4", "Query": "select * from"},
            {"bId": "5", "CDCQuery": {"Entities": "Payment", "ChangedSince": payment["TxnDate"]}},
        ]
    )
    assert answers["1"]["QueryResponse"]["Customer"][0]["Id"] == customer["Id"]
    assert answers["2"]["Invoice"]["PrivateNote"] == "Voided"
    assert answers["3"]["Payment"]["TotalAmt"] == 0
    assert code(answers["4"]) == "4000"
    assert answers["5"]["CDCResponse"][0]["QueryResponse"][0]["Payment"]
    assert person.read("Invoice", two["Id"])["Balance"] == 20


@pytest.mark.checklist(14)
def test_the_same_request_id_gives_the_first_answer_and_makes_no_second_object(
    sandbox: RunningSandbox, person: Accountant, customer: Json
) -> None:
    body = {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": Decimal("12.5")}
    first = person.call("POST", "payment", body, requestid="r-1")
    sandbox.advance(60)
    assert person.call("POST", "payment", body, requestid="r-1") == first
    assert person.count("Payment") == 1
    assert sandbox.requests(requestid="r-1")[-1]["replayed"] is True
    person.delete("Payment", first["Payment"])
    assert person.call("POST", "payment", body, requestid="r-1") == first  # even after the object is gone
    assert person.count("Payment") == 0
    assert person.call("POST", "payment", body, requestid="r-2")["Payment"]["Id"] != first["Payment"]["Id"]


@pytest.mark.checklist(15)
def test_request_ids_belong_to_one_company_and_pair_with_the_bid(sandbox: RunningSandbox, person: Accountant) -> None:
    other = sandbox.connect(sandbox.create_company())
    for someone in (person, other):
        assert someone.save("Customer", {"DisplayName": "Ada"}, requestid="same")["DisplayName"] == "Ada"
    items = [creation("1", "Bob"), creation("2", "Carl")]
    first = person.batch(items, requestid="batch")
    assert person.batch(items, requestid="batch") == first
    more = person.batch([creation("2", "Carl"), creation("3", "Dora")], requestid="batch")
    assert more["2"] == first["2"]
    assert more["3"]["Customer"]["DisplayName"] == "Dora"
    assert person.count("Customer") == 4
    assert code(person.batch([creation("x" * 11, "Eve")], requestid="batch")["x" * 11]) == "2130"


@pytest.mark.checklist(16)
def test_request_id_memory_expires_and_has_its_switches(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.switch(requestid_ttl_seconds=100)
    person = sandbox.connect(realm)
    term = person.save("Term", {"Name": "a", "DueDays": 1}, requestid="t")
    assert person.save("Term", {"Name": "other", "DueDays": 2}, requestid="t") == term  # replay on mismatch
    sandbox.switch(requestid_mismatch="600")
    with pytest.raises(RefusedError) as caught:
        person.save("Term", {"Name": "other", "DueDays": 2}, requestid="t")
    assert caught.value.code == "600"
    sandbox.advance(101)
    assert person.save("Term", {"Name": "other", "DueDays": 2}, requestid="t")["Name"] == "other"

    def clash() -> str:
        with pytest.raises(RefusedError) as caught:
            person.save("Term", {"Name": "OTHER", "DueDays": 2}, requestid="f")
        return str(caught.value.body["time"])

    first = clash()
    sandbox.advance(1)
    assert clash() != first  # faults are not remembered
    sandbox.switch(requestid_faults=True)
    second = clash()
    sandbox.advance(1)
    assert clash() == second
    with pytest.raises(RefusedError) as caught:
        person.save("Term", {"Name": "x", "DueDays": 2}, requestid="x" * 51)
    assert caught.value.code == "2130"


def test_reads_and_queries_are_never_replayed(person: Accountant, customer: Json) -> None:
    path = f"customer/{customer['Id']}"
    person.call("GET", path, requestid="g")
    person.save("Customer", {**customer, "Notes": "x"})
    assert person.call("GET", path, requestid="g")["Customer"]["Notes"] == "x"
