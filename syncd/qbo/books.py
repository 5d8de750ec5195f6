"""One QBO company as the engine sees it: facts, changes, reads, candidates, writes. The facade of this package.

Reads answer *present*, *flawed*, *absent* or *unknown*, never a bare nothing (DESIGN.md 2). What concerns the whole
company (``ReconnectNeeded``, ``WrongCompany``) is raised.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import msgspec

from syncd.clock import Clock
from syncd.errors import QboUnavailable
from syncd.metrics import Metrics
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Problem, Unknown
from syncd.model.records import Record
from syncd.model.references import default_name
from syncd.model.spec import SPECS
from syncd.model.writes import Outcome, Verb, WireWrite
from syncd.qbo import codec, query, wire
from syncd.qbo.auth import Authorizer, TokenStore
from syncd.qbo.batches import BatchSize
from syncd.qbo.cdc import ChangeFeed
from syncd.qbo.checkup import check
from syncd.qbo.codec import CODECS, Reading, Refs, Unencodable, Wishes, restore
from syncd.qbo.codec.parts import refuse
from syncd.qbo.company import Company, Names
from syncd.qbo.finder import Finder, Found
from syncd.qbo.limiter import Limiter, Priority
from syncd.qbo.lookup import Lookups, Query
from syncd.qbo.marks import deposits_of
from syncd.qbo.query import Listing
from syncd.qbo.recovery import Recovery
from syncd.qbo.replayed import believed
from syncd.qbo.settings import QboConfig
from syncd.qbo.transport import Transport
from syncd.qbo.wire import Raw
from syncd.qbo.writer import Writer


class BooksChanges(msgspec.Struct, frozen=True):
    """What changed in QBO since a cursor.

    ``tombstones``: ids that the feed says were deleted. ``unknown``: kinds that could not be read, and why; while
    there is one, ``cursor`` stays where it was. ``linked_sweep``: kinds for which all ids were listed (``inventory``),
    because the feed could not be trusted to show deletions: a linked id that is not among them is gone, and needs its
    second witness. ``others``: for a kind that shares its entity with another one, the ids of changed records that are
    not of the kind as they are now: what is linked among them has become something else, and is to be read by its id.
    ``cursor``: QBO's own time at the start of the reading; the overlap is taken off when reading.
    """

    records: Mapping[Kind, Mapping[str, Present | Flawed]]
    tombstones: Mapping[Kind, frozenset[str]]
    unknown: Mapping[Kind, str]
    cursor: datetime
    linked_sweep: frozenset[Kind] = frozenset()
    inventory: Mapping[Kind, frozenset[str]] = {}
    others: Mapping[Kind, frozenset[str]] = {}


class Books:
    """One company. Safe to share between threads."""

    def __init__(
        self,
        config: QboConfig,
        tokens: TokenStore[Any],
        clock: Clock,
        *,
        settings: Settings,
        stop: threading.Event,
        on_read: Callable[[int], None],
        metrics: Metrics | None = None,
        company: str = "",
        limiter: Limiter | None = None,
    ) -> None:
        name = company or config.realm_id
        metrics = metrics or Metrics(process=False)
        self.limiter = limiter or Limiter(config, clock, stop, metrics=metrics, company=name)
        self._config = config
        self._settings = settings
        self._clock = clock
        self._auth = Authorizer(config, tokens, clock, stop=stop, metrics=metrics, company=name)
        self._transport = Transport(
            config, self._auth, self.limiter, clock, stop=stop, metrics=metrics, company=name, on_read=on_read
        )
        self._company = Company(self._transport, config)
        self._listing = Listing(self._transport)
        self._names = Names(self._transport, self._listing, clock)
        self._batches = BatchSize(config.batch_size)
        self._lookups = Lookups(self._transport, self._listing, self.limiter, self._batches)
        self._feed = ChangeFeed(self._transport, self._listing, config, clock, self.server_time)
        self._finder = Finder(self._lookups, self._listing, self.facts, self.decode, settings)
        self._recovery = Recovery(self._listing, self.decode, self._read_urgent)
        self._content: Callable[[str], bytes | None] = lambda _: None
        self._writer = Writer(self._transport, self.decode, self._batches, self._company.forget, self._content_of)
        self._sender = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-sender")
        self._reading: tuple[BooksFacts, Reading] | None = None

    def take_files_from(self, content: Callable[[str], bytes | None]) -> None:
        """Where the content of files comes from, by the source's id; None for one that is not as it was."""
        self._content = content

    def close(self) -> None:
        """Give back connections. What was posted is waited for."""
        self._sender.shutdown()
        self._transport.close()
        self._auth.close()

    # the company

    @property
    def realm_id(self) -> str:
        """The company's id, as configured."""
        return self._config.realm_id

    @property
    def environment(self) -> str:
        """``production`` or ``sandbox``."""
        return self._config.environment

    @property
    def batch_size(self) -> int:
        """How many writes may go together now."""
        return self._batches.now

    def entity(self, kind: Kind) -> str:
        """QBO's name of a kind."""
        return CODECS[kind].entity

    def default_of(self, kind: Kind) -> str:
        """The id of what stands for the unmatched of a kind; empty where none is set (R-23, R-101).

        Raises ``Unencodable`` when the setting names something that QBO does not have.
        """
        name = default_name(kind, self._settings)
        look_up = {Kind.ITEM: self._names.item, Kind.CATEGORY: self._names.account}.get(kind)
        return look_up(name) if name and look_up is not None else ""

    def facts(self, *, refresh: bool = False) -> BooksFacts:
        """CompanyInfo and Preferences; remembered, read again on request."""
        return self._company.facts(refresh=refresh)

    def check(self) -> tuple[tuple[str, Problem], ...]:
        """What a person should know before the first write, each with its level (``error`` or ``warning``).

        Reads the company anew and looks up every name in the settings. Changes nothing.
        """
        return check(self.facts(refresh=True), self._settings, self._names, self.find)

    def server_time(self) -> datetime:
        """QBO's own clock, in UTC."""
        return self._company.server_time()

    # reading

    def changes(self, since: datetime, kinds: Sequence[Kind], written: Collection[Kind] = ()) -> BooksChanges:
        """Everything of these kinds that changed since the cursor ``since``; raises when nothing could be read.

        Kinds that QBO does not have or that nobody watches (``KindSpec.watched``) are left out, but for those that are
        ``written``. A record that is of several kinds there appears under each of them.
        """
        watched = [kind for kind in kinds if kind in CODECS and (SPECS[kind].watched or kind in written)]
        if not watched:
            return BooksChanges(records={}, tombstones={}, unknown={}, cursor=since)
        feed = self._feed.read(tuple(dict.fromkeys(CODECS[kind].entity for kind in watched)), since)
        parts = {kind: feed.parts[CODECS[kind].entity] for kind in watched}
        unknown = {kind: part.failure for kind, part in parts.items() if part.failure}
        known = {kind: part for kind, part in parts.items() if kind not in unknown}
        inventory = {kind: part.inventory for kind, part in known.items() if part.inventory is not None}
        taken = {kind: {i for i, row in part.rows.items() if self._takes(kind, row)} for kind, part in known.items()}
        return BooksChanges(
            records={
                kind: {
                    identity: self.decode(kind, row) for identity, row in part.rows.items() if identity in taken[kind]
                }
                for kind, part in known.items()
            },
            tombstones={kind: frozenset(part.deleted) for kind, part in known.items()},
            unknown=unknown,
            cursor=since if unknown else max(since, feed.time),
            linked_sweep=frozenset(inventory),
            inventory=inventory,
            others={
                kind: frozenset(part.rows.keys() - taken[kind])
                for kind, part in known.items()
                if len(taken[kind]) < len(part.rows)
            },
        )

    def everything(self, kinds: Sequence[Kind], cursor: datetime) -> BooksChanges:
        """Every record of these kinds, as changes read at ``cursor``. Raises ``QboUnavailable`` when incomplete."""
        records = {kind: {_id_of(each): each for each in self.scan(kind)} for kind in kinds}
        return BooksChanges(records=records, tombstones={}, unknown={}, cursor=cursor)

    def read(self, kind: Kind, ids: Sequence[str]) -> dict[str, Present | Flawed | Absent | Unknown]:
        """These records as they are now; every id asked for is in the answer."""
        return self._read(kind, ids, Priority.READ)

    def find(self, kind: Kind, probes: Sequence[Record]) -> dict[str, Found]:
        """Candidates for unlinked records, by the probe's id; references in the probes are QBO's ids."""
        return self._finder.find(kind, probes)

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind, inactive ones too, a page at a time. Raises ``QboUnavailable`` when incomplete."""
        kept, reading = CODECS[kind], self.reading()
        for page in self._listing.everything(kept.entity):
            for _, row in page:
                if self._takes(kind, row):
                    yield kept.decode(row, reading)

    def numbers_taken(self, kind: Kind, numbers: Collection[str]) -> frozenset[str]:
        """Those of these numbers that documents of a kind have. Raises ``QboUnavailable``."""
        return self._finder.numbers_taken(kind, numbers)

    def deposits_of(self, payments: Collection[str], since: date) -> dict[str, str] | Unknown:
        """Those of these payments, by id, that are part of a bank deposit of ``since`` or later, with its id."""
        return deposits_of(self._listing, payments, since) if payments else {}

    def inventory(self, kind: Kind) -> frozenset[str]:
        """The ids of all records of a kind's entity."""
        return self._listing.ids(CODECS[kind].entity)

    def count(self, kind: Kind) -> int:
        """How many records of a kind's entity there are, inactive ones too."""
        return self._listing.count(CODECS[kind].entity)

    def decode(self, kind: Kind, row: Raw | bytes) -> Present | Flawed:
        """One JSON object of QBO's as a record."""
        return CODECS[kind].decode(row, self.reading())

    def reading(self) -> Reading:
        """What decoding needs to know of the company."""
        facts = self.facts()
        if self._reading is None or self._reading[0] is not facts:
            self._reading = (facts, self._new_reading(facts))
        return self._reading[1]

    # writing

    def encode(
        self,
        kind: Kind,
        verb: Verb,
        record: Record | None,
        *,
        qbo_id: str = "",
        fields: Sequence[str] = (),
        raw: bytes = b"",
        former: bytes = b"",
        refs: Refs,
        journal_id: str,
        request_id: str,
    ) -> WireWrite:
        """The write as it will go out, byte for byte. Raises ``Unencodable``; sends nothing but look-ups of names.

        ``record`` has the source's ids in its references; ``refs`` translates them. ``raw`` is the object as it was
        when the decision was made (``Present.raw``), whose SyncToken the write carries. ``former`` is what an undo puts
        back, as QBO held it; ``record`` and ``refs`` then speak QBO's ids.
        """
        if verb is Verb.SEND:
            return self._mail(kind, qbo_id, journal_id, request_id)
        wishes = Wishes(
            facts=self.facts(),
            settings=self._settings,
            refs=refs,
            resolve=self._names,
            fields=frozenset(fields),
            current=wire.decode_object(raw) if verb is not Verb.CREATE and raw else None,
        )
        return WireWrite(
            journal_id=journal_id,
            kind=kind,
            verb=verb,
            entity=CODECS[kind].entity,
            body=wire.encode(self._body(kind, verb, record, wishes, former)),
            request_id=request_id,
            qbo_id=qbo_id,
            file=record.id if SPECS[kind].along and verb is Verb.CREATE and record is not None else "",
        )

    def _mail(self, kind: Kind, qbo_id: str, journal_id: str, request_id: str) -> WireWrite:
        """The request to mail a document, which has no body (protocol.md 8.8). Never made unless it is switched on."""
        if not self._settings.send_via_qbo or not qbo_id:
            raise refuse("mail-off", "QuickBooks is not to mail anything.", "Set send_via_qbo.")
        entity = CODECS[kind].entity
        return WireWrite(journal_id, kind, Verb.SEND, entity, b"", request_id=request_id, qbo_id=qbo_id)

    @staticmethod
    def _body(kind: Kind, verb: Verb, record: Record | None, wishes: Wishes, former: bytes) -> wire.Json:
        if not former or verb not in {Verb.CREATE, Verb.UPDATE}:
            return codec.encode(kind, verb, record, wishes)
        before = wire.decode_object(former)
        if verb is Verb.CREATE:
            return restore.made_again(kind, before, wishes)
        return restore.put_back(kind, codec.encode(kind, verb, record, wishes), before, wishes)

    def send(self, writes: Sequence[WireWrite]) -> list[Outcome]:
        """An outcome for each write, in order. Writes with batch ids go in batches, the others one by one."""
        return self._writer.send(writes)

    def post(self, writes: Sequence[WireWrite]) -> Future[list[Outcome]]:
        """``send`` for what was never sent before, beside what the caller does meanwhile; one after another, in the
        order posted."""
        return self._sender.submit(contextvars.copy_context().run, self._send_first, writes)

    def look_up(self, write: WireWrite, sent_at: datetime) -> tuple[Present, ...] | Unknown:
        """What became of a write whose answer was lost. Empty: it is proven not to be there."""
        return self._recovery.look_up(write, sent_at)

    # inside

    def _takes(self, kind: Kind, row: Raw) -> bool:
        """Whether a row of an entity is of this kind. Where projects are sub-customers, none of these is a client."""
        if kind is Kind.CLIENT and self._settings.project_as == "sub_customer":
            return not CODECS[Kind.PROJECT].takes(row)
        return CODECS[kind].takes(row)

    def _content_of(self, file: str) -> bytes | None:
        return self._content(file)

    def _send_first(self, writes: Sequence[WireWrite]) -> list[Outcome]:
        began = self._clock.now()
        return believed(writes, self.send(writes), began, self._read_urgent)

    def _read_urgent(self, kind: Kind, ids: Sequence[str]) -> dict[str, Present | Flawed | Absent | Unknown]:
        return self._read(kind, ids, Priority.URGENT)

    def _read(
        self, kind: Kind, ids: Sequence[str], priority: Priority
    ) -> dict[str, Present | Flawed | Absent | Unknown]:
        entity = CODECS[kind].entity
        groups = list(query.chunks(ids))
        queries = [Query(entity, (query.among("Id", group),), expected=len(group)) for group in groups]
        found: dict[str, Present | Flawed | Absent | Unknown] = {}
        for group, rows in zip(groups, self._lookups.run(queries, priority), strict=True):
            if isinstance(rows, Unknown):
                found |= dict.fromkeys(group, rows)
                continue
            there = {query.id_of(row): self._as_read(kind, row) for row in rows}
            found |= {each: there.get(each) or _absent(each, entity) for each in group}
        return found

    def _as_read(self, kind: Kind, row: Raw) -> Present | Flawed | Absent:
        if CODECS[kind].is_end(row):
            return Absent(query.id_of(row), ("QuickBooks shows it by its id, and nothing is left of it",))
        return self.decode(kind, row)

    def _new_reading(self, facts: BooksFacts) -> Reading:
        return Reading(
            home_currency=facts.home_currency,
            us=not facts.global_tax,
            sales_tax=facts.sales_tax,
            exempt_code=self._exempt_code(facts),
            default_item=self._usual_item,
            method_name=self._names.method_name,
        )

    def _usual_item(self) -> str:
        """The default item for reading, where a wrong setting is no reason to stop."""
        try:
            return self.default_of(Kind.ITEM)
        except Unencodable:
            return ""

    def _exempt_code(self, facts: BooksFacts) -> str:
        if not (facts.global_tax and facts.sales_tax and self._settings.exempt_tax_code):
            return ""
        try:
            return self._names.tax_code(self._settings.exempt_tax_code)
        except Unencodable as error:
            raise QboUnavailable(error.message, remedy=error.remedy, code=error.code) from None


def _absent(identity: str, entity: str) -> Absent:
    return Absent(identity, (f"a complete QuickBooks query for {entity} by id did not return it",))


def _id_of(seen: Present | Flawed) -> str:
    return seen.record.id if isinstance(seen, Present) else seen.id
