"""Observes both sides and joins what was seen with links and bases: everything the reconciler is given.

Costs what changed, not what exists. A record that a complete feed does not mention is ``Unchanged`` and is not read;
where one side of a linked record differs from its base, the other side is read as it is now, so that every decision
that leads to a write is made from two fresh observations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from syncd.links import LinkBook, record_name
from syncd.lookup import LookUp
from syncd.model.facts import Settings
from syncd.model.lens import Lens, differing
from syncd.model.observations import UNCHANGED, Absent, Flawed, Observation, Present, Unknown
from syncd.model.records import Client, Kind, Record, Side, State, Vendor
from syncd.model.references import (
    is_name,
    is_plainly,
    names_in,
    party,
    pending,
    qbo_references,
    references,
    stand_in,
)
from syncd.model.spec import NO_COUNTERPART, SPECS
from syncd.namesakes import namesakes
from syncd.reconciler.entries import Entry, Known
from syncd.reconciler.policy import Answer, Case, Owner, Policy
from syncd.seen import BooksChanges, BooksReader, Gathered, Seen, Slot, candidates_of, counterpart_of
from syncd.sources.base import Source, SourceChanges
from syncd.state.values import Dirty, Link, LinkState


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
        settings: Settings,
        in_doubt: frozenset[Slot],
        words: Mapping[Slot, tuple[str, str]],
        only: frozenset[Kind] = frozenset(),
        ids: frozenset[str] = frozenset(),
        reload: frozenset[Slot] = frozenset(),
        linked_in_qbo: Mapping[Kind, frozenset[str]] = MappingProxyType({}),
    ) -> None:
        self._source = source
        self._books = books
        self._links = links
        self._lens = lens
        self._policy = policy
        self._settings = settings
        self._in_doubt = in_doubt
        self._words = words
        self._word_of = {record_name(*slot): answer for slot, answer in words.items()}
        self._only = only
        self._ids = ids
        self._reload = frozenset(
            name for slot in reload for name in (record_name(*slot), record_name(slot[0], "", slot[2]))
        )
        self._linked_in_qbo = linked_in_qbo
        self._seen: dict[Slot, Seen] = {}
        self._by_source: dict[tuple[Kind, str], Slot] = {}
        self._by_qbo: dict[tuple[Kind, str], Slot] = {}
        self._look = LookUp(books, links, policy, settings, self._seen)
        self._versions: list[tuple[Kind, str, str, str, str]] = []
        self._quiet: set[Slot] = set()
        self._needed: set[tuple[Kind, str]] = set()

    def gather(self, changes: SourceChanges, books: BooksChanges | None, dirty: Sequence[Dirty]) -> Gathered:
        """Join the two feeds with what we know, read what is missing, look up the unlinked."""
        self._take_source(changes)
        self._take_books(books)
        self._take_dirty(dirty)
        if self._only or self._ids or self._reload:
            self._narrow()
        self._load_references(self._records(Side.SOURCE), Side.SOURCE)
        self._load_references(self._records(Side.QBO), Side.QBO)
        self._drop_echoes(books)
        self._confirm_source_absences(changes)
        self._confirm_books_absences(books)
        self._hydrate()
        self._bring_imported()
        self._bring_namesakes()
        self._bring_needed()
        self._look.run(frozenset(self._needed), self._resolve)
        return self._result()

    def load_names(self) -> None:
        """Load how people know what the records of QBO refer to: the list of what a person has to do names it."""
        named: dict[Kind, set[str]] = defaultdict(set)
        for record in self._records(Side.QBO):
            for kind, qbo_id in qbo_references(record):
                named[kind].add(qbo_id)
        for kind, qbo_ids in named.items():
            self._links.load_links(kind, qbo_ids=sorted(qbo_ids))

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
            records = self._of_kind(kind, books.records.get(kind, {}))
            tombstones = books.tombstones.get(kind, frozenset())
            tombstones |= self._not_listed(kind, books) | books.others.get(kind, frozenset())
            self._load(kind, qbo_ids=[*records, *tombstones])
            for qbo_id, observation in records.items():
                self._seen[self._slot(kind, qbo_id=qbo_id)].qbo = observation
            for qbo_id in tombstones - records.keys():
                slot = self._by_qbo.get((kind, qbo_id))
                if slot is not None and self._seen[slot].link is not None:
                    self._seen[slot].forced = True

    def _of_kind(self, kind: Kind, records: Mapping[str, Present | Flawed]) -> Mapping[str, Present | Flawed]:
        """Those of a feed's records that are of this kind, where several kinds are one entity in QBO: what is linked
        stays what it is, the rest goes by what it looks like."""
        siblings = SPECS[kind].siblings
        if not siblings or not records:
            return records
        for each in (kind, *siblings):
            self._links.load_refs([(each, qbo_id) for qbo_id in records], Side.QBO)
        kept = {}
        for qbo_id, seen in records.items():
            elsewhere = any(self._links.to_source(each, qbo_id) for each in siblings)
            here = bool(self._links.to_source(kind, qbo_id))
            plain = not isinstance(seen, Present) or is_plainly(kind, seen.record)
            if here or (plain and not elsewhere):
                kept[qbo_id] = seen
        return kept

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
            if self._reload:
                wanted = bool({record_name(*slot), record_name(kind, "", qbo_id)} & self._reload)
            if not wanted:
                del self._seen[slot]
        self._by_source = {name: slot for name, slot in self._by_source.items() if slot in self._seen}
        self._by_qbo = {name: slot for name, slot in self._by_qbo.items() if slot in self._seen}

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
            wanted |= references(record) if side is Side.SOURCE else qbo_references(record)
        self._links.load_refs(wanted, side)

    def _resolve(self, kind: Kind, source_id: str) -> str:
        return (
            self._links.to_qbo(kind, source_id)
            or self._look.adopting.get((kind, source_id))
            or pending(kind, source_id)
        )

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
            if not self._policy.kinds[kind].flows_in(record):
                return False
            return not differing(self._lens.source(kind, record, self._resolve), link.source_base)
        if getattr(record, "state", State.LIVE) is State.VOID or (
            isinstance(record, Client | Vendor) and not record.active
        ):
            return False
        return not differing(self._lens.qbo(kind, record), link.qbo_base)

    # ---- second witnesses

    def _confirm_source_absences(self, changes: SourceChanges) -> None:
        for kind in self._policy.kinds:
            unseen = [
                slot for slot, seen in self._seen.items() if slot[0] is kind and seen.forced and seen.source is None
            ]
            ids = [source_id for _, source_id, _ in unseen if source_id and not is_name(kind, source_id)]
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
        slots = [slot for slot in slots if slot[2] != NO_COUNTERPART]
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
                if seen.source is None and slot[1] and not is_name(kind, slot[1]) and self._active(seen)
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

    def _bring_imported(self) -> None:
        """Records of QBO that are brought into the source only with what refers to them (credit notes, R-70)."""
        wanted: dict[Kind, set[str]] = defaultdict(set)
        for slot, seen in self._seen.items():
            policy = self._policy.kinds[slot[0]]
            imports = policy.answers.get(Case.FOREIGN) is Answer.CREATE_SOURCE and not policy.when_imported
            if not imports or not isinstance(seen.qbo, Present):
                continue
            for kind, qbo_id in qbo_references(seen.qbo.record):
                theirs = self._policy.kinds.get(kind)
                if theirs is not None and theirs.when_imported and not self._links.to_source(kind, qbo_id):
                    wanted[kind].add(qbo_id)
        for kind, ids in wanted.items():
            slots = [self._slot(kind, qbo_id=qbo_id) for qbo_id in sorted(ids)]
            self._read_books(kind, [slot for slot in slots if self._seen[slot].qbo is None])
        self._load_references(self._records(Side.QBO), Side.QBO)

    def _bring_namesakes(self) -> None:
        """Items and payment methods of the source that records of QBO name, and that nothing is linked with so far."""
        wanted: dict[Kind, set[str]] = defaultdict(set)
        for slot, seen in self._seen.items():
            policy = self._policy.kinds[slot[0]]
            comes = seen.link is not None or policy.answers.get(Case.FOREIGN) is Answer.CREATE_SOURCE
            if not comes or policy.default_owner is not Owner.QBO or not isinstance(seen.qbo, Present):
                continue
            for kind, qbo_id in qbo_references(seen.qbo.record):
                named = SPECS[kind].link_only and kind in self._policy.kinds
                if named and not self._links.to_source(kind, qbo_id):
                    wanted[kind].add(qbo_id)
        for kind, ids in wanted.items():
            found = namesakes(kind, ids, self._books, self._source, self._settings)
            self._load(kind, source_ids=found)
            for source_id, observation in found.items():
                slot = self._slot(kind, source_id=source_id)
                if self._seen[slot].link is None:
                    self._seen[slot].source = observation
                    self._needed.add((kind, source_id))

    def _bring_needed(self) -> None:
        """Parties and named things that are linked only when needed, and are needed now without having changed."""
        wanted: dict[Kind, dict[str, str]] = defaultdict(dict)
        parties: dict[Kind, set[str]] = defaultdict(set)
        for slot, seen in list(self._seen.items()):
            policy = self._policy.kinds[slot[0]]
            if policy.when_needed or not isinstance(seen.source, Present):
                continue
            record = seen.source.record
            if not (policy.flows_in(record) if seen.link is not None else policy.sends(record)):
                continue
            whose = party(record)
            if seen.link is None and whose is not None:
                parties[whose[0]].add(whose[1])
            names = names_in(record)
            for kind, reference in references(record):
                theirs = self._policy.kinds.get(kind)
                if theirs is not None and theirs.when_needed and not self._links.to_qbo(kind, reference):
                    wanted[kind][reference] = names.get((kind, reference), "")
                    self._needed.add((kind, reference))
        for kind, missing in wanted.items():
            self._bring(kind, missing)
        for kind, ids in parties.items():
            self._links.load_links(kind, source_ids=ids)

    def _bring(self, kind: Kind, names: Mapping[str, str]) -> None:
        missing = {reference: name for reference, name in names.items() if not self._was_read(kind, reference)}
        real = sorted(reference for reference in missing if not is_name(kind, reference))
        self._load(kind, source_ids=missing)
        for source_id, observation in (self._source.read(kind, real) if real else {}).items():
            self._seen[self._slot(kind, source_id=source_id)].source = observation
        for reference in sorted(missing.keys() - set(real)):
            made = Present(stand_in(kind, reference, missing[reference]), version="")
            self._seen[self._slot(kind, source_id=reference)].source = made

    def _was_read(self, kind: Kind, source_id: str) -> bool:
        """Whether the source was asked for it already; a mere name that waits is in view and was not."""
        slot = self._by_source.get((kind, source_id))
        seen = self._seen.get(slot) if slot is not None else None
        return slot is not None and (seen is None or seen.source is not None)

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
        wanted = [
            (slot[0], each.record.id) for slot, found in self._look.candidates.items() for each in candidates_of(found)
        ]
        self._links.load_refs(wanted, Side.QBO)

    def _entry(self, slot: Slot, seen: Seen) -> Entry | None:
        kind, source_id, _ = slot
        link = seen.link
        found = self._look.candidates.get(slot, ())
        candidates = candidates_of(found)
        qbo = seen.qbo
        source = seen.source
        if link is None:
            if source is None and qbo is None:
                return None
            if qbo is None:
                qbo = counterpart_of(found)
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
            claimed=self._look.claimed.get(slot, ""),
        )


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
