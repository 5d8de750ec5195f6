"""The addresses of OAuth 2 and OpenID Connect: discovery, consent, tokens, revocation, userinfo (protocol.md 2)."""

from __future__ import annotations

import base64
import binascii
import html
from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from syncd.sandbox.call import JSON, Reply
from syncd.sandbox.delivery import Wire, token_fault
from syncd.sandbox.endpoints import Endpoint, Incoming, first_of
from syncd.sandbox.identity import ALGORITHM, CLAIMS, Signer, issuer, person
from syncd.sandbox.injection import Target
from syncd.sandbox.ledger import Entry
from syncd.sandbox.oauth import COMPANY_SCOPES, OPENID_SCOPES, SCOPES, App, Grant, OAuthError
from syncd.sandbox.wire import DecodeError, Json, decode, encode

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

AUTHORIZE = "/connect/oauth2"
TOKEN = "/oauth2/v1/tokens/bearer"  # noqa: S105  # an address
REVOKE = "/v2/oauth2/tokens/revoke"
USERINFO = "/v1/openid_connect/userinfo"
KEYS = "/op/v1/jwks"
DISCOVERY = ("/.well-known/openid_configuration", "/.well-known/openid_sandbox_configuration")

_PAGE = "text/html; charset=utf-8"
_PAGE_HEADERS = {"X-Frame-Options": "DENY", "Cache-Control": "no-store"}
_OPTED_IN = "x-include-refresh-token-hard-expires-in"


def endpoints(sandbox: Sandbox) -> dict[str, Endpoint]:
    """Every address of this module with what serves it."""
    signer = Signer()
    return {
        AUTHORIZE: ConsentEndpoint(sandbox),
        TOKEN: TokenEndpoint(sandbox, signer),
        REVOKE: RevokeEndpoint(sandbox, signer),
        USERINFO: UserInfoEndpoint(sandbox),
        KEYS: KeysEndpoint(sandbox, signer),
        **{path: DiscoveryEndpoint(sandbox) for path in DISCOVERY},
    }


class _Simple(Endpoint):
    """An endpoint whose whole work is one function from request to reply."""

    name = ""
    methods: tuple[str, ...] = ("GET", "HEAD")

    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """The reply of ``work``, under the fault rules for ``name``."""
        entry.endpoint = entry.operation = self.name
        target = Target(self.name, "", entry.operation, request.method, "")
        await self.with_faults([target], entry, wire, lambda: self._checked(request, entry), token_fault)

    def _checked(self, request: Incoming, entry: Entry) -> Reply:
        if request.problem is not None:
            return _error("invalid_request", "The request is too large", request.problem.status)
        if request.method not in self.methods:
            return _error("invalid_request", f"{self.methods[0]} expected", 405)
        return self.work(request, entry)

    @abstractmethod
    def work(self, request: Incoming, entry: Entry) -> Reply:
        """The reply to a request whose method is right."""


def _error(error: str, description: str = "", status: int = 400) -> Reply:
    body: Json = {"error": error}
    if description:
        body["error_description"] = description
    return Reply(status, encode(body), JSON)


class DiscoveryEndpoint(_Simple):
    """Where everything is (protocol.md 2.1), with this server's own addresses."""

    name = "discovery"

    def work(self, request: Incoming, entry: Entry) -> Reply:
        """The document; both names give the same one."""
        base = request.base_url
        document: Json = {
            "issuer": issuer(base),
            "authorization_endpoint": base + AUTHORIZE,
            "token_endpoint": base + TOKEN,
            "userinfo_endpoint": base + USERINFO,
            "revocation_endpoint": base + REVOKE,
            "jwks_uri": base + KEYS,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "scopes_supported": list(OPENID_SCOPES),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": list(CLAIMS),
        }
        return Reply(200, encode(document), JSON)


class KeysEndpoint(_Simple):
    """The key that id_tokens are checked with."""

    name = "jwks"

    def __init__(self, sandbox: Sandbox, signer: Signer) -> None:
        super().__init__(sandbox)
        self._signer = signer

    def work(self, request: Incoming, entry: Entry) -> Reply:
        """A JWK set."""
        return Reply(200, encode(self._signer.keys()), JSON)


