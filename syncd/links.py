"""The links of one company as a cycle sees them: loaded in bulk, asked one by one, extended as writes are confirmed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Protocol

from syncd.model.kinds import Kind, Side
from syncd.state.values import Link, LinkState

_LIVE = frozenset({LinkState.LINKED, LinkState.ORPHANED})


def record_name(kind: Kind, source_id: str, qbo_id: str) -> tuple[Kind, str, str]:
    """One name for a record, however much is known of its ids: the source's id, else QBO's alone."""
    return (kind, source_id, "" if source_id else qbo_id)


class LinkSource(Protocol):
    """What the link book needs of the state database."""

    def links_by_source(self, company: str, kind: Kind, ids: Collection[str]) -> dict[str, Link]:
        """Links by the source's ids."""
        ...

    def links_by_qbo(self, company: str, kind: Kind, ids: Collection[str]) -> dict[str, Link]:
        """Links by QBO's ids."""
        ...

    def ref_map(self, company: str, kind: Kind, side: Side, ids: Collection[str]) -> dict[str, str]:
        """Ids of ``side`` to the ids of the other side."""
        ...

    def unsettled(self, company: str, kind: Kind, side: Side, ids: Collection[str]) -> frozenset[str]:
        """Those ids of one side whose pair was left behind by policy, or is held; or, of the source, was gone."""
        ...

    def links_elsewhere(self, company: str, kind: Kind, ids: Collection[str]) -> dict[str, str]:
        """Source ids that another company of the same source holds in its books, with that company."""
        ...


class LinkBook:
    """Answers which record is linked to which. Load what will be asked for first: asking never reads the database."""

    def __init__(self, store: LinkSource, company: str) -> None:
        self._store = store
        self._company = company
        self._links: dict[tuple[Kind, str], Link] = {}
        self._to_qbo: dict[tuple[Kind, str], str] = {}
        self._to_source: dict[tuple[Kind, str], str] = {}

    def load_links(self, kind: Kind, *, source_ids: Iterable[str] = (), qbo_ids: Iterable[str] = ()) -> list[Link]:
        """Load links with their bases, by either side's ids; the links found."""
        found = list(self._store.links_by_source(self._company, kind, sorted(set(source_ids))).values())
        found += self._store.links_by_qbo(self._company, kind, sorted(set(qbo_ids))).values()
        for link in found:
            self.put(link)
        return found

    def load_refs(self, references: Iterable[tuple[Kind, str]], side: Side) -> None:
        """Load the other side's ids for references (kind, id on ``side``)."""
        wanted: dict[Kind, set[str]] = defaultdict(set)
        known = self._to_qbo if side is Side.SOURCE else self._to_source
        for kind, reference in references:
            if reference and (kind, reference) not in known:
                wanted[kind].add(reference)
        for kind, ids in wanted.items():
            for mine, theirs in self._store.ref_map(self._company, kind, side, sorted(ids)).items():
                source_id, qbo_id = (mine, theirs) if side is Side.SOURCE else (theirs, mine)
                self._to_qbo[kind, source_id] = qbo_id
                self._to_source.setdefault((kind, qbo_id), source_id)

    def elsewhere(self, kind: Kind, ids: Collection[str]) -> dict[str, str]:
        """Records of the source that stand in the books of another company already, with that company."""
        return self._store.links_elsewhere(self._company, kind, ids) if ids else {}

    def unsettled(self, kind: Kind, side: Side, ids: Collection[str]) -> frozenset[str]:
        """Those ids of one side whose pair was left behind by policy, or is held; or, of the source, was gone."""
        return self._store.unsettled(self._company, kind, side, ids) if ids else frozenset()

    def forget_bases(self) -> None:
        """Drop the loaded links and keep the ids: for runs over everything."""
        self._links.clear()

    def put(self, link: Link) -> None:
        """Take a link in, replacing what was known of the record."""
        slot = (link.kind, link.source_id)
        held = self._links.get(slot)
        replaced = held is None or held.qbo_id in ("", link.qbo_id) or link.state is not LinkState.TOMBSTONED
        if link.source_id and replaced:
            self._links[slot] = link
        if link.source_id and link.qbo_id:
            if link.state in _LIVE:
                self._to_qbo[slot] = link.qbo_id
                self._to_source[link.kind, link.qbo_id] = link.source_id
            elif self._to_qbo.get(slot) == link.qbo_id:
                del self._to_qbo[slot]
                self._to_source.pop((link.kind, link.qbo_id), None)

    def link(self, kind: Kind, source_id: str) -> Link | None:
        """The loaded link of a record of the source."""
        return self._links.get((kind, source_id))

    def label(self, kind: Kind, source_id: str) -> str:
        """How a person knows a record of the source; empty where its link was not loaded."""
        link = self._links.get((kind, source_id))
        return link.label if link is not None else ""

    def currency(self, kind: Kind, source_id: str) -> str:
        """The currency of a linked party in QBO, which never changes; empty where its link was not loaded."""
        link = self._links.get((kind, source_id))
        found = link.qbo_base.get("currency", "") if link is not None and link.state in _LIVE else ""
        return found if isinstance(found, str) else ""

    def to_qbo(self, kind: Kind, source_id: str) -> str:
        """The linked QBO id, or an empty string."""
        return self._to_qbo.get((kind, source_id), "")

    def to_source(self, kind: Kind, qbo_id: str) -> str:
        """The linked id of the source, or an empty string."""
        return self._to_source.get((kind, qbo_id), "")
