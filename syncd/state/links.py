"""Links and bases: which record on one side is which on the other, and what both last agreed on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, exists, func, select, text, tuple_, update

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.state import codec, tables
from syncd.state.database import rows
from syncd.state.part import Part
from syncd.state.values import Link, LinkState

links = tables.links
bases = tables.bases
companies = tables.companies
held = tables.held

PAGE = 1000
"""Links per page of a stream, and per step of a bulk load."""

_NUMBERS = "SELECT nextval(pg_get_serial_sequence('links', 'id')) FROM generate_series(1, :count)"
_STATES = {state.value: state for state in LinkState}
_SIDES = {side.value: side for side in Side}
_SERVED = (LinkState.LINKED.value, LinkState.ORPHANED.value)

_FULL = select(
    links.c.id,
    links.c.source_id,
    links.c.qbo_id,
    links.c.state,
    links.c.source_version,
    links.c.qbo_version,
    bases.c.source_half,
    bases.c.qbo_half,
    links.c.accepted,
    links.c.created_by,
    links.c.label,
).select_from(links.outerjoin(bases, bases.c.link_id == links.c.id))

_put_link = (
    update(links)
    .where(links.c.id == bindparam("of"))
    .values({c.name: bindparam(f"new_{c.name}") for c in links.columns if c.name not in {"id", "company", "kind"}})
)
_put_base = (
    update(bases)
    .where(bases.c.link_id == bindparam("of"))
    .values(source_half=bindparam("new_source_half"), qbo_half=bindparam("new_qbo_half"))
)


def insert(connection: Connection, new: Sequence[Link]) -> None:
    """Add links with their bases; the caller has made sure that their ids are free."""
    if not new:
        return
    if connection.dialect.name == "postgresql":
        numbers = list(connection.scalars(text(_NUMBERS), {"count": len(new)}))
    else:  # inside BEGIN IMMEDIATE nobody else can take these
        first = (connection.scalar(select(func.max(links.c.id))) or 0) + 1
        numbers = list(range(first, first + len(new)))
    connection.execute(
        links.insert(),
        [
            {"id": number, "company": link.company, "kind": link.kind.value, **_columns(link)}
            for number, link in zip(numbers, new, strict=True)
        ],
    )
    connection.execute(
        bases.insert(), [{"link_id": number, **_halves(link)} for number, link in zip(numbers, new, strict=True)]
    )


def replace(connection: Connection, changed: Sequence[tuple[int, Link]]) -> None:
    """Write links over existing rows, in the given order."""
    if not changed:
        return
    connection.execute(_put_link, [{"of": number, **_new(_columns(link))} for number, link in changed])
    connection.execute(_put_base, [{"of": number, **_new(_halves(link))} for number, link in changed])


def _new(values: dict[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


def _columns(link: Link) -> dict[str, Any]:
    return {
        "source_id": link.source_id,
        "qbo_id": link.qbo_id,
        "state": link.state.value,
        "source_version": link.source_version,
        "qbo_version": link.qbo_version,
        "accepted": codec.from_names(link.accepted),
        "created_by": link.created_by.value if link.created_by is not None else "",
        "label": codec.shown(link.label),
    }


def _halves(link: Link) -> dict[str, Any]:
    source = codec.to_json(link.source_base)
    qbo = source if link.qbo_base is link.source_base else codec.to_json(link.qbo_base)
    return {"source_half": source, "qbo_half": None if qbo == source else qbo}


def decoded(company: str, kind: Kind, row: Any) -> Link:
    """A row of ``full`` as a value."""
    _, source_id, qbo_id, state, source_version, qbo_version, source_half, qbo_half, accepted, created_by, label = row
    source_base = codec.to_projection(source_half or "{}")
    return Link(
        company=company,
        kind=kind,
        source_id=source_id,
        qbo_id=qbo_id,
        state=_STATES.get(state) or codec.member(LinkState, state),
        source_version=source_version,
        qbo_version=qbo_version,
        source_base=source_base,
        qbo_base=source_base if qbo_half is None else codec.to_projection(qbo_half),
        accepted=codec.to_names(accepted),
        created_by=(_SIDES.get(created_by) or codec.member(Side, created_by)) if created_by else None,
        label=label,
    )


def full(company: str, kind: Kind) -> Select[Any]:
    """Links of a kind with their bases, in any state."""
    return _FULL.where(links.c.company == company, links.c.kind == kind.value)


def _rank(row: Any) -> tuple[bool, int]:
    """Which of a record's rows counts: the live one, else the latest tombstone."""
    return row.state != LinkState.TOMBSTONED.value, row.id


