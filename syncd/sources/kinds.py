"""What a mapping says of each kind: its table, and where the fields of its records are."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import StrictBool, StrictStr, model_validator

from syncd.model.records import Kind, State
from syncd.model.spec import SPECS
from syncd.sources.expressions import ChildTable, Expression, Postal, Strict, Table, Tombstones


class LineFields(Strict):
    """The fields of a line of an invoice or a credit note."""

    amount: Expression
    item: Expression | None = None
    item_name: Expression | None = None
    description: Expression | None = None
    quantity: Expression | None = None
    rate: Expression | None = None
    taxable: Expression | None = None


class LineTable(ChildTable):
    """The table of lines."""

    fields: LineFields


class AllocationFields(Strict):
    """The fields of an allocation: the part of a payment or of a credit that pays one invoice."""

    invoice: Expression
    amount: Expression


class AllocationTable(ChildTable):
    """The table of allocations."""

    fields: AllocationFields


class CreditFields(Strict):
    """The fields of a credit that a payment uses: the credit note, and how much of it."""

    credit_note: Expression
    amount: Expression


class CreditTable(ChildTable):
    """The table of the credits that payments use."""

    fields: CreditFields


class _KindTable(Table):
    id: StrictStr
    read_only: StrictBool = True
    version: StrictStr | None = None
    changed_unit: Literal["timestamp", "seconds", "milliseconds"] = "timestamp"
    qbo_id: StrictStr | None = None
    tombstones: Tombstones | None = None


class _DocumentTable(_KindTable):
    """``business_unit``: the column that ``business_units`` of the source is compared with (R-115)."""

    business_unit: StrictStr | None = None


class NamedFields(Strict):
    """The fields of an item, a payment method or a category."""

    name: Expression
    active: Expression | None = None


class NamedTable(_KindTable):
    """Where items, payment methods or categories are."""

    fields: NamedFields


class TaxCodeFields(NamedFields):
    """The fields of a tax code. ``rate`` is a fraction: 0.05 for 5 %."""

    rate: Expression | None = None


class TaxCodeTable(_KindTable):
    """Where tax codes are."""

    fields: TaxCodeFields


class ProjectFields(NamedFields):
    """The fields of a project. ``currency`` is its client's."""

    client: Expression | None = None
    currency: Expression | None = None


class ProjectTable(_KindTable):
    """Where projects are."""

    fields: ProjectFields


class VendorFields(NamedFields):
    """The fields of a vendor: a member of the staff, or a supplier."""

    currency: Expression | None = None
    email: Expression | None = None


class VendorTable(_KindTable):
    """Where vendors are."""

    fields: VendorFields


class ClientFields(VendorFields):
    """The fields of a client. ``contact`` is the name of the person whom bills are addressed to."""

    address: Postal | None = None
    contact: Expression | None = None


class ClientTable(_KindTable):
    """Where clients are."""

    fields: ClientFields


class _FormFields(Strict):
    """The fields that all documents with lines share."""

    client: Expression
    issue_date: Expression
    state: Expression
    number: Expression | None = None
    transaction_number: Expression | None = None
    currency: Expression | None = None
    exchange_rate: Expression | None = None
    bill_to: Postal | None = None
    emails: Expression | None = None
    cc_emails: Expression | None = None
    tax: Expression | None = None
    tax_code: Expression | None = None
    tax_rate: Expression | None = None
    tax_inclusive: Expression | None = None
    total: Expression | None = None
    notes: Expression | None = None
    save_to_qbo: Expression | None = None
    remove_from_qbo: Expression | None = None


class CreditNoteFields(_FormFields):
    """The fields of a credit note. Without ``total`` it is lines + tax."""

    project: Expression | None = None
    balance: Expression | None = None


class CreditNoteTable(_DocumentTable):
    """Where credit notes are."""

    fields: CreditNoteFields
    lines: LineTable


class EstimateFields(_FormFields):
    """The fields of an estimate. Without ``total`` it is lines - discount + tax; ``due_date``: until when it holds."""

    due_date: Expression | None = None
    discount: Expression | None = None


class EstimateTable(_DocumentTable):
    """Where estimates are."""

    fields: EstimateFields
    lines: LineTable


class InvoiceFields(EstimateFields):
    """The fields of an invoice. ``paid``: whether it is marked as paid (V-10)."""

    project: Expression | None = None
    balance: Expression | None = None
    paid: Expression | None = None


class InvoiceTable(_DocumentTable):
    """Where invoices are."""

    fields: InvoiceFields
    lines: LineTable


class PaymentFields(Strict):
    """The fields of a payment. ``amount`` is money plus the credit it uses (C-R3). ``by_mark``: whether syncd entered
    it because the invoice was marked as paid (C-V3)."""

    client: Expression
    project: Expression | None = None
    date: Expression
    amount: Expression
    currency: Expression | None = None
    exchange_rate: Expression | None = None
    method: Expression | None = None
    method_name: Expression | None = None
    reference: Expression | None = None
    notes: Expression | None = None
    state: Expression | None = None
    save_to_qbo: Expression | None = None
    remove_from_qbo: Expression | None = None
    by_mark: Expression | None = None


class PaymentTable(_DocumentTable):
    """Where payments are."""

    fields: PaymentFields
    allocations: AllocationTable
    credits: CreditTable | None = None


