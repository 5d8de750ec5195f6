"""OAuth 2.0: apps, consent, tokens and their rotation (protocol.md 2). Pure; HTTP is in ``app.py``."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from syncd.sandbox.clock import Clock, days
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json

ACCESS_SECONDS = 3600
IDLE_SECONDS = 8_726_400  # 101 days, as answered (protocol.md 2.4)
HARD_SECONDS = 157_680_000  # five years (protocol.md 2.6)
ROTATION_SECONDS = days(1)
DEFAULT_SCOPE = "com.intuit.quickbooks.accounting"
PAYMENT_SCOPE = "com.intuit.quickbooks.payment"
OPENID_SCOPES = ("openid", "email", "profile", "address", "phone")
COMPANY_SCOPES = frozenset({DEFAULT_SCOPE, PAYMENT_SCOPE})
"""Scopes for which a company has to be chosen; the others are about the person (protocol.md 2.2)."""
SCOPES = COMPANY_SCOPES | set(OPENID_SCOPES)

_GRANT_TEXTS = {"invalid": "Incorrect or invalid refresh token", "token": "Token invalid", "none": ""}


class OAuthError(Exception):
    """An answer of the token endpoint that is not 200 (protocol.md 2.7)."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@dataclass
class App:
    """A registered app; without a list of redirect URIs any will do."""

    client_id: str
    secret: str
    redirect_uris: list[str] | None = None


@dataclass
class Grant:
    """One consent of one company to one app."""

    id: str
    client_id: str
    realm: str
    scope: str
    consented: float
    refresh: str
    refresh_since: float
    refresh_expires: float
    superseded: dict[str, float] = field(default_factory=dict)
    access: dict[str, float] = field(default_factory=dict)
    revoked: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """What was asked for at consent."""
        return frozenset(self.scope.split())


@dataclass
class _Code:
    client_id: str
    realm: str
    redirect_uri: str
    scope: str
    expires: float
    grant: str | None = None


