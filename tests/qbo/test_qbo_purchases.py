"""Expenses, purchase orders and files: what is read of QBO's own payloads, and what is sent (entities.md 6, 7)."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import msgspec
import pytest
from codec_world import D, flaw, read, sent, wishes
from qbo_world import SAMPLES

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, State
from syncd.model.records.files import Attachment
from syncd.model.records.purchases import BillLine, Purchase, PurchaseOrder
from syncd.model.writes import Verb, WireWrite
from syncd.qbo import Unencodable, uploads, wire
from syncd.qbo.codec import CODECS, Reading
from syncd.qbo.faults import Fault
from syncd.qbo.transport import Reply
from syncd.sandbox import multipart

READING = Reading(home_currency="USD")
SPENT = Purchase(
    id="e1",
    vendor="v1",
    date=date(2026, 3, 3),
    total=D(10),
    lines=(BillLine(D(10), category="c1", description="Nails"),),
)
ROW: dict[str, Any] = {
    "Id": "7", "SyncToken": "1", "TxnDate": "2026-03-03", "TotalAmt": 10, "PaymentType": "CreditCard", "Credit": False,
    "AccountRef": {"value": "42"}, "EntityRef": {"value": "9", "name": "Hicks", "type": "Vendor"},
    "PrivateNote": "memo", "PurchaseEx": {"any": []}, "CurrencyRef": {"value": "USD"},
    "Line": [{"Id": "1", "Amount": 10, "DetailType": "AccountBasedExpenseLineDetail", "LineEx": {},
              "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "q-c1"}, "ClassRef": {"value": "5"}}}],
}  # fmt: skip
PAID = Settings(payment_account="Checking", default_expense_account="Other")
FILE = Attachment(id="1@ab", owner_kind="purchase", owner="e1", file_name="Größe 1.JPG", size=3, digest="d" * 64)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not on this machine")
@pytest.mark.parametrize(
    ("prefix", "kind"),
    [("purchase", Kind.PURCHASE), ("purchaseorder", Kind.PURCHASE_ORDER), ("attachable", Kind.ATTACHMENT)],
)
def test_recorded_payloads_are_read(prefix: str, kind: Kind) -> None:
    seen = 0
    for path in sorted(SAMPLES.glob(f"{prefix}-*.json")):
        body = wire.split_object(path.read_bytes())
        entity = CODECS[kind].entity
        rows = wire.split_object(body["QueryResponse"])[entity] if "QueryResponse" in body else body.get(entity)
        if uploads.ANSWER in body:
            answer = uploads.answer_of(Reply(200, body, ""))
            assert isinstance(answer, wire.Raw)
            rows = wire.Raw(b"[" + bytes(answer) + b"]")
        if rows is None or "request" in path.name or "-delete" in path.name:
            continue
        for row in wire.split_list(rows):
            if not CODECS[kind].takes(row) or b"SyncToken" not in bytes(row):
                continue  # a note, or a file of something else; or a query for ids alone
            found = CODECS[kind].decode(row, READING)
            assert hasattr(found, "record"), (path.name, found)
            seen += 1
    assert seen


def test_whom_an_expense_was_paid_to_and_what_a_card_got_back() -> None:
    found = read(Kind.PURCHASE, ROW)
    assert isinstance(found, Purchase)
    assert (found.vendor, found.total, found.notes, found.state) == ("9", 10, "memo", State.LIVE)
    assert [(line.category, line.amount) for line in found.lines] == [("q-c1", 10)]
    for payee in ({"value": "9", "type": "Employee"}, None):
        assert getattr(read(Kind.PURCHASE, ROW | {"EntityRef": payee}), "vendor", None) == ""
    back = read(Kind.PURCHASE, ROW | {"Credit": True})
    assert isinstance(back, Purchase)
    assert (back.total, back.lines[0].amount) == (-10, -10)
    void = read(Kind.PURCHASE, ROW | {"TotalAmt": 0, "PrivateNote": "Voided - memo", "Line": []})
    assert getattr(void, "state", None) is State.VOID
    assert flaw(Kind.PURCHASE, {"Id": "7", "SyncToken": "0"}) == "incomplete"
    assert flaw(Kind.PURCHASE_ORDER, {"Id": "7", "SyncToken": "0"}) == "incomplete"
    assert flaw(Kind.ATTACHMENT, {"Id": "7", "SyncToken": "0", "Note": "only a note"}) == "no-file"


def test_what_is_sent_of_an_expense() -> None:
    body = sent(Kind.PURCHASE, Verb.CREATE, SPENT, wishes(settings=PAID, multicurrency=True))
    assert (body["PaymentType"], body["AccountRef"]["value"]) == ("Cash", "account:Checking")
    assert (body["EntityRef"], body["TxnDate"]) == ({"value": "q-v1", "type": "Vendor"}, "2026-03-03")
    assert "GlobalTaxCalculation" not in body
    card = sent(
        Kind.PURCHASE, Verb.CREATE, SPENT, wishes(settings=msgspec.structs.replace(PAID, payment_account="Visa"))
    )
    assert card["PaymentType"] == "CreditCard"
    abroad = sent(Kind.PURCHASE, Verb.CREATE, SPENT, wishes(settings=PAID, country="CA"))
    assert abroad["GlobalTaxCalculation"] == "NotApplicable"
    with pytest.raises(Unencodable, match="is kept in EUR"):
        sent(Kind.PURCHASE, Verb.CREATE, SPENT, wishes(settings=msgspec.structs.replace(PAID, payment_account="Euro")))
    more = msgspec.structs.replace(SPENT, lines=(msgspec.structs.replace(SPENT.lines[0], amount=D(12)),))
    after = sent(Kind.PURCHASE, Verb.UPDATE, more, wishes({"lines", "total"}, ROW, PAID))
    assert after["Line"][0]["AccountBasedExpenseLineDetail"]["ClassRef"] == {"value": "5"}
    assert (after["Line"][0]["Id"], after["Line"][0]["Amount"]) == ("1", 12)
    assert not {"PurchaseEx", "TotalAmt"} & after.keys(), "QBO refuses or ignores these"
    kept = ("AccountRef", "PaymentType", "Credit", "PrivateNote", "EntityRef", "SyncToken")
    assert {name: after[name] for name in kept} == {name: ROW[name] for name in kept}
    assert sent(Kind.PURCHASE, Verb.DELETE, None, wishes(current=ROW)) == {"Id": "7", "SyncToken": "1"}


def test_lines_of_a_purchase_order_become_others() -> None:
    """An item in the place of an account is a new line; what stays keeps its id."""
    item = BillLine(D(12), item="i1", quantity=D(3), rate=D(4), description="Pumps")
    order = PurchaseOrder(id="o1", vendor="v1", date=date(2026, 3, 4), total=D(12), lines=(item,), number=" 7 ")
    body = sent(Kind.PURCHASE_ORDER, Verb.CREATE, order, wishes(settings=PAID))
    detail = body["Line"][0]["ItemBasedExpenseLineDetail"]
    assert (detail["ItemRef"], detail["Qty"], detail["UnitPrice"]) == ({"value": "q-i1"}, 3, 4)
    assert body["DocNumber"] == "7"
    there = ROW | {"VendorRef": {"value": "q-v1"}, "POStatus": "Closed", "LinkedTxn": [{"TxnId": "1"}]}
    after = sent(Kind.PURCHASE_ORDER, Verb.UPDATE, order, wishes({"lines", "total"}, there, PAID))
    assert [("Id" in line, line["DetailType"]) for line in after["Line"]] == [(False, "ItemBasedExpenseLineDetail")]
    assert not {"POStatus", "LinkedTxn"} & after.keys()
    odd = msgspec.structs.replace(order, lines=(msgspec.structs.replace(item, rate=D("4.5")),))
    counted = sent(Kind.PURCHASE_ORDER, Verb.CREATE, odd, wishes(settings=PAID))["Line"][0][
        "ItemBasedExpenseLineDetail"
    ]
    assert (counted["Qty"], counted["UnitPrice"]) == (1, 12)


def test_what_is_said_about_a_file() -> None:
    body = sent(Kind.ATTACHMENT, Verb.CREATE, FILE, wishes())
    assert body == {
        "FileName": "Größe 1.JPG",
        "ContentType": "image/jpeg",
        "AttachableRef": [{"EntityRef": {"type": "Purchase", "value": "q-e1"}, "IncludeOnSend": False}],
        "Tag": f"syncd sha256 {'d' * 64} of 1@ab",
    }
    theirs = {"EntityRef": {"type": "Customer", "value": "3"}, "IncludeOnSend": True}
    there = body | {"Id": "5", "SyncToken": "2", "Size": 3, "TempDownloadUri": "x", "Note": "checked"}
    moved = sent(
        Kind.ATTACHMENT, Verb.UPDATE, msgspec.structs.replace(FILE, file_name="b.jpg"), wishes({"file_name"}, there)
    )
    assert (moved["FileName"], moved["Note"], moved["Tag"]) == ("b.jpg", "checked", body["Tag"])
    assert not {"Size", "TempDownloadUri"} & moved.keys()
    shared = there | {"AttachableRef": [*body["AttachableRef"], theirs]}
    with pytest.raises(Unencodable, match="another document"):
        sent(Kind.ATTACHMENT, Verb.DELETE, None, wishes(current=shared))
    found = read(Kind.ATTACHMENT, shared)
    assert isinstance(found, Attachment)
    assert (found.owner_kind, found.owner, found.hangs_on, found.digest) == ("purchase", "q-e1", 2, "d" * 64)
    assert not CODECS[Kind.ATTACHMENT].takes(wire.encode(there | {"AttachableRef": [theirs]}))


@pytest.mark.parametrize(
    "content", [b"", b"plain", b"\r\n--syncd-r1\r\n", b"--syncd-r1--syncd-r1----", bytes(range(256))]
)
def test_an_upload_says_what_it_sends_and_always_the_same(content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    about = sent(Kind.ATTACHMENT, Verb.CREATE, msgspec.structs.replace(FILE, digest=digest), wishes())
    write = WireWrite("j", Kind.ATTACHMENT, Verb.CREATE, "Attachable", wire.encode(about), "r1", file="1@ab")
    call = uploads.call_of(write, content)
    assert call is not None
    assert call == uploads.call_of(write, content), "a repeat is the same to the byte"
    assert (call.path, call.params) == ("upload", (("requestid", "r1"),))
    said, sent_content = multipart.parse(call.body, call.content_type)
    assert (said.name, said.content) == ("file_metadata_01", write.body)
    assert (sent_content.name, sent_content.content) == ("file_content_01", content)
    assert (sent_content.filename, sent_content.content_type) == ("Größe 1.JPG", "image/jpeg")
    assert uploads.call_of(write, content + b"!") is None, "other content than the journal speaks of"


def test_an_upload_is_answered_in_several_ways() -> None:
    def answer(body: dict[str, Any]) -> Any:
        return uploads.answer_of(Reply(200, wire.split_object(wire.encode(body)), "t"))

    fault = {"Error": [{"Message": "Invalid file", "code": "6041"}], "type": "ValidationFault"}
    refused = answer({"AttachableResponse": [{"Fault": fault}]})
    assert isinstance(refused, Fault)
    assert refused.code == "6041"
    assert bytes(answer({"AttachableResponse": [{"Attachable": {"Id": "1"}}]})) == b'{"Id":"1"}'
    for nothing in ({}, {"AttachableResponse": []}, {"AttachableResponse": [{}]}, {"AttachableResponse": [{}, {}]}):
        assert answer(nothing) is None
