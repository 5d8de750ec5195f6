"""The unit of work: what one request changes, put into the book together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from syncd.sandbox.book import SYSTEM_KEYS, Book, Key, Record
from syncd.sandbox.clock import stamp
from syncd.sandbox.effects import NOTHING, Effect, EffectOf, difference
from syncd.sandbox.wire import Json, amount, money

_PROFIT_AND_LOSS = frozenset({"Revenue", "Expense"})
_STILL = frozenset({"derived", "moved"})  # the SyncToken and the time stay


@dataclass
class _Staged:
    body: Json | None
    op: str


class Unit:
    """The changes one request makes: staged first, put into the book together or not at all.

    A record is bumped (SyncToken + 1, LastUpdatedTime) once per unit however often it is staged; with op ``derived``
    it keeps both (entities.md 8), as it does with ``moved``, which is a version nevertheless. ``effects`` says by
    entity what a version posts; the balances of accounts, customers and vendors follow from that at the end.
    """

    def __init__(
        self, book: Book, effects: Mapping[str, EffectOf] | None = None, derived_moves_time: bool = False
    ) -> None:
        self.book = book
        self.at = book.clock.now()
        self._staged: dict[Key, _Staged] = {}
        self._effects = effects or {}
        self._derived_moves_time = derived_moves_time

    def get(self, entity: str, record_id: str) -> Json | None:
        """The record as this unit sees it; a fresh outer dict, safe to change at the top level."""
        staged = self._staged.get((entity, record_id))
        if staged is not None:
            return None if staged.body is None else dict(staged.body)
        record = self.book.find(entity, record_id)
        return None if record is None else dict(record.body)

    def staged(self, entity: str) -> list[Json]:
        """What this unit has staged of an entity so far."""
        return [item.body for (kind, _), item in self._staged.items() if kind == entity and item.body is not None]

    def peek(self, entity: str, record_id: str) -> Json | None:
        """The same, to be looked at only: it is shared."""
        staged = self._staged.get((entity, record_id))
        if staged is not None:
            return staged.body
        record = self.book.find(entity, record_id)
        return None if record is None else record.body

    def put(self, entity: str, record_id: str, body: Json, op: str) -> None:
        """Stage a new version."""
        staged = self._staged.get((entity, record_id))
        if staged is not None and op in ("linked", "derived"):
            op = staged.op if staged.op != "derived" else op
        self._staged[(entity, record_id)] = _Staged(body, op)

    def delete(self, entity: str, record_id: str, op: str = "delete") -> None:
        """Stage a deletion."""
        self._staged[(entity, record_id)] = _Staged(None, op)

    def commit(self) -> None:
        """Put everything into the book, then move the balances that follow from it."""
        changes = [self._change(key, staged) for key, staged in self._staged.items() if staged.op != "derived"]
        for (entity, record_id), staged in self._staged.items():
            self._commit_one(entity, record_id, staged)
        for change in changes:
            for account, debit in change.postings.items():
                self._post(account, debit)
            for (kind, party), owed in change.owed.items():
                self._settle(kind, party, owed)

    def _change(self, key: Key, staged: _Staged) -> Effect:
        effect = self._effects.get(key[0])
        if effect is None:
            return NOTHING
        old = self.book.find(*key)
        before = NOTHING if old is None else effect(self.book, old.body)
        return difference(NOTHING if staged.body is None else effect(self.book, staged.body), before)

    def _commit_one(self, entity: str, record_id: str, staged: _Staged) -> None:
        book = self.book
        old = book.find(entity, record_id)
        if staged.body is None:
            if old is not None:
                book.erase(entity, old, self.at, staged.op)
            return
        second = int(self.at)
        derived = staged.op in _STILL
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
        if not book.tables[entity].spec.keyed:
            del body["Id"], body["MetaData"]["CreateTime"]
        book.store(entity, record, body, None, "" if staged.op == "derived" else staged.op, self.at)

    def _settle(self, kind: str, party: str, change: Decimal) -> None:
        """A customer or vendor owes (or is owed) so much more; a customer's parents show it too."""
        own = True
        seen: set[str] = set()
        while party not in seen:
            seen.add(party)
            record = self.book.find(kind, party)
            if record is None:
                return
            body = dict(record.body)
            if own:
                body["Balance"] = money(amount(body, "Balance") + change)
            if kind == "Customer":
                body["BalanceWithJobs"] = money(amount(body, "BalanceWithJobs") + change)
            if self._derived_moves_time:
                self._commit_one(kind, party, _Staged(body, "derived"))
            else:
                self.book.amend(kind, record, body)
            own = False
            parent: Any = body.get("ParentRef")
            if parent is None:
                return
            party = parent["value"]

    def _post(self, account: str, debit: Decimal) -> None:
        """Move an account of the balance sheet; LastUpdatedTime moves, the token stays (entities.md 8).

        Debits count up, so that a debt shows below zero (S:account-update-full); only cards show what is owed as a
        positive amount. Income and expense accounts carry no balance (S:account-recorded-chart).
        """
        record = self.book.find("Account", account)
        if record is None or record.body.get("Classification") in _PROFIT_AND_LOSS:
            return
        change = -debit if record.body.get("AccountType") == "Credit Card" else debit
        own = True
        while record is not None:
            body = dict(record.body)
            if own:
                body["CurrentBalance"] = money(amount(body, "CurrentBalance") + change)
            body["CurrentBalanceWithSubAccounts"] = money(amount(body, "CurrentBalanceWithSubAccounts") + change)
            body["MetaData"] = {**body["MetaData"], "LastUpdatedTime": stamp(int(self.at))}
            self.book.touch("Account", record, body, int(self.at))
            own = False
            parent: Any = body.get("ParentRef")
            record = None if parent is None else self.book.find("Account", parent["value"])
