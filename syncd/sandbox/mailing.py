"""Sending a form by e-mail, and its PDF (protocol.md 8.8, entities.md 4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.sandbox import faults, operations
from syncd.sandbox import pdf as writer
from syncd.sandbox.book import Book, Record
from syncd.sandbox.clock import stamp
from syncd.sandbox.wire import Json

SENDABLE = frozenset({"Invoice", "Estimate", "CreditMemo", "SalesReceipt", "RefundReceipt", "PurchaseOrder", "Payment"})
_PARTIES = (("CustomerRef", "Customer"), ("VendorRef", "Vendor"))


def send(book: Book, entity: str, record_id: str, send_to: str) -> None:
    """Mark a form as sent: EmailStatus, DeliveryInfo, the address; the token stays, LastUpdatedTime moves.

    The address is the one in the call, else the form's own; 6420 where there is none. A payment has no such members:
    its customer's address serves, and only its time moves.
    """
    if entity not in SENDABLE:
        raise faults.unsupported("send")
    if book.settings.subscription not in ("PAID", "TRIAL"):
        raise faults.lapsed()
    old = operations.read(book, entity, record_id)
    body = dict(old.body)
    now = book.clock.now()
    second = int(now)
    if entity == "Payment":
        if not (_checked(send_to) or _party(book, body).get("PrimaryEmailAddr")):
            raise faults.no_address()
    else:
        member = "POEmail" if entity == "PurchaseOrder" else "BillEmail"
        if _checked(send_to):
            body[member] = {"Address": send_to}
        elif member not in body:
            raise faults.no_address()
        body["EmailStatus"] = "EmailSent"
        body["DeliveryInfo"] = {"DeliveryType": "Email", "DeliveryTime": stamp(second)}
    body["MetaData"] = {**body["MetaData"], "LastUpdatedTime": stamp(second)}
    book.store(entity, Record(old.id, old.token, old.created, second), body, None, "emailed", now)


def _checked(send_to: str) -> str:
    """The address of a call: one or several with commas between; 2210 and 2050 for what is none."""
    for address in send_to.split(",") if send_to else ():
        name, _, host = address.strip().partition("@")
        if not name or "." not in host or " " in address.strip():
            raise faults.bad_email("sendTo", send_to)
    if len(send_to) > 100:
        raise faults.bad_length("sendTo", 0, 100, len(send_to))
    return send_to


def _party(book: Book, body: Json) -> Json:
    for member, entity in _PARTIES:
        if member in body:
            record = book.find(entity, str(body[member]["value"]))
            if record is not None:
                return record.body
    return {}


def pdf(book: Book, entity: str, record_id: str) -> bytes:
    """The form as a PDF, for the entities that can be sent."""
    if entity not in SENDABLE:
        raise faults.unsupported("pdf")
    return writer.document(list(_lines(book, entity, operations.read(book, entity, record_id).body)))


def _lines(book: Book, entity: str, body: Json) -> Iterator[str]:
    company = book.find("CompanyInfo", "1")
    yield str(company.body.get("CompanyName", "")) if company is not None else ""
    yield f"{entity} {body.get('DocNumber', body['Id'])}"
    yield f"Date {body.get('TxnDate', '')}"
    if "DueDate" in body:
        yield f"Due {body['DueDate']}"
    yield str(_party(book, body).get("DisplayName", ""))
    yield ""
    for line in body.get("Line", []):
        if "Amount" in line:
            yield f"{line.get('Description', line.get('DetailType', ''))}   {line['Amount']}"
    yield ""
    currency = body.get("CurrencyRef", {}).get("value", book.settings.home_currency)
    yield f"Total {body.get('TotalAmt', 0)} {currency}"
