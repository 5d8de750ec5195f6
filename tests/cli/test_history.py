"""``history`` and ``runs``: every write has its line, with who, why, before, after and both numbers, for good."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from command_world import Office

from syncd.errors import EXIT_OK, EXIT_UNEXPECTED
from syncd.model.kinds import Kind, Side
from syncd.state.values import HistoryLine
from tests.support.world import World

EXIT_USAGE = 64
UNLOCK = ("DROP TRIGGER history_no_update", "DROP TRIGGER history_no_delete")


def busy(world: World) -> None:
    """Creates in a batch and alone, an update on each side, a removal."""
    ada = world.rows("SELECT id FROM client")[0]["id"]
    two = world.invoice(ada, "INV-2", ("20.00", "Work"))
    payment = world.payment(ada, (two, "5.00"), reference="P-1")
    world.run()
    world.sql("UPDATE invoice SET notes = 'thanks' WHERE id = :id", id=two)
    first = next(i for i in world.books("Invoice") if i["DocNumber"] == "INV-1")
    world.accountant.save("Invoice", {**first, "DueDate": "2026-05-05"})
    world.run()
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=payment)
    world.sql("DELETE FROM payment WHERE id = :id", id=payment)
    world.run(allow_removals={Kind.PAYMENT: 1}, allow_empty={(Side.SOURCE, Kind.PAYMENT): 1})


def lines(world: World) -> list[HistoryLine]:
    """The history as it is stored."""
    return list(world.store.history_lines(world.name))


def tamper(world: World, *statements: str) -> None:
    """What somebody with the database's password can do."""
    with sqlite3.connect(world.state_url.removeprefix("sqlite:///")) as state:
        for statement in (*UNLOCK, *statements):
            state.execute(statement)
    state.close()


def test_every_write_has_its_line_with_who_why_before_after_and_both_numbers(world: World) -> None:
    busy(world)
    writes = [line for line in lines(world) if line.journal_id]
    assert {(line.side, line.verb) for line in writes} == {
        *(("qbo", "create"), ("qbo", "update"), ("qbo", "delete"), ("source", "update"))
    }
    assert world.store.unrecorded(world.name) == (0, "")
    heard = {r["requestid"]: r["tid"] for r in world.sandbox.requests(realm=world.realm) if r["requestid"]}
    together = 0
    for line in writes:
        entry = world.store.entry(line.journal_id)
        assert entry is not None
        assert (line.actor, line.run_id, line.request_id) == ("operator", entry.intent.run_id, entry.request_id)
        assert line.case.startswith("C"), line
        assert line.reason, line
        assert bool(line.before != "{}") is (line.verb != "create")
        assert bool(line.after != "{}") is (line.verb != "delete")
        assert line.source_id, line
        assert line.qbo_id, line
        if line.side == "qbo":
            assert line.tid == heard[entry.intent.batch_request_id or entry.request_id] != "", line
            assert entry.tid == line.tid
            together += bool(entry.intent.batch_request_id)
    assert together >= 2, "none of them travelled in a batch"


def test_what_follows_from_a_person_s_answer_is_that_person_s_doing(office: Office) -> None:
    world = office.world
    world.run()
    invoice = world.one("Invoice")
    world.sql("UPDATE invoice SET due_date = '2026-06-01'")
    world.accountant.save("Invoice", {**invoice, "Line": invoice["Line"], "CustomerMemo": {"value": "x"}})
    world.accountant.delete("Invoice", world.accountant.read("Invoice", invoice["Id"]))
    world.run()
    number = office.json("held", "list")["held"][0]["id"]
    assert office("held", "accept-source", number, LOGNAME="grace", SUDO_USER="grace").returncode == EXIT_OK
    world.run(actor="daemon")
    made = [line for line in lines(world) if line.verb == "create" and line.kind == "invoice"]
    assert [line.actor for line in made] == ["operator", "grace"]
    assert {line.actor for line in lines(world) if line.run_id == made[-1].run_id} == {"grace"}


def test_a_record_is_found_by_either_id(office: Office) -> None:
    office.world.run()
    qbo_id = office.world.one("Invoice")["Id"]
    mine = office("history", "invoice", "1").stdout
    assert "create in QuickBooks: done (C11, operator)" in mine
    assert office("history", "show", "invoice", qbo_id).stdout == mine
    assert office("history", "--company", "acme", "invoice", "1").stdout == mine
    (first, *_) = office.json("history", "invoice", "1")["companies"]["acme"]
    assert (first["source_id"], first["qbo_id"], first["verb"]) == ("1", qbo_id, "create")


def test_a_whole_history_is_told_with_what_to_keep_elsewhere(office: Office) -> None:
    office.world.run()
    said = office.json("history", "verify")
    (row,) = said["companies"]
    length = len(lines(office.world))
    assert (row["whole"], row["lines"], row["first_broken"], row["problems"]) == (True, length, None, [])
    text = office("history", "verify").stdout
    assert f"acme: {length} lines, whole. Keep elsewhere: {length}:{row['head']}" in text
    office.world.sql("UPDATE invoice SET notes = 'thanks'")
    office.world.run()
    assert len(lines(office.world)) > length
    assert office("history", "verify", "--kept", f"{length}:{row['head']}").returncode == EXIT_OK


