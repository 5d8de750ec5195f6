"""What a mapping says of each kind: its table, and where the fields of its records are; and the mapping as a whole."""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import StrictStr, model_validator

from syncd.model.kinds import Kind, State
from syncd.model.spec import SPECS
from syncd.sources.expressions import DocumentTable, Expression, Strict
from syncd.sources.kinds.files import AttachmentTable
from syncd.sources.kinds.forms import CreditNoteTable, EstimateTable, InvoiceTable
from syncd.sources.kinds.lists import ClientTable, NamedTable, ProjectTable, TaxCodeTable, VendorTable
from syncd.sources.kinds.payments import CreditApplicationTable, PaymentTable
from syncd.sources.kinds.purchases import ExpenseTable, PurchaseOrderTable

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
            if not isinstance(table, DocumentTable)
        }
        return self.model_copy(update=shared)


def _wrong_states(state: Expression) -> tuple[str, ...]:
    said = [state.constant] if state.constant is not None else list((state.values or {}).values())
    known = {str(s) for s in State}
    return tuple(str(value) for value in said if str(value) not in known)
