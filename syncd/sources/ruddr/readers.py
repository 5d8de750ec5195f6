"""From a row of the API to canonical records: one table of lists, one builder for each kind.

Shapes are those of ruddr-api.md 7. Members of pages whose tail nobody has seen are taken where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from syncd.model.kinds import Kind, State
from syncd.model.observations import Flawed, Present, Problem
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Form, Invoice, Line
from syncd.model.records.lists import Category, Client, Item, PaymentMethod, Project, TaxCode, Vendor
from syncd.model.records.payments import Allocation, CreditApplication, Payment
from syncd.model.records.purchases import Expense
from syncd.model.values import fingerprint
from syncd.sources import rows, whole
from syncd.sources.ruddr.http import Row
from syncd.sources.ruddr.rows import Members, external_id, objects, reference

INVOICE_STATES: Mapping[str, State] = MappingProxyType(
    {"draft": State.DRAFT, "open": State.PUBLISHED, "paid": State.PUBLISHED}
)
"""``statusId`` of an invoice: only ``paid`` was seen, the others are the product's own words (ruddr-api.md 7.5)."""
CREDIT_NOTE_STATES: Mapping[str, State] = MappingProxyType(
    {"draft": State.DRAFT, "open": State.PUBLISHED, "published": State.PUBLISHED, "applied": State.PUBLISHED}
)
"""The same of a credit note, of which only ``applied`` was seen (ruddr-api.md 7.9)."""
EXPENSE_STATES: Mapping[str, bool] = MappingProxyType(
    {"not_submitted": False, "pending_approval": False, "approved": True, "rejected": False}
)
"""Whether an expense is approved (ruddr-api.md 7.11, R-105)."""
_ACTIVE = {"active": True, "archived": False}

Built: TypeAlias = tuple[Record | None, list[Problem]]
"""A record, or None where the row has none of the kind, and what is wrong with it."""
TaxRate: TypeAlias = tuple[Decimal, str]
"""A rate in use, and its name."""


class Seen(msgspec.Struct, frozen=True):
    """One record as a row shows it. ``open``: people still work on it, so that it is looked at more often."""

    kind: Kind
    id: str
    observation: Present | Flawed
    open: bool = False


class Listed(msgspec.Struct, frozen=True):
    """One list of the API: its path, the kinds its rows hold, and which of its rows people still work on.

    ``wave``: what refers to others is read before what it refers to, so that nothing points at what was not seen.
    """

    path: str
    kinds: tuple[Kind, ...]
    wave: int
    open: Callable[[Row], bool] = lambda row: False


def read(listed: Listed, row: Row, kinds: tuple[Kind, ...], connection_id: str) -> Iterator[Seen]:
    """The records of a row, of those ``kinds``. ``version`` stands for the content as far as syncd reads it."""
    row_id = str(row["id"])
    for kind in listed.kinds:
        if kind not in kinds:
            continue
        record, problems = _BUILDERS[kind](row, connection_id)
        if record is not None:
            seen: Present | Flawed = (
                Flawed(row_id, fingerprint(row), tuple(problems)) if problems else Present(record, fingerprint(record))
            )
            yield Seen(kind, row_id, seen, listed.open(row))


def _named(kind: type[Item | PaymentMethod | Category]) -> Callable[[Row, str], Built]:
    def build(row: Row, _: str) -> Built:
        members = Members(row)
        name = members.take("name", "name", rows.name, "")
        return kind(id=str(row["id"]), name=name, active=_is_active(members)), members.problems

    return build


def _is_active(members: Members) -> bool:
    """``isActive``; where a row lacks it, it is in use."""
    return members.flag("isActive", "active") if "isActive" in members.row else True


def _tax_code(row: Row, _: str) -> Built:
    members = Members(row)
    name = members.take("name", "name", rows.name, "")
    rate = members.take("rate", "rate", rows.amount, Decimal(0))
    return TaxCode(id=str(row["id"]), name=name, active=_is_active(members), rate=rate), members.problems


def _client(row: Row, connection_id: str) -> Built:
    members = Members(row)
    record = Client(
        id=str(row["id"]),
        name=members.take("name", "name", rows.name, ""),
        currency=members.take("currency", "currency", rows.optional_currency, UNSET),
        email=members.emails("emails", "email"),
        address=members.address("streetAddress", "address"),
        active=_in_use(members),
        external_id=external_id(row, connection_id),
    )
    return record, members.problems


def _in_use(members: Members) -> bool:
    told = "recordStatusId" in members.row
    return members.choice("recordStatusId", "active", _ACTIVE, instead=True) if told else True


def _project(row: Row, connection_id: str) -> Built:
    members = Members(row)
    record = Project(
        id=str(row["id"]),
        name=members.take("name", "name", rows.name, ""),
        active=_in_use(members),
        client=members.reference("client")[0],
        external_id=external_id(row, connection_id),
    )
    return record, members.problems


