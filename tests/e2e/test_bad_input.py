"""Rows that cannot be booked: each is held with a reason, in words, and all others go on (F-18, F-97)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import sqlalchemy as sa

from syncd.model.kinds import Kind
from tests.e2e.helpers import at_rest, born, held, once, row
from tests.support.world import World

WORDS = ("Traceback", "Exception", "None", "null", "Decimal(", "KeyError", "\n")


def good(world: World) -> None:
    """Two invoices that have nothing to do with the trouble."""
    ada = world.client("Ada")
    world.invoice(ada, "GOOD-1")
    world.invoice(ada, "GOOD-2", ("12.34", "Work"))


def loosely(world: World, statement: str, **values: object) -> None:
    """What a program without constraints writes: checks and foreign keys are off for this statement."""
    with world.database.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.execute(sa.text(statement), values)
        connection.commit()
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")


def _set(column: str, value: object) -> Callable[[World], None]:
    return lambda world: loosely(world, f"UPDATE invoice SET {column} = :value WHERE number = 'BAD'", value=value)


def _line(column: str, value: object) -> Callable[[World], None]:
    return lambda world: loosely(
        world,
        f"UPDATE invoice_line SET {column} = :value WHERE invoice_id = (SELECT id FROM invoice WHERE number = 'BAD')",
        value=value,
    )


FAULTS: dict[str, tuple[Callable[[World], None], str]] = {
    "no-client": (_set("client_id", None), "client"),
    "dangling-client": (_set("client_id", 4711), "client"),
    "unknown-currency": (_set("currency", "ZZZ"), "ZZZ"),
    "no-currency-at-all": (_set("currency", "dollars"), "currency"),
    "nan": (_set("total", "NaN"), "not a number"),
    "words-for-money": (_set("total", "a lot"), "not a number"),
    "absurd": (_set("total", "123456789012345678.00"), "larger than"),
    "line-does-not-add-up": (_line("amount", "70.00"), "100"),
    "line-nan": (_line("amount", "NaN"), "amount"),
    "impossible-date": (_set("issue_date", "2026-02-30"), "date"),
    "no-date": (_set("issue_date", None), "date"),
    "unknown-state": (_set("state", "half-done"), "half-done"),
    "negative-discount": (_set("discount", "-5"), "discount"),
    "long-number": (_set("number", "BAD" + "0" * 30), "characters"),
    "control-in-number": (_set("number", "BAD\x07"), "characters"),
    "dangling-item": (_line("item_id", 4711), "item"),
}


@pytest.mark.failure("F-18", "F-45", "F-97", "F-117")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_invoice_is_held_and_goes_through_once_repaired(world: World, fault: str) -> None:
    good(world)
    bad = world.invoice(world.client("Bob"), "BAD", ("100.00", "Work"))
    before = row(world, "invoice", bad)
    (line,) = world.rows("SELECT * FROM invoice_line WHERE invoice_id = :id", id=bad)
    break_it, word = FAULTS[fault]
    break_it(world)
    report = world.run()
    assert report.outcome == "held", report
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2"]
    reasons = " ".join(h.reason for h in held(world) if h.kind is Kind.INVOICE)
    assert word.lower() in reasons.lower(), reasons
    assert not any(part in reasons for part in WORDS), reasons
    report = world.run()
    assert len([h for h in held(world) if h.kind is Kind.INVOICE]) == 1
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2"]

    keep = ("client_id", "currency", "total", "issue_date", "state", "discount", "number")
    sets = ", ".join(f"{name} = :{name}" for name in keep)
    loosely(world, f"UPDATE invoice SET {sets} WHERE id = :id", id=bad, **{name: before[name] for name in keep})
    loosely(
        world,
        "UPDATE invoice_line SET amount = :amount, item_id = :item_id WHERE id = :id",
        id=line["id"],
        amount=line["amount"],
        item_id=line["item_id"],
    )
    world.run()
    assert born(world, "Invoice") == {"GOOD-1": 1, "GOOD-2": 1, "BAD": 1}
    at_rest(world)


@pytest.mark.parametrize("name", ["Ada: Berlin", "Ada\tBerlin", "Ada\nBerlin", "A" * 101, "  ", "Ada\x07"], ids=repr)
def test_a_name_that_quickbooks_does_not_take(world: World, name: str) -> None:
    good(world)
    client = world.client(name)
    world.invoice(client, "INV-1")
    report = world.run()
    assert report.outcome == "held"
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2"]
    assert len(held(world)) == 2
    world.sql("UPDATE client SET name = 'Ada in Berlin' WHERE id = :id", id=client)
    world.run()
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2", "INV-1"]
    once(world)
    at_rest(world)


@pytest.mark.failure("F-88")
def test_two_live_invoices_with_one_number_are_both_held(world: World) -> None:
    good(world)
    first = world.invoice(1, "TWIN", ("10.00", "a"))
    world.invoice(1, "TWIN", ("20.00", "b"))
    world.run()
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2"]
    assert len(held(world)) == 2
    assert all("number" in h.reason for h in held(world))
    world.sql("UPDATE invoice SET number = 'TWIN-A' WHERE id = :id", id=first)
    world.run()
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2", "TWIN", "TWIN-A"]
    at_rest(world)


def test_an_enormous_invoice(world: World) -> None:
    """Ten thousand lines are more than a taxed invoice may have: held in words, and everything else goes on."""
    good(world)
    big = world.invoice(1, "BIG", ("1.00", "first"), total="10001.00")
    with world.database.begin() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) "
            "INSERT INTO invoice_line (invoice_id, position, amount, quantity, rate, description, taxable) "
            f"SELECT {big}, i, '1.00', '1', '1.00', 'line ' || i, 0 FROM n"
        )
    report = world.run()
    assert report.outcome == "held"
    assert sorted(born(world, "Invoice")) == ["GOOD-1", "GOOD-2"]
    assert "10,001 lines" in held(world)[0].reason
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :id AND position > 500", id=big)
    world.sql("UPDATE invoice SET total = '500.00' WHERE id = :id", id=big)
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="BIG")["TotalAmt"]) == 500
    at_rest(world)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"amount": "NaN"}, "amount"),
        ({"date": "2026-13-01"}, "date"),
        ({"amount": "5.00"}, "spread"),
        ({"client_id": None}, "client"),
        ({"currency": "ZZZ"}, "currency"),
    ],
    ids=["nan", "date", "over-allocated", "no-client", "currency"],
)
def test_a_bad_payment_is_held(world: World, columns: dict[str, object], word: str) -> None:
    good(world)
    world.run()
    payment = world.payment(1, (1, "10.00"), reference="P-1")
    world.payment(1, (1, "20.00"), reference="P-2")
    before = row(world, "payment", payment)
    (name, value), *_ = columns.items()
    loosely(world, f"UPDATE payment SET {name} = :value WHERE id = :id", value=value, id=payment)
    assert world.run().outcome == "held"
    assert born(world, "Payment", "PaymentRefNum") == {"P-2": 1}
    assert word in held(world)[0].reason.lower(), held(world)[0].reason
    loosely(world, f"UPDATE payment SET {name} = :value WHERE id = :id", value=before[name], id=payment)
    world.run()
    assert born(world, "Payment", "PaymentRefNum") == {"P-1": 1, "P-2": 1}
    at_rest(world)


def test_a_linked_invoice_that_becomes_unreadable_is_no_removal(world: World) -> None:
    good(world)
    world.run()
    before = world.writes()
    loosely(world, "UPDATE invoice SET total = 'oops' WHERE number = 'GOOD-1'")
    assert world.run().outcome == "held"
    assert world.writes() == before
    loosely(world, "UPDATE invoice SET total = '100.00' WHERE number = 'GOOD-1'")
    world.run()
    assert world.writes() == before
    at_rest(world)


def test_text_in_many_scripts_comes_and_goes_unchanged(world: World) -> None:
    text = 'Büro – 東京 – кофе – قهوة – 😀 – O\'Neil & "Sons" <b>'
    world.invoice(world.client(text.replace("<b>", "b")), "ÄÖ-1", ("10.00", text), notes=f"{text}\n\nzwei")
    world.run()
    sent = world.one("Invoice")
    assert sent["CustomerMemo"]["value"] == f"{text}\n\nzwei"
    assert sent["Line"][0]["Description"] == text
    at_rest(world)
