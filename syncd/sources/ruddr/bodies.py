"""From a record to the body of a write.

A guess, and marked as one: of billing documents the vendor documents no write at all. The members are those of the
read shapes (ruddr-api.md 7), with ``clientId`` and the like where a client's create takes them; what the API makes of
it is read back and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice, Line
from syncd.model.records.lists import Address, Client
from syncd.model.records.payments import Payment
from syncd.model.values import addresses
from syncd.sources.lines import matched

Body: TypeAlias = dict[str, object]


def fields_of(kind: Kind) -> frozenset[str]:
    """The fields of a kind that a body can carry, with ``line.<part>`` for parts of lines."""
    fields = frozenset(_FIELDS[kind])
    return fields | _LINE_PARTS if "lines" in fields else fields


def body_of(kind: Kind, record: Record, fields: Iterable[str], *, current: Record | None = None) -> Body:
    """The members that set ``fields`` to what ``record`` says. ``current`` is the record that is changed: a line that
    stays keeps its id (C-R16)."""
    table = _FIELDS[kind]
    body: Body = {}
    for field in fields:
        if field in table and getattr(record, field, UNSET) is not UNSET:
            body |= table[field](record)
    if "lines" in body and isinstance(record, Invoice | CreditNote):
        have = current.lines if isinstance(current, Invoice | CreditNote) else ()
        body["lines"] = _lines(have, record.lines)
    return body


def creation_of(kind: Kind, record: Record) -> Body:
    """The members of a whole new record."""
    return body_of(kind, record, _FIELDS[kind])


def _one(member: str, field: str) -> Callable[[Any], Body]:
    def make(record: Any) -> Body:
        value = getattr(record, field)
        return {member: value if value != "" else None}

    return make


def _list(member: str, field: str) -> Callable[[Any], Body]:
    return lambda record: {member: list(addresses(getattr(record, field)))}


def _bill_to(record: Any) -> Body:
    address: Address = record.bill_to
    place = " ".join(part for part in (address.city, address.region, address.postal_code) if part)
    return {"billTo": "\n".join(part for part in (*address.lines, place, address.country) if part)}


def _allocations(record: Payment) -> Body:
    return {"invoices": [{"id": part.invoice, "amount": part.amount} for part in record.allocations]}


def _lines(have: tuple[Line, ...], wished: tuple[Line, ...]) -> list[Body]:
    kept = matched(have, wished)
    return [_line(line, place, have[kept[place]].id if place in kept else "") for place, line in enumerate(wished)]


def _line(line: Line, place: int, line_id: str) -> Body:
    told = {"description": line.description, "quantity": line.quantity, "rate": line.rate, "taxable": line.taxable}
    body: Body = {"lineNumber": place + 1, "amount": line.amount}
    body |= {name: value for name, value in told.items() if value is not UNSET}
    if line.item:
        body["invoiceItemId"] = line.item
    return body | {"id": line_id} if line_id else body


_FORM: Mapping[str, Callable[[Any], Body]] = {
    "number": _one("number", "number"),
    "client": _one("clientId", "client"),
    "issue_date": _one("issuedOn", "issue_date"),
    "currency": _one("currency", "currency"),
    "bill_to": _bill_to,
    "emails": _list("emails", "emails"),
    "cc_emails": _list("ccEmails", "cc_emails"),
    "lines": lambda record: {"lines": []},
    "tax": _one("totalTax", "tax"),
    "tax_rate": _one("taxRate", "tax_rate"),
    "total": _one("total", "total"),
    "notes": _one("notes", "notes"),
}

_FIELDS: Mapping[Kind, Mapping[str, Callable[[Any], Body]]] = {
    Kind.CLIENT: {
        "name": _one("name", "name"),
        "currency": _one("currency", "currency"),
        "email": _list("emails", "email"),
    },
    Kind.INVOICE: {
        **_FORM,
        "due_date": _one("dueOn", "due_date"),
        "discount": _one("totalDiscount", "discount"),
    },
    Kind.CREDIT_NOTE: _FORM,
    Kind.PAYMENT: {
        "client": _one("clientId", "client"),
        "date": _one("receivedOn", "date"),
        "amount": _one("amount", "amount"),
        "currency": _one("currency", "currency"),
        "allocations": _allocations,
        "method": _one("paymentMethodId", "method"),
        "reference": _one("referenceNumber", "reference"),
        "notes": _one("notes", "notes"),
    },
}

_LINE_PARTS = frozenset({"line.item", "line.description", "line.quantity", "line.rate", "line.amount", "line.taxable"})

ARCHIVED: Mapping[str, object] = {"recordStatusId": "archived"}
"""What archives a client (ruddr-api.md 7.2)."""


def resembles(wished: Record, there: Record) -> bool:
    """Whether a record that is there may be the one that is about to be created: made by an earlier attempt whose
    answer was lost. There are no idempotency keys, so one that looks the same is never made a second time."""
    if isinstance(wished, Client) and isinstance(there, Client):
        return (wished.name.strip(), wished.currency) == (there.name.strip(), there.currency)
    if isinstance(wished, Payment) and isinstance(there, Payment):
        return _payment_key(wished) == _payment_key(there)
    if isinstance(wished, Invoice | CreditNote) and type(wished) is type(there):
        return _form_key(wished) == _form_key(there) or bool(wished.number and wished.number == there.number)
    return False


def _form_key(record: Invoice | CreditNote) -> tuple[object, ...]:
    return record.client, record.issue_date, record.total, record.currency


def _payment_key(record: Payment) -> tuple[object, ...]:
    parts = sorted((part.invoice, part.amount) for part in record.allocations)
    return record.client, record.date, record.amount, record.currency, parts
