"""Records in the ids of the other side: what a write to the source and a look-up in QBO need."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from syncd.model.kinds import Kind
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Form, Invoice, Line
from syncd.model.records.lists import Project
from syncd.model.records.payments import Allocation, CreditApplication, CreditUse, Payment
from syncd.model.records.purchases import Bill, Purchase, PurchaseOrder
from syncd.model.references import is_name, item_key

ToSide = Callable[[Kind, str], str]


def to_source_ids(
    record: Record, *, source_id: str, to_source: ToSide, to_qbo: ToSide, current: Record | None
) -> Record:
    """``record`` as read from QBO, with its own id and every reference replaced by those of the source.

    ``current`` is what the source holds now: a line that names the same item in QBO keeps the item that the source
    gave it, since several of the source's items may stand for one of QBO's (R-23, C-R16); and so does a line that is
    the same but for an item of QBO's that the source does not know.
    """
    record = msgspec.structs.replace(_documents(record, to_source), id=source_id)
    match record:
        case Invoice() | Estimate() | CreditNote():
            return msgspec.structs.replace(record, lines=_lines(record.lines, current, to_source, to_qbo))
        case Payment():
            method = record.method if isinstance(record.method, str) else ""
            found = to_source(Kind.PAYMENT_METHOD, method) if method else ""
            return msgspec.structs.replace(record, method="" if is_name(Kind.PAYMENT_METHOD, found) else found)
        case _:
            return record


def in_qbo_ids(record: Record, to_qbo: ToSide) -> Record:
    """A record of the source with parties and documents named by QBO's ids, empty where there is none yet."""
    return _documents(record, to_qbo)


def _documents(record: Record, other: ToSide) -> Record:
    """Parties and other documents by the ids of the other side."""
    match record:
        case Project() | Invoice() | Estimate() | CreditNote():
            return msgspec.structs.replace(record, client=other(Kind.CLIENT, record.client))
        case Payment():
            used = tuple(CreditUse(other(Kind.CREDIT_NOTE, part.credit_note), part.amount) for part in record.credits)
            return msgspec.structs.replace(
                record,
                client=other(Kind.CLIENT, record.client),
                allocations=_allocations(record.allocations, other),
                credits=used,
            )
        case CreditApplication():
            return msgspec.structs.replace(
                record,
                client=other(Kind.CLIENT, record.client),
                credit_note=other(Kind.CREDIT_NOTE, record.credit_note),
                allocations=_allocations(record.allocations, other),
            )
        case Bill() | Purchase() | PurchaseOrder():
            return msgspec.structs.replace(record, vendor=other(Kind.VENDOR, record.vendor) if record.vendor else "")
        case Attachment() if record.owner_kind:
            return msgspec.structs.replace(record, owner=other(Kind(record.owner_kind), record.owner))
        case _:
            return record


def _allocations(parts: tuple[Allocation, ...], other: ToSide) -> tuple[Allocation, ...]:
    return tuple(Allocation(other(Kind.INVOICE, part.invoice), part.amount) for part in parts)


def _lines(lines: tuple[Line, ...], current: Record | None, to_source: ToSide, to_qbo: ToSide) -> tuple[Line, ...]:
    known: dict[tuple[str, object], Line] = {}
    by_item: dict[str, Line] = {}
    alike: dict[tuple[object, object], Line] = {}
    there: Form | None = current if isinstance(current, Invoice | Estimate | CreditNote) else None
    for line in there.lines if there is not None else ():
        qbo_item = to_qbo(Kind.ITEM, item_key(line))
        known.setdefault((qbo_item, line.description), line)
        by_item.setdefault(qbo_item, line)
        alike.setdefault((line.description, line.amount), line)
    taken = []
    for line in lines:
        like = known.get((line.item, line.description)) or by_item.get(line.item)
        if like is None and line.item and not to_source(Kind.ITEM, line.item):
            like = alike.get((line.description, line.amount))  # QBO's item cannot be named (F-76): ours stays (C-R16)
        taken.append(_line(line, like, to_source))
    return tuple(taken)


def _line(line: Line, like: Line | None, to_source: ToSide) -> Line:
    if like is not None:
        return msgspec.structs.replace(line, id="", item=like.item, item_name=like.item_name)
    item = to_source(Kind.ITEM, line.item) if line.item else ""
    if is_name(Kind.ITEM, item):
        return msgspec.structs.replace(line, id="", item="", item_name=line.item_name)
    return msgspec.structs.replace(line, id="", item=item)
