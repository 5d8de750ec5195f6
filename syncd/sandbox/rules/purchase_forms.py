"""What bills, credits, orders, expenses and payments have in common: vendor, accounts, currency, dates."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.rules import expense_lines, expense_tax, tracking
from syncd.sandbox.rules.base import account_of, value_of
from syncd.sandbox.wire import Json, amount, money

MONEY_MEMBERS = frozenset({"Line", "TxnTaxDetail", "GlobalTaxCalculation"})
PAYABLE_KIND = frozenset({"Accounts Payable"})


def vendor(ctx: Context, new: Json, sent: frozenset[str]) -> Json:
    """The vendor; even a sparse update must name it (protocol.md 8.2)."""
    if "VendorRef" not in new or "VendorRef" not in sent:
        raise faults.missing("VendorRef")
    body = ctx.resolve("Vendor", new["VendorRef"], "VendorRef") or {}
    new["VendorRef"] = {"value": body["Id"], "name": body["DisplayName"]}
    return body


def account(ctx: Context, ref: Json | None, member: str, kinds: Iterable[str] = ()) -> Json | None:
    """The account a reference names; 6430 when it is of another type than the given ones."""
    body = ctx.resolve("Account", ref, member)
    if body is not None and kinds and body["AccountType"] not in kinds:
        raise faults.wrong_account(member)
    return body


def account_ref(body: Json) -> Json:
    """A reference to an account as answers carry it."""
    return {"value": body["Id"], "name": body["FullyQualifiedName"]}


def payable(ctx: Context, new: Json, party: Json) -> None:
    """APAccountRef: as sent, else the vendor's own, else the company's."""
    ref = new.get("APAccountRef") or party.get("APAccountRef") or {"value": account_of(ctx.book, "Accounts Payable")}
    found = account(ctx, ref, "APAccountRef", PAYABLE_KIND) if ref["value"] else None
    if found is not None:
        new["APAccountRef"] = account_ref(found)


def header(ctx: Context, new: Json, old: Json | None, party: Json) -> None:
    """Date, closed period, currency, class and location."""
    new.setdefault("TxnDate", ctx.today)
    ctx.check_open(new["TxnDate"], (old or {}).get("TxnDate"))
    new["CurrencyRef"] = ctx.currency(new.get("CurrencyRef"), party, old)
    tracking.form_refs(ctx, new)


def convert(ctx: Context, new: Json, default: bool = True) -> None:
    """ExchangeRate and HomeBalance; ``default``: an omitted rate is the company's own, else 1.

    No HomeTotalAmt: no page of a purchase has it, nor does a recording (S:purchase-recorded).
    """
    code = new["CurrencyRef"]["value"]
    sent = new.pop("ExchangeRate", None) or None  # 0 is what SDKs send for a rate nobody set
    rate = ctx.rate(sent, code, ctx.settings.rates.get(code) if default else None)
    new.pop("HomeBalance", None)
    if rate is None:
        return
    new["ExchangeRate"] = rate
    if "Balance" in new:
        new["HomeBalance"] = money(amount(new, "Balance") * rate)


def amounts(ctx: Context, new: Json, old: Json | None, sent: frozenset[str], control: bool = False) -> None:
    """Lines, tax and total; those of the stored version where an update leaves them alone."""
    if old is not None and not MONEY_MEMBERS & sent:
        new.update({name: old[name] for name in (*MONEY_MEMBERS, "TotalAmt") if name in old})
        return
    if "Line" not in new:
        raise faults.missing("Line")
    explicit = new.get("TxnTaxDetail") if old is None or "TxnTaxDetail" in sent else None
    stored = (old or {}).get("Line", [])
    lines = expense_lines.read(ctx, new["Line"], stored, check="Line" in sent, control=control)
    expense_tax.add_up(ctx, new, lines, explicit)
    new["Line"] = lines


def postings(book: Book, body: Json) -> list[tuple[str, Decimal]]:
    """What a purchase buys: the account of each line and the tax, as debits."""
    rows = expense_lines.accounts(body.get("Line", []), account_of(book, "Expense"))
    tax_total = amount(body.get("TxnTaxDetail", {}), "TotalTax")
    if tax_total:
        rows.append((account_of(book, "", "SalesTaxPayable"), tax_total))
    return rows


def payable_of(book: Book, body: Json) -> str:
    """The payable account a stored transaction posts to."""
    return value_of(body, "APAccountRef") or account_of(book, "Accounts Payable")
