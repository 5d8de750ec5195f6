"""Batch and request ids (protocol.md 6 and 7)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from syncd.sandbox.switches import Switches

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


@pytest.mark.checklist(52)
def test_batches_that_are_refused_as_a_whole(sandbox: RunningSandbox, person: Accountant) -> None:
    def refusal(body: Any) -> str:
        with pytest.raises(RefusedError) as caught:
            person.call("POST", "batch", body)
        assert caught.value.status == 400
        return caught.value.code

    assert refusal([]) == "2010"
    assert refusal({"BatchItemRequest": {}}) == "2020"
    assert refusal({"BatchItemRequest": [1]}) == "2020"
    assert refusal({"BatchItemRequest": [{"operation": "create", "Customer": {"DisplayName": "A"}}]}) == "2020"
    twice = [creation("1", "A"), creation("1", "B")]
    assert refusal({"BatchItemRequest": twice}) == "2030"
    with pytest.raises(RefusedError):
        person.call("GET", "batch")
    assert person.count("Customer") == 0
    sandbox.switch(duplicate_bid="each")
    answer = person.call("POST", "batch", {"BatchItemRequest": twice})
    assert {item["Customer"]["DisplayName"] for item in answer["BatchItemResponse"]} == {"A", "B"}
    assert person.call("POST", "batch", {"BatchItemRequest": []})["BatchItemResponse"] == []


def test_items_that_are_wrong_fault_alone(person: Accountant, customer: Json) -> None:
    slim = {"Id": customer["Id"], "SyncToken": "0"}
    items: dict[str, Json] = {
        "1": {"operation": "frobnicate", "Customer": slim},
        "2": {"operation": "create", "Customer": "text"},
        "3": {"CDCQuery": "text"},
        "4": {"CDCQuery": {"Entities": "Nonsense", "ChangedSince": "2026-01-01"}},
        "5": {"Query": ["select"]},
        "6": {"operation": "update", "CompanyInfo": {"CompanyName": "not in a batch"}},
        "7": {"ReportQuery": "ProfitAndLoss"},
        "8": {"operation": "create", "Nonsense": {}},
        "9": {"operation": "create", "Customer": {"DisplayName": "B", "Nonsense": 1}},
        "10": {"operation": "send", "Customer": slim},
        "11": {"operation": "UPDATE", "Customer": {**customer, "Notes": "case aside"}},
    }
    answers = person.batch([{"bId": bid, **item} for bid, item in items.items()])
    assert answers.pop("11")["Customer"]["Notes"] == "case aside"
    codes = ["500", "2010", "2010", "2000", "4000", "500", "2000", "2000", "2010", "500"]
    assert [code(answers[bid]) for bid in items if bid in answers] == codes


def test_a_batch_answers_so_many_objects_and_no_more(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.switch(batch_objects=10, batch_shuffle=False)
    items: list[Json] = [{"bId": str(n), "Query": "select * from PaymentMethod"} for n in range(2)]
    answers = person.batch([*items, creation("w", "A"), {"bId": "q", "Query": "select count(*) from Term"}])
    assert answers["0"]["QueryResponse"]["maxResults"] == 7
    assert code(answers["1"]) == "10100"
    assert answers["w"]["Customer"]["DisplayName"] == "A"
    assert answers["q"]["QueryResponse"]["totalCount"] == 4


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


@pytest.mark.checklist(16)
@pytest.mark.parametrize("mode", ["run", "wait", "600"])
def test_a_second_request_with_the_id_of_one_that_still_runs(
    sandbox: RunningSandbox, person: Accountant, mode: str
) -> None:
    sandbox.switch(requestid_concurrent=mode)
    sandbox.add_fault("stall", seconds=0.4, entity="Customer", operation="create")
    done: dict[str, tuple[float, str]] = {}

    def save(who: str) -> None:
        try:
            told = person.save("Customer", {"DisplayName": "Ada"}, requestid="same")["Id"]
        except RefusedError as error:
            told = error.code
        done[who] = time.monotonic(), told

    first = threading.Thread(target=save, args=("first",))
    first.start()
    while not sandbox.requests(realm=person.realm, requestid="same"):
        time.sleep(0.005)
    save("second")
    first.join()
    ahead = done["first"][0] - done["second"][0]  # by how much the second had its answer sooner
    assert (ahead < 0.1) if mode == "wait" else (ahead > 0.1)
    assert {who: told for who, (_, told) in done.items()} == {"first": "1", "second": "600" if mode == "600" else "1"}
    assert person.count("Customer") == 1
    assert person.save("Customer", {"DisplayName": "Ada"}, requestid="same")["Id"] == "1"
    other = {"bId": "2", "operation": "create", "Term": {"Name": "n", "DueDays": 1}}
    assert "Term" in person.batch([other], requestid="same")["2"]  # another pair, so another request


@pytest.mark.checklist(16)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_object_for_each_request_id_however_often_it_is_asked(
    shared_sandbox: RunningSandbox, calls: list[tuple[str, str]]
) -> None:
    """Whatever the bodies are: the first body of an id wins, and every answer to the id is the first one."""
    shared_sandbox.switch(**{**Switches().public(), "throttle": "off"})
    person = shared_sandbox.connect(shared_sandbox.create_company())
    first: dict[str, Json] = {}
    for request_id, name in calls:
        body = {"Name": f"{name}{request_id}", "DueDays": 1}
        answer = person.call("POST", "term", body, requestid=request_id)
        assert first.setdefault(request_id, answer) == answer
    assert person.count("Term", "where DueDays = '1'") == len(first)


def test_reads_and_queries_are_never_replayed(person: Accountant, customer: Json) -> None:
    path = f"customer/{customer['Id']}"
    person.call("GET", path, requestid="g")
    person.save("Customer", {**customer, "Notes": "x"})
    assert person.call("GET", path, requestid="g")["Customer"]["Notes"] == "x"
