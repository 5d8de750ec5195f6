"""Ruddr: invoices, credit notes and payments both ways; QuickBooks decides what was published or saved, the source
decides drafts; reimbursable expenses go out as bills, and only their being paid comes back.

Rows R-1 to R-120 of the behaviour sheet; readings C-R1 to C-R17 and X-1 to X-9 where rows clash.
"""

from __future__ import annotations

from collections.abc import Mapping

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

_WRITE = frozenset({Verb.CREATE, Verb.UPDATE})
_LIVE = frozenset({State.LIVE})
_RETURNED = dict.fromkeys(("number", "transaction_number", "tax_rate"), Owner.RETURNED)

_ON_QBO_DELETE = {"hold": Answer.HOLD, "unpublish": Answer.WITHDRAW_SOURCE, "ignore": Answer.ORPHAN}
_ON_QBO_VOID = {"hold": Answer.HOLD, "void": Answer.VOID_SOURCE, "ignore": Answer.ORPHAN}


def policy(settings: Settings) -> Policy:
    """The profile, as a company's settings have it."""
    kinds = {
        Kind.ITEM: _named(),
        Kind.PAYMENT_METHOD: _named(),
        Kind.CLIENT: _party(),
        Kind.INVOICE: _invoice(settings),
        Kind.CREDIT_NOTE: _credit_note(settings),
        Kind.PAYMENT: _payment(settings),
        Kind.CREDIT_APPLICATION: _credit_application(),
    }
    if settings.expense_bills:
        kinds |= {Kind.CATEGORY: _named(), Kind.PROJECT: _named(), Kind.VENDOR: _party(), Kind.BILL: _bill()}
    return Policy(profile="ruddr", kinds=kinds)


def _named() -> KindPolicy:
    """R-22, R-23, R-57, R-101, R-102: matched by name, else what the settings say; never created."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        match_on=("name",),
        when_needed=True,
        leave_foreign=True,
    )


def _party() -> KindPolicy:
    """R-12, R-13, R-96: an existing customer or vendor, else a new one, when a document needs it.

    One that syncd did not create is never touched (X-5); each has one currency (R-116, C-R17).
    """
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={
            # Same name and currency, another e-mail: the same customer, left as QuickBooks has it.
            Case.ADOPT_DIFF: Answer.RECORD,
            Case.QBO_EDITED: Answer.RECORD,
            Case.SRC_GONE: Answer.ORPHAN,
            Case.SRC_GONE_QBO_EDITED: Answer.ORPHAN,
        },
        verbs={Side.QBO: _WRITE},
        match_on=("name", "currency"),
        when_needed=True,
        leave_foreign=True,
    )


def _invoice(settings: Settings) -> KindPolicy:
    """R-3 to R-6, R-30: what is published goes out, and afterwards QuickBooks wins. C-R15: a deletion or void in
    QuickBooks is held, unless the settings say otherwise."""
    return _form(
        settings,
        {
            Case.QBO_GONE: _ON_QBO_DELETE[settings.on_qbo_delete],
            Case.QBO_VOID: _ON_QBO_VOID[settings.on_qbo_void],
        },
        frozenset({Verb.UPDATE, Verb.WITHDRAW, Verb.VOID}),
    )


def _credit_note(settings: Settings) -> KindPolicy:
    """R-76 to R-88: as invoices; one deleted in QuickBooks is removed from the source (R-71), and one that a payment
    in QuickBooks uses is brought into it (R-70)."""
    return _form(
        settings,
        {Case.FOREIGN: Answer.CREATE_SOURCE, Case.QBO_GONE: Answer.DELETE_SOURCE},
        frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE}),
        when_imported=True,
    )


def _form(
    settings: Settings, answers: Mapping[Case, Answer], in_source: frozenset[Verb], *, when_imported: bool = False
) -> KindPolicy:
    """What invoices and credit notes share. R-45, C-R5: unpublishing leaves the one in QuickBooks behind and keeps the
    link for reuse, unless its tick says otherwise (R-46)."""
    withdrawn = Answer.DELETE_QBO if settings.remove_invoice_on_unpublish else Answer.ORPHAN
    shared = {Case.MERGEABLE: Answer.MERGE, Case.CONFLICT: Answer.BY_OWNER, Case.SRC_GONE: withdrawn}
    return KindPolicy(
        flows=frozenset({State.PUBLISHED}),
        owners=_RETURNED,
        default_owner=Owner.QBO,
        answers={**shared, **answers},
        verbs={Side.QBO: _WRITE | {Verb.DELETE}, Side.SOURCE: in_source},
        match_on=("number", "client", "issue_date", "total"),
        saved=settings.save_invoice_on_publish,
        own_numbers=settings.numbering == "source",
        withdrawn=withdrawn,
        ticked=Answer.DELETE_QBO,
        unticked=Answer.ORPHAN,
        source_void=Answer.HOLD,
        when_imported=when_imported,
        asked_only=settings.push_on == "button",
    )


def _payment(settings: Settings) -> KindPolicy:
    """R-48 to R-52: entered on either side; once in QuickBooks it changes only there (C-R7). R-72 to R-75: a deletion
    on either side removes it from both, unless its tick says otherwise. R-62: what is entered in QuickBooks comes in
    by itself."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.QBO,
        answers={
            Case.FOREIGN: Answer.CREATE_SOURCE,
            Case.SRC_EDITED: Answer.HOLD,
            Case.MERGEABLE: Answer.HOLD,
            Case.CONFLICT: Answer.BY_OWNER,
            Case.SRC_GONE: Answer.DELETE_QBO if settings.remove_payment_on_delete else Answer.ORPHAN,
            Case.QBO_GONE: Answer.DELETE_SOURCE,
        },
        verbs={
            Side.QBO: frozenset({Verb.CREATE, Verb.DELETE}),
            Side.SOURCE: frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE}),
        },
        match_on=("client", "date", "amount", "allocations", "credits"),
        saved=settings.save_payment_on_entry,
        ticked=Answer.DELETE_QBO,
        unticked=Answer.ORPHAN,
    )


def _credit_application() -> KindPolicy:
    """R-80, C-R4: what a credit note was used for; our own payment of zero, never cash. The source decides, as long as
    only the source changes it; what is applied in QuickBooks comes back as an application (R-70). The same credit on
    the same invoices is the same application, whenever QuickBooks applied it (by itself, with automatic credits)."""
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.QBO,
        answers={
            Case.FOREIGN: Answer.CREATE_SOURCE,
            Case.ADOPT_DIFF: Answer.PULL,
            Case.CONFLICT: Answer.BY_OWNER,
            Case.SRC_GONE: Answer.DELETE_QBO,
            Case.QBO_GONE: Answer.DELETE_SOURCE,
        },
        verbs={
            Side.QBO: _WRITE | {Verb.DELETE},
            Side.SOURCE: frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE}),
        },
        match_on=("client", "credit_note", "allocations"),
    )


def _bill() -> KindPolicy:
    """R-90 to R-104: made of approved expenses, and changed only as long as nothing is paid on it (C-R9); of QuickBooks
    only whether it is paid in full comes back (R-103, R-104)."""
    return KindPolicy(
        flows=_LIVE,
        owners={"reimbursed": Owner.RETURNED},
        default_owner=Owner.SOURCE,
        verbs={Side.QBO: _WRITE, Side.SOURCE: frozenset({Verb.UPDATE})},
        match_on=("vendor", "date", "total", "lines"),
        keep_qbo_edits=True,
    )
