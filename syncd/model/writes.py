"""What passes between the executor and the two writers: the same small vocabulary for both sides."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Absent, Present
from syncd.model.records import Record


class Verb(StrEnum):
    """What one operation does. ``WITHDRAW`` makes a document of the source a draft again, ``SEND`` has QBO mail one
    (X-7). The last five touch only our own state."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    VOID = "void"
    DEACTIVATE = "deactivate"
    WITHDRAW = "withdraw"
    SEND = "send"
    LINK = "link"
    REBASE = "rebase"
    ORPHAN = "orphan"
    FORGET = "forget"
    HOLD = "hold"


STATE_VERBS = frozenset({Verb.LINK, Verb.REBASE, Verb.ORPHAN, Verb.FORGET, Verb.HOLD})
DESTRUCTIVE_VERBS = frozenset({Verb.DELETE, Verb.VOID, Verb.DEACTIVATE, Verb.WITHDRAW})


UNCLEAR = "mail-unclear"
"""The code of a mail of which nobody knows whether it went out. It is never repeated by syncd."""
EXTERNAL_ID = "external_id"
"""QBO's id, where the source keeps it; among the fields of a write only where the row is to have none any more."""


class SourceWrite(msgspec.Struct, frozen=True):
    """One write to the source: applied whole or not at all, and only if the row still has ``expected_version``.

    ``record`` carries the wished values with *source* ids in its references; ``fields`` names what to set (all, when
    creating). ``journal_id`` is stored with the row change, in the same transaction, so that a crash between commit
    and confirm is recognised. ``qbo_id`` is the other side's id, for sources that keep it; empty leaves it as it is,
    unless ``fields`` name it (``EXTERNAL_ID``).
    """

    journal_id: str
    kind: Kind
    verb: Verb
    id: str
    expected_version: str
    fields: tuple[str, ...]
    record: Record | None
    qbo_id: str = ""


class WireWrite(msgspec.Struct, frozen=True):
    """One write to QBO as it goes over the wire; everything a byte-for-byte repeat needs.

    ``body`` is the JSON object of the entity. ``batch_request_id`` and ``batch_item_id`` are set when it travels in a
    batch: the pair is its identity there (protocol.md 7). ``request_id`` is its identity when it travels alone.
    """

    journal_id: str
    kind: Kind
    verb: Verb
    entity: str
    body: bytes
    request_id: str
    qbo_id: str = ""
    batch_request_id: str = ""
    batch_item_id: str = ""
    file: str = ""
    """The source's id of a file whose content goes along. Its digest is in ``body``; its bytes are in no journal."""


class Done(msgspec.Struct, frozen=True):
    """The write is confirmed. ``after`` is what the side answered: the record as it now stands, or that it is gone.
    ``moved_on``: the record was, or may have been, changed by somebody between the write and ``after``, or since an
    answer of long ago (F-3)."""

    after: Present | Absent
    tid: str = ""
    moved_on: bool = False


class Refused(msgspec.Struct, frozen=True):
    """A definite no: nothing was changed, and repeating it cannot help.

    ``holder_id`` is the id of the record that stands in the way, where the fault names it (6140, 6240).
    """

    code: str
    text: str
    remedy: str = ""
    holder_id: str = ""
    tid: str = ""


class Conflict(msgspec.Struct, frozen=True):
    """The record moved on since it was read (5010, or the row version): nothing was changed; read and decide again."""

    text: str
    tid: str = ""


class NotSent(msgspec.Struct, frozen=True):
    """The write certainly did not reach the other side, or was turned away unread (throttle): try again later."""

    text: str


class InDoubt(msgspec.Struct, frozen=True):
    """The write may or may not have been done. It stays open in the journal until observation settles it."""

    text: str


Outcome: TypeAlias = Done | Refused | Conflict | NotSent | InDoubt

__all__ = [
    "DESTRUCTIVE_VERBS",
    "EXTERNAL_ID",
    "STATE_VERBS",
    "Conflict",
    "Done",
    "InDoubt",
    "NotSent",
    "Outcome",
    "Refused",
    "Side",
    "SourceWrite",
    "Verb",
    "WireWrite",
]
