"""What a settlement's links do to the links that exist: replace, add, complete, or refuse.

One record has one live link, on either side. A settlement that would give an id to two of them is refused with both
named; it never moves a link from one record to another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from syncd.errors import StateError
from syncd.model.kinds import Kind
from syncd.model.spec import SPECS
from syncd.state import links as book
from syncd.state.values import Link, LinkState


def apply(connection: Connection, company: str, wanted: Sequence[Link]) -> None:
    """Store the links of a settlement.

    Ends of links come first, so that an id that is given up can be taken in the same settlement.
    """
    by_kind: defaultdict[Kind, list[Link]] = defaultdict(list)
    for link in wanted:
        if link.company != company:
            raise StateError(f"A link of {link.company} cannot be settled for {company}.")
        if not link.source_id and not link.qbo_id:
            raise StateError(f"A link of kind {link.kind} names no record.")
        by_kind[link.kind].append(link)
    for kind, of_kind in by_kind.items():
        of_kind.sort(key=lambda link: link.state is not LinkState.TOMBSTONED)  # stable: the rest keep their order
        source_ids = {link.source_id for link in of_kind if link.source_id}
        qbo_ids = {link.qbo_id for link in of_kind if link.qbo_id}
        board = _Board(book.rows_touching(connection, company, kind, source_ids, qbo_ids))
        for link in of_kind:
            board.place(link)
        book.remove(connection, board.absorbed)
        book.replace(connection, list(board.changed.items()))
        book.insert(connection, board.added)


class _Board:
    """The links of one kind that share an id with the settlement, as they are and as they become."""

    def __init__(self, rows: dict[int, Link]) -> None:
        self.changed: dict[int, Link] = {}
        self.absorbed: list[int] = []
        self._rows = dict(rows)
        self._new: dict[int, Link] = {}
        self._by_source: defaultdict[str, set[int]] = defaultdict(set)
        self._by_qbo: defaultdict[str, set[int]] = defaultdict(set)
        for number, link in rows.items():
            self._index(number, link)

    @property
    def added(self) -> list[Link]:
        """Links that have no row yet."""
        return list(self._new.values())

    def place(self, link: Link) -> None:
        """Let one link replace the row it is about, or be a new one."""
        number = self._row_of(link)
        if link.state is not LinkState.TOMBSTONED:
            self._complete(number, link)
            self._refuse_second(number, link)
        if number is None:
            number = -1 - len(self._new)  # below zero: it has no row in the table yet
        elif number >= 0:
            self.changed.pop(number, None)  # written in the order of the settlement
            self.changed[number] = link
        if number < 0:
            self._new[number] = link
        self._forget(number)
        self._rows[number] = link
        self._index(number, link)

    def _row_of(self, link: Link) -> int | None:
        """The same pair; else the record's live link, when the QBO id is new to us; else none."""
        same = self._by_source[link.source_id] if link.source_id else self._by_qbo[link.qbo_id]
        exact = [n for n in same if (self._rows[n].source_id, self._rows[n].qbo_id) == (link.source_id, link.qbo_id)]
        if exact:
            return max(exact, key=lambda n: (self._live(n), n))
        shared = SPECS[link.kind].link_only
        known = any(self._rows[n].source_id for n in self._by_qbo[link.qbo_id]) if link.qbo_id and not shared else False
        live = [n for n in same if self._live(n)]
        if link.source_id:
            return live[0] if live and not known else None
        # Its record in the source was taken back (undo): what is left of the pair takes the place of the pair.
        return live[0] if live and link.state is LinkState.IGNORED else None

    def _complete(self, number: int | None, link: Link) -> None:
        """A live row that knew only this QBO id is about the same record: it becomes part of this link."""
        if link.source_id and link.qbo_id:
            for other in [n for n in self._by_qbo[link.qbo_id] if n != number and not self._rows[n].source_id]:
                if other >= 0:
                    self.absorbed.append(other)
                    self.changed.pop(other, None)
                self._new.pop(other, None)
                self._forget(other)

    def _refuse_second(self, number: int | None, link: Link) -> None:
        shared = SPECS[link.kind].link_only  # the default item stands for every item that QBO lacks
        for record_id, index in (("" if shared else link.qbo_id, self._by_qbo), (link.source_id, self._by_source)):
            rivals: Iterable[int] = index[record_id] if record_id else ()
            rival = next((self._rows[n] for n in rivals if n != number and self._live(n)), None)
            if rival is not None:
                raise StateError(
                    f"A second link for one {link.kind} was refused: {_named(rival)} exists, "
                    f"{_named(link)} was to be stored.",
                    remedy="Nothing was stored. Find out which of the two is right, and end the other first.",
                )

    def _live(self, number: int) -> bool:
        return self._rows[number].state is not LinkState.TOMBSTONED

    def _index(self, number: int, link: Link) -> None:
        if link.source_id:
            self._by_source[link.source_id].add(number)
        if link.qbo_id:
            self._by_qbo[link.qbo_id].add(number)

    def _forget(self, number: int) -> None:
        old = self._rows.pop(number, None)
        if old is not None:
            self._by_source[old.source_id].discard(number)
            self._by_qbo[old.qbo_id].discard(number)


def _named(link: Link) -> str:
    return f"source {link.source_id or '(none)'} with QBO {link.qbo_id or '(none)'} ({link.state})"
