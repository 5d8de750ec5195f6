"""Rules of the simple lists: Class, Department, PaymentMethod, Term (entities.md 3.6, 3.7)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules.addresses import keep_addresses
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.rules.trees import holder_of, place_in_tree, rename_children, switch_active, unique_path
from syncd.sandbox.wire import HUNDRED, ZERO, Json


class TreeRules:
    """Class and Department: a name in a tree of five levels; Plus and up (entities.md 1.8, 3.7)."""

    def __init__(self, entity: str, child: str, feature: str) -> None:
        self._entity = entity
        self._child = child
        self._feature = feature

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        ctx.require(self._feature)
        if "Name" not in new:
            raise faults.missing("Name")
        new["Name"] = new["Name"].strip()
        taken = unique_path(ctx, self._entity, record_id, new)
        switch_active(ctx, new, old, "Name", taken)
        parent = place_in_tree(ctx, self._entity, record_id, new, new["Name"])
        new.pop("Level", None)
        new[self._child] = parent is not None
        if parent is not None:
            new["ParentRef"] = {"value": parent["Id"]}
        if taken(new["Name"]):
            holder = holder_of(ctx, self._entity, "FullyQualifiedName", new["FullyQualifiedName"])
            raise faults.duplicate_name(self._entity.lower(), holder)
        keep_addresses(ctx, new, old, ("Address",))
        if old is not None and old.get("FullyQualifiedName") != new["FullyQualifiedName"]:
            rename_children(ctx, self._entity, record_id, new, "Name")
        return new


class PlainListRules:
    """PaymentMethod and Term: a unique name and a type derived from the rest (entities.md 3.6)."""

    def __init__(self, entity: str, noun: str) -> None:
        self._entity = entity
        self._noun = noun

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "Name" not in new:
            raise faults.missing("Name")
        new["Name"] = new["Name"].strip()
        table = ctx.book.tables[self._entity]

        def taken(name: str) -> bool:
            return any(holder.id != record_id for holder in table.lookup("Name", name))

        switch_active(ctx, new, old, "Name", taken)
        if taken(new["Name"]):
            raise faults.duplicate_name(self._noun, holder_of(ctx, self._entity, "Name", new["Name"]))
        if self._entity == "Term":
            _term(new)
        else:
            new.setdefault("Type", "NON_CREDIT_CARD")
        return new


def _term(new: Json) -> None:
    """STANDARD with DueDays, else DATE_DRIVEN with DayOfMonthDue; members of the other kind are refused."""
    standard = "DueDays" in new
    if not standard and "DayOfMonthDue" not in new:
        raise faults.missing("DueDays")
    others = ("DayOfMonthDue", "DueNextMonthDays", "DiscountDayOfMonth") if standard else ("DueDays", "DiscountDays")
    for member in others:
        if new.get(member):
            raise faults.business(f"{member} does not go with a term of this kind.", member)
        new.pop(member, None)
    if not ZERO <= new.setdefault("DiscountPercent", ZERO) <= HUNDRED:
        raise faults.out_of_range("DiscountPercent", str(new["DiscountPercent"]))
    if standard:
        new["Type"] = "STANDARD"
        new.setdefault("DiscountDays", 0)
    else:
        new["Type"] = "DATE_DRIVEN"
        new.setdefault("DueNextMonthDays", 0)
        new.setdefault("DiscountDayOfMonth", 0)


RULES: dict[str, Rules] = {
    "Class": TreeRules("Class", "SubClass", "classes"),
    "Department": TreeRules("Department", "SubDepartment", "locations"),
    "PaymentMethod": PlainListRules("PaymentMethod", "payment method"),
    "Term": PlainListRules("Term", "term"),
}
