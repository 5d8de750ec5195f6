"""Observes both sides and joins what was seen with links and bases: everything the reconciler is given.

Costs what changed, not what exists. A record that a complete feed does not mention is ``Unchanged`` and is not read;
where one side of a linked record differs from its base, the other side is read as it is now, so that every decision
that leads to a write is made from two fresh observations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from syncd.links import LinkBook, record_name
from syncd.lookup import LookUp
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.observations import UNCHANGED, Absent, Flawed, Observation, Present, Unknown
from syncd.model.projections import differing
from syncd.model.records import Record
from syncd.model.references import (
    is_plainly,
    pending,
)
from syncd.model.spec import SPECS
from syncd.needs import Needs
from syncd.reconciler.entries import Entry, Known
from syncd.reconciler.policy import Policy
from syncd.reconciler.sight import is_void
from syncd.scene import Scene
from syncd.seen import (
    NOTHING_SAID,
    BooksChanges,
    BooksReader,
    Gathered,
    Said,
    Seen,
    Slot,
    candidates_of,
    counterpart_of,
)
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
        words: Mapping[Slot, Said],
        only: frozenset[Kind] = frozenset(),
        ids: frozenset[str] = frozenset(),
        reload: frozenset[Slot] = frozenset(),
        asked: Mapping[Slot, str] = MappingProxyType({}),
        narrow: bool = False,
        linked_in_qbo: Mapping[Kind, frozenset[str]] = MappingProxyType({}),
        undone: Callable[[], frozenset[Slot]] = frozenset,
    ) -> None:
        self._source = source
        self._books = books
        self._links = links
        self._lens = lens
        self._policy = policy
        self._settings = settings
        self._in_doubt = frozenset(record_name(*slot) for slot in in_doubt)
        self._words = words
        self._word_of = {record_name(*slot): answer for slot, answer in words.items()}
        self._only = only
        self._ids = ids
        self._reload = frozenset(
            name for slot in reload for name in (record_name(*slot), record_name(slot[0], "", slot[2]))
        )
        self._asked = asked
        self._narrowed = narrow
        self._linked_in_qbo = linked_in_qbo
        self._undone = undone
        self._scene = Scene(source, books, links)
        self._needs = Needs(self._scene, policy, settings, source, books, links)
        self._look = LookUp(books, links, policy, settings, self._scene)
        self._versions: list[tuple[Kind, str, str, str, str]] = []

    def gather(self, changes: SourceChanges, books: BooksChanges | None, dirty: Sequence[Dirty]) -> Gathered:
        """Join the two feeds with what we know, read what is missing, look up the unlinked."""
        self._take_source(changes)
        self._take_books(books)
        self._take_dirty(dirty)
        if self._only or self._ids or self._reload or self._narrowed:
            self._narrow()
        self._scene.load_references()
        self._drop_echoes(books)
        self._confirm_source_absences()
        self._confirm_books_absences(books)
        self._hydrate()
        self._needs.bring()
        self._look.run(frozenset(self._needs.found), self._resolve)
        return self._result()

    def load_names(self) -> None:
        """Load how people know what the records of QBO refer to: the list of what a person has to do names it."""
        self._scene.load_names()

    # ---- taking in

    def _take_source(self, changes: SourceChanges) -> None:
        for kind, records in changes.changed.items():
            if kind not in self._policy.kinds:
                continue
            suspects = changes.suspects.get(kind, frozenset())
            self._scene.load(kind, source_ids=[*records, *suspects])
            for source_id, observation in records.items():
                self._scene.seen[self._scene.slot(kind, source_id=source_id)].source = observation
            for source_id in suspects - records.keys():
                slot = self._scene.by_source(kind, source_id)
                if slot is not None and self._scene.seen[slot].link is not None:
                    self._scene.seen[slot].source = None
                    self._scene.seen[slot].forced = True

    def _take_books(self, books: BooksChanges | None) -> None:
        if books is None:
            return
        for kind in self._policy.kinds:
            records = self._of_kind(kind, books.records.get(kind, {}))
            tombstones = books.tombstones.get(kind, frozenset())
            tombstones |= self._not_listed(kind, books) | books.others.get(kind, frozenset())
            self._scene.load(kind, qbo_ids=[*records, *tombstones])
            for qbo_id, observation in records.items():
                self._scene.seen[self._scene.slot(kind, qbo_id=qbo_id)].qbo = observation
            for qbo_id in tombstones - records.keys():
                slot = self._scene.by_qbo(kind, qbo_id)
                if slot is not None and self._scene.seen[slot].link is not None:
                    self._scene.seen[slot].forced = True

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
        tried = frozenset(record_name(d.kind, d.source_id, d.qbo_id) for d in dirty if d.attempts)
        slots += [slot for slot in (*self._words, *self._asked) if slot[0] in self._policy.kinds]
        asked = {record_name(d.kind, d.source_id, d.qbo_id): d.asked for d in dirty if d.asked}
        asked |= {record_name(*slot): word for slot, word in self._asked.items()}
        by_kind: dict[Kind, list[Slot]] = defaultdict(list)
        for slot in slots:
            by_kind[slot[0]].append(slot)
        for kind, members in by_kind.items():
            self._scene.load(kind, source_ids=[s for _, s, _ in members if s], qbo_ids=[q for _, _, q in members if q])
            for _, source_id, qbo_id in members:
                # What is noted of a record of the source may name a look-alike in QBO: that is no pair.
                slot = self._scene.slot(kind, source_id=source_id, qbo_id="" if source_id else qbo_id)
                self._scene.seen[slot].forced = True
                self._scene.seen[slot].tried = record_name(kind, source_id, qbo_id) in tried
                self._scene.seen[slot].asked = asked.get(record_name(kind, source_id, qbo_id), "")

    def _narrow(self) -> None:
        """Keep what the operator asked for (and, later, what that needs)."""
        self._scene.keep(frozenset(slot for slot in self._scene.seen if self._is_asked_for(slot)))

    def _is_asked_for(self, slot: Slot) -> bool:
        kind, source_id, qbo_id = slot
        if self._narrowed:
            return record_name(*slot) in {record_name(*each) for each in self._asked}
        if self._reload:
            return bool({record_name(*slot), record_name(kind, "", qbo_id)} & self._reload)
        return (not self._only or kind in self._only) and (
            not self._ids or source_id in self._ids or qbo_id in self._ids or self._labelled(slot)
        )

    def _labelled(self, slot: Slot) -> bool:
        seen = self._scene.seen[slot]
        record = seen.source.record if isinstance(seen.source, Present) else None
        record = record or (seen.qbo.record if isinstance(seen.qbo, Present) else None)
        number = getattr(record, "number", None) or getattr(record, "name", None)
        return bool(number) and number in self._ids

    # ---- echoes

    def _resolve(self, kind: Kind, source_id: str) -> str:
        return (
            self._links.to_qbo(kind, source_id)
            or self._look.adopting.get((kind, source_id))
            or pending(kind, source_id)
        )

    def _drop_echoes(self, books: BooksChanges | None) -> None:
        """Our own writes come back through both feeds: same content, other version. Nothing to decide."""
        for slot, seen in list(self._scene.seen.items()):
            link = seen.link
            if link is None or seen.forced or record_name(*slot) in self._in_doubt:
                continue
            if link.state is LinkState.IGNORED:
                del self._scene.seen[slot]
                continue
            if link.state is not LinkState.LINKED or (books is not None and slot[0] in books.unknown):
                continue
            if self._same(slot, seen.source, Side.SOURCE, link) and self._same(slot, seen.qbo, Side.QBO, link):
                source_version = seen.source.version if isinstance(seen.source, Present) else ""
                qbo_version = seen.qbo.version if isinstance(seen.qbo, Present) else ""
                if source_version not in ("", link.source_version) or qbo_version not in ("", link.qbo_version):
                    self._versions.append((*slot, source_version, qbo_version))
                del self._scene.seen[slot]

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
        if is_void(record, self._policy.kinds[kind]):
            return False
        return not differing(self._lens.qbo(kind, record), link.qbo_base)

    # ---- second witnesses

    def _confirm_source_absences(self) -> None:
        for kind in self._policy.kinds:
            self._scene.read_source(
                kind, [slot for slot, seen in self._of(kind) if seen.forced and seen.source is None]
            )

    def _confirm_books_absences(self, books: BooksChanges | None) -> None:
        for kind in self._policy.kinds:
            if books is not None and kind in books.unknown:
                for _, seen in self._of(kind):
                    if seen.link is not None and seen.qbo is None:
                        seen.qbo = Unknown(books.unknown[kind])
                continue
            self._scene.read_books(kind, [slot for slot, seen in self._of(kind) if seen.forced and seen.qbo is None])

    def _hydrate(self) -> None:
        """Read the other side of every linked record that is not an echo."""
        for kind in self._policy.kinds:
            active = [
                (slot, seen)
                for slot, seen in self._of(kind)
                if seen.link is not None and seen.link.state is not LinkState.IGNORED
            ]
            self._scene.read_books(kind, [slot for slot, seen in active if seen.qbo is None])
            self._scene.read_source(kind, [slot for slot, seen in active if seen.source is None])
        self._scene.load_references()

    def _of(self, kind: Kind) -> list[tuple[Slot, Seen]]:
        return [(slot, seen) for slot, seen in self._scene.seen.items() if slot[0] is kind]

    # ---- the result

    def _result(self) -> Gathered:
        self._load_candidates()
        entries: list[Entry] = []
        quiet: set[Slot] = set()
        raw: dict[tuple[Kind, str], bytes] = {}
        current: dict[tuple[Kind, str], Record] = {}
        missing: dict[tuple[Side, Kind], int] = {}
        undone = frozenset(record_name(*slot) for slot in self._undone()) if self._scene.seen else frozenset()
        for slot, seen in self._scene.seen.items():
            entry = self._entry(slot, seen, undone=record_name(*slot) in undone)
            if entry is None:
                quiet.add(slot)
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
        return Gathered(tuple(entries), tuple(self._versions), raw, current, missing, frozenset(quiet))

    def _load_candidates(self) -> None:
        """Which candidates are linked already: they are somebody else's."""
        wanted = [
            (slot[0], each.record.id) for slot, found in self._look.candidates.items() for each in candidates_of(found)
        ]
        self._links.load_refs(wanted, Side.QBO)

    def _entry(self, slot: Slot, seen: Seen, *, undone: bool) -> Entry | None:
        kind, link = slot[0], seen.link
        found = self._look.candidates.get(slot, ())
        candidates = candidates_of(found)
        qbo = seen.qbo
        source = seen.source
        if link is None or not (link.source_id and link.qbo_id):  # a note about one record is no pair
            if source is None and qbo is None:
                return None
            if qbo is None:
                qbo = counterpart_of(found)
            if source is None:
                source = Absent("", ("no record of the source is linked to it",))
            if isinstance(source, Absent) and isinstance(qbo, Absent):
                return None
        word, asked, shown = self._word_of.get(record_name(*slot), NOTHING_SAID)
        return Entry(
            kind=kind,
            source=source if source is not None else UNCHANGED,
            qbo=qbo if qbo is not None else UNCHANGED,
            known=_known(link) if link is not None else None,
            candidates=candidates,
            in_doubt=record_name(*slot) in self._in_doubt,
            word=word,
            asked=asked,
            shown=shown,
            claimed=self._look.claimed.get(slot, ""),
            undone=undone,
            tried=seen.tried,
            pushed=bool(seen.asked),
            mail=_MAIL.get(seen.asked, ""),
        )


_MAIL: Mapping[str, Literal["asked", "owed", "unclear"]] = {"send": "asked", "mail": "owed", "unclear": "unclear"}


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
