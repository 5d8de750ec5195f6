"""Reading what changed (section C of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from syncd import behind
from syncd.errors import SourceBehind, SyncdError
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, held, money, receive, row, snapshot
from tests.e2e.owed import EXACT
from tests.reliability.fault_stage import PATIENT, no_pauses, tick
from tests.support.world import World


def answered(world: World, groups: Any) -> None:
    """The next change feeds hold this, whatever happened in the books."""
    time = world.accountant.call("GET", f"companyinfo/{world.realm}")["time"]
    body = json.dumps({"CDCResponse": [{"QueryResponse": groups}], "time": time}, default=str)
    world.sandbox.add_fault("status", status=200, body=body, endpoint="cdc", count=0, realm=world.realm)


@pytest.fixture
def paid(make: Make) -> World:
    """An invoice with two payments that both sides have; the feeds are read with hardly any overlap."""
    world = make(qbo=PATIENT, source_options=EXACT)
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    for reference in ("P-1", "P-2"):
        world.payment(ada, (invoice, "10.00"), reference=reference)
    world.run()
    tick(world)
    world.run()
    tick(world)
    return world


@pytest.mark.failure("F-34")
def test_a_living_record_that_the_feed_calls_deleted_lives_on(paid: World) -> None:
    gone = [
        {"domain": "QBO", "status": "Deleted", "Id": p["Id"], "MetaData": p["MetaData"]} for p in paid.books("Payment")
    ]
    invoice = {**gone[0], "Id": paid.one("Invoice")["Id"]}
    answered(paid, [{"Payment": gone[:1]}, {"Invoice": [invoice]}])
    before = snapshot(paid)
    for _ in range(2):
        paid.run()
    assert snapshot(paid) == before
    paid.sandbox.clear_faults()
    at_rest(paid)


@pytest.mark.failure("F-34")
def test_a_deletion_without_its_sign_is_no_empty_record(paid: World) -> None:
    """What is left of a deleted payment, without the word for it: never taken for a payment of nothing."""
    payment = paid.one("Payment", PaymentRefNum="P-1")
    paid.accountant.delete("Payment", payment)
    answered(paid, [{"Payment": [{"domain": "QBO", "Id": payment["Id"], "MetaData": payment["MetaData"]}]}])
    paid.run()
    amounts = {p["reference"]: money(p["amount"]) for p in paid.rows("SELECT * FROM payment")}
    assert amounts.get("P-1", 10) == 10
    paid.sandbox.clear_faults()
    paid.run()
    assert [p["reference"] for p in paid.rows("SELECT * FROM payment")] == ["P-2"]
    at_rest(paid)


@pytest.mark.failure("F-36")
def test_the_cursor_moves_on_whatever_the_feed_holds(paid: World) -> None:
    """Deletions alone, the source's own echo of one, nothing at all, changes alone: each time to QuickBooks' time of
    the answer, and what was read is not read again."""
    paid.accountant.delete("Payment", paid.one("Payment", PaymentRefNum="P-1"))
    cursors = []
    for step in ("deleted", "echo", "nothing", "changed"):
        if step == "changed":
            change(paid, "Invoice", paid.one("Invoice"), CustomerMemo={"value": "x"})
        tick(paid)
        first = paid.sandbox.last_request()
        report = paid.run()
        cursors.append(paid.store.cursors(paid.name).qbo)
        if step == "nothing":
            assert report.plan.operations == ()
            reads = [r for r in paid.sandbox.requests(after=first, realm=paid.realm) if r["endpoint"] != "cdc"]
            assert reads == [], "what was read before is not read again"
    known = [cursor for cursor in cursors if cursor is not None]
    assert len(known) == len(cursors)
    assert all(later - sooner >= timedelta(seconds=9) for sooner, later in pairwise(known))


@pytest.mark.failure("F-47")
@pytest.mark.parametrize("number", [0, 1, 3])
def test_none_one_and_many_changes_are_read_alike(world: World, number: int) -> None:
    ada = world.client("Ada")
    for n in range(1, 5):
        world.invoice(ada, f"INV-{n}")
    world.run()
    for n in range(1, number + 1):
        change(world, "Invoice", world.one("Invoice", DocNumber=f"INV-{n}"), CustomerMemo={"value": "new"})
    world.run()
    assert len(world.rows("SELECT id FROM invoice WHERE notes = 'new'")) == number
    at_rest(world)


@pytest.mark.failure("F-47")
def test_one_object_where_a_list_belongs_is_a_list_of_one(paid: World) -> None:
    change(paid, "Invoice", paid.one("Invoice"), CustomerMemo={"value": "new"})
    answered(paid, {"Invoice": paid.one("Invoice")})
    paid.run()
    assert row(paid, "invoice", 1)["notes"] == "new"
    paid.sandbox.clear_faults()
    at_rest(paid)


@pytest.mark.failure("F-32", "F-46")
def test_a_feed_that_is_none_is_no_silence(paid: World) -> None:
    """Neither an object nor a list: the cursor waits, and the change comes with the next good answer."""
    change(paid, "Invoice", paid.one("Invoice"), CustomerMemo={"value": "new"})
    answered(paid, ["Invoice"])
    cursor = paid.store.cursors(paid.name).qbo
    with no_pauses(), pytest.raises(SyncdError):
        paid.run()
    assert paid.store.cursors(paid.name).qbo == cursor
    paid.sandbox.clear_faults()
    tick(paid)
    paid.run()
    assert row(paid, "invoice", 1)["notes"] == "new"
    at_rest(paid)


# ---- a source that lags behind


class Replica:
    """A copy of the source that is brought up to date only when it is told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.primary = Path(world.source_url.removeprefix("sqlite:///"))
        self.copy = self.primary.with_name("copy.db")
        self.aside = self.primary.with_name("primary.db")
        world.database.dispose()
        shutil.copyfile(self.primary, self.copy)

    def answers(self) -> None:
        """From now on syncd reads the copy."""
        self._close()
        self.primary.rename(self.aside)
        shutil.copyfile(self.copy, self.primary)
        self.world.engine = self.world.build()

    def caught_up(self) -> None:
        """It shows what the primary shows."""
        self._close()
        self.aside.replace(self.primary)
        self.world.engine = self.world.build()

    def _close(self) -> None:
        self.world.engine.close()
        self.world.database.dispose()


