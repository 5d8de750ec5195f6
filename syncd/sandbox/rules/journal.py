"""Rules of the JournalEntry: debits and credits that balance (protocol.md 8.7, S:journalentry-recorded)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, Party, effect
from syncd.sandbox.rules import purchase_forms, purchase_numbers, tracking
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.rules.lines import MAX_LINES
from syncd.sandbox.rules.parties import check_named, named, owed_through
from syncd.sandbox.wire import ZERO, Json, amount

_DETAIL = "JournalEntryLineDetail"


class JournalEntryRules:
    """JournalEntry."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if not new.get("Line"):
            raise faults.missing("Line")
        purchase_forms.header(ctx, new, old, {"CurrencyRef": new.get("CurrencyRef") or _home(ctx)})
        purchase_numbers.journal(ctx, record_id, new, old)
        if old is None or "Line" in sent:
            new["Line"] = self._lines(ctx, new, (old or {}).get("Line", []))
        if _excess(new["Line"]):
            raise faults.unbalanced()
        new["Adjustment"] = bool(new.get("Adjustment"))
        new["TxnTaxDetail"] = {}
        new.pop("GlobalTaxCalculation", None)
        purchase_forms.convert(ctx, new)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: the accounts go back."""
        ctx.check_open(old.get("TxnDate"))
        ctx.unit.delete("JournalEntry", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """QBO answers HTTP 200 with an empty batch, and nothing happens (protocol.md 8.5)."""
        raise faults.NothingDoneError

    def effect(self, book: Book, body: Json) -> Effect:
        """Each line on its account; on receivables and payables its name owes or is owed."""
        rows: list[tuple[str, Decimal]] = []
        owed: list[tuple[Party, Decimal]] = []
        for line in body["Line"]:
            detail = line.get(_DETAIL)
            if detail is None:
                continue
            account, debit = detail["AccountRef"]["value"], _debit(line)
            rows.append((account, debit))
            if "Entity" in detail:
                name = detail["Entity"]
                owed += owed_through(book, account, name["Type"], name["EntityRef"]["value"], debit)
        return effect(rows, owed, body.get("ExchangeRate"))

    def _lines(self, ctx: Context, new: Json, old: list[Json]) -> list[Json]:
        """Lines in stored form; their Ids count from 0 (S:journalentry-create)."""
        if len(new["Line"]) > MAX_LINES:
            raise faults.business(f"A transaction can have {MAX_LINES} lines at most.", "Line")
        known = {line["Id"] for line in old}
        highest = max((int(key) for key in known), default=-1)
        lines = []
        for sent in new["Line"]:
            line_id = sent.get("Id", "")
            if line_id in known:
                known.discard(line_id)
            else:
                highest += 1
                line_id = str(highest)
            lines.append({"Id": line_id, **self._line(ctx, new, sent)})
        return lines

    def _line(self, ctx: Context, new: Json, sent: Json) -> Json:
        kind = sent.get("DetailType")
        if kind is None:
            raise faults.missing("DetailType")
        line = {name: sent[name] for name in ("Description", "Amount") if name in sent}
        line["DetailType"] = kind
        if kind == "DescriptionOnly":
            line.pop("Amount", None)
            return {**line, "DescriptionLineDetail": sent.get("DescriptionLineDetail", {})}
        if "Amount" not in line:
            raise faults.missing("Amount")
        if line["Amount"] < 0:
            raise faults.negative("Line.Amount")
        line[_DETAIL] = self._detail(ctx, new, dict(sent.get(_DETAIL, {})))
        if ctx.settings.projects and "ProjectRef" in sent:
            line["ProjectRef"] = {"value": sent["ProjectRef"]["value"]}
        return line

    def _detail(self, ctx: Context, new: Json, detail: Json) -> Json:
        for member in ("PostingType", "AccountRef"):
            if member not in detail:
                raise faults.missing(member)
        for member in ("BillableStatus", "TaxAmount", "TaxInclusiveAmt", "TaxApplicableOn", "TaxCodeRef"):
            detail.pop(member, None)
        account = purchase_forms.account(ctx, detail["AccountRef"], "AccountRef") or {}
        _one_foreign_currency(ctx, new, account)
        detail["AccountRef"] = purchase_forms.account_ref(account)
        ref = detail.pop("Entity", {}) or {}
        kind = ""
        if "EntityRef" in ref:
            kind, body = named(ctx, ref["EntityRef"], "EntityRef", ref.get("Type", ""))
            detail["Entity"] = {"Type": kind, "EntityRef": {"value": body["Id"], "name": body["DisplayName"]}}
            if account["AccountType"] in ("Accounts Receivable", "Accounts Payable"):
                ctx.currency(new["CurrencyRef"], body, None)
        check_named(ctx, account["Id"], kind)
        tracking.line_class(ctx, detail)
        tracking.line_department(ctx, detail)
        return detail


def _home(ctx: Context) -> Json:
    return {"value": ctx.settings.home_currency}


def _one_foreign_currency(ctx: Context, new: Json, account: Json) -> None:
    home = ctx.settings.home_currency
    if account.get("CurrencyRef", {}).get("value", home) not in (home, new["CurrencyRef"]["value"]):
        raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")


def _excess(lines: list[Json]) -> Decimal:
    """Debits less credits."""
    posted = [_debit(line) for line in lines if _DETAIL in line]
    if not posted:
        raise faults.missing("Line")
    return sum(posted, ZERO)


def _debit(line: Json) -> Decimal:
    return amount(line, "Amount") if line[_DETAIL]["PostingType"] == "Debit" else -amount(line, "Amount")


RULES: dict[str, Rules] = {"JournalEntry": JournalEntryRules()}
