"""Whether the source shows what syncd wrote into it last (F-42).

A replica that lags behind, or a restored backup, shows rows as they were before: read as edits, they would undo in QBO
what was just brought from there, and what they lack would be removed. Our own last write is the proof: where the write
log has no trace of it, nothing that was read counts. What people wrote later than a replica shows cannot be noticed so;
it comes in with the overlap, or with the nightly audit.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.errors import SourceBehind
from syncd.model.kinds import Kind, Side
from syncd.parts import Parts

PATIENCE = timedelta(hours=1)
"""So long a replica may take. What is older is no replica: then a person has to say that it is meant so."""

_LOGGED = frozenset(Kind) - {Kind.BILL}
"""A write to a bill is one to its expenses, under names of their own."""


def check(parts: Parts) -> None:
    """Raise ``SourceBehind`` where the source is older than our own last write. Sources without a write log pass."""
    last = parts.store.last_confirmed(parts.company, Side.SOURCE, _LOGGED)
    if last is None or last.closed_at is None or last.closed_at <= _resumed(parts):
        return
    if parts.source.settled([last.id]) or not parts.source.last_writes(1):
        return
    when = last.closed_at.isoformat(timespec="seconds")
    raise SourceBehind(
        f"The source lacks what syncd wrote into it at {when}: it is a replica that lags behind, or an older copy.",
        remedy="Connect [company.source] to the primary database; nothing was read from this one. If it was restored "
        "from a backup on purpose: once the company is halted, say so with syncd resume --reason.",
        written_at=last.closed_at,
    )


def is_no_lag(error: SourceBehind, now: datetime) -> bool:
    """Whether it is too old for a replica that will catch up."""
    return now - error.written_at > PATIENCE


def _resumed(parts: Parts) -> datetime:
    """When a person last said that things are as they should be; what was written before counts no more."""
    times = [event.at for event in parts.store.company_events(parts.company) if event.action == "resume"]
    return max(times, default=datetime.min.replace(tzinfo=parts.clock.now().tzinfo))
