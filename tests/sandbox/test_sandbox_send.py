"""Sending forms by e-mail and printing them (protocol.md 8.8, entities.md 4.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from syncd.sandbox import pdf
from syncd.sandbox.mailing import SENDABLE
from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]


def code(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    assert caught.value.status == 400
    return caught.value.code


@pytest.fixture
def forms(person: Accountant, customer: Json, line: Make) -> dict[str, Json]:
    """One of each kind that can be sent."""
    sold: Json = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(10)]}
    vendor = person.save("Vendor", {"DisplayName": "Bob"})
    accounts = {row["Name"]: row["Id"] for row in person.query("select * from Account maxresults 1000")}
    detail = {"AccountRef": {"value": accounts["Checking"]}}
    bought = [{"Amount": 10, "DetailType": "AccountBasedExpenseLineDetail", "AccountBasedExpenseLineDetail": detail}]
    bodies: dict[str, Json] = {
        **dict.fromkeys(("Invoice", "Estimate", "CreditMemo", "SalesReceipt"), sold),
        "RefundReceipt": {**sold, "DepositToAccountRef": {"value": accounts["Checking"]}},
        "Payment": {"CustomerRef": sold["CustomerRef"], "TotalAmt": 5},
        "PurchaseOrder": {"VendorRef": {"value": vendor["Id"]}, "Line": bought},
    }
    assert bodies.keys() == SENDABLE
    return {entity: person.save(entity, body) for entity, body in bodies.items()}


@pytest.mark.checklist(65)
def test_sending_sets_status_and_delivery_and_keeps_the_token(
    sandbox: RunningSandbox, person: Accountant, forms: dict[str, Json]
) -> None:
    sandbox.advance(5)
    for entity, form in forms.items():
        path = f"{entity.lower()}/{form['Id']}/send"
        assert code(partial(person.call, "POST", path)) == "6420"
        assert person.read(entity, form["Id"]) == form
        sent = person.call("POST", path, sendTo="a@b.example")[entity]
        assert sent["SyncToken"] == form["SyncToken"]
        assert sent["MetaData"]["LastUpdatedTime"] > form["MetaData"]["LastUpdatedTime"]
        if entity != "Payment":
            assert sent["EmailStatus"] == "EmailSent"
            assert sent["DeliveryInfo"]["DeliveryType"] == "Email"
            assert sent["DeliveryInfo"]["DeliveryTime"] == sent["MetaData"]["LastUpdatedTime"]
            member = "POEmail" if entity == "PurchaseOrder" else "BillEmail"
            assert sent[member] == {"Address": "a@b.example"}
            assert person.call("POST", path)[entity]["EmailStatus"] == "EmailSent"  # its own address serves now
        assert person.read(entity, form["Id"])["SyncToken"] == "0"
    since = forms["Invoice"]["MetaData"]["CreateTime"]
    assert forms["Invoice"]["Id"] in {row["Id"] for row in person.cdc("Invoice", since)[0]["Invoice"]}
    assert [version["op"] for version in sandbox.history(person.realm, entity="Invoice")] == [
        "create",
        "emailed",
        "emailed",
    ]


def test_a_payment_goes_to_its_customer(person: Accountant, customer: Json, pay: Make) -> None:
    made = pay(5)
    person.save("Customer", {**customer, "PrimaryEmailAddr": {"Address": "ada@example.com"}})
    assert person.call("POST", f"payment/{made['Id']}/send")["Payment"]["Id"] == made["Id"]


def test_what_cannot_be_sent(sandbox: RunningSandbox, person: Accountant, invoice: Make) -> None:
    made = invoice(10)
    path = f"invoice/{made['Id']}/send"
    assert code(lambda: person.call("POST", path, sendTo="nobody")) == "2210"
    assert code(lambda: person.call("POST", path, sendTo=f"{'x' * 100}@b.example")) == "2050"
    assert code(lambda: person.call("POST", "invoice/999999/send", sendTo="a@b.example")) == "610"
    assert code(lambda: person.call("POST", "customer/1/send", sendTo="a@b.example")) == "500"
    assert code(lambda: person.call("GET", path)) == "500"
    sandbox.change_company(person.realm, subscription="EXPIRED")
    assert code(lambda: person.call("POST", path, sendTo="a@b.example")) == "6190"


def test_a_repeated_request_id_sends_once(sandbox: RunningSandbox, person: Accountant, invoice: Make) -> None:
    path = f"invoice/{invoice(10)['Id']}/send"
    first = person.call("POST", path, sendTo="a@b.example", requestid="s")
    sandbox.advance(5)
    assert person.call("POST", path, sendTo="a@b.example", requestid="s") == first
    assert [version["op"] for version in sandbox.history(person.realm, entity="Invoice")].count("emailed") == 1


@pytest.mark.checklist(65)
def test_a_form_is_printed_as_a_pdf(
    sandbox: RunningSandbox, person: Accountant, realm: str, forms: dict[str, Json]
) -> None:
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/pdf"}
    sandbox.switch(missing_accept="refuse")
    for entity, form in forms.items():
        path = f"/v3/company/{realm}/{entity.lower()}/{form['Id']}/pdf"
        status, answered, body = sandbox.send("GET", path, None, headers)
        assert (status, answered["content-type"]) == (200, "application/pdf")
        assert body.startswith(b"%PDF-1.")
        assert body.rstrip().endswith(b"%%EOF")
    assert (
        b"Ada Lovelace"
        in sandbox.send("GET", f"/v3/company/{realm}/invoice/{forms['Invoice']['Id']}/pdf", None, headers)[2]
    )
    for path in ("invoice/999999/pdf", "customer/1/pdf"):
        status, answered, body = sandbox.send("GET", f"/v3/company/{realm}/{path}", None, headers)
        assert status == 400
        assert b"Fault" in body


@pytest.mark.parametrize("count", [0, 1, 200])
def test_the_pdf_is_well_formed(count: int) -> None:
    """Every object is where the cross reference says, and every stream as long as it says."""
    raw = pdf.document([f"(row) \\ {n} café" for n in range(count)])
    start = int(raw.rsplit(b"startxref\n", 1)[1].split()[0])
    entries = re.findall(rb"(\d{10}) (\d{5}) ([fn]) \n", raw[start:])
    assert int(re.match(rb"xref\n0 (\d+)\n", raw[start:])[1]) == len(entries)  # type: ignore[index]  # must match
    for number, (place, _, kind) in enumerate(entries):
        if kind == b"n":
            assert raw[int(place) :].startswith(b"%d 0 obj\n" % number)
    for length, content in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", raw, re.DOTALL):
        assert int(length) == len(content)
    assert raw.count(b"/Type /Page ") == max(1, -(-count // 46))
