"""Rules of the Bill and the VendorCredit: what a vendor is owed, and what the vendor owes back (entities.md 6.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications, expense_lines, orders, purchase_forms, purchase_numbers
from syncd.sandbox.rules.applications import PAYABLE
from syncd.sandbox.rules.base import Rules, value_of
from syncd.sandbox.rules.invoices import due_date
from syncd.sandbox.wire import ZERO, Json, amount, money


class VendorForm(ABC):
    """What Bill and VendorCredit do alike: both stay open until bill payments settle them."""

    entity = ""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        vendor = purchase_forms.vendor(ctx, new, sent)
        self._same_vendor(ctx, record_id, vendor, old)
        purchase_forms.header(ctx, new, old, vendor)
        if outside_us(ctx) and "GlobalTaxCalculation" not in new and ctx.switches.global_tax_missing == "refuse":
            raise faults.missing("GlobalTaxCalculation")
        self._details(ctx, record_id, new, old, vendor)
        purchase_forms.amounts(ctx, new, old, sent)
        purchase_forms.payable(ctx, new, vendor)
        self._links(ctx, record_id, new, old)
        self._balance(ctx, record_id, new, old)
        if not new["LinkedTxn"]:
            del new["LinkedTxn"]
        purchase_forms.convert(ctx, new)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; bill payments on it let go of it, or the switch refuses (D:bill asks to unlink first)."""
        ctx.check_open(old.get("TxnDate"))
        if expense_lines.has_been_billed(old):
            raise faults.billed_already()
        held = applications.payments_on(ctx, PAYABLE, self.entity, record_id)
        if held and ctx.switches.delete_linked_purchase == "refuse":
            raise faults.fault(800, "Cannot delete object", "The transaction has bill payments applied to it.")
        applications.unapply_all(ctx, PAYABLE, self.entity, record_id)
        ctx.unit.delete(self.entity, record_id)

    @abstractmethod
    def _details(self, ctx: Context, record_id: str, new: Json, old: Json | None, vendor: Json) -> None:
        """What only this kind of form has."""

    def _links(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
        """Links to bill payments are not the client's to write."""
        kept = [link for link in (old or {}).get("LinkedTxn", []) if link["TxnType"] == PAYABLE.link_type]
        new["LinkedTxn"] = kept

    def _same_vendor(self, ctx: Context, record_id: str, vendor: Json, old: Json | None) -> None:
        if old is None or value_of(old, "VendorRef") == vendor["Id"]:
            return
        if applications.payments_on(ctx, PAYABLE, self.entity, record_id):
            raise faults.business("The vendor of a paid transaction cannot be changed.", "VendorRef")

    def _balance(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
        """TotalAmt less what bill payments put on it; they give way when it became smaller than that."""
        total, applied = amount(new, "TotalAmt"), ZERO
        if old is not None:
            applied = amount(old, "TotalAmt") - amount(old, "Balance")
            if applied > total:
                stay = applications.shrink(ctx, PAYABLE, self.entity, record_id, old, applied - total)
                others = [link for link in new["LinkedTxn"] if link["TxnType"] != PAYABLE.link_type]
                new["LinkedTxn"] = [*others, *(link for link in stay if link["TxnType"] == PAYABLE.link_type)]
                applied = total
        new["Balance"] = money(total - applied)


class BillRules(VendorForm):
    """Bill (entities.md 6.2)."""

    entity = "Bill"

    def saved(self, ctx: Context, record_id: str, body: Json) -> None:
        """The purchase orders its lines come from show it, or no longer do."""
        orders.refresh(ctx, record_id, ctx.book.find("Bill", record_id), body)

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; its purchase orders are open again."""
        super().delete(ctx, record_id, old)
        orders.refresh(ctx, record_id, ctx.book.find("Bill", record_id), {})

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """QBO answers HTTP 200 with a fault, and nothing happens (protocol.md 8.5)."""
        raise faults.unsupported_inside()

    def effect(self, book: Book, body: Json) -> Effect:
        """Expenses up, payables up, the vendor is owed more."""
        total = amount(body, "TotalAmt")
        rows = [(purchase_forms.payable_of(book, body), -total), *purchase_forms.postings(book, body)]
        return effect(rows, [(("Vendor", value_of(body, "VendorRef")), total)], body.get("ExchangeRate"))

    def _details(self, ctx: Context, record_id: str, new: Json, old: Json | None, vendor: Json) -> None:
        term = ctx.resolve("Term", new.get("SalesTermRef") or vendor.get("TermRef"), "SalesTermRef")
        if term is not None:
            new["SalesTermRef"] = {"value": term["Id"]}
        if "DueDate" not in new:
            new["DueDate"] = due_date(new["TxnDate"], term)
        purchase_numbers.bill(ctx, record_id, new, old)

    def _links(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
        super()._links(ctx, record_id, new, old)
        new["LinkedTxn"] = [*orders.links(ctx, record_id, new), *new["LinkedTxn"]]


class VendorCreditRules(VendorForm):
    """VendorCredit: a bill the other way round; bill payments use it up."""

    entity = "VendorCredit"

    def effect(self, book: Book, body: Json) -> Effect:
        """Expenses down, payables down, the vendor is owed less."""
        total = amount(body, "TotalAmt")
        bought: list[tuple[str, Decimal]] = purchase_forms.postings(book, body)
        rows = [(purchase_forms.payable_of(book, body), total), *((name, -part) for name, part in bought)]
        return effect(rows, [(("Vendor", value_of(body, "VendorRef")), -total)], body.get("ExchangeRate"))

    def _details(self, ctx: Context, record_id: str, new: Json, old: Json | None, vendor: Json) -> None:
        purchase_numbers.vendor_credit(ctx, record_id, new, old)

    def _links(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
        super()._links(ctx, record_id, new, old)
        for line in new["Line"]:
            line.pop("LinkedTxn", None)


def outside_us(ctx: Context) -> bool:
    """Does the company live in the global tax world, with tax switched on?"""
    return ctx.settings.country != "US" and ctx.settings.sales_tax


RULES: dict[str, Rules] = {"Bill": BillRules(), "VendorCredit": VendorCreditRules()}
