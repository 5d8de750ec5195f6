"""Answers that write to QBO: creating, changing and removing there, and everything that stands in the way of it."""

from __future__ import annotations

from msgspec import UNSET

from syncd.model.checks import problems as problems_of
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Present, Problem
from syncd.model.projections import differing
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice
from syncd.model.references import party
from syncd.model.spec import DEFAULT_KEY, NO_COUNTERPART
from syncd.model.taxing import as_sent
from syncd.model.values import name_key
from syncd.model.writes import Verb
from syncd.reconciler import explain
from syncd.reconciler.confirm import Marks, Step
from syncd.reconciler.plan import Change, Money
from syncd.reconciler.policy import Case, Owner
from syncd.reconciler.reasons import why_created
from syncd.reconciler.sight import widen


class ToQbo(Marks):
    """The part of the answers that is about QBO."""

    def _on_create_qbo(self) -> None:
        record = self._seen.source_record
        if record is None:
            self._hold("the source has not been read, so nothing can be created from it", wait=True)
            return
        if self._policy.asked_only and not self._entry.pushed and not self._by_person():
            self._planned.unchanged += 1  # found by no mark it has, and nobody asked for it
            return
        shared = self._view.policy.only_matched(self._kind)
        if shared and (not self._view.policy.writes(self._kind) or record.id == DEFAULT_KEY):
            self._link_named(record)
            return
        if not self._allowed(Side.QBO, Verb.CREATE) or (shared and self._made_already(record)):
            return
        ready, after = self._sendable(record)
        if not ready or self._frozen(Verb.CREATE, frozenset(self._seen.source)):
            return
        reborn = self._seen.case in {Case.REBORN_SRC, Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED}
        reason = "is not in QuickBooks any more and is created anew" if reborn else why_created(record)
        reason += explain.shortened(record, self._seen.source)
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
                awaits=self._awaited(),
                money=self._sent_money(record),
            )
        )

    _on_recreate_qbo = _on_create_qbo

    def _on_push(self) -> None:
        changed = self._seen.source_changed or self._seen.differences
        if self._word() == "accept-source":
            changed = self._seen.differences
        reason = f"the source changed {explain.words(changed)}"
        if self._policy.overwrites:
            theirs = self._overwritten() - changed
            if theirs:
                reason += f"; what QuickBooks has otherwise in {explain.words(theirs)} is overwritten"
            changed |= theirs
        self._push(changed, reason)

    def _overwritten(self) -> frozenset[str]:
        """Everything in which QuickBooks' record is another one, but for what QuickBooks decides or never changes."""
        apart = differing(self._seen.source, self._seen.qbo) - frozenset(self._spec.fixed)
        return frozenset(name for name in apart if self._owner(name) is not Owner.RETURNED)

    def _push(self, changed: frozenset[str], reason: str) -> None:
        record, partner = self._seen.source_record, self._seen.partner
        if record is None or partner is None:
            self._hold("both sides must be read before a change can be sent", wait=True)
            return
        rest = self._without_marks(changed, record, partner)
        if rest or not changed:
            self._push_content(rest, reason, record, partner)

    def _push_content(self, changed: frozenset[str], reason: str, record: Record, partner: Present) -> None:
        leave = self._policy.leave_foreign and (self._known is None or self._known.created_by is not Side.QBO)
        if leave or all(self._owner(name) is Owner.KEEP for name in changed):
            self._state(
                Verb.LINK if self._known is None else Verb.REBASE,
                f"the source changed {explain.words(changed)}; the policy leaves the record in QuickBooks alone",
                accepted=self._seen.differences | self._accepted(),
            )
            return
        fields = widen(self._kind, changed) & self._seen.source.keys()
        if self._would_overwrite(fields & self._accepted(), reason):
            return
        if self._never_pushed(changed, fields) or not self._allowed(Side.QBO, Verb.UPDATE):
            return
        ready, after = self._sendable(record)
        if not ready or self._frozen(Verb.UPDATE, fields):
            return
        fields -= self._lacking(fields)
        if not fields:
            self._record_difference()
            return
        self._out.append(
            self._operation(
                Side.QBO,
                Verb.UPDATE,
                reason + explain.shortened(record, fields),
                changes=explain.changes(fields, self._seen.qbo, self._seen.source),
                fields=tuple(sorted(fields)),
                record=record,
                after=after,
                writes_back=self._returned() if self._known is None else (),
                money=self._sent_money(record),
            )
        )

    def _without_marks(self, changed: frozenset[str], record: Record, partner: Present) -> frozenset[str]:
        """What is left to be sent once the marks are seen to; nothing where the whole record waits for that."""
        marks = changed & frozenset(self._spec.derived)
        if not marks or not isinstance(record, Invoice):
            return changed
        step, said = self._mark(record, partner, widen(self._kind, changed - marks))
        if step is not Step.HELD and changed - marks:
            return changed - marks
        self._hold(said, wait=step is not Step.HELD, heard=step is Step.DONE)
        return frozenset()

    def _would_overwrite(self, fields: frozenset[str], reason: str = "") -> bool:
        """Hold where QuickBooks' own edits of these fields were left so far and would be overwritten now. What it holds
        where the source said nothing until now may be an edit as well, or what it filled in: nobody can tell.

        Where a person wants it to be as the source has it, money, dates and whose it is are asked about in any case,
        and what QuickBooks may have filled in is not."""
        if not self._policy.keep_qbo_edits or self._by_person() or self._known is None:
            return False
        matters = {*self._spec.money_fields, *self._spec.decisive} & differing(self._seen.source, self._seen.qbo)
        decided = (name for name in fields if self._owner(name) is not Owner.KEEP)
        filled = self._spec.filled if self._entry.pushed else ()
        theirs = frozenset(n for n in decided if n not in filled or self._known.source_base.get(n))
        left = (theirs | self._accepted()) & matters if self._entry.pushed else frozenset()
        kept = theirs | left if reason else left  # else nothing is to be sent
        if kept:
            before = f"{reason}, but " if reason else ""
            self._hold(f"{before}QuickBooks holds {explain.words(kept)} of its own, which would be overwritten")
        return bool(kept)

    def _lacking(self, fields: frozenset[str]) -> frozenset[str]:
        """Of these, what QBO decides and the source says nothing about: that is no wish to empty it in QBO."""
        return frozenset(n for n in fields if self._owner(n) is Owner.RETURNED and not self._seen.source.get(n))

    def _never_pushed(self, changed: frozenset[str], fields: frozenset[str]) -> bool:
        """Hold where QBO could not take the change, or decides these fields itself."""
        fixed = fields & frozenset(self._spec.fixed)
        if fixed:
            self._hold(f"QuickBooks never lets {explain.words(fixed)} change once a record exists")
            return True
        asks = fields & self._policy.asks
        if asks and not self._by_person():
            self._hold(f"the source changed {explain.words(asks)}, which is not sent by itself{self._remedy()}")
            return True
        decided = frozenset(name for name in changed if self._owner(name) is Owner.RETURNED)
        alone = decided - frozenset(self._spec.coupled)  # a total follows its lines; a number stands by itself
        if not self._by_person() and (alone or fields <= decided):
            what = explain.words(alone or decided)
            self._hold(
                f"the source changed {what}, which QuickBooks decides: change it there, or put it back in the source"
            )
            return True
        return False

    def _wrong_currency(self, record: Record) -> tuple[Problem, ...]:
        """A customer or vendor has one currency for ever; QBO takes no document in another (R-116, R-117, C-R17)."""
        whose = party(record)
        theirs, ours = self._view.party_currency(*whose) if whose else "", self._view.lens.currency(record)
        if whose is None or not theirs or theirs == ours:
            return ()
        noun = "client" if whose[0] is Kind.CLIENT else "vendor"
        return (
            Problem(
                code="currency",
                field="currency",
                text=f"It is in {ours}, its {noun} is kept in {theirs}: QuickBooks has one currency for each.",
                remedy=f"Make a {noun} of its own for {ours} in the source, and put the document there.",
            ),
        )

    def _sendable(self, record: Record) -> tuple[bool, tuple[str, ...]]:
        """Whether QBO can take ``record`` at all, and which operations have to be confirmed before."""
        found = problems_of(record, self._view.facts, self._view.settings) + self._wrong_currency(record)
        found += self._numbered_otherwise(record)
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

    def _numbered_otherwise(self, record: Record) -> tuple[Problem, ...]:
        """Where the number has to be the same on both sides (V-8), nothing goes out under another one."""
        number = getattr(record, "number", UNSET)
        if not self._policy.own_numbers:
            return ()
        if isinstance(number, str) and not number.strip():
            text, remedy = f"The {self._noun()} has no number.", "Give it one in the source."
        elif self._view.facts.custom_numbers:
            return ()
        else:
            text = f"QuickBooks would give the {self._noun()} a number of its own."
            remedy = "Switch on custom transaction numbers in QuickBooks (Account and settings, Sales)."
        return (Problem(code="number-differs", field="number", text=text, remedy=remedy),)

    def _noun(self) -> str:
        return self._kind.replace("_", " ")

    def _on_delete_qbo(self) -> None:
        if not self._spec.transaction:
            self._on_deactivate_qbo()
            return
        why = "was removed in the source"
        if self._spec.along and self._known is not None and self._seen.partner is not None:
            if self._planned.instead_of(self._kind, self._known.source_id)[0]:
                why = "has other content in the source by now"
            elif self._planned.removal_with(self._seen.partner.record):
                why = "belongs to a document that leaves QuickBooks"
        elif self._seen.withdrawn:
            why = "is a draft again"
        elif self._seen.voided:
            why = "was voided in the source"
        self._remove(Side.QBO, Verb.DELETE, f"{why}, and the policy removes it from QuickBooks too")

    def _on_void_qbo(self) -> None:
        if not self._spec.transaction:
            self._on_deactivate_qbo()
            return
        why = "was voided" if self._seen.voided else "was removed"
        self._remove(Side.QBO, Verb.VOID, f"{why} in the source, and the policy voids it in QuickBooks")

    def _on_deactivate_qbo(self) -> None:
        why = "was removed in the source, and QuickBooks can only make it inactive"
        if self._seen.withdrawn:
            why = "was closed in the source and is made inactive in QuickBooks"
        self._remove(Side.QBO, Verb.DEACTIVATE, why)

    def _on_reactivate_qbo(self) -> None:
        record = self._seen.source_record
        if self._spec.transaction or record is None:
            self._hold("a void cannot be taken back in QuickBooks")
            return
        if not self._allowed(Side.QBO, Verb.UPDATE):
            return
        ready, after = self._sendable(record)
        if ready:
            why = "is in use in the source and is made active again in QuickBooks"
            told = (Change("active", "no", "yes"),)
            fields = ("active",)
            self._out.append(
                self._operation(Side.QBO, Verb.UPDATE, why, changes=told, fields=fields, record=record, after=after)
            )

    # ---- parts

    def _made_already(self, record: Record) -> bool:
        """Whether there is one of that name already, which stands for another row of the source as well, or this very
        plan makes one: one serves for both."""
        name = name_key(getattr(record, "name", ""))
        there = [c.record.id for c in self._entry.candidates if name_key(getattr(c.record, "name", "")) == name]
        if there:
            reason = "the record of this name in QuickBooks stands for another one of the source, too"
            self._state(Verb.LINK, reason, accepted=frozenset(self._seen.source), qbo_id=there[0])
            return True
        other = self._planned.making.setdefault((self._kind, name), record.id)
        if other != record.id:
            self._hold("one of the same name is being made; it is linked with that afterwards", wait=True)
        return other != record.id

    def _sent_money(self, record: Record) -> Money | None:
        """What a record of the source is worth in QBO: where tax is not sent, without it."""
        if isinstance(record, Invoice | CreditNote):
            record = as_sent(record, self._view.settings)
        return self._money(record)

    def _awaited(self) -> tuple[str, ...]:
        """Fields that QBO decides on creation and that a person has to carry into the source (C-R10)."""
        if self._capability.mode != "worklist" or Verb.UPDATE in self._capability.verbs:
            return ()
        return tuple(name for name in self._seen.source if self._owner(name) is Owner.RETURNED)

    def _returned(self) -> tuple[str, ...]:
        """Fields that the source takes from QBO's answer after a create, if it can be told at all."""
        if Verb.UPDATE not in self._capability.verbs:
            return ()
        writable = self._capability.writable
        names = [n for n in self._seen.source if self._owner(n) is Owner.RETURNED and n in writable]
        return (*names, "external_id") if self._capability.external_id else tuple(names)

    def _link_named(self, record: Record) -> None:
        """No record of this name is in QBO: the default stands for it, or nothing does, or a person has to say."""
        default = self._view.defaults.get(self._kind, "")
        named = record.id != DEFAULT_KEY
        refuse = self._kind is Kind.ITEM and self._view.settings.missing_item == "refuse" and named
        if refuse or self._policy.only_names is not None:
            default = ""
        missing = f"no {self._kind.replace('_', ' ')} of this name is in QuickBooks"
        if default:
            reason, qbo_id = f"{missing}; the default stands for it", default
        elif self._spec.optional:
            reason, qbo_id = f"{missing}; it is left out", NO_COUNTERPART
        else:
            self._hold(self._view.no_default.get(self._kind) or _WHY_MISSING[self._kind])
            return
        self._state(Verb.LINK, reason, accepted=frozenset(self._seen.source), qbo_id=qbo_id)


_WHY_MISSING = {
    Kind.ITEM: "no item of this name is in QuickBooks, and no default item is set ([company.settings] default_item)",
    Kind.CATEGORY: (
        "no account of this name is in QuickBooks, and no default account is set "
        "([company.settings] default_expense_account)"
    ),
}
