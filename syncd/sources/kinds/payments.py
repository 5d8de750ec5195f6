"""Where it is said what invoices are paid with, and its fields: payments, and credit notes that are used."""

from __future__ import annotations

from syncd.sources.expressions import ChildTable, DocumentTable, Expression, Strict


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


class PaymentTable(DocumentTable):
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


class CreditApplicationTable(DocumentTable):
    """Where credit applications are."""

    fields: CreditApplicationFields
    allocations: AllocationTable
