"""What all sales forms share: customer, dates, numbers, lines, totals, addresses, postings (entities.md 4)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.rules import formtax, numbers, tracking
from syncd.sandbox.rules.addresses import without_id
from syncd.sandbox.rules.base import account_of, value_of
from syncd.sandbox.rules.lines import flat, read_lines
from syncd.sandbox.rules.notes import void_note
from syncd.sandbox.wire import ZERO, Json, amount, money

_MONEY_MEMBERS = frozenset({"Line", "TxnTaxDetail", "GlobalTaxCalculation", "ApplyTaxAfterDiscount"})
_ADDRESSES = frozenset({"BillAddr", "ShipAddr"})
_TRACKING = frozenset({"ClassRef", "DepartmentRef", "ProjectRef"})
_KEPT = (
    "DeliveryInfo", "EInvoiceStatus", "ECloudStatusTimeStamp", "RecurDataRef", "TaxExemptionRef", "FreeFormAddress",
    "TxnSource",
)  # fmt: skip
"""Members that QBO writes and an update leaves alone."""
TAXABLE_LINES = 750
"""Lines on a taxable invoice (protocol.md 3.1)."""
MONEY_ACCOUNTS = frozenset({"Bank", "Other Current Asset"})
"""Account types that money can be put into or taken from."""


class SalesForm:
    """The steps every sales form goes through; each kind adds its own in ``complete``."""

    entity = ""
    needs_customer = True
    positive_lines = False
    shows_email_status = True
    zeroed: tuple[str, ...] = ("TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance")
    """The amounts a void sets to zero."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        self.check_free(ctx, record_id, old)
        customer = self._customer(ctx, record_id, new, old)
        new.setdefault("TxnDate", ctx.today)
        ctx.check_open(new["TxnDate"], (old or {}).get("TxnDate"))
        new["CurrencyRef"] = ctx.currency(new.get("CurrencyRef"), customer, old)
        numbers.assign(ctx, self.entity, record_id, new, old, sent)
        _addresses(ctx, new, old, customer)
        self._amounts(ctx, new, old, sent, customer)
        code = new["CurrencyRef"]["value"]
        rate = ctx.rate(new.pop("ExchangeRate", None), code, ctx.day_rate(code, new["TxnDate"]))
        if rate is not None:
            new["ExchangeRate"] = rate
        tracking.form_refs(ctx, new, bool(_TRACKING & sent))
        if self.shows_email_status:
            new.setdefault("EmailStatus", "NotSet")
        _defaults(ctx, new, old)
        self.complete(ctx, record_id, new, old, sent, customer)
        _home_amounts(new)
        return new

    def complete(
        self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str], customer: Json
    ) -> None:
        """What only this kind of form has."""

    def check_free(self, ctx: Context, record_id: str, old: Json | None) -> None:
        """Raise where something holds the form as it is."""

    def check_end(self, ctx: Context, record_id: str, old: Json) -> None:
        """Raise where the form may not be deleted or voided."""
        self.check_free(ctx, record_id, old)
        ctx.check_open(old.get("TxnDate"))

    def has_applications(self, ctx: Context, record_id: str) -> bool:
        """Do payments hang on it?"""
        return False

    def voided(self, old: Json) -> Json:
        """Zero amounts and quantities, note "Voided" (entities.md 4.3, S:invoice-void, S:salesreceipt-void)."""
        new = {**old, "Line": [_zeroed(line) for line in old["Line"]]}
        if "TxnTaxDetail" in old:
            new["TxnTaxDetail"] = {"TotalTax": ZERO}
        new.update({member: ZERO for member in self.zeroed if member in old})
        new["PrivateNote"] = void_note(old.get("PrivateNote"))
        return new

    def _customer(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> Json:
        if "CustomerRef" not in new and not self.needs_customer:
            return {}
        customer = customer_of(ctx, new)
        moved = old is not None and value_of(old, "CustomerRef") != customer["Id"]
        if moved and self.has_applications(ctx, record_id):
            raise faults.business(f"The customer of a used {self.entity} cannot be changed.", "CustomerRef")
        new["CustomerRef"] = {"value": customer["Id"], "name": customer["DisplayName"]}
        return customer

    def _amounts(self, ctx: Context, new: Json, old: Json | None, sent: frozenset[str], customer: Json) -> None:
        deciding = _MONEY_MEMBERS | (_ADDRESSES if ctx.settings.automated_tax else frozenset())
        if old is not None and not deciding & sent:
            new.update({name: old[name] for name in (*_MONEY_MEMBERS, "TotalAmt") if name in old})
            return
        if "Line" not in new:
            raise faults.missing("Line")
        lines = read_lines(ctx, new["Line"], (old or {}).get("Line", []), "Line" in sent, self.positive_lines)
        explicit = new.get("TxnTaxDetail") if old is None or "TxnTaxDetail" in sent else None
        new["TotalAmt"] = formtax.total(ctx, new, lines, explicit, customer)
        if new["TotalAmt"] < 0:
            raise faults.business("Transaction amount must be 0 or greater.", "TotalAmt")
        new["Line"] = lines.finished()


def customer_of(ctx: Context, new: Json) -> Json:
    """The customer a transaction names; 2020, 2500 or 6250 otherwise."""
    if "CustomerRef" not in new:
        raise faults.missing("CustomerRef")
    customer = ctx.unit.get("Customer", str(new["CustomerRef"]["value"]))
    if customer is None:
        raise faults.bad_reference("CustomerRef")
    if customer.get("Active") is False:
        raise faults.inactive_customer()
    return customer


def money_account(ctx: Context, new: Json, named: bool) -> None:
    """DepositToAccountRef: Undeposited Funds unless said otherwise; only where money can lie (6430).

    ``named``: does the answer carry the account's name too (sales forms do, payments do not).
    """
    ref = new.get("DepositToAccountRef")
    if ref is None:
        funds = account_of(ctx.book, "", "UndepositedFunds")
        ref = {"value": funds} if funds else None
    account = ctx.resolve("Account", ref, "DepositToAccountRef")
    if account is None:
        return
    if account.get("AccountType") not in MONEY_ACCOUNTS:
        raise faults.wrong_account("DepositToAccountRef")
    new["DepositToAccountRef"] = (
        {"value": account["Id"], "name": account["Name"]} if named else {"value": account["Id"]}
    )


def form_postings(book: Book, body: Json) -> list[tuple[str, Decimal]]:
    """The other side of a sale: income by line and tax as credits, the discount as a debit."""
    rows: list[tuple[str, Decimal]] = []
    for line in flat(body.get("Line", [])):
        detail = line.get("SalesItemLineDetail")
        if detail is not None:
            account = value_of(detail, "ItemAccountRef") or account_of(book, "Income")
            rows.append((account, -amount(line, "Amount")))
        elif "DiscountLineDetail" in line:
            rows.append((value_of(line["DiscountLineDetail"], "DiscountAccountRef"), amount(line, "Amount")))
    tax_total = amount(body.get("TxnTaxDetail", {}), "TotalTax")
    if tax_total:
        rows.append((account_of(book, "", "SalesTaxPayable"), -tax_total))
    return rows


def reversed_postings(book: Book, body: Json) -> list[tuple[str, Decimal]]:
    """The same for a form that takes a sale back."""
    return [(account, -posted) for account, posted in form_postings(book, body)]


def check_taxable_lines(new: Json) -> None:
    """At most 750 lines on a taxable invoice (protocol.md 3.1; the code is a guess)."""
    if not amount(new.get("TxnTaxDetail", {}), "TotalTax"):
        return
    charged = sum(1 for line in flat(new["Line"]) if "SalesItemLineDetail" in line)
    if charged > TAXABLE_LINES:
        raise faults.business(f"A taxable invoice can have {TAXABLE_LINES} lines at most.", "Line")


def _defaults(ctx: Context, new: Json, old: Json | None) -> None:
    new.setdefault("PrintStatus", "NeedToPrint")
    if new.get("EmailStatus") == "NeedToSend" and "BillEmail" not in new:
        raise faults.no_address()
    if old is None:
        for member, address in ctx.settings.email_copies:
            new.setdefault(member, {"Address": address})
    new.update({member: old[member] for member in _KEPT if old is not None and member in old})
    _custom_fields(ctx, new)


def _addresses(ctx: Context, new: Json, old: Json | None, customer: Json) -> None:
    for member in ("BillAddr", "ShipAddr"):
        theirs = customer.get(member)
        if member not in new:
            if theirs is not None:
                new[member] = theirs
            continue
        _own_address(ctx, new, member, ((old or {}).get(member), theirs))
    if "ShipFromAddr" not in new and ctx.settings.automated_tax:
        origin = _origin(ctx)
        if origin:
            new["ShipFromAddr"] = origin
    if "ShipFromAddr" in new:
        _own_address(ctx, new, "ShipFromAddr", ((old or {}).get("ShipFromAddr"),))


def _origin(ctx: Context) -> Json:
    """The company's legal address, flattened as automated sales tax shows it (S:salesreceipt-ast-tax-recorded)."""
    legal = (ctx.unit.get("CompanyInfo", "1") or {}).get("LegalAddr", {})
    region = "  ".join(part for part in (legal.get("CountrySubDivisionCode"), legal.get("PostalCode")) if part)
    lines = [legal.get("Line1"), ", ".join(part for part in (legal.get("City"), region) if part)]
    return {f"Line{place}": line for place, line in enumerate(filter(None, lines), 1)}


def _own_address(ctx: Context, new: Json, member: str, known: tuple[Json | None, ...]) -> None:
    content = without_id(new[member])
    for candidate in known:
        if candidate is not None and without_id(candidate) == content:
            new[member] = candidate
            return
    new[member] = {"Id": ctx.book.next_id("address"), **content}


def _custom_fields(ctx: Context, new: Json) -> None:
    sent = {entry.get("DefinitionId"): entry for entry in new.get("CustomField", [])}
    kept = []
    for definition, name in ctx.settings.custom_field_names:
        entry: Json = {"DefinitionId": definition, "Name": name, "Type": "StringType"}
        value = sent.get(definition, {}).get("StringValue")
        if value is not None:
            entry["StringValue"] = value
        kept.append(entry)
    new["CustomField"] = kept


def _home_amounts(body: Json) -> None:
    """HomeTotalAmt, and HomeBalance where something can be open, from the form's own rate."""
    rate = body.get("ExchangeRate")
    for member, source in (("HomeTotalAmt", "TotalAmt"), ("HomeBalance", "Balance")):
        body.pop(member, None)
        if rate is not None and source in body:
            body[member] = money(amount(body, source) * rate)


def _zeroed(line: Json) -> Json:
    line = {**line, "Amount": ZERO} if "Amount" in line else dict(line)
    detail = line.get("SalesItemLineDetail")
    if detail is not None:
        kept = {name: value for name, value in detail.items() if name not in ("UnitPrice", "TaxInclusiveAmt")}
        line["SalesItemLineDetail"] = {**kept, "Qty": ZERO} if "Qty" in kept else kept
    group = line.get("GroupLineDetail")
    if group is not None:
        line["GroupLineDetail"] = {**group, "Line": [_zeroed(part) for part in group.get("Line", [])]}
    return line
