"""Secrets stay where they were put: nowhere in what the service says, shows, stores or leaves behind."""

from __future__ import annotations

import ast
import base64
import datetime as dt
import http.server
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from syncd import configfile, webhooks
from syncd.cli import cli
from syncd.clock import SystemClock
from syncd.config import AppConfig, HttpConfig, setting_names
from syncd.errors import QboUnavailable
from syncd.model.facts import Settings
from syncd.qbo.books import Books
from syncd.qbo.consent import revoke
from syncd.qbo.settings import QboConfig, is_loopback
from syncd.sandbox.server import RunningSandbox, running_sandbox
from syncd.sources.ruddr.settings import RuddrSourceConfig
from syncd.state.values import Tokens
from tests.e2e.helpers import change, syncd
from tests.reliability.serving import configured, secret_file, serving
from tests.support.world import World
from tests.support.world import world as new_world

ROOT = Path(__file__).parents[2]
APP = "c4n4ry-app/secret+1=="
DATABASE = "c4n4ry-database@p:w"
API_KEY = "c4n4ry-of-the-api-key"
VERIFIER = "c4n4ry-verifier-token"
HTTP = "c4n4ry-of-the-http-port"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    with new_world(tmp_path, sandbox) as made:
        made.invoice(made.client("Ada"), "INV-1")
        yield made


# ---- the canary


def another_company(world: World, config: Path, name: str, source: str) -> str:
    """A connected company with another source; its section of the configuration."""
    realm = world.sandbox.create_company(name=name)
    grant, now = world.sandbox.tokens(realm), world.clock.now()
    tokens = Tokens(realm, "sandbox", grant["access_token"], grant["refresh_token"], now + dt.timedelta(hours=1))
    assert world.store.tokens("sandbox", realm).save(tokens, 0)
    own = config.read_text().partition("[company.qbo]\n")[2].partition("[company.source]")[0]
    section = own.replace(f'realm_id = "{world.realm}"', f'realm_id = "{realm}"')
    return f'[[company]]\nname = "{name}"\nprofile = "ruddr"\n[company.qbo]\n{section}\n[company.source]\n{source}\n'


def office(world: World) -> Path:
    """A configuration full of canaries: one company that works, two whose sources cannot be reached."""
    place = world.directory
    qbo = f'webhook_verifier_file = "{secret_file(place, "verifier", VERIFIER)}"'
    token = f'token_file = "{secret_file(place, "http-token", HTTP)}"'
    config = configured(world, http=token, qbo=qbo)
    (config.parent / "client.secret").write_text(APP)
    world.sandbox.admin("POST", "/apps", {"client_id": "sandbox-client", "client_secret": APP})
    unreachable = (
        f'url = "postgresql+psycopg://user@127.0.0.1:1/psa"\npassword_file = "{secret_file(place, "pw", DATABASE)}"\n'
        'schema = "reference"\nconnect_timeout_seconds = 1'
    )
    api = (
        f'type = "ruddr"\napi_key_file = "{secret_file(place, "api", API_KEY)}"\napi_url = "http://127.0.0.1:1"\n'
        'attempts = 1\nnative_link = "replaced"'
    )
    more = another_company(world, config, "bravo", unreachable) + another_company(world, config, "charlie", api)
    config.write_text(config.read_text().replace("[syncd]\n", '[syncd]\nlog_level = "debug"\n', 1) + more)
    return config


def every_secret(world: World, config: Path) -> set[str]:
    """Everything that must not be seen, in each form in which it travels."""
    assert world.sandbox.sandbox is not None
    key = (config.parent / "encryption.key").read_text()
    secrets = {APP, DATABASE, API_KEY, VERIFIER, HTTP, key}
    secrets |= {quote(each, safe="") for each in secrets}
    secrets.add(base64.b64encode(f"sandbox-client:{APP}".encode()).decode())
    for grant in world.sandbox.sandbox.world.authority.grants.values():
        secrets |= {grant.refresh, *grant.superseded, *grant.access}
    return secrets


