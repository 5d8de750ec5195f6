"""Finding the links that a restored state has lost, from both sides. Reads only (F-113).

What is looked at is what a run would look at, everything since the backup; and of the plan that a run would make only
what changes our own memory is taken:

* a record that is on both sides and not linked: linked by the id of QuickBooks that the source keeps, by its key, or
  because the source's write log proves that it was made of just that one;
* a linked record that both sides hold alike again: that is its base from now on;
* one that is gone on both sides: forgotten;
* one whose two sides both moved since the backup and differ: which of them is newer cannot be known any more. It is
  noted as it is and held (C21), and a person says which one stands;
* writes that were open, and people's answers that nobody had read: settled in a time that this state has forgotten.
  They are closed, and nothing of them is sent again.

What is then left in the source without a counterpart is either new, or was taken out of QuickBooks on purpose (F-114).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from syncd.epoch import slot_ids
from syncd.feeds import Observed
from syncd.links import LinkBook
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind, Side, State
from syncd.model.observations import Absent, Present
from syncd.model.projections import Projection, differing
from syncd.model.references import claimed_id, label, pending, references
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.outlook import lens_of, look_out
from syncd.parts import Parts
from syncd.reconciler.entries import Entry
from syncd.reconciler.plan import Operation
from syncd.reconciler.reconcile import reconcile
from syncd.report import CycleRequest
from syncd.settling import Settler, Tally
from syncd.state.values import (
    Company,
    Dirty,
    HistoryEvent,
    JournalOutcome,
    JournalState,
    Link,
    LinkState,
    Settlement,
)

WAYS = ("by id", "by key", "by log", "moved", "agreed", "gone")
"""How a record was found again; the last two had not lost their link."""
STILL_TRAVELLING = timedelta(minutes=5)
"""A write that was sent so short a time ago may still arrive (QuickBooks itself gives up after two minutes)."""
LOGGED = 10_000
"""Entries of the write log that are looked at for rows that are gone."""
_CLOSED = "the state was restored from a backup; what became of this write was seen on both sides"

Row = tuple[Kind, str]
"""A record by its id in the source."""


class Found(msgspec.Struct, frozen=True):
    """A record that a person has to know of, and why."""

    kind: Kind
    source_id: str
    label: str
    why: str


class Rebuilt(msgspec.Struct, frozen=True):
    """What rebuilding comes to. ``found`` counts records by way (``WAYS``) and kind, ``names`` items and the like.

    ``apart``: linked records that differ, and nobody knows which side is newer. ``left``: records of the source that
    the next run would create in QuickBooks. ``held``: unlinked ones that wait for a person. ``imports``: records that
    would be brought into the source. ``doubtful``: how many of ``left`` and ``imports`` may have been deleted on
    purpose. ``closed``: writes that were open; ``travelling``: those that may still arrive, and stay open.
    ``settlement`` stores all of it.
    """

    settlement: Settlement
    found: Mapping[str, Mapping[Kind, int]]
    names: int
    apart: tuple[Found, ...]
    left: tuple[Found, ...]
    held: tuple[Found, ...]
    imports: int
    doubtful: int
    closed: int
    travelling: int

    @property
    def linked(self) -> int:
        """How many records have a link again that this state had lost."""
        return sum(sum(self.found[way].values()) for way in WAYS[:4])

    @property
    def percent(self) -> int:
        """How many of the records that have no link in this state were found again."""
        lost = self.linked + len(self.left)
        return self.linked * 100 // lost if lost else 100


class Rebuilder:
    """Finds the links of one company. One use only."""

    def __init__(self, parts: Parts, facts: BooksFacts, *, actor: str) -> None:
        self._parts = parts
        self._facts = facts
        self._actor = actor
        self._lens = lens_of(parts, facts)
        self._links = LinkBook(parts.store, parts.company)
        self._now = parts.clock.now()
        self._epochs = sorted({0, parts.store.standing(parts.company).epoch})
        self._tally = Tally()
        self._found: dict[str, Counter[Kind]] = {way: Counter() for way in WAYS}
        self._names = 0
        self._apart: list[Found] = []
        self._done: set[Row] = set()

    def run(self) -> Rebuilt:
        """Look at both sides, and say what would be stored."""
        parts = self._parts
        company = parts.store.company(parts.company) or Company(name=parts.company)
        asked = CycleRequest(every_dirty=True)
        view, gathered, observed = look_out(parts, asked, company, self._facts, frozenset(), self._links)
        plan = reconcile(view)
        operations = (*plan.operations, *plan.withheld)
        entries = {(e.kind, _source_id(e)): e for e in gathered.entries if _source_id(e)}
        self._remember(operations, entries)
        self._move(entries.values())
        self._prove(e for e in gathered.entries if e.known is None and isinstance(e.source, Absent))
        written = dict.fromkeys((o.kind, o.source_id) for o in operations if o.writes)
        self._part(entries[slot] for slot in written if slot in entries)
        self._note_creators()
        closed, travelling = self._close_journal()
        self._drop_answers()
        left = [o for o in operations if self._creates(o, Side.QBO)]
        imports = [o for o in operations if self._creates(o, Side.SOURCE)]
        held = [o for o in operations if o.verb is Verb.HOLD and self._is_unlinked(o, entries)]
        return Rebuilt(
            settlement=self._tally.settlement(),
            found=self._found,
            names=self._names,
            apart=tuple(self._apart),
            left=tuple(_told(o) for o in left),
            held=tuple(_told(o) for o in held),
            imports=len(imports),
            doubtful=self._deleted_there(left, observed) + self._deleted_here(imports),
            closed=closed,
            travelling=travelling,
        )

    # ---- what a run would remember, too

    def _remember(self, operations: Sequence[Operation], entries: Mapping[Row, Entry]) -> None:
        settler = Settler(self._parts.company, self._lens, self._links, run_id="", actor=self._actor, now=self._now)
        for operation in operations:
            slot = (operation.kind, operation.source_id)
            way = _way(operation, entries.get(slot))
            if not way:
                continue
            self._done.add(slot)
            if way == "adopted":  # linked by the next run, which takes over what QuickBooks decided
                self._found["by key"][operation.kind] += 1
                continue
            settler.state(self._tally, operation)
            if SPECS[operation.kind].link_only:
                self._names += 1
            else:
                self._found[way][operation.kind] += 1

    # ---- what only somebody would who knows that it forgot

    def _move(self, entries: Iterable[Entry]) -> None:
        """A linked record whose counterpart is gone, and of which the source says that it is another one now."""
        for entry in entries:
            known = entry.known
            if known is None or not isinstance(entry.source, Present) or not isinstance(entry.qbo, Absent):
                continue
            claim = claimed_id(entry.kind, entry.source.record, self._parts.settings)
            if claim and claim != known.qbo_id and (there := self._free(entry.kind, claim)) is not None:
                self._pair("moved", entry.kind, known.source_id, entry.source, there)

    def _free(self, kind: Kind, qbo_id: str) -> Present | None:
        """A record of QBO that is there, and that nothing is linked with."""
        self._links.load_refs([(kind, qbo_id)], Side.QBO)
        if self._links.to_source(kind, qbo_id):
            return None
        seen = self._parts.books.read(kind, [qbo_id]).get(qbo_id)
        return seen if isinstance(seen, Present) else None

    def _prove(self, entries: Iterable[Entry]) -> None:
        """Records of QBO that nothing is linked with, and of which syncd once made one in the source: the id of that
        write names the record of QBO, and the log says which row it became; be it gone by now."""
        makes = {k for k, c in self._parts.source.capabilities().items() if Verb.CREATE in c.verbs}
        there = {(e.kind, e.qbo.record.id): e.qbo for e in entries if e.kind in makes and isinstance(e.qbo, Present)}
        asked = {
            each: name
            for name in there
            for epoch in self._epochs
            for each in slot_ids(self._parts, name[0], f"qbo:{name[1]}", Verb.CREATE, epoch)
        }
        for journal_id, source_id in self._parts.source.settled(list(asked)).items():
            kind, qbo_id = asked[journal_id]
            known = self._links.load_links(kind, source_ids=[source_id], qbo_ids=[qbo_id])
            if (kind, source_id) in self._done or any(link.state is not LinkState.TOMBSTONED for link in known):
                continue
            mine = self._parts.source.read(kind, [source_id])[source_id]
            if isinstance(mine, Present | Absent):
                self._pair("by log", kind, source_id, mine, there[kind, qbo_id])

    def _part(self, entries: Iterable[Entry]) -> None:
        """Linked records that a run would write, although both sides moved since the backup: the old base cannot tell
        whose change is the newer one, and to believe it might undo a person's."""
        for entry in entries:
            known, mine, theirs = entry.known, entry.source, entry.qbo
            if known is None or (entry.kind, known.source_id) in self._done or SPECS[entry.kind].link_only:
                continue
            if known.state != LinkState.LINKED or not isinstance(mine, Present) or not isinstance(theirs, Present):
                continue
            if mine.version == known.source_version or theirs.version == known.qbo_version:
                continue  # one side is as it was, so the other one's change is a change
            if self._flows(entry.kind, mine) and getattr(theirs.record, "state", State.LIVE) is not State.VOID:
                self._pair("", entry.kind, known.source_id, mine, theirs)

    def _flows(self, kind: Kind, mine: Present) -> bool:
        return self._parts.policy.kinds[kind].flows_in(mine.record)

    # ---- links

    def _pair(self, way: str, kind: Kind, source_id: str, mine: Present | Absent, theirs: Present) -> None:
        """Link two records as they are. What differs is no base of either: it shows as a difference, and is held."""
        qbo = self._lens.qbo(kind, theirs.record)
        source = self._project(kind, mine) if isinstance(mine, Present) else qbo
        old = self._links.link(kind, source_id)
        accepted = [] if old is None else [n for n in old.accepted if _stands(n, old, source, qbo)]
        link = Link(
            company=self._parts.company,
            kind=kind,
            source_id=source_id,
            qbo_id=theirs.record.id,
            source_version=mine.version if isinstance(mine, Present) else "",
            qbo_version=theirs.version,
            source_base=source,
            qbo_base=qbo,
            accepted=tuple(accepted),
            created_by=old.created_by if old is not None else None,
            label=label(theirs.record),
        )
        apart = differing(source, qbo) - set(accepted)
        why = "its links were rebuilt after the state was restored from a backup"
        if apart:
            names = ", ".join(sorted(name.replace("_", " ") for name in apart))
            self._apart.append(Found(kind, source_id, link.label, f"the two differ in {names}"))
        if way or not apart:
            self._found[way or "agreed"][kind] += 1
        self._done.add((kind, source_id))
        self._tally.links.append(link)
        self._links.put(link)
        self._tally.dirty.append(Dirty(kind, source_id, link.qbo_id, why, not_before=self._now))
        self._tally.history.append(
            HistoryEvent(
                kind=kind,
                source_id=source_id,
                qbo_id=link.qbo_id,
                side=Side.STATE,
                verb=Verb.LINK if way else Verb.REBASE,
                case="",
                reason=why,
                actor=self._actor,
                result="done",
                after=source,
            )
        )

    def _project(self, kind: Kind, mine: Present) -> Projection:
        self._links.load_refs(references(mine.record), Side.SOURCE)

        def resolve(its: Kind, reference: str) -> str:
            return self._links.to_qbo(its, reference) or pending(its, reference)

        return self._lens.source(kind, mine.record, resolve)

    def _note_creators(self) -> None:
        """Customers and vendors that syncd made may be changed by it, others never (X-5). Where it writes to the source
        for no other reason, a write in the log is the one that brought QuickBooks' id back from making them."""
        policies = self._parts.policy.kinds
        alone = {
            k for k, p in policies.items() if p.leave_foreign and Verb.UPDATE not in p.verbs.get(Side.SOURCE, ())
        } - {k for k in SPECS if SPECS[k].link_only}
        asked = {
            each: (link.kind, link.source_id)
            for link in self._tally.links
            if link.kind in alone and link.created_by is None and link.state is LinkState.LINKED
            for epoch in self._epochs
            for each in slot_ids(self._parts, link.kind, link.source_id, Verb.UPDATE, epoch)
        }
        made = {asked[each] for each in self._parts.source.settled(list(asked))} if asked else set()
        self._tally.links = [
            msgspec.structs.replace(link, created_by=Side.QBO) if (link.kind, link.source_id) in made else link
            for link in self._tally.links
        ]

    # ---- what was under way

    def _close_journal(self) -> tuple[int, int]:
        """Close the open writes, and have their records looked at; how many were closed, and how many may still
        arrive."""
        entries = self._parts.store.open_entries(self._parts.company)
        late = [e for e in entries if e.sent_at is None or self._now - e.sent_at >= STILL_TRAVELLING]
        for entry in late:
            intent = entry.intent
            self._tally.outcomes.append(JournalOutcome(entry.id, JournalState.SUPERSEDED, note=_CLOSED))
            self._look_again(intent.kind, intent.source_id, intent.qbo_id)
        return len(late), len(entries) - len(late)

    def _drop_answers(self) -> None:
        """What people said about held records was heard, in the time that is forgotten. They are asked again."""
        for held in self._parts.store.held(self._parts.company):
            if held.resolution:
                self._tally.unheld.append((held.kind, held.source_id, held.qbo_id))
                self._look_again(held.kind, held.source_id, held.qbo_id)

    def _look_again(self, kind: Kind, source_id: str, qbo_id: str) -> None:
        why = "the state was restored from a backup"
        self._tally.dirty.append(Dirty(kind, source_id, qbo_id, why, not_before=self._now))

    # ---- what is left

    def _creates(self, operation: Operation, side: Side) -> bool:
        done = (operation.kind, operation.source_id) in self._done or self._is_paired(operation.kind, operation.qbo_id)
        return operation.verb is Verb.CREATE and operation.side is side and not done

    def _is_paired(self, kind: Kind, qbo_id: str) -> bool:
        return any((link.kind, link.qbo_id) == (kind, qbo_id) for link in self._tally.links) if qbo_id else False

    def _is_unlinked(self, operation: Operation, entries: Mapping[Row, Entry]) -> bool:
        entry = entries.get((operation.kind, operation.source_id))
        return entry is not None and entry.known is None and not SPECS[operation.kind].link_only

    def _deleted_there(self, left: Sequence[Operation], observed: Observed) -> int:
        """How many of the records that would be created may have been in QuickBooks and were deleted there: as many as
        there are deletions of what this state never knew. Without a feed to tell, all of them."""
        doubtful = 0
        for kind, number in Counter(o.kind for o in left if SPECS[o.kind].transaction).items():
            books = observed.books
            if books is None or kind in books.unknown or kind in books.inventory:
                doubtful += number
                continue
            gone = books.tombstones.get(kind, frozenset())
            known = self._parts.store.links_by_qbo(self._parts.company, kind, gone)
            doubtful += min(number, len(gone - known.keys()))
        return doubtful

    def _deleted_here(self, imports: Sequence[Operation]) -> int:
        """How many of the records that would be brought into the source may have come from it: as many as there are
        rows that syncd has written, that this state does not know, and that are gone."""
        wanted = Counter(o.kind for o in imports)
        logged = self._parts.source.last_writes(LOGGED) if wanted else ()
        known = self._parts.store.known_writes([each.journal_id for each in logged])
        doubtful = 0
        for kind, number in wanted.items():
            rows = {each.record_id for each in logged if each.kind is kind and each.journal_id not in known}
            rows -= self._parts.store.links_by_source(self._parts.company, kind, rows).keys()
            rows -= {source_id for its, source_id in self._done if its is kind}
            seen = self._parts.source.read(kind, sorted(rows))
            doubtful += min(number, sum(isinstance(each, Absent) for each in seen.values()))
        return doubtful


def _way(operation: Operation, entry: Entry | None) -> str:
    """How the plan would find a record again, without a write; empty where it would not."""
    match operation.verb:
        case Verb.LINK:
            return "by id" if entry is not None and entry.claimed else "by key"
        case Verb.FORGET:
            return "gone"
        case Verb.REBASE if entry is not None and entry.known is not None:
            return "agreed" if set(operation.accepted) <= entry.known.accepted else ""
        case Verb.UPDATE if entry is not None and entry.known is None and operation.side is Side.SOURCE:
            return "adopted"
        case _:
            return ""


def _stands(name: str, old: Link, source: Projection, qbo: Projection) -> bool:
    """Whether a difference that is accepted is still the very same."""
    return source.get(name) == old.source_base.get(name) and qbo.get(name) == old.qbo_base.get(name)


def _source_id(entry: Entry) -> str:
    if entry.known is not None:
        return entry.known.source_id
    return entry.source.record.id if isinstance(entry.source, Present) else ""


def _told(operation: Operation) -> Found:
    return Found(operation.kind, operation.source_id, operation.label, operation.reason)
