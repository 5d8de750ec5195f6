"""Bills while something goes wrong: no expense is ever billed twice, none is forgotten (C-R8; F-1, F-6, F-7)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest

from syncd.errors import SyncdError
from syncd.model.kinds import Kind
from syncd.qbo import transport
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, held, held_one, once
from tests.e2e.killing import kill_in_flight, runner
from tests.e2e.owed import EXACT, ON, bill_with, bills, ever_billed, pay, reimbursed
from tests.e2e.test_qbo_trouble import BRANCHES, BRIEF, FAULTS
from tests.support.world import World

CREATE = {"entity": "Bill", "operation": "create"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats follow at once: how long they wait is tested with the transport."""
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
    monkeypatch.setattr(transport, "PENALTY_SECONDS", 0.0)
    monkeypatch.setattr("syncd.qbo.limiter.PENALTY_SECONDS", 0.0)


@pytest.fixture
def world(make: Make) -> World:
    """A company that gives up waiting soon; Ann is a vendor already."""
    world = make(settings=ON, source_options=EXACT, qbo=BRIEF)
    world.expense(world.member("Ann"), "1.00", notes="first", report="First")
    world.run()
    return world


def run(world: World) -> None:
    """A run that may fail as a whole, but only in a way that the operator is told about."""
    with suppress(SyncdError):
        world.run()


def settles(world: World) -> None:
    """Without the trouble, two runs bring everything into agreement, and every expense was billed once."""
    world.sandbox.clear_faults()
    world.restart()
    world.run()
    world.run()
    assert set(ever_billed(world).values()) == {1}
    at_rest(world)


@pytest.mark.behaviour("C-R8")
@pytest.mark.failure("F-1", "F-6", "F-52")
def test_whatever_goes_wrong_while_a_bill_is_made_it_is_made_once(world: World) -> None:
    """Every fault in turn, on one more bill; and on two at once, which differ in nothing but their text."""
    for number, name in enumerate(BRANCHES):
        world.expense(1, "5.00", notes=name, report=f"R{number}")
        world.sandbox.add_fault(**FAULTS[name], **CREATE, realm=world.realm)
        run(world)
        run(world)
        world.sandbox.clear_faults()
        assert ever_billed(world)[name] == 1, name
    settles(world)
    for letter in "abc":
        world.expense(1, "7.00", notes=letter, report=letter)
    world.sandbox.add_fault("reset", when="after", endpoint="batch", realm=world.realm)
    run(world)
    settles(world)
    assert sorted(bills(world)) == sorted([[name] for name in (*BRANCHES, "first", "a", "b", "c")])
    found = {row["source_id"]: row["qbo_id"] for row in links(world)}
    assert found["1/a/USD/1"] == bill_with(world, "a")["Id"]
    assert found["1/c/USD/1"] == bill_with(world, "c")["Id"]


def links(world: World) -> list[dict[str, str]]:
    """Which bill of the books stands for which report."""
    return [
        {"source_id": each.source_id, "qbo_id": each.qbo_id} for each in world.store.stream_links(world.name, Kind.BILL)
    ]


@pytest.mark.behaviour("C-R8", "C-R9")
@pytest.mark.failure("F-1", "F-43")
def test_what_people_change_while_nobody_knows_whether_the_bill_is_there(world: World) -> None:
    """The answer is lost and the books cannot be read: meanwhile the expense moves to another report and another
    member, and a further one is approved. Nothing is billed twice, and the further one is not forgotten."""
    bob = world.member("Bob")
    taxi = world.expense(1, "10.00", notes="taxi")
    lunch = world.expense(1, "20.00", notes="lunch")
    world.sandbox.add_fault("reset", when="after", **CREATE, realm=world.realm)
    assert world.run().exit_code == 5
    world.sandbox.add_fault("status", status=503, endpoint="query", count=0, realm=world.realm)
    world.expense(1, "30.00", notes="late")
    world.sql("UPDATE expense SET report = 'Renamed' WHERE id = :id", id=taxi)
    world.sql("UPDATE expense SET member_id = :bob WHERE id = :id", id=lunch, bob=bob)
    run(world)
    run(world)
    assert ever_billed(world) == {"first": 1, "taxi": 1, "lunch": 1}
    world.sandbox.clear_faults()
    for _ in range(3):
        world.run()
    assert bills(world) == [["first"], ["late"], ["lunch"], ["taxi"]]
    assert bill_with(world, "lunch")["VendorRef"]["name"] == "Bob"
    assert ever_billed(world) == {"first": 1, "taxi": 1, "lunch": 2, "late": 1}, "moved, not doubled"
    at_rest(world)