def _ids(side: Side) -> tuple[Column[Any], Column[Any]]:
    """The column of one side's ids, and of the other's."""
    return (links.c.source_id, links.c.qbo_id) if side is Side.SOURCE else (links.c.qbo_id, links.c.source_id)


class Links(Part):
    """Looking links up. They change only through ``settle``."""

    def links_by_source(self, company: str, kind: Kind, ids: Collection[str]) -> dict[str, Link]:
        """Links in any state by source id; where a record has a live link and tombstones, the live one."""
        return self._by(company, kind, Side.SOURCE, ids)

    def links_by_qbo(self, company: str, kind: Kind, ids: Collection[str]) -> dict[str, Link]:
        """Links in any state by QBO id; where a record has a live link and tombstones, the live one."""
        return self._by(company, kind, Side.QBO, ids)

    def links_elsewhere(self, company: str, kind: Kind, ids: Collection[str]) -> dict[str, str]:
        """Source ids that another company holds in its books, with that company: of those that read the same source."""
        ours = select(companies.c.source_identity).where(companies.c.name == company).scalar_subquery()
        same = (
            select(links.c.source_id, links.c.company)
            .join(companies, companies.c.name == links.c.company)
            .where(companies.c.source_identity == ours, companies.c.source_identity != "", companies.c.name != company)
            .where(links.c.kind == kind.value, links.c.state.in_(_SERVED), links.c.qbo_id != "")
        )
        with self._db.read() as connection:
            return {
                source_id: holder
                for chunk in codec.chunks(sorted(ids))
                for source_id, holder in rows(connection, same.where(links.c.source_id.in_(chunk)))
            }

    def links_by_label(self, company: str, kind: Kind, label: str) -> list[Link]:
        """Links in any state of the records that people know by this number or name."""
        with self._db.read() as connection:
            found = rows(connection, full(company, kind).where(links.c.label == label).order_by(links.c.id))
        return [decoded(company, kind, row) for row in found]

    def labels(self, company: str, kind: Kind) -> frozenset[str]:
        """The numbers or names by which people know the records of a kind that were ever linked, removed ones too."""
        asked = select(links.c.label).where(links.c.company == company, links.c.kind == kind.value).distinct()
        with self._db.read() as connection:
            return frozenset(connection.scalars(asked))

    def _by(self, company: str, kind: Kind, side: Side, ids: Collection[str]) -> dict[str, Link]:
        column, _ = _ids(side)
        wanted = [record_id for record_id in ids if record_id]
        best: dict[str, Any] = {}
        with self._db.read() as connection:
            for chunk in codec.chunks(wanted):
                for row in rows(connection, full(company, kind).where(column.in_(chunk))):
                    record_id = row[1] if side is Side.SOURCE else row[2]
                    other = best.setdefault(record_id, row)
                    if other is not row and _rank(row) > _rank(other):
                        best[record_id] = row
        return {record_id: decoded(company, kind, row) for record_id, row in best.items()}

    def linked_ids(self, company: str, kind: Kind, side: Side) -> frozenset[str]:
        """Ids on one side of the records that are kept in agreement (state linked)."""
        column, _ = _ids(side)
        asked = select(column).where(links.c.company == company, links.c.kind == kind.value, column != "")
        with self._db.read() as connection:
            return frozenset(connection.scalars(asked.where(links.c.state == LinkState.LINKED.value)))

    def ref_map(self, company: str, kind: Kind, side: Side, ids: Collection[str]) -> dict[str, str]:
        """Ids of one side to ids of the other, for references. Only linked and orphaned records have both."""
        column, other = _ids(side)
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for chunk in codec.chunks(ids):
                asked = select(column, other).where(links.c.company == company, links.c.kind == kind.value)
                asked = asked.where(column.in_(chunk), links.c.state.in_(_SERVED), column != "", other != "")
                found.update((mine, theirs) for mine, theirs in rows(connection, asked))
        return found

    def unsettled(self, company: str, kind: Kind, side: Side, ids: Collection[str]) -> frozenset[str]:
        """Those of these ids of one side whose pair is not as it should be: left behind by policy, or held; and those
        of the source that are gone from both sides, as far as we know."""
        column, other = _ids(side)
        waits = exists().where(
            held.c.company == links.c.company,
            held.c.kind == links.c.kind,
            held.c.source_id == links.c.source_id,
            held.c.resolved_at.is_(None),
        )
        asked = select(column).where(links.c.company == company, links.c.kind == kind.value, column != "", other != "")
        state, living = links.c.state, links.alias()
        unclear = (state == LinkState.ORPHANED.value) | ((state == LinkState.LINKED.value) & waits)
        if side is Side.SOURCE:
            reborn = exists().where(
                living.c.company == links.c.company,
                living.c.kind == links.c.kind,
                living.c.source_id == links.c.source_id,
                living.c.state != LinkState.TOMBSTONED.value,
            )
            unclear |= (state == LinkState.TOMBSTONED.value) & ~reborn
        asked = asked.where(unclear)
        with self._db.read() as connection:
            return frozenset(
                str(row[0]) for chunk in codec.chunks(ids) for row in rows(connection, asked.where(column.in_(chunk)))
            )

    def stream_links(self, company: str, kind: Kind) -> Iterator[Link]:
        """All links of a kind in any state, ordered by source id, in constant memory.

        Each page is a short transaction of its own: nothing is open while the caller does something slow.
        """
        after: tuple[str, int] | None = None
        while True:
            asked = full(company, kind).order_by(links.c.source_id, links.c.id).limit(PAGE)
            if after is not None:
                asked = asked.where(tuple_(links.c.source_id, links.c.id) > after)
            with self._db.read() as connection:
                page = rows(connection, asked)
            for row in page:
                yield decoded(company, kind, row)
            if len(page) < PAGE:
                return
            after = (page[-1].source_id, page[-1].id)

    def count_links(self, company: str) -> dict[Kind, int]:
        """How many records of each kind are kept in agreement (state linked)."""
        asked = select(links.c.kind, func.count()).where(
            links.c.company == company, links.c.state == LinkState.LINKED.value
        )
        with self._db.read() as connection:
            return {codec.member(Kind, kind): n for kind, n in rows(connection, asked.group_by(links.c.kind))}

    def count_left(self, company: str) -> int:
        """How many records stay on one side only, by policy (state orphaned)."""
        asked = select(func.count()).where(links.c.company == company, links.c.state == LinkState.ORPHANED.value)
        with self._db.read() as connection:
            return connection.scalar(asked) or 0

    def bulk_load_links(self, company: str, new: Iterable[Link]) -> int:
        """Insert many new links, for benchmarks, tests and imports; how many there were. No history is written."""
        count = 0
        for chunk in codec.chunks(new, PAGE * 5):
            stray = next((link for link in chunk if link.company != company), None)
            if stray is not None:
                raise StateError(f"A link of {stray.company} cannot be loaded into {company}.")
            with self._db.write() as connection:
                insert(connection, chunk)
            count += len(chunk)
        return count


