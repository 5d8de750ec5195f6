"""Storing what a person decided about matches, and correcting a single one later (R-113).

A link is never moved under documents that rely on it. A client, vendor or document that linked documents refer to keeps
its link until those are unlinked; but where an accountant merged two customers or vendors, and the documents belong to
the other one in QBO already, the link follows them (F-76). A name in a list (an item, a payment method) may be matched
anew at any time: linked documents stay as they are on both sides, and only what is written from then on follows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

import msgspec

from syncd.errors import ConfigError
from syncd.heartbeat import heartbeat, holder, is_gone
from syncd.linking import Decided, Decider
from syncd.links import LinkBook
from syncd.matchfile import Answer, Fault
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.projections import Projection, differing
from syncd.model.records import Record
from syncd.model.references import Reference, pending, references
from syncd.model.spec import NO_COUNTERPART, SPECS
from syncd.model.writes import Verb
from syncd.outlook import lens_of
from syncd.parts import Parts
from syncd.state.values import Company, HistoryEvent, Lease, Link, LinkState, Settlement

LEASE_SECONDS = 90.0
MATCHED, DEFAULT, ENDED, KEPT = (
    "matched by a person",
    "what documents name not at all is what the settings say",
    "a person ended this link",
    "what it refers to was matched anew by a person; the document stays as it is on both sides",
)
_NAMED_IN: Mapping[Kind, tuple[str, ...]] = {
    Kind.CLIENT: ("client",),
    Kind.VENDOR: ("vendor",),
    Kind.INVOICE: ("allocations",),
    Kind.CREDIT_NOTE: ("credit_note", "credits"),
}
"""Fields of a base in which other records stand by QBO's id: as text, or first in each row."""
_PARTIES = frozenset({Kind.CLIENT, Kind.VENDOR})
_NAMES = frozenset(kind for kind, spec in SPECS.items() if spec.link_only)
_MOST_NAMED = 5
_LIVE = frozenset({LinkState.LINKED, LinkState.ORPHANED})
_CHUNK = 500


def identify(parts: Parts) -> BooksFacts:
    """Read who answers, and refuse anybody but the company and source that this state belongs to (F-63, F-64)."""
    facts = parts.books.facts(refresh=True)
    parts.store.pin_company(
        Company(
            name=parts.company,
            realm_id=facts.realm_id,
            realm_name=facts.name,
            environment=parts.books.environment,
            source_identity=parts.source.identity(),
        )
    )
    return facts


@contextmanager
def leased(parts: Parts, actor: str) -> Iterator[Lease]:
    """The company for oneself, so that nothing moves between the check of an answer and its being stored."""
    lease = parts.store.acquire(parts.company, holder(actor), LEASE_SECONDS, gone=is_gone)
    try:
        with heartbeat(parts.store, lease, LEASE_SECONDS, threading.Event()):
            yield lease
    finally:
        parts.store.release(lease)


def store(parts: Parts, lease: Lease, decided: Decided, actor: str) -> None:
    """Store all of it in one transaction, with its history. The fence refuses it where the lease was lost."""
    if decided.faults:
        raise ConfigError("Answers with faults are not stored.")
    done = (*decided.ended, *decided.rebased, *decided.defaults, *decided.links)
    if not done:
        return
    events = [
        *(_event(link, Verb.FORGET, ENDED, actor) for link in decided.ended),
        *(_event(link, Verb.REBASE, KEPT, actor) for link in decided.rebased),
        *(_event(link, Verb.LINK, DEFAULT, actor) for link in decided.defaults),
        *(_event(link, Verb.LINK, _reason(link), actor) for link in decided.links),
    ]
    slots = tuple((link.kind, link.source_id, link.qbo_id) for link in (*decided.ended, *decided.links))
    run = parts.store.begin_run(parts.company, "match")
    outcome = "failed"
    try:
        settlement = Settlement(links=done, clean=slots, unheld=slots, dirty=decided.dirty, history=tuple(events))
        parts.store.settle(lease, settlement, run_id=run.id)
        outcome = "ok"
    finally:
        parts.store.end_run(run.id, outcome, {"linked": len(decided.links), "ended": len(decided.ended)})


def _reason(link: Link) -> str:
    if link.state is LinkState.IGNORED:
        return f"{MATCHED}: to be left alone"
    return f"{MATCHED}: it has no counterpart in QuickBooks" if link.qbo_id == NO_COUNTERPART else MATCHED


