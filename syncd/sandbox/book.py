"""One company's books: the records, their indexes and their history. Pure: values in, values out, a clock given.

Transactions are kept as their encoded JSON and decoded when they are needed, name lists stay decoded; so 100,000
invoices fit into memory and a page of them is a join of bytes. Every lookup goes through an index: by Id, by the
properties named in the spec, by LastUpdatedTime, by dates and amounts. Nothing here scans a table but ``Table.rows``.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from syncd.sandbox.clock import Clock, parse_moment, stamp
from syncd.sandbox.indexes import Place, SortedIndex, SortKey, Timeline, discard, insert, sort_key
from syncd.sandbox.specs import SPECS, Spec
from syncd.sandbox.wire import Json, decode, encode

Key = tuple[str, str]
"""Entity and Id."""

SORTED = ("TxnDate", "DueDate", "TotalAmt", "Balance")
"""Members of transactions that have a sorted index, where queries may use them."""

SYSTEM_KEYS = frozenset({"domain", "sparse", "Id", "SyncToken", "MetaData", "status"})


def id_order(record_id: str) -> tuple[int, str]:
    """Sorts Ids as numbers; the words TAX and NON find a place too."""
    return len(record_id), record_id


def fold(value: object) -> str:
    """The form in which names and numbers are compared (protocol.md 4.1, entities.md 3.1)."""
    return str(value).strip().casefold()


class Record:
    """The current version of one object."""

    __slots__ = ("_body", "_raw", "active", "created", "id", "keys", "links", "seq", "sort_keys", "token", "updated")

    def __init__(self, record_id: str, token: str, created: int, updated: int) -> None:
        self.id = record_id
        self.token = token
        self.created = created
        self.updated = updated
        self.active = True
        self.seq = 0
        self.keys: tuple[str | None, ...] = ()
        self.sort_keys: tuple[SortKey, ...] = ()
        self.links: tuple[Key, ...] = ()
        self._raw: bytes | None = None
        self._body: Json | None = None

    @property
    def raw(self) -> bytes:
        """The object as JSON."""
        if self._raw is None:
            self._raw = encode(self._body)
        return self._raw

    @property
    def body(self) -> Json:
        """The object decoded; treat it as immutable, it may be shared."""
        if self._body is not None:
            return self._body
        value: Json = decode(self._raw or b"{}")
        return value

    @property
    def kept_body(self) -> Json | None:
        """The decoded object, where it is kept so."""
        return self._body

    def fill(self, raw: bytes | None, body: Json | None, keep_body: bool) -> None:
        """Take the content, as bytes, as a decoded object, or both."""
        if keep_body:
            self._body = decode(raw) if body is None and raw is not None else body
            self._raw = raw
        else:
            self._raw = encode(body) if raw is None else raw
            self._body = None


class Table:
    """All records of one entity with their indexes."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.records: dict[str, Record] = {}
        self.order: list[Place] = []
        self.active: list[Place] = []
        self.timeline = Timeline()
        self.sorted = {} if spec.is_list else {name: SortedIndex() for name in SORTED if name in spec.queryable}
        self.tombstones: list[tuple[int, str]] = []
        self.deleted: dict[str, int] = {}
        self._indexes: tuple[dict[str, str | set[str]], ...] = tuple({} for _ in spec.indexed)

    def lookup(self, member: str, value: str) -> Iterable[Record]:
        """Records whose indexed member equals the value, folded."""
        index = self._indexes[self.spec.indexed.index(member)]
        held = index.get(fold(value)) if index else None
        if held is None:
            return ()
        ids = [held] if isinstance(held, str) else sorted(held, key=id_order)
        return [self.records[record_id] for record_id in ids]

    def first(self, member: str, value: str) -> str:
        """The lowest Id among them; empty where there is none."""
        held = self._indexes[self.spec.indexed.index(member)].get(fold(value), "")
        return held if isinstance(held, str) else min(held, key=id_order)

    def keys_of(self, body: Json) -> tuple[str | None, ...]:
        """The folded index keys of a body."""
        keys: list[str | None] = []
        for member in self.spec.indexed:
            value = body.get(member)
            if isinstance(value, dict):
                value = value.get("value")
            keys.append(None if value is None else fold(value))
        return tuple(keys)

    def sort_keys_of(self, body: Json) -> tuple[SortKey, ...]:
        """The keys of a body in the sorted indexes."""
        return tuple(sort_key(body.get(member)) for member in self.sorted)

    def put(self, record: Record, body: Json, seq: int) -> None:
        """Insert or replace a record and bring every index up to date."""
        old = self.records.get(record.id)
        self.records[record.id] = record
        keys, record.sort_keys = self.keys_of(body), self.sort_keys_of(body)
        record.keys, record.seq = keys, seq
        place = id_order(record.id)
        if old is None:
            insert(self.order, place)
        if old is None or old.keys != keys:
            self._reindex(record.id, old.keys if old else (), keys)
        if old is None or old.sort_keys != record.sort_keys:
            self._resort(place, old.sort_keys if old else (), record.sort_keys)
        was_active = old is not None and old.active
        if record.active and not was_active:
            insert(self.active, place)
        elif was_active and not record.active:
            discard(self.active, place)
        if old is None or old.updated != record.updated or old.seq != seq:
            if old is not None:
                self.timeline.drop(old.updated, old.seq, old.id)
            self.timeline.add(record.updated, seq, record.id)

    def remove(self, record: Record, second: int) -> None:
        """Delete for good and leave a tombstone for CDC."""
        del self.records[record.id]
        place = id_order(record.id)
        discard(self.order, place)
        if record.active:
            discard(self.active, place)
        self._reindex(record.id, record.keys, ())
        self._resort(place, record.sort_keys, ())
        self.timeline.drop(record.updated, record.seq, record.id)
        self.bury(record.id, second)

    def bury(self, record_id: str, second: int) -> None:
        """Note a deletion."""
        insort(self.tombstones, (second, record_id))
        self.deleted[record_id] = second

    def rows(self, inactive: bool, backwards: bool = False, skip: int = 0) -> Iterator[Record]:
        """Every record by Id; only the active ones unless asked otherwise."""
        places = self.order if inactive else self.active
        count = len(places)
        order = range(count - 1 - skip, -1, -1) if backwards else range(skip, count)
        return (self.records[places[at][1]] for at in order)

    def count(self, inactive: bool) -> int:
        """How many rows ``rows`` would give."""
        return len(self.order if inactive else self.active)

    def changed(self, low: float, high: float) -> Iterator[Record]:
        """Current records whose last change lies in low <= second < high, oldest first."""
        return (self.records[record_id] for record_id in self.timeline.between(low, high))

    def _resort(self, place: Place, old: tuple[SortKey, ...], new: tuple[SortKey, ...]) -> None:
        for at, index in enumerate(self.sorted.values()):
            if old and new and old[at] == new[at]:
                continue
            if old:
                index.drop(old[at], place)
            if new:
                index.add(new[at], place)

    def _reindex(self, record_id: str, old: tuple[str | None, ...], new: tuple[str | None, ...]) -> None:
        blank = (None,) * len(self._indexes)
        for index, before, after in zip(self._indexes, old or blank, new or blank, strict=True):
            if before == after:
                continue
            if before is not None:
                held = index[before]
                if isinstance(held, set) and len(held) > 1:
                    held.discard(record_id)
                else:
                    del index[before]
            if after is not None:
                held = index.get(after, "")
                if isinstance(held, set):
                    held.add(record_id)
                else:
                    index[after] = {held, record_id} if held else record_id


