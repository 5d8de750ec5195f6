"""Observes both sides and joins what was seen with links and bases: everything the reconciler is given.

Costs what changed, not what exists. A record that a complete feed does not mention is ``Unchanged`` and is not read;
where one side of a linked record differs from its base, the other side is read as it is now, so that every decision
that leads to a write is made from two fresh observations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

import msgspec

from syncd.links import LinkBook, record_name
from syncd.model.lens import DEFAULT_ITEM_KEY, Lens, differing, item_key, pending, references
from syncd.model.observations import UNCHANGED, Absent, Flawed, Observation, Present, Problem, Unchanged, Unknown
from syncd.model.records import Client, Invoice, Item, Kind, Payment, Record, Side, State
from syncd.model.spec import SPECS
from syncd.model.values import name_key
from syncd.model.writes import Refused
from syncd.reconciler.entries import Entry, Known
from syncd.reconciler.policy import Policy
from syncd.sources.base import Source, SourceChanges
from syncd.state.values import Dirty, Link, LinkState

Slot = tuple[Kind, str, str]
"""A record by kind, source id and QBO id; one of the ids may be empty."""


Found: TypeAlias = "tuple[Present | Flawed, ...] | Refused | Unknown"
"""What was found for an unlinked record: candidates; a name that cannot be had; or nothing is known."""


class BooksReader(Protocol):
    """What is read of QBO."""

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Records by id."""
        ...

    def find(self, kind: Kind, probes: Sequence[Record]) -> Mapping[str, Found]:
        """Records that carry the key of a probe, by the probe's id."""
        ...


class BooksChanges(Protocol):
    """What changed in QBO since a point in time."""

    @property
    def records(self) -> Mapping[Kind, Mapping[str, Present | Flawed]]:
        """New and changed records."""
        ...

    @property
    def tombstones(self) -> Mapping[Kind, frozenset[str]]:
        """Ids that were deleted, by the feed's word."""
        ...

    @property
    def unknown(self) -> Mapping[Kind, str]:
        """Kinds that could not be read, and why."""
        ...

    @property
    def inventory(self) -> Mapping[Kind, frozenset[str]]:
        """Every id there is, for kinds whose feed could not be trusted to show deletions."""
        ...


class Seen(msgspec.Struct):
    """What was observed of one record so far. None: that side was not looked at yet."""

    source: Observation | None = None
    qbo: Observation | None = None
    link: Link | None = None
    forced: bool = False


class Gathered(msgspec.Struct, frozen=True):
    """Everything for one plan. ``versions`` are echoes: only the version moved. ``raw`` and ``current`` are what the
    writers need; ``quiet`` slots that need no decision any more."""

    entries: tuple[Entry, ...]
    versions: tuple[tuple[Kind, str, str, str, str], ...]
    raw: Mapping[tuple[Kind, str], bytes]
    current: Mapping[tuple[Kind, str], Record]
    missing: Mapping[tuple[Side, Kind], int]
    quiet: frozenset[Slot]


