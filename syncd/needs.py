"""Brings in what flowing records need: parties, named things, what comes from QBO only with what refers to it, and
whatever of that may have ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from syncd.links import LinkBook
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Present
from syncd.model.records import Record
from syncd.model.references import (
    amount_of,
    is_name,
    mapped_name,
    names_in,
    party,
    qbo_references,
    references,
    stand_in,
)
from syncd.model.spec import SPECS
from syncd.model.values import name_key
from syncd.namesakes import namesakes
from syncd.reconciler.policy import Answer, Case, Owner, Policy
from syncd.scene import Scene
from syncd.seen import BooksReader, Seen, Slot
from syncd.sources.base import Source, WithFiles

Name = tuple[Kind, str]
"""A record by one side's id."""


class Needs:
    """What one cycle's records need. ``found``: records of the source that something refers to, linked or not."""

    def __init__(
        self, scene: Scene, policy: Policy, settings: Settings, source: Source, books: BooksReader, links: LinkBook
    ) -> None:
        self._scene = scene
        self._policy = policy
        self._settings = settings
        self._source = source
        self._books = books
        self._links = links
        self.found: set[Name] = set()

    def bring(self) -> None:
        """Read what is missing into the scene."""
        self._bring_along()
        self._bring_imported()
        self._bring_twins()
        self._bring_same_names()
        self._bring_namesakes()
        self._bring_needed()
        self._bring_unsettled()

    # ---- what belongs to records that are looked at

    def _bring_along(self) -> None:
        """Files of the documents that are looked at: they go to QBO with them, and leave it with them."""
        kinds = [kind for kind in self._policy.kinds if SPECS[kind].along]
        if not kinds or not isinstance(self._source, WithFiles):
            return
        owners = {
            (kind, source_id)
            for (kind, source_id, _), seen in self._scene.seen.items()
            if source_id and kind in SPECS[kinds[0]].needs and seen.source is not None
        }
        found = self._source.files_of(sorted(owners)) if owners else {}
        for kind in kinds:
            self._scene.load(kind, source_ids=found)
            for source_id, observation in found.items():
                seen = self._scene.seen[self._scene.slot(kind, source_id=source_id)]
                seen.source = seen.source or observation
            slots = [slot for slot, seen in self._scene.seen.items() if slot[0] is kind and seen.link is not None]
            self._scene.read_books(kind, [slot for slot in slots if self._scene.seen[slot].qbo is None])
        self._scene.load_references()

    # ---- what records of QBO refer to

    def _bring_imported(self) -> None:
        """Records of QBO that are brought into the source only with what refers to them (credit notes, R-70)."""
        wanted = self._unlinked(self._comes_alone, lambda kind: self._policy.kinds[kind].when_imported)
        for kind, ids in wanted.items():
            slots = [self._scene.slot(kind, qbo_id=qbo_id) for qbo_id in sorted(ids)]
            self._scene.read_books(kind, [slot for slot in slots if self._scene.seen[slot].qbo is None])
        self._scene.load_references(Side.QBO)

    def _bring_twins(self) -> None:
        """Of a kind that only comes in: those of the source's own that may be the same as what is new in QBO. Without
        them it would come into being twice. The whole source is looked through: no key leads to them."""
        for kind, policy in self._policy.kinds.items():
            seen = [s.qbo for slot, s in self._scene.seen.items() if slot[0] is kind and s.link is None]
            amounts = {amount_of(each.record) for each in seen if isinstance(each, Present)}
            if not amounts or not policy.only_comes_in:
                continue
            alike = [s for s in self._source.scan(kind) if isinstance(s, Present) and amount_of(s.record) in amounts]
            self._links.load_refs([(kind, each.record.id) for each in alike], Side.SOURCE)
            for each in alike:
                if not self._links.to_qbo(kind, each.record.id) and not self._was_read(kind, each.record.id):
                    self._scene.seen[self._scene.slot(kind, source_id=each.record.id)].source = each
        self._scene.load_references(Side.SOURCE)

    def _bring_same_names(self) -> None:
        """Records of the source called like one of QBO's that could not be brought in before, and is to be now: people
        may have entered it by themselves meanwhile."""
        names: dict[Kind, set[str]] = defaultdict(set)
        for (kind, source_id, _), seen in self._scene.seen.items():
            waits = seen.tried and seen.link is None and not source_id and self._policy.kinds[kind].at_first
            if waits and isinstance(seen.qbo, Present):
                names[kind].add(name_key(getattr(seen.qbo.record, "name", "")))
        for kind, wanted in names.items():
            for each in self._source.scan(kind):
                if isinstance(each, Present) and self._called(kind, each.record) in wanted:
                    self._scene.load(kind, source_ids=[each.record.id])
                    here = self._scene.seen[self._scene.slot(kind, source_id=each.record.id)]
                    here.source = here.source or each

    def _called(self, kind: Kind, record: Record) -> str:
        return name_key(mapped_name(kind, getattr(record, "name", ""), self._settings))

    def _bring_namesakes(self) -> None:
        """Items and payment methods of the source that records of QBO name, and that nothing is linked with so far."""
        for kind, ids in self._unlinked(self._tells, lambda kind: SPECS[kind].link_only).items():
            found = namesakes(kind, ids, self._books, self._source, self._settings)
            self._scene.load(kind, source_ids=found)
            for source_id, observation in found.items():
                seen = self._scene.seen[self._scene.slot(kind, source_id=source_id)]
                if seen.link is None:
                    seen.source = observation
                    self.found.add((kind, source_id))

    def _unlinked(
        self, counts: Callable[[Slot, Seen], bool], of_interest: Callable[[Kind], bool]
    ) -> Mapping[Kind, set[str]]:
        """The unlinked ids of QBO, of interesting kinds, that records of QBO which count refer to."""
        wanted: dict[Kind, set[str]] = defaultdict(set)
        for slot, seen in self._scene.seen.items():
            if not isinstance(seen.qbo, Present) or not counts(slot, seen):
                continue
            for kind, qbo_id in qbo_references(seen.qbo.record):
                known = kind in self._policy.kinds and of_interest(kind)
                if known and not self._links.to_source(kind, qbo_id):
                    wanted[kind].add(qbo_id)
        return wanted

    def _imports(self, slot: Slot) -> bool:
        return self._policy.kinds[slot[0]].answers.get(Case.FOREIGN) is Answer.CREATE_SOURCE

    def _comes_alone(self, slot: Slot, _: Seen) -> bool:
        """Whether a record of QBO would be brought into the source whatever refers to it."""
        return self._imports(slot) and not self._policy.kinds[slot[0]].when_imported

    def _tells(self, slot: Slot, seen: Seen) -> bool:
        """Whether the source is told what QBO says of a record."""
        owned = self._policy.kinds[slot[0]].default_owner is Owner.QBO
        return owned and (seen.link is not None or self._imports(slot))

    # ---- what records of the source refer to

    def _bring_needed(self) -> None:
        """Parties and named things that are linked only when needed, and are needed now without having changed."""
        wanted: dict[Kind, dict[str, str]] = defaultdict(dict)
        parties: dict[Kind, set[str]] = defaultdict(set)
        for slot, seen in list(self._scene.seen.items()):
            if not isinstance(seen.source, Present) or not self._flows(slot, seen, seen.source.record):
                continue
            record = seen.source.record
            whose = party(record)
            if seen.link is None and whose is not None:
                parties[whose[0]].add(whose[1])
            names = names_in(record)
            for kind, reference in references(record):
                theirs = self._policy.kinds.get(kind)
                if theirs is not None and theirs.when_needed and not self._links.to_qbo(kind, reference):
                    wanted[kind][reference] = names.get((kind, reference), "")
                    self.found.add((kind, reference))
        for kind, missing in wanted.items():
            self._bring_by_name(kind, missing)
        for kind, ids in parties.items():
            self._links.load_links(kind, source_ids=ids)

    def _flows(self, slot: Slot, seen: Seen, record: Record) -> bool:
        policy = self._policy.kinds[slot[0]]
        linked = seen.link is not None
        return not policy.when_needed and policy.goes_out(record, linked=linked, asked=bool(seen.asked))

    def _bring_by_name(self, kind: Kind, names: Mapping[str, str]) -> None:
        """Read these of the source; what is a mere name there gets a record made of it."""
        missing = {reference: name for reference, name in names.items() if not self._was_read(kind, reference)}
        self._scene.load(kind, source_ids=missing)
        real = sorted(reference for reference in missing if not is_name(kind, reference))
        for source_id, observation in (self._source.read(kind, real) if real else {}).items():
            self._scene.seen[self._scene.slot(kind, source_id=source_id)].source = observation
        for reference in sorted(missing.keys() - set(real)):
            made = Present(stand_in(kind, reference, missing[reference]), version="")
            self._scene.seen[self._scene.slot(kind, source_id=reference)].source = made

    def _was_read(self, kind: Kind, source_id: str) -> bool:
        """Whether the source was asked for it already (and, perhaps, nothing was to be done about it); a mere name
        that waits is in view and was not."""
        slot = self._scene.by_source(kind, source_id)
        seen = self._scene.seen.get(slot) if slot is not None else None
        return slot is not None and (seen is None or seen.source is not None)

    # ---- what either side refers to, and may not be there any more

    def _bring_unsettled(self) -> None:
        """Documents and parties that were left behind or are held: nobody knows whether both sides still have them.

        What is brought in refers to others in its turn: a payment to an invoice, that to a client.
        """
        asked: set[tuple[Side, Name]] = set()
        while new := self._named() - asked:
            asked |= new
            by_kind: dict[tuple[Side, Kind], set[str]] = defaultdict(set)
            for side, (kind, reference) in new:
                by_kind[side, kind].add(reference)
            found = {(s, k): self._links.unsettled(k, s, sorted(ids)) for (s, k), ids in by_kind.items()}
            for (side, kind), ids in found.items():
                self._read_both(kind, side, sorted(ids))
            if not any(found.values()):
                return
            self._scene.load_references()

    def _named(self) -> set[tuple[Side, Name]]:
        """The documents and parties that present records refer to, by the ids of the side that names them."""
        return {
            (side, (kind, reference))
            for side, named in ((Side.SOURCE, references), (Side.QBO, qbo_references))
            for record in self._scene.records(side)
            for kind, reference in named(record)
            if kind in self._policy.kinds and not self._policy.only_matched(kind)
        }

    def _read_both(self, kind: Kind, side: Side, ids: list[str]) -> None:
        """Read both sides of these linked records, as far as they were not read yet."""
        self._scene.load(kind, **{"source_ids" if side is Side.SOURCE else "qbo_ids": ids})
        find = self._scene.by_source if side is Side.SOURCE else self._scene.by_qbo
        slots = [slot for each in ids if (slot := find(kind, each)) in self._scene.seen and slot is not None]
        self._scene.read_books(kind, [slot for slot in slots if self._scene.seen[slot].qbo is None])
        self._scene.read_source(kind, [slot for slot in slots if self._scene.seen[slot].source is None])
