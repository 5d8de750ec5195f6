"""Work through the command line, on both sides at once: what it says is what was done."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import pytest
from command_world import SYNCD, Office, environment, write_config

from syncd.errors import EXIT_BUSY, EXIT_CHANGES, EXIT_CONFIG, EXIT_HALTED, EXIT_HELD, EXIT_OK, EXIT_RECONNECT
from syncd.sandbox.server import RunningSandbox
from tests.support.world import World


def digest(folder: Path) -> dict[str, str]:
    """Every database file as it is on disk."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.suffix == ".db" and file.is_file()
    }


def test_the_first_run_shows_its_plan_and_waits_for_approval(office: Office) -> None:
    dry = office("reconcile", "--dry-run")
    assert dry.returncode == EXIT_HALTED
    assert "--approve-first-run" in dry.stdout
    assert "INV-1, 150.25 USD" in dry.stdout
    assert office("reconcile").returncode == EXIT_HALTED
    assert office.world.books("Invoice") == []
    done = office("reconcile", "--approve-first-run")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert office.world.one("Invoice", DocNumber="INV-1")["TotalAmt"] == Decimal("150.25")
    assert "acme: " in done.stderr, "progress, as plain lines"
    assert "\x1b[" not in done.stdout + done.stderr


def settled(office: Office) -> Office:
    """The office after its first run."""
    done = office("reconcile", "--approve-first-run")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    return office


def test_a_dry_run_is_truthful_and_writes_nothing(office: Office) -> None:
    world = settled(office).world
    world.sql("UPDATE invoice SET notes = 'Thank you', due_date = '2026-05-01' WHERE number = 'INV-1'")
    world.store.close()
    before, writes = digest(world.directory), world.writes()
    dry = office("reconcile", "--dry-run", "--exit-code")
    assert dry.returncode == EXIT_CHANGES, dry.stdout + dry.stderr
    assert "due_date: 2026-04-01 → 2026-05-01" in dry.stdout
    assert dry.stdout.splitlines()[-1] == "acme: dry run, nothing was written."
    assert office("reconcile", "--dry-run").returncode == EXIT_OK
    assert (digest(world.directory), world.writes()) == (before, writes)
    report = office.json("reconcile", code=EXIT_OK)["companies"][0]
    assert report["plan"]["summary"]["update"] == 1
    assert report["applied"] >= 1
    assert world.one("Invoice", DocNumber="INV-1")["DueDate"] == "2026-05-01"
    assert office("reconcile", "--dry-run", "--exit-code").returncode == EXIT_OK


def test_a_dry_run_keeps_a_grant_that_it_had_to_renew(office: Office) -> None:
    world = settled(office).world
    grants = world.store.tokens("sandbox", world.realm)
    before = grants.load()
    assert before is not None
    import msgspec

    spent = msgspec.structs.replace(before, access_token="spent", access_expires_at=before.connected_at)
    assert grants.save(spent, before.version)
    done = office("reconcile", "--dry-run")
    assert done.returncode == EXIT_OK, done.stderr
    after = grants.load()
    assert after is not None
    assert after.access_token != "spent"


def test_a_saved_plan_is_applied_as_it_is(office: Office, tmp_path: Path) -> None:
    world = settled(office).world
    world.sql("UPDATE invoice SET due_date = '2026-05-01' WHERE number = 'INV-1'")
    plan = tmp_path / "plan.json"
    assert office("reconcile", "--dry-run", "--out", plan).returncode == EXIT_OK
    assert plan.stat().st_mode & 0o077 == 0
    done = office("apply", plan)
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert world.one("Invoice", DocNumber="INV-1")["DueDate"] == "2026-05-01"
    changed = json.loads(plan.read_text())
    changed["company"] = "other"
    plan.write_text(json.dumps(changed))
    assert office("apply", plan).returncode == EXIT_CONFIG


