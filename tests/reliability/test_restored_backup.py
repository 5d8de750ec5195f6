"""A state that was restored from a backup: noticed, nothing written, links rebuilt, and then as if nothing had happened
(F-3, F-11, F-113, F-114).

The same people do the same things to two companies. One goes on undisturbed; of the other one the state is put back to
a backup from the middle of the story. In the end both hold the same documents, and nothing was ever made twice.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from syncd import cycle, rebuilding, relinking, rematching
from syncd.config import load_config
from syncd.epoch import Noted, Witness, realm_of
from syncd.errors import LeaseLost, StateError
from syncd.model.kinds import Kind
from syncd.report import CycleReport, CycleRequest
from syncd.runner import CompanyRunner
from syncd.state.values import Settlement
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    answer,
    at_rest,
    born,
    change,
    configure,
    documents,
    held,
    held_one,
    mutations,
    once,
    receive,
    row,
    same_books,
    snapshot,
    syncd,
)
from tests.e2e.killing import kill_in_flight, runner, until
from tests.support.world import World

# ---- backups


def witness_of(world: World) -> Path:
    """Where the service notes how far the state has come: beside the state, as the command line has it by default."""
    return Path(f"{world.state_url.removeprefix('sqlite:///')}.epoch")


@pytest.fixture
def watched(make: Make, tmp_path: Path) -> Callable[..., World]:
    """A company whose state has a witness."""

    def made(name: str = "acme", **options: Any) -> World:
        return make(name=name, epoch_file=tmp_path / f"{name}-state.db.epoch", **options)

    return made


def backup(world: World) -> Path:
    """A copy of the state as a backup tool takes it, while syncd has it open."""
    copy = world.directory / f"{world.name}-backup.db"
    origin = sqlite3.connect(world.state_url.removeprefix("sqlite:///"))
    target = sqlite3.connect(copy)
    origin.backup(target)
    origin.close()
    target.close()
    return copy


def restore(world: World, copy: Path | None) -> None:
    """Put a backup in the place of the state (None: the disk is lost altogether), and connect again as one must when
    the grant in it is an old one."""
    world.engine.close()
    world.store.close()
    state = Path(world.state_url.removeprefix("sqlite:///"))
    for suffix in ("", "-wal", "-shm"):
        state.with_name(state.name + suffix).unlink(missing_ok=True)
    if copy is not None:
        shutil.copyfile(copy, state)
    world.store = world.open_store()
    world.grant()
    world.engine = world.build()


def write_log(world: World) -> int:
    """How often syncd ever wrote to the source."""
    (found,) = world.rows("SELECT count(*) AS n FROM syncd_write")
    return int(found["n"])


# ---- what people do


def begin(world: World) -> None:
    """Before the backup: three clients, invoices paid and unpaid."""
    ada, ben = world.client("Ada"), world.client("Ben")
    hours = world.item("Hours")
    for number in range(1, 9):
        invoice = world.invoice(ada if number % 2 else ben, f"INV-{number}", ("100.00", "Work", hours), ("7.50", "Fee"))
        if number <= 4:
            world.payment(ada if number % 2 else ben, (invoice, "20.00"), reference=f"P-{number}")
    world.invoice(ada, "INV-9", state="draft")


def go_on(world: World, run: Callable[[], Any]) -> None:
    """After the backup: everything that can happen, in several cycles."""
    eve = world.client("Eve")
    paid = world.invoice(eve, "NEW-1", ("40.00", "Work"), ("2.00", "New item", world.item("Travel")))
    world.invoice(1, "NEW-2", ("300.00", "Work"))
    world.payment(eve, (paid, "10.00"), reference="NP-1")
    world.sql("UPDATE invoice SET state = 'published' WHERE number = 'INV-9'")
    world.sql("UPDATE invoice SET notes = 'from the source' WHERE number = 'INV-1'")
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-2"), DueDate="2026-07-07")
    run()
    # An old one and a new one are paid in QuickBooks, one is voided, payments are deleted on either side.
    first = world.one("Invoice", DocNumber="INV-5")
    receive(world, first["CustomerRef"]["value"], (first["Id"], "5.00"), PaymentRefNum="IN-1")
    new = world.one("Invoice", DocNumber="NEW-2")
    receive(world, new["CustomerRef"]["value"], (new["Id"], "50.00"), PaymentRefNum="IN-2")
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="P-1"))
    world.sql("DELETE FROM payment WHERE reference = 'P-2'")
    world.sql("UPDATE invoice SET due_date = '2026-08-08' WHERE number = 'NEW-1'")
    run()
    # What was entered after the backup is changed and deleted, too.
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), DueDate="2026-09-09")
    world.sql("UPDATE invoice SET notes = 'again' WHERE number = 'INV-2'")
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="NP-1"))
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="IN-1"))
    run()


def end(world: World) -> None:
    """Once it goes on: what was linked anew is edited on both sides."""
    world.sql("UPDATE invoice SET notes = 'late' WHERE number = 'NEW-1'")
    change(world, "Invoice", world.one("Invoice", DocNumber="NEW-2"), DueDate="2026-10-10")
    world.sql("UPDATE client SET email = :email WHERE name = 'Eve'", email=EMAIL)
    world.sql("UPDATE invoice SET notes = 'later' WHERE number = 'INV-9'")
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="IN-2"))
    world.invoice(2, "LAST-1", ("1.00", "Work"))


def refused(world: World, run: Callable[[], CycleReport]) -> CycleReport:
    """A run that writes nothing anywhere, and says why."""
    books, source, asked = world.writes(), snapshot(world), world.sandbox.last_request()
    report = run()
    assert (report.outcome, report.exit_code) == ("halted", 4)
    assert "restored" in [brake.rail for brake in report.plan.brakes]
    assert report.plan.operations == () or not any(o.writes for o in report.plan.operations)
    assert world.writes() == books
    assert snapshot(world) == source
    assert mutations(world, asked) == []
    return report


def relinked(world: World, config: Path, *, code: int = 0) -> dict[str, Any]:
    """A person looks at what would be linked, stores it, looks at the plan, and goes on."""
    books, source = world.writes(), snapshot(world)
    looked = syncd(config, "relink", "--json")
    assert looked.returncode == code, looked.stdout + looked.stderr
    assert world.store.last_run(world.name, "relink") is None, "the look was stored"
    done = syncd(config, "relink", "--apply", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    plan, found = json.loads(looked.stdout), json.loads(done.stdout)
    assert {**plan, "applied": True} == found, "what was shown is not what was stored"
    dry = syncd(config, "reconcile", "--dry-run")
    assert dry.returncode == 4, dry.stdout + dry.stderr
    assert "older than the world" in dry.stdout
    assert world.writes() == books
    assert snapshot(world) == source
    return found


def resumed(world: World, config: Path, *more: str) -> None:
    """The person's word."""
    done = syncd(config, "resume", "--reason", "the backup was relinked", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.store.company(world.name).restored_at is None  # type: ignore[union-attr]  # known since the first run


# ---- the whole story


@pytest.mark.timeout(900)  # ten commands, each a process of its own
@pytest.mark.failure("F-113", "F-114", "F-3")
def test_a_restored_backup_ends_as_if_nothing_had_happened(watched: Callable[..., World]) -> None:
    world, other = watched(), watched("undisturbed")
    for each in (world, other):
        begin(each)
        each.run()
    copy = backup(world)
    for each in (world, other):
        go_on(each, lambda each=each: each.run(allow_removals={Kind.PAYMENT: 9}))  # type: ignore[misc]  # bound per turn
        at_rest(each)
    same_books(world, other)
    restore(world, copy)
    config = configure(world)

    assert "runs, and" in refused(world, world.plan).plan.brakes[0].text
    assert world.store.company(world.name).restored_at is None, "a dry run wrote"  # type: ignore[union-attr]
    report = refused(world, world.run)
    assert "syncd relink" in report.notes[0]
    world.restart()
    refused(world, world.run)
    assert [b.rail for b in refused(world, lambda: world.run(ids=frozenset({"INV-1"}))).plan.brakes] == ["restored"]
    assert world.metrics.halted.labels(world.name)._value.get() == 1
    status = syncd(config, "status")
    assert status.returncode == 4
    assert "RESTORED" in status.stdout
    assert "syncd relink" in status.stdout
    service = CompanyRunner(
        load_config(config), load_config(config).companies[0], lambda *_: world.engine, world.clock, world.metrics
    )
    service.cycle()  # what /readyz answers from
    outcome, detail = service.ended
    assert (outcome, "syncd relink" in detail) == ("halted", True)
    early = syncd(config, "resume", "--reason", "in a hurry")
    assert early.returncode != 0
    assert "not rebuilt yet" in early.stderr

    found = relinked(world, config)
    assert (found["apart"], found["held"], found["left"]) == ([], [], [])
    assert found["found"]["by_id"]["invoice"] == 3
    assert found["found"]["gone"]["payment"] >= 2
    resumed(world, config)
    report = world.run()
    assert (report.outcome, [o.id for o in report.plan.writes]) == ("ok", [])
    at_rest(world)
    for each in (world, other):
        end(each)
        each.run()
        at_rest(each)
        once(each)
    same_books(world, other)
    assert documents(world)["payments"]
    assert born(world, "Customer", "DisplayName") == born(other, "Customer", "DisplayName")
    assert born(world, "Invoice") == born(other, "Invoice")
    assert born(world, "Payment", "PaymentRefNum") == born(other, "Payment", "PaymentRefNum")
    contents = [[{k: v for k, v in r.items() if k in COMPARED} for r in snapshot(w)["invoice"]] for w in (world, other)]
    assert contents[0] == contents[1]
    assert world.store.verify_history(world.name)[0]
    assert {w.one("Customer", DisplayName="Eve")["PrimaryEmailAddr"]["Address"] for w in (world, other)} == {EMAIL}


COMPARED = {"id", "number", "state", "issue_date", "due_date", "total", "notes"}
EMAIL = "eve@example.com"


# ---- shorter stories


def rebuild(world: World) -> rebuilding.Rebuilt:
    """A person has the links rebuilt and stored."""
    parts = world.engine.parts
    with rematching.leased(parts, "Ann") as lease:
        found = rebuilding.Rebuilder(parts, rematching.identify(parts), actor="Ann").run()
        relinking.store(parts, lease, found)
    return found


def noted_of(world: World) -> Noted:
    """What the witness says."""
    noted = Witness(witness_of(world)).noted(realm_of("sandbox", world.realm))
    assert noted is not None
    return noted


def resume(world: World, force: int | None = None) -> None:
    """A person lets it go on."""
    path = world.epoch_file or witness_of(world)
    relinking.resume(
        world.store,
        Witness(path),
        world.name,
        realm_of("sandbox", world.realm),
        world.clock,
        actor="Ann",
        reason="looked at",
        force=force,
    )


def forgets(world: World, *, keep_witness: bool = True) -> Callable[[], None]:
    """Backs the state up now; calling what this gives puts the backup back."""
    copy = backup(world)

    def back() -> None:
        if not keep_witness and world.epoch_file is not None:
            world.epoch_file.unlink()
        restore(world, copy)

    return back


@pytest.mark.failure("F-113")
def test_without_its_witness_the_write_log_of_the_source_tells(watched: Callable[..., World]) -> None:
    world = watched()
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    back = forgets(world, keep_witness=False)
    world.invoice(ada, "INV-2")
    world.run()
    assert write_log(world)
    back()
    assert "write log" in refused(world, world.run).plan.brakes[0].text
    assert rebuild(world).linked == 1
    resume(world)
    world.restart()
    at_rest(world)
    once(world)
    # The lost time is in the log for ever, and counts no more; what is lost after this counts again.
    back = forgets(world, keep_witness=False)
    world.invoice(ada, "INV-3")
    world.run()
    back()
    refused(world, world.run)


@pytest.mark.failure("F-113")
def test_what_is_normal_is_not_taken_for_a_backup(watched: Callable[..., World], tmp_path: Path) -> None:
    world, other = watched(), watched("other")
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    assert not witness_of(world).exists()
    world.run()
    old = witness_of(world).read_bytes()
    other.run()
    world.invoice(ada, "INV-2")
    world.run()
    witness_of(world).write_bytes(old)  # the state is newer than the file
    at_rest(world)
    witness_of(world).unlink()  # there is none
    world.restart()
    at_rest(world)
    shutil.copyfile(witness_of(other), witness_of(world))  # it is about other books
    at_rest(world)
    copy, witness = backup(world), witness_of(world).read_bytes()
    restore(world, copy)  # state and file were moved together
    witness_of(world).write_bytes(witness)
    world.restart()
    at_rest(world)
    world.store.release(world.store.acquire(world.name, "somebody", 60))  # a run that nobody noted
    at_rest(world)


@pytest.mark.failure("F-113")
def test_a_backup_from_the_middle_of_a_run_is_told_by_the_history(watched: Callable[..., World]) -> None:
    world = watched()
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    noted, standing = noted_of(world), world.store.standing(world.name)
    assert (noted.fence, noted.length, noted.head) == (standing.fence, standing.length, standing.head)
    at_rest(world)
    for longer in (
        msgspec.structs.replace(noted, length=noted.length + 3, head="x" * 64),
        msgspec.structs.replace(noted, head="x" * 64),
    ):
        copy, was = backup(world), witness_of(world).read_bytes()
        Witness(witness_of(world)).note(realm_of("sandbox", world.realm), longer)
        assert "history" in refused(world, world.run).plan.brakes[0].text
        restore(world, copy)
        witness_of(world).write_bytes(was)
        at_rest(world)


@pytest.mark.failure("F-113")
def test_how_far_it_has_come_is_noted_while_a_run_lasts(
    watched: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycle, "LEASE_SECONDS", 1.0)
    world = watched(qbo={"batch_size": 1})
    ada = world.client("Ada")
    for number in range(3):
        world.invoice(ada, f"INV-{number}")
    noted = []

    def progress(_done: int, _total: int, _what: str) -> None:
        stored = world.store.standing(world.name).length
        until(lambda: noted_of(world).length >= stored)
        noted.append(noted_of(world).length)

    world.engine.reconcile(CycleRequest(approve_first_run=True), progress)
    assert noted[-1] > noted[0]


def test_a_witness_that_cannot_be_used_stops_the_run(watched: Callable[..., World]) -> None:
    world = watched()
    world.invoice(world.client("Ada"), "INV-1")
    witness_of(world).write_text("{")
    with pytest.raises(StateError, match="is damaged"):
        world.run()
    witness_of(world).unlink()
    witness_of(world).mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        world.run()
    witness_of(world).rmdir()
    assert world.writes() == 0 or not world.books("Invoice")
    world.run()
    at_rest(world)


@pytest.mark.failure("F-11", "F-113")
def test_a_lost_state_makes_nothing_a_second_time(watched: Callable[..., World]) -> None:
    world = watched()
    begin(world)
    world.run()
    at_rest(world)
    restore(world, None)
    refused(world, world.run)
    found = rebuild(world)
    assert (found.percent, found.left, found.apart) == (100, (), ())
    resume(world)
    report = world.run()
    assert (report.outcome, report.plan.writes) == ("ok", ())
    at_rest(world)
    once(world)


@pytest.mark.failure("F-11")
def test_what_was_not_found_again_is_made_only_by_its_exact_count(watched: Callable[..., World]) -> None:
    world = watched()
    ada = world.client("Ada")
    for number in range(5):
        world.invoice(ada, f"INV-{number}")
    world.run()
    restore(world, None)
    # Somebody has numbered the invoices anew and priced them anew, and the source has lost QuickBooks' ids.
    world.sql("UPDATE invoice SET number = 'R-' || id, qbo_id = NULL, issue_date = '2026-03-09', total = '200.00'")
    world.sql("UPDATE invoice_line SET amount = '200.00', rate = '200.00'")
    refused(world, world.run)
    config = configure(world)
    found = relinked(world, config, code=3)
    assert len(found["left"]) == 5
    for wrong in ((), ("--force", "4"), ("--force", "6")):
        no = syncd(config, "resume", "--reason", "now", *wrong)
        assert no.returncode != 0
        assert "--force 5" in no.stderr
    refused(world, world.run)
    resumed(world, config, "--force", "5")
    world.run()
    assert len(world.books("Invoice")) == 10


@pytest.mark.failure("F-114", "F-3")
@pytest.mark.parametrize("ids", [True, False], ids=["the source keeps ids", "it keeps none"])
def test_what_was_deleted_on_purpose_is_not_brought_back(watched: Callable[..., World], ids: bool) -> None:
    world = watched()
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    back = forgets(world)
    lost = world.invoice(ada, "INV-2")
    world.run()
    sent = world.one("Invoice", DocNumber="INV-2")
    world.accountant.delete("Invoice", sent)
    if not ids:
        world.sql("UPDATE invoice SET qbo_id = NULL")
    world.run()
    back()
    refused(world, world.run)
    found = rebuild(world)
    if ids:
        assert [each.label for each in found.held] == ["INV-2"]
        resume(world)
        assert world.run().outcome == "held"
        assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}
        assert "not there" in held_one(world).reason
        world.sql("UPDATE invoice SET qbo_id = NULL WHERE id = :id", id=lost)
    else:
        assert ([each.label for each in found.left], found.doubtful) == (["INV-2"], 1)
        with pytest.raises(StateError, match=r"deleted on purpose.*--force 1"):
            resume(world)
        resume(world, force=1)
    # A person wants it back: it comes under a new request id, for the old one would be answered with the dead record.
    world.run()
    assert world.one("Invoice", DocNumber="INV-2")["Id"] != sent["Id"]
    assert row(world, "invoice", lost)["qbo_id"] == world.one("Invoice", DocNumber="INV-2")["Id"]
    at_rest(world)