def rotate(world: World) -> None:
    """The access token has run out and the refresh token is replaced by the next renewal."""
    world.sandbox.advance(90_000)
    tokens = world.store.tokens("sandbox", world.realm)
    now = tokens.load()
    assert now is not None
    assert tokens.save(msgspec.structs.replace(now, access_expires_at=world.clock.now()), now.version)


@pytest.mark.failure("F-65")
def test_no_canary_is_ever_seen(world: World) -> None:
    config = office(world)
    shown: dict[str, str] = {}

    def run(*arguments: str) -> None:
        done = syncd(config, *arguments)
        shown[" ".join(arguments)] = done.stdout + done.stderr

    plan = world.directory / "plan.json"
    run("reconcile", "--company", "acme", "--approve-first-run")
    world.invoice(1, "INV-2")
    run("reconcile", "--company", "acme", "--dry-run", "--out", str(plan))
    assert plan.exists(), shown
    shown["plan file"] = plan.read_text()
    with serving(config) as service:
        service.until(lambda: [line for line in service.logged("cycle_done") if line["company"] == "acme"])
        rotate(world)
        world.accountant = world.sandbox.connect(world.realm)
        change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), DueDate="2026-07-07")
        service.until(lambda: world.rows("SELECT due_date FROM invoice WHERE id = 1 AND due_date = '2026-07-07'"))
        service.until(lambda: {line["company"] for line in service.logged("work_failed")} == {"bravo", "charlie"})
        body = b'{"eventNotifications": []}'
        assert service.ask(webhooks.PATH, "POST", body, intuit_signature="wrong")[0] == 401
        shown["ready"] = service.ask("/readyz")[1]
        world.sandbox.admin("POST", f"/companies/{world.realm}/disconnect")
        service.until(lambda: [line for line in service.logged("work_failed") if line["company"] == "acme"])
        shown["dead"] = service.ask("/readyz")[1] + service.ask("/metrics")[1] + service.ask("/healthz")[1]
        pid = service.process.pid
        shown["cmdline"] = Path(f"/proc/{pid}/cmdline").read_text()
        limits = Path(f"/proc/{pid}/limits").read_text()
    shown["service"] = "".join(service.raw)
    assert '"level":"debug"' in shown["service"]
    assert next(line.split()[4:6] for line in limits.splitlines() if "core file" in line) == ["0", "0"]
    run("check", "--json")
    run("status", "--json")
    run("history", "invoice", "INV-1")
    spoilt = config.with_name("spoilt.toml")
    spoilt.write_text(
        config.read_text().replace("encryption_key_file", f'client_secret = "{APP}"\nencryption_key_file')
    )
    shown["spoilt"] = syncd(spoilt, "check").stderr
    assert "unknown key" in shown["spoilt"]
    secrets = every_secret(world, config)
    assert len(secrets) >= 15
    for what, text in shown.items():
        found = [secret[:12] for secret in secrets if secret in text]
        assert not found, f"{what} shows {found}"
        assert "-----BEGIN" not in text
    for path in world.directory.iterdir():
        if path.is_file() and path.name.startswith(("acme-", "plan")):
            content = path.read_bytes()
            assert not [secret[:12] for secret in secrets if secret.encode() in content], path.name


