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


def test_the_tables_come_into_being_once_and_rows_stay(tmp_path: Path) -> None:
    config = tmp_path / "syncd.toml"
    config.write_text(CONFIG.format(directory=tmp_path))
    environment = {
        "PATH": os.environ["PATH"],
        "SYNCD__ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "SYNCD__COMPANY__0__QBO__CLIENT_SECRET": "none",
    }
    command = [sys.executable, "-m", "syncd", "source-init", "--config", str(config)]

    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        connection = sqlite3.connect(tmp_path / "source.db")
        with connection:
            connection.execute("INSERT INTO client (name, currency) VALUES ('Ada', 'USD')")
        connection.close()

    connection = sqlite3.connect(tmp_path / "source.db")
    assert connection.execute("SELECT count(*) FROM client").fetchone() == (2,)
    connection.close()