@pytest.mark.failure("F-113")
@pytest.mark.parametrize("late", ["source", "qbo"])
def test_where_nobody_can_know_which_side_is_newer_a_person_says(watched: Callable[..., World], late: str) -> None:
    world = watched()
    ada = world.client("Ada")
    for name in ("INV-1", "INV-2"):
        world.invoice(ada, name, notes="old")
    world.run()
    back = forgets(world)
    world.sql("UPDATE invoice SET notes = 'of the lost time'")
    world.run()
    there = world.one("Invoice", DocNumber="INV-1")
    if late == "source":
        world.sql("UPDATE invoice SET notes = 'latest' WHERE number = 'INV-1'")
    else:
        change(world, "Invoice", there, CustomerMemo={"value": "latest"})
    back()
    refused(world, world.run)
    found = rebuild(world)
    assert [(each.label, each.why) for each in found.apart] == [("INV-1", "the two differ in notes")]
    assert found.found["agreed"] == {Kind.INVOICE: 1}
    resume(world)
    books, source = world.writes(), snapshot(world)
    assert world.run().outcome == "held"
    assert (world.writes(), snapshot(world)) == (books, source)
    assert held_one(world).case == "C21"
    answer(world, f"accept-{late}")
    world.run()
    assert row(world, "invoice", 1)["notes"] == "latest"
    assert world.accountant.read("Invoice", there["Id"])["CustomerMemo"]["value"] == "latest"
    at_rest(world)