@dataclass(frozen=True, slots=True)
class Version:
    """One line of the append-only history: what a record was from this moment on."""

    seq: int
    at: float
    entity: str
    id: str
    op: str
    token: str
    raw: bytes

    def public(self) -> Json:
        """As the admin API shows it."""
        return {
            "seq": self.seq,
            "at": stamp(int(self.at)),
            "entity": self.entity,
            "id": self.id,
            "op": self.op,
            "token": self.token,
            "record": decode(self.raw),
        }


@dataclass
class Settings:
    """The company's settings that decide behaviour, read from Preferences and from what no API shows."""

    country: str = "US"
    home_currency: str = "USD"
    multicurrency: bool = False
    custom_numbers: bool = False
    warn_duplicate_numbers: bool = True  # the API cannot read this one (entities.md 1.7)
    sales_tax: bool = True
    allow_discount: bool = True
    allow_deposit: bool = True
    auto_apply_credit: bool = False
    auto_apply_payments: bool = False
    allow_shipping: bool = False
    online_payments: bool = False
    automated_tax: bool = False  # Preferences carries TaxPrefs.PartnerTaxEnabled (entities.md 3.9)
    automated_tax_codes: dict[str, str] = field(default_factory=dict)  # state to the TaxCode its engine chooses
    class_per_form: bool = False
    class_per_line: bool = False
    departments: bool = False
    projects: bool = False
    email_copies: tuple[tuple[str, str], ...] = ()  # BillEmailCc and BillEmailBcc with the company's addresses
    book_close_date: str | None = None
    default_term: str | None = None
    default_discount_account: str | None = None
    default_item: str = "1"
    subscription: str = "PAID"
    plan: str = "QuickBooks Online Plus"  # the OfferingSku; Plus and up have classes, locations, purchase orders
    allow_service_date: bool = False
    allow_estimates: bool = True
    default_tax_code: str | None = None  # TaxPrefs.TaxGroupCodeRef, what a new customer gets (S:customer-create)
    purchase_items: bool = True  # ProductAndServicesPrefs.ForPurchase
    billable_expenses: bool = True
    expenses_by_customer: bool = True
    custom_purchase_numbers: bool = False
    warn_duplicate_checks: bool = True
    warn_duplicate_bills: bool = False
    default_vendor_term: str | None = None
    custom_field_names: tuple[tuple[str, str], ...] = ()
    rates: dict[str, Decimal] = field(default_factory=dict)  # home units per unit, for an omitted ExchangeRate


