"""What each answer of a policy means for a record: the operations it becomes, or why a person has to look."""

from __future__ import annotations

from syncd.model.checks import problems as problems_of
from syncd.model.lens import differing, references
from syncd.model.observations import Flawed, Problem
from syncd.model.records import Kind, Payment, Record, Side, State
from syncd.model.writes import Verb
from syncd.reconciler import explain
from syncd.reconciler.cases import ALLOWED, BY_PERSON, DEFAULT
from syncd.reconciler.draft import Draft
from syncd.reconciler.policy import Answer, Case, Owner
from syncd.reconciler.reasons import why_created, why_held
from syncd.reconciler.sight import widen

_EDITED = frozenset({Case.SRC_EDITED, Case.QBO_EDITED})
_SOURCE_GONE = frozenset({Case.SRC_GONE, Case.SRC_GONE_QBO_EDITED})


class Answers(Draft):
    """Chooses the answer for one record and carries it out on the plan. Call ``run`` once."""

    # ---- choosing the answer

    def run(self) -> None:
        """Put what is to be done about this record into the plan."""
        problems = self._problems()
        if problems:
            self._hold("; ".join(problem.text for problem in problems), problems=problems)
        else:
            getattr(self, f"_on_{self._answer(self._seen.case).value}")()
        self._finish()

    def _answer(self, case: Case) -> Answer:
        left_behind = self._known is not None and self._known.state == "orphaned"
        if self._seen.withdrawn and left_behind and case in _SOURCE_GONE:
            return Answer.NONE
        if case in _EDITED and self._changed().isdisjoint(self._seen.differences):
            return Answer.REBASE  # an edit that made the two equal leaves nothing to write
        said = BY_PERSON.get(self._entry.word, {}).get(case)
        if said is not None and self._entry.asked in {"", case.value}:
            return said
        wished = self._wished(case)
        return wished if wished in ALLOWED[case] else DEFAULT[case]

    def _wished(self, case: Case) -> Answer:
        """What the policy says."""
        if self._seen.withdrawn and case in _SOURCE_GONE:
            return self._policy.withdrawn
        if self._seen.voided and case is Case.SRC_GONE:
            return self._policy.source_void
        if case is Case.ADOPT_DIFF and not self._seen.certain:
            return Answer.HOLD  # a look-alike may be somebody else's (F-88)
        return self._policy.answers.get(case, DEFAULT[case])

    def _changed(self) -> frozenset[str]:
        return self._seen.source_changed | self._seen.qbo_changed

    def _problems(self) -> tuple[Problem, ...]:
        for observation in (self._entry.source, self._entry.qbo):
            if isinstance(observation, Flawed):
                return observation.problems
        return ()

    # ---- answers that write nothing

    def _on_none(self) -> None:
        if self._known is not None and self._known.state == "orphaned" and self._seen.case is Case.IN_SYNC:
            self._rebase("published again and still the same as the invoice left in QuickBooks")
            return
        if self._lacks_id():
            self._give_id()
            return
        self._planned.unchanged += 1

    def _lacks_id(self) -> bool:
        """Whether the source keeps QBO's ids and has none for this record: a stop came between the two writes."""
        record, capability = self._seen.source_record, self._capability
        keeps = capability.external_id and Verb.UPDATE in capability.verbs
        permitted = Verb.UPDATE in self._policy.verbs.get(Side.SOURCE, frozenset())
        lacks = self._seen.case is Case.IN_SYNC and getattr(record, "external_id", None) == ""
        return keeps and permitted and lacks and self._seen.partner is not None

    def _give_id(self) -> None:
        assert self._seen.partner is not None  # noqa: S101 - asked before
        reason = "the source still lacks the id that QuickBooks gave it"
        self._out.append(self._operation(Side.SOURCE, Verb.UPDATE, reason, record=self._seen.partner.record))

    def _on_ignore(self) -> None:
        self._planned.count_ignored(self._kind)

    def _on_hold(self) -> None:
        returned = all(self._owner(name) is Owner.RETURNED for name in self._seen.differences)
        if self._seen.case is Case.DRIFT and returned and self._seen.differences <= self._capability.writable:
            self._pull(self._seen.differences, "the source still lacks what QuickBooks decided when it was created")
            return
        if self._seen.case is Case.UNKNOWN:
            self._hold(self._seen.why_unknown or "one side could not be read", wait=True)
            return
        self._hold(why_held(self._seen))

    def _on_link(self) -> None:
        if self._seen.partner is None or self._seen.differences:
            self._hold(why_held(self._seen))
            return
        self._state(Verb.LINK, "the same record is already in QuickBooks; from now on the two are kept in agreement")

    def _on_record(self) -> None:
        verb = Verb.LINK if self._known is None else Verb.REBASE
        names = explain.words(self._seen.differences)
        self._state(
            verb,
            f"the two differ in {names}; the policy leaves that as it is",
            accepted=self._seen.differences | self._accepted(),
        )

    def _on_rebase(self) -> None:
        self._rebase("both sides hold the same again")

    def _rebase(self, reason: str) -> None:
        """Both sides as they are become the base; what may differ by policy, or as an echo, may go on doing so."""
        still = differing(self._seen.source, self._seen.qbo)
        self._state(Verb.REBASE, reason, accepted=self._accepted() & still)

    def _on_forget(self) -> None:
        self._state(Verb.FORGET, "gone on both sides")

    def _on_orphan(self) -> None:
        why = "is a draft again" if self._seen.withdrawn else "was removed in the source"
        if self._seen.case in {Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED}:
            why = "was removed in QuickBooks"
        self._state(Verb.ORPHAN, f"it {why}; the policy leaves its counterpart and keeps the link for reuse")

    # ---- answers that write to QBO

    def _on_create_qbo(self) -> None:
        record = self._seen.source_record
        if record is None:
            self._hold("the source has not been read, so nothing can be created from it", wait=True)
            return
        if self._spec.link_only:
            self._link_item(record)
            return
        if not self._allowed(Side.QBO, Verb.CREATE):
            return
        ready, after = self._sendable(record)
        if not ready or self._frozen(Verb.CREATE, frozenset(self._seen.source)):
            return
        reborn = self._seen.case in {Case.REBORN_SRC, Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED}
        reason = "is not in QuickBooks any more and is created anew" if reborn else why_created(record)
        self._out.append(
            self._operation(
                Side.QBO,
                Verb.CREATE,
                reason,
                qbo_id="",
                fields=tuple(self._seen.source),
                record=record,
                after=after,
                writes_back=self._returned(),
                money=self._money(record),
            )
        )

    _on_recreate_qbo = _on_create_qbo

    def _on_push(self) -> None:
        changed = self._seen.source_changed or self._seen.differences
        if self._entry.word == "accept-source":
            changed = self._seen.differences
        self._push(changed, f"the source changed {explain.words(changed)}")

    def _push(self, changed: frozenset[str], reason: str) -> None:
        record, partner = self._seen.source_record, self._seen.partner
        if record is None or partner is None:
            self._hold("both sides must be read before a change can be sent", wait=True)
            return
        leave = self._policy.leave_foreign and (self._known is None or self._known.created_by is not Side.QBO)
        if leave or all(self._owner(name) is Owner.KEEP for name in changed):
            self._state(
                Verb.LINK if self._known is None else Verb.REBASE,
                f"the source changed {explain.words(changed)}; the policy leaves the record in QuickBooks alone",
                accepted=self._seen.differences | self._accepted(),
            )
            return
        fields = widen(self._kind, changed) & self._seen.source.keys()
        if self._never_pushed(changed, fields) or not self._allowed(Side.QBO, Verb.UPDATE):
            return
        ready, after = self._sendable(record)
        if not ready or self._frozen(Verb.UPDATE, fields):
            return
        self._out.append(
            self._operation(
                Side.QBO,
                Verb.UPDATE,
                reason,
                changes=explain.changes(fields, self._seen.qbo, self._seen.source),
                fields=tuple(sorted(fields)),
                record=record,
                after=after,
                money=self._money(record),
            )
        )

    def _never_pushed(self, changed: frozenset[str], fields: frozenset[str]) -> bool:
        """Hold where QBO could not take the change, or decides these fields itself."""
        fixed = fields & frozenset(self._spec.fixed)
        if fixed:
            self._hold(f"QuickBooks never lets {explain.words(fixed)} change once a record exists")
            return True
        decided = frozenset(name for name in changed if self._owner(name) is Owner.RETURNED)
        alone = decided - frozenset(self._spec.coupled)  # a total follows its lines; a number stands by itself
        if not self._by_person() and (alone or fields <= decided):
            self._hold(f"the source changed {explain.words(alone or decided)}, which QuickBooks decides")
            return True
        return False

    def _wrong_currency(self, record: Record) -> tuple[Problem, ...]:
        """A customer has one currency for ever; QBO takes no document in another (R-116, R-117, C-R17)."""
        client = getattr(record, "client", "")
        theirs, ours = self._view.client_currency(client) if client else "", self._view.lens.currency(record)
        if not theirs or theirs == ours:
            return ()
        return (
            Problem(
                code="currency",
                field="currency",
                text=f"It is in {ours}, its client is kept in {theirs}: QuickBooks has one currency for a customer.",
                remedy=f"Make a client of its own for {ours} in the source, and put the document there.",
            ),
        )

    def _sendable(self, record: Record) -> tuple[bool, tuple[str, ...]]:
        """Whether QBO can take ``record`` at all, and which operations have to be confirmed before."""
        found = problems_of(record, self._view.facts, self._view.settings) + self._wrong_currency(record)
        if found:
            closed = all(problem.code == "closed-period" for problem in found)
            reason = "; ".join(problem.text for problem in found)
            self._hold(reason, problems=found, case=Case.FROZEN if closed else None)
            return False, ()
        after, blocker = self._planned.needs_of(record)
        if blocker:
            self._hold(f"waits for {blocker}", case=Case.BLOCKED, blocked_by=blocker)
            return False, ()
        return True, after

    def _on_delete_qbo(self) -> None:
        if not self._spec.transaction:
            self._on_deactivate_qbo()
            return
        self._remove(Side.QBO, Verb.DELETE, "was removed in the source, and the policy removes it from QuickBooks too")

    def _on_void_qbo(self) -> None:
        why = "was voided" if self._seen.voided else "was removed"
        self._remove(Side.QBO, Verb.VOID, f"{why} in the source, and the policy voids it in QuickBooks")

    def _on_deactivate_qbo(self) -> None:
        self._remove(Side.QBO, Verb.DEACTIVATE, "was removed in the source, and QuickBooks can only make it inactive")

    # ---- answers that write to the source

    def _on_pull(self) -> None:
        fields = self._seen.differences
        self._pull(fields, f"QuickBooks is taken as it is for {explain.words(fields)}")

    def _on_create_source(self) -> None:
        partner = self._seen.partner
        if partner is None or not self._wanted_from_qbo(partner.record):
            self._on_ignore()
            return
        if self._seen.claimants:
            names = ", ".join(self._seen.claimants)
            self._hold(f"it may be the same as {names} in the source, which is not settled yet", wait=True)
            return
        unknown, after = self._places_in_source(partner.record)
        if unknown:
            self._hold("the payment in QuickBooks also settles documents that the source does not know")
            return
        if not self._allowed(Side.SOURCE, Verb.CREATE):
            return
        self._out.append(
            self._operation(
                Side.SOURCE,
                Verb.CREATE,
                "was entered in QuickBooks and is brought into the source",
                fields=tuple(self._seen.qbo),
                record=partner.record,
                after=after,
                money=self._money(partner.record),
            )
        )

    def _on_delete_source(self) -> None:
        self._remove(Side.SOURCE, Verb.DELETE, "was deleted in QuickBooks, and the policy removes it from the source")

    def _on_void_source(self) -> None:
        self._remove(Side.SOURCE, Verb.VOID, "was voided in QuickBooks; the source marks it void and keeps its amounts")

    def _pull(self, fields: frozenset[str], reason: str) -> None:
        partner = self._seen.partner
        if partner is None or self._seen.source_record is None:
            self._hold("both sides must be read before a change can be taken over", wait=True)
            return
        fields = fields & self._seen.qbo.keys()
        cannot = fields - self._capability.writable
        if cannot or Verb.UPDATE not in self._capability.verbs:
            what = explain.words(cannot or fields)
            self._hold(f"QuickBooks changed {what}, which cannot be written to the source")
            return
        if not self._allowed(Side.SOURCE, Verb.UPDATE):
            return
        lost = [
            f"{kind} {ref}" for kind, ref in sorted(references(partner.record)) if not self._known_in_source(kind, ref)
        ]
        if lost and fields & {"client", "allocations"}:
            self._hold(f"QuickBooks refers to {lost[0]}, which has no counterpart in the source", case=Case.BLOCKED)
            return
        after = self._planned.links_of(partner.record) if fields & {"client", "allocations"} else ()
        self._out.append(
            self._operation(
                Side.SOURCE,
                Verb.UPDATE,
                reason,
                changes=explain.changes(fields, self._seen.source, self._seen.qbo),
                fields=tuple(sorted(fields)),
                record=partner.record,
                after=after,
                money=self._money(partner.record) if fields & set(self._spec.money_fields) else None,
            )
        )

    # ---- answers that look at each field

    def _on_by_owner(self) -> None:
        if self._seen.case is Case.CONFLICT:
            self._conflict()
            return
        changed = self._seen.qbo_changed
        theirs = frozenset(name for name in changed if self._owner(name) in {Owner.QBO, Owner.RETURNED})
        rest = changed - theirs
        if any(self._owner(name) is Owner.SOURCE for name in rest):
            self._hold(f"QuickBooks changed {explain.words(rest)}, which the source decides")
        elif theirs:
            self._pull(theirs, f"QuickBooks changed {explain.words(theirs)}, and QuickBooks decides here")
        else:
            self._on_record()

    def _on_merge(self) -> None:
        mine, theirs = self._seen.source_changed, self._seen.qbo_changed
        why = "the two sides changed different fields"
        self._pull(theirs, f"{why}; the source takes {explain.words(theirs)}")
        self._push(mine, f"{why}; QuickBooks takes {explain.words(mine)}")

    def _conflict(self) -> None:
        """Both changed the same field: its owner wins, every other field goes the way it was changed."""
        mine = widen(self._kind, self._seen.source_changed)
        theirs = widen(self._kind, self._seen.qbo_changed)
        overlap = mine & theirs
        keeps = frozenset(name for name in overlap if self._winner(name) is Owner.SOURCE)
        if any(self._winner(name) is Owner.KEEP for name in overlap):
            self._hold(f"both sides changed {explain.words(overlap)}")
            return
        takes = (overlap - keeps) | (theirs - mine)
        gives = keeps | (mine - theirs)
        takes &= self._seen.differences | self._seen.qbo_changed
        gives &= self._seen.differences | self._seen.source_changed
        said = explain.words(overlap & (self._seen.source_changed | self._seen.qbo_changed))
        if takes:
            self._pull(
                takes, f"both sides changed {said}; QuickBooks decides here, the source's value is kept in the history"
            )
        if gives:
            self._push(gives, f"both sides changed {said}; the source decides {explain.words(gives)}")

    # ---- parts

    def _returned(self) -> tuple[str, ...]:
        """Fields that the source takes from QBO's answer after a create, if it can be told at all."""
        if Verb.UPDATE not in self._capability.verbs:
            return ()
        writable = self._capability.writable
        names = [n for n in self._seen.source if self._owner(n) is Owner.RETURNED and n in writable]
        return (*names, "external_id") if self._capability.external_id else tuple(names)

    def _winner(self, name: str) -> Owner:
        """Who wins a field that both sides changed. Fields that hang together have one winner: that of the first."""
        coupled = self._spec.coupled
        return self._owner(coupled[0] if name in coupled else name)

    def _known_in_source(self, kind: Kind, reference: str) -> bool:
        return kind is Kind.ITEM or bool(self._planned.to_source(kind, reference))

    def _wanted_from_qbo(self, record: Record) -> bool:
        """Whether a record entered in QBO belongs to what is kept in agreement (else it is none of ours)."""
        if not isinstance(record, Payment) or record.state is State.VOID or not record.amount:
            return False
        start = self._view.settings.sync_start_date
        if start is not None and record.date < start:
            return False
        if not self._known_in_source(Kind.CLIENT, record.client):
            return False
        return any(self._known_in_source(Kind.INVOICE, part.invoice) for part in record.allocations)

    def _places_in_source(self, record: Record) -> tuple[bool, tuple[str, ...]]:
        """Whether it refers to documents that the source does not know, and the links that it has to wait for."""
        known = all(self._known_in_source(kind, reference) for kind, reference in references(record))
        return not known or bool(getattr(record, "other_links", 0)), self._planned.links_of(record)

    def _link_item(self, record: Record) -> None:
        default = self._view.default_item
        if not default:
            self._hold(
                "no item of this name is in QuickBooks, and no default item is set ([company.settings] default_item)"
            )
            return
        self._state(
            Verb.LINK,
            "no item of this name is in QuickBooks; the default item stands for it",
            accepted=frozenset(self._seen.source),
            qbo_id=default,
        )

    def _remove(self, side: Side, verb: Verb, reason: str) -> None:
        if not self._allowed(side, verb) or (side is Side.QBO and self._frozen(verb, frozenset())):
            return
        known, partner = self._known, self._seen.partner
        record = partner.record if partner is not None else self._seen.source_record
        if known is None or (side is Side.QBO and partner is None):
            self._hold("it must be read once more before it can be removed", wait=True)
            return
        self._out.append(self._operation(side, verb, reason, record=record, money=self._money(record)))
