"""Rules of the Payment: new money from a customer, and credits, applied to invoices by its lines (entities.md 5)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications, tracking
from syncd.sandbox.rules.applications import RECEIVABLE, Shares, shares_of
from syncd.sandbox.rules.base import Rules, account_of, value_of
from syncd.sandbox.rules.forms import customer_of, money_account
from syncd.sandbox.rules.locks import check_not_deposited
from syncd.sandbox.rules.notes import void_note
from syncd.sandbox.wire import ZERO, Json, amount, money


class PaymentRules:
    """Payment: new money, applied to invoices by its lines."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        check_not_deposited(ctx, "Payment", record_id)
        customer = customer_of(ctx, new)
        new["CustomerRef"] = {"value": customer["Id"], "name": customer["FullyQualifiedName"]}
        new.setdefault("TxnDate", ctx.today)
        ctx.check_open(new["TxnDate"], (old or {}).get("TxnDate"))
        new["CurrencyRef"] = ctx.currency(new.get("CurrencyRef"), customer, old)
        rate = ctx.rate(new.pop("ExchangeRate", None), new["CurrencyRef"]["value"], None)
        if rate is not None:
            new["ExchangeRate"] = rate
        before = shares_of(RECEIVABLE, old)
        after = applications.read_lines(ctx, RECEIVABLE, new, before)
        total = _total(new, old, after)
        if total < 0:
            raise faults.negative("TotalAmt")
        _references(ctx, new, sent, total)
        unapplied = total - RECEIVABLE.net(after)
        if unapplied < 0:
            raise faults.business("The amount applied to transactions is more than the amount received.", "Line")
        new.update(TotalAmt=total, UnappliedAmt=money(unapplied), ProcessPayment=False)
        applications.apply(ctx, RECEIVABLE, record_id, before, after)
        new["Line"] = applications.rendered(ctx, RECEIVABLE, after)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: the invoices open again, the credits are free again."""
        self._end(ctx, record_id, old)
        ctx.unit.delete("Payment", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Nothing received, nothing applied, note "Voided" (entities.md 5.4, S:payment-void)."""
        self._end(ctx, record_id, old)
        note = void_note(old.get("PrivateNote"))
        return {**old, "TotalAmt": ZERO, "UnappliedAmt": ZERO, "Line": [], "PrivateNote": note}

    def effect(self, book: Book, body: Json) -> Effect:
        """Money in, receivables down; credits used move nothing, they did so when they were given."""
        total = amount(body, "TotalAmt")
        receivable = value_of(body, "ARAccountRef") or account_of(book, "Accounts Receivable")
        postings = ((value_of(body, "DepositToAccountRef"), total), (receivable, -total))
        return effect(postings, [(("Customer", value_of(body, "CustomerRef")), -total)], body.get("ExchangeRate"))

    def _end(self, ctx: Context, record_id: str, old: Json) -> None:
        check_not_deposited(ctx, "Payment", record_id)
        ctx.check_open(old.get("TxnDate"))
        applications.apply(ctx, RECEIVABLE, record_id, shares_of(RECEIVABLE, old), {})


def _total(new: Json, old: Json | None, shares: Shares) -> Decimal:
    """TotalAmt is required, but for an update of a payment that only uses credits (S:payment-full-request)."""
    if "TotalAmt" in new:
        return Decimal(new["TotalAmt"])
    only_credits = any(entity not in RECEIVABLE.debts for entity, _ in shares) and RECEIVABLE.net(shares) == 0
    if old is None or not only_credits:
        raise faults.business("You must set a transaction amount.", "TotalAmt")
    return ZERO


def _references(ctx: Context, new: Json, sent: frozenset[str], total: Decimal) -> None:
    if total or "DepositToAccountRef" in new:  # no money, no account (S:payment-update-full)
        money_account(ctx, new, named=False)
    receivable = ctx.resolve("Account", new.get("ARAccountRef"), "ARAccountRef")
    if receivable is not None:
        if receivable.get("AccountType") != "Accounts Receivable":
            raise faults.wrong_account("ARAccountRef")
        new["ARAccountRef"] = {"value": receivable["Id"]}
    method = ctx.resolve("PaymentMethod", new.get("PaymentMethodRef"), "PaymentMethodRef")
    if method is not None:
        new["PaymentMethodRef"] = {"value": method["Id"]}
    if "PaymentRefNum" not in new and ctx.settings.country == "FR":
        raise faults.missing("PaymentRefNum")  # required in France (entities.md 5.1)
    tracking.form_refs(ctx, new, "ProjectRef" in sent)


RULES: dict[str, Rules] = {"Payment": PaymentRules()}
