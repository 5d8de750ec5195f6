"""A stop between a credit memo and what applies it, or a lost answer to either, doubles nothing and forgets nothing
(R-80; F-1, F-6, F-7)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from syncd.executor import Executor
from tests.e2e.conftest import Make
from tests.e2e.credit_books import Books
from tests.e2e.helpers import at_rest, born, money, once
from tests.e2e.killing import kill_in_flight, runner
from tests.support.world import World


def story(world: World) -> None:
    """An invoice, a credit note, its use, and a payment that uses the rest of it, all new."""
    ada = world.client("Ada")
    first, second = (world.invoice(ada, f"INV-{n}", ("100", "Work")) for n in (1, 2))
    note = world.credit_note(ada, "CN-1", ("70", "Back"))
    world.apply_credit(note, (first, "40.00"))
    world.payment(ada, (second, "100.00"), credits=((note, "30.00"),))


def told_once(world: World) -> None:
    """Everything of the story is in both books, once."""
    assert born(world, "CreditMemo") == {"CN-1": 1}
    assert sorted(Decimal(p["TotalAmt"]) for p in world.books("Payment")) == [0, 70]
    assert len([v for v in world.sandbox.history(world.realm, entity="Payment") if v["op"] == "create"]) == 2
    assert {i["DocNumber"]: Decimal(i["Balance"]) for i in world.books("Invoice")} == {"INV-1": 60, "INV-2": 0}
    assert Decimal(world.one("CreditMemo")["RemainingCredit"]) == 0
    ids = {p["Id"]: Decimal(p["TotalAmt"]) for p in world.books("Payment")}
    (use,), (paid,) = (world.rows(f"SELECT * FROM {table}") for table in ("credit_application", "payment"))
    assert (ids[use["qbo_id"]], ids[paid["qbo_id"]], money(paid["amount"])) == (0, 70, 100)
    once(world)
    at_rest(world)


def stopped(world: World) -> bool:
    """Whether the write that is to be disturbed has reached the look-alike."""
    return any(rule["fired"] for rule in world.sandbox.faults())


@pytest.mark.behaviour("R-80", "C-R4")
@pytest.mark.failure("F-1", "F-6", "F-7")
@pytest.mark.parametrize(("entity", "when"), [("CreditMemo", "after"), ("Payment", "before"), ("Payment", "after")])
def test_killed_between_the_memo_and_its_use(make: Make, entity: str, when: str) -> None:
    world = make()
    story(world)
    with runner(world) as running:
        kill_in_flight(world, running, when=when, operation="create", entity=entity)
        running.finish()
    told_once(world)


@pytest.mark.failure("F-1")
@pytest.mark.parametrize("entity", ["CreditMemo", "Payment"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_answers_that_are_lost(make: Make, entity: str, when: str) -> None:
    world = make()
    story(world)
    world.sandbox.add_fault("reset", when=when, operation="create", entity=entity, realm=world.realm)
    world.run()
    assert stopped(world)
    world.sandbox.clear_faults()
    for _ in range(2):
        world.run()
    told_once(world)


@pytest.mark.failure("F-1")
def test_lost_answers_to_a_change_and_to_a_removal_of_a_use(world: World) -> None:
    books = Books(world)
    use = world.apply_credit(books.notes[0], (books.invoices[0], "100.00"))
    world.apply_credit(books.notes[1], (books.invoices[1], "50.00"))
    world.run()
    for when in ("after", "before"):
        target = books.invoices[2] if when == "after" else books.invoices[0]
        world.sql(
            "UPDATE credit_application_part SET invoice_id = :i WHERE credit_application_id = :u", i=target, u=use
        )
        world.sandbox.add_fault("reset", when=when, operation="update", entity="Payment", realm=world.realm)
        world.run()
        assert stopped(world)
        world.sandbox.clear_faults()
        world.run()
        assert books.open()[0] == ([100, 150, 200] if when == "after" else [0, 150, 300])
        at_rest(world)
    world.sql("DELETE FROM credit_application WHERE id = :id", id=use)
    world.sandbox.add_fault("reset", when="after", operation="delete", entity="Payment", realm=world.realm)
    world.run()
    assert stopped(world)
    world.sandbox.clear_faults()
    world.run()
    assert books.open() == ([100, 150, 300], [150, 0])
    at_rest(world)


@pytest.mark.behaviour("R-70")
@pytest.mark.failure("F-6")
@pytest.mark.parametrize("nth", [1, 2])
def test_stopped_while_a_memo_and_its_use_come_in(world: World, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """The process dies before, or between, the two writes to the source."""
    books = Books(world)
    books.give("ACC-1", "25.00")
    books.apply_there("0", {2: "25"}, {2: "25"})
    calls: list[int] = []
    write = Executor._write_source

    def dying(executor: Executor, *given: Any) -> set[str]:
        calls.append(1)
        if len(calls) == nth:
            raise KeyboardInterrupt
        return write(executor, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Executor, "_write_source", dying)
        with suppress(KeyboardInterrupt):
            world.run()
    assert len(calls) == nth
    world.restart()
    world.run()
    (note,) = world.rows("SELECT * FROM credit_note WHERE number = 'ACC-1'")
    assert books.used() == [(note["id"], {books.invoices[2]: 25})]
    books.no_money()
    at_rest(world)