@pytest.mark.failure("F-65")
def test_no_command_takes_a_secret_as_an_argument() -> None:
    """No word for a secret is in the name of an option or an argument."""
    told = {"secret", "password", "passwd", "token", "credential", "verifier", "api-key", "encryption", "private-key"}

    def commands(group: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
        yield path, group
        for name, command in getattr(group, "commands", {}).items():
            yield from commands(command, f"{path} {name}")

    found = list(commands(cli, "syncd"))
    assert len(found) > 20
    for path, command in found:
        for parameter in command.params:
            names = [*parameter.opts, *parameter.secondary_opts, parameter.name or ""]
            assert not [name for name in names for word in told if word in name.replace("_", "-")], (path, names)


def test_every_setting_that_sounds_like_a_secret_is_one() -> None:
    """So that it may come from a file, is hidden in logs, and is never shown in an error."""
    words = ("secret", "password", "verifier", "api_key", "encryption_key", "token")
    names = set(setting_names())
    secret = {name for name in names if "SecretStr" in str(type_of(name))}
    assert {name for name in names if any(word in name.rpartition(".")[2] for word in words)} - secret == {
        "company.qbo.token_url"
    }
    assert {"http.token", "company.qbo.webhook_verifier", "company.source.api_key", "company.source.url"} <= secret


def type_of(name: str) -> Any:
    """What a setting is declared as."""
    annotation: Any = AppConfig
    for part in name.split("."):
        annotation = configfile._step(annotation, part)
        annotation = configfile._step(annotation, 0) or annotation
    return annotation


def test_memory_is_kept_private() -> None:
    """No core file, and nothing for a crash collector or a debugger: ``prctl(PR_GET_DUMPABLE)`` is 0."""
    script = (
        "import ctypes, resource; from syncd.hardening import keep_memory_private; keep_memory_private();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "(0, 0) 0\n"
    for unit in ("syncd.service", "syncd-audit.service"):
        assert "\nLimitCORE=0\n" in (ROOT / "systemd" / unit).read_text()


def test_secrets_by_environment_and_by_credential_are_not_on_the_command_line(world: World, tmp_path: Path) -> None:
    config = configured(world)
    text = config.read_text()
    text = text.replace(
        f'client_secret_file = "{config.parent}/client.secret"', 'client_secret_file = "credential:app"'
    )
    config.write_text("\n".join(line for line in text.splitlines() if "encryption_key" not in line))
    granted = tmp_path / "credentials"
    granted.mkdir()
    secret_file(granted, "app", "sandbox-secret")
    environ = {"CREDENTIALS_DIRECTORY": str(granted), "SYNCD__ENCRYPTION_KEY": world.key.decode()}
    with serving(config, **environ) as service:
        service.until(service.cycles)
        told = Path(f"/proc/{service.process.pid}/cmdline").read_bytes()
        assert b"run\x00--config" in told
        assert b"sandbox-secret" not in told
        assert world.key not in told


# ---- encryption on the way


@contextmanager
def self_signed(folder: Path) -> Iterator[tuple[str, Path, list[bytes]]]:
    """An HTTPS server whose certificate nobody vouches for: its address, the certificate, what it was sent."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    got: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the base class names it so

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}", pem, got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Grant:
    """A grant in memory."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    def load(self) -> Tokens:
        return self.tokens


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with self_signed(tmp_path) as (base, pem, got):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests would believe these
            monkeypatch.setenv(name, str(pem))
        config = QboConfig(
            realm_id="1",
            environment="sandbox",
            client_id="app",
            client_secret=APP,
            api_url=base,
            token_url=f"{base}/token",
            revoke_url=f"{base}/revoke",
            throttle=False,
        )
        clock = SystemClock()
        with pytest.raises(QboUnavailable, match="SSLError") as caught:
            revoke(config, clock, token="r")
        tokens = Tokens("1", "sandbox", "a", "r", clock.now() + dt.timedelta(hours=1))
        stop = threading.Event()
        stop.set()  # once is enough
        books: Any = Books(
            config,
            Grant(tokens),
            clock,
            settings=Settings(),
            stop=stop,
            on_read=lambda _: None,  # type: ignore[arg-type]
        )
        with pytest.raises(QboUnavailable, match="SSLError"):
            books.facts()
        books.close()
    assert got == [], "nothing was sent"
    assert APP not in str(caught.value)


def test_nothing_switches_the_checking_off() -> None:
    for path in (ROOT / "syncd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword):
                assert node.arg not in {"verify", "check_hostname", "verify_mode", "ssl_context"}, path
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"verify", "_create_unverified_context", "CERT_NONE", "disable_warnings"}, path
                assert node.attr != "trust_env" or isinstance(node.ctx, ast.Store), path
    parts = {part for name in setting_names() for part in name.replace("_", ".").split(".")}
    assert parts & {"verify", "insecure", "tls", "ssl", "unsafe", "certificate"} == set()


HOSTS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["localhost", "LOCALHOST", "localhost.example.com", "127.0.0.1.example.com", "example.com", "0"]),
)


