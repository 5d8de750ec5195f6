"""The installed command, as an operator types it: arguments, exit codes, what it prints and where."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from command_world import SYNCD, Office, environment, syncd, write_config

from syncd.cli import cli, options
from syncd.errors import EXIT_CONFIG, EXIT_HALTED, EXIT_HELD, EXIT_OK, EXIT_UNEXPECTED
from syncd.model.kinds import Kind, Side
from syncd.state.values import Held, Settlement
from tests.support.world import World

EXIT_USAGE = 64


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found += [(*path, name), *(commands(command, (*path, name)) if isinstance(command, click.Group) else [])]
    return found


def test_every_command_s_help_has_an_example() -> None:
    for path in commands(cli):
        command: click.Command = cli
        for name in path:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        text = command.get_help(click.Context(command, info_name=" ".join(("syncd", *path))))
        assert re.search(rf"Examples?:\n(.*\n)*.*syncd {' '.join(path)}", text), path
        assert max(map(len, text.splitlines())) <= 100, path


def test_every_command_and_exit_code_is_documented() -> None:
    manual = (Path(__file__).parents[2] / "docs/cli.md").read_text()
    assert [path for path in commands(cli) if f"syncd {' '.join(path)}" not in manual] == []
    for code in ("0", "1", "2", "3", "4", "5", "64", "75", "78", "130"):
        assert f"| {code} |" in manual, code
    for command in cli.commands.values():
        for option in command.params:
            for name in option.opts:
                if name.startswith("--") and name != "--help":
                    assert f"`{name}" in manual, (command.name, name)


def test_help_loads_nothing_heavy() -> None:
    heavy = ("sqlalchemy", "sqlmodel", "starlette", "uvicorn", "pydantic", "requests", "apscheduler", "rich", "alembic")
    script = f"""
import sys
from syncd.cli import run
assert run(["--help"]) == 0 and run(["reconcile", "--help"]) == 0
loaded = [name for name in {heavy!r} if name in sys.modules]
sys.exit(f"loaded: {{loaded}}" if loaded else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_spelt_out_kinds_are_the_model_s() -> None:
    assert set(options.KINDS) == {str(kind) for kind in Kind}
    assert set(options.SIDES) == {str(Side.SOURCE), str(Side.QBO)}


def test_version_and_help() -> None:
    assert syncd("--version").stdout.startswith("syncd, version ")
    assert "Exit codes: 0 nothing left to do" in syncd("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing"], "No such command"),
        (["reconcile", "--kind", "cheese"], "expected one of item, tax_code"),
        (["reconcile", "--allow-removals", "invoice"], "KIND=N"),
        (["reconcile", "--allow-empty", "invoice"], "SIDE:KIND=N"),
        (["reconcile", "--allow-empty", "source:invoice"], "SIDE:KIND=N"),
        (["reconcile", "--allow-mass-change", "moon:invoice=3"], "SIDE:KIND=N"),
        (["reconcile", "--allow-mass-change", "qbo:invoice=many"], "SIDE:KIND=N"),
        (["reconcile", "--out", "plan.json"], "use it with --dry-run"),
        (["reconcile", "--exit-code"], "use it with --dry-run"),
        (["apply", "/nowhere/plan.json"], "does not exist"),
        (["held", "retry"], "Missing argument"),
        (["resume"], "Missing option '--reason'"),
    ],
)
def test_wrong_usage_has_a_code_of_its_own(arguments: list[str], text: str) -> None:
    done = syncd(*arguments)
    assert done.returncode == EXIT_USAGE
    assert text in done.stderr
    assert done.stdout == ""


def test_init_writes_a_private_file_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    assert syncd("init", "--config", path).returncode == EXIT_OK
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    path.write_text(before + "# mine\n")
    done = syncd("init", "--config", path)
    assert done.returncode == EXIT_CONFIG
    assert "stays as it is" in done.stderr
    assert path.read_text() == before + "# mine\n"


def test_token_key(tmp_path: Path) -> None:
    from cryptography.fernet import Fernet

    first, second = syncd("token-key").stdout, syncd("token-key").stdout
    assert first != second
    Fernet(first.strip().encode())


