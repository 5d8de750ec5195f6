"""What cannot be carried over is found before anything is planned."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.checks import problems
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import State
from syncd.model.records import Record
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Client, Item
from syncd.model.records.payments import Allocation, Payment

D = Decimal
FACTS = BooksFacts("1", "Acme", "US", "USD", sales_tax=True, close_date=date(2025, 12, 31))
SETTINGS = Settings(default_item="Services", discount_account="Discounts", default_tax_code="CA")
INVOICE = Invoice("1", "c", date(2026, 1, 5), D("100.00"), (Line(D("100.00"), description="x"),), number="A-1")
CLIENT = Client("1", "Acme")
PAYMENT = Payment("1", "c", date(2026, 1, 5), D("10.00"), (Allocation("i", D("10.00")),))


def found(record: Record, facts: BooksFacts = FACTS, settings: Settings = SETTINGS) -> list[str]:
    rows = problems(record, facts, settings)
    assert all(row.text.endswith((".", ";")) and row.remedy and row.field for row in rows)
    return [row.code for row in rows]


def changed(record: Record, **changes: Any) -> Record:
    return msgspec.structs.replace(record, **changes)


def test_sound_records_have_none() -> None:
    for record in (INVOICE, CLIENT, PAYMENT, Item("1", "Services")):
        assert found(record) == []


@pytest.mark.failure("F-77")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a:b", "name-characters"),
        ("a\tb", "name-characters"),
        ("a\nb", "name-characters"),
        (" ", "name-empty"),
        ("x" * 101, "name-length"),
    ],
)
def test_names(name: str, code: str) -> None:
    assert found(changed(CLIENT, name=name)) == [code]


@pytest.mark.failure("F-78")
@pytest.mark.parametrize("name", ["株式会社 東京", "O'Brien & Söhne #1", "Мир", "🙂 Ltd", "x" * 100])
def test_names_in_any_script_are_fine(name: str) -> None:
    assert found(changed(CLIENT, name=name)) == []


def test_clients() -> None:
    assert found(changed(CLIENT, email="a@b.co; c@d.eu")) == []
    assert found(changed(CLIENT, email="a@b.co, nobody")) == ["email"]
    assert found(changed(CLIENT, currency="EUR")) == ["currency-foreign"]
    assert found(changed(CLIENT, currency="EUR"), msgspec.structs.replace(FACTS, multicurrency=True)) == []
    assert found(changed(CLIENT, currency="euro")) == ["currency-code"]


@pytest.mark.failure("F-93")
def test_closed_periods() -> None:
    assert found(changed(INVOICE, issue_date=date(2025, 12, 31))) == ["closed-period"]
    assert found(changed(PAYMENT, date=date(2025, 1, 1))) == ["closed-period"]


def test_numbers() -> None:
    assert found(changed(INVOICE, number="1" * 22)) == ["number-length"]
    assert found(changed(INVOICE, number="1\t2")) == ["number-characters"]


def test_tax_and_discount() -> None:
    taxed = changed(INVOICE, tax=D("8.00"), total=D("108.00"))
    off = msgspec.structs.replace(FACTS, sales_tax=False)
    assert found(taxed) == []
    assert found(taxed, off) == ["tax-off"]
    assert found(taxed, off, msgspec.structs.replace(SETTINGS, allow_tax_drop=True)) == []
    assert found(taxed, FACTS, msgspec.structs.replace(SETTINGS, default_tax_code="")) == ["tax-code"]
    engine = msgspec.structs.replace(FACTS, automated_tax=True)
    assert found(taxed, engine, msgspec.structs.replace(SETTINGS, default_tax_code="")) == []
    cheaper = changed(INVOICE, discount=D("5.00"), total=D("95.00"))
    bare = Settings(default_item="Services")
    assert found(cheaper) == []
    assert found(cheaper, FACTS, bare) == ["discount-account"]
    assert found(cheaper, FACTS, msgspec.structs.replace(bare, allow_discount_drop=True)) == []
    assert found(changed(INVOICE, discount=D("-5.00"), total=D("105.00"))) == ["discount-negative"]


@pytest.mark.failure("F-18")
def test_sums() -> None:
    assert found(changed(INVOICE, total=D("100.01"))) == ["total-parts"]
    assert found(changed(INVOICE, total=D("-1.00"), lines=(Line(D("-1.00"), item="i"),))) == ["total-negative"]
    assert found(changed(INVOICE, lines=(Line(D("100.001"), item="i"),))) == ["amount-fraction"]
    yen = changed(INVOICE, currency="JPY", total=D(100), lines=(Line(D("100.5"), item="i"),))
    assert "amount-fraction" in found(yen, msgspec.structs.replace(FACTS, multicurrency=True))
    assert found(changed(PAYMENT, allocations=(Allocation("i", D("10.01")),))) == ["allocations-sum"]
    assert found(changed(PAYMENT, amount=D("-1.00"), allocations=())) == ["amount-negative"]


def test_lines() -> None:
    assert found(changed(INVOICE, lines=(), total=D(0))) == ["lines-none"]
    many = tuple(Line(D(1), item="i", taxable=True) for _ in range(751))
    assert found(changed(INVOICE, lines=many, total=D(751))) == ["lines-many"]
    untaxed = tuple(Line(D(1), item="i") for _ in range(751))
    assert found(changed(INVOICE, lines=untaxed, total=D(751))) == []
    assert found(INVOICE, FACTS, Settings()) == ["default-item"]


def test_a_void_has_nothing_to_check() -> None:
    assert found(changed(INVOICE, state=State.VOID, total=D(0), lines=())) == []
