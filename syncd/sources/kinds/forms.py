"""Where documents with billed lines are, and their fields: invoices, estimates, credit notes."""

from __future__ import annotations

from syncd.sources.expressions import ChildTable, DocumentTable, Expression, Postal, Strict


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


class CreditNoteTable(DocumentTable):
    """Where credit notes are."""

    fields: CreditNoteFields
    lines: LineTable


class EstimateFields(_FormFields):
    """The fields of an estimate. Without ``total`` it is lines - discount + tax; ``due_date``: until when it holds."""

    due_date: Expression | None = None
    discount: Expression | None = None


class EstimateTable(DocumentTable):
    """Where estimates are."""

    fields: EstimateFields
    lines: LineTable


class InvoiceFields(EstimateFields):
    """The fields of an invoice. ``paid``: whether it is marked as paid (V-10)."""

    project: Expression | None = None
    balance: Expression | None = None
    paid: Expression | None = None


class InvoiceTable(DocumentTable):
    """Where invoices are."""

    fields: InvoiceFields
    lines: LineTable
