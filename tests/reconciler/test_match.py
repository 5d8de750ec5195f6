"""Who may be whom: certain by the whole key, doubtful by less, and never by a number alone."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.reconciler.match import Match, Shelf, match
from tests.reconciler.build import (
    DAY,
    LINKS,
    RUDDR,
    client,
    invoice,
    item,
    kind_of,
    lens,
    line,
    payment,
    twin,
)


def source_of(record: Record) -> Projection:
    """A record of the source as QBO would hold it."""
    return lens().source(kind_of(record), record, lambda kind, name: LINKS.get((kind, name), name.upper()))


def found(record: Record, *candidates: Any, key: tuple[str, ...] | None = None) -> tuple[list[str], list[str]]:
    """The ids of the certain and of the doubtful matches."""
    kind = kind_of(record)
    pairs = [(Present(candidate, "q"), lens().qbo(kind, candidate)) for candidate in candidates]
    made: Match = match(kind, RUDDR.kinds[kind].match_on if key is None else key, source_of(record), pairs)
    return [c.record.id for c in made.certain], [c.record.id for c in made.doubtful]


@pytest.mark.parametrize("record", [client(), item(), invoice(), payment()], ids=lambda r: kind_of(r).value)
def test_the_whole_key_makes_it_certain(record: Record) -> None:
    assert found(record, twin(record)) == ([record.id.upper()], [])


@pytest.mark.failure("F-88")
@pytest.mark.parametrize(
    "parts", [{"client": "C9"}, {"issue_date": invoice().due_date}, {"total": invoice().total + 1}]
)
def test_a_number_alone_proves_nothing(parts: dict[str, Any]) -> None:
    assert found(invoice(), twin(invoice(), **parts)) == ([], ["V1"])


def test_the_same_bill_under_another_number_is_doubtful() -> None:
    assert found(invoice(), twin(invoice(), number="7")) == ([], ["V1"])
    assert found(invoice(), twin(invoice(), number="7", issue_date=invoice().due_date)) == ([], [])


def test_what_has_nothing_in_common_is_no_match() -> None:
    assert found(invoice(), twin(invoice("v2", line("5.00")))) == ([], [])
    assert found(client(), twin(client(name="Other"))) == ([], [])
    assert found(payment(), twin(payment("p2", "7.00"))) == ([], [])


def test_an_empty_number_is_no_likeness() -> None:
    assert found(invoice(number=""), twin(invoice("v2", line("5.00")), number="")) == ([], [])


@pytest.mark.behaviour("R-110")
def test_only_identical_spelling_maps_a_client_by_itself() -> None:
    assert found(client(), twin(client(), name="Nord & Süd (deleted)")) == (["C1"], []), "the suffix is no spelling"
    for name in ("NORD & SÜD", "Nord  &  Süd"):
        assert found(client(), twin(client(), name=name)) == ([], ["C1"])


@pytest.mark.behaviour("R-116")
def test_a_name_in_another_currency_is_doubtful() -> None:
    assert found(client(), twin(client(), currency="EUR")) == ([], ["C1"])


@pytest.mark.parametrize("parts", [{"date": invoice().due_date}, {"amount": payment().amount + 1}, {"client": "C9"}])
def test_a_payment_of_another_day_amount_or_client_is_no_match(parts: dict[str, Any]) -> None:
    assert found(payment(), twin(payment(), **parts)) == ([], [])


def test_a_payment_for_another_invoice_is_doubtful_by_its_reference() -> None:
    assert found(payment(), twin(payment(pays={"v2": "100.00"}))) == ([], ["P1"])
    assert found(payment(), twin(payment(pays={"v2": "100.00"}), reference="other")) == ([], [])


def test_several_certain_matches_are_all_told() -> None:
    assert found(invoice(), twin(invoice()), twin(invoice(), id="V2")) == (["V1", "V2"], [])


@pytest.mark.parametrize("key", [(), ("nothing the source holds",)])
def test_without_a_key_nothing_is_certain(key: tuple[str, ...]) -> None:
    assert found(invoice(), twin(invoice("v2", line("5.00"))), key=key) == ([], [])
    assert found(invoice(), twin(invoice()), key=key) == ([], ["V1"])


def test_the_shelf_finds_whatever_match_would_find() -> None:
    records: list[Any] = [
        twin(invoice()),
        twin(invoice(), id="V2", number="7"),
        twin(invoice(), id="V3", client="C9"),
        twin(invoice("v4", line("5.00"))),
        twin(invoice("v5", line("5.00")), issue_date=DAY, number=""),
    ]
    pairs = [(Present(record, "q"), lens().qbo(Kind.INVOICE, record)) for record in records]
    key = RUDDR.kinds[Kind.INVOICE].match_on
    near = Shelf(Kind.INVOICE, key, pairs).near(source_of(invoice()))
    wanted = match(Kind.INVOICE, key, source_of(invoice()), pairs)
    assert set(near) >= {c.record.id for c in (*wanted.certain, *wanted.doubtful)} == {"V1", "V2", "V3"}
    assert "V4" not in near
