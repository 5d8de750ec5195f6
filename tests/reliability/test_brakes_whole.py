"""Every brake through the whole program: what it stops, what it says, how it is counted, and what lets it through.

correctness.md section 3, row by row; the table in docs/reliability.md names what is proven elsewhere.
"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote_plus

import msgspec
import pytest

from syncd.errors import EXIT_CONFIG, EXIT_HALTED, EXIT_HELD, EXIT_OK, ConfigError, IdentityChanged
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.planfile import LIFETIME, load_plan, save_plan
from syncd.reconciler.plan import Brake
from syncd.report import CycleReport, CycleRequest
from syncd.state.values import Settlement
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    change,
    configure,
    customer,
    held,
    held_one,
    mutations,
    once,
    row,
    snapshot,
    syncd,
)
from tests.support.world import SETTINGS, World

PAID = 24


@pytest.fixture
def full(world: World) -> World:
    """Two dozen invoices, each with its payment, in agreement."""
    ada = world.client("Ada")
    for n in range(1, PAID + 1):
        world.payment(ada, (world.invoice(ada, f"INV-{n}"), "10.00"), reference=f"P-{n}")
    world.run()
    return world


def tripped(world: World, rail: str) -> int:
    """How often a rail was counted on the page of metrics."""
    labels = {"company": world.name, "rail": rail}
    return int(world.metrics.registry.get_sample_value("syncd_brakes_tripped_total", labels) or 0)


def halted(world: World) -> bool:
    """What the page of metrics says."""
    return world.metrics.registry.get_sample_value("syncd_halted", {"company": world.name}) == 1


def brake(report: CycleReport, rail: str) -> Brake:
    """The one brake of a rail."""
    assert (report.outcome, report.exit_code) == ("halted", EXIT_HALTED), report
    (found,) = (brake for brake in report.plan.brakes if brake.rail == rail)
    return found


def drop_payments(world: World, where: str = "1 = 1") -> None:
    """Somebody deletes payments in the source."""
    world.sql(f"DELETE FROM payment_allocation WHERE payment_id IN (SELECT id FROM payment WHERE {where})")
    world.sql(f"DELETE FROM payment WHERE {where}")


def forget(world: World, days: int = 40) -> None:
    """The service was off for longer than QuickBooks remembers changes: whole lists are read."""
    cursors = world.store.cursors(world.name)
    assert cursors.qbo is not None
    lease = world.store.acquire(world.name, "test", 60)
    earlier = msgspec.structs.replace(cursors, qbo=cursors.qbo - timedelta(days=days))
    world.store.settle(lease, Settlement(cursors=earlier), run_id="")
    world.store.release(lease)


# ---- a side that lists nothing


@pytest.mark.failure("F-44")
def test_an_empty_source_and_the_count_that_lets_it_through(full: World) -> None:
    drop_payments(full)
    config = configure(full)
    stopped = syncd(config, "reconcile")
    assert stopped.returncode == EXIT_HALTED
    said = " ".join(stopped.stdout.split())
    assert f"empty-side: The source lists no payments at all, and {PAID} are linked" in said
    assert f"About to happen: delete {PAID} payments in QuickBooks." in said
    assert f"syncd reconcile --allow-empty source:payment={PAID}" in said
    assert tripped(full, "empty-side") == 0, "counted where it happened, in the other process"
    removals = ("--allow-removals", f"payment={PAID}")
    for turn, (side, kind, count) in enumerate(
        ((Side.SOURCE, Kind.PAYMENT, PAID - 1), (Side.QBO, Kind.PAYMENT, PAID), (Side.SOURCE, Kind.INVOICE, PAID)), 1
    ):
        report = full.run(allow_empty={(side, kind): count}, allow_removals={Kind.PAYMENT: PAID})
        assert (brake(report, "empty-side").count, tripped(full, "empty-side")) == (PAID, turn)
    assert len(full.books("Payment")) == PAID
    done = syncd(config, "reconcile", "--allow-empty", f"source:payment={PAID}", *removals)
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert full.books("Payment") == []


@pytest.mark.failure("F-31", "F-44")
def test_quickbooks_lists_nothing_where_whole_lists_are_read(full: World) -> None:
    for payment in full.books("Payment"):
        full.accountant.delete("Payment", payment)
    forget(full)
    before = snapshot(full)
    for turn in (1, 2):
        found = brake(full.run(), "empty-side")
        assert (found.side, found.kind, found.count) == (Side.QBO, Kind.PAYMENT, PAID)
        assert found.text.startswith(f"QuickBooks lists no payments, and {PAID} are linked")
        assert found.text.endswith(f"About to happen: delete {PAID} payments in the source.")
        assert (tripped(full, "empty-side"), snapshot(full)) == (turn, before)
        full.restart()
        forget(full)
    lifted = {"allow_removals": {Kind.PAYMENT: PAID}}
    full.run(**lifted, allow_empty={(Side.QBO, Kind.PAYMENT): PAID - 1})
    assert snapshot(full) == before
    forget(full)
    full.run(**lifted, allow_empty={(Side.QBO, Kind.PAYMENT): PAID})
    assert full.rows("SELECT id FROM payment") == []


def test_some_of_a_kind_left_is_no_empty_list(full: World) -> None:
    """What is listed are the linked ones: nine that are gone are for the other brake."""
    for payment in full.books("Payment")[:9]:
        full.accountant.delete("Payment", payment)
    forget(full)
    report = full.run()
    assert {brake.rail for brake in report.plan.brakes} == {"vanished", "removals"}
    assert len(full.rows("SELECT id FROM payment")) == PAID


# ---- too many at once


@pytest.mark.failure("F-44")
def test_removals_stay_stopped_over_restarts_until_their_number_is_named(full: World) -> None:
    drop_payments(full, "id <= 9")
    for turn in (1, 2, 3):
        found = brake(full.run(), "removals")
        assert found.text.endswith("About to happen: delete 9 payments in QuickBooks.")
        assert found.override == "syncd reconcile --allow-removals payment=9"
        assert (tripped(full, "removals"), tripped(full, "vanished")) == (turn, turn)
        assert len(full.books("Payment")) == PAID
        full.restart()
    full.run(allow_removals={Kind.PAYMENT: 9})
    assert len(full.books("Payment")) == PAID - 9
    at_rest(full)


def test_a_plan_that_was_read_lets_its_own_removals_through_and_no_more(full: World, tmp_path: Path) -> None:
    drop_payments(full, "id <= 5")
    plan = tmp_path / "plan.json"

    def read() -> None:
        save_plan(plan, full.engine.plan_file(full.plan().plan))

    def apply() -> CycleReport:
        return full.engine.apply(load_plan(plan), CycleRequest())

    read()
    drop_payments(full, "id = 6")
    assert brake(apply(), "vanished").count == 6
    assert len(full.books("Payment")) == PAID, "six are missing, and five were approved"
    read()
    assert apply().outcome == "ok"
    assert len(full.books("Payment")) == PAID - 6
    at_rest(full)


def test_a_table_loaded_anew_under_other_keys_removes_nothing_by_itself(full: World) -> None:
    """Rows that only got new ids look like removals and new rows: neither happens before a person has looked."""
    full.sql("UPDATE payment_allocation SET payment_id = payment_id + 1000 WHERE payment_id <= 9")
    full.sql("UPDATE payment SET id = id + 1000 WHERE id <= 9")
    fresh = full.invoice(1, "INV-NEW")
    for _ in range(2):
        found = brake(full.run(), "vanished")
        assert found.count == 9
        assert found.text.endswith("create 9 payments in QuickBooks, delete 9 payments in QuickBooks.")
        once(full)
    assert len(full.books("Payment")) == PAID
    assert row(full, "invoice", fresh)["qbo_id"], "other kinds go on"


@pytest.mark.failure("F-44")
@pytest.mark.parametrize("side", [Side.SOURCE, Side.QBO])
def test_many_changes_at_once_wait_for_their_number(full: World, side: Side) -> None:
    for n in range(1, 22):
        if side is Side.QBO:
            change(full, "Invoice", full.one("Invoice", DocNumber=f"INV-{n}"), DueDate="2026-08-08")
        else:
            full.sql("UPDATE invoice SET due_date = '2026-08-08' WHERE number = :n", n=f"INV-{n}")
    source, books = snapshot(full), full.writes()
    found = brake(full.run(), "mass-change")
    assert (found.side, found.count) == (side, 21)
    assert found.text.startswith(f"21 of {PAID} linked invoices changed in")
    assert "About to happen: update 21 invoices in" in found.text
    assert found.override == f"syncd reconcile --allow-mass-change {side}:invoice=21"
    assert brake(full.run(allow_mass_change={(side, Kind.INVOICE): 20}), "mass-change")
    assert (snapshot(full), full.writes(), tripped(full, "mass-change")) == (source, books, 2)
    assert full.run(allow_mass_change={(side, Kind.INVOICE): 21}).outcome == "ok"
    at_rest(full)


# ---- the whole company


def test_the_first_run_only_plans(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    before = world.writes()
    report = world.run(approve_first_run=False)
    assert brake(report, "first-run").text.endswith(
        "About to happen: link 1 item, create 1 client in QuickBooks, create 1 invoice in QuickBooks."
    )
    assert (world.writes(), tripped(world, "first-run")) == (before, 1)
    world.restart()
    assert brake(world.run(approve_first_run=False), "first-run")
    world.run()
    at_rest(world)


@pytest.mark.failure("F-63", "F-64")
def test_a_company_with_another_name_halts_until_it_is_connected_anew(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.invoice(1, "INV-2")
    name = world.store.company(world.name)
    assert name is not None
    body = (
        '{"CompanyInfo": {"Id": "1", "CompanyName": "Somebody Else", "Country": "US"}, "time": "2026-11-22T00:00:00Z"}'
    )
    world.sandbox.add_fault(
        "status", status=200, body=body, endpoint="entity", entity="CompanyInfo", count=0, realm=world.realm
    )
    before, source = world.writes(), snapshot(world)
    world.restart()
    with pytest.raises(IdentityChanged):
        world.plan()
    assert not halted(world), "a dry run writes nothing, not even a halt"
    for turn in (1, 2):
        with pytest.raises(IdentityChanged) as caught:
            world.run()
        said = str(caught.value)
        assert f"realm_name is 'Somebody Else', pinned is '{name.realm_name}'" in said
        assert f"syncd connect --company {world.name}" in said
        assert (caught.value.exit_code, tripped(world, "identity"), halted(world)) == (EXIT_HALTED, turn, True)
        world.restart()
    world.sandbox.clear_faults()
    found = brake(world.run(), "halted")
    assert "Somebody Else" in found.text
    assert found.text.endswith("About to happen: create 1 invoice in QuickBooks.")
    assert (world.writes(), snapshot(world)) == (before, source)
    world.store.resume(world.name, "Ann", "the address was wrong")
    assert world.run().outcome == "ok"
    assert not halted(world)
    at_rest(world)


@pytest.mark.failure("F-64")
def test_another_source_halts_until_a_person_says_that_it_is_the_same_in_another_place(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.invoice(1, "INV-2")
    old = Path(world.source_url.removeprefix("sqlite:///"))
    moved = old.with_name("moved.db")
    shutil.copyfile(old, moved)
    config = configure(world)
    config.write_text(config.read_text().replace(str(old), str(moved)))
    before = world.writes()
    refused = syncd(config, "reconcile")
    assert refused.returncode == EXIT_HALTED
    identity = f"sqlite:{moved}"
    assert f"--source '{identity}'" in refused.stderr
    world.store.resume(world.name, "Ann", "it is right")
    assert syncd(config, "reconcile").returncode == EXIT_HALTED, "a reason alone does not say which source"
    assert world.writes() == before
    assert syncd(config, "resume", "--reason", "moved", "--source", identity).returncode == EXIT_OK
    done = syncd(config, "reconcile")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}


def test_a_halt_outlives_restarts_and_nothing_leaves_meanwhile(world: World) -> None:
    """Not even what was on its way: recovery would send it again."""
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    world.invoice(ada, "INV-2")
    world.sandbox.add_fault("reset", when="before", entity="Invoice", operation="create", realm=world.realm, count=0)
    assert world.run().outcome == "unknown"
    world.sandbox.clear_faults()
    assert len(world.store.open_entries(world.name)) == 1
    world.store.halt(world.name, "the accountant is closing the year")
    world.invoice(ada, "INV-3")
    mark, source = world.sandbox.last_request(), snapshot(world)
    for turn in (1, 2):
        world.restart()
        assert halted(world), "shown before the first run"
        report = world.run(accept_config=True, allow_removals={Kind.INVOICE: 99})
        found = brake(report, "halted")
        assert "the accountant is closing the year" in found.text
        assert "create 1 invoice in QuickBooks" in found.text
        assert tripped(world, "halted") == turn
    assert (mutations(world, mark), snapshot(world)) == ([], source)
    assert syncd(configure(world), "resume", "--reason", "the year is closed").returncode == EXIT_OK
    assert world.run().outcome == "ok"
    assert not halted(world)
    once(world)
    at_rest(world)
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2", "INV-3"]


@pytest.mark.parametrize("what", ["settings", "mapping"])
def test_a_changed_scope_only_plans_until_it_is_accepted(world: World, what: str) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.invoice(1, "INV-2")
    before = world.writes()
    if what == "settings":
        world.settings = msgspec.structs.replace(SETTINGS, allow_tax_drop=True)
    else:
        world._source["time_zone"] = "Europe/Berlin"
    world.restart()
    for turn in (1, 2):
        found = brake(world.run(), "scope-changed")
        assert found.override == "syncd reconcile --accept-config"
        assert found.text.endswith("About to happen: create 1 invoice in QuickBooks.")
        assert (world.writes(), tripped(world, "scope-changed")) == (before, turn)
    world.run(accept_config=True)
    at_rest(world)


# ---- one record


@pytest.mark.failure("F-52")
def test_two_programs_that_fight_over_a_field_are_left_to_a_person(world: World) -> None:
    """One program sets the due date in QuickBooks, another sets it back in the source, again and again."""
    world.invoice(world.client("Ada"), "INV-1")
    other = world.invoice(1, "INV-2")
    world.run()
    sent = world.one("Invoice", DocNumber="INV-1")
    pulls = 0
    for _ in range(6):
        change(world, "Invoice", sent, DueDate="2026-09-09")
        report = world.run()
        if report.plan.brakes:
            break
        pulls += 1
        world.sql("UPDATE invoice SET due_date = '2026-04-01' WHERE id = 1")
        if world.run().plan.brakes:
            break
    assert pulls <= 4
    waits = held_one(world, Kind.INVOICE)
    assert (waits.label, waits.case) == ("INV-1", "C52")
    assert "two programs may be fighting" in waits.reason
    assert tripped(world, "churn") == 1
    world.sql("UPDATE invoice SET due_date = '2026-05-05' WHERE id = :id", id=other)
    books = world.one("Invoice", DocNumber="INV-1")
    report = world.run()
    assert brake(report, "churn").override.startswith("syncd held retry")
    assert world.one("Invoice", DocNumber="INV-1") == books, "the one that is fought over stays"
    assert str(world.one("Invoice", DocNumber="INV-2")["DueDate"]) == "2026-05-05", "the other goes on"
    world.restart()
    assert brake(world.run(), "churn")
    answer(world, "retry", Kind.INVOICE)
    assert world.run().outcome == "ok"
    at_rest(world)


@pytest.fixture
def stubborn(world: World) -> World:
    """A source that accepts a new due date and keeps the old one; QuickBooks has changed the date."""
    world.invoice(world.client("Ada"), "INV-1")
    world.invoice(1, "INV-2")
    world.run()
    world.sql(
        "CREATE TRIGGER keeps AFTER UPDATE OF due_date ON invoice WHEN NEW.due_date <> OLD.due_date "
        "BEGIN UPDATE invoice SET due_date = OLD.due_date WHERE id = NEW.id; END"
    )
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), DueDate="2026-09-09")
    return world


def test_what_is_answered_and_not_taken_is_written_twice_and_no_more(stubborn: World) -> None:
    world = stubborn

    def told() -> int:
        events = world.store.history(world.name, Kind.INVOICE, "1")
        return sum(event.side is Side.SOURCE and event.verb is Verb.UPDATE for event in events)

    start = told()
    for tries in (1, 2):
        world.run()
        assert told() == start + tries
        event = world.store.history(world.name, Kind.INVOICE, "1")[-1]
        assert event.result == "not taken: due_date"
        assert held(world) == []
    for turn in (1, 2, 3):
        found = brake(world.run(), "not-convergent")
        assert "the last writes to the source were answered, and the source kept what it had" in found.text
        assert (told(), tripped(world, "not-convergent")) == (start + 2, turn)
        world.restart()
    assert (held_one(world).case, held_one(world).label) == ("C52", "INV-1")
    world.sql("UPDATE invoice SET notes = 'another' WHERE id = 2")
    world.run()
    assert world.one("Invoice", DocNumber="INV-2")["CustomerMemo"]["value"] == "another", "the rest goes on"
    assert [d.label for d in world.engine.audit().differ] == ["INV-1"], "and it is no secret"
    world.sql("DROP TRIGGER keeps")
    assert brake(world.run(), "not-convergent"), "nobody has said that it was mended"
    answer(world, "retry")
    assert world.run().outcome == "ok"
    assert str(row(world, "invoice", 1)["due_date"]) == "2026-09-09"
    at_rest(world)


def test_quickbooks_that_answers_with_the_old_value_is_told_twice_and_no_more(world: World) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    sent = world.one("Invoice")
    as_it_was = json.dumps(world.accountant.call("GET", f"invoice/{sent['Id']}"), default=float)
    world.sandbox.add_fault(
        "status", status=200, body=as_it_was, entity="Invoice", operation="update", count=0, realm=world.realm
    )
    world.sql("UPDATE invoice SET notes = 'edited'")
    mark = world.sandbox.last_request()
    for tries in (1, 2):
        world.run()
        assert len(mutations(world, mark)) == tries
    for _ in range(2):
        found = brake(world.run(), "not-convergent")
        assert "the last writes to QuickBooks were answered, and QuickBooks kept what it had" in found.text
        assert len(mutations(world, mark)) == 2
    world.sandbox.clear_faults()
    answer(world, "retry")
    assert world.run().outcome == "ok"
    assert world.one("Invoice")["CustomerMemo"]["value"] == "edited"
    at_rest(world)


def test_a_retry_that_is_not_taken_either_is_one_write(stubborn: World) -> None:
    world = stubborn
    for _ in range(3):
        world.run()
    before = len(world.store.history(world.name, Kind.INVOICE, "1"))
    answer(world, "retry")
    for _ in range(3):
        world.run()
    assert len([e for e in world.store.history(world.name, Kind.INVOICE, "1")[before:] if e.verb is Verb.UPDATE]) == 1
    assert held_one(world).case == "C52"


def test_over_the_ceiling_a_person_approves_each(make: Make) -> None:
    world = make(settings=msgspec.structs.replace(SETTINGS, amount_ceiling="500.00"))
    ada = world.client("Ada")
    world.invoice(ada, "SMALL", ("500.00", "Work"))
    big = world.invoice(ada, "BIG", ("500.01", "Work"))
    report = world.run()
    assert (report.outcome, report.exit_code) == ("held", EXIT_HELD)
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["SMALL"]
    waits = held_one(world)
    assert (waits.case, waits.label) == ("C51", "BIG")
    assert "over the ceiling of 500.00" in waits.reason
    labels = {"company": world.name, "kind": "invoice", "case": "C51"}
    assert world.metrics.registry.get_sample_value("syncd_records_held", labels) == 1
    answer(world, "accept-source")
    world.run()
    at_rest(world)
    world.sql("UPDATE invoice_line SET amount = '600', rate = '600' WHERE invoice_id = :id", id=big)
    world.sql("UPDATE invoice SET total = '600' WHERE id = :id", id=big)
    assert world.run().outcome == "held", "approved was what was asked, not whatever comes later"
    assert Decimal(world.one("Invoice", DocNumber="BIG")["TotalAmt"]) == Decimal("500.01")


@pytest.mark.failure("F-88")
def test_what_was_never_ours_is_never_written(world: World) -> None:
    """Records of QuickBooks that nobody linked stay byte for byte, whatever happens beside them."""
    theirs = customer(world, "Somebody", Notes="by hand")
    foreign = bill(world, theirs, "X-1", ("77.00", "By hand"))
    theirs = world.one("Customer", Id=theirs["Id"])
    ada = world.client("Ada")
    payment = world.payment(ada, (world.invoice(ada, "INV-1"), "10.00"), reference="P-1")
    world.run()
    world.sql("UPDATE invoice SET notes = 'edited', state = 'draft'")
    drop_payments(world, f"id = {payment}")
    world.run(allow_removals={Kind.PAYMENT: 1}, allow_empty={(Side.SOURCE, Kind.PAYMENT): 1})
    assert world.books("Payment") == []
    assert world.one("Customer", Id=theirs["Id"]) == theirs
    assert world.one("Invoice", Id=foreign["Id"])["SyncToken"] == foreign["SyncToken"]


# ---- reading, plans, the state


@pytest.mark.failure("F-32")
def test_one_kind_that_cannot_be_read_is_unknown_and_the_others_go_on(full: World) -> None:
    forget(full)
    mark = full.sandbox.last_request()
    full.run()
    asked = full.sandbox.requests(after=mark, realm=full.realm, endpoint="query")
    first = next(n for n, each in enumerate(asked, start=1) if "Payment" in unquote_plus(each["query"]).split())
    full.accountant.delete("Payment", full.one("Payment", PaymentRefNum="P-1"))
    change(full, "Invoice", full.one("Invoice", DocNumber="INV-1"), DueDate="2026-09-09")
    full.sql("UPDATE invoice SET due_date = '2026-10-10' WHERE number = 'INV-2'")
    forget(full)
    before = full.store.cursors(full.name).qbo
    full.sandbox.add_fault("status", status=400, code="6000", endpoint="query", nth=first, realm=full.realm)
    report = full.run()
    assert report.plan.brakes == ()
    assert len(full.rows("SELECT id FROM payment")) == PAID
    assert str(row(full, "invoice", 1)["due_date"]) == "2026-09-09"
    assert str(full.one("Invoice", DocNumber="INV-2")["DueDate"]) == "2026-10-10"
    assert full.store.cursors(full.name).qbo == before, "nothing that was not read is passed over"
    full.sandbox.clear_faults()
    full.run()
    assert len(full.rows("SELECT id FROM payment")) == PAID - 1
    at_rest(full)


def test_a_plan_that_is_too_old_or_of_other_settings_is_refused(full: World, tmp_path: Path) -> None:
    full.sql("UPDATE invoice SET notes = 'edited' WHERE id = 1")
    config, path = configure(full), tmp_path / "plan.json"
    assert syncd(config, "reconcile", "--dry-run", "--out", str(path)).returncode == EXIT_OK
    fresh = load_plan(path)
    before = full.writes()
    save_plan(path, msgspec.structs.replace(fresh, made_at=fresh.made_at - LIFETIME - timedelta(seconds=1)))
    refused = syncd(config, "apply", str(path))
    assert (refused.returncode, full.writes()) == (EXIT_CONFIG, before)
    assert "too old to be applied. Make a new plan." in refused.stderr
    with pytest.raises(ConfigError, match="configuration changed since the plan was made"):
        full.engine.apply(msgspec.structs.replace(fresh, scope_digest="other"), CycleRequest())
    assert full.writes() == before
    save_plan(path, fresh)
    assert syncd(config, "apply", str(path)).returncode == EXIT_OK
    assert full.one("Invoice", DocNumber="INV-1")["CustomerMemo"]["value"] == "edited"


def test_what_a_brake_counted_in_one_company_is_lifted_for_one(make: Make) -> None:
    one = make(name="one")
    config = configure(one)
    section = config.read_text().partition("[[company]]")[2]
    text = config.read_text() + "[[company]]" + section.replace('name = "one"', 'name = "two"').replace(one.realm, "99")
    config.write_text(text)
    refused = syncd(config, "reconcile", "--allow-removals", "payment=9")
    assert refused.returncode == 64
    assert "--company" in refused.stderr
