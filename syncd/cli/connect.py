"""``connect``: a person approves in the browser, sees which company it is, and only then anything is stored; and
``disconnect``, which gives that back."""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import click

from syncd.cli import options
from syncd.cli.session import Session, session
from syncd.errors import EXIT_OK, QboUnavailable, ReconnectNeeded, SyncdError, WrongCompany

if TYPE_CHECKING:
    from syncd.config import CompanyConfig
    from syncd.model.facts import BooksFacts
    from syncd.state.values import Tokens

DEFAULT_PORT = 8484
_PATH = "/callback"
_LOOPBACK = "127.0.0.1"
_PAGE = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>syncd</title>"
    "<p>{text} You can close this window and go back to the terminal.</p></html>"
)


@click.command(
    short_help="Let syncd into a QuickBooks company.",
    epilog=f"""\b
Register the redirect address with your app on developer.intuit.com, letter by letter:
  development keys   http://localhost:{DEFAULT_PORT}{_PATH}
  production keys    an https address of yours, given as --redirect-uri; whatever it shows, the
                     browser's address bar then holds the answer, which you paste here

\b
Examples:
  syncd connect --company acme
  syncd connect --no-browser               print the address instead of opening it
  syncd connect --redirect-uri https://example.com/quickbooks
""",
)
@options.config_option
@options.company_option
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="Loopback port.")
@click.option("--redirect-uri", metavar="URL", help="A registered address that is not this machine's loopback.")
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@click.option(
    "--timeout-seconds", type=click.IntRange(10, 3600), default=600, show_default=True, help="How long to wait."
)
def connect(**given: Any) -> int:
    """Approve syncd in the browser as an administrator of the QuickBooks company. Shows the company's name and asks
    before anything is stored; saying no gives the grant back."""
    with session(given["config_path"], threading.Event()) as opened:
        company = opened.one(given["company"], "One company is connected at a time")
        tokens = _approve(opened, company, given)
        try:
            facts = _facts(opened, company, tokens)
            click.echo(f"\nThis is {facts.name!r} ({facts.country or '?'}, {facts.home_currency}), ", nl=False)
            click.echo(f"company ID {facts.realm_id}, {company.qbo.environment}.")
            agreed = click.confirm(f"Keep it in agreement with the source of {company.name!r}?")
        except (SyncdError, click.Abort):
            _give_back(opened, company, tokens)
            raise
        if not agreed:
            _give_back(opened, company, tokens)
            raise click.Abort
        _store(opened, company, tokens, facts)
    click.echo(
        f"Connected. Next, each with --company {company.name}: "
        "syncd check, syncd match --out match.toml, syncd reconcile --dry-run"
    )
    return EXIT_OK


def _approve(opened: Session, company: CompanyConfig, given: dict[str, Any]) -> Tokens:
    from syncd.qbo import consent
    from syncd.state.values import Tokens

    state = consent.new_state()
    redirect_uri = given["redirect_uri"] or f"http://localhost:{given['port']}{_PATH}"
    url = consent.authorize_url(company.qbo, redirect_uri=redirect_uri, state=state)
    answer = _Answer(state, company.qbo.realm_id)
    if given["redirect_uri"]:
        _show(url, given["no_browser"])
        answer.take(click.prompt("The address the browser ended at").strip())
    else:
        with _listening(given["port"], answer):
            _show(url, given["no_browser"])
            if not answer.came.wait(given["timeout_seconds"]):
                raise ReconnectNeeded("Nobody approved in time.", remedy="Start `syncd connect` again.")
    code = answer.code()
    got = consent.exchange_code(company.qbo, opened.clock, code=code, redirect_uri=redirect_uri)
    return Tokens(
        realm_id=company.qbo.realm_id,
        environment=company.qbo.environment,
        access_token=got.access_token,
        refresh_token=got.refresh_token,
        access_expires_at=got.access_expires_at,
        refresh_expires_at=got.refresh_expires_at,
        hard_expires_at=got.hard_expires_at,
        connected_at=opened.clock.now(),
    )


def _show(url: str, no_browser: bool) -> None:
    click.echo("Open this address as an administrator of the QuickBooks company and approve:\n")
    click.echo(f"  {url}\n")
    sys.stdout.flush()
    if not no_browser:
        import webbrowser

        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


