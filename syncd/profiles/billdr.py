"""Billdr PRO: one way, from the source into QuickBooks. Clients are customers, projects their sub-customers; invoices
and credits go out when they are submitted and do not change afterwards, payments follow the source. What QuickBooks
changes is recorded and left there. What is bought goes out as well (``purchasing``).

Rows B-1 to B-46 of the behaviour sheet; readings C-B1 to C-B9 where rows clash.
"""

from __future__ import annotations

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.writes import Verb
from syncd.profiles import purchasing
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

DEFAULTS = {"project_as": "sub_customer"}
"""What holds where the settings say nothing (B-22)."""

_WRITE = frozenset({Verb.CREATE, Verb.UPDATE})
_LIVE = frozenset({State.LIVE})
_RETURNED = dict.fromkeys(("number", "transaction_number", "tax_rate"), Owner.RETURNED)
_LEFT = {Case.QBO_EDITED: Answer.RECORD}
"""B-16: what QuickBooks changes is recorded, and never comes back."""
_OURS = {**_LEFT, Case.MERGEABLE: Answer.PUSH, Case.CONFLICT: Answer.PUSH}
"""The source wins what both sides changed; the rest of what QuickBooks changed stays there."""
_ON_QBO_DELETE = {"hold": Answer.HOLD, "unpublish": Answer.HOLD, "ignore": Answer.ORPHAN}
_ON_QBO_VOID = {"hold": Answer.HOLD, "void": Answer.HOLD, "ignore": Answer.ORPHAN}


def policy(settings: Settings) -> Policy:
    """The profile, as a company's settings have it."""
    kinds = {
        Kind.ITEM: _named(),
        Kind.PAYMENT_METHOD: _named(),
        Kind.CLIENT: _client(),
        Kind.PROJECT: _project() if settings.project_as == "sub_customer" else _named(),
        Kind.INVOICE: _form(settings, "invoice"),
        Kind.CREDIT_NOTE: _form(settings, "credit note"),
        Kind.PAYMENT: _payment(settings),
        Kind.CREDIT_APPLICATION: _credit_application(),
        **purchasing.kinds(settings),
    }
    return Policy(profile="billdr", kinds=kinds)


def _named() -> KindPolicy:
    """B-11: cost codes are brought together with QuickBooks' items and accounts by name; none is ever made there."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        match_on=("name",),
        when_needed=True,
        leave_foreign=True,
    )


def _client() -> KindPolicy:
    """B-9, B-20, B-21, B-25: an existing customer, else a new one as soon as a project or document needs it. One that
    syncd did not create is never touched (X-5). C-B8: one that is inactive in QuickBooks waits for a person, and so
    does whatever needs it."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            **_OURS,
            Case.ADOPT_DIFF: Answer.RECORD,
            Case.SRC_GONE: Answer.ORPHAN,
            Case.SRC_GONE_QBO_EDITED: Answer.ORPHAN,
        },
        verbs={Side.QBO: _WRITE},
        match_on=("name", "currency"),
        when_needed=True,
        leave_foreign=True,
    )


def _project() -> KindPolicy:
    """B-20 to B-23: a sub-customer as soon as it exists. C-B9: its name follows; closing makes it inactive once nothing
    is open; another client waits for a person."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            **_OURS,
            Case.SRC_GONE: Answer.ORPHAN,
            Case.SRC_GONE_QBO_EDITED: Answer.ORPHAN,
            Case.BOTH_GONE: Answer.ORPHAN,
        },
        verbs={Side.QBO: _WRITE | {Verb.DEACTIVATE}},
        match_on=("name", "client"),
        withdrawn=Answer.DEACTIVATE_QBO,
        closes=True,
        asks=frozenset({"client"}),
        remedy="accept the source to move it in QuickBooks too, or put it back under its client",
    )


def _form(settings: Settings, noun: str) -> KindPolicy:
    """B-26 to B-33, C-B2, C-B3, C-B6: sent when submitted, never changed afterwards, voided with the source. One that
    is a draft again waits, or is deleted in QuickBooks where a tick or the settings say so."""
    return KindPolicy(
        flows=frozenset({State.PUBLISHED}),
        owners=_RETURNED,
        default_owner=Owner.SOURCE,
        answers={
            **_LEFT,
            Case.SRC_EDITED: Answer.HOLD,
            Case.MERGEABLE: Answer.HOLD,
            Case.CONFLICT: Answer.HOLD,
            Case.SRC_GONE: Answer.HOLD,
            Case.QBO_GONE: _ON_QBO_DELETE[settings.on_qbo_delete],
            Case.QBO_GONE_SRC_EDITED: Answer.RECREATE_QBO,  # B-31, done between two looks at it
            Case.QBO_VOID: _ON_QBO_VOID[settings.on_qbo_void],
        },
        verbs={Side.QBO: frozenset({Verb.CREATE, Verb.VOID, Verb.DELETE}), Side.SOURCE: frozenset({Verb.UPDATE})},
        match_on=("number", "client", "issue_date", "total"),
        saved=settings.save_invoice_on_publish,
        own_numbers=settings.numbering == "source",
        withdrawn=Answer.DELETE_QBO if settings.remove_invoice_on_unpublish else Answer.HOLD,
        ticked=Answer.DELETE_QBO,
        source_void=Answer.VOID_QBO if noun == "invoice" else Answer.HOLD,  # QuickBooks voids no credit memo
        remedy=(
            f"put the change back, or void the {noun} and submit a new one; to keep its number, make it a draft, "
            "delete it in QuickBooks, and submit it again"
        ),
    )


def _payment(settings: Settings) -> KindPolicy:
    """B-34 to B-37: sent at once, changed and deleted with the source. What is entered in QuickBooks stays there."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={**_OURS, Case.SRC_GONE: Answer.DELETE_QBO if settings.remove_payment_on_delete else Answer.ORPHAN},
        verbs={Side.QBO: _WRITE | {Verb.DELETE}},
        match_on=("client", "date", "amount", "allocations", "credits"),
        saved=settings.save_payment_on_entry,
        ticked=Answer.DELETE_QBO,
        unticked=Answer.ORPHAN,
    )


def _credit_application() -> KindPolicy:
    """C-B6: what a credit was used for, as in Ruddr, but one way."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={**_OURS, Case.SRC_GONE: Answer.DELETE_QBO},
        verbs={Side.QBO: _WRITE | {Verb.DELETE}},
        match_on=("client", "credit_note", "allocations"),
    )