@pytest.mark.failure("F-113", "F-3")
def test_a_record_that_was_made_anew_is_linked_with_the_new_one(watched: Callable[..., World]) -> None:
    world = watched()
    ada = world.client("Ada")
    for name in ("INV-1", "INV-2"):
        world.invoice(ada, name)
    world.run()
    back = forgets(world)
    old = world.one("Invoice", DocNumber="INV-1")
    world.accountant.delete("Invoice", old)
    world.run()
    answer(world, "accept-source")
    world.run()
    new = world.one("Invoice", DocNumber="INV-1")
    assert new["Id"] != old["Id"]
    back()
    refused(world, world.run)
    assert rebuild(world).found["moved"] == {Kind.INVOICE: 1}
    resume(world)
    world.sql("UPDATE invoice SET notes = 'late' WHERE number = 'INV-1'")
    world.run()
    assert world.accountant.read("Invoice", new["Id"])["CustomerMemo"]["value"] == "late"
    assert born(world, "Invoice") == {"INV-1": 2, "INV-2": 1}
    at_rest(world)


@pytest.mark.failure("F-113")
def test_where_one_side_stood_still_its_other_side_is_newer(watched: Callable[..., World]) -> None:
    world = watched()
    ada = world.client("Ada")
    for name in ("INV-1", "INV-2"):
        world.invoice(ada, name, notes="old")
    world.run()
    back = forgets(world)
    world.invoice(ada, "INV-3")
    world.run()
    world.sql("UPDATE invoice SET notes = 'here' WHERE number = 'INV-1'")
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-2"), CustomerMemo={"value": "there"})
    back()
    refused(world, world.run)
    assert rebuild(world).apart == ()
    resume(world)
    world.run()
    assert [r["notes"] for r in snapshot(world)["invoice"]][:2] == ["here", "there"]
    assert world.one("Invoice", DocNumber="INV-1")["CustomerMemo"]["value"] == "here"
    at_rest(world)


