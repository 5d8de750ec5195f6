"""Invoices and credit memos as they are sent: the header. Lines are in ``lines.py``, tax in ``tax.py``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeAlias

from msgspec import UnsetType

from syncd.model.kinds import State
from syncd.model.records.forms import CreditNote, Estimate, Form, Invoice
from syncd.model.records.lists import Address
from syncd.model.references import billed_to
from syncd.model.spec import CC_EMAILS_LIMIT, EMAILS_LIMIT, NOTES_LIMIT
from syncd.model.taxing import as_sent
from syncd.model.values import cut, text
from syncd.qbo.codec import lines, tax
from syncd.qbo.codec.contact import address_body, filled, joined
from syncd.qbo.codec.currency import foreign_currency, moved
from syncd.qbo.codec.forms import EMAIL_SENT
from syncd.qbo.codec.parts import Wishes, identity_of, kept_lines, linked, party_id, reference, whole
from syncd.qbo.wire import Json

_READ_ONLY = frozenset(
    {
        "MetaData", "domain", "sparse", "TotalAmt", "Balance", "RemainingCredit", "HomeTotalAmt", "HomeBalance",
        "DeliveryInfo", "PaymentMethodRef", "LinkedTxn", "InvoiceLink", "EInvoiceStatus", "ECloudStatusTimeStamp",
        "RecurDataRef", "TaxExemptionRef", "FreeFormAddress", "TxnSource",
    }
)  # fmt: skip
"""What is not sent back with a whole credit memo (entities.md 4.2, 4.5)."""

_Emails: TypeAlias = str | UnsetType


def create(record: Form, wishes: Wishes) -> Json:
    """A new form. EmailStatus says at most that it was sent already: nothing is mailed by QBO on our account (X-7)."""
    record = as_sent(record, wishes.settings)
    body: Json = {
        "CustomerRef": reference(linked(wishes, *billed_to(record, wishes.settings))),
        "TxnDate": record.issue_date.isoformat(),
        "Line": lines.encode(record, wishes, []),
        **foreign_currency(record, record.issue_date, wishes),
        **_number(record, wishes),
        **tax.whole_tax(record, wishes),
        **_sent(record, wishes, new=True),
    }
    return body | {name: value for name, value in _texts(record, lambda _: True, new=True).items() if value}


def update(record: Form, wishes: Wishes, current: Json) -> Json:
    """The named fields, with the customer, which QBO wants to see each time (protocol.md 8.2).

    An invoice is updated sparsely, a credit memo whole, as its page shows it (entities.md 1.3). Lines are replaced as
    a whole, so all of them are sent, with their ids (1.4, F-23).
    """
    fields, record = wishes.fields, as_sent(record, wishes.settings)
    if isinstance(record, CreditNote):
        body = whole(current, _READ_ONLY) | {"Line": kept_lines(current)}
    else:
        body = identity_of(current) | {"sparse": True}
    body["CustomerRef"] = _party(record, wishes, current)
    if "issue_date" in fields:
        body |= {"TxnDate": record.issue_date.isoformat()} | moved(record, record.issue_date, wishes, current)
    if "number" in fields:
        body |= _number(record, wishes)
    body |= _texts(record, fields.__contains__, new=False) | _sent(record, wishes, new=False)
    if "lines" in fields or lines.concerns_discount(record, fields):
        body["Line"] = lines.encode(record, wishes, current.get("Line") or [])
    if fields & {"lines", "discount", "tax"}:
        body |= _forget_tax(body) | tax.whole_tax(record, wishes)
    return body


def _forget_tax(body: Json) -> Json:
    """Takes the tax as it was out of a whole update, so that QBO computes it anew; the code stays (entities.md 3.9)."""
    detail = body.pop("TxnTaxDetail", None) or {}
    return {"TxnTaxDetail": {"TxnTaxCodeRef": detail["TxnTaxCodeRef"]}} if "TxnTaxCodeRef" in detail else {}


def _party(record: Form, wishes: Wishes, current: Json) -> Json:
    if "client" in wishes.fields:
        return reference(linked(wishes, *billed_to(record, wishes.settings)))
    return reference(party_id(current, "CustomerRef"))


def _number(record: Form, wishes: Wishes) -> Json:
    """Only while the company keeps its own numbers; otherwise QBO counts and the source takes over (R-7, C-R10)."""
    ours = wishes.facts.custom_numbers and wishes.settings.numbering != "qbo"
    if ours and isinstance(record.number, str) and record.number.strip():
        return {"DocNumber": text(record.number)}
    return {}


def _sent(record: Form, wishes: Wishes, *, new: bool) -> Json:
    """The mark that it was sent, where the profile keeps it. This mails nothing (entities.md 4.2): only a request of
    its own does (4.3), and ``NeedToSend`` would leave it to be mailed by whoever empties that list."""
    if not isinstance(record, Invoice) or "sent" not in wishes.fields:
        return {}
    sent = record.state is State.SENT or record.sent is True
    return {"EmailStatus": EMAIL_SENT if sent else "NotSet"} if sent or not new else {}


def _texts(record: Form, wanted: Callable[[str], bool], *, new: bool) -> Json:
    """Due date, notes, address and e-mail addresses: each as far as the source has it. A new form needs no blanks."""
    body: Json = {}
    due = None if isinstance(record, CreditNote) else record.due_date
    if wanted("due_date") and isinstance(due, date):
        body["ExpirationDate" if isinstance(record, Estimate) else "DueDate"] = due.isoformat()
    if wanted("notes") and isinstance(record.notes, str) and (record.notes or not new):
        body["CustomerMemo"] = {"value": cut(text(record.notes), NOTES_LIMIT)}
    if wanted("bill_to") and isinstance(record.bill_to, Address):
        body["BillAddr"] = filled(record.bill_to) if new else address_body(record.bill_to)
    if wanted("emails"):
        body |= _emails("BillEmail", record.emails, EMAILS_LIMIT, new=new)
    if wanted("cc_emails"):
        body |= _emails("BillEmailCc", record.cc_emails, CC_EMAILS_LIMIT, new=new)
    return body


def _emails(member: str, emails: _Emails, limit: int, *, new: bool) -> Json:
    addresses = joined(emails, limit)
    return {member: {"Address": addresses}} if isinstance(emails, str) and (addresses or not new) else {}
