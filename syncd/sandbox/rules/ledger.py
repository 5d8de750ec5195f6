"""Rules of Deposit and Transfer, money moving between the company's own accounts; and of the JournalEntry."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, Party, effect
from syncd.sandbox.rules import journal, purchase_forms, tracking
from syncd.sandbox.rules.base import Rules, account_of, value_of
from syncd.sandbox.rules.lines import Numbering
from syncd.sandbox.rules.parties import check_named, named, owed_through
from syncd.sandbox.wire import ZERO, Json, amount, money

_ASSETS = ("Bank", "Other Current Asset")
_MOVABLE = (
    "Bank", "Credit Card", "Other Current Asset", "Fixed Asset", "Other Asset", "Other Current Liability",
    "Long Term Liability", "Equity",
)  # fmt: skip
_UNDEPOSITED = {
    "Payment": "DepositToAccountRef",
    "SalesReceipt": "DepositToAccountRef",
    "Transfer": "ToAccountRef",
}
"""What a deposit can take out of Undeposited Funds, and the member that says it lies there (protocol.md 8.6)."""
_DETAIL = "DepositLineDetail"


class DepositRules:
    """Deposit: takes payments out of Undeposited Funds to the bank, and money from other accounts beside."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "DepositToAccountRef" not in new:
            raise faults.missing("DepositToAccountRef")
        if not new.get("Line"):
            raise faults.missing("Line")
        account = purchase_forms.account(ctx, new["DepositToAccountRef"], "DepositToAccountRef", _ASSETS) or {}
        new["DepositToAccountRef"] = purchase_forms.account_ref(account)
        purchase_forms.header(ctx, new, old, account)
        if old is None or "Line" in sent:
            numbering = Numbering((old or {}).get("Line", []))
            new["Line"] = [self._line(ctx, record_id, new, line, numbering) for line in new["Line"]]
        self._cash_back(ctx, new)
        total = sum((line["Amount"] for line in new["Line"]), ZERO) - amount(new.get("CashBack", {}), "Amount")
        if total < 0:
            raise faults.business("Transaction amount must be 0 or greater.", "TotalAmt")
        new["TotalAmt"] = money(total)
        for member in ("GlobalTaxCalculation", "TxnTaxDetail"):
            new.pop(member, None)
        purchase_forms.convert(ctx, new)
        new.pop("HomeTotalAmt", None)
        if "ExchangeRate" in new:
            new["HomeTotalAmt"] = money(new["TotalAmt"] * new["ExchangeRate"])
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: what it held lies in Undeposited Funds again."""
        ctx.check_open(old.get("TxnDate"))
        ctx.unit.delete("Deposit", record_id)

    def effect(self, book: Book, body: Json) -> Effect:
        """Bank and cash back up, Undeposited Funds and the accounts of the lines down."""
        rows = [(value_of(body, "DepositToAccountRef"), amount(body, "TotalAmt"))]
        back = body.get("CashBack")
        if back is not None:
            rows.append((value_of(back, "AccountRef"), amount(back, "Amount")))
        owed: list[tuple[Party, Decimal]] = []
        for line in body["Line"]:
            detail = line.get(_DETAIL)
            if detail is None:
                rows.append((account_of(book, "", "UndepositedFunds"), -amount(line, "Amount")))
                continue
            account = value_of(detail, "AccountRef")
            rows.append((account, -amount(line, "Amount")))
            name = detail.get("Entity")
            if name is not None:
                owed += owed_through(book, account, str(name.get("type")), name["value"], -amount(line, "Amount"))
        return effect(rows, owed, body.get("ExchangeRate"))

    def _line(self, ctx: Context, record_id: str, new: Json, sent: Json, numbering: Numbering) -> Json:
        if sent.get("LinkedTxn"):
            line = self._linked(ctx, record_id, new, sent["LinkedTxn"][0])
        else:
            line = self._direct(ctx, sent, numbering)
        if ctx.settings.projects and "ProjectRef" in sent:
            line["ProjectRef"] = {"value": sent["ProjectRef"]["value"]}
        return line

    def _direct(self, ctx: Context, sent: Json, numbering: Numbering) -> Json:
        """A line for money that comes from an account."""
        if "Amount" not in sent:
            raise faults.missing("Amount")
        detail = dict(sent.get(_DETAIL, {}))
        if "AccountRef" not in detail:
            raise faults.missing("AccountRef")
        account = purchase_forms.account(ctx, detail["AccountRef"], "AccountRef") or {}
        detail["AccountRef"] = purchase_forms.account_ref(account)
        kind = ""
        if "Entity" in detail:
            kind, body = named(ctx, detail["Entity"], "Entity")
            detail["Entity"] = {"value": body["Id"], "name": body["DisplayName"], "type": kind}
        check_named(ctx, account["Id"], kind)
        method = ctx.resolve("PaymentMethod", detail.get("PaymentMethodRef"), "PaymentMethodRef")
        if method is not None:
            detail["PaymentMethodRef"] = {"value": method["Id"], "name": method["Name"]}
        tracking.line_class(ctx, detail)
        kept = {name: sent[name] for name in ("Id", "Description", "Amount") if name in sent}
        return {**numbering.number(kept), "DetailType": _DETAIL, _DETAIL: detail}

    def _linked(self, ctx: Context, record_id: str, new: Json, link: Json) -> Json:
        """A line for money in Undeposited Funds: the amount is the transaction's own (S:deposit-query, Id 148)."""
        kind, target = str(link.get("TxnType")), str(link.get("TxnId", ""))
        if "TxnLineId" not in link:
            raise faults.missing("TxnLineId")
        if kind not in _UNDEPOSITED:
            raise faults.cannot_link(f"TxnType={kind} with TxnId={target} cannot be deposited.")
        body = ctx.unit.get(kind, target)
        if body is None:
            if target in ctx.book.tables[kind].deleted:
                raise faults.not_found()
            raise faults.cannot_link(f"TxnType={kind} with TxnId={target} does not exist.")
        funds = account_of(ctx.book, "", "UndepositedFunds")
        total = amount(body, "Amount" if kind == "Transfer" else "TotalAmt")
        if value_of(body, _UNDEPOSITED[kind]) != funds or total <= 0:
            raise faults.cannot_link(f"TxnType={kind} with TxnId={target} is not in Undeposited Funds.")
        if set(ctx.book.holders(kind, target, "Deposit")) - {record_id}:
            raise faults.cannot_link(f"TxnType={kind} with TxnId={target} is in another deposit.")
        if value_of(body, "CurrencyRef") != value_of(new, "CurrencyRef"):
            raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
        return {"Amount": total, "LinkedTxn": [{"TxnId": target, "TxnType": kind, "TxnLineId": "0"}]}

    def _cash_back(self, ctx: Context, new: Json) -> None:
        back = new.get("CashBack")
        if back is None or not amount(back, "Amount"):
            new.pop("CashBack", None)
            return
        if back["Amount"] < 0:
            raise faults.negative("CashBack.Amount")
        if "AccountRef" not in back:
            raise faults.missing("AccountRef")
        account = purchase_forms.account(ctx, back["AccountRef"], "CashBack.AccountRef", _ASSETS) or {}
        new["CashBack"] = {**back, "AccountRef": purchase_forms.account_ref(account)}


