"""Where it is said what was bought, and its fields: expenses, purchase orders."""

from __future__ import annotations

from syncd.sources.expressions import ChildTable, DocumentTable, Expression, Strict


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


class ExpenseTable(DocumentTable):
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


class PurchaseOrderTable(DocumentTable):
    """Where purchase orders are."""

    fields: PurchaseOrderFields
    lines: OrderLineTable
