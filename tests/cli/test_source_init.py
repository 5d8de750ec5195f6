"""``syncd source-init``: the reference schema by one command, harmless to repeat."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

CONFIG = """\
[syncd]
state_url = "sqlite:///{directory}/state.db"

[[company]]
name = "acme"
profile = "ruddr"

[company.qbo]
realm_id = "1"
environment = "sandbox"
client_id = "none"

[company.source]
type = "sql"
url = "sqlite:///{directory}/source.db"
schema = "reference"
"""


def source_init(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a configuration in ``directory``."""
    config = directory / "syncd.toml"
    config.write_text(CONFIG.format(directory=directory))
    environment = {
        "PATH": os.environ["PATH"],
        "SYNCD__ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "SYNCD__COMPANY__0__QBO__CLIENT_SECRET": "none",
    }
    command = [sys.executable, "-m", "syncd", "source-init", "--config", str(config), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_tables_come_into_being_once_and_rows_stay(tmp_path: Path) -> None:
    for _ in range(2):
        done = source_init(tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        connection = sqlite3.connect(tmp_path / "source.db")
        with connection:
            connection.execute("INSERT INTO client (name, currency) VALUES ('Ada', 'USD')")
        connection.close()

    connection = sqlite3.connect(tmp_path / "source.db")
    assert connection.execute("SELECT count(*) FROM client").fetchone() == (2,)
    connection.close()


def test_sample_records_fill_empty_tables_and_no_others(tmp_path: Path) -> None:
    filled = source_init(tmp_path, "--with-samples")
    assert filled.returncode == 0, filled.stdout + filled.stderr
    connection = sqlite3.connect(tmp_path / "source.db")
    before = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("client", "invoice_line")]
    connection.close()
    assert all(count > 0 for (count,) in before), before

    again = source_init(tmp_path, "--with-samples")
    assert again.returncode == 78, again.stdout + again.stderr
    assert "has rows already (client, " in again.stderr
    connection = sqlite3.connect(tmp_path / "source.db")
    after = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("client", "invoice_line")]
    connection.close()
    assert after == before
