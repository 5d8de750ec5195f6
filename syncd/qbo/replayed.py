"""An answer that tells of long ago (F-3): QBO remembers request ids, and repeats its first answer to one it knows.

That happens where our state was lost: generations begin anew, and an identity comes up that was used in an earlier
life. Nothing was done then. So what is first sent, and answered with a record that was last changed well before, is
read again by its id before the answer is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from syncd.errors import QboError
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Unknown
from syncd.model.writes import Conflict, Done, InDoubt, Outcome, Verb, WireWrite
from syncd.qbo import wire
from syncd.qbo.codec.parts import Times
from syncd.qbo.recovery import CLOCKS_APART

Read = Callable[[Kind, list[str]], "dict[str, Present | Flawed | Absent | Unknown]"]


class _Dated(msgspec.Struct, rename="pascal"):
    meta_data: Times


_dated = msgspec.json.Decoder(_Dated)


def believed(writes: Sequence[WireWrite], outcomes: Sequence[Outcome], sent_at: datetime, read: Read) -> list[Outcome]:
    """The outcomes of writes that were first sent at ``sent_at``, each answer as far as it can be believed."""
    return [
        _looked_at(write, outcome, read) if _is_old(outcome, sent_at) else outcome
        for write, outcome in zip(writes, outcomes, strict=True)
    ]


def _is_old(outcome: Outcome, sent_at: datetime) -> bool:
    if not isinstance(outcome, Done) or not isinstance(outcome.after, Present):
        return False
    try:
        changed = _dated.decode(outcome.after.raw).meta_data.last_updated_time or ""
        return wire.parse_time(changed) < sent_at - CLOCKS_APART
    except (ValueError, *wire.BAD_JSON):
        return False


def _looked_at(write: WireWrite, outcome: Outcome, read: Read) -> Outcome:
    assert isinstance(outcome, Done)  # noqa: S101 - asked before
    assert isinstance(outcome.after, Present)  # noqa: S101 - asked before
    identity = outcome.after.record.id
    try:
        now = read(write.kind, [identity])[identity]
    except QboError as error:
        return InDoubt(error.message)
    match now:
        case Present() if now.version == outcome.after.version:
            return outcome  # nothing happened since: a write that changed nothing
        case Present() if write.verb is Verb.CREATE:
            return msgspec.structs.replace(outcome, moved_on=True)  # ours, from then; what came after is an edit
        case Present() | Absent():
            return Conflict("QuickBooks repeated its answer to an earlier request; nothing was done.", outcome.tid)
        case _:
            return InDoubt("QuickBooks answered with something older than the request, and it cannot be read again.")
