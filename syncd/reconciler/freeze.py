"""Overlay C51: what is not written although the policy would, because the books forbid it or it is too much at once."""

from __future__ import annotations

from decimal import Decimal

from syncd.model.lens import Lens
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice
from syncd.model.records.lists import Project
from syncd.model.records.purchases import Bill
from syncd.model.references import amount_of, dates_of
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.reconciler.entries import View
from syncd.reconciler.plan import Money
from syncd.reconciler.sight import Look


def why_frozen(seen: Look, view: View, verb: Verb, fields: frozenset[str], *, approved: bool) -> str:
    """Why QBO's side of this record may not be written now; empty if it may.

    ``approved``: a person said to go ahead, which lifts the company's own limits (what is reconciled, the amount
    ceiling) and nothing that QuickBooks or the books demand.
    """
    partner = seen.partner.record if seen.partner is not None else None
    records = [record for record in (seen.source_record, partner) if record is not None]
    close = view.facts.close_date
    if close is not None and any(day <= close for record in records for day in dates_of(record)):
        return f"it falls into the period that is closed up to {close.isoformat()}"
    settled = view.settings.reconciled_until
    if not approved and settled is not None and any(day <= settled for record in records for day in dates_of(record)):
        return f"the books are reconciled up to {settled.isoformat()} ([company.settings] reconciled_until)"
    if verb is Verb.DEACTIVATE and isinstance(partner, Project) and _is_open(partner):
        return f"it has {partner.balance:.2f} open in QuickBooks"
    touches_money = verb is not Verb.UPDATE or bool(fields & set(SPECS[seen.entry.kind].coupled))
    # A bill stays as it was paid, its date and vendor too (C-R9).
    frozen = touches_money or isinstance(partner, Bill)
    if frozen and isinstance(partner, Invoice | CreditNote | Bill) and _is_used(partner):
        return _WHY_USED[type(partner)]
    if not approved and seen.source_record is not None and verb in {Verb.CREATE, Verb.UPDATE} and touches_money:
        ceiling, money = view.settings.amount_ceiling, money_of(seen.source_record, view.lens)
        if ceiling and money is not None and abs(money.amount) > Decimal(ceiling):
            return f"its amount is over the ceiling of {ceiling} ([company.settings] amount_ceiling)"
    return ""


_WHY_USED = {
    Invoice: "payments or credits are applied to it in QuickBooks, so its amounts are not changed",
    CreditNote: "it is used on invoices in QuickBooks, so its amounts are not changed",
    Bill: "something is paid on it in QuickBooks, so it is not changed",
}


def _is_open(project: Project) -> bool:
    return isinstance(project.balance, Decimal) and bool(project.balance)


def _is_used(document: Invoice | CreditNote | Bill) -> bool:
    return isinstance(document.balance, Decimal) and document.balance != document.total


def money_of(record: Record, lens: Lens) -> Money | None:
    """What a record is worth, in its own currency; None for lists."""
    amount = amount_of(record)
    return None if amount is None else Money(amount, lens.currency(record))
