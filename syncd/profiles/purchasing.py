"""What profiles with a purchase side share: suppliers, expenses, bills and purchase orders, all one way out.

Rows B-10, B-38 to B-46; readings C-B2 (an expense is overwritten) and C-B7 (paid already, or owed still).
"""

from __future__ import annotations

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner

_LIVE = frozenset({State.LIVE})
_ALL = frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE})


def kinds(settings: Settings) -> dict[Kind, KindPolicy]:
    """The kinds of the purchase side, as a company's settings have it."""
    found = {
        Kind.CATEGORY: category(),
        Kind.VENDOR: vendor(),
        Kind.PURCHASE: overwritten("vendor", "date", "total", "lines"),
        Kind.BILL: overwritten("vendor", "date", "total", "lines"),
    }
    if settings.purchase_orders:  # B-44
        found[Kind.PURCHASE_ORDER] = overwritten("number", "vendor", "date", "total")
    if settings.attachments:
        found[Kind.ATTACHMENT] = attachment()
    return found


def attachment() -> KindPolicy:
    """B-28, B-39: files go along with their documents, and leave QuickBooks with them or when the source removes them.
    One of the same name and size on the same document is the same file. What people removed in QuickBooks stays away
    until the source changes it."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            Case.QBO_EDITED: Answer.RECORD,
            Case.CONFLICT: Answer.PUSH,
            Case.MERGEABLE: Answer.PUSH,
            Case.SRC_GONE: Answer.DELETE_QBO,
            Case.QBO_GONE: Answer.ORPHAN,
            Case.QBO_GONE_SRC_EDITED: Answer.RECREATE_QBO,
        },
        verbs={Side.QBO: _ALL},
        match_on=("owner_kind", "owner", "file_name", "size"),
        overwrites=True,
    )


def category() -> KindPolicy:
    """B-11: cost codes are matched with accounts by name, else the default account stands for them; never created."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        match_on=("name",),
        when_needed=True,
        leave_foreign=True,
    )


def vendor() -> KindPolicy:
    """B-10, B-43, B-46: the whole list of suppliers is brought together with QuickBooks' vendors before any document:
    an existing vendor of this name and currency, else a new one. One that syncd did not create is never touched (X-5).
    """
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            Case.ADOPT_DIFF: Answer.RECORD,  # the same vendor with another e-mail, left as QuickBooks has it
            Case.QBO_EDITED: Answer.RECORD,
            Case.SRC_GONE: Answer.ORPHAN,
            Case.SRC_GONE_QBO_EDITED: Answer.ORPHAN,
        },
        verbs={Side.QBO: frozenset({Verb.CREATE, Verb.UPDATE})},
        match_on=("name", "currency"),
        leave_foreign=True,
        keep_qbo_edits=True,
    )


def overwritten(*match_on: str) -> KindPolicy:
    """B-38 to B-42, B-44, C-B2: what the source says, QuickBooks holds. What is changed in QuickBooks stays there until
    the source changes the document, and is overwritten then. What is removed from the source, or loses its approval,
    is removed from QuickBooks; what QuickBooks' people removed waits for a person, as it may have been a mistake."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            Case.QBO_EDITED: Answer.RECORD,
            Case.CONFLICT: Answer.PUSH,
            Case.MERGEABLE: Answer.PUSH,
            Case.SRC_GONE: Answer.DELETE_QBO,
        },
        verbs={Side.QBO: _ALL},
        match_on=match_on,
        withdrawn=Answer.DELETE_QBO,
        source_void=Answer.DELETE_QBO,
        overwrites=True,
    )
