"""Walking a list: newest rows first, page by page, whole or up to a point; never a part taken for the whole.

The lists are moving targets (ruddr-api.md 5). A row that is created meanwhile lands before the cursor and is found next
time. A row that is deleted while it is the cursor breaks the walk, in a way that is not documented: whatever looks like
that (400 or 404 on a cursor, a row that was seen already, a page without rows that promises more) begins it anew.

The pages of a walk can only be asked for one after the other. A long list is therefore walked in pieces side by side:
any row's id is a cursor, and a piece ends at the row where another one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

from syncd.errors import SourceUnavailable
from syncd.sources.ruddr.http import Api, RefusedError, Row

PAGE = 100
"""The largest page there is (ruddr-api.md 5)."""
RESTARTS = 5
PIECE = 200
"""The fewest rows that are worth a piece of their own: each costs one request more at most."""


K = TypeVar("K")
Several: TypeAlias = Callable[[Callable[[str], "Walk[K]"], Iterable[str]], list["Walk[K]"]]
"""Asks several questions side by side, and gives the answers in the same order."""


class Walk(Generic[K]):
    """What was kept of each row, and the rows' ids, newest first. ``complete``: to the end of the list. ``next``: the
    row, the last one here, after which another piece goes on."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.kept: list[K] = []
        self.complete = False
        self.next = ""


class _BrokenError(Exception):
    """The list moved under the walk."""


def walk(api: Api, path: str, keep: Callable[[Row], K], enough: Callable[[list[str]], bool] | None = None) -> Walk[K]:
    """Read pages until the list ends, or ``enough`` is said of the ids so far; of each row only ``keep`` is kept.

    Raises ``SourceUnavailable`` where a page cannot be read or the list does not hold still, and ``RefusedError`` where
    there is no such list for us.
    """
    for _ in range(RESTARTS):
        try:
            return _once(api, path, keep, enough or _never)
        except _BrokenError:
            continue
    raise SourceUnavailable(f"Ruddr's list {path} changed under every one of {RESTARTS} attempts to read it.")


def walk_side_by_side(
    api: Api, path: str, keep: Callable[[Row], K], starts: Sequence[str], several: Several[K]
) -> Walk[K]:
    """A whole list in pieces: the newest row is where one begins, each of ``starts`` (ids of rows, in any order) where
    another does. Where the pieces do not fit together, the list is read in one."""
    if starts:
        stops = frozenset(starts)
        try:
            pieces = several(lambda start: _once(api, path, keep, _never, start, stops), ["", *starts])
            return _joined(dict(zip(["", *starts], pieces, strict=True)))
        except _BrokenError:
            pass
    return walk(api, path, keep)


def starts_of(ids: Sequence[str], pieces: int) -> list[str]:
    """Where to begin the pieces of a list that has about these ``ids``; none for a list that is not worth it."""
    count = min(pieces, len(ids) // PIECE)
    return [ids[len(ids) * place // count] for place in range(1, count)]


def _joined(pieces: dict[str, Walk[K]]) -> Walk[K]:
    """The pieces in their order: each names the row after which the next one goes on."""
    whole: Walk[K] = Walk()
    piece = pieces.pop("")
    while True:
        whole.ids += piece.ids
        whole.kept += piece.kept
        if not piece.next:
            break
        if piece.next not in pieces:
            raise _BrokenError
        piece = pieces.pop(piece.next)
    if pieces or not piece.complete or len(set(whole.ids)) != len(whole.ids):
        raise _BrokenError
    whole.complete = True
    return whole


def _never(_: list[str]) -> bool:
    return False


def _once(
    api: Api,
    path: str,
    keep: Callable[[Row], K],
    enough: Callable[[list[str]], bool],
    start: str = "",
    stops: frozenset[str] = frozenset(),
) -> Walk[K]:
    found: Walk[K] = Walk()
    seen: set[str] = set()
    while True:
        page, more = _page(api, path, found.ids[-1] if found.ids else start)
        ids = [row["id"] for row in page]
        if not seen.isdisjoint(ids) or len(set(ids)) != len(ids) or (more and not ids):
            raise _BrokenError
        found.next = next((each for each in ids if each in stops), "")
        if found.next:
            end = ids.index(found.next) + 1
            page, ids, more = page[:end], ids[:end], True
        seen.update(ids)
        found.ids += ids
        found.kept += [keep(row) for row in page]
        found.complete = not more
        if found.complete or found.next or enough(found.ids):
            return found


def _page(api: Api, path: str, cursor: str) -> tuple[list[Row], bool]:
    params: dict[str, str | int] = {"limit": PAGE}
    if cursor:
        params["startingAfter"] = cursor
    try:
        answer = api.get(path, params)
    except RefusedError as refused:
        if cursor and refused.status in {400, 404}:
            raise _BrokenError from None
        raise
    page, more = answer.get("results"), answer.get("hasMore")
    if not isinstance(page, list) or not isinstance(more, bool) or not all(_is_row(row) for row in page):
        raise SourceUnavailable(f"Ruddr's list {path} is not of the documented shape.")
    return page, more


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str) and bool(row["id"])