class Gatherer:
    """Gathers one cycle's observations for one company. One use only."""

    def __init__(
        self,
        *,
        source: Source,
        books: BooksReader,
        links: LinkBook,
        lens: Lens,
        policy: Policy,
        in_doubt: frozenset[Slot],
        words: Mapping[Slot, tuple[str, str]],
        only: frozenset[Kind] = frozenset(),
        ids: frozenset[str] = frozenset(),
        linked_in_qbo: Mapping[Kind, frozenset[str]] = MappingProxyType({}),
    ) -> None:
        self._source = source
        self._books = books
        self._links = links
        self._lens = lens
        self._policy = policy
        self._in_doubt = in_doubt
        self._words = words
        self._word_of = {record_name(*slot): answer for slot, answer in words.items()}
        self._only = only
        self._ids = ids
        self._linked_in_qbo = linked_in_qbo
        self._seen: dict[Slot, Seen] = {}
        self._by_source: dict[tuple[Kind, str], Slot] = {}
        self._by_qbo: dict[tuple[Kind, str], Slot] = {}
        self._candidates: dict[Slot, Found] = {}
        self._adopting: dict[tuple[Kind, str], str] = {}
        self._versions: list[tuple[Kind, str, str, str, str]] = []
        self._quiet: set[Slot] = set()
        self._needed: set[tuple[Kind, str]] = set()

    def gather(self, changes: SourceChanges, books: BooksChanges | None, dirty: Sequence[Dirty]) -> Gathered:
        """Join the two feeds with what we know, read what is missing, look up the unlinked."""
        self._take_source(changes)
        self._take_books(books)
        self._take_dirty(dirty)
        if self._only or self._ids:
            self._narrow()
        self._load_references(self._records(Side.SOURCE), Side.SOURCE)
        self._load_references(self._records(Side.QBO), Side.QBO)
        self._drop_echoes(books)
        self._confirm_source_absences(changes)
        self._confirm_books_absences(books)
        self._hydrate()
        self._bring_needed()
        self._look_up()
        return self._result()

    # ---- taking in

    def _slot(self, kind: Kind, *, source_id: str = "", qbo_id: str = "", link: Link | None = None) -> Slot:
        slot = self._by_source.get((kind, source_id)) if source_id else None
        if slot is None and qbo_id:
            slot = self._by_qbo.get((kind, qbo_id))
            if slot is not None and source_id and slot[1] not in ("", source_id):
                slot = None  # several items of the source may stand for one of QBO's
        if slot is None:
            if link is not None:
                source_id, qbo_id = link.source_id, link.qbo_id
            slot = (kind, source_id, qbo_id)
            self._seen[slot] = Seen(link=link)
            if slot[1]:
                self._by_source[kind, slot[1]] = slot
            if slot[2]:
                self._by_qbo[kind, slot[2]] = slot
        return slot

    def _load(self, kind: Kind, *, source_ids: Iterable[str] = (), qbo_ids: Iterable[str] = ()) -> None:
        for link in self._links.load_links(kind, source_ids=source_ids, qbo_ids=qbo_ids):
            self._slot(kind, source_id=link.source_id, qbo_id=link.qbo_id, link=link)

    def _take_source(self, changes: SourceChanges) -> None:
        for kind, records in changes.changed.items():
            if kind not in self._policy.kinds:
                continue
            suspects = changes.suspects.get(kind, frozenset())
            self._load(kind, source_ids=[*records, *suspects])
            for source_id, observation in records.items():
                self._seen[self._slot(kind, source_id=source_id)].source = observation
            for source_id in suspects - records.keys():
                slot = self._by_source.get((kind, source_id))
                if slot is not None and self._seen[slot].link is not None:
                    self._seen[slot].source = None
                    self._seen[slot].forced = True

    def _take_books(self, books: BooksChanges | None) -> None:
        if books is None:
            return
        for kind in self._policy.kinds:
            records = books.records.get(kind, {})
            tombstones = books.tombstones.get(kind, frozenset())
            tombstones |= self._not_listed(kind, books)
            self._load(kind, qbo_ids=[*records, *tombstones])
            for qbo_id, observation in records.items():
                self._seen[self._slot(kind, qbo_id=qbo_id)].qbo = observation
            for qbo_id in tombstones - records.keys():
                slot = self._by_qbo.get((kind, qbo_id))
                if slot is not None and self._seen[slot].link is not None:
                    self._seen[slot].forced = True

    def _not_listed(self, kind: Kind, books: BooksChanges) -> frozenset[str]:
        """Linked ids that a full list of QBO's lacks; each still needs its second witness."""
        if kind not in books.inventory:
            return frozenset()
        return self._linked_in_qbo.get(kind, frozenset()) - books.inventory[kind]

    def _take_dirty(self, dirty: Sequence[Dirty]) -> None:
        slots = [(d.kind, d.source_id, d.qbo_id) for d in dirty if d.kind in self._policy.kinds]
        slots += [slot for slot in self._words if slot[0] in self._policy.kinds]
        by_kind: dict[Kind, list[Slot]] = defaultdict(list)
        for slot in slots:
            by_kind[slot[0]].append(slot)
        for kind, members in by_kind.items():
            self._load(kind, source_ids=[s for _, s, _ in members if s], qbo_ids=[q for _, _, q in members if q])
            for _, source_id, qbo_id in members:
                self._seen[self._slot(kind, source_id=source_id, qbo_id=qbo_id)].forced = True

    def _narrow(self) -> None:
        """Keep what the operator asked for (and, later, what that needs)."""
        for slot in list(self._seen):
            kind, source_id, qbo_id = slot
            wanted = (not self._only or kind in self._only) and (
                not self._ids or source_id in self._ids or qbo_id in self._ids or self._labelled(slot)
            )
            if not wanted:
                del self._seen[slot]

    def _labelled(self, slot: Slot) -> bool:
        seen = self._seen[slot]
        record = seen.source.record if isinstance(seen.source, Present) else None
        record = record or (seen.qbo.record if isinstance(seen.qbo, Present) else None)
        number = getattr(record, "number", None) or getattr(record, "name", None)
        return bool(number) and number in self._ids

    # ---- references and echoes

    def _records(self, side: Side) -> list[Record]:
        observations = ((seen.source if side is Side.SOURCE else seen.qbo) for seen in self._seen.values())
        return [observation.record for observation in observations if isinstance(observation, Present)]

    def _load_references(self, records: Iterable[Record], side: Side) -> None:
        wanted: set[tuple[Kind, str]] = set()
        for record in records:
            if side is Side.SOURCE:
                wanted |= references(record)
            elif isinstance(record, Invoice):
                wanted.add((Kind.CLIENT, record.client))
                wanted |= {(Kind.ITEM, line.item) for line in record.lines if line.item}
            elif isinstance(record, Payment):
                wanted.add((Kind.CLIENT, record.client))
                wanted |= {(Kind.INVOICE, part.invoice) for part in record.allocations}
        self._links.load_refs(wanted, side)

    def _resolve(self, kind: Kind, source_id: str) -> str:
        return self._links.to_qbo(kind, source_id) or self._adopting.get((kind, source_id)) or pending(kind, source_id)

    def _drop_echoes(self, books: BooksChanges | None) -> None:
        """Our own writes come back through both feeds: same content, other version. Nothing to decide."""
        for slot, seen in list(self._seen.items()):
            link = seen.link
            if link is None or seen.forced or slot in self._in_doubt:
                continue
            if link.state is LinkState.IGNORED:
                del self._seen[slot]
                continue
            if link.state is not LinkState.LINKED or (books is not None and slot[0] in books.unknown):
                continue
            if self._same(slot, seen.source, Side.SOURCE, link) and self._same(slot, seen.qbo, Side.QBO, link):
                source_version = seen.source.version if isinstance(seen.source, Present) else ""
                qbo_version = seen.qbo.version if isinstance(seen.qbo, Present) else ""
                if source_version not in ("", link.source_version) or qbo_version not in ("", link.qbo_version):
                    self._versions.append((*slot, source_version, qbo_version))
                del self._seen[slot]

    def _same(self, slot: Slot, observation: Observation | None, side: Side, link: Link) -> bool:
        if observation is None:
            return True
        if not isinstance(observation, Present):
            return False
        record, kind = observation.record, slot[0]
        if side is Side.SOURCE:
            if getattr(record, "state", State.LIVE) not in self._policy.kinds[kind].flows:
                return False
            return not differing(self._lens.source(kind, record, self._resolve), link.source_base)
        if getattr(record, "state", State.LIVE) is State.VOID or (isinstance(record, Client) and not record.active):
            return False
        return not differing(self._lens.qbo(kind, record), link.qbo_base)

    # ---- second witnesses

    def _confirm_source_absences(self, changes: SourceChanges) -> None:
        for kind in self._policy.kinds:
            unseen = [
                slot for slot, seen in self._seen.items() if slot[0] is kind and seen.forced and seen.source is None
            ]
            ids = [source_id for _, source_id, _ in unseen if source_id and not _is_name(kind, source_id)]
            answers = self._source.read(kind, ids) if ids else {}
            for slot in unseen:
                if slot[1] in answers:
                    self._seen[slot].source = answers[slot[1]]

    def _confirm_books_absences(self, books: BooksChanges | None) -> None:
        for kind in self._policy.kinds:
            if books is not None and kind in books.unknown:
                for slot, seen in self._seen.items():
                    if slot[0] is kind and seen.link is not None and seen.qbo is None:
                        seen.qbo = Unknown(books.unknown[kind])
                continue
            slots = [slot for slot, seen in self._seen.items() if slot[0] is kind and seen.forced and seen.qbo is None]
            self._read_books(kind, [slot for slot in slots if slot[2]])

    def _read_books(self, kind: Kind, slots: Sequence[Slot]) -> None:
        if slots:
            answers = self._books.read(kind, sorted({qbo_id for _, _, qbo_id in slots}))
            for slot in slots:
                self._seen[slot].qbo = answers.get(slot[2], Unknown("QuickBooks did not answer for it"))

    def _hydrate(self) -> None:
        """Read the other side of every linked record that is not an echo."""
        for kind in self._policy.kinds:
            slots = [(slot, seen) for slot, seen in self._seen.items() if slot[0] is kind and seen.link is not None]
            self._read_books(
                kind, [slot for slot, seen in slots if seen.qbo is None and slot[2] and self._active(seen)]
            )
            ids = [
                slot[1]
                for slot, seen in slots
                if seen.source is None and slot[1] and not _is_name(kind, slot[1]) and self._active(seen)
            ]
            answers = self._source.read(kind, sorted(set(ids))) if ids else {}
            for slot, seen in slots:
                if seen.source is None and slot[1] in answers:
                    seen.source = answers[slot[1]]
        self._load_references(self._records(Side.SOURCE), Side.SOURCE)
        self._load_references(self._records(Side.QBO), Side.QBO)

    @staticmethod
    def _active(seen: Seen) -> bool:
        return seen.link is not None and seen.link.state is not LinkState.IGNORED

    # ---- what the flowing records need

    def _bring_needed(self) -> None:
        """Clients and items that are created only when needed, and are needed now although they did not change."""
        wanted: dict[Kind, dict[str, str]] = defaultdict(dict)
        billed: set[str] = set()
        for slot, seen in list(self._seen.items()):
            policy = self._policy.kinds[slot[0]]
            if policy.when_needed or not isinstance(seen.source, Present):
                continue
            record = seen.source.record
            if getattr(record, "state", State.LIVE) not in policy.flows:
                continue
            if seen.link is None and isinstance(record, Invoice | Payment):
                billed.add(record.client)
            names = {item_key(line): line.item_name for line in record.lines} if isinstance(record, Invoice) else {}
            for kind, reference in references(record):
                if self._policy.kinds[kind].when_needed and not self._links.to_qbo(kind, reference):
                    wanted[kind][reference] = names.get(reference, "")
                    self._needed.add((kind, reference))
        for kind, names in wanted.items():
            self._bring(kind, names)
        self._links.load_links(Kind.CLIENT, source_ids=billed)

    def _bring(self, kind: Kind, names: Mapping[str, str]) -> None:
        missing = {reference: name for reference, name in names.items() if (kind, reference) not in self._by_source}
        real = sorted(reference for reference in missing if not _is_name(kind, reference))
        self._load(kind, source_ids=missing)
        for source_id, observation in (self._source.read(kind, real) if real else {}).items():
            self._seen[self._slot(kind, source_id=source_id)].source = observation
        for reference in sorted(missing.keys() - set(real)):
            made = Present(Item(id=reference, name=missing[reference].strip()), version="")
            self._seen[self._slot(kind, source_id=reference)].source = made

    # ---- candidates for the unlinked

    def _look_up(self) -> None:
        for kind in sorted(self._policy.kinds, key=list(SPECS).index):
            policy = self._policy.kinds[kind]
            probes: dict[str, tuple[Slot, Record]] = {}
            for slot, seen in self._seen.items():
                if slot[0] is not kind or not isinstance(seen.source, Present):
                    continue
                unlinked = seen.link is None or seen.link.state is LinkState.TOMBSTONED or not slot[2]
                lost = seen.link is not None and isinstance(seen.qbo, Absent)
                flows = getattr(seen.source.record, "state", State.LIVE) in policy.flows
                flows = flows and (not policy.when_needed or (kind, slot[1]) in self._needed)
                if flows and (unlinked or lost):
                    probes[slot[1]] = (slot, self._probe(seen.source.record))
            if not probes:
                continue
            real = [record for _, record in probes.values() if _can_be_there(record)]
            answers = self._books.find(kind, real) if real else {}
            for source_id, (slot, record) in probes.items():
                found = answers.get(source_id, ())
                self._candidates[slot] = found
                self._provisional(kind, source_id, record, found)

    def _probe(self, record: Record) -> Record:
        """The record with its client in QBO's id, where that is known or about to be."""
        if isinstance(record, Invoice | Payment):
            client = self._resolve(Kind.CLIENT, record.client)
            return msgspec.structs.replace(record, client="" if client.startswith("+") else client)
        return record

    def _provisional(self, kind: Kind, source_id: str, record: Record, found: Found) -> None:
        """One plain match of a client or item will be adopted; what refers to it can be looked up already."""
        if not isinstance(record, Client | Item):
            return
        same = [
            c
            for c in _candidates(found)
            if isinstance(c.record, Client | Item) and c.record.active and _same_name(c.record, record)
        ]
        if len(same) == 1 and not self._links.to_source(kind, same[0].record.id):
            self._adopting[kind, source_id] = same[0].record.id

    # ---- the result

    def _result(self) -> Gathered:
        self._load_candidates()
        entries: list[Entry] = []
        raw: dict[tuple[Kind, str], bytes] = {}
        current: dict[tuple[Kind, str], Record] = {}
        missing: dict[tuple[Side, Kind], int] = {}
        for slot, seen in self._seen.items():
            entry = self._entry(slot, seen)
            if entry is None:
                self._quiet.add(slot)
                continue
            entries.append(entry)
            for observation in (entry.qbo, *entry.candidates):
                if isinstance(observation, Present):
                    raw[slot[0], observation.record.id] = observation.raw
            if isinstance(entry.source, Present):
                current[slot[0], entry.source.record.id] = entry.source.record
            if seen.link is not None and seen.link.state is LinkState.LINKED:
                for side, observation in ((Side.SOURCE, entry.source), (Side.QBO, entry.qbo)):
                    if isinstance(observation, Absent):
                        missing[side, slot[0]] = missing.get((side, slot[0]), 0) + 1
        return Gathered(tuple(entries), tuple(self._versions), raw, current, missing, frozenset(self._quiet))

    def _load_candidates(self) -> None:
        """Which candidates are linked already: they are somebody else's."""
        wanted = [(slot[0], each.record.id) for slot, found in self._candidates.items() for each in _candidates(found)]
        self._links.load_refs(wanted, Side.QBO)

    def _entry(self, slot: Slot, seen: Seen) -> Entry | None:
        kind, source_id, _ = slot
        link = seen.link
        found = self._candidates.get(slot, ())
        candidates = _candidates(found)
        qbo = seen.qbo
        source = seen.source
        if link is None:
            if source is None and qbo is None:
                return None
            if qbo is None:
                qbo = _counterpart(found)
            if source is None:
                source = Absent("", ("no record of the source is linked to it",))
            if isinstance(source, Absent) and isinstance(qbo, Absent):
                return None
        word, asked = self._word_of.get(record_name(*slot), ("", ""))
        return Entry(
            kind=kind,
            source=source if source is not None else UNCHANGED,
            qbo=qbo if qbo is not None else UNCHANGED,
            known=_known(link) if link is not None else None,
            candidates=candidates,
            in_doubt=slot in self._in_doubt or (kind, source_id, "") in self._in_doubt,
            word=word,
            asked=asked,
        )


