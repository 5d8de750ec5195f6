"""A small valid configuration in a private directory, to be spoilt by the tests."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
SYNCD = """\
[syncd]
state_url = "sqlite:///{folder}/state.db"
encryption_key_file = "key"
"""
COMPANY = """\
[[company]]
name = "{name}"
profile = "ruddr"
[company.qbo]
realm_id = "{realm}"
environment = "sandbox"
client_id = "app"
client_secret_file = "secret"
[company.source]
url = "sqlite:///{folder}/source.db"
schema = "reference"
"""


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def company_text(tmp_path: Path) -> Callable[[str, str], str]:
    return lambda name, realm: COMPANY.format(name=name, realm=realm, folder=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a configuration: ``syncd`` and ``http`` go into their sections, ``company`` replaces the company."""

    def written(*, syncd: str = "", http: str = "", company: str | None = None, mode: int = 0o600) -> Path:
        private(tmp_path / "key", KEY + "\n")
        private(tmp_path / "secret", "s3cret-of-the-app\n")
        text = SYNCD.format(folder=tmp_path) + syncd + f"\n[http]\n{http}\n"
        text += COMPANY.format(name="acme", realm="1001", folder=tmp_path) if company is None else company
        return private(tmp_path / "config.toml", text, mode)

    return written
