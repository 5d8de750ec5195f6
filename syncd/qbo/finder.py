"""Looks for records in QBO that may be the same as records of the source, by their exact keys (DESIGN.md 4, step 5).

The finder proposes, the reconciler decides. Every answer is complete or ``Unknown``: nothing is ever created where the
answer was unknown. Names are compared on our side, in the one form under which two names are the same
(``model.values.name_key``), because nobody knows how QBO folds them (entities.md 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from syncd.errors import QboUnavailable
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present, Unknown
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import Form
from syncd.model.records.lists import Named, Party
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill, Purchase, PurchaseOrder
from syncd.model.spec import REFERENCE_LIMIT
from syncd.model.values import cut, name_key, text
from syncd.model.writes import Refused
from syncd.qbo import candidates
from syncd.qbo.candidates import Fetcher, Keys, Rows, folded, index
from syncd.qbo.codec import CODECS
from syncd.qbo.codec.attachable import ENTITIES
from syncd.qbo.codec.credit_application import memos_of
from syncd.qbo.lookup import Lookups
from syncd.qbo.query import Listing
from syncd.qbo.wire import Raw

Found: TypeAlias = "tuple[Present | Flawed, ...] | Refused | Unknown"
"""Candidates; or that the name is taken by somebody who is none; or that nobody knows."""

Decode = Callable[[Kind, Raw], "Present | Flawed"]

_SHARED_NAMES = ("Customer", "Vendor", "Employee")
"""No two of these have the same name (entities.md 3.1)."""

_PSEUDO_CODES = frozenset({"TAX", "NON", "CustomSalesTax"})


class Finder:
    """Finds candidates for unlinked records."""

    def __init__(
        self,
        lookups: Lookups,
        listing: Listing,
        facts: Callable[[], BooksFacts],
        decode: Decode,
        settings: Settings,
    ) -> None:
        self._fetcher = Fetcher(lookups, listing)
        self._sub_customers = settings.project_as == "sub_customer"
        self._numbers_are_sent = settings.numbering != "qbo"
        self._facts = facts
        self._decode = decode
        self._ways: dict[Kind, Callable[[Kind, Sequence[Any]], dict[str, Found]]] = {
            Kind.CLIENT: self._parties,
            Kind.VENDOR: self._parties,
            Kind.ITEM: self._items,
            Kind.PROJECT: self._projects,
            Kind.TAX_CODE: self._named,
            Kind.PAYMENT_METHOD: self._named,
            Kind.CATEGORY: self._named,
            Kind.ESTIMATE: self._forms,
            Kind.INVOICE: self._forms,
            Kind.CREDIT_NOTE: self._forms,
            Kind.PAYMENT: self._payments,
            Kind.CREDIT_APPLICATION: self._credit_applications,
            Kind.BILL: self._bills,
            Kind.PURCHASE: self._purchases,
            Kind.PURCHASE_ORDER: self._purchases,
            Kind.ATTACHMENT: self._attachments,
        }

    def find(self, kind: Kind, probes: Sequence[Record]) -> dict[str, Found]:
        """Candidates for each probe, by the probe's id. References and mapped names in the probes are QBO's already."""
        if not probes:
            return {}
        way = self._ways.get(kind)
        if way is None:
            raise ValueError(f"QuickBooks has no records of kind {kind.value}")
        return way(kind, probes)

    def numbers_taken(self, kind: Kind, numbers: Collection[str]) -> frozenset[str]:
        """Those of these numbers that documents of a kind have."""
        entity = CODECS[kind].entity
        rows = self._fetcher.rows(entity, candidates.by_value(entity, "DocNumber", sorted(numbers)))
        if isinstance(rows, Unknown):
            raise QboUnavailable(rows.reason)
        there = {folded(keys.doc_number or "") for keys, _ in rows.values()}
        return frozenset(number for number in numbers if folded(number) in there)

    # customers and vendors

    def _parties(self, kind: Kind, probes: Sequence[Party]) -> dict[str, Found]:
        found = self._by_name(kind, "DisplayName", probes)
        for entity in _SHARED_NAMES:
            if entity != CODECS[kind].entity:
                found |= self._taken(kind, entity, [probe for probe in probes if found[probe.id] == ()])
        return found

    def _by_name(self, kind: Kind, prop: str, probes: Sequence[Party] | Sequence[Named]) -> dict[str, Found]:
        entity = CODECS[kind].entity
        rows = self._fetcher.rows(entity, candidates.by_name(entity, prop, [probe.name for probe in probes]))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        if kind is Kind.CLIENT and self._sub_customers:  # a sub-customer is a project, whatever its name
            rows = {identity: row for identity, row in rows.items() if row[0].parent_ref is None}
        by_key = index(rows, lambda keys: name_key(keys.display_name or keys.name or ""))
        return {probe.id: self._decoded(kind, rows, by_key.get(name_key(probe.name), ())) for probe in probes}

    def _taken(self, kind: Kind, entity: str, probes: Sequence[Party]) -> dict[str, Found]:
        """Customers, vendors and employees share their names (entities.md 3.1, F-74). A deactivated one has given
        its name free, so here the suffix counts as part of the name."""
        if not probes:
            return {}
        names = [probe.name for probe in probes]
        rows = self._fetcher.rows(entity, candidates.by_name(entity, "DisplayName", names))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        holders = index(rows, lambda keys: folded(keys.display_name or ""))
        return {
            probe.id: _name_taken(kind, entity, holders[folded(probe.name)][0])
            for probe in probes
            if folded(probe.name) in holders
        }

    # what is matched by name alone

    def _items(self, kind: Kind, probes: Sequence[Named]) -> dict[str, Found]:
        """Inactive ones too: a person has to choose between making one active again and another item (F-82)."""
        return self._by_name(kind, "Name", probes)

    def _named(self, kind: Kind, probes: Sequence[Named]) -> dict[str, Found]:
        """From the whole list, which is short. Accounts by full name, else by name, else by number. The pseudo codes
        of the US are no tax codes of a document (entities.md 3.9)."""
        rows = self._fetcher.everything(CODECS[kind].entity)
        if kind is Kind.TAX_CODE and not isinstance(rows, Unknown):
            rows = {identity: row for identity, row in rows.items() if identity not in _PSEUDO_CODES}
        return self._under_names(kind, probes, rows)

    def _projects(self, kind: Kind, probes: Sequence[Named]) -> dict[str, Found]:
        """Among the customers with a parent: by name, or by the name with its parents' before it, as in QBO."""
        entity = CODECS[kind].entity
        last = [part for probe in probes for part in (probe.name, probe.name.rpartition(":")[2])]
        rows = self._fetcher.rows(entity, candidates.by_name(entity, "DisplayName", last))
        if not isinstance(rows, Unknown):
            rows = {identity: row for identity, row in rows.items() if row[0].parent_ref is not None}
        return self._under_names(kind, probes, rows)

    def _under_names(self, kind: Kind, probes: Sequence[Named], rows: Rows | Unknown) -> dict[str, Found]:
        """The active rows that any of their names fits, the surest name first. Each candidate carries the name it was
        asked by, since it is one of its names: comparing the two again finds them equal."""
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        active = {identity: row for identity, row in rows.items() if row[0].active}
        ended = kind is Kind.PROJECT and self._sub_customers  # may be made active again
        shelves = [index(each, name) for each in ((active, rows) if ended else (active,)) for name in _NAMES]
        found: dict[str, Found] = {}
        for probe in probes:
            key = name_key(probe.name)
            matches = next((shelf[key] for shelf in shelves if key in shelf), []) if key else []
            found[probe.id] = tuple(_renamed(each, probe.name) for each in self._decoded(kind, rows, matches))
        return found

    # documents

    def _forms(self, kind: Kind, probes: Sequence[Form]) -> dict[str, Found]:
        """By number, whoever the customer is; by customer, day and total where QBO has not got a number of ours."""
        entity = CODECS[kind].entity
        numbers_are_ours = self._facts().custom_numbers and self._numbers_are_sent
        dated = [probe for probe in probes if probe.client and not (numbers_are_ours and _number(probe))]
        numbers = [_number(probe) for probe in probes if _number(probe)]
        rows = self._fetcher.rows(
            entity,
            candidates.by_value(entity, "DocNumber", numbers),
            candidates.by_day(entity, "CustomerRef", [(probe.client, probe.issue_date) for probe in dated]),
        )
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_number = index(rows, lambda keys: folded(keys.doc_number or ""))
        by_day = index(rows, lambda keys: keys.party_and_day)
        days_of = {probe.id for probe in dated}
        found: dict[str, Found] = {}
        for probe in probes:
            if not _number(probe) and not probe.client:
                found[probe.id] = Unknown("The document has neither a number nor a linked client to look for it by.")
                continue
            matches = list(by_number.get(folded(_number(probe)), ())) if _number(probe) else []
            if probe.id in days_of:
                same_day = by_day.get((probe.client, probe.issue_date.isoformat()), ())
                matches += [identity for identity in same_day if rows[identity][0].total_amt == probe.total]
            found[probe.id] = self._decoded(kind, rows, dict.fromkeys(matches))
        return found

    def _payments(self, kind: Kind, probes: Sequence[Payment]) -> dict[str, Found]:
        """By customer and day, then by amount and, where both have one, by reference."""
        known = [probe for probe in probes if probe.client]
        keys = [(probe.client, probe.date) for probe in known]
        rows = self._fetcher.rows("Payment", candidates.by_day("Payment", "CustomerRef", keys))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_day = index(rows, lambda keys: keys.party_and_day)
        found: dict[str, Found] = {
            probe.id: Unknown("The payment's client is not linked, so it cannot be looked for.") for probe in probes
        }
        for probe in known:
            same_day = by_day.get((probe.client, probe.date.isoformat()), ())
            alike = [identity for identity in same_day if _same_reference(probe, rows[identity][0])]
            there = self._decoded(kind, rows, alike)
            found[probe.id] = tuple(each for each in there if _same_amount(probe, each, rows))
        return found

    def _credit_applications(self, kind: Kind, probes: Sequence[CreditApplication]) -> dict[str, Found]:
        """Among the customer's payments of zero those that use the credit memo, whatever their date."""
        known = [probe for probe in probes if probe.client and probe.credit_note]
        rows = self._fetcher.rows("Payment", candidates.by_customer("Payment", [probe.client for probe in known]))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        users: dict[str, list[str]] = {}
        for identity, (keys, row) in rows.items():
            for memo in () if keys.total_amt else memos_of(row):
                users.setdefault(memo, []).append(identity)
        unknown = Unknown("The client or the credit note is not linked, so its application cannot be looked for.")
        found: dict[str, Found] = {probe.id: unknown for probe in probes}
        for probe in known:
            found[probe.id] = self._decoded(kind, rows, users.get(probe.credit_note, ()))
        return found

    def _bills(self, kind: Kind, probes: Sequence[Bill]) -> dict[str, Found]:
        """By vendor, day and total."""
        known = [probe for probe in probes if probe.vendor]
        keys = [(probe.vendor, probe.date) for probe in known]
        rows = self._fetcher.rows("Bill", candidates.by_day("Bill", "VendorRef", keys))
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_day = index(rows, lambda keys: (*keys.party_and_day, keys.total_amt))
        unknown = Unknown("The bill's vendor is not linked, so it cannot be looked for.")
        found: dict[str, Found] = {probe.id: unknown for probe in probes}
        for probe in known:
            matches = by_day.get((probe.vendor, probe.date.isoformat(), probe.total), ())
            found[probe.id] = self._decoded(kind, rows, matches)
        return found

    def _purchases(self, kind: Kind, probes: Sequence[Purchase | PurchaseOrder]) -> dict[str, Found]:
        """Expenses and purchase orders by vendor, day and total, orders by their number as well. QBO cannot be asked
        for those of a vendor, so all of a day are looked at."""
        entity = CODECS[kind].entity
        numbers = [number for probe in probes if (number := _number(probe))]
        asked = [candidates.on_days(entity, [probe.date for probe in probes])]
        if numbers:
            asked.append(candidates.by_value(entity, "DocNumber", numbers))
        rows = self._fetcher.rows(entity, *asked)
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        by_day = index(rows, lambda keys: (*keys.party_and_day, keys.total_amt))
        by_number = index(rows, lambda keys: folded(keys.doc_number or ""))
        unknown = Unknown("The vendor is not linked, so it cannot be looked for.")
        found: dict[str, Found] = {}
        for probe in probes:
            matches = list(by_day.get((probe.vendor, probe.date.isoformat(), probe.total), ()))
            if _number(probe):
                matches += by_number.get(folded(_number(probe)), ())
            known = bool(probe.vendor) or bool(_number(probe))
            found[probe.id] = self._decoded(kind, rows, dict.fromkeys(matches)) if known else unknown
        return found

    def _attachments(self, kind: Kind, probes: Sequence[Attachment]) -> dict[str, Found]:
        """Those that hang on the same document; nothing hangs on one that is not in QBO yet."""
        there = {probe.id: (ENTITIES[Kind(probe.owner_kind)], probe.owner) for probe in probes if probe.owner}
        rows = self._fetcher.rows(CODECS[kind].entity, candidates.files_of(there.values())) if there else {}
        if isinstance(rows, Unknown):
            return {probe.id: rows for probe in probes}
        files = [self._decode(kind, row) for _, row in rows.values() if CODECS[kind].takes(row)]
        found: dict[str, Found] = {probe.id: () for probe in probes}
        for name, (entity, owner) in there.items():
            found[name] = tuple(
                each
                for each in files
                if isinstance(each, Present)
                and isinstance(each.record, Attachment)
                and each.record.owner == owner
                and each.record.owner_kind
                and ENTITIES[Kind(each.record.owner_kind)] == entity
            )
        return found

    def _decoded(self, kind: Kind, rows: Rows, matches: Iterable[str]) -> tuple[Present | Flawed, ...]:
        return tuple(self._decode(kind, rows[identity][1]) for identity in matches)


