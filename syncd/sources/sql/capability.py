"""What a mapping lets syncd read and write, judged by the configuration alone."""

from __future__ import annotations

from syncd.model.records import Kind
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.sources.base import KindCapability
from syncd.sources.settings import (
    AllocationTable,
    ChildTable,
    ClientTable,
    Expression,
    InvoiceTable,
    ItemTable,
    KindTable,
    LineTable,
    PaymentTable,
    SqlMapping,
)


def capabilities(mapping: SqlMapping, read_only: frozenset[Kind]) -> dict[Kind, KindCapability]:
    """By kind: the fields held, those that can be written, the verbs, whether there is a feed."""
    return {
        kind: _capability(kind, table, mapping, kind in read_only or table.read_only)
        for kind, table in mapping.tables.items()
    }


def _capability(kind: Kind, table: KindTable, mapping: SqlMapping, read_only: bool) -> KindCapability:
    spec = SPECS[kind]
    child = child_table(table)
    held = {name for name in spec.fields if getattr(table.fields, name, None) is not None}
    if kind is Kind.INVOICE:
        held.add("total")
    writable = {name for name in held if name == "address" or is_column(getattr(table.fields, name, None))}
    if isinstance(child, LineTable):
        held.add("lines")
        held |= {f"line.{part}" for part in spec.line_fields if getattr(child.fields, part) is not None}
        if child.fields.item_name is not None:
            held.add("line.item")  # a name does as well as an id
        writable |= {f"line.{part}" for part in spec.line_fields if is_column(getattr(child.fields, part))}
        if is_column(child.fields.amount):
            writable.add("lines")
    if isinstance(child, AllocationTable):
        held.add("allocations")
        if is_column(child.fields.amount) and is_column(child.fields.invoice):
            writable.add("allocations")
    verbs = frozenset() if read_only else _verbs(table, mapping)
    return KindCapability(
        fields=frozenset(held),
        writable=frozenset(writable) if verbs else frozenset(),
        verbs=verbs,
        feed=table.changed is not None,
        external_id=table.qbo_id is not None,
    )


def _verbs(table: KindTable, mapping: SqlMapping) -> frozenset[Verb]:
    verbs = {Verb.UPDATE}
    # A lost answer to a create must be recognisable afterwards, by the write log or by QBO's id.
    if mapping.write_log is not None or table.qbo_id is not None:
        verbs.add(Verb.CREATE)
    if isinstance(table, ClientTable | ItemTable):
        if is_column(table.fields.active) and stored_as(table.fields.active, False) is not None:
            verbs.add(Verb.DEACTIVATE)
    elif isinstance(table, InvoiceTable | PaymentTable):
        verbs.add(Verb.DELETE)
        if is_column(table.fields.state) and stored_as(table.fields.state, "void") is not None:
            verbs.add(Verb.VOID)
    return frozenset(verbs)


def child_table(table: KindTable) -> ChildTable | None:
    """The table of lines or allocations, for kinds that have one."""
    if isinstance(table, InvoiceTable):
        return table.lines
    return table.allocations if isinstance(table, PaymentTable) else None


def is_column(expression: Expression | None) -> bool:
    """Whether an expression is a column of the table itself and not of a join: only these can be written."""
    return expression is not None and expression.column is not None and "." not in expression.column


def stored_as(expression: Expression | None, value: str | bool) -> str | bool | None:
    """How ``value`` is written into the column: itself, or the first name that the mapping translates into it."""
    if expression is None or expression.values is None:
        return value
    wanted = str(value).casefold()
    return next((name for name, meant in expression.values.items() if str(meant).casefold() == wanted), None)
