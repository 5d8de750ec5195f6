"""Rules of the records of which a company has one (entities.md 2)."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules.addresses import keep_addresses
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.settings import read_settings
from syncd.sandbox.specs.company import PREFERENCES, WRITABLE
from syncd.sandbox.wire import Json

_ADDRESSES = ("CompanyAddr", "LegalAddr", "CustomerCommunicationAddr")
_KEPT = ("Country", "CompanyStartDate", "DefaultTimeZone", "NameValue", "EmployerId")


class CompanyInfoRules:
    """CompanyInfo: one record that can only be updated (entities.md 2.1)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "CompanyName" not in new:
            raise faults.missing("CompanyName")
        new.update({member: old[member] for member in _KEPT if old is not None and member in old})
        new.setdefault("WebAddr", {})  # shown even when empty (S:companyinfo-read)
        keep_addresses(ctx, new, old, _ADDRESSES)
        return new


class PreferencesRules:
    """Preferences: one record, of which some groups can be written (entities.md 2.2)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves.

        In a full update what is left out falls back to off or nothing, or stays: switch ``preferences_update``.
        """
        stored = old or {}
        clears = sent == frozenset(PREFERENCES.members) and ctx.switches.preferences_update == "clear"
        built = dict(stored)
        for group, known in WRITABLE.items():
            wanted: Json = new.get(group, {}) if group in sent else {}
            before: Json = stored.get(group, {})
            if clears:
                before = _cleared(before, frozenset(known))
            if before or wanted:
                built[group] = {**before, **wanted}
        self._check(ctx, stored, built)
        return built

    def saved(self, ctx: Context, record_id: str, body: Json) -> None:
        """The new settings hold from now on."""
        ctx.book.settings = read_settings(body, ctx.book.hidden)

    def _check(self, ctx: Context, old: Json, new: Json) -> None:
        accounting: Json = new.get("AccountingInfoPrefs", {})
        before: Json = old.get("AccountingInfoPrefs", {})
        if accounting.get("ClassTrackingPerTxn") and accounting.get("ClassTrackingPerTxnLine"):
            raise faults.business("Classes are tracked per transaction or per line, not both.", "ClassTrackingPerTxn")
        for member, feature in (
            ("ClassTrackingPerTxn", "classes"),
            ("ClassTrackingPerTxnLine", "classes"),
            ("TrackDepartments", "locations"),
        ):
            if accounting.get(member) and not before.get(member):
                ctx.require(feature)
        sales, purchases = new.get("SalesFormsPrefs", {}), new.get("VendorAndPurchasesPrefs", {})
        for group in (sales, purchases):
            ctx.resolve("Term", group.get("DefaultTerms"), "DefaultTerms")
        if "DefaultDiscountAccount" in sales:
            ctx.resolve("Account", {"value": sales["DefaultDiscountAccount"]}, "DefaultDiscountAccount")
        ctx.resolve("Account", purchases.get("DefaultMarkupAccount"), "DefaultMarkupAccount")


def _cleared(group: Json, writable: frozenset[str]) -> Json:
    """A group without its writable members; flags are off, not absent."""
    return {
        name: False if name in writable and isinstance(value, bool) else value
        for name, value in group.items()
        if name not in writable or isinstance(value, bool)
    }


RULES: dict[str, Rules] = {"CompanyInfo": CompanyInfoRules(), "Preferences": PreferencesRules()}