class TransferRules:
    """Transfer: from one account of the balance sheet to another."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        for member in ("FromAccountRef", "ToAccountRef", "Amount"):
            if member not in new:
                raise faults.missing(member)
        if new["Amount"] < 0:
            raise faults.negative("Amount")
        if old is not None and ctx.book.holders("Transfer", record_id, "Deposit"):
            raise faults.deposited()
        source = purchase_forms.account(ctx, new["FromAccountRef"], "FromAccountRef", _MOVABLE) or {}
        target = purchase_forms.account(ctx, new["ToAccountRef"], "ToAccountRef", _MOVABLE) or {}
        if source["Id"] == target["Id"]:
            raise faults.business("The two accounts of a transfer must be different.", "ToAccountRef")
        new["FromAccountRef"] = purchase_forms.account_ref(source)
        new["ToAccountRef"] = purchase_forms.account_ref(target)
        purchase_forms.header(ctx, new, old, self._foreign(ctx, source, target))
        purchase_forms.convert(ctx, new)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: the money goes back."""
        ctx.check_open(old.get("TxnDate"))
        if ctx.book.holders("Transfer", record_id, "Deposit"):
            raise faults.deposited()
        ctx.unit.delete("Transfer", record_id)

    def effect(self, book: Book, body: Json) -> Effect:
        """One account down, the other up."""
        moved = amount(body, "Amount")
        rows = [(value_of(body, "ToAccountRef"), moved), (value_of(body, "FromAccountRef"), -moved)]
        return effect(rows, rate=body.get("ExchangeRate"))

    def _foreign(self, ctx: Context, source: Json, target: Json) -> Json:
        """The account whose currency the transfer is in: the foreign one, if any."""
        home = ctx.settings.home_currency
        codes = {value_of(account, "CurrencyRef", home) for account in (source, target)} - {home}
        if len(codes) > 1:
            raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
        return source if value_of(source, "CurrencyRef", home) != home else target


RULES: dict[str, Rules] = {"Deposit": DepositRules(), "Transfer": TransferRules(), **journal.RULES}
