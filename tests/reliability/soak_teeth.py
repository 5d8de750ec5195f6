"""Faults that can be planted in one life of the soak, to see that it finds them. None is reachable from the product."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from syncd.model.kinds import Kind
from syncd.model.lens import Lens
from syncd.model.writes import Verb
from syncd.qbo.books import Books
from tests.reliability.crash_boundaries import swap


def plant(tooth: str) -> None:
    """Break the program in this process, in one way or in several (``one, another``). ``KeyError`` for one that is not
    known."""
    for name in filter(None, tooth.split(", ")):
        TEETH[name]()


def _notes_dropped() -> None:
    """Nobody compares the notes of documents: an edit of them stays where it was made."""
    for side in ("source", "qbo"):
        project = getattr(Lens, side)

        def without(lens: Any, kind: Kind, *given: Any, whole: Any = project) -> Any:
            told = whole(lens, kind, *given)
            return told | {"notes": ""} if kind in {Kind.INVOICE, Kind.CREDIT_NOTE} else told

        swap(Lens, side, without)


def _payment_doubled() -> None:
    """Every new payment is sent once more, as if it were another one."""
    send = Books.send

    def twice(books: Any, writes: Sequence[Any]) -> Any:
        outcomes = send(books, writes)
        again = [
            msgspec.structs.replace(write, request_id=uuid.uuid4().hex, batch_request_id="", batch_item_id="")
            for write in writes
            if write.kind is Kind.PAYMENT and write.verb is Verb.CREATE
        ]
        if again:
            send(books, again)
        return outcomes

    swap(Books, "send", twice)


def _never_the_same() -> None:
    """What the source says of a due date is another day each time that it is looked at."""
    project = Lens.source
    days = itertools.count()

    def moved(lens: Any, kind: Kind, *given: Any) -> Any:
        told = project(lens, kind, *given)
        day = date(2030, 1, 1) + timedelta(days=next(days))
        return told | {"due_date": day.isoformat()} if "due_date" in told else told

    swap(Lens, "source", moved)


TEETH: dict[str, Callable[[], None]] = {
    "notes dropped": _notes_dropped,
    "payment doubled": _payment_doubled,
    "never the same": _never_the_same,
}