@pytest.mark.failure("F-113", "F-114")
def test_a_deletion_in_the_source_is_not_undone_by_an_import(watched: Callable[..., World]) -> None:
    """Payments of the lost time that were deleted in the source after it, and are in QuickBooks still."""
    world = watched()
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("500.00", "Work"))
    world.payment(ada, (invoice, "1.00"), reference="STAYS")
    world.run()
    back = forgets(world)
    there = world.one("Invoice")
    receive(world, there["CustomerRef"]["value"], (there["Id"], "5.00"), PaymentRefNum="THEIRS")
    world.payment(ada, (invoice, "7.00"), reference="OURS")
    world.run()
    world.sql("DELETE FROM payment WHERE reference <> 'STAYS'")
    back()
    refused(world, world.run)
    found = rebuild(world)
    assert found.found["by log"] == {Kind.PAYMENT: 1}  # it came from QuickBooks, says the id of the write
    assert (found.imports, found.doubtful) == (1, 1)  # the other one did not: it cannot be told from a new one
    with pytest.raises(StateError, match="--force 1"):
        resume(world)
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="OURS"))
    assert rebuild(world).doubtful == 0
    resume(world)
    report = world.run()
    assert report.outcome == "ok", [(o.id, o.case, o.reason) for o in report.plan.operations + report.plan.withheld]
    assert [p["PaymentRefNum"] for p in world.books("Payment")] == ["STAYS"]
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["STAYS"]
    at_rest(world)


