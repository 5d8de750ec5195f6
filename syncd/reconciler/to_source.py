"""Answers that write to the source: taking over what QBO holds, and what a person has to do where syncd cannot."""

from __future__ import annotations

from syncd.model.kinds import Kind, Side
from syncd.model.records import Record
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.references import Reference, party, qbo_references
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.reconciler import explain, worklist
from syncd.reconciler.draft import Draft
from syncd.reconciler.imports import comes_in, is_ours
from syncd.reconciler.policy import Case

_REFERRING = frozenset({"client", "vendor", "allocations", "credits", "credit_note"})
"""Fields that hold references to other documents or parties."""

_NO_INVOICE = (Kind.INVOICE, "")
_PAYS_NOTHING = (
    "in QuickBooks more is taken from the credit note than invoices are paid with: "
    "apply the whole of it to invoices there, or use less of it"
)
_SEVERAL_CREDITS = (
    "it uses several credits, and QuickBooks does not say which of them paid which invoice: "
    "apply each credit there by itself"
)


class ToSource(Draft):
    """The part of the answers that is about the source."""

    def _on_pull(self) -> None:
        if self._spec.link_only:
            self._record_difference()  # it is this one, whatever it is called there
            return
        fields = self._seen.differences
        marks = fields & frozenset(self._spec.derived)
        if marks and self._seen.case is Case.SRC_EDITED:
            fields = marks  # that is what was asked about; what else the source changed since is another matter
        self._pull(fields, f"QuickBooks is taken as it is for {explain.words(fields)}")

    def _on_create_source(self) -> None:
        partner = self._seen.partner
        if partner is None or not self._wanted_from_qbo(partner.record):
            self._planned.count_ignored(self._kind)
            return
        if self._seen.claimants:
            names = ", ".join(self._seen.claimants)
            self._hold(f"it may be the same as {names} in the source, which is not settled yet", wait=True)
            return
        unknown = self._unknown_in_source(partner.record)
        if unknown or (isinstance(partner.record, Payment | CreditApplication) and partner.record.other_links):
            noun = self._kind.replace("_", " ")
            why = f"the {noun} in QuickBooks also settles documents that the source does not know"
            if not unknown and isinstance(partner.record, CreditApplication):
                why = _SEVERAL_CREDITS
            self._hold(_PAYS_NOTHING if _NO_INVOICE in unknown else why)
            return
        if self._waits_for_source(partner.record):
            return
        if self._by_hand(Verb.CREATE, frozenset(self._seen.qbo), partner.record):
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
                after=self._planned.links_of(partner.record),
                money=self._money(partner.record),
            )
        )

    def _on_delete_source(self) -> None:
        self._end_in_source(Verb.DELETE, "was deleted in QuickBooks, and the policy removes it from the source")

    def _on_void_source(self) -> None:
        self._end_in_source(Verb.VOID, "was voided in QuickBooks; the source marks it void and keeps its amounts")

    def _on_withdraw_source(self) -> None:
        self._end_in_source(Verb.WITHDRAW, "was deleted in QuickBooks; the source makes it a draft again")

    def _end_in_source(self, verb: Verb, reason: str) -> None:
        record = self._seen.source_record
        if record is not None and self._by_hand(verb, frozenset(), record):
            return
        self._remove(Side.SOURCE, verb, reason)

    def _pull(self, fields: frozenset[str], reason: str) -> None:
        partner = self._seen.partner
        if partner is None or self._seen.source_record is None:
            self._hold("both sides must be read before a change can be taken over", wait=True)
            return
        fields = fields & self._seen.qbo.keys()
        if self._by_hand(Verb.UPDATE, fields, partner.record):
            return
        cannot = fields - self._capability.writable
        if cannot or Verb.UPDATE not in self._capability.verbs:
            what = explain.words(cannot or fields)
            self._hold(f"QuickBooks changed {what}, which cannot be written to the source: enter it there by hand")
            return
        if not self._allowed(Side.SOURCE, Verb.UPDATE):
            return
        refers = bool(fields & _REFERRING)
        lost = self._unknown_in_source(partner.record) if refers else []
        if lost:
            kind, reference = lost[0]
            reason = f"QuickBooks refers to {kind} {reference}, which has no counterpart in the source"
            if (mine := party(self._seen.source_record)) is not None and kind is mine[0]:
                reason += (
                    f". If that is the same {kind} under another id: syncd match --set {kind} {mine[1]} {reference}"
                )
            self._hold(_PAYS_NOTHING if _NO_INVOICE in lost else reason, case=Case.BLOCKED)
            return
        if refers and self._waits_for_source(partner.record):
            return
        self._out.append(
            self._operation(
                Side.SOURCE,
                Verb.UPDATE,
                reason,
                changes=explain.changes(fields, self._seen.source, self._seen.qbo),
                fields=tuple(sorted(fields)),
                record=partner.record,
                after=self._planned.links_of(partner.record) if refers else (),
                money=self._money(partner.record) if fields & set(self._spec.money_fields) else None,
            )
        )

    # ---- parts

    def _waits_for_source(self, record: Record) -> bool:
        """Whether a record of QBO refers to what was removed in the source: it waits for that, and is not offered."""
        removed = self._planned.removed_of(record)
        if removed:
            self._hold(f"waits for {removed}", case=Case.BLOCKED, blocked_by=removed)
        return bool(removed)

    def _by_hand(self, verb: Verb, fields: frozenset[str], record: Record) -> bool:
        """Where the source takes no writes: what is wanted goes on the list of what a person does there, or is left."""
        capability = self._capability
        if verb in capability.verbs and (verb is not Verb.UPDATE or fields <= capability.writable):
            return False
        if capability.mode == "none":
            if verb is Verb.UPDATE:
                self._record_difference()
            else:
                self._planned.count_ignored(self._kind)
            return True
        if capability.mode == "worklist":
            todo = worklist.tasks(verb, fields, self._seen, record, self._view)
            self._hold(" ".join(task.text for task in todo), problems=todo)
            return True
        return False

    def _wanted_from_qbo(self, record: Record) -> bool:
        """Whether a record entered in QBO belongs to what is kept in agreement (else it is none of ours)."""
        if self._policy.when_imported and (self._kind, record.id) not in self._planned.imported:
            return False
        if self._policy.at_first and Verb.CREATE not in self._capability.verbs:
            return False  # there is nothing to ask a person for each of them
        if not comes_in(self._entry, self._policy, self._view):
            return False
        return is_ours(record, self._view, self._source_id)

    def _source_id(self, kind: Kind, qbo_id: str) -> str:
        """The source's id of a record of QBO, or a mark for one that this plan brings in; empty where there is none."""
        return self._planned.to_source(kind, qbo_id) or self._planned.coming(kind, qbo_id)

    def _unknown_in_source(self, record: Record) -> list[Reference]:
        """What a record of QBO refers to that the source does not know."""
        return [
            (kind, reference)
            for kind, reference in sorted(qbo_references(record))
            if not SPECS[kind].link_only and not self._source_id(kind, reference)
        ]
