"""OneDesk: invoices are copied to QuickBooks when a person asks, and copied again when a person asks again; nothing of
them comes back, but payments do. Removals are mirrored in neither direction, and reported.

Rows O-1 to O-36 of the behaviour sheet; readings C-O1 to C-O6.
"""

from __future__ import annotations

from collections.abc import Mapping

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

DEFAULTS: Mapping[str, object] = {"missing_item": "create", "tax_mode": "line", "currency_mode": "home_only"}
"""Settings that hold where the configuration says nothing: a product that is missing is made (O-22), tax and discount
are lines (O-29), the currency is not sent (O-32)."""
PUSH_ON = frozenset({"", "button", "publish"})

_LIVE = frozenset({State.LIVE})
_WRITE = frozenset({Verb.CREATE, Verb.UPDATE})
_AWAIT = dict.fromkeys((Case.SRC_EDITED, Case.MERGEABLE, Case.CONFLICT), Answer.AWAIT)
_PUSH = {Case.SRC_EDITED: Answer.PUSH, Case.MERGEABLE: Answer.PUSH, Case.CONFLICT: Answer.HOLD}
_ANEW = dict.fromkeys((Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED), Answer.RECREATE_QBO)
_LEAVE = dict.fromkeys(
    (Case.SRC_GONE, Case.SRC_GONE_QBO_EDITED, Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED, Case.QBO_VOID), Answer.ORPHAN
)


def policy(settings: Settings) -> Policy:
    """The profile, as a company's settings have it."""
    kinds = {
        Kind.ITEM: _item(settings),
        Kind.PAYMENT_METHOD: _named(),
        Kind.CLIENT: _client(settings),
        Kind.INVOICE: _invoice(settings),
        Kind.PAYMENT: _payment(),
    }
    return Policy(profile="onedesk", kinds=kinds, contact_emails=True)


def _named() -> KindPolicy:
    """Matched by name, never changed."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        match_on=("name",),
        when_needed=True,
        leave_foreign=True,
    )


def _item(settings: Settings) -> KindPolicy:
    """O-20 to O-22, C-O4: the product of exactly that name, else a new one; one that is spelt otherwise waits for a
    person. None is ever changed."""
    makes = frozenset({Verb.CREATE}) if settings.missing_item == "create" else frozenset[Verb]()
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        verbs={Side.QBO: makes},
        match_on=("name",),
        when_needed=True,
        leave_foreign=True,
    )


def _client(settings: Settings) -> KindPolicy:
    """O-25 to O-28: the customer of exactly that display name, else a new one with contact and e-mail. Whoever made
    it, it is never changed afterwards."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={
            Case.ADOPT_DIFF: Answer.RECORD,
            Case.QBO_EDITED: Answer.RECORD,
            Case.MERGEABLE: Answer.PUSH,
            Case.CONFLICT: Answer.RECORD,
            Case.SRC_GONE: Answer.ORPHAN,
            Case.SRC_GONE_QBO_EDITED: Answer.ORPHAN,
        },
        verbs={Side.QBO: frozenset({Verb.CREATE})},
        match_on=("name", "currency") if settings.currency_mode == "keep" else ("name",),
        when_needed=True,
        leave_foreign=True,
    )


def _invoice(settings: Settings) -> KindPolicy:
    """O-9 to O-14, O-33, O-34: an open one is copied when asked for; what changes in the source afterwards waits until
    that is asked for again (C-O1). QuickBooks' own edits are left, and overwritten only after a person says so. What
    is removed or voided on one side stays on the other (C-O6)."""
    by_hand = settings.push_on in {"", "button"}
    return KindPolicy(
        flows=frozenset({State.PUBLISHED}),
        owners=dict.fromkeys(("transaction_number", "tax_rate"), Owner.RETURNED),
        default_owner=Owner.SOURCE,
        answers={Case.QBO_EDITED: Answer.RECORD, **_LEAVE, **(_AWAIT if by_hand else _PUSH)},
        when_asked={**_PUSH, **_ANEW, Case.QBO_VOID: Answer.HOLD},
        verbs={Side.QBO: _WRITE | {Verb.SEND} if settings.send_via_qbo else _WRITE},
        match_on=("number", "client", "issue_date", "total"),
        keep_qbo_edits=True,
        withdrawn=Answer.ORPHAN,
        source_void=Answer.ORPHAN,
        asked_only=by_hand,
    )


def _payment() -> KindPolicy:
    """O-19: what is entered in QuickBooks shows in the source, with every change there. The source's own go nowhere;
    one that is the same as QuickBooks' is linked with it and not brought in beside it."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.QBO,
        answers={
            Case.FOREIGN: Answer.CREATE_SOURCE,
            Case.ADOPT_DIFF: Answer.RECORD,
            Case.SRC_EDITED: Answer.HOLD,
            Case.MERGEABLE: Answer.HOLD,
            Case.CONFLICT: Answer.BY_OWNER,
            **_LEAVE,
        },
        verbs={Side.SOURCE: _WRITE},
        match_on=("client", "date", "amount", "allocations", "credits"),
        asked_only=True,
    )
