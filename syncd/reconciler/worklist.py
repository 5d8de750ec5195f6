"""What a person has to do in the source where syncd cannot write there: one clear task per change.

A task stands in the reason of a held record. Nothing ticks it off but the source itself: as soon as a read shows what
was asked for, the record is decided anew and the hold is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.observations import Problem
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Estimate, Invoice, Line
from syncd.model.records.payments import Allocation, CreditApplication, CreditUse, Payment
from syncd.model.references import amount_of, label
from syncd.model.values import money, number, text
from syncd.model.writes import Verb
from syncd.reconciler import explain
from syncd.reconciler.entries import View
from syncd.reconciler.sight import Look

CODE = "worklist"
"""The code of a problem that is a task for a person."""


def tasks(verb: Verb, fields: frozenset[str], seen: Look, record: Record, view: View) -> tuple[Problem, ...]:
    """The tasks that make the source hold what QuickBooks holds: ``record`` (to remove it: the source's own)."""
    noun = f"{seen.entry.kind.replace('_', ' ')} {label(seen.source_record or record)}"
    match verb:
        case Verb.CREATE:
            return (_task("", f"Enter this {seen.entry.kind.replace('_', ' ')}: {_whole(record, view)}."),)
        case Verb.UPDATE:
            return tuple(_change(name, noun, seen, record, view) for name in sorted(fields))
        case Verb.DELETE:
            return (_task("", f"Delete the {noun}: it was deleted in QuickBooks."),)
        case Verb.VOID:
            return (_task("", f"Void the {noun}: it was voided in QuickBooks."),)
        case _:
            return (_task("", f"Unpublish the {noun}: it was deleted in QuickBooks."),)


def _task(field: str, sentence: str) -> Problem:
    return Problem(code=CODE, text=sentence, field=field)


def _change(name: str, noun: str, seen: Look, record: Record, view: View) -> Problem:
    old, new = seen.source.get(name, ""), seen.qbo.get(name, "")
    word = explain.words({name})
    if name == "lines" and isinstance(record, Invoice | Estimate | CreditNote):
        how = "; ".join(explain.line_changes(seen.entry.kind, old, new))
        lines = "; ".join(_line(line) for line in record.lines)
        return _task(name, f"In the {noun}, make the lines: {lines} ({how}).")
    if name == "client":
        return _task(name, f"In the {noun}, set the {word} to {_name(Kind.CLIENT, str(new), view)}.")
    if name == "method" and isinstance(record, Payment):
        return _task(name, f"In the {noun}, set the {word} to {record.method_name or '(none)'}.")
    if name in {"allocations", "credits"}:
        return _task(name, f"In the {noun}, set the {word} to: {_parts(record, name, view)}.")
    return _task(name, f"In the {noun}, set the {word} to {explain.show(new)} (now {explain.show(old)}).")


def _whole(record: Record, view: View) -> str:
    amount = amount_of(record)
    currency = view.lens.currency(record)
    told = [f"{money(amount, currency)} {currency}"] if amount is not None else []
    match record:
        case Payment() | CreditApplication():
            told.append(f"of {record.date.isoformat()} from {_name(Kind.CLIENT, record.client, view)}")
            told.append(f"for {_parts(record, 'allocations', view)}")
        case CreditNote():
            told.append(f"of {record.issue_date.isoformat()} for {_name(Kind.CLIENT, record.client, view)}")
            told.append("with " + "; ".join(_line(line) for line in record.lines))
    match record:
        case Payment():
            told += [f"with credit {_parts(record, 'credits', view)}"] if record.credits else []
            told += [f"by {record.method_name}"] if record.method_name else []
            told += [f"reference {record.reference}"] if isinstance(record.reference, str) and record.reference else []
        case CreditApplication():
            told.insert(1, f"of the credit note {_name(Kind.CREDIT_NOTE, record.credit_note, view)}")
        case CreditNote():
            told += [f"number {record.number}"] if isinstance(record.number, str) and record.number else []
    return ", ".join(told)


def _line(line: Line) -> str:
    said = [line.item_name, text(line.description) if line.description is not UNSET else ""]
    if line.quantity is not UNSET and line.rate is not UNSET:
        said.append(f"{number(line.quantity)} × {number(line.rate)}")
    return f"{' '.join(part for part in said if part)} = {number(line.amount)}".strip()


def _parts(record: Record, name: str, view: View) -> str:
    parts: Iterable[object] = getattr(record, name, ())
    told = []
    for part in parts:
        match part:
            case Allocation():
                told.append(f"{_name(Kind.INVOICE, part.invoice, view)} {number(part.amount)}")
            case CreditUse():
                told.append(f"{_name(Kind.CREDIT_NOTE, part.credit_note, view)} {number(part.amount)}")
    return ", ".join(told) or "(nothing)"


def _name(kind: Kind, qbo_id: str, view: View) -> str:
    """How a person knows a record of QuickBooks' that the source has, too."""
    source_id = view.to_source(kind, qbo_id)
    return view.label_of(kind, source_id) or f"the {kind.replace('_', ' ')} with QuickBooks' id {qbo_id}"
