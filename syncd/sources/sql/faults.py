"""Which errors of the three databases are a definite no, and which may pass by themselves."""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa

from syncd.model.writes import Refused

# SQLSTATE classes: connection, transaction rollback (deadlock, serialisation), resources, operator and lock timeouts.
_PASSING_STATES = ("08", "40", "53", "55P03", "57", "58", "25P03")
_PASSING_MYSQL = frozenset({1021, 1040, 1053, 1205, 1213, 1317, 1969, 2003, 2006, 2013, 2055, 3024})
_PASSING_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_DENIED_MYSQL = frozenset({1044, 1142, 1143, 1227, 1370})


def transient(error: BaseException) -> bool:
    """Whether the same statement may succeed later: locks, deadlocks, time limits, a server that is restarting."""
    origin: Any = getattr(error, "orig", None)
    if isinstance(error, sa.exc.TimeoutError) or origin is None:
        return True
    if isinstance(origin, sqlite3.Error):
        return getattr(origin, "sqlite_errorcode", 0) & 0xFF in _PASSING_SQLITE
    code = _mysql_code(origin)
    if code:  # MySQL's states say too little: a lock that timed out is HY000, like much else
        return code in _PASSING_MYSQL
    return str(getattr(origin, "sqlstate", "")).startswith(_PASSING_STATES)


def refusal(error: BaseException, text: str) -> Refused:
    """The refusal of a write that the database will not take."""
    origin: Any = getattr(error, "orig", None)
    denied = (
        getattr(origin, "sqlstate", None) == "42501"
        or _mysql_code(origin) in _DENIED_MYSQL
        or getattr(origin, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    )
    if denied:
        return Refused(
            "no_permission",
            f"The source database does not let syncd write: {text}.",
            remedy="Grant the database user the right, or set read_only = true for this kind.",
        )
    rule = getattr(getattr(origin, "diag", None), "constraint_name", None)
    named = f" (rule {rule})" if rule and rule not in text else ""
    return Refused(
        "constraint",
        f"The source database refuses this: {text}{named}.",
        remedy="Change the record on one side so that the source's own rules are kept.",
    )


def _mysql_code(origin: Any) -> int:
    arguments = getattr(origin, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