def test_only_the_records_that_were_named(office: Office) -> None:
    world = settled(office).world
    client = world.rows("SELECT id FROM client")[0]["id"]
    first, second = world.invoice(client, "INV-2"), world.invoice(client, "INV-3")
    assert office("reconcile", "--kind", "invoices", "--id", second).returncode == EXIT_OK
    numbers = {invoice["DocNumber"] for invoice in world.books("Invoice")}
    assert numbers == {"INV-1", "INV-3"}, first


def test_an_audit_proves_agreement_or_lists_what_differs(office: Office) -> None:
    world = settled(office).world
    done = office("audit")
    assert done.returncode == EXIT_OK
    assert re.search(r"acme: \d+ records compared, \d+ agree, 0 differ, money difference 0\.00\.", done.stdout)
    world.sql("UPDATE invoice_line SET amount = '101.00', rate = '101' WHERE description = 'Analysis'")
    world.sql("UPDATE invoice SET total = '151.25' WHERE number = 'INV-1'")
    done = office("audit")
    assert done.returncode == EXIT_HELD
    assert "money difference 1.00 USD" in done.stdout


def test_check_names_what_is_wrong_and_what_to_do(office: Office) -> None:
    done = office("check")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert "ok     configuration" in done.stdout
    office.config.write_text(office.config.read_text().replace('default_item = "Services"', ""))
    assert "Set [company.settings] default_item" in " ".join(office("check").stdout.split())
    broken = office.config.read_text().replace(office.world.source_url, f"sqlite:///{office.world.directory}/none.db")
    office.config.write_text(broken)
    found = office.json("check", code=EXIT_CONFIG)["findings"]
    assert any(row["level"] == "error" and row["company"] == "acme" for row in found)


def test_another_runner_is_not_disturbed(office: Office) -> None:
    world = settled(office).world
    lease = world.store.acquire("acme", "somebody else", 60)
    done = office("reconcile")
    assert done.returncode == EXIT_BUSY
    assert office("reconcile", "--dry-run").returncode == EXIT_OK
    world.store.release(lease)
    assert office("reconcile").returncode == EXIT_OK


def test_one_company_s_fault_leaves_the_others_their_turn(
    office: Office, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    (tmp_path / "b").mkdir()
    other = World(tmp_path / "b", sandbox, name="bravo")
    try:
        other.invoice(other.client("Bob"), "B-1")
        office.config = write_config(tmp_path, office.world, other)
        # Bravo's grant is in its own state: in this one it is not connected.
        report = office.json("reconcile", "--approve-first-run", code=EXIT_RECONNECT)["companies"]
        assert [row["company"] for row in report] == ["acme", "bravo"]
        assert report[0]["outcome"] == "ok"
        assert "syncd connect" in report[1]["error"]
        assert len(office.world.books("Invoice")) == 1
        assert office("reconcile", "--dry-run", "--out", tmp_path / "plan").returncode == 64
    finally:
        other.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_between_two_records(office: Office, number: signal.Signals) -> None:
    world = office.world
    client = world.rows("SELECT id FROM client")[0]["id"]
    for place in range(80):
        world.invoice(client, f"N-{place}")
    # The next batch answers late, so that the signal comes before the last one leaves, however busy the machine is.
    world.sandbox.add_fault("stall", seconds=1.0, when="after", endpoint="batch", count=0, realm=world.realm)
    process = subprocess.Popen(
        [SYNCD, "reconcile", "--approve-first-run", "--config", office.config],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not world.books("Invoice") and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Stopping after the write in hand" in err
    assert process.returncode >= 0, out + err
    assert not any(state in {"intended", "sent"} for state in world.store.journal_counts("acme")), out
    assert 0 < len(world.books("Invoice")) < 81
    world.sandbox.clear_faults()
    done = office("reconcile")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    numbers = [invoice["DocNumber"] for invoice in world.books("Invoice")]
    assert (len(numbers), len(set(numbers))) == (81, 81), "nothing twice, nothing lost"
