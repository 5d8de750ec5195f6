"""The demonstration is killed in its first push; the next run ends with the books of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.config import load_config
from syncd.demo import FIRST, STORIES, run_demo
from syncd.demo.records import Business
from syncd.sandbox.server import Admin


@pytest.mark.failure("F-1", "F-6")
def test_kill_9_in_the_first_push_then_another_run(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    config = directory / "syncd.toml"
    with killed_demo(directory, when=lambda books, realm: len(books.records(realm, "Invoice")) >= 90) as books:
        company = load_config(config).companies[0]
        realm = company.qbo.realm_id
        cut_off_at = len(books.records(realm, "Invoice"))
        again = syncd("reconcile", "--approve-first-run", "--config", str(config))
        assert again.returncode == 0, again.stdout[-3000:] + again.stderr

        business = Business()
        assert 90 <= cut_off_at < len(business.published), "it was killed in the middle"
        invoices = books.records(realm, "Invoice")
        assert Counter(i["DocNumber"] for i in invoices) == Counter(i["number"] for i in business.published)
        assert {i["DocNumber"]: Decimal(i["TotalAmt"]) for i in invoices} == {
            i["number"]: i["total"] for i in business.published
        }
        payments = books.records(realm, "Payment")
        assert Counter((p["PaymentRefNum"], Decimal(p["TotalAmt"])) for p in payments) == Counter(
            (p["reference"], p["amount"]) for p in business.payments
        )
        assert len(books.records(realm, "Customer")) == len(business.clients)
        created = [row for row in books.history(realm, entity="Invoice") if row["op"] == "create"]
        assert len(created) == len(business.published), "nothing was ever there twice"

        idle = syncd("reconcile", "--config", str(config))
        assert idle.returncode == 0, idle.stdout + idle.stderr
        audit = syncd("audit", "--config", str(config))
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert "money difference 0.00" in audit.stdout


@pytest.mark.parametrize("profile", [name for name in STORIES if name != FIRST])  # the first is told by `make demo`
def test_every_profile_tells_its_story(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo(tmp_path / "demo", profile) == 0, capsys.readouterr().out[-3000:]


@contextmanager
def killed_demo(directory: Path, when: Callable[[Admin, str], bool]) -> Iterator[Admin]:
    """Run the demonstration until ``when`` says so, kill it, and leave its look-alike running meanwhile."""
    command = [sys.executable, "-m", "syncd", "demo", "--directory", str(directory)]
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sandbox = 0
    try:
        company = None
        until = time.monotonic() + 120
        while time.monotonic() < until and demo.poll() is None:
            config = directory / "syncd.toml"
            if company is None and config.exists() and config.read_text().endswith('"California"\n'):
                company = load_config(config).companies[0].qbo
            if company is not None and when(Admin(company.api_url), company.realm_id):
                break
            time.sleep(0.02)
        assert company is not None, "the demonstration did not start"
        assert demo.poll() is None, "the demonstration was over before it could be killed"
        sandbox = int(Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()[0])
        demo.kill()
        demo.wait()
        yield Admin(company.api_url)
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait()
        if sandbox:
            os.kill(sandbox, signal.SIGTERM)


def syncd(*words: str) -> subprocess.CompletedProcess[str]:
    """The command, as an operator types it."""
    command = [sys.executable, "-m", "syncd", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