@pytest.mark.failure("F-113", "F-3")
def test_writes_that_were_open_are_not_sent_again(
    watched: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = watched()
    ada = world.client("Ada")
    for number in range(3):
        world.invoice(ada, f"INV-{number}")
    with runner(world) as running:
        kill_in_flight(world, running, when="after", endpoint="batch", entity="Invoice")
        back = forgets(world)
        running.finish()
    at_rest(world)
    world.accountant.delete("Invoice", world.one("Invoice", DocNumber="INV-0"))
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), DocNumber="RENUMBERED", DueDate="2026-08-08")
    world.run()
    assert held_one(world).case == "C32"
    back()
    assert len(world.store.open_entries(world.name)) == 3
    refused(world, world.run)
    assert rebuild(world).travelling == 3
    with pytest.raises(StateError, match="may still arrive"):
        resume(world)
    monkeypatch.setattr(rebuilding, "STILL_TRAVELLING", timedelta(0))
    found = rebuild(world)
    assert (found.closed, found.travelling) == (3, 0)
    assert world.store.open_entries(world.name) == []
    resume(world)
    world.run()
    assert born(world, "Invoice") == {"INV-0": 1, "INV-1": 1, "INV-2": 1}
    assert [each.label for each in held(world)] == ["INV-0"]


