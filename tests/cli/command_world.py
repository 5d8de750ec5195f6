"""The installed command on a world of its own: run as an operator runs it, and looked at from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SYNCD = Path(sys.executable).with_name("syncd")


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: nothing of ours in it, and warnings are errors."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD", "NOTIFY", "COLUMNS"))}
    return mine | {"PYTHONWARNINGS": "error"} | more


def syncd(*arguments: object, answer: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [str(SYNCD), *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, input=answer, env=environment(**environ), capture_output=True, text=True, timeout=120, check=False
    )


def company_section(world: Any) -> str:
    """``[[company]]`` for a world: its look-alike, its source."""
    base = world.sandbox.base_url
    return f"""
[[company]]
name = "{world.name}"
profile = "ruddr"
[company.qbo]
realm_id = "{world.realm}"
environment = "sandbox"
client_id = "sandbox-client"
client_secret_file = "secret"
api_url = "{base}"
token_url = "{base}/oauth2/v1/tokens/bearer"
authorize_url = "{base}/connect/oauth2"
revoke_url = "{base}/v2/oauth2/tokens/revoke"
throttle = false
[company.source]
url = "{world.source_url}"
schema = "reference"
[company.settings]
default_item = "Services"
discount_account = "Discounts given"
deposit_account = "Undeposited Funds"
"""


def write_config(folder: Path, *worlds: Any, state_url: str = "", key: bytes = b"", extra: str = "") -> Path:
    """A configuration for one or more worlds that share the state of the first."""
    first = worlds[0]
    for name, text in {"key": (key or first.key).decode(), "secret": "sandbox-secret"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    path = folder / "config.toml"
    path.write_text(
        f'[syncd]\nstate_url = "{state_url or first.state_url}"\nencryption_key_file = "key"\n'
        f"poll_interval_seconds = 1\npoll_jitter_seconds = 0\n{extra}\n[http]\nport = 0\n"
        + "".join(company_section(world) for world in worlds)
    )
    return path


class Office:
    """A world, its configuration, and the command at work on it."""

    def __init__(self, world: Any, config: Path) -> None:
        self.world = world
        self.config = config

    def __call__(self, *arguments: object, answer: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return syncd(*arguments, answer=answer, SYNCD_CONFIG=str(self.config), **environ)

    def json(self, *arguments: object, code: int = 0) -> Any:
        """The JSON answer of a command that ends with ``code``."""
        done = self(*arguments, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)
