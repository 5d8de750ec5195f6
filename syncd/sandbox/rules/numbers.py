"""DocNumbers of the sales forms: given out, kept, checked for duplicates (entities.md 1.7)."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.specs import SPECS
from syncd.sandbox.wire import Json

FORMS = {
    "Invoice": "Invoice",
    "SalesReceipt": "Sales Receipt",
    "CreditMemo": "Credit Memo",
    "RefundReceipt": "Refund Receipt",
    "Estimate": "Estimate",
}
"""The forms that share one pool, and how the Detail of 6140 calls them."""


def assign(ctx: Context, entity: str, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> None:
    """Give a form its number, or check the one it brings.

    Estimates are counted on their own (S:estimate-create has 1001 beside forms at 1039 and up); a duplicate is
    looked for among all forms (switch ``document_pool``).
    """
    settings, counter = ctx.settings, SPECS[entity].numbers
    number = new.get("DocNumber")
    if number is None:
        if not settings.custom_numbers:
            new["DocNumber"] = ctx.book.next_id(counter)
        elif settings.country == "FR":
            raise faults.missing("DocNumber")
        return
    changed = "DocNumber" in sent and (old is None or old.get("DocNumber") != number)
    if changed and settings.custom_numbers and settings.warn_duplicate_numbers:
        _check(ctx, entity, record_id, number)
    if old is None:
        ctx.book.note_number(counter, number)


def _check(ctx: Context, entity: str, record_id: str, number: str) -> None:
    if "allowduplicatedocnum" in ctx.include:
        return
    for kind, holder in _holders(ctx, entity, number):
        if holder != record_id:
            raise faults.duplicate_number(number, FORMS[kind], holder)


def _holders(ctx: Context, entity: str, number: str) -> Iterator[tuple[str, str]]:
    kinds = FORMS if ctx.switches.document_pool == "forms" else (entity,)
    for kind in kinds:
        for record in ctx.book.tables[kind].lookup("DocNumber", number):
            yield kind, record.id
