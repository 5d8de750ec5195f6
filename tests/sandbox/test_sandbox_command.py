"""``python -m syncd.sandbox`` and ``syncd sandbox``."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from syncd.sandbox import __main__ as sandbox_command
from syncd.sandbox.server import running_sandbox
from syncd.sandbox.world import DEFAULT_SECRET
from tests.sandbox.commands import command


def test_without_options_there_is_one_company_and_the_greeting_says_how_to_connect(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    with command("--port-file", str(port_file), "--keep-bodies", "--switch", "cdc_lag_seconds=2") as admin:
        (company,) = admin.admin("GET", "/companies")["companies"]
        base, realm = admin.base_url, company["realm"]
        assert f"{base}/v3/company/{realm}/" in admin.greeting
        assert f"{base}/oauth2/v1/tokens/bearer" in admin.greeting
        assert f"sandbox-client, secret {DEFAULT_SECRET}" in admin.greeting
        assert f"curl -X POST {base}/_sandbox/companies/{realm}/tokens" in admin.greeting
        assert port_file.read_text().strip() == admin.base_url.rsplit(":", 1)[1]
        switches = admin.admin("GET", "/switches")
        assert (switches["keep_bodies"], switches["cdc_lag_seconds"]) == (True, 2)
        assert admin.send("GET", "/")[0] == 200


def test_the_command_of_syncd_is_the_same(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text('{"Customer": [{"Id": "5", "DisplayName": "Ada"}]}')
    program = (sys.executable, "-m", "syncd", "sandbox")
    options = ("--seed", str(seed), "--company", '{"realm": "1"}', "--company", '{"realm": "2", "seed": "empty"}',
               "--speed", "0", "--clock", "2026-01-05T09:00:00-08:00", "--switch", "throttle=off")  # fmt: skip
    with command(*options, program=program) as admin:
        assert [row["realm"] for row in admin.admin("GET", "/companies")["companies"]] == ["1", "2"]
        assert admin.connect("1").read("Customer", "5")["DisplayName"] == "Ada"
        assert admin.connect("2").count("Customer") == 0
        assert admin.admin("GET", "/clock")["now"] == "2026-01-05T09:00:00.000-08:00"
        assert "throttling is on" not in admin.greeting


def test_mistakes_are_named_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, broken, text = tmp_path / "lines.jsonl", tmp_path / "broken.toml", tmp_path / "text"
    lines.write_text('{"Customer": {"DisplayName": "A"}}\n{"Customer": 3}\n')
    broken.write_text("[clock]\nspeed = -1\n")
    text.write_text("no data base, but long enough to look like one" * 10)
    for options, said in (
        (["--clock", "yesterday"], "--clock: yesterday"),
        (["--speed", "-1"], "speed"),
        (["--switch", "throttle=perhaps"], "throttle must be one of"),
        (["--company", "[]"], "--company: []"),
        (["--company", '{"colour": 1}'], "colour"),
        (["--company", "@/nowhere/at/all"], "/nowhere/at/all"),
        (["--seed", str(lines)], "lines.jsonl, line 2"),
        (["--scenario", str(tmp_path / "none.toml")], "none.toml"),
        (["--scenario", str(broken)], "clock.speed"),
        (["--data", str(text)], "not a database"),
    ):
        assert sandbox_command.main(options) == 2
        told = capsys.readouterr()
        assert said in told.err
        assert (told.err.count("\n"), told.out) == (1, "")


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert sandbox_command.main(["--port", str(port)]) == 2
    assert f"port {port} is taken" in capsys.readouterr().err


def test_one_file_serves_one_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_sandbox(data=tmp_path / "books.db"):
        assert sandbox_command.main(["--data", str(tmp_path / "books.db")]) == 2
    assert "another sandbox is using it" in capsys.readouterr().err
