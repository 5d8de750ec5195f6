"""What each answer of a policy means for a record: the operations it becomes, or why a person has to look."""

from __future__ import annotations

from syncd.model.checks.lists import unusable
from syncd.model.kinds import Side
from syncd.model.observations import Absent, Flawed, Problem
from syncd.model.projections import differing
from syncd.model.references import amount_of, label
from syncd.model.spec import DEFAULT_KEY
from syncd.model.writes import Verb
from syncd.reconciler import explain
from syncd.reconciler.cases import ALLOWED, BY_PERSON, DEFAULT
from syncd.reconciler.mail import Mail
from syncd.reconciler.merged import moved_to
from syncd.reconciler.plan import LeftOut
from syncd.reconciler.policy import Answer, Case, Owner
from syncd.reconciler.reasons import EDITED_HERE, why_held
from syncd.reconciler.sight import widen
from syncd.reconciler.to_qbo import ToQbo
from syncd.reconciler.to_source import ToSource

_EDITED = frozenset({Case.SRC_EDITED, Case.QBO_EDITED})
_QBO_ENDED = frozenset({Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED, Case.QBO_VOID, Case.QBO_VOID_SRC_EDITED})
_SOURCE_GONE = frozenset({Case.SRC_GONE, Case.SRC_GONE_QBO_EDITED})


