"""Rows of QBO that may be what is looked for, with the members by which they are recognised: fetched by targeted
queries, or by walking the whole list where that is cheaper or a value cannot be written into a query."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import msgspec

from syncd.model.observations import Unknown
from syncd.model.values import text
from syncd.qbo import query
from syncd.qbo.codec.parts import DELETED_SUFFIX, Ref
from syncd.qbo.lookup import READ_FAILED, Lookups, Query
from syncd.qbo.query import Listing
from syncd.qbo.wire import Raw

_CHEAP_QUERIES = 5
"""So few targeted queries are always better than counting first."""
_ROWS_PER_DAY = 60
_ROWS_PER_CUSTOMER = 25
_FILES_PER_DOCUMENT = 5


class Keys(msgspec.Struct, rename="pascal"):
    """The members by which records are recognised."""

    id: str
    active: bool = True
    display_name: str | None = None
    name: str | None = None
    fully_qualified_name: str | None = None
    acct_num: str | None = None
    parent_ref: Ref | None = None
    doc_number: str | None = None
    txn_date: str | None = None
    customer_ref: Ref | None = None
    vendor_ref: Ref | None = None
    total_amt: Decimal | None = None
    payment_ref_num: str | None = None
    entity_ref: Ref | None = None

    @property
    def party_and_day(self) -> tuple[str, str]:
        """Whose document it is, and of which day."""
        party = self.customer_ref or self.vendor_ref or self.entity_ref
        return (party.value if party else "", self.txn_date or "")


_keys = msgspec.json.Decoder(Keys)

Rows: TypeAlias = dict[str, tuple[Keys, Raw]]
"""Rows by id, with their keys."""


class Fetcher:
    """Gets rows, all of them or ``Unknown``."""

    def __init__(self, lookups: Lookups, listing: Listing) -> None:
        self._lookups = lookups
        self._listing = listing

    def rows(self, entity: str, *groups: list[Query] | None) -> Rows | Unknown:
        """The rows of all queries, or of the whole list: where that is cheaper, where a value cannot be written into
        a query (a group is None), and where QBO did not answer one of the queries."""
        queries = [each for group in groups if group is not None for each in group]
        try:
            if None not in groups and not self._listing_is_cheaper(entity, len(queries)):
                answers = self._lookups.run(queries)
                if not any(isinstance(answer, Unknown) for answer in answers):
                    return _keyed(row for rows in answers if not isinstance(rows, Unknown) for row in rows)
            return _keyed(row for page in self._listing.everything(entity) for _, row in page)
        except READ_FAILED as error:
            return Unknown(error.message)

    def everything(self, entity: str) -> Rows | Unknown:
        """The whole of a short list."""
        return self.rows(entity, None)

    def _listing_is_cheaper(self, entity: str, queries: int) -> bool:
        if queries <= _CHEAP_QUERIES:
            return False
        pages = -(-self._listing.count(entity) // query.PAGE) + 1
        return pages < queries


def _keyed(rows: Iterable[Raw]) -> Rows:
    found: Rows = {}
    for row in rows:
        keys = _keys.decode(row)
        found[keys.id] = (keys, row)
    return found


def index(rows: Rows, key: Callable[[Keys], Hashable]) -> dict[Hashable, list[str]]:
    """Ids by key, in the order of the rows."""
    found: dict[Hashable, list[str]] = {}
    for identity, (keys, _) in rows.items():
        found.setdefault(key(keys), []).append(identity)
    return found


def folded(value: str) -> str:
    """Case and white space are no difference; everything else is."""
    return " ".join(text(value).split()).casefold()


def spellings(name: str) -> tuple[str, ...]:
    """The ways in which the same name may be stored: as it is, tidied, in either Unicode form, deactivated."""
    tidy = " ".join(text(name).split())
    forms = (name, name.strip(), tidy, unicodedata.normalize("NFD", tidy))
    return tuple(dict.fromkeys(spelling for form in forms for spelling in (form, form + DELETED_SUFFIX)))


def by_name(entity: str, prop: str, names: Iterable[str]) -> list[Query] | None:
    """Queries for names, however they are written."""
    return by_value(entity, prop, [spelling for name in names for spelling in spellings(name)])


def by_value(entity: str, prop: str, values: Iterable[str], expected: int = 1) -> list[Query] | None:
    """Queries for values of one property, each of ``expected`` rows; None when a value cannot be written."""
    try:
        groups = query.chunks(values)
        return [Query(entity, (query.among(prop, group),), expected=len(group) * expected) for group in groups]
    except query.Inexpressible:
        return None


def by_customer(entity: str, customers: Iterable[str]) -> list[Query] | None:
    """Queries for all that customers have of an entity."""
    return by_value(entity, "CustomerRef", customers, _ROWS_PER_CUSTOMER)


def by_day(entity: str, party: str, keys: Iterable[tuple[str, date]]) -> list[Query] | None:
    """Queries for the documents of parties (``CustomerRef`` or ``VendorRef``) on certain days, one for each day and
    group of them."""
    days: dict[date, dict[str, None]] = {}
    for name, day in keys:
        days.setdefault(day, {})[name] = None
    try:
        return [
            Query(entity, (query.among(party, group), query.equals("TxnDate", day)), _ROWS_PER_DAY)
            for day, names in sorted(days.items())
            for group in query.chunks(names)
        ]
    except query.Inexpressible:
        return None


def on_days(entity: str, days: Iterable[date]) -> list[Query] | None:
    """Queries for all of an entity on certain days: for what QBO cannot be asked by whose it is."""
    return [Query(entity, (query.equals("TxnDate", day),), _ROWS_PER_DAY) for day in sorted(set(days))]


def on_document(entity: str, identity: str) -> tuple[str, ...]:
    """Conditions for the files that hang on a document (protocol.md 3.5)."""
    return (
        query.equals("AttachableRef.EntityRef.Type", entity),
        query.equals("AttachableRef.EntityRef.value", identity),
    )


def files_of(documents: Iterable[tuple[str, str]]) -> list[Query] | None:
    """Queries for the files of documents (entity and id)."""
    try:
        return [Query("Attachable", on_document(*one), _FILES_PER_DOCUMENT) for one in dict.fromkeys(documents)]
    except query.Inexpressible:
        return None
