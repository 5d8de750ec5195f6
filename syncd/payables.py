"""A source whose expenses show one by one as what they become in QuickBooks: as purchases, where the money was spent
already, or as bills, where it is owed still (B-38, C-B7, X-8). Everything else goes through to the source itself.

What was sent stays what it was sent as, whatever its mark or the settings say later: to replace a bill by a purchase
while somebody pays it would book the same money twice. Whoever wants that takes the approval back first, which removes
it, and gives it again. Unlike ``expenses.BillingSource``, which gathers many expenses on one bill, this keeps nothing
in mind: an expense and what is made of it have the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records.purchases import Bill, Expense, Purchase
from syncd.model.writes import Outcome, Refused, SourceWrite
from syncd.reconciler.billing import line_of
from syncd.sources.base import Finding, KindCapability, LoggedWrite, Source, SourceChanges

SentAs = Callable[[Collection[str]], Mapping[str, Kind]]
"""Of these expenses those that are in QuickBooks, or may be there any moment, and as what."""

MADE = frozenset({Kind.PURCHASE, Kind.BILL})
"""What becomes of expenses."""
_FIELDS = frozenset({"vendor", "date", "currency", "lines", "total"})
_LINE_FIELDS = frozenset({"line.category", "line.project", "line.description", "line.amount"})
_CHUNK = 500
T = TypeVar("T")


class PayablesSource:
    """A source with purchases and bills instead of expenses. ``home_currency`` is asked for only where an expense names
    none."""

    def __init__(self, inner: Source, settings: Settings, sent_as: SentAs, home_currency: Callable[[], str]) -> None:
        self._inner = inner
        self._settings = settings
        self._sent_as = sent_as
        self._home_currency = home_currency

    # ---- what it is

    def identity(self) -> str:
        """That of the source itself."""
        return self._inner.identity()

    def scope(self) -> str:
        """That of the source itself; what becomes of expenses is in the settings."""
        return self._inner.scope()

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """Purchases and bills, which are only read (B-16), instead of expenses."""
        found = dict(self._inner.capabilities())
        expense = found.pop(Kind.EXPENSE)
        made = KindCapability(fields=_FIELDS | _LINE_FIELDS, feed=expense.feed, mode="none")
        return found | dict.fromkeys(sorted(MADE), made)

    def check(self) -> list[Finding]:
        """That of the source itself."""
        return self._inner.check()

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()

    # ---- reading

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Those of expenses are those of purchases and bills."""
        wanted = self._inner.needs_keys(watermark)
        return (wanted - {Kind.EXPENSE}) | (MADE if Kind.EXPENSE in wanted else frozenset())

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """What changed, expenses as what they become. One that was removed is looked for under both."""
        keys = {kind: ids for kind, ids in (known or {}).items() if kind not in MADE}
        given = [ids for kind, ids in (known or {}).items() if kind in MADE]
        if given:
            keys[Kind.EXPENSE] = frozenset().union(*given)
        seen = self._inner.changes(watermark, keys)
        made: dict[Kind, dict[str, Present | Flawed]] = {kind: {} for kind in sorted(MADE)}
        for kind, each in self._made(seen.changed.get(Kind.EXPENSE, {}).values()):
            made[kind][_id_of(each)] = each
        changed = {kind: records for kind, records in seen.changed.items() if kind != Kind.EXPENSE}
        return msgspec.structs.replace(
            seen,
            changed={**changed, **made},
            suspects=_shared(seen.suspects),
            counts=_shared(seen.counts),
            whole=_renamed(seen.whole),
            swept=_renamed(seen.swept),
        )

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads. An expense that is something else in QuickBooks is absent here."""
        if kind not in MADE:
            return self._inner.read(kind, ids)
        found = self._inner.read(Kind.EXPENSE, ids)
        made = {
            _id_of(each): (of, each)
            for of, each in self._made(one for one in found.values() if not isinstance(one, Absent))
        }
        answers: dict[str, Present | Flawed | Absent] = {}
        for expense_id, seen in found.items():
            of, each = made.get(expense_id, (kind, seen))
            other = Absent(expense_id, (f"the expense is a {of} in QuickBooks, or is to become one",))
            answers[expense_id] = each if of is kind else other
        return answers

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind."""
        if kind not in MADE:
            yield from self._inner.scan(kind)
            return
        expenses = self._inner.scan(Kind.EXPENSE)
        while chunk := list(islice(expenses, _CHUNK)):
            yield from (each for of, each in self._made(chunk) if of is kind)

    def _made(self, expenses: Iterable[Present | Flawed]) -> Iterator[tuple[Kind, Present | Flawed]]:
        every = list(expenses)
        sent = self._sent_as([_id_of(each) for each in every]) if every else {}
        for each in every:
            kind = sent.get(_id_of(each)) or self._fresh(each)
            if isinstance(each, Present) and isinstance(each.record, Expense):
                yield kind, msgspec.structs.replace(each, record=self._record(kind, each.record))
            else:
                yield kind, each

    def _fresh(self, seen: Present | Flawed) -> Kind:
        """What an expense becomes that is not in QuickBooks yet. By payment: a bill where it is still to be paid."""
        expense = seen.record if isinstance(seen, Present) else None
        owed = isinstance(expense, Expense) and expense.reimbursable and not expense.reimbursed
        as_bill = {"expense": False, "bill": True, "by_payment": owed}[self._settings.payable_as]
        return Kind.BILL if as_bill else Kind.PURCHASE

    def _record(self, kind: Kind, expense: Expense) -> Purchase | Bill:
        """Not approved is a draft (B-40)."""
        currency = expense.currency if isinstance(expense.currency, str) and expense.currency else self._home_currency()
        line = line_of(expense, currency)
        make = Purchase if kind is Kind.PURCHASE else Bill
        return make(
            id=expense.id,
            vendor=expense.vendor,
            date=expense.date,
            total=line.amount,
            lines=(msgspec.structs.replace(line, expense=""),),
            state=State.LIVE if expense.approved else State.DRAFT,
            currency=expense.currency,
        )

    # ---- writing

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Anything but what becomes of expenses."""
        no = Refused("not_writable", "Expenses are not written to the source.")
        return [no if write.kind in MADE else self._inner.write([write])[0] for write in writes]

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """What the source itself knows."""
        return self._inner.settled(journal_ids)

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """What the source itself knows."""
        return self._inner.last_writes(limit)


def _id_of(seen: Present | Flawed) -> str:
    return seen.record.id if isinstance(seen, Present) else seen.id


def _shared(by_kind: Mapping[Kind, T]) -> dict[Kind, T]:
    """What is said of expenses, said of all that they may become."""
    found = dict(by_kind)
    if Kind.EXPENSE in found:
        found |= dict.fromkeys(MADE, found.pop(Kind.EXPENSE))
    return found


def _renamed(kinds: frozenset[Kind]) -> frozenset[Kind]:
    return (kinds - {Kind.EXPENSE}) | (MADE if Kind.EXPENSE in kinds else frozenset())
