"""Which records that only QBO has are brought into the source: those that belong to what is kept in agreement."""

from __future__ import annotations

from collections.abc import Callable

from syncd.model.observations import Absent, Present
from syncd.model.records import CreditApplication, CreditNote, Kind, Payment, Record, State
from syncd.model.references import dates_of, qbo_references
from syncd.reconciler.entries import View
from syncd.reconciler.policy import Answer, Case

ToSource = Callable[[Kind, str], str]


def is_ours(record: Record, view: View, to_source: ToSource) -> bool:
    """Whether a record entered in QBO is about a client and, if it pays anything, an invoice that the source knows.

    The rest is none of ours: counted, and left alone. So is what is older than the start date (X-9).
    """
    start = view.settings.sync_start_date
    if start is not None and any(day < start for day in dates_of(record)):
        return False
    if getattr(record, "state", State.LIVE) is State.VOID:
        return False
    match record:
        case Payment() if not record.amount:
            return False
        case Payment() | CreditApplication():
            known = any(to_source(Kind.INVOICE, part.invoice) for part in record.allocations)
            return known and bool(to_source(Kind.CLIENT, record.client))
        case CreditNote():
            return bool(to_source(Kind.CLIENT, record.client))
        case _:
            return False


def imported(view: View) -> frozenset[tuple[Kind, str]]:
    """Records of QBO (kind, QBO id) that something refers to which is brought in, or was changed there (R-70)."""
    found: set[tuple[Kind, str]] = set()
    for entry in view.entries:
        policy = view.policy.kinds.get(entry.kind)
        if policy is None or policy.when_imported or not isinstance(entry.qbo, Present):
            continue
        if policy.answers.get(Case.FOREIGN) is not Answer.CREATE_SOURCE:
            continue
        foreign = entry.known is None and isinstance(entry.source, Absent)
        if foreign and not is_ours(entry.qbo.record, view, view.to_source):
            continue
        found |= qbo_references(entry.qbo.record)
    return frozenset(
        (kind, qbo_id) for kind, qbo_id in found if kind in view.policy.kinds and view.policy.kinds[kind].when_imported
    )
