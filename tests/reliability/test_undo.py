"""Undo: one run taken back on both sides from the journal's pre-images; what people have gone on with stays."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.reconciler.plan import Plan
from syncd.report import CycleReport, CycleRequest
from syncd.sandbox.server import RefusedError
from syncd.state.values import Held, LinkState
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    Json,
    at_rest,
    change,
    command,
    configure,
    held,
    mutations,
    pays,
    receive,
    row,
    snapshot,
    syncd,
)
from tests.e2e.killing import until
from tests.e2e.owed import ON
from tests.support.world import SETTINGS, World

MANY = dict.fromkeys(Kind, 99)
"""Lifts the brake on removals: these tests are about something else, but for the one that is about it."""


@pytest.fixture
def world(make: Make) -> World:
    return make()


# ---- what an operator and an accountant do


def plan_of(world: World, run: str) -> Plan:
    """What taking a run back would do."""
    return world.engine.undo(run, CycleRequest(dry_run=True, allow_removals=MANY)).plan


def undo(world: World, run: str) -> CycleReport:
    """Take a run back at once."""
    return world.engine.undo(run, CycleRequest(actor="Ann", allow_removals=MANY))


def reasons(plan: Plan) -> dict[str, str]:
    """Why records are left as they are, by what people call them."""
    return {left.label: left.reason for left in plan.left_out}


def told(world: World) -> dict[str, Held]:
    """What waits for a person, by what people call it."""
    return {each.label: each for each in held(world)}


def retry(world: World, *labels: str) -> None:
    """A person lets records be decided again; all of them, unless named."""
    for label, each in told(world).items():
        if not labels or label in labels:
            world.store.resolve_held(world.name, each.id, "retry", "Ann")


def stays(world: World) -> None:
    """Three more cycles do nothing at all, and what waits goes on waiting."""
    books, source, waiting = world.writes(), snapshot(world), held(world)
    for _ in range(3):
        report = world.run()
        assert (report.applied, report.failed, report.in_doubt) == (0, 0, 0), report.plan
    assert (world.writes(), snapshot(world), held(world)) == (books, source, waiting)
    assert world.store.open_entries(world.name) == []


def rows_of(world: World) -> dict[str, list[Json]]:
    """The documents of the source as people see them: without versions and times."""
    free = {"version", "updated_at"}
    return {
        table: [{name: value for name, value in each.items() if name not in free} for each in rows]
        for table, rows in snapshot(world).items()
        if table not in {"client", "member"}
    }


def deposit(world: World, payment: Json) -> Json:
    """The accountant puts a payment into a bank deposit."""
    bank = next(a for a in world.books("Account") if a["AccountType"] == "Bank")
    link = {"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}
    line = {"Amount": payment["TotalAmt"], "LinkedTxn": [link]}
    return world.accountant.save("Deposit", {"DepositToAccountRef": {"value": bank["Id"]}, "Line": [line]})


def content(record: Json) -> Json:
    """What a document in the books says, without what is its own alone."""
    own = {"Id", "SyncToken", "MetaData"}
    lines = [{k: v for k, v in line.items() if k not in {"Id", "LineEx"}} for line in record.get("Line", [])]
    return {k: v for k, v in record.items() if k not in own} | {"Line": lines}


# ---- what was created


def test_what_a_run_created_is_deleted_again_and_no_later_cycle_sends_it_once_more(world: World) -> None:
    ada = world.client("Ada")
    one = world.invoice(ada, "INV-1", ("100.00", "Work"))
    two = world.invoice(ada, "INV-2", ("50.00", "Work"))
    world.payment(ada, (one, "40.00"), (two, "10.00"), reference="P-1")
    before = rows_of(world)
    run = world.run().run_id
    assert len(world.books("Invoice")) == 2
    report = undo(world, run)
    assert (report.failed, report.in_doubt, report.notes) == (0, 0, ())
    assert (world.books("Invoice"), world.books("Payment")) == ([], [])
    assert rows_of(world) == before, "the source is not as it was before the run"
    assert "stays" in reasons(report.plan)["Ada"]
    assert len(world.books("Customer")) == 1
    assert set(told(world)) == {"INV-1", "INV-2", "P-1"}
    assert all("undone by Ann" in each.reason and each.actions == ("retry", "ignore") for each in held(world))
    stays(world)
    world.sql("UPDATE invoice SET notes = 'edited', version = version + 1 WHERE id = :id", id=one)
    stays(world)
    retry(world)
    again = world.run()
    assert (again.failed, held(world)) == (0, [])
    assert {i["DocNumber"]: Decimal(i["Balance"]) for i in world.books("Invoice")} == {"INV-1": 60, "INV-2": 40}
    at_rest(world)


def test_a_record_that_was_undone_can_be_left_for_good(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    undo(world, world.run().run_id)
    world.store.resolve_held(world.name, told(world)["INV-1"].id, "ignore", "Ann")
    world.run()
    assert (held(world), world.books("Invoice")) == ([], [])
    stays(world)


def test_every_kind_of_document_goes_dependants_first(make: Make) -> None:
    world = make(settings=ON)
    ada = world.client("Ada")
    one, two = world.invoice(ada, "INV-1", ("100.00", "Work")), world.invoice(ada, "INV-2", ("80.00", "Work"))
    note, other = world.credit_note(ada, "CN-1", ("30.00", "Back")), world.credit_note(ada, "CN-2", ("20.00", "Back"))
    world.apply_credit(note, (one, "30.00"))
    world.payment(ada, (one, "70.00"), (two, "50.00"), credits=((other, "20.00"),), reference="P-1")
    world.expense(world.member("Bea"), "12.50", notes="Taxi")
    before = rows_of(world)
    run = world.run().run_id
    entities = ("Invoice", "CreditMemo", "Payment", "Bill")
    assert [len(world.books(entity)) for entity in entities] == [2, 2, 2, 1]
    asked = world.sandbox.last_request()
    report = undo(world, run)
    assert (report.failed, report.in_doubt, report.notes) == (0, 0, ())
    assert [world.books(entity) for entity in entities] == [[], [], [], []]
    assert not [r for r in mutations(world, asked) if r["status"] != 200 or r["item_faults"]], "QuickBooks refused some"
    assert rows_of(world) == before
    assert set(reasons(report.plan)) == {"Ada", "Bea"}
    assert len(held(world)) == 7
    stays(world)
    retry(world)
    world.run()
    world.run()
    assert [len(world.books(entity)) for entity in entities] == [2, 2, 2, 1]
    at_rest(world)


def test_what_a_run_brought_into_the_source_is_removed_there_and_not_brought_in_again(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Work"))
    world.run()
    paid = receive(world, world.one("Customer")["Id"], (world.one("Invoice")["Id"], "25.00"))
    run = world.run().run_id
    assert len(world.rows("SELECT id FROM payment")) == 1
    books = world.writes()
    report = undo(world, run)
    assert (report.failed, report.notes) == (0, ())
    assert world.rows("SELECT id FROM payment") == world.rows("SELECT id FROM payment_allocation") == []
    assert world.writes() == books, "QuickBooks' payment is none of this undo's business"
    stays(world)
    world.accountant.save("Payment", world.accountant.read("Payment", paid["Id"]) | {"PrivateNote": "seen again"})
    stays(world)
    retry(world)
    world.run()
    (back,) = world.rows("SELECT id, qbo_id FROM payment")
    assert back["qbo_id"] == paid["Id"]
    assert world.rows("SELECT invoice_id FROM payment_allocation") == [{"invoice_id": invoice}]
    at_rest(world)


# ---- what was changed


def test_exactly_the_fields_that_the_run_wrote_are_put_back(world: World) -> None:
    ada = world.client("Ada")
    mine = world.invoice(ada, "INV-1", ("100.00", "Work"), ("20.00", "Travel"), notes="old notes")
    theirs = world.invoice(ada, "INV-2", ("50.00", "Work"), due_date="2026-04-01")
    world.run()
    first, second = world.one("Invoice", DocNumber="INV-1"), world.one("Invoice", DocNumber="INV-2")
    change(world, "Invoice", first, PrivateNote="for the auditor")
    world.run()
    was, was_second = content(world.one("Invoice", DocNumber="INV-1")), row(world, "invoice", theirs)
    world.sql(
        "UPDATE invoice_line SET amount = '150.00', rate = '150.00' WHERE invoice_id = :id AND position = 1", id=mine
    )
    world.sql("UPDATE invoice SET total = '170.00', notes = 'new notes' WHERE id = :id", id=mine)
    change(world, "Invoice", second, DueDate="2026-05-05")
    run = world.run().run_id
    assert Decimal(world.one("Invoice", DocNumber="INV-1")["TotalAmt"]) == 170
    assert row(world, "invoice", theirs)["due_date"] == "2026-05-05"
    source = row(world, "invoice", mine)
    plan = plan_of(world, run)
    assert {(o.label, o.side): {c.field for c in o.changes} for o in plan.operations} == {
        ("INV-1", Side.QBO): {"lines", "total", "notes"},
        ("INV-2", Side.SOURCE): {"due_date"},
    }
    report = undo(world, run)
    assert (report.failed, report.notes) == (0, ())
    audit = world.engine.audit()
    assert [(d.label, d.money) for d in audit.differ] == [("INV-1", Decimal(50)), ("INV-2", 0)], "it is no secret"
    assert content(world.one("Invoice", DocNumber="INV-1")) == was
    assert row(world, "invoice", mine) == source, "what was undone in QuickBooks stays in the source"
    free = {"version", "updated_at"}
    now = row(world, "invoice", theirs)
    assert {k: v for k, v in now.items() if k not in free} == {k: v for k, v in was_second.items() if k not in free}
    assert str(world.one("Invoice", DocNumber="INV-2")["DueDate"]) == "2026-05-05"
    stays(world)
    retry(world)
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-1")["TotalAmt"]) == 170
    assert row(world, "invoice", theirs)["due_date"] == "2026-05-05"
    at_rest(world)


# ---- what was deleted


def test_what_a_run_deleted_in_quickbooks_is_made_again_with_all_that_it_said(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Work"), ("20.00", "Travel"))
    other = world.invoice(ada, "INV-2", ("30.00", "Work"))
    payment = world.payment(ada, (invoice, "60.00"), reference="P-1")
    world.run()
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-2"), PrivateNote="mind the discount")
    world.run()
    paid, billed = world.one("Payment"), world.one("Invoice", DocNumber="INV-2")
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=payment)
    world.sql("DELETE FROM payment WHERE id = :id", id=payment)
    world.sql("UPDATE invoice SET state = 'draft', remove_from_qbo = 1 WHERE id = :id", id=other)
    lifted = {"allow_removals": MANY, "allow_empty": {(Side.SOURCE, Kind.PAYMENT): 1}}
    run = world.run(**lifted).run_id
    assert (world.books("Payment"), len(world.books("Invoice"))) == ([], 1)
    report = undo(world, run)
    assert (report.failed, report.notes) == (0, ())
    again, billed_again = world.one("Payment"), world.one("Invoice", DocNumber="INV-2")
    assert again["Id"] != paid["Id"]
    assert content(again) == content(paid)
    assert content(billed_again) == content(billed)
    assert pays(again) == {world.one("Invoice", DocNumber="INV-1")["Id"]: Decimal(60)}
    links = {link.qbo_id: link.state for link in world.store.stream_links(world.name, Kind.PAYMENT)}
    assert links[again["Id"]] is LinkState.IGNORED
    stays(world)
    retry(world)
    world.run(**lifted)
    assert (world.books("Payment"), len(world.books("Invoice"))) == ([], 1)
    assert held(world) == []
    stays(world)


def test_what_a_run_deleted_in_the_source_is_made_again_there(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Work"))
    world.payment(ada, (invoice, "60.00"), reference="P-1", notes="by hand")
    world.run()
    (was,) = world.rows("SELECT * FROM payment")
    world.accountant.delete("Payment", world.one("Payment"))
    run = world.run(allow_removals=MANY).run_id
    assert world.rows("SELECT id FROM payment") == []
    report = undo(world, run)
    assert (report.failed, report.notes) == (0, ())
    (back,) = world.rows("SELECT * FROM payment")
    free = {"id", "version", "updated_at"}
    assert {k: v for k, v in back.items() if k not in free} == {k: v for k, v in was.items() if k not in free}
    assert world.rows("SELECT invoice_id FROM payment_allocation") == [{"invoice_id": invoice}]
    stays(world)
    retry(world)
    world.run(allow_removals=MANY)
    assert world.rows("SELECT id FROM payment") == []


def test_a_void_is_left_as_it_is(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, on_qbo_void="void"))
    invoice = world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.accountant.void("Invoice", world.one("Invoice"))
    run = world.run(allow_removals=MANY).run_id
    assert row(world, "invoice", invoice)["state"] == "void"
    plan = plan_of(world, run)
    assert plan.operations == ()
    assert "a void cannot be undone" in reasons(plan)["INV-1"]


# ---- what is left as it is


@pytest.mark.failure("F-94", "F-106")
def test_what_people_have_gone_on_with_is_left_and_the_reason_told(world: World) -> None:
    ada = world.client("Ada")
    labels = ("FREE", "PAID", "EDITED", "SEEN", "SOURCE", "MAILED", "GONE", "AGAIN", "CLOSED")
    ids = {
        label: world.invoice(
            ada, label, ("10.00", label), issue_date="2025-12-15" if label == "CLOSED" else "2026-03-02"
        )
        for label in labels
    }
    paid = world.invoice(ada, "DEPOSITED", ("10.00", "x"))
    world.payment(ada, (paid, "10.00"), reference="P-1")
    run = world.run().run_id
    books = {i["DocNumber"]: i for i in world.books("Invoice")}
    deposit(world, world.one("Payment"))
    receive(world, world.one("Customer")["Id"], (books["PAID"]["Id"], "1.00"), PaymentRefNum="P-2")
    change(world, "Invoice", books["EDITED"], DueDate="2026-06-01")
    change(world, "Invoice", books["SEEN"], PrivateNote="our own note, which the source does not hold")
    world.sql("UPDATE invoice SET notes = 'changed here' WHERE id = :id", id=ids["SOURCE"])
    mail(world, books["MAILED"])
    world.accountant.delete("Invoice", books["GONE"])
    plan = plan_of(world, run)
    assert {o.label for o in plan.operations if o.verb is Verb.DELETE} == {"FREE", "AGAIN", "CLOSED"}
    world.sql("UPDATE invoice SET notes = 'a later run' WHERE id = :id", id=ids["AGAIN"])
    later = world.run().run_id
    world.sandbox.change_company(world.realm, book_close_date="2025-12-31")
    left = reasons(plan_of(world, run))
    expected = {
        "P-1": "it is part of bank deposit",
        "DEPOSITED": "payments or credits that stay are applied to it",
        "PAID": "payments or credits that stay are applied to it",
        "EDITED": "due date",
        "SEEN": "its version has moved",
        "MAILED": "mailed to the client",
        "AGAIN": later,
        "SOURCE": later,
        "GONE": "removed from QuickBooks since",
        "CLOSED": "closed up to 2025-12-31",
        "Ada": "stays",
    }
    assert {label: text for label, text in left.items() if expected[label] not in text} == {}
    assert set(left) == set(expected)
    report = undo(world, run)
    assert (report.failed, report.notes) == (0, ())
    assert {i["DocNumber"] for i in world.books("Invoice")} == {*labels, "DEPOSITED"} - {"FREE", "GONE"}
    assert len(world.books("Payment")) == 2


def mail(world: World, invoice: Json) -> None:
    """The accountant mails an invoice to the client."""
    world.accountant.call("POST", f"invoice/{invoice['Id']}/send", sendTo="ada@example.com")


def test_a_customer_that_was_created_stays_and_one_that_was_changed_is_put_back(world: World) -> None:
    ada = world.client("Ada", email="ada@example.com")
    world.invoice(ada, "INV-1")
    world.run()
    world.sql("UPDATE client SET email = 'other@example.com' WHERE id = :id", id=ada)
    run = world.run().run_id
    assert world.one("Customer")["PrimaryEmailAddr"]["Address"] == "other@example.com"
    report = undo(world, run)
    assert (report.failed, report.plan.left_out) == (0, ())
    assert world.one("Customer")["PrimaryEmailAddr"]["Address"] == "ada@example.com"
    stays(world)


def test_the_brake_on_removals_holds_for_an_undo_as_well(world: World) -> None:
    ada = world.client("Ada")
    for number in range(4):
        world.invoice(ada, f"INV-{number}")
    run = world.run().run_id
    books = world.writes()
    report = world.engine.undo(run, CycleRequest())
    (brake,) = report.plan.brakes
    assert (brake.rail, brake.count) == ("removals", 4)
    assert brake.override == f"syncd undo {run} --apply --allow-removals invoice=4"
    assert (report.outcome, world.writes(), held(world)) == ("halted", books, [])
    assert len(report.plan.withheld) == 8, "the ids in the source stay, too"


def test_what_was_undone_is_not_undone_twice(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    run = world.run().run_id
    report = undo(world, run)
    again = plan_of(world, run)
    assert again.operations == ()
    assert reasons(again)["INV-1"] == f"it was undone already, by {report.run_id}"
    with pytest.raises(StateError, match=f"{report.run_id} is itself the undo of {run}"):
        plan_of(world, report.run_id)
    with pytest.raises(StateError, match=r"There is no run run-99 of acme\. See: syncd runs"):
        plan_of(world, "run-99")
    assert [each.what for each in world.store.runs(world.name)] == [f"undo of {run}", "reconcile"]


# ---- on the way


@pytest.mark.failure("F-119")
def test_a_saved_plan_does_what_it_showed_and_nothing_else(world: World, tmp_path: Path) -> None:
    ada = world.client("Ada")
    one = world.invoice(ada, "INV-1", ("100.00", "Work"))
    world.invoice(ada, "INV-2", ("50.00", "Work"))
    world.payment(ada, (one, "40.00"), reference="P-1")
    run = world.run().run_id
    config, saved = configure(world), str(tmp_path / "undo.json")
    still(world)
    asked, books = world.sandbox.last_request(), world.writes()
    shown = syncd(config, "undo", run, "--out", saved, "--json")
    assert shown.returncode == 4, shown.stdout + shown.stderr
    plan = json.loads(shown.stdout)["companies"][0]["plan"]
    assert (mutations(world, asked), world.writes()) == ([], books)
    assert [(o["action"], o["label"]) for o in plan["operations"]] == [("delete", "P-1"), ("take", "P-1")]
    assert {(o["action"], o["label"]) for o in plan["withheld"]} == {
        *(("delete", "INV-1"), ("delete", "INV-2"), ("take", "INV-1"), ("take", "INV-2"))
    }
    assert [(left["kind"], left["label"]) for left in plan["left_out"]] == [("client", "Ada")]
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-2"), DueDate="2026-06-01")
    done = syncd(config, "apply", saved)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "2 records are not as they were when the plan was made" in done.stdout
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-2"]
    assert world.books("Payment") == []
    world.restart()
    assert set(told(world)) == {"INV-1", "P-1"}


def still(world: World) -> None:
    """Let go of the state, so that a command finds it as it would at an operator's."""
    world.engine.close()
    world.store.close()
    world.database.dispose()


