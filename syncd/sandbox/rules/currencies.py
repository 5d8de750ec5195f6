"""Rules of CompanyCurrency, and the currency of a customer or vendor (entities.md 3.2, 3.8)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.currencies import CURRENCIES, currency_ref
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.wire import Json


def of_party(ctx: Context, new: Json, old: Json | None) -> None:
    """CurrencyRef of a customer or vendor: given once, the home currency by default; a new one joins the company's.

    A company without multicurrency shows its home currency too (S:vendor-create).
    """
    settings = ctx.settings
    sent = new.get("CurrencyRef")
    code = str(sent["value"]).upper() if sent else settings.home_currency
    if old is not None:
        kept = old.get("CurrencyRef", {}).get("value", settings.home_currency)
        if sent and code != kept:
            raise faults.business("The currency of a customer or vendor cannot be changed.", "CurrencyRef")
        code = kept
    if code != settings.home_currency:
        if not settings.multicurrency:
            raise faults.business("Multicurrency is not switched on for this company.", "CurrencyRef")
        if code not in CURRENCIES:
            raise faults.bad_reference("CurrencyRef")
        if old is None:
            add(ctx, code)
    new["CurrencyRef"] = currency_ref(code)


def add(ctx: Context, code: str) -> None:
    """Make a currency one of the company's, or bring it back, because something names it (entities.md 3.8)."""
    known = next(iter(ctx.book.tables["CompanyCurrency"].lookup("Code", code)), None)
    if known is None:
        body: Json = {"Code": code, "Name": CURRENCIES[code], "Active": True}
        ctx.unit.put("CompanyCurrency", ctx.book.next_id("companycurrency"), body, "create")
    elif not known.active:
        ctx.unit.put("CompanyCurrency", known.id, {**known.body, "Active": True}, "update")


class CompanyCurrencyRules:
    """CompanyCurrency: a code of ISO 4217; QBO knows its name. Deactivated it keeps its name (entities.md 3.8)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        settings = ctx.settings
        if not settings.multicurrency:
            raise faults.feature_off("Multicurrency is not switched on for this company.")
        if "Code" not in new:
            raise faults.missing("Code")
        code = new["Code"].upper()
        if old is not None and code != old["Code"]:
            raise faults.business("The code of a currency cannot be changed.", "Code")
        if code not in CURRENCIES:
            raise faults.bad_enum("Code", new["Code"])
        if code == settings.home_currency:
            raise faults.business("The home currency cannot be added.", "Code")
        holders = ctx.book.tables["CompanyCurrency"].lookup("Code", code)
        if any(holder.id != record_id for holder in holders):
            raise faults.duplicate_name("currency")
        new["Code"], new["Name"] = code, CURRENCIES[code]
        new.setdefault("Active", True)
        return new


RULES: dict[str, Rules] = {"CompanyCurrency": CompanyCurrencyRules()}