def _event(link: Link, verb: Verb, reason: str, actor: str) -> HistoryEvent:
    after = {} if verb is Verb.FORGET else link.source_base
    return HistoryEvent(
        kind=link.kind,
        source_id=link.source_id,
        qbo_id=link.qbo_id,
        side=Side.STATE,
        verb=verb,
        case="",
        reason=reason,
        actor=actor,
        result="done",
        after=after,
    )


class Corrector:
    """Corrects the match of single records of one company. Reads only; ``store`` stores."""

    def __init__(self, parts: Parts, facts: BooksFacts) -> None:
        self._parts = parts
        self._facts = facts
        self._lens = lens_of(parts, facts)

    def set(self, answer: Answer) -> Decided:
        """Match one record as a person says, instead of as it is matched now."""
        known = self._live(answer.kind, answer.source_id)
        slot = (answer.kind, answer.source_id)
        decided = Decider(self._parts, self._facts, instead=frozenset({slot})).decide([answer])
        if decided.faults or not decided.links or known is None or not known.qbo_id:
            return decided
        ended = (msgspec.structs.replace(known, state=LinkState.TOMBSTONED),)
        new = next(link for link in decided.links if (link.kind, link.source_id) == slot)
        if not new.qbo_id or answer.kind not in _PARTIES | _NAMES:
            return msgspec.structs.replace(decided, ended=ended, faults=self._relied_on(known))
        rebased, faults = self._kept(known, new) if answer.kind in _NAMES else self._moved(known, new)
        return msgspec.structs.replace(decided, ended=ended, rebased=rebased, faults=faults)

    def unset(self, kind: Kind, source_id: str) -> Decided:
        """End the link of one record: from then on it counts as never matched."""
        known = self._live(kind, source_id)
        if known is None:
            return Decided(faults=(Fault("is not linked.", kind, source_id),))
        if known.qbo_id and (faults := self._relied_on(known)):
            return Decided(faults=faults)
        return Decided(ended=(msgspec.structs.replace(known, state=LinkState.TOMBSTONED),))

    def _live(self, kind: Kind, source_id: str) -> Link | None:
        link = self._parts.store.links_by_source(self._parts.company, kind, [source_id]).get(source_id)
        return None if link is None or link.state is LinkState.TOMBSTONED else link

    # ---- what relies on a link

    def _relied_on(self, known: Link) -> tuple[Fault, ...]:
        """Linked documents that stand on the link, if there are any: it must not be moved under them."""
        if SPECS[known.kind].link_only:
            users = [link for pairs in self._users(known.kind) for link, record in pairs if _uses(link, record, known)]
        else:
            users = [link for kind in _needing(known.kind) for link in self._links(kind) if _names(link, known)]
        return _relying(known, users)

    def _moved(self, known: Link, new: Link) -> tuple[tuple[Link, ...], tuple[Fault, ...]]:
        """The linked documents of a party that is matched anew, if QBO has moved every one of them to the other party:
        their bases follow. Documents that still belong to the old one stand against it."""
        follow: list[Link] = []
        stay: list[Link] = []
        for needing in _needing(known.kind):
            links = (link for link in self._links(needing) if _names(link, known))
            while chunk := list(islice(links, _CHUNK)):
                seen = self._parts.books.read(needing, [link.qbo_id for link in chunk])
                for link in chunk:
                    followed = _renamed(link, known, new.qbo_id)
                    found = seen.get(link.qbo_id)
                    there = self._lens.qbo(needing, found.record) if isinstance(found, Present) else {}
                    names = _NAMED_IN[known.kind]
                    gone = isinstance(found, Absent)
                    moved = gone or (bool(there) and all(there.get(n) == followed.qbo_base.get(n) for n in names))
                    (follow if moved else stay).append(followed if moved else link)
        return (tuple(follow), ()) if not stay else ((), _relying(known, stay))

    def _kept(self, known: Link, new: Link) -> tuple[tuple[Link, ...], tuple[Fault, ...]]:
        """The linked documents that use a name which is matched anew. They stay as they are on both sides: their base
        follows, and what now differs is accepted. One with a change that is not settled yet stands against it."""
        rebased: list[Link] = []
        for pairs in self._users(known.kind):
            book = LinkBook(self._parts.store, self._parts.company)
            book.load_refs(
                {ref for _, record in pairs if record is not None for ref in references(record)}, Side.SOURCE
            )
            for link, record in pairs:
                if record is None:
                    if not _mentions(link, known.qbo_id):
                        continue
                    return (), (_unsettled(known, link, "cannot be used as it stands in the source"),)
                before = self._project(link.kind, record, book, known.qbo_id, known)
                after = self._project(link.kind, record, book, new.qbo_id, known)
                moved = differing(before, after)
                if not moved:
                    continue
                if any(link.source_base.get(name) != before[name] for name in moved):
                    return (), (_unsettled(known, link, "has changes that are not settled"),)
                rebased.append(_follow(link, after, moved))
        return tuple(rebased), ()

    def _project(self, kind: Kind, record: Record, book: LinkBook, qbo_id: str, known: Link) -> Projection:
        def resolve(its: Kind, reference: str) -> str:
            if (its, reference) == (known.kind, known.source_id):
                return qbo_id
            return book.to_qbo(its, reference) or pending(its, reference)

        return self._lens.source(kind, record, resolve)

    def _links(self, kind: Kind) -> Iterator[Link]:
        return (x for x in self._parts.store.stream_links(self._parts.company, kind) if x.state in _LIVE)

    def _users(self, kind: Kind) -> Iterator[list[tuple[Link, Record | None]]]:
        """Linked documents of the kinds that may refer to ``kind``, with their records in the source (None: it cannot
        be read as one), in portions."""
        for needing in _needing(kind):
            links = self._links(needing)
            while chunk := {link.source_id: link for link in islice(links, _CHUNK)}:
                found = self._parts.source.read(needing, list(chunk))
                yield [
                    (chunk[i], seen.record if isinstance(seen, Present) else None)
                    for i, seen in found.items()
                    if not isinstance(seen, Absent)
                ]


