"""Ravetree: invoices and estimates go out and stay the source's; payments, and what is sent or paid, go both ways;
QuickBooks' customers become contacts when a company is new.

Rows V-1 to V-24 of the behaviour sheet; readings C-V1 to C-V5 and X-1 to X-9 where rows clash or say nothing.
"""

from __future__ import annotations

from syncd.model.completeness import unmapped
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

LINE_TYPES = ("time", "expense", "retainer", "discount", "other")
"""What the five types of lines are called (V-4, V-22), unless the settings say what the source calls them."""

_WRITE = frozenset({Verb.CREATE, Verb.UPDATE})
_REMOVE = frozenset({Verb.DELETE, Verb.VOID})
_LIVE = frozenset({State.LIVE})

_FROM = {
    "create": frozenset({State.DRAFT, State.PUBLISHED, State.SENT}),
    "publish": frozenset({State.PUBLISHED, State.SENT}),
    "submit": frozenset({State.PUBLISHED, State.SENT}),
    "sent": frozenset({State.SENT}),
}
"""The states in which an invoice belongs in QuickBooks. By default from being sent: what is there is in the books at
once (C-V4)."""

_ON_SOURCE_DELETE = {"hold": Answer.HOLD, "delete": Answer.DELETE_QBO, "ignore": Answer.ORPHAN}
_ON_QBO_DELETE = {"hold": Answer.HOLD, "unpublish": Answer.WITHDRAW_SOURCE, "ignore": Answer.ORPHAN}
_ON_QBO_DELETE_PAYMENT = {**_ON_QBO_DELETE, "unpublish": Answer.DELETE_SOURCE}
_ON_QBO_VOID = {"hold": Answer.HOLD, "void": Answer.VOID_SOURCE, "ignore": Answer.ORPHAN}


def policy(settings: Settings) -> Policy:
    """The profile, as a company's settings have it."""
    types = settings.line_types or LINE_TYPES
    kinds = {
        Kind.ITEM: _line_type(types),
        Kind.PAYMENT_METHOD: _named(),
        Kind.CLIENT: _contact(),
        Kind.INVOICE: _invoice(settings),
        Kind.PAYMENT: _payment(settings),
    }
    if settings.estimates:  # V-14
        kinds[Kind.ESTIMATE] = _estimate(settings)
    return Policy(profile="ravetree", kinds=kinds, unmapped=unmapped(types, settings.line_type_map))


def _named(only: frozenset[str] | None = None) -> KindPolicy:
    """Matched by name, never created."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        match_on=("name",),
        when_needed=True,
        leave_foreign=True,
        only_names=only,
    )


def _line_type(types: tuple[str, ...]) -> KindPolicy:
    """V-4, V-5: an item of the source is a type of lines; each is billed as the item that the map says, or not."""
    return _named(frozenset(types))


def _contact() -> KindPolicy:
    """V-17: a new company's customers become contacts. V-18: afterwards a customer is made when something is addressed
    to a contact that QuickBooks does not have. What syncd did not make there is never touched (X-5)."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            Case.FOREIGN: Answer.CREATE_SOURCE,
            Case.ADOPT_DIFF: Answer.RECORD,
            Case.QBO_EDITED: Answer.RECORD,
            Case.SRC_GONE: Answer.ORPHAN,
            Case.SRC_GONE_QBO_EDITED: Answer.ORPHAN,
        },
        verbs={Side.QBO: _WRITE, Side.SOURCE: _WRITE},
        match_on=("name", "currency"),
        when_needed=True,
        leave_foreign=True,
        at_first=True,
        shows_link=True,
    )


_ONLY_THERE = frozenset({"transaction_number", "tax_rate"})
"""What only QuickBooks says of a document; nothing of it comes back (V-13, V-16)."""


def _invoice(settings: Settings) -> KindPolicy:
    """V-7, V-11: what the source says goes out, and every later change. V-13: what QuickBooks changes in that is
    recorded and left, but for the number, which is the same on both sides (V-8). V-10: marks go both ways. C-V5:
    nothing is said of deletions and voids, so they are held, unless the settings say otherwise."""
    return KindPolicy(
        flows=_FROM[settings.push_on or "sent"],
        owners={"sent": Owner.RAISED, "paid": Owner.QBO},
        default_owner=Owner.SOURCE,
        answers={
            Case.MERGEABLE: Answer.MERGE,
            Case.SRC_GONE: _ON_SOURCE_DELETE[settings.on_source_delete],
            Case.QBO_GONE: _ON_QBO_DELETE[settings.on_qbo_delete],
            Case.QBO_VOID: _ON_QBO_VOID[settings.on_qbo_void],
        },
        verbs={Side.QBO: _WRITE | _REMOVE, Side.SOURCE: frozenset({Verb.UPDATE, Verb.WITHDRAW, Verb.VOID})},
        match_on=("number", "client", "issue_date", "total"),
        keep_qbo_edits=True,
        left_out=_ONLY_THERE,
        withdrawn=_ON_SOURCE_DELETE[settings.on_source_delete],
        ticked=Answer.DELETE_QBO,
        unticked=Answer.ORPHAN,
        marks=frozenset({"sent", "paid"}),
        never_left=frozenset({"number"}),
        own_numbers=settings.numbering != "qbo",
        shows_link=True,
    )


def _estimate(settings: Settings) -> KindPolicy:
    """V-15, V-16: as invoices, but from the moment it is made, for it posts nothing; QuickBooks' changes are left."""
    return KindPolicy(
        flows=_FROM["create"],
        default_owner=Owner.SOURCE,
        answers={
            Case.MERGEABLE: Answer.MERGE,
            Case.SRC_GONE: _ON_SOURCE_DELETE[settings.on_source_delete],
            Case.QBO_GONE: _ON_QBO_DELETE[settings.on_qbo_delete],
        },
        verbs={Side.QBO: _WRITE | {Verb.DELETE}, Side.SOURCE: frozenset({Verb.UPDATE, Verb.WITHDRAW})},
        match_on=("number", "client", "issue_date", "total"),
        keep_qbo_edits=True,
        left_out=_ONLY_THERE,
        withdrawn=_ON_SOURCE_DELETE[settings.on_source_delete],
        ticked=Answer.DELETE_QBO,
        unticked=Answer.ORPHAN,
        never_left=frozenset({"number"}),
        own_numbers=settings.numbering != "qbo",
        shows_link=True,
    )


def _payment(settings: Settings) -> KindPolicy:
    """V-9, C-V1: entered on either side, and changed on either; where both changed the same, a person decides."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.QBO,
        answers={
            Case.FOREIGN: Answer.CREATE_SOURCE,
            Case.MERGEABLE: Answer.MERGE,
            Case.SRC_GONE: _ON_SOURCE_DELETE[settings.on_source_delete],
            Case.QBO_GONE: _ON_QBO_DELETE_PAYMENT[settings.on_qbo_delete],
            Case.QBO_VOID: _ON_QBO_VOID[settings.on_qbo_void],
        },
        verbs={Side.QBO: _WRITE | _REMOVE, Side.SOURCE: _WRITE | _REMOVE},
        match_on=("client", "date", "amount", "allocations", "credits"),
        saved=settings.save_payment_on_entry,
        ticked=Answer.DELETE_QBO,
        unticked=Answer.ORPHAN,
        shows_link=True,
    )