@pytest.mark.failure("F-113")
def test_an_answer_that_was_heard_in_the_lost_time_is_not_heard_again(watched: Callable[..., World]) -> None:
    world = watched()
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.run()
    there = world.one("Invoice")
    world.accountant.void("Invoice", there)
    world.run()
    world.store.resolve_held(world.name, held_one(world).id, "ignore", "Ann")
    back = forgets(world)
    world.invoice(ada, "INV-2")
    world.run()
    back()
    refused(world, world.run)
    rebuild(world)
    resume(world)
    world.run()
    assert held_one(world).source_id == str(invoice)
    assert held_one(world).resolution == ""


@pytest.mark.failure("F-113")
def test_a_runner_from_before_the_new_epoch_cannot_write(watched: Callable[..., World]) -> None:
    world = watched()
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    world.store.mark_restored(world.name, "somebody says so")
    rebuild(world)
    lease = world.store.acquire(world.name, "asleep", 3600)
    resume(world)
    with pytest.raises(LeaseLost):
        world.store.settle(lease, Settlement(), run_id="")
    assert world.store.acquire(world.name, "next", 60).fence > 200_000_000
    with pytest.raises(StateError, match="not known to be restored"):
        resume(world)


def test_who_knows_of_a_restore_that_nothing_shows_can_say_so(watched: Callable[..., World]) -> None:
    world = watched()
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    config = configure(world)
    no = syncd(config, "relink", "--apply")
    assert no.returncode != 0
    assert "--restored" in no.stderr
    at_rest(world)
    said = syncd(config, "relink", "--apply", "--restored")
    assert said.returncode == 0, said.stderr
    assert re.search(r"acme: 0 linked again .* neither side was written", said.stdout)
    refused(world, world.run)
    resumed(world, config)
    at_rest(world)


