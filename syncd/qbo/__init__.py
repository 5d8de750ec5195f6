"""The client of QuickBooks Online: how it is reached, read and written. ``Books`` is the way in."""

from __future__ import annotations

from syncd.qbo.auth import TokenStore
from syncd.qbo.books import Books, BooksChanges
from syncd.qbo.codec import Unencodable
from syncd.qbo.consent import authorize_url, exchange_code, new_state, revoke
from syncd.qbo.finder import Found
from syncd.qbo.limiter import Limiter
from syncd.qbo.settings import QboConfig
from syncd.qbo.token_service import TokenAnswer

__all__ = [
    "Books",
    "BooksChanges",
    "Found",
    "Limiter",
    "QboConfig",
    "TokenAnswer",
    "TokenStore",
    "Unencodable",
    "authorize_url",
    "exchange_code",
    "new_state",
    "revoke",
]
