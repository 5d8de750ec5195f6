"""Connecting a company: through the browser's redirects, against the look-alike's consent page."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_world import SYNCD, environment, syncd, write_config

from syncd.clock import SystemClock
from syncd.errors import EXIT_CONFIG, EXIT_RECONNECT, EXIT_UNEXPECTED
from syncd.state.store import Store
from syncd.state.values import Tokens
from tests.support.world import World

EXIT_INTERRUPTED = 130


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def config(tmp_path: Path, world: World) -> Path:
    """A configuration whose state knows nothing yet."""
    return write_config(tmp_path, world, state_url=f"sqlite:///{tmp_path}/fresh.db")


class Connecting:
    """``syncd connect`` under way."""

    def __init__(self, config: Path, *more: str) -> None:
        self.port = free_port()
        command = [str(SYNCD), "connect", "--no-browser", "--config", str(config), *more]
        if "--redirect-uri" not in more:
            command += ["--port", str(self.port)]
        self.process = subprocess.Popen(
            command,
            env=environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.text = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            if "http" in line:
                break
        found = re.search(r"https?://\S+", self.text)
        assert found, self.text + self.process.stdout.read()
        self.url = found.group()

    def browse(self, more: str) -> tuple[int, str]:
        """Go where the person goes; redirects are followed."""
        try:
            with urllib.request.urlopen(f"{self.url}&{more}", timeout=20) as answer:  # noqa: S310 - our own http server
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def end(self, answer: str = "") -> int:
        rest, _ = self.process.communicate(answer, timeout=30)
        self.text += rest
        return self.process.returncode


@contextmanager
def connecting(config: Path, *more: str) -> Iterator[Connecting]:
    made = Connecting(config, *more)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.communicate()


def stored(tmp_path: Path, world: World) -> Tokens | None:
    with Store.open(f"sqlite:///{tmp_path}/fresh.db", clock=SystemClock(), encryption_keys=[world.key]) as store:
        store.migrate()
        return store.tokens("sandbox", world.realm).load()


@pytest.mark.behaviour("B-1", "B-3", "B-4", "B-6")
@pytest.mark.parametrize("profile", ["ruddr", "billdr"])
def test_approving_and_confirming_connects(config: Path, tmp_path: Path, world: World, profile: str) -> None:
    config.write_text(config.read_text().replace('profile = "ruddr"', f'profile = "{profile}"'))
    with connecting(config) as connect:
        status, page = connect.browse(f"realm={world.realm}&decision=connect")
        assert (status, "You can close this window" in page) == (200, True)
        assert connect.end("y\n") == 0
    name = world.one("CompanyInfo")["CompanyName"] if world.books("CompanyInfo") else "Sandbox"
    assert name in connect.text
    assert world.realm in connect.text
    grant = stored(tmp_path, world)
    assert grant is not None
    assert grant.refresh_token not in connect.text
    assert grant.access_token not in connect.text
    raw = (tmp_path / "fresh.db").read_bytes()
    assert grant.refresh_token.encode() not in raw, "tokens are encrypted at rest"
    status_text = syncd("status", "--config", config).stdout
    assert "waits for its first run" in status_text
    check = syncd("reconcile", "--dry-run", "--config", config)
    assert "Ada Lovelace GmbH" in check.stdout


def test_connecting_again_replaces_the_grant(config: Path, tmp_path: Path, world: World) -> None:
    for _ in range(2):
        with connecting(config) as connect:
            connect.browse(f"realm={world.realm}&decision=connect")
            assert connect.end("y\n") == 0
    grant = stored(tmp_path, world)
    assert grant is not None
    assert grant.version == 2


def test_saying_no_stores_nothing_and_gives_the_grant_back(config: Path, tmp_path: Path, world: World) -> None:
    with connecting(config) as connect:
        connect.browse(f"realm={world.realm}&decision=connect")
        assert connect.end("n\n") == EXIT_INTERRUPTED
    assert "the grant was given back" in connect.text
    assert stored(tmp_path, world) is None


def test_denying_in_the_browser(config: Path, tmp_path: Path, world: World) -> None:
    with connecting(config) as connect:
        connect.browse(f"realm={world.realm}&decision=deny")
        assert connect.end() == EXIT_RECONNECT
    assert "It was not approved (access_denied)" in connect.text
    assert stored(tmp_path, world) is None


def test_the_wrong_company_is_refused_before_any_token_is_asked_for(config: Path, tmp_path: Path, world: World) -> None:
    other = world.sandbox.create_company(name="Somebody Else")
    with connecting(config) as connect:
        connect.browse(f"realm={other}&decision=connect")
        assert connect.end() == EXIT_UNEXPECTED
    assert other in connect.text
    assert "correct realm_id" in connect.text
    assert stored(tmp_path, world) is None


def test_an_answer_with_another_state_is_ignored(config: Path, world: World) -> None:
    with connecting(config) as connect:
        forged = f"http://127.0.0.1:{connect.port}/callback?code=x&realmId={world.realm}&state=guessed"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(forged, timeout=10)  # noqa: S310 - our own http server
        with caught.value as refused:
            assert refused.code == 404
        assert connect.process.poll() is None, "still waits for the true answer"
        connect.browse(f"realm={world.realm}&decision=connect")
        assert connect.end("y\n") == 0


def test_every_request_has_a_state_of_its_own(config: Path) -> None:
    states = set()
    for _ in range(2):
        with connecting(config) as connect:
            found = re.search(r"state=([\w-]{40,})", connect.url)
            assert found, "long enough not to be guessed"
            states.add(found.group(1))
    assert len(states) == 2


def test_a_registered_address_elsewhere_is_pasted(config: Path, tmp_path: Path, world: World) -> None:
    with connecting(config, "--redirect-uri", "https://example.invalid/quickbooks") as connect:

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: object) -> None:
                return None

        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener(Stay).open(f"{connect.url}&realm={world.realm}&decision=connect", timeout=10)
        with caught.value as redirect:
            address = redirect.headers["Location"]
        assert address.startswith("https://example.invalid/quickbooks?")
        assert connect.end(f"{address}\ny\n") == 0
    assert stored(tmp_path, world) is not None


@pytest.mark.behaviour("R-109")
def test_only_who_may_read_the_secrets_can_connect_or_change_anything(
    config: Path, tmp_path: Path, world: World
) -> None:
    """The configuration and its secrets are the administrator's: what others could read as well is not used at all."""
    secret = next(path for path in config.parent.iterdir() if "secret" in path.name)
    secret.chmod(0o644)
    for command in (["connect", "--no-browser"], ["reconcile", "--dry-run"], ["match", "--list"]):
        refused = syncd(*command, "--config", config)
        assert refused.returncode == EXIT_CONFIG, refused.stdout
        assert "readable by others" in refused.stderr
    assert stored(tmp_path, world) is None
    secret.chmod(0o600)
    with connecting(config) as connect:
        connect.browse(f"realm={world.realm}&decision=connect")
        assert connect.end("y\n") == 0
    assert stored(tmp_path, world) is not None
