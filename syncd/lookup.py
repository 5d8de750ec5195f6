"""Looks for the records of QBO that unlinked ones of the source may be: by a claimed id, else by their key."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from syncd.links import LinkBook
from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Observation, Present, Unknown
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.references import billed_to, claimed_id, mapped_name, party
from syncd.model.spec import DEFAULT_KEY, SPECS
from syncd.model.values import name_key
from syncd.model.writes import Refused
from syncd.reconciler.policy import KindPolicy, Policy
from syncd.scene import Scene
from syncd.seen import BooksReader, Found, Seen, Slot, candidates_of
from syncd.state.values import LinkState
from syncd.translate import in_qbo_ids

Probes = dict[str, tuple[Slot, Record]]
"""By source id: the record's slot, and what it is looked for by."""


class LookUp:
    """One cycle's look-ups. ``candidates``: what was found, by slot; ``claimed``: the id that was claimed for it;
    ``adopting``: ids that will most likely be linked in this very cycle."""

    def __init__(self, books: BooksReader, links: LinkBook, policy: Policy, settings: Settings, scene: Scene) -> None:
        self._books = books
        self._links = links
        self._policy = policy
        self._settings = settings
        self._scene = scene
        self._needed: frozenset[tuple[Kind, str]] = frozenset()
        self._resolve: Callable[[Kind, str], str] = lambda _kind, _id: ""
        self._answers: dict[tuple[Kind, str], Found] = {}
        self.candidates: dict[Slot, Found] = {}
        self.claimed: dict[Slot, str] = {}
        self.adopting: dict[tuple[Kind, str], str] = {}

    def run(self, needed: frozenset[tuple[Kind, str]], resolve: Callable[[Kind, str], str]) -> None:
        """Look everything up, kind after kind. ``needed``: what documents refer to; ``resolve``: from the source's id
        to QBO's, or to the mark of one to come."""
        self._needed, self._resolve = needed, resolve
        for kind in sorted(self._policy.kinds, key=list(SPECS).index):
            probes = self._probes(kind)
            if not probes:
                continue
            self._leave_others(kind, probes)
            self._take_claimed(kind, probes)
            real = [record for slot, record in probes.values() if _can_be_there(record) and not self._unborn(slot)]
            answers = self._books.find(kind, real) if real else {}
            for source_id, (slot, record) in probes.items():
                found = answers.get(source_id, ())
                self.candidates[slot] = self._answers[kind, source_id] = found
                self._provisional(kind, source_id, record, found)

    def _probes(self, kind: Kind) -> Probes:
        """The records of a kind that have to be looked for: unlinked, or not in QBO any more."""
        policy = self._policy.kinds[kind]
        probes: Probes = {}
        for slot, seen in self._scene.seen.items():
            if slot[0] is not kind or not isinstance(seen.source, Present):
                continue
            unlinked = seen.link is None or seen.link.state is LinkState.TOMBSTONED or not slot[2]
            lost = seen.link is not None and isinstance(seen.qbo, Absent)
            flows = self._is_sent(policy, slot, seen, seen.source.record)
            if flows and (unlinked or lost):
                probes[slot[1]] = (slot, self._probe(kind, seen.source.record))
        return probes

    def _is_sent(self, policy: KindPolicy, slot: Slot, seen: Seen, record: Record) -> bool:
        """Whether a record of the source is to be in QBO; parties and named things only if something needs them, or
        a person asked for them."""
        flows = policy.goes_out(record, linked=seen.link is not None, asked=bool(seen.asked))
        needed = not policy.when_needed or bool(seen.asked) or (slot[0], slot[1]) in self._needed
        return flows and needed

    def _probe(self, kind: Kind, record: Record) -> Record:
        """The record as QBO may know it: its own name there, and what it refers to by QBO's ids, where these are known
        or about to be."""
        named = getattr(record, "name", "")
        if named:
            return msgspec.structs.replace(record, name=mapped_name(kind, named, self._settings))
        probe = in_qbo_ids(record, self._known_in_qbo)
        if isinstance(record, Invoice | CreditNote | Payment | CreditApplication) and record.project:
            customer = self._known_in_qbo(*billed_to(record, self._settings))
            return msgspec.structs.replace(probe, client=customer)
        return probe

    def _known_in_qbo(self, kind: Kind, source_id: str) -> str:
        found = self._resolve(kind, source_id)
        return "" if found.startswith("+") else found

    def _take_claimed(self, kind: Kind, probes: Probes) -> None:
        """Records of which the source or the settings say outright which one of QBO's they are: read by that id, and
        looked for in no other way."""
        claims = {}
        for source_id, (slot, _) in probes.items():
            seen = self._scene.seen[slot]
            if seen.link is None and isinstance(seen.source, Present):
                claims[source_id] = claimed_id(kind, seen.source.record, self._settings)
        wanted = sorted({qbo_id for qbo_id in claims.values() if qbo_id})
        answers = self._books.read(kind, wanted) if wanted else {}
        for source_id, qbo_id in claims.items():
            if not qbo_id:
                continue
            slot, _ = probes.pop(source_id)
            answer = answers.get(qbo_id, Unknown("QuickBooks did not answer for it"))
            self.claimed[slot] = qbo_id
            self.candidates[slot] = _as_found(answer)
            if isinstance(answer, Present):
                self.adopting[kind, source_id] = qbo_id

    def _leave_others(self, kind: Kind, probes: Probes) -> None:
        """Documents that stand in the books of another company already: their business unit was changed after they
        were posted, and in two books they would count twice."""
        if not SPECS[kind].transaction:
            return
        for source_id, holder in self._links.elsewhere(kind, list(probes)).items():
            slot, _ = probes.pop(source_id)
            self.candidates[slot] = Refused(
                code="elsewhere",
                text=f"It stands in the books of {holder} already.",
                remedy=f"Put its business unit back, or remove it from the books of {holder} first.",
            )

    def _unborn(self, slot: Slot) -> bool:
        """Whether it uses a credit note that is certainly not in QBO yet: then nothing there can be the same. Where the
        credit note may be one of QBO's, it has to be linked first."""
        seen = self._scene.seen[slot].source
        record = seen.record if isinstance(seen, Present) else None
        if not isinstance(record, CreditApplication) or self._known_in_qbo(Kind.CREDIT_NOTE, record.credit_note):
            return False
        return self._answers.get((Kind.CREDIT_NOTE, record.credit_note), ()) == ()

    def _provisional(self, kind: Kind, source_id: str, record: Record, found: Found) -> None:
        """One plain match by name will be adopted; what refers to it can be looked up already."""
        name = getattr(record, "name", "")
        same = [
            c
            for c in candidates_of(found)
            if name and getattr(c.record, "active", True) and name_key(getattr(c.record, "name", "")) == name_key(name)
        ]
        if len(same) == 1 and not self._links.to_source(kind, same[0].record.id):
            self.adopting[kind, source_id] = same[0].record.id


def _can_be_there(probe: Record) -> bool:
    """Whether QBO could hold a counterpart at all: not of the default item's stand-in, nor where even the client is
    still to be created and nothing else (a number) could lead to one."""
    if probe.id == DEFAULT_KEY:
        return False
    whose = party(probe)
    number = getattr(probe, "number", UNSET)
    return whose is None or bool(whose[1]) or (isinstance(number, str) and bool(number.strip()))


def _as_found(seen: Observation) -> Found:
    """What a record that was claimed by its id turned out to be."""
    match seen:
        case Present() | Flawed():
            return (seen,)
        case Absent(id=qbo_id):
            return Refused(
                code="claimed-gone",
                text=f"It is said to be QuickBooks' record {qbo_id}, which is not there.",
                remedy="Correct or clear that id in the source (or in the configuration), or bring the record back.",
            )
        case _:
            return Unknown(getattr(seen, "reason", "QuickBooks did not answer for it"))