@pytest.mark.parametrize(
    ("statement", "broken", "text"),
    [
        ("UPDATE history SET actor = 'somebody else' WHERE seq = 4", 4, "Line 4 was changed"),
        ("UPDATE history SET \"after\" = '{}' WHERE seq = 5", 5, "Line 5 was changed"),
        ("UPDATE history SET tid = 'forged' WHERE seq = 4", 4, "Line 4 was changed"),
        ("DELETE FROM history WHERE seq = 3", 3, "Line 3 is missing"),
        ("DELETE FROM history WHERE seq > 4", 5, "the history ends after 4"),
    ],
)
def test_a_line_that_was_changed_or_taken_away_is_named(office: Office, statement: str, broken: int, text: str) -> None:
    office.world.run()
    tamper(office.world, statement)
    done = office("history", "verify")
    assert done.returncode == EXIT_UNEXPECTED
    assert "acme: NOT WHOLE." in done.stdout
    assert text in " ".join(done.stdout.split())
    said = office.json("history", "verify", code=EXIT_UNEXPECTED)
    assert said["companies"][0]["first_broken"] == broken
    assert said["exit_code"] == EXIT_UNEXPECTED


def test_an_end_cut_off_with_its_head_shows_by_the_journal_and_by_what_was_kept(office: Office) -> None:
    """Whoever resets the head as well leaves a chain that is right in itself."""
    office.world.run()
    kept = office.json("history", "verify")["companies"][0]
    head = lines(office.world)[2].hash
    tamper(
        office.world,
        "DELETE FROM history WHERE seq > 3",
        f"UPDATE chains SET length = 3, head = '{head}'",
    )
    assert office.world.store.verify_history("acme") == (True, 3, None)
    said = " ".join(office("history", "verify").stdout.split())
    assert "writes of the journal have no line" in said
    note = f"{kept['lines']}:{kept['head']}"
    said = " ".join(office("history", "verify", "--kept", note).stdout.split())
    assert f"Line {kept['lines']} is not the one that was noted down" in said


def test_the_export_has_every_line_and_no_formula(office: Office, tmp_path: Path) -> None:
    world = office.world
    world.sql("UPDATE client SET name = '=cmd()' WHERE id = 1")
    world.run(actor="@grace")
    path = tmp_path / "history.csv"
    done = office("history", "export", "--csv", path)
    assert done.returncode == EXIT_OK, done.stderr
    stored = lines(world)
    assert f"{len(stored)} lines written to {path}." in done.stdout
    assert path.stat().st_mode & 0o077 == 0
    rows = read(path)
    assert list(rows[0]) == [
        *("company", "number", "at", "kind", "source_id", "qbo_id", "side", "verb", "case", "reason", "actor"),
        *("result", "before", "after", "journal_id", "request_id", "intuit_tid", "run_id", "previous_hash", "hash"),
    ]
    assert [int(row["number"]) for row in rows] == [line.number for line in stored]
    assert [row["hash"] for row in rows] == [line.hash for line in stored]
    assert [row["intuit_tid"] for row in rows] == [line.tid for line in stored]
    assert {row["actor"] for row in rows if row["journal_id"]} == {"'@grace"}
    assert not [cell for row in rows for cell in row.values() if cell[:1] in set("=+-@\t\r")]
    assert office("history", "export", "--csv", "-").stdout.splitlines() == path.read_text().splitlines()


def test_an_export_can_be_narrowed(office: Office, tmp_path: Path) -> None:
    office.world.run()
    path = tmp_path / "history.csv"
    today = lines(office.world)[0].at.date().isoformat()
    assert office("history", "export", "--csv", path, "--kind", "invoices").returncode == EXIT_OK
    assert {row["kind"] for row in read(path)} == {"invoice"}
    assert office("history", "export", "--csv", path, "--until", today).returncode == EXIT_OK
    assert read(path) == []
    assert office("history", "export", "--csv", path, "--since", today).returncode == EXIT_OK
    assert len(read(path)) == len(lines(office.world))


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "arguments", [("history",), ("history", "invoice"), ("history", "export"), ("history", "verify", "--kept", "7")]
)
def test_wrong_usage(office: Office, arguments: tuple[str, ...]) -> None:
    assert office(*arguments).returncode in {EXIT_USAGE, EXIT_OK if arguments == ("history",) else EXIT_USAGE}


def test_the_runs_are_listed_newest_first_and_one_is_undone_by_its_id(office: Office) -> None:
    assert "Nothing has run yet." in office("runs").stdout
    run = office.world.run().run_id
    (row,) = office.json("runs")["runs"]
    assert (row["id"], row["company"], row["what"], row["outcome"]) == (run, "acme", "reconcile", "ok")
    assert row["counts"]["applied"] > 2
    listed = office("runs").stdout
    assert run in listed
    assert "reconcile" in listed
    shown = office("undo", run)
    assert shown.returncode == EXIT_OK, shown.stderr
    assert "run-1 created it in QuickBooks; it is deleted there again" in shown.stdout
    assert office("undo", run, "--exit-code").returncode == 2
    assert office.world.one("Invoice")
    done = office("undo", run.removeprefix("run-"), "--apply", SUDO_USER="grace")
    assert done.returncode == 3, done.stdout + done.stderr
    assert office.world.books("Invoice") == []
    assert "undone by grace" in " ".join(office("held", "show", "1").stdout.split())
    assert [each["what"] for each in office.json("runs", "--limit", "1")["runs"]] == [f"undo of {run}"]
    assert office("undo", "run-77").returncode == EXIT_UNEXPECTED
    assert office("undo", run, "--apply", "--out", "x.json").returncode == EXIT_USAGE
