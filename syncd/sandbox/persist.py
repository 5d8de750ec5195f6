"""Books, tokens, request ids and history in one SQLite file (``--data``), so that a restart keeps them.

What a request changed is written in one transaction before its answer leaves. The ledger, fault rules, switches
and throttle counts are not kept; the clock goes on from the last moment saved plus the real time that has passed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from syncd.sandbox import company
from syncd.sandbox.book import Book, Record, Version
from syncd.sandbox.clock import parse_moment
from syncd.sandbox.oauth import App, Grant
from syncd.sandbox.replay import Answer, Memory
from syncd.sandbox.specs import SPECS
from syncd.sandbox.wire import Json, decode, encode
from syncd.sandbox.world import Company, World

_TABLES = """
CREATE TABLE IF NOT EXISTS company (realm TEXT PRIMARY KEY, hidden BLOB, counters BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (realm TEXT, entity TEXT, id TEXT, raw BLOB, PRIMARY KEY (realm, entity, id))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone (realm TEXT, entity TEXT, id TEXT, second INTEGER,
  PRIMARY KEY (realm, entity, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (realm TEXT, seq INTEGER, at REAL, entity TEXT, id TEXT, op TEXT, token TEXT,
  raw BLOB, PRIMARY KEY (realm, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer (realm TEXT, requestid TEXT, item TEXT, digest BLOB, status INTEGER, body BLOB,
  at REAL, PRIMARY KEY (realm, requestid, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS granted (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS app (client_id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moment (at REAL, real REAL);
"""


class Store:
    """The file behind a world."""

    def __init__(self, path: Path, world: World) -> None:
        self._world = world
        world.durable = True
        self._saved: dict[str, int] = {}
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=OFF")  # survives the end of the process, not of the power
        self._base.executescript(_TABLES)
        self._restore()

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self.save()
        self._base.close()

    def save(self) -> None:
        """Write everything that changed since the last call, in one transaction."""
        world = self._world
        changed = [
            (realm, held)
            for realm, held in world.companies.items()
            if held.book.dirty or held.memory.fresh or self._saved.get(realm) is None
        ]
        if not changed and not world.authority.dirty:
            return
        base = self._base
        base.execute("BEGIN")
        for realm, held in changed:
            self._save_company(realm, held)
        for grant_id in world.authority.dirty:
            base.execute(
                "INSERT OR REPLACE INTO granted VALUES (?, ?)", (grant_id, encode(world.authority.snapshot(grant_id)))
            )
        for app in world.authority.apps.values():
            body = encode({"client_id": app.client_id, "secret": app.secret, "redirect_uris": app.redirect_uris})
            base.execute("INSERT OR REPLACE INTO app VALUES (?, ?)", (app.client_id, body))
        base.execute("DELETE FROM moment")
        base.execute("INSERT INTO moment VALUES (?, ?)", (world.clock.now(), time.time()))
        base.execute("COMMIT")
        world.authority.dirty.clear()

    def forget(self, realm: str) -> None:
        """Drop a company from the file."""
        self._saved.pop(realm, None)
        for table in ("company", "record", "tombstone", "history", "answer"):
            self._base.execute(f"DELETE FROM {table} WHERE realm = ?", (realm,))  # noqa: S608  # fixed names above

    def _save_company(self, realm: str, held: Company) -> None:
        book, base = held.book, self._base
        base.execute(
            "INSERT OR REPLACE INTO company VALUES (?, ?, ?)", (realm, encode(book.hidden), encode(book.counters))
        )
        base.executemany(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)",
            ((realm, entity, key, record.raw) for (entity, key), record in book.dirty.items() if record is not None),
        )
        gone = [(realm, entity, key) for (entity, key), record in book.dirty.items() if record is None]
        base.executemany("DELETE FROM record WHERE realm = ? AND entity = ? AND id = ?", gone)
        base.executemany(
            "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?)",
            ((realm, entity, key, book.tables[entity].deleted[key]) for _, entity, key in gone),
        )
        done = self._saved.get(realm, 0)
        base.executemany(
            "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((realm, v.seq, v.at, v.entity, v.id, v.op, v.token, v.raw) for v in book.history[done:]),
        )
        answers = held.memory.answers
        base.executemany(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (realm, *key, answers[key].digest, answers[key].status, answers[key].body, answers[key].at)
                for key in held.memory.fresh
                if key in answers
            ),
        )
        self._saved[realm] = len(book.history)
        book.dirty.clear()
        held.memory.fresh.clear()

    def _restore(self) -> None:
        world, base = self._world, self._base
        for at, real in base.execute("SELECT at, real FROM moment"):
            world.clock.set(at + max(0.0, time.time() - real))
        for (body,) in base.execute("SELECT body FROM app"):
            world.authority.add_app(App(**decode(body)))
        for (body,) in base.execute("SELECT body FROM granted"):
            world.authority.adopt(_grant(decode(body)))
        world.authority.dirty.clear()
        for realm, hidden, counters in base.execute("SELECT realm, hidden, counters FROM company").fetchall():
            book = Book(realm, world.clock, track=True)
            self._restore_book(book)
            book.hidden = decode(hidden)
            book.counters = decode(counters)
            company.refresh_settings(book)
            held = Company(book, Memory(track=True))
            for row in base.execute(
                "SELECT requestid, item, digest, status, body, at FROM answer WHERE realm = ?", (realm,)
            ):
                held.memory.answers[(row[0], row[1])] = Answer(*row[2:])
            world.companies[realm] = held
            self._saved[realm] = len(book.history)

    def _restore_book(self, book: Book) -> None:
        realm, base = book.realm, self._base
        rows = base.execute("SELECT entity, id, raw FROM record WHERE realm = ?", (realm,)).fetchall()
        for entity, record, body, raw in sorted(_records(rows), key=lambda row: row[1].updated):
            book.store(entity, record, body, raw, "", 0.0)
        for entity, key, second in base.execute(
            "SELECT entity, id, second FROM tombstone WHERE realm = ? ORDER BY second", (realm,)
        ):
            book.tables[entity].bury(key, second)
        book.dirty.clear()
        book.history = [
            Version(*row)
            for row in base.execute(
                "SELECT seq, at, entity, id, op, token, raw FROM history WHERE realm = ? ORDER BY seq", (realm,)
            )
        ]


def _records(rows: list[tuple[str, str, bytes]]) -> Iterator[tuple[str, Record, Json, bytes]]:
    for entity, key, raw in rows:
        if entity not in SPECS:
            continue
        body: Json = decode(raw)
        meta = body["MetaData"]
        created, updated = parse_moment(meta["CreateTime"]), parse_moment(meta["LastUpdatedTime"])
        yield entity, Record(key, body.get("SyncToken", "0"), int(created), int(updated)), body, raw


def _grant(body: Json) -> Grant:
    numbers = ("consented", "refresh_since", "refresh_expires")
    return Grant(
        **{
            **body,
            **{name: float(body[name]) for name in numbers},
            "access": {token: float(at) for token, at in body["access"].items()},
            "superseded": {token: float(at) for token, at in body["superseded"].items()},
        }
    )
