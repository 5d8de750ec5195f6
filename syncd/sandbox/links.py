"""Signed links to the files of attachments: without a token, for a quarter of an hour (protocol.md 11)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

LINKS = "/attachments/"
LIVES_SECONDS = 900
_FORM = "%Y%m%dT%H%M%SZ"
_SECRET = secrets.token_bytes(32)  # made anew at each start: links live too short to be worth keeping it


def sign(base_url: str, realm: str, record_id: str, name: str, now: float) -> str:
    """A link that is good from now on."""
    date = datetime.fromtimestamp(int(now), UTC).strftime(_FORM)
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(LIVES_SECONDS),
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": _signature(realm, record_id, date),
    }
    return f"{base_url}{LINKS}{realm}/{record_id}/{quote(name, safe='')}?{urlencode(query)}"


def is_genuine(realm: str, record_id: str, params: dict[str, str]) -> bool:
    """Was the link made here?"""
    wanted = _signature(realm, record_id, params.get("X-Amz-Date", ""))
    return hmac.compare_digest(wanted.encode(), params.get("X-Amz-Signature", "").encode())


def is_current(params: dict[str, str], now: float) -> bool:
    """Is a genuine link still good?"""
    made = datetime.strptime(params["X-Amz-Date"], _FORM).replace(tzinfo=UTC).timestamp()
    return now < made + LIVES_SECONDS


def _signature(realm: str, record_id: str, date: str) -> str:
    return hmac.new(_SECRET, f"{realm}/{record_id}/{date}".encode(), hashlib.sha256).hexdigest()
