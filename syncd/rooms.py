"""Where tax is not sent (B-17), a payment with tax is more than QuickBooks' invoice has open: what is above is held
back (C-B4), and follows by itself as soon as there is room, because people added the tax.

The record that is decided about is the part that fits; what does not fit is said in ``Entry.held_back``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

import msgspec

from syncd.links import LinkBook
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, State
from syncd.model.observations import Flawed, Observation, Present, Unknown
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice
from syncd.model.records.payments import Allocation, CreditApplication, Payment
from syncd.model.references import label
from syncd.model.taxing import as_sent
from syncd.reconciler.entries import Entry
from syncd.reconciler.policy import Policy
from syncd.reconciler.reconcile import natural

ZERO = Decimal(0)

Document: TypeAlias = tuple[Kind, str]
"""A document by its kind and the source's id."""
Use: TypeAlias = Payment | CreditApplication


class Reader(Protocol):
    """What is read of QBO."""

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Records by id."""
        ...


class Rooms:
    """What each document in QBO has open for the payments and credits of one plan. One use only."""

    def __init__(self, books: Reader, links: LinkBook, policy: Policy, settings: Settings) -> None:
        self._books = books
        self._links = links
        self._policy = policy
        self._settings = settings
        self._room: dict[Document, Decimal] = {}
        self._name: dict[Document, str] = {}

    def fit(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """The entries, with payments and credits cut to what is open for them."""
        if self._settings.tax_mode != "none":
            return tuple(entries)
        uses = {place: use for place, entry in enumerate(entries) if (use := self._use(entry)) is not None}
        if not uses:
            return tuple(entries)
        unknown = self._measure(entries, uses.values())
        for place in uses:
            self._give_back(entries[place])
        fitted = list(entries)
        # What is linked keeps what it has; of the rest the first comes first.
        for place in sorted(uses, key=lambda place: (entries[place].known is None, natural(uses[place].id))):
            fitted[place] = self._fitted(entries[place], uses[place], unknown)
        return tuple(fitted)

    def _use(self, entry: Entry) -> Use | None:
        record = entry.source.record if isinstance(entry.source, Present) else None
        if isinstance(record, Payment | CreditApplication) and self._policy.kinds[entry.kind].flows_in(record):
            return record
        return None

    # ---- what is open

    def _measure(self, entries: Sequence[Entry], uses: Iterable[Use]) -> dict[Document, str]:
        """Note what is open on all that is paid or used; and tell what is not known, and why."""
        wanted = {document for use in uses for document in _documents(use)}
        ids: dict[Kind, dict[str, str]] = {}
        for kind, source_id in wanted:
            qbo_id = self._links.to_qbo(kind, source_id)
            if qbo_id:
                ids.setdefault(kind, {})[source_id] = qbo_id
        unknown: dict[Document, str] = {}
        for kind, pairs in ids.items():
            answers = self._books.read(kind, sorted(set(pairs.values())))
            for source_id, qbo_id in pairs.items():
                match answers.get(qbo_id):
                    case Present(record=record):
                        self._note((kind, source_id), record)
                    case Unknown(reason=reason):
                        unknown[kind, source_id] = reason
                    case Flawed():
                        unknown[kind, source_id] = f"the {kind.replace('_', ' ')} holds values that cannot be used"
        for entry in entries:
            if entry.kind in {Kind.INVOICE, Kind.CREDIT_NOTE} and entry.known is None:
                self._note_new(entry)
        return unknown

    def _note(self, document: Document, record: Record) -> None:
        if isinstance(record, Invoice | CreditNote) and isinstance(record.balance, Decimal):
            self._room[document] = record.balance
            self._name[document] = label(record)

    def _note_new(self, entry: Entry) -> None:
        """What is going to be sent has all of it open; what is going to be linked, as much as it has now."""
        record = entry.source.record if isinstance(entry.source, Present) else None
        if not isinstance(record, Invoice | CreditNote):
            return
        document = (entry.kind, record.id)
        self._room[document], self._name[document] = as_sent(record, self._settings).total, label(record)
        for candidate in entry.candidates:
            there = candidate.record
            if isinstance(there, Invoice | CreditNote) and isinstance(there.balance, Decimal):
                self._room[document] = min(self._room[document], there.balance)

    def _give_back(self, entry: Entry) -> None:
        """What a payment has in QBO already is open for it."""
        record = entry.qbo.record if isinstance(entry.qbo, Present) and entry.known is not None else None
        if not isinstance(record, Payment | CreditApplication) or record.state is State.VOID:
            return
        for part in record.allocations:
            self._add((Kind.INVOICE, self._links.to_source(Kind.INVOICE, part.invoice)), part.amount)
        if isinstance(record, CreditApplication):
            used = sum((part.amount for part in record.allocations), ZERO)
            self._add((Kind.CREDIT_NOTE, self._links.to_source(Kind.CREDIT_NOTE, record.credit_note)), used)

    def _add(self, document: Document, amount: Decimal) -> None:
        if document in self._room:
            self._room[document] += amount

    # ---- what fits

    def _fitted(self, entry: Entry, use: Use, unknown: Mapping[Document, str]) -> Entry:
        why = next((reason for document, reason in unknown.items() if document in _documents(use)), "")
        if why:
            return msgspec.structs.replace(entry, qbo=Unknown(why))
        credit = (Kind.CREDIT_NOTE, use.credit_note) if isinstance(use, CreditApplication) else None
        parts, told = [], []
        for part in use.allocations:
            document = (Kind.INVOICE, part.invoice)
            rooms = [self._room[each] for each in (document, credit) if each is not None and each in self._room]
            fits = max(ZERO, min([part.amount, *rooms]))
            for each in (document, credit):
                if each is not None and each in self._room:
                    self._room[each] -= fits
            if fits:
                parts.append(Allocation(part.invoice, fits))
            if fits < part.amount:
                told.append(self._told(document, part.amount, fits))
        if not told:
            return entry
        assert isinstance(entry.source, Present)  # noqa: S101 - asked in ``_use``
        source = msgspec.structs.replace(entry.source, record=_cut(use, parts))
        return msgspec.structs.replace(entry, source=source, held_back="; ".join(told))

    def _told(self, document: Document, wanted: Decimal, fits: Decimal) -> str:
        return (
            f"{wanted - fits:.2f} of {wanted:.2f} is held back: invoice {self._name.get(document, document[1])} has "
            f"{fits:.2f} open for it in QuickBooks. It follows as soon as there is more (once tax is added there)"
        )


def _documents(use: Use) -> set[Document]:
    found = {(Kind.INVOICE, part.invoice) for part in use.allocations}
    return found | {(Kind.CREDIT_NOTE, use.credit_note)} if isinstance(use, CreditApplication) else found


def _cut(use: Use, parts: Sequence[Allocation]) -> Use:
    if isinstance(use, CreditApplication):
        return msgspec.structs.replace(use, allocations=tuple(parts))
    missing = sum((part.amount for part in use.allocations), ZERO) - sum((part.amount for part in parts), ZERO)
    return msgspec.structs.replace(use, allocations=tuple(parts), amount=use.amount - missing)
