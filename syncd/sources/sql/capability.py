"""What a mapping lets syncd read and write, judged by the configuration alone."""

from __future__ import annotations

from typing import Any

from syncd.model.kinds import Kind, State
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.sources.base import KindCapability
from syncd.sources.expressions import AddressColumns, ChildTable, Expression
from syncd.sources.kinds import KindTable, SqlMapping
from syncd.sources.shapes import SHAPES, Part


def capabilities(mapping: SqlMapping, read_only: frozenset[Kind]) -> dict[Kind, KindCapability]:
    """By kind: the fields held, those that can be written, the verbs, whether there is a feed."""
    return {
        kind: _capability(kind, table, mapping, kind in read_only or table.read_only)
        for kind, table in mapping.tables.items()
    }


def _capability(kind: Kind, table: KindTable, mapping: SqlMapping, read_only: bool) -> KindCapability:
    spec, shape = SPECS[kind], SHAPES[kind]
    held = {name for name in spec.fields if _origins(table.fields, name)}
    if "sent" in spec.fields and stored_as(getattr(table.fields, "state", None), State.SENT) is not None:
        held.add("sent")  # its state says it
    if "total" in spec.fields:
        held.add("total")  # where no column has it, it is the sum of the parts
    writable = {name for name in held if any(is_writable(origin) for origin in _origins(table.fields, name))}
    if "sent" in held and is_column(getattr(table.fields, "state", None)):
        writable.add("sent")
    for part, child in child_tables(kind, table):
        fields = fields_of(child)
        held.add(part.member)
        if part.keyed:
            if is_column(fields.amount) and is_column(getattr(fields, part.refers[0])):
                writable.add(part.member)
            continue
        held |= {f"line.{name}" for name in spec.line_fields if _origins(fields, name)}
        writable |= {f"line.{name}" for name in spec.line_fields if is_column(getattr(fields, name))}
        if is_column(fields.amount):
            writable.add(part.member)
    verbs = frozenset() if read_only else _verbs(kind, table, mapping)
    if shape.only is not None:
        writable &= shape.only
    return KindCapability(
        fields=frozenset(held),
        writable=frozenset(writable) if verbs else frozenset(),
        verbs=verbs,
        feed=table.changed is not None,
        external_id=table.qbo_id is not None and shape.has_external_id,
    )


def _verbs(kind: Kind, table: KindTable, mapping: SqlMapping) -> frozenset[Verb]:
    active, state = getattr(table.fields, "active", None), getattr(table.fields, "state", None)
    able = {
        # A lost answer to a create must be recognisable afterwards, by the write log or by QBO's id.
        Verb.CREATE: mapping.write_log is not None or table.qbo_id is not None,
        Verb.UPDATE: True,
        Verb.DELETE: True,
        Verb.DEACTIVATE: is_column(active) and stored_as(active, False) is not None,
        Verb.VOID: is_column(state) and stored_as(state, "void") is not None,
        Verb.WITHDRAW: is_column(state) and stored_as(state, "draft") is not None,
    }
    return frozenset(verb for verb in SHAPES[kind].verbs if able[verb])


def child_tables(kind: Kind, table: KindTable) -> list[tuple[Part, ChildTable]]:
    """The tables of a record's parts, those that are mapped."""
    found = ((part, getattr(table, part.member)) for part in SHAPES[kind].parts)
    return [(part, child) for part, child in found if child is not None]


def fields_of(child: ChildTable) -> Any:
    """The fields of a table of parts; each such table has its own sort of them."""
    return child.fields  # type: ignore[attr-defined]  # every table of parts has fields, their base has not


def _origins(fields: Any, name: str) -> list[Expression | AddressColumns]:
    """Where a field comes from: from itself, or from the name of what it refers to, which does as well."""
    found = (getattr(fields, name, None), getattr(fields, f"{name}_name", None))
    return [origin for origin in found if origin is not None]


def is_writable(origin: Expression | AddressColumns | None) -> bool:
    """Whether a field can be written: its columns are the table's own and not those of a join."""
    if isinstance(origin, AddressColumns):
        return bool(origin.columns) and not any("." in column for column in origin.columns)
    return is_column(origin)


def is_column(expression: Expression | None) -> bool:
    """Whether an expression is a column of the table itself and not of a join: only these can be written."""
    return expression is not None and expression.column is not None and "." not in expression.column


def stored_as(expression: Expression | None, value: str | bool) -> str | bool | None:
    """How ``value`` is written into the column: itself, or the first name that the mapping translates into it."""
    if expression is None or expression.values is None:
        return value
    wanted = str(value).casefold()
    return next((name for name, meant in expression.values.items() if str(meant).casefold() == wanted), None)
