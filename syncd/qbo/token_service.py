"""The calls to Intuit's OAuth service, and what its answers mean (protocol.md 2.4, 2.7, 2.8). Nothing is kept here.

No answer, or one that nobody can make sense of, is ``QboUnavailable`` and ends no grant; ``InvalidGrantError`` is a no.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
import requests
import tenacity

from syncd.clock import Clock
from syncd.errors import QboUnavailable, WrongCompany
from syncd.qbo.settings import QboConfig

_HARD_EXPIRY_HEADER = "x-include-refresh-token-hard-expires-in"
_ATTEMPTS = 4
DEAD = "invalid_grant"
"""What the token endpoint says of a refresh token that is no good, and what a grant is marked with then."""


class TokenAnswer(msgspec.Struct, frozen=True):
    """What the token endpoint gave, as absolute times."""

    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime | None
    hard_expires_at: datetime | None

    def __repr__(self) -> str:
        """Without the secrets (F-65)."""
        return f"TokenAnswer(access_expires_at={self.access_expires_at!r})"


class _TokenBody(msgspec.Struct):
    """A success body of the token endpoint (protocol.md 2.4)."""

    access_token: str
    refresh_token: str
    expires_in: int
    x_refresh_token_expires_in: int | None = None
    x_refresh_token_hard_expires_in: int | None = None


class _ErrorBody(msgspec.Struct):
    error: str = ""


class InvalidGrantError(Exception):
    """The refresh token or code was refused."""


class TokenEndpoint:
    """The three calls to Intuit's OAuth service."""

    def __init__(self, config: QboConfig, clock: Clock, stop: threading.Event | None = None) -> None:
        self._config = config
        self._clock = clock
        self._stop = stop or threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def refresh(self, refresh_token: str) -> TokenAnswer:
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def exchange(self, code: str, redirect_uri: str) -> TokenAnswer:
        return self._tokens({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def revoke(self, token: str) -> None:
        """End the grant. Raises ``QboUnavailable`` when that could not be confirmed."""
        body = msgspec.json.encode({"token": token})
        answer = self._post(self._config.revoke_url, body, "application/json")
        if answer.status_code not in {200, 400}:  # 400: Intuit no longer knows the token, which is what was wanted
            raise QboUnavailable(f"Intuit did not confirm the revocation (HTTP {answer.status_code}).")

    def _tokens(self, form: Mapping[str, str]) -> TokenAnswer:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(QboUnavailable),
            stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_when_event_set(self._stop),
            wait=tenacity.wait_random_exponential(multiplier=1, max=20),
            sleep=lambda seconds: _void(self._clock.sleep(seconds, self._stop)),
            reraise=True,
        )
        return retrying(self._tokens_once, form)

    def _tokens_once(self, form: Mapping[str, str]) -> TokenAnswer:
        asked_at = self._clock.now()
        answer = self._post(self._config.token_url, urlencode(form).encode(), "application/x-www-form-urlencoded")
        if answer.status_code == 200:
            return self._success(answer, asked_at)
        error = _error_of(answer)
        if error == DEAD:
            raise InvalidGrantError
        if error in {"invalid_client", "unauthorized_client"}:
            raise WrongCompany(
                "Intuit does not know this app's client id and secret.",
                remedy="Compare them with the app's keys for this environment on developer.intuit.com.",
                code=error,
                tid=_tid(answer),
            )
        raise QboUnavailable(
            f"Intuit's token service answered HTTP {answer.status_code} {error}".rstrip() + ".", tid=_tid(answer)
        )

    def _success(self, answer: requests.Response, asked_at: datetime) -> TokenAnswer:
        try:
            body = msgspec.json.decode(answer.content, type=_TokenBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        if body is None or not body.access_token or not body.refresh_token or body.expires_in <= 0:
            raise QboUnavailable("Intuit's token service answered without usable tokens.", tid=_tid(answer))
        return TokenAnswer(
            access_token=body.access_token,
            refresh_token=body.refresh_token,
            access_expires_at=asked_at + timedelta(seconds=body.expires_in),
            refresh_expires_at=_after(asked_at, body.x_refresh_token_expires_in),
            hard_expires_at=_after(asked_at, body.x_refresh_token_hard_expires_in),
        )

    def _post(self, url: str, body: bytes, content_type: str) -> requests.Response:
        pair = f"{self._config.client_id}:{self._config.client_secret.get_secret_value()}".encode()
        headers = {
            "Authorization": f"Basic {b64encode(pair).decode()}",
            "Accept": "application/json",
            "Content-Type": content_type,
            _HARD_EXPIRY_HEADER: "true",
        }
        try:
            return self._session.post(
                url, data=body, headers=headers, timeout=self._config.timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise QboUnavailable(f"Intuit's token service cannot be reached ({type(error).__name__}).") from None


def _void(_: object) -> None:
    """Drop a result."""


def _after(moment: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else moment + timedelta(seconds=seconds)


def _tid(answer: requests.Response) -> str:
    return answer.headers.get("intuit_tid", "")


def _error_of(answer: requests.Response) -> str:
    """The ``error`` member; the description is not stable and may hold anything (protocol.md 2.7)."""
    try:
        return msgspec.json.decode(answer.content, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
