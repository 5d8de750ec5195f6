"""The example: a database that nobody here designed, read through the configuration file that is shipped with it."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.model.kinds import Kind, State
from syncd.model.observations import Present
from syncd.model.records.forms import Invoice
from syncd.model.records.lists import Client
from syncd.sources.base import Source
from syncd.sources.registry import open_source, source_config

ROOT = Path(__file__).resolve().parents[2]
DATABASE = ROOT.parent / "shared" / "data" / "chinook.sqlite"
CONFIG = ROOT / "examples" / "chinook" / "syncd.toml"

pytestmark = pytest.mark.skipif(
    not DATABASE.is_file(), reason=f"{DATABASE} is not there; it is not part of this project"
)


@pytest.fixture
def source() -> Iterator[Source]:
    document: dict[str, Any] = tomllib.loads(CONFIG.read_text())
    company = document["company"]
    config = (company[0] if isinstance(company, list) else company)["source"]
    made = open_source(source_config({**config, "url": f"sqlite:///{DATABASE}"}))
    yield made
    made.close()


def records(source: Source, kind: Kind) -> list[Any]:
    found = list(source.scan(kind))
    assert all(isinstance(one, Present) for one in found)
    return [one.record for one in found if isinstance(one, Present)]


def test_all_clients_have_their_names_in_their_own_scripts(source: Source) -> None:
    clients: list[Client] = records(source, Kind.CLIENT)
    with sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True) as connection:
        expected = connection.execute("SELECT CustomerId, FirstName, LastName FROM Customer").fetchall()
    connection.close()
    assert len(clients) == 59
    assert {one.id: one.name for one in clients} == {str(key): f"{given} {family}" for key, given, family in expected}
    assert {"Luís Gonçalves", "František Wichterlová", "Stanisław Wójcik", "Terhi Hämäläinen"} <= {
        one.name for one in clients
    }
    assert {one.currency for one in clients} == {"USD"}


def test_all_invoices_and_lines_are_exact(source: Source) -> None:
    invoices: list[Invoice] = records(source, Kind.INVOICE)
    lines = [line for invoice in invoices for line in invoice.lines]
    assert (len(invoices), len(lines)) == (412, 2240)
    assert sum(invoice.total for invoice in invoices) == Decimal("2328.60")
    assert sum(line.amount for line in lines) == Decimal("2328.60")
    assert {line.rate for line in lines} == {Decimal("0.99"), Decimal("1.99")}
    assert {(invoice.state, invoice.currency) for invoice in invoices} == {(State.PUBLISHED, "USD")}
    assert all(invoice.number == invoice.id for invoice in invoices)
    first = invoices[0]
    assert [(line.description, str(line.amount), line.item_name) for line in first.lines] == [
        ("Balls to the Wall", "0.99", "Rock"),
        ("Restless and Wild", "0.99", "Rock"),
    ]


def test_nothing_can_be_written_and_nothing_is_wrong(source: Source) -> None:
    assert all(not able.verbs for able in source.capabilities().values())
    assert {finding.level for finding in source.check()} == {"ok"}
    found = source.changes("")
    assert found.counts == {Kind.CLIENT: 59, Kind.INVOICE: 412}
    again = source.changes(found.watermark, {kind: frozenset(ids) for kind, ids in found.changed.items()})
    assert again.changed == found.changed
    assert not again.suspects