def _vendor(row: Row, _: str) -> Built:
    members = Members(row)
    record = Vendor(
        id=str(row["id"]),
        name=members.take("name", "name", rows.name, ""),
        email=members.text_if_told("email", "email"),
        active=_is_active(members),
    )
    return record, members.problems


def _lines(members: Members) -> tuple[Line, ...]:
    """Lines in their order. The number, rate and amount are taken as they are; the amount counts."""
    listed = sorted(objects(members.row.get("lines")), key=lambda each: _place(each.get("lineNumber")))
    return tuple(_line(members, each) for each in listed)


def _place(raw: object) -> int:
    return raw if isinstance(raw, int) else 0


def _line(members: Members, row: Row) -> Line:
    item, name = reference(row.get("invoiceItem"))
    return Line(
        id=str(row.get("id") or ""),
        item=item,
        item_name=name or members.use(row.get("item"), "lines", rows.text, ""),
        description=members.use(row.get("description"), "lines", rows.text, ""),
        quantity=members.use(row.get("quantity"), "lines", rows.optional_amount, UNSET),
        rate=members.use(row.get("rate"), "lines", rows.optional_amount, UNSET),
        amount=members.use(row.get("amount"), "lines", rows.amount, Decimal(0)),
        taxable=members.use(row.get("taxable"), "lines", rows.optional_truth, UNSET),
    )


def _invoice(row: Row, connection_id: str) -> Built:
    members = Members(row)
    record = Invoice(
        id=str(row["id"]),
        client=members.use(members.reference("client")[0], "client", rows.client_reference, ""),
        issue_date=members.take("issuedOn", "issue_date", rows.day, _NO_DAY),
        due_date=members.take("dueOn", "due_date", rows.optional_day, UNSET),
        total=members.take("total", "total", rows.amount, Decimal(0)),
        lines=_lines(members),
        state=members.choice("statusId", "state", INVOICE_STATES, State.DRAFT),
        number=members.text("number", "number"),
        currency=members.take("currency", "currency", rows.currency, ""),
        notes=members.text("notes", "notes"),
        discount=members.take("totalDiscount", "discount", rows.amount_or_zero, Decimal(0)),
        tax=members.take("totalTax", "tax", rows.amount_or_zero, Decimal(0)),
        tax_rate=members.take("taxRate", "tax_rate", rows.optional_amount, UNSET),
        balance=members.take("amountDue", "balance", rows.optional_amount, UNSET),
        external_id=external_id(row, connection_id),
        bill_to=members.address("billTo", "bill_to"),
        emails=members.emails("emails", "emails"),
        cc_emails=members.emails("ccEmails", "cc_emails"),
    )
    return record, members.problems or whole.form_problems(record)


def _credit_note(row: Row, connection_id: str) -> Built:
    members = Members(row)
    record = CreditNote(
        id=str(row["id"]),
        client=members.use(members.reference("client")[0], "client", rows.client_reference, ""),
        issue_date=members.take("issuedOn", "issue_date", rows.day, _NO_DAY),
        total=members.take("total", "total", rows.amount, Decimal(0)),
        lines=_lines(members),
        state=members.choice("statusId", "state", CREDIT_NOTE_STATES, State.DRAFT),
        number=members.text("number", "number"),
        currency=members.take("currency", "currency", rows.currency, ""),
        notes=members.text("notes", "notes"),
        discount=members.take("totalDiscount", "discount", rows.amount_or_zero, Decimal(0)),
        tax=members.take("totalTax", "tax", rows.amount_or_zero, Decimal(0)),
        tax_rate=members.take("taxRate", "tax_rate", rows.optional_amount, UNSET),
        balance=members.take("remainingCredit", "balance", rows.optional_amount, UNSET),
        external_id=external_id(row, connection_id),
        bill_to=members.address("billTo", "bill_to"),
        emails=members.emails("emails", "emails"),
        cc_emails=members.emails("ccEmails", "cc_emails"),
    )
    return record, members.problems or whole.form_problems(record)


def _credit_application(row: Row, _: str) -> Built:
    """What a credit note was used for, where its row lists invoices as a payment's does (not sure: ruddr-api.md 7.9).

    It has the credit note's id and its date: the API knows no other.
    """
    members = Members(row)
    allocations = _allocations(members)
    if not allocations or CREDIT_NOTE_STATES.get(str(row.get("statusId")), State.PUBLISHED) is State.DRAFT:
        return None, []
    record = CreditApplication(
        id=str(row["id"]),
        client=members.use(members.reference("client")[0], "client", rows.client_reference, ""),
        credit_note=str(row["id"]),
        date=members.take("issuedOn", "date", rows.day, _NO_DAY),
        allocations=allocations,
        currency=members.take("currency", "currency", rows.currency, ""),
    )
    return record, members.problems or whole.credit_application_problems(record)


