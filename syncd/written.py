"""The link of a record as an operation on it leaves it, with the base as far as both sides agree on it.

The base moves with what came back and never with what was sent. What came back otherwise is told apart: an echo of ours
is accepted, money that does not agree is for a person, and what was not taken at all is tried again.
"""

from __future__ import annotations

import msgspec

from syncd.model.kinds import Side
from syncd.model.lens import Lens, Refs
from syncd.model.observations import Present
from syncd.model.projections import Projection, differing
from syncd.model.records import Record
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.reconciler.base import advance, as_written, unmarked, untellable
from syncd.reconciler.plan import Operation
from syncd.state.values import Link, LinkState


class Written(msgspec.Struct, frozen=True):
    """The record's link from now on, the money in it that does not agree, and what the side that was told did not
    take."""

    link: Link
    variance: frozenset[str]
    kept: frozenset[str]


def written(
    operation: Operation,
    known: Link | None,
    after: Present,
    told: Record | None,
    *,
    edited: bool,
    company: str,
    lens: Lens,
    resolve: Refs,
) -> Written:
    """The link after a write that was confirmed. ``known`` is the record's link before that, ``after`` what the side
    that was written shows now, ``told`` what the source was told, in its ids; ``resolve`` turns ids of the source into
    QBO's. ``edited``: people may have changed the record before ``after`` was read."""
    kind = operation.kind
    if operation.side is Side.QBO:
        source_id, qbo_id = operation.source_id, after.record.id
        source, qbo = _source_projection(operation, lens, resolve), lens.qbo(kind, after.record)
        source_version, qbo_version = operation.expected_source, after.version
    else:
        source_id, qbo_id = after.record.id, operation.qbo_id
        source, qbo = lens.source(kind, after.record, resolve), operation.qbo_base
        source_version, qbo_version = after.version, operation.expected_qbo
    fresh = operation.verb is Verb.CREATE
    asked = qbo if told is None else lens.source(kind, told, resolve)
    kept = frozenset() if fresh else _kept(operation, known, source, qbo, asked)
    # What was not taken is as it was: seen as a change again, and tried again. Money and parties are for a person.
    matters = {*SPECS[kind].money_fields, *SPECS[kind].decisive}
    wrote = frozenset(source) if fresh else frozenset(operation.fields) - (kept - matters)
    if known is None:  # a first link by a write: what the source is yet to take is not left out of the base
        wrote |= frozenset(operation.writes_back) & source.keys()
    if edited:  # the base is what was written: what is there now is seen as a change of it
        returned = {*operation.writes_back, *operation.awaits}
        if operation.side is Side.QBO:
            qbo = as_written(kind, source, qbo, wrote - returned)
        else:
            source = as_written(kind, asked, source, wrote - returned)
    settled = advance(
        kind,
        {} if known is None or fresh else known.source_base,
        {} if known is None or fresh else known.qbo_base,
        source,
        qbo,
        written=wrote,
        accepted=frozenset(known.accepted) if known is not None and not fresh else frozenset(),
    )
    halves, first = (settled.source, settled.qbo), fresh or known is None
    if first:
        halves = unmarked(kind, *halves)
    open_still = {*operation.writes_back, *operation.awaits, *(SPECS[kind].marks if first else ())}
    link = Link(
        company=company,
        kind=kind,
        source_id=source_id,
        qbo_id=qbo_id,
        state=LinkState.LINKED,
        source_version=source_version,
        qbo_version=qbo_version,
        source_base=halves[0],
        qbo_base=halves[1],
        accepted=tuple(sorted(settled.accepted - open_still)),
        created_by=operation.side if fresh else known.created_by if known is not None else None,
        label=operation.label,
    )
    return Written(link, settled.variance, kept)


def _kept(
    operation: Operation, known: Link | None, source: Projection, qbo: Projection, asked: Projection
) -> frozenset[str]:
    """The fields that were to change and that the answer shows as they were: another form of the value is an echo, the
    old value is none. What may differ by policy, what QBO decides itself, and what the source has no word for (a
    payment method of QBO's) is left out. ``asked``: what the source was asked for, in QBO's terms."""
    wished, came, had = (source, qbo, operation.qbo_base)
    if operation.side is Side.SOURCE:
        wished, came, had = (asked, source, operation.source_base)
    free = {*operation.accepted, *operation.writes_back, *operation.awaits, *(known.accepted if known else ())}
    told = (name for name in operation.fields if name in wished and name in came and name in had)
    return frozenset(
        n
        for n in told
        if n not in free and came[n] == had[n] and wished[n] != came[n] and not untellable(wished[n], came[n])
    )


def removed(operation: Operation, known: Link | None, *, company: str) -> Link:
    """The link after a removal."""
    if known is not None:
        # What is inactive on both sides may be made active again, and is the same then.
        kept = operation.verb is Verb.DEACTIVATE and operation.source_base
        return msgspec.structs.replace(known, state=LinkState.ORPHANED if kept else LinkState.TOMBSTONED)
    return Link(
        company=company,
        kind=operation.kind,
        source_id=operation.source_id,
        qbo_id=operation.qbo_id,
        state=LinkState.TOMBSTONED,
        label=operation.label,
    )


def of_state(operation: Operation, known: Link | None, *, company: str, lens: Lens, resolve: Refs) -> Link:
    """The link after an operation on our own state: a link, rebase, orphan or forget."""
    state = {Verb.ORPHAN: LinkState.ORPHANED, Verb.FORGET: LinkState.TOMBSTONED}.get(operation.verb, LinkState.LINKED)
    if state is not LinkState.LINKED and known is not None:
        return msgspec.structs.replace(known, state=state, source_version=operation.expected_source)
    source, qbo = operation.source_base or _source_projection(operation, lens, resolve), operation.qbo_base
    if known is None:
        source, qbo = unmarked(operation.kind, source, qbo)
    return Link(
        company=company,
        kind=operation.kind,
        source_id=operation.source_id,
        qbo_id=operation.qbo_id,
        state=state,
        source_version=operation.expected_source,
        qbo_version=operation.expected_qbo,
        source_base=source,
        qbo_base=qbo,
        accepted=operation.accepted,
        created_by=known.created_by if known is not None else None,
        label=operation.label,
    )


def still_apart(link: Link) -> bool:
    """Whether something differs that no policy accepts: money after a write, or what the source has yet to take."""
    open_fields = differing(link.source_base, link.qbo_base) - frozenset(link.accepted)
    return link.state is LinkState.LINKED and bool(open_fields)


def mark_open(operation: Operation, link: Link) -> bool:
    """Whether a side has a mark that the base does not know of yet: that is yet to be seen to."""
    sides = ((operation.source_base, link.source_base), (operation.qbo_base, link.qbo_base))
    return link.state is LinkState.LINKED and any(
        said[name] != base[name]
        for said, base in sides
        for name in SPECS[link.kind].marks
        if name in said and name in base
    )


def _source_projection(operation: Operation, lens: Lens, resolve: Refs) -> Projection:
    record: Record | None = operation.record
    return lens.source(operation.kind, record, resolve) if record is not None else {}