class _Answer:
    """What came back to the redirect address. Only an answer with our own ``state`` counts (protocol.md 2.2)."""

    def __init__(self, state: str, realm_id: str) -> None:
        self._state = state
        self._realm_id = realm_id
        self._said: dict[str, str] = {}
        self.came = threading.Event()

    def take(self, address: str) -> bool:
        """Look at one address; whether it is the answer."""
        said = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        if self.came.is_set() or not secrets.compare_digest(said.get("state", "").encode(), self._state.encode()):
            return False
        self._said = said
        self.came.set()
        return True

    def code(self) -> str:
        """The code, if a person approved for the company that is configured."""
        again = "Start `syncd connect` again."
        if not self._said:
            raise WrongCompany("That address is not the answer to this request (its state differs).", remedy=again)
        if "error" in self._said:
            raise ReconnectNeeded(f"It was not approved ({self._said['error'][:40]}).", remedy=again)
        realm_id = self._said.get("realmId", "")
        if realm_id != self._realm_id:
            raise WrongCompany(
                f"Approved was company {realm_id[:32]!r}; the configuration names {self._realm_id!r}.",
                remedy="Choose the other company in the browser, or correct realm_id.",
            )
        if not self._said.get("code"):
            raise ReconnectNeeded("The answer holds no code.", remedy=again)
        return self._said["code"]


@contextlib.contextmanager
def _listening(port: int, answer: _Answer) -> Iterator[None]:
    """Take the answer on loopback. All other requests are refused; nothing is logged, for it holds a code."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            taken = urlsplit(self.path).path == _PATH and answer.take(self.path)
            text = "Thank you." if taken else "This is not what syncd waits for."
            body = _PAGE.format(text=text).encode()
            self.send_response(200 if taken else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            return

    try:
        server = HTTPServer((_LOOPBACK, port), Handler)
    except OSError as error:
        raise click.UsageError(
            f"Port {port} cannot be opened ({error.strerror}); choose another with --port."
        ) from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Memory:
    """The grant while it is only looked at; it never touches the database."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def load(self) -> Tokens:
        return self._tokens

    def save(self, new: Tokens, expected_version: int) -> bool:
        self._tokens = new
        return True

    def lock(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def _facts(opened: Session, company: CompanyConfig, tokens: Tokens) -> BooksFacts:
    from syncd.qbo.books import Books

    books = Books(
        company.qbo,
        _Memory(tokens),
        opened.clock,
        company=company.name,
        settings=company.settings,
        stop=opened.stop,
        on_read=lambda number: None,
        metrics=opened.metrics,
    )
    try:
        return books.facts(refresh=True)
    finally:
        books.close()


def _give_back(opened: Session, company: CompanyConfig, tokens: Tokens) -> None:
    from syncd.qbo import consent

    try:
        consent.revoke(company.qbo, opened.clock, token=tokens.refresh_token)
        click.echo("Nothing was stored; the grant was given back.", err=True)
    except QboUnavailable as error:
        click.echo(f"Nothing was stored, but the grant could not be given back: {error}", err=True)


def _store(opened: Session, company: CompanyConfig, tokens: Tokens, facts: BooksFacts) -> None:
    """Pin the company, then store the grant; a grant that is there already is replaced."""
    from syncd.state.values import Company

    pinned = Company(
        name=company.name, realm_id=facts.realm_id, realm_name=facts.name, environment=company.qbo.environment
    )
    known = opened.store.company(company.name)
    if known is not None and known.realm_id not in {"", facts.realm_id}:
        raise WrongCompany(
            f"The state of {company.name!r} belongs to company {known.realm_id}, not to {facts.realm_id}.",
            remedy="Give the new company a name of its own in the configuration.",
        )
    opened.store.pin_company(pinned, replace=True, actor=options.actor())
    grants = opened.store.tokens(company.qbo.environment, company.qbo.realm_id)
    with grants.lock():
        before = grants.load()
        if not grants.save(tokens, before.version if before is not None else 0):
            raise WrongCompany("Somebody else connected this company meanwhile.", remedy="Look at: syncd status")


@click.command(
    short_help="Give the access to a QuickBooks company back.",
    epilog="""\b
Example:
  syncd disconnect --company acme
""",
)
@options.config_option
@options.company_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def disconnect(config_path: Path, company: str | None, yes: bool) -> int:
    """Give the access to a QuickBooks company back. Both sides stay as they are, and so does all that syncd knows of
    them: connected again, it goes on where it ended, and creates nothing twice."""
    from syncd import grant

    with session(config_path, threading.Event()) as opened:
        wanted = opened.one(company, "One company is disconnected at a time")
        if not yes:
            click.confirm(f"Disconnect {wanted.name!r} from QuickBooks?", abort=True)
        left = grant.disconnect(opened.store, opened.clock, wanted.qbo, wanted.name, options.actor())
    click.echo(f"{wanted.name} is disconnected. To go on: syncd connect --company {wanted.name}")
    if left:
        click.echo(left, err=True)
    return EXIT_OK


COMMANDS: tuple[click.Command, ...] = (connect, disconnect)
