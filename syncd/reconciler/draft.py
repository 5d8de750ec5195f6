"""One record under decision: what is known of it, and how operations and holds about it are written down."""

from __future__ import annotations

import msgspec

from syncd.model.kinds import Side
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.projections import differing
from syncd.model.records import Record
from syncd.model.references import label, settled
from syncd.model.spec import SPECS
from syncd.model.values import Canonical
from syncd.model.writes import EXTERNAL_ID, Verb
from syncd.reconciler import explain
from syncd.reconciler.cases import BY_PERSON
from syncd.reconciler.entries import SideCapability, View
from syncd.reconciler.freeze import money_of, why_frozen
from syncd.reconciler.plan import Change, Money, Operation, Projection
from syncd.reconciler.planned import Planned
from syncd.reconciler.policy import Case, KindPolicy, Owner
from syncd.reconciler.sight import Look


class Draft:
    """The record, the policy and the plan it goes into; a small object, so that its parts need few arguments."""

    def __init__(self, planned: Planned, view: View, policy: KindPolicy, seen: Look) -> None:
        self._planned = planned
        self._view = view
        self._policy = policy
        self._seen = seen
        self._entry = seen.entry
        self._kind = seen.entry.kind
        self._spec = SPECS[self._kind]
        self._capability = view.capabilities.get(self._kind, SideCapability())
        self._known = seen.entry.known
        self._out: list[Operation] = []

    def _owner(self, name: str) -> Owner:
        return self._policy.owners.get(name, self._policy.default_owner)

    def _word(self) -> str:
        """What a person answered to just this: the same case, and the same values on both sides. Else empty."""
        fits = self._entry.asked in {"", self._seen.case.value} and self._as_shown()
        return self._entry.word if fits else ""

    def _by_person(self) -> bool:
        """Whether a person asked for this. A word on a frozen record (C51) approves what is planned for it."""
        approved = self._entry.asked == Case.FROZEN and self._as_shown()
        return (self._entry.word if approved else self._word()) in BY_PERSON

    def _as_shown(self) -> bool:
        """Whether both sides still hold what the person saw. That a record which it refers to has come to QBO since is
        no difference."""
        shown = self._entry.shown
        if shown is None:
            return True
        if shown.qbo_id != self._qbo_id():
            return False
        sides = ((shown.source, self._seen.source), (shown.qbo, self._seen.qbo))
        return all(bool(then) == bool(now) and self._alike(then, now) for then, now in sides)

    def _alike(self, then: Projection, now: Projection) -> bool:
        """Whether both say the same; rows in any order, for what they are sorted by may have come since."""
        was = {name: _in_any_order(settled(value, self._planned.resolve)) for name, value in then.items()}
        return not differing(was, {name: _in_any_order(value) for name, value in now.items()})

    def _label(self) -> str:
        """How a person knows the record."""
        mine, partner = self._seen.source_record, self._seen.partner
        remembered = self._known.label if self._known is not None else ""
        shown = mine or (partner.record if partner is not None and not remembered else None)
        return label(shown) if shown is not None else remembered

    def _remedy(self) -> str:
        """What the policy says can be done about a change in the source that is held, as the end of a reason."""
        return f": {self._policy.remedy}" if self._policy.remedy else ""

    def _accepted(self) -> frozenset[str]:
        return self._known.accepted if self._known is not None else frozenset()

    def _allowed(self, side: Side, verb: Verb) -> bool:
        permitted = self._policy.verbs.get(side, frozenset())
        if side is Side.SOURCE:
            permitted &= self._capability.verbs
        if verb in permitted or (self._by_person() and (side is Side.QBO or verb in self._capability.verbs)):
            return True
        where = "the source" if side is Side.SOURCE else "QuickBooks"
        self._hold(f"to {verb} it in {where} is not allowed by the policy, or not possible there")
        return False

    def _frozen(self, verb: Verb, fields: frozenset[str]) -> bool:
        """Overlay C51: a closed period, money already applied, or an amount that somebody has to approve."""
        reason = why_frozen(self._seen, self._view, verb, fields, approved=self._by_person())
        if reason:
            self._hold(reason, case=Case.FROZEN)
        return bool(reason)

    def _remove(self, side: Side, verb: Verb, reason: str) -> None:
        if not self._allowed(side, verb) or (side is Side.QBO and self._frozen(verb, frozenset())):
            return
        known, partner = self._known, self._seen.partner
        record = partner.record if partner is not None else self._seen.source_record
        if known is None or (side is Side.QBO and partner is None):
            self._hold("it must be read once more before it can be removed", wait=True)
            return
        after: tuple[str, ...] = ()
        if self._spec.along:
            after, held = self._planned.instead_of(self._kind, known.source_id)
            if held:
                self._hold("stays until what takes its place is in QuickBooks", wait=True)
                return
            after += self._planned.removal_with(record) if record is not None else ()
        self._out.append(self._operation(side, verb, reason, record=record, after=after, money=self._money(record)))

    def _record_difference(self) -> None:
        """Remember that the two differ, and leave it at that."""
        names = explain.words(self._seen.differences)
        self._state(
            Verb.LINK if self._known is None else Verb.REBASE,
            f"the two differ in {names}; the policy leaves that as it is",
            accepted=self._seen.differences | self._accepted(),
        )

    def _money(self, record: Record | None) -> Money | None:
        return money_of(record, self._view.lens) if record is not None else None

    def _hold(
        self,
        reason: str,
        *,
        case: Case | None = None,
        problems: tuple[Problem, ...] = (),
        blocked_by: str = "",
        wait: bool = False,
        heard: bool = False,
    ) -> None:
        if self._entry.word in BY_PERSON and not self._as_shown():
            reason += f". It changed after {self._entry.word} was answered, so that was not done: look again"
        base = self._operation(Side.STATE, Verb.HOLD, reason, record=self._seen.source_record)
        self._out.append(
            replaced(
                base,
                case=(case or self._seen.case).value,
                problems=problems,
                blocked_by=blocked_by,
                wait=wait or bool(blocked_by),
                heard=heard,
                money=self._money(
                    self._seen.source_record or (self._seen.partner.record if self._seen.partner else None)
                ),
            )
        )

    def _state(
        self,
        verb: Verb,
        reason: str,
        *,
        accepted: frozenset[str] = frozenset(),
        qbo_id: str = "",
        source_base: Projection | None = None,
    ) -> None:
        """``source_base``: what the source's half of the base is to be, where not what the source holds now."""
        operation = self._operation(
            Side.STATE,
            verb,
            reason,
            record=self._seen.source_record,
            accepted=tuple(sorted(accepted)),
            writes_back=(EXTERNAL_ID,) if verb is Verb.LINK and self._shows_link() else (),
        )
        if source_base is not None:
            operation = replaced(operation, source_base=source_base)
        self._out.append(replaced(operation, qbo_id=qbo_id) if qbo_id else operation)

    def _shows_link(self) -> bool:
        """Whether the source is yet to be told which record of QBO, that was there before, it is linked with."""
        able = self._policy.shows_link and self._capability.external_id and Verb.UPDATE in self._capability.verbs
        return able and getattr(self._seen.source_record, EXTERNAL_ID, "") == ""

    def _finish(self) -> None:
        """Into the plan, all or nothing: where one part of what a record asks for is held, the record is held."""
        holds = [operation for operation in self._out if operation.verb is Verb.HOLD]
        if not holds and len({o.writes for o in self._out if o.verb is not Verb.SEND}) > 1:
            self._hold("both sides changed it, and the policy leaves one of them alone")
            holds = self._out[-1:]
        if holds:
            reason = "; ".join(dict.fromkeys(hold.reason for hold in holds))
            self._out = [replaced(holds[0], reason=reason, wait=all(hold.wait for hold in holds))]
        for operation in self._out:
            rest = self._entry.held_back if operation.verb is not Verb.HOLD else ""
            told = (
                msgspec.structs.replace(operation, remainder=rest, reason=f"{operation.reason}; {rest}")
                if rest
                else operation
            )
            self._planned.add(told)

    def _qbo_id(self) -> str:
        """QBO's id of the record: the linked one's, or the look-alike's; empty where there is none."""
        partner, known = self._seen.partner, self._known
        if partner is not None:
            return partner.record.id
        return known.qbo_id if known is not None else _id_of(self._entry.qbo)

    def _operation(
        self,
        side: Side,
        verb: Verb,
        reason: str,
        *,
        qbo_id: str | None = None,
        changes: tuple[Change, ...] = (),
        fields: tuple[str, ...] = (),
        record: Record | None = None,
        after: tuple[str, ...] = (),
        accepted: tuple[str, ...] = (),
        writes_back: tuple[str, ...] = (),
        awaits: tuple[str, ...] = (),
        money: Money | None = None,
    ) -> Operation:
        entry, known, partner = self._entry, self._known, self._seen.partner
        source_id = known.source_id if known is not None else _id_of(entry.source)
        if qbo_id is None:
            qbo_id = self._qbo_id()
        return Operation(
            id=f"{side}:{verb}:{self._kind}:{source_id or f'qbo-{qbo_id}'}",
            side=side,
            verb=verb,
            kind=self._kind,
            case=self._seen.case.value,
            reason=reason,
            label=self._label() or f"#{source_id or qbo_id}",
            source_id=source_id,
            qbo_id=qbo_id,
            changes=changes,
            fields=fields,
            record=record,
            expected_source=_version(entry.source, known.source_version if known is not None else ""),
            expected_qbo=partner.version if partner is not None else known.qbo_version if known is not None else "",
            source_base=self._seen.source,
            qbo_base=self._seen.qbo,
            accepted=accepted,
            writes_back=writes_back,
            awaits=awaits,
            after=after,
            money=money,
        )


def replaced(operation: Operation, **parts: object) -> Operation:
    """The same operation with other parts."""
    return msgspec.structs.replace(operation, **parts)


def _in_any_order(value: Canonical) -> Canonical:
    return tuple(sorted(value)) if isinstance(value, tuple) else value


def _id_of(observation: object) -> str:
    if isinstance(observation, Present):
        return observation.record.id
    return observation.id if isinstance(observation, Absent | Flawed) else ""


def _version(observation: object, otherwise: str) -> str:
    return observation.version if isinstance(observation, Present | Flawed) else otherwise
