"""DocNumbers of purchases and journal entries: given out, kept, checked for duplicates (entities.md 1.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules.base import value_of
from syncd.sandbox.wire import Json

FIRST_ORDER = 1001
_EXPENSES = {"Check": "Check", "Cash": "Expense", "CreditCard": "Expense"}
_PAYMENTS = {"Check": "Bill Payment (Check)", "CreditCard": "Bill Payment (Credit Card)"}


def bill(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """A bill's number is its vendor's: never given out; a duplicate is refused as the switch says."""
    mode = ctx.switches.duplicate_bill_number
    if mode == "preference" and not ctx.settings.warn_duplicate_bills:
        return
    vendor = new["VendorRef"]["value"] if mode == "vendor" else None

    def clashes(body: Json) -> bool:
        return vendor is None or value_of(body, "VendorRef") == vendor

    _check(ctx, record_id, new, old, {"Bill": (clashes, lambda _: "Bill")})


def vendor_credit(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """Kept or empty; a duplicate among vendor credits is refused."""
    _check(ctx, record_id, new, old, {"VendorCredit": (lambda _: True, lambda _: "Vendor Credit")})


def bill_payment(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """Kept or empty; a cheque must not have the number of another cheque, a card payment not that of another."""
    if new["PayType"] == "Check":
        _check(ctx, record_id, new, old, _CHECKS)
    else:
        _check(ctx, record_id, new, old, {"BillPayment": (lambda body: body.get("PayType") == "CreditCard", _payment)})


def purchase(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """Cheques share one space with bill payments, where the preference asks for it; the rest have their own."""
    if new["PaymentType"] == "Check":
        if ctx.settings.warn_duplicate_checks:
            _check(ctx, record_id, new, old, _CHECKS)
    else:
        _check(ctx, record_id, new, old, {"Purchase": (lambda body: body.get("PaymentType") != "Check", _expense)})
    if ctx.switches.purchase_numbers == "auto":
        _give(ctx, "purchase", new, old)


def order(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """The last number plus one, unless the company uses numbers of its own."""
    ctx.book.counters.setdefault("purchaseorder", FIRST_ORDER - 1)
    _check(ctx, record_id, new, old, {"PurchaseOrder": (lambda _: True, lambda _: "Purchase Order")})
    _give(ctx, "purchaseorder", new, old)


def journal(ctx: Context, record_id: str, new: Json, old: Json | None) -> None:
    """Empty unless sent or asked for with ``include=allowautodocnum``; checked only where the preference says so."""
    if _prefers(ctx, "WarnDuplicateJournalNumber"):
        _check(ctx, record_id, new, old, {"JournalEntry": (lambda _: True, lambda _: "Journal Entry")})
    number = new.get("DocNumber")
    if number is None and "allowautodocnum" in ctx.include:
        new["DocNumber"] = ctx.book.next_id("journal")
    elif number is not None and old is None:
        ctx.book.note_number("journal", number)


def _payment(body: Json) -> str:
    return _PAYMENTS.get(body.get("PayType", ""), "Bill Payment")


def _expense(body: Json) -> str:
    return _EXPENSES.get(body.get("PaymentType", ""), "Expense")


_Pool = dict[str, tuple[Callable[[Json], bool], Callable[[Json], str]]]
"""Entity to: does this record belong to the pool; what the Detail of 6140 calls it."""
_CHECKS: _Pool = {
    "Purchase": (lambda body: body.get("PaymentType") == "Check", _expense),
    "BillPayment": (lambda body: body.get("PayType") == "Check", _payment),
}


def _check(ctx: Context, record_id: str, new: Json, old: Json | None, pool: _Pool) -> None:
    number = new.get("DocNumber")
    if number is None or (old is not None and old.get("DocNumber") == number):
        return
    if "allowduplicatedocnum" in ctx.include:
        return
    for kind, holder in _holders(ctx, number, pool):
        if holder != record_id:
            raise faults.duplicate_number(number, kind, holder)


def _holders(ctx: Context, number: str, pool: _Pool) -> Iterator[tuple[str, str]]:
    for entity, (belongs, name) in pool.items():
        for record in ctx.book.tables[entity].lookup("DocNumber", number):
            body = record.body
            if belongs(body):
                yield name(body), record.id


def _give(ctx: Context, counter: str, new: Json, old: Json | None) -> None:
    number = new.get("DocNumber")
    if number is None:
        if not ctx.settings.custom_purchase_numbers:
            new["DocNumber"] = ctx.book.next_id(counter)
    elif old is None:
        ctx.book.note_number(counter, number)


def _prefers(ctx: Context, name: str) -> bool:
    pairs = (ctx.unit.get("Preferences", "1") or {}).get("OtherPrefs", {}).get("NameValue", [])
    return any(pair.get("Name") == name and str(pair.get("Value")).lower() == "true" for pair in pairs)
