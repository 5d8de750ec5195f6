"""Names on ledger lines: who a line is about, and what accounts receivable and payable make of it."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Party
from syncd.sandbox.wire import Json

KINDS = ("Vendor", "Customer", "Employee")
_NEEDED = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}


def named(ctx: Context, ref: Json, member: str, kind: str = "") -> tuple[str, Json]:
    """The vendor, customer or employee a reference names; without a type its Id decides, they share one counter."""
    kind = kind or str(ref.get("type", ""))
    if kind and kind not in KINDS:
        raise faults.bad_enum(f"{member}.type", kind)
    for entity in (kind,) if kind else KINDS:
        if kind or ctx.unit.get(entity, str(ref["value"])) is not None:
            body = ctx.resolve(entity, ref, member)
            if body is not None:
                return entity, body
    raise faults.bad_reference(member)


def check_named(ctx: Context, account: str, kind: str) -> None:
    """6000 for a line on accounts receivable without a customer, or on accounts payable without a vendor."""
    body = ctx.unit.get("Account", account) or {}
    needed = _NEEDED.get(body.get("AccountType", ""))
    if needed is not None and kind != needed:
        side = "Receivable" if needed == "Customer" else "Payable"
        raise faults.business(
            f"When you use Accounts {side}, you must choose a {needed.lower()} in the Name field.", "Entity"
        )


def owed_through(book: Book, account: str, kind: str, record_id: str, debit: Decimal) -> list[tuple[Party, Decimal]]:
    """Who owes (or is owed) more because of a debit on an account, when it is receivable or payable."""
    record = book.find("Account", account)
    if record is None or _NEEDED.get(record.body["AccountType"]) != kind:
        return []
    return [((kind, record_id), debit if kind == "Customer" else -debit)]
