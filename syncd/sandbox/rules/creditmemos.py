"""Rules of the CreditMemo: an invoice the other way round, used up by payments (entities.md 4.5, 5.3)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications, auto_credits
from syncd.sandbox.rules.applications import RECEIVABLE
from syncd.sandbox.rules.base import account_of, value_of
from syncd.sandbox.rules.forms import SalesForm, reversed_postings
from syncd.sandbox.wire import ZERO, Json, amount, money


class CreditMemoRules(SalesForm):
    """CreditMemo: what a customer has got back without cash."""

    entity = "CreditMemo"
    positive_lines = True
    zeroed = (*SalesForm.zeroed, "RemainingCredit")

    def complete(
        self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str], customer: Json
    ) -> None:
        """What is left of it: the total less what payments use, which gives way if it is too much."""
        term = ctx.resolve("Term", new.get("SalesTermRef"), "SalesTermRef")
        if term is not None:
            new["SalesTermRef"] = {"value": term["Id"]}
        total, used = amount(new, "TotalAmt"), ZERO
        if old is not None:
            used = amount(old, "TotalAmt") - amount(old, "RemainingCredit")
            if used > total:
                applications.shrink(ctx, RECEIVABLE, "CreditMemo", record_id, old, used - total)
                used = total
        new["RemainingCredit"] = new["Balance"] = money(total - used)

    def saved(self, ctx: Context, record_id: str, body: Json) -> None:
        """After staging: a new credit finds open invoices, payments show what is left of an old one."""
        if ctx.book.find("CreditMemo", record_id) is None:
            auto_credits.use_credit(ctx, record_id)
        else:
            applications.refresh(ctx, RECEIVABLE, "CreditMemo", record_id)

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; what it paid opens again, or the switch refuses."""
        self.check_end(ctx, record_id, old)
        if self.has_applications(ctx, record_id) and ctx.switches.delete_applied_credit == "refuse":
            raise faults.fault(800, "Cannot delete object", "The credit is applied to other transactions.")
        applications.unapply_all(ctx, RECEIVABLE, "CreditMemo", record_id)
        ctx.unit.delete("CreditMemo", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """As an invoice, where the switch allows what no page documents."""
        if not ctx.switches.undocumented_voids:
            raise faults.unsupported("void")
        self.check_end(ctx, record_id, old)
        applications.unapply_all(ctx, RECEIVABLE, "CreditMemo", record_id)
        return self.voided(old)

    def has_applications(self, ctx: Context, record_id: str) -> bool:
        """Do payments use it?"""
        return bool(applications.payments_on(ctx, RECEIVABLE, "CreditMemo", record_id))

    def effect(self, book: Book, body: Json) -> Effect:
        """Receivables down, and what was earned and taxed with them."""
        total = amount(body, "TotalAmt")
        postings = [(account_of(book, "Accounts Receivable"), -total), *reversed_postings(book, body)]
        return effect(postings, [(("Customer", value_of(body, "CustomerRef")), -total)], body.get("ExchangeRate"))