_NAMES: tuple[Callable[[Keys], Any], ...] = (
    lambda keys: name_key(keys.fully_qualified_name or ""),
    lambda keys: name_key(keys.display_name or keys.name or ""),
    lambda keys: name_key(keys.acct_num or ""),
)
"""Under which names a row is known, the surest first."""


def _renamed(found: Present | Flawed, name: str) -> Present | Flawed:
    if isinstance(found, Flawed):
        return found
    return msgspec.structs.replace(found, record=msgspec.structs.replace(found.record, name=name))


def _number(probe: Form | Purchase | PurchaseOrder) -> str:
    number = getattr(probe, "number", "")
    return number.strip() if isinstance(number, str) else ""


def _same_reference(probe: Payment, keys: Keys) -> bool:
    wished = probe.reference if isinstance(probe.reference, str) else ""
    held = keys.payment_ref_num or ""
    return not wished or not held or folded(cut(text(wished), REFERENCE_LIMIT)) == folded(held)


def _same_amount(probe: Payment, found: Present | Flawed, rows: Rows) -> bool:
    """The amount is money and credit together on both sides (C-R3); of what cannot be read only the money is known."""
    if isinstance(found, Flawed):
        return rows[found.id][0].total_amt in {probe.cash, probe.amount}
    return isinstance(found.record, Payment) and found.record.amount == probe.amount


def _name_taken(kind: Kind, entity: str, holder: str) -> Refused:
    """F-74; members may be named like customers (behaviour.md section 10, item 11)."""
    mine, map_name = ("customer", "customer_map") if kind is Kind.CLIENT else ("vendor", "vendor_map")
    return Refused(
        code="6240",
        text=f"The name is already used by the {entity.lower()} with id {holder}.",
        remedy=(
            "Customers, vendors and employees share their names in QuickBooks: change one of the two names, "
            f"or name another {mine} for it in {map_name}."
        ),
        holder_id=holder,
    )
