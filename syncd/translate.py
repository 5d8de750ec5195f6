"""Records of QBO in the source's ids: what a write to the source needs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from syncd.model.lens import item_key
from syncd.model.records import Allocation, Invoice, Kind, Line, Payment, Record

ToSide = Callable[[Kind, str], str]


def to_source_ids(
    record: Record, *, source_id: str, to_source: ToSide, to_qbo: ToSide, current: Record | None
) -> Record:
    """``record`` as read from QBO, with its own id and every reference replaced by those of the source.

    ``current`` is what the source holds now: a line that names the same item in QBO keeps the item that the source
    gave it, since several of the source's items may stand for one of QBO's (R-23, C-R16).
    """
    match record:
        case Invoice():
            lines = _lines(record.lines, current, to_source, to_qbo)
            client = to_source(Kind.CLIENT, record.client)
            return msgspec.structs.replace(record, id=source_id, client=client, lines=lines)
        case Payment():
            allocations = tuple(
                Allocation(invoice=to_source(Kind.INVOICE, part.invoice), amount=part.amount)
                for part in record.allocations
            )
            client = to_source(Kind.CLIENT, record.client)
            return msgspec.structs.replace(record, id=source_id, client=client, allocations=allocations)
        case _:
            return msgspec.structs.replace(record, id=source_id)


def _lines(lines: tuple[Line, ...], current: Record | None, to_source: ToSide, to_qbo: ToSide) -> tuple[Line, ...]:
    known: dict[tuple[str, object], Line] = {}
    by_item: dict[str, Line] = {}
    for line in current.lines if isinstance(current, Invoice) else ():
        qbo_item = to_qbo(Kind.ITEM, item_key(line))
        known.setdefault((qbo_item, line.description), line)
        by_item.setdefault(qbo_item, line)
    return tuple(
        _line(line, known.get((line.item, line.description)) or by_item.get(line.item), to_source) for line in lines
    )


def _line(line: Line, like: Line | None, to_source: ToSide) -> Line:
    if like is not None:
        return msgspec.structs.replace(line, id="", item=like.item, item_name=like.item_name)
    item = to_source(Kind.ITEM, line.item) if line.item else ""
    if ":" in item or item == "default":
        return msgspec.structs.replace(line, id="", item="", item_name=line.item_name)
    return msgspec.structs.replace(line, id="", item=item)
