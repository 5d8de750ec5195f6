"""Everything seen in one cycle, record by record, under each name that a record has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from syncd.links import LinkBook
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Present, Unknown
from syncd.model.records import Record
from syncd.model.references import is_name, qbo_references, references
from syncd.model.spec import NO_COUNTERPART
from syncd.seen import BooksReader, Seen, Slot
from syncd.sources.base import Source
from syncd.state.values import Link, LinkState


class Scene:
    """What was observed so far: ``seen`` by slot. One for each cycle; whoever reads a record puts it here."""

    def __init__(self, source: Source, books: BooksReader, links: LinkBook) -> None:
        self._source = source
        self._books = books
        self._links = links
        self._by_source: dict[tuple[Kind, str], Slot] = {}
        self._by_qbo: dict[tuple[Kind, str], Slot] = {}
        self.seen: dict[Slot, Seen] = {}

    def slot(self, kind: Kind, *, source_id: str = "", qbo_id: str = "", link: Link | None = None) -> Slot:
        """The place of a record, by whichever id is known; a new one where it was not seen before."""
        slot = self._by_source.get((kind, source_id)) if source_id else None
        if slot is None and qbo_id:
            slot = self._by_qbo.get((kind, qbo_id))
            if slot is not None and source_id and slot[1] not in ("", source_id):
                slot = None  # several items of the source may stand for one of QBO's
        if slot is None:
            if link is not None:
                source_id, qbo_id = link.source_id, link.qbo_id
            slot = (kind, source_id, qbo_id)
            if slot[1]:
                self._by_source[kind, slot[1]] = slot
            if slot[2]:
                self._by_qbo[kind, slot[2]] = slot
        self.seen.setdefault(slot, Seen(link=link))
        return slot

    def by_source(self, kind: Kind, source_id: str) -> Slot | None:
        """The place of a record of the source, if it was seen."""
        return self._by_source.get((kind, source_id))

    def by_qbo(self, kind: Kind, qbo_id: str) -> Slot | None:
        """The place of a record of QBO, if it was seen."""
        return self._by_qbo.get((kind, qbo_id))

    def keep(self, wanted: frozenset[Slot]) -> None:
        """Forget every other record."""
        self.seen = {slot: seen for slot, seen in self.seen.items() if slot in wanted}
        self._by_source = {name: slot for name, slot in self._by_source.items() if slot in wanted}
        self._by_qbo = {name: slot for name, slot in self._by_qbo.items() if slot in wanted}

    def load(self, kind: Kind, *, source_ids: Iterable[str] = (), qbo_ids: Iterable[str] = ()) -> None:
        """Bring in what is linked under these ids.

        A record that was removed and made again has a tombstone beside its link. What is said of the removed one is
        old news (QBO's feed repeats it for minutes): the record is what its link says.
        """
        found = self._links.load_links(kind, source_ids=source_ids, qbo_ids=qbo_ids)
        ended = {link.source_id for link in found if link.state is LinkState.TOMBSTONED and link.source_id}
        again = self._links.load_links(kind, source_ids=ended) if ended else []
        living = {link.source_id for link in again if link.state is not LinkState.TOMBSTONED}
        for link in found:
            if link.state is not LinkState.TOMBSTONED or link.source_id not in living:
                self.slot(kind, source_id=link.source_id, qbo_id=link.qbo_id, link=link)

    def records(self, side: Side) -> list[Record]:
        """What is present on one side."""
        observations = ((seen.source if side is Side.SOURCE else seen.qbo) for seen in self.seen.values())
        return [observation.record for observation in observations if isinstance(observation, Present)]

    def load_references(self, *sides: Side) -> None:
        """Load the links of whatever the present records refer to."""
        for side in sides or (Side.SOURCE, Side.QBO):
            wanted: set[tuple[Kind, str]] = set()
            for record in self.records(side):
                wanted |= references(record) if side is Side.SOURCE else qbo_references(record)
            self._links.load_refs(wanted, side)

    def load_names(self) -> None:
        """Load how people know what the records of QBO refer to: the list of what a person has to do names it."""
        named: dict[Kind, set[str]] = defaultdict(set)
        for record in self.records(Side.QBO):
            for kind, qbo_id in qbo_references(record):
                named[kind].add(qbo_id)
        for kind, qbo_ids in named.items():
            self._links.load_links(kind, qbo_ids=sorted(qbo_ids))

    # ---- reading by id

    def read_books(self, kind: Kind, slots: Iterable[Slot]) -> None:
        """Read the QBO side of these, as it is now."""
        slots = [slot for slot in slots if slot[2] not in ("", NO_COUNTERPART)]
        if slots:
            answers = self._books.read(kind, sorted({qbo_id for _, _, qbo_id in slots}))
            for slot in slots:
                self.seen[slot].qbo = answers.get(slot[2], Unknown("QuickBooks did not answer for it"))

    def read_source(self, kind: Kind, slots: Sequence[Slot]) -> None:
        """Read the source's side of these, as it is now. What it does not answer for stays as it was."""
        ids = sorted({slot[1] for slot in slots if slot[1] and not is_name(kind, slot[1])})
        answers = self._source.read(kind, ids) if ids else {}
        for slot in slots:
            if slot[1] in answers:
                self.seen[slot].source = answers[slot[1]]