def test_a_configuration_that_cannot_be_used_stops_every_command(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[syncd]\nstate_url = "x"\n')
    for arguments in (["check"], ["run"], ["reconcile", "--dry-run"], ["status"], ["held", "list"], ["audit"]):
        done = syncd(*arguments, SYNCD_CONFIG=str(path))
        assert done.returncode == EXIT_CONFIG, arguments
        assert f"{path} cannot be used; nothing was started." in done.stdout + done.stderr
        assert "syncd.encryption_key: found nothing" in done.stdout + done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["config.toml"]


def test_an_unexpected_fault_shows_no_secret(office: Office) -> None:
    state = office.world.directory / "acme-state.db"
    office.world.store.close()
    state.write_bytes(b"this is no database" * 100)
    done = office("status")
    assert done.returncode == EXIT_UNEXPECTED
    assert "sandbox-secret" not in done.stdout + done.stderr


def test_status_of_a_company_that_was_never_connected(tmp_path: Path, world: World) -> None:
    config = write_config(tmp_path, world, state_url=f"sqlite:///{tmp_path}/fresh.db")
    done = syncd("status", SYNCD_CONFIG=str(config))
    assert done.returncode == EXIT_OK
    assert "acme: not connected yet. Next: syncd connect" in done.stdout
    assert not (tmp_path / "fresh.db").exists(), "looking makes no state"


def hold(world: World, **more: object) -> int:
    lease = world.store.acquire("acme", "test", 60)
    values = {"label": "INV-1", "actions": ("retry", "accept-source", "accept-qbo", "ignore")} | more
    held = Held("acme", Kind.INVOICE, "1", "9", "C26", "Both sides changed the total.", **values)  # type: ignore[arg-type]
    world.store.settle(lease, Settlement(held=(held,)), run_id=world.store.begin_run("acme", "reconcile").id)
    world.store.release(lease)
    return world.store.held("acme")[0].id


@pytest.mark.failure("F-117")
def test_held_records_are_listed_shown_and_answered(office: Office) -> None:
    number = hold(office.world, source_value={"total": "1.00"}, qbo_value={"total": "2.00"})
    listed = office("held", "list")
    assert "INV-1" in listed.stdout
    assert "Both sides changed the total." in listed.stdout
    shown = office("held", "show", number)
    assert re.search(r"source: +1\.00", shown.stdout)
    (row,) = office.json("held", "list")["held"]
    assert row["id"] == number
    assert f"syncd held accept-qbo {number} --shown {row['stamp']}" in shown.stdout
    assert office("status").returncode == EXIT_HELD
    answered = office("held", "accept-qbo", number, SUDO_USER="grace")
    assert answered.returncode == EXIT_OK
    assert "accept-qbo is noted for invoice INV-1; the next cycle acts on it" in answered.stdout
    assert re.search(r"source: +1\.00\n +QuickBooks: +2\.00", answered.stdout), "what the answer is about"
    assert office.world.store.instructions("acme") == {(Kind.INVOICE, "1", "9"): "accept-qbo"}
    (event,) = office.world.store.history("acme", Kind.INVOICE, "1")
    assert event.actor == "grace"
    assert "grace" in office("history", "invoice", "9").stdout


def test_an_answer_to_what_is_not_shown_any_more_is_refused(office: Office) -> None:
    number = hold(office.world, source_value={"total": "1.00"}, qbo_value={"total": "2.00"})
    stamp = office.json("held", "show", number)["stamp"]
    assert hold(office.world, source_value={"total": "1.00"}, qbo_value={"total": "3.00"}) == number
    late = office("held", "accept-qbo", number, "--shown", stamp)
    assert late.returncode == EXIT_UNEXPECTED
    assert "it has changed since" in late.stderr
    assert f"syncd held show {number}" in late.stderr
    assert office.world.store.instructions("acme") == {}
    both = office("held", "accept-qbo", number, number + 1, "--shown", stamp)
    assert (both.returncode, "give one number" in both.stderr) == (EXIT_USAGE, True)
    anew = office.json("held", "show", number)["stamp"]
    assert office("held", "accept-qbo", number, "--shown", anew).returncode == EXIT_OK
    assert office.world.store.instructions("acme") == {(Kind.INVOICE, "1", "9"): "accept-qbo"}


def test_an_answer_that_is_not_allowed_is_refused(office: Office) -> None:
    number = hold(office.world, actions=("retry",))
    done = office("held", "accept-qbo", number)
    assert done.returncode == EXIT_UNEXPECTED
    assert "Allowed: retry" in done.stderr
    missing = office("held", "show", number + 1)
    assert missing.returncode == EXIT_UNEXPECTED
    assert "syncd held list" in missing.stderr


def test_a_halt_is_shown_and_ended_with_a_reason(office: Office) -> None:
    office.world.store.halt("acme", "the chart of accounts moved")
    done = office("status")
    assert done.returncode == EXIT_HALTED
    assert "the chart of accounts moved" in done.stdout
    assert office.json("status", code=EXIT_HALTED)["companies"][0]["state"] == "halted"
    assert office("resume", "--reason", " ").returncode == EXIT_USAGE
    assert office("resume", "--reason", "mapping corrected", SUDO_USER="grace").returncode == EXIT_OK
    assert office.world.store.company_events("acme")[-1].actor == "grace"
    assert office("resume", "--reason", "again").returncode == EXIT_UNEXPECTED


def test_history_of_nothing(office: Office) -> None:
    assert "Nothing was ever done to invoice 77" in office("history", "invoices", "77").stdout
    assert office.json("history", "invoice", "77") == {"companies": {"acme": []}}


def test_an_unknown_company(office: Office) -> None:
    done = office("status", "--company", "other")
    assert done.returncode == EXIT_CONFIG
    assert "It has: acme" in done.stderr


def test_json_on_stdout_is_nothing_but_json(office: Office) -> None:
    done = office("status", "--json")
    assert set(json.loads(done.stdout)) == {"companies", "exit_code"}
    assert done.stderr == ""


def test_output_into_a_closed_pipe_is_no_fault() -> None:
    command = f"{SYNCD} --help | head -1"
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    assert done.stdout == "Usage: syncd [OPTIONS] COMMAND [ARGS]...\n"
    assert done.stderr == ""
