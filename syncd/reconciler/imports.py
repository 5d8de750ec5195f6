"""Which records that only QBO has are brought into the source: those that belong to what is kept in agreement."""

from __future__ import annotations

from collections.abc import Callable

from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Present
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote
from syncd.model.records.lists import Client
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.references import dates_of, qbo_references
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.policy import Answer, Case, KindPolicy

ToSource = Callable[[Kind, str], str]


def is_ours(record: Record, view: View, to_source: ToSource) -> bool:
    """Whether a record entered in QBO is about a client and, if it pays anything, an invoice that the source knows.

    The rest is none of ours: counted, and left alone. So is what is older than the start date (X-9).
    """
    if before_start(record, view):
        return False
    if getattr(record, "state", State.LIVE) is State.VOID:
        return False
    match record:
        case Payment() | CreditApplication():
            known = any(to_source(Kind.INVOICE, part.invoice) for part in record.allocations)
            empty = isinstance(record, Payment) and not record.amount
            return known and not empty and bool(to_source(Kind.CLIENT, record.client))
        case CreditNote():
            return bool(to_source(Kind.CLIENT, record.client))
        case Client():  # V-17; one that was deactivated, or stands below another, is no contact of its own
            return record.active and not record.parent
        case _:
            return False


def before_start(record: Record, view: View) -> bool:
    """Whether a record is older than what this company keeps in agreement."""
    start = view.settings.sync_start_date
    return start is not None and any(day < start for day in dates_of(record))


def comes_in(entry: Entry, policy: KindPolicy, view: View) -> bool:
    """Whether the policy lets a record that only QBO has come into the source at all, now: any time, or while a company
    is new, with what that did not get to (V-17)."""
    if policy.answers.get(Case.FOREIGN) is not Answer.CREATE_SOURCE:
        return False
    return not policy.at_first or view.first or entry.tried


def imported(view: View) -> frozenset[tuple[Kind, str]]:
    """Records of QBO (kind, QBO id) that something refers to which is brought in, or was changed there (R-70)."""
    found: set[tuple[Kind, str]] = set()
    for entry in view.entries:
        policy = view.policy.kinds.get(entry.kind)
        if policy is None or policy.when_imported or policy.at_first or not isinstance(entry.qbo, Present):
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
