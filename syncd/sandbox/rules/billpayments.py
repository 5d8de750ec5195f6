"""Rules of the BillPayment: money to a vendor, applied to bills, with credits used up on the way (entities.md 6.3)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications, purchase_forms, purchase_numbers
from syncd.sandbox.rules.applications import PAYABLE, shares_of
from syncd.sandbox.rules.base import Rules, value_of
from syncd.sandbox.rules.notes import void_note
from syncd.sandbox.wire import ZERO, Json, amount

# PayType to the member that holds the details, the reference in it, and the account type it must be of
_PAID_FROM = {
    "Check": ("CheckPayment", "BankAccountRef", "Bank"),
    "CreditCard": ("CreditCardPayment", "CCAccountRef", "Credit Card"),
}


class BillPaymentRules:
    """BillPayment by cheque or card."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        vendor = purchase_forms.vendor(ctx, new, sent)
        for member in ("PayType", "TotalAmt", "Line"):
            if member not in new:
                raise faults.missing(member)
        if new["TotalAmt"] < 0:
            raise faults.negative("TotalAmt")
        purchase_forms.header(ctx, new, old, vendor)
        self._paid_from(ctx, new)
        if "APAccountRef" in new:
            purchase_forms.payable(ctx, new, vendor)
        purchase_numbers.bill_payment(ctx, record_id, new, old)
        before = shares_of(PAYABLE, old)
        after = applications.read_lines(ctx, PAYABLE, new, before)
        if new["TotalAmt"] < PAYABLE.net(after):
            raise faults.business("The amount applied to bills is more than the amount paid.", "Line")
        if new["Line"] and not after and ctx.switches.unlinked_bill_payment == "void":
            new["TotalAmt"] = ZERO
            new["PrivateNote"] = void_note(new.get("PrivateNote"))
        applications.apply(ctx, PAYABLE, record_id, before, after)
        new["Line"] = applications.rendered(ctx, PAYABLE, after)
        purchase_forms.convert(ctx, new, default=False)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: bills and credits are open again."""
        ctx.check_open(old.get("TxnDate"))
        applications.apply(ctx, PAYABLE, record_id, shares_of(PAYABLE, old), {})
        ctx.unit.delete("BillPayment", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Nothing paid, nothing applied, note "Voided"; only in the form with include (protocol.md 8.5)."""
        if "void" not in ctx.include:
            raise faults.unsupported("void")
        ctx.check_open(old.get("TxnDate"))
        applications.apply(ctx, PAYABLE, record_id, shares_of(PAYABLE, old), {})
        return {**old, "TotalAmt": ZERO, "Line": [], "PrivateNote": void_note(old.get("PrivateNote"))}

    def effect(self, book: Book, body: Json) -> Effect:
        """Payables down, bank down or card up; credits used move nothing, they did so when they were given."""
        total = amount(body, "TotalAmt")
        detail, ref, _ = _PAID_FROM[body["PayType"]]
        rows = [(purchase_forms.payable_of(book, body), total), (value_of(body.get(detail, {}), ref), -total)]
        return effect(rows, [(("Vendor", value_of(body, "VendorRef")), -total)], body.get("ExchangeRate"))

    def _paid_from(self, ctx: Context, new: Json) -> None:
        detail, ref, kind = _PAID_FROM[new["PayType"]]
        for other, _, _ in _PAID_FROM.values():
            if other != detail:
                new.pop(other, None)
        paid = dict(new.get(detail, {}))
        if ref not in paid:
            raise faults.missing(ref if detail in new else detail)
        account = purchase_forms.account(ctx, paid[ref], ref, (kind,))
        if account is not None:
            self._one_foreign_currency(ctx, new, account)
            paid[ref] = purchase_forms.account_ref(account)
        if detail == "CheckPayment":
            paid.setdefault("PrintStatus", "NeedToPrint")
        new[detail] = paid

    def _one_foreign_currency(self, ctx: Context, new: Json, account: Json) -> None:
        home = ctx.settings.home_currency
        code = account.get("CurrencyRef", {}).get("value", home)
        if code not in (home, new["CurrencyRef"]["value"]):
            raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")


RULES: dict[str, Rules] = {"BillPayment": BillPaymentRules()}