class CreditApplicationFields(Strict):
    """The fields of a credit application: a credit note used on invoices, without money."""

    client: Expression
    project: Expression | None = None
    credit_note: Expression
    date: Expression
    currency: Expression | None = None
    state: Expression | None = None


class CreditApplicationTable(_DocumentTable):
    """Where credit applications are."""

    fields: CreditApplicationFields
    allocations: AllocationTable


class ExpenseFields(Strict):
    """The fields of an expense. ``approved``: whether its status is the one of approval (R-92, R-105).

    ``reimbursable`` and ``reimbursed`` say whether it is owed still, to whoever is the vendor (C-B7).
    """

    vendor: Expression
    date: Expression
    amount: Expression
    approved: Expression
    reimbursable: Expression
    reimbursed: Expression | None = None
    report: Expression | None = None
    currency: Expression | None = None
    category: Expression | None = None
    category_name: Expression | None = None
    project: Expression | None = None
    project_name: Expression | None = None
    client_name: Expression | None = None
    merchant: Expression | None = None
    notes: Expression | None = None


class ExpenseTable(_DocumentTable):
    """Where expenses are."""

    fields: ExpenseFields


class OrderLineFields(Strict):
    """The fields of a line of a purchase order: for an item, or for a category."""

    amount: Expression
    item: Expression | None = None
    item_name: Expression | None = None
    category: Expression | None = None
    category_name: Expression | None = None
    project: Expression | None = None
    project_name: Expression | None = None
    description: Expression | None = None
    quantity: Expression | None = None
    rate: Expression | None = None


class OrderLineTable(ChildTable):
    """The table of lines of purchase orders."""

    fields: OrderLineFields


class PurchaseOrderFields(Strict):
    """The fields of a purchase order. Without ``total`` it is the sum of the lines."""

    vendor: Expression
    date: Expression
    state: Expression | None = None
    number: Expression | None = None
    due_date: Expression | None = None
    currency: Expression | None = None
    total: Expression | None = None
    notes: Expression | None = None


class PurchaseOrderTable(_DocumentTable):
    """Where purchase orders are."""

    fields: PurchaseOrderFields
    lines: OrderLineTable


class AttachmentFields(Strict):
    """The fields of a file. ``owner_kind`` and ``owner`` say which document it belongs to; ``path`` is its place below
    ``files_directory``, where the content is no column."""

    owner_kind: Expression
    owner: Expression
    file_name: Expression
    path: Expression | None = None


class AttachmentTable(_KindTable):
    """Where files are. ``content``: the column with their bytes."""

    fields: AttachmentFields
    content: StrictStr | None = None

    @model_validator(mode="after")
    def _one_place(self) -> AttachmentTable:
        if self.content is None and self.fields.path is None:
            raise ValueError("say where the content of files is: content (a column) or fields.path")
        for name in ("owner_kind", "owner"):
            where: Expression = getattr(self.fields, name)
            if where.column is None and where.constant is None:
                raise ValueError(f"fields.{name} is a column or a constant")
        return self


KindTable: TypeAlias = (
    NamedTable
    | TaxCodeTable
    | ProjectTable
    | ClientTable
    | VendorTable
    | EstimateTable
    | InvoiceTable
    | CreditNoteTable
    | PaymentTable
    | CreditApplicationTable
    | ExpenseTable
    | PurchaseOrderTable
    | AttachmentTable
)


class SqlMapping(Strict):
    """Which tables hold which kinds. ``write_log``: a table for the journal ids of our own writes."""

    item: NamedTable | None = None
    tax_code: TaxCodeTable | None = None
    payment_method: NamedTable | None = None
    category: NamedTable | None = None
    client: ClientTable | None = None
    project: ProjectTable | None = None
    vendor: VendorTable | None = None
    estimate: EstimateTable | None = None
    invoice: InvoiceTable | None = None
    credit_note: CreditNoteTable | None = None
    payment: PaymentTable | None = None
    credit_application: CreditApplicationTable | None = None
    expense: ExpenseTable | None = None
    purchase_order: PurchaseOrderTable | None = None
    attachment: AttachmentTable | None = None
    write_log: StrictStr | None = None

    @model_validator(mode="after")
    def _sound(self) -> SqlMapping:
        if not self.tables:
            raise ValueError("map at least one kind, such as client, item, invoice and payment")
        for kind, table in self.tables.items():
            state = getattr(table.fields, "state", None)
            wrong = _wrong_states(state) if state is not None else ()
            if wrong:
                allowed = ", ".join(sorted(State))
                raise ValueError(f"{kind}.fields.state: {', '.join(wrong)} is no state; expected {allowed}")
        return self

    @property
    def tables(self) -> dict[Kind, KindTable]:
        """The mapped kinds, in the order of work."""
        found: dict[Kind, Any] = {kind: getattr(self, kind.value, None) for kind in SPECS}
        return {kind: table for kind, table in found.items() if table is not None}

    def without_shared_ids(self) -> SqlMapping:
        """The same without QBO's ids on what companies share: one column holds no ids of several books (R-115)."""
        shared = {
            kind.value: table.model_copy(update={"qbo_id": None})
            for kind, table in self.tables.items()
            if not isinstance(table, _DocumentTable)
        }
        return self.model_copy(update=shared)


def _wrong_states(state: Expression) -> tuple[str, ...]:
    said = [state.constant] if state.constant is not None else list((state.values or {}).values())
    known = {str(s) for s in State}
    return tuple(str(value) for value in said if str(value) not in known)
