"""Rules of the Invoice (entities.md 4.2, 4.3, 8)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.clock import add_days
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications, auto_credits, estimates
from syncd.sandbox.rules.applications import RECEIVABLE
from syncd.sandbox.rules.base import account_of, value_of
from syncd.sandbox.rules.forms import SalesForm, check_taxable_lines, form_postings, money_account
from syncd.sandbox.wire import ZERO, Json, amount, money


class InvoiceRules(SalesForm):
    """Invoice: what a customer owes."""

    entity = "Invoice"
    zeroed = (*SalesForm.zeroed, "Deposit")

    def complete(
        self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str], customer: Json
    ) -> None:
        """Due date, links, deposit, balance, online payment."""
        _terms(ctx, new, customer)
        check_taxable_lines(new)
        new["LinkedTxn"] = estimates.read_links(ctx, record_id, new, old, "LinkedTxn" in sent)
        _balance(ctx, record_id, new, old)
        if "DepositToAccountRef" in new:
            money_account(ctx, new, named=True)
        for member in ("AllowOnlineCreditCardPayment", "AllowOnlineACHPayment"):
            new[member] = ctx.settings.online_payments and bool(new.get(member))  # else inactive (entities.md 1.8)
        new["AllowIPNPayment"] = new["AllowOnlinePayment"] = False

    def saved(self, ctx: Context, record_id: str, body: Json) -> None:
        """After staging: estimates close, open credits find a new invoice, payments show its balance and number."""
        estimates.follow(ctx, record_id, body)
        if ctx.book.find("Invoice", record_id) is None:
            auto_credits.use_on_invoice(ctx, record_id)
        else:
            applications.refresh(ctx, RECEIVABLE, "Invoice", record_id)

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; payments on it become unapplied, or the switch refuses (entities.md 4.3)."""
        self.check_end(ctx, record_id, old)
        if self.has_applications(ctx, record_id) and ctx.switches.delete_paid_invoice == "refuse":
            raise faults.fault(800, "Cannot delete object", "The transaction has payments applied to it.")
        applications.unapply_all(ctx, RECEIVABLE, "Invoice", record_id)
        estimates.follow(ctx, record_id, {})
        ctx.unit.delete("Invoice", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Zero amounts, note "Voided", links dropped (entities.md 4.3, S:invoice-void)."""
        self.check_end(ctx, record_id, old)
        applications.unapply_all(ctx, RECEIVABLE, "Invoice", record_id)
        return {**self.voided(old), "LinkedTxn": []}

    def has_applications(self, ctx: Context, record_id: str) -> bool:
        """Do payments hang on it?"""
        return bool(applications.payments_on(ctx, RECEIVABLE, "Invoice", record_id))

    def effect(self, book: Book, body: Json) -> Effect:
        """Receivables and the deposit up, income, discount and tax on the other side."""
        total, deposit = amount(body, "TotalAmt"), amount(body, "Deposit")
        receivable = account_of(book, "Accounts Receivable")
        paid_to = value_of(body, "DepositToAccountRef") or account_of(book, "", "UndepositedFunds")
        postings = [(receivable, total - deposit), (paid_to, deposit), *form_postings(book, body)]
        owed = [(("Customer", value_of(body, "CustomerRef")), total - deposit)]
        return effect(postings, owed, body.get("ExchangeRate"))


def due_date(txn_date: str, term: Json | None) -> str:
    """TxnDate plus the term's days; the date-driven kind falls on a day of this or the next month (entities.md 3.6)."""
    if term is None:
        return txn_date
    if "DueDays" in term:
        return add_days(txn_date, int(term["DueDays"]))
    year, month, today = (int(part) for part in txn_date.split("-"))
    wanted = int(term.get("DayOfMonthDue", 1))
    if today + int(term.get("DueNextMonthDays", 0)) > wanted:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    first = f"{year:04d}-{month:02d}-01"
    last = int(add_days(f"{year + month // 12:04d}-{month % 12 + 1:02d}-01", -1)[8:])
    return f"{first[:8]}{min(wanted, last):02d}"


def _terms(ctx: Context, new: Json, customer: Json) -> None:
    term_ref = new.get("SalesTermRef") or customer.get("SalesTermRef")
    term = ctx.resolve("Term", term_ref, "SalesTermRef")
    if term is not None:
        new["SalesTermRef"] = {"value": term["Id"]}
    elif ctx.settings.default_term is not None:
        term = ctx.unit.get("Term", ctx.settings.default_term)
    if "DueDate" not in new:
        new["DueDate"] = due_date(new["TxnDate"], term)


def _balance(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """What is open: the total less the deposit and what was applied before, which gives way if it is too much."""
    deposit = amount(new, "Deposit")
    if deposit < 0:
        raise faults.negative("Deposit")
    if deposit and not ctx.settings.allow_deposit:
        raise faults.feature_off("Deposits on sales forms are not switched on for this company.")
    total = amount(new, "TotalAmt")
    if deposit > total:
        raise faults.business("The deposit cannot be more than the total.", "Deposit")
    new["Deposit"] = money(deposit)
    owed, applied = total - deposit, ZERO
    if old is not None:
        applied = amount(old, "TotalAmt") - amount(old, "Deposit") - amount(old, "Balance")
        if applied > owed:
            new["LinkedTxn"] = applications.shrink(ctx, RECEIVABLE, "Invoice", record_id, new, applied - owed)
            applied = owed
    new["Balance"] = money(owed - applied)
