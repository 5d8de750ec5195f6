"""The client of QuickBooks Online: how it is reached, read and written. ``Books`` is the way in."""

from __future__ import annotations

from syncd.qbo.auth import TokenAnswer, TokenStore, authorize_url, exchange_code, new_state, revoke
from syncd.qbo.books import Books, BooksChanges
from syncd.qbo.codec import Unencodable
from syncd.qbo.finder import Found
from syncd.qbo.limiter import Limiter
from syncd.qbo.settings import QboConfig

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
