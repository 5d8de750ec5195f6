"""Books, tokens, request ids, files, history and snapshots in one SQLite file (``--data``); a restart keeps them.

What a request changed is written in one transaction before its answer leaves. The ledger, fault rules, switches,
scenario events, webhook endpoints and throttle windows are not kept; the month's count of metered reads is, along
with other changes and at the end. The clock goes on from the last moment saved plus the real time that has passed. A
snapshot lies in the same tables as the companies, under a key that no realm can have.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.sandbox import company
from syncd.sandbox.book import Book, Key, Record, Version
from syncd.sandbox.clock import parse_moment
from syncd.sandbox.oauth import App, Grant
from syncd.sandbox.replay import Answer, Memory
from syncd.sandbox.snapshots import Snapshot
from syncd.sandbox.specs import SPECS
from syncd.sandbox.wire import Json, decode, encode
from syncd.sandbox.world import Company, World

_FORMAT = 2
_PATIENCE_SECONDS = 2.0  # for a server on the same file that is just ending
_TABLES = """
CREATE TABLE IF NOT EXISTS company (realm TEXT PRIMARY KEY, hidden BLOB, counters BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (realm TEXT, entity TEXT, id TEXT, raw BLOB, seq INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (realm, entity, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone (realm TEXT, entity TEXT, id TEXT, second INTEGER,
  PRIMARY KEY (realm, entity, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (realm TEXT, seq INTEGER, at REAL, entity TEXT, id TEXT, op TEXT, token TEXT,
  raw BLOB, PRIMARY KEY (realm, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer (realm TEXT, requestid TEXT, item TEXT, digest BLOB, status INTEGER, body BLOB,
  at REAL, PRIMARY KEY (realm, requestid, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (realm TEXT, id TEXT, content BLOB, PRIMARY KEY (realm, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (key TEXT PRIMARY KEY, realm TEXT, name TEXT, at REAL, records INTEGER,
  versions INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS granted (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS app (client_id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moment (at REAL, real REAL);
CREATE TABLE IF NOT EXISTS metered (month TEXT, realm TEXT, calls INTEGER, PRIMARY KEY (month, realm)) WITHOUT ROWID;
"""
_OF_A_COMPANY = ("company", "record", "tombstone", "history", "answer", "file")


class Store:
    """The file behind a world; ValueError when it is something else."""

    def __init__(self, path: Path, world: World) -> None:
        self._world = world
        world.durable = True
        self._saved: dict[str, int] = {}
        self._apps: dict[str, bytes] = {}
        self._moves = 0
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_SECONDS)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._base.close()
            told = "another sandbox is using it" if "locked" in str(error) else str(error)
            raise ValueError(f"{path}: {told}") from None
        self._restore()

    def _prepare(self) -> None:
        base = self._base
        base.execute("PRAGMA locking_mode=EXCLUSIVE")  # two servers on one file would spoil it
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=OFF")  # survives the end of the process, not of the power
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version > _FORMAT:
            raise sqlite3.DatabaseError("written by a newer sandbox")
        base.executescript(_TABLES)
        columns = {row[1] for row in base.execute("PRAGMA table_info(record)")}
        if "seq" not in columns:  # the first format
            base.execute("ALTER TABLE record ADD COLUMN seq INTEGER NOT NULL DEFAULT 0")
        base.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Everything inside is written, or nothing."""
        self._base.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self._moves = -1  # the moment of the end is worth keeping too
        self.save()
        self._base.close()

    def save(self) -> None:
        """Write everything that changed since the last call, in one transaction."""
        world = self._world
        changed = [
            (realm, held)
            for realm, held in world.companies.items()
            if held.book.dirty or held.book.files_dirty or held.memory.fresh or self._saved.get(realm) is None
        ]
        apps = {app.client_id: _app(app) for app in world.authority.apps.values()}
        if not changed and not world.authority.dirty and apps == self._apps and world.clock.moves == self._moves:
            return
        base = self._base
        with self._together():
            for realm, held in changed:
                self._save_company(realm, held)
            for grant_id in world.authority.dirty:
                grant = encode(world.authority.snapshot(grant_id))
                base.execute("INSERT OR REPLACE INTO granted VALUES (?, ?)", (grant_id, grant))
            if apps != self._apps:
                base.executemany("INSERT OR REPLACE INTO app VALUES (?, ?)", apps.items())
            base.execute("DELETE FROM moment")
            base.execute("INSERT INTO moment VALUES (?, ?)", (world.clock.now(), time.time()))
            counts = world.throttle.metered.items()
            base.executemany(
                "INSERT OR REPLACE INTO metered VALUES (?, ?, ?)", ((*key, calls) for key, calls in counts)
            )
        self._apps, self._moves = apps, world.clock.moves
        world.authority.dirty.clear()

    def forget(self, realm: str) -> None:
        """Drop a company from the file."""
        with self._together():
            self._drop(realm)

    def rewrite(self, realm: str) -> None:
        """Write a company anew: it is another one than before."""
        with self._together():
            self._drop(realm)
            self._save_company(realm, _all_dirty(self._world.companies[realm]))

    def keep_snapshot(self, snapshot: Snapshot) -> None:
        """Write a snapshot, in place of one of the same name."""
        held = snapshot.held
        if held is None:
            return
        with self._together():
            self._drop(snapshot.key)
            self._base.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)",
                (snapshot.key, snapshot.realm, snapshot.name, snapshot.at, snapshot.records, snapshot.versions),
            )
            self._save_company(snapshot.key, _all_dirty(held))

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """Drop a snapshot from the file."""
        with self._together():
            self._drop(snapshot.key)
            self._base.execute("DELETE FROM snapshot WHERE key = ?", (snapshot.key,))

    def snapshots(self) -> list[Snapshot]:
        """The snapshots in the file, without what is in them."""
        rows = self._base.execute("SELECT realm, name, at, records, versions FROM snapshot ORDER BY at")
        return [Snapshot(*row) for row in rows]

    def _drop(self, key: str) -> None:
        self._saved.pop(key, None)
        for table in _OF_A_COMPANY:
            self._base.execute(f"DELETE FROM {table} WHERE realm = ?", (key,))  # noqa: S608  # fixed names above

    def _save_company(self, realm: str, held: Company) -> None:
        book, base = held.book, self._base
        base.execute(
            "INSERT OR REPLACE INTO company VALUES (?, ?, ?)", (realm, encode(book.hidden), encode(book.counters))
        )
        base.executemany(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)",
            (
                (realm, entity, key, record.raw, record.seq)
                for (entity, key), record in book.dirty.items()
                if record is not None
            ),
        )
        gone = [(realm, entity, key) for (entity, key), record in book.dirty.items() if record is None]
        base.executemany("DELETE FROM record WHERE realm = ? AND entity = ? AND id = ?", gone)
        base.executemany(
            "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?)",
            ((realm, entity, key, book.tables[entity].deleted[key]) for _, entity, key in gone),
        )
        self._save_files(realm, book)
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

    def _save_files(self, realm: str, book: Book) -> None:
        for key in book.files_dirty:
            if key in book.files:
                self._base.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", (realm, key, book.files[key]))
            else:
                self._base.execute("DELETE FROM file WHERE realm = ? AND id = ?", (realm, key))
        book.files_dirty.clear()

    def _restore(self) -> None:
        world, base = self._world, self._base
        for at, real in base.execute("SELECT at, real FROM moment"):
            world.clock.set(at + max(0.0, time.time() - real) * world.clock.speed)
        counts = base.execute("SELECT month, realm, calls FROM metered")
        world.throttle.metered = {(month, realm): calls for month, realm, calls in counts}
        for (body,) in base.execute("SELECT body FROM app"):
            world.authority.add_app(App(**decode(body)))
        for (body,) in base.execute("SELECT body FROM granted"):
            world.authority.adopt(_grant(decode(body)))
        world.authority.dirty.clear()
        for (realm,) in base.execute(
            "SELECT realm FROM company WHERE realm NOT IN (SELECT key FROM snapshot)"
        ).fetchall():
            world.companies[realm] = held = self.read_company(realm)
            self._saved[realm] = len(held.book.history)

    def read_company(self, key: str) -> Company:
        """A company, or the one of a snapshot, from the file."""
        base = self._base
        hidden, counters = base.execute("SELECT hidden, counters FROM company WHERE realm = ?", (key,)).fetchone()
        book = Book(key.partition("@")[0], self._world.clock, track=True)
        self._read_records(key, book)
        book.files.update(base.execute("SELECT id, content FROM file WHERE realm = ?", (key,)).fetchall())
        book.files_dirty.clear()
        book.hidden, book.counters = decode(hidden), decode(counters)
        company.refresh_settings(book)
        book.dirty.clear()
        memory = Memory(track=True)
        for row in base.execute(
            "SELECT requestid, item, digest, status, body, at FROM answer WHERE realm = ? ORDER BY at", (key,)
        ):
            memory.answers[(row[0], row[1])] = Answer(*row[2:])
        return Company(book, memory, told=len(book.history))

    def _read_records(self, key: str, book: Book) -> None:
        base = self._base
        rows = base.execute("SELECT entity, id, raw FROM record WHERE realm = ? ORDER BY seq", (key,))
        for entity, record, body, raw in _records(rows):
            book.store(entity, record, body, raw, "", 0.0)
        book.settle_holders()
        for entity, record_id, second in base.execute(
            "SELECT entity, id, second FROM tombstone WHERE realm = ? ORDER BY second", (key,)
        ):
            book.tables[entity].bury(record_id, second)
        versions = base.execute(
            "SELECT seq, at, entity, id, op, token, raw FROM history WHERE realm = ? ORDER BY seq", (key,)
        )
        book.history = [
            Version(seq, at, entity, record_id, op, token, _shared(book, entity, record_id, token, raw))
            for seq, at, entity, record_id, op, token, raw in versions
        ]


def _shared(book: Book, entity: str, record_id: str, token: str, raw: bytes) -> bytes:
    """The bytes of a version: those of the record where it is the current one, so that they are held once."""
    table = book.tables.get(entity)
    record = None if table is None else table.records.get(record_id)
    return record.raw if record is not None and record.token == token and record.raw == raw else raw


def _all_dirty(held: Company) -> Company:
    """Note everything of a company as not written yet."""
    book = held.book
    everything: dict[Key, Record | None] = {
        (entity, record_id): None for entity, table in book.tables.items() for record_id in table.deleted
    }
    for entity, table in book.tables.items():
        everything.update({(entity, record_id): record for record_id, record in table.records.items()})
    book.dirty.update(everything)
    book.files_dirty.update(book.files)
    held.memory.fresh[:] = list(held.memory.answers)
    return held


def _records(rows: Iterable[tuple[str, str, bytes]]) -> Iterator[tuple[str, Record, Json, bytes]]:
    for entity, key, raw in rows:
        if entity not in SPECS:
            continue
        body: Json = decode(raw)
        meta = body["MetaData"]
        updated = parse_moment(meta["LastUpdatedTime"])
        created = parse_moment(meta["CreateTime"]) if "CreateTime" in meta else updated
        yield entity, Record(key, body.get("SyncToken", "0"), int(created), int(updated)), body, raw


def _app(app: App) -> bytes:
    return encode({"client_id": app.client_id, "secret": app.secret, "redirect_uris": app.redirect_uris})


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
