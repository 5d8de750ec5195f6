"""Rules of the Purchase: an expense, a cheque or a card charge (entities.md 6.4); and all of the purchase side."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, Party, effect
from syncd.sandbox.rules import billpayments, bills, expense_lines, orders, purchase_forms, purchase_numbers
from syncd.sandbox.rules.base import Rules, value_of
from syncd.sandbox.rules.extensions import name_values
from syncd.sandbox.rules.parties import check_named, named, owed_through
from syncd.sandbox.wire import ZERO, Json, amount

_PAID_FROM = {
    "Cash": ("Bank", "Other Current Asset"),
    "Check": ("Bank",),
    "CreditCard": ("Credit Card",),
}


class PurchaseRules:
    """Purchase."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "PaymentType" not in new or "PaymentType" not in sent:
            raise faults.missing("PaymentType")  # even a sparse update must name it (protocol.md 8.2)
        if "AccountRef" not in new:
            raise faults.missing("AccountRef")
        if "PurchaseEx" in new and "PurchaseEx" in sent and ctx.switches.purchase_ex == "refuse":
            raise faults.unknown_property("PurchaseEx")
        account = purchase_forms.account(ctx, new["AccountRef"], "AccountRef", _PAID_FROM[new["PaymentType"]]) or {}
        new["AccountRef"] = purchase_forms.account_ref(account)
        purchase_forms.header(ctx, new, old, account)
        payee = self._payee(ctx, new)
        self._kind(ctx, new, payee)
        purchase_numbers.purchase(ctx, record_id, new, old)
        purchase_forms.amounts(ctx, new, old, sent, control=True)
        for line in new["Line"]:
            line.pop("LineNum", None)  # answers carry none, unlike a bill's (S:purchase-recorded)
            line.pop("LinkedTxn", None)
            self._check_party(ctx, line, new)
        new.pop("LinkedTxn", None)
        new["CustomField"] = []
        method = ctx.resolve("PaymentMethod", new.get("PaymentMethodRef"), "PaymentMethodRef")
        if method is not None:
            new["PaymentMethodRef"] = {"value": method["Id"], "name": method["Name"]}
        purchase_forms.convert(ctx, new)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete, unless a line of it is on an invoice (6400)."""
        ctx.check_open(old.get("TxnDate"))
        if expense_lines.has_been_billed(old):
            raise faults.billed_already()
        ctx.unit.delete("Purchase", record_id)

    def effect(self, book: Book, body: Json) -> Effect:
        """Bank down or card up, expenses up; a refund to the card the other way round."""
        sign = Decimal(-1 if body.get("Credit") else 1)
        bought = purchase_forms.postings(book, body)
        rows = [(value_of(body, "AccountRef"), -sign * amount(body, "TotalAmt"))]
        rows += [(account, sign * part) for account, part in bought]
        owed: list[tuple[Party, Decimal]] = []
        payee = body.get("EntityRef")
        if payee is not None:
            for account, part in bought:
                owed += owed_through(book, account, str(payee.get("type")), payee["value"], sign * part)
        return effect(rows, owed, body.get("ExchangeRate"))

    def _payee(self, ctx: Context, new: Json) -> Json:
        if "EntityRef" not in new:
            return {}
        kind, body = named(ctx, new["EntityRef"], "EntityRef")
        new["EntityRef"] = {"value": body["Id"], "name": body["DisplayName"], "type": kind}
        home = ctx.settings.home_currency
        theirs = body.get("CurrencyRef", {}).get("value", home)
        if theirs not in (home, new["CurrencyRef"]["value"]):
            raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
        return body

    def _kind(self, ctx: Context, new: Json, payee: Json) -> None:
        """Credit belongs to cards; PrintStatus and RemitToAddr to cheques; PurchaseEx says which of them it is."""
        kind = new["PaymentType"]
        credit = bool(new.pop("Credit", False))
        if credit and kind != "CreditCard":
            raise faults.business("Only a credit card purchase can be a credit.", "Credit")
        if kind == "CreditCard":
            new["Credit"] = credit
        status = new.pop("PrintStatus", "NotSet")
        new.pop("RemitToAddr", None)
        if kind == "Check":
            new["PrintStatus"] = status
            if "BillAddr" in payee:
                new["RemitToAddr"] = payee["BillAddr"]
        number = "3" if kind == "Check" else "11" if credit else "54"
        new["PurchaseEx"] = name_values([("TxnType", number)])

    def _check_party(self, ctx: Context, line: Json, new: Json) -> None:
        ref = expense_lines.detail_of(line).get("AccountRef")
        if ref is not None and amount(line, "Amount") != ZERO:
            payee = new.get("EntityRef", {})
            check_named(ctx, ref["value"], str(payee.get("type", "")))


RULES: dict[str, Rules] = {"Purchase": PurchaseRules(), **bills.RULES, **billpayments.RULES, **orders.RULES}
