"""Looks for records in QBO that may be the same as records of the source, by their exact keys (DESIGN.md 4, step 5).

The finder proposes, the reconciler decides. Every answer is complete or ``Unknown``: nothing is ever created where the
answer was unknown. Names are compared on our side, in the one form under which two names are the same
(``model.values.name_key``), because nobody knows how QBO folds them (entities.md 3.1).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import msgspec

from syncd.model.facts import BooksFacts
from syncd.model.observations import Flawed, Present, Unknown
from syncd.model.records import Client, Invoice, Item, Kind, Payment, Record
from syncd.model.spec import REFERENCE_LIMIT
from syncd.model.values import cut, name_key, text
from syncd.model.writes import Refused
from syncd.qbo import faults, query
from syncd.qbo.codec import CODECS
from syncd.qbo.codec.parts import DELETED_SUFFIX, Ref
from syncd.qbo.lookup import READ_FAILED, Lookups, Query
from syncd.qbo.query import Listing
from syncd.qbo.wire import Raw

Found: TypeAlias = "tuple[Present | Flawed, ...] | Refused | Unknown"
"""Candidates; or that the name is taken by a vendor or employee; or that nobody knows."""

Decode = Callable[[Kind, Raw], "Present | Flawed"]

_CHEAP_QUERIES = 5
"""So few targeted queries are always better than counting first."""
_ROWS_PER_DAY = 60


class _Keys(msgspec.Struct, rename="pascal"):
    """The members by which records are recognised."""

    id: str
    display_name: str | None = None
    name: str | None = None
    doc_number: str | None = None
    txn_date: str | None = None
    customer_ref: Ref | None = None
    total_amt: Decimal | None = None
    payment_ref_num: str | None = None


_keys = msgspec.json.Decoder(_Keys)

_Rows: TypeAlias = dict[str, tuple[_Keys, Raw]]
"""Rows by id, with their keys."""


class Finder:
    """Finds candidates for unlinked records."""

    def __init__(self, lookups: Lookups, listing: Listing, facts: Callable[[], BooksFacts], decode: Decode) -> None:
        self._lookups = lookups
        self._listing = listing
        self._facts = facts
        self._decode = decode

    def find(self, kind: Kind, probes: Sequence[Record]) -> dict[str, Found]:
        """Candidates for each probe, by the probe's id. References in the probes are QBO's ids already."""
        if not probes:
            return {}
        match kind:
            case Kind.CLIENT:
                return self._clients([probe for probe in probes if isinstance(probe, Client)])
            case Kind.ITEM:
                return self._by_name(kind, "Name", [probe for probe in probes if isinstance(probe, Item)])
            case Kind.INVOICE:
                return self._invoices([probe for probe in probes if isinstance(probe, Invoice)])
            case Kind.PAYMENT:
                return self._payments([probe for probe in probes if isinstance(probe, Payment)])

    # names

    def _clients(self, probes: Sequence[Client]) -> dict[str, Found]:
        found = self._by_name(Kind.CLIENT, "DisplayName", probes)
        for entity in ("Vendor", "Employee"):
            found |= self._taken(entity, [probe for probe in probes if found[probe.id] == ()])
        return found

    def _by_name(self, kind: Kind, prop: str, probes: Sequence[Client] | Sequence[Item]) -> dict[str, Found]:
        entity = CODECS[kind].entity
        rows = self._rows(entity, _name_queries(entity, prop, [probe.name for probe in probes]))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_key = _index(rows, lambda keys: name_key(keys.display_name or keys.name or ""))
        return {probe.id: self._decoded(kind, rows, by_key.get(name_key(probe.name), ())) for probe in probes}

    def _taken(self, entity: str, probes: Sequence[Client]) -> dict[str, Found]:
        """Customers, vendors and employees share their names (entities.md 3.1, F-74). A deactivated one has given
        its name free, so here the suffix counts as part of the name."""
        if not probes:
            return {}
        rows = self._rows(entity, _name_queries(entity, "DisplayName", [probe.name for probe in probes]))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        holders = _index(rows, lambda keys: _folded(keys.display_name or ""))
        return {
            probe.id: _name_taken(entity, holders[_folded(probe.name)][0])
            for probe in probes
            if _folded(probe.name) in holders
        }

    # transactions

    def _invoices(self, probes: Sequence[Invoice]) -> dict[str, Found]:
        """By number, whoever the customer is; by customer, day and total where QBO has not got a number of ours."""
        numbers_are_ours = self._facts().custom_numbers
        dated = [probe for probe in probes if probe.client and not (numbers_are_ours and _number(probe))]
        queries = _in_queries("Invoice", "DocNumber", [_number(probe) for probe in probes if _number(probe)])
        rows = self._rows("Invoice", queries, _dated_queries("Invoice", [(p.client, p.issue_date) for p in dated]))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_number = _index(rows, lambda keys: _folded(keys.doc_number or ""))
        by_day = _index(rows, _day_key)
        days_of = {probe.id for probe in dated}
        found: dict[str, Found] = {}
        for probe in probes:
            if not _number(probe) and not probe.client:
                found[probe.id] = Unknown("The invoice has neither a number nor a linked client to look for it by.")
                continue
            matches = list(by_number.get(_folded(_number(probe)), ())) if _number(probe) else []
            if probe.id in days_of:
                same_day = by_day.get((probe.client, probe.issue_date.isoformat()), ())
                matches += [identity for identity in same_day if rows[identity][0].total_amt == probe.total]
            found[probe.id] = self._decoded(Kind.INVOICE, rows, dict.fromkeys(matches))
        return found

    def _payments(self, probes: Sequence[Payment]) -> dict[str, Found]:
        """By customer and day, then by amount and, where both have one, by reference."""
        known = [probe for probe in probes if probe.client]
        rows = self._rows("Payment", _dated_queries("Payment", [(probe.client, probe.date) for probe in known]))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_day = _index(rows, _day_key)
        found: dict[str, Found] = {
            probe.id: Unknown("The payment's client is not linked, so it cannot be looked for.") for probe in probes
        }
        for probe in known:
            same_day = by_day.get((probe.client, probe.date.isoformat()), ())
            matches = [identity for identity in same_day if _same_payment(probe, rows[identity][0])]
            found[probe.id] = self._decoded(Kind.PAYMENT, rows, matches)
        return found

    # both

    def _rows(self, entity: str, *groups: list[Query] | None) -> _Rows | Unknown:
        """The rows of all queries, or of the whole list: where that is cheaper, where a value cannot be written into
        a query, and where QBO did not answer one of the queries."""
        queries = [each for group in groups if group is not None for each in group]
        try:
            if None not in groups and not self._listing_is_cheaper(entity, len(queries)):
                answers = self._lookups.run(queries)
                if not any(isinstance(answer, Unknown) for answer in answers):
                    return _keyed(row for rows in answers if not isinstance(rows, Unknown) for row in rows)
            return _keyed(row for page in self._listing.everything(entity) for _, row in page)
        except READ_FAILED as error:
            return Unknown(error.message)

    def _listing_is_cheaper(self, entity: str, queries: int) -> bool:
        if queries <= _CHEAP_QUERIES:
            return False
        pages = -(-self._listing.count(entity) // query.PAGE) + 1
        return pages < queries

    def _decoded(self, kind: Kind, rows: _Rows, matches: Iterable[str]) -> tuple[Present | Flawed, ...]:
        return tuple(self._decode(kind, rows[identity][1]) for identity in matches)


def _keyed(rows: Iterable[Raw]) -> _Rows:
    found: _Rows = {}
    for row in rows:
        keys = _keys.decode(row)
        found[keys.id] = (keys, row)
    return found


def _index(rows: _Rows, key: Callable[[_Keys], Hashable]) -> dict[Hashable, list[str]]:
    """Ids by key, in the order of the rows."""
    index: dict[Hashable, list[str]] = {}
    for identity, (keys, _) in rows.items():
        index.setdefault(key(keys), []).append(identity)
    return index


def _day_key(keys: _Keys) -> tuple[str, str]:
    return (keys.customer_ref.value if keys.customer_ref else "", keys.txn_date or "")


def _number(probe: Invoice) -> str:
    return probe.number.strip() if isinstance(probe.number, str) else ""


def _folded(value: str) -> str:
    """Case and white space are no difference; everything else is."""
    return " ".join(text(value).split()).casefold()


def _same_payment(probe: Payment, keys: _Keys) -> bool:
    if keys.total_amt != probe.amount:
        return False
    wished = probe.reference if isinstance(probe.reference, str) else ""
    held = keys.payment_ref_num or ""
    return not wished or not held or _folded(cut(text(wished), REFERENCE_LIMIT)) == _folded(held)


def _name_taken(entity: str, holder: str) -> Refused:
    return Refused(
        code="6240",
        text=f"The name is already used by the {entity.lower()} with id {holder}.",
        remedy=faults.FAULTS["6240"].remedy,
        holder_id=holder,
    )


def spellings(name: str) -> tuple[str, ...]:
    """The ways in which the same name may be stored: as it is, tidied, in either Unicode form, deactivated."""
    tidy = " ".join(text(name).split())
    forms = (name, name.strip(), tidy, unicodedata.normalize("NFD", tidy))
    return tuple(dict.fromkeys(spelling for form in forms for spelling in (form, form + DELETED_SUFFIX)))


def _name_queries(entity: str, prop: str, names: Iterable[str]) -> list[Query] | None:
    return _in_queries(entity, prop, [spelling for name in names for spelling in spellings(name)])


def _in_queries(entity: str, prop: str, values: Iterable[str]) -> list[Query] | None:
    """Queries for a set of values of one property; None when one of the values cannot be written."""
    try:
        return [Query(entity, (query.among(prop, group),), expected=len(group)) for group in query.chunks(values)]
    except query.Inexpressible:
        return None


def _dated_queries(entity: str, keys: Iterable[tuple[str, date]]) -> list[Query] | None:
    """Queries for customers' documents of certain days, one per day and group of customers."""
    days: dict[date, dict[str, None]] = {}
    for client, day in keys:
        days.setdefault(day, {})[client] = None
    try:
        return [
            Query(entity, (query.among("CustomerRef", group), query.equals("TxnDate", day)), _ROWS_PER_DAY)
            for day, clients in sorted(days.items())
            for group in query.chunks(clients)
        ]
    except query.Inexpressible:
        return None