@pytest.mark.behaviour("C-R8")
def test_an_expense_that_comes_back_while_its_removal_is_in_doubt(world: World) -> None:
    world.expense(1, "10.00", notes="taxi")
    world.expense(1, "20.00", notes="lunch")
    world.run()
    world.sql("UPDATE expense SET status = 'rejected' WHERE notes = 'lunch'")
    world.sandbox.add_fault("reset", when="after", entity="Bill", operation="update", realm=world.realm)
    assert world.run().exit_code == 5
    world.sandbox.add_fault("status", status=503, endpoint="query", count=0, realm=world.realm)
    world.sql("UPDATE expense SET status = 'approved' WHERE notes = 'lunch'")
    run(world)
    world.sandbox.clear_faults()
    for _ in range(2):
        world.run()
    assert bills(world) == [["first"], ["lunch"], ["taxi"]]
    at_rest(world)


@pytest.mark.behaviour("C-R8")
@pytest.mark.failure("F-1", "F-6", "F-7")
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_bills_are_on_their_way(make: Make, when: str) -> None:
    world = make(settings=ON, source_options=EXACT, qbo={"batch_size": 4})
    for name in ("Ann", "Bob", "Cy"):
        member = world.member(name)
        for number in range(6):
            world.expense(member, "5.00", report=f"R{number}", notes=f"{name} {number}")
    with runner(world) as running:
        for nth in (2, 3):
            kill_in_flight(world, running, when=when, endpoint="batch", nth=nth)
        running.finish()
    assert len(world.books("Bill")) == 18
    assert set(ever_billed(world).values()) == {1}
    assert world.store.open_entries(world.name) == []
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-103")
def test_stopped_between_two_expenses_of_a_paid_bill(world: World) -> None:
    """One expense is marked, the database refuses the other: the rest is done as soon as that is possible."""
    world.expense(1, "10.00", notes="taxi")
    world.expense(1, "20.00", notes="lunch")
    world.run()
    pay(world, bill_with(world, "taxi"))
    world.sql(
        "CREATE TRIGGER stop BEFORE UPDATE OF reimbursed ON expense WHEN NEW.notes = 'lunch' "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    run(world)
    assert reimbursed(world) == {"first": False, "taxi": True, "lunch": False}
    world.sql("DROP TRIGGER stop")
    run(world)
    assert reimbursed(world) == {"first": False, "taxi": True, "lunch": True}
    at_rest(world)


@pytest.mark.behaviour("C-R8")
def test_what_a_person_said_to_leave_alone_is_not_billed(world: World) -> None:
    """A bill that is held, and an expense that cannot be used."""
    world.expense(1, "10.00", notes="euro", currency="EUR")
    world.run()
    assert held_one(world).kind is Kind.BILL
    answer(world, "ignore")
    world.run()
    assert held(world) == []
    bad = world.expense(1, "NaN", notes="bad")
    world.run()
    answer(world, "ignore")
    world.run()
    world.sql("UPDATE expense SET currency = 'USD' WHERE notes = 'euro'")
    world.sql("UPDATE expense SET amount = '3.00' WHERE id = :id", id=bad)
    world.expense(1, "4.00", notes="next")
    world.run()
    assert held(world) == []
    assert bills(world) == [["first"], ["next"]]
    assert Decimal(bill_with(world, "next")["TotalAmt"]) == 4
