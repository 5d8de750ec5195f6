"""The first run against books that have a past (X-6, X-9): adopt the same, hold the doubtful, create the rest."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from syncd.model.kinds import Kind
from syncd.state.values import Settlement
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    customer,
    held,
    held_one,
    money,
    mutations,
    once,
    receive,
    row,
)
from tests.support.world import SETTINGS, World


@pytest.mark.failure("F-13")
@pytest.mark.case("C52")
def test_the_first_run_only_plans_until_somebody_approves(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    before, asked = world.writes(), world.sandbox.last_request()
    for _ in range(2):
        report = world.run(approve_first_run=False)
        assert (report.outcome, report.exit_code) == ("halted", 4)
        assert [brake.rail for brake in report.plan.brakes] == ["first-run"]
        assert "--approve-first-run" in report.plan.brakes[0].override
    assert world.writes() == before
    assert mutations(world, asked) == []
    world.run()
    assert world.one("Invoice")["DocNumber"] == "INV-1"
    assert world.run(approve_first_run=False).outcome == "ok"
    at_rest(world)


@pytest.mark.failure("F-10", "F-12")
@pytest.mark.case("C13")
def test_what_is_the_same_on_both_sides_is_linked_and_not_written(world: World) -> None:
    ada = customer(world, "Ada")
    there = bill(world, ada, "INV-1", ("100.00", "Work"))
    paid = receive(world, ada["Id"], (there["Id"], "40.00"), PaymentRefNum="W1", TxnDate="2026-03-20")
    client = world.client("Ada")
    invoice = world.invoice(client, "INV-1", ("100.00", "Work"))
    payment = world.payment(client, (invoice, "40.00"))
    before = world.writes()
    report = world.run()
    assert report.outcome == "ok"
    assert world.writes() == before
    assert row(world, "invoice", invoice)["qbo_id"] in {there["Id"], None}
    assert row(world, "payment", payment)["qbo_id"] in {paid["Id"], None}
    at_rest(world)
    world.sql("UPDATE invoice SET due_date = '2026-09-09' WHERE id = :id", id=invoice)
    world.run()
    assert str(world.accountant.read("Invoice", there["Id"])["DueDate"]) == "2026-09-09"
    once(world)
    at_rest(world)


@pytest.mark.failure("F-88")
@pytest.mark.case("C14")
@pytest.mark.parametrize(("word", "total"), [("accept-source", 100), ("accept-qbo", 77)])
def test_what_differs_is_held_until_somebody_says_which_is_right(world: World, word: str, total: int) -> None:
    there = bill(world, customer(world, "Ada"), "INV-1", ("77.00", "Other"))
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    assert world.run().outcome == "held"
    assert "total" in held_one(world).reason
    at_rest(world, held=1)
    answer(world, word)
    world.run()
    assert held(world) == []
    assert Decimal(world.accountant.read("Invoice", there["Id"])["TotalAmt"]) == total
    assert money(row(world, "invoice", invoice)["total"]) == total
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


@pytest.mark.case("C15")
def test_two_candidates_are_never_chosen_between(world: World) -> None:
    ada = customer(world, "Ada")
    for _ in range(2):
        bill(world, ada, "", ("100.00", "Work"))
    world.invoice(world.client("Ada"), "", ("100.00", "Work"))
    assert world.run().outcome == "held"
    assert held_one(world).case == "C15"
    assert len(world.books("Invoice")) == 2
    at_rest(world, held=1)


@pytest.mark.case("C16")
def test_a_void_look_alike_is_not_revived(world: World) -> None:
    there = bill(world, customer(world, "Ada"), "INV-1")
    world.accountant.void("Invoice", there)
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    assert held_one(world, Kind.INVOICE).case in {"C14", "C16"}
    assert born(world, "Invoice") == {"INV-1": 1}
    answer(world, "ignore", Kind.INVOICE)
    world.run()
    assert held(world) == []
    assert born(world, "Invoice") == {"INV-1": 1}


@pytest.mark.failure("F-13", "F-97")
def test_what_is_older_than_the_start_date_stays_home(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, sync_start_date=date(2026, 3, 1)))
    ada = world.client("Ada")
    old = world.invoice(ada, "OLD-1", issue_date="2026-02-28", due_date="2026-03-28")
    new = world.invoice(ada, "INV-1", issue_date="2026-03-01", due_date="2026-03-31")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    sent = world.one("Invoice")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "10.00"), TxnDate="2026-02-20")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "20.00"), TxnDate="2026-03-20", PaymentRefNum="IN")
    world.sql("UPDATE invoice SET notes = 'touched' WHERE id IN (:a, :b)", a=old, b=new)
    world.run()
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["IN"]
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]


def test_a_link_that_is_adopted_is_kept_when_everything_is_read_again(world: World) -> None:
    """Forty days without a run: the feed says nothing of that time, so everything is read, and nothing is new."""
    known = customer(world, "Ada")
    invoice = world.invoice(world.client("Ada"), "INV-1")
    world.run()
    cursors = world.store.cursors(world.name)
    lease = world.store.acquire(world.name, "test", 60)
    old = msgspec.structs.replace(cursors, qbo=cursors.qbo - timedelta(days=40) if cursors.qbo else None, source="")
    world.store.settle(lease, Settlement(cursors=old), run_id="")
    world.store.release(lease)
    at_rest(world)
    assert world.one("Invoice")["CustomerRef"]["value"] == known["Id"]
    assert row(world, "invoice", invoice)["qbo_id"] == world.one("Invoice")["Id"]


@pytest.mark.failure("F-31", "F-48")
def test_a_deletion_that_the_feed_has_forgotten_is_still_noticed(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.payment(ada, (invoice, "10.00"), reference="P-1")
    world.payment(ada, (invoice, "20.00"), reference="P-2")
    world.run()
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="P-1"))
    cursors = world.store.cursors(world.name)
    assert cursors.qbo is not None
    lease = world.store.acquire(world.name, "test", 60)
    world.store.settle(
        lease,
        Settlement(cursors=msgspec.structs.replace(cursors, qbo=cursors.qbo - timedelta(days=40))),
        run_id="",
    )
    world.store.release(lease)
    world.run()
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["P-2"]
    at_rest(world)


@pytest.mark.parametrize("word", ["retry", "ignore"])
def test_retry_and_ignore(world: World, word: str) -> None:
    bill(world, customer(world, "Ada"), "INV-1", ("77.00", "Other"))
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    world.run()
    answer(world, word)
    world.run()
    if word == "retry":
        assert held_one(world).case == "C14"
        return
    at_rest(world)
    world.sql("UPDATE invoice SET notes = 'edited' WHERE id = :id", id=invoice)
    assert world.run().plan.writes == ()
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)
