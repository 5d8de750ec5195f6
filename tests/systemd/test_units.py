"""The unit files, judged by systemd's own tools. A misspelt setting is only a warning: stderr must be empty."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.errors import EXIT_BUSY, EXIT_CONFIG, EXIT_HALTED
from syncd.qbo.settings import QboConfig

FOLDER = Path(__file__).parents[2] / "systemd"
SYNCD = Path(sys.executable).with_name("syncd")
SERVICES = ("syncd.service", "syncd-audit.service")


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed (Debian package: systemd)")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as installed, except that the program is the one under test."""
    for file in FOLDER.iterdir():
        text = file.read_text().replace("/opt/syncd/bin/syncd", str(SYNCD))
        (tmp_path / file.name).write_text(text)
    return tmp_path


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FOLDER / name)
    return parser


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"LC_ALL": "C.UTF-8", "SYSTEMD_LOG_LEVEL": "warning"}
    arguments = [str(part) for part in command]
    return subprocess.run(arguments, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@needs("systemd-analyze")
def test_systemd_finds_nothing_to_say(units: Path) -> None:
    done = run("systemd-analyze", "verify", *(f"./{name}" for name in (*SERVICES, "syncd-audit.timer")), cwd=units)
    assert done.stderr == ""
    assert done.stdout == ""
    assert done.returncode == 0


@needs("systemd-analyze")
def test_that_check_has_teeth(units: Path) -> None:
    file = units / "syncd.service"
    file.write_text(file.read_text().replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in run("systemd-analyze", "verify", "./syncd.service", cwd=units).stderr


@needs("systemd-analyze")
@pytest.mark.parametrize("name", SERVICES)
def test_the_sandboxing_is_tight(units: Path, name: str) -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", f"./{name}", cwd=units)
    assert done.returncode == 0, done.stdout


def test_it_restarts_after_failures_except_those_a_restart_cannot_mend() -> None:
    service = unit("syncd.service")["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "on-failure"
    assert set(service["RestartPreventExitStatus"].split()) == {str(EXIT_CONFIG), str(EXIT_HALTED)}
    assert int(service["WatchdogSec"]) >= 30
    assert service["ExecReload"].endswith("kill -HUP $MAINPID")
    assert unit("syncd-audit.service")["Service"]["SuccessExitStatus"] == str(EXIT_BUSY)


@pytest.mark.parametrize("name", SERVICES)
def test_stopping_waits_longer_than_a_request_may_take(name: str) -> None:
    longest = (
        QboConfig.model_fields["read_timeout_seconds"].default
        + QboConfig.model_fields["connect_timeout_seconds"].default
    )
    assert int(unit(name)["Service"]["TimeoutStopSec"]) > longest


@pytest.mark.parametrize("name", SERVICES)
def test_process_metrics_stay_possible(name: str) -> None:
    assert "ProcSubset" not in unit(name)["Service"]


def test_the_state_directory_is_where_the_example_keeps_its_state() -> None:
    example = (FOLDER.parent / "config.example.toml").read_text()
    assert 'state_url = "sqlite:////var/lib/syncd/' in example
    assert unit("syncd.service")["Service"]["StateDirectory"] == "syncd"
    assert "LoadCredential=" in (FOLDER / "syncd.service").read_text()


@needs("systemd-analyze")
def test_the_timer_is_nightly() -> None:
    calendar = unit("syncd-audit.timer")["Timer"]["OnCalendar"]
    done = run("systemd-analyze", "calendar", "--iterations=2", calendar)
    assert done.returncode == 0
    assert "02:30:00 UTC" in done.stdout


@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
@pytest.mark.skipif(os.geteuid() != 0, reason="making users and giving files away needs root")
def test_user_and_places_are_made(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    assert run("systemd-sysusers", f"--root={root}", FOLDER / "sysusers.conf").returncode == 0
    made = run("systemd-tmpfiles", f"--root={root}", "--create", FOLDER / "tmpfiles.conf")
    assert (made.returncode, made.stderr) == (0, "")
    entry = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("syncd:")).split(
        ":"
    )
    assert entry[5:] == ["/var/lib/syncd", "/usr/sbin/nologin"]
    for place in ("etc/syncd/secrets", "var/lib/syncd"):
        info = (root / place).stat()
        assert (info.st_mode & 0o777, info.st_uid) == (0o700, int(entry[2]))


def test_the_install_page_names_what_there_is() -> None:
    page = (FOLDER.parent / "docs/install.md").read_text()
    for file in FOLDER.iterdir():
        assert f"systemd/{file.name}" in page
