"""Rules of the Item (entities.md 3.4)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.rules.trees import holder_of, place_in_tree, rename_children, switch_active, unique_path
from syncd.sandbox.wire import ZERO, Json

_NEEDED = {
    "Inventory": ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef", "QtyOnHand", "InvStartDate"),
    "Service": ("IncomeAccountRef",),
}
_STOCK = ("AssetAccountRef", "QtyOnHand", "InvStartDate", "ReorderPoint")
_EXPENSES = frozenset({"Expense", "Cost of Goods Sold", "Other Expense"})
_ASSETS = frozenset({"Other Current Asset"})


class ItemRules:
    """Services, goods, categories; bundles cannot be made through the API."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "Name" not in new:
            raise faults.missing("Name")
        self._type(new, old)
        new["Name"] = new["Name"].strip()
        taken = unique_path(ctx, "Item", record_id, new)
        switch_active(ctx, new, old, "Name", taken)
        self._parent(ctx, record_id, new)
        if taken(new["Name"]):
            holder = holder_of(ctx, "Item", "FullyQualifiedName", new["FullyQualifiedName"])
            raise faults.duplicate_name("product or service", holder)
        if new["Type"] == "Category":
            _only_a_name(new)
        else:
            self._content(ctx, new, old)
        if old is not None and old.get("FullyQualifiedName") != new["FullyQualifiedName"]:
            rename_children(ctx, "Item", record_id, new, "Name")
        return new

    def _type(self, new: Json, old: Json | None) -> None:
        if "Type" not in new:
            raise faults.missing("Type")
        if new["Type"] in ("Group", "Bundle"):
            if old is None or old["Type"] != "Group":
                raise faults.business("A bundle cannot be created through the API.", "Type")
            new["Type"] = "Group"
            for member in ("ItemGroupDetail", "PrintGroupedItems"):
                if member in old:
                    new[member] = old[member]
        if old is None:
            return
        if "Category" in (old["Type"], new["Type"]) and old["Type"] != new["Type"]:
            raise faults.business("A category cannot become something else, nor something else a category.", "Type")
        if old.get("TrackQtyOnHand") and not (new.get("TrackQtyOnHand", True) and new["Type"] == "Inventory"):
            raise faults.business("TrackQtyOnHand cannot be switched off.", "TrackQtyOnHand")

    def _parent(self, ctx: Context, record_id: str, new: Json) -> None:
        if new.pop("SubItem", False) and "ParentRef" not in new:
            raise faults.missing("ParentRef")
        parent = place_in_tree(ctx, "Item", record_id, new, new["Name"])
        if parent is not None:
            if new["Type"] == "Category" and parent["Type"] != "Category":
                raise faults.bad_reference("ParentRef")
            new["SubItem"] = True
            new["ParentRef"] = {"value": parent["Id"], "name": parent["FullyQualifiedName"]}

    def _content(self, ctx: Context, new: Json, old: Json | None) -> None:
        kind = new["Type"]
        for member in _NEEDED.get(kind, ()):
            if member not in new:
                raise faults.missing(member)
        tracked = kind == "Inventory"
        if not tracked:
            if new.get("TrackQtyOnHand"):
                raise faults.business("Only inventory tracks its quantity.", "TrackQtyOnHand")
            for member in _STOCK:
                new.pop(member, None)
        new["TrackQtyOnHand"] = tracked
        self._references(ctx, new)
        new.setdefault("Taxable", False)
        for member in ("UnitPrice", "PurchaseCost"):
            if new.setdefault(member, ZERO) < 0:
                raise faults.negative(member)
        if tracked and old is not None and "QtyOnHand" in old:
            new["QtyOnHand"] = old["QtyOnHand"]  # later only transactions move it

    def _references(self, ctx: Context, new: Json) -> None:
        for member, kinds in (
            ("IncomeAccountRef", frozenset[str]()),
            ("ExpenseAccountRef", _EXPENSES),
            ("AssetAccountRef", _ASSETS),
        ):
            account = ctx.resolve("Account", new.get(member), member)
            if account is None:
                continue
            if kinds and account["AccountType"] not in kinds:
                raise faults.wrong_account(member)
            new[member] = {"value": account["Id"], "name": account["FullyQualifiedName"]}
        for member, entity, shown in (
            ("PrefVendorRef", "Vendor", "DisplayName"),
            ("ClassRef", "Class", "FullyQualifiedName"),
            ("SalesTaxCodeRef", "TaxCode", ""),
            ("PurchaseTaxCodeRef", "TaxCode", ""),
        ):
            found = ctx.resolve(entity, new.get(member), member)
            if found is not None:
                new[member] = {"value": found["Id"], **({"name": found[shown]} if shown else {})}


def _only_a_name(new: Json) -> None:
    """A category has a name and a place, nothing else (S:item-create-category)."""
    kept = {"Name", "Type", "Active", "FullyQualifiedName", "Level", "SubItem", "ParentRef"}
    for member in new.keys() - kept:
        del new[member]


RULES: dict[str, Rules] = {"Item": ItemRules()}
