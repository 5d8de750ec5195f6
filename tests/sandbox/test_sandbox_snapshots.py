"""Snapshots: a company, whole, under a name, to go back to (issue: snapshot and restore by name)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox, running_sandbox

Json = dict[str, Any]
Make = Callable[..., Json]
ENTITIES = ("Customer", "Invoice", "Payment", "Account", "Item", "Preferences")


def state(sandbox: RunningSandbox, realm: str) -> Json:
    """Everything that can be seen of a company."""
    told: Json = sandbox.admin("GET", f"/companies/{realm}")
    del told["coreplus_this_month"]  # the meter does not go back
    told["history"] = sandbox.history(realm)
    told["all"] = {name: sandbox.records(realm, name) for name in ENTITIES}
    return told


def test_a_restored_company_is_exactly_the_one_that_was_kept(
    sandbox: RunningSandbox, person: Accountant, realm: str, invoice: Make, pay: Make
) -> None:
    sandbox.set_speed(0)
    start = sandbox.admin("GET", "/clock")["now"]
    first = invoice(100)
    paid = pay(60, {first["Id"]: 60})
    gone = invoice(5)
    person.delete("Invoice", gone)
    person.save("Customer", {"DisplayName": "Once"}, requestid="once")
    sandbox.snapshot("here", realm)
    before, changes = state(sandbox, realm), person.cdc("Invoice,Payment,Customer", start)[0]
    sandbox.advance(90)
    person.void("Invoice", person.read("Invoice", first["Id"]))
    person.save("Customer", {"DisplayName": "Later"}, requestid="later")
    later = invoice(7)
    person.delete("Payment", person.read("Payment", paid["Id"]))
    sandbox.change_company(realm, book_close_date="2020-01-01")
    now = sandbox.admin("GET", "/clock")["epoch"]
    sandbox.restore("here", realm)
    assert state(sandbox, realm) == before
    assert sandbox.admin("GET", "/clock")["epoch"] == now  # time is not turned back
    assert person.cdc("Invoice,Payment,Customer", start)[0] == changes
    assert person.save("Customer", {"DisplayName": "Once"}, requestid="once")["DisplayName"] == "Once"
    assert person.count("Customer") == len(before["all"]["Customer"])
    assert person.save("Customer", {"DisplayName": "Later"}, requestid="later")["SyncToken"] == "0"  # not remembered
    again = invoice(7)
    assert (again["Id"], again["DocNumber"]) == (later["Id"], later["DocNumber"])
    person.delete("Payment", person.read("Payment", paid["Id"]))  # the links are those of then
    assert person.read("Invoice", first["Id"])["Balance"] == 100


def test_snapshots_do_not_feel_what_comes_after(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    ada = person.save("Customer", {"DisplayName": "Ada"})
    sandbox.snapshot("one", realm)
    ada = person.save("Customer", {**ada, "Notes": "changed"})
    sandbox.snapshot("two", realm)
    for name, token in (("one", "0"), ("two", "1"), ("one", "0"), ("two", "1")):
        sandbox.restore(name, realm)
        ada = person.read("Customer", ada["Id"])
        assert ada["SyncToken"] == token
        person.save("Customer", {**ada, "Notes": f"after {name}"})
    listed = sandbox.admin("GET", f"/companies/{realm}/snapshots")["snapshots"]
    assert [(row["name"], row["realm"]) for row in listed] == [("one", realm), ("two", realm)]
    assert listed[1]["versions"] == listed[0]["versions"] + 1
    sandbox.admin("DELETE", f"/companies/{realm}/snapshots/one")
    with pytest.raises(AdminError, match="404"):
        sandbox.restore("one", realm)
    with pytest.raises(AdminError, match="404"):
        sandbox.admin("DELETE", f"/companies/{realm}/snapshots/one")
    with pytest.raises(AdminError, match="name"):
        sandbox.snapshot("a%20b", realm)


def test_all_companies_at_once(sandbox: RunningSandbox) -> None:
    people = [sandbox.connect(sandbox.create_company()) for _ in range(2)]
    sandbox.snapshot("all")
    for person in people:
        person.save("Customer", {"DisplayName": "Ada"})
    sandbox.restore("all")
    assert [person.count("Customer") for person in people] == [0, 0]
    names = {row["realm"] for row in sandbox.admin("GET", "/snapshots")["snapshots"] if row["name"] == "all"}
    assert {person.realm for person in people} <= names
    sandbox.admin("DELETE", "/snapshots/all")
    assert not [row for row in sandbox.admin("GET", "/snapshots")["snapshots"] if row["name"] == "all"]


def test_with_a_file_snapshots_survive_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "books.db"
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        person = sandbox.connect(sandbox.create_company(realm="77"))
        ada = person.save("Customer", {"DisplayName": "Ada"}, requestid="once")
        payment = person.save("Payment", {"CustomerRef": {"value": ada["Id"]}, "TotalAmt": 5})
        person.delete("Payment", payment)
        sandbox.snapshot("here")
        before = state(sandbox, "77")
        person.save("Customer", {**person.read("Customer", ada["Id"]), "Notes": "changed"})
        tokens = person.tokens
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        person = Accountant(sandbox, "77", tokens)
        assert [row["name"] for row in sandbox.admin("GET", "/snapshots")["snapshots"]] == ["here"]
        assert sandbox.admin("GET", "/companies")["companies"][0]["realm"] == "77"
        assert len(sandbox.admin("GET", "/companies")["companies"]) == 1
        sandbox.restore("here", "77")
        assert state(sandbox, "77") == before
        assert person.save("Customer", {"DisplayName": "Ada"}, requestid="once")["Id"] == ada["Id"]
        person.save("Customer", {"DisplayName": "New"})
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:  # what was restored is what was written
        person = Accountant(sandbox, "77", tokens)
        assert person.read("Customer", ada["Id"])["SyncToken"] == "0"
        assert sandbox.history("77")[: len(before["history"])] == before["history"]
        assert person.count("Customer") == 2
        sandbox.admin("DELETE", "/companies/77")
        assert sandbox.admin("GET", "/snapshots")["snapshots"] == []
    with running_sandbox(data=data) as sandbox:
        assert sandbox.admin("GET", "/snapshots")["snapshots"] == []
        assert sandbox.admin("GET", "/companies")["companies"] == []


STEPS = st.lists(st.sampled_from(["invoice", "pay", "void", "delete", "edit"]), max_size=6)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=STEPS, second=STEPS)
def test_whatever_happened_in_between(sandbox: RunningSandbox, line: Make, first: list[str], second: list[str]) -> None:
    sandbox.set_speed(0)
    realm = sandbox.create_company()
    person = sandbox.connect(realm)
    customer = person.save("Customer", {"DisplayName": "Ada"})["Id"]

    def run(steps: list[str]) -> None:
        for step in steps:
            open_ones = person.query("select * from Invoice")
            if step == "invoice" or not open_ones:
                person.save("Invoice", {"CustomerRef": {"value": customer}, "Line": [line(10)]})
                continue
            last = open_ones[0]
            if step == "pay":
                share = {"Amount": 4, "LinkedTxn": [{"TxnId": last["Id"], "TxnType": "Invoice"}]}
                person.save("Payment", {"CustomerRef": {"value": customer}, "TotalAmt": 4, "Line": [share]})
            elif step == "edit":
                person.save("Invoice", {**last, "PrivateNote": f"{step} {len(open_ones)}"})
            else:
                (person.void if step == "void" else person.delete)("Invoice", last)

    run(first)
    sandbox.snapshot("s", realm)
    before = state(sandbox, realm)
    run(second)
    once = state(sandbox, realm)
    sandbox.restore("s", realm)
    assert state(sandbox, realm) == before
    run(second)  # and from there everything goes the same way again
    assert state(sandbox, realm) == once


def test_restoring_is_not_news_to_listeners(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    assert sandbox.sandbox is not None
    told: list[tuple[str, list[str]]] = []
    listeners = sandbox.sandbox.world.listeners
    listener = lambda which, versions: told.append((which, [v.op for v in versions]))  # noqa: E731  # removed below
    listeners.append(listener)
    try:
        sandbox.snapshot("s", realm)
        person.save("Customer", {"DisplayName": "Ada"})
        with pytest.raises(RefusedError):
            person.save("Customer", {"DisplayName": "Ada"})
        sandbox.restore("s", realm)
        person.save("Customer", {"DisplayName": "Grace"})
    finally:
        listeners.remove(listener)
    assert [row for row in told if row[0] == realm] == [(realm, ["create"]), (realm, ["create"])]
