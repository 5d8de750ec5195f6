"""The policies that the machine draws from: the product's own profile, one that leaves everything to people, and one in
which the source decides, so that answers are taken which the profile never gives."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

NAMES = ("ruddr", "cautious", "mirror")

_WRITE = frozenset({Verb.CREATE, Verb.UPDATE})
_MIRROR: Mapping[Kind, KindPolicy] = {
    Kind.INVOICE: KindPolicy(
        flows=frozenset(),
        default_owner=Owner.SOURCE,
        answers={
            Case.QBO_EDITED: Answer.PUSH,
            Case.MERGEABLE: Answer.MERGE,
            Case.CONFLICT: Answer.BY_OWNER,
            Case.SRC_GONE: Answer.VOID_QBO,
            Case.QBO_GONE: Answer.RECREATE_QBO,
        },
        verbs={Side.QBO: _WRITE | {Verb.VOID, Verb.DELETE}, Side.SOURCE: frozenset({Verb.UPDATE})},
        withdrawn=Answer.VOID_QBO,
    ),
    Kind.PAYMENT: KindPolicy(
        flows=frozenset(),
        default_owner=Owner.SOURCE,
        answers={
            Case.SRC_EDITED: Answer.PUSH,
            Case.CONFLICT: Answer.BY_OWNER,
            Case.SRC_GONE: Answer.DELETE_QBO,
            Case.QBO_GONE: Answer.RECREATE_QBO,
        },
        verbs={Side.QBO: _WRITE | {Verb.DELETE}, Side.SOURCE: frozenset({Verb.UPDATE})},
    ),
}

_CAUTIOUS = KindPolicy(
    flows=frozenset(),
    default_owner=Owner.SOURCE,
    verbs={Side.QBO: _WRITE, Side.SOURCE: frozenset({Verb.UPDATE})},
)
"""New records and edits go out, numbers come back, and all else is held."""


def varied(name: str, profile: Policy) -> Policy:
    """The policy ``name``, made of the product's profile."""
    if name == "ruddr":
        return profile
    kinds = {kind: _varied(name, kind, policy) for kind, policy in profile.kinds.items()}
    return msgspec.structs.replace(profile, kinds=kinds)


def _varied(name: str, kind: Kind, policy: KindPolicy) -> KindPolicy:
    if kind not in _MIRROR:
        return policy
    other = _MIRROR[kind] if name == "mirror" else _CAUTIOUS
    return msgspec.structs.replace(
        other, flows=policy.flows, match_on=policy.match_on, owners=policy.owners, saved=policy.saved
    )


def may_override(name: str, kind: str, side: Side) -> frozenset[str]:
    """The cases in which the policy lets what people wrote on one side give way to the other side's (I6)."""
    if name == "cautious":
        return frozenset()
    if name == "mirror":
        return frozenset({Case.QBO_EDITED, Case.CONFLICT} if side is Side.QBO else ())
    return frozenset({Case.CONFLICT} if side is Side.SOURCE else ())
