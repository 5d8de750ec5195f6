"""Faults that can be planted in a run, to see that the sweep finds them. None of them is reachable from the product."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from syncd.lookup import LookUp
from syncd.model.writes import Conflict, SourceWrite
from syncd.recovery import Recovery
from syncd.settling import Settler
from tests.reliability.crash_boundaries import swap


def plant(tooth: str) -> None:
    """Break the program in this process. Nothing for an empty name; ``KeyError`` for one that is not known."""
    if tooth:
        TEETH[tooth]()


def _blind_repeat() -> None:
    """Recovery does not look: whatever is open is sent once more, as something new."""

    def created(recovery: Any, entry: Any, _operation: Any) -> Any:
        write = msgspec.structs.replace(recovery._wire(entry), request_id=uuid.uuid4().hex, batch_request_id="")
        return recovery._books.send([write])[0]

    swap(Recovery, "_created", created)


def _nothing_recovered() -> None:
    """Open entries are closed as if they had never been sent, and nobody looks whether the record is there already."""
    swap(Recovery, "_outcome", lambda *_: Conflict("nobody looked"))
    swap(LookUp, "run", lambda *_: None)


def _source_repeated() -> None:
    """What was on its way to the source is written once more, whether it arrived or not."""

    def outcome(recovery: Any, entry: Any, operation: Any, _committed: Any) -> Any:
        write = msgspec.json.decode(entry.intent.body, type=SourceWrite)
        seen = recovery._source.read(operation.kind, [operation.source_id])[operation.source_id]
        fresh = msgspec.structs.replace(write, journal_id=uuid.uuid4().hex, expected_version=seen.version)
        return recovery._source.write([fresh])[0]

    swap(Recovery, "_source_outcome", outcome)


def _not_remembered() -> None:
    """What is not finished when a write is confirmed is not noted to be looked at again."""
    swap(Settler, "again", lambda *_, **__: None)


TEETH: dict[str, Callable[[], None]] = {
    "blind repeat": _blind_repeat,
    "nothing recovered": _nothing_recovered,
    "source repeated": _source_repeated,
    "not remembered": _not_remembered,
}