@pytest.mark.failure("F-113")
def test_on_postgresql(make: Make, postgres_url: Callable[[], str], tmp_path: Path) -> None:
    state = postgres_url()
    world = make(state_url=state, epoch_file=tmp_path / "epoch")
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    world.engine.close()
    world.store.close()
    copy = sa.make_url(state).set(database=f"{sa.make_url(state).database}_copy")
    server = sa.create_engine(
        sa.make_url(state).set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool
    )
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {copy.database} TEMPLATE {sa.make_url(state).database}")
    try:
        world.store = world.open_store()
        world.engine = world.build()
        world.invoice(ada, "INV-2")
        world.run()
        world.engine.close()
        world.store.close()
        world.state_url = copy.render_as_string(hide_password=False)
        world.store = world.open_store()
        world.grant()
        world.engine = world.build()
        refused(world, world.run)
        assert rebuild(world).linked == 1
        resume(world)
        world.sql("UPDATE invoice SET notes = 'late' WHERE number = 'INV-2'")
        assert world.run().outcome == "ok"
        assert world.one("Invoice", DocNumber="INV-2")["CustomerMemo"]["value"] == "late"
        at_rest(world)
        once(world)
    finally:
        world.engine.close()
        world.store.close()
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {copy.database} WITH (FORCE)")
