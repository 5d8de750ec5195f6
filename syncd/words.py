"""What people said about held records that changes a link, before anything is planned."""

from __future__ import annotations

import msgspec

from syncd.links import LinkBook
from syncd.parts import Parts
from syncd.state.values import Lease, Link, LinkState, Settlement


def note_ignored(parts: Parts, lease: Lease, run_id: str) -> None:
    """A person said to leave a record alone: from now on it is linked to nothing and looked at no more."""
    ignored = [slot for slot, word in parts.store.instructions(parts.company).items() if word == "ignore"]
    if not ignored:
        return
    links = LinkBook(parts.store, parts.company)
    seen = {(held.kind, held.source_id, held.qbo_id): held.source_value for held in parts.store.held(parts.company)}
    made = []
    for kind, source_id, qbo_id in ignored:
        found = links.load_links(kind, source_ids=[source_id] if source_id else [], qbo_ids=[qbo_id] if qbo_id else [])
        base = seen.get((kind, source_id, qbo_id), {})
        new = Link(parts.company, kind, source_id, "" if source_id else qbo_id, source_base=base)
        made.append(msgspec.structs.replace(found[0] if found else new, state=LinkState.IGNORED))
    parts.store.settle(lease, Settlement(links=tuple(made), unheld=tuple(ignored), clean=tuple(ignored)), run_id=run_id)


def take_up_again(parts: Parts, lease: Lease, run_id: str) -> None:
    """A person said to look again at a record that was left alone since a run was undone: it is left alone no more.

    What is left of a pair whose other record was taken away is no link, and is decided like any new record.
    """
    again = [slot for slot, word in parts.store.instructions(parts.company).items() if word == "retry"]
    links = LinkBook(parts.store, parts.company)
    made = []
    for kind, source_id, qbo_id in again:
        found = links.load_links(
            kind, source_ids=[source_id] if source_id else [], qbo_ids=[] if source_id else [qbo_id]
        )
        for link in found:
            if link.state is LinkState.IGNORED:
                state = LinkState.LINKED if link.source_id and link.qbo_id else LinkState.TOMBSTONED
                made.append(msgspec.structs.replace(link, state=state))
    if made:
        parts.store.settle(lease, Settlement(links=tuple(made)), run_id=run_id)
