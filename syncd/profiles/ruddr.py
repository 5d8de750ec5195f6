"""Ruddr: invoices and payments both ways; QuickBooks decides what was published or saved, the source decides drafts.

Rows R-1 to R-120 of the behaviour sheet, as far as their kinds exist; readings C-R1 to C-R17 where rows clash.
"""

from __future__ import annotations

from syncd.model.records import Kind, Side, State
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

_WRITE = frozenset({Verb.CREATE, Verb.UPDATE})

POLICY = Policy(
    profile="ruddr",
    kinds={
        # matched by name, else the default item; never created.
        Kind.ITEM: KindPolicy(
            flows=frozenset({State.LIVE}),
            default_owner=Owner.KEEP,
            answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD},
            match_on=("name",),
            when_needed=True,
            leave_foreign=True,
        ),
        # an existing customer, else a new one, when an invoice or payment needs it. A customer that syncd
        # did not create is never touched; one customer has one currency (R-116, C-R17).
        Kind.CLIENT: KindPolicy(
            flows=frozenset({State.LIVE}),
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
        ),
        # published invoices go out. R-30: afterwards QuickBooks wins. R-45, C-R5: unpublishing leaves the
        # QuickBooks invoice behind and keeps the link for reuse. C-R15: a deletion or void in QuickBooks is held.
        Kind.INVOICE: KindPolicy(
            flows=frozenset({State.PUBLISHED}),
            owners={"number": Owner.RETURNED},
            default_owner=Owner.QBO,
            answers={
                Case.MERGEABLE: Answer.MERGE,
                Case.CONFLICT: Answer.BY_OWNER,
                Case.SRC_GONE: Answer.ORPHAN,
            },
            verbs={Side.QBO: _WRITE, Side.SOURCE: frozenset({Verb.UPDATE})},
            match_on=("number", "client", "issue_date", "total"),
            withdrawn=Answer.ORPHAN,
            source_void=Answer.HOLD,
        ),
        # entered on either side; once in QuickBooks it changes only there (C-R7).: a
        # deletion on either side removes it from both. R-62: what is entered in QuickBooks comes in by itself.
        Kind.PAYMENT: KindPolicy(
            flows=frozenset({State.LIVE}),
            default_owner=Owner.QBO,
            answers={
                Case.FOREIGN: Answer.CREATE_SOURCE,
                Case.SRC_EDITED: Answer.HOLD,
                Case.MERGEABLE: Answer.HOLD,
                Case.CONFLICT: Answer.BY_OWNER,
                Case.SRC_GONE: Answer.DELETE_QBO,
                Case.QBO_GONE: Answer.DELETE_SOURCE,
            },
            verbs={
                Side.QBO: frozenset({Verb.CREATE, Verb.DELETE}),
                Side.SOURCE: frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE}),
            },
            match_on=("client", "date", "amount", "allocations"),
        ),
    },
)
