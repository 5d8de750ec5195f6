"""Numbers that syncd counts: by one from a chosen start, never twice, whatever comes between."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, bill, born, customer, held_one, row
from tests.support.world import World, told


def counted(make: Make, first: str = "1001", **options: Any) -> World:
    settings = told("billdr", numbering="counted", first_number=first)
    return make(profile="billdr", settings=settings, **options)


def unnumbered(world: World, client: int, *amounts: str, **columns: Any) -> list[int]:
    """Invoices that the source gives no number."""
    return [world.invoice(client, "", (amount, "Work"), **columns) for amount in amounts]


def numbers(world: World) -> dict[str, str]:
    """In QuickBooks: amount to number."""
    return {f"{record['TotalAmt']:.2f}": record["DocNumber"] for record in world.books("Invoice")}


def here(world: World) -> list[str]:
    """In the source."""
    return [found["number"] for found in world.rows("SELECT number FROM invoice ORDER BY id")]


def problems(world: World) -> list[tuple[str, str]]:
    found = world.engine.check()
    return [(each.level, each.text) for each in found if each.subject == "numbers"]


@pytest.mark.behaviour("B-18")
def test_they_count_up_by_one_and_are_told_to_the_source(make: Make) -> None:
    world = counted(make, "INV-0099")
    client = world.client("Ada")
    unnumbered(world, client, "1.00", "2.00")
    draft = unnumbered(world, client, "3.00", state="draft")[0]
    unnumbered(world, client, "4.00")
    world.run()
    assert numbers(world) == {"1.00": "INV-0099", "2.00": "INV-0100", "4.00": "INV-0101"}
    assert here(world) == ["INV-0099", "INV-0100", "", "INV-0101"]
    at_rest(world)
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=draft)
    world.invoice(client, "own-7", ("5.00", "Work"))
    world.restart()
    world.run()
    assert numbers(world)["3.00"] == "INV-0102"
    assert numbers(world)["5.00"] == "own-7"
    at_rest(world)


@pytest.mark.behaviour("B-18")
def test_one_that_cannot_go_out_leaves_no_gap(make: Make) -> None:
    world = counted(make)
    client = world.client("Ada")
    first = unnumbered(world, client, "1.00")[0]
    world.sql("UPDATE invoice SET total = '9' WHERE id = :id", id=first)
    unnumbered(world, client, "2.00", "3.00")
    world.run()
    assert numbers(world) == {"2.00": "1001", "3.00": "1002"}
    world.sql("UPDATE invoice SET total = '1' WHERE id = :id", id=first)
    world.run()
    assert numbers(world)["1.00"] == "1003"
    at_rest(world)


@pytest.mark.behaviour("B-18", "B-31")
def test_a_number_is_never_given_twice(make: Make) -> None:
    """Not that of an invoice that is gone, nor one that somebody used in QuickBooks; the invoice itself keeps it."""
    world = counted(make)
    client = world.client("Ada")
    _, two = unnumbered(world, client, "1.00", "2.00")
    world.run()
    bill(world, customer(world, "Walk-in"), "1003", ("50.00", "Sold"))
    world.sql("UPDATE invoice SET state = 'draft' WHERE id = :id", id=two)
    world.run()
    answer(world, "accept-source", Kind.INVOICE)
    world.run()
    assert numbers(world) == {"1.00": "1001", "50.00": "1003"}
    unnumbered(world, client, "4.00")
    world.run()
    assert numbers(world) == {"1.00": "1001", "50.00": "1003", "4.00": "1004"}
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=two)
    world.run()
    assert numbers(world)["2.00"] == "1002"
    at_rest(world)


@pytest.mark.behaviour("B-18")
@pytest.mark.failure("F-1")
@pytest.mark.parametrize("when", ["before", "after"])
def test_nor_when_an_answer_is_lost_and_the_service_starts_anew(make: Make, when: str) -> None:
    world = counted(make)
    client = world.client("Ada")
    unnumbered(world, client, "1.00")
    world.sandbox.add_fault("reset", when=when, entity="Invoice", operation="create", realm=world.realm)
    world.run()
    assert numbers(world) == ({"1.00": "1001"} if when == "after" else {})
    assert here(world) == [""]
    unnumbered(world, client, "2.00")
    world.restart()
    world.run()
    world.run()
    assert numbers(world) == {"1.00": "1001", "2.00": "1002"}
    assert here(world) == ["1001", "1002"]
    assert born(world, "Invoice") == {"1001": 1, "1002": 1}
    at_rest(world)


@pytest.mark.behaviour("B-18")
def test_a_number_that_may_have_been_used_is_not_given_to_another(make: Make) -> None:
    """The first invoice is still on its way when the second one leaves."""
    world = counted(make)
    client = world.client("Ada")
    unnumbered(world, client, "1.00")
    world.sandbox.add_fault("reset", when="before", entity="Invoice", operation="create", count=2, realm=world.realm)
    world.run()
    unnumbered(world, client, "2.00")
    world.run()
    assert numbers(world) == {"2.00": "1002"}
    world.run()
    world.run()
    assert numbers(world) == {"1.00": "1001", "2.00": "1002"}
    at_rest(world)


@pytest.mark.behaviour("B-18")
def test_the_source_hears_of_the_number_even_when_that_failed_at_first(make: Make) -> None:
    world = counted(make)
    unnumbered(world, world.client("Ada"), "1.00")
    world.sql("CREATE TRIGGER busy BEFORE UPDATE OF number ON invoice BEGIN SELECT RAISE(ABORT, 'busy'); END")
    world.run()
    assert (numbers(world), here(world)) == ({"1.00": "1001"}, [""])
    world.sql("DROP TRIGGER busy")
    world.run(every_dirty=True)
    world.run(every_dirty=True)
    assert here(world) == ["1001"]
    at_rest(world)


@pytest.mark.behaviour("B-19", "C-B5")
def test_a_start_that_quickbooks_has_already_is_refused(make: Make) -> None:
    world = counted(make)
    bill(world, customer(world, "Walk-in"), "1001", ("50.00", "Sold"))
    assert problems(world) == [
        ("error", "The number 1001 to begin with is taken: QuickBooks has an invoice of that number.")
    ]
    unnumbered(world, world.client("Ada"), "1.00")
    world.run()
    waiting = held_one(world, Kind.INVOICE)
    assert "The number 1001 to begin with is taken" in waiting.reason
    assert waiting.problems[0].remedy == "Set first_number to one that QuickBooks does not have yet."
    assert numbers(world) == {"50.00": "1001"}
    world.adjust(first_number="2001")
    assert [level for level, _ in problems(world)] == ["ok"]
    world.run(accept_config=True, every_dirty=True)
    assert numbers(world) == {"50.00": "1001", "1.00": "2001"}
    at_rest(world)
    # Once it counts, what people enter in QuickBooks is stepped over.
    bill(world, customer(world, "Another"), "2002", ("60.00", "Sold"))
    assert [level for level, _ in problems(world)] == ["ok"]


@pytest.mark.behaviour("B-19", "C-B5")
@pytest.mark.failure("F-90")
def test_where_quickbooks_numbers_itself_nothing_is_counted(make: Make) -> None:
    world = counted(make, custom_txn_numbers=False)
    made = unnumbered(world, world.client("Ada"), "1.00")[0]
    assert ("error", "syncd is to count the invoices' numbers, but QuickBooks numbers them itself.") in problems(world)
    world.run()
    assert "QuickBooks numbers them itself" in held_one(world, Kind.INVOICE).reason
    world.adjust(numbering="qbo")
    world.run(accept_config=True, every_dirty=True)
    assert world.one("Invoice")["DocNumber"] == row(world, "invoice", made)["number"]
    at_rest(world)