class UserInfoEndpoint(_Simple):
    """Who the person is, for a token with the scope ``openid``."""

    name = "userinfo"

    def work(self, request: Incoming, entry: Entry) -> Reply:
        """The members that the scopes allow; 401 for a dead token, 403 for one without ``openid``."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self._world.authority.check(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None:
            reply = _error("invalid_token", "Token invalid", 401)
            reply.headers["www-authenticate"] = 'Bearer realm="Intuit", error="invalid_token"'
            return reply
        entry.client_id, entry.realm = grant.client_id, grant.realm
        if "openid" not in grant.scopes:
            return _error("insufficient_scope", "The scope openid was not granted", 403)
        return Reply(200, encode(person(grant)), JSON)


class ConsentEndpoint(_Simple):
    """The consent page: choose a company, then back to the app with code, realmId and state (protocol.md 2.2).

    A form in a browser; with ``decision=connect&realm=R`` or ``decision=deny`` in the address it redirects at once.
    """

    name = "authorize"
    methods = ("GET", "HEAD", "POST")

    def work(self, request: Incoming, entry: Entry) -> Reply:
        """The page, or a redirect to the app."""
        asked = request.params
        if request.method == "POST":
            asked |= first_of(request.body.decode(errors="replace"))
        client, redirect = asked.get("client_id", ""), asked.get("redirect_uri", "")
        entry.client_id = client
        if not self._world.authority.redirect_allowed(client, redirect):
            page = "<!doctype html><title>Error</title><h1>The redirect_uri or client_id is not registered.</h1>"
            return Reply(400, page.encode(), _PAGE, dict(_PAGE_HEADERS))
        state = {"state": asked["state"]} if "state" in asked else {}
        scopes = frozenset(asked.get("scope", "").split())
        if asked.get("response_type") != "code":
            return _redirect(redirect, {"error": "unsupported_response_type", **state})
        if not scopes or not scopes <= SCOPES:
            return _redirect(redirect, {"error": "invalid_scope", **state})
        if asked.get("decision") == "deny":
            return _redirect(redirect, {"error": "access_denied", **state})
        about_company = bool(scopes & COMPANY_SCOPES)
        realm = asked.get("realm", "") if about_company else ""
        if asked.get("decision") == "connect" and (realm in self._world.companies or not about_company):
            entry.realm = realm
            lives = self._world.switches.code_seconds
            code = self._world.authority.consent(client, realm, redirect, " ".join(sorted(scopes)), lives)
            chosen = {"realmId": realm} if about_company else {}
            return _redirect(redirect, {"code": code, **chosen, **state})
        return Reply(200, self._page(asked, about_company).encode(), _PAGE, dict(_PAGE_HEADERS))

    def _page(self, asked: dict[str, str], about_company: bool) -> str:
        kept = {name: value for name, value in asked.items() if name not in ("realm", "decision")}
        hidden = "".join(f'<input type="hidden" name="{_text(n)}" value="{_text(v)}">' for n, v in kept.items())
        rows = []
        for place, (realm, held) in enumerate(self._world.companies.items() if about_company else ()):
            record = held.book.find("CompanyInfo", "1")
            name = record.body.get("CompanyName", realm) if record is not None else realm
            chosen = " checked" if place == 0 else ""
            rows.append(
                f'<p><label><input type="radio" name="realm" value="{_text(realm)}"{chosen} required> '
                f"{_text(str(name))} ({_text(realm)})</label></p>"
            )
        wanted = "".join(f"<li>{_text(scope)}</li>" for scope in asked.get("scope", "").split())
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connect to the sandbox</title></head>'
            f"<body><h1>Connect {_text(asked['client_id'])} to a sandbox company</h1><ul>{wanted}</ul>"
            f'<form method="get" action="{AUTHORIZE}">{hidden}{"".join(rows)}'
            '<p><button name="decision" value="connect">Connect</button> '
            '<button name="decision" value="deny" formnovalidate>No thanks</button></p></form></body></html>'
        )


def _text(value: str) -> str:
    return html.escape(value, quote=True)


def _redirect(uri: str, params: dict[str, str]) -> Reply:
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(params)}"
    safe = location.encode("ascii", "ignore").decode().replace("\r", "").replace("\n", "")
    return Reply(302, b"", _PAGE, {**_PAGE_HEADERS, "Location": safe})


class TokenEndpoint(Endpoint):
    """Codes and refresh tokens for tokens (protocol.md 2.4)."""

    def __init__(self, sandbox: Sandbox, signer: Signer) -> None:
        super().__init__(sandbox)
        self._signer = signer

    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """The token answer, or an error of protocol.md 2.7."""
        form = first_of(request.body.decode(errors="replace"))
        entry.endpoint, entry.operation = "token", form.get("grant_type", "")
        entry.client_id = _credentials(request, form)[0]
        entry.realm = self._world.authority.realm_of(form.get("refresh_token") or form.get("code", ""))
        target = Target("token", "", entry.operation, request.method, "")
        await self.with_faults([target], entry, wire, lambda: self._token(request, form, entry), token_fault)

    def _token(self, request: Incoming, form: dict[str, str], entry: Entry) -> Reply:
        world = self._world
        try:
            _check(request)
            app = self._app(request, form)
            entry.client_id = app.client_id
            grant = self._grant(app, form)
        except OAuthError as error:
            return _error(error.error, error.description, error.status)
        entry.realm = grant.realm
        answer = world.authority.answer(grant, request.headers.get(_OPTED_IN, "").lower() == "true")
        if "openid" in grant.scopes:
            answer["id_token"] = self._signer.token(grant, request.base_url, entry.at)
        return Reply(200, encode(answer))

    def _app(self, request: Incoming, form: dict[str, str]) -> App:
        return self._world.authority.authenticate(*_credentials(request, form), self._world.switches)

    def _grant(self, app: App, form: dict[str, str]) -> Grant:
        authority, switches = self._world.authority, self._world.switches
        kind = form.get("grant_type")
        if kind == "refresh_token":
            if not form.get("refresh_token"):
                raise OAuthError("invalid_request", "refresh_token is missing")
            return authority.refresh(app, form["refresh_token"], switches)
        if kind == "authorization_code":
            if not form.get("code"):
                raise OAuthError("invalid_request", "code is missing")
            return authority.exchange(app, form["code"], form.get("redirect_uri", ""), switches)
        raise OAuthError("unsupported_grant_type" if kind else "invalid_request")


class RevokeEndpoint(TokenEndpoint):
    """The end of a grant (protocol.md 2.8)."""

    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """200 with nothing in it."""
        entry.endpoint = entry.operation = "revoke"
        entry.client_id = _credentials(request, {})[0]
        with suppress(OAuthError):
            entry.realm = self._world.authority.realm_of(_token_in(request))
        target = Target("revoke", "", "revoke", request.method, "")
        await self.with_faults([target], entry, wire, lambda: self._revoke(request, entry), token_fault)

    def _revoke(self, request: Incoming, entry: Entry) -> Reply:
        try:
            _check(request)
            app = self._app(request, {})
            entry.client_id = app.client_id
            token = _token_in(request)
            if not token or not self._world.authority.revoke(token, app):
                raise OAuthError("invalid_request", "Unknown token")
        except OAuthError as error:
            return _error(error.error, error.description, error.status)
        return Reply(200, b"")


def _credentials(request: Incoming, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret as they were sent, by Basic or in the form."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, blob = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(blob).decode().partition(":")
        except (binascii.Error, ValueError):
            return "", ""
    return client_id, secret


def _check(request: Incoming) -> None:
    if request.problem is not None:
        raise OAuthError("invalid_request", "The request is too large", request.problem.status)
    if request.method != "POST":
        raise OAuthError("invalid_request", "POST expected", 405)


def _token_in(request: Incoming) -> str:
    """The token of a revocation, from JSON as Intuit's page shows it, or form-encoded as RFC 7009 has it."""
    if "form-urlencoded" in request.headers.get("content-type", ""):
        return first_of(request.body.decode(errors="replace")).get("token", "")
    try:
        content = decode(request.body) if request.body else {}
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise OAuthError("invalid_request") from None
    return str(content.get("token", "")) if isinstance(content, dict) else ""
