"""What an undo sends: an object of QBO's as it was before, of which only part can be sent back.

The pre-image in the journal is the undo log (correctness.md 2.7). It holds more than a record does (class, terms,
memo), so lines and whole documents are put back from it, and not from the record.
"""

from __future__ import annotations

from syncd.model.kinds import Kind
from syncd.qbo.codec.lines import Detail, detail_of
from syncd.qbo.codec.parts import Wishes
from syncd.qbo.wire import Json

_NEVER_SENT = frozenset(
    {
        "Id", "SyncToken", "MetaData", "domain", "sparse", "status", "Balance", "RemainingCredit", "HomeTotalAmt",
        "HomeBalance", "DeliveryInfo", "EmailStatus", "PrintStatus", "LinkedTxn", "InvoiceLink", "EInvoiceStatus",
        "ECloudStatusTimeStamp", "RecurDataRef", "TaxExemptionRef", "FreeFormAddress", "TxnSource", "TxnStatus",
        "UnappliedAmt", "ProcessPayment", "VendorAddr", "RemitToAddr", "Deposit", "PurchaseEx", "POStatus",
    }
)  # fmt: skip
"""What QBO decides, or what was true of the deleted object alone: nothing is mailed or printed a second time (X-7)."""
_MONEY = frozenset({Kind.PAYMENT, Kind.CREDIT_APPLICATION})
_LINED = frozenset({Kind.ESTIMATE, Kind.INVOICE, Kind.CREDIT_NOTE, Kind.BILL, Kind.PURCHASE, Kind.PURCHASE_ORDER})


def made_again(kind: Kind, former: Json, wishes: Wishes) -> Json:
    """A new object like one that was deleted: with another id, and without links to what QBO cannot link anew."""
    body: Json = {name: value for name, value in former.items() if name not in _NEVER_SENT}
    if kind in _MONEY:  # its lines are nothing but links, and its total is no sum of them
        return body | {"Line": [_without(line, "LineEx") for line in former.get("Line") or []]}
    body.pop("TotalAmt", None)
    if not wishes.facts.custom_numbers:
        body.pop("DocNumber", None)
    return body | _tax(body, wishes) | {"Line": _lines(former, frozenset())}


def put_back(kind: Kind, body: Json, former: Json, wishes: Wishes) -> Json:
    """``body`` with the lines that the object had before, where it is about lines at all."""
    if kind not in _LINED or "lines" not in wishes.fields:
        return body
    there = frozenset(str(line.get("Id", "")) for line in (wishes.current or {}).get("Line") or [])
    return body | {"Line": _lines(former, there)}


def _lines(former: Json, there: frozenset[str]) -> list[Json]:
    """The former lines; one keeps its id only where the object still has a line of that id."""
    lines = [line for line in former.get("Line") or [] if detail_of(line.get("DetailType", "")) is not Detail.SUBTOTAL]
    gone = [() if str(line.get("Id", "")) in there else ("Id",) for line in lines]
    return [_without(line, "LineEx", "LinkedTxn", *ids) for line, ids in zip(lines, gone, strict=True)]


def _tax(body: Json, wishes: Wishes) -> Json:
    """The tax of the whole, as ``tax.whole_tax`` says it; QBO computes the rest from the lines."""
    detail = body.pop("TxnTaxDetail", None) or {}
    if wishes.facts.global_tax or not wishes.facts.sales_tax:
        return {}
    wanted = ("TotalTax",) if wishes.facts.automated_tax else ("TotalTax", "TxnTaxCodeRef")
    return {"TxnTaxDetail": {name: detail[name] for name in wanted if name in detail}} if detail else {}


def _without(line: Json, *names: str) -> Json:
    return {name: value for name, value in line.items() if name not in names}
