"""Rules of the name lists: Customer, Item, PaymentMethod, Term (entities.md 3, 9.1)."""

from __future__ import annotations

from collections.abc import Callable

from syncd.sandbox import faults
from syncd.sandbox.book import fold
from syncd.sandbox.context import CURRENCIES, Context, currency_ref
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.wire import ZERO, Json, amount, money

SUFFIX = " (deleted)"
MAX_LEVEL = 4
_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")


def suffixed(name: str, taken: Callable[[str], bool]) -> str:
    """The name of a deactivated object (entities.md 9.1); a further collision gets a number (a guess)."""
    if name.endswith(SUFFIX):
        return name
    wanted, count = name + SUFFIX, 0
    while taken(wanted):
        count += 1
        wanted = f"{name} (deleted {count})"
    return wanted


def switch_active(new: Json, old: Json | None, name_field: str, taken: Callable[[str], bool]) -> bool:
    """Default Active, and rename when it is switched off; true if this very change switches it off."""
    active = new.setdefault("Active", True)
    if active or (old is not None and old.get("Active") is False):
        return False
    new[name_field] = suffixed(new[name_field], taken)
    return True


def place_in_tree(ctx: Context, entity: str, record_id: str, new: Json, name: str) -> Json | None:
    """Set Level and FullyQualifiedName under the parent, if any (at most five levels, 6180)."""
    parent = ctx.resolve(entity, new.get("ParentRef"), "ParentRef")
    new["FullyQualifiedName"] = name
    if parent is None:
        return None
    level = int(parent.get("Level", 0)) + 1
    ancestor: Json | None = parent
    while ancestor is not None:
        if ancestor["Id"] == record_id:
            raise faults.bad_reference("ParentRef")
        above = ancestor.get("ParentRef")
        ancestor = ctx.unit.get(entity, above["value"]) if above else None
    if level > MAX_LEVEL:
        raise faults.fault(6180, "Hierarchy error", "Too many sub-levels in the hierarchy.", "ParentRef")
    new["Level"] = level
    new["FullyQualifiedName"] = f"{parent.get('FullyQualifiedName', '')}:{name}"
    return parent


def rename_children(ctx: Context, entity: str, record_id: str, body: Json, name_field: str) -> None:
    """Give the new path to everything below; the children are not bumped."""
    for child in list(ctx.book.tables[entity].lookup("ParentRef", record_id)):
        below = ctx.unit.get(entity, child.id)
        if below is None:
            continue
        below["FullyQualifiedName"] = f"{body['FullyQualifiedName']}:{below[name_field]}"
        below["Level"] = int(body.get("Level", 0)) + 1
        ctx.unit.put(entity, child.id, below, "derived")
        rename_children(ctx, entity, child.id, below, name_field)


def keep_addresses(ctx: Context, new: Json, old: Json | None, members: tuple[str, ...]) -> None:
    """Addresses carry an Id of their own, which stays while there is an address."""
    for member in members:
        sent = new.get(member)
        if sent is None:
            continue
        known = (old or {}).get(member, {}).get("Id")
        new[member] = {"Id": known or ctx.book.next_id("address"), **without_id(sent)}


def without_id(sent: Json) -> Json:
    """An address without its Id, for comparing or copying."""
    return {name: value for name, value in sent.items() if name != "Id"}


