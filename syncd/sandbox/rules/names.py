"""Rules of the lists that share one space of names: Customer, Vendor, Employee (entities.md 3.1 to 3.3)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import fold
from syncd.sandbox.context import Context
from syncd.sandbox.rules import currencies
from syncd.sandbox.rules.addresses import keep_addresses
from syncd.sandbox.rules.base import Rules, value_of
from syncd.sandbox.rules.trees import Taken, place_in_tree, rename_children, switch_active
from syncd.sandbox.wire import ZERO, Json, amount, money

NOUN = "customer, vendor or employee"
_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")


def masked(value: str, shown: int) -> str:
    """All but the last characters as X (S:vendor-query); a masked value sent back stays what it is."""
    return "X" * (len(value) - shown) + value[-shown:] if len(value) > shown else value


def _taken(ctx: Context, entity: str, record_id: str) -> Taken:
    me = (entity, record_id)
    return lambda name: ctx.book.names.get(fold(name), me) != me


def _display_name(ctx: Context, entity: str, record_id: str, new: Json, old: Json | None) -> bool:
    """Build or take the DisplayName, rename the inactive, refuse what is taken; true when it is deactivated now."""
    parts = " ".join(new[part].strip() for part in _NAME_PARTS if part in new)
    name = str(new.get("DisplayName") or parts).strip()
    if not name:
        raise faults.no_name()
    new["DisplayName"] = name
    taken = _taken(ctx, entity, record_id)
    deactivated = switch_active(ctx, new, old, "DisplayName", taken)
    if taken(new["DisplayName"]):
        holder = ctx.book.names[fold(new["DisplayName"])][1] if ctx.switches.duplicate_name_id else ""
        raise faults.duplicate_name(NOUN, holder)
    return deactivated


def _no_opening_balance(new: Json, old: Json | None) -> None:
    """An opening balance would make QBO write a transaction, which nothing here does (entities.md 3.2)."""
    if old is None and amount(new, "Balance"):
        raise faults.business("An opening balance is not supported. Record it as a transaction.", "Balance")
    new.pop("OpenBalanceDate", None)


class CustomerRules:
    """Customer (entities.md 3.1, 3.2)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        _no_opening_balance(new, old)
        if _display_name(ctx, "Customer", record_id, new, old):
            if amount(old or {}, "Balance"):
                raise faults.has_balance()
            if _unbilled(ctx, record_id):
                raise faults.unbilled_charges()
        self._place(ctx, record_id, new, old)
        currencies.of_party(ctx, new, old)
        ctx.resolve("Term", new.get("SalesTermRef"), "SalesTermRef")
        ctx.resolve("PaymentMethod", new.get("PaymentMethodRef"), "PaymentMethodRef")
        ctx.resolve("CustomerType", new.get("CustomerTypeRef"), "CustomerTypeRef")
        self._tax(ctx, new, old)
        new.setdefault("PrintOnCheckName", new.get("CompanyName") or new["DisplayName"])
        new.setdefault("PreferredDeliveryMethod", "Print")
        if new["PreferredDeliveryMethod"] == "Email" and "PrimaryEmailAddr" not in new:
            raise faults.no_address()
        for member in ("PrimaryTaxIdentifier", "SecondaryTaxIdentifier"):
            if member in new:
                new[member] = masked(new[member], 5)
        keep_addresses(ctx, new, old, ("BillAddr", "ShipAddr"))
        return new

    def _place(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
        if new.get("Job") and "ParentRef" not in new:
            raise faults.parent_needed()
        parent = place_in_tree(ctx, "Customer", record_id, new, new["DisplayName"])
        new["Job"] = parent is not None
        self._bill_with_parent(ctx, record_id, new, old, parent)
        new["Balance"] = amount(old or {}, "Balance")
        new["BalanceWithJobs"] = amount(old or {}, "BalanceWithJobs")
        if parent is not None:
            new["ParentRef"] = {"value": parent["Id"], "name": parent["DisplayName"]}
        if old is None:
            return
        if old.get("FullyQualifiedName") != new["FullyQualifiedName"]:
            rename_children(ctx, "Customer", record_id, new, "DisplayName")
        before, after = value_of(old, "ParentRef"), value_of(new, "ParentRef")
        if before != after and new["BalanceWithJobs"]:
            _carry(ctx, before, -new["BalanceWithJobs"])
            _carry(ctx, after, new["BalanceWithJobs"])

    def _bill_with_parent(self, ctx: Context, record_id: str, new: Json, old: Json | None, parent: Json | None) -> None:
        """Only a sub-customer may be billed with its parent; switching it is refused once it has invoices (6130)."""
        wanted = bool(new.get("BillWithParent")) and parent is not None
        changed = old is not None and bool(old.get("BillWithParent")) != wanted
        if changed and any(True for _ in ctx.book.tables["Invoice"].lookup("CustomerRef", record_id)):
            raise faults.bill_with_parent()
        new["BillWithParent"] = wanted

    def _tax(self, ctx: Context, new: Json, old: Json | None) -> None:
        """Taxable and the code that goes with it; a new customer takes the company's own (S:customer-create)."""
        code = ctx.resolve("TaxCode", new.get("DefaultTaxCodeRef"), "DefaultTaxCodeRef")
        default = ctx.settings.default_tax_code
        if "TaxExemptionReasonId" in new:
            new["Taxable"] = False
        elif "Taxable" not in new:
            new["Taxable"] = code is not None or (old is None and default is not None)
        if not new["Taxable"]:
            new.pop("DefaultTaxCodeRef", None)
        elif code is not None:
            new["DefaultTaxCodeRef"] = {"value": code["Id"]}
        elif default is not None:
            new["DefaultTaxCodeRef"] = {"value": default}


def _carry(ctx: Context, customer: str, change: Decimal) -> None:
    """Move a share of BalanceWithJobs from a customer up to the top of its tree."""
    while customer:
        body = ctx.unit.get("Customer", customer)
        if body is None:
            return
        body["BalanceWithJobs"] = money(amount(body, "BalanceWithJobs") + change)
        ctx.unit.put("Customer", customer, body, "derived")
        customer = value_of(body, "ParentRef")


def _unbilled(ctx: Context, customer: str) -> bool:
    """Does a billable purchase line wait to be put on an invoice of this customer (6280)?"""
    for entity in ("Bill", "Purchase", "VendorCredit"):
        for holder in ctx.book.holders("Customer", customer, of=entity):
            body = ctx.unit.get(entity, holder) or {}
            for line in body.get("Line", []):
                detail = line.get(line.get("DetailType"), {})
                if detail.get("BillableStatus") == "Billable" and value_of(detail, "CustomerRef") == customer:
                    return True
    return False


class VendorRules:
    """Vendor (entities.md 3.3)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        _no_opening_balance(new, old)
        if _display_name(ctx, "Vendor", record_id, new, old) and amount(old or {}, "Balance"):
            raise faults.has_balance()
        currencies.of_party(ctx, new, old)
        term = ctx.resolve("Term", new.get("TermRef"), "TermRef")
        if term is not None:
            new["TermRef"] = {"value": term["Id"]}
        account = ctx.resolve("Account", new.get("APAccountRef"), "APAccountRef")
        if account is not None:
            if account["AccountType"] != "Accounts Payable":
                raise faults.wrong_account("APAccountRef")
            new["APAccountRef"] = {"value": account["Id"], "name": account["Name"]}
        new["Balance"] = amount(old or {}, "Balance")
        new.setdefault("PrintOnCheckName", new["DisplayName"])
        new.setdefault("Vendor1099", False)
        if "TaxIdentifier" in new:
            new["TaxIdentifier"] = masked(new["TaxIdentifier"], 4)
        keep_addresses(ctx, new, old, ("BillAddr",))
        return new


class EmployeeRules:
    """Employee: its name, and the payee of a Purchase (entities.md 3.3)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "GivenName" not in new and "FamilyName" not in new:
            raise faults.no_name()
        _display_name(ctx, "Employee", record_id, new, old)
        new.setdefault("PrintOnCheckName", new["DisplayName"])
        new.setdefault("BillableTime", False)
        if "SSN" in new:
            new["SSN"] = "XXX-XX-XXXX"  # D:employee
        for member in ("BillRate", "CostRate"):
            if new.get(member, ZERO) < 0:
                raise faults.negative(member)
        keep_addresses(ctx, new, old, ("PrimaryAddr",))
        return new


RULES: dict[str, Rules] = {"Customer": CustomerRules(), "Vendor": VendorRules(), "Employee": EmployeeRules()}
