"""What is paid in the source on invoices whose mark people changed there (C-V3): asked for only where a mark is in
question, for no source can be asked which payments are on an invoice, and all of them have to be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from syncd.links import LinkBook
from syncd.model.kinds import Kind, Side, State
from syncd.model.observations import Present
from syncd.model.records.forms import Invoice
from syncd.model.records.payments import Payment
from syncd.parts import Parts
from syncd.reconciler.entries import Entry


def payments_on(parts: Parts, links: LinkBook, entries: Sequence[Entry]) -> Mapping[str, tuple[Present, ...]]:
    """By the source's id of such an invoice, the live payments on it. Their links are loaded."""
    wanted = {entry.source.record.id for entry in entries if isinstance(entry.source, Present) and _in_question(entry)}
    if not wanted or Kind.PAYMENT not in parts.policy.kinds:
        return {}
    found: dict[str, list[Present]] = defaultdict(list)
    for seen in parts.source.scan(Kind.PAYMENT):
        if isinstance(seen, Present) and isinstance(seen.record, Payment) and seen.record.state is not State.VOID:
            for invoice in wanted & {part.invoice for part in seen.record.allocations if part.amount}:
                found[invoice].append(seen)
    links.load_refs({(Kind.PAYMENT, seen.record.id) for group in found.values() for seen in group}, Side.SOURCE)
    return {invoice: tuple(sorted(group, key=lambda seen: seen.record.id)) for invoice, group in found.items()}


def _in_question(entry: Entry) -> bool:
    """Whether the source's mark is another than when both sides last agreed on it."""
    record = entry.source.record if isinstance(entry.source, Present) else None
    if entry.known is None or not isinstance(record, Invoice) or not isinstance(record.paid, bool):
        return False
    return entry.known.source_base.get("paid") == ("no" if record.paid else "yes")