class Authority:
    """Everything that hands out or checks tokens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.apps: dict[str, App] = {}
        self.grants: dict[str, Grant] = {}
        self.dirty: set[str] = set()
        self._codes: dict[str, _Code] = {}
        self._by_access: dict[str, str] = {}
        self._by_refresh: dict[str, str] = {}
        self._by_company: dict[tuple[str, str], list[Grant]] = {}

    def add_app(self, app: App) -> None:
        """Register an app, or change one."""
        self.apps[app.client_id] = app

    def authenticate(self, client_id: str, secret: str, switches: Switches) -> App:
        """The app behind client credentials, or invalid_client."""
        app = self.apps.get(client_id)
        if app is None or not secrets.compare_digest(app.secret.encode(), secret.encode()):
            raise OAuthError("invalid_client", status=int(switches.invalid_client_status))
        return app

    def redirect_allowed(self, client_id: str, uri: str) -> bool:
        """Exact match with a registered URI (protocol.md 2.3)."""
        app = self.apps.get(client_id)
        return app is not None and bool(uri) and (app.redirect_uris is None or uri in app.redirect_uris)

    def consent(self, client_id: str, realm: str, redirect_uri: str, scope: str, lives: float) -> str:
        """A fresh authorization code, good for so many seconds."""
        now = self._clock.now()
        self._codes = {code: held for code, held in self._codes.items() if held.expires > now - days(1)}
        code = f"XAB1{secrets.token_urlsafe(36)}"
        self._codes[code] = _Code(client_id, realm, redirect_uri, scope, now + lives)
        return code

    def exchange(self, app: App, code: str, redirect_uri: str, switches: Switches) -> Grant:
        """Code for tokens, once (protocol.md 2.2)."""
        held = self._codes.get(code)
        if held is None or held.client_id != app.client_id:
            raise OAuthError("invalid_grant", "Invalid authorization code")
        if held.grant is not None:
            if switches.code_reuse == "revoke":
                self.end(self.grants[held.grant])
            raise OAuthError("invalid_grant", "Authorization code was already used")
        if held.expires <= self._clock.now():
            raise OAuthError("invalid_grant", "Invalid authorization code")
        if held.redirect_uri != redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri does not match")
        grant = self.issue(app.client_id, held.realm, held.scope)
        held.grant = grant.id
        return grant

    def issue(
        self, client_id: str, realm: str, scope: str = DEFAULT_SCOPE, access_seconds: float | None = None
    ) -> Grant:
        """A new grant with its first pair of tokens."""
        now = self._clock.now()
        grant = Grant(
            id=secrets.token_hex(8),
            client_id=client_id,
            realm=realm,
            scope=scope,
            consented=now,
            refresh=_refresh_value(),
            refresh_since=now,
            refresh_expires=now + IDLE_SECONDS,
        )
        self.adopt(grant)
        self._new_access(grant, access_seconds)
        return grant

    def adopt(self, grant: Grant) -> None:
        """Know a grant, new or read back from a file."""
        self.grants[grant.id] = grant
        self._by_company.setdefault((grant.client_id, grant.realm), []).append(grant)
        for token in grant.access:
            self._by_access[token] = grant.id
        for token in (grant.refresh, *grant.superseded):
            self._by_refresh[token] = grant.id
        self.dirty.add(grant.id)

    def refresh(self, app: App, token: str, switches: Switches) -> Grant:
        """New access token; the refresh token stays within 24 h of its last change, then it is replaced."""
        grant = self.grants.get(self._by_refresh.get(token, ""))
        if grant is None or grant.client_id != app.client_id:
            raise OAuthError("invalid_grant", "Incorrect Token type or clientID")
        now = self._clock.now()
        if grant.revoked or grant.refresh_expires <= now:
            raise OAuthError("invalid_grant", _GRANT_TEXTS[switches.invalid_grant_text])
        if token != grant.refresh:
            self._superseded(grant, token, switches, now)
        if now - grant.refresh_since >= ROTATION_SECONDS:
            grant.superseded[grant.refresh] = now
            grant.refresh, grant.refresh_since = _refresh_value(), now
            self._by_refresh[grant.refresh] = grant.id
        grant.refresh_expires = min(now + IDLE_SECONDS, grant.consented + HARD_SECONDS)
        self._new_access(grant, None)
        return grant

    def _superseded(self, grant: Grant, token: str, switches: Switches, now: float) -> None:
        if switches.refresh_grace == "24h" and now - grant.superseded[token] < ROTATION_SECONDS:
            return
        if switches.refresh_grace == "revoke-on-reuse":
            self.end(grant)
        raise OAuthError("invalid_grant", _GRANT_TEXTS[switches.invalid_grant_text])

    def _new_access(self, grant: Grant, seconds: float | None) -> None:
        now = self._clock.now()
        for token in [token for token, expires in grant.access.items() if expires <= now]:
            del grant.access[token]
            self._by_access.pop(token, None)
        token = f"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0..{secrets.token_urlsafe(96)}"
        grant.access[token] = now + (ACCESS_SECONDS if seconds is None else seconds)
        self._by_access[token] = grant.id
        self.dirty.add(grant.id)

    def answer(self, grant: Grant, hard: bool = False) -> Json:
        """The body of a successful token answer (protocol.md 2.4)."""
        token, expires = list(grant.access.items())[-1]
        now = self._clock.now()
        body: dict[str, Any] = {
            "token_type": "bearer",
            "access_token": token,
            "expires_in": round(expires - now),
            "refresh_token": grant.refresh,
            "x_refresh_token_expires_in": round(grant.refresh_expires - now),
        }
        if hard:
            body["x_refresh_token_hard_expires_in"] = round(grant.consented + HARD_SECONDS - now)
        return body

    def check(self, token: str) -> Grant | None:
        """The living grant of an access token."""
        grant = self.grants.get(self._by_access.get(token, ""))
        if grant is None or grant.revoked or grant.access.get(token, 0.0) <= self._clock.now():
            return None
        return grant

    def connected(self, client_id: str, realm: str) -> bool:
        """Has the app a living grant of the company? Only then are there webhooks (protocol.md 10.1)."""
        now = self._clock.now()
        grants = self._by_company.get((client_id, realm), ())
        return any(not grant.revoked and grant.refresh_expires > now for grant in reversed(grants))

    def realm_of(self, token: str) -> str:
        """The company that a token or an unused code belongs to; empty when it is unknown."""
        grant = self.grants.get(self._by_refresh.get(token) or self._by_access.get(token, ""))
        code = self._codes.get(token)
        if grant is None:
            return "" if code is None else code.realm
        return grant.realm

    def revoke(self, token: str, app: App) -> bool:
        """End the grant that either token belongs to (protocol.md 2.8); False where the app has no such token."""
        grant = self.grants.get(self._by_refresh.get(token) or self._by_access.get(token, ""))
        if grant is None or grant.client_id != app.client_id:
            return False
        self.end(grant)
        return True

    def end(self, grant: Grant) -> None:
        """The user disconnected, or the tokens were revoked."""
        grant.revoked = True
        self.dirty.add(grant.id)

    def snapshot(self, grant_id: str) -> Json:
        """A grant as plain data, for persistence."""
        return asdict(self.grants[grant_id])


def _refresh_value() -> str:
    return f"RT1-{secrets.randbelow(1000)}-H0-{secrets.token_urlsafe(30)}"