def _candidates(found: Found) -> tuple[Present, ...]:
    """Those that can be compared."""
    return tuple(c for c in found if isinstance(c, Present)) if isinstance(found, tuple) else ()


def _counterpart(found: Found) -> Observation:
    """What a look-up says of QBO's side of an unlinked record."""
    match found:
        case Unknown():
            return found
        case Refused(code=code, text=text, remedy=remedy):
            return Flawed("", "", (Problem(code=code, text=text, remedy=remedy),))
        case _:
            unreadable = [c for c in found if isinstance(c, Flawed)]
            return unreadable[0] if unreadable else Absent("", ("looked up by its key",))


def _known(link: Link) -> Known:
    return Known(
        source_id=link.source_id,
        qbo_id=link.qbo_id,
        state=link.state.value,
        source_base=link.source_base,
        qbo_base=link.qbo_base,
        accepted=frozenset(link.accepted),
        source_version=link.source_version,
        qbo_version=link.qbo_version,
        created_by=link.created_by,
        label=link.label,
    )


def _can_be_there(probe: Record) -> bool:
    """Whether QBO could hold a counterpart at all: not of the default item's stand-in, nor where even the client is
    still to be created and nothing else (a number) could lead to one."""
    match probe:
        case Item():
            return probe.id != DEFAULT_ITEM_KEY
        case Payment():
            return bool(probe.client)
        case Invoice():
            return bool(probe.client) or (isinstance(probe.number, str) and bool(probe.number.strip()))
        case _:
            return True


def _is_name(kind: Kind, source_id: str) -> bool:
    """Items that the source keeps only as names on lines cannot be read by id."""
    return kind is Kind.ITEM and (source_id == DEFAULT_ITEM_KEY or source_id.startswith("name:"))


def _same_name(left: Client | Item, right: Client | Item) -> bool:
    return name_key(left.name) == name_key(right.name)


__all__ = ["BooksChanges", "BooksReader", "Gathered", "Gatherer", "Slot", "Unchanged"]
