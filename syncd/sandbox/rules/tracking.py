"""Classes, locations and projects on transactions: kept where the company uses them (entities.md 1.8)."""

from __future__ import annotations

from syncd.sandbox.context import Context
from syncd.sandbox.wire import Json


def form_refs(ctx: Context, new: Json, changed: bool = True) -> None:
    """ClassRef, DepartmentRef and ProjectRef of a whole transaction; 2500 for what is no such thing or inactive.

    ``changed`` is off when they are only the stored ones again.
    """
    settings = ctx.settings
    _keep(ctx, new, "ClassRef", "Class", settings.class_per_form, changed)
    _keep(ctx, new, "DepartmentRef", "Department", settings.departments, changed)
    if _keep(ctx, new, "ProjectRef", "Customer", settings.projects, changed):
        new["ProjectRef"] = {"value": new["ProjectRef"]["value"]}  # answers carry the value only (S:invoice-create)


def line_class(ctx: Context, detail: Json, changed: bool = True) -> None:
    """ClassRef of one line."""
    _keep(ctx, detail, "ClassRef", "Class", ctx.settings.class_per_line, changed)


def line_department(ctx: Context, detail: Json, changed: bool = True) -> None:
    """DepartmentRef of one line; only journal entries have it there."""
    _keep(ctx, detail, "DepartmentRef", "Department", ctx.settings.departments, changed)


def _keep(ctx: Context, holder: Json, member: str, entity: str, used: bool, changed: bool) -> bool:
    if not used:
        holder.pop(member, None)
        return False
    if changed:
        found = ctx.resolve(entity, holder.get(member), member)
        if found is not None:
            holder[member] = {"value": found["Id"], "name": found["FullyQualifiedName"]}
    return member in holder
