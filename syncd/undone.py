"""What is remembered of a write that was taken back: its record is held, and not decided until a person says more.

The base goes back with the write: what one side said then is again what the other has not been told. So a person's
``retry`` lets the record be decided as it was before the run that was undone. Until then the hold itself keeps it from
being decided (``UNDONE``), and nothing that a feed brings can do the same thing once more. Where only one record of the
pair is left, its link says no more than that it is left alone (``ignored``); a pair stays linked, and the audit goes on
telling in what its two sides differ.
"""

from __future__ import annotations

import msgspec

from syncd.model.kinds import Side
from syncd.model.lens import Lens, Refs
from syncd.model.observations import Absent, Present
from syncd.model.projections import Projection
from syncd.model.writes import Verb
from syncd.reconciler.explain import show, words
from syncd.reconciler.plan import Operation
from syncd.state.values import UNDONE, Held, Link, LinkState

_LEFT_AT = "version "
ANSWERS = ("retry", "ignore")
"""What a person may say to a record that was undone."""
_RETRY = {
    (Side.QBO, Verb.DELETE): "sends it to QuickBooks again",
    (Side.QBO, Verb.VOID): "sends it to QuickBooks again",
    (Side.SOURCE, Verb.DELETE): "brings it into the source again",
    (Side.QBO, Verb.UPDATE): "compares the two sides anew and sends the change again",
    (Side.SOURCE, Verb.UPDATE): "compares the two sides anew and takes the change over again",
    (Side.QBO, Verb.CREATE): "removes it from QuickBooks again",
    (Side.SOURCE, Verb.CREATE): "removes it from the source again",
}


class Undone(msgspec.Struct, frozen=True):
    """The record's link from now on, what the side that was written holds now, and what a person is told (None: that
    was told when the first of the record's writes was taken back)."""

    link: Link
    after: Projection
    held: Held | None


def undone(
    operation: Operation,
    known: Link | None,
    after: Present | Absent,
    *,
    company: str,
    lens: Lens,
    resolve: Refs,
    actor: str,
) -> Undone:
    """``operation`` took a write back and was confirmed. ``known`` is the record's link before that, ``after`` what the
    side shows now; ``resolve`` turns ids of the source into QBO's."""
    link = known or Link(company, operation.kind, operation.source_id, operation.qbo_id, label=operation.label)
    told = link.state is LinkState.IGNORED and not (link.source_id and link.qbo_id)
    now: Projection = {}
    if isinstance(after, Present):
        of_qbo = operation.side is Side.QBO
        now = lens.qbo(link.kind, after.record) if of_qbo else lens.source(link.kind, after.record, resolve)
        link = (_put_back if operation.verb is Verb.UPDATE else _made_again)(operation, link, now, after)
    if operation.verb not in {Verb.UPDATE, Verb.CREATE}:
        link = _taken_away(operation, link)
    return Undone(link, now, None if told else _held(operation, link, now, actor))


def _taken_away(operation: Operation, link: Link) -> Link:
    """Only one record is left, and the link says no more than that it is to be left alone."""
    link = msgspec.structs.replace(link, state=LinkState.IGNORED, accepted=())
    if operation.side is Side.QBO:
        return msgspec.structs.replace(link, qbo_id="", qbo_version="", qbo_base={})
    return msgspec.structs.replace(link, source_id="", source_version="", source_base={})


def _put_back(operation: Operation, link: Link, now: Projection, after: Present) -> Link:
    """Both halves of the base hold the former values, so that the other side's is an edit again."""
    former = {name: now[name] for name in operation.fields if name in now}
    if operation.side is Side.QBO:
        version, source, qbo = {"qbo_version": after.version}, link.source_base | former, link.qbo_base | now
    else:
        version, source, qbo = {"source_version": after.version}, link.source_base | now, link.qbo_base | former
    if not link.qbo_id:  # its record in QBO was taken away just before
        return msgspec.structs.replace(link, source_base=source, source_version=after.version)
    accepted = tuple(name for name in link.accepted if name not in former)
    return msgspec.structs.replace(link, source_base=source, qbo_base=qbo, accepted=accepted, **version)


def _made_again(operation: Operation, link: Link, now: Projection, after: Present) -> Link:
    """A new record stands for the one that was removed; the other side's has been gone all the time."""
    ids = {"qbo_id": after.record.id, "qbo_version": after.version}
    if operation.side is Side.SOURCE:
        ids = {"source_id": after.record.id, "source_version": after.version}
    made = {"state": LinkState.IGNORED, "accepted": (), "source_base": now, "qbo_base": now}
    return msgspec.structs.replace(link, **ids, **made, created_by=operation.side)


def _held(operation: Operation, link: Link, now: Projection, actor: str) -> Held:
    reason = f"undone by {actor}: {operation.reason}"
    different = [
        f"{words({change.field})} {show(now[change.field])} instead of {show(change.new)}"
        for change in operation.changes
        if change.field in now and now[change.field] != change.new
    ]
    if different:
        where = "QuickBooks" if operation.side is Side.QBO else "the source"
        reason += f". {where} shows {', '.join(different)}"
    reason += f". It is left alone until somebody answers: {ANSWERS[0]} {_RETRY[operation.side, operation.verb]}"
    return Held(
        company=link.company,
        kind=link.kind,
        source_id=link.source_id,
        qbo_id=link.qbo_id,
        case=UNDONE,
        reason=reason,
        label=operation.label,
        source_value=link.source_base,
        qbo_value=link.qbo_base,
        actions=ANSWERS,
    )


def left_at(version: str) -> str:
    """What the journal notes of a confirmed write: how the record was left. An undo asks whether it still is."""
    return f"{_LEFT_AT}{version}" if version else ""


def version_left(note: str) -> str:
    """The version in such a note; empty where there is none."""
    return note.removeprefix(_LEFT_AT) if note.startswith(_LEFT_AT) else ""
