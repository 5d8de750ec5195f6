"""Snapshots: everything about a company under a name, to go back to.

A copy shares what never changes (the bytes and bodies of records, the versions of the history), so taking one costs
time and memory by the number of records, not by their size. Tokens, the clock, switches and fault rules are not part
of it: a client stays connected and time goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

from syncd.sandbox.book import Record
from syncd.sandbox.clock import Clock, stamp_millis
from syncd.sandbox.specs import Spec
from syncd.sandbox.wire import Json
from syncd.sandbox.world import Company

if TYPE_CHECKING:
    from syncd.sandbox.persist import Store
    from syncd.sandbox.world import World

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLAIN = frozenset({str, bytes, int, float, bool, NoneType, Decimal})
_SHARED = (Clock, Spec)


@dataclass
class Snapshot:
    """A company at a moment. Without ``held`` it lies in the file only, from before a restart."""

    realm: str
    name: str
    at: float
    records: int
    versions: int
    held: Company | None = None

    @property
    def key(self) -> str:
        """What the file knows it by; no realm has this form."""
        return f"{self.realm}@{self.name}"

    def public(self) -> Json:
        """As the admin API shows it."""
        return {
            "realm": self.realm,
            "name": self.name,
            "at": stamp_millis(self.at),
            "records": self.records,
            "versions": self.versions,
        }


class Snapshots:
    """The snapshots of a server, by company and name."""

    def __init__(self, world: World, store: Store | None) -> None:
        self._world = world
        self._store = store
        self._held: dict[tuple[str, str], Snapshot] = {}
        for snapshot in store.snapshots() if store is not None else ():
            self._held[(snapshot.realm, snapshot.name)] = snapshot

    def take(self, realm: str, name: str) -> Snapshot:
        """Keep a company as it is now; one of the same name is replaced. ValueError for a bad name."""
        if not _NAME.fullmatch(name):
            raise ValueError("a snapshot's name has 1 to 64 letters, digits, dots, dashes or underscores")
        held = self._world.companies[realm]
        book = held.book
        records = sum(len(table.records) for table in book.tables.values())
        snapshot = Snapshot(realm, name, self._world.clock.now(), records, len(book.history), copied(held))
        self._held[(realm, name)] = snapshot
        if self._store is not None:
            self._store.keep_snapshot(snapshot)
        return snapshot

    def restore(self, realm: str, name: str) -> Snapshot:
        """Put a company back; KeyError when there is no such snapshot."""
        snapshot = self._held[(realm, name)]
        if snapshot.held is None and self._store is not None:
            snapshot.held = self._store.read_company(snapshot.key)
        if snapshot.held is None:
            raise KeyError(name)
        now = self._world.companies[realm]
        then = copied(snapshot.held)
        then.told = len(then.book.history)
        vars(now).update(vars(then))
        if self._store is not None:
            self._store.rewrite(realm)
        return snapshot

    def delete(self, realm: str, name: str) -> bool:
        """Forget a snapshot; False when there is none."""
        snapshot = self._held.pop((realm, name), None)
        if snapshot is not None and self._store is not None:
            self._store.drop_snapshot(snapshot)
        return snapshot is not None

    def forget(self, realm: str) -> None:
        """Forget every snapshot of a company."""
        for snapshot in self.of(realm):
            self.delete(realm, snapshot.name)

    def of(self, realm: str = "", name: str = "") -> list[Snapshot]:
        """The snapshots of a company, or of a name, or all."""
        return [
            snapshot
            for snapshot in self._held.values()
            if realm in ("", snapshot.realm) and name in ("", snapshot.name)
        ]


def copied(held: Company) -> Company:
    """A company that shares nothing changeable with the first one but the clock."""
    twin: Company = _Copier().copy(held)
    return twin


class _Copier:
    """Copies a structure of dicts, lists, sets and objects; what is immutable by nature or by contract is shared.

    Large containers hold records, texts, or tuples of such, and are copied in one go.
    """

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._ways: dict[type, Callable[[Any], Any]] = {
            dict: self._dict,
            list: self._list,
            tuple: self._tuple,
            set: set.copy,
            Record: self._record,
        }

    def copy(self, value: Any) -> Any:
        """The copy of a value; the same one for a value met before."""
        kind = type(value)
        if _immutable(kind) or isinstance(value, _SHARED) or callable(value):
            return value
        known = self._done.get(id(value))
        if known is None:
            known = self._done[id(value)] = self._ways.get(kind, self._object)(value)
        return known

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        if _flat(value.values()):
            return value.copy()
        if set(map(type, value.values())) == {Record}:
            return {name: self._record(record) for name, record in value.items()}
        return {name: self.copy(member) for name, member in value.items()}

    def _list(self, value: list[Any]) -> list[Any]:
        return value.copy() if _flat(value) else [self.copy(member) for member in value]

    def _tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        return value if _flat(value) else tuple(self.copy(member) for member in value)

    def _record(self, value: Record) -> Record:
        """The body and its bytes are never changed in place, so the copy has the same."""
        twin: Record | None = self._done.get(id(value))
        if twin is None:
            twin = self._done[id(value)] = Record.__new__(Record)
            for put, member in zip(_PUT, _TAKE(value), strict=True):
                put(twin, member)
        return twin

    def _object(self, value: Any) -> Any:
        kind: Any = type(value)
        twin = kind.__new__(kind)
        self._done[id(value)] = twin
        for name, member in vars(value).items():
            setattr(twin, name, self.copy(member))
        return twin


_TAKE = attrgetter(*Record.__slots__)
_PUT = [getattr(Record, name).__set__ for name in Record.__slots__]


def _flat(values: Iterable[Any]) -> bool:
    """Is there nothing in it, or in tuples in it, that could change?"""
    kinds = set(map(type, values))
    inner = set(map(type, chain.from_iterable(value for value in values if type(value) is tuple)))
    return all(map(_immutable, (kinds | inner) - ({tuple} if tuple not in inner else set())))


def _immutable(kind: type) -> bool:
    """Plain values, and frozen dataclasses."""
    params = getattr(kind, "__dataclass_params__", None)
    return kind in _PLAIN or (params is not None and bool(params.frozen))
