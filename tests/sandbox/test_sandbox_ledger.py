"""The ledger of requests: what really happened on the wire (issue: a ledger of requests; checklist 14, 17, 53)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.sandbox import ledger
from syncd.sandbox.ledger import Ledger
from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox

Json = dict[str, Any]


def test_every_answer_is_told_with_its_fault(sandbox: RunningSandbox, person: Accountant) -> None:
    before = sandbox.last_request()
    made = person.save("Customer", {"DisplayName": "Ada"}, requestid="q-1")
    person.save("Customer", {"DisplayName": "Ada"}, requestid="q-1")
    for _ in range(2):
        with pytest.raises(RefusedError):
            person.save("Customer", {**made, "SyncToken": "7"})
    person.batch(
        [
            {"bId": 'odd "id"', "operation": "create", "Customer": {"DisplayName": "Ada"}},
            {"bId": "b", "operation": "create", "Customer": {"DisplayName": "B", "Notes": '{"bId":"x","Fault":'}},
            {"bId": "c", "Query": "select * from Nothing"},
        ]
    )
    sandbox.send("GET", f"/v3/company/{person.realm}/customer/1", None, {"Authorization": "Bearer " + "x" * 40})
    rows = sandbox.requests(after=before)
    assert [row["replayed"] for row in rows[:2]] == [False, True]
    assert [row["fault_code"] for row in rows] == ["", "", "5010", "5010", "", "3200"]
    assert rows[4]["bids"] == ['odd "id"', "b", "c"]
    assert rows[4]["item_faults"].keys() == {'odd "id"', "c"}
    assert rows[4]["item_faults"]['odd "id"'] == "6240"
    assert [row["status"] for row in sandbox.requests(after=before, fault_code="5010")] == [400, 400]
    assert [row["seq"] for row in sandbox.requests(after=before, bid="c")] == [rows[4]["seq"]]
    assert [row["seq"] for row in sandbox.requests(after=before, replayed="true")] == [rows[1]["seq"]]
    assert [row["seq"] for row in sandbox.requests(after=before, path_contains="requestid=q-1")] == [
        row["seq"] for row in rows[:2]
    ]


def test_pages_order_and_counts(sandbox: RunningSandbox, person: Accountant) -> None:
    before = sandbox.last_request()
    for number in range(7):
        person.save("Customer", {"DisplayName": f"Ada {number}"})
    person.query("select * from Customer")
    with pytest.raises(RefusedError):
        person.read("Customer", "99")
    seqs = [row["seq"] for row in sandbox.requests(after=before)]
    path = f"/requests?after={before}"
    assert [row["seq"] for row in sandbox.admin("GET", f"{path}&skip=2&limit=3")["requests"]] == seqs[2:5]
    newest = sandbox.admin("GET", f"{path}&order=desc&limit=2")["requests"]
    assert [row["seq"] for row in newest] == seqs[:-3:-1]
    counts = {
        (row["endpoint"], row["entity"], row["operation"], row["status"], row["fault_code"]): row["count"]
        for row in sandbox.summary(after=before)
    }
    assert counts == {
        ("entity", "Customer", "create", 200, ""): 7,
        ("query", "", "query", 200, ""): 1,
        ("entity", "Customer", "read", 400, "610"): 1,
    }
    (creates,) = sandbox.summary(after=before, operation="create")
    sizes = [row["request_size"] for row in sandbox.requests(after=before, operation="create")]
    assert creates["request_bytes"] == sum(sizes)
    for wrong in ("colour=red", "bids=1"):
        with pytest.raises(AdminError, match="unknown filters"):
            sandbox.admin("GET", f"/requests?{wrong}")


def test_bodies_are_kept_on_demand(sandbox: RunningSandbox, person: Accountant) -> None:
    person.save("Customer", {"DisplayName": "Unseen"})
    sandbox.switch(keep_bodies=True)
    made = person.save("Customer", {"DisplayName": "Seen"})
    sandbox.switch(keep_bodies=False)
    without, kept = sandbox.requests(realm=person.realm, operation="create")
    assert "request_body" not in kept
    assert sandbox.request(without["seq"])["request_body"] is None
    told = sandbox.request(kept["seq"])
    assert json.loads(told["request_body"]) == {"DisplayName": "Seen"}
    assert json.loads(told["response_body"])["Customer"]["Id"] == made["Id"]
    (row,) = sandbox.admin("GET", f"/requests?after={without['seq']}&operation=create&bodies=true")["requests"]
    assert row["request_body"] == told["request_body"]
    with pytest.raises(AdminError, match="404"):
        sandbox.request(kept["seq"] + 1000)


def test_bodies_take_no_more_room_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BODIES_BYTES", 100)
    monkeypatch.setattr(ledger, "BODY_BYTES", 30)
    book = Ledger()
    for _ in range(10):
        entry = book.open(0.0, "POST", "/", "", keep_bodies=True)
        entry.asked(b"a" * 40)
        entry.answered(200, b"b" * 10)
    kept = [len(e.request_body or b"") + len(e.response_body or b"") for e in book.entries]
    assert kept == [0] * 8 + [40, 40]
    assert [e.request_size for e in book.entries] == [40] * 10
