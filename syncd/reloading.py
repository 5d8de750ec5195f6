"""Reloading one record from QuickBooks by hand: the repair tool for copies that drifted apart (R-34 to R-43, R-66).

There is one way in which records become what QuickBooks holds, the cycle; this only names the records that are to be
looked at and says in advance that QuickBooks wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncd.errors import StateError
from syncd.links import LinkBook
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.references import is_plainly
from syncd.parts import Parts
from syncd.seen import Slot
from syncd.state.values import Link, LinkState

if TYPE_CHECKING:
    from syncd.model.observations import Observation

RELOADABLE = (Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT)
"""The kinds that a person can reload."""


def slots_of(parts: Parts, kind: Kind, name: str) -> frozenset[Slot]:
    """The record of that number (or id of either side) with the payments that hang on it in QuickBooks.

    Raises ``StateError`` where there is none that was ever saved there (R-36), or more than one.
    """
    link = _link(parts, kind, name)
    _refuse_unpublished(parts, link, name)
    found = {(kind, link.source_id, link.qbo_id)}
    if kind is Kind.INVOICE:
        found |= _payments(parts, link.qbo_id)
    return frozenset(found)


def _link(parts: Parts, kind: Kind, name: str) -> Link:
    store, company = parts.store, parts.company
    rows: Sequence[Link] = [
        *store.links_by_label(company, kind, name),
        *store.links_by_source(company, kind, [name]).values(),
        *store.links_by_qbo(company, kind, [name]).values(),
    ]
    saved = {(row.source_id, row.qbo_id): row for row in rows if row.source_id and row.qbo_id and _stands(row)}
    numbered = [row for row in saved.values() if row.label == name] or list(saved.values())
    if not numbered:  # QuickBooks' own number, where the source has not taken it over yet (C-R10)
        streamed = (row for row in store.stream_links(company, kind) if row.qbo_id and _stands(row))
        numbered = [row for row in streamed if row.qbo_base.get("number") == name]
    if not numbered:
        raise StateError(
            f"No {kind.replace('_', ' ')} {name} of {company} was saved to QuickBooks.",
            remedy="Only what is in QuickBooks can be reloaded from there: syncd reconcile sends what is not.",
        )
    if len(numbered) > 1:
        ids = ", ".join(sorted(row.source_id for row in numbered))
        raise StateError(
            f"{len(numbered)} records are called {name} (ids {ids}).", remedy="Name the one that is meant by its id."
        )
    return numbered[0]


def _refuse_unpublished(parts: Parts, link: Link, name: str) -> None:
    """A draft is people's to edit: what QuickBooks holds of it is only kept for when it is published again (R-34)."""
    seen = parts.source.read(link.kind, [link.source_id]).get(link.source_id)
    what = f"{link.kind.replace('_', ' ').capitalize()} {name} of {parts.company}"
    if isinstance(seen, Absent):
        raise StateError(f"{what} is not in the source any more.", remedy="Run: syncd reconcile")
    if isinstance(seen, Present) and not parts.policy.kinds[link.kind].flows_in(seen.record):
        raise StateError(
            f"{what} is a draft or void in the source.", remedy="Publish it first; as it stands it is left alone."
        )


def _stands(link: Link) -> bool:
    return link.state in {LinkState.LINKED, LinkState.ORPHANED}


def _payments(parts: Parts, invoice: str) -> set[Slot]:
    from syncd.qbo.applied import payments_on

    seen = parts.books.read(Kind.INVOICE, [invoice]).get(invoice)
    ids = payments_on(seen.raw) if isinstance(seen, Present) else ()
    kinds = [kind for kind in (Kind.PAYMENT, Kind.CREDIT_APPLICATION) if kind in parts.policy.kinds]
    answers = parts.books.read(Kind.PAYMENT, ids) if ids and Kind.PAYMENT in kinds else {}
    links = LinkBook(parts.store, parts.company)
    for kind in kinds:
        links.load_refs([(kind, qbo_id) for qbo_id in ids], Side.QBO)
    return {
        (kind, links.to_source(kind, qbo_id), qbo_id)
        for qbo_id, answer in answers.items()
        for kind in kinds
        if _is(kind, qbo_id, answer, links)
    }


def _is(kind: Kind, qbo_id: str, answer: Observation, links: LinkBook) -> bool:
    """Whether a payment in QuickBooks is of this kind: as it is linked, else as it looks."""
    other = Kind.CREDIT_APPLICATION if kind is Kind.PAYMENT else Kind.PAYMENT
    if links.to_source(kind, qbo_id):
        return True
    return isinstance(answer, Present) and not links.to_source(other, qbo_id) and is_plainly(kind, answer.record)
