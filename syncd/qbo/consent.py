"""A person's side of a grant: approving it at Intuit, handing in the code that comes of it, and giving it back."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from syncd.clock import Clock
from syncd.errors import ReconnectNeeded
from syncd.qbo.settings import SCOPE, QboConfig
from syncd.qbo.token_service import DEAD, InvalidGrantError, TokenAnswer, TokenEndpoint


def new_state() -> str:
    """An unguessable ``state`` for one consent; bind it to the browser session and refuse any other (2.2)."""
    return secrets.token_urlsafe(32)


def authorize_url(config: QboConfig, *, redirect_uri: str, state: str) -> str:
    """Where a person approves the connection (protocol.md 2.2)."""
    query = urlencode(
        {
            "client_id": config.client_id,
            "response_type": "code",
            "scope": SCOPE,
            "redirect_uri": redirect_uri,
            "state": state,
        }
    )
    return f"{config.authorize_url}?{query}"


def exchange_code(config: QboConfig, clock: Clock, *, code: str, redirect_uri: str) -> TokenAnswer:
    """Turn the code of the callback into tokens. A code works once; never send it twice (2.2)."""
    endpoint = TokenEndpoint(config, clock)
    try:
        return endpoint.exchange(code, redirect_uri)
    except InvalidGrantError:
        raise ReconnectNeeded(
            "Intuit did not accept the code: it was used before, is too old, or belongs to another redirect address.",
            remedy="Start `syncd connect` again.",
            code=DEAD,
        ) from None
    finally:
        endpoint.close()


def revoke(config: QboConfig, clock: Clock, *, token: str) -> None:
    """Give the grant back (protocol.md 2.8)."""
    endpoint = TokenEndpoint(config, clock)
    try:
        endpoint.revoke(token)
    finally:
        endpoint.close()
