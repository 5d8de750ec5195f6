"""The unit of work: what one request changes, put into the book together or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from syncd.sandbox.book import SYSTEM_KEYS, Book, Record
from syncd.sandbox.clock import stamp
from syncd.sandbox.wire import ZERO, Json, amount, money


@dataclass
class _Staged:
    body: Json | None
    op: str


class Unit:
    """The changes one request makes: staged first, put into the book together or not at all.

    A record is bumped (SyncToken + 1, LastUpdatedTime) once per unit however often it is staged; with op ``derived``
    it keeps both (entities.md 8).
    """

    def __init__(self, book: Book, derived_moves_time: bool = False) -> None:
        self.book = book
        self.at = book.clock.now()
        self._staged: dict[tuple[str, str], _Staged] = {}
        self._balances: dict[str, Decimal] = {}
        self._derived_moves_time = derived_moves_time

    def get(self, entity: str, record_id: str) -> Json | None:
        """The record as this unit sees it; a fresh outer dict, safe to change at the top level."""
        staged = self._staged.get((entity, record_id))
        if staged is not None:
            return None if staged.body is None else dict(staged.body)
        record = self.book.find(entity, record_id)
        return None if record is None else dict(record.body)

    def put(self, entity: str, record_id: str, body: Json, op: str) -> None:
        """Stage a new version."""
        staged = self._staged.get((entity, record_id))
        if staged is not None and op in ("linked", "derived"):
            op = staged.op if staged.op != "derived" else op
        self._staged[(entity, record_id)] = _Staged(body, op)

    def delete(self, entity: str, record_id: str) -> None:
        """Stage a deletion."""
        self._staged[(entity, record_id)] = _Staged(None, "delete")

    def owe(self, customer: str, change: Decimal) -> None:
        """The customer owes so much more (or less)."""
        if change:
            self._balances[customer] = self._balances.get(customer, ZERO) + change

    def commit(self) -> None:
        """Put everything into the book."""
        for (entity, record_id), staged in self._staged.items():
            self._commit_one(entity, record_id, staged)
        for customer, change in self._balances.items():
            self._settle(customer, change)

    def _commit_one(self, entity: str, record_id: str, staged: _Staged) -> None:
        book = self.book
        old = book.find(entity, record_id)
        if staged.body is None:
            if old is not None:
                book.erase(entity, old, self.at)
            return
        second = int(self.at)
        derived = staged.op == "derived"
        if old is None:
            record = Record(record_id, "0", second, second)
        else:
            token = old.token if derived else str(int(old.token) + 1)
            still = derived and not self._derived_moves_time
            record = Record(record_id, token, old.created, old.updated if still else second)
        body = {
            "domain": "QBO",
            "sparse": False,
            "Id": record_id,
            "SyncToken": record.token,
            "MetaData": {"CreateTime": stamp(record.created), "LastUpdatedTime": stamp(record.updated)},
            **{name: value for name, value in staged.body.items() if name not in SYSTEM_KEYS},
        }
        book.store(entity, record, body, None, "" if derived else staged.op, self.at)

    def _settle(self, customer: str, change: Decimal) -> None:
        own = True
        seen: set[str] = set()
        while customer not in seen:
            seen.add(customer)
            record = self.book.find("Customer", customer)
            if record is None:
                return
            body = dict(record.body)
            if own:
                body["Balance"] = money(amount(body, "Balance") + change)
            body["BalanceWithJobs"] = money(amount(body, "BalanceWithJobs") + change)
            if self._derived_moves_time:
                self._commit_one("Customer", customer, _Staged(body, "derived"))
            else:
                self.book.amend("Customer", record, body)
            own = False
            parent: Any = body.get("ParentRef")
            if parent is None:
                return
            customer = parent["value"]