class Book:
    """The books of one company."""

    def __init__(self, realm: str, clock: Clock, track: bool = False) -> None:
        self.realm = realm
        self.clock = clock
        self.track = track  # keep note of what changed, for a file
        self.tables = {name: Table(spec) for name, spec in SPECS.items()}
        self.names: dict[str, tuple[str, str]] = {}
        self.counters: dict[str, int] = {}
        self.history: list[Version] = []
        self.settings = Settings()
        self.hidden: Json = {}
        self.dirty: dict[Key, Record | None] = {}
        self.files: dict[str, bytes] = {}  # by the Id of their Attachable
        self.files_dirty: set[str] = set()  # what came or went, for a file
        self._holders: dict[Key, dict[Key, None]] = {}
        self._seq = 0

    def find(self, entity: str, record_id: str) -> Record | None:
        """The record, or None when it is unknown or deleted."""
        return self.tables[entity].records.get(record_id)

    def holders(self, entity: str, record_id: str, of: str = "") -> list[str]:
        """Ids of the records that hang on this one, in the order they came; only those of the entity ``of``."""
        return [holder for kind, holder in self._holders.get((entity, record_id), ()) if not of or kind == of]

    def settle_holders(self) -> None:
        """Bring holders into the order they came, after records were read back in the order of their last change."""
        for target, held in self._holders.items():
            if len(held) > 1:
                order = sorted(held, key=lambda key: (self.tables[key[0]].records[key[1]].created, id_order(key[1])))
                self._holders[target] = dict.fromkeys(order)

    def next_id(self, family: str) -> str:
        """A fresh Id from the family's counter (entities.md 1.1)."""
        self.counters[family] = self.counters.get(family, 0) + 1
        return str(self.counters[family])

    def reserve(self, family: str, record_id: str) -> None:
        """Keep the counter above an Id that came from outside."""
        if record_id.isdecimal() and len(record_id) < 20:
            self.counters[family] = max(self.counters.get(family, 0), int(record_id))

    def store(self, entity: str, record: Record, body: Json | None, raw: bytes | None, op: str, at: float) -> None:
        """Put a finished version in place; an empty op keeps it out of the history."""
        table = self.tables[entity]
        spec = table.spec
        record.fill(raw, body, keep_body=spec.is_list or spec.family in ("company", "preferences"))
        content = record.body if body is None else body
        record.active = content.get("Active") is not False
        old = table.records.get(record.id)
        self._seq += 1
        keep_place = old is not None and old.updated == record.updated and old.token == record.token
        table.put(record, content, old.seq if keep_place and old is not None else self._seq)
        record.links = old.links if old is not None else ()
        if spec.links is not None:
            self._hang((entity, record.id), record, tuple(dict.fromkeys(spec.links(content))))
        if spec.family == "name":
            self._rename(entity, record.id, old.keys[0] if old else None, record.keys[0])
        self.reserve(spec.family, record.id)
        if self.track:
            self.dirty[(entity, record.id)] = record
        if op:
            self._remember(entity, record.id, op, record.token, record.raw, at)

    def amend(self, entity: str, record: Record, body: Json) -> None:
        """Give a record new derived values: no version, no place in any index."""
        record.fill(None, body, keep_body=True)
        if self.track:
            self.dirty[(entity, record.id)] = record

    def touch(self, entity: str, record: Record, body: Json, second: int) -> None:
        """The same, but LastUpdatedTime moves, and with it the record's place in the change feed."""
        timeline = self.tables[entity].timeline
        timeline.drop(record.updated, record.seq, record.id)
        self._seq += 1
        record.updated, record.seq = second, self._seq
        timeline.add(second, record.seq, record.id)
        self.amend(entity, record, body)

    def erase(self, entity: str, record: Record, at: float, op: str = "delete") -> None:
        """Remove a record for good: a deleted transaction, or what a merge absorbed."""
        if self.tables[entity].spec.family == "name":
            self._rename(entity, record.id, record.keys[0], None)
        self.tables[entity].remove(record, int(at))
        self._hang((entity, record.id), record, ())
        if self.track:
            self.dirty[(entity, record.id)] = None
        stub = {"domain": "QBO", "status": "Deleted", "Id": record.id}
        self._remember(entity, record.id, op, record.token, encode(stub), at)

    def note(self, entity: str, record_id: str, op: str, body: Json, at: float) -> None:
        """Add to the history what is not a version of a record, such as a merge."""
        record = self.find(entity, record_id)
        self._remember(entity, record_id, op, "" if record is None else record.token, encode(body), at)

    def load(self, entity: str, body: Json, raw: bytes | None, at: float) -> None:
        """Take a finished wire object as it is (bulk load, seeds); absent system members are filled in."""
        spec = SPECS[entity]
        if not {"Id", "SyncToken", "MetaData"} <= body.keys() or (raw is None and "domain" not in body):
            body, raw = _completed(body, spec, self, at), None
        meta = body["MetaData"]
        record = Record(
            str(body["Id"]),
            str(body.get("SyncToken", "0")),
            int(parse_moment(meta["CreateTime"])),
            int(parse_moment(meta["LastUpdatedTime"])),
        )
        self.store(entity, record, body, raw, "load", at)
        number = body.get("DocNumber")
        if isinstance(number, str) and spec.numbers:
            self.note_number(spec.numbers, number)

    def note_number(self, counter: str, number: str) -> None:
        """Remember the last document number of a counter, for auto-numbering (entities.md 1.7)."""
        if number.isdecimal() and len(number) < 15:
            self.counters[counter] = max(self.counters.get(counter, 0), int(number))

    def _hang(self, key: Key, record: Record, links: tuple[Key, ...]) -> None:
        """Keep the index of holders in step with what a record hangs on."""
        for gone in set(record.links) - set(links):
            held = self._holders[gone]
            del held[key]
            if not held:
                del self._holders[gone]
        for target in links:
            self._holders.setdefault(target, {})[key] = None
        record.links = links

    def _rename(self, entity: str, record_id: str, before: str | None, after: str | None) -> None:
        if before is not None and self.names.get(before) == (entity, record_id):
            del self.names[before]
        if after is not None:
            self.names[after] = (entity, record_id)

    def _remember(self, entity: str, record_id: str, op: str, token: str, raw: bytes, at: float) -> None:
        self.history.append(Version(len(self.history) + 1, at, entity, record_id, op, token, raw))


def _completed(body: Json, spec: Spec, book: Book, at: float) -> Json:
    now = stamp(int(at))
    record_id = str(body.get("Id") or book.next_id(spec.family))
    meta = {"CreateTime": now, "LastUpdatedTime": now, **body.get("MetaData", {})}
    system = {"domain": "QBO", "sparse": False, "Id": record_id, "SyncToken": str(body.get("SyncToken", "0"))}
    if not record_id.isdecimal():  # the pseudo codes TAX and NON carry neither token nor domain (entities.md 3.9)
        system = {"Id": record_id}
    return {**body, **system, "MetaData": meta}
