"""The reference schema: lists, documents and their parts, with triggers, tombstones, the write log and a view."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from syncd.sources.sql import triggers, views
from syncd.sources.sql.layout import OPTIONS, calendar_day, exact, long_text, moment, row_id, short_text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FORM_STATES = "state IN ('draft', 'published', 'void')"
_MONEY_STATES = "state IN ('live', 'void')"


def _create(table: str, *parts: Any, tracked: bool = True) -> None:
    stamps = [
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", moment(), nullable=True),
    ]
    op.create_table(
        table,
        sa.Column("id", row_id(), nullable=False),
        *parts,
        *(stamps if tracked else ()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        **OPTIONS,
    )


def _flag(name: str, default: bool) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


def _ticks() -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Boolean(), nullable=True) for name in ("save_to_qbo", "remove_from_qbo")]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, long_text()) for name in names]


def _currency() -> sa.Column[Any]:
    return sa.Column("currency", short_text(3))


def _money(name: str) -> sa.Column[Any]:
    return sa.Column(name, exact(6), nullable=False, server_default="0")


def _state(first: str) -> sa.Column[Any]:
    return sa.Column("state", short_text(16), nullable=False, server_default=first)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _ref(table: str, column: str, other: str) -> list[Any]:
    key = sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}")
    return [sa.Column(column, row_id()), key]


def _needed(table: str, column: str, other: str, ondelete: str | None = None) -> list[Any]:
    key = sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)
    return [sa.Column(column, row_id(), nullable=False), key]


def _qbo_id(table: str) -> list[Any]:
    return [sa.Column("qbo_id", short_text(64)), sa.UniqueConstraint("qbo_id", name=f"uq_{table}_qbo_id")]


def _unit() -> sa.Column[Any]:
    return sa.Column("business_unit", short_text(200), nullable=False, server_default="")


def _ids_by_unit(table: str) -> list[Any]:
    together = sa.UniqueConstraint("business_unit", "qbo_id", name=f"uq_{table}_business_unit_qbo_id")
    return [_unit(), sa.Column("qbo_id", short_text(64)), together]


def _list(table: str, *more: Any) -> None:
    _create(table, sa.Column("name", short_text(500), nullable=False), *more, _flag("active", True))


def _lines(parent: str) -> None:
    table = f"{parent}_line"
    _create(
        table,
        *_needed(table, f"{parent}_id", parent, "CASCADE"),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        *_ref(table, "item_id", "item"),
        *_texts("description"),
        sa.Column("quantity", exact(10)),
        sa.Column("rate", exact(10)),
        sa.Column("amount", exact(6), nullable=False),
        sa.Column("taxable", sa.Boolean()),
        tracked=False,
    )


def _parts(table: str, parent: str, other: str) -> None:
    _create(
        table,
        *_needed(table, f"{parent}_id", parent, "CASCADE"),
        *_needed(table, f"{other}_id", other),
        sa.Column("amount", exact(6), nullable=False),
        tracked=False,
    )


def _lists() -> None:
    _list("item", *_qbo_id("item"))
    _list("tax_rate", sa.Column("rate", exact(10)))
    _list("payment_method")
    _list("expense_category")
    address = ("email", "address", "city", "region", "postal_code", "country")
    _list("client", _currency(), *_texts(*address), *_qbo_id("client"))
    _list("project", *_ref("project", "client_id", "client"), *_qbo_id("project"))
    _list("member", _currency(), *_texts("email"), *_qbo_id("member"))


def _forms() -> None:
    for table, invoice in (("invoice", True), ("credit_note", False)):
        _create(
            table,
            sa.Column("number", short_text(64)),
            *_texts("transaction_number"),
            *_ref(table, "client_id", "client"),
            _state("draft"),
            sa.Column("issue_date", calendar_day()),
            *([sa.Column("due_date", calendar_day())] if invoice else []),
            _currency(),
            sa.Column("exchange_rate", exact(10)),
            *_texts("bill_to", "emails", "cc_emails"),
            *([_money("discount")] if invoice else []),
            _money("tax"),
            *_texts("tax_code"),
            sa.Column("tax_rate", exact(10)),
            _flag("tax_inclusive", False),
            _money("total"),
            *_texts("notes", *(["po_number"] if invoice else [])),
            *_ids_by_unit(table),
            *_ticks(),
            _check(table, "state", _FORM_STATES),
        )
        _lines(table)


def _payments() -> None:
    _create(
        "payment",
        *_ref("payment", "client_id", "client"),
        sa.Column("date", calendar_day()),
        sa.Column("amount", exact(6), nullable=False),
        _currency(),
        sa.Column("exchange_rate", exact(10)),
        *_ref("payment", "method_id", "payment_method"),
        *_texts("reference", "notes"),
        _state("live"),
        *_ids_by_unit("payment"),
        *_ticks(),
        _check("payment", "state", _MONEY_STATES),
    )
    _parts("payment_allocation", "payment", "invoice")
    _parts("payment_credit", "payment", "credit_note")
    _create(
        "credit_application",
        *_ref("credit_application", "credit_note_id", "credit_note"),
        sa.Column("date", calendar_day()),
        _currency(),
        _state("live"),
        sa.Column("qbo_id", short_text(64)),
        _check("credit_application", "state", _MONEY_STATES),
    )
    _parts("credit_application_part", "credit_application", "invoice")


def _expenses() -> None:
    _create(
        "expense",
        *_ref("expense", "member_id", "member"),
        sa.Column("report", short_text(200)),
        sa.Column("date", calendar_day()),
        sa.Column("amount", exact(6), nullable=False),
        _currency(),
        sa.Column("status", short_text(32), nullable=False, server_default="not_submitted"),
        _flag("reimbursable", False),
        _flag("reimbursed", False),
        *_ref("expense", "category_id", "expense_category"),
        *_ref("expense", "project_id", "project"),
        *_texts("merchant", "notes"),
        _unit(),
        _check("expense", "status", "status IN ('not_submitted', 'pending_approval', 'rejected', 'approved')"),
    )


def _own() -> None:
    _create(
        "syncd_tombstone",
        sa.Column("kind", short_text(32), nullable=False),
        sa.Column("record_id", short_text(64), nullable=False),
        sa.Column("removed_at", moment(), nullable=False),
        sa.Column("remove_from_qbo", sa.Boolean(), nullable=True),
        tracked=False,
    )
    op.create_table(
        "syncd_write",
        sa.Column("journal_id", short_text(64), nullable=False),
        sa.Column("kind", short_text(32), nullable=False),
        sa.Column("record_id", short_text(64), nullable=False),
        sa.Column("applied_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name="pk_syncd_write"),
        **{**OPTIONS, "sqlite_autoincrement": False},
    )


_INDEXES = (
    *((table, "updated_at") for table in triggers.PARENTS),
    ("project", "client_id"),
    ("invoice", "number"),
    ("invoice", "client_id"),
    ("invoice_line", "invoice_id", "position"),
    ("invoice_line", "item_id"),
    ("credit_note", "number"),
    ("credit_note", "client_id"),
    ("credit_note_line", "credit_note_id", "position"),
    ("credit_note_line", "item_id"),
    ("payment", "client_id"),
    ("payment", "method_id"),
    ("payment_allocation", "payment_id"),
    ("payment_allocation", "invoice_id"),
    ("payment_credit", "payment_id"),
    ("payment_credit", "credit_note_id"),
    ("credit_application", "credit_note_id"),
    ("credit_application", "qbo_id"),
    ("credit_application_part", "credit_application_id"),
    ("credit_application_part", "invoice_id"),
    ("expense", "member_id"),
    ("expense", "report"),
    ("expense", "category_id"),
    ("expense", "project_id"),
    ("syncd_tombstone", "kind", "removed_at"),
    ("syncd_tombstone", "kind", "record_id"),
)


def upgrade() -> None:
    """Create the tables, their indexes and triggers, and the view."""
    for create in (_lists, _forms, _payments, _expenses, _own):
        create()
    for table, *columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    dialect = op.get_context().dialect.name
    for statement in (*triggers.statements(dialect), views.statement(dialect, sent=False)):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Remove everything again. The records are lost: only for development."""
    op.get_bind().exec_driver_sql("DROP VIEW invoice_status")
    for statement in triggers.removals(op.get_context().dialect.name):
        op.get_bind().exec_driver_sql(statement)
    for table in (
        "syncd_write",
        "syncd_tombstone",
        "expense",
        "credit_application_part",
        "credit_application",
        "payment_credit",
        "payment_allocation",
        "payment",
        "credit_note_line",
        "credit_note",
        "invoice_line",
        "invoice",
        "member",
        "project",
        "client",
        "expense_category",
        "payment_method",
        "tax_rate",
        "item",
    ):
        op.drop_table(table)
