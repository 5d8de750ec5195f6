"""Merging two list records, which only the accountant's browser can (entities.md 9.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, AdminError, RunningSandbox
from tests.sandbox.test_sandbox_records import refused

Json = dict[str, Any]


def merge(sandbox: RunningSandbox, person: Accountant, entity: str, loser: str, survivor: str) -> Json:
    wanted = {"entity": entity, "loser": loser, "survivor": survivor}
    merged: Json = sandbox.admin("POST", f"/companies/{person.realm}/merge", wanted)
    return merged


def test_the_survivor_gets_the_transactions_and_the_balance(
    sandbox: RunningSandbox, person: Accountant, customer: Json, invoice: Callable[..., Json], pay: Callable[..., Json]
) -> None:
    made = invoice(100)
    payment = pay(30, {made["Id"]: 30})
    other = person.save("Customer", {"DisplayName": "Grace"})
    since = len(sandbox.history(person.realm))
    merge(sandbox, person, "Customer", customer["Id"], other["Id"])
    moved = person.read("Invoice", made["Id"])
    assert moved["CustomerRef"] == {"value": other["Id"], "name": "Grace"}
    assert (moved["Balance"], moved["SyncToken"]) == (70, "1")
    assert person.read("Payment", payment["Id"])["CustomerRef"]["value"] == other["Id"]
    survivor = person.read("Customer", other["Id"])
    assert (survivor["Balance"], survivor["BalanceWithJobs"], survivor["SyncToken"]) == (70, 70, "0")
    assert person.read("Account", "84")["CurrentBalance"] == 70
    refused("610", lambda: person.read("Customer", customer["Id"]))
    assert person.query("select * from Invoice where CustomerRef = '" + other["Id"] + "'") == [moved]
    assert person.save("Vendor", {"DisplayName": customer["DisplayName"]})
    news = [(row["op"], row["entity"], row["id"]) for row in sandbox.history(person.realm, after=since)]
    assert ("merge", "Customer", other["Id"]) in news
    assert ("merged", "Customer", customer["Id"]) in news
    (note,) = [row["record"] for row in sandbox.history(person.realm, after=since) if row["op"] == "merge"]
    assert note == {"Id": other["Id"], "deletedId": customer["Id"]}
    person.delete("Payment", person.read("Payment", payment["Id"]))
    assert person.read("Customer", other["Id"])["Balance"] == 100


def test_the_loser_is_a_tombstone_in_cdc_or_stays_inactive(sandbox: RunningSandbox, person: Accountant) -> None:
    since = person.call("GET", "preferences")["time"]
    one, two, three = (person.save("Vendor", {"DisplayName": name}) for name in ("a", "b", "c"))
    merge(sandbox, person, "Vendor", one["Id"], two["Id"])
    rows, _ = person.cdc("Vendor", since)
    assert [row["Id"] for row in rows["Vendor"] if row.get("status") == "Deleted"] == [one["Id"]]
    sandbox.switch(merge_loser="inactive")
    merge(sandbox, person, "Vendor", two["Id"], three["Id"])
    left = person.read("Vendor", two["Id"])
    assert (left["Active"], left["DisplayName"], left["SyncToken"]) == (False, "b (deleted)", "1")


def test_a_merge_can_bump_what_it_moves(
    sandbox: RunningSandbox, person: Accountant, customer: Json, invoice: Callable[..., Json]
) -> None:
    sandbox.switch(merge_bumps=True)
    made = invoice(10)
    other = person.save("Customer", {"DisplayName": "Grace"})
    merge(sandbox, person, "Customer", customer["Id"], other["Id"])
    assert person.read("Invoice", made["Id"])["SyncToken"] == "1"


def test_jobs_follow_with_their_balances(
    sandbox: RunningSandbox, person: Accountant, line: Callable[..., Json]
) -> None:
    top = person.save("Customer", {"DisplayName": "top"})

    def below(name: str, parent: Json) -> Json:
        return person.save("Customer", {"DisplayName": name, "Job": True, "ParentRef": {"value": parent["Id"]}})

    loser, survivor = below("loser", top), person.save("Customer", {"DisplayName": "survivor"})
    job = below("job", loser)
    for who, amount in ((loser, 5), (job, 7)):
        person.save("Invoice", {"CustomerRef": {"value": who["Id"]}, "Line": [line(amount)]})
    assert person.read("Customer", top["Id"])["BalanceWithJobs"] == 12
    merge(sandbox, person, "Customer", loser["Id"], survivor["Id"])
    found = {row["DisplayName"]: row for row in person.query("select * from Customer")}
    assert {name: (row["Balance"], row["BalanceWithJobs"]) for name, row in found.items()} == {
        "top": (0, 0),
        "survivor": (5, 12),
        "job": (7, 7),
    }
    assert (found["job"]["FullyQualifiedName"], found["job"]["Level"]) == ("survivor:job", 1)


def test_accounts_items_classes_and_terms_merge_too(
    sandbox: RunningSandbox, person: Accountant, customer: Json, pay: Callable[..., Json]
) -> None:
    bank = person.save("Account", {"Name": "Old bank", "AccountType": "Bank"})
    payment = pay(25, DepositToAccountRef={"value": bank["Id"]})
    merge(sandbox, person, "Account", bank["Id"], "35")
    assert person.read("Payment", payment["Id"])["DepositToAccountRef"]["value"] == "35"
    assert person.read("Account", "35")["CurrentBalance"] == 25
    person.save("Customer", {**customer, "SalesTermRef": {"value": "2"}})
    merge(sandbox, person, "Term", "2", "3")
    assert person.read("Customer", customer["Id"])["SalesTermRef"]["value"] == "3"
    merge(sandbox, person, "Item", "1", "2")
    pairs = {p["Name"]: p["Value"] for p in person.call("GET", "preferences")["Preferences"]["OtherPrefs"]["NameValue"]}
    assert pairs["SalesFormsPrefs.DefaultItem"] == "2"


def test_what_cannot_be_merged_stays(sandbox: RunningSandbox, person: Accountant, customer: Json) -> None:
    other = person.save("Customer", {"DisplayName": "x", "Job": True, "ParentRef": {"value": customer["Id"]}})
    gone = person.save("Customer", {"DisplayName": "y"})
    person.save("Customer", {**gone, "Active": False})
    before = len(sandbox.history(person.realm))
    for entity, loser, survivor in (
        ("Customer", customer["Id"], customer["Id"]),
        ("Customer", "999", customer["Id"]),
        ("Customer", customer["Id"], gone["Id"]),
        ("Customer", customer["Id"], other["Id"]),
        ("Account", "4", "32"),
        ("Account", "35", "1"),
        ("Invoice", "1", "2"),
    ):
        with pytest.raises(AdminError):
            merge(sandbox, person, entity, loser, survivor)
    assert len(sandbox.history(person.realm)) == before