@pytest.mark.failure("F-7", "F-9")
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_undo_that_is_killed_is_finished_and_does_nothing_twice(world: World, when: str) -> None:
    ada = world.client("Ada")
    for number in range(6):
        world.invoice(ada, f"INV-{number}")
    run = world.run().run_id
    config = configure(world)
    typed = command(config, "undo", run, "--apply", "--allow-removals", "invoice=6")
    world.sandbox.add_fault("stall", seconds=60.0, when=when, then="reset", entity="Invoice", operation="delete")
    killed = subprocess.Popen(typed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: any(rule["fired"] for rule in world.sandbox.faults()), seconds=120)
    finally:
        killed.kill()
        killed.wait()
    world.sandbox.clear_faults()
    assert len(world.store.open_entries(world.name)) == 6
    again = syncd(config, *typed[typed.index("undo") : -2])
    assert again.returncode == 0, again.stdout + again.stderr
    assert world.books("Invoice") == []
    deleted = [v for v in world.sandbox.history(world.realm, entity="Invoice") if v["op"] == "delete"]
    assert len(deleted) == 6
    assert all(each["qbo_id"] is None for each in world.rows("SELECT qbo_id FROM invoice"))
    assert set(told(world)) == {f"INV-{number}" for number in range(6)}
    stays(world)


