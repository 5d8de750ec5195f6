"""Sentences for a bookkeeper."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.kinds import Kind
from syncd.reconciler.explain import changes, line_changes, show, words
from tests.reconciler.build import invoice, lens, line, twin


def lines(*made: Any) -> Any:
    """The projected lines of an invoice."""
    return lens().qbo(Kind.INVOICE, twin(invoice("v1", *made)))["lines"]


A = line("100.00", "Design")
B = line("20.00", "Hosting")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ((A, B), (A, line("25.00", "Hosting")), ["20.00", "25.00"]),
        ((A,), (A, B), ["line added: Hosting 20.00"]),
        ((A, B), (A,), ["line removed: Hosting 20.00"]),
        ((A, A, B), (A, B), ["line repeated 2 → 1 times: Design 100.00"]),
        ((A, B), (A, B, B), ["line repeated 1 → 2 times: Hosting 20.00"]),
    ],
    ids=["changed", "added", "removed", "once less", "once more"],
)
def test_lines_are_told_apart_in_words(old: tuple[Any, ...], new: tuple[Any, ...], said: list[str]) -> None:
    told = line_changes(Kind.INVOICE, lines(*old), lines(*new))
    assert told
    for part in said:
        assert any(part in sentence for sentence in told), told
    for sentence in told:
        assert not {"root", "DeepDiff", "{", "None"} & set(sentence.replace("[", " ").split()), sentence


def test_a_changed_amount_names_the_line_and_both_values() -> None:
    told = line_changes(Kind.INVOICE, lines(A, B), lines(A, line("25.00", "Hosting")))
    assert "line 2 amount: 20.00 → 25.00" in told


def test_an_empty_value_has_a_word() -> None:
    told = line_changes(Kind.INVOICE, lines(line(description="")), lines(line(description="Design")))
    assert told == ["line 1 description: (empty) → Design"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], "nothing"),
        (["notes"], "notes"),
        (["due_date", "lines", "total"], "due date, lines and total"),
        (["client", "allocations"], "invoices paid and customer"),
    ],
)
def test_fields_have_the_names_a_bookkeeper_uses(fields: list[str], said: str) -> None:
    assert words(fields) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [("", "(empty)"), ("a\nb", "a / b"), ((), "0 lines"), ((("x",),), "1 line"), ((("x",), ("y",)), "2 lines")],
)
def test_a_value_fits_on_one_line(value: Any, said: str) -> None:
    assert show(value) == said


def test_changes_name_what_changes_and_nothing_else() -> None:
    made = changes(["notes", "number", "due_date"], {"notes": "a", "number": "1"}, {"notes": "b", "number": "1"})
    assert [(change.field, change.old, change.new) for change in made] == [("notes", "a", "b")]
