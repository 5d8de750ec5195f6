"""Taking one run back: from what it wrote and what is there now to a plan, or to the reason why a record is left out.

A record is undone as a whole or not at all. Its state now has to be what the run left, on both sides; and what people
have gone on with (a bank deposit, a payment, a closed period, a mail to the client) is left to people.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from syncd.model.kinds import Kind, Side
from syncd.model.observations import Flawed, Present, Unknown
from syncd.model.projections import Projection, differing
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill
from syncd.model.references import ZERO, dates_of
from syncd.model.spec import ORDER, SPECS
from syncd.model.writes import DESTRUCTIVE_VERBS, EXTERNAL_ID, Verb
from syncd.reconciler import explain
from syncd.reconciler.entries import SideCapability
from syncd.reconciler.freeze import money_of
from syncd.reconciler.guards import guard, stopped
from syncd.reconciler.plan import LeftOut, Operation, Plan
from syncd.reconciler.reconcile import natural
from syncd.reconciler.traces import Trace, UndoView, Written

CASE = "undo"
"""What an operation of an undo has in place of a case of the table."""
_WHERE = {Side.SOURCE: "the source", Side.QBO: "QuickBooks"}


class _No(Exception):  # noqa: N818 - not an error: the answer for one record
    """The record is left out; the message is the reason."""


def reverse(view: UndoView) -> Plan:
    """The plan that takes the run back. Pure: the same view gives the same plan.

    Records are looked at in the reverse order of work, so that what depends on a record is decided before it.
    """
    undo = _Undo(view)
    for trace in sorted(view.traces, key=_place):
        undo.take(trace)
    operations = undo.operations
    brakes = guard(operations, view.cycle, _changed(operations))
    brakes = tuple(msgspec.structs.replace(b, override=_by_undo(b.override, view.run_id)) for b in brakes)
    gone = stopped(operations, brakes)
    return Plan(
        operations=tuple(operation for operation in operations if operation.id not in gone),
        withheld=tuple(operation for operation in operations if operation.id in gone),
        brakes=brakes,
        left_out=tuple(undo.left_out),
    )


def _place(trace: Trace) -> tuple[int, tuple[int, str], str]:
    return (-ORDER[trace.kind], natural(trace.source_id), trace.qbo_id)


def _changed(operations: Iterable[Operation]) -> dict[tuple[Side, Kind], int]:
    counts: dict[tuple[Side, Kind], int] = {}
    for operation in operations:
        if operation.verb is Verb.UPDATE:
            counts[operation.side, operation.kind] = counts.get((operation.side, operation.kind), 0) + 1
    return counts


def _by_undo(override: str, run_id: str) -> str:
    return override.replace("syncd reconcile", f"syncd undo {run_id} --apply")


def first_step(plan: Plan) -> Plan:
    """What of a plan can be done now: not what a removal of another record moves on (its SyncToken), which has to be
    read once more, and decided once more, after that removal."""
    about = {operation.id: operation.key for operation in plan.operations}
    waiting = {o.key for o in plan.operations if any(about.get(name, o.key) != o.key for name in o.after)}
    return msgspec.structs.replace(plan, operations=tuple(o for o in plan.operations if o.key not in waiting))


def fallen(first: Plan, now: Plan) -> dict[str, str]:
    """Why records that were to be undone at first are not any more, by operation; not those that have been."""
    left_out = {(left.kind, left.source_id, left.qbo_id): left for left in now.left_out if not left.undone}
    found = ((o.id, left_out.get(o.key)) for o in first.operations)
    return {name: f"{left.kind} {left.label} was not undone: {left.reason}" for name, left in found if left is not None}


class _Undo:
    """Decides record after record."""

    def __init__(self, view: UndoView) -> None:
        self._view = view
        self._removals: list[Operation] = []
        self._others: list[Operation] = []
        self._freed: dict[tuple[Side, Kind, str], Decimal] = {}
        self._freeing: dict[tuple[Side, Kind, str], list[str]] = {}
        self.left_out: list[LeftOut] = []

    @property
    def operations(self) -> list[Operation]:
        """Removals first, dependants before what they depend on; then what is put back, the other way round."""
        return [*self._removals, *sorted(self._others, key=lambda o: ORDER[o.kind])]

    def take(self, trace: Trace) -> None:
        """Plan the undoing of one record, or note why it is left out."""
        try:
            self._check(trace)
            planned = self._planned(trace)
        except _No as no:
            undone = not trace.writes
            self.left_out.append(LeftOut(trace.kind, trace.label, trace.source_id, trace.qbo_id, str(no), undone))
            return
        for operation in planned:
            (self._removals if operation.verb in DESTRUCTIVE_VERBS else self._others).append(operation)
            if operation.verb in DESTRUCTIVE_VERBS and isinstance(trace.qbo, Present):
                self._free(operation, trace.qbo.record)

    def _free(self, operation: Operation, record: Record) -> None:
        """What a payment that goes away from a side paid is open again there, on invoices and on credit notes."""
        for (kind, qbo_id), amount in _uses(record):
            slot = (operation.side, kind, qbo_id)
            self._freed[slot] = self._freed.get(slot, ZERO) + amount
            self._freeing.setdefault(slot, []).append(operation.id)

    # ---- what stands against it

    def _check(self, trace: Trace) -> None:
        """Raise ``_No`` with the first reason why this record cannot be taken back."""
        if trace.in_doubt:
            raise _No("the outcome of a write is not known yet; the next run settles that first")
        if not trace.writes:
            raise _No(f"it was undone already, by {trace.undone}")
        if trace.touched:
            raise _No(f"it was changed again since ({trace.touched})")
        if trace.left_alone and not trace.undone:
            raise _No("it is left alone: a person said so, or a later run was undone")
        for write in trace.writes:
            if write.verb in _NEVER:
                raise _No(_NEVER[write.verb])
        sides = {write.side for write in trace.writes}
        if Side.QBO in sides:
            self._check_books(trace)
        self._check_use(trace)
        for side in (Side.SOURCE, Side.QBO):
            if side not in trace.undone_sides:
                self._check_state(trace, side, written=side in sides)

    def _check_state(self, trace: Trace, side: Side, *, written: bool) -> None:
        """The side has to hold what the run left there."""
        where, now = _WHERE[side], trace.source if side is Side.SOURCE else trace.qbo
        writes = trace.written(side)
        if isinstance(now, Unknown):
            raise _No(f"{where} could not be read: {now.reason}")
        if isinstance(now, Flawed):
            raise _No(f"{where} holds values that cannot be used: {'; '.join(p.text for p in now.problems)}")
        if written and writes[-1].verb is Verb.DELETE:
            if isinstance(now, Present):
                raise _No(f"it is back in {where}")
            return
        if not isinstance(now, Present):
            ended = any(write.verb is Verb.DELETE for write in trace.writes)
            if ended:  # gone on the other side, which is why the run removed it here
                return
            raise _No(f"it was removed from {where} since")
        if not getattr(now.record, "active", True):
            raise _No(f"it was made inactive in {where} since")
        left = writes[-1].after if written else trace.source_base if side is Side.SOURCE else trace.qbo_base
        shown = self._shown(trace.kind, now.record, side)
        different = differing(shown, left)
        if different:
            raise _No(f"{where} changed {explain.words(different)} since")
        moved = written and writes[-1].version not in ("", now.version)
        if moved and not (side is Side.QBO and trace.explained):
            raise _No(f"somebody worked on it in {where} since (its version has moved)")

    def _shown(self, kind: Kind, record: Record, side: Side) -> Projection:
        if side is Side.QBO:
            return self._view.lens.qbo(kind, record)
        return self._view.lens.source(kind, record, self._view.to_qbo)

    def _check_books(self, trace: Trace) -> None:
        """What QBO, or whoever keeps the books, does not want changed any more."""
        if trace.deposit:
            raise _No(trace.deposit)
        if trace.mailed:
            raise _No("it was mailed to the client from QuickBooks")
        if trace.lost:
            raise _No(f"it refers to {trace.lost}, which is not in QuickBooks any more")
        close = self._view.facts.close_date
        now = trace.qbo.record if isinstance(trace.qbo, Present) else None
        records = [now, *(write.former for write in trace.written(Side.QBO))]
        if close is not None and any(day <= close for record in records if record for day in dates_of(record)):
            raise _No(f"it falls into the period that is closed up to {close.isoformat()}")
        settled = self._view.cycle.settings.reconciled_until
        if settled is not None and any(day <= settled for record in records if record for day in dates_of(record)):
            raise _No(f"the books are reconciled up to {settled.isoformat()}")

    def _check_use(self, trace: Trace) -> None:
        """Payments and credits on it that stay: then its amounts stay as well (F-106)."""
        record = trace.qbo.record if isinstance(trace.qbo, Present) else None
        if not isinstance(record, Invoice | CreditNote | Bill) or not isinstance(record.balance, Decimal):
            return
        in_books = bool(trace.written(Side.QBO))
        slot = (Side.QBO if in_books else Side.SOURCE, trace.kind, trace.qbo_id)
        paid = record.total - record.balance - self._freed.get(slot, ZERO)
        money = frozenset(SPECS[trace.kind].coupled)
        ends = any(write.verb is not Verb.UPDATE for write in trace.writes)
        about_money = ends or any(money & set(write.fields) for write in trace.writes)
        if paid and (about_money or (in_books and paid != trace.paid_before)):
            raise _No("payments or credits that stay are applied to it in QuickBooks")

    # ---- what is done

    def _planned(self, trace: Trace) -> list[Operation]:
        books = self._one_side(trace, Side.QBO)
        source = None
        if books is None or books.verb is not Verb.CREATE:
            source = self._one_side(trace, Side.SOURCE, after=books)
        planned = [operation for operation in (books, source) if operation is not None]
        if not planned:
            raise _No("it is as it was before the run")
        return planned

    def _one_side(self, trace: Trace, side: Side, after: Operation | None = None) -> Operation | None:
        writes = trace.written(side)
        if not writes:
            return None
        verbs = {write.verb for write in writes}
        if writes[0].verb is Verb.CREATE and verbs <= {Verb.CREATE, Verb.UPDATE}:
            return self._take_away(trace, side)
        if verbs == {Verb.UPDATE}:
            return self._put_back(trace, side, after)
        if verbs == {Verb.DELETE} and len(writes) == 1:
            return self._make_again(trace, side, writes[0])
        raise _No("the run wrote it in several ways; a person has to undo that")

    def _take_away(self, trace: Trace, side: Side) -> Operation:
        """What was created is removed again; a customer or vendor stays."""
        if not SPECS[trace.kind].transaction:
            raise _No(
                f"a {trace.kind} that was created stays: others may refer to it by now, and unused it does no harm. "
                f"Make it inactive in {_WHERE[side]} if nobody needs it"
            )
        verb = self._removal(trace.kind) if side is Side.QBO else Verb.DELETE
        self._allow(trace.kind, side, verb)
        done = "voided" if verb is Verb.VOID else "deleted"
        now = trace.qbo if side is Side.QBO else trace.source
        assert isinstance(now, Present)  # noqa: S101 - checked before
        reason = f"{self._view.run_id} created it in {_WHERE[side]}; it is {done} there again"
        planned = self._operation(trace, side, verb, reason, record=None, money_of_record=now.record)
        return msgspec.structs.replace(planned, after=self._frees(trace, side))

    def _frees(self, trace: Trace, side: Side) -> tuple[str, ...]:
        """The removals that take from this record what was paid on it."""
        return tuple(self._freeing.get((side, trace.kind, trace.qbo_id), []))

    def _removal(self, kind: Kind) -> Verb:
        """Deleted, unless the policy lets this kind be voided and not deleted."""
        rules = self._view.policy.kinds.get(kind)
        verbs = rules.verbs.get(Side.QBO, frozenset()) if rules is not None else frozenset()
        voids = Verb.VOID in verbs and Verb.DELETE not in verbs and SPECS[kind].voidable
        return Verb.VOID if voids else Verb.DELETE

    def _put_back(self, trace: Trace, side: Side, after: Operation | None) -> Operation | None:
        """The former values of exactly the fields that the run wrote."""
        writes = trace.written(side)
        former = writes[0].former
        now = trace.qbo if side is Side.QBO else trace.source
        if former is None:
            raise _No(f"what it was in {_WHERE[side]} before is not known")
        assert isinstance(now, Present)  # noqa: S101 - checked before
        fields = {name for write in writes for name in write.fields}
        was, shown = self._shown(trace.kind, former, side), self._shown(trace.kind, now.record, side)
        changes = explain.changes(fields, shown, was)
        told = sorted(fields) if changes else []
        gives_id = getattr(former, EXTERNAL_ID, "") != getattr(now.record, EXTERNAL_ID, "")
        if side is Side.SOURCE and gives_id:
            told.append(EXTERNAL_ID)
        if not told:
            return None
        self._allow(trace.kind, side, Verb.UPDATE, frozenset(told))
        reason = f"{self._view.run_id} noted QuickBooks' id in the source; it is taken out again"
        if changes:
            reason = (
                f"{self._view.run_id} changed {explain.words(fields)} in {_WHERE[side]}; the former value is put back"
            )
        money = set(SPECS[trace.kind].money_fields) & fields
        return msgspec.structs.replace(
            self._operation(
                trace,
                side,
                Verb.UPDATE,
                reason,
                record=former,
                money_of_record=former if money else None,
            ),
            changes=changes,
            fields=tuple(told),
            after=(*((after.id,) if after is not None else ()), *self._frees(trace, side)),
        )

    def _make_again(self, trace: Trace, side: Side, write: Written) -> Operation:
        """What was deleted is created anew, with a new id."""
        if write.former is None:
            raise _No(f"what it was in {_WHERE[side]} before is not known")
        if not SPECS[trace.kind].transaction:
            raise _No("records of this kind are not created anew")
        if SPECS[trace.kind].along:
            raise _No("what was in the file is not kept; attach it anew in the source")
        self._allow(trace.kind, side, Verb.CREATE)
        reason = f"{self._view.run_id} deleted it in {_WHERE[side]}; it is made again, with a new id"
        made = self._operation(trace, side, Verb.CREATE, reason, record=write.former, money_of_record=write.former)
        names = {"qbo_id": "", "expected_qbo": ""} if side is Side.QBO else {"source_id": "", "expected_source": ""}
        fields = tuple(self._shown(trace.kind, write.former, side))
        return msgspec.structs.replace(made, **names, fields=fields, source_base={}, qbo_base={})

    def _allow(self, kind: Kind, side: Side, verb: Verb, fields: frozenset[str] = frozenset()) -> None:
        """A person asked for this, so what the policy lets out by itself does not count; what the source can, does."""
        if side is Side.QBO:
            return
        can = self._view.capabilities.get(kind, SideCapability())
        beyond = fields - can.writable - ({EXTERNAL_ID} if can.external_id else frozenset())
        if verb not in can.verbs or beyond:
            raise _No(f"the source cannot be told to {verb} it; undo it there by hand")

    def _operation(
        self,
        trace: Trace,
        side: Side,
        verb: Verb,
        reason: str,
        *,
        record: Record | None,
        money_of_record: Record | None,
    ) -> Operation:
        source = trace.source if isinstance(trace.source, Present) else None
        qbo = trace.qbo if isinstance(trace.qbo, Present) else None
        return Operation(
            id=f"{CASE}:{side}:{verb}:{trace.kind}:{trace.source_id or f'qbo-{trace.qbo_id}'}",
            side=side,
            verb=verb,
            kind=trace.kind,
            case=CASE,
            reason=reason,
            label=trace.label,
            source_id=trace.source_id,
            qbo_id=trace.qbo_id,
            record=record,
            expected_source=source.version if source is not None else "",
            expected_qbo=qbo.version if qbo is not None else "",
            source_base=self._shown(trace.kind, source.record, Side.SOURCE) if source is not None else {},
            qbo_base=self._shown(trace.kind, qbo.record, Side.QBO) if qbo is not None else {},
            money=money_of(money_of_record, self._view.lens) if money_of_record is not None else None,
            undoes=trace.written(side)[0].journal_id,
        )


_NEVER = {
    Verb.VOID: "a void cannot be undone: enter it anew by hand where it is needed",
    Verb.WITHDRAW: "it was made a draft again in the source: publish it there by hand",
    Verb.DEACTIVATE: "it was made inactive: make it active again by hand",
    Verb.SEND: "QuickBooks mailed it, and a mail cannot be taken back",
}


def _uses(record: Record) -> list[tuple[tuple[Kind, str], Decimal]]:
    """What a payment or credit application takes of which documents."""
    match record:
        case Payment():
            uses = [((Kind.INVOICE, part.invoice), part.amount) for part in record.allocations]
            return uses + [((Kind.CREDIT_NOTE, part.credit_note), part.amount) for part in record.credits]
        case CreditApplication():
            uses = [((Kind.INVOICE, part.invoice), part.amount) for part in record.allocations]
            used = sum((part.amount for part in record.allocations), ZERO)
            return [*uses, ((Kind.CREDIT_NOTE, record.credit_note), used)]
        case _:
            return []