@pytest.mark.failure("F-42")
def test_a_replica_that_lags_behind_undoes_and_removes_nothing(world: World) -> None:
    """An edit and a payment came from QuickBooks; the replica shows the row of before and no payment. Nothing it says
    counts until it shows our own write."""
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", notes="old")
    world.invoice(ada, "INV-2")
    world.run()
    replica = Replica(world)
    sent = world.one("Invoice", DocNumber="INV-1")
    change(world, "Invoice", sent, CustomerMemo={"value": "new"})
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "25.00"))
    world.run()
    assert row(world, "invoice", invoice)["notes"] == "new"

    replica.answers()
    before = world.writes()
    for _ in range(2):
        with pytest.raises(SourceBehind, match="lags behind"):
            world.run()
        with pytest.raises(SourceBehind, match="lags behind"):
            world.plan()
    assert world.writes() == before
    assert row(world, "invoice", invoice)["notes"] == "old", "this is the copy"
    company = world.store.company(world.name)
    assert company is not None
    assert company.halted_since is None, "it will catch up"

    replica.caught_up()
    world.run()
    assert world.one("Invoice", DocNumber="INV-1")["CustomerMemo"]["value"] == "new"
    assert len(world.books("Payment")) == len(world.rows("SELECT id FROM payment")) == 1
    at_rest(world)


@pytest.mark.failure("F-42")
def test_an_old_copy_of_the_source_waits_for_a_persons_word(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No replica lags for so long: the company is halted, and goes on when somebody says that it is meant so."""
    invoice = world.invoice(world.client("Ada"), "INV-1", notes="old")
    world.run()
    replica = Replica(world)
    change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "new"})
    world.run()
    replica.answers()
    monkeypatch.setattr(behind, "PATIENCE", timedelta(0))
    with pytest.raises(SourceBehind, match="syncd resume"):
        world.run()
    company = world.store.company(world.name)
    assert company is not None
    assert company.halted_since is not None
    assert "older copy" in company.halt_reason
    world.store.resume(world.name, "Ann", "the source was restored from last night's backup")
    world.run()
    assert row(world, "invoice", invoice)["notes"] == "old"
    assert held(world) == []


@pytest.mark.failure("F-45")
def test_a_record_that_nobody_can_use_does_not_hold_the_cursor(paid: World) -> None:
    """A payment of QuickBooks' that cannot be used is held by itself; what changed after it comes in all the same."""
    other = paid.accountant.save("Customer", {"DisplayName": "Somebody else"})
    bad = receive(paid, other["Id"], PaymentRefNum="BAD")
    strange = {**paid.accountant.read("Payment", bad["Id"]), "TotalAmt": "nonsense"}
    answered(paid, [{"Payment": [strange]}])
    paid.run()
    before = paid.store.cursors(paid.name).qbo
    paid.sandbox.clear_faults()
    change(paid, "Invoice", paid.one("Invoice"), CustomerMemo={"value": "later"})
    tick(paid)
    paid.run()
    assert row(paid, "invoice", 1)["notes"] == "later"
    after = paid.store.cursors(paid.name).qbo
    assert after is not None
    assert before is not None
    assert after > before
