"""Estimates and the invoices made from them (entities.md 4.4, 8; protocol.md 8.6)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


def naming(*estimates: Json) -> Json:
    return {"LinkedTxn": [{"TxnId": estimate["Id"], "TxnType": "Estimate"} for estimate in estimates]}


@pytest.fixture
def estimate(person: Accountant, customer: Json, line: Make) -> Make:
    def make(**members: Any) -> Json:
        return person.save("Estimate", {"CustomerRef": {"value": customer["Id"]}, "Line": [line(100)], **members})

    return make


def test_an_invoice_closes_its_estimate_and_both_name_each_other(
    sandbox: RunningSandbox, person: Accountant, invoice: Make, estimate: Make
) -> None:
    offer = estimate()
    assert offer["TxnStatus"] == "Pending"
    sandbox.advance(5)
    bill = invoice(100, **naming(offer))
    assert bill["LinkedTxn"] == [{"TxnId": offer["Id"], "TxnType": "Estimate"}]
    closed = person.read("Estimate", offer["Id"])
    assert (closed["TxnStatus"], closed["SyncToken"]) == ("Closed", "1")
    assert closed["LinkedTxn"] == [{"TxnId": bill["Id"], "TxnType": "Invoice"}]
    assert closed["MetaData"]["LastUpdatedTime"] == bill["MetaData"]["CreateTime"]
    groups, _ = person.cdc("Estimate", bill["MetaData"]["CreateTime"])
    assert groups == {"Estimate": [closed]}
    noted = person.save("Estimate", {"Id": offer["Id"], "SyncToken": "1", "sparse": True, "PrivateNote": "x"})
    assert (noted["TxnStatus"], noted["LinkedTxn"]) == ("Closed", closed["LinkedTxn"])


@pytest.mark.parametrize("how", ["delete", "void", "full update", "sparse update"])
def test_letting_go_of_an_estimate_opens_it_again(how: str, person: Accountant, invoice: Make, estimate: Make) -> None:
    offer = estimate(TxnStatus="Accepted", AcceptedBy="Ada", AcceptedDate="2026-01-02")
    bill = invoice(100, **naming(offer))
    if how in ("delete", "void"):
        getattr(person, how)("Invoice", bill)
    elif how == "full update":
        person.save("Invoice", {name: value for name, value in bill.items() if name != "LinkedTxn"})
    else:
        slim = {"Id": bill["Id"], "SyncToken": bill["SyncToken"], "sparse": True}
        assert person.save("Invoice", {**slim, "PrivateNote": "kept"})["LinkedTxn"] == bill["LinkedTxn"]
        person.save("Invoice", {**slim, "SyncToken": "1", "LinkedTxn": []})
    opened = person.read("Estimate", offer["Id"])
    assert (opened["TxnStatus"], opened["SyncToken"], "LinkedTxn" in opened) == ("Accepted", "2", False)
    assert invoice(100, **naming(opened))["LinkedTxn"] == naming(opened)["LinkedTxn"]


def test_an_estimate_goes_to_one_invoice_and_an_invoice_takes_one_estimate(
    person: Accountant, invoice: Make, estimate: Make
) -> None:
    one, two = estimate(), estimate()
    first = invoice(100, **naming(one))
    assert code_of(lambda: invoice(100, **naming(one))) == "620"
    assert code_of(lambda: invoice(100, **naming(one, two))) == "620"
    assert code_of(lambda: invoice(100, **naming({"Id": "99999"}))) == "620"
    person.delete("Estimate", two)
    assert code_of(lambda: invoice(100, **naming(two))) == "610"
    other = person.save("Customer", {"DisplayName": "Other"})
    theirs = estimate(CustomerRef={"value": other["Id"]})
    assert code_of(lambda: invoice(100, **naming(theirs))) == "620"
    assert person.save("Invoice", first)["LinkedTxn"] == naming(one)["LinkedTxn"]
    assert person.read("Estimate", one["Id"])["SyncToken"] == "1"


def test_changing_the_estimate_of_an_invoice(person: Accountant, invoice: Make, estimate: Make) -> None:
    one, two = estimate(), estimate()
    bill = invoice(100, **naming(one))
    moved = person.save("Invoice", {**bill, **naming(two)})
    assert moved["LinkedTxn"] == naming(two)["LinkedTxn"]
    assert [person.read("Estimate", e["Id"])["TxnStatus"] for e in (one, two)] == ["Pending", "Closed"]


def test_a_closed_or_rejected_estimate_is_not_linked(sandbox: RunningSandbox, invoice: Make, estimate: Make) -> None:
    for status in ("Closed", "Rejected", "Converted"):
        offer = estimate(TxnStatus=status)
        assert invoice(100, **naming(offer))["LinkedTxn"] == []
        sandbox.switch(unusable_estimate="refuse")
        assert code_of(partial(invoice, 100, **naming(offer))) == "620"
        sandbox.switch(unusable_estimate="drop")
    assert code_of(lambda: estimate(TxnStatus="Sold")) == "2170"


def test_deleting_an_estimate_takes_it_off_its_invoice(person: Accountant, invoice: Make, estimate: Make) -> None:
    offer = estimate()
    bill = invoice(100, **naming(offer))
    person.delete("Estimate", person.read("Estimate", offer["Id"]))
    after = person.read("Invoice", bill["Id"])
    assert (after["LinkedTxn"], after["SyncToken"]) == ([], "1")


def test_payments_and_the_estimate_stand_side_by_side(
    person: Accountant, invoice: Make, pay: Make, estimate: Make
) -> None:
    offer = estimate()
    bill = invoice(100, **naming(offer))
    payment = pay(60, {bill["Id"]: 60})
    paid = person.read("Invoice", bill["Id"])
    assert paid["LinkedTxn"] == [
        {"TxnId": offer["Id"], "TxnType": "Estimate"},
        {"TxnId": payment["Id"], "TxnType": "Payment"},
    ]
    slim = {"Id": bill["Id"], "SyncToken": "1", "sparse": True, "LinkedTxn": []}
    assert person.save("Invoice", slim)["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]


def test_time_activities_cannot_be_linked(invoice: Make, line: Make) -> None:
    link = [{"TxnId": "1", "TxnType": "TimeActivity"}]
    assert code_of(lambda: invoice(100, LinkedTxn=link)) == "620"
    assert code_of(lambda: invoice(Line=[{**line(1), "LinkedTxn": link}])) == "620"
