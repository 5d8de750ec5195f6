"""A source with bills: reads the expenses of a source as the bills that are made of them, and writes back that they
are paid. Everything else goes through to the source itself.

Which expenses stand on which bill is remembered with the link of the bill (``Lens``, field ``expenses``), so that no
expense is ever billed twice, whatever its flags say (C-R8). A change of any expense costs one reading of all of them:
there is no other way to ask a source which of them belong together. So does a change of that memory, and of the
settings that say what is billed: what a bill let go of may belong on another one, and no feed will mention it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec

from syncd.model import values
from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records.purchases import Bill, Expense
from syncd.model.writes import Conflict, Done, Outcome, Refused, SourceWrite, Verb
from syncd.reconciler.billing import Billed, bills_of
from syncd.sources.base import Finding, KindCapability, LoggedWrite, Source, SourceChanges

Remembered = Callable[[Collection[str] | None], Mapping[str, Billed]]
"""The bills of these ids that are linked, or were, or are just being made; of all ids (None)."""

_FIELDS = frozenset({"vendor", "date", "currency", "lines", "total"})
_LINE_FIELDS = frozenset({"line.category", "line.project", "line.description", "line.amount"})
_LOOSE = "expense "
"""Before the id of an expense that cannot be used and is on no bill: it is held as if it were one."""
_MANY = 200
"""How many bills are watched one by one; with more, all are looked at until there are fewer."""


class _Mark(msgspec.Struct, frozen=True):
    """A watermark of bills: that of the source itself, and what the bills were made by and from.

    ``watched``: what was remembered of each bill that is not yet what its expenses make it (None: of too many).
    """

    source: str
    rules: str = ""
    watched: dict[str, str] | None = None


class BillingSource:
    """A source whose expenses show as bills. ``home_currency`` is asked for only where an expense names none."""

    def __init__(
        self, inner: Source, settings: Settings, remembered: Remembered, home_currency: Callable[[], str]
    ) -> None:
        self._inner = inner
        self._settings = settings
        self._remembered = remembered
        self._home_currency = home_currency
        dates = (settings.expense_bills_from, settings.expense_bills_to, settings.sync_start_date)
        self._rules = values.fingerprint([*(str(day) for day in dates), settings.expense_bills_by])

    # ---- what it is

    def identity(self) -> str:
        """That of the source itself."""
        return self._inner.identity()

    def scope(self) -> str:
        """That of the source itself; what bills are made by is in the settings."""
        return self._inner.scope()

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """Bills instead of expenses."""
        found = dict(self._inner.capabilities())
        expense = found.pop(Kind.EXPENSE)
        status = {"reimbursed"} & expense.fields
        can = Verb.UPDATE in expense.verbs and "reimbursed" in expense.writable
        found[Kind.BILL] = KindCapability(
            fields=_FIELDS | _LINE_FIELDS | status,
            writable=frozenset({"reimbursed"}) if can else frozenset(),
            verbs=frozenset({Verb.UPDATE}) if can else frozenset(),
            feed=expense.feed,
            mode=expense.mode,
        )
        return found

    def check(self) -> list[Finding]:
        """That of the source itself."""
        return self._inner.check()

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()

    # ---- reading

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Those of expenses are known here already."""
        return self._inner.needs_keys(_mark_of(watermark).source) - {Kind.EXPENSE}

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """What changed, with the bills of expenses that did."""
        mark = _mark_of(watermark)
        keys: dict[Kind, frozenset[str]] = dict(known or {})
        keys.pop(Kind.BILL, None)
        if mark.source and Kind.EXPENSE in self._inner.needs_keys(mark.source):
            keys[Kind.EXPENSE] = frozenset(each for bill in self._remembered(None).values() for each in bill.expenses)
        seen = self._inner.changes(mark.source, keys)
        touched = seen.changed.get(Kind.EXPENSE, {}).keys() | seen.suspects.get(Kind.EXPENSE, frozenset())
        changed = dict(seen.changed)
        suspects = dict(seen.suspects)
        counts = dict(seen.counts)
        for passed in (changed, suspects, counts):
            passed.pop(Kind.EXPENSE, None)
        watched = mark.watched
        if touched or self._moved_on(mark):
            bills, watched = self._bills(self._remembered(None))
            changed[Kind.BILL] = {key: bill for key, bill in bills.items() if not isinstance(bill, Absent)}
            gone = frozenset(key for key, bill in bills.items() if isinstance(bill, Absent))
            if gone:
                suspects[Kind.BILL] = gone
        return msgspec.structs.replace(
            seen,
            changed=changed,
            suspects=suspects,
            counts=counts,
            watermark=msgspec.json.encode(_Mark(seen.watermark, self._rules, watched)).decode(),
            whole=seen.whole - {Kind.EXPENSE},
            swept=seen.swept - {Kind.EXPENSE},
        )

    def _moved_on(self, mark: _Mark) -> bool:
        """Whether bills may be other ones than before although no expense changed."""
        if mark.rules != self._rules or mark.watched is None:
            return True
        now = self._remembered(mark.watched.keys()) if mark.watched else {}
        return any(_memory(now.get(bill_id)) != memory for bill_id, memory in mark.watched.items())

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads; of bills, all expenses are looked at."""
        if kind is not Kind.BILL:
            return self._inner.read(kind, ids)
        bills = self._bills(self._remembered(None))[0] if ids else {}
        return {each: bills.get(each) or Absent(each, ("no expense belongs on this bill any more",)) for each in ids}

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind."""
        if kind is not Kind.BILL:
            yield from self._inner.scan(kind)
            return
        for bill in self._bills(self._remembered(None))[0].values():
            if not isinstance(bill, Absent):
                yield bill

    def _bills(
        self, remembered: Mapping[str, Billed]
    ) -> tuple[dict[str, Present | Flawed | Absent], dict[str, str] | None]:
        """Every bill, as its expenses are now; and what is remembered of those that are to become something else."""
        left_alone = {bill_id.removeprefix(_LOOSE) for bill_id in remembered if bill_id.startswith(_LOOSE)}
        expenses: list[Expense] = []
        versions: dict[str, str] = {}
        flawed: dict[str, Flawed] = {}
        for seen in self._inner.scan(Kind.EXPENSE):
            if isinstance(seen, Flawed):
                flawed[seen.id] = seen
            elif isinstance(seen.record, Expense) and seen.record.id not in left_alone:
                expenses.append(seen.record)
                versions[seen.record.id] = seen.version
        needs_home = any(not isinstance(each.currency, str) or not each.currency for each in expenses)
        made = bills_of(expenses, remembered, self._settings, self._home_currency() if needs_home else "")
        found: dict[str, Present | Flawed | Absent] = {}
        for bill_id, bill in made.items():
            wrong = (
                [flawed.pop(each) for each in sorted(remembered[bill_id].expenses & flawed.keys())]
                if (bill_id in remembered)
                else []
            )
            if wrong:
                problems = tuple(problem for each in wrong for problem in each.problems)
                found[bill_id] = Flawed(bill_id, values.fingerprint([each.version for each in wrong]), problems)
            elif bill is None:
                found[bill_id] = Absent(bill_id, ("none of its expenses is there and approved any more",))
            else:
                stamp = values.fingerprint([(line.expense, versions[line.expense]) for line in bill.lines])
                found[bill_id] = Present(bill, stamp)
        for expense_id, seen in flawed.items():
            found[f"{_LOOSE}{expense_id}"] = msgspec.structs.replace(seen, id=f"{_LOOSE}{expense_id}")
        watched = {
            bill_id: _memory(remembered.get(bill_id))
            for bill_id, bill in made.items()
            if not _is_settled(bill, remembered.get(bill_id))
        }
        return found, watched if len(watched) <= _MANY else None

    # ---- writing

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Bills by their expenses, one after the other; anything else as it is."""
        if not any(write.kind is Kind.BILL for write in writes):
            return self._inner.write(writes)
        return [
            self._write_bill(write) if write.kind is Kind.BILL else self._inner.write([write])[0] for write in writes
        ]

    def _write_bill(self, write: SourceWrite) -> Outcome:
        """Mark every expense of a bill as reimbursed, or not. What is done already is not done again, so that a write
        that was broken off can be repeated."""
        if write.verb is not Verb.UPDATE or set(write.fields) != {"reimbursed"} or not isinstance(write.record, Bill):
            return Refused("not_writable", "Of a bill only whether it is reimbursed can be written to the source.")
        paid = write.record.reimbursed is True
        bill = self.read(Kind.BILL, [write.id])[write.id]
        if not isinstance(bill, Present) or not isinstance(bill.record, Bill):
            return Conflict(f"The expenses of bill {write.id} were changed since they were read.")
        expenses = self._inner.read(Kind.EXPENSE, [line.expense for line in bill.record.lines])
        for place, (expense_id, seen) in enumerate(expenses.items()):
            if not isinstance(seen, Present) or not isinstance(seen.record, Expense):
                return Conflict(f"Expense {expense_id} was changed since it was read.")
            if seen.record.reimbursed is paid:
                continue
            outcome = self._inner.write(
                [
                    SourceWrite(
                        journal_id=f"{write.journal_id}.{place}",
                        kind=Kind.EXPENSE,
                        verb=Verb.UPDATE,
                        id=expense_id,
                        expected_version=seen.version,
                        fields=("reimbursed",),
                        record=msgspec.structs.replace(seen.record, reimbursed=paid),
                    )
                ]
            )[0]
            if not isinstance(outcome, Done):
                return outcome
        after = self.read(Kind.BILL, [write.id])[write.id]
        if isinstance(after, Present):
            return Done(after)
        return Conflict(f"The expenses of bill {write.id} were changed meanwhile.")

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """What the source itself knows; a write to a bill is simply repeated."""
        return self._inner.settled(journal_ids)

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """What the source itself knows; a bill shows as its expenses."""
        return self._inner.last_writes(limit)


def _mark_of(watermark: str) -> _Mark:
    """What was remembered of the last reading; a watermark from before there were bills is that of the source."""
    try:
        return msgspec.json.decode(watermark, type=_Mark)
    except msgspec.DecodeError:
        return _Mark(source=watermark)


def _is_settled(bill: Bill | None, known: Billed | None) -> bool:
    on_it = {line.expense for line in bill.lines} if bill is not None else set()
    return known is not None and known.settled and known.expenses == on_it


def _memory(known: Billed | None) -> str:
    return "" if known is None else values.fingerprint([sorted(known.expenses), known.live, known.settled])