def rows_touching(
    connection: Connection, company: str, kind: Kind, source_ids: Collection[str], qbo_ids: Collection[str]
) -> dict[int, Link]:
    """Every link of a kind that has one of the given ids on either side, by row number."""
    found: dict[int, Link] = {}
    for column, ids in ((links.c.source_id, source_ids), (links.c.qbo_id, qbo_ids)):
        for chunk in codec.chunks(sorted(ids)):
            for row in rows(connection, full(company, kind).where(column.in_(chunk))):
                found.setdefault(row.id, decoded(company, kind, row))
    return found


_move_versions = (
    update(links)
    .where(
        links.c.company == bindparam("of"),
        links.c.kind == bindparam("of_kind"),
        links.c.source_id == bindparam("of_source_id"),
        links.c.qbo_id == bindparam("of_qbo_id"),
    )
    .values(
        source_version=func.coalesce(func.nullif(bindparam("new_source", type_=tables.ID), ""), links.c.source_version),
        qbo_version=func.coalesce(func.nullif(bindparam("new_qbo", type_=tables.ID), ""), links.c.qbo_version),
    )
)


def move_versions(connection: Connection, company: str, versions: Sequence[tuple[Kind, str, str, str, str]]) -> None:
    """Set only the versions of links; an empty one leaves that side as it is, an unknown link is no concern."""
    if versions:
        names = ("of_kind", "of_source_id", "of_qbo_id", "new_source", "new_qbo")
        connection.execute(
            _move_versions, [{"of": company, **dict(zip(names, version, strict=True))} for version in versions]
        )


def remove(connection: Connection, numbers: Sequence[int]) -> None:
    """Take away rows that another link has absorbed."""
    if numbers:
        connection.execute(links.delete().where(links.c.id.in_(numbers)))
