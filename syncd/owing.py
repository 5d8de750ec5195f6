"""What is owed and not done: since when, how often it was tried, why it is not done, and what clears it (F-116)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from syncd.links import record_name
from syncd.reconciler.plan import Operation
from syncd.state.values import Dirty, Held, Intent, JournalEntry, JournalState

if TYPE_CHECKING:
    from syncd.state.store import Store

WRITE, HELD, AGAIN = "write", "held", "again"
SORTS = (WRITE, HELD, AGAIN)
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


class Owed(msgspec.Struct, frozen=True):
    """One thing that is owed. ``what``: write (its outcome is open), held (waits for a person) or again (waits for its
    time). ``since`` is None only for what was there before this version of syncd."""

    company: str
    what: str
    kind: str
    record: str
    since: datetime | None
    tries: int
    why: str
    clears: str


def owed(store: Store, company: str) -> list[Owed]:
    """What a company owes, oldest first. A record is looked at again in any case, and stands here once."""
    waiting = {record_name(d.kind, d.source_id, d.qbo_id): d for d in store.dirty(company, _FAR)}
    found = []
    for entry in store.open_entries(company):
        waiting.pop(record_name(entry.intent.kind, entry.intent.source_id, entry.intent.qbo_id), None)
        found.append(_write(company, entry))
    found += [
        _held(held, waiting.pop(record_name(held.kind, held.source_id, held.qbo_id), None))
        for held in store.held(company)
    ]
    found += [_again(company, dirty) for dirty in waiting.values()]
    return sorted(found, key=lambda each: each.since or datetime.min.replace(tzinfo=UTC))


def oldest(things: Iterable[Owed]) -> dict[str, datetime]:
    """Since when the oldest of each sort is owed."""
    found: dict[str, datetime] = {}
    for each in things:
        if each.since is not None:
            found[each.what] = min(each.since, found.get(each.what, each.since))
    return found


def _write(company: str, entry: JournalEntry) -> Owed:
    intent, sent = entry.intent, entry.state is JournalState.SENT
    return Owed(
        company=company,
        what=WRITE,
        kind=intent.kind.value,
        record=_label(intent) or intent.source_id or f"qbo:{intent.qbo_id}",
        since=entry.sent_at or entry.created_at,
        tries=entry.attempts,
        why=f"{intent.verb} in {intent.side}: {entry.note or ('no answer came' if sent else 'it was not sent')}",
        clears="the next run looks what became of it" if sent else "the next run decides it anew",
    )


def _label(intent: Intent) -> str:
    """How people know the record."""
    try:
        return msgspec.json.decode(intent.operation, type=Operation).label
    except msgspec.DecodeError:
        return ""


def _held(held: Held, again: Dirty | None) -> Owed:
    by_hand = f"what it says is put right; or an answer, see syncd held show {held.id}"
    return Owed(
        company=held.company,
        what=HELD,
        kind=held.kind.value,
        record=held.label or held.source_id or f"qbo:{held.qbo_id}",
        since=held.since,
        tries=again.attempts if again is not None else 0,
        why=held.reason,
        clears=f"the next run acts on {held.resolution}" if held.resolution else by_hand,
    )


def _again(company: str, dirty: Dirty) -> Owed:
    when = dirty.not_before.isoformat(sep=" ", timespec="seconds") if dirty.not_before else "now"
    return Owed(
        company=company,
        what=AGAIN,
        kind=dirty.kind.value,
        record=dirty.source_id or f"qbo:{dirty.qbo_id}",
        since=dirty.since,
        tries=dirty.attempts,
        why=dirty.reason,
        clears=f"the service looks at it again after {when}; at once: syncd reconcile",
    )
