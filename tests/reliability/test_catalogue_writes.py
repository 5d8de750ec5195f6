"""Writes that are doubled or lost (section A of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.errors import SyncdError
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, change, held, mutations, once, row
from tests.e2e.killing import until
from tests.e2e.owed import ON
from tests.reliability.fault_stage import LIFTED, agree, edit, no_pauses, own_app
from tests.support.world import World

CHANGING = {"create", "update", "delete", "void"}


def sent(world: World, after: int) -> list[dict[str, Any]]:
    """Every change that syncd asked for on the wire since a request of the ledger, those in batches one by one."""
    found = []
    for entry in world.sandbox.requests(after=after, realm=world.realm, client_id="sandbox-client"):
        if entry["operation"] in CHANGING:
            found.append({"request": entry["requestid"], "item": "", "entity": entry["entity"]})
        elif entry["operation"] == "batch":
            body = json.loads(world.sandbox.request(entry["seq"])["request_body"])
            for item in body["BatchItemRequest"]:
                if "operation" in item:
                    name = next(key for key in item if key not in {"bId", "operation", "optionsData"})
                    found.append({"request": entry["requestid"], "item": item["bId"], "entity": name})
    return found


@pytest.mark.failure("F-2", "F-5", "F-123")
def test_every_change_carries_an_identity_of_its_own_on_the_wire(make: Make) -> None:
    """Seen where it arrives: each kind of write, alone and in batches, and none shares its identity with another."""
    world = make(settings=ON)
    own_app(world)
    world.sandbox.switch(keep_bodies=True)
    first = world.sandbox.last_request()
    agree(world)
    edit(world)
    world.run(**LIFTED)
    world.sandbox.switch(keep_bodies=False)
    changes = sent(world, first)
    assert {each["entity"] for each in changes} == {"Customer", "Vendor", "Invoice", "CreditMemo", "Payment", "Bill"}
    assert any(each["item"] for each in changes)
    assert any(not each["item"] for each in changes)
    assert [
        each for each in changes if not each["request"] or len(each["request"]) > 36 or len(each["item"]) > 10
    ] == []
    twice = {name: n for name, n in Counter((e["request"], e["item"]) for e in changes).items() if n > 1}
    assert twice == {}


def forget(world: World) -> None:
    """Our state is lost, and all that the source knew of it: everything begins anew on the same two sides."""
    world.engine.close()
    world.store.close()
    for table in ("client", "invoice", "payment"):
        world.sql(f"UPDATE {table} SET qbo_id = NULL")
    world.sql("DELETE FROM syncd_write")
    world.state_url = world.state_url.replace("-state.db", "-new-state.db")
    world.store = world.open_store()
    world.grant()
    world.engine = world.build()


@pytest.mark.failure("F-3")
def test_an_answer_about_a_record_that_is_gone_is_not_believed(world: World) -> None:
    """With our state lost, a record that is created again has the identity it had long ago, and QuickBooks repeats
    its answer of then. It is looked at again: what is gone is made under a new identity, what was changed meanwhile is
    taken as it is now."""
    now = datetime.now(UTC)
    world.sandbox.set_clock((now - timedelta(hours=2)).timestamp())
    own_app(world)
    world.grant()
    ada = world.client("Ada")
    invoice, other = world.invoice(ada, "INV-1"), world.invoice(ada, "INV-2")
    world.run()
    gone = world.one("Invoice", DocNumber="INV-1")
    world.accountant.delete("Invoice", gone)
    kept = world.one("Invoice", DocNumber="INV-2")
    change(world, "Invoice", kept, DocNumber="X-2", TxnDate="2026-02-02")  # nobody would find it by its number now
    world.sandbox.set_clock(now.timestamp())
    own_app(world)
    forget(world)
    for _ in range(3):
        world.run()
    there = world.one("Invoice", DocNumber="INV-1")
    assert row(world, "invoice", invoice)["qbo_id"] == there["Id"] != gone["Id"]
    assert len(world.books("Invoice")) == 2
    here = row(world, "invoice", other)
    assert (here["qbo_id"], here["number"], str(here["issue_date"])) == (kept["Id"], "X-2", "2026-02-02")
    at_rest(world)


@pytest.mark.failure("F-14")
def test_an_edit_changes_the_record_in_place(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("10.00", "a"), ("20.00", "b"))
    world.run()
    first = world.one("Invoice")["Id"]
    world.sql("UPDATE invoice SET due_date = '2026-07-01', notes = 'x', total = '35' WHERE id = 1")
    world.sql("UPDATE invoice_line SET amount = '25', rate = '25' WHERE description = 'b'")
    world.run()
    now = world.one("Invoice")
    assert (str(now["DueDate"]), now["CustomerMemo"]["value"], now["TotalAmt"]) == ("2026-07-01", "x", 35)
    assert (now["Id"], row(world, "invoice", invoice)["qbo_id"]) == (first, first)
    versions = world.sandbox.history(world.realm, entity="Invoice")
    assert [(version["op"], version["record"]["Id"]) for version in versions] == [("create", first), ("update", first)]
    at_rest(world)


@pytest.mark.failure("F-15")
def test_no_error_is_answered_with_a_deletion(world: World) -> None:
    """Of a batch two records are refused and the answer to another batch is lost: what went through stays as it is."""
    ada = world.client("Ada")
    for n in range(1, 7):
        world.invoice(ada, f"INV-{n}", (f"{n}0.00", "Work"))
    for nth in (2, 5):
        world.sandbox.add_fault("status", level="item", code="6000", nth=nth, realm=world.realm)
    first = world.sandbox.last_request()
    report = world.run()
    assert (report.outcome, report.failed) == ("held", 2)
    made = {i["DocNumber"]: i["Id"] for i in world.books("Invoice")}
    assert len(made) == 4
    world.sandbox.clear_faults()
    world.run()
    assert {i["DocNumber"]: i["Id"] for i in world.books("Invoice")}.items() >= made.items()
    assert born(world, "Invoice") == {f"INV-{n}": 1 for n in range(1, 7)}
    assert [r["operation"] for r in mutations(world, first) if r["operation"] in {"delete", "void"}] == []
    assert [v["op"] for v in world.sandbox.history(world.realm) if v["op"] == "delete"] == []
    at_rest(world)


@pytest.mark.failure("F-16")
@pytest.mark.parametrize("arrives", ["run", "wait", "600"])
def test_what_an_outage_carries_out_late_is_not_there_twice(make: Make, arrives: str) -> None:
    """The request was taken and lies in a queue; we gave it up, looked, found nothing and sent it again. Whichever of
    the two is carried out first, and whatever QuickBooks makes of two at once, there is one invoice."""
    world = make(qbo={"read_timeout_seconds": 0.6, "connect_timeout_seconds": 0.6})
    world.invoice(world.client("Ada"), "INV-0")
    world.run()
    world.sandbox.switch(requestid_concurrent=arrives)
    world.invoice(1, "INV-1")
    queued = world.sandbox.add_fault(
        "stall", seconds=2.5, when="before", entity="Invoice", operation="create", realm=world.realm
    )
    with no_pauses():
        assert world.run().exit_code == 5
        assert "INV-1" not in born(world, "Invoice"), "it lies in the queue"
        with suppress(SyncdError):
            world.run()
        until(lambda: any(r["fault_rule"] == queued and r["committed"] for r in asked(world)), 30)
        world.sandbox.clear_faults()
        world.restart()
        for _ in range(3):
            world.run()
    world.sandbox.switch(requestid_concurrent="run")
    assert born(world, "Invoice") == {"INV-0": 1, "INV-1": 1}
    assert held(world) == []
    once(world)
    at_rest(world)


def asked(world: World) -> list[dict[str, Any]]:
    """The ledger, a moment later."""
    time.sleep(0.05)
    return world.sandbox.requests(realm=world.realm)