def test_what_quickbooks_refuses_is_told_and_stays_as_it_is(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.invoice(ada, "INV-2")
    run = world.run().run_id
    world.sandbox.add_fault("status", level="item", code="6540", entity="Invoice", operation="delete")
    report = undo(world, run)
    world.sandbox.clear_faults()
    (left,) = world.books("Invoice")
    assert report.failed == 1
    assert any(f"invoice {left['DocNumber']} was not undone: " in note for note in report.notes), report.notes
    assert left["DocNumber"] not in told(world)
    assert len(told(world)) == 1
    stays(world)


def test_one_that_an_accountant_changes_meanwhile_is_left_to_the_accountant(world: World) -> None:
    """The second step of an undo looks anew: what was free of others' work when the plan was made may not be."""
    ada = world.client("Ada")
    one = world.invoice(ada, "INV-1", ("100.00", "Work"))
    world.payment(ada, (one, "40.00"), reference="P-1")
    run = world.run().run_id
    invoice = world.one("Invoice")
    edited: list[Json] = []

    def meddle(_done: int, _total: int, what: str) -> None:
        while what == "payments" and not edited:
            with suppress(RefusedError):  # the removal of the payment is still on its way
                edited.append(change(world, "Invoice", invoice, DueDate="2026-06-01"))

    report = world.engine.undo(run, CycleRequest(allow_removals=MANY), meddle)
    assert edited
    assert world.books("Payment") == []
    assert str(world.one("Invoice")["DueDate"]) == "2026-06-01"
    assert [note for note in report.notes if "INV-1 was not undone: QuickBooks changed due date since" in note]
    assert "INV-1" not in told(world)


def test_a_removal_that_the_feed_tells_again_is_no_news_once_the_record_was_made_again(make: Make) -> None:
    """A record that was deleted and made again has a tombstone beside its link; QuickBooks' feed repeats deletions."""
    world = make(source_options={"overlap_seconds": 0})
    invoice = world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.sql("UPDATE invoice SET state = 'draft', remove_from_qbo = 1 WHERE id = :id", id=invoice)
    world.run()
    world.sql("UPDATE invoice SET state = 'published', remove_from_qbo = 0 WHERE id = :id", id=invoice)
    world.run()
    assert len(world.books("Invoice")) == 1
    moved_on = world.clock.now() + timedelta(seconds=2)
    until(lambda: world.clock.now() > moved_on)
    world.run()
    report = world.run()
    assert [o.id for o in report.plan.operations] == []
    at_rest(world)