class CustomerRules:
    """Customer (entities.md 3.1, 3.2)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        name = new.get("DisplayName") or " ".join(new[part] for part in _NAME_PARTS if part in new)
        name = name.strip()
        if not name:
            raise faults.no_name()
        new["DisplayName"] = name
        if switch_active(new, old, "DisplayName", self._taken(ctx, record_id)) and amount(old or {}, "Balance"):
            raise faults.has_balance()
        self._check_name(ctx, record_id, new["DisplayName"])
        self._place(ctx, record_id, new, old)
        self._currency(ctx, new, old)
        ctx.resolve("Term", new.get("SalesTermRef"), "SalesTermRef")
        ctx.resolve("PaymentMethod", new.get("PaymentMethodRef"), "PaymentMethodRef")
        tax_code = ctx.resolve("TaxCode", new.get("DefaultTaxCodeRef"), "DefaultTaxCodeRef")
        new.setdefault("PrintOnCheckName", new.get("CompanyName") or name)
        new.setdefault("Taxable", tax_code is not None)
        new.setdefault("PreferredDeliveryMethod", "Print")
        if new["PreferredDeliveryMethod"] == "Email" and "PrimaryEmailAddr" not in new:
            raise faults.no_address()
        keep_addresses(ctx, new, old, ("BillAddr", "ShipAddr"))
        return new

    def _taken(self, ctx: Context, record_id: str) -> Callable[[str], bool]:
        names = ctx.book.names
        return lambda name: names.get(fold(name), ("Customer", record_id)) != ("Customer", record_id)

    def _check_name(self, ctx: Context, record_id: str, name: str) -> None:
        if self._taken(ctx, record_id)(name):
            holder = ctx.book.names[fold(name)][1] if ctx.switches.duplicate_name_id else ""
            raise faults.duplicate_name("customer, vendor or employee", holder)

    def _place(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
        if new.get("Job") and "ParentRef" not in new:
            raise faults.fault(6150, "Hierarchy error", "A job needs a parent customer.", "ParentRef")
        new.pop("Level", None)
        parent = place_in_tree(ctx, "Customer", record_id, new, new["DisplayName"])
        new["Job"] = parent is not None
        new["BillWithParent"] = bool(new.get("BillWithParent")) and parent is not None
        new["Balance"] = amount(old or {}, "Balance")
        new["BalanceWithJobs"] = amount(old or {}, "BalanceWithJobs")
        if parent is not None:
            new["ParentRef"] = {"value": parent["Id"], "name": parent["DisplayName"]}
        if old is None:
            return
        if old.get("FullyQualifiedName") != new["FullyQualifiedName"]:
            rename_children(ctx, "Customer", record_id, new, "DisplayName")
        before, after = old.get("ParentRef", {}).get("value"), new.get("ParentRef", {}).get("value")
        if before != after and new["BalanceWithJobs"]:
            self._carry(ctx, before, -new["BalanceWithJobs"])
            self._carry(ctx, after, new["BalanceWithJobs"])

    def _carry(self, ctx: Context, customer: str | None, change: object) -> None:
        while customer is not None:
            body = ctx.unit.get("Customer", customer)
            if body is None:
                return
            body["BalanceWithJobs"] = money(amount(body, "BalanceWithJobs") + amount({"x": change}, "x"))
            ctx.unit.put("Customer", customer, body, "derived")
            customer = body.get("ParentRef", {}).get("value")

    def _currency(self, ctx: Context, new: Json, old: Json | None) -> None:
        settings = ctx.settings
        sent = new.get("CurrencyRef")
        code = str(sent["value"]).upper() if sent else settings.home_currency
        if old is not None:
            kept = old.get("CurrencyRef", {}).get("value", settings.home_currency)
            if sent and code != kept:
                raise faults.business("The currency of a customer cannot be changed.", "CurrencyRef")
            code = kept
        if code != settings.home_currency:
            if not settings.multicurrency:
                raise faults.business("Multicurrency is not switched on for this company.", "CurrencyRef")
            if code not in CURRENCIES and not (len(code) == 3 and code.isalpha()):
                raise faults.bad_reference("CurrencyRef")
        new["CurrencyRef"] = currency_ref(code)


class ItemRules:
    """Item (entities.md 3.4)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "Name" not in new:
            raise faults.missing("Name")
        if "Type" not in new:
            raise faults.missing("Type")
        if new["Type"] == "Group" and old is None:
            raise faults.business("A bundle cannot be created through the API.", "Type")
        if old is not None and old.get("TrackQtyOnHand") and not new.get("TrackQtyOnHand"):
            raise faults.business("TrackQtyOnHand cannot be switched off.", "TrackQtyOnHand")
        new["Name"] = new["Name"].strip()
        switch_active(new, old, "Name", self._taken(ctx, record_id, new))
        self._accounts(ctx, new)
        new.pop("Level", None)
        parent = place_in_tree(ctx, "Item", record_id, new, new["Name"])
        if parent is not None:
            new["SubItem"] = True
            new["ParentRef"] = {"value": parent["Id"], "name": parent["Name"]}
        elif new.pop("SubItem", False):
            raise faults.missing("ParentRef")
        if self._taken(ctx, record_id, new)(new["Name"]):
            raise faults.duplicate_name("product or service")
        if old is not None and old.get("FullyQualifiedName") != new["FullyQualifiedName"]:
            rename_children(ctx, "Item", record_id, new, "Name")
        return new

    def _taken(self, ctx: Context, record_id: str, new: Json) -> Callable[[str], bool]:
        prefix = str(new.get("FullyQualifiedName", "")).rpartition(":")[0]

        def taken(name: str) -> bool:
            path = f"{prefix}:{name}" if prefix else name
            holders = ctx.book.tables["Item"].lookup("FullyQualifiedName", path)
            return any(holder.id != record_id for holder in holders)

        return taken

    def _accounts(self, ctx: Context, new: Json) -> None:
        kind = new["Type"]
        needed = {
            "Inventory": ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef", "QtyOnHand", "InvStartDate"),
            "Service": ("IncomeAccountRef",),
        }.get(kind, ())
        for member in needed:
            if member not in new:
                raise faults.missing(member)
        for member in ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef"):
            account = ctx.resolve("Account", new.get(member), member)
            if account is not None:
                new[member] = {"value": account["Id"], "name": account["Name"]}
        if kind == "Category":
            return
        new.setdefault("Taxable", False)
        new.setdefault("UnitPrice", ZERO)
        new.setdefault("PurchaseCost", ZERO)
        new.setdefault("TrackQtyOnHand", kind == "Inventory")


class PlainListRules:
    """PaymentMethod and Term: a unique name and a type derived from the rest (entities.md 3.6)."""

    def __init__(self, entity: str) -> None:
        self._entity = entity

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "Name" not in new:
            raise faults.missing("Name")
        new["Name"] = new["Name"].strip()
        table = ctx.book.tables[self._entity]

        def taken(name: str) -> bool:
            return any(holder.id != record_id for holder in table.lookup("Name", name))

        switch_active(new, old, "Name", taken)
        if taken(new["Name"]):
            raise faults.duplicate_name(self._entity.lower())
        if self._entity == "Term":
            self._term(new)
        else:
            new.setdefault("Type", "NON_CREDIT_CARD")
        return new

    def _term(self, new: Json) -> None:
        if "DueDays" in new:
            new["Type"] = "STANDARD"
            new.setdefault("DiscountDays", 0)
        elif "DayOfMonthDue" in new:
            new["Type"] = "DATE_DRIVEN"
        else:
            raise faults.missing("DueDays")
        new.setdefault("DiscountPercent", ZERO)


RULES: dict[str, Rules] = {
    "Customer": CustomerRules(),
    "Item": ItemRules(),
    "PaymentMethod": PlainListRules("PaymentMethod"),
    "Term": PlainListRules("Term"),
}