def _allocations(members: Members) -> tuple[Allocation, ...]:
    return tuple(
        Allocation(
            invoice=members.use(each.get("id"), "allocations", rows.invoice_reference, ""),
            amount=members.use(each.get("amount"), "allocations", rows.amount, Decimal(0)),
        )
        for each in objects(members.row.get("invoices"))
    )


def _payment(row: Row, connection_id: str) -> Built:
    members = Members(row)
    method, method_name = members.reference("paymentMethod")
    record = Payment(
        id=str(row["id"]),
        client=members.use(members.reference("client")[0], "client", rows.client_reference, ""),
        date=members.take("receivedOn", "date", rows.day, _NO_DAY),
        amount=members.take("amount", "amount", rows.amount, Decimal(0)),
        allocations=_allocations(members),
        currency=members.take("currency", "currency", rows.currency, ""),
        reference=members.text("referenceNumber", "reference"),
        notes=members.text("notes", "notes"),
        external_id=external_id(row, connection_id),
        method=method,
        method_name=method_name,
    )
    return record, members.problems or whole.payment_problems(record)


def _expense(row: Row, _: str) -> Built:
    """``amount`` is what the member paid; the mark-up is the client's affair. The API does not tell what is reimbursed
    (ruddr-api.md 9)."""
    members = Members(row)
    category, category_name = members.reference("expenseCategory")
    project, project_name = members.reference("project")
    of_project = row.get("project")
    record = Expense(
        id=str(row["id"]),
        vendor=members.use(members.reference("member")[0], "vendor", rows.vendor_reference, ""),
        date=members.take("date", "date", rows.day, _NO_DAY),
        amount=members.take("amount", "amount", rows.amount, Decimal(0)),
        approved=members.choice("statusId", "approved", EXPENSE_STATES, instead=False),
        reimbursable=members.flag("isReimbursable", "reimbursable"),
        report=members.reference("expenseReport")[0],
        currency=members.take("currency", "currency", rows.currency, ""),
        category=category,
        category_name=category_name,
        project=project,
        project_name=project_name,
        client_name=reference(of_project.get("client"))[1] if isinstance(of_project, dict) else "",
        merchant=members.text("vendor", "merchant"),
        notes=members.text("notes", "notes"),
    )
    return record, members.problems


def _unpaid(row: Row) -> bool:
    return row.get("statusId") != "paid"


def _unused(row: Row) -> bool:
    return row.get("statusId") != "applied" or bool(row.get("remainingCredit"))


def _undecided(row: Row) -> bool:
    return row.get("statusId") not in {"approved", "rejected"}


_NO_DAY = rows.day("1970-01-01")
"""Stands in a record that is held anyway, because its own date cannot be read."""

_BUILDERS: Mapping[Kind, Callable[[Row, str], Built]] = {
    Kind.ITEM: _named(Item),
    Kind.TAX_CODE: _tax_code,
    Kind.PAYMENT_METHOD: _named(PaymentMethod),
    Kind.CATEGORY: _named(Category),
    Kind.CLIENT: _client,
    Kind.PROJECT: _project,
    Kind.VENDOR: _vendor,
    Kind.INVOICE: _invoice,
    Kind.CREDIT_NOTE: _credit_note,
    Kind.PAYMENT: _payment,
    Kind.CREDIT_APPLICATION: _credit_application,
    Kind.EXPENSE: _expense,
}

CLIENTS = "/clients"

LISTS = (
    Listed("/payments", (Kind.PAYMENT,), 0),
    Listed("/credit-notes", (Kind.CREDIT_NOTE, Kind.CREDIT_APPLICATION), 0, _unused),
    Listed("/expense-items", (Kind.EXPENSE,), 0, _undecided),
    Listed("/invoices", (Kind.INVOICE,), 1, _unpaid),
    Listed("/projects", (Kind.PROJECT,), 1),
    Listed(CLIENTS, (Kind.CLIENT,), 2),
    Listed("/members", (Kind.VENDOR,), 2),
    Listed("/invoice-items", (Kind.ITEM,), 2),
    Listed("/tax-rates", (Kind.TAX_CODE,), 2),
    Listed("/payment-methods", (Kind.PAYMENT_METHOD,), 2),
    Listed("/expense-categories", (Kind.CATEGORY,), 2),
)
"""Every list, in the order of reading."""

LIST_OF: Mapping[Kind, Listed] = MappingProxyType({kind: listed for listed in LISTS for kind in listed.kinds})


def number_of(record: Record) -> str:
    """The number that a live document has alone; empty where there is none to share."""
    if isinstance(record, Form) and record.state is State.PUBLISHED and isinstance(record.number, str):
        return record.number.strip()
    return ""


def rate_of(record: Record) -> TaxRate | None:
    """The rate and name of a tax rate in use."""
    if isinstance(record, TaxCode) and record.active and isinstance(record.rate, Decimal):
        return record.rate, record.name
    return None