@given(HOSTS, st.sampled_from(["api_url", "token_url", "authorize_url", "revoke_url"]))
def test_plain_http_reaches_this_machine_only(host: str, name: str) -> None:
    address = f"http://[{host}]:1" if ":" in host else f"http://{host}:1"
    values: dict[str, Any] = {"realm_id": "1", "environment": "sandbox", "client_id": "app", "client_secret": "s"}
    local = host.lower() == "localhost" or _loopback(host)
    assert is_loopback(host) == local
    if local:
        assert QboConfig(**values, **{name: address})
        return
    for build in (
        lambda: QboConfig(**values, **{name: address}),
        lambda: RuddrSourceConfig(api_key="k", api_url=address),
    ):
        with pytest.raises(ValidationError, match="https://"):
            build()


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


# ---- the port


def test_elsewhere_than_on_loopback_only_metrics_and_health_are_open(world: World) -> None:
    with serving(configured(world, http='bind = "0.0.0.0"')) as service:
        service.until(service.cycles)
        assert [service.ask(path)[0] for path in ("/metrics", "/healthz", "/readyz")] == [200, 200, 200]
        assert json.loads(service.ask("/readyz")[1]) == {"status": "ready"}, "nothing about the companies"
        for path in (
            "/",
            "/held",
            "/api/held",
            "/metrics/",
            "/metrics/../held",
            "//metrics",
            "/%6detrics/x",
            "/readyz?x/",
        ):
            for headers in (
                {},
                {"Authorization": "Bearer "},
                {"Authorization": "Bearer x"},
                {"Authorization": "Basic Og=="},
            ):
                wanted = 200 if path == "/readyz?x/" else 403
                assert service.ask(path, **headers)[0] == wanted, (path, headers)
        assert service.ask(webhooks.PATH, "POST", b"{}")[0] == 404


def test_with_a_token_the_rest_is_for_whoever_has_it(world: World) -> None:
    token = secret_file(world.directory, "http-token", HTTP)
    with serving(configured(world, http=f'bind = "0.0.0.0"\ntoken_file = "{token}"')) as service:
        service.until(service.cycles)
        good = {"Authorization": f"Bearer {HTTP}"}
        assert service.ask("/held", **good)[0] == 404, "let in, and there is nothing yet"
        assert "acme" in json.loads(service.ask("/readyz", **good)[1])["companies"]
        wrong = (
            "",
            HTTP,
            f"Basic {HTTP}",
            f"Bearer {HTTP}x",
            f"Bearer {HTTP[:-1]}",
            f"Bearer {HTTP.upper()}",
            "Bearer é",
        )
        for text in wrong:
            assert service.ask("/held", Authorization=text)[0] == 401, text
            assert "companies" not in json.loads(service.ask("/readyz", Authorization=text)[1])
        assert [service.ask(path)[0] for path in ("/metrics", "/healthz", "/readyz")] == [200, 200, 200]
        assert HTTP not in "".join(service.raw)


def test_on_loopback_a_token_is_asked_for_where_one_is_set(world: World) -> None:
    token = secret_file(world.directory, "http-token", HTTP)
    with serving(configured(world, http=f'token_file = "{token}"')) as service:
        service.until(service.cycles)
        assert service.ask("/held")[0] == 401
        assert service.ask("/held", Authorization=f"bearer {HTTP}")[0] == 404
        assert "acme" in json.loads(service.ask("/readyz")[1])["companies"]


def test_a_guessable_token_is_refused() -> None:
    assert HttpConfig().local
    assert not HttpConfig(bind="192.0.2.1").local
    with pytest.raises(ValidationError, match="16"):
        HttpConfig(token=SecretStr("short"))
