"""Billdr PRO: one way out; what is sent or approved goes to QuickBooks. Rows B-1 to B-46 of the behaviour sheet."""

from __future__ import annotations

from syncd.model.facts import Settings
from syncd.model.records import Kind, Side, State
from syncd.model.writes import Verb
from syncd.profiles import purchasing
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

_LIVE = frozenset({State.LIVE})


def policy(settings: Settings) -> Policy:
    """The profile, as a company's settings have it."""
    kinds = {
        Kind.ITEM: purchasing.category(),
        Kind.CLIENT: _client(),
        Kind.PROJECT: purchasing.category(),
        Kind.INVOICE: _invoice(),
        **purchasing.kinds(settings),
    }
    return Policy(profile="billdr", kinds=kinds)


def _client() -> KindPolicy:
    return KindPolicy(
        flows=_LIVE,
        default_owner=Owner.SOURCE,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.SRC_GONE: Answer.ORPHAN},
        verbs={Side.QBO: frozenset({Verb.CREATE, Verb.UPDATE})},
        match_on=("name", "currency"),
        when_needed=True,
        leave_foreign=True,
    )


def _invoice() -> KindPolicy:
    """B-26, B-27: what is submitted goes out."""
    return KindPolicy(
        flows=frozenset({State.PUBLISHED}),
        default_owner=Owner.SOURCE,
        answers={Case.QBO_EDITED: Answer.RECORD},
        verbs={Side.QBO: frozenset({Verb.CREATE})},
        match_on=("number", "client", "issue_date", "total"),
        source_void=Answer.HOLD,
    )
