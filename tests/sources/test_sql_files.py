"""Files in a column or below a directory, on each database: measured, sent, and found by their documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.errors import SourceMisconfigured
from syncd.model.kinds import Kind
from syncd.model.observations import Present, Problem
from syncd.model.records.files import Attachment
from syncd.sources.base import FileStore, Measured
from syncd.sources.registry import open_source, source_config
from tests.sources.conftest import DIALECTS
from tests.sources.worlds import SqlWorld


def file(world: SqlWorld, owner_kind: str, owner: int, name: str, content: bytes | None, **more: Any) -> str:
    values = {"owner_kind": owner_kind, "owner_id": owner, "file_name": name, "content": content}
    return world.insert("attachment", values | more)


def store(world: SqlWorld) -> FileStore:
    assert isinstance(world.source, FileStore)
    return world.source


@pytest.mark.parametrize("dialect", DIALECTS)
def test_content_in_a_column(make_world: Callable[..., SqlWorld], dialect: str) -> None:
    world = make_world(dialect)
    bytes_of = bytes(range(256)) * 3
    one = file(world, "invoice", 1, "a.pdf", bytes_of)
    empty = file(world, "expense", 1, "b.pdf", b"")
    none = file(world, "expense", 2, "c.pdf", None)
    other = file(world, "expense", 3, "d.pdf", b"d")
    found = store(world).measured([one, empty, none, "999"], 1000)
    assert found[one] == Measured(768, hashlib.sha256(bytes_of).hexdigest())
    assert found[empty] == Measured(0, hashlib.sha256(b"").hexdigest())
    assert [found[each].code for each in (none, "999") if isinstance(found[each], Problem)] == ["file_missing"] * 2  # type: ignore[union-attr]  # only problems
    assert store(world).measured([one], 767) == {one: Measured(768)}, "what is too large is not read"
    assert store(world).content(one) == bytes_of
    assert store(world).content(none) is None
    belonging = store(world).files_of([(Kind.EXPENSE, "1"), (Kind.EXPENSE, "3"), (Kind.INVOICE, "2")])
    assert belonging.keys() == {empty, other}
    seen = belonging[other]
    assert isinstance(seen, Present)
    assert seen.record == Attachment(id=other, owner_kind="expense", owner="3", file_name="d.pdf")
    assert store(world).files_of([]) == {}


def test_a_table_of_somebody_elses(tmp_path: Path) -> None:
    """Kinds under names of its own, keys that are text, content as text; a wrong column is named."""
    url = f"sqlite:///{tmp_path / 'own.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE docs (no TEXT PRIMARY KEY, what TEXT, whose TEXT, title TEXT, data TEXT)"
        )
        connection.exec_driver_sql("INSERT INTO docs VALUES ('x', 'Rechnung', 'A%_1', 'Notiz.txt', 'Grüße')")
        connection.exec_driver_sql("INSERT INTO docs VALUES ('y', 'Beleg', 'A%_1', 'Beleg.txt', 'b')")
    fields = {
        "owner_kind": {"column": "what", "values": {"Rechnung": "invoice", "Beleg": "expense"}},
        "owner": "whose",
        "file_name": "title",
    }
    table = {"table": "docs", "id": "no", "content": "data", "fields": fields}

    def source(table: dict[str, Any]) -> Any:
        return open_source(source_config({"type": "sql", "url": url, "mapping": {"attachment": table}}))

    mine = source(table)
    assert mine.files_of([(Kind.INVOICE, "A%_1")]).keys() == {"x"}
    text = "Grüße".encode()
    assert mine.measured(["x"], 100) == {"x": Measured(len(text), hashlib.sha256(text).hexdigest())}
    assert mine.measured(["x"], 6) == {"x": Measured(7)}
    always = source(table | {"fields": fields | {"owner_kind": {"constant": "bill"}}})
    assert always.files_of([(Kind.BILL, "A%_1"), (Kind.INVOICE, "A%_1")]).keys() == {"x", "y"}
    with pytest.raises(SourceMisconfigured, match="expected a column of docs"):
        source(table | {"content": "dat"}).measured(["x"], 100)
    for wrong in ({"content": None}, {"fields": fields | {"owner": "{whose}-{no}"}}):
        with pytest.raises(SourceMisconfigured):
            source({**table, **wrong})
    engine.dispose()
