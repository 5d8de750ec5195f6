"""Listings are complete or fail, also while rows come and go between two pages (F-38, F-39)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from syncd.errors import QboUnavailable
from syncd.qbo import wire
from syncd.qbo.query import Listing
from syncd.qbo.transport import Call, Reply


class Moving:
    """Answers statements over a set of ids; ``before`` may change it ahead of each answer."""

    def __init__(self, ids: list[int], before: Callable[[Moving, str], None]) -> None:
        self.ids = ids
        self.before = before
        self.statements: list[str] = []

    def read(self, call: Call, _: object = None) -> Reply:
        statement = call.body.decode() or dict(call.params)["query"]
        self.before(self, statement)
        self.statements.append(statement)
        if "COUNT" in statement:
            return self._reply({"totalCount": len(self.ids)})
        wanted = re.search(r"Id (?:=|IN) \(?([^)]*?)\)?(?: AND| ORDERBY)", statement)
        rows = sorted(self.ids)
        if wanted:
            asked = {int(each) for each in re.findall(r"\d+", wanted.group(1))}
            rows = [each for each in rows if each in asked]
        start = int(re.search(r"STARTPOSITION (\d+)", statement).group(1)) - 1  # type: ignore[union-attr]
        page = [{"Id": str(each)} for each in rows[start : start + 1000]]
        return self._reply({"Invoice": page} if page else {})

    def _reply(self, response: object) -> Reply:
        return Reply(200, wire.split_object(wire.encode({"QueryResponse": response})), "tid")


def listed(moving: Moving) -> list[int]:
    pages = Listing(moving).everything("Invoice")  # type: ignore[arg-type] # only ``read`` is used
    return [int(identity) for page in pages for identity, _ in page]


def still(_: Moving, __: str) -> None:
    """Nothing moves."""


@pytest.mark.failure("F-38")
def test_a_quiet_list_is_read_once() -> None:
    moving = Moving(list(range(2500)), still)
    assert listed(moving) == list(range(2500))
    assert len(moving.statements) == 4  # three pages and the count


@pytest.mark.failure("F-39")
def test_a_row_that_slips_between_two_pages_is_found() -> None:
    def delete_one(moving: Moving, statement: str) -> None:
        if "STARTPOSITION 1000" in statement and 3 in moving.ids:
            moving.ids.remove(3)
            moving.ids.append(9999)

    found = listed(Moving(list(range(2500)), delete_one))
    assert set(found) >= set(range(2500)) - {3}
    assert 1000 in found  # the row that moved up onto the page already read
    assert len(found) == len(set(found))


@pytest.mark.failure("F-38")
def test_a_list_that_never_rests_fails() -> None:
    def grow(moving: Moving, statement: str) -> None:
        if "COUNT" in statement:
            moving.ids += [len(moving.ids), len(moving.ids) + 1]

    with pytest.raises(QboUnavailable, match="keeps changing"):
        listed(Moving(list(range(10)), grow))


def test_ids_alone() -> None:
    moving = Moving(list(range(1500)), still)
    assert len(Listing(moving).ids("Invoice")) == 1500  # type: ignore[arg-type] # only ``read`` is used
    assert all("SELECT Id FROM" in each or "COUNT" in each for each in moving.statements)