class Answers(ToQbo, ToSource, Mail):
    """Chooses the answer for one record and carries it out on the plan. Call ``run`` once."""

    # ---- choosing the answer

    def run(self) -> None:
        """Put what is to be done about this record into the plan."""
        problems = self._problems()
        if problems:
            self._hold("; ".join(problem.text for problem in problems), problems=problems)
        elif unknown := self._unlisted():
            self._hold(unknown)
        elif self._nothing_fits():
            self._hold(self._entry.held_back, case=Case.BLOCKED)
        else:
            getattr(self, f"_on_{self._answer(self._seen.case).value}")()
            self._mail()
        self._finish()

    def _answer(self, case: Case) -> Answer:
        left_behind = self._left_behind()
        if self._seen.withdrawn and left_behind and case in _SOURCE_GONE:
            return self._removed_after_all(case)
        if case in _EDITED and self._changed().isdisjoint(self._seen.differences):
            return Answer.REBASE  # an edit that made the two equal leaves nothing to write
        said = BY_PERSON.get(self._word(), {}).get(case)
        if said is not None:
            return said
        wished = self._wished(case)
        answer = wished if wished in ALLOWED[case] else DEFAULT[case]
        return Answer.NONE if left_behind and answer is Answer.ORPHAN else answer

    def _left_behind(self) -> bool:
        return self._known is not None and self._known.state == "orphaned"

    def _removed_after_all(self, case: Case) -> Answer:
        """What was left behind stays, whatever becomes of the draft, until somebody ticks its box (R-44)."""
        if self._ticked(Answer.NONE) is not self._policy.ticked or self._policy.ticked is None:
            return Answer.NONE
        return self._policy.ticked if self._policy.ticked in ALLOWED[case] else DEFAULT[case]

    def _wished(self, case: Case) -> Answer:
        """What the policy says."""
        if self._seen.withdrawn and case in _SOURCE_GONE:
            return self._ticked(self._policy.withdrawn)
        if case is Case.SRC_GONE:
            return self._gone_from_source(case)
        if case is Case.QBO_VOID and self._policy.closes and self._left_behind():
            return Answer.REACTIVATE_QBO  # it ended because the source closed it, and is open there again
        if case is Case.ADOPT_DIFF and not self._seen.certain:
            return Answer.HOLD  # a look-alike may be somebody else's (F-88)
        return self._said(case)

    def _gone_from_source(self, case: Case) -> Answer:
        if self._seen.voided:
            return self._policy.source_void
        if self._known is not None and "by_mark" in self._known.source_base:
            return Answer.DELETE_QBO  # it was syncd's own, and goes with the mark (C-V3)
        return self._ticked(self._said(case))

    def _said(self, case: Case) -> Answer:
        """What the policy's table says: where a person asked for the record, perhaps something else."""
        asked = self._policy.when_asked.get(case) if self._entry.pushed else None
        return asked or self._policy.answers.get(case, DEFAULT[case])

    def _ticked(self, otherwise: Answer) -> Answer:
        """What the tick box of a withdrawn or removed record says (R-46, R-47, R-74, R-75); it may say nothing."""
        said = self._entry.source.remove if isinstance(self._entry.source, Absent) else None
        said = getattr(self._seen.source_record, "remove", said)
        answer = {True: self._policy.ticked, False: self._policy.unticked}.get(said) if isinstance(said, bool) else None
        return answer or otherwise

    def _changed(self) -> frozenset[str]:
        return self._seen.source_changed | self._seen.qbo_changed

    def _problems(self) -> tuple[Problem, ...]:
        for observation in (self._entry.source, self._entry.qbo):
            if isinstance(observation, Flawed):
                return observation.problems
        return ()

    def _unlisted(self) -> str:
        """Why a record of this name has no counterpart, whatever QBO has (V-4); empty where it may have one."""
        names, record = self._policy.only_names, self._seen.source_record
        if names is None or record is None or getattr(record, "name", "").strip() in names:
            return ""
        if record.id == DEFAULT_KEY:
            return "a line names no type, so nobody can say which item of QuickBooks it is"
        said = f"lines of the type {label(record)!r} are mapped to no item in QuickBooks"
        return f"{said} ([company.settings] line_type_map)"

    def _nothing_fits(self) -> bool:
        """Whether there is nothing to do but to wait until more of it may be in QBO."""
        if not self._entry.held_back:
            return False
        nothing = not amount_of(self._seen.source_record) if self._seen.source_record is not None else False
        return nothing or self._answer(self._seen.case) is Answer.NONE

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
        """Whether the source, which keeps QBO's ids, still lacks that of a record which we created there (or has that
        of the one before it): a stop came between the two writes."""
        record, capability, partner = self._seen.source_record, self._capability, self._seen.partner
        keeps = capability.external_id and Verb.UPDATE in capability.verbs
        known = self._known
        ours = known is not None and (known.created_by is Side.QBO or self._policy.shows_link)
        if not keeps or not ours or partner is None or self._seen.case is not Case.IN_SYNC:
            return False
        return getattr(record, "external_id", partner.record.id) != partner.record.id

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
        if self._seen.case is Case.ADOPT_DIFF and self._seen.certain and returned:
            self._adopt()
            return
        if self._seen.case is Case.UNKNOWN:
            self._hold(self._seen.why_unknown or "one side could not be read", wait=True)
            return
        edited = self._remedy() if self._seen.source_changed and self._seen.case in EDITED_HERE else ""
        self._hold(why_held(self._seen, self._policy) + (edited or self._perhaps_merged()))

    def _perhaps_merged(self) -> str:
        """What to do where QuickBooks' record went because it was merged with another one (F-76)."""
        if self._seen.case not in _QBO_ENDED or self._spec.transaction or self._known is None:
            return ""
        noun, source_id = self._kind.replace("_", " "), self._known.source_id
        into = moved_to(self._view, self._kind, source_id)
        if into:
            why = f"its documents belong to {noun} {into} there now: the two were probably merged"
            return f"; {why}. If so: syncd match --set {self._kind} {source_id} {into}"
        return f". If it was merged with another one there: syncd match --set {self._kind} {source_id} QBO-ID"

    def _adopt(self) -> None:
        """The same document but for what QuickBooks decides anyway, which the source takes over as far as it can."""
        if self._seen.differences <= self._capability.writable and Verb.UPDATE in self._capability.verbs:
            names = explain.words(self._seen.differences)
            self._pull(
                self._seen.differences, f"the same record is already in QuickBooks; the source takes its {names}"
            )
        else:
            self._record_difference()

    def _on_push(self) -> None:
        """As the source has it; but where a look-alike differs only in what QuickBooks decides, and the source says
        nothing about, there is nothing to send."""
        differ = self._seen.differences
        if self._known is None and differ and differ <= self._lacking(differ):
            self._adopt()
        else:
            super()._on_push()

    def _on_link(self) -> None:
        if self._seen.partner is None or self._seen.differences:
            self._hold(why_held(self._seen, self._policy))
            return
        found = unusable(self._seen.partner.record, self._view.settings)
        if found:
            self._hold("; ".join(problem.text for problem in found), problems=found)
            return
        reason = "the same record is already in QuickBooks; from now on the two are kept in agreement"
        self._state(Verb.LINK, reason)

    def _on_record(self) -> None:
        """What QBO changed stays there; but a mark is no content, and goes the way it always does (V-10)."""
        marks = self._theirs(self._seen.qbo_changed & self._policy.marks)
        if self._entry.pushed and self._would_overwrite(self._seen.qbo_changed):
            return
        if marks and self._seen.case is Case.QBO_EDITED:
            self._pull(marks, f"QuickBooks changed {explain.words(marks)}")
        else:
            self._record_difference()

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
        elif self._seen.case is Case.QBO_VOID:
            why = "was voided in QuickBooks"
        elif self._seen.case is Case.BOTH_GONE:
            why = "is inactive on both sides"
        reason = f"it {why}; the policy leaves its counterpart and keeps the link for reuse"
        if self._seen.withdrawn and self._policy.ticked is not None:
            reason += ". Tick that it is to be removed from QuickBooks, and it is deleted there"
        self._state(Verb.ORPHAN, reason)

    def _on_await(self) -> None:
        """What the source changed waits until a person asks for it (O-14). What QuickBooks changed is noted meanwhile,
        as it would be alone."""
        known, said = self._known, f"syncd push {self._kind} {self._label()}"
        changed = explain.words(self._seen.source_changed)
        reason = f"the source changed {changed} since it was copied; to copy it again: {said}"
        self._planned.left_out.append(
            LeftOut(
                kind=self._kind,
                label=self._label(),
                source_id=known.source_id if known is not None else "",
                qbo_id=known.qbo_id if known is not None else "",
                reason=reason,
            )
        )
        if known is None or not self._seen.qbo_changed:
            self._planned.unchanged += 1
            return
        theirs = differing(known.source_base, self._seen.qbo)
        self._state(
            Verb.REBASE,
            f"QuickBooks changed {explain.words(self._seen.qbo_changed)}; the policy leaves that as it is",
            accepted=theirs,
            source_base=known.source_base,
        )

    # ---- answers that look at each field

    def _on_by_owner(self) -> None:
        if self._seen.case is Case.CONFLICT:
            self._conflict()
            return
        changed = self._seen.qbo_changed
        theirs = self._theirs(changed)
        rest = changed - theirs
        if self._not_left(rest):
            self._hold(f"QuickBooks changed {explain.words(rest)}, which the source decides")
        elif theirs:
            self._pull(theirs, f"QuickBooks changed {explain.words(theirs)}, and QuickBooks decides here")
        else:
            self._on_record()

    def _theirs(self, changed: frozenset[str]) -> frozenset[str]:
        """Those of the fields that QBO changed which the source takes over."""
        raised = {name for name in changed if self._owner(name) is Owner.RAISED and self._seen.qbo.get(name) == "yes"}
        return frozenset(name for name in changed if self._owner(name) in {Owner.QBO, Owner.RETURNED}) | raised

    def _not_left(self, rest: frozenset[str]) -> bool:
        """Whether what QBO changed in these fields, which the source decides, is for a person to look at."""
        if rest & self._policy.never_left:
            return True
        return not self._policy.keep_qbo_edits and any(self._owner(name) is Owner.SOURCE for name in rest)

    def _on_merge(self) -> None:
        """What QBO changed in fields of the source, and what is left there, is recorded once the rest is done."""
        alike = self._policy.marks - self._seen.differences
        mine, theirs = self._seen.source_changed - alike, self._theirs(self._seen.qbo_changed) - alike
        rest = self._seen.qbo_changed - theirs - alike
        if self._not_left(rest):
            self._hold(f"QuickBooks changed {explain.words(rest)}, which the source decides")
            return
        if not mine and not theirs:
            self._record_difference()
            return
        why = "the two sides changed different fields"
        if theirs:
            self._pull(theirs, f"{why}; the source takes {explain.words(theirs)}")
        if mine:
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

    def _winner(self, name: str) -> Owner:
        """Who wins a field that both sides changed. Fields that hang together have one winner: that of the first."""
        coupled = self._spec.coupled
        return self._owner(coupled[0] if name in coupled else name)
