"""The tables that syncd ships as a mapping like any other: reading and writing know no other way."""

from __future__ import annotations

from typing import Any

from syncd.sources.kinds import SqlMapping
from syncd.sources.sql.layout import TOMBSTONE, WRITE_LOG

_TICKS = {"save_to_qbo": "save_to_qbo", "remove_from_qbo": "remove_from_qbo"}


def _same(*names: str) -> dict[str, Any]:
    return {name: name for name in names}


_FORM = {
    "client": "client_id",
    "project": "project_id",
    **_same("issue_date", "state", "number", "transaction_number", "currency", "exchange_rate", "bill_to"),
    **_same("emails", "cc_emails"),
    **_same("tax", "tax_code", "tax_rate", "tax_inclusive", "total", "notes"),
    **_TICKS,
}
_PRICE = {name: column for name, column in _FORM.items() if name != "project"}


def reference_mapping() -> SqlMapping:
    """Every kind that the reference schema has a table for."""
    return SqlMapping.model_validate(
        {
            "write_log": WRITE_LOG,
            "item": _kind("item", _same("name", "active"), qbo_id="qbo_id"),
            "tax_code": _kind("tax_code", _same("name", "active", "rate"), "tax_rate"),
            "payment_method": _kind("payment_method", _same("name", "active")),
            "category": _kind("category", _same("name", "active"), "expense_category"),
            "client": _kind(
                "client",
                {
                    **_same("name", "currency", "email", "contact", "active"),
                    "address": {"lines": ["address"], **_same("city", "region", "postal_code", "country")},
                },
                qbo_id="qbo_id",
            ),
            "project": _kind(
                "project",
                {"client": "client_id", "currency": "owner.currency", **_same("name", "active")},
                qbo_id="qbo_id",
                join={"owner": {"table": "client", "on": {"id": "client_id"}}},
            ),
            "vendor": _kind("vendor", _same("name", "currency", "email", "active"), "member", qbo_id="qbo_id"),
            "estimate": _document("estimate", {**_PRICE, **_same("due_date", "discount")}, lines=_lines("estimate")),
            "invoice": _document(
                "invoice", {**_FORM, **_same("due_date", "discount", "paid")}, lines=_lines("invoice")
            ),
            "credit_note": _document("credit_note", _FORM, lines=_lines("credit_note")),
            "payment": _document(
                "payment",
                {
                    "client": "client_id",
                    "project": "project_id",
                    "method": "method_id",
                    **_same("date", "amount", "currency", "exchange_rate", "reference", "notes", "state", "by_mark"),
                    **_TICKS,
                },
                allocations=_part("payment_allocation", "payment", "invoice"),
                credits=_part("payment_credit", "payment", "credit_note"),
            ),
            "credit_application": _document(
                "credit_application",
                {
                    "client": "note.client_id",
                    "project": "note.project_id",
                    "credit_note": "credit_note_id",
                    **_same("date", "currency", "state"),
                },
                # Whose it is follows from the credit note: said twice, it could be said differently.
                join={"note": {"table": "credit_note", "on": {"id": "credit_note_id"}}},
                business_unit="note.business_unit",
                allocations=_part("credit_application_part", "credit_application", "invoice"),
            ),
            "expense": _expense(),
            "purchase_order": _purchase_order(),
            "attachment": _kind(
                "attachment", {"owner": "owner_id", **_same("owner_kind", "file_name", "path")}, content="content"
            ),
        }
    )


def _kind(kind: str, fields: dict[str, Any], table: str = "", **more: Any) -> dict[str, Any]:
    tombstones = {"table": TOMBSTONE, "id": "record_id", "removed": "removed_at", "where": f"kind = '{kind}'"}
    return {
        "table": table or kind,
        "id": "id",
        "read_only": False,
        "version": "version",
        "changed": "updated_at",
        "tombstones": tombstones | ({"remove": "remove_from_qbo"} if "remove_from_qbo" in fields else {}),
        "fields": fields,
        **more,
    }


def _document(kind: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _kind(kind, fields, **{"qbo_id": "qbo_id", "business_unit": "business_unit", **more})


def _lines(parent: str) -> dict[str, Any]:
    return {
        "table": f"{parent}_line",
        "id": "id",
        "parent": f"{parent}_id",
        "order": "position",
        "fields": {"item": "item_id", **_same("description", "quantity", "rate", "amount", "taxable")},
    }


def _part(table: str, parent: str, other: str) -> dict[str, Any]:
    fields = {other: f"{other}_id", "amount": "amount"}
    return {"table": table, "id": "id", "parent": f"{parent}_id", "fields": fields}


def _expense() -> dict[str, Any]:
    statuses = {"not_submitted": False, "pending_approval": False, "rejected": False, "approved": True}
    fields = {
        "vendor": "member_id",
        "approved": {"column": "status", "values": statuses},
        "category": "category_id",
        "category_name": "category.name",
        "project": "project_id",
        "project_name": "project.name",
        "client_name": "client.name",
        **_same("date", "amount", "currency", "reimbursable", "reimbursed", "report", "merchant", "notes"),
    }
    joins = {
        "category": {"table": "expense_category", "on": {"id": "category_id"}},
        "project": {"table": "project", "on": {"id": "project_id"}},
        "client": {"table": "client", "on": {"id": "project.client_id"}},
    }
    return _kind("expense", fields, join=joins, business_unit="business_unit")


def _purchase_order() -> dict[str, Any]:
    fields = {"vendor": "member_id", **_same("number", "state", "date", "due_date", "currency", "total", "notes")}
    lines = {
        "table": "purchase_order_line",
        "id": "id",
        "parent": "purchase_order_id",
        "order": "position",
        "join": {
            "category": {"table": "expense_category", "on": {"id": "category_id"}},
            "project": {"table": "project", "on": {"id": "project_id"}},
        },
        "fields": {
            "item": "item_id",
            "category": "category_id",
            "category_name": "category.name",
            "project": "project_id",
            "project_name": "project.name",
            **_same("description", "quantity", "rate", "amount"),
        },
    }
    return _kind("purchase_order", fields, business_unit="business_unit", lines=lines)
