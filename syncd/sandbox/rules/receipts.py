"""Rules of SalesReceipt and RefundReceipt: a sale, and taking it back, with the money at once (entities.md 4.6)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules.base import value_of
from syncd.sandbox.rules.forms import SalesForm, form_postings, money_account, reversed_postings
from syncd.sandbox.rules.locks import check_not_deposited
from syncd.sandbox.wire import ZERO, Json, amount


class ReceiptForm(SalesForm):
    """What both receipts share: where the money lies, how it was paid, nothing left open."""

    needs_customer = False

    def complete(
        self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str], customer: Json
    ) -> None:
        """Account, method, balance 0."""
        money_account(ctx, new, named=True)
        method = ctx.resolve("PaymentMethod", new.get("PaymentMethodRef"), "PaymentMethodRef")
        if method is not None:
            new["PaymentMethodRef"] = {"value": method["Id"], "name": method["Name"]}
        new["Balance"] = ZERO

    def check_free(self, ctx: Context, record_id: str, old: Json | None) -> None:
        """6540 while a deposit holds it."""
        check_not_deposited(ctx, self.entity, record_id)

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete."""
        self.check_end(ctx, record_id, old)
        ctx.unit.delete(self.entity, record_id)


class SalesReceiptRules(ReceiptForm):
    """SalesReceipt: cash in."""

    entity = "SalesReceipt"

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Zero amounts, note "Voided" (S:salesreceipt-void)."""
        self.check_end(ctx, record_id, old)
        return self.voided(old)

    def effect(self, book: Book, body: Json) -> Effect:
        """The money up, income, discount and tax on the other side."""
        paid_to = value_of(body, "DepositToAccountRef")
        postings = [(paid_to, amount(body, "TotalAmt")), *form_postings(book, body)]
        return effect(postings, rate=body.get("ExchangeRate"))


class RefundReceiptRules(ReceiptForm):
    """RefundReceipt: cash out."""

    entity = "RefundReceipt"
    positive_lines = True
    shows_email_status = False

    def complete(
        self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str], customer: Json
    ) -> None:
        """The account is required; a check to print has its number still to come (S:refundreceipt-create)."""
        if "DepositToAccountRef" not in new:
            raise faults.missing("DepositToAccountRef")
        super().complete(ctx, record_id, new, old, sent, customer)
        account = ctx.unit.get("Account", value_of(new, "DepositToAccountRef")) or {}
        if new["PrintStatus"] == "NeedToPrint" and account.get("AccountType") == "Bank":
            new.setdefault("PaymentRefNum", "To Print")

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """As a sales receipt, where the switch allows what no page documents."""
        if not ctx.switches.undocumented_voids:
            raise faults.unsupported("void")
        self.check_end(ctx, record_id, old)
        return self.voided(old)

    def effect(self, book: Book, body: Json) -> Effect:
        """The money down, and what was earned and taxed with it."""
        paid_from = value_of(body, "DepositToAccountRef")
        postings = [(paid_from, -amount(body, "TotalAmt")), *reversed_postings(book, body)]
        return effect(postings, rate=body.get("ExchangeRate"))
