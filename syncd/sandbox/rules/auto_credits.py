"""Credits that QBO applies on its own, by preference (entities.md 5.3)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox.context import Context
from syncd.sandbox.rules import applications
from syncd.sandbox.rules.applications import RECEIVABLE, Shares, shares_of
from syncd.sandbox.rules.base import value_of
from syncd.sandbox.specs.sales import OPEN_CREDIT, OPEN_DEBT
from syncd.sandbox.wire import ZERO, Json, amount, money

NOTE = "Created by QB Online to link credits to charges."


def use_on_invoice(ctx: Context, invoice: str) -> None:
    """Put the customer's open credits on a new invoice, the oldest first; then unapplied payments, by switch."""
    if ctx.settings.auto_apply_credit:
        body = ctx.unit.get("Invoice", invoice) or {}
        found = _spread(ctx, body, "Balance", OPEN_CREDIT, "CreditMemo", "RemainingCredit")
        if found:
            _pay(ctx, body, {("Invoice", invoice): sum(found.values(), ZERO), **found})
    if ctx.settings.auto_apply_payments and ctx.switches.auto_apply_payments:
        _use_payments(ctx, invoice)


def use_credit(ctx: Context, memo: str) -> None:
    """Put a new credit memo on the customer's open invoices, the oldest first (switch ``auto_apply_credit_on``)."""
    if not ctx.settings.auto_apply_credit or ctx.switches.auto_apply_credit_on != "both":
        return
    body = ctx.unit.get("CreditMemo", memo) or {}
    found = _spread(ctx, body, "RemainingCredit", OPEN_DEBT, "Invoice", "Balance")
    if found:
        _pay(ctx, body, {**found, ("CreditMemo", memo): sum(found.values(), ZERO)})


def _spread(ctx: Context, body: Json, member: str, key: str, entity: str, open_member: str) -> Shares:
    """How what is open on a document spreads over the customer's open documents of another kind."""
    left, found = amount(body, member), Shares()
    for other in ctx.book.holders(key, value_of(body, "CustomerRef"), entity):
        if left <= 0:
            break
        candidate = ctx.unit.get(entity, other)
        if candidate is not None and value_of(candidate, "CurrencyRef") == value_of(body, "CurrencyRef"):
            share = min(left, amount(candidate, open_member))
            if share > 0:
                found[(entity, other)] = share
                left -= share
    return found


def _pay(ctx: Context, body: Json, shares: Shares) -> None:
    """The payment QBO writes to link credits to charges (S:payment-auto-credit-recorded)."""
    payment = ctx.book.next_id("txn")
    applications.apply(ctx, RECEIVABLE, payment, {}, shares)
    written: Json = {
        "CustomerRef": body["CustomerRef"],
        "TotalAmt": ZERO,
        "UnappliedAmt": ZERO,
        "ProcessPayment": False,
        "TxnDate": ctx.today,
        "CurrencyRef": body["CurrencyRef"],
        "PrivateNote": NOTE,
        "Line": applications.rendered(ctx, RECEIVABLE, shares),
    }
    if "ExchangeRate" in body:
        written["ExchangeRate"] = body["ExchangeRate"]
    ctx.unit.put("Payment", payment, written, "create")


def _use_payments(ctx: Context, invoice: str) -> None:
    body = ctx.unit.get("Invoice", invoice) or {}
    found = _spread(ctx, body, "Balance", OPEN_CREDIT, "Payment", "UnappliedAmt")
    for (_, payment), share in found.items():
        _extend(ctx, payment, invoice, share)


def _extend(ctx: Context, payment: str, invoice: str, share: Decimal) -> None:
    body = ctx.unit.get("Payment", payment) or {}
    before = shares_of(RECEIVABLE, body)
    after = {**before, ("Invoice", invoice): share}
    applications.apply(ctx, RECEIVABLE, payment, before, after)
    body["UnappliedAmt"] = money(amount(body, "UnappliedAmt") - share)
    body["Line"] = applications.rendered(ctx, RECEIVABLE, after)
    ctx.unit.put("Payment", payment, body, "linked")