def _needing(kind: Kind) -> tuple[Kind, ...]:
    return tuple(spec.kind for spec in SPECS.values() if kind in spec.needs)


def _uses(link: Link, record: Record | None, known: Link) -> bool:
    wanted: Reference = (known.kind, known.source_id)
    return _mentions(link, known.qbo_id) if record is None else wanted in references(record)


def _mentions(link: Link, qbo_id: str) -> bool:
    """Whether an id stands anywhere in a base; it may be something else that looks the same."""
    rows = (value if isinstance(value, tuple) else ((value,),) for value in link.source_base.values())
    return any(qbo_id in row for value in rows for row in value)


def _relying(known: Link, users: Sequence[Link]) -> tuple[Fault, ...]:
    """That linked documents rely on a link, if there are any."""
    if not users:
        return ()
    named = ", ".join(f"{link.kind} {link.label or link.source_id}" for link in users[:_MOST_NAMED])
    more = f" and {len(users) - _MOST_NAMED} more" if len(users) > _MOST_NAMED else ""
    remedy = (
        "Match it with another record instead (--set)."
        if known.kind in _NAMES
        else "End their links first (--unset), or merge the two records in QuickBooks."
    )
    text = f"linked documents rely on its link with {known.qbo_id}: {named}{more}. {remedy}"
    return (Fault(text, known.kind, known.source_id),)


def _renamed(link: Link, known: Link, qbo_id: str) -> Link:
    """A document's link with another QBO id of the party that it names, in both halves of its base."""

    def swap(base: Projection) -> Projection:
        named = {name for name in _NAMED_IN[known.kind] if base.get(name) == known.qbo_id}
        return {**base, **dict.fromkeys(named, qbo_id)}

    return msgspec.structs.replace(link, source_base=swap(link.source_base), qbo_base=swap(link.qbo_base))


def _unsettled(known: Link, link: Link, why: str) -> Fault:
    text = f"{link.kind} {link.label or link.source_id} uses it and {why}. Settle that first: `syncd reconcile`."
    return Fault(text, known.kind, known.source_id)


def _names(link: Link, known: Link) -> bool:
    """Whether a base refers to the QBO record that ``known`` is linked with."""
    for name in _NAMED_IN.get(known.kind, ()):
        value = link.source_base.get(name, "")
        if value == known.qbo_id or (isinstance(value, tuple) and any(row[0] == known.qbo_id for row in value)):
            return True
    return False


def _follow(link: Link, after: Projection, moved: frozenset[str]) -> Link:
    base = link.source_base | {name: after[name] for name in moved}
    accepted = (frozenset(link.accepted) | moved) & differing(base, link.qbo_base)
    return msgspec.structs.replace(link, source_base=base, accepted=tuple(sorted(accepted)))
