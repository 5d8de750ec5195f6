"""Asking for one record: it goes to QuickBooks now, although no rule sends it by itself (O-10, O-14, V-12, V-19).

An invoice that is sent by a button, one that is older than the start date, one whose box was unticked, a client that no
invoice needs yet. What was asked for stands until it is done: where something is in the way it is held with its reason,
and goes out as soon as that is gone. What never goes out at all, such as a draft, is refused here and now.
"""

from __future__ import annotations

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Flawed, Present
from syncd.model.references import label
from syncd.model.writes import Verb
from syncd.parts import Parts
from syncd.seen import Slot
from syncd.state.values import LinkState


def pushable(parts: Parts, kind: Kind, name: str, *, mail: bool = False) -> frozenset[Slot]:
    """The record of the source with that number or name, or id.

    Raises ``StateError`` where there is none, or more than one, or where it does not belong in QuickBooks as it is.
    ``mail``: QuickBooks is to mail it, too; refused where that is not switched on.
    """
    policy = parts.policy.kinds.get(kind)
    noun = kind.replace("_", " ")
    if policy is None or Verb.CREATE not in policy.verbs.get(Side.QBO, frozenset()):
        raise StateError(
            f"The profile {parts.policy.profile} makes no {noun} in QuickBooks.",
            remedy="See what it sends: docs/cases.md",
        )
    if mail and Verb.SEND not in policy.verbs.get(Side.QBO, frozenset()):
        raise StateError(
            f"QuickBooks is not to mail the {noun} records of {parts.company}.",
            remedy="Set send_via_qbo = true in [company.settings], with a profile that mails; or leave out --send.",
        )
    record_id = _find(parts, kind, name)
    link = parts.store.links_by_source(parts.company, kind, [record_id]).get(record_id)
    if link is not None and link.state is LinkState.IGNORED:
        raise StateError(
            f"{noun.capitalize()} {name} is left alone, because a person said so, or undid what was done with it.",
            remedy=f"To take it up again: {_take_up(parts, kind, record_id)}",
        )
    seen = parts.source.read(kind, [record_id])[record_id]
    if isinstance(seen, Present) and not policy.flows_in(seen.record):
        state = getattr(seen.record, "state", "")
        raise StateError(
            f"{noun.capitalize()} {name} is {state} in the source; only what is open there can be sent.",
            remedy="Open it in the source first.",
        )
    return frozenset({(kind, record_id, link.qbo_id if link is not None else "")})


def withdraw(parts: Parts, kind: Kind, name: str, actor: str) -> str:
    """Take back that a record was asked for, by its number or name, or its id. Answers its id.

    Raises ``StateError`` where it is not asked for, or nobody can tell which record is meant. What was done until now
    stays done.
    """
    for record_id in (name, ""):
        found = record_id or _find(parts, kind, name)
        if parts.store.withdraw_ask(parts.company, kind, found, actor):
            return found
    raise StateError(
        f"{kind.replace('_', ' ').capitalize()} {name} is not asked for.", remedy="See what is: syncd queue"
    )


def _take_up(parts: Parts, kind: Kind, record_id: str) -> str:
    held = (row.id for row in parts.store.held(parts.company) if (row.kind, row.source_id) == (kind, record_id))
    return next((f"syncd held retry {number}" for number in held), f"syncd match --unset {kind} {record_id}")


def _find(parts: Parts, kind: Kind, name: str) -> str:
    """The id of the record in the source: by its number or name first, then by its id."""
    noun = kind.replace("_", " ")
    named, unusable = [], 0
    for each in parts.source.scan(kind):
        if not isinstance(each, Present):
            unusable += 1
        elif label(each.record) == name.strip():
            named.append(each.record.id)
    if len(named) > 1:
        raise StateError(
            f"{len(named)} {noun} records are called {name} (ids {', '.join(sorted(named))}).",
            remedy="Name the one that is meant by its id.",
        )
    if named:
        return named[0]
    if isinstance(parts.source.read(kind, [name]).get(name), Present | Flawed):
        return name
    other = f"; {unusable} there cannot be used as they stand, and may be called so" if unusable else ""
    raise StateError(
        f"No {noun} {name} is in the source{other}.",
        remedy="Give the number or name as the source has it, or the id there.",
    )
