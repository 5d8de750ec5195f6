"""Rules of the Payment: new money from a customer, applied to invoices by its lines (entities.md 5)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications
from syncd.sandbox.rules.applications import RECEIVABLE, shares_of
from syncd.sandbox.rules.base import Rules, account_of, value_of
from syncd.sandbox.rules.notes import void_note
from syncd.sandbox.wire import ZERO, Json, amount, money


class PaymentRules:
    """Payment: new money, applied to invoices by its lines."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        customer = self._customer(ctx, new)
        if "TotalAmt" not in new:
            raise faults.business("You must set a transaction amount.", "TotalAmt")
        if new["TotalAmt"] < 0:
            raise faults.negative("TotalAmt")
        new.setdefault("TxnDate", ctx.today)
        ctx.check_open(new["TxnDate"], (old or {}).get("TxnDate"))
        new["CurrencyRef"] = ctx.currency(new.get("CurrencyRef"), customer, old)
        code = new["CurrencyRef"]["value"]
        rate = ctx.rate(new.pop("ExchangeRate", None), code, None)
        if rate is not None:
            new["ExchangeRate"] = rate
        self._references(ctx, new)
        before = shares_of(RECEIVABLE, old)
        after = applications.read_lines(ctx, RECEIVABLE, new, before)
        unapplied = new["TotalAmt"] - RECEIVABLE.net(after)
        if unapplied < 0:
            raise faults.business("The amount applied to transactions is more than the amount received.", "Line")
        new["UnappliedAmt"] = money(unapplied)
        new["ProcessPayment"] = False
        applications.apply(ctx, RECEIVABLE, record_id, before, after)
        new["Line"] = applications.rendered(ctx, RECEIVABLE, after)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: the invoices open again."""
        ctx.check_open(old.get("TxnDate"))
        applications.apply(ctx, RECEIVABLE, record_id, shares_of(RECEIVABLE, old), {})
        ctx.unit.delete("Payment", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Nothing received, nothing applied, note "Voided" (entities.md 5.4, S:payment-void)."""
        ctx.check_open(old.get("TxnDate"))
        applications.apply(ctx, RECEIVABLE, record_id, shares_of(RECEIVABLE, old), {})
        note = void_note(old.get("PrivateNote"))
        return {**old, "TotalAmt": ZERO, "UnappliedAmt": ZERO, "Line": [], "PrivateNote": note}

    def effect(self, book: Book, body: Json) -> Effect:
        """Money in, receivables down; credits used move nothing, they did so when they were given."""
        total = amount(body, "TotalAmt")
        receivable = value_of(body, "ARAccountRef") or account_of(book, "Accounts Receivable")
        postings = ((value_of(body, "DepositToAccountRef"), total), (receivable, -total))
        return effect(postings, [(("Customer", value_of(body, "CustomerRef")), -total)], body.get("ExchangeRate"))

    def _customer(self, ctx: Context, new: Json) -> Json:
        if "CustomerRef" not in new:
            raise faults.missing("CustomerRef")
        customer = ctx.unit.get("Customer", str(new["CustomerRef"]["value"]))
        if customer is None:
            raise faults.bad_reference("CustomerRef")
        if customer.get("Active") is False:
            raise faults.inactive_customer()
        new["CustomerRef"] = {"value": customer["Id"], "name": customer["FullyQualifiedName"]}
        return customer

    def _references(self, ctx: Context, new: Json) -> None:
        if "DepositToAccountRef" not in new:
            funds = account_of(ctx.book, "", "UndepositedFunds")
            if funds:
                new["DepositToAccountRef"] = {"value": funds}
        for member, entity in (
            ("DepositToAccountRef", "Account"),
            ("ARAccountRef", "Account"),
            ("PaymentMethodRef", "PaymentMethod"),
        ):
            found = ctx.resolve(entity, new.get(member), member)
            if found is not None:
                new[member] = {"value": found["Id"]}


RULES: dict[str, Rules] = {"Payment": PaymentRules()}
